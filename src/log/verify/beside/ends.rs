//! The checkpoints of the data directory against where a partition starts and ends.
//!
//! | file | means | where it is wrong, Kafka |
//! |---|---|---|
//! | recovery point | everything before it is on disk | takes the end |
//! | high watermark | replicas agree up to it | takes the end |
//! | log start | the first offset that may be read | deletes every segment where it lies behind the end |
//! | cleaner | compacted up to it | begins at the start again |
//!
//! Sources: `LogLoader.recoverLog`, `LogManager`, `LogCleanerManager`.

use super::Report;
use super::partition::Partition;
use crate::format::Offset;
use crate::log::layout::{CLEANER_OFFSETS, HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS};
use crate::log::verify::observer::End;
use crate::log::verify::{Check, Severity};
use std::sync::Arc;

/// What the checkpoints say about one partition.
pub(super) struct Ends {
    partition: Arc<Partition>,
}

impl Ends {
    pub(super) const fn new(partition: Arc<Partition>) -> Self {
        Self { partition }
    }

    /// `hole`: the last segment has bytes that cannot be read.
    pub(super) fn finish(&self, end: &End, hole: bool, report: &mut Report<'_>) {
        let partition = Arc::clone(&self.partition);
        let context = &partition.context;
        if partition.is_metadata() || context.live || partition.segments.is_empty() {
            return;
        }
        let healed = match context.clean {
            true => Severity::Rebuildable,
            false => Severity::Note,
        };
        let mut tell = |file, severity, offset: Offset, expected: String| {
            let path = partition.beside(file);
            let found = offset.to_string();
            let mut finding = partition.finding(Check::Checkpoint, severity, path, expected, found);
            finding.offsets = Some(end.next.min(offset)..end.next.max(offset));
            report(finding);
        };
        let mut lost = hole;
        if let Some(point) = context.recovery_point {
            if point > end.next && !lost {
                lost = true;
                let expected = format!("offsets up to the log's end at {}", end.next);
                tell(RECOVERY_POINTS, Severity::Loss, point, expected);
            } else if point < end.next && partition.is_clean() && !lost {
                let expected = format!("the log's end at {} after a clean stop", end.next);
                tell(RECOVERY_POINTS, Severity::Rebuildable, point, expected);
            }
        }
        let up_to_end = || format!("an offset up to the log's end at {}", end.next);
        if let Some(start) = context.log_start {
            if start > end.next && !lost {
                tell(LOG_STARTS, Severity::Wrong, start, up_to_end());
            } else if start < end.start && partition.is_clean() {
                let expected = format!("an offset from the first segment's {} on", end.start);
                tell(LOG_STARTS, Severity::Rebuildable, start, expected);
            }
        }
        if let Some(mark) = context.high_watermark
            && mark > end.next
            && !lost
        {
            tell(HIGH_WATERMARKS, healed, mark, up_to_end());
        }
        if let Some(cleaned) = context.cleaned
            && cleaned > end.next
            && !lost
        {
            tell(CLEANER_OFFSETS, healed, cleaned, up_to_end());
        }
    }
}
