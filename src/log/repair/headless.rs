//! Batches whose front is gone, or another's bytes.
//!
//! ```text
//!  0        8        12      16      17     21                        end
//!  ├ offset ┼ length ┼ epoch ┼ magic ┼ crc ─┼ what the CRC covers ──────┤   v2
//!  ├ offset ┼ length ┼ crc ──────────┼ magic ┼ what the CRC covers ─────┤   v0, v1: from magic on
//! ```
//!
//! Nothing in front of the CRC is covered by it. Where bytes were cut out between two
//! batches, or others were written over the border, the records of the second one may
//! still be whole: they are where a CRC fits what follows it. The length tells the end,
//! or, where that is damaged too, the end of the hole does; of the offset there are the
//! low bytes, or none, and the neighbours have to tell.

use super::holes::unit_of;
use crate::format::Offset;
use crate::format::batch::{ATTRIBUTES_AT, HEADER_SIZE, Header, LOG_OVERHEAD, PREFIX_SIZE};
use crate::format::crc32c::crc32c;
use std::ops::Range;

/// Where the magic stands.
const MAGIC_AT: usize = PREFIX_SIZE - 1;
const LENGTH: Range<usize> = 8..LOG_OVERHEAD;
/// The bytes of an offset that are zero in all but the longest logs.
const HIGH_BYTES: usize = 4;
/// Attribute bits that no batch has.
const UNUSED_ATTRIBUTES: i16 = !0x7f;

/// A batch found by its CRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Headless {
    /// What is left of it in the hole.
    pub(super) place: Range<usize>,
    /// All of it, with zeros for what is not there.
    pub(super) bytes: Vec<u8>,
    /// Whether its offset is to be believed.
    pub(super) is_offset_whole: bool,
}

/// Those in a hole, in order.
pub(super) fn find(hole: &[u8]) -> Vec<Headless> {
    let mut found: Vec<Headless> = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while at < hole.len() {
        let here = match hole[at] {
            2 => v2(hole, from, at),
            0 | 1 => legacy(hole, from, at),
            _ => None,
        };
        match here {
            Some(batch) => {
                from = batch.place.end;
                at = from;
                found.push(batch);
            }
            None => at += 1,
        }
    }
    found
}

/// One whose magic is at `at`. What stands before `from` is not its own.
fn v2(hole: &[u8], from: usize, at: usize) -> Option<Headless> {
    let fixed = hole.get(at..at + HEADER_SIZE - MAGIC_AT)?;
    let front = Front::of(hole, from, at);
    let mut head = [0; HEADER_SIZE];
    head[..MAGIC_AT].copy_from_slice(&front.bytes);
    head[MAGIC_AT..].copy_from_slice(fixed);
    let rest = hole.len() - at + MAGIC_AT;
    for size in [front.size(), Some(rest)].into_iter().flatten() {
        if !(HEADER_SIZE..=rest).contains(&size) {
            continue;
        }
        head[LENGTH].copy_from_slice(&length_of(size)?);
        head[0] &= 0x7f;
        let header = Header::parse(&head).ok()?;
        let body = &hole[at + ATTRIBUTES_AT - MAGIC_AT..at + size - MAGIC_AT];
        if header.attributes.bits() & UNUSED_ATTRIBUTES == 0 && crc32c(body) == header.crc {
            return front.batch(hole, at, size, &head);
        }
    }
    None
}

/// A message whose magic is at `at`: key and value tell where it ends.
fn legacy(hole: &[u8], from: usize, at: usize) -> Option<Headless> {
    let crc = at.checked_sub(4).filter(|crc| *crc >= from)?;
    let crc = u32::from_be_bytes(*hole[crc..].first_chunk()?);
    if *hole.get(at + 1)? & !0x0f != 0 {
        return None;
    }
    let mut end = at + if hole[at] == 1 { 10 } else { 2 };
    for _ in ["key", "value"] {
        let length = i32::from_be_bytes(*hole.get(end..)?.first_chunk()?);
        end += 4 + usize::try_from(length.max(0)).ok()?;
        if length < -1 || end > hole.len() {
            return None;
        }
    }
    if crc32fast::hash(&hole[at..end]) != crc {
        return None;
    }
    let front = Front::of(hole, from, at);
    let size = end - at + MAGIC_AT;
    let mut head = front.bytes;
    head[LENGTH].copy_from_slice(&length_of(size)?);
    head[0] &= 0x7f;
    front.batch(hole, at, size, &head)
}

fn length_of(size: usize) -> Option<[u8; 4]> {
    let length = i32::try_from(size - LOG_OVERHEAD).ok()?;
    Some(length.to_be_bytes())
}

/// What stands before the magic.
struct Front {
    bytes: [u8; MAGIC_AT],
    /// How many of them are not there.
    missing: usize,
}

impl Front {
    fn of(hole: &[u8], from: usize, at: usize) -> Self {
        let there = (at - from).min(MAGIC_AT);
        let mut bytes = [0; MAGIC_AT];
        bytes[MAGIC_AT - there..].copy_from_slice(&hole[at - there..at]);
        Self {
            bytes,
            missing: MAGIC_AT - there,
        }
    }

    /// The size that the length tells.
    fn size(&self) -> Option<usize> {
        let length = i32::from_be_bytes(*self.bytes[LENGTH].first_chunk()?);
        let length = usize::try_from(length).ok()?;
        (self.missing <= LENGTH.start).then_some(length + LOG_OVERHEAD)
    }

    /// The batch, if it can be read; `head` is how it begins.
    fn batch(&self, hole: &[u8], at: usize, size: usize, head: &[u8]) -> Option<Headless> {
        let mut bytes = head[..MAGIC_AT].to_vec();
        bytes.extend_from_slice(&hole[at..at + size - MAGIC_AT]);
        unit_of(Offset::ZERO, 0, 0..size as u64, &bytes)?;
        let start = at + self.missing - MAGIC_AT;
        Some(Headless {
            place: start..at + size - MAGIC_AT,
            bytes,
            is_offset_whole: self.missing <= HIGH_BYTES && self.size() == Some(size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Timestamp;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::legacy::{Magic, put_entry};
    use crate::format::record::Record;

    fn batch(base: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        for value in ["one", "two", "three"] {
            let value = Some(value.as_bytes());
            builder
                .append(None, None, value, Default::default())
                .unwrap();
        }
        let base_offset = Offset::new(base);
        let seal = Seal {
            base_offset,
            ..Seal::default()
        };
        builder.seal(&seal).to_vec()
    }

    fn message(offset: i64, magic: Magic) -> Vec<u8> {
        let mut bytes = Vec::new();
        let record = Record {
            offset: Offset::new(offset),
            timestamp: (magic == Magic::V1).then_some(Timestamp::new(7)),
            key: Some(b"key"),
            value: Some(b"v"),
            headers: Default::default(),
        };
        put_entry(&mut bytes, magic, false, &record).unwrap();
        bytes
    }

    #[test]
    fn whatever_is_cut_off_before_the_crc_the_records_are_found() {
        for whole in [
            batch(70_000),
            message(70_000, Magic::V0),
            message(70_000, Magic::V1),
        ] {
            let kept = if whole[MAGIC_AT] == 2 { 16 } else { 12 };
            for cut in 1..=kept {
                let found = find(&whole[cut..]);
                assert_eq!(found.len(), 1, "{cut} of magic {}", whole[MAGIC_AT]);
                assert_eq!(found[0].place, 0..whole.len() - cut);
                assert_eq!(found[0].is_offset_whole, cut <= 4);
                if cut <= 4 {
                    assert_eq!(found[0].bytes, whole, "{cut}");
                }
                assert_eq!(found[0].bytes[17..], whole[17..], "{cut}");
            }
            assert_eq!(find(&whole[kept + 1..]), [], "its CRC is cut");
        }
    }

    #[test]
    fn behind_the_rest_of_another_and_before_more() {
        let (one, two, three) = (batch(5), batch(8), batch(11));
        let hole = [&one[..90], &two, &three[..40]].concat();
        let found = find(&hole);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, 90..90 + two.len());
        assert_eq!(found[0].bytes, two);
        let mut torn = hole.clone();
        torn[100] ^= 0x40;
        assert_eq!(
            find(&torn),
            [],
            "neither its length nor the hole's end fits"
        );
        assert_eq!(find(&torn[..90 + two.len()])[0].bytes, two);
    }
}
