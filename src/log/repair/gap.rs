//! The batches that a repair writes itself: gaps, and headers set right.

use super::units::Unit;
use crate::format::batch::{Attributes, HEADER_SIZE, Header, Scratch, UncheckedBatch};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::metadata::{MetadataRecord, NoOpRecord};
use crate::format::{LeaderEpoch, Offset};
use std::ops::Range;

/// Offsets that one batch spans at most.
const MOST_SPAN: i64 = i32::MAX as i64;
/// Records in a batch of records that do nothing.
const MOST_NO_OPS: i64 = 10_000;

/// Batches that span lost offsets: empty, or of records that do nothing. The header
/// of the one batch that is lost, where it is known, lends its producer.
pub(super) fn batches(
    mut offsets: Range<i64>,
    epoch: Option<LeaderEpoch>,
    lost: Option<Header>,
    no_ops: bool,
) -> Vec<Unit> {
    let mut batches = Vec::new();
    while !offsets.is_empty() {
        let most = if no_ops { MOST_NO_OPS } else { MOST_SPAN };
        let end = offsets.end.min(offsets.start.saturating_add(most));
        let span = offsets.start..end;
        let bytes = if no_ops {
            of_no_ops(span, epoch)
        } else {
            empty(span, epoch, lost)
        };
        let header = Header::parse(&bytes).expect("a batch that was just made has a header");
        let mut unit = Unit::of(header.base_offset, 0..bytes.len() as u64, &header);
        unit.records = 0;
        unit.mended = Some(bytes.into_boxed_slice());
        batches.push(unit);
        offsets.start = end;
    }
    batches
}

fn empty(offsets: Range<i64>, epoch: Option<LeaderEpoch>, lost: Option<Header>) -> Vec<u8> {
    let producer = lost.filter(|lost| !lost.attributes.is_control());
    // Only what has a producer is part of a transaction.
    let kept = match producer {
        Some(lost) if lost.producer.is_some() => lost.attributes.bits() & 0x18,
        Some(lost) => lost.attributes.bits() & 0x08,
        None => 0,
    };
    let header = Header {
        base_offset: Offset::new(offsets.start),
        last_offset: Offset::new(offsets.end - 1),
        size: HEADER_SIZE,
        leader_epoch: epoch.or(lost.and_then(|lost| lost.leader_epoch)),
        crc: 0,
        attributes: Attributes::from_bits(kept),
        base_timestamp: producer.and_then(|lost| lost.max_timestamp),
        max_timestamp: producer.and_then(|lost| lost.max_timestamp),
        producer: producer.and_then(|lost| lost.producer),
        stray_sequence: None,
        record_count: 0,
    };
    let mut bytes = vec![0; HEADER_SIZE];
    header.write(&mut bytes);
    bytes
}

fn of_no_ops(offsets: Range<i64>, epoch: Option<LeaderEpoch>) -> Vec<u8> {
    let record = MetadataRecord::NoOp(NoOpRecord::default());
    let value = record
        .latest()
        .to_bytes()
        .expect("a record without fields can be encoded");
    let mut builder = BatchBuilder::default();
    for _ in offsets.clone() {
        builder
            .append(None, None, Some(&value), Default::default())
            .expect("small records fit into a batch");
    }
    let seal = Seal {
        base_offset: Offset::new(offsets.start),
        leader_epoch: epoch,
        ..Seal::default()
    };
    builder.seal(&seal).to_vec()
}

/// Writes the offset and the leader epoch that a batch should have over the front of
/// it. Both lie outside the CRC.
pub(super) fn patch(front: &mut [u8], unit: &Unit) {
    let offset = if unit.magic < 2 {
        // A message set is known by its last offset.
        unit.next() - 1
    } else {
        unit.base
    };
    if front.len() >= 16 {
        front[..8].copy_from_slice(&offset.to_be_bytes());
        if unit.magic == 2 {
            let epoch = LeaderEpoch::to_wire(unit.epoch);
            front[12..16].copy_from_slice(&epoch.to_be_bytes());
        }
    }
}

/// A batch whose CRC is right and whose last offset lies behind the start of the next
/// one, with that of its last record instead.
pub(super) fn with_right_end(bytes: &[u8]) -> Option<Vec<u8>> {
    let batch = UncheckedBatch::parse(bytes).ok()?.check().ok()?;
    let mut header = *batch.header();
    let mut scratch = Scratch::new();
    let last = batch.records(&mut scratch).ok()?.last()?.ok()?;
    header.last_offset = last.offset;
    Some(amended(bytes, &header))
}

/// A batch with another header.
pub(super) fn amended(bytes: &[u8], header: &Header) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    header.amend(&mut bytes);
    bytes
}
