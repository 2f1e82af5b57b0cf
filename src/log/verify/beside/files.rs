//! The names in a partition's directory: what is missing, and what does not belong.
//!
//! | what | the next start of Kafka |
//! |---|---|
//! | `.index` missing | reads the segment and makes all its indexes anew |
//! | `.timeindex` missing | makes an empty one: lookups by time read more |
//! | an index without its `.log` | removes it; a kill amid a deletion leaves it |
//! | `.deleted`, `.cleaned` | removes it |
//! | `.swap` | puts it in the place of what it replaces |
//! | `.stray`, `.cut-…` | lets it be: a repair or a recovery of ours set it aside |
//! | anything else | lets it be; nobody writes it there, so a name is damaged or foreign |
//!
//! Sources: `LogLoader.removeTempFilesAndCollectSwapFiles`, `loadSegmentFiles`;
//! `LogSegment.sanityCheck`.

use super::Report;
use super::partition::Partition;
use crate::format::Offset;
use crate::host::Kind;
use crate::log::layout::{
    ASIDE, LEADER_EPOCHS, PARTITION_METADATA, QUORUM_STATE, Suffix, is_cut, is_metadata_snapshot,
    is_misnamed, parse_segment_file,
};
use crate::log::verify::observer::Seen;
use crate::log::verify::{Check, Severity};
use std::sync::Arc;

/// The names, and what the batches say about which must be there.
pub(super) struct Names {
    partition: Arc<Partition>,
    segment: Offset,
    /// Whether the segment has batches of magic 2.
    modern: bool,
    length: u64,
}

impl Names {
    pub(super) const fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            segment: Offset::ZERO,
            modern: false,
            length: 0,
        }
    }

    pub(super) const fn segment_start(&mut self, segment: Offset, length: u64) {
        self.segment = segment;
        self.modern = false;
        self.length = length;
    }

    #[inline]
    pub(super) const fn batch(&mut self, seen: &Seen<'_>) {
        self.modern |= seen.header.is_some();
    }

    /// The indexes that a segment must have.
    pub(super) fn segment_end(&self, report: &mut Report<'_>) {
        let partition = &self.partition;
        for suffix in [Suffix::Index, Suffix::TimeIndex] {
            let there = partition.entries.iter().any(|entry| {
                entry.kind == Kind::File
                    && parse_segment_file(&entry.name) == Some((self.segment, suffix))
            });
            if there {
                continue;
            }
            let being_made = partition.is_last(self.segment)
                && (partition.context.live || partition.is_recovered(self.segment));
            // Brokers before 0.10.1 made no time index.
            let before_times = suffix == Suffix::TimeIndex && !self.modern && self.length > 0;
            let severity = match (being_made && !partition.is_metadata()) || before_times {
                true => Severity::Note,
                false => Severity::Rebuildable,
            };
            let path = partition.path(self.segment, suffix);
            report(partition.finding(
                Check::MissingFile,
                severity,
                path,
                "an index for the segment",
                "no such file",
            ));
        }
    }

    /// What does not belong.
    pub(super) fn finish(&self, report: &mut Report<'_>) {
        for entry in &self.partition.entries {
            let Some(name) = entry.name.to_str() else {
                let expected = "a name in ASCII";
                self.tell(
                    Check::StrayFile,
                    Severity::Rebuildable,
                    entry,
                    expected,
                    report,
                );
                continue;
            };
            if entry.kind != Kind::File {
                let expected = "no directory in a partition's";
                self.tell(Check::StrayFile, Severity::Note, entry, expected, report);
                continue;
            }
            match parse_segment_file(&entry.name) {
                Some((base, suffix)) => self.of_segment(entry, base, suffix, report),
                None if is_known(name, self.partition.is_metadata()) => {}
                None if is_misnamed(name) => {
                    let expected = "an offset before the ending: Kafka does not start";
                    self.tell(Check::StrayFile, Severity::Wrong, entry, expected, report);
                }
                None => {
                    let (severity, expected) = match what_left(name) {
                        Some(expected) => (Severity::Note, expected),
                        None => (Severity::Rebuildable, "only files that the format knows"),
                    };
                    self.tell(Check::StrayFile, severity, entry, expected, report);
                }
            }
        }
    }

    fn of_segment(
        &self,
        entry: &crate::host::Entry,
        base: Offset,
        suffix: Suffix,
        report: &mut Report<'_>,
    ) {
        let partition = &self.partition;
        let orphan = matches!(suffix, Suffix::Index | Suffix::TimeIndex | Suffix::TxnIndex)
            && partition.segments.binary_search(&base).is_err();
        if orphan {
            if self.is_lost(base, suffix) {
                let path = partition.path(base, Suffix::Log);
                let (check, severity) = (Check::MissingFile, Severity::Loss);
                let expected = "the log of an index that is there";
                return report(partition.finding(check, severity, path, expected, "no such file"));
            }
            // A kill amid a deletion leaves them, and only with the log gone first.
            let severity = match partition.is_clean() || partition.is_metadata() {
                true => Severity::Rebuildable,
                false => Severity::Note,
            };
            let expected = "a .log beside an index";
            self.tell(Check::StrayFile, severity, entry, expected, report);
        }
    }

    /// Whether an index tells of a log that must be there: a clean stop leaves no index
    /// without one. Told once for the indexes of a segment.
    fn is_lost(&self, base: Offset, suffix: Suffix) -> bool {
        let partition = &self.partition;
        let has = |suffix| {
            let path = partition.path(base, suffix);
            let stat = partition.host.stat(&path);
            stat.is_ok_and(|stat| stat.length > 0)
        };
        let told = |other| suffix == other && has(other);
        partition.is_clean()
            && (told(Suffix::Index)
                || told(Suffix::TimeIndex) && !has(Suffix::Index)
                || told(Suffix::TxnIndex) && !has(Suffix::Index) && !has(Suffix::TimeIndex))
    }

    fn tell(
        &self,
        check: Check,
        severity: Severity,
        entry: &crate::host::Entry,
        expected: &'static str,
        report: &mut Report<'_>,
    ) {
        let found = match entry.kind {
            Kind::Directory => "a directory",
            Kind::File => "a file",
            Kind::Other => "neither a file nor a directory",
        };
        let path = self.partition.directory.join(&entry.name);
        report(
            self.partition
                .finding(check, severity, path, expected, found),
        );
    }
}

fn is_known(name: &str, metadata: bool) -> bool {
    name == LEADER_EPOCHS
        || name == PARTITION_METADATA
        || metadata
            && (name == QUORUM_STATE || is_metadata_snapshot(name) && name.ends_with(".checkpoint"))
}

/// What a name that is no segment's tells of an ordinary event; `None` where nothing
/// leaves such names.
fn what_left(name: &str) -> Option<&'static str> {
    let left = [
        (".deleted", "no files that were about to be deleted"),
        (".cleaned", "no files of a compaction that was not done"),
        (
            ".swap",
            "no files of a compaction that was not put in place",
        ),
        (".part", "no snapshot that was not done"),
        (".tmp", "no files that were half written"),
        (ASIDE, "no files that a repair set aside"),
    ];
    let by_suffix = left.iter().find(|(suffix, _)| name.ends_with(suffix));
    let cut = || is_cut(name).then_some("nothing that a recovery cut off and kept");
    by_suffix.map(|(_, what)| *what).or_else(cut)
}
