//! Values of options, parsed into types that cannot be wrong.

use crate::tools::format_string::unescape;
use std::str::FromStr;

/// Text that separates fields or records: escapes `\n \t \r \0 \\ \xNN` are
/// resolved, and it is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Separator(pub Vec<u8>);

impl FromStr for Separator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if first == '\\' {
                let (byte, length) = unescape(&rest[1..]).map_err(|found| {
                    format!("unknown escape `\\{found}`; known are \\n \\t \\r \\0 \\\\ \\xNN")
                })?;
                bytes.push(byte);
                rest = &rest[1 + length..];
            } else {
                bytes.extend_from_slice(&rest.as_bytes()[..first.len_utf8()]);
                rest = &rest[first.len_utf8()..];
            }
        }
        if bytes.is_empty() {
            return Err("expected at least one character".to_owned());
        }
        Ok(Self(bytes))
    }
}

/// A separator of one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneByte(pub u8);

impl FromStr for OneByte {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<Separator>()?.0.as_slice() {
            [byte] => Ok(Self(*byte)),
            _ => Err(format!("expected one character, found `{text}`")),
        }
    }
}

/// When `produce` makes what it wrote durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Sync {
    /// Once, before it exits; exit status 0 then means that all of it survives a power cut
    #[default]
    End,
    /// After each batch
    Batch,
    /// Never: the system writes it back when it pleases
    None,
}

/// How tables are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum DataFormat {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// Comma-separated, with a row of names
    Csv,
    /// Tab-separated, with a row of names
    Tsv,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(
            "\\t\\x00é".parse(),
            Ok(Separator("\t\0é".as_bytes().to_vec()))
        );
        assert!("".parse::<Separator>().is_err());
        assert!("\\q".parse::<Separator>().is_err());
        assert_eq!("\\t".parse(), Ok(OneByte(b'\t')));
        assert!("ab".parse::<OneByte>().is_err());
    }
}
