//! Java's `.properties` syntax, as `java.util.Properties` reads and writes it.
//!
//! ```text
//! # comment, also with `!`
//! key=value            or `key: value`, `key value`; blanks around are dropped
//! long = one \
//!        two           a line that ends in an odd number of backslashes goes on
//! a\ b = \t \u00e9     escapes; any other escaped character stands for itself
//! ```
//!
//! The bytes are ISO 8859-1, as `Properties.load(InputStream)` has it; other
//! characters are written as `\uXXXX`. A parsed file takes memory in proportion
//! to its length.

use super::error::{FormatError, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Keys and values, in the order of the file. Keys are unique: the last counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<(String, String)>,
}

impl Properties {
    /// Reads a whole file; comments are dropped.
    ///
    /// # Errors
    /// A `\u` that four hexadecimal digits do not follow.
    pub fn parse(what: &'static str, bytes: &[u8]) -> Result<Self> {
        let mut properties = Self::default();
        let mut places = BTreeMap::new();
        let mut at = 0;
        let mut number = 0;
        while at < bytes.len() {
            let start = at;
            number += 1;
            let first = number;
            let mut logical: Vec<(usize, u8)> = Vec::new();
            loop {
                let end = line_end(bytes, at);
                let line = &bytes[at..end];
                let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
                let comment = logical.is_empty() && matches!(line.get(blanks), Some(b'#' | b'!'));
                let text = if comment { &[] } else { &line[blanks..] };
                let text_at = at + blanks;
                at = behind_terminator(bytes, end);
                let slashes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
                let goes_on = slashes % 2 == 1;
                let kept = text.len() - usize::from(goes_on);
                logical.extend((text_at..).zip(text[..kept].iter().copied()));
                if !goes_on || at >= bytes.len() {
                    break;
                }
                number += 1;
            }
            if !logical.is_empty() {
                let (key, value) = split(what, &logical, start, first)?;
                let place = *places
                    .entry(key.clone())
                    .or_insert(properties.entries.len());
                match properties.entries.get_mut(place) {
                    Some((_, old)) => *old = value,
                    None => properties.entries.push((key, value)),
                }
            }
        }
        Ok(properties)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(value)
    }

    /// Sets a value, in its place if the key is there, else at the end.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.entries.push((key.to_owned(), value.to_owned())),
        }
    }

    /// Drops a key.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|(name, _)| name != key);
    }

    /// Each key and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The entries as lines, without a comment.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (key, value) in &self.entries {
            for (index, c) in key.chars().enumerate() {
                escape(&mut out, c, true, index == 0);
            }
            out.push('=');
            for (index, c) in value.chars().enumerate() {
                escape(&mut out, c, false, index == 0);
            }
            out.push('\n');
        }
        out
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    let length = bytes[from..]
        .iter()
        .position(|b| matches!(b, b'\n' | b'\r'));
    length.map_or(bytes.len(), |length| from + length)
}

fn behind_terminator(bytes: &[u8], end: usize) -> usize {
    match bytes.get(end..) {
        Some([b'\r', b'\n', ..]) => end + 2,
        Some([_, ..]) => end + 1,
        _ => end,
    }
}

/// Splits a logical line (bytes with their positions) at the first `=`, `:` or
/// blank that is not escaped.
fn split(
    what: &'static str,
    line: &[(usize, u8)],
    start: usize,
    number: usize,
) -> Result<(String, String)> {
    let mut key_end = 0;
    while let Some((_, byte)) = line.get(key_end) {
        match byte {
            b'\\' => key_end += 2,
            b'=' | b':' => break,
            byte if is_blank(*byte) => break,
            _ => key_end += 1,
        }
    }
    let key_end = key_end.min(line.len());
    let mut value = &line[key_end..];
    let skip_blanks = |rest: &mut &[(usize, u8)]| {
        while let Some(((_, byte), tail)) = rest.split_first()
            && is_blank(*byte)
        {
            *rest = tail;
        }
    };
    skip_blanks(&mut value);
    if let Some(((_, b'=' | b':'), tail)) = value.split_first() {
        value = tail;
        skip_blanks(&mut value);
    }
    let text = |part| {
        unescape(part).map_err(|position| {
            FormatError::corrupt(
                what,
                position.unwrap_or(start),
                "four hexadecimal digits after \\u",
                format!("something else on line {number}"),
            )
        })
    };
    Ok((text(&line[..key_end])?, text(value)?))
}

/// Resolves escapes; the error is the position of the bad one.
fn unescape(part: &[(usize, u8)]) -> Result<String, Option<usize>> {
    let mut units: Vec<u16> = Vec::with_capacity(part.len());
    let mut rest = part.iter();
    while let Some((position, byte)) = rest.next() {
        if *byte != b'\\' {
            units.push(u16::from(*byte));
            continue;
        }
        let unit = match rest.next().map(|(_, byte)| *byte) {
            None => break,
            Some(b't') => u16::from(b'\t'),
            Some(b'r') => u16::from(b'\r'),
            Some(b'n') => u16::from(b'\n'),
            Some(b'f') => 0x0c,
            Some(b'u') => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = rest.next().and_then(|(_, b)| char::from(*b).to_digit(16));
                    unit = unit << 4 | digit.ok_or(Some(*position))? as u16;
                }
                unit
            }
            Some(other) => u16::from(other),
        };
        units.push(unit);
    }
    Ok(String::from_utf16_lossy(&units))
}

fn escape(out: &mut String, c: char, in_key: bool, first: bool) {
    match c {
        ' ' if in_key || first => out.push_str("\\ "),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\x0c' => out.push_str("\\f"),
        '\\' | '=' | ':' | '#' | '!' => {
            out.push('\\');
            out.push(c);
        }
        ' '..='~' => out.push(c),
        other => {
            for unit in other.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04X}").expect("a String takes it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        Properties::parse("p", text.as_bytes()).unwrap().entries
    }

    #[test]
    fn every_form_that_java_reads() {
        let text =
            "# c\n ! c \\\n\na=1\nb : 2\r\nc 3\rd\ne\\ f=\\tx\\\n   y\\u00e9\ng==h\nz\\q=\\\\";
        let expect = [
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("d", ""),
            ("e f", "\txyé"),
            ("g", "=h"),
            ("zq", "\\"),
        ];
        let expect = expect.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs(text), expect);
        assert_eq!(pairs("k=1\nk=2"), [("k".to_owned(), "2".to_owned())]);
        assert_eq!(pairs("open=\\"), [("open".to_owned(), String::new())]);
    }

    #[test]
    fn a_bad_escape_is_named() {
        let error = Properties::parse("meta.properties", b"a=1\nb=\\u12x4\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "meta.properties at byte 6: expected four hexadecimal digits after \\u, \
             found something else on line 2"
        );
    }

    proptest! {
        #[test]
        fn any_text_round_trips(entries in proptest::collection::btree_map(".{1,6}", ".{0,6}", 0..5)) {
            let mut properties = Properties::default();
            for (key, value) in &entries {
                properties.set(key, value);
            }
            let text = properties.to_text();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(Properties::parse("p", text.as_bytes()).unwrap(), properties);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "[a=: \\\\\n\r#u0-9]{0,40}") {
            let _ = Properties::parse("p", &bytes);
            let _ = Properties::parse("p", text.as_bytes());
        }
    }
}
