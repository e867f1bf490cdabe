//! From a case that broke an invariant to a finding: it is confirmed, shrunk
//! while the same invariant breaks in the same way, and written as a script
//! that says what would have been right.
//!
//! Invariants: a finding that did not happen again is reported as such, never
//! dropped; what is written is replayable from its file alone, and overwrites
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;

use super::blocks::with_blocks;
use super::case::{CaseOptions, Outcome};
use super::jury::{Jury, Run, Trial};
use super::lab::{Lab, Shape, run_with};
use super::rate::{Rate, Standard};
use super::replay::REPLAYED;
use super::skeleton::{Skeleton, panic_place};
use super::viable::{Limits, endless, viable};
use crate::generate::Stream;
use crate::invariants::Violation;
use crate::known::KnownBugs;
use crate::protocol::Release;
use crate::schedule::{Schedule, calmer};
use crate::script::Command;
use crate::shrink::{Budget, Commands, Judge, Shrunk, shrink_with, without};

/// While shrinking, something counts as stuck after this long; the result is
/// confirmed with the whole patience.
const SHRINK_PATIENCE: Duration = Duration::from_millis(1500);

/// Runs that the search for a calm schedule takes.
const SCHEDULES_TRIED: usize = 400;

/// Schedules under which a script is tried that shows a finding seldom.
const SCHEDULES_A_CANDIDATE: u64 = 10;

/// Runs on one worker, all of which must show what several showed first.
const ON_ONE_WORKER: u64 = 3;

/// Runs in a stand-in, one of which must show what the target showed.
const GLANCES: u64 = 3;

/// Stand-ins that are tried: what shrinks alike in several is all there is to
/// gain.
const MOST_STAND_INS: usize = 3;

/// An invariant that did not hold, and the simplest script found that shows it.
#[derive(Debug, Clone)]
pub struct Finding {
    pub signature: String,
    /// As the simplest script shows it.
    pub violation: Violation,
    /// What tells it from other bugs of its kind.
    pub skeleton: Skeleton,
    /// The case that showed it first.
    pub case: u64,
    pub original: Vec<Command>,
    pub commands: Vec<Command>,
    /// The shape of the target that it takes.
    pub shape: Shape,
    /// The release that the target is one of.
    pub release: Release,
    /// It happened again on a target of its own.
    pub reproduced: bool,
    /// How often the simplest script shows it.
    pub rate: Rate,
    /// The calmest schedule found under which it always shows, if it shows only
    /// sometimes.
    pub schedule: Option<Schedule>,
    /// Scripts that were run to shrink it.
    pub runs: usize,
    /// Nothing makes it simpler any more.
    pub at_fixpoint: bool,
    /// Every event of the last run.
    pub log: Vec<String>,
    /// What the target would have been at work on for ever in it.
    pub endless: Option<String>,
    /// What the target logged in it.
    pub target_log: Option<String>,
}

/// A case that broke something.
#[derive(Debug, Clone)]
pub struct Broken {
    pub case: u64,
    pub seed: u64,
    pub commands: Vec<Command>,
    pub shape: Shape,
    pub violation: Violation,
}

impl Broken {
    /// The skeleton of what was run until it broke.
    pub fn skeleton(&self) -> Skeleton {
        let end = self.commands.len().min(self.violation.step + 1);
        Skeleton::of(&self.commands[..end])
    }
}

/// What came of a pursuit.
#[derive(Debug)]
pub struct Pursued {
    /// None if it is taken for what is known.
    pub finding: Option<Finding>,
    /// What candidates broke in other ways: of each way the simplest.
    pub strays: Vec<Broken>,
}

/// How a pursuit goes about it.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Findings of the same kind. What shows only beside them is taken for one of
    /// them, unless the pursuit is thorough: then it is shrunk, and may turn out to
    /// be one of them all the same.
    pub known: Vec<Skeleton>,
    pub is_thorough: bool,
    /// Bugs of the target that no candidate may show.
    pub round: KnownBugs,
    pub budget: Budget,
}

/// Confirms and shrinks; where the lab has stand-ins, in those that show it too,
/// as far as what is found there shows in the lab itself.
pub fn pursue(lab: &dyn Lab, broken: &Broken, terms: Terms) -> Pursued {
    let Terms {
        known,
        is_thorough,
        round,
        budget,
    } = terms;
    let strays = Strays::default();
    let hunt = Hunt {
        lab,
        broken,
        strays: &strays,
        round,
        budget,
    };
    let finding = match hunt.apart_from(&known) {
        Some(start) => Some(hunt.pursue(start, &known)),
        None if is_thorough => Some(hunt.pursue(broken.commands.clone(), &[])),
        None => None,
    };
    Pursued {
        finding,
        strays: strays.into_broken(broken),
    }
}

/// Parts of a script, the greatest first, that show none of the known bugs: of
/// each of them something is missing, and all the commands that have it.
fn separated(commands: &[Command], known: &[Skeleton]) -> Vec<Commands> {
    const MOST: usize = 40;
    let mut parts = vec![commands.to_vec()];
    for known in known {
        let mut apart = Vec::new();
        for part in parts {
            let by_command = Skeleton::by_command(&part);
            let having = known.parts().map(|missing| {
                let has = |at: &usize| by_command[*at].has(missing);
                (0..part.len()).filter(has).collect::<BTreeSet<usize>>()
            });
            let having: Vec<BTreeSet<usize>> = having.collect();
            if having.iter().any(BTreeSet::is_empty) {
                apart.push(part);
            } else {
                apart.extend(having.iter().map(|removed| without(&part, removed)));
            }
        }
        apart.sort_by_key(|part| std::cmp::Reverse(part.len()));
        apart.dedup();
        apart.truncate(MOST);
        parts = apart;
    }
    parts
}

/// What candidates broke in other ways than the one that is shrunk.
#[derive(Debug, Default)]
struct Strays(Mutex<BTreeMap<String, (Commands, Violation)>>);

impl Strays {
    fn add(&self, commands: &[Command], violation: &Violation) {
        let mut strays = self.0.lock();
        let simplest = strays.get(&violation.signature());
        if simplest.is_none_or(|(known, _)| commands.len() < known.len()) {
            let stray = (commands.to_vec(), violation.clone());
            strays.insert(violation.signature(), stray);
        }
    }

    fn into_broken(self, of: &Broken) -> Vec<Broken> {
        let broken = self
            .0
            .into_inner()
            .into_values()
            .map(|(commands, violation)| Broken {
                commands,
                violation,
                ..of.clone()
            });
        broken.collect()
    }
}

/// The pursuit of one case.
struct Hunt<'a> {
    lab: &'a dyn Lab,
    broken: &'a Broken,
    strays: &'a Strays,
    round: KnownBugs,
    budget: Budget,
}

impl<'a> Hunt<'a> {
    fn trial(&self, lab: &'a dyn Lab, shape: Shape) -> LabTrial<'a> {
        LabTrial {
            lab,
            signature: self.broken.violation.signature(),
            shape,
            seed: self.broken.seed,
            seeds: Seeds::Drawn,
            strays: Some(self.strays),
        }
    }

    /// The script, or a part of it, that shows what broke and none of `known`.
    fn apart_from(&self, known: &[Skeleton]) -> Option<Commands> {
        let whole = &self.broken.commands;
        let end = whole.len().min(self.broken.violation.step + 1);
        if known.is_empty() {
            return Some(whole.clone());
        }
        let trial = self.trial(self.lab, self.broken.shape);
        let limits = Limits {
            allowed: endless(whole),
            known: self.round.clone(),
        };
        let mut parts = separated(&whole[..end], known).into_iter();
        parts.find(|part| viable(part, &limits).is_ok() && trial.shows_within(part, GLANCES))
    }

    /// Confirms and shrinks `start`, away from what is `avoided`.
    fn pursue(&self, mut start: Commands, avoided: &[Skeleton]) -> Finding {
        let (lab, budget) = (self.lab, self.budget);
        let mut runs = 0;
        let stand_ins = lab.stand_ins().into_iter();
        let showing = stand_ins.filter(|stand_in| {
            self.trial(*stand_in, self.broken.shape)
                .shows_within(&start, GLANCES)
        });
        let showing: Vec<&dyn Lab> = showing.take(MOST_STAND_INS).collect();
        for stand_in in showing {
            let cheap = Budget {
                max_runs: budget.max_cheap_runs,
                ..budget
            };
            let (found, trail) = self.pursue_in(stand_in, &start, avoided, 0, cheap);
            if !found.reproduced {
                continue;
            }
            let trial = self.trial(lab, found.shape);
            let mut jury = Jury::new(&trial, Standard::CERTAIN, runs, budget.max_runs);
            let place = jury.settle(&trail).place;
            let rate = jury.tell(&trail[place]);
            runs = jury.runs();
            if rate.is_reliable() && place == trail.len() - 1 {
                let mut finding = Finding {
                    runs: found.runs + runs,
                    rate,
                    ..found
                };
                finding.show(&trial, budget);
                return finding;
            }
            if rate.is_reliable() {
                start = trail[place].clone();
            }
        }
        self.pursue_in(lab, &start, avoided, runs, budget).0
    }

    /// What broke, before any run has confirmed it.
    fn unconfirmed(&self, lab: &dyn Lab, start: &[Command], runs: usize) -> Finding {
        let broken = self.broken;
        Finding {
            signature: broken.violation.signature(),
            skeleton: Skeleton::default(),
            violation: broken.violation.clone(),
            case: broken.case,
            original: broken.commands.clone(),
            commands: start.to_vec(),
            shape: broken.shape,
            release: lab.release(),
            reproduced: false,
            rate: Rate::default(),
            schedule: None,
            runs,
            at_fixpoint: false,
            log: Vec::new(),
            endless: None,
            target_log: None,
        }
    }

    /// A trial on one worker, if `start` shows there, too: that is simpler than
    /// several, and repeats better. Counts the runs that it makes.
    fn on_one_worker(
        &self,
        lab: &'a dyn Lab,
        start: &[Command],
        runs: &mut usize,
    ) -> Option<LabTrial<'a>> {
        let alone = self.trial(lab, Shape::ONE);
        let numbers = (0..ON_ONE_WORKER).inspect(|_| *runs += 1);
        let mut shown = numbers.map(|number| {
            let run = Run {
                number,
                patient: false,
            };
            alone.shows(start, run) == Some(true)
        });
        let all = shown.all(|shown| shown);
        all.then_some(alone)
    }

    /// Confirms `start`, which is as much as is known to show what broke, and
    /// shrinks it. Gives the trail of scripts that led to the simplest, too. `runs`
    /// were made before.
    fn pursue_in(
        &self,
        lab: &'a dyn Lab,
        start: &[Command],
        avoided: &[Skeleton],
        runs: usize,
        budget: Budget,
    ) -> (Finding, Vec<Commands>) {
        let broken = self.broken;
        let mut trial = self.trial(lab, broken.shape);
        let mut finding = self.unconfirmed(lab, start, runs);
        if broken.shape != Shape::ONE
            && let Some(alone) = self.on_one_worker(lab, start, &mut finding.runs)
        {
            trial = alone;
            finding.shape = Shape::ONE;
        }
        let mut jury = Jury::new(&trial, Standard::CERTAIN, finding.runs, budget.max_runs)
            .like(start)
            .round(&self.round)
            .avoiding(avoided);
        let mut seen = jury.estimate(start);
        finding.runs = jury.runs();
        let exact = LabTrial {
            seeds: Seeds::Searched,
            ..trial.clone()
        };
        // Where a seed decides everything, one that shows it always shows it.
        if seen.share() < 0.5 && trial.is_seeded() && exact.shows(start, AS_FOUND) == Some(true) {
            jury = Jury::new(&exact, Standard::Exact, finding.runs + 1, budget.max_runs)
                .like(start)
                .round(&self.round)
                .avoiding(avoided);
            seen = Rate { shows: 1, runs: 1 };
        }
        finding.reproduced = seen.shows > 0;
        finding.rate = seen;
        if !finding.reproduced {
            finding.skeleton = Skeleton::of(start);
            return (finding, vec![start.to_vec()]);
        }
        let Shrunk {
            commands,
            trail,
            at_fixpoint,
            ..
        } = shrink_with(start.to_vec(), budget, &mut jury);
        finding.runs = jury.runs();
        finding.at_fixpoint = at_fixpoint;
        finding.skeleton = Skeleton::of(&commands);
        finding.commands = commands;
        // How often it shows is told of any luck, not only of the one that found it.
        let mut last = match jury.standard() {
            Standard::Exact => Jury::new(&trial, Standard::CERTAIN, jury.runs(), budget.max_runs),
            Standard::Likely(_) => jury,
        };
        // A campaign that is stopped tells what there is, without further runs.
        if !budget.stop.is_raised() {
            finding.rate = last.tell(&finding.commands);
            finding.runs = last.runs();
        }
        if !finding.show(&trial, budget) && !budget.stop.is_raised() {
            finding.show(&exact, budget);
        }
        if !budget.stop.is_raised() && trial.is_seeded() && !finding.rate.is_reliable() {
            finding.pin(&trial, budget);
        }
        (finding, trail)
    }
}

/// The run with the seed with which the case was found.
const AS_FOUND: Run = Run {
    number: 0,
    patient: true,
};

/// The seeds of the runs of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seeds {
    /// Each run has its own.
    Drawn,
    /// All have the one with which the finding was found.
    AsFound,
    /// The same, and a script that does not show it then is tried under other schedules.
    Searched,
}

/// Runs in a lab.
#[derive(Clone)]
struct LabTrial<'a> {
    lab: &'a dyn Lab,
    signature: String,
    shape: Shape,
    seed: u64,
    seeds: Seeds,
    /// Takes what is broken in other ways.
    strays: Option<&'a Strays>,
}

/// How one run is made, beside its script.
#[derive(Debug, Clone)]
struct Luck {
    seed: u64,
    /// Looked for by the seed, if there is none.
    schedule: Option<Schedule>,
}

impl LabTrial<'_> {
    /// Whether one of a few runs shows it, the first as it was found.
    fn shows_within(&self, commands: &[Command], runs: u64) -> bool {
        let first = LabTrial {
            seeds: Seeds::AsFound,
            ..self.clone()
        };
        let quick = |number| Run {
            number,
            patient: false,
        };
        first.shows(commands, quick(0)) == Some(true)
            || (1..runs).any(|number| self.shows(commands, quick(number)) == Some(true))
    }

    /// Whether a seed decides everything that happens.
    fn is_seeded(&self) -> bool {
        self.lab.options(self.seed).seed.is_some()
    }

    fn run(&self, commands: &[Command], run: Run, keep_log: bool) -> Result<Outcome, String> {
        let seed = match self.seeds {
            Seeds::AsFound | Seeds::Searched => self.seed,
            Seeds::Drawn => drawn(self.seed, commands, run.number),
        };
        let luck = Luck {
            seed,
            schedule: None,
        };
        self.run_under(commands, luck, run.patient, keep_log)
    }

    fn run_under(
        &self,
        commands: &[Command],
        luck: Luck,
        patient: bool,
        keep_log: bool,
    ) -> Result<Outcome, String> {
        let Luck { seed, schedule } = luck;
        let whole = self.lab.options(seed);
        let patience = match patient {
            true => whole.patience,
            false => whole.patience.min(SHRINK_PATIENCE),
        };
        let options = CaseOptions {
            patience,
            keep_log,
            schedule,
            ..whole
        };
        run_with(self.lab, commands, self.shape, seed, &options)
    }

    /// What a replay of the script under this schedule shows, if that is the finding.
    fn replayed(&self, commands: &[Command], schedule: Option<Schedule>) -> Option<Outcome> {
        let luck = Luck {
            seed: REPLAYED,
            schedule,
        };
        let outcome = self.run_under(commands, luck, true, true).ok()?;
        outcome.has(&self.signature).then_some(outcome)
    }

    /// Whether one of several schedules shows it: the calm one, or others that the
    /// script draws. Where a seed decides everything, so does this of a script.
    fn shows_under_some(&self, commands: &[Command]) -> bool {
        let calm = Luck {
            seed: self.seed,
            schedule: Some(Schedule::default()),
        };
        let others = (0..SCHEDULES_A_CANDIDATE).map(|number| Luck {
            seed: drawn(self.seed, commands, number),
            schedule: None,
        });
        std::iter::once(calm).chain(others).any(|luck| {
            let ran = self.run_under(commands, luck, false, false);
            ran.is_ok_and(|outcome| outcome.has(&self.signature))
        })
    }
}

impl Trial for LabTrial<'_> {
    fn shows(&self, commands: &[Command], run: Run) -> Option<bool> {
        let outcome = self.run(commands, run, false).ok()?;
        let shows = outcome.has(&self.signature);
        if let Some(strays) = self.strays {
            let others = outcome.violations.iter();
            for other in others.filter(|other| other.signature() != self.signature) {
                strays.add(commands, other);
            }
        }
        let searches = self.seeds == Seeds::Searched;
        if !shows && searches && self.shows_under_some(commands) {
            return Some(true);
        }
        (shows || outcome.unknown.is_none()).then_some(shows)
    }

    fn at_once(&self) -> usize {
        self.lab.at_once()
    }
}

/// The seed of a run of a script: no two runs and no two scripts share their
/// luck.
fn drawn(seed: u64, commands: &[Command], number: u64) -> u64 {
    // FNV-1a, which is the same everywhere.
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    };
    add(&seed.to_le_bytes());
    add(&number.to_le_bytes());
    for command in commands {
        add(command.to_string().as_bytes());
    }
    hash
}

impl Finding {
    /// Looks for the calmest schedule under which a replay of the script shows the
    /// finding, and keeps what it then shows.
    fn pin(&mut self, trial: &LabTrial<'_>, budget: Budget) {
        let calm = Schedule::default();
        let mut runs = 1;
        let shown = trial.replayed(&self.commands, Some(calm.clone()));
        let mut best = shown.map(|outcome| (calm, outcome));
        let mut seed = self.case;
        while best.is_none() && runs < SCHEDULES_TRIED && !budget.stop.is_raised() {
            runs += 1;
            seed = Stream::Schedule { number: 1 }.seed(seed);
            let luck = Luck {
                seed,
                schedule: None,
            };
            let ran = trial.run_under(&self.commands, luck, false, false);
            let schedule = ran.ok().filter(|outcome| outcome.has(&self.signature));
            let Some(schedule) = schedule.and_then(|outcome| outcome.schedule) else {
                continue;
            };
            runs += 1;
            let shown = trial.replayed(&self.commands, Some(schedule.clone()));
            best = shown.map(|outcome| (schedule, outcome));
        }
        let Some((mut schedule, mut outcome)) = best else {
            self.runs += runs;
            return;
        };
        calmer(&mut schedule, |candidate| {
            runs += 1;
            let left = runs < SCHEDULES_TRIED && !budget.stop.is_raised();
            let shown = left.then(|| trial.replayed(&self.commands, Some(candidate.clone())));
            match shown.flatten() {
                Some(shown) => {
                    outcome = shown;
                    true
                }
                None => false,
            }
        });
        self.runs += runs;
        self.keep(outcome);
        self.schedule = Some(schedule);
    }

    /// Keeps what a run shows; whether that is the finding.
    fn keep(&mut self, outcome: Outcome) -> bool {
        let same = |v: &&Violation| v.signature() == self.signature;
        let Some(violation) = outcome.violations.iter().find(same) else {
            return false;
        };
        self.violation = violation.clone();
        let told = [Some(&violation.observed), outcome.target_log.as_ref()];
        let place = told
            .into_iter()
            .flatten()
            .find_map(|text| panic_place(text));
        self.skeleton = Skeleton::of(&self.commands).at(place);
        self.log = outcome.log;
        self.endless = outcome.endless;
        self.target_log = outcome.target_log;
        true
    }

    /// Runs the commands with the whole patience until they show the finding,
    /// and keeps what they then show. False if they never do.
    fn show(&mut self, trial: &LabTrial<'_>, budget: Budget) -> bool {
        const TRIES: usize = 40;
        let once = trial.seeds != Seeds::Drawn || budget.stop.is_raised();
        let left = budget.max_runs.saturating_sub(self.runs);
        let tries = if once { 1 } else { left.clamp(1, TRIES) } as u64;
        // Numbers beyond those of any other run.
        let runs = (0..tries).map(|number| Run {
            number: u64::MAX - number,
            patient: true,
        });
        for run in runs {
            self.runs += 1;
            let Ok(outcome) = trial.run(&self.commands, run, true) else {
                continue;
            };
            if self.keep(outcome) {
                return true;
            }
        }
        false
    }

    /// The finding as a script: what broke, how to see it, then the commands
    /// with the answers that would have been right. `facts` are further lines
    /// `name: value` about the target.
    pub fn script(&self, facts: &[(&str, String)]) -> String {
        self.with_header(&self.commands, facts)
    }

    fn with_header(&self, commands: &[Command], facts: &[(&str, String)]) -> String {
        let mut text = String::new();
        for line in self.violation.to_string().lines() {
            let _ = writeln!(text, "# {line}");
        }
        if !self.reproduced {
            let _ = writeln!(
                text,
                "# It did not happen again when the case was run alone."
            );
        }
        if let Some(what) = &self.endless {
            let _ = writeln!(text, "# without an end: {what}");
        }
        if self.reproduced {
            let _ = writeln!(text, "# shows: {}", self.rate);
            match &self.schedule {
                Some(schedule) => {
                    let _ = writeln!(text, "# schedule: {schedule}");
                    let _ = writeln!(text, "# Under this schedule it always shows (in process).");
                }
                None if !self.rate.is_reliable() => {
                    let _ = writeln!(
                        text,
                        "# It shows only sometimes: no script was found that shows it in 9 of 10 runs."
                    );
                }
                None => {}
            }
        }
        let Shape { processes, workers } = self.shape;
        for (name, count) in [("workers", workers), ("processes", processes)] {
            if count != 1 {
                let _ = writeln!(text, "# {name}: {count}");
            }
        }
        for (name, value) in facts {
            let _ = writeln!(text, "# {name}: {value}");
        }
        let _ = write!(text, "\n{}", with_blocks(commands, self.release));
        text
    }

    /// The name of its files in a campaign of this seed, without a folder and
    /// what says which file it is.
    pub fn file_name(&self, seed: u64) -> String {
        let signature = self.signature.replace('/', "-");
        format!("{signature}-seed-{seed}-case-{}", self.case)
    }

    /// Writes the script, and beside it the events and the target's log of its
    /// last run, and the script as it was found. Files that are there already
    /// stay as they are: the same script is not written again, and another one
    /// gets another name.
    pub fn write(
        &self,
        directory: &Path,
        seed: u64,
        facts: &[(&str, String)],
    ) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(directory)?;
        let script = self.script(facts);
        let mut log = self.log.join("\n");
        log.push('\n');
        let original =
            (self.original != self.commands).then(|| self.with_header(&self.original, facts));
        let files = [
            ("spec", Some(&script)),
            ("log", Some(&log)),
            ("target.log", self.target_log.as_ref()),
            ("original.spec", original.as_ref()),
        ];
        let name = self.file_name(seed);
        for count in 1_u64.. {
            let name = match count {
                1 => name.clone(),
                count => format!("{name}-{count}"),
            };
            let path = |what: &str| directory.join(format!("{name}.{what}"));
            let spec = path("spec");
            if std::fs::read(&spec).is_ok_and(|known| known == script.as_bytes()) {
                return Ok(spec);
            }
            if files.iter().any(|(what, _)| path(what).exists()) {
                continue;
            }
            match File::create_new(&spec) {
                Ok(_) => {}
                // Another campaign was faster.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            for (what, text) in files {
                if let Some(text) = text {
                    std::fs::write(path(what), text)?;
                }
            }
            return Ok(spec);
        }
        unreachable!("there are more numbers than files")
    }
}
