//! Reports on shards as text for people: aligned, sizes and times in human
//! units, the verdict last.
//!
//! Invariant: the text is a function of the report and of the time that counts
//! as now; it never panics, whatever the report says.

use std::fmt::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use crate::persist::{BatchReport, Examined, HandleReport, Report, ShardSummary};
use crate::repr::Antichain;

/// What was looked at, for the terminal. `now_ms`: ms since 1970, for leases.
pub fn render(examined: &Examined, now_ms: u64) -> String {
    match examined {
        Examined::Shards(shards) => render_list(shards),
        Examined::Reports(reports) if reports.is_empty() => "no shards\n".into(),
        Examined::Reports(reports) => reports.iter().map(|r| render_report(r, now_ms)).collect(),
    }
}

/// A report. `now_ms`: ms since 1970, for leases.
pub fn render_report(report: &Report, now_ms: u64) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_report(&mut text, report, now_ms);
    text
}

/// The shards of a location, one a line.
fn render_list(shards: &[ShardSummary]) -> String {
    let mut text = String::new();
    let _ = write_list(&mut text, shards);
    text
}

fn plural(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n if one.ends_with("ch") => format!("{n} {one}es"),
        n => format!("{n} {one}s"),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS.get(unit).unwrap_or(&""))
}

fn span(ms: u64) -> String {
    let duration = Duration::from_secs(ms / 1000);
    if duration.is_zero() {
        return format!("{ms}ms");
    }
    humantime::format_duration(duration).to_string()
}

/// How far a time is from now.
fn relative(ms: u64, now_ms: u64) -> String {
    if ms >= now_ms {
        format!("in {}", span(ms - now_ms))
    } else {
        format!("{} ago", span(now_ms - ms))
    }
}

fn moment(ms: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(ms)) {
        // The formatter knows years of four digits only.
        Some(time) if ms < 253_402_300_800_000 => {
            humantime::format_rfc3339_millis(time).to_string()
        }
        Some(_) | None => format!("{ms} ms after 1970"),
    }
}

/// Which times can be read.
fn readable(since: &Antichain, upper: &Antichain) -> String {
    match (since.as_option(), upper.as_option()) {
        (None, _) => "at no time any more".into(),
        (Some(since), None) => format!("at every time from {since} on (nothing more will come)"),
        (Some(since), Some(upper)) if since < upper => format!("at {since} to {}", upper - 1),
        (Some(since), Some(_)) => format!("at no time yet (first at {since})"),
    }
}

fn write_report(f: &mut String, report: &Report, now_ms: u64) -> fmt::Result {
    writeln!(f, "shard {}", report.shard)?;
    writeln!(f, "  since    {}", report.since)?;
    writeln!(f, "  upper    {}", report.upper)?;
    let readable = readable(&report.since, &report.upper);
    writeln!(f, "  readable {readable}")?;
    writeln!(
        f,
        "  log      {} to {}, garbage collection asked for {}",
        report.earliest, report.seqno, report.last_gc_req
    )?;
    writeln!(
        f,
        "  written  by {} at {} (format {})",
        report.hostname,
        moment(report.walltime_ms),
        report.version
    )?;
    for schema in &report.schemas {
        writeln!(f, "  schema   h{}: ({})", schema.id, schema.columns)?;
    }
    if report.schemas.is_empty() {
        writeln!(f, "  schema   none registered")?;
    }
    write_batches(f, report)?;
    writeln!(f, "  {}", plural(report.rollups.len(), "rollup"))?;
    for rollup in &report.rollups {
        let size = rollup.size.map_or_else(|| "MISSING".into(), size);
        writeln!(f, "    {}  {size}", rollup.key)?;
    }
    writeln!(f, "  {}", plural(report.handles.len(), "handle"))?;
    for handle in &report.handles {
        write_handle(f, handle, now_ms)?;
    }
    if !report.leftovers.is_empty() {
        let bytes = report
            .leftovers
            .iter()
            .fold(0, |sum: u64, l| sum.saturating_add(l.1));
        writeln!(
            f,
            "  {} that no state names, {} (normal after a crash or a collection)",
            plural(report.leftovers.len(), "blob"),
            size(bytes)
        )?;
        for (key, bytes) in &report.leftovers {
            writeln!(f, "    {key}  {}", size(*bytes))?;
        }
    }
    for broken in &report.broken {
        writeln!(f, "  BROKEN {broken}")?;
    }
    match (report.broken.len(), report.checked) {
        (0, true) => writeln!(f, "  sound: no rule is broken"),
        (0, false) => writeln!(f, "  not checked (`shard check` does)"),
        (n, _) => writeln!(f, "  {} broken", plural(n, "rule")),
    }
}

fn write_batches(f: &mut String, report: &Report) -> fmt::Result {
    let bytes = |of: fn(&BatchReport) -> u64| {
        report
            .batches
            .iter()
            .fold(0, |sum: u64, b| sum.saturating_add(of(b)))
    };
    writeln!(
        f,
        "  {}, {}, {} in blobs, {} in the state",
        plural(report.batches.len(), "batch"),
        plural(
            usize::try_from(report.updates()).unwrap_or(usize::MAX),
            "update"
        ),
        size(bytes(|b| b.blob_bytes)),
        size(bytes(|b| b.inline_bytes as u64)),
    )?;
    if report.batches.is_empty() {
        return Ok(());
    }
    let mut rows = vec![[
        "level".to_string(),
        "batch".into(),
        "lower".into(),
        "upper".into(),
        "since".into(),
        "updates".into(),
        "runs".into(),
        "parts".into(),
    ]];
    for b in &report.batches {
        let mut parts = Vec::new();
        if b.blob_parts > 0 {
            let size = size(b.blob_bytes);
            parts.push(format!("{} ({size})", plural(b.blob_parts, "blob")));
        }
        if b.inline_parts > 0 {
            let size = size(b.inline_bytes as u64);
            parts.push(format!("{} inline ({size})", b.inline_parts));
        }
        if parts.is_empty() {
            parts.push("none".into());
        }
        rows.push([
            b.level.to_string(),
            b.id.to_string(),
            b.desc.lower.to_string(),
            b.desc.upper.to_string(),
            b.desc.since.to_string(),
            b.updates.to_string(),
            b.runs.to_string(),
            parts.join(", "),
        ]);
    }
    write_table(f, &rows)?;
    for batch in &report.batches {
        for key in &batch.keys {
            writeln!(f, "    blob of {}: {key}", batch.id)?;
        }
    }
    for merge in &report.merges {
        writeln!(
            f,
            "    merge of {}: {} of work left",
            merge.id, merge.remaining_work
        )?;
    }
    Ok(())
}

fn write_handle(f: &mut String, handle: &HandleReport, now_ms: u64) -> fmt::Result {
    write!(f, "    {} {}, {}", handle.kind, handle.id, handle.holds)?;
    match handle.expires_ms {
        Some(ms) if ms >= now_ms => write!(f, ", lease ends {}", relative(ms, now_ms))?,
        Some(ms) => write!(f, ", lease EXPIRED {}", relative(ms, now_ms))?,
        None => {}
    }
    if !handle.debug.is_empty() {
        write!(f, " ({})", handle.debug)?;
    }
    writeln!(f)
}

/// Columns as wide as their widest cell, indented.
fn write_table<const N: usize>(f: &mut String, rows: &[[String; N]]) -> fmt::Result {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let mut line = String::from("   ");
        for (width, cell) in widths.iter().zip(row) {
            write!(line, " {cell:<width$} ")?;
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_list(f: &mut String, shards: &[ShardSummary]) -> fmt::Result {
    let mut rows = vec![[
        "shard".to_string(),
        "since".into(),
        "upper".into(),
        "seqno".into(),
        "batches".into(),
        "updates".into(),
        "readers".into(),
        "writers".into(),
    ]];
    for shard in shards {
        let id = shard.shard.to_string();
        rows.push(match &shard.state {
            Ok(known) => [
                id,
                known.since.to_string(),
                known.upper.to_string(),
                known.seqno.to_string(),
                known.batches.to_string(),
                known.updates.to_string(),
                known.readers.to_string(),
                known.writers.to_string(),
            ],
            Err(_) => [
                id,
                "UNREADABLE".into(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ],
        });
    }
    write_table(f, &rows)?;
    for shard in shards {
        if let Err(why) = &shard.state {
            writeln!(f, "  {why}")?;
        }
    }
    writeln!(f, "  {}", plural(shards.len(), "shard"))
}
