//! The partition that is checked, and what the next start of Kafka makes of it.

use crate::format::Offset;
use crate::host::{Entry, Host, Kind};
use crate::log::layout::{
    METADATA_TOPIC, Suffix, TopicPartition, parse_segment_file, segment_file,
};
use crate::log::verify::{Check, Context, Finding, Severity};
use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A partition and its surroundings.
pub(super) struct Partition {
    pub(super) host: Arc<dyn Host>,
    pub(super) directory: PathBuf,
    pub(super) name: TopicPartition,
    pub(super) context: Context,
    /// The names in its directory, sorted.
    pub(super) entries: Vec<Entry>,
    /// The base offsets of its segments, in order.
    pub(super) segments: Vec<Offset>,
}

impl Partition {
    /// Lists the directory; one that cannot be listed is empty (the pass said so).
    pub(super) fn new(
        host: &Arc<dyn Host>,
        directory: &Path,
        name: &TopicPartition,
        context: &Context,
    ) -> Self {
        let mut entries = host.list(directory).unwrap_or_default();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let segments = entries
            .iter()
            .filter(|entry| entry.kind == Kind::File)
            .filter_map(|entry| parse_segment_file(&entry.name))
            .filter(|(_, suffix)| *suffix == Suffix::Log)
            .map(|(base, _)| base)
            .collect();
        Self {
            host: Arc::clone(host),
            directory: directory.to_owned(),
            name: name.clone(),
            context: context.clone(),
            entries,
            segments,
        }
    }

    /// Whether it is the metadata log, which Kafka recovers whole at each start
    /// (`KafkaRaftLog.createLog`).
    pub(super) fn is_metadata(&self) -> bool {
        self.name.topic == METADATA_TOPIC
    }

    /// Whether a segment is the one that is appended to.
    pub(super) fn is_last(&self, segment: Offset) -> bool {
        self.segments.last().is_none_or(|last| *last <= segment)
    }

    /// Whether the mark of a clean stop vouches for the partition.
    pub(super) fn is_clean(&self) -> bool {
        self.context.clean && !self.context.live && !self.is_metadata()
    }

    /// Whether the next start of Kafka reads a segment and makes its indexes anew:
    /// without the mark of a clean stop, those from the recovery point on
    /// (`LogLoader.recoverLog`).
    pub(super) fn is_recovered(&self, segment: Offset) -> bool {
        if self.is_metadata() {
            return true;
        }
        let behind = self.segments.partition_point(|base| *base <= segment);
        let end = self.segments.get(behind);
        let point = self.context.recovery_point.unwrap_or_default();
        !self.context.clean && end.is_none_or(|end| *end > point)
    }

    /// How bad a contradiction in a file is that Kafka makes anew where it recovers
    /// the segment, and trusts otherwise.
    pub(super) fn severity(&self, segment: Offset) -> Severity {
        let may_move = self.context.live
            && (self.is_last(segment)
                || self.context.cleanup.is_none_or(|cleanup| cleanup.compact));
        if may_move {
            Severity::Note
        } else if self.is_recovered(segment) {
            Severity::Rebuildable
        } else {
            Severity::Wrong
        }
    }

    /// How bad it is that a kill or a power cut may have left a segment's file so.
    pub(super) fn severity_of_cut(&self, segment: Offset) -> Severity {
        if self.context.live || (!self.context.clean && self.is_recovered(segment)) {
            return Severity::Note;
        }
        self.severity(segment)
    }

    pub(super) fn path(&self, segment: Offset, suffix: Suffix) -> PathBuf {
        segment_file(&self.directory, segment, suffix)
    }

    /// A file of the data directory around.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.directory.parent().unwrap_or(Path::new("")).join(name)
    }

    pub(super) fn finding(
        &self,
        check: Check,
        severity: Severity,
        path: PathBuf,
        expected: impl Into<Cow<'static, str>>,
        found: impl Into<Cow<'static, str>>,
    ) -> Finding {
        Finding {
            check,
            severity,
            path,
            partition: Some(self.name.clone()),
            bytes: None,
            offsets: None,
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// A file that the system does not let be read.
    pub(super) fn unreadable(&self, path: &Path, error: &io::Error) -> Finding {
        self.finding(
            Check::Unreadable,
            Severity::Wrong,
            path.to_owned(),
            "a file that can be read",
            error.to_string(),
        )
    }
}

/// Findings that follow each other in one file become one, up to a number.
#[derive(Default)]
pub(super) struct Runs {
    pending: Option<Finding>,
    reported: usize,
}

/// Findings about one file; a file that is all wrong need not be told entry by entry.
const MOST_RUNS: usize = 50;

impl Runs {
    /// Takes the next finding; one that begins where the last ended is a part of it.
    pub(super) fn add(&mut self, finding: Finding, report: &mut super::Report<'_>) {
        if let (Some(before), Some(bytes)) = (&mut self.pending, &finding.bytes)
            && before.severity == finding.severity
            && let Some(own) = &mut before.bytes
            && own.end == bytes.start
        {
            own.end = bytes.end;
            before.offsets = join(before.offsets.take(), finding.offsets);
            return;
        }
        self.flush(report);
        self.pending = Some(finding);
    }

    /// Reports what is left.
    pub(super) fn flush(&mut self, report: &mut super::Report<'_>) {
        if let Some(finding) = self.pending.take() {
            if self.reported < MOST_RUNS {
                report(finding);
            }
            self.reported += 1;
        }
    }
}

fn join(one: Option<Range<Offset>>, other: Option<Range<Offset>>) -> Option<Range<Offset>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.start.min(other.start)..one.end.max(other.end)),
        (one, other) => one.or(other),
    }
}
