//! Upstream's own driver, as a program: it gets a script on stdin, finds a clusterd and
//! its stores in the environment, and says for each stanza whether it matched. Source:
//! `spec/script.md` §0, §1.3.
//!
//! Invariants: only a program that was started here is ever killed; what it says of a
//! stanza is told as it said it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::child::Child;

/// What it must find in the environment.
pub const NEEDED: [&str; 2] = ["PERSIST_BLOB_URL", "PERSIST_CONSENSUS_URL"];

/// What it would find there, and is not to heed.
const UNHEEDED: [&str; 2] = ["DRIVER_SCRIPT", "REWRITE"];

/// The program.
#[derive(Debug, Clone)]
pub struct UpstreamDriver {
    pub path: PathBuf,
    pub args: Vec<String>,
}

/// What it said of a stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The answer is the expected one.
    Matched,
    /// The answer is another one.
    Other(String),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It went through the script.
    Done,
    /// It gave up in the middle, and why.
    Early(String),
    /// It was killed, since it took too long.
    Hung,
}

/// What came of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of each stanza that it reached.
    pub told: Vec<Told>,
    pub end: End,
}

impl UpstreamDriver {
    /// Has it run a script of so many stanzas; its files go into `directory`.
    ///
    /// Errors: it could not be started, or what it said could not be read.
    pub fn run(
        &self,
        script: &str,
        stanzas: usize,
        directory: &Path,
        patience: Duration,
    ) -> io::Result<Report> {
        fs::create_dir_all(directory)?;
        let file = |name: &str| directory.join(name);
        fs::write(file("script.spec"), script)?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.args)
            .stdin(File::open(file("script.spec"))?)
            .stdout(File::create(file("stdout"))?)
            .stderr(File::create(file("stderr"))?);
        for name in UNHEEDED {
            command.env_remove(name);
        }
        let child = Child::start(command)?;
        let ended = child.ended(patience);
        child.kill();
        let told = read(&text_of(&file("stdout"))?)?;
        let end = match ended {
            None => End::Hung,
            Some(_) if told.len() == stanzas => End::Done,
            Some(status) => End::Early(reason(status, &text_of(&file("stderr"))?)),
        };
        Ok(Report { told, end })
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The status, and the first and the last line of what it complained of.
fn reason(status: ExitStatus, stderr: &str) -> String {
    let mut lines = stderr.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or("it said nothing");
    match lines.next_back() {
        Some(last) => format!("{status}: {first} … {last}"),
        None => format!("{status}: {first}"),
    }
}

/// Reads what it prints on stdout; other lines are its own business.
///
/// Errors: a mismatch without its two lines.
fn read(stdout: &str) -> io::Result<Vec<Told>> {
    let mut told = Vec::new();
    let mut lines = stdout.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("ok: ") {
            told.push(Told::Matched);
        } else if line.starts_with("MISMATCH: ") {
            let actual = lines
                .nth(1)
                .and_then(|line| line.strip_prefix("  actual:   "));
            let actual = actual.and_then(unquoted).ok_or_else(|| {
                let place = told.len() + 1;
                io::Error::other(format!(
                    "stanza {place}: expected a line `  actual:   \"…\"` below `{line}`"
                ))
            })?;
            told.push(Told::Other(actual));
        }
    }
    Ok(told)
}

/// A text that Rust's Debug printed.
fn unquoted(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            'u' => {
                let digits: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let code = u32::from_str_radix(digits.strip_prefix('{')?, 16).ok()?;
                char::from_u32(code)?
            }
            c @ ('\\' | '"' | '\'') => c,
            _ => return None,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> UpstreamDriver {
        UpstreamDriver {
            path: "/bin/sh".into(),
            args: vec!["-c".to_string(), script.to_string()],
        }
    }

    #[test]
    fn what_it_prints_is_read_back() {
        let texts = ["", "a\nb", "0 \"a\\\" \u{1}\u{feff}é'", "\t\r\0"];
        for text in texts {
            assert_eq!(unquoted(&format!("{text:?}")).as_deref(), Some(text));
        }
        let stdout =
            "ok: a\nMISMATCH: peek id=1 ts=0\n  expected: \"1\"\n  actual:   \"1\\n2\"\nok: b\n";
        let other = Told::Other("1\n2".to_string());
        assert_eq!(read(stdout).unwrap(), [Told::Matched, other, Told::Matched]);
        let error = read("MISMATCH: a\n  expected: \"\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("stanza 1: expected a line"), "{error}");
    }

    #[test]
    fn how_it_ends_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let run = |script: &str, patience: u64| {
            let patience = Duration::from_millis(patience);
            sh(script)
                .run("a\n----\n", 1, directory.path(), patience)
                .unwrap()
        };
        let done = run(
            "read line; test \"$line\" = a && echo 'ok: a'; exit 1",
            60_000,
        );
        assert_eq!((done.told, done.end), (vec![Told::Matched], End::Done));
        let early = run("echo oh no >&2; exit 101", 60_000);
        assert_eq!(early.end, End::Early("exit status: 101: oh no".to_string()));
        // Nothing ends it but us.
        assert_eq!(run("exec sleep 1000", 1).end, End::Hung);
    }
}
