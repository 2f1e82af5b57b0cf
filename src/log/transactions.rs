//! Transactions as the coordinator's records and the partitions' producers tell of
//! them: which are open, which of those hang, and what they hold back.
//!
//! A transaction hangs where a partition holds it open and the coordinator has no
//! transaction of that producer and epoch with this partition in it: no marker will
//! come, and the last stable offset stands still.
//!
//! Source: `org.apache.kafka.tools.TransactionsCommand`,
//! `org.apache.kafka.coordinator.transaction.TransactionMetadata`; KIP-664, KIP-890.

use super::error::{LogError, Result};
use super::image::Image;
use super::layout::{METADATA_TOPIC, TRANSACTIONS_TOPIC, TopicPartition};
use super::view::{Chunk, PartitionView};
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{Header, PREFIX_SIZE};
use crate::format::producer_snapshot::ProducerEntry;
use crate::format::transaction_state::{
    TransactionRecordKey, TransactionRecordValue, TransactionStatus, TransactionValue,
};
use crate::format::txn_index::AbortedTxn;
use crate::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::host::Host;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where transactional ids stand, by the records of `__transaction_state`.
#[derive(Debug, Default)]
pub struct Coordinator {
    /// By transactional id.
    pub transactions: BTreeMap<String, TransactionValue>,
    /// Whether every partition of the topic is in this directory and was read to its
    /// end: only then can it be said that there is no such transaction.
    pub complete: bool,
    /// What ended the reading of a partition early.
    pub damage: Vec<LogError>,
}

/// What becomes of a transaction that a partition holds open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The coordinator has it as open.
    Ongoing,
    /// The coordinator decided, and markers are to be written.
    Prepared {
        /// Whether it commits.
        commit: bool,
    },
    /// The coordinator has no such transaction.
    Hanging {
        /// What it has instead.
        why: String,
    },
    /// Not all of the coordinator's records are here.
    Unknown,
}

/// A transaction that a partition holds open.
#[derive(Debug, Clone)]
pub struct OpenTransaction {
    /// Its producer.
    pub producer: ProducerId,
    /// The producer's epoch.
    pub epoch: Option<ProducerEpoch>,
    /// Its transactional id, where the coordinator knows one.
    pub transactional_id: Option<String>,
    /// Its first offset in the partition.
    pub first_offset: Offset,
    /// When its first batch was written.
    pub started: Option<Timestamp>,
    /// When its last batch was written.
    pub last: Option<Timestamp>,
    /// What becomes of it.
    pub fate: Fate,
}

/// A partition with what it holds open or aborted.
#[derive(Debug)]
pub struct Held {
    /// Which.
    pub partition: TopicPartition,
    /// Up to where read-committed consumers read.
    pub last_stable: Offset,
    /// Its end.
    pub end: Offset,
    /// How many bytes of batches are at or behind the last stable offset.
    pub bytes_behind: u64,
    /// Its open transactions, the oldest first.
    pub open: Vec<OpenTransaction>,
    /// Its aborted transactions, where they were asked for.
    pub aborted: Vec<AbortedTxn>,
    /// What kept it from being read.
    pub damage: Option<LogError>,
}

impl Coordinator {
    /// Reads every partition of `__transaction_state` in `data`.
    ///
    /// # Errors
    /// Where the directory cannot be listed, or a file not read.
    pub fn read(host: &Arc<dyn Host>, data: &Path, image: Option<&Image>) -> Result<Self> {
        let mut this = Self::default();
        let mut found = 0;
        for (name, path) in partitions(&**host, data)? {
            if name.topic != TRANSACTIONS_TOPIC {
                continue;
            }
            found += 1;
            match this.fill(host, &name, &path) {
                Ok(()) => {}
                Err(error @ LogError::Io { .. }) => return Err(error),
                Err(error) => this.damage.push(error),
            }
        }
        let expected = image
            .and_then(|image| image.topic(TRANSACTIONS_TOPIC))
            .map(|topic| topic.partitions.len());
        this.complete = this.damage.is_empty() && expected.unwrap_or(found.max(1)) == found;
        Ok(this)
    }

    fn fill(&mut self, host: &Arc<dyn Host>, name: &TopicPartition, path: &Path) -> Result<()> {
        let view = PartitionView::open(host, path, name.clone(), None)?;
        let mut cursor = view.cursor(view.start())?;
        let mut chunk = Chunk::default();
        let mut scratch = AnyScratch::default();
        while cursor.next_chunk(&mut chunk, 256 << 10)? {
            for batch in chunk.batches() {
                let (position, bytes) = batch?;
                self.batch(bytes, &mut scratch)
                    .map_err(LogError::format(&chunk.path, position))?;
            }
        }
        Ok(())
    }

    fn batch(&mut self, bytes: &[u8], scratch: &mut AnyScratch) -> crate::format::Result<()> {
        let magic = bytes[PREFIX_SIZE - 1];
        let batch = AnyBatch::parse(magic, bytes)?;
        if magic == 2 && Header::parse(bytes)?.attributes.is_control() {
            return Ok(());
        }
        for record in batch.records(scratch)? {
            let record = record?;
            let Some(key) = record.key else { continue };
            let TransactionRecordKey::Transaction(key) = TransactionRecordKey::decode(key)? else {
                continue;
            };
            let value = record
                .value
                .map(|value| TransactionRecordValue::decode(0, value))
                .transpose()?;
            match value.map(|value| value.value) {
                Some(TransactionRecordValue::Transaction(value)) => {
                    self.transactions.insert(key.transactional_id, value);
                }
                Some(TransactionRecordValue::Unknown { .. }) => {}
                None => {
                    self.transactions.remove(&key.transactional_id);
                }
            }
        }
        Ok(())
    }

    /// The transactional id of a producer.
    pub fn id_of(&self, producer: ProducerId) -> Option<&str> {
        let is = |value: &TransactionValue| {
            value.producer_id == Some(producer) || value.previous_producer_id == Some(producer)
        };
        let by_now = |value: &TransactionValue| value.producer_id == Some(producer);
        let mut found = self.transactions.iter().filter(|(_, value)| is(value));
        let current = self.transactions.iter().find(|(_, value)| by_now(value));
        current.or_else(|| found.next()).map(|(id, _)| id.as_str())
    }

    /// What becomes of a transaction that a partition holds open.
    pub fn fate(
        &self,
        partition: &TopicPartition,
        producer: ProducerId,
        epoch: Option<ProducerEpoch>,
    ) -> Fate {
        let hanging = |why: String| match self.complete {
            true => Fate::Hanging { why },
            false => Fate::Unknown,
        };
        let Some(id) = self.id_of(producer) else {
            return hanging(format!("no transactional id has producer {producer}"));
        };
        let value = &self.transactions[id];
        let holds = value.transaction_partitions.iter().flatten().any(|part| {
            part.topic == partition.topic
                && part
                    .partition_ids
                    .iter()
                    .any(|number| number.get() == partition.partition)
        });
        let (now, then) = (value.producer_epoch, epoch);
        match value.status() {
            Some(
                status @ (TransactionStatus::Ongoing
                | TransactionStatus::PrepareCommit
                | TransactionStatus::PrepareAbort),
            ) => {
                if !holds {
                    return hanging(format!("`{id}` has a transaction without this partition"));
                }
                // What is prepared may have the epoch of the next transaction already.
                let fits = match status {
                    TransactionStatus::Ongoing => now == then,
                    _ => now >= then || value.producer_id != Some(producer),
                };
                if !fits {
                    let shown = |epoch| ProducerEpoch::to_wire(epoch);
                    return hanging(format!(
                        "`{id}` has a transaction of epoch {}, not {}",
                        shown(now),
                        shown(then)
                    ));
                }
                match status {
                    TransactionStatus::Ongoing => Fate::Ongoing,
                    status => Fate::Prepared {
                        commit: status == TransactionStatus::PrepareCommit,
                    },
                }
            }
            status => hanging(format!("`{id}` has no open transaction: {}", name(status))),
        }
    }
}

/// Kafka's name of a status.
pub const fn name(status: Option<TransactionStatus>) -> &'static str {
    match status {
        Some(TransactionStatus::Empty) => "Empty",
        Some(TransactionStatus::Ongoing) => "Ongoing",
        Some(TransactionStatus::PrepareCommit) => "PrepareCommit",
        Some(TransactionStatus::PrepareAbort) => "PrepareAbort",
        Some(TransactionStatus::CompleteCommit) => "CompleteCommit",
        Some(TransactionStatus::CompleteAbort) => "CompleteAbort",
        Some(TransactionStatus::Dead) => "Dead",
        None => "Unknown",
    }
}

/// The partitions in a data directory.
fn partitions(host: &dyn Host, data: &Path) -> Result<Vec<(TopicPartition, PathBuf)>> {
    let mut found: Vec<_> = host
        .list(data)
        .map_err(LogError::io("list", data))?
        .iter()
        .filter_map(|entry| {
            let name = TopicPartition::from_directory(entry.name.to_str()?)?;
            Some((name, data.join(&entry.name)))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Looks at the producers of partitions, many at once; those that hold nothing open,
/// nor anything aborted where `with_aborted`, are left out.
///
/// # Errors
/// Where a file cannot be read.
pub fn held(
    host: &Arc<dyn Host>,
    partitions: &[(TopicPartition, PathBuf)],
    coordinator: &Coordinator,
    with_aborted: bool,
) -> Result<Vec<Held>> {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parts: Vec<Result<Vec<Held>>> = std::thread::scope(|scope| {
        let run = || {
            let mut done = Vec::new();
            while let Some((name, path)) = partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
                if name.topic != METADATA_TOPIC {
                    done.extend(Held::read(host, name, path, coordinator, with_aborted)?);
                }
            }
            Ok(done)
        };
        let threads: Vec<_> = (0..cores.min(partitions.len()).max(1))
            .map(|_| scope.spawn(run))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
    }
    all.sort_by(|a, b| a.partition.cmp(&b.partition));
    Ok(all)
}

impl Held {
    fn read(
        host: &Arc<dyn Host>,
        name: &TopicPartition,
        path: &Path,
        coordinator: &Coordinator,
        with_aborted: bool,
    ) -> Result<Option<Self>> {
        let mut this = Self {
            partition: name.clone(),
            last_stable: Offset::ZERO,
            end: Offset::ZERO,
            bytes_behind: 0,
            open: Vec::new(),
            aborted: Vec::new(),
            damage: None,
        };
        match this.fill(host, path, coordinator, with_aborted) {
            Ok(()) => {}
            Err(error @ LogError::Io { .. }) => return Err(error),
            Err(error) => this.damage = Some(error),
        }
        let shown = !this.open.is_empty() || !this.aborted.is_empty() || this.damage.is_some();
        Ok(shown.then_some(this))
    }

    fn fill(
        &mut self,
        host: &Arc<dyn Host>,
        path: &Path,
        coordinator: &Coordinator,
        with_aborted: bool,
    ) -> Result<()> {
        let view = PartitionView::open(host, path, self.partition.clone(), None)?;
        let producers = view.producers()?;
        self.end = view.end()?;
        self.last_stable = producers.first_open().unwrap_or(self.end);
        if producers.first_open().is_some() {
            for entry in producers.to_snapshot() {
                if let Some(first) = entry.current_txn_first_offset {
                    let found = self.open(&view, &entry, first, coordinator)?;
                    self.open.push(found);
                }
            }
            self.open.sort_by_key(|open| open.first_offset);
            let from = self.last_stable.max(view.start());
            self.bytes_behind = view.cursor(from)?.bytes_left()?;
        }
        if with_aborted {
            self.aborted = view.aborted(view.start(), self.end)?;
        }
        Ok(())
    }

    fn open(
        &self,
        view: &PartitionView,
        entry: &ProducerEntry,
        first: Offset,
        coordinator: &Coordinator,
    ) -> Result<OpenTransaction> {
        Ok(OpenTransaction {
            producer: entry.producer_id,
            epoch: entry.epoch,
            transactional_id: coordinator.id_of(entry.producer_id).map(str::to_owned),
            first_offset: first,
            started: started(view, first)?,
            last: entry.timestamp,
            fate: coordinator.fate(&self.partition, entry.producer_id, entry.epoch),
        })
    }
}

/// The time of the batch that an offset is in.
fn started(view: &PartitionView, first: Offset) -> Result<Option<Timestamp>> {
    if first < view.start() {
        return Ok(None);
    }
    let mut cursor = view.cursor(first)?;
    let mut chunk = Chunk::default();
    if !cursor.next_chunk(&mut chunk, 4096)? {
        return Ok(None);
    }
    let batch = chunk.batches().next().transpose()?;
    Ok(batch.and_then(|(_, bytes)| Header::parse(bytes).ok()?.base_timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::PartitionId;
    use crate::format::transaction_state::TransactionPartitions;

    fn coordinator(status: TransactionStatus, epoch: i16, complete: bool) -> Coordinator {
        let value = TransactionValue {
            producer_id: Some(ProducerId::new(7)),
            producer_epoch: Some(ProducerEpoch::new(epoch)),
            transaction_status: status.to_wire(),
            transaction_partitions: Some(vec![TransactionPartitions {
                topic: "t".to_owned(),
                partition_ids: vec![PartitionId::new(0)],
                ..Default::default()
            }]),
            ..Default::default()
        };
        Coordinator {
            transactions: BTreeMap::from([("id".to_owned(), value)]),
            complete,
            damage: Vec::new(),
        }
    }

    #[test]
    fn a_transaction_hangs_unless_the_coordinator_has_it() {
        use TransactionStatus::{CompleteAbort, Ongoing, PrepareAbort, PrepareCommit};
        let (here, there) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
        let fate = |status, epoch, partition: &TopicPartition, producer| {
            let epoch_here = Some(ProducerEpoch::new(3));
            coordinator(status, epoch, true).fate(partition, ProducerId::new(producer), epoch_here)
        };
        assert_eq!(fate(Ongoing, 3, &here, 7), Fate::Ongoing);
        let prepared = |commit| Fate::Prepared { commit };
        assert_eq!(fate(PrepareCommit, 4, &here, 7), prepared(true));
        assert_eq!(fate(PrepareAbort, 3, &here, 7), prepared(false));
        for (hanging, says) in [
            (fate(Ongoing, 4, &here, 7), "epoch 4, not 3"),
            (fate(Ongoing, 3, &there, 7), "without this partition"),
            (fate(CompleteAbort, 3, &here, 7), "CompleteAbort"),
            (fate(Ongoing, 3, &here, 8), "no transactional id"),
        ] {
            let Fate::Hanging { why } = hanging else {
                panic!("{hanging:?}");
            };
            assert!(why.contains(says), "{why}");
        }
        let partly = coordinator(CompleteAbort, 3, false);
        assert_eq!(partly.fate(&here, ProducerId::new(7), None), Fate::Unknown);
    }
}
