//! Cursors over bytes: big-endian integers, zigzag and unsigned varints, and the
//! strings and tagged fields of Kafka's flexible encoding.
//!
//! A [`Reader`] never reads past its slice and never allocates; a count read from
//! the bytes must be bounded by [`Reader::remaining`] before it sizes anything
//! ([`Reader::bounded_count`]).

use super::error::{FormatError, Result};
use super::types::Uuid;

/// A position in a slice that is being decoded.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

macro_rules! fixed {
    ($($name:ident: $type:ty),*) => {$(
        #[doc = concat!("The next big-endian `", stringify!($type), "`.")]
        #[inline]
        pub fn $name(&mut self, what: &'static str) -> Result<$type> {
            const SIZE: usize = size_of::<$type>();
            match self.bytes[self.at..].first_chunk::<SIZE>() {
                Some(chunk) => {
                    self.at += SIZE;
                    Ok(<$type>::from_be_bytes(*chunk))
                }
                None => Err(self.torn(what, SIZE)),
            }
        }
    )*};
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes consumed so far.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Bytes left.
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether every byte has been consumed.
    pub const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// What is left, without consuming it.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fixed!(u8: u8, i8: i8, i16: i16, u16: u16, i32: i32, u32: u32, i64: i64, f64: f64);

    /// The next `length` bytes.
    #[inline]
    pub fn take(&mut self, what: &'static str, length: usize) -> Result<&'a [u8]> {
        match self.bytes[self.at..].get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(self.torn(what, length)),
        }
    }

    /// The next 16 bytes as an id.
    pub fn uuid(&mut self, what: &'static str) -> Result<Uuid> {
        let bytes = self.take(what, 16)?;
        Ok(Uuid::from_bytes(
            bytes.try_into().expect("16 bytes were taken"),
        ))
    }

    /// An unsigned varint of at most 5 bytes.
    #[inline]
    pub fn uvarint(&mut self, what: &'static str) -> Result<u32> {
        let start = self.at;
        let value = self.uvarint_of(what, 5)?;
        u32::try_from(value).map_err(|_| {
            FormatError::corrupt(what, start, "a varint of 32 bits", value.to_string())
        })
    }

    /// A zigzag varint of 32 bits.
    #[inline]
    pub fn varint(&mut self, what: &'static str) -> Result<i32> {
        let raw = self.uvarint(what)?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    /// A zigzag varint of 64 bits.
    #[inline]
    pub fn varlong(&mut self, what: &'static str) -> Result<i64> {
        let raw = self.uvarint_of(what, 10)?;
        Ok((raw >> 1).cast_signed() ^ -(raw & 1).cast_signed())
    }

    #[inline]
    fn uvarint_of(&mut self, what: &'static str, most: usize) -> Result<u64> {
        // Nearly all are of one byte or two.
        match self.bytes[self.at..] {
            [first @ ..0x80, ..] => {
                self.at += 1;
                Ok(u64::from(first))
            }
            [first, second @ ..0x80, ..] => {
                self.at += 2;
                Ok(u64::from(first & 0x7f) | u64::from(second) << 7)
            }
            _ => self.uvarint_long(what, most),
        }
    }

    #[cold]
    fn uvarint_long(&mut self, what: &'static str, most: usize) -> Result<u64> {
        let rest = &self.bytes[self.at..];
        let mut value: u64 = 0;
        for (index, &byte) in rest.iter().take(most).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte of 64 bits has room for one.
            if index == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        if rest.len() < most {
            return Err(self.torn(what, rest.len() + 1));
        }
        Err(FormatError::corrupt(
            what,
            self.at,
            format!("a varint of at most {most} bytes"),
            "one that goes on",
        ))
    }

    /// A count that precedes items of at least `item_bytes` bytes each: refused
    /// when that many items cannot fit in what is left.
    pub fn bounded_count(
        &self,
        what: &'static str,
        count: impl Into<i64>,
        item_bytes: usize,
    ) -> Result<usize> {
        let count = count.into();
        let most = self.remaining() / item_bytes.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(FormatError::corrupt(
                what,
                self.at,
                format!("a count from 0 to {most}"),
                count.to_string(),
            )),
        }
    }

    /// The length of a compact array: `None` for null.
    pub fn compact_array(&mut self, what: &'static str) -> Result<Option<usize>> {
        match self.uvarint(what)? {
            0 => Ok(None),
            n => self.bounded_count(what, n - 1, 1).map(Some),
        }
    }

    /// A compact string that may be null.
    pub fn compact_nullable_string(&mut self, what: &'static str) -> Result<Option<&'a str>> {
        match self.uvarint(what)? {
            0 => Ok(None),
            n => self.text(what, n as usize - 1).map(Some),
        }
    }

    /// A compact string.
    pub fn compact_string(&mut self, what: &'static str) -> Result<&'a str> {
        let start = self.at;
        self.compact_nullable_string(what)?
            .ok_or_else(|| FormatError::corrupt(what, start, "a string", "null"))
    }

    /// Compact bytes that may be null.
    pub fn compact_nullable_bytes(&mut self, what: &'static str) -> Result<Option<&'a [u8]>> {
        match self.uvarint(what)? {
            0 => Ok(None),
            n => self.take(what, n as usize - 1).map(Some),
        }
    }

    /// A string with a 16-bit length that may be null (−1).
    pub fn nullable_string(&mut self, what: &'static str) -> Result<Option<&'a str>> {
        let start = self.at;
        match self.i16(what)? {
            -1 => Ok(None),
            n => {
                let length = usize::try_from(n).map_err(|_| {
                    FormatError::corrupt(what, start, "a length of −1 or more", n.to_string())
                })?;
                self.text(what, length).map(Some)
            }
        }
    }

    /// A string with a 16-bit length.
    pub fn string(&mut self, what: &'static str) -> Result<&'a str> {
        let start = self.at;
        self.nullable_string(what)?
            .ok_or_else(|| FormatError::corrupt(what, start, "a string", "null"))
    }

    /// Bytes with a 32-bit length that may be null (−1).
    pub fn nullable_bytes(&mut self, what: &'static str) -> Result<Option<&'a [u8]>> {
        let start = self.at;
        match self.i32(what)? {
            -1 => Ok(None),
            n => {
                let length = usize::try_from(n).map_err(|_| {
                    FormatError::corrupt(what, start, "a length of −1 or more", n.to_string())
                })?;
                self.take(what, length).map(Some)
            }
        }
    }

    /// The tagged fields that end a flexible structure, each as (tag, bytes).
    pub fn tagged_fields(
        &mut self,
        mut each: impl FnMut(u32, &'a [u8]) -> Result<()>,
    ) -> Result<()> {
        let count = self.uvarint("tagged field count")?;
        let count = self.bounded_count("tagged field count", count, 2)?;
        for _ in 0..count {
            let tag = self.uvarint("tag")?;
            let size = self.uvarint("tagged field size")? as usize;
            each(tag, self.take("tagged field", size)?)?;
        }
        Ok(())
    }

    fn text(&mut self, what: &'static str, length: usize) -> Result<&'a str> {
        let start = self.at;
        let bytes = self.take(what, length)?;
        std::str::from_utf8(bytes)
            .map_err(|e| FormatError::corrupt(what, start, "UTF-8", e.to_string()))
    }

    #[cold]
    fn torn(&self, what: &'static str, needed: usize) -> FormatError {
        FormatError::torn(what, self.at, needed, self.remaining())
    }
}

/// Appends an unsigned varint.
#[inline]
pub fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a zigzag varint (32 or 64 bits: the encodings agree).
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, zigzag(value));
}

/// How many bytes [`put_uvarint`] appends.
#[inline]
pub const fn uvarint_size(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// How many bytes [`put_varint`] appends.
#[inline]
pub const fn varint_size(value: i64) -> usize {
    uvarint_size(zigzag(value))
}

/// Zigzag: small magnitudes become small unsigned numbers.
#[inline]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Appends a compact string, null as 0.
pub fn put_compact_string(out: &mut Vec<u8>, text: Option<&str>) {
    put_compact_bytes(out, text.map(str::as_bytes));
}

/// Appends compact bytes, null as 0.
pub fn put_compact_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.push(0),
        Some(bytes) => {
            put_uvarint(out, bytes.len() as u64 + 1);
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_round_trip_and_know_their_size(value: i64, small: i32) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_size(value));
            prop_assert_eq!(Reader::new(&out).varlong("v").unwrap(), value);
            out.clear();
            put_varint(&mut out, i64::from(small));
            prop_assert_eq!(Reader::new(&out).varint("v").unwrap(), small);
        }

        #[test]
        fn no_bytes_make_a_varint_panic(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            let _ = Reader::new(&bytes).varlong("v");
            let _ = Reader::new(&bytes).varint("v");
            let _ = Reader::new(&bytes).uvarint("v");
        }
    }

    #[test]
    fn a_varint_that_goes_on_is_corrupt_and_one_that_ends_early_is_torn() {
        let on = [0xff; 11];
        assert!(matches!(
            Reader::new(&on).varlong("v"),
            Err(FormatError::Corrupt { .. })
        ));
        assert!(matches!(
            Reader::new(&on[..3]).varint("v"),
            Err(FormatError::Torn { .. })
        ));
    }
}
