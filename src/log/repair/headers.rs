//! Headers whose CRC is right and that contradict what stands below them: a fault of
//! whoever wrote them, or of memory before the CRC was computed. The records are whole;
//! only the header's word about them is changed.

use super::gap::amended;
use crate::format::batch::{Attributes, Header, Scratch, UncheckedBatch};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::record::Record;
use crate::format::{ProducerId, Timestamp};
use crate::log::verify::Check;
use std::ops::Range;

const PRODUCER_ID: Range<usize> = 43..51;
const BASE_SEQUENCE: Range<usize> = 53..57;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
/// The size of a control record's key: its version and its type.
const CONTROL_KEY: usize = 4;
/// The size of a marker's value: its version and the coordinator's epoch.
const MARKER_VALUE: usize = 6;

/// The batch with a header that agrees with its records. `None` where nothing has to be
/// done, or can be.
pub(super) fn corrected(bytes: &[u8], checks: impl Iterator<Item = Check>) -> Option<Vec<u8>> {
    let batch = UncheckedBatch::parse(bytes).ok()?.check().ok()?;
    let before = *batch.header();
    let mut header = before;
    for check in checks {
        match check {
            Check::Timestamp if !header.attributes.is_append_time() => {
                let mut scratch = Scratch::new();
                let mut latest: Option<Timestamp> = None;
                for record in batch.records(&mut scratch).ok()? {
                    latest = latest.max(record.ok()?.timestamp);
                }
                header.max_timestamp = latest;
            }
            Check::BatchHeader if is_marker(bytes, &header) => {
                header.attributes = with(header.attributes, CONTROL | TRANSACTIONAL);
            }
            Check::BatchHeader => producer(bytes, &mut header),
            Check::Record if header.attributes.is_control() => {
                if let Some(marker) = marker(bytes, &header) {
                    return Some(marker);
                }
                let mut scratch = Scratch::new();
                let mut records = batch.records(&mut scratch).ok()?.flatten();
                if !records.any(|record| is_control_key(record.key)) {
                    // Records of any other kind: the flag is what is wrong.
                    header.attributes = without(header.attributes, CONTROL);
                }
            }
            // Its key is no group's and no offset's, but a marker's.
            Check::InternalTopic if is_marker(bytes, &header) => {
                header.attributes = with(header.attributes, CONTROL);
            }
            _ => {}
        }
    }
    (header != before).then(|| amended(bytes, &header))
}

/// Who wrote it, where attributes and producer do not go together.
fn producer(bytes: &[u8], header: &mut Header) {
    let attributes = header.attributes;
    if let Some(producer) = &mut header.producer {
        if attributes.is_control() && !attributes.is_transactional() {
            header.attributes = with(attributes, TRANSACTIONAL);
        } else if producer.base_sequence.is_none() && !attributes.is_control() {
            // A sign that was flipped, or none at all.
            let raw = i32::from_be_bytes(*bytes[BASE_SEQUENCE].first_chunk().expect("4 bytes"));
            match raw & i32::MAX {
                i32::MAX if !attributes.is_transactional() => header.producer = None,
                i32::MAX => {}
                sequence => producer.base_sequence = Some(sequence),
            }
        }
        return;
    }
    if attributes.is_transactional() {
        let raw = i64::from_be_bytes(*bytes[PRODUCER_ID].first_chunk().expect("8 bytes"));
        let id = ProducerId::from_wire(raw & i64::MAX).filter(|id| id.get() != i64::MAX);
        let mut with_id = bytes.to_vec();
        with_id[PRODUCER_ID.start] &= 0x7f;
        match id.and_then(|_| Header::parse(&with_id).ok()) {
            Some(right) => {
                header.producer = right.producer;
                header.stray_sequence = None;
            }
            None => header.attributes = without(attributes, TRANSACTIONAL),
        }
    }
}

fn without(attributes: Attributes, bit: i16) -> Attributes {
    Attributes::from_bits(attributes.bits() & !bit)
}

fn with(attributes: Attributes, bit: i16) -> Attributes {
    Attributes::from_bits(attributes.bits() | bit)
}

fn is_control_key(key: Option<&[u8]>) -> bool {
    key.is_some_and(|key| key.len() == CONTROL_KEY)
}

/// Whether a batch holds what a transaction's marker does: a version, a type, and the
/// coordinator's epoch.
fn is_marker(bytes: &[u8], header: &Header) -> bool {
    let mut scratch = Scratch::new();
    let batch = UncheckedBatch::parse(bytes).and_then(UncheckedBatch::check);
    let record = batch.and_then(|batch| batch.records(&mut scratch)?.next().transpose());
    let has_no_sequence = header.producer.is_some_and(|p| p.base_sequence.is_none());
    record.is_ok_and(|record| {
        let value = record.and_then(|record| record.value.filter(|_| is_control_key(record.key)));
        header.record_count == 1
            && header.attributes.is_transactional()
            && has_no_sequence
            && value.is_some_and(|value| value.len() == MARKER_VALUE)
    })
}

/// A transaction's marker whose key has a version or a type that cannot be, with
/// version 0 and the type that one bit away is one.
fn marker(bytes: &[u8], header: &Header) -> Option<Vec<u8>> {
    let batch = UncheckedBatch::parse(bytes).ok()?.check().ok()?;
    let mut scratch = Scratch::new();
    let Record {
        key,
        value,
        timestamp,
        headers,
        ..
    } = batch.records(&mut scratch).ok()?.next()?.ok()?;
    if !is_marker(bytes, header) {
        return None;
    }
    let kind = i16::from_be_bytes(*key?[2..].first_chunk()?);
    let mut known = [0_i16, 1].into_iter();
    let kind = match kind {
        0 | 1 => kind,
        _ => known.find(|known| (known ^ kind).count_ones() == 1)?,
    };
    let mut key = [0; CONTROL_KEY];
    key[2..].copy_from_slice(&kind.to_be_bytes());
    let mut builder = BatchBuilder::default();
    builder.append(timestamp, Some(&key), value, headers).ok()?;
    let sealed = builder.seal(&Seal {
        base_offset: header.base_offset,
        leader_epoch: header.leader_epoch,
        producer: header.producer,
        transactional: true,
        control: true,
        ..Seal::default()
    });
    Some(sealed.to_vec())
}
