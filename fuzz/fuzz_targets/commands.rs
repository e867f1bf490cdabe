//! Bytes as choices: a generated script, run against an in-process replica with
//! every invariant watching. A violation is a crash of the fuzz target, and its
//! script is in the message.

#![no_main]

use clusterd_fuzz::campaign::{Shape, run_in, with_blocks};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::generate::{ByteChoices, Profile, generate};
use clusterd_fuzz::protocol::Release;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = ByteChoices::new(bytes);
    let commands = generate(&mut choices, &Profile::default());
    let lab = InProcessLab::new(Default::default(), false);
    let outcome = run_in(&lab, &commands, Shape::workers(2), 0).expect("an in-process replica can always be had");
    if let Some(violation) = outcome.violations.first() {
        panic!("{violation}\n\n{}", with_blocks(&commands, Release::default()));
    }
});
