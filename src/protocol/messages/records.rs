//! The records of a message: not copied out of a message that is read.

use crate::format::bytes::{Reader, put_uvarint};
use crate::format::schema::{Layout, Nullable, Wire};
use crate::format::{FormatError, Result};
use serde_json::{Value, json};
use std::ops::Range;

/// The batches in a `Produce` request or a `Fetch` response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// Of a message that was read: where they stand in its body.
    At(Range<usize>),
    /// Of a message to be written.
    Bytes(Vec<u8>),
}

impl Default for Records {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Records {
    /// How many bytes they are.
    pub fn len(&self) -> usize {
        match self {
            Self::At(range) => range.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches, in the body that they were read from.
    pub fn bytes<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match self {
            Self::At(range) => &body[range.clone()],
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Where they stand in the body that they were read from; empty for others.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::At(range) => range.clone(),
            Self::Bytes(_) => 0..0,
        }
    }
}

impl Nullable for Records {
    fn read_nullable(
        reader: &mut Reader<'_>,
        layout: Layout,
        what: &'static str,
    ) -> Result<Option<Self>> {
        let length = if layout.flexible {
            reader.compact_array(what)?
        } else {
            match reader.i32(what)? {
                -1 => None,
                length => Some(reader.bounded_count(what, length, 1)?),
            }
        };
        let Some(length) = length else {
            return Ok(None);
        };
        let start = reader.position();
        reader.take(what, length)?;
        Ok(Some(Self::At(start..start + length)))
    }

    fn write_nullable(
        value: Option<&Self>,
        out: &mut Vec<u8>,
        layout: Layout,
        what: &'static str,
    ) -> Result<()> {
        let bytes = match value {
            None => None,
            Some(Self::Bytes(bytes)) => Some(bytes),
            Some(Self::At(_)) => {
                return Err(FormatError::unencodable(
                    what,
                    "bytes",
                    "a place in a message",
                ));
            }
        };
        let length = bytes.map(|bytes| i32::try_from(bytes.len())).transpose();
        let length = length.ok().filter(|length| *length != Some(i32::MAX));
        let Some(length) = length else {
            return Err(FormatError::unencodable(what, "less than 2 GiB", "more"));
        };
        if layout.flexible {
            put_uvarint(out, length.map_or(0, |length| length as u64 + 1));
        } else {
            out.extend_from_slice(&length.unwrap_or(-1).to_be_bytes());
        }
        out.extend_from_slice(bytes.map_or(&[], Vec::as_slice));
        Ok(())
    }

    fn nullable_json(value: Option<&Self>, _: Layout) -> Value {
        value.map_or(Value::Null, |records| json!(records.len()))
    }
}

impl Wire for Records {
    fn read(reader: &mut Reader<'_>, layout: Layout, what: &'static str) -> Result<Self> {
        Ok(Self::read_nullable(reader, layout, what)?.unwrap_or_default())
    }

    fn write(&self, out: &mut Vec<u8>, layout: Layout, what: &'static str) -> Result<()> {
        Self::write_nullable(Some(self), out, layout, what)
    }

    fn to_json(&self, layout: Layout) -> Value {
        Self::nullable_json(Some(self), layout)
    }
}
