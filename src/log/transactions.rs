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
use super::layout::{METADATA_TOPIC, Suffix, TRANSACTIONS_TOPIC, TopicPartition, segment_file};
use super::partition::{Listing, marker_of};
use super::producer_states::ProducerStates;
use super::sweep::{self, Skipped, Swept};
use super::verify::Check;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{Batch, UncheckedBatch};
use crate::format::producer_snapshot::ProducerEntry;
use crate::format::record::Record;
use crate::format::transaction_state::{
    TransactionRecordKey, TransactionRecordValue, TransactionStatus, TransactionValue,
};
use crate::format::txn_index::{self, AbortedTxn};
use crate::format::{FormatError, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::host::Host;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes of a transaction index: 31 million aborted transactions.
const MOST_TXN_INDEX: u64 = 1 << 30;

/// Where transactional ids stand, by the records of `__transaction_state`.
#[derive(Debug, Default)]
pub struct Coordinator {
    /// By transactional id.
    pub transactions: BTreeMap<String, TransactionValue>,
    /// Whether every partition of the topic is in this directory and was read to its
    /// end: only then can it be said that there is no such transaction.
    pub complete: bool,
    /// What was not read.
    pub skipped: Vec<Skipped>,
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
    /// Whether its marker may have been in what was not read.
    pub marker_may_be_lost: bool,
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
    /// What was not read.
    pub skipped: Vec<Skipped>,
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
            let mut reader = Reader {
                coordinator: &mut this,
                scratch: AnyScratch::default(),
            };
            sweep::partition(host, &path, Offset::ZERO, &mut reader)?;
        }
        let expected = image
            .and_then(|image| image.topic(TRANSACTIONS_TOPIC))
            .map(|topic| topic.partitions.len());
        let lost = this.skipped.iter().any(Skipped::is_loss);
        this.complete = !lost && expected.unwrap_or(found.max(1)) == found;
        Ok(this)
    }

    fn record(&mut self, record: &Record<'_>) -> crate::format::Result<()> {
        let Some(key) = record.key else {
            return Ok(());
        };
        let TransactionRecordKey::Transaction(key) = TransactionRecordKey::decode(key)? else {
            return Ok(());
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

/// Reads the records of a [`Coordinator`].
struct Reader<'a> {
    coordinator: &'a mut Coordinator,
    scratch: AnyScratch,
}

impl sweep::Visit for Reader<'_> {
    fn batch(&mut self, swept: &Swept<'_>) -> crate::format::Result<ControlFlow<()>> {
        let is_control = |batch: &Batch<'_>| batch.header().attributes.is_control();
        if matches!(&swept.batch, AnyBatch::V2(batch) if is_control(batch)) {
            return Ok(ControlFlow::Continue(()));
        }
        for record in swept.batch.records(&mut self.scratch)? {
            let record = record?;
            if let Err(error) = self.coordinator.record(&record) {
                let skipped = Skipped::of_record(swept, Some(record.offset), error);
                self.coordinator.skipped.push(skipped);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn skipped(&mut self, skipped: Skipped) {
        self.coordinator.skipped.push(skipped);
    }
}

/// Kafka's name of a status.
pub const fn name(status: Option<TransactionStatus>) -> &'static str {
    match status {
        Some(status) => status.name(),
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
            skipped: Vec::new(),
        };
        this.fill(host, path, coordinator, with_aborted)?;
        let shown = !this.open.is_empty() || !this.aborted.is_empty() || !this.skipped.is_empty();
        Ok(shown.then_some(this))
    }

    fn fill(
        &mut self,
        host: &Arc<dyn Host>,
        path: &Path,
        coordinator: &Coordinator,
        with_aborted: bool,
    ) -> Result<()> {
        let listing = Listing::read(&**host, path)?;
        let producers = Producers::read(host, path, &listing)?;
        self.skipped = producers.skipped;
        self.end = producers.end;
        let states = producers.states;
        self.last_stable = states.first_open().unwrap_or(self.end);
        if states.first_open().is_some() {
            for entry in states.to_snapshot() {
                if let Some(first) = entry.current_txn_first_offset {
                    let started = sweep::behind(host, path, first)?.base_timestamp;
                    let open = self.open(&entry, first, started, coordinator);
                    self.open.push(open);
                }
            }
            self.open.sort_by_key(|open| open.first_offset);
            self.bytes_behind = sweep::behind(host, path, self.last_stable)?.bytes;
        }
        if with_aborted {
            for base in &listing.segments {
                let index = segment_file(path, *base, Suffix::TxnIndex);
                self.aborted(&**host, &index)?;
            }
        }
        Ok(())
    }

    fn open(
        &self,
        entry: &ProducerEntry,
        first: Offset,
        started: Option<Timestamp>,
        coordinator: &Coordinator,
    ) -> OpenTransaction {
        let lost = |skipped: &Skipped| {
            let behind = skipped
                .damage
                .offsets
                .is_none_or(|(_, until)| until > first);
            skipped.is_loss() && behind
        };
        OpenTransaction {
            producer: entry.producer_id,
            epoch: entry.epoch,
            transactional_id: coordinator.id_of(entry.producer_id).map(str::to_owned),
            first_offset: first,
            started,
            last: entry.timestamp,
            fate: coordinator.fate(&self.partition, entry.producer_id, entry.epoch),
            marker_may_be_lost: self.skipped.iter().any(lost),
        }
    }

    /// Takes the entries of a transaction index, up to where it is damaged.
    fn aborted(&mut self, host: &dyn Host, path: &Path) -> Result<()> {
        let bytes = match host.read(path, MOST_TXN_INDEX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LogError::io("read", path)(error)),
        };
        for entry in txn_index::entries(&bytes) {
            match entry {
                Ok(entry) => self.aborted.push(entry),
                // One that is being written.
                Err(FormatError::Torn { .. }) => {}
                Err(error) => {
                    let at = error.position().unwrap_or_default();
                    let rest = at..bytes.len() as u64;
                    let skipped = Skipped::of_file(path, rest, Check::TxnIndex, error);
                    self.skipped.push(skipped);
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The producers of a partition, as its batches tell from a snapshot on.
struct Producers {
    states: ProducerStates,
    from: Offset,
    end: Offset,
    skipped: Vec<Skipped>,
}

impl Producers {
    /// Begins with the latest snapshot that can be read and is not ahead of the log.
    fn read(host: &Arc<dyn Host>, path: &Path, listing: &Listing) -> Result<Self> {
        let start = listing.segments.first().copied().unwrap_or_default();
        let mut newest = Offset::new(i64::MAX);
        loop {
            let snapshot = listing.producers_before(&**host, path, newest)?;
            let (from, states) = snapshot.unwrap_or((start, ProducerStates::default()));
            let before = listing.segments.iter().rev().find(|base| **base <= from);
            let mut this = Self {
                states,
                from,
                end: before.copied().unwrap_or(start),
                skipped: Vec::new(),
            };
            sweep::partition(host, path, from, &mut this)?;
            let lost = this.skipped.iter().any(Skipped::is_loss);
            if this.end >= from || lost || newest <= this.end {
                return Ok(this);
            }
            newest = this.end;
        }
    }
}

impl sweep::Visit for Producers {
    fn batch(&mut self, swept: &Swept<'_>) -> crate::format::Result<ControlFlow<()>> {
        let summary = swept.found.summary()?;
        self.end = self.end.max(summary.last_offset.next());
        if let AnyBatch::V2(batch) = &swept.batch
            && summary.base_offset >= self.from
        {
            let header = batch.header();
            if !header.attributes.is_control() {
                self.states.update(header);
            } else if let Some((commit, coordinator)) =
                marker_of(&UncheckedBatch::parse(swept.found.bytes)?)
            {
                self.states.end_transaction(header, commit, coordinator);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn skipped(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }
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
            skipped: Vec::new(),
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
