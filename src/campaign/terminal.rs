//! The terminal: progress on stderr while it is one, findings and the summary
//! on stdout.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::canary::{CANARY_CASES, Canary};
use super::event::{CampaignEvent, Found, Reporter, Summary};
use super::finding::Finding;
use super::recheck::{Fate, Recheck};
use crate::generate::Tally;
use crate::invariants;
use crate::invariants::situations::Situation;
use crate::plan::cells;

/// Shows a campaign to a person.
pub struct Terminal<W: Write> {
    out: W,
    bar: ProgressBar,
    broken: u64,
}

impl<W: Write> Terminal<W> {
    /// Results go to `out`.
    pub fn new(out: W) -> Self {
        Terminal {
            out,
            bar: ProgressBar::hidden(),
            broken: 0,
        }
    }

    fn say(&mut self, text: &str) {
        let out = &mut self.out;
        // A reader that is gone is none of the campaign's business.
        self.bar
            .suspend(|| drop(writeln!(out, "{text}").and_then(|()| out.flush())));
    }
}

impl<W: Write> Reporter for Terminal<W> {
    fn on_event(&mut self, event: &CampaignEvent) {
        match event {
            CampaignEvent::Started { seed, cases, jobs } => {
                if std::io::stderr().is_terminal() {
                    let target = ProgressDrawTarget::stderr();
                    self.bar = ProgressBar::with_draw_target(*cases, target);
                    let style = "{bar:32} {pos}/{len} cases  {per_sec}  eta {eta}  {msg}";
                    if let Ok(style) = ProgressStyle::with_template(style) {
                        self.bar.set_style(style);
                    }
                    self.bar.enable_steady_tick(Duration::from_millis(200));
                }
                let cases = cases.map_or("as many cases as it takes".to_string(), |cases| {
                    format!("{cases} cases")
                });
                self.say(&format!("seed {seed}: {cases}, {jobs} at a time"));
            }
            CampaignEvent::CaseDone(report) => {
                self.broken += u64::from(!report.violations.is_empty());
                self.bar.inc(1);
                if self.broken > 0 {
                    self.bar.set_message(format!("{} broken", self.broken));
                }
                if let Some(unknown) = &report.unknown {
                    self.say(&format!("case {}: unknown: {unknown}", report.case));
                }
                if let Some(invalid) = &report.invalid {
                    self.say(&format!(
                        "case {}: not a valid script: {invalid}",
                        report.case
                    ));
                }
            }
            CampaignEvent::Shrinking {
                case,
                signature,
                commands,
            } => self.say(&format!(
                "case {case} breaks {signature}; shrinking its {commands} commands"
            )),
            CampaignEvent::AfterCase { case, signature } => {
                self.broken += 1;
                self.say(&format!(
                    "case {case} was over when its target broke {signature}"
                ));
            }
            CampaignEvent::Found(found) => self.say(&shown(found)),
            CampaignEvent::KnownAgain { case, signature } => self.say(&format!(
                "case {case} breaks {signature} as a finding before it does"
            )),
            CampaignEvent::Canary(Canary { name, caught_in }) => self.say(&match caught_in {
                Some(case) => format!(
                    "canary: a replica with the bug {name} breaks case {case}, as it must"
                ),
                None => format!(
                    "canary: a replica with the bug {name} broke no case; expected one of the first {CANARY_CASES}"
                ),
            }),
            CampaignEvent::Rechecked(recheck) => self.say(&rechecked(recheck)),
            CampaignEvent::TargetFailed { case, reason } => {
                self.say(&format!("case {case} could not be run: {reason}"));
            }
            CampaignEvent::Finished(summary) => {
                self.bar.finish_and_clear();
                self.say(&summarised(summary));
            }
        }
    }
}

fn rechecked(recheck: &Recheck) -> String {
    let Recheck { id, title, fate } = recheck;
    match fate {
        Fate::StillThere => format!("known bug {id} is still there: {title}"),
        Fate::Gone => format!("known bug {id} is gone; cases go round it no more"),
        Fate::Unknown(why) => format!("known bug {id}: cannot be told: {why}"),
    }
}

fn shown(found: &Found) -> String {
    let Found {
        finding,
        script,
        written,
    } = found;
    let Finding {
        commands,
        original,
        reproduced,
        runs,
        at_fixpoint,
        ..
    } = finding;
    let how = match (reproduced, at_fixpoint) {
        (false, _) => "it did not happen again when the case was run alone".to_string(),
        (true, true) => format!("shrunk from {} commands in {runs} runs", original.len()),
        (true, false) => format!(
            "shrunk from {} commands in {runs} runs, perhaps not to the end",
            original.len()
        ),
    };
    let written = match written {
        Some(Ok(path)) => format!("\nwritten to {}", path.display()),
        Some(Err(problem)) => format!("\nnot written: {problem}"),
        None => String::new(),
    };
    format!(
        "\n{} commands ({how}):\n\n{script}{written}",
        commands.len()
    )
}

/// A share in percent.
fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

/// How much of the scripts meant something.
fn worth(tally: &Tally) -> Vec<String> {
    let (content, meaningful) = (tally.content(), tally.meaningful());
    let mut idle: Vec<_> = tally.idle().collect();
    idle.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
    let idle: Vec<String> = (idle.iter().take(3))
        .map(|(verb, reason, count)| format!("{verb}: {reason} ({})", percent(*count, content)))
        .collect();
    vec![
        format!(
            "{} of {content} commands show something (handshakes and schemas apart)",
            percent(meaningful, content)
        ),
        format!("  the others: {}", idle.join("; ")),
        format!(
            "{} of {} answers are empty",
            percent(tally.empty, tally.answers),
            tally.answers
        ),
    ]
}

/// The end of a campaign, for a tired reader: what was looked at, how often,
/// and what came of it.
fn summarised(summary: &Summary) -> String {
    let lines = [String::new()]
        .into_iter()
        .chain(properties(summary))
        .chain(extent(summary))
        .chain(undecided(summary))
        .chain(verdict(summary))
        .chain(summary.stopped_early.then(|| "stopped early".to_string()))
        .chain([format!("repeat with: {}", summary.repeat)]);
    lines.collect::<Vec<_>>().join("\n")
}

/// How often each invariant was checked, and with which result.
fn properties(summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<6}  {:>9}  {:>8}  {:>7}  property",
        "", "checked", "violated", "unknown"
    )];
    let titles: BTreeMap<&str, &str> = (invariants::all().iter())
        .map(|invariant| (invariant.id(), invariant.title()))
        .collect();
    for (id, counts) in &summary.counts {
        lines.push(format!(
            "{:<6}  {:>9}  {:>8}  {:>7}  {}",
            id,
            counts.checked,
            counts.violated,
            counts.unknown,
            titles.get(id).copied().unwrap_or_default()
        ));
    }
    let unchecked = summary.counts.iter().filter(|(_, c)| c.checked == 0);
    let unchecked: Vec<&str> = unchecked.map(|(id, _)| *id).collect();
    lines.push(String::new());
    if !unchecked.is_empty() {
        lines.push(format!("never checked: {}", unchecked.join(", ")));
    }
    lines
}

/// How much ran, what it reached, and where the checkers accepted more than one
/// answer.
fn extent(summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!(
        "{} cases, {} commands ({} answered an error) in {:.1} s: {:.1} cases/s",
        summary.cases,
        summary.commands,
        summary.failed,
        summary.elapsed.as_secs_f64(),
        summary.rate()
    )];
    lines.extend(worth(&summary.tally));
    lines.push(format!(
        "{} of {} situations occurred",
        summary.situations.len(),
        Situation::ALL.len()
    ));
    lines.extend(summary.never().map(|s| format!("never: {}", s.text())));
    let used: Vec<String> = (summary.leniencies.iter())
        .map(|(leniency, times)| format!("{} {times} times", leniency.code()))
        .collect();
    if !used.is_empty() {
        lines.push(format!(
            "leniencies used (invariants.md says why): {}",
            used.join(", ")
        ));
    }
    let catalogue = cells::catalogue();
    let rendered = summary.cells.keys().filter(|c| catalogue.contains_key(c));
    lines.push(format!(
        "{} of {} surface cells of plans were rendered (`clusterd-fuzz coverage` lists them)",
        rendered.count(),
        catalogue.len()
    ));
    lines
}

/// What was left out, and what gave no verdict.
fn undecided(summary: &Summary) -> Vec<String> {
    let round = summary.tally.gone_round.iter();
    let round: Vec<String> = round.map(|(bug, n)| format!("{bug} {n} times")).collect();
    let mut lines = Vec::new();
    if !round.is_empty() {
        lines.push(format!("went round known bugs: {}", round.join(", ")));
    }
    for (count, what) in [
        (summary.invalid, "scripts were not valid to their end"),
        (summary.unknown, "cases could not be decided (unknown)"),
        (summary.target_failures, "cases could not be run"),
    ] {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    lines
}

/// Whether anything broke.
fn verdict(summary: &Summary) -> Vec<String> {
    if summary.broken == 0 {
        let reasons = summary.distrust().into_iter();
        let reasons = reasons.map(|reason| format!("not to be believed: {reason}"));
        return ["no violation".to_string()]
            .into_iter()
            .chain(reasons)
            .collect();
    }
    let bugs = match summary.findings {
        1 => "1 finding".to_string(),
        several => format!("{several} different findings"),
    };
    let broken = summary.broken;
    let total = format!("{broken} cases broke an invariant ({bugs}):");
    let kinds = summary.signatures.iter();
    let kinds = kinds.map(|(signature, n)| format!("  {signature} in {n}"));
    [total].into_iter().chain(kinds).collect()
}
