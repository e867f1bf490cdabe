//! Refresh schedules: times rounded up to the next refresh. Source:
//! `spec/replica.md` §7.
//!
//! Invariant: rounding is monotonic, and never goes back.

use protocol::v26_30::RefreshSchedule;
use repr::{Antichain, Timestamp};

/// The first refresh at or after `time`; None after the last one.
pub fn round_up(schedule: &RefreshSchedule, time: Timestamp) -> Option<Timestamp> {
    let every = schedule.everies.iter().filter_map(|every| {
        let interval = u64::try_from(every.interval.as_millis()).ok()?.max(1);
        let offset = every.aligned_to % interval;
        let rounds = time.saturating_sub(offset).div_ceil(interval);
        rounds.checked_mul(interval)?.checked_add(offset)
    });
    let at = schedule.ats.iter().copied().filter(|at| *at >= time);
    every.chain(at).min()
}

/// The frontier of rounded times.
pub fn round_frontier(schedule: &RefreshSchedule, frontier: &Antichain) -> Antichain {
    Antichain::from_option(frontier.as_option().and_then(|t| round_up(schedule, t)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v26_30::RefreshEvery;
    use std::time::Duration;

    #[test]
    fn times_wait_for_the_next_refresh() {
        let schedule = RefreshSchedule {
            everies: vec![RefreshEvery {
                interval: Duration::from_millis(10),
                aligned_to: 3,
            }],
            ats: vec![7],
        };
        let rounded: Vec<_> = [0, 3, 4, 8, 13, 14].map(|t| round_up(&schedule, t)).into();
        assert_eq!(rounded, [3, 3, 7, 13, 13, 23].map(Some));
        let once = RefreshSchedule {
            everies: Vec::new(),
            ats: vec![7],
        };
        assert_eq!(
            round_frontier(&once, &Antichain::from_elem(8)),
            Antichain::empty()
        );
    }
}
