//! How fast campaigns find bugs that are known to be there: hunts of each bug from
//! several seeds, each on one core, and what came of them per bug.
//!
//! Invariant: a hunt ends with its first finding or with its time; one that was
//! interrupted counts as none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::event::{CampaignEvent, Reporter};
use super::lab::Lab;
use super::{CampaignConfig, run_campaign};

/// What a hunt found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solved {
    /// Until a case broke an invariant.
    pub after: Duration,
    /// Cases until then.
    pub cases: u64,
    /// Commands of the shrunk script.
    pub commands: usize,
    pub signature: String,
}

/// The hunts of one bug.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    pub name: String,
    /// One a seed, in their order; None if nothing was found in its time.
    pub hunts: Vec<Option<Solved>>,
}

impl Row {
    /// Hunts that found something.
    pub fn solved(&self) -> usize {
        self.hunts.iter().flatten().count()
    }

    /// The seconds after which so many of a hundred hunts had found something;
    /// `None` if that many never did.
    pub fn seconds(&self, percent: usize) -> Option<f64> {
        let mut times: Vec<Duration> = self.hunts.iter().flatten().map(|s| s.after).collect();
        times.sort_unstable();
        let wanted = (self.hunts.len() * percent).div_ceil(100).max(1);
        times.get(wanted - 1).map(Duration::as_secs_f64)
    }

    /// The middle one of the shrunk scripts' lengths.
    pub fn commands(&self) -> Option<usize> {
        let mut commands: Vec<usize> = self.hunts.iter().flatten().map(|s| s.commands).collect();
        commands.sort_unstable();
        commands.get(commands.len() / 2).copied()
    }

    /// What was broken, each once.
    pub fn signatures(&self) -> Vec<&str> {
        let solved = self.hunts.iter().flatten();
        let mut signatures: Vec<&str> = solved.map(|s| s.signature.as_str()).collect();
        signatures.sort_unstable();
        signatures.dedup();
        signatures
    }
}

/// Hunts every bug once a seed, `jobs` hunts at a time. `tell` hears of each row
/// when it is whole. Gives the rows of which every hunt came to its end, in order.
pub fn matrix(
    bugs: &[(String, Box<dyn Lab>)],
    seeds: &[u64],
    config: &CampaignConfig,
    jobs: usize,
    mut tell: impl FnMut(&Row),
) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let (done, heard) = channel();
    let mut hunts: Vec<Vec<Option<Option<Solved>>>> = vec![vec![None; seeds.len()]; bugs.len()];
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (next, done) = (&next, done.clone());
            scope.spawn(move || {
                while !config.budget.stop.is_raised() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let (bug, seed) = (at / seeds.len(), at % seeds.len());
                    let Some((_, lab)) = bugs.get(bug) else {
                        return;
                    };
                    let config = CampaignConfig {
                        seed: seeds[seed],
                        jobs: 1,
                        cases: None,
                        stop_after: 1,
                        profile: match lab.replicas() {
                            1 => config.profile.clone(),
                            _ => config.profile.clone().for_two_replicas(),
                        },
                        ..config.clone()
                    };
                    let solved = hunt(lab.as_ref(), &config);
                    let ended = solved.is_some() || !config.budget.stop.is_raised();
                    // The receiver outlives every hunt.
                    let _ = done.send((bug, seed, ended.then_some(solved)));
                }
            });
        }
        drop(done);
        for (bug, seed, solved) in heard {
            hunts[bug][seed] = solved;
            if let Some(row) = row(&bugs[bug].0, &hunts[bug]) {
                tell(&row);
            }
        }
    });
    let rows = bugs.iter().zip(&hunts);
    rows.filter_map(|((name, _), hunts)| row(name, hunts))
        .collect()
}

/// The row, if it is whole.
fn row(name: &str, hunts: &[Option<Option<Solved>>]) -> Option<Row> {
    Some(Row {
        name: name.to_string(),
        hunts: hunts.iter().cloned().collect::<Option<Vec<_>>>()?,
    })
}

fn hunt(lab: &dyn Lab, config: &CampaignConfig) -> Option<Solved> {
    let mut watch = FirstFinding {
        start: Instant::now(),
        cases: 0,
        broke: None,
        solved: None,
    };
    run_campaign(config, lab, &mut watch);
    watch.solved
}

/// Keeps the first finding of a campaign, and when its case broke.
struct FirstFinding {
    start: Instant,
    cases: u64,
    broke: Option<(Duration, u64)>,
    solved: Option<Solved>,
}

impl Reporter for FirstFinding {
    fn on_event(&mut self, event: &CampaignEvent) {
        match event {
            CampaignEvent::CaseDone(_) => self.cases += 1,
            CampaignEvent::Shrinking { .. } => {
                self.broke = self.broke.or(Some((self.start.elapsed(), self.cases)));
            }
            CampaignEvent::Found(found) if self.solved.is_none() => {
                let (after, cases) = self.broke.unwrap_or((self.start.elapsed(), self.cases));
                self.solved = Some(Solved {
                    after,
                    cases,
                    commands: found.finding.commands.len(),
                    signature: found.finding.signature.clone(),
                });
            }
            CampaignEvent::Started { .. }
            | CampaignEvent::AfterCase { .. }
            | CampaignEvent::Found(_)
            | CampaignEvent::KnownAgain { .. }
            | CampaignEvent::TargetFailed { .. }
            | CampaignEvent::Canary(_)
            | CampaignEvent::Rechecked(_)
            | CampaignEvent::Finished(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seconds: &[Option<u64>]) -> Row {
        let solved = |s: u64| Solved {
            after: Duration::from_secs(s),
            cases: s,
            commands: s as usize,
            signature: format!("I-0{}/x", s % 2),
        };
        Row {
            name: "bug".to_string(),
            hunts: seconds.iter().map(|s| s.map(solved)).collect(),
        }
    }

    #[test]
    fn a_share_of_hunts_that_never_found_anything_has_no_time() {
        let all = row(&[Some(4), Some(1), Some(3), Some(2)]);
        assert_eq!(all.seconds(50), Some(2.0));
        assert_eq!(all.seconds(95), Some(4.0));
        assert_eq!((all.solved(), all.commands()), (4, Some(3)));
        assert_eq!(all.signatures(), ["I-00/x", "I-01/x"]);
        let some = row(&[Some(4), None, Some(1), None]);
        assert_eq!((some.seconds(50), some.seconds(95)), (Some(4.0), None));
        let none = row(&[None, None]);
        assert_eq!(
            (none.solved(), none.seconds(50), none.commands()),
            (0, None, None)
        );
    }
}
