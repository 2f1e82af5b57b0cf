//! Checks every record of a batch without making any: lengths, varints, deltas,
//! headers, at a few nanoseconds a record.
//!
//! Nearly all records have lengths and deltas of a few bytes each and no headers:
//! [`Walk::quick`] takes those from whole words. Everything else, and everything that is
//! wrong, goes to [`Walk::thorough`], which alone makes errors.

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

    /// Whether one of the records has the base timestamp, as that of a client's batch
    /// has. `bytes` are those that [`Batch::check_records`] found nothing wrong with.
    pub fn has_base_time(&self, bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        let delta = || {
            let length = usize::try_from(reader.varint("record length").ok()?).ok()?;
            let mut record = Reader::new(reader.take("record", length).ok()?);
            record.i8("record attributes").ok()?;
            record.varlong("timestamp delta").ok()
        };
        std::iter::from_fn(delta).any(|delta| delta == 0)
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
    fn all(mut self, count: usize) -> Result<Self> {
        let mut left = count;
        while left > 0 {
            match self.quick() {
                Some((walk, shape)) => {
                    let done;
                    (self, done) = walk.alike(&shape, left - 1);
                    left -= 1 + done;
                }
                None => {
                    self = self.thorough()?;
                    left -= 1;
                }
            }
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
    fn quick(self) -> Option<(Self, Shape)> {
        let start = self.at;
        let first = word_at(self.bytes, start)?;
        let (length, length_size) = short(first)?;
        let end = (start + length_size).checked_add(length.unsigned()?)?;
        // Behind the length: one byte of attributes, then the times.
        let word = first >> (8 * length_size);
        let attributes = word as u8;
        let (time, time_size) = short(word >> 8).or_else(|| middle(word >> 8))?;
        let delta_at = length_size + 1 + time_size;
        let word = word_at(self.bytes, start + delta_at)?;
        let (delta, delta_size) = short(word).or_else(|| middle(word))?;
        let (key, key_size) = short(word >> (8 * delta_size))?;
        let head_size = delta_at + delta_size + key_size;
        let value_at = head_size + key.nullable()?;
        let word = word_at(self.bytes, start + value_at)?;
        let (value, value_size) = short(word).or_else(|| middle(word))?;
        let value_end = start + value_at + value_size + value.nullable()?;
        let delta = delta.0;
        // No headers, and the record ends here: one byte of zero.
        let fits = value_end + 1 == end
            && self.bytes.get(value_end) == Some(&0)
            && delta & 1 == 0
            && delta >> 1 >= self.least_delta
            && delta >> 1 <= self.last_delta.cast_unsigned();
        if !fits {
            return None;
        }
        let shape = Shape {
            first,
            length_size,
            delta_at,
            head_size,
            value_at,
            value_size,
            value: pair_at(self.bytes, start + value_at)?,
            size: end - start,
        };
        let walk = Self {
            at: end,
            least_delta: (delta >> 1) + 1,
            latest: self.latest.max(time.signed()),
            attributes: self.attributes | attributes,
            ..self
        };
        Some((walk, shape))
    }

    /// Passes records that differ from the one before in nothing but their value, its
    /// length, and an offset that is one more: at most `most`, and how many it were.
    #[inline(always)]
    fn alike(self, shape: &Shape, most: usize) -> (Self, usize) {
        // All but the value's length stands in the first word.
        if shape.head_size > 8 || shape.value_size > 2 {
            return (self, 0);
        }
        let within = i64::from(self.last_delta) + 1 - i64::from(self.least_delta);
        // A delta that outgrows its seven low bits changes the next byte too.
        let delta = shape.first >> (8 * shape.delta_at) & 0x7f;
        let within = within.min((0x7f - delta).cast_signed() / 2);
        let most = most.min(usize::try_from(within).unwrap_or(0));
        let equals = self.equals(shape, most);
        let walk = Self {
            at: self.at + equals * shape.size,
            least_delta: self.least_delta + equals as u32,
            ..self
        };
        let shape = Shape {
            first: shape.first + (equals as u64) * shape.step(),
            ..*shape
        };
        let (walk, more) = walk.similar(&shape, most - equals);
        (walk, equals + more)
    }

    /// How many of the next records, at most `most`, differ in nothing but the bytes of
    /// their key and value, and an offset that is one more.
    #[inline(always)]
    fn equals(&self, shape: &Shape, most: usize) -> usize {
        let Some(rows) = self.bytes.get(self.at..self.at + most * shape.size) else {
            return 0;
        };
        let head = bytes_below(shape.head_size);
        let whole = bytes_below(shape.value_size);
        let mut expected = shape.first;
        let is_equal = |row: &&[u8]| {
            expected += shape.step();
            let (Some(word), Some(value)) = (word_at(row, 0), pair_at(row, shape.value_at)) else {
                return false;
            };
            let headers = row.last().copied().map_or(1, u64::from);
            (word ^ expected) & head | (value ^ shape.value) & whole | headers == 0
        };
        rows.chunks_exact(shape.size).take_while(is_equal).count()
    }

    /// Passes records that differ in their value, its length, and an offset that is one
    /// more: at most `most`, and how many it were.
    #[inline(always)]
    fn similar(self, shape: &Shape, most: usize) -> (Self, usize) {
        let (low, high) = two_bytes(shape.length_size);
        // The length may differ, but not in its own length or its sign.
        let fixed = bytes_below(shape.head_size) & !(low | high << 1) | 1;
        let (value_low, value_high) = two_bytes(shape.value_size);
        let ends = if shape.value_size == 1 { 0x80 } else { 0x8080 };
        let goes_on = if shape.value_size == 1 { 0 } else { 0x80 };
        let rest = 2 * (shape.value_at - shape.length_size + shape.value_size + 1) as u64;
        let mut expected = shape.first;
        let mut at = self.at;
        let mut done = 0;
        while done < most {
            expected += shape.step();
            let (Some(word), Some(value)) = (
                word_at(self.bytes, at),
                pair_at(self.bytes, at + shape.value_at),
            ) else {
                break;
            };
            let length = word & low | word >> 1 & high;
            let takes = rest + (value & value_low | value >> 1 & value_high);
            if (word ^ expected) & fixed != 0 || length != takes || value & ends != goes_on {
                break;
            }
            let end = at + shape.length_size + (length >> 1) as usize;
            if self.bytes.get(end - 1) != Some(&0) {
                break;
            }
            at = end;
            done += 1;
        }
        let walk = Self {
            at,
            least_delta: self.least_delta + done as u32,
            ..self
        };
        (walk, done)
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

/// How the fields of a record lie in it: positions from its start.
struct Shape {
    /// Its first eight bytes.
    first: u64,
    length_size: usize,
    delta_at: usize,
    /// Up to and with the key's length.
    head_size: usize,
    value_at: usize,
    value_size: usize,
    /// The two bytes where the value's length begins.
    value: u64,
    /// All of it.
    size: usize,
}

impl Shape {
    /// What the next offset adds to the first word.
    #[inline(always)]
    const fn step(&self) -> u64 {
        2 << (8 * self.delta_at)
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

/// The next two bytes, the first one lowest.
#[inline(always)]
fn pair_at(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u64::from(u16::from_le_bytes(*chunk)))
}

/// Where the bits of a varint of one byte or two are: as they stand, and those of the
/// second byte once shifted down by one.
const fn two_bytes(size: usize) -> (u64, u64) {
    (0x7f, if size == 1 { 0 } else { 0x3f80 })
}

/// A mask of so many bytes, up to eight.
const fn bytes_below(count: usize) -> u64 {
    if count >= 8 {
        u64::MAX
    } else {
        (1 << (8 * count)) - 1
    }
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

#[cfg(test)]
mod tests {
    use super::super::{Scratch, UncheckedBatch};
    use super::*;
    use crate::format::Offset;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::crc32c::crc32c;
    use crate::format::record::HeadersBuf;
    use proptest::prelude::*;

    /// Records that are alike for a while: few lengths, few times, few keys.
    fn records() -> impl Strategy<Value = Vec<(i64, Option<usize>, Option<usize>, bool)>> {
        let length = || {
            proptest::option::of(prop_oneof![
                Just(0_usize),
                1..3_usize,
                55..70_usize,
                Just(9000)
            ])
        };
        let time = prop_oneof![4 => Just(1000_i64), 1 => 1000..2_000_000_i64];
        proptest::collection::vec(
            (time, length(), length(), prop::bool::weighted(0.05)),
            1..200,
        )
    }

    fn build(records: &[(i64, Option<usize>, Option<usize>, bool)], runs: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        let fill = [7_u8; 9000];
        for (time, key, value, headers) in records {
            for _ in 0..runs {
                let mut buffer = HeadersBuf::new();
                if *headers {
                    buffer.push(b"name", Some(b"value"));
                }
                builder
                    .append_at(
                        builder.next_delta(),
                        Some(Timestamp::new(*time)),
                        key.map(|length| &fill[..length]),
                        value.map(|length| &fill[..length]),
                        buffer.as_headers(),
                    )
                    .unwrap();
            }
        }
        let seal = Seal {
            base_offset: Offset::ZERO,
            ..Seal::default()
        };
        builder.seal(&seal).to_vec()
    }

    /// What reading every record says.
    fn slowly(batch: &Batch<'_>) -> Result<Option<Timestamp>> {
        let mut scratch = Scratch::new();
        let mut latest = None;
        for record in batch.records(&mut scratch)? {
            latest = latest.max(record?.timestamp);
        }
        Ok(latest)
    }

    fn agree(bytes: &[u8]) {
        let batch = UncheckedBatch::parse(bytes).unwrap().check().unwrap();
        let quickly = batch.check_records(batch.stored_records());
        match slowly(&batch) {
            // Times that run over are none to those who read, and no matter here.
            Ok(latest) => {
                let found = quickly.unwrap();
                assert!(
                    found.max_timestamp == latest || latest.is_none(),
                    "{found:?} {latest:?}"
                );
            }
            Err(error) => {
                let found = quickly.unwrap_err();
                assert_eq!(
                    std::mem::discriminant(&found),
                    std::mem::discriminant(&error),
                    "{found} {error}"
                );
            }
        }
    }

    /// Deltas of one byte, two and three, and a bit that is wrong somewhere in each.
    #[test]
    fn a_batch_of_many_records() {
        let built = build(&[(1000, None, Some(60), false)], 20_000);
        agree(&built);
        let size = (built.len() - super::super::HEADER_SIZE) / 20_000;
        for record in [10, 100, 7_000, 9_000, 19_999] {
            for byte in 0..8 {
                let mut bytes = built.clone();
                let at = super::super::HEADER_SIZE + record * size + byte;
                bytes[at] ^= 4;
                seal_anew(&mut bytes);
                agree(&bytes);
            }
        }
    }

    fn seal_anew(bytes: &mut [u8]) {
        let crc = crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }

    proptest! {
        #[test]
        fn what_was_built_is_right(records in records(), runs in 1..70_usize) {
            let runs = if records.len() > 20 { 1 } else { runs };
            agree(&build(&records, runs));
        }

        #[test]
        fn what_is_wrong_is_found_where_reading_finds_it(
            records in records(),
            runs in 1..70_usize,
            at: prop::sample::Index,
            bit in 0..8_u32,
            near_start: bool,
        ) {
            let runs = if records.len() > 20 { 1 } else { runs };
            let mut bytes = build(&records, runs);
            let body = bytes.len() - super::super::HEADER_SIZE;
            let span = if near_start { body.min(300) } else { body };
            let at = super::super::HEADER_SIZE + at.index(span);
            bytes[at] ^= 1 << bit;
            seal_anew(&mut bytes);
            agree(&bytes);
        }
    }
}
