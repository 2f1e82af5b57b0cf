//! What can be saved of a v2 batch whose CRC does not fit.
//!
//! A CRC is linear: flipping a byte changes it by an amount that depends only on
//! the flip and on how many bytes follow. Stepping the difference between the CRC
//! found and the one stored backwards over the batch tells the one byte, if there
//! is one, whose change explains it ([`Mended::Exact`]).
//!
//! Where more is damaged than that, uncompressed records may still be told from
//! the damage: each begins with its length, and its deltas continue those of the
//! one before. Where that chain breaks, the records of the unbroken ends are whole
//! ([`Mended::Part`]). The record right before the break is taken for whole only
//! where the break shows where it begins (a run of zeros, as a lost sector leaves);
//! damage inside a key or value that breaks nothing cannot be placed, and nothing
//! of such a batch is kept.
//!
//! A wrong explanation has a chance of one in 2^32 for each byte of the batch and
//! each way to change it; the records must fit as well.

use super::batch::{ATTRIBUTES_AT, CRC_AT, HEADER_SIZE, Header, Scratch, UncheckedBatch};
use super::bytes::Reader;
use super::compression::Codec;
use super::crc32c::crc32c;
use super::record::{Headers, read_nullable};
use std::ops::Range;

/// What was saved. The bytes are a batch with a right CRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// One byte was changed; put back, everything fits.
    Exact {
        /// The batch as it was.
        bytes: Vec<u8>,
        /// Where the changed byte stands.
        at: usize,
        /// What it was changed by: the bits that differ.
        flipped: u8,
    },
    /// Some records are whole; the others were left out.
    Part {
        /// A batch of the same offsets with the whole records in it, byte for byte.
        bytes: Vec<u8>,
        /// How many records it holds.
        kept: usize,
        /// How many it held.
        of: usize,
        /// The bytes left out.
        lost: Range<usize>,
        /// The offsets that they may have held, counted from the batch's base offset.
        deltas: Range<i64>,
    },
}

/// Saves what it can of the batch that `bytes` is. `None` where nothing is certain,
/// and where the CRC fits.
pub fn mend(bytes: &[u8]) -> Option<Mended> {
    if bytes.len() < HEADER_SIZE || UncheckedBatch::parse(bytes).is_ok_and(|b| b.check().is_ok()) {
        return None;
    }
    changed_byte(bytes).or_else(|| whole_records(bytes))
}

/// The CRC-32C of one byte, from state 0 and without the final complement.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            state = (state >> 1) ^ (0x82f6_3b78 & (state & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = state;
        byte += 1;
    }
    table
};

/// Which byte has a CRC with this byte at the top; each has another one.
const BY_TOP: [u8; 256] = {
    let mut by_top = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        by_top[(TABLE[byte] >> 24) as usize] = byte as u8;
        byte += 1;
    }
    by_top
};

/// Tries every byte under the CRC, and the CRC itself.
fn changed_byte(bytes: &[u8]) -> Option<Mended> {
    let stored = Reader::new(&bytes[CRC_AT..]).u32("crc").ok()?;
    let difference = crc32c(&bytes[ATTRIBUTES_AT..]) ^ stored;
    let broken = !records_fit(bytes);
    let accept = |at: usize, flipped: u8| {
        // A byte of another value is believed only where it is what broke the batch;
        // a single bit, the common fault of memory and disks, also elsewhere.
        if flipped.count_ones() > 1 && !broken {
            return None;
        }
        let mut bytes = bytes.to_vec();
        bytes[at] ^= flipped;
        fits(&bytes).then_some(Mended::Exact { bytes, at, flipped })
    };
    if !broken && difference.count_ones() == 1 {
        let within = difference.leading_zeros() / 8;
        let at = CRC_AT + within as usize;
        return accept(at, difference.to_be_bytes()[within as usize]);
    }
    let mut state = difference;
    for at in (ATTRIBUTES_AT..bytes.len()).rev() {
        let byte = BY_TOP[(state >> 24) as usize];
        if state == TABLE[usize::from(byte)]
            && let Some(mended) = accept(at, byte)
        {
            return Some(mended);
        }
        state = ((state ^ TABLE[usize::from(byte)]) << 8) | u32::from(byte);
    }
    None
}

/// Whether it is a batch: the CRC, the header, every record.
fn fits(bytes: &[u8]) -> bool {
    UncheckedBatch::parse(bytes).is_ok_and(|batch| batch.check().is_ok()) && records_fit(bytes)
}

/// Whether header and records fit, whatever the CRC.
fn records_fit(bytes: &[u8]) -> bool {
    let mut scratch = Scratch::new();
    let Ok(batch) = UncheckedBatch::parse(bytes) else {
        return false;
    };
    batch.bytes().len() == bytes.len()
        && batch
            .without_check()
            .records(&mut scratch)
            .is_ok_and(|mut records| records.all(|record| record.is_ok()))
}

/// A record's bytes and its offset delta.
struct Link {
    bytes: Range<usize>,
    delta: i32,
}

fn whole_records(bytes: &[u8]) -> Option<Mended> {
    let header = Header::parse(bytes).ok()?;
    if header.size != bytes.len()
        || header.attributes.codec().ok()? != Codec::None
        || header.attributes.is_control()
    {
        return None;
    }
    let last = i32::try_from(header.last_offset.get() - header.base_offset.get()).ok()?;
    let dense = header.record_count as i64 == i64::from(last) + 1;
    let mut front = chain(bytes, HEADER_SIZE, 0, last);
    let broken_at = front.last().map_or(HEADER_SIZE, |link| link.bytes.end);
    if broken_at == bytes.len() {
        return None;
    }
    let least = front.last().map_or(0, |link| link.delta + 1);
    let back = (broken_at + 1..bytes.len())
        .map(|at| chain(bytes, at, least, last))
        .find(|links| reaches_the_end(links, bytes.len(), last, dense))
        .unwrap_or_default();
    let until = back.first().map_or(bytes.len(), |link| link.bytes.start);
    if damage_may_begin_before(&bytes[..until], broken_at) {
        front.pop();
    }
    let kept = front.len() + back.len();
    // A record that is missing from the count would be one that was invented.
    if kept == 0 || kept >= header.record_count {
        return None;
    }
    let lost = front.last().map_or(HEADER_SIZE, |link| link.bytes.end)..until;
    let after = front.last().map_or(0, |link| i64::from(link.delta) + 1);
    let before = back.first().map_or(last + 1, |link| link.delta);
    let mut part = bytes[..lost.start].to_vec();
    part.extend_from_slice(&bytes[lost.end..]);
    reseal(&mut part, header, kept)?;
    fits(&part).then_some(Mended::Part {
        bytes: part,
        kept,
        of: header.record_count,
        lost,
        deltas: after..i64::from(before),
    })
}

/// Writes the header anew for the records that are left; their deltas still count
/// from its base.
fn reseal(part: &mut [u8], mut header: Header, kept: usize) -> Option<()> {
    header.record_count = kept;
    header.write(part);
    let mut scratch = Scratch::new();
    let records = UncheckedBatch::parse(part).ok()?.without_check();
    let mut latest = None;
    for record in records.records(&mut scratch).ok()? {
        latest = latest.max(record.ok()?.timestamp);
    }
    if !header.attributes.is_append_time() {
        header.max_timestamp = latest;
    }
    header.write(part);
    Some(())
}

/// The records that follow each other from a place on, until one does not fit.
fn chain(bytes: &[u8], mut at: usize, mut least: i32, last: i32) -> Vec<Link> {
    let mut links = Vec::new();
    while at < bytes.len()
        && let Some((size, delta)) = record(&bytes[at..])
        && (least..=last).contains(&delta)
    {
        links.push(Link {
            bytes: at..at + size,
            delta,
        });
        at += size;
        least = delta.saturating_add(1);
    }
    links
}

/// The size and offset delta of the record that `bytes` starts with, if its fields
/// take exactly the length that it says.
fn record(bytes: &[u8]) -> Option<(usize, i32)> {
    let mut reader = Reader::new(bytes);
    let length = usize::try_from(reader.varint("record length").ok()?).ok()?;
    let body = reader.position();
    if length > reader.remaining() || reader.i8("record attributes").ok()? != 0 {
        return None;
    }
    reader.varlong("timestamp delta").ok()?;
    let delta = reader.varint("offset delta").ok()?;
    read_nullable(&mut reader, "key length").ok()?;
    read_nullable(&mut reader, "value length").ok()?;
    Headers::read(&mut reader).ok()?;
    (reader.position() - body == length).then_some((reader.position(), delta))
}

/// Whether records found behind a break are the batch's own last ones.
fn reaches_the_end(links: &[Link], end: usize, last: i32, dense: bool) -> bool {
    let (Some(first), Some(behind)) = (links.first(), links.last()) else {
        return false;
    };
    let in_step = first.delta as i64 + links.len() as i64 == i64::from(last) + 1;
    behind.bytes.end == end && behind.delta == last && (!dense || in_step)
}

/// Whether the damage around a break may reach into the record that ends there.
/// A run of zeros shows where it begins; a record may end with one zero of its own,
/// its count of headers.
fn damage_may_begin_before(bytes: &[u8], broken_at: usize) -> bool {
    let zeros_behind = bytes[broken_at..].iter().take_while(|b| **b == 0).count();
    let zeros_before = bytes[..broken_at]
        .iter()
        .rev()
        .take_while(|b| **b == 0)
        .count();
    zeros_behind < 8 || zeros_before > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::compression::{Compression, Compressor};
    use crate::format::{Offset, Timestamp};
    use proptest::prelude::*;

    fn batch(records: usize, codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        for number in 0..records {
            let value = format!("value {number} of a batch, some text to be found again");
            let time = Some(Timestamp::new(1_700_000_000_000 + number as i64));
            let key = format!("k{number}");
            builder
                .append(
                    time,
                    Some(key.as_bytes()),
                    Some(value.as_bytes()),
                    Headers::default(),
                )
                .unwrap();
        }
        let seal = Seal {
            base_offset: Offset::new(4_000),
            ..Seal::default()
        };
        let mut bytes = Vec::new();
        let mut compressor = Compressor::new(Compression::from(codec));
        builder
            .seal_compressed(&mut compressor, &seal, &mut bytes)
            .unwrap();
        bytes
    }

    fn values(bytes: &[u8]) -> Vec<(i64, Vec<u8>)> {
        let mut scratch = Scratch::new();
        let batch = UncheckedBatch::parse(bytes).unwrap().check().unwrap();
        let records = batch.records(&mut scratch).unwrap();
        records
            .map(|record| record.unwrap())
            .map(|record| (record.offset.get(), record.value.unwrap().to_vec()))
            .collect()
    }

    #[test]
    fn a_whole_batch_needs_nothing() {
        assert_eq!(mend(&batch(3, Codec::None)), None);
    }

    #[test]
    fn every_flipped_bit_is_found_in_every_codec() {
        for codec in [Codec::None, Codec::Gzip, Codec::Zstd] {
            let whole = batch(12, codec);
            for at in CRC_AT..whole.len() {
                let bit = 1 << (at % 8);
                let mut damaged = whole.clone();
                damaged[at] ^= bit;
                let found = mend(&damaged);
                let expected = Mended::Exact {
                    bytes: whole.clone(),
                    at,
                    flipped: bit,
                };
                assert_eq!(found, Some(expected), "{codec:?} byte {at}");
            }
        }
    }

    #[test]
    fn a_lost_sector_costs_the_records_in_it() {
        let whole = batch(100, Codec::None);
        let all = values(&whole);
        let mut damaged = whole.clone();
        damaged[1024..1536].fill(0);
        let Some(Mended::Part {
            bytes, kept, of, ..
        }) = mend(&damaged)
        else {
            panic!("nothing was saved");
        };
        let saved = values(&bytes);
        assert_eq!((saved.len(), of), (kept, 100));
        assert!(saved.iter().all(|record| all.contains(record)));
        assert!((88..=92).contains(&kept), "{kept} of 100 were kept");
    }

    #[test]
    fn damage_that_cannot_be_placed_saves_nothing() {
        let mut damaged = batch(20, Codec::None);
        let at = damaged.len() - 20;
        damaged[at..at + 4].copy_from_slice(b"XXXX");
        assert_eq!(mend(&damaged), None);
    }

    proptest! {
        #[test]
        fn nothing_is_invented(
            start in HEADER_SIZE..2_000_usize,
            noise in proptest::collection::vec(any::<u8>(), 1..600),
        ) {
            let whole = batch(60, Codec::None);
            let all = values(&whole);
            let mut damaged = whole.clone();
            for (at, byte) in (start..damaged.len()).zip(noise) {
                damaged[at] = byte;
            }
            match mend(&damaged) {
                None => {}
                Some(Mended::Exact { bytes, .. }) => prop_assert_eq!(bytes, whole),
                Some(Mended::Part { bytes, .. }) => {
                    for record in values(&bytes) {
                        prop_assert!(all.contains(&record), "{record:?} was invented");
                    }
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            mend(&bytes);
        }
    }
}
