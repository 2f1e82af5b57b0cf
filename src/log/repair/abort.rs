//! Ends a transaction that hangs: `ottla repair --abort-transaction PRODUCER_ID`.
//!
//! ```text
//! __transaction_state says             what is done
//! nothing, or that it has ended        the marker of an abort in every partition of
//!                                      the location where it is open, with the epochs
//!                                      that the partition knows
//! it is open (or being aborted)        markers in all of its partitions, and the
//!                                      record that it has aborted; the epoch is raised,
//!                                      so that whoever began it is fenced
//! it is being committed                refused: a coordinator finishes that
//! ```
//!
//! Each marker comes with its entry in the transaction index and a producer snapshot
//! of the new end.
//!
//! Source: `org.apache.kafka.tools.TransactionsCommand`, `AbortTransactionHandler`,
//! `TransactionCoordinator`; KIP-664, KIP-890.

use super::plan::{Piece, Plan, What};
use super::readable::Readable;
use crate::format::batch::{
    Header, Producer, UncheckedBatch, patch_base_offset, patch_leader_epoch,
};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::control::{ControlType, EndTxnMarker};
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::offset_index::RelativeOffset;
use crate::format::producer_snapshot;
use crate::format::record::Headers;
use crate::format::time_index::TimeIndexEntry;
use crate::format::transaction_state::{TransactionStatus, TransactionValue};
use crate::format::txn_index::AbortedTxn;
use crate::format::{LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp};
use crate::host::Host;
use crate::log::data_dir::{MOST_SMALL_FILE, read_checkpoint};
use crate::log::error::{LogError, Result};
use crate::log::image::Image;
use crate::log::layout::{
    CLEAN_SHUTDOWN, HIGH_WATERMARKS, LEADER_EPOCHS, METADATA_TOPIC, RECOVERY_POINTS, Suffix,
    TRANSACTIONS_TOPIC, TopicPartition, segment_file,
};
use crate::log::partition::{Listing, marker_of, read_epochs};
use crate::log::presence::is_directory;
use crate::log::producer_states::ProducerStates;
use crate::log::transaction::{partitions_of, read_states, state_batch};
use crate::log::verify::Check;
use crate::log::view::PartitionView;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which transaction is to be ended, and where.
#[derive(Clone, Copy)]
pub struct Abort<'a> {
    /// The data directory, or what stands for it.
    pub data: &'a Path,
    /// The partitions of the location.
    pub partitions: &'a [TopicPartition],
    /// What the metadata log says, where it can be read.
    pub image: Option<&'a Image>,
    /// Whose transaction.
    pub producer: ProducerId,
}

impl Abort<'_> {
    /// Plans the end of the transaction.
    ///
    /// # Errors
    /// `Invalid` where the producer has no open transaction (with those that are
    /// open), where it is being committed, where other nodes have replicas;
    /// `Damaged` where the end of a log has to be repaired first; `Io`.
    pub fn plan(&self, host: &Arc<dyn Host>) -> Result<Plan> {
        let mut open = Vec::new();
        let mut others = BTreeSet::new();
        for name in self.partitions {
            if name.topic == METADATA_TOPIC {
                continue;
            }
            let tail = Tail::read(&**host, self.data, name)?;
            for (first, producer) in tail.producers.open() {
                if producer != self.producer {
                    others.insert(format!(
                        "producer {producer} in {name} since offset {first}"
                    ));
                }
            }
            if tail.is_open(self.producer) {
                open.push(tail);
            }
        }
        let known = self.known(host)?;
        let mut plan = Plan::default();
        let Some((id, state, mut value)) = known.filter(|(_, _, value)| is_unfinished(value))
        else {
            if open.is_empty() {
                return Err(self.nothing_open(&others));
            }
            for tail in &open {
                let producer = tail.ending(self.producer, None);
                self.mark(&**host, tail, producer, &mut plan)?;
            }
            self.write_ends(&**host, &open, &mut plan)?;
            return Ok(plan);
        };
        let concerned: BTreeSet<_> = partitions_of(&value).collect();
        if value.status() == Some(TransactionStatus::PrepareCommit) {
            return Err(LogError::Invalid(format!(
                "transaction {id:?} of producer {} is decided: expected one that is open, found one that is being committed; the next start of a broker, or of `ottla produce`, finishes it",
                self.producer
            )));
        }
        for name in concerned {
            let is_listed = open.iter().any(|tail| tail.name == name);
            if !is_listed && is_directory(&**host, &self.data.join(name.to_string())) {
                let tail = Tail::read(&**host, self.data, &name)?;
                if tail.is_open(self.producer) {
                    open.push(tail);
                }
            }
        }
        let epoch = fencing(&value);
        for tail in &open {
            let producer = tail.ending(self.producer, epoch);
            self.mark(&**host, tail, producer, &mut plan)?;
        }
        value.producer_epoch = epoch;
        self.refuse_replicated(&state)?;
        let tail = Tail::read(&**host, self.data, &state)?;
        end(&**host, &tail, &id, value, &mut plan)?;
        open.push(tail);
        self.write_ends(&**host, &open, &mut plan)?;
        Ok(plan)
    }

    /// What the checkpoints say of the partitions' ends, after a clean stop.
    fn write_ends(&self, host: &dyn Host, tails: &[Tail], plan: &mut Plan) -> Result<()> {
        if host.stat(&self.data.join(CLEAN_SHUTDOWN)).is_err() {
            return Ok(());
        }
        for file in [RECOVERY_POINTS, HIGH_WATERMARKS] {
            let path = self.data.join(file);
            if host.stat(&path).is_err() {
                continue;
            }
            let mut checkpoint = read_checkpoint(host, &path)?;
            for tail in tails {
                let number = PartitionId::new(tail.name.partition);
                checkpoint.set(&tail.name.topic, number, tail.end.next());
            }
            let why = "tells the new ends";
            plan.push(
                file,
                What::Write(checkpoint.to_bytes()),
                Check::Checkpoint,
                why,
            );
        }
        Ok(())
    }

    /// What `__transaction_state` says about the producer: its transactional id, the
    /// partition and the latest state.
    fn known(
        &self,
        host: &Arc<dyn Host>,
    ) -> Result<Option<(String, TopicPartition, TransactionValue)>> {
        let entries = host
            .list(self.data)
            .map_err(LogError::io("list", self.data))?;
        for entry in entries {
            let name = entry.name.to_str().and_then(TopicPartition::from_directory);
            let Some(name) = name.filter(|name| name.topic == TRANSACTIONS_TOPIC) else {
                continue;
            };
            let directory = self.data.join(&entry.name);
            let view = PartitionView::open(host, &directory, name.clone(), None)?;
            let mut states = BTreeMap::new();
            read_states(&view, view.start(), &mut states)?;
            let of_producer = states
                .into_iter()
                .find(|(_, value)| value.producer_id == Some(self.producer));
            if let Some((id, value)) = of_producer {
                return Ok(Some((id, name, value)));
            }
        }
        Ok(None)
    }

    fn nothing_open(&self, others: &BTreeSet<String>) -> LogError {
        let found = if others.is_empty() {
            "no transaction is open here".to_owned()
        } else {
            let others: Vec<_> = others.iter().map(String::as_str).collect();
            format!("open are those of {}", others.join(", "))
        };
        LogError::Invalid(format!(
            "producer {} has no open transaction here: {found}",
            self.producer
        ))
    }

    /// Appends the marker.
    fn mark(&self, host: &dyn Host, tail: &Tail, by: Ending, plan: &mut Plan) -> Result<()> {
        self.refuse_replicated(&tail.name)?;
        let now = Timestamp::new(host.now_ms());
        let body = EndTxnMarker {
            coordinator_epoch: by.coordinator_epoch,
        };
        let (key, value) = (ControlType::Abort.encode_key(), body.encode());
        let mut builder = BatchBuilder::default();
        builder
            .append(Some(now), Some(&key), Some(&value), Headers::default())
            .map_err(LogError::format(&tail.directory, 0))?;
        let batch = builder.seal(&Seal {
            base_offset: tail.end,
            leader_epoch: Some(tail.epoch),
            producer: Some(by.producer),
            transactional: true,
            control: true,
            ..Seal::default()
        });
        let mut producers = tail.producers.clone();
        let header = Header::parse(batch).map_err(LogError::format(&tail.directory, 0))?;
        let aborted = producers.end_transaction(&header, false, by.coordinator_epoch);
        let why = format!(
            "gets the marker that aborts the transaction of producer {}",
            self.producer
        );
        tail.append(batch.to_vec(), why, plan);
        tail.write_time(host, now, plan)?;
        if let Some(aborted) = aborted {
            tail.write_aborted(host, aborted, plan)?;
            plan.notes.push(format!(
                "{}: the transaction of producer {} from offset {} on is aborted; the last stable offset becomes {}",
                tail.name,
                self.producer,
                aborted.first_offset,
                producers.first_open().unwrap_or(header.next_offset())
            ));
        }
        tail.write_snapshot(&producers, header.next_offset(), plan)
    }

    /// Other replicas would no longer be the same.
    fn refuse_replicated(&self, name: &TopicPartition) -> Result<()> {
        let topic = self.image.and_then(|image| image.topic(&name.topic));
        let state = topic.and_then(|topic| topic.partitions.get(&name.partition));
        let replicas = state.map_or(&[][..], |state| &state.replicas);
        if replicas.len() <= 1 {
            return Ok(());
        }
        let nodes: Vec<_> = replicas.iter().map(ToString::to_string).collect();
        Err(LogError::Invalid(format!(
            "{name} has replicas on nodes {}: expected this directory to hold the only one; abort the transaction through a broker, with kafka-transactions.sh abort",
            nodes.join(", ")
        )))
    }
}

/// Appends the record that the transaction has aborted.
fn end(
    host: &dyn Host,
    tail: &Tail,
    id: &str,
    mut value: TransactionValue,
    plan: &mut Plan,
) -> Result<()> {
    value.transaction_partitions = Some(Vec::new());
    let now = Timestamp::new(host.now_ms());
    let status = TransactionStatus::CompleteAbort;
    let mut batch =
        state_batch(id, &mut value, status, now).map_err(LogError::format(&tail.directory, 0))?;
    patch_base_offset(&mut batch, tail.end);
    patch_leader_epoch(&mut batch, tail.epoch);
    let why = format!("gets the record that transaction {id:?} has aborted");
    tail.append(batch, why, plan);
    tail.write_time(host, now, plan)?;
    tail.write_snapshot(&tail.producers, tail.end.next(), plan)
}

/// Who ends a transaction, as a marker says it.
struct Ending {
    producer: Producer,
    coordinator_epoch: i32,
}

/// A partition as of its end.
struct Tail {
    name: TopicPartition,
    directory: PathBuf,
    listing: Listing,
    /// The last segment.
    base: Offset,
    /// Bytes of its log.
    length: u64,
    end: Offset,
    /// The term that goes on.
    epoch: LeaderEpoch,
    /// Whether the epoch is the first one.
    begins: bool,
    producers: ProducerStates,
}

impl Tail {
    fn read(host: &dyn Host, data: &Path, name: &TopicPartition) -> Result<Self> {
        let directory = data.join(name.to_string());
        let listing = Listing::read(host, &directory)?;
        let base = listing.segments.last().copied().unwrap_or_default();
        let known = read_epochs(host, &directory).unwrap_or_default().latest();
        let mut tail = Self {
            name: name.clone(),
            directory,
            listing,
            base,
            length: 0,
            end: base,
            epoch: known.map_or(LeaderEpoch::default(), |known| known.epoch),
            begins: known.is_none(),
            producers: ProducerStates::default(),
        };
        if tail.listing.segments.is_empty() {
            return Ok(tail);
        }
        // A snapshot may tell of an end that the log does not reach.
        tail.walk(host, base, Offset::new(i64::MAX))?;
        let snapshot = tail
            .listing
            .producers_before(host, &tail.directory, tail.end)?;
        let (from, producers) = snapshot.unwrap_or_default();
        tail.producers = producers;
        let first = tail.listing.segments.partition_point(|base| *base <= from);
        for index in first.saturating_sub(1)..tail.listing.segments.len() {
            tail.walk(host, tail.listing.segments[index], from)?;
        }
        Ok(tail)
    }

    /// Takes note of the batches of a segment, of their producers from an offset on.
    fn walk(&mut self, host: &dyn Host, segment: Offset, from: Offset) -> Result<()> {
        let path = segment_file(&self.directory, segment, Suffix::Log);
        let mut readable = Readable::open(host, &path)?;
        self.length = 0;
        self.end = self.end.max(segment);
        while let Some(piece) = readable.next()? {
            self.length += piece.skipped + piece.bytes.len() as u64;
            if piece.magic != 2 {
                continue;
            }
            let batch = UncheckedBatch::parse(piece.bytes).map_err(LogError::format(&path, 0))?;
            let header = batch.header();
            self.end = self.end.max(header.next_offset());
            self.epoch = self.epoch.max(header.leader_epoch.unwrap_or_default());
            if header.base_offset < from {
                continue;
            }
            if !header.attributes.is_control() {
                self.producers.update(header);
            } else if let Some((commit, coordinator)) = marker_of(&batch) {
                self.producers.end_transaction(header, commit, coordinator);
            }
        }
        let file = host.stat(&path).map_err(LogError::io("look at", &path))?;
        if readable.unread() > 0 || self.length < file.length {
            return Err(LogError::Damaged {
                error: crate::format::FormatError::corrupt(
                    "log",
                    usize::try_from(self.length).unwrap_or(usize::MAX),
                    "whole batches up to the end; run ottla repair without --abort-transaction first",
                    "damage",
                ),
                path,
            });
        }
        Ok(())
    }

    fn is_open(&self, producer: ProducerId) -> bool {
        self.producers.open().any(|(_, id)| id == producer)
    }

    /// Who ends the producer's transaction here: in the epoch that the coordinator
    /// says, else in the one that is open.
    fn ending(&self, id: ProducerId, epoch: Option<ProducerEpoch>) -> Ending {
        let known = self.producers.epoch(id);
        Ending {
            producer: Producer {
                id,
                epoch: epoch.max(known).unwrap_or_default(),
                base_sequence: None,
            },
            coordinator_epoch: self.producers.coordinator_epoch(id).unwrap_or(0),
        }
    }

    fn file(&self, base: Offset, suffix: Suffix) -> PathBuf {
        segment_file(Path::new(&self.name.to_string()), base, suffix)
    }

    /// Appends a batch to the last segment.
    fn append(&self, batch: Vec<u8>, why: String, plan: &mut Plan) {
        let path = self.file(self.base, Suffix::Log);
        let whole = Piece::Copy {
            path: path.clone(),
            bytes: 0..self.length,
        };
        let pieces = vec![whole, Piece::Bytes(batch)];
        plan.push(path, What::Assemble(pieces), Check::TxnIndex, why);
        if self.begins {
            let mut epochs = LeaderEpochs::new();
            epochs.assign(self.epoch, self.end);
            let path = Path::new(&self.name.to_string()).join(LEADER_EPOCHS);
            let why = "tells the epoch of the new record";
            plan.push(
                path,
                What::Write(epochs.to_bytes()),
                Check::LeaderEpochs,
                why,
            );
        }
    }

    /// The time of the new record, where the log was left by a clean stop: then the
    /// time index ends with the latest one.
    fn write_time(&self, host: &dyn Host, time: Timestamp, plan: &mut Plan) -> Result<()> {
        let path = segment_file(&self.directory, self.base, Suffix::TimeIndex);
        let mut bytes = match host.read(&path, MOST_SMALL_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        let (entries, rest) = bytes.as_chunks::<{ TimeIndexEntry::SIZE }>();
        let is_padded = entries
            .last()
            .is_some_and(|last| *last == [0; TimeIndexEntry::SIZE]);
        let latest = entries.last().map(TimeIndexEntry::decode);
        let follows = match latest {
            None => true,
            Some(Ok(latest)) => latest.timestamp < time,
            Some(Err(_)) => false,
        };
        let relative_offset = RelativeOffset::of(self.base, self.end);
        if let Some(relative_offset) = relative_offset
            && follows
            && !is_padded
            && rest.is_empty()
        {
            let entry = TimeIndexEntry {
                timestamp: time,
                relative_offset,
            };
            bytes.extend(entry.encode());
            let path = self.file(self.base, Suffix::TimeIndex);
            let why = "gets the time of the new record";
            plan.push(path, What::Write(bytes), Check::TimeIndex, why);
        }
        Ok(())
    }

    fn write_aborted(&self, host: &dyn Host, aborted: AbortedTxn, plan: &mut Plan) -> Result<()> {
        let path = segment_file(&self.directory, self.base, Suffix::TxnIndex);
        let mut bytes = match host.read(&path, MOST_SMALL_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        bytes.truncate(bytes.len() - bytes.len() % AbortedTxn::SIZE);
        bytes.extend(aborted.encode());
        let why = "gets the aborted transaction";
        let path = self.file(self.base, Suffix::TxnIndex);
        plan.push(path, What::Write(bytes), Check::TxnIndex, why);
        Ok(())
    }

    /// A snapshot of the new end in place of that of the old one.
    fn write_snapshot(
        &self,
        producers: &ProducerStates,
        end: Offset,
        plan: &mut Plan,
    ) -> Result<()> {
        for old in &self.listing.snapshots {
            if self.listing.segments.binary_search(old).is_err() {
                let path = self.file(*old, Suffix::Snapshot);
                let why = "tells of the old end";
                plan.push(path, What::Remove, Check::ProducerSnapshot, why);
            }
        }
        let path = self.file(end, Suffix::Snapshot);
        let bytes = producer_snapshot::encode(&producers.to_snapshot())
            .map_err(LogError::format(&path, 0))?;
        let why = "tells the producers as of the new end";
        plan.push(path, What::Write(bytes), Check::ProducerSnapshot, why);
        Ok(())
    }
}

/// Whether markers of the transaction may be missing.
fn is_unfinished(value: &TransactionValue) -> bool {
    matches!(
        value.status(),
        Some(
            TransactionStatus::Ongoing
                | TransactionStatus::PrepareAbort
                | TransactionStatus::PrepareCommit
        )
    )
}

/// The epoch that shuts out whoever began the transaction.
fn fencing(value: &TransactionValue) -> Option<ProducerEpoch> {
    let epoch = value.producer_epoch?;
    if value.status() == Some(TransactionStatus::Ongoing) && epoch.get() < i16::MAX - 1 {
        return Some(ProducerEpoch::new(epoch.get() + 1));
    }
    Some(epoch)
}

#[cfg(test)]
mod tests;
