//! Holds each batch against what its producer did before: epochs, sequence numbers,
//! transactions.

use super::batch::Fault;
use super::order::fault;
use crate::format::batch::{Header, Producer, sequence_after};
use crate::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::log::verify::Check;
use std::collections::HashMap;

/// Kafka may forget a producer that was silent for longer (a day, unless configured),
/// and then takes any sequence from it.
const REMEMBERED_MS: i64 = 3_600_000;

/// What the producers of a partition did so far.
#[derive(Default)]
pub(super) struct Producers(HashMap<ProducerId, Writer>);

/// What a producer did last.
struct Writer {
    epoch: ProducerEpoch,
    last_sequence: Option<i32>,
    time: Option<Timestamp>,
    /// The first offset of its open transaction.
    open: Option<Offset>,
}

/// Which of these batches, in the order of the log, contradict those before them; of
/// control batches each is taken for a marker. With each comes whether batches are lost
/// before it. `dense`: the cleaner took none.
pub(crate) fn contradictions<'a>(
    headers: impl Iterator<Item = (&'a Header, bool)>,
    dense: bool,
) -> Vec<usize> {
    let mut producers = Producers::default();
    let mut found = Vec::new();
    for (at, (header, is_behind_loss)) in headers.enumerate() {
        if is_behind_loss {
            producers.forget();
        }
        let is_marker = header.attributes.is_control();
        if producers.batch(header, is_marker, dense).is_some() {
            found.push(at);
        }
    }
    found
}

impl Producers {
    /// What comes next may have followed anything.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// The next batch; what it contradicts. `is_marker`: it ends a transaction. `dense`:
    /// the cleaner took no batch.
    pub(super) fn batch(&mut self, header: &Header, is_marker: bool, dense: bool) -> Option<Fault> {
        let producer = header.producer?;
        let writer = self.0.get(&producer.id);
        let fault = writer.and_then(|writer| {
            epoch_order(writer, producer)
                .or_else(|| transaction_order(writer, header, producer))
                .or_else(|| sequence_order(writer, header, producer, dense))
        });
        let writer = self.0.entry(producer.id).or_insert(Writer {
            epoch: producer.epoch,
            last_sequence: None,
            time: None,
            open: None,
        });
        if producer.epoch > writer.epoch {
            writer.last_sequence = None;
        }
        writer.epoch = writer.epoch.max(producer.epoch);
        writer.time = header.max_timestamp;
        if header.attributes.is_control() {
            // A compacted log may hold a marker that says nothing any more.
            if is_marker || header.record_count == 0 {
                writer.open = None;
            }
            return fault;
        }
        writer.last_sequence = header.last_sequence();
        if header.attributes.is_transactional() && header.record_count > 0 {
            writer.open = writer.open.or(Some(header.base_offset));
        }
        fault
    }
}

fn sequence_order(
    writer: &Writer,
    header: &Header,
    producer: Producer,
    dense: bool,
) -> Option<Fault> {
    let (first, last) = (producer.base_sequence?, writer.last_sequence?);
    let expected = sequence_after(last, 1);
    let silent = header.max_timestamp?.get() - writer.time?.get();
    let is_new = producer.epoch != writer.epoch || first == 0 || silent.abs() > REMEMBERED_MS;
    if first == expected || is_new {
        return None;
    }
    let ahead = (i64::from(first) - i64::from(expected)).rem_euclid(1 << 31) < 1 << 30;
    // The cleaner may have taken the batches between.
    if ahead && !dense {
        return None;
    }
    Some(fault(
        Check::Sequence,
        Some(53..57),
        format!("sequence {expected} of producer {}", producer.id),
        first.to_string(),
    ))
}

fn epoch_order(writer: &Writer, producer: Producer) -> Option<Fault> {
    (producer.epoch < writer.epoch).then(|| {
        fault(
            Check::Sequence,
            Some(51..53),
            format!(
                "epoch {} or later of producer {}",
                writer.epoch, producer.id
            ),
            producer.epoch.to_string(),
        )
    })
}

fn transaction_order(writer: &Writer, header: &Header, producer: Producer) -> Option<Fault> {
    let open = writer.open?;
    let outside = !header.attributes.is_transactional()
        && !header.attributes.is_control()
        && header.record_count > 0
        && producer.epoch == writer.epoch;
    outside.then(|| {
        fault(
            Check::BatchHeader,
            Some(21..23),
            format!(
                "a batch of the transaction that producer {} has open since {open}",
                producer.id
            ),
            "one outside of it".to_owned(),
        )
    })
}
