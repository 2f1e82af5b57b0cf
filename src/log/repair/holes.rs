//! What can be made of bytes that are no batch.
//!
//! Base offset, length, leader epoch and magic of a v2 batch, and offset and length
//! of a legacy entry, lie outside the CRC: where the CRC fits once they are set
//! right, the records are whole. A byte of the header that was changed is found by
//! the CRC itself ([`mend`]). Damage among the records is only touched where the
//! caller wants records saved from it.

use super::headless::{self, Headless};
use super::units::{Trust, Unit};
use crate::format::Offset;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{HEADER_SIZE, Header, LOG_OVERHEAD, PREFIX_SIZE, Prefix};
use crate::format::mend::{Mended, mend};
use std::fmt;
use std::ops::Range;

/// A damaged batch, or bytes that were perhaps one.
#[derive(Debug)]
pub(super) enum Found {
    /// It can be read again.
    Mended(Unit, Cure),
    /// It cannot.
    Lost(Claim),
}

/// How a batch was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cure {
    /// Fields outside the CRC.
    Fields,
    /// It was found by its CRC alone; whether its offset is to be believed.
    Front { is_offset_whole: bool },
    /// This byte of the batch, by these bits.
    Byte { at: usize, flipped: u8 },
    /// Some of its records were left out: those of these offsets.
    Part {
        kept: usize,
        of: usize,
        lost: Range<i64>,
    },
}

impl Cure {
    /// What the batch's own word about its offset is worth.
    pub(super) const fn trust(&self) -> Trust {
        match self {
            Self::Fields => Trust::Doubtful,
            Self::Front {
                is_offset_whole: false,
            } => Trust::Unknown,
            _ => Trust::Stored,
        }
    }
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields => write!(f, "corrected the header; its CRC fits"),
            Self::Front { .. } => write!(f, "found by its CRC, its front damaged"),
            Self::Byte { at, flipped } if flipped.count_ones() == 1 => {
                write!(f, "corrected a flipped bit of byte {at}; its CRC fits")
            }
            Self::Byte { at, .. } => write!(f, "corrected byte {at}; its CRC fits"),
            Self::Part { kept, of, .. } => write!(f, "kept {kept} of its {of} records"),
        }
    }
}

/// What is left of a batch that is lost.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    /// The segment that it stands in.
    pub(super) segment: Offset,
    /// Where.
    pub(super) bytes: Range<u64>,
    /// Its header, as far as it makes sense.
    pub(super) header: Option<Header>,
    /// Whether one byte among its records is wrong, and known.
    pub(super) curable: bool,
}

impl Claim {
    /// Of bytes that nothing is known of.
    pub(super) const fn of(segment: Offset, bytes: Range<u64>) -> Self {
        Self {
            segment,
            bytes,
            header: None,
            curable: false,
        }
    }
}

/// Looks into a hole that begins at `position`. `partial`: also saves records where
/// others of the batch are damaged.
pub(super) fn look(segment: Offset, position: u64, bytes: &[u8], partial: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for part in split(bytes) {
        let at = position + part.start as u64;
        let part = &bytes[part];
        match one(segment, at, part, partial) {
            mended @ Found::Mended(_, Cure::Fields | Cure::Byte { .. }) => found.push(mended),
            other => match headless::find(part) {
                none if none.is_empty() => found.push(other),
                batches => around(&mut found, segment, at, part, batches, partial),
            },
        }
    }
    found
}

/// Batches that were found by their CRC, and what stands between them.
fn around(
    found: &mut Vec<Found>,
    segment: Offset,
    position: u64,
    part: &[u8],
    batches: Vec<Headless>,
    partial: bool,
) {
    let mut end = 0;
    let between = |found: &mut Vec<Found>, rest: Range<usize>| {
        if !rest.is_empty() {
            let at = position + rest.start as u64;
            found.push(one(segment, at, &part[rest], partial));
        }
    };
    for Headless {
        place,
        bytes,
        is_offset_whole,
    } in batches
    {
        let within = position + place.start as u64..position + place.end as u64;
        let Some(mut unit) = unit_of(segment, within.start, within, &bytes) else {
            continue;
        };
        between(found, end..place.start);
        end = place.end;
        unit.mended = Some(bytes.into_boxed_slice());
        found.push(Found::Mended(unit, Cure::Front { is_offset_whole }));
    }
    between(found, end..part.len());
}

/// The batches that a hole is made of, as far as their lengths tell.
fn split(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while let Ok(prefix) = Prefix::parse(&bytes[start..])
        && bytes.len() - start > prefix.size
        && Prefix::parse(&bytes[start + prefix.size..])
            .is_ok_and(|next| next.offset >= prefix.offset && next.magic == prefix.magic)
    {
        parts.push(start..start + prefix.size);
        start += prefix.size;
    }
    parts.push(start..bytes.len());
    parts
}

fn one(segment: Offset, position: u64, bytes: &[u8], partial: bool) -> Found {
    let whole = position..position + bytes.len() as u64;
    let lost = |curable| {
        let header = Header::parse(bytes).ok();
        Found::Lost(Claim {
            segment,
            bytes: whole.clone(),
            header: header.filter(|header| header.size == bytes.len()),
            curable,
        })
    };
    let mended = |bytes: Vec<u8>, cure| {
        let unit = unit_of(segment, position, whole.clone(), &bytes);
        unit.map(|mut unit| {
            unit.mended = Some(bytes.into_boxed_slice());
            Found::Mended(unit, cure)
        })
    };
    if let Some(fixed) = with_fields(bytes)
        && let Some(found) = mended(fixed, Cure::Fields)
    {
        return found;
    }
    let found = match mend(bytes) {
        None => return lost(false),
        Some(Mended::Exact { at, .. }) if at >= HEADER_SIZE && !partial => return lost(true),
        Some(Mended::Part { .. }) if !partial => return lost(false),
        Some(Mended::Exact { bytes, at, flipped }) => mended(bytes, Cure::Byte { at, flipped }),
        Some(Mended::Part {
            bytes,
            kept,
            of,
            deltas,
            ..
        }) => {
            let lost = deltas;
            mended(bytes, Cure::Part { kept, of, lost })
        }
    };
    found.unwrap_or_else(|| lost(false))
}

/// The batch with the fields outside its CRC set right, if that is all it lacks.
fn with_fields(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = i32::try_from(bytes.len().checked_sub(LOG_OVERHEAD)?).ok()?;
    bytes.get(PREFIX_SIZE)?;
    let stored = bytes[PREFIX_SIZE - 1];
    let magics = [2, stored];
    let mut fixed = bytes.to_vec();
    fixed[8..12].copy_from_slice(&length.to_be_bytes());
    if fixed[0] & 0x80 != 0 {
        // A negative offset: the sign is what was flipped, or the order will tell.
        fixed[0] &= 0x7f;
    }
    for magic in magics {
        fixed[PREFIX_SIZE - 1] = magic;
        if unit_of(Offset::ZERO, 0, 0..bytes.len() as u64, &fixed).is_some() {
            return Some(fixed);
        }
    }
    // The CRC of a legacy entry, by one bit.
    if stored < 2 && bytes.len() > 16 {
        fixed[PREFIX_SIZE - 1] = stored;
        let right = crc32fast::hash(&fixed[16..]);
        let there = u32::from_be_bytes(*fixed[12..].first_chunk()?);
        if (right ^ there).count_ones() == 1 {
            fixed[12..16].copy_from_slice(&right.to_be_bytes());
            return unit_of(Offset::ZERO, 0, 0..bytes.len() as u64, &fixed).map(|_| fixed);
        }
    }
    None
}

/// The batch that `bytes` is, if its CRC fits and every record can be read.
pub(super) fn unit_of(
    segment: Offset,
    position: u64,
    place: Range<u64>,
    bytes: &[u8],
) -> Option<Unit> {
    let prefix = Prefix::parse(bytes).ok()?;
    if prefix.size != bytes.len() {
        return None;
    }
    let mut scratch = AnyScratch::default();
    let batch = AnyBatch::parse(prefix.magic, bytes).ok()?;
    let readable = batch
        .records(&mut scratch)
        .ok()?
        .all(|record| record.is_ok());
    if !readable {
        return None;
    }
    let mut unit = match &batch {
        AnyBatch::V2(batch) => Unit::of(segment, place.clone(), batch.header()),
        AnyBatch::Legacy(_) => Unit::of_legacy(segment, position, bytes)?,
    };
    unit.bytes = place;
    Some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};

    fn batch(base: i64, records: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        for number in 0..records {
            let value = format!("value {number} of some length");
            builder
                .append(None, None, Some(value.as_bytes()), Default::default())
                .unwrap();
        }
        let base_offset = Offset::new(base);
        let seal = Seal {
            base_offset,
            ..Seal::default()
        };
        builder.seal(&seal).to_vec()
    }

    fn cure(bytes: &[u8], partial: bool) -> Vec<Option<Cure>> {
        look(Offset::ZERO, 0, bytes, partial)
            .into_iter()
            .map(|found| match found {
                Found::Mended(_, cure) => Some(cure),
                Found::Lost(_) => None,
            })
            .collect()
    }

    #[test]
    fn fields_outside_the_crc_are_set_right() {
        for at in [8, 9, 10, 11, 16] {
            for bit in 0..8 {
                let mut bytes = batch(5, 4);
                bytes[at] ^= 1 << bit;
                assert_eq!(cure(&bytes, false), [Some(Cure::Fields)], "{at} {bit}");
            }
        }
    }

    #[test]
    fn a_flipped_header_is_mended_and_flipped_records_only_if_wanted() {
        let mut bytes = batch(5, 4);
        bytes[45] ^= 4;
        let expected = Cure::Byte { at: 45, flipped: 4 };
        assert_eq!(cure(&bytes, false), [Some(expected)]);
        let mut bytes = batch(5, 4);
        bytes[80] ^= 4;
        assert_eq!(cure(&bytes, false), [None]);
        let expected = Cure::Byte { at: 80, flipped: 4 };
        assert_eq!(cure(&bytes, true), [Some(expected)]);
    }

    #[test]
    fn two_damaged_batches_are_told_apart() {
        let mut bytes = batch(5, 4);
        let first = bytes.len();
        bytes.extend(batch(9, 4));
        for at in [90, 91, first + 90, first + 91] {
            bytes[at] ^= 0xff;
        }
        let found = look(Offset::ZERO, 1000, &bytes, false);
        let claims: Vec<_> = found
            .iter()
            .map(|found| match found {
                Found::Lost(claim) => {
                    (claim.bytes.clone(), claim.header.unwrap().base_offset.get())
                }
                Found::Mended(..) => panic!("{found:?}"),
            })
            .collect();
        let first = 1000 + first as u64;
        assert_eq!(
            claims,
            [(1000..first, 5), (first..1000 + bytes.len() as u64, 9)]
        );
    }
}
