//! Checks every record of a batch without making any: lengths, varints, deltas,
//! headers, at a few nanoseconds a record.
//!
//! Nearly all records have a length, deltas and a key length of one byte or two each
//! and no headers: [`Walk::quick`] takes those from whole words. Everything else, and
//! everything that is wrong, goes to [`Walk::thorough`], which alone makes errors.

use super::{Batch, FormatError, Result, last_offset_delta, raw_base_timestamp};
use crate::format::bytes::Reader;
use crate::format::record::{Headers, read_nullable};
use crate::format::types::Timestamp;

/// What the records of a batch add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// The latest of their times, as their deltas tell; `None` where none has one.
    pub max_timestamp: Option<Timestamp>,
    /// The attribute bits that any of them has.
    pub attributes: u8,
}

impl Batch<'_> {
    /// Checks all records, as reading each through [`Batch::records`] would, and
    /// faster. `bytes` are those of [`Batch::unpacked`].
    ///
    /// # Errors
    /// The first thing that is wrong; its position counts from the start of `bytes`
    /// (of the batch, where it is the count of records).
    pub fn check_records(&self, bytes: &[u8]) -> Result<Checked> {
        let (walk, count) = self.walk(bytes)?;
        walk.all(count).map(|walk| self.sum(&walk))
    }

    /// Checks the records of two batches side by side, which takes little longer than
    /// one: most of the time goes by waiting for one length to find the next.
    #[must_use]
    pub fn check_records_of_two(pair: [&Batch<'_>; 2], bytes: [&[u8]; 2]) -> [Result<Checked>; 2] {
        let [(mut one, first), (mut other, second)] =
            match [pair[0].walk(bytes[0]), pair[1].walk(bytes[1])] {
                [Ok(one), Ok(other)] => [one, other],
                _ => {
                    return [
                        pair[0].check_records(bytes[0]),
                        pair[1].check_records(bytes[1]),
                    ];
                }
            };
        let mut done = 0;
        while done < first.min(second) {
            let (Some(a), Some(b)) = (one.quick(), other.quick()) else {
                // Neither is taken: each goes on alone.
                break;
            };
            (one, other) = (a, b);
            done += 1;
        }
        [
            one.all(first - done).map(|walk| pair[0].sum(&walk)),
            other.all(second - done).map(|walk| pair[1].sum(&walk)),
        ]
    }

    fn walk<'b>(&self, bytes: &'b [u8]) -> Result<(Walk<'b>, usize)> {
        self.bound_count(bytes.len())?;
        let walk = Walk {
            bytes,
            at: 0,
            least_delta: 0,
            last_delta: last_offset_delta(self.bytes),
            latest: i64::MIN,
            attributes: 0,
        };
        Ok((walk, self.header.record_count))
    }

    fn sum(&self, walk: &Walk<'_>) -> Checked {
        let latest = raw_base_timestamp(self.bytes).wrapping_add(walk.latest);
        Checked {
            max_timestamp: (self.header.record_count > 0)
                .then_some(latest)
                .and_then(Timestamp::from_wire),
            attributes: walk.attributes,
        }
    }
}

/// Where a walk over records is, and what it has seen. It is handed on by value, so
/// that it stays in registers.
#[derive(Clone, Copy)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    least_delta: u32,
    last_delta: i32,
    /// The largest timestamp delta.
    latest: i64,
    attributes: u8,
}

impl Walk<'_> {
    #[inline]
    fn all(mut self, count: usize) -> Result<Self> {
        for _ in 0..count {
            self = match self.quick() {
                Some(walk) => walk,
                None => self.thorough()?,
            };
        }
        let extra = self.bytes.len() - self.at;
        if extra > 0 {
            return Err(FormatError::corrupt(
                "records",
                self.at,
                "the end, as the record count says",
                format!("{extra} more bytes"),
            ));
        }
        Ok(self)
    }

    /// Passes a record of the usual shape; `None` for any other.
    #[inline(always)]
    fn quick(self) -> Option<Self> {
        let mut at = self.at;
        let word = word_at(self.bytes, at)?;
        let (length, size) = short(word)?;
        at += size;
        let end = at.checked_add(length.unsigned()?)?;
        // Behind the length: one byte of attributes, then the times.
        let word = word >> (8 * size);
        let attributes = word as u8;
        let (time, time_size) = short(word >> 8).or_else(|| middle(word >> 8))?;
        at += 1 + time_size;
        let word = word_at(self.bytes, at)?;
        let (delta, size) = short(word)?;
        let (key, key_size) = short(word >> (8 * size))?;
        at += size + key_size + key.nullable()?;
        let (value, size) =
            short(word_at(self.bytes, at)?).or_else(|| middle(word_at(self.bytes, at)?))?;
        at += size + value.nullable()?;
        let delta = delta.0;
        // No headers, and the record ends here: one byte of zero.
        let fits = at + 1 == end
            && self.bytes.get(at) == Some(&0)
            && delta & 1 == 0
            && delta >> 1 >= self.least_delta
            && delta >> 1 <= self.last_delta.cast_unsigned();
        if !fits {
            return None;
        }
        Some(Self {
            at: end,
            least_delta: (delta >> 1) + 1,
            latest: self.latest.max(time.signed()),
            attributes: self.attributes | attributes,
            ..self
        })
    }

    /// Passes any record, or says what is wrong with it.
    #[cold]
    #[inline(never)]
    fn thorough(mut self) -> Result<Self> {
        let mut reader = Reader::new(&self.bytes[self.at..]);
        let outcome = self.read(&mut reader);
        let at = self.at;
        self.at += reader.position();
        outcome
            .map(|()| self)
            .map_err(|error| error.shifted(at as u64))
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let length = reader.varint("record length")?;
        let body = reader.position();
        let length = usize::try_from(length).map_err(|_| {
            FormatError::corrupt("record length", 0, "0 or more", length.to_string())
        })?;
        if length > reader.remaining() {
            return Err(FormatError::torn("record", 0, length, reader.remaining()));
        }
        let attributes = reader.u8("record attributes")?;
        let time = reader.varlong("timestamp delta")?;
        let delta_at = reader.position();
        let delta = reader.varint("offset delta")?;
        let least = self.least_delta;
        match u32::try_from(delta) {
            Ok(unsigned) if unsigned >= least && delta <= self.last_delta => {
                self.least_delta = unsigned + 1;
            }
            _ => {
                return Err(FormatError::corrupt(
                    "offset delta",
                    delta_at,
                    format!("{least} to {}", self.last_delta),
                    delta.to_string(),
                ));
            }
        }
        read_nullable(reader, "key length")?;
        read_nullable(reader, "value length")?;
        Headers::read(reader)?;
        let consumed = reader.position() - body;
        if consumed != length {
            return Err(FormatError::corrupt(
                "record length",
                0,
                format!("{consumed}, as its fields take"),
                length.to_string(),
            ));
        }
        self.latest = self.latest.max(time);
        self.attributes |= attributes;
        Ok(())
    }
}

/// A varint's value before zigzag is taken off it.
#[derive(Clone, Copy)]
struct Zigzag(u32);

impl Zigzag {
    #[inline(always)]
    const fn signed(self) -> i64 {
        (self.0 >> 1) as i64 ^ -((self.0 & 1) as i64)
    }

    /// A length that must not be negative.
    #[inline(always)]
    const fn unsigned(self) -> Option<usize> {
        if self.0 & 1 == 0 {
            Some((self.0 >> 1) as usize)
        } else {
            None
        }
    }

    /// A length where −1 stands for null, which takes no bytes.
    #[inline(always)]
    const fn nullable(self) -> Option<usize> {
        if self.0 == 1 {
            Some(0)
        } else {
            self.unsigned()
        }
    }
}

/// The next eight bytes, the first one lowest.
#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// A varint of one byte or two at the low end of a word.
#[inline(always)]
const fn short(word: u64) -> Option<(Zigzag, usize)> {
    let low = word as u32;
    if low & 0x80 == 0 {
        Some((Zigzag(low & 0x7f), 1))
    } else if low & 0x8000 == 0 {
        Some((Zigzag(low & 0x7f | low >> 1 & 0x3f80), 2))
    } else {
        None
    }
}

/// A varint of three bytes or four at the low end of a word.
#[inline(always)]
const fn middle(word: u64) -> Option<(Zigzag, usize)> {
    let low = word as u32;
    let value = low & 0x7f | low >> 1 & 0x3f80 | low >> 2 & 0x1f_c000;
    if low & 0x80_8080 == 0x8080 {
        Some((Zigzag(value), 3))
    } else if low & 0x8080_8080 == 0x80_8080 {
        Some((Zigzag(value | low >> 3 & 0xfe0_0000), 4))
    } else {
        None
    }
}
