//! Any bytes into the frame and message decoders: an error or a message, never
//! a panic, and never more memory than a small multiple of what came in. What
//! decodes encodes again, and to something that decodes to the same.

#![no_main]

use clusterd_fuzz::protocol::v26_30::{ComputeCommand, ComputeResponse};
use clusterd_fuzz::protocol::{ctp, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first byte says how the rest is read.
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 3 {
        0 => drop(ctp::read_all(rest)),
        1 => round_trip::<ComputeCommand>(rest),
        _ => round_trip::<ComputeResponse>(rest),
    }
});

fn round_trip<M>(bytes: &[u8])
where
    M: serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let Ok(message) = wire::decode::<M>(bytes) else {
        return;
    };
    let again = wire::encode(&message);
    let reread: M = wire::decode(&again).expect("what was encoded decodes");
    // Not bytes: a varint may have been written longer than it needs to be. Not
    // equality: a float may be NaN.
    assert_eq!(again, wire::encode(&reread), "{message:?}");
}
