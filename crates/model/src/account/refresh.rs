//! Refresh schedules of materialized views: what happens in between counts from the
//! next refresh on. Source: `spec/replica.md` §7.
//!
//! Invariant: `last(t) <= t <= next(t)`, and both are refreshes.

use repr::{Antichain, Timestamp};
use script::{Every, Refresh};

/// The first refresh at or after `ts`; `None` after the last one.
pub(super) fn next(refresh: &Refresh, ts: Timestamp) -> Option<Timestamp> {
    let every = refresh.every().and_then(|every| {
        let Every { interval, .. } = every;
        match phase(every, ts) {
            0 => Some(ts),
            since => ts.checked_add(interval - since),
        }
    });
    let later = refresh.at().iter().copied().filter(|at| *at >= ts);
    later.chain(every).min()
}

/// The last refresh at or before `ts`; `None` before the first one.
pub(super) fn last(refresh: &Refresh, ts: Timestamp) -> Option<Timestamp> {
    let every = refresh.every();
    let every = every.and_then(|every| ts.checked_sub(phase(every, ts)));
    let earlier = refresh.at().iter().copied().filter(|at| *at <= ts);
    earlier.chain(every).max()
}

/// How long before `ts` one of the times was that come again and again.
fn phase(
    Every {
        interval,
        aligned_to,
    }: Every,
    ts: Timestamp,
) -> u64 {
    let distance = i128::from(ts) - i128::from(aligned_to);
    // Smaller than the interval, so it fits.
    distance.rem_euclid(i128::from(interval)) as u64
}

/// How far what is sealed to `frontier` seals the shard.
pub(super) fn sealed(refresh: Option<&Refresh>, frontier: Antichain) -> Antichain {
    match refresh {
        None => frontier,
        Some(refresh) => {
            Antichain::from_option(frontier.as_option().and_then(|ts| next(refresh, ts)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(every: Option<(u64, u64)>, at: &[Timestamp]) -> Refresh {
        let every = every.map(|(interval, aligned_to)| Every {
            interval,
            aligned_to,
        });
        Refresh::new(every, at.to_vec()).unwrap()
    }

    #[test]
    fn a_time_lies_between_the_refreshes_around_it() {
        // 1, 4, 5, 7, 10, 13, …
        let schedule = refresh(Some((3, 7)), &[5]);
        let next: Vec<_> = (0..9).map(|ts| super::next(&schedule, ts)).collect();
        assert_eq!(next, [1, 1, 4, 4, 4, 5, 7, 7, 10].map(Some));
        let last: Vec<_> = (0..9).map(|ts| super::last(&schedule, ts)).collect();
        assert_eq!(last[0], None);
        assert_eq!(last[1..], [1, 1, 1, 4, 5, 5, 7, 7].map(Some));
        let large = super::next(&schedule, Timestamp::MAX);
        assert!(large.is_none_or(|ts| ts == Timestamp::MAX));
    }

    #[test]
    fn after_the_last_refresh_nothing_comes() {
        let schedule = refresh(None, &[2, 6]);
        assert_eq!(next(&schedule, 7), None);
        assert_eq!(last(&schedule, 1), None);
        let sealed = |ts| sealed(Some(&schedule), Antichain::from_elem(ts));
        assert_eq!(sealed(3), Antichain::from_elem(6));
        assert_eq!(sealed(7), Antichain::empty());
    }
}
