//! Lexing of the text form: stanzas, indented lines, header tokens. Source:
//! `spec/script.md` §1. What a token means is decided in `text`.
//!
//! Invariant: nothing is unquoted or trimmed away here that a golden block
//! could show; every error is one line.

use std::collections::BTreeMap;
use std::str::FromStr;

use repr::GlobalId;

/// The separator between a stanza's input and its expected output.
pub(super) const SEPARATOR: &str = "----";

/// A line of an input block: its indentation in bytes and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub indent: usize,
    pub text: &'a str,
}

/// The non-blank lines of an input block.
pub(super) fn lines(input: &str) -> Vec<Line<'_>> {
    input
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let line = line.trim_end();
            let text = line.trim_start();
            Line {
                indent: line.len() - text.len(),
                text,
            }
        })
        .collect()
}

/// Splits on whitespace, except inside `"…"` and inside `[…]`. Quotes stay in
/// the token and know no escape (`spec/script.md` §1.2).
pub(super) fn tokens(line: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut quoted = false;
    let mut depth = 0i64;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                token.push(c);
            }
            '[' if !quoted => {
                depth += 1;
                token.push(c);
            }
            ']' if !quoted => {
                depth -= 1;
                token.push(c);
            }
            c if c.is_whitespace() && !quoted && depth == 0 => {
                if !token.is_empty() {
                    tokens.push(std::mem::take(&mut token));
                }
            }
            c => token.push(c),
        }
    }
    if quoted {
        return Err(format!("unterminated string in `{line}`"));
    }
    if depth != 0 {
        return Err(format!("unterminated list in `{line}`"));
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    Ok(tokens)
}

/// A header line: a verb, `key=value` arguments and flags.
#[derive(Debug)]
pub(super) struct Header {
    pub verb: String,
    args: BTreeMap<String, String>,
    flags: Vec<String>,
}

impl Header {
    pub fn parse(line: &str) -> Result<Header, String> {
        let mut tokens = tokens(line)?.into_iter();
        let verb = tokens.next().ok_or("empty command")?;
        let mut args = BTreeMap::new();
        let mut flags = Vec::new();
        for token in tokens {
            match token.split_once('=') {
                Some((key, value)) => {
                    args.insert(key.to_string(), value.to_string());
                }
                None => flags.push(token),
            }
        }
        Ok(Header { verb, args, flags })
    }

    pub fn flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }

    pub fn opt(&self, key: &str) -> Option<&str> {
        self.args.get(key).map(String::as_str)
    }

    pub fn opt_string(&self, key: &str) -> Option<String> {
        self.opt(key).map(str::to_string)
    }

    pub fn req(&self, key: &str) -> Result<&str, String> {
        self.opt(key)
            .ok_or_else(|| format!("missing argument `{key}`"))
    }

    pub fn string(&self, key: &str) -> Result<String, String> {
        self.req(key).map(str::to_string)
    }

    pub fn u64(&self, key: &str) -> Result<u64, String> {
        parse_integer(key, self.req(key)?)
    }

    pub fn opt_u64(&self, key: &str) -> Result<Option<u64>, String> {
        self.opt(key).map(|v| parse_integer(key, v)).transpose()
    }

    pub fn u64_or(&self, key: &str, default: u64) -> Result<u64, String> {
        Ok(self.opt_u64(key)?.unwrap_or(default))
    }

    pub fn usize_or(&self, key: &str, default: usize) -> Result<usize, String> {
        self.opt(key)
            .map(|v| parse_integer(key, v))
            .transpose()
            .map(|v| v.unwrap_or(default))
    }

    pub fn id(&self, key: &str) -> Result<GlobalId, String> {
        parse_id(self.req(key)?)
    }

    /// A list of columns like `[0,1]`.
    pub fn usize_list(&self, key: &str) -> Result<Vec<usize>, String> {
        self.list(key)
    }

    /// A list of numbers like `[0,1]`.
    pub fn list<T: FromStr>(&self, key: &str) -> Result<Vec<T>, String> {
        let value = self.req(key)?;
        let inner = value
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .ok_or_else(|| format!("expected a list like `[0,1]`, got `{value}`"))?;
        if inner.trim().is_empty() {
            return Ok(Vec::new());
        }
        inner
            .split(',')
            .map(|item| {
                let item = item.trim();
                item.parse()
                    .map_err(|_| format!("bad list element `{item}`"))
            })
            .collect()
    }

    /// Exactly `true` or `false`.
    pub fn bool_or(&self, key: &str, default: bool) -> Result<bool, String> {
        match self.opt(key) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(format!("argument `{key}` is not a bool")),
        }
    }
}

fn parse_integer<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    value
        .parse()
        .map_err(|e| format!("argument `{key}` is not an integer: {e}: `{value}`"))
}

pub(super) fn parse_id(value: &str) -> Result<GlobalId, String> {
    value.parse().map_err(|e| format!("bad id `{value}`: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_brackets_hold_a_token_together() {
        let split = |line| tokens(line).unwrap();
        assert_eq!(
            split(r#"a "b  c" [1, 2] d"e f""#),
            ["a", r#""b  c""#, "[1, 2]", r#"d"e f""#]
        );
        assert_eq!(split(r#""[" x"#), [r#""[""#, "x"]);
        assert_eq!(tokens("\"a").unwrap_err(), "unterminated string in `\"a`");
        assert_eq!(tokens("]a").unwrap_err(), "unterminated list in `]a`");
    }

    #[test]
    fn arguments_split_at_the_first_equals_sign_and_the_last_one_wins() {
        let header = Header::parse("v a=1=2 b=3 b=4 c").unwrap();
        assert_eq!(header.opt("a"), Some("1=2"));
        assert_eq!(header.u64("b"), Ok(4));
        assert!(header.flag("c") && !header.flag("a"));
    }

    #[test]
    fn bad_values_say_what_was_expected() {
        let header = Header::parse("v n=x key=1,2 key2=[1,] b=yes id=q7").unwrap();
        assert_eq!(
            header.u64("n").unwrap_err(),
            "argument `n` is not an integer: invalid digit found in string: `x`"
        );
        assert_eq!(header.u64("m").unwrap_err(), "missing argument `m`");
        assert_eq!(
            header.usize_list("key").unwrap_err(),
            "expected a list like `[0,1]`, got `1,2`"
        );
        assert_eq!(
            header.usize_list("key2").unwrap_err(),
            "bad list element ``"
        );
        assert_eq!(
            header.bool_or("b", false).unwrap_err(),
            "argument `b` is not a bool"
        );
        assert!(header.id("id").unwrap_err().starts_with("bad id `q7`"));
    }
}
