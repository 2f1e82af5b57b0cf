//! Format strings: compiled once into tokens, then rendered or read per record.
//!
//! The tokens are those of `rpk` and `kcl` ([`FormatString::compile`]), or those
//! of `kcat` ([`FormatString::compile_kcat`]):
//!
//! | token | is | kcat |
//! |---|---|---|
//! | `%v` `%V` | value, its length | `%s` `%S` (length −1 for null, `%R` as 4 bytes big-endian) |
//! | `%k` `%K` | key, its length | `%k` `%K` |
//! | `%h{…}` `%H` | each header by `%k` `%v` `%K` `%V`, their number | `%h`: `name=value,…` |
//! | `%t` `%T` | topic, its length | `%t` |
//! | `%p` `%o` `%e` | partition, offset, leader epoch | `%p` `%o` |
//! | `%d` | timestamp | `%T` |
//! | `%a{…}` | an attribute of the batch | |
//! | `%x` `%y` | producer id and epoch | |
//! | `%i` | how many were written, from 1 | |
//! | `%[` `%\|` `%]` | log start, last stable offset, high watermark | |
//! | `%%` `%{` `%}` | the character | `%%` |
//!
//! A missing number (no leader epoch, no timestamp) is −1, as Kafka writes it.

mod kcat;
mod number;
mod parse;
mod reader;
mod render;
mod time;

pub(in crate::tools) use number::write_decimal;
pub(in crate::tools) use parse::unescape;
pub use reader::FormatReader;
pub(in crate::tools) use render::write_base64;

use super::error::Result;
use number::NumberStyle;
use time::TimeStyle;

/// A compiled format string.
#[derive(Debug, Clone)]
pub struct FormatString {
    tokens: Vec<Token>,
    null: Vec<u8>,
    calls: u64,
}

impl FormatString {
    /// Compiles a format with the tokens of `rpk` and `kcl`.
    pub fn compile(format: &str) -> Result<Self> {
        parse::compile(format).map(Self::from_tokens)
    }

    /// Compiles a format with the tokens of `kcat`.
    pub fn compile_kcat(format: &str) -> Result<Self> {
        kcat::compile(format).map(Self::from_tokens)
    }

    /// What stands for a null key, value or header value. Nothing by default.
    #[must_use]
    pub fn with_null(mut self, marker: &[u8]) -> Self {
        self.null = marker.to_vec();
        self
    }

    const fn from_tokens(tokens: Vec<Token>) -> Self {
        Self {
            tokens,
            null: Vec::new(),
            calls: 0,
        }
    }
}

/// One part of a format.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(Vec<u8>),
    Text(Text, TextStyle),
    Number(Number, NumberStyle),
    Time(TimeStyle),
    Attribute(Attribute),
    Headers(Vec<Token>),
    HeaderList,
}

/// Fields that are bytes. Inside `%h{…}` key and value are those of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Topic,
    Key,
    Value,
}

/// How bytes are written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextStyle {
    Plain,
    Hex,
    Base64,
    Base64Raw,
    Json,
}

/// Fields that are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    /// The length of a text; −1 for null where `null_is_minus_one`.
    Length {
        of: Text,
        null_is_minus_one: bool,
    },
    HeaderCount,
    Partition,
    Offset,
    LeaderEpoch,
    Timestamp,
    ProducerId,
    ProducerEpoch,
    Calls,
    LogStart,
    LastStable,
    HighWatermark,
}

/// Attributes of the batch that a record came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Compression,
    TimestampType,
    Transactional,
    Control,
}
