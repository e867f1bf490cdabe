//! Answers that come back through the stash leave nothing behind, whatever becomes of
//! them. What this file alone can catch: a batch that no one deletes.

use std::cell::RefCell;

use clusterd_fuzz::campaign::{Lab, Shape};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::runner::{Runner, RunnerConfig, Sink};
use clusterd_fuzz::protocol::v26_30::{ComputeResponse, PeekResponse};
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::script::event::Event;
use clusterd_fuzz::script::text;

/// All rows of answers go into blobs of the stash, a part each.
const BEGIN: &str = "create-instance\n----\n\n\
    update-configuration\n  enable_compute_peek_response_stash bool true\n  \
    compute_peek_response_stash_threshold_bytes usize 0\n  \
    persist_inline_writes_single_max_bytes usize 0\n  persist_blob_target_size usize 1\n----\n\n\
    initialization-complete\n----\n\n\
    define-schema name=t\n  a bigint\n----\n\n\
    write-rows shard=s ts=0 schema=t\n  1\n  2 diff=2\n  3\n----\n\n\
    define-index source=1000 index=1001 shard=s schema=t key=[0] as-of=0 upper=1\n----\n\n\
    schedule id=1001\n----\n\nawait-frontier id=1001 ts=1\n----\n\n";

/// What a peek is answered, and the blobs that are there before and after.
fn peeked(peek: &str) -> (Option<PeekResponse>, [Vec<(String, u64)>; 2]) {
    let script = text::parse(&format!("{BEGIN}{peek}\n----\n")).unwrap();
    let commands = script.commands();
    let lab = InProcessLab::new(Mutants::none(), false);
    let seat = lab.seat(Shape::ONE, 0).unwrap();
    let blob = seat.driver.host().client().blob().clone();
    let keys = || blob.list("").unwrap();
    let config = RunnerConfig {
        seed: Some(0),
        ..RunnerConfig::default()
    };
    let answer = RefCell::new(None);
    let sink: Sink<'_> = Box::new(|event: &Event| {
        if let Event::Response(response) = event
            && let ComputeResponse::PeekResponse(_, said, _) = response.as_ref()
        {
            *answer.borrow_mut() = Some(said.clone());
        }
    });
    let mut runner = Runner::telling(seat.driver, config, vec![sink]);
    runner.connect().unwrap();
    let (last, before) = commands.split_last().unwrap();
    for (step, command) in before.iter().enumerate() {
        runner.execute(step, command).unwrap();
    }
    let without = keys();
    let _ = runner.execute(before.len(), last);
    drop(runner);
    (answer.into_inner(), [without, keys()])
}

#[test]
fn an_answer_that_was_read_and_one_that_failed_leave_no_blobs() {
    let (answer, [before, after]) = peeked("peek id=1001 ts=0 schema=t");
    let Some(PeekResponse::Stashed(stashed)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(stashed.num_rows_batches, 4);
    assert!(stashed.encoded_size_bytes > 0 && stashed.batches.is_empty());
    assert_eq!(before, after);
    // The last row fails when the others were written.
    let failing = "peek id=1001 ts=0 schema=t\n  plan\n    Map ((1 / (#0 + -3)))\n      Get u1001";
    let (answer, [before, after]) = peeked(failing);
    assert_eq!(answer, Some(PeekResponse::Error("division by zero".into())));
    assert_eq!(before, after);
}
