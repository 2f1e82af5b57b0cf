//! `leader-epoch-checkpoint` against the epochs of the batches.
//!
//! The epoch that the file gives for a batch's offset is the batch's own; what lies
//! before its first entry is not covered by it. Kafka refuses to start on a file
//! that it cannot read, trusts one that it can, cuts off what begins at the log's
//! end or later, and adds newer epochs where it recovers a segment.
//!
//! Sources: `LeaderEpochFileCache`, `LogLoader.load`, `LogSegment.recover`.

use super::Report;
use super::partition::Partition;
use crate::format::leader_epochs::{EpochEntry, LeaderEpochs};
use crate::format::{LeaderEpoch, Offset};
use crate::log::data_dir::{MOST_SMALL_FILE, read_checkpoint};
use crate::log::layout::{LEADER_EPOCHS, LOG_STARTS, is_metadata_snapshot};
use crate::log::verify::observer::{End, Seen};
use crate::log::verify::{Check, Finding, Severity};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// The file, and how far the log has come in it.
pub(super) struct LeaderEpochFile {
    partition: Arc<Partition>,
    path: PathBuf,
    entries: Vec<EpochEntry>,
    /// What there is to say about the file itself.
    early: Option<Finding>,
    /// Whether entries are there to be compared with.
    usable: bool,
    /// The number of the entry behind the one that holds.
    behind: usize,
    /// The first offset behind the reach of the entry that holds.
    until: Offset,
    /// The epoch in it.
    epoch: Option<LeaderEpoch>,
    /// Batches with another epoch, one behind the other.
    run: Option<Finding>,
    /// Whether there is no file, and none of Kafka before 0.11 either: a batch has an
    /// epoch.
    missing: bool,
    needed: bool,
}

impl LeaderEpochFile {
    pub(super) fn new(partition: Arc<Partition>) -> Self {
        let path = partition.directory.join(LEADER_EPOCHS);
        let mut file = Self {
            path,
            entries: Vec::new(),
            early: None,
            usable: false,
            behind: 0,
            until: Offset::ZERO,
            epoch: None,
            run: None,
            missing: false,
            needed: false,
            partition,
        };
        file.read();
        file.move_to(Offset::ZERO);
        file
    }

    fn read(&mut self) {
        let bytes = match self.partition.host.read(&self.path, MOST_SMALL_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.missing = true;
                return;
            }
            Err(error) => {
                self.early = Some(self.partition.unreadable(&self.path, &error));
                return;
            }
        };
        let epochs = match LeaderEpochs::parse(&bytes) {
            Ok(epochs) => epochs,
            Err(error) => {
                let mut finding = self.finding(
                    Severity::Wrong,
                    "a version, a count, and as many lines of an epoch and its first offset",
                    error.to_string(),
                );
                finding.bytes = error.position().map(|at| at..bytes.len() as u64);
                self.early = Some(finding);
                return;
            }
        };
        self.entries = epochs.entries().to_vec();
        self.usable = true;
        if bytes.is_empty() {
            // So Kafka makes it, until the first epoch begins.
            self.usable = false;
            self.missing = true;
            return;
        }
        if epochs.to_bytes() != bytes && lines(&bytes) > self.entries.len() + 2 {
            let finding = self.finding(
                Severity::Wrong,
                "epochs and first offsets that both rise",
                format!(
                    "{} entries that contradict others",
                    lines(&bytes) - 2 - self.entries.len()
                ),
            );
            self.early = Some(finding);
        }
    }

    #[inline]
    pub(super) fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        if !seen.intact {
            return;
        }
        if seen.summary.base_offset >= self.until {
            self.move_to(seen.summary.base_offset);
        }
        if self.until <= seen.summary.last_offset && self.behind > 0 {
            self.within(seen, report);
        }
        if self.epoch == seen.summary.leader_epoch && self.epoch.is_some() {
            return;
        }
        self.other(seen, report);
    }

    /// An epoch that begins inside of a batch. (The first entry may, where records
    /// were deleted from the head.)
    fn within(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        if seen.summary.leader_epoch.is_none() || !seen.intact {
            return;
        }
        self.flush(report);
        let summary = seen.summary;
        let mut finding = self.finding(
            Severity::Wrong,
            format!(
                "first offsets of batches; one goes from {} to {}",
                summary.base_offset, summary.last_offset
            ),
            format!("offset {}", self.until),
        );
        finding.offsets = Some(summary.base_offset..summary.last_offset.next());
        report(finding);
    }

    fn other(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        let (true, Some(epoch)) = (seen.intact, seen.summary.leader_epoch) else {
            return;
        };
        self.needed = true;
        if !self.usable {
            return;
        }
        let first = seen.summary.base_offset;
        let start = self.partition.context.log_start.unwrap_or_default();
        if self.epoch.is_none() && (first < start || !self.start_is_known()) {
            return;
        }
        let offsets = first..seen.summary.last_offset.next();
        let expected = match self.epoch {
            Some(expected) => {
                format!("epoch {epoch} of the batch at offset {first}, not {expected}")
            }
            None => format!("an entry for the batch at offset {first}, of epoch {epoch}"),
        };
        let found = match self.epoch {
            Some(expected) => format!("epoch {expected}"),
            None => "none".to_owned(),
        };
        if let Some(run) = &mut self.run
            && run.found == found
            && let Some(own) = &mut run.offsets
        {
            own.end = offsets.end;
            return;
        }
        self.flush(report);
        let latest = self.entries.last().is_none_or(|last| epoch > last.epoch);
        let severity = match self.partition.is_recovered(seen.segment) && latest {
            true => Severity::Rebuildable,
            false => Severity::Wrong,
        };
        let mut finding = self.finding(severity, expected, found);
        finding.offsets = Some(offsets);
        self.run = Some(finding);
    }

    /// Whether the log's start is known: it is written by and by, and the epochs before
    /// it are taken out at once.
    fn start_is_known(&self) -> bool {
        if self.partition.is_metadata() {
            return !self.starts_at_a_snapshot();
        }
        let path = self.partition.beside(LOG_STARTS);
        let host = &*self.partition.host;
        self.partition.is_clean()
            && host.stat(&path).is_ok()
            && read_checkpoint(host, &path).is_ok()
    }

    /// The metadata log begins at its first segment, or at a snapshot behind that.
    fn starts_at_a_snapshot(&self) -> bool {
        let start = self.entries.first().map(|entry| entry.start_offset);
        self.partition.entries.iter().any(|entry| {
            let name = entry
                .name
                .to_str()
                .filter(|name| is_metadata_snapshot(name));
            let offset = name.and_then(|name| name[..20].parse().ok());
            offset.map(Offset::new) == start
        })
    }

    /// Finds the entry that holds at an offset; they only ever rise.
    fn move_to(&mut self, offset: Offset) {
        while let Some(next) = self.entries.get(self.behind)
            && next.start_offset <= offset
        {
            self.epoch = Some(next.epoch);
            self.behind += 1;
        }
        self.until = self
            .entries
            .get(self.behind)
            .map_or(Offset::new(i64::MAX), |next| next.start_offset);
    }

    pub(super) fn finish(&mut self, end: &End, report: &mut Report<'_>) {
        self.flush(report);
        if let Some(early) = self.early.take() {
            report(early);
        }
        if self.missing && self.needed {
            let first = self.partition.segments.first().copied();
            let severity = match self.partition.is_recovered(first.unwrap_or_default()) {
                true => Severity::Rebuildable,
                false => Severity::Wrong,
            };
            let mut finding = self.finding(severity, "the epochs of the log", "none");
            finding.check = Check::MissingFile;
            report(finding);
        }
        if self.partition.context.live || !end.intact {
            return;
        }
        self.of_the_metadata(report);
        let beyond = self
            .entries
            .iter()
            .find(|entry| entry.start_offset > end.next);
        if let Some(entry) = beyond {
            let severity = match self.partition.context.clean {
                true => Severity::Rebuildable,
                false => Severity::Note,
            };
            let mut finding = self.finding(
                severity,
                format!("first offsets up to the log's end at {}", end.next),
                format!("epoch {} from offset {}", entry.epoch, entry.start_offset),
            );
            finding.offsets = Some(end.next..entry.start_offset);
            report(finding);
        }
    }

    /// Nobody leads in an epoch that the metadata does not know yet.
    fn of_the_metadata(&self, report: &mut Report<'_>) {
        let context = &self.partition.context;
        let (Some(latest), Some(known)) = (self.entries.last(), context.leader_epoch) else {
            return;
        };
        if latest.epoch > known {
            let severity = match context.clean {
                true => Severity::Wrong,
                false => Severity::Note,
            };
            let expected = format!("epochs up to {known}, that of the metadata log");
            report(self.finding(severity, expected, format!("epoch {}", latest.epoch)));
        }
    }

    fn flush(&mut self, report: &mut Report<'_>) {
        if let Some(run) = self.run.take() {
            report(run);
        }
    }

    fn finding(
        &self,
        severity: Severity,
        expected: impl Into<std::borrow::Cow<'static, str>>,
        found: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Finding {
        let path = self.path.clone();
        self.partition
            .finding(Check::LeaderEpochs, severity, path, expected, found)
    }
}

fn lines(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    text.lines().filter(|line| !line.trim().is_empty()).count()
}
