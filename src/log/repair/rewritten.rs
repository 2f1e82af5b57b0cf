//! Batches whose CRC is right and whose records say what nobody writes: a time that
//! contradicts the base time, attribute bits without a meaning. Key, value, headers and
//! offset of each record stay; what stands beside them is written anew.

use super::gap::amended;
use crate::format::Timestamp;
use crate::format::batch::{
    Attributes, Batch, HEADER_SIZE, Header, PREFIX_SIZE, Scratch, UncheckedBatch,
};
use crate::format::bytes::{Reader, put_varint, varint_size};
use crate::format::compression::{Compression, Compressor};
use crate::format::legacy::UncheckedEntry;
use crate::format::metadata::{MetadataRecord, NoOpRecord};
use crate::log::layout::METADATA_TOPIC;
use crate::log::verify::can_be_loaded;
use std::ops::Range;

/// Where the producer stands in a v2 header.
const PRODUCER_ID: Range<usize> = 43..51;
const PRODUCER_EPOCH: Range<usize> = 51..53;
const BASE_SEQUENCE: Range<usize> = 53..57;
/// The attribute bits of a v2 header that have a meaning.
const KNOWN_ATTRIBUTES: i16 = 0x7f;
const DELETE_HORIZON: i16 = 1 << 6;
const CODEC: i16 = 7;
/// Where the attributes of a message of magic 0 and 1 stand.
const LEGACY_ATTRIBUTES: usize = 17;
const LEGACY_CRC: Range<usize> = 12..16;

/// A batch whose base time is that of a record, where none had it, or a delete horizon
/// that none has. `None` where it is.
///
/// Where the time of the first record is what makes the header's latest time wrong, the
/// record's is put right; otherwise the base.
pub(super) fn with_base_time(bytes: &[u8]) -> Option<Vec<u8>> {
    let batch = checked(bytes)?;
    let mut header = *batch.header();
    let mut scratch = Scratch::new();
    let payload = batch.unpacked(&mut scratch).ok()?;
    let deltas = deltas(payload)?;
    let has_horizon = header.delete_horizon().is_some();
    let is_of_a_record = deltas.contains(&0);
    if deltas.is_empty() || is_of_a_record != has_horizon {
        return None;
    }
    let span = header.next_offset().get() - header.base_offset.get();
    if has_horizon || header.record_count as i64 != span {
        // Where the cleaner was, it is its horizon, whose bit is gone; or the bit alone
        // is there.
        let bits = header.attributes.bits() ^ DELETE_HORIZON;
        header.attributes = Attributes::from_bits(bits);
        return Some(amended(bytes, &header));
    }
    let base = header.base_timestamp?.get();
    let latest = deltas[1..].iter().copied().fold(0, i64::max);
    let has_wrong_first = header.attributes.is_append_time()
        || header.max_timestamp.map(Timestamp::get) == base.checked_add(latest);
    let payload = if has_wrong_first {
        respelled(payload, |at, delta| if at == 0 { 0 } else { delta })?
    } else {
        header.base_timestamp = base.checked_add(deltas[0]).and_then(Timestamp::from_wire);
        respelled(payload, |_, delta| delta.wrapping_sub(deltas[0]))?
    };
    with_payload(header, &payload)
}

/// A batch of the metadata log, each record with the time of the batch. `None` where
/// each has it.
pub(super) fn with_one_time(bytes: &[u8]) -> Option<Vec<u8>> {
    let batch = checked(bytes)?;
    let mut scratch = Scratch::new();
    let payload = batch.unpacked(&mut scratch).ok()?;
    if deltas(payload)?.iter().all(|delta| *delta == 0) {
        return None;
    }
    let payload = respelled(payload, |_, _| 0)?;
    with_payload(*batch.header(), &payload)
}

/// A batch of the metadata log that ends with its last record: each offset has one.
/// `None` where it does.
pub(super) fn with_counted_end(bytes: &[u8]) -> Option<Vec<u8>> {
    let batch = checked(bytes)?;
    let mut header = *batch.header();
    let mut scratch = Scratch::new();
    let last = batch.records(&mut scratch).ok()?.last()?.ok()?.offset;
    let span = last.get() - header.base_offset.get() + 1;
    if last == header.last_offset || header.record_count as i64 != span {
        return None;
    }
    header.last_offset = last;
    Some(amended(bytes, &header))
}

/// A batch without the records that cannot be loaded, and which those were, counted from
/// its base offset. In the metadata log, where each offset has a record, those do nothing
/// instead. `None` where all can be loaded.
pub(super) fn without_unloadable(topic: &str, bytes: &[u8]) -> Option<(Vec<u8>, Vec<i64>)> {
    let batch = checked(bytes)?;
    let mut header = *batch.header();
    let mut scratch = Scratch::new();
    let mut bad = Vec::new();
    for record in batch.records(&mut scratch).ok()? {
        let record = record.ok()?;
        if !can_be_loaded(topic, &record) {
            bad.push(record.offset.get() - header.base_offset.get());
        }
    }
    if bad.is_empty() || header.attributes.is_control() {
        return None;
    }
    let payload = batch.unpacked(&mut scratch).ok()?;
    let is_bad = |rest: &[u8]| {
        let delta = Reader::new(rest).varint("offset delta").ok();
        delta.is_some_and(|delta| bad.contains(&i64::from(delta)))
    };
    let mut right = Vec::with_capacity(payload.len());
    each(payload, |_, delta, rest| match (is_bad(rest), topic) {
        (false, _) => put(&mut right, delta, rest),
        (true, METADATA_TOPIC) => put(&mut right, delta, &doing_nothing(rest)),
        (true, _) => header.record_count -= 1,
    })?;
    if header.record_count == 0 {
        right.clear();
        header.attributes = Attributes::from_bits(header.attributes.bits() & !CODEC);
        let mut empty = vec![0; HEADER_SIZE];
        header.write(&mut empty);
        return Some((empty, bad));
    }
    Some((with_payload(header, &right)?, bad))
}

/// What stands behind a record's time, of one that does nothing at the same offset.
fn doing_nothing(rest: &[u8]) -> Vec<u8> {
    let record = MetadataRecord::NoOp(NoOpRecord::default());
    let value = record.latest().to_bytes();
    let value = value.expect("a record without fields can be encoded");
    let delta = Reader::new(rest).varint("offset delta").unwrap_or(0);
    let mut out = Vec::new();
    put_varint(&mut out, i64::from(delta));
    put_varint(&mut out, -1);
    put_varint(&mut out, value.len() as i64);
    out.extend_from_slice(&value);
    put_varint(&mut out, 0);
    out
}

/// A batch without what nobody reads: attribute bits that have no meaning, of the batch
/// and of its records, and a producer's fields where there is none. `None` where there
/// is nothing of that.
pub(super) fn without_unused(bytes: &[u8]) -> Option<Vec<u8>> {
    if *bytes.get(PREFIX_SIZE - 1)? < 2 {
        return legacy_without_unused(bytes);
    }
    let batch = checked(bytes)?;
    let header = *batch.header();
    let mut scratch = Scratch::new();
    let payload = batch.unpacked(&mut scratch).ok()?;
    let mut right = match batch.check_records(payload).ok()?.attributes {
        0 => bytes.to_vec(),
        _ => with_payload(header, &respelled(payload, |_, delta| delta)?)?,
    };
    without_producer(&header, &mut right);
    let mut header = Header::parse(&right).ok()?;
    header.attributes = Attributes::from_bits(header.attributes.bits() & KNOWN_ATTRIBUTES);
    let right = amended(&right, &header);
    (right != bytes).then_some(right)
}

/// Takes the fields of a producer out of a batch that has none, and the sequence out of
/// a marker. Zeros are what some clients leave.
fn without_producer(header: &Header, bytes: &mut [u8]) {
    if header.producer.is_some() {
        if header.attributes.is_control() {
            bytes[BASE_SEQUENCE].fill(0xff);
        }
        return;
    }
    bytes[PRODUCER_ID].fill(0xff);
    for field in [PRODUCER_EPOCH, BASE_SEQUENCE] {
        let field = &mut bytes[field];
        if field.iter().any(|byte| *byte != 0) {
            field.fill(0xff);
        }
    }
}

fn legacy_without_unused(bytes: &[u8]) -> Option<Vec<u8>> {
    let entry = UncheckedEntry::parse(bytes).ok()?.check().ok()?;
    let known = match entry.header().timestamp.is_some() {
        true => 0x0f,
        false => 0x07,
    };
    let mut right = bytes.to_vec();
    right[LEGACY_ATTRIBUTES] &= known;
    let crc = crc32fast::hash(&right[LEGACY_CRC.end..]);
    right[LEGACY_CRC].copy_from_slice(&crc.to_be_bytes());
    (right != bytes).then_some(right)
}

fn checked(bytes: &[u8]) -> Option<Batch<'_>> {
    UncheckedBatch::parse(bytes).ok()?.check().ok()
}

/// What each record adds to the base time.
fn deltas(payload: &[u8]) -> Option<Vec<i64>> {
    let mut deltas = Vec::new();
    each(payload, |_, delta, _| deltas.push(delta))?;
    Some(deltas)
}

/// The records with other times, and without attributes. `delta`: from the place and
/// the time as it was.
fn respelled(payload: &[u8], delta: impl Fn(usize, i64) -> i64) -> Option<Vec<u8>> {
    let mut right = Vec::with_capacity(payload.len());
    each(payload, |at, before, rest| {
        put(&mut right, delta(at, before), rest)
    })?;
    Some(right)
}

/// Appends a record with this time. `rest`: what stands behind that.
fn put(out: &mut Vec<u8>, delta: i64, rest: &[u8]) {
    const ATTRIBUTES: usize = 1;
    let length = ATTRIBUTES + varint_size(delta) + rest.len();
    put_varint(out, length as i64);
    out.push(0);
    put_varint(out, delta);
    out.extend_from_slice(rest);
}

/// Tells of each record its place, its time, and the bytes behind that.
fn each(payload: &[u8], mut tell: impl FnMut(usize, i64, &[u8])) -> Option<()> {
    let mut reader = Reader::new(payload);
    let mut at = 0;
    while !reader.is_empty() {
        let length = usize::try_from(reader.varint("record length").ok()?).ok()?;
        let mut record = Reader::new(reader.take("record", length).ok()?);
        record.i8("record attributes").ok()?;
        let delta = record.varlong("timestamp delta").ok()?;
        tell(at, delta, record.rest());
        at += 1;
    }
    Some(())
}

/// A batch of these records, compressed as the header says. Its latest time is theirs,
/// where it is not the broker's.
fn with_payload(mut header: Header, payload: &[u8]) -> Option<Vec<u8>> {
    if !header.attributes.is_append_time()
        && let Some(latest) = deltas(payload)?.into_iter().max()
        && let Some(base) = header.base_timestamp
        && header.delete_horizon().is_none()
    {
        header.max_timestamp = base
            .get()
            .checked_add(latest)
            .and_then(Timestamp::from_wire);
    }
    let codec = header.attributes.codec().ok()?;
    let mut bytes = vec![0; HEADER_SIZE];
    let mut compressor = Compressor::new(Compression::from(codec));
    compressor.compress(payload, &mut bytes).ok()?;
    header.write(&mut bytes);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::compression::Codec;
    use crate::format::record::Headers;

    const BASE: i64 = 1_700_000_000_000;

    fn batch(times: &[i64], codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        for time in times {
            let value = format!("at {time}");
            let time = Some(Timestamp::new(BASE + time));
            let headers = Headers::default();
            let appended = builder.append(time, Some(b"key"), Some(value.as_bytes()), headers);
            appended.unwrap();
        }
        let mut bytes = Vec::new();
        let mut compressor = Compressor::new(Compression::from(codec));
        builder
            .seal_compressed(&mut compressor, &Seal::default(), &mut bytes)
            .unwrap();
        bytes
    }

    fn spoiled(bytes: &[u8], delta: impl Fn(usize, i64) -> i64) -> Vec<u8> {
        let batch = checked(bytes).unwrap();
        let mut scratch = Scratch::new();
        let payload = batch.unpacked(&mut scratch).unwrap();
        let max_timestamp = batch.header().max_timestamp;
        let right = with_payload(*batch.header(), &respelled(payload, delta).unwrap()).unwrap();
        let header = Header::parse(&right).unwrap();
        amended(
            &right,
            &Header {
                max_timestamp,
                ..header
            },
        )
    }

    #[test]
    fn a_first_time_that_contradicts_the_header_is_put_right() {
        for codec in [Codec::None, Codec::Zstd] {
            for times in [&[0][..], &[0, 5, 3], &[0, 0]] {
                let whole = batch(times, codec);
                assert_eq!(with_base_time(&whole), None);
                let damaged = spoiled(&whole, |at, delta| if at == 0 { -64 } else { delta + 1 });
                let whole = match times.len() {
                    1 => whole,
                    // The others moved as well: the header's latest time is no help.
                    _ => spoiled(&damaged, |_, delta| delta + 64),
                };
                let mended = with_base_time(&damaged).unwrap();
                let header = Header::parse(&mended).unwrap();
                assert!(checked(&mended).is_some());
                if times.len() == 1 {
                    assert_eq!(mended, whole);
                } else {
                    assert_eq!(header.base_timestamp, Some(Timestamp::new(BASE - 64)));
                }
                assert_eq!(with_base_time(&mended), None);
            }
        }
    }

    #[test]
    fn a_flipped_first_time_leaves_the_batch_as_it_was() {
        for codec in [
            Codec::None,
            Codec::Gzip,
            Codec::Snappy,
            Codec::Lz4,
            Codec::Zstd,
        ] {
            let whole = batch(&[0, 7, 3], codec);
            let damaged = spoiled(&whole, |at, delta| if at == 0 { 32 } else { delta });
            assert_eq!(with_base_time(&damaged), Some(whole), "{codec}");
        }
    }

    #[test]
    fn records_of_the_metadata_log_have_one_time() {
        let whole = batch(&[0, 0, 0], Codec::None);
        assert_eq!(with_one_time(&whole), None);
        let damaged = spoiled(&whole, |at, _| if at == 1 { 64 } else { 0 });
        assert_eq!(with_one_time(&damaged), Some(whole));
    }

    #[test]
    fn unused_bits_go_and_nothing_else() {
        for codec in [Codec::None, Codec::Lz4] {
            let whole = batch(&[0, 1, 2], codec);
            assert_eq!(without_unused(&whole), None);
            let mut header = Header::parse(&whole).unwrap();
            header.attributes =
                Attributes::from_bits(header.attributes.bits() | 0x4080_u16.cast_signed());
            assert_eq!(
                without_unused(&amended(&whole, &header)),
                Some(whole.clone())
            );
            let mut with_producer = whole.clone();
            with_producer[50] = 0x7f;
            let header = Header::parse(&whole).unwrap();
            let damaged = amended(&with_producer, &header);
            assert_eq!(without_unused(&damaged), Some(whole), "{codec}");
        }
        let whole = batch(&[0, 1, 2], Codec::None);
        let mut damaged = whole.clone();
        damaged[HEADER_SIZE + 1] |= 4;
        let damaged = amended(&damaged, &Header::parse(&whole).unwrap());
        assert_eq!(without_unused(&damaged), Some(whole));
    }
}
