//! Compiles formats with the tokens of `rpk` and `kcl`, and the escapes that
//! both dialects share.

use super::number::{NumberStyle, STYLES};
use super::time::TimeStyle;
use super::{Attribute, Number, Text, TextStyle, Token};
use crate::tools::error::{Result, ToolError};

const TOKENS: &str = "%v %V %k %K %h{…} %H %t %T %p %o %e %d %a{…} %x %y %i %[ %| %] %% %{ %}";

/// Compiles a format.
pub(super) fn compile(format: &str) -> Result<Vec<Token>> {
    let mut scanner = Scanner::new(format);
    let mut tokens = Tokens::default();
    while let Some(piece) = scanner.next_piece()? {
        match piece {
            Piece::Byte(byte) => tokens.literal.push(byte),
            Piece::Percent => match scanner.verb()? {
                escaped @ ('%' | '{' | '}') => tokens.literal.push(escaped as u8),
                verb => tokens.push(record_token(&mut scanner, verb)?),
            },
        }
    }
    Ok(tokens.finish())
}

fn record_token(scanner: &mut Scanner<'_>, verb: char) -> Result<Token> {
    let length = |of| Number::Length {
        of,
        null_is_minus_one: false,
    };
    let number = match verb {
        't' => return text_token(scanner, Text::Topic),
        'k' => return text_token(scanner, Text::Key),
        'v' => return text_token(scanner, Text::Value),
        'h' => return header_tokens(scanner),
        'd' => return time_token(scanner),
        'a' => return attribute_token(scanner),
        'T' => length(Text::Topic),
        'K' => length(Text::Key),
        'V' => length(Text::Value),
        'H' => Number::HeaderCount,
        'p' => Number::Partition,
        'o' => Number::Offset,
        'e' => Number::LeaderEpoch,
        'x' => Number::ProducerId,
        'y' => Number::ProducerEpoch,
        'i' => Number::Calls,
        '[' => Number::LogStart,
        '|' => Number::LastStable,
        ']' => Number::HighWatermark,
        _ => return Err(scanner.unknown_token(verb, TOKENS)),
    };
    let style = number_style(
        scanner,
        matches!(number, Number::Length { .. } | Number::HeaderCount),
    )?;
    Ok(Token::Number(number, style))
}

fn header_tokens(scanner: &mut Scanner<'_>) -> Result<Token> {
    if !scanner.take('{') {
        return Err(scanner
            .error("`%h` must be followed by a format in braces")
            .hint("for example %h{%k=%v } writes each header as NAME=VALUE and a space"));
    }
    let mut tokens = Tokens::default();
    let mut depth = 0;
    loop {
        match scanner.next_piece()? {
            None => return Err(scanner.error("the `{` behind `%h` is not closed")),
            Some(Piece::Byte(b'}')) if depth == 0 => break,
            Some(Piece::Byte(byte)) => {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                tokens.literal.push(byte);
            }
            Some(Piece::Percent) => match scanner.verb()? {
                escaped @ ('%' | '{' | '}') => tokens.literal.push(escaped as u8),
                verb @ ('k' | 'K' | 'v' | 'V') => tokens.push(record_token(scanner, verb)?),
                verb => {
                    return Err(scanner.unknown_token(verb, "%k %v %K %V %% %{ %}, inside %h{…}"));
                }
            },
        }
    }
    Ok(Token::Headers(tokens.finish()))
}

fn text_token(scanner: &mut Scanner<'_>, text: Text) -> Result<Token> {
    let style = match scanner.braces()? {
        None => TextStyle::Plain,
        Some("hex") => TextStyle::Hex,
        Some("base64") => TextStyle::Base64,
        Some("base64raw") => TextStyle::Base64Raw,
        Some("json") => TextStyle::Json,
        Some(other) => {
            let message = format!(
                "expected {{hex}}, {{base64}}, {{base64raw}} or {{json}}, found {{{other}}}"
            );
            return Err(scanner.error(&message));
        }
    };
    Ok(Token::Text(text, style))
}

fn number_style(scanner: &mut Scanner<'_>, may_be_constant: bool) -> Result<NumberStyle> {
    let Some(name) = scanner.braces()? else {
        return Ok(NumberStyle::Ascii);
    };
    match NumberStyle::from_name(name) {
        Some(NumberStyle::Constant(_)) if !may_be_constant => {}
        Some(style) => return Ok(style),
        None => {}
    }
    Err(scanner.error(&format!(
        "expected one of {STYLES} in braces, found {{{name}}}"
    )))
}

fn time_token(scanner: &mut Scanner<'_>) -> Result<Token> {
    let by = ["strftime", "go"].into_iter().find(|by| {
        scanner
            .rest()
            .strip_prefix('{')
            .is_some_and(|rest| rest.starts_with(by))
    });
    let Some(by) = by else {
        let style = number_style(scanner, false)?;
        return Ok(Token::Time(TimeStyle::Millis(style)));
    };
    scanner.skip(1 + by.len());
    let format = scanner.enclosed()?;
    if !scanner.take('}') {
        return Err(scanner.error("expected `}` behind the time format"));
    }
    let style = match by {
        "go" => TimeStyle::go(format),
        _ => TimeStyle::strftime(format),
    };
    style
        .map(Token::Time)
        .map_err(|why| scanner.error(&format!("the time format `{format}`: {why}")))
}

fn attribute_token(scanner: &mut Scanner<'_>) -> Result<Token> {
    let attribute = match scanner.braces()? {
        Some("compression") => Attribute::Compression,
        Some("timestamp-type") => Attribute::TimestampType,
        Some("transactional-bit") => Attribute::Transactional,
        Some("control-bit") => Attribute::Control,
        found => {
            let found = found.map_or("nothing".to_owned(), |found| format!("{{{found}}}"));
            let message = format!(
                "expected {{compression}}, {{timestamp-type}}, {{transactional-bit}} or \
                 {{control-bit}} behind %a, found {found}"
            );
            return Err(scanner.error(&message));
        }
    };
    Ok(Token::Attribute(attribute))
}

/// Tokens being collected, neighbouring literals joined.
#[derive(Default)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
    pub(super) literal: Vec<u8>,
}

impl Tokens {
    pub(super) fn push(&mut self, token: Token) {
        self.flush();
        self.tokens.push(token);
    }

    pub(super) fn finish(mut self) -> Vec<Token> {
        self.flush();
        self.tokens
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.tokens.push(Token::Literal(literal));
        }
    }
}

/// What stands next in a format.
pub(super) enum Piece {
    /// A byte of the text, escapes resolved.
    Byte(u8),
    /// A percent sign; [`Scanner::verb`] is next.
    Percent,
}

/// Reads a format from left to right and knows where it is.
pub(super) struct Scanner<'a> {
    format: &'a str,
    at: usize,
    token: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(format: &'a str) -> Self {
        Self {
            format,
            at: 0,
            token: 0,
        }
    }

    pub(super) fn next_piece(&mut self) -> Result<Option<Piece>> {
        self.token = self.at;
        let Some(byte) = self.format.as_bytes().get(self.at).copied() else {
            return Ok(None);
        };
        self.at += 1;
        Ok(Some(match byte {
            b'%' => Piece::Percent,
            b'\\' => Piece::Byte(self.escape()?),
            byte => Piece::Byte(byte),
        }))
    }

    /// The character behind a percent sign.
    pub(super) fn verb(&mut self) -> Result<char> {
        let verb = self.rest().chars().next();
        let verb = verb.ok_or_else(|| {
            self.error("a `%` at the end")
                .hint("write %% for a percent sign")
        })?;
        self.at += verb.len_utf8();
        Ok(verb)
    }

    fn escape(&mut self) -> Result<u8> {
        let (byte, length) = unescape(self.rest()).map_err(|found| {
            self.error(&format!("unknown escape `\\{found}`"))
                .hint("known are \\n \\t \\r \\0 \\\\ and \\xNN with two hex digits")
        })?;
        self.at += length;
        Ok(byte)
    }

    fn rest(&self) -> &'a str {
        &self.format[self.at..]
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn take(&mut self, expected: char) -> bool {
        let there = self.rest().starts_with(expected);
        if there {
            self.at += expected.len_utf8();
        }
        there
    }

    /// What stands in braces next, if braces are next.
    fn braces(&mut self) -> Result<Option<&'a str>> {
        if !self.take('{') {
            return Ok(None);
        }
        let rest = self.rest();
        let length = rest
            .find('}')
            .ok_or_else(|| self.error("a `{` that is not closed"))?;
        self.at += length + 1;
        Ok(Some(&rest[..length]))
    }

    /// Text between repeated brackets or any other repeated character:
    /// `[…]`, `{{…}}`, `##…##`.
    fn enclosed(&mut self) -> Result<&'a str> {
        let rest = self.rest();
        let open = rest.chars().next().filter(|open| *open != '}');
        let open = open.ok_or_else(|| self.error("expected a time format in brackets"))?;
        let close = match open {
            '[' => ']',
            '{' => '}',
            '(' => ')',
            other => other,
        };
        let count = rest.chars().take_while(|c| *c == open).count();
        let inside = &rest[count * open.len_utf8()..];
        let end: String = std::iter::repeat_n(close, count).collect();
        let length = inside
            .find(&end)
            .ok_or_else(|| self.error(&format!("expected `{end}` behind the time format")))?;
        self.at += count * open.len_utf8() + length + end.len();
        Ok(&inside[..length])
    }

    pub(super) fn unknown_token(&self, verb: char, known: &str) -> ToolError {
        self.error(&format!("unknown token `%{verb}`"))
            .hint(format!("known are {known}"))
    }

    /// An error about the token that is being read.
    pub(super) fn error(&self, what: &str) -> ToolError {
        let character = self.format[..self.token].chars().count() + 1;
        ToolError::usage(format!(
            "format `{}`, character {character}: {what}",
            self.format
        ))
    }
}

/// The byte of an escape, and how many bytes follow its backslash; the error is
/// what was found there.
pub(in crate::tools) fn unescape(behind: &str) -> std::result::Result<(u8, usize), String> {
    let first = behind.chars().next();
    Ok(match first {
        Some('n') => (b'\n', 1),
        Some('t') => (b'\t', 1),
        Some('r') => (b'\r', 1),
        Some('0') => (0, 1),
        Some('\\') => (b'\\', 1),
        Some('x') => {
            let digits = behind
                .get(1..3)
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            (
                byte.ok_or_else(|| behind.chars().take(3).collect::<String>())?,
                3,
            )
        }
        other => return Err(other.map(String::from).unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_say_where_and_what_is_known() {
        for (format, says) in [
            ("%v\n%q", "character 4: unknown token `%q`"),
            ("é%", "character 2: a `%` at the end"),
            ("%v{rot13}", "found {rot13}"),
            ("%o{rot13}", "found {rot13}"),
            ("%o{12}", "found {12}"),
            ("%v{hex", "not closed"),
            ("%h", "must be followed"),
            ("%h{%k", "not closed"),
            ("%h{%o}", "unknown token `%o`"),
            ("\\q", "character 1: unknown escape `\\q`"),
            ("\\x0g", "unknown escape `\\x0g`"),
            ("%d{strftime[%F}", "expected `]`"),
            ("%d{strftime[%F]", "expected `}`"),
            ("%d{strftime[%&]}", "the time format `%&`"),
            ("%a", "found nothing"),
        ] {
            let error = compile(format).unwrap_err();
            assert_eq!(error.exit().code(), 2, "{format}");
            assert!(error.to_string().contains(says), "{format}: {error}");
        }
    }

    #[test]
    fn literals_are_joined_and_escapes_resolved() {
        let tokens = compile(r"a%%b\t\x41%{%}").unwrap();
        assert_eq!(tokens, [Token::Literal(b"a%b\tA{}".to_vec())]);
    }

    proptest! {
        #[test]
        fn no_format_panics(format in "(%[a-zA-Z\\[|{}%]|\\{(hex|json|go|strftime)|[\\[\\]#}{]|\\\\.|\\PC){0,12}") {
            let _ = compile(&format);
        }
    }
}
