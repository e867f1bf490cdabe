//! Any bytes into the frame and message decoders of every release: an error or a
//! message, never a panic, and never more memory than a small multiple of what came
//! in. What decodes encodes again, and to something that decodes to the same.

#![no_main]

use clusterd_fuzz::protocol::v26_30::ComputeResponse;
use clusterd_fuzz::protocol::{Release, ctp, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The first byte says how the rest is read.
    let Some((&kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => drop(ctp::read_all(rest)),
        1 => command(Release::V26_30, rest),
        2 => response(rest),
        _ => command(Release::V26_39, rest),
    }
});

fn command(release: Release, bytes: &[u8]) {
    let Ok(command) = release.decode_command(bytes) else {
        return;
    };
    let again = release
        .encode_command(command.clone())
        .expect("what a release decodes, it can say");
    let reread = release
        .decode_command(&again)
        .expect("what was encoded decodes");
    let reread = release
        .encode_command(reread)
        .expect("what a release decodes, it can say");
    // Not bytes of the input: a varint may have been written longer than it needs to
    // be. Not equality: a float may be NaN.
    assert_eq!(again, reread, "{command:?}");
}

fn response(bytes: &[u8]) {
    let Ok(message) = wire::decode::<ComputeResponse>(bytes) else {
        return;
    };
    let again = wire::encode(&message);
    let reread: ComputeResponse = wire::decode(&again).expect("what was encoded decodes");
    assert_eq!(again, wire::encode(&reread), "{message:?}");
}
