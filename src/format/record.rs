//! One record of a v2 batch, as a view into the batch's (decompressed) bytes.
//!
//! ```text
//! length       varint   bytes after this field
//! attributes   i8       0 so far; kept as it came
//! timestampΔ   varlong  from the batch's base timestamp
//! offsetΔ      varint   from the batch's base offset
//! keyLength    varint   −1 for null, then the key
//! valueLength  varint   −1 for null, then the value
//! headerCount  varint   then the headers: keyLength varint, key, valueLength varint (−1 null), value
//! ```
//!
//! Source: `org.apache.kafka.common.record.DefaultRecord`; KIP-98, KIP-82.

use super::bytes::{Reader, put_varint};
use super::error::{FormatError, Result};
use super::types::{Offset, Timestamp};

/// A record. Keys, values and headers borrow from the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the partition.
    pub offset: Offset,
    /// Its time; `None` where the format or the producer gave none.
    pub timestamp: Option<Timestamp>,
    /// The key; `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: Headers<'a>,
}

/// The headers of a record, still encoded, already checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    count: usize,
    encoded: &'a [u8],
}

/// One header. Names may repeat; Kafka asks for UTF-8 but does not check it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    /// Reads the count and checks every header; `reader` ends up behind the last.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let start = reader.position();
        match reader.varint("header count")? {
            0 => Ok(Self::default()),
            count => Self::read_some(reader, start, count),
        }
    }

    fn read_some(reader: &mut Reader<'a>, start: usize, count: i32) -> Result<Self> {
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= reader.remaining() / 2)
            .ok_or_else(|| {
                FormatError::corrupt(
                    "header count",
                    start,
                    format!("0 to {}", reader.remaining() / 2),
                    count.to_string(),
                )
            })?;
        let whole = reader.rest();
        let first = reader.position();
        for _ in 0..count {
            Header::read(reader)?;
        }
        Ok(Self {
            count,
            encoded: &whole[..reader.position() - first],
        })
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers' bytes as they stand in a record, behind the count.
    pub const fn encoded(&self) -> &'a [u8] {
        self.encoded
    }

    /// Each header, in order.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut reader = Reader::new(self.encoded);
        (0..self.count).map(move |_| {
            Header::read(&mut reader).expect("headers are checked when they are read")
        })
    }
}

impl<'a> Header<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let start = reader.position();
        let name = read_nullable(reader, "header name")?
            .ok_or_else(|| FormatError::corrupt("header name", start, "a name", "null"))?;
        let value = read_nullable(reader, "header value")?;
        Ok(Self { name, value })
    }
}

/// Headers being put together, in the form that a record holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadersBuf {
    count: usize,
    encoded: Vec<u8>,
}

impl HeadersBuf {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            count: 0,
            encoded: Vec::new(),
        }
    }

    /// Adds a header behind those that are there.
    pub fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.count += 1;
        put_varint(&mut self.encoded, name.len() as i64);
        self.encoded.extend_from_slice(name);
        match value {
            None => put_varint(&mut self.encoded, -1),
            Some(value) => {
                put_varint(&mut self.encoded, value.len() as i64);
                self.encoded.extend_from_slice(value);
            }
        }
    }

    /// Forgets them, keeping the memory.
    pub fn clear(&mut self) {
        self.count = 0;
        self.encoded.clear();
    }

    /// A view of them.
    pub fn as_headers(&self) -> Headers<'_> {
        Headers {
            count: self.count,
            encoded: &self.encoded,
        }
    }
}

/// A varint length (−1 null), then that many bytes.
#[inline]
pub(crate) fn read_nullable<'a>(
    reader: &mut Reader<'a>,
    what: &'static str,
) -> Result<Option<&'a [u8]>> {
    let start = reader.position();
    let length = reader.varint(what)?;
    if length == -1 {
        return Ok(None);
    }
    match usize::try_from(length) {
        Ok(length) => reader.take(what, length).map(Some),
        Err(_) => Err(FormatError::corrupt(
            what,
            start,
            "a length of −1 or more",
            length.to_string(),
        )),
    }
}
