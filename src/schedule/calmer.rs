//! Shrinking of schedules, toward the one under which everything comes to rest after
//! each command: the end is cut off, then answers become 0 in ever smaller groups,
//! then those that are left become less, and then 0 one by one.
//!
//! Invariant: what comes out still does what is asked for, if what came in did; none of
//! its answers could be 0 instead.

use super::Schedule;

/// Makes a schedule calmer as long as `still` says of candidates that they do what is
/// asked for.
pub fn calmer(schedule: &mut Schedule, mut still: impl FnMut(&Schedule) -> bool) {
    let mut answers = schedule.answers().to_vec();
    let mut attempt = |answers: &mut Vec<u32>, candidate: Vec<u32>| {
        let candidate = Schedule::of(candidate);
        let taken = candidate.answers() != answers && still(&candidate);
        if taken {
            *answers = candidate.answers().to_vec();
        }
        taken
    };
    // Mostly all that matters lies near the beginning, or nothing does.
    let mut kept = 0;
    while kept < answers.len() {
        let cut = answers[..kept].to_vec();
        if attempt(&mut answers, cut) {
            break;
        }
        kept = (2 * kept).max(1);
    }
    let mut group = answers.len().div_ceil(2).max(1);
    while group > 1 {
        calm_groups(&mut answers, group, &mut attempt);
        group = group.div_ceil(2);
    }
    for at in 0..answers.len() {
        while answers.get(at).is_some_and(|answer| *answer > 1) {
            let mut candidate = answers.clone();
            candidate[at] /= 2;
            if !attempt(&mut answers, candidate) {
                break;
            }
        }
    }
    // What became calm may make room for others.
    while calm_groups(&mut answers, 1, &mut attempt) {}
    *schedule = Schedule::of(answers);
}

/// Makes groups of this size calm, one after the other; whether any could be.
fn calm_groups(
    answers: &mut Vec<u32>,
    group: usize,
    attempt: &mut impl FnMut(&mut Vec<u32>, Vec<u32>) -> bool,
) -> bool {
    let mut any = false;
    let mut at = 0;
    while at < answers.len() {
        let end = (at + group).min(answers.len());
        if answers[at..end].iter().any(|answer| *answer != 0) {
            let mut candidate = answers.clone();
            candidate[at..end].fill(0);
            any |= attempt(answers, candidate);
        }
        at = end;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_stays_and_everything_else_becomes_calm() {
        let drawn: Vec<u32> = (0..300).map(|n| (n * 7 + 3) % 5).collect();
        let mut schedule = Schedule::of(drawn.clone());
        let mut asked = 0;
        calmer(&mut schedule, |candidate| {
            asked += 1;
            let answers = candidate.answers();
            answers.get(17) == Some(&drawn[17]) && answers.get(102).is_some_and(|n| *n > 0)
        });
        let mut left = vec![0; 103];
        (left[17], left[102]) = (drawn[17], 1);
        assert_eq!(schedule, Schedule::of(left));
        assert!(asked < 100, "{asked}");
    }

    #[test]
    fn a_schedule_that_does_not_matter_becomes_calm_at_once() {
        let mut schedule = Schedule::of(vec![1; 1_000]);
        let mut asked = 0;
        calmer(&mut schedule, |_| {
            asked += 1;
            true
        });
        assert_eq!((schedule.is_calm(), asked), (true, 1));
    }
}
