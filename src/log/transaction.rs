//! Transactions of tools: one run, all or nothing, over many partitions.
//!
//! The record that decides is one in `__transaction_state`, in Kafka's format and
//! with the steps of Kafka's coordinator, so that Kafka finishes what a tool left:
//!
//! ```text
//! Ongoing (its partitions)   durable before the first record of each partition
//! PrepareCommit              durable after every record: from here on it is committed
//! markers                    one in each partition
//! CompleteCommit
//! ```
//!
//! While a tool lives it holds the byte `2^32 + producer id` of the state partition's
//! `partition.metadata` locked; a transaction that is noted in `.lock` and whose byte
//! is free has lost its tool: it is aborted, or finished where it was prepared, by
//! whoever comes next ([`resolve`]).
//!
//! Source: KIP-98; `org.apache.kafka.coordinator.transaction` (Kafka 4.3).

use super::data_dir::DataDir;
use super::error::{LogError, Result};
use super::image::Image;
use super::layout::{PARTITION_METADATA, TRANSACTIONS_TOPIC, TopicPartition};
use super::partition::{Partition, Placement};
use super::producer_states::Refusal;
use super::session::Session;
use super::view::{Chunk, PartitionView};
use crate::format::batch::{Scratch, UncheckedBatch};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::control::end_transaction_batch;
use crate::format::metadata::{MetadataRecord, ProducerIdsRecord};
use crate::format::record::Headers;
use crate::format::transaction_state::{
    TransactionKey, TransactionPartitions, TransactionRecordKey, TransactionRecordValue,
    TransactionStatus, TransactionValue, transaction_partition,
};
use crate::format::{Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp};
use crate::host::{Durability, File, Host, Lock, LockRange, Open as OpenHow, Wait};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

/// How many partitions Kafka gives `__transaction_state`.
const STATE_PARTITIONS: i32 = 50;
/// What Kafka sets on `__transaction_state` when it creates it, for one replica.
pub(crate) const STATE_CONFIGS: [(&str, &str); 5] = [
    ("compression.type", "uncompressed"),
    ("cleanup.policy", "compact"),
    ("min.insync.replicas", "1"),
    ("segment.bytes", "104857600"),
    ("unclean.leader.election.enable", "false"),
];
/// How the ids of runs without one of their own begin.
pub const ANONYMOUS: &str = "ottla-produce-";
/// After so long Kafka aborts a transaction whose tool is gone.
const TIMEOUT_MS: i32 = 60_000;

/// A transaction that is open.
pub struct Open {
    id: String,
    value: TransactionValue,
    log: Partition,
    seen: Offset,
    partitions: BTreeSet<TopicPartition>,
    /// Locked while this run lives.
    _owner: Arc<dyn File>,
}

/// A transactional id for one run.
pub fn anonymous_id(host: &dyn Host) -> String {
    format!("{ANONYMOUS}{}", super::bootstrap::random_id(host))
}

/// Begins a transaction under `id`, or one of its own. One that an earlier run left
/// open under the same id is aborted, and that run fenced.
///
/// # Errors
/// `Damaged`, `Io`; `Invalid` where the id is too long.
pub fn begin(session: &mut Session, id: Option<&str>) -> Result<Open> {
    let id = match id {
        Some(id) => id.to_owned(),
        None => anonymous_id(&**session.host()),
    };
    if session.image().topic(TRANSACTIONS_TOPIC).is_none() {
        create_state_topic(session)?;
    }
    let name = state_partition(session.image(), &id);
    let mut log = session.partition(&name)?;
    let (states, seen) = states_of(session, &log)?;
    let mut value = match states.get(&id) {
        Some(earlier) => {
            let mut earlier = earlier.clone();
            if is_open(&earlier) {
                // Raising the epoch first fences the run that may still be writing.
                earlier.producer_epoch = next_epoch(&earlier);
                finish(session, &mut log, &id, &mut earlier)?;
            }
            earlier
        }
        None => TransactionValue::default(),
    };
    match (value.producer_id, next_epoch(&value)) {
        (Some(_), Some(epoch)) => value.producer_epoch = Some(epoch),
        _ => {
            value.producer_id = Some(next_producer_id(session)?);
            value.producer_epoch = Some(ProducerEpoch::new(0));
        }
    }
    value.transaction_timeout_ms = TIMEOUT_MS;
    value.transaction_partitions = None;
    let producer = value.producer_id.unwrap_or_default();
    let owner = own(session, &name, producer, Wait::Yes)?.expect("it was waited for");
    session.note_producer(producer)?;
    let mut open = Open {
        id,
        value,
        log,
        seen,
        partitions: BTreeSet::new(),
        _owner: owner,
    };
    open.write(session, TransactionStatus::Empty)?;
    Ok(open)
}

impl Open {
    /// Who writes: for the headers of its batches.
    pub fn producer(&self) -> (ProducerId, ProducerEpoch) {
        (
            self.value.producer_id.unwrap_or_default(),
            self.value.producer_epoch.unwrap_or_default(),
        )
    }

    /// Takes a partition in, before the first record is appended to it. Durable when
    /// this returns, unless the session is not.
    pub fn add(&mut self, session: &mut Session, partition: &TopicPartition) -> Result<()> {
        if !self.partitions.insert(partition.clone()) {
            return Ok(());
        }
        if self.value.transaction_start_timestamp_ms.is_none() {
            self.value.transaction_start_timestamp_ms =
                Some(Timestamp::new(session.host().now_ms()));
        }
        self.value.transaction_partitions = Some(grouped(&self.partitions));
        self.write(session, TransactionStatus::Ongoing)
    }

    /// Ends it. The records must be durable where the session is. Once the decision
    /// is written, whatever fails afterwards is finished by the next tool or Kafka.
    ///
    /// # Errors
    /// `Producer` where another run took the transactional id over: nothing became
    /// visible then.
    pub fn end(mut self, session: &mut Session, commit: bool) -> Result<()> {
        if self.partitions.is_empty() {
            return Ok(());
        }
        let status = if commit {
            TransactionStatus::PrepareCommit
        } else {
            TransactionStatus::PrepareAbort
        };
        self.write(session, status)?;
        finish(session, &mut self.log, &self.id, &mut self.value)
    }

    /// Writes the state, unless another run has written to it since.
    fn write(&mut self, session: &Session, status: TransactionStatus) -> Result<()> {
        let directory = self.log.directory().to_owned();
        let view = PartitionView::open(session.host(), &directory, self.log.name().clone(), None)?;
        let (id, value, seen) = (&self.id, &mut self.value, &mut self.seen);
        self.log.transact(|append| {
            let mut view = view;
            view.refresh()?;
            let mut since = BTreeMap::new();
            *seen = read_states(&view, *seen, &mut since)?;
            if let Some(other) = since.get(id)
                && (other.producer_id, other.producer_epoch)
                    != (value.producer_id, value.producer_epoch)
                && other.producer_epoch >= value.producer_epoch
            {
                return Err(LogError::Producer {
                    partition: directory.clone(),
                    producer: ProducerId::to_wire(value.producer_id),
                    refusal: Refusal::Fenced,
                    expected: format!("transactional id {id:?} to be this run's"),
                    found: "that another run has taken it over".to_owned(),
                });
            }
            append_state(append, session, id, value, status)
        })?;
        if session.durability() == Durability::Synced {
            self.log.sync()?;
        }
        Ok(())
    }
}

/// Ends the transactions that tools left behind: those noted in `.lock` and those
/// with an id of our own making, where no living tool holds them.
pub(crate) fn resolve(session: &mut Session, noted: &BTreeSet<ProducerId>) -> Result<()> {
    let Some(topic) = session.image().topic(TRANSACTIONS_TOPIC) else {
        return Ok(());
    };
    let numbers: Vec<i32> = topic.partitions.keys().copied().collect();
    for number in numbers {
        let name = TopicPartition::new(TRANSACTIONS_TOPIC, number);
        let directory = session.path().join(name.to_string());
        if !super::presence::is_directory(&**session.host(), &directory) {
            continue;
        }
        let view = PartitionView::open(session.host(), &directory, name.clone(), None)?;
        let mut states = BTreeMap::new();
        read_states(&view, Offset::ZERO, &mut states)?;
        for (id, mut value) in states {
            let producer = value.producer_id.unwrap_or_default();
            let ours = noted.contains(&producer) || id.starts_with(ANONYMOUS);
            if !ours || !is_open(&value) {
                continue;
            }
            let Some(_owner) = own(session, &name, producer, Wait::No)? else {
                continue;
            };
            let mut log = session.partition(&name)?;
            finish(session, &mut log, &id, &mut value)?;
        }
    }
    Ok(())
}

/// Whether a transaction of one of these producers is open.
pub(crate) fn any_open(dir: &DataDir, producers: &BTreeSet<ProducerId>) -> Result<bool> {
    if producers.is_empty() {
        return Ok(false);
    }
    let noted =
        |value: &TransactionValue| value.producer_id.is_some_and(|id| producers.contains(&id));
    Ok(all_states(dir)?
        .iter()
        .any(|value| is_open(value) && noted(value)))
}

/// The latest state of every transactional id.
fn all_states(dir: &DataDir) -> Result<Vec<TransactionValue>> {
    let mut all = Vec::new();
    let Some(topic) = dir.image().topic(TRANSACTIONS_TOPIC) else {
        return Ok(all);
    };
    for number in topic.partitions.keys() {
        let name = TopicPartition::new(TRANSACTIONS_TOPIC, *number);
        if let Some(view) = dir.partition(&name)? {
            let mut states = BTreeMap::new();
            read_states(&view, view.start(), &mut states)?;
            all.extend(states.into_values());
        }
    }
    Ok(all)
}

/// How transactions were decided whose markers may not all be there yet: by
/// producer, whether it commits, and in which partitions.
pub fn decided(dir: &DataDir) -> Result<BTreeMap<ProducerId, (bool, BTreeSet<TopicPartition>)>> {
    let mut decided = BTreeMap::new();
    for value in all_states(dir)? {
        let commit = match value.status() {
            Some(TransactionStatus::PrepareCommit) => true,
            Some(TransactionStatus::PrepareAbort) => false,
            _ => continue,
        };
        if let Some(producer) = value.producer_id {
            decided.insert(producer, (commit, partitions_of(&value).collect()));
        }
    }
    Ok(decided)
}

/// Takes an open transaction to its end: markers, then the record that says so. One
/// that was not decided is aborted.
fn finish(
    session: &mut Session,
    log: &mut Partition,
    id: &str,
    value: &mut TransactionValue,
) -> Result<()> {
    let durable = session.durability() == Durability::Synced;
    let commit = value.status() == Some(TransactionStatus::PrepareCommit);
    if value.status() == Some(TransactionStatus::Ongoing) {
        log.transact(|append| {
            append_state(append, session, id, value, TransactionStatus::PrepareAbort)
        })?;
        if durable {
            log.sync()?;
        }
    }
    let coordinator_epoch = coordinator_epoch(session.image(), log.name());
    let mut written = Vec::new();
    for name in partitions_of(value).collect::<Vec<_>>() {
        if super::data_dir::known(session.image(), session.path(), &name).is_err() {
            continue;
        }
        let mut partition = session.partition(&name)?;
        let producer = value.producer_id.unwrap_or_default();
        let mut marker = end_transaction_batch(
            producer,
            value.producer_epoch.unwrap_or_default(),
            commit,
            coordinator_epoch,
            Timestamp::new(session.host().now_ms()),
        )
        .map_err(LogError::format(session.path(), 0))?;
        let open = partition.producers().open().any(|(_, id)| id == producer);
        if open {
            partition.append(&mut marker, Placement::Next)?;
        }
        // Where it is there already, whoever wrote it may not have synced it.
        written.push(partition);
    }
    if durable {
        session.sync(written.iter_mut().collect::<Vec<_>>().into_iter())?;
    }
    drop(written);
    value.transaction_partitions = Some(Vec::new());
    let complete = if commit {
        TransactionStatus::CompleteCommit
    } else {
        TransactionStatus::CompleteAbort
    };
    log.transact(|append| append_state(append, session, id, value, complete))?;
    if durable {
        log.sync()?;
    }
    value.transaction_start_timestamp_ms = None;
    Ok(())
}

fn append_state(
    append: &mut dyn FnMut(&mut [u8], Placement) -> Result<super::partition::Appended>,
    session: &Session,
    id: &str,
    value: &mut TransactionValue,
    status: TransactionStatus,
) -> Result<()> {
    let now = Timestamp::new(session.host().now_ms());
    let mut batch =
        state_batch(id, value, status, now).map_err(LogError::format(session.path(), 0))?;
    append(&mut batch, Placement::Next)?;
    Ok(())
}

/// The record that a transaction has come to `status`, as a batch.
pub(crate) fn state_batch(
    id: &str,
    value: &mut TransactionValue,
    status: TransactionStatus,
    now: Timestamp,
) -> crate::format::Result<Vec<u8>> {
    value.transaction_status = status.to_wire();
    value.transaction_last_update_timestamp_ms = Some(now);
    let key = TransactionRecordKey::Transaction(TransactionKey {
        transactional_id: id.to_owned(),
        ..TransactionKey::default()
    });
    let key = key.to_bytes()?;
    let record = TransactionRecordValue::Transaction(value.clone()).latest();
    let mut builder = BatchBuilder::default();
    builder.append(
        Some(now),
        Some(&key),
        Some(&record.to_bytes()?),
        Headers::default(),
    )?;
    Ok(builder.seal(&Seal::default()).to_vec())
}

/// The epoch of a coordinator: that of the leader of its partition.
fn coordinator_epoch(image: &Image, log: &TopicPartition) -> i32 {
    let topic = image.topic(&log.topic);
    let partition = topic.and_then(|topic| topic.partitions.get(&log.partition));
    partition.map_or(0, |partition| partition.leader_epoch.get())
}

/// Applies the records of a state partition from an offset on; the offset behind
/// the last one.
pub(crate) fn read_states(
    view: &PartitionView,
    from: Offset,
    states: &mut BTreeMap<String, TransactionValue>,
) -> Result<Offset> {
    walk_states(view, from, &mut |id, value| {
        match value {
            None => states.remove(&id),
            Some(value) => states.insert(id, value),
        };
    })
}

/// Shows every record of a state partition: the transactional id and where it stands;
/// `None` where it is forgotten.
pub fn replay_states(
    view: &PartitionView,
    mut each: impl FnMut(String, Option<TransactionValue>),
) -> Result<()> {
    walk_states(view, view.start(), &mut each)?;
    Ok(())
}

fn walk_states(
    view: &PartitionView,
    from: Offset,
    each: &mut dyn FnMut(String, Option<TransactionValue>),
) -> Result<Offset> {
    let mut next = from;
    let mut cursor = view.cursor(from.max(view.start()))?;
    let (mut chunk, mut scratch) = (Chunk::default(), Scratch::new());
    while cursor.next_chunk(&mut chunk, 256 << 10)? {
        for batch in chunk.batches() {
            let (position, bytes) = batch?;
            let at = || LogError::format(&chunk.path, position);
            let batch = UncheckedBatch::parse(bytes)
                .and_then(UncheckedBatch::check)
                .map_err(at())?;
            next = next.max(batch.header().next_offset());
            if batch.header().attributes.is_control() {
                continue;
            }
            for record in batch.records(&mut scratch).map_err(at())? {
                let record = record.map_err(at())?;
                let Some(TransactionRecordKey::Transaction(key)) = record
                    .key
                    .and_then(|key| TransactionRecordKey::decode(key).ok())
                else {
                    continue;
                };
                match record.value {
                    None => each(key.transactional_id, None),
                    Some(value) => {
                        let decoded = TransactionRecordValue::decode(0, value).map_err(at())?;
                        if let TransactionRecordValue::Transaction(value) = decoded.value {
                            each(key.transactional_id, Some(value));
                        }
                    }
                }
            }
        }
    }
    Ok(next)
}

fn states_of(
    session: &Session,
    log: &Partition,
) -> Result<(BTreeMap<String, TransactionValue>, Offset)> {
    let view = PartitionView::open(session.host(), log.directory(), log.name().clone(), None)?;
    let mut states = BTreeMap::new();
    let seen = read_states(&view, view.start(), &mut states)?;
    Ok((states, seen))
}

fn is_open(value: &TransactionValue) -> bool {
    matches!(
        value.status(),
        Some(
            TransactionStatus::Ongoing
                | TransactionStatus::PrepareCommit
                | TransactionStatus::PrepareAbort
        )
    )
}

/// The next epoch of the producer, unless it has had all of them.
fn next_epoch(value: &TransactionValue) -> Option<ProducerEpoch> {
    let epoch = value.producer_epoch?.get();
    (epoch < i16::MAX - 1).then(|| ProducerEpoch::new(epoch + 1))
}

/// Locks the byte that says the producer lives; `None` where another holds it.
fn own(
    session: &Session,
    name: &TopicPartition,
    producer: ProducerId,
    wait: Wait,
) -> Result<Option<Arc<dyn File>>> {
    let path = session
        .path()
        .join(name.to_string())
        .join(PARTITION_METADATA);
    let file = session
        .host()
        .open(&path, OpenHow::Write)
        .map_err(LogError::io("open", &path))?;
    let range = LockRange {
        start: (1 << 32) + producer.get().cast_unsigned(),
        length: 1,
    };
    let locked = file
        .lock(range, Lock::Exclusive, wait)
        .map_err(LogError::io("lock", &path))?;
    Ok(locked.then_some(file))
}

fn state_partition(image: &Image, id: &str) -> TopicPartition {
    let count = image
        .topic(TRANSACTIONS_TOPIC)
        .map_or(1, |topic| topic.partitions.len() as u32);
    let count = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    TopicPartition::new(TRANSACTIONS_TOPIC, transaction_partition(id, count).get())
}

fn create_state_topic(session: &mut Session) -> Result<()> {
    let configs = STATE_CONFIGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match session.create_topic(TRANSACTIONS_TOPIC, STATE_PARTITIONS, &configs) {
        Err(LogError::TopicExists { .. }) => Ok(()),
        other => other,
    }
}

/// Takes the next producer id, for this run alone.
fn next_producer_id(session: &mut Session) -> Result<ProducerId> {
    let mut taken = ProducerId::default();
    session.change(|image| {
        taken = image.next_producer_id();
        let next = taken.get().checked_add(1).ok_or_else(|| {
            LogError::Invalid("no producer id is left in this cluster".to_owned())
        })?;
        Ok(vec![MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker_id: Some(super::bootstrap::NODE),
            broker_epoch: image.broker_epoch(super::bootstrap::NODE).unwrap_or(-1),
            next_producer_id: ProducerId::new(next),
            ..ProducerIdsRecord::default()
        })])
    })?;
    Ok(taken)
}

/// The partitions that a transaction has records in.
pub(crate) fn partitions_of(value: &TransactionValue) -> impl Iterator<Item = TopicPartition> + '_ {
    value
        .transaction_partitions
        .iter()
        .flatten()
        .flat_map(|topic| {
            topic
                .partition_ids
                .iter()
                .map(|number| TopicPartition::new(topic.topic.clone(), number.get()))
        })
}

fn grouped(partitions: &BTreeSet<TopicPartition>) -> Vec<TransactionPartitions> {
    let mut topics: BTreeMap<&str, Vec<PartitionId>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(PartitionId::new(partition.partition));
    }
    topics
        .into_iter()
        .map(|(topic, partition_ids)| TransactionPartitions {
            topic: topic.to_owned(),
            partition_ids,
            ..TransactionPartitions::default()
        })
        .collect()
}
