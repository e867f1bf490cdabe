//! A judge of candidates by repeated runs: each as often as it takes to know
//! whether it shows the finding about as often as the script that is shrunk,
//! several runs at a time.
//!
//! Invariants: which runs are made, and so the verdict, depends on what earlier
//! runs showed and never on which of them ended first; what could not be run is
//! no evidence.

use std::collections::HashMap;

use super::rate::{Judgment, Rate, Standard};
use super::skeleton::Skeleton;
use super::viable::{Limits, endless, viable};
use crate::known::KnownBugs;
use crate::script::Command;
use crate::shrink::{Judge, Settled, text};

/// Which run of a script it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// No two runs of a script have the same.
    pub number: u64,
    /// With the whole patience, so that what is slow is not taken for stuck.
    pub patient: bool,
}

/// Where scripts are tried.
pub trait Trial: Sync {
    /// Whether a run shows the finding; `None` if it could not be run, or not
    /// be decided.
    fn shows(&self, commands: &[Command], run: Run) -> Option<bool>;

    /// How many runs can be made at the same time; 1 or more.
    fn at_once(&self) -> usize;
}

/// Judges by runs; see the module.
pub struct Jury<'a> {
    trial: &'a dyn Trial,
    standard: Standard,
    /// What no candidate may have.
    limits: Limits,
    /// Findings of this campaign, which are not to be found again.
    avoided: Vec<Skeleton>,
    runs: usize,
    /// No last word is looked for beyond so many runs.
    max_runs: usize,
    /// What the last words were, by the script's text.
    told: HashMap<String, Rate>,
}

/// Runs of one candidate.
#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    rate: Rate,
    failed: usize,
}

/// What could not be run so often is not run again.
const MOST_FAILURES: usize = 3;

/// Numbers of the runs for a last word: they have nothing to do with the lucky
/// ones by which a candidate was taken.
const LAST_WORDS: u64 = 1 << 32;

/// Of the runs for a last word, those with the whole patience.
const PATIENT: usize = 2;

/// Runs after which a finding that did not show counts as not reproducible.
const CONFIRMATIONS: usize = 20;

impl Tried {
    fn add(&mut self, shown: Option<bool>) {
        match shown {
            Some(shows) => self.rate.add(shows),
            None => self.failed += 1,
        }
    }

    fn runs(&self) -> usize {
        self.rate.runs + self.failed
    }

    /// A judgment of the rate, unless it cannot be had.
    fn judged(&self, judge: impl Fn(Rate) -> Judgment) -> Judgment {
        match judge(self.rate) {
            Judgment::Open { .. } if self.failed >= MOST_FAILURES => Judgment::TurnedAway,
            judgment => judgment,
        }
    }
}

impl<'a> Jury<'a> {
    /// `runs` were made before.
    pub fn new(trial: &'a dyn Trial, standard: Standard, runs: usize, max_runs: usize) -> Self {
        Jury {
            trial,
            standard,
            limits: Limits::default(),
            avoided: Vec::new(),
            runs,
            max_runs,
            told: HashMap::new(),
        }
    }

    /// Lets candidates have what is endless in this script.
    pub fn like(mut self, commands: &[Command]) -> Self {
        self.limits.allowed = endless(commands);
        self
    }

    /// Turns away candidates that show one of these.
    pub fn round(mut self, known: &KnownBugs) -> Self {
        self.limits.known = known.clone();
        self
    }

    /// Turns away candidates that may show one of these.
    pub fn avoiding(mut self, known: &[Skeleton]) -> Self {
        self.avoided = known.to_vec();
        self
    }

    /// What candidates are held against.
    pub fn standard(&self) -> Standard {
        self.standard
    }

    /// How often a script shows the finding, roughly: three runs if all show
    /// it, else as many as it takes to see it three times, within limits. What
    /// candidates are held against from now on.
    pub fn estimate(&mut self, commands: &[Command]) -> Rate {
        let mut tried = Tried::default();
        loop {
            let Rate { shows, runs } = tried.rate;
            let wanted = match (shows, tried.runs()) {
                (3.., n) if shows == n || n >= 10 => break,
                (0, CONFIRMATIONS..) | (_, 30..) => break,
                (_, n) if shows == runs && n < 3 => 3 - n,
                _ => self.trial.at_once(),
            };
            self.try_out(commands, &mut tried, wanted, 0);
        }
        self.standard = Standard::of(tried.rate);
        tried.rate
    }

    /// How often a script shows the finding, by runs made for nothing else.
    pub fn tell(&mut self, commands: &[Command]) -> Rate {
        const RUNS: usize = 10;
        self.last_word(commands);
        let text = text(commands);
        let mut tried = Tried {
            rate: self.told.get(&text).copied().unwrap_or_default(),
            failed: 0,
        };
        while tried.rate.runs < RUNS && tried.failed < MOST_FAILURES {
            let wanted = RUNS - tried.rate.runs;
            self.try_out(commands, &mut tried, wanted, LAST_WORDS);
        }
        self.told.insert(text, tried.rate);
        tried.rate
    }

    /// Whether a script shows the finding often enough to be written.
    fn last_word(&mut self, commands: &[Command]) -> bool {
        let text = text(commands);
        let mut tried = Tried {
            rate: self.told.get(&text).copied().unwrap_or_default(),
            failed: 0,
        };
        let standard = self.standard;
        let kept = loop {
            match tried.judged(|rate| standard.last_word(rate)) {
                Judgment::Kept => break true,
                Judgment::TurnedAway => break false,
                Judgment::Open { wanted } => {
                    // Two clean runs settle most of what does not show.
                    let wanted = if tried.runs() == 0 { 2 } else { wanted };
                    self.try_out(commands, &mut tried, wanted, LAST_WORDS);
                }
            }
        };
        self.told.insert(text, tried.rate);
        kept
    }

    /// Of a trail, the place of the script that was told to show it most often,
    /// the last of equals.
    fn best_told(&self, trail: &[Vec<Command>]) -> usize {
        let told = |at: usize| Some((at, self.told.get(&text(&trail[at]))?.share()));
        let told = (0..trail.len()).filter_map(told);
        let best = told.max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or(trail.len() - 1, |(at, _)| at)
    }

    /// Runs a script up to `wanted` times, and as often as is possible at once.
    fn try_out(&mut self, commands: &[Command], tried: &mut Tried, wanted: usize, first: u64) {
        let wave: Vec<(&[Command], Run)> = (0..wanted.clamp(1, self.trial.at_once()))
            .map(|n| {
                let number = tried.runs() + n;
                let run = Run {
                    number: first + number as u64,
                    patient: first == LAST_WORDS && number < PATIENT,
                };
                (commands, run)
            })
            .collect();
        for shown in self.wave(&wave) {
            tried.add(shown);
        }
    }

    /// Makes runs at the same time.
    fn wave(&mut self, runs: &[(&[Command], Run)]) -> Vec<Option<bool>> {
        self.runs += runs.len();
        let trial = self.trial;
        if let [(commands, run)] = runs {
            return vec![trial.shows(commands, *run)];
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = runs
                .iter()
                .map(|(commands, run)| scope.spawn(move || trial.shows(commands, *run)))
                .collect();
            // A run that panicked has shown nothing; the panic was told.
            let shown = running.into_iter().map(|run| run.join().unwrap_or(None));
            shown.collect()
        })
    }
}

impl Judge for Jury<'_> {
    fn is_worth_running(&mut self, candidate: &[Command]) -> bool {
        if viable(candidate, &self.limits).is_err() {
            return false;
        }
        if self.avoided.is_empty() {
            return true;
        }
        let skeleton = Skeleton::of(candidate);
        !self.avoided.iter().any(|known| skeleton.contains(known))
    }

    fn at_once(&self) -> usize {
        self.trial.at_once()
    }

    fn first_failing(&mut self, candidates: &[&[Command]]) -> Option<usize> {
        let mut tried = vec![Tried::default(); candidates.len()];
        let standard = self.standard;
        loop {
            // Nothing behind one that is kept matters.
            let judged = tried.iter().map(|t| t.judged(|rate| standard.judge(rate)));
            let mut open = Vec::new();
            for (at, judgment) in judged.enumerate() {
                match judgment {
                    Judgment::Kept if open.is_empty() => return Some(at),
                    Judgment::Kept => break,
                    Judgment::TurnedAway => {}
                    // Mostly one look is enough.
                    Judgment::Open { .. } if tried[at].runs() == 0 && !standard.is_rare() => {
                        open.push((at, 1));
                    }
                    Judgment::Open { wanted } => open.push((at, wanted)),
                }
            }
            if open.is_empty() {
                return None;
            }
            let mut wave = Vec::new();
            let mut numbers: Vec<u64> = tried.iter().map(|t| t.runs() as u64).collect();
            let mut wants = true;
            while wants {
                wants = false;
                for (at, wanted) in open.iter_mut().filter(|(_, wanted)| *wanted > 0) {
                    if wave.len() < self.trial.at_once() {
                        wave.push((*at, numbers[*at]));
                        (*wanted, numbers[*at]) = (*wanted - 1, numbers[*at] + 1);
                        wants = true;
                    }
                }
            }
            let run = |number| Run {
                number,
                patient: false,
            };
            let runs = wave.iter().map(|(at, n)| (candidates[*at], run(*n)));
            let runs: Vec<(&[Command], Run)> = runs.collect();
            let shown = self.wave(&runs);
            for ((at, _), shown) in wave.iter().zip(shown) {
                tried[*at].add(shown);
            }
        }
    }

    fn runs(&self) -> usize {
        self.runs
    }

    fn settle(&mut self, trail: &[Vec<Command>]) -> Settled {
        if self.standard == Standard::Exact {
            return Settled {
                place: trail.len() - 1,
                is_anew: false,
            };
        }
        let mut good = self.look_back(trail);
        let is_back = good == 0 && trail.len() > 1 && self.runs < self.max_runs;
        let is_anew = is_back && !self.last_word(&trail[0]);
        if is_anew {
            // Not even the first script shows it as often as luck had it: the
            // others were held against too much.
            let told = self.told.get(&text(&trail[0])).copied();
            self.standard = Standard::of(told.unwrap_or_default());
            good = self.look_back(trail);
        }
        let told = |at: usize| self.told.get(&text(&trail[at])).copied();
        // What shows more often than the first script sets the standard.
        if let (Some(rate), Standard::Likely(expected)) = (told(good), self.standard)
            && rate.is_reliable()
            && rate.share() > expected
        {
            self.standard = Standard::of(rate);
        }
        Settled {
            place: good,
            is_anew,
        }
    }
}

impl Jury<'_> {
    /// The last script of a trail that shows the finding often enough, or the first
    /// one: looks back from the simplest in growing steps, and then in between.
    fn look_back(&mut self, trail: &[Vec<Command>]) -> usize {
        let last = trail.len() - 1;
        let (mut good, mut bad, mut step) = (last, trail.len(), 1);
        while good > 0 && !self.last_word(&trail[good]) {
            if self.runs >= self.max_runs {
                good = self.best_told(trail);
                break;
            }
            bad = good;
            good = good.saturating_sub(step);
            step *= 2;
        }
        while bad > good + 1 && self.runs < self.max_runs {
            let middle = good + (bad - good) / 2;
            match self.last_word(&trail[middle]) {
                true => good = middle,
                false => bad = middle,
            }
        }
        good
    }
}
