//! Events as JSON lines, one object each, for what reads a campaign with a
//! program. Fields are only ever added.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::canary::Canary;
use super::event::{CampaignEvent, CaseReport, Found, Reporter, Summary};
use super::recheck::{Fate, Recheck};
use crate::invariants::Leniency;
use crate::invariants::situations::Situation;

/// Writes every event as one line.
pub struct JsonLines<W: Write> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    pub fn new(out: W) -> Self {
        JsonLines { out }
    }
}

impl<W: Write> Reporter for JsonLines<W> {
    fn on_event(&mut self, event: &CampaignEvent) {
        // A reader that is gone is none of the campaign's business.
        let _ = writeln!(self.out, "{}", line(event));
    }
}

fn line(event: &CampaignEvent) -> Value {
    match event {
        CampaignEvent::Started { seed, cases, jobs } => {
            json!({"event": "started", "seed": seed, "cases": cases, "jobs": jobs})
        }
        CampaignEvent::CaseDone(CaseReport {
            case,
            commands,
            failed,
            violations,
            counts: _,
            situations: _,
            leniencies: _,
            cells: _,
            tally: _,
            invalid,
            unknown,
            elapsed,
        }) => json!({
            "event": "case", "case": case, "commands": commands, "failed": failed,
            "violations": violations, "invalid": invalid, "unknown": unknown,
            "ms": elapsed.as_millis() as u64,
        }),
        CampaignEvent::Shrinking {
            case,
            signature,
            commands,
        } => json!({
            "event": "shrinking", "case": case, "signature": signature, "commands": commands,
        }),
        CampaignEvent::AfterCase { case, signature } => {
            json!({"event": "after-case", "case": case, "signature": signature})
        }
        CampaignEvent::Found(found) => {
            let Found {
                finding,
                script,
                written,
            } = found.as_ref();
            let path = written.as_ref().and_then(|written| written.as_ref().ok());
            let problem = written.as_ref().and_then(|written| written.as_ref().err());
            json!({
                "event": "found", "case": finding.case, "signature": finding.signature,
                "skeleton": finding.skeleton.to_string(),
                "violation": finding.violation.to_string(), "commands": finding.commands.len(),
                "original_commands": finding.original.len(), "reproduced": finding.reproduced,
                "runs": finding.runs, "at_fixpoint": finding.at_fixpoint,
                "path": path.map(|p| p.display().to_string()), "not_written": problem,
                "script": script,
            })
        }
        CampaignEvent::KnownAgain { case, signature } => {
            json!({"event": "known-again", "case": case, "signature": signature})
        }
        CampaignEvent::Canary(Canary { name, caught_in }) => {
            json!({"event": "canary", "name": name, "caught_in": caught_in})
        }
        CampaignEvent::Rechecked(recheck) => rechecked(recheck),
        CampaignEvent::TargetFailed { case, reason } => {
            json!({"event": "target-failed", "case": case, "reason": reason})
        }
        CampaignEvent::Finished(summary) => finished(summary),
    }
}

fn rechecked(recheck: &Recheck) -> Value {
    let Recheck { id, title, fate } = recheck;
    let (fate, why) = match fate {
        Fate::StillThere => ("still-there", None),
        Fate::Gone => ("gone", None),
        Fate::Unknown(why) => ("unknown", Some(why)),
    };
    json!({"event": "rechecked", "known_bug": id, "title": title, "fate": fate, "why": why})
}

fn finished(summary: &Summary) -> Value {
    let invariants: Vec<Value> = summary
        .counts
        .iter()
        .map(|(id, counts)| {
            json!({
                "invariant": id, "checked": counts.checked, "violated": counts.violated,
                "unknown": counts.unknown,
            })
        })
        .collect();
    let cells: BTreeMap<String, usize> = (summary.cells.iter())
        .map(|(cell, count)| (cell.to_string(), *count))
        .collect();
    let situations: BTreeMap<&str, u64> = (Situation::ALL.iter())
        .map(|s| (s.text(), summary.situations.get(s).copied().unwrap_or(0)))
        .collect();
    let leniencies: BTreeMap<&str, u64> = (Leniency::ALL.iter())
        .map(|l| (l.code(), summary.leniencies.get(l).copied().unwrap_or(0)))
        .collect();
    let idle: Vec<Value> = (summary.tally.idle())
        .map(|(verb, reason, count)| json!({"verb": verb, "reason": reason, "count": count}))
        .collect();
    json!({
        "event": "finished", "seed": summary.seed, "cases": summary.cases,
        "commands": summary.commands, "failed": summary.failed,
        "generated": summary.tally.commands(), "content": summary.tally.content(),
        "meaningful": summary.tally.meaningful(), "idle": idle,
        "answers": summary.tally.answers, "empty_answers": summary.tally.empty,
        "gone_round": summary.tally.gone_round, "situations": situations, "leniencies": leniencies, "cells": cells, "broken": summary.broken, "findings": summary.findings,
        "not_to_be_believed": summary.distrust(), "signatures": summary.signatures,
        "target_failures": summary.target_failures, "invalid": summary.invalid,
        "unknown": summary.unknown,
        "invariants": invariants, "seconds": summary.elapsed.as_secs_f64(),
        "stopped_early": summary.stopped_early, "repeat": summary.repeat,
    })
}
