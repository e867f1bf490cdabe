//! Tokens of the plan text, by Rust's lexical rules, each with its place.
//! Source: `spec/script.md` §3.
//!
//! Invariant: any text gives tokens or an error at a line and column; nothing
//! here recurses or looks back.

use thiserror::Error;

/// Text that is no plan. Lines count from 1, columns (characters) from 0, as
/// upstream counts them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("parse error at {line}:{column}: {message}")]
pub struct ParseError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Ident(String),
    /// Without sign.
    Int(u128),
    Float(f64),
    Str(String),
    /// An operator or bracket, longest first.
    Punct(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned {
    pub token: Token,
    pub line: usize,
    pub column: usize,
}

impl Token {
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Ident(name) => format!("`{name}`"),
            Token::Int(n) => format!("`{n}`"),
            Token::Float(x) => format!("`{x:?}`"),
            Token::Str(s) => format!("string {s:?}"),
            Token::Punct(p) => format!("`{p}`"),
            Token::End => "end of input".to_string(),
        }
    }
}

const PUNCTUATION: [&str; 26] = [
    "::", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}", ",", "#", "=", "<", ">", "+", "-", "*",
    "/", "%", "?", ".", ":", "@", "!", ";",
];

/// All tokens, the last one `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned>, ParseError> {
    // Annotations look like comments; upstream makes them visible this way.
    let text = text.replace("// {", ":: {");
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
        column: 0,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let (line, column) = (lexer.line, lexer.column);
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push(Spanned {
            token,
            line,
            column,
        });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    column: usize,
}

impl Lexer {
    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError {
            line: self.line,
            column: self.column,
            message: message.into(),
        })
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip_blank(&mut self) -> Result<(), ParseError> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(c), _) if c.is_whitespace() => {
                    self.next();
                }
                (Some('/'), Some('/')) => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                (Some('/'), Some('*')) => self.skip_block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), ParseError> {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (Some(_), _) => {
                    self.next();
                    continue;
                }
                (None, _) => return self.error("unterminated block comment"),
            }
            self.next();
            self.next();
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        let Some(c) = self.peek(0) else {
            return Ok(Token::End);
        };
        if c == 'r' && matches!(self.peek(1), Some('"' | '#')) && self.raw_string_ahead() {
            return self.raw_string();
        }
        if c.is_alphabetic() || c == '_' {
            let mut name = String::new();
            while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
                name.push(c);
                self.next();
            }
            return Ok(Token::Ident(name));
        }
        if c.is_ascii_digit() {
            return self.number();
        }
        if c == '"' {
            return self.string();
        }
        for p in PUNCTUATION {
            if p.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c)) {
                for _ in p.chars() {
                    self.next();
                }
                return Ok(Token::Punct(p));
            }
        }
        self.error(format!("unexpected character {c:?}"))
    }

    fn number(&mut self) -> Result<Token, ParseError> {
        let radix = match (self.peek(0), self.peek(1)) {
            (Some('0'), Some('x')) => 16,
            (Some('0'), Some('o')) => 8,
            (Some('0'), Some('b')) => 2,
            _ => 10,
        };
        if radix != 10 {
            self.next();
            self.next();
        }
        let mut digits = self.digits(radix);
        let mut float = false;
        if radix == 10 {
            let after_dot = self.peek(1);
            let method = after_dot.is_some_and(|c| c.is_alphabetic() || c == '_' || c == '.');
            if self.peek(0) == Some('.') && !method {
                float = true;
                self.next();
                digits.push('.');
                digits.push_str(&self.digits(10));
            }
            let signed = matches!(self.peek(1), Some('+' | '-'));
            let exponent = if signed { self.peek(2) } else { self.peek(1) };
            if matches!(self.peek(0), Some('e' | 'E'))
                && exponent.is_some_and(|c| c.is_ascii_digit())
            {
                float = true;
                for _ in 0..=usize::from(signed) {
                    digits.extend(self.next());
                }
                digits.push_str(&self.digits(10));
            }
        }
        // A type suffix is read and ignored.
        let mut suffix = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            suffix.push(c);
            self.next();
        }
        if float || suffix == "f32" || suffix == "f64" {
            match digits.parse() {
                Ok(x) => Ok(Token::Float(x)),
                Err(_) => self.error(format!("`{digits}` is no number")),
            }
        } else {
            match u128::from_str_radix(&digits, radix) {
                Ok(n) => Ok(Token::Int(n)),
                Err(_) => self.error(format!("`{digits}` is no number of at most 128 bits")),
            }
        }
    }

    fn digits(&mut self, radix: u32) -> String {
        let mut digits = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_digit(radix) || *c == '_') {
            if c != '_' {
                digits.push(c);
            }
            self.next();
        }
        digits
    }

    fn string(&mut self) -> Result<Token, ParseError> {
        self.next();
        let mut s = String::new();
        loop {
            match self.next() {
                None => return self.error("unterminated string"),
                Some('"') => return Ok(Token::Str(s)),
                Some('\\') => self.escape(&mut s)?,
                Some(c) => s.push(c),
            }
        }
    }

    fn escape(&mut self, s: &mut String) -> Result<(), ParseError> {
        match self.next() {
            Some('n') => s.push('\n'),
            Some('r') => s.push('\r'),
            Some('t') => s.push('\t'),
            Some('0') => s.push('\0'),
            Some(c @ ('\\' | '"' | '\'')) => s.push(c),
            Some('x') => {
                let hex: String = [self.next(), self.next()].into_iter().flatten().collect();
                match u8::from_str_radix(&hex, 16) {
                    Ok(byte) if byte < 0x80 => s.push(char::from(byte)),
                    _ => return self.error("`\\x` needs two hex digits up to 7f"),
                }
            }
            Some('u') => {
                let mut hex = String::new();
                if self.next() != Some('{') {
                    return self.error("`\\u` needs `{…}`");
                }
                while let Some(c) = self.next().filter(|c| *c != '}') {
                    if c != '_' && hex.len() < 8 {
                        hex.push(c);
                    }
                }
                let c = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                match c {
                    Some(c) => s.push(c),
                    None => return self.error(format!("`\\u{{{hex}}}` is no character")),
                }
            }
            Some('\n') => {
                while self.peek(0).is_some_and(char::is_whitespace) {
                    self.next();
                }
            }
            _ => return self.error("unknown escape in string"),
        }
        Ok(())
    }

    fn raw_string_ahead(&self) -> bool {
        let mut ahead = 1;
        while self.peek(ahead) == Some('#') {
            ahead += 1;
        }
        self.peek(ahead) == Some('"')
    }

    fn raw_string(&mut self) -> Result<Token, ParseError> {
        self.next();
        let mut hashes = 0;
        while self.peek(0) == Some('#') {
            hashes += 1;
            self.next();
        }
        self.next();
        let mut s = String::new();
        loop {
            match self.next() {
                None => return self.error("unterminated string"),
                Some('"') if (0..hashes).all(|i| self.peek(i) == Some('#')) => {
                    for _ in 0..hashes {
                        self.next();
                    }
                    return Ok(Token::Str(s));
                }
                Some(c) => s.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        let all = tokens(text).unwrap();
        all.into_iter().map(|t| t.token).collect()
    }

    #[test]
    fn numbers_strings_and_comments_follow_rust() {
        assert_eq!(
            kinds("0x_ff 1_000i64 1.5 2e3 \"a\\n\\u{e9}\" r#\"x\"y\"# /* a /* b */ */ // c\n#"),
            vec![
                Token::Int(255),
                Token::Int(1000),
                Token::Float(1.5),
                Token::Float(2000.0),
                Token::Str("a\né".into()),
                Token::Str("x\"y".into()),
                Token::Punct("#"),
                Token::End,
            ]
        );
    }

    #[test]
    fn annotations_are_no_comments() {
        assert_eq!(
            kinds("// { a")[..2],
            [Token::Punct("::"), Token::Punct("{")]
        );
    }

    #[test]
    fn errors_have_a_place() {
        let err = tokens("Get\n  \"abc").unwrap_err();
        assert_eq!(err.to_string(), "parse error at 2:6: unterminated string");
        assert!(tokens("$").is_err() && tokens("/* a").is_err());
        assert!(tokens("99999999999999999999999999999999999999999").is_err());
    }
}
