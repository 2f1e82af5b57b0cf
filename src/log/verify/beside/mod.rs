//! The files beside the log: what they say against what the log says.
//!
//! One [`Observer`] stands for all the files of a partition. It is told of each batch
//! once, on the pass's own thread, so what it does there is a few comparisons; files
//! are read in pieces as the log comes to the place that they tell of.
//!
//! | file | what is promised |
//! |---|---|
//! | [`offset_index`] | entries ascend and point to the starts of batches |
//! | [`time_index`] | entries ascend and tell the greatest time so far |
//! | [`leader_epochs`] | the epoch of each batch is the one that the file gives |
//! | [`txn_index`] | tells the aborted transactions of the log |
//! | [`producer_snapshots`] | tell the producers of the log |
//! | [`partition_metadata`] | has the topic's id |
//! | [`known_records`] | records of Kafka's own topics decode, and lie where they are looked for |
//! | [`files`] | nothing is missing, nothing was left |
//! | [`ends`] | checkpoints of the data directory lie within the log |
//! | [`identity`] | `meta.properties` and the mark of a clean stop name a registration |
//! | [`checkpoints`] | checkpoints can be read, and name partitions that are there |
//! | [`quorum`] | `quorum-state` and the metadata's snapshots fit its log |
//! | [`meta_text`] | `meta.properties` reads as Kafka writes it |
//! | [`directories`] | directories and the metadata know of each other |

mod checkpoints;
mod data;
mod directories;
mod ends;
mod entries;
mod files;
mod identity;
mod known_records;
mod leader_epochs;
mod meta_text;
mod offset_index;
mod partition;
mod partition_metadata;
mod producer_snapshots;
mod producers;
mod quorum;
mod time_index;
mod txn_index;

pub(crate) use known_records::can_be_loaded;

use super::observer::{End, Hole, Seen};
use super::{Context, Observer, Report, Surroundings};
use crate::format::Offset;
use crate::host::Host;
use crate::log::layout::TopicPartition;
use data::Data;
use ends::Ends;
use files::Names;
use known_records::KnownRecords;
use leader_epochs::LeaderEpochFile;
use offset_index::OffsetIndexes;
use partition::Partition;
use producer_snapshots::ProducerSnapshots;
use producers::Producers;
use std::path::Path;
use std::sync::Arc;
use time_index::TimeIndexes;
use txn_index::TxnIndexes;

/// Those who hold one partition against the files in its directory.
pub fn observers(
    host: &Arc<dyn Host>,
    directory: &Path,
    name: &TopicPartition,
    context: &Context,
) -> Vec<Box<dyn Observer>> {
    let partition = Partition::new(host, directory, name, context);
    vec![Box::new(Files::new(Arc::new(partition)))]
}

/// Checks the files and directories of the data directory itself.
pub fn data_dir(host: &Arc<dyn Host>, around: &Surroundings, report: &mut Report<'_>) {
    let mut data = Data::new(host, around);
    identity::check(&mut data, report);
    checkpoints::check(&data, report);
    quorum::check(&data, report);
    directories::check(&data, report);
}

/// The files of one partition.
struct Files {
    partition: Arc<Partition>,
    names: Names,
    offsets: OffsetIndexes,
    times: TimeIndexes,
    transactions: TxnIndexes,
    producers: Producers,
    snapshots: ProducerSnapshots,
    epochs: LeaderEpochFile,
    records: KnownRecords,
    ends: Ends,
    /// Whether bytes of the segment that is read cannot be.
    hole: bool,
    /// Whether the last batch so far can be relied on: where not, what tells the log's end
    /// is no news.
    end_is_certain: bool,
}

impl Files {
    fn new(partition: Arc<Partition>) -> Self {
        Self {
            names: Names::new(Arc::clone(&partition)),
            offsets: OffsetIndexes::new(Arc::clone(&partition)),
            times: TimeIndexes::new(Arc::clone(&partition)),
            transactions: TxnIndexes::new(Arc::clone(&partition)),
            producers: Producers::new(),
            snapshots: ProducerSnapshots::new(Arc::clone(&partition)),
            epochs: LeaderEpochFile::new(Arc::clone(&partition)),
            records: KnownRecords::new(Arc::clone(&partition)),
            ends: Ends::new(Arc::clone(&partition)),
            hole: false,
            end_is_certain: true,
            partition,
        }
    }
}

impl Observer for Files {
    fn segment_start(&mut self, segment: Offset, length: u64, report: &mut Report<'_>) {
        self.hole = false;
        self.names.segment_start(segment, length);
        self.offsets.segment_start(segment, length, report);
        self.times.segment_start(segment, report);
        self.transactions.segment_start(segment, report);
    }

    fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        self.offsets.batch(seen, report);
        self.times.batch(seen, report);
        self.epochs.batch(seen, report);
        self.records.batch(seen, report);
        self.names.batch(seen);
        let base = seen.summary.base_offset;
        self.end_is_certain = seen.intact;
        if !seen.intact {
            self.producers.hidden = true;
            return;
        }
        if base >= self.snapshots.due() {
            self.snapshots.reached(base, &self.producers, report);
        }
        let last = seen.summary.last_offset;
        let did = self.producers.batch(base, last, seen.header, seen.marker);
        self.transactions.did(&did, &self.producers, report);
    }

    fn hole(&mut self, hole: &Hole, report: &mut Report<'_>) {
        self.hole = true;
        // An unfinished write at the end hides nothing that was written.
        self.producers.hidden |= !hole.tail || !self.partition.is_last(hole.segment);
        self.end_is_certain = false;
        self.offsets.hole(hole, report);
        self.times.hole();
    }

    fn segment_end(&mut self, _: Offset, report: &mut Report<'_>) {
        self.offsets.segment_end(report);
        self.times.segment_end(report);
        self.transactions
            .segment_end(self.hole, &self.producers, report);
        self.names.segment_end(report);
    }

    fn finish(&mut self, end: &End, report: &mut Report<'_>) {
        let hole = self.hole || !self.end_is_certain;
        self.transactions.finish(report);
        self.snapshots.finish(end, hole, &self.producers, report);
        self.epochs.finish(end, report);
        partition_metadata::check(&self.partition, end, report);
        self.names.finish(report);
        self.ends.finish(end, hole, report);
    }
}
