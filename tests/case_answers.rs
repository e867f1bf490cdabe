//! Cases of our own generator, of which a real clusterd filled every block. What
//! this file alone can catch: an answer over several commands (reconnects,
//! compactions, negative counts, views) that the model and miniclusterd give alike
//! and a clusterd does not. Data: `tests/golden/answers/cases.jsonl.gz`.

#[path = "support/golden.rs"]
mod golden_file;

use clusterd_fuzz::campaign::{Shape, expected_blocks, run_in};
use clusterd_fuzz::cli::InProcessLab;
use clusterd_fuzz::driver::play::block;
use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::script::{Script, text};

/// A case, and whether the contract leaves some of its answers open.
struct Case {
    name: String,
    script: Script,
    open: bool,
}

fn cases() -> impl Iterator<Item = Case> {
    let lines = golden_file::lines("answers/cases.jsonl.gz").into_iter();
    lines.map(|line| Case {
        name: format!("seed {}, case {}", line["seed"], line["case"]),
        script: text::parse(line["spec"].as_str().unwrap()).unwrap(),
        open: line["open"].as_bool().unwrap(),
    })
}

fn assert_none(wrong: &[String]) {
    let shown = wrong.len().min(8);
    let all = wrong.len();
    assert!(
        wrong.is_empty(),
        "{all} differ:\n{}",
        wrong[..shown].join("\n")
    );
}

#[test]
fn the_model_answers_whole_cases_as_a_real_clusterd() {
    let mut wrong = Vec::new();
    let (mut agreed, mut open) = (0, 0);
    for case in cases() {
        let blocks = expected_blocks(&case.script.commands(), Release::V26_30);
        for (stanza, block) in case.script.stanzas().zip(blocks) {
            match block {
                None => open += 1,
                Some(block) if block == stanza.expected => agreed += 1,
                Some(block) => wrong.push(format!(
                    "{}: {}\n    real:  {:?}\n    model: {block:?}",
                    case.name, stanza.input, stanza.expected
                )),
            }
        }
    }
    println!("{agreed} blocks agree, {open} are not fixed by the contract");
    assert_none(&wrong);
    assert!(agreed > 18_000, "only {agreed} blocks were compared");
    assert!(open < agreed / 50, "{open} blocks were left open");
}

#[test]
fn miniclusterd_answers_whole_cases_as_a_real_clusterd() {
    answers_as_a_real_clusterd(Release::V26_30);
}

/// `spec/v26_39.md` §8.5.
#[test]
fn miniclusterd_of_26_39_answers_whole_cases_as_a_real_clusterd_of_26_30() {
    answers_as_a_real_clusterd(Release::V26_39);
}

fn answers_as_a_real_clusterd(release: Release) {
    let lab = InProcessLab::new(Mutants::none(), false).with_release(release);
    let mut wrong = Vec::new();
    let mut agreed = 0;
    for case in cases() {
        let commands = case.script.commands();
        let outcome = run_in(&lab, &commands, Shape::ONE, 0).unwrap();
        for violation in &outcome.violations {
            wrong.push(format!("{}: {violation}", case.name));
        }
        let free: Vec<bool> = match case.open {
            true => expected_blocks(&commands, release)
                .iter()
                .map(Option::is_none)
                .collect(),
            false => vec![false; commands.len()],
        };
        for ((stanza, answer), free) in case.script.stanzas().zip(&outcome.answers).zip(free) {
            let ours = block(answer);
            match ours == stanza.expected || free {
                true => agreed += 1,
                false => wrong.push(format!(
                    "{}: {}\n    real:         {:?}\n    miniclusterd: {ours:?}",
                    case.name, stanza.input, stanza.expected
                )),
            }
        }
    }
    assert_none(&wrong);
    assert!(agreed > 18_000, "only {agreed} blocks were compared");
}
