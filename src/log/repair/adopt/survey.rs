//! What directories and the batches in them tell of a cluster's metadata: topics,
//! ids, leader epochs, producer ids, and for whom the internal topics were made.
//!
//! Every batch that can be read is looked at, damage between them passed over. The
//! partitions are spread over threads.

use crate::format::batch::{Header, Scratch, UncheckedBatch};
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use crate::format::{LeaderEpoch, Offset, ProducerId, Uuid};
use crate::host::{Host, Kind};
use crate::log::error::{LogError, Result};
use crate::log::layout::{
    LEADER_EPOCHS, METADATA_TOPIC, OFFSETS_TOPIC, PARTITION_METADATA, Suffix, TRANSACTIONS_TOPIC,
    TopicPartition, parse_segment_file, segment_file,
};
use crate::log::partition::Listing;
use crate::log::repair::readable::Readable;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than `partition.metadata` or an epoch checkpoint ever has.
const MOST_SMALL_FILE: u64 = 64 << 20;
/// No topic has so many partitions: such a number is part of somebody's name for a
/// directory, such as a date.
const MOST_PARTITIONS: i32 = 100_000;
/// So many groups or transactional ids tell how many partitions their topic has.
const ENOUGH_IDS: usize = 10_000;

/// What was found in a data directory.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Directories of partitions.
    pub(super) partitions: BTreeMap<TopicPartition, Surveyed>,
    /// Names of directories that look like a partition's and hold nothing of one.
    pub(super) strangers: Vec<String>,
}

/// What a partition's directory tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surveyed {
    /// The topic's id, where `partition.metadata` can be read.
    pub(super) id: Option<Uuid>,
    /// Whether `partition.metadata` is there.
    pub(super) has_metadata: bool,
    /// The latest term of a leader.
    pub(super) epoch: Option<LeaderEpoch>,
    /// The greatest producer id.
    pub(super) producer: Option<ProducerId>,
    /// Whether its latest batch has the broker's time.
    pub(super) append_time: bool,
    /// Whether records are missing between those that are there.
    pub(super) has_gaps: bool,
    /// Groups or transactional ids that it holds the records of.
    pub(super) ids: BTreeSet<String>,
    /// Ids of topics by name, as committed offsets tell them.
    pub(super) topic_ids: BTreeMap<String, Uuid>,
}

/// Looks at every partition of the data directory at `path`.
///
/// # Errors
/// `Io`.
pub(crate) fn survey(host: &dyn Host, path: &Path) -> Result<Survey> {
    let mut survey = Survey::default();
    let mut names = Vec::new();
    for entry in host.list(path).map_err(LogError::io("list", path))? {
        if entry.kind != Kind::Directory {
            continue;
        }
        let Some(text) = entry.name.to_str() else {
            continue;
        };
        let Some(name) = TopicPartition::from_directory(text) else {
            continue;
        };
        if name.topic == METADATA_TOPIC {
            continue;
        }
        let is_ours = crate::format::topic_name::check(&name.topic).is_ok()
            && name.partition < MOST_PARTITIONS
            && holds_a_partition(host, &path.join(text))?;
        if is_ours {
            names.push(name);
        } else {
            survey.strangers.push(text.to_owned());
        }
    }
    survey.strangers.sort();
    survey.partitions = survey_all(host, path, &names)?;
    Ok(survey)
}

/// Surveys the partitions by these names, on all cores.
fn survey_all(
    host: &dyn Host,
    path: &Path,
    names: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, Surveyed>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let work = || -> Result<()> {
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let surveyed = of_partition(host, &path.join(name.to_string()), name)?;
            let mut done = done.lock().expect("no thread panics while it holds it");
            done.insert(name.clone(), surveyed);
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(names.len()))
            .map(|_| scope.spawn(work))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(done.into_inner().expect("no thread panicked"))
}

fn holds_a_partition(host: &dyn Host, directory: &Path) -> Result<bool> {
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    Ok(entries.iter().any(|entry| {
        entry.name == PARTITION_METADATA
            || entry.name == LEADER_EPOCHS
            || parse_segment_file(&entry.name).is_some()
    }))
}

/// What one partition's directory tells.
pub(super) fn of_partition(
    host: &dyn Host,
    directory: &Path,
    name: &TopicPartition,
) -> Result<Surveyed> {
    let mut surveyed = Surveyed::default();
    if let Some(bytes) = read(host, &directory.join(PARTITION_METADATA))? {
        surveyed.has_metadata = true;
        surveyed.id = PartitionMetadata::parse(&bytes)
            .ok()
            .map(|found| found.topic_id)
            .filter(|id| *id != Uuid::METADATA_TOPIC);
    }
    if let Some(bytes) = read(host, &directory.join(LEADER_EPOCHS))?
        && let Ok(epochs) = LeaderEpochs::parse(&bytes)
    {
        surveyed.epoch = epochs.latest().map(|latest| latest.epoch);
    }
    let mut next = None;
    for base in Listing::read(host, directory)?.segments {
        let path = segment_file(directory, base, Suffix::Log);
        surveyed.take_segment(host, &path, name, &mut next)?;
    }
    Ok(surveyed)
}

impl Surveyed {
    fn take_segment(
        &mut self,
        host: &dyn Host,
        path: &Path,
        name: &TopicPartition,
        next: &mut Option<Offset>,
    ) -> Result<()> {
        let mut readable = Readable::open(host, path)?;
        let mut scratch = Scratch::new();
        while let Some(piece) = readable.next()? {
            if piece.magic != 2 {
                *next = None;
                continue;
            }
            let Ok(header) = Header::parse(piece.bytes) else {
                continue;
            };
            self.epoch = self.epoch.max(header.leader_epoch);
            self.producer = self
                .producer
                .max(header.producer.map(|producer| producer.id));
            if !header.attributes.is_control() && header.record_count > 0 {
                self.append_time = header.attributes.is_append_time();
            }
            // Behind damage a gap proves nothing. Nor does an empty batch.
            let span = header.next_offset().get() - header.base_offset.get();
            self.has_gaps |= piece.skipped == 0
                && (next.is_some_and(|next| header.base_offset > next)
                    || header.record_count > 0 && (header.record_count as i64) < span);
            *next = Some(header.next_offset());
            let is_groups = name.topic == OFFSETS_TOPIC;
            if is_groups || name.topic == TRANSACTIONS_TOPIC {
                self.take_records(is_groups, piece.bytes, &mut scratch);
            }
        }
        Ok(())
    }

    /// Takes what records of an internal topic tell.
    fn take_records(&mut self, is_groups: bool, bytes: &[u8], scratch: &mut Scratch) {
        let batch = UncheckedBatch::parse(bytes).and_then(UncheckedBatch::check);
        let Ok(batch) = batch else { return };
        if batch.header().attributes.is_control() {
            return;
        }
        let Ok(records) = batch.records(scratch) else {
            return;
        };
        for record in records.map_while(std::result::Result::ok) {
            let Some(key) = record.key else { continue };
            if self.ids.len() < ENOUGH_IDS {
                self.ids.extend(id_of(is_groups, key));
            }
            if let Some(value) = record.value {
                self.take_value(is_groups, key, value);
            }
        }
    }

    fn take_value(&mut self, is_groups: bool, key: &[u8], value: &[u8]) {
        let kind = key
            .first_chunk()
            .map_or(-1, |kind| i16::from_be_bytes(*kind));
        if is_groups {
            if let Ok(GroupRecordKey::OffsetCommit(of)) = GroupRecordKey::decode(key)
                && let Ok(decoded) = GroupRecordValue::decode(kind, value)
                && let GroupRecordValue::OffsetCommit(commit) = decoded.value
                && commit.topic_id != Uuid::ZERO
            {
                self.topic_ids.insert(of.topic, commit.topic_id);
            }
        } else if let Ok(decoded) = TransactionRecordValue::decode(kind, value)
            && let TransactionRecordValue::Transaction(state) = decoded.value
        {
            let ids = [
                state.producer_id,
                state.previous_producer_id,
                state.next_producer_id,
            ];
            self.producer = ids.into_iter().fold(self.producer, Option::max);
        }
    }
}

/// The group or transactional id that a record is about.
fn id_of(is_groups: bool, key: &[u8]) -> Option<String> {
    if is_groups {
        let key = GroupRecordKey::decode(key).ok()?;
        return key.group().map(str::to_owned);
    }
    match TransactionRecordKey::decode(key).ok()? {
        TransactionRecordKey::Transaction(key) => Some(key.transactional_id),
        TransactionRecordKey::Unknown { .. } => None,
    }
}

/// A small file; `None` where it is not there.
fn read(host: &dyn Host, path: &Path) -> Result<Option<Vec<u8>>> {
    match host.read(path, MOST_SMALL_FILE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("read", path)(error)),
    }
}
