//! What can be wrong with bytes: a tear, corruption, something we do not
//! support, or a value that the format cannot hold.
//!
//! A `position` is a byte offset from the start of the slice that was handed to
//! the decoder; [`FormatError::shifted`] moves it to the start of a larger whole.

use std::borrow::Cow;

/// The result of decoding or encoding.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;

/// Why bytes could not be decoded, or a value not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The bytes end before the structure does: an unfinished write.
    #[error("{what} at byte {position} is cut short: expected {expected} bytes, found {found}")]
    Torn {
        /// The structure or field.
        what: &'static str,
        /// Where it starts.
        position: u64,
        /// Bytes that it needs.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The bytes are all there and contradict the format.
    #[error("{what} at byte {position}: expected {expected}, found {found}")]
    Corrupt {
        /// The structure or field.
        what: &'static str,
        /// Where it starts.
        position: u64,
        /// What the format asks for.
        expected: Cow<'static, str>,
        /// What is there.
        found: Cow<'static, str>,
    },
    /// Well formed, as far as can be told, but of a version or kind not known here.
    #[error("{what} at byte {position}: {found} is not supported (expected {expected})")]
    Unsupported {
        /// The structure or field.
        what: &'static str,
        /// Where it starts.
        position: u64,
        /// The versions or kinds that are known.
        expected: Cow<'static, str>,
        /// What is there.
        found: Cow<'static, str>,
    },
    /// A value to be encoded that the format cannot hold.
    #[error("cannot encode {what}: expected {expected}, got {found}")]
    Unencodable {
        /// The structure or field.
        what: &'static str,
        /// The range that the format has.
        expected: Cow<'static, str>,
        /// The value.
        found: Cow<'static, str>,
    },
}

impl FormatError {
    /// Bytes end early.
    #[cold]
    pub fn torn(what: &'static str, position: usize, expected: usize, found: usize) -> Self {
        Self::Torn {
            what,
            position: position as u64,
            expected: expected as u64,
            found: found as u64,
        }
    }

    /// Bytes contradict the format.
    #[cold]
    pub fn corrupt(
        what: &'static str,
        position: usize,
        expected: impl Into<Cow<'static, str>>,
        found: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Corrupt {
            what,
            position: position as u64,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// A version or kind not known here.
    #[cold]
    pub fn unsupported(
        what: &'static str,
        position: usize,
        expected: impl Into<Cow<'static, str>>,
        found: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Unsupported {
            what,
            position: position as u64,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// A value that the format cannot hold.
    #[cold]
    pub fn unencodable(
        what: &'static str,
        expected: impl Into<Cow<'static, str>>,
        found: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::Unencodable {
            what,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The same error, its position counted from `by` bytes earlier.
    #[must_use]
    pub fn shifted(mut self, by: u64) -> Self {
        match &mut self {
            Self::Torn { position, .. }
            | Self::Corrupt { position, .. }
            | Self::Unsupported { position, .. } => *position = position.saturating_add(by),
            Self::Unencodable { .. } => {}
        }
        self
    }

    /// Where it is, unless it is about a value and not about bytes.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Torn { position, .. }
            | Self::Corrupt { position, .. }
            | Self::Unsupported { position, .. } => Some(*position),
            Self::Unencodable { .. } => None,
        }
    }
}
