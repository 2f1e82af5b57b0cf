//! The records of Kafka's own topics: that they can be decoded, and that they lie in
//! the partition where their coordinator looks for them.
//!
//! A record that its coordinator cannot decode keeps it from loading the partition;
//! one of a type that is not known here, or of a newer version, is no fault.
//!
//! Sources: `CoordinatorLoaderImpl`, `GroupCoordinatorRecordSerde`,
//! `TransactionLog`, `ShareCoordinatorService.partitionFor`, `MetadataRecordSerde`,
//! `RecordsIterator`.

use super::Report;
use super::partition::Partition;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{HEADER_SIZE, Header, Prefix};
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::format::control::ControlRecord;
use crate::format::coordinator::coordinator_partition;
use crate::format::metadata::VersionedRecord;
use crate::format::record::Record;
use crate::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use crate::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use crate::format::{FormatError, Timestamp};
use crate::log::layout::{
    METADATA_TOPIC, OFFSETS_TOPIC, SHARE_GROUPS_TOPIC, Suffix, TRANSACTIONS_TOPIC,
};
use crate::log::verify::observer::Seen;
use crate::log::verify::{Check, Severity};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Which of Kafka's own topics it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Metadata,
    Offsets,
    Transactions,
    ShareGroups,
}

/// The records of one partition.
pub(super) struct KnownRecords {
    partition: Arc<Partition>,
    topic: Option<Topic>,
    scratch: AnyScratch,
}

/// What is wrong with a record: expected and found.
pub(super) type Fault = (String, String);

impl KnownRecords {
    pub(super) fn new(partition: Arc<Partition>) -> Self {
        let topic = match partition.name.topic.as_str() {
            METADATA_TOPIC => Some(Topic::Metadata),
            OFFSETS_TOPIC => Some(Topic::Offsets),
            TRANSACTIONS_TOPIC => Some(Topic::Transactions),
            SHARE_GROUPS_TOPIC => Some(Topic::ShareGroups),
            _ => None,
        };
        Self {
            partition,
            topic,
            scratch: AnyScratch::default(),
        }
    }

    #[inline]
    pub(super) fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        if let Some(topic) = self.topic
            && seen.intact
        {
            self.decode(topic, seen, report);
        }
    }

    fn decode(&mut self, topic: Topic, seen: &Seen<'_>, report: &mut Report<'_>) {
        let control = seen
            .header
            .is_some_and(|header| header.attributes.is_control());
        if control && topic != Topic::Metadata {
            return;
        }
        let magic = Prefix::parse(seen.bytes).map_or(2, |prefix| prefix.magic);
        let partition = &self.partition;
        let Ok(batch) = AnyBatch::parse(magic, seen.bytes) else {
            return;
        };
        if let Some((expected, found)) = seen
            .header
            .filter(|_| topic == Topic::Metadata)
            .and_then(of_metadata_batch)
        {
            let path = partition.path(seen.segment, Suffix::Log);
            let check = Check::BatchHeader;
            let mut finding = partition.finding(check, Severity::Wrong, path, expected, found);
            finding.bytes = Some(seen.position..seen.position + HEADER_SIZE as u64);
            finding.offsets = Some(seen.summary.base_offset..seen.summary.last_offset.next());
            report(finding);
        }
        let base_time = seen.header.and_then(|header| header.base_timestamp);
        let Ok(records) = batch.records(&mut self.scratch) else {
            return;
        };
        for record in records.map_while(Result::ok) {
            let fault = match topic {
                Topic::Metadata => of_metadata(&record, control, base_time),
                Topic::Offsets => of_group(&record, partition),
                Topic::Transactions => of_transaction(&record, partition),
                Topic::ShareGroups => of_share_group(&record, partition),
            };
            let Some((expected, found)) = fault else {
                continue;
            };
            let check = match topic {
                Topic::Metadata => Check::MetadataLog,
                _ => Check::InternalTopic,
            };
            let path = partition.path(seen.segment, Suffix::Log);
            let mut finding = partition.finding(check, Severity::Wrong, path, expected, found);
            finding.bytes = Some(seen.position..seen.position + seen.size);
            finding.offsets = Some(record.offset..record.offset.next());
            report(finding);
        }
    }
}

/// What is wrong with a batch of the metadata log, which its leader alone writes, and
/// which nobody compacts.
fn of_metadata_batch(header: &Header) -> Option<Fault> {
    let attributes = header.attributes;
    if attributes.is_append_time() || header.delete_horizon().is_some() {
        let found = format!("attributes {:#06x}", attributes.bits());
        return Some(("the leader's time, and no delete horizon".to_owned(), found));
    }
    let span = header.last_offset.get() - header.base_offset.get() + 1;
    (header.record_count as i64 != span).then(|| {
        let expected = format!("{span} records, one for each offset");
        (expected, header.record_count.to_string())
    })
}

/// What is wrong with a record of the metadata log or of a snapshot, in a batch with
/// this base time. KRaft's reader refuses what other records may have: a time of their
/// own, headers, and a key outside of control records (`RecordsIterator`).
pub(super) fn of_metadata(
    record: &Record<'_>,
    control: bool,
    base_time: Option<Timestamp>,
) -> Option<Fault> {
    let fault = |expected: &str, found: String| Some((expected.to_owned(), found));
    if record.timestamp != base_time {
        let time = record.timestamp.map_or("none".into(), |t| t.to_string());
        return fault("the time of its batch", time);
    }
    if !record.headers.is_empty() {
        let found = format!("{} headers", record.headers.len());
        return fault("no headers in the metadata log", found);
    }
    if control {
        let error = ControlRecord::decode(record.key, record.value).err()?;
        return fault("a control record", error.to_string());
    }
    if record.key.is_some() {
        return fault("no key in the metadata log", "one".to_owned());
    }
    let expected = "a record of the metadata";
    let Some(value) = record.value else {
        return fault(expected, "no value".to_owned());
    };
    let error = VersionedRecord::decode(value).err()?;
    fault(expected, error.to_string())
}

/// Whether the coordinator, or KRaft, can load a record of this topic that is not a
/// control record. Those of other topics nobody but their readers can judge.
pub(crate) fn can_be_loaded(topic: &str, record: &Record<'_>) -> bool {
    match topic {
        METADATA_TOPIC => of_metadata(record, false, record.timestamp).is_none(),
        OFFSETS_TOPIC => group(record).is_ok(),
        TRANSACTIONS_TOPIC => transaction(record).is_ok(),
        SHARE_GROUPS_TOPIC => share_group(record).is_ok(),
        _ => true,
    }
}

fn of_group(record: &Record<'_>, partition: &Partition) -> Option<Fault> {
    match group(record) {
        Ok(key) => in_place(key.group()?, partition),
        Err(fault) => Some(fault),
    }
}

fn group(record: &Record<'_>) -> Result<GroupRecordKey, Fault> {
    let key = key_of(record, GroupRecordKey::decode)?;
    let value = record.value;
    fits(value.and_then(|value| GroupRecordValue::decode(key.kind(), value).err()))?;
    Ok(key)
}

/// Whether a value fits its key.
fn fits(error: Option<FormatError>) -> Result<(), Fault> {
    error.map_or(Ok(()), |error| {
        Err(("a value that fits the key".to_owned(), error.to_string()))
    })
}

fn of_transaction(record: &Record<'_>, partition: &Partition) -> Option<Fault> {
    match transaction(record) {
        Ok(TransactionRecordKey::Transaction(key)) => in_place(&key.transactional_id, partition),
        Ok(TransactionRecordKey::Unknown { .. }) => None,
        Err(fault) => Some(fault),
    }
}

fn transaction(record: &Record<'_>) -> Result<TransactionRecordKey, Fault> {
    let key = key_of(record, TransactionRecordKey::decode)?;
    let value = record.value;
    fits(value.and_then(|value| TransactionRecordValue::decode(key.kind(), value).err()))?;
    Ok(key)
}

fn of_share_group(record: &Record<'_>, partition: &Partition) -> Option<Fault> {
    match share_group(record) {
        Ok(ShareStateRecordKey::Snapshot(key) | ShareStateRecordKey::Update(key)) => {
            // `SharePartitionKey.asCoordinatorKey`.
            let id = format!("{}:{}:{}", key.group_id, key.topic_id, key.partition);
            in_place(&id, partition)
        }
        Ok(ShareStateRecordKey::Unknown { .. }) => None,
        Err(fault) => Some(fault),
    }
}

fn share_group(record: &Record<'_>) -> Result<ShareStateRecordKey, Fault> {
    let key = key_of(record, ShareStateRecordKey::decode)?;
    let value = record.value;
    fits(value.and_then(|value| ShareStateRecordValue::decode(key.kind(), value).err()))?;
    Ok(key)
}

fn key_of<K>(
    record: &Record<'_>,
    decode: impl Fn(&[u8]) -> crate::format::Result<K>,
) -> Result<K, Fault> {
    let expected = || "a key of a known layout".to_owned();
    let key = record
        .key
        .ok_or_else(|| (expected(), "no key".to_owned()))?;
    decode(key).map_err(|error| (expected(), error.to_string()))
}

/// Whether the id's hash leads to this partition.
fn in_place(id: &str, partition: &Partition) -> Option<Fault> {
    let count = NonZeroU32::new(partition.context.partitions?)?;
    let right = coordinator_partition(id, count).get();
    if right == partition.name.partition {
        return None;
    }
    Some((
        format!("records of {id:?} in partition {right} of {count}"),
        format!("one in partition {}", partition.name.partition),
    ))
}
