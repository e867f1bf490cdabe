//! The properties that every run must have, one checker a file. Each sees the
//! trace event by event and may ask the model; each counts when its premise
//! held, so that a green that checked nothing is visible. `invariants.md` is
//! their catalogue.
//!
//! Architecture Invariant: checkers do no I/O and send nothing; they are
//! level-triggered, so no verdict depends on which of two legal responses came
//! first.

mod answers;
mod batches;
mod checker;
mod kinds;
mod leniency;
mod show;
pub mod situations;
mod verdict;

mod i01_peek_answer;
mod i02_frontiers_advance;
mod i03_first_frontier;
mod i04_schedule;
mod i05_beyond_inputs;
mod i06_one_answer;
mod i07_canceled;
mod i08_unknown_ids;
mod i09_compaction;
mod i10_drop;
mod i11_reconciliation;
mod i12_progress;
mod i13_no_crash;
mod i14_below_since;
mod i15_sealed_first;
mod i16_sorted;
mod i17_handshake;
mod i18_output_is_write;
mod i19_silence;
mod i20_past_as_of;
mod i21_well_formed;
mod i22_repeatable;
mod i23_cancel_answered;
mod i24_kept;
mod i25_batches_join;
mod i26_batch_updates;
mod i27_subscribe_sum;
mod i28_subscribe_end;
mod i29_view_contents;
mod i30_view_upper;
mod i31_same_meaning;
mod i32_result_size;
mod i33_released;
mod i34_stash;

pub use checker::Checker;
pub use i13_no_crash::after_case;
pub use kinds::FrontierKind;
pub use leniency::{Leniency, Uses, add as add_uses};
pub use verdict::{Breach, Counts, Place, Verdicts, Violation, add as add_counts};

use crate::model::Model;
use crate::protocol::Release;
use crate::script::event::Event;

/// A property of a trace.
pub trait Invariant: Send {
    /// `I-01`, …: the number in `invariants.md`.
    fn id(&self) -> &'static str;

    /// The property, in one line.
    fn title(&self) -> &'static str;

    /// The file of the checker, for the catalogue.
    fn file(&self) -> &'static str;

    /// Sees the next event. `model` has seen it already if the driver caused
    /// it, and not yet if the replica did.
    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts);
}

/// Every invariant, in the order of the catalogue.
pub fn all() -> Vec<Box<dyn Invariant>> {
    all_under(Conditions::default())
}

/// What checkers must know of a run beside its events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Conditions {
    /// A wait that ran for less than so many milliseconds is no proof that
    /// something is stuck; 0 trusts the runner's own patience.
    pub patience_ms: u64,
    /// There is one worker in all: what may differ between workers does not.
    pub one_worker: bool,
    /// The release that the replica is one of.
    pub release: Release,
    /// Every replica that writes views is of a release that writes an error once.
    pub errors_once: bool,
}

/// Every invariant, of a run under these conditions.
pub fn all_under(conditions: Conditions) -> Vec<Box<dyn Invariant>> {
    let Conditions {
        patience_ms,
        one_worker,
        release: _,
        errors_once,
    } = conditions;
    vec![
        Box::new(i01_peek_answer::PeekAnswer),
        Box::new(i02_frontiers_advance::FrontiersAdvance::default()),
        Box::new(i03_first_frontier::FirstFrontier::default()),
        Box::new(i04_schedule::NothingBeforeSchedule),
        Box::new(i05_beyond_inputs::BeyondInputs),
        Box::new(i06_one_answer::OneAnswer { patience_ms }),
        Box::new(i07_canceled::CanceledOnlyIfCancelled),
        Box::new(i08_unknown_ids::UnknownIds),
        Box::new(i09_compaction::CompactionKeepsAnswers::default()),
        Box::new(i10_drop::DropEmpties::new(patience_ms)),
        Box::new(i11_reconciliation::ReconciliationKeepsAnswers::default()),
        Box::new(i12_progress::Progress { patience_ms }),
        Box::new(i13_no_crash::NoCrash),
        Box::new(i14_below_since::BelowSince),
        Box::new(i15_sealed_first::SealedFirst),
        Box::new(i16_sorted::Sorted),
        Box::new(i17_handshake::Handshake),
        Box::new(i18_output_is_write::OutputIsWrite::default()),
        Box::new(i19_silence::Silence::default()),
        Box::new(i20_past_as_of::PastAsOf::default()),
        Box::new(i21_well_formed::WellFormed),
        Box::new(i22_repeatable::Repeatable::default()),
        Box::new(i23_cancel_answered::CancelAnswered { patience_ms }),
        Box::new(i24_kept::Kept::default()),
        Box::new(i25_batches_join::BatchesJoin::default()),
        Box::new(i26_batch_updates::BatchUpdates),
        Box::new(i27_subscribe_sum::SubscribeSum::new(one_worker)),
        Box::new(i28_subscribe_end::SubscribeEnd::new(
            patience_ms,
            one_worker,
        )),
        Box::new(i29_view_contents::ViewContents { errors_once }),
        Box::new(i30_view_upper::ViewUpper::default()),
        Box::new(i31_same_meaning::SameMeaning::default()),
        Box::new(i32_result_size::ResultSize),
        Box::new(i33_released::Released { patience_ms }),
        Box::new(i34_stash::Stash { one_worker }),
    ]
}

/// Writes the part of an [`Invariant`] that is the same for all: its number,
/// its title, and the name of its file.
macro_rules! described {
    ($id:literal, $title:literal) => {
        fn id(&self) -> &'static str {
            $id
        }

        fn title(&self) -> &'static str {
            $title
        }

        fn file(&self) -> &'static str {
            file!()
        }
    };
}
use described;
