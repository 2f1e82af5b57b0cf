//! Lines of the small text files of a data directory, with the number and the
//! byte position of each, so that an error can name both.
//!
//! As Java's `BufferedReader.readLine`: a line ends at `\n`, `\r` or `\r\n`, and
//! the last one may lack its end.

use super::error::{FormatError, Result};

/// One line, without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: usize,
    /// Of its first byte.
    pub(crate) position: usize,
    pub(crate) text: &'a str,
}

impl Line<'_> {
    /// This line is not what it should be.
    #[cold]
    pub(crate) fn corrupt(&self, what: &'static str, expected: impl Into<String>) -> FormatError {
        FormatError::corrupt(
            what,
            self.position,
            expected.into(),
            format!("{:?} on line {}", clip(self.text), self.number),
        )
    }
}

/// The lines of a file. Refuses bytes that are not UTF-8.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                number: 0,
            }),
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                Err(FormatError::corrupt(
                    what,
                    error.valid_up_to(),
                    "UTF-8",
                    format!("byte 0x{:02x} on line {line}", bytes[error.valid_up_to()]),
                ))
            }
        }
    }

    /// How many lines have been handed out.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// The byte behind the last line that was handed out.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let position = self.at;
        let terminator = match rest.as_bytes().get(end..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([_, ..]) => 1,
            _ => 0,
        };
        self.at += end + terminator;
        self.number += 1;
        Some(Line {
            number: self.number,
            position,
            text: &rest[..end],
        })
    }
}

/// At most 60 characters, for a message.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// How many letters have to be put in, taken out or changed.
pub(crate) fn edit_distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (place, candidate) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != candidate);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_in_java_and_know_where_they_are() {
        let lines: Vec<_> = Lines::new("t", b"a\r\nb\rc\n\nd")
            .unwrap()
            .map(|line| (line.number, line.position, line.text))
            .collect();
        assert_eq!(
            lines,
            [
                (1, 0, "a"),
                (2, 3, "b"),
                (3, 5, "c"),
                (4, 7, ""),
                (5, 8, "d")
            ]
        );
        let error = Lines::new("t", b"ok\n\xff").unwrap_err();
        assert_eq!(
            error.to_string(),
            "t at byte 3: expected UTF-8, found byte 0xff on line 2"
        );
    }
}
