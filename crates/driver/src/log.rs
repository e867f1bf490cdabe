//! The log of a process: its end, the line that tells why the process ended,
//! and the lines that say that something is wrong though it lives.
//!
//! Invariant: a line raises alarm once; a line that is not written to its end
//! is read when it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// What a line of a log holds that says that something is wrong: an error of
/// tracing (soft assertions that only log are errors), a panic that was caught.
pub const ALARMS: [&str; 3] = [" ERROR ", "panicked at", "aborting process:"];

/// What is told of one log at a time, in lines, and of one line, in characters.
const LINES_TOLD: usize = 10;
const LINE_TOLD: usize = 1_000;

/// What is kept of the end of a log, in bytes.
const KEPT: u64 = 1 << 20;

/// A log that a process writes.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    /// Up to where its lines were looked at.
    read: u64,
}

impl Log {
    /// An empty log, and what to write it with.
    pub fn create(path: PathBuf) -> io::Result<(Log, File)> {
        let file = File::create(&path)?;
        Ok((Log { path, read: 0 }, file))
    }

    /// What it holds, the newest part of a long one; nothing if it cannot be
    /// read.
    pub fn text(&self) -> String {
        tail(&self.path, KEPT)
    }

    /// Leaves out of the alarms what was written so far.
    pub fn skip(&mut self) {
        self.alarms(&[]);
    }

    /// The lines with one of `texts` in them that were written since the last
    /// time.
    pub fn alarms(&mut self, texts: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        // A log that is gone says nothing.
        let _ = self.read_on(|line| {
            if found.len() < LINES_TOLD && texts.iter().any(|text| line.contains(text.as_str())) {
                found.push(line.chars().take(LINE_TOLD).collect());
            }
        });
        found
    }

    fn read_on(&mut self, mut each: impl FnMut(&str)) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = lines.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok(());
            }
            self.read += length as u64;
            each(plain(&String::from_utf8_lossy(&line)).trim());
        }
    }

    /// Why a process ended, by the last line that names an error, else by the
    /// last line; nothing of an empty log.
    pub fn reason(&self) -> Option<String> {
        let text = plain(&tail(&self.path, 64 * 1024));
        let lines: Vec<&str> = (text.lines().map(str::trim))
            .filter(|line| !line.is_empty())
            .collect();
        let at = lines.iter().rposition(|line| tells_a_reason(line));
        let at = at.or_else(|| lines.len().checked_sub(1))?;
        // A panic says where in one line, and why in the next.
        let why = lines[at].ends_with(':').then(|| lines.get(at + 1));
        Some(match why.flatten() {
            Some(why) => format!("{} {why}", lines[at]),
            None => lines[at].to_string(),
        })
    }
}

/// Whether a process writes this line when it is about to end.
pub fn tells_an_end(line: &str) -> bool {
    let texts = ["panicked at", "halting process:", "aborting process:"];
    texts.iter().any(|text| line.contains(text))
}

fn tells_a_reason(line: &str) -> bool {
    let starts = ["error:", "miniclusterd:", "clusterd:", "panic"];
    starts.iter().any(|text| line.starts_with(text)) || tells_an_end(line)
}

/// The end of a file, from a whole line on; nothing if it cannot be read.
fn tail(path: &Path, bytes: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut end = Vec::new();
        file.take(bytes).read_to_end(&mut end)?;
        if length > bytes {
            let line = end.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
            end.drain(..line);
        }
        Ok(end)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// A text without the escape sequences that colour a terminal.
fn plain(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_ascii_alphabetic());
        plain.push_str(end.map_or("", |at| &piece[at + 1..]));
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log() -> (tempfile::TempDir, Log, File) {
        let directory = tempfile::tempdir().unwrap();
        let (log, file) = Log::create(directory.path().join("log")).unwrap();
        (directory, log, file)
    }

    #[test]
    fn the_reason_of_an_end_is_the_line_that_tells_it() {
        for (text, reason) in [
            ("", None),
            (
                "one\nhalting process: too late\n\n",
                Some("halting process: too late"),
            ),
            (
                "one\nerror: no such flag\n\nUsage: x\n",
                Some("error: no such flag"),
            ),
            ("one\ntwo\n", Some("two")),
            (
                "one\nthread 'w' panicked at src/a.rs:1:2:\nno more\nnote: run with\n",
                Some("thread 'w' panicked at src/a.rs:1:2: no more"),
            ),
            (
                "2026 \u{1b}[33m WARN\u{1b}[0m a: halting process: too late\nmore\n",
                Some("2026  WARN a: halting process: too late"),
            ),
        ] {
            let (_directory, log, mut file) = log();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(log.reason().as_deref(), reason, "{text:?}");
        }
    }

    #[test]
    fn a_line_raises_alarm_once_and_when_it_is_whole() {
        let texts = ALARMS.map(String::from);
        let (_directory, mut log, mut file) = log();
        file.write_all(b"2026 ERROR at the start\n").unwrap();
        log.skip();
        file.write_all(b"2026 INFO no ERROR\n2026 \x1b[31mERROR\x1b[0m soft assert")
            .unwrap();
        assert_eq!(log.alarms(&texts), Vec::<String>::new());
        file.write_all(b"ion failed\n\xff panicked at x\n").unwrap();
        let told = ["2026 ERROR soft assertion failed", "\u{fffd} panicked at x"];
        assert_eq!(log.alarms(&texts), told);
        assert_eq!(log.alarms(&texts), Vec::<String>::new());
    }

    #[test]
    fn the_end_of_a_long_file_begins_with_a_whole_line() {
        let (_directory, log, mut file) = log();
        file.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(tail(&log.path, 5), "two\n");
        assert_eq!(log.text(), "one\ntwo\n");
    }
}
