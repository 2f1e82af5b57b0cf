//! The records of a coordinator's topic, batch by batch: data with the transaction that it
//! is part of, and the ends of transactions.

use crate::format::any_batch::AnyScratch;
use crate::format::batch::{Header, PREFIX_SIZE, UncheckedBatch};
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::format::record::Record;
use crate::format::{Offset, ProducerId};
use crate::host::Host;
use crate::log::error::Result;
use crate::log::partition::marker_of;
use crate::log::sweep::{self, Skipped, Swept};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// A step of such a log.
pub(super) enum Step<'a> {
    /// A record; with the producer whose transaction it is part of.
    Record(&'a Record<'a>, Option<ProducerId>),
    /// The end of a producer's transaction, and whether it counts.
    Marker(ProducerId, bool),
}

/// Takes the steps of a batch.
pub(super) fn batch(
    swept: &Swept<'_>,
    scratch: &mut AnyScratch,
    take: &mut dyn FnMut(Step<'_>),
) -> crate::format::Result<()> {
    let bytes = swept.found.bytes;
    let header = (bytes[PREFIX_SIZE - 1] == 2)
        .then(|| Header::parse(bytes))
        .transpose()?;
    let producer = header.as_ref().and_then(|header| header.producer);
    let attributes = header.as_ref().map(|header| header.attributes);
    if attributes.is_some_and(|attributes| attributes.is_control()) {
        let marker = marker_of(&UncheckedBatch::parse(bytes)?);
        if let (Some((committed, _)), Some(producer)) = (marker, producer) {
            take(Step::Marker(producer.id, committed));
        }
        return Ok(());
    }
    let open = attributes
        .is_some_and(|attributes| attributes.is_transactional())
        .then(|| producer.map(|producer| producer.id))
        .flatten();
    for record in swept.batch.records(scratch)? {
        take(Step::Record(&record?, open));
    }
    Ok(())
}

/// What a coordinator takes in.
pub enum GroupEvent<'a> {
    /// A record; with the producer whose transaction it is part of.
    Record(
        &'a GroupRecordKey,
        Option<&'a GroupRecordValue>,
        Option<ProducerId>,
    ),
    /// The end of a producer's transaction, and whether it counts.
    Marker(ProducerId, bool),
}

/// Reads a partition of `__consumer_offsets` for the coordinator that takes it over. What
/// is damaged, or of a type that is not known here, is passed over and given back.
///
/// # Errors
/// Where the directory cannot be listed, or a file not read.
pub fn replay(
    host: &Arc<dyn Host>,
    path: &Path,
    take: &mut dyn FnMut(GroupEvent<'_>),
) -> Result<Vec<Skipped>> {
    let mut replay = Replay {
        take,
        scratch: AnyScratch::default(),
        skipped: Vec::new(),
    };
    sweep::partition(host, path, Offset::ZERO, &mut replay)?;
    Ok(replay.skipped)
}

struct Replay<'a> {
    take: &'a mut dyn FnMut(GroupEvent<'_>),
    scratch: AnyScratch,
    skipped: Vec<Skipped>,
}

impl sweep::Visit for Replay<'_> {
    fn batch(&mut self, swept: &Swept<'_>) -> crate::format::Result<ControlFlow<()>> {
        let (take, skipped) = (&mut self.take, &mut self.skipped);
        batch(swept, &mut self.scratch, &mut |step| match step {
            Step::Marker(producer, committed) => take(GroupEvent::Marker(producer, committed)),
            Step::Record(record, open) => match decode(record) {
                Ok(Some((key, value))) => take(GroupEvent::Record(&key, value.as_ref(), open)),
                Ok(None) => {}
                Err(error) => {
                    skipped.push(Skipped::of_record(swept, Some(record.offset), error));
                }
            },
        })?;
        Ok(ControlFlow::Continue(()))
    }

    fn skipped(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }
}

/// The key and the value of a record; `None` for one that is not known here.
pub(super) fn decode(
    record: &Record<'_>,
) -> crate::format::Result<Option<(GroupRecordKey, Option<GroupRecordValue>)>> {
    let Some(key) = record.key else {
        return Ok(None);
    };
    let key = GroupRecordKey::decode(key)?;
    let value = record
        .value
        .map(|value| GroupRecordValue::decode(key.kind(), value))
        .transpose()?
        .map(|value| value.value);
    let unknown = matches!(value, Some(GroupRecordValue::Unknown { .. }));
    Ok((!unknown && key.group().is_some()).then_some((key, value)))
}
