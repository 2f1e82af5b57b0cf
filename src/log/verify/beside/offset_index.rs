//! The offset index of each segment against its batches.
//!
//! Since Kafka 4.1 an entry is the last offset of a batch and that batch's start. Brokers
//! before that wrote one for a whole append (a fetch of a follower, a buffer of the
//! cleaner): the last offset of its *last* batch and the start of its *first*. Both
//! lead a lookup right. A file where the second kind occurs once only is taken for
//! one of the first kind with a wrong entry, unless the time index, which is written
//! to together with it, shows that it was an append.
//!
//! Brokers before 2.0 wrote the first offset of what was appended: a file where most
//! entries of batches with several offsets are such is taken as theirs.
//!
//! Sources: `LogSegment.append`, `LogSegment.recover`, `OffsetIndex`, `AbstractIndex`.

use super::Report;
use super::entries::{Entries, is_out_of_order};
use super::partition::{Partition, Runs};
use crate::format::Offset;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::Prefix;
use crate::format::offset_index::OffsetIndexEntry;
use crate::format::time_index::TimeIndexEntry;
use crate::log::layout::Suffix;
use crate::log::verify::observer::{Hole, Seen};
use crate::log::verify::{Check, Finding, Severity};
use std::ops::Range;
use std::sync::Arc;

const SIZE: usize = OffsetIndexEntry::SIZE;

/// The offset indexes of a partition, one after the other.
pub(super) struct OffsetIndexes {
    partition: Arc<Partition>,
    current: Option<Current>,
    /// Where the next entry points to, so that most batches cost one comparison.
    due: u64,
}

/// The index of the segment that is read.
struct Current {
    segment: Offset,
    log_length: u64,
    entries: Entries<SIZE>,
    next: Option<Placed>,
    before: Option<Placed>,
    /// An entry whose offset a later batch must have.
    waiting: Option<Waiting>,
    /// Entries for whole appends: the first one, and how many.
    late: Option<Waiting>,
    late_count: u64,
    /// Entries with the first offset of a batch that has several, and how many.
    early: Option<Waiting>,
    early_count: u64,
    exact_count: u64,
    /// Entries with the last offset of a batch that has several.
    exact_last: u64,
    /// Up to where damage reaches.
    hole_to: u64,
    runs: Runs,
}

/// An entry and where it stands.
#[derive(Debug, Clone, Copy)]
struct Placed {
    at: u64,
    offset: Offset,
    position: u64,
}

/// An entry that points to a batch that ends before its offset.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    entry: Placed,
    /// The last offset of the batch that it points to.
    last: Offset,
}

impl OffsetIndexes {
    pub(super) fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            current: None,
            due: u64::MAX,
        }
    }

    pub(super) fn segment_start(
        &mut self,
        segment: Offset,
        log_length: u64,
        report: &mut Report<'_>,
    ) {
        self.due = u64::MAX;
        self.current = None;
        let path = self.partition.path(segment, Suffix::Index);
        let entries = match Entries::open(&*self.partition.host, path.clone()) {
            Ok(Some(entries)) => entries,
            // Missing files are told of by `files`.
            Ok(None) => return,
            Err(error) => return report(self.partition.unreadable(&path, &error)),
        };
        let mut current = Current {
            segment,
            log_length,
            entries,
            next: None,
            before: None,
            waiting: None,
            late: None,
            late_count: 0,
            early: None,
            early_count: 0,
            exact_count: 0,
            exact_last: 0,
            hole_to: 0,
            runs: Runs::default(),
        };
        current.advance(&self.partition, report);
        self.due = current.due();
        self.current = Some(current);
    }

    #[inline]
    pub(super) fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        if seen.position < self.due {
            return;
        }
        let Some(current) = &mut self.current else {
            return;
        };
        current.batch(&self.partition, seen, report);
        self.due = current.due();
    }

    pub(super) fn hole(&mut self, hole: &Hole, report: &mut Report<'_>) {
        if let Some(current) = &mut self.current {
            current.waiting = None;
            current.hole_to = hole.bytes.end;
            while current
                .next
                .is_some_and(|next| next.position < hole.bytes.end)
            {
                if current
                    .next
                    .is_some_and(|next| next.position < hole.bytes.start)
                {
                    current.not_a_start(&self.partition, report);
                }
                current.advance(&self.partition, report);
            }
            self.due = current.due();
        }
    }

    pub(super) fn segment_end(&mut self, report: &mut Report<'_>) {
        self.due = u64::MAX;
        if let Some(mut current) = self.current.take() {
            current.end(&self.partition, report);
        }
    }
}

impl Current {
    /// Up to where batches need no look.
    fn due(&self) -> u64 {
        if self.waiting.is_some() {
            return 0;
        }
        self.next.map_or(u64::MAX, |next| next.position)
    }

    fn batch(&mut self, partition: &Partition, seen: &Seen<'_>, report: &mut Report<'_>) {
        let last = seen.summary.last_offset;
        while let Some(next) = self.next
            && next.position < seen.position
        {
            self.give_up_waiting(partition, report);
            self.not_a_start(partition, report);
            self.advance(partition, report);
        }
        if let Some(next) = self.next
            && next.position == seen.position
        {
            self.give_up_waiting(partition, report);
            if !seen.intact {
                // What it should say is not known.
            } else if next.offset == last {
                self.exact_count += 1;
                self.exact_last += u64::from(first_offset(seen) < last);
            } else if next.offset < last && next.offset == first_offset(seen) {
                self.early_count += 1;
                self.early.get_or_insert(Waiting { entry: next, last });
            } else if next.offset > last {
                self.waiting = Some(Waiting { entry: next, last });
            } else {
                self.wrong_offset(partition, next, last, report);
            }
            self.advance(partition, report);
            return;
        }
        if let Some(waiting) = self.waiting {
            if !seen.intact {
                self.waiting = None;
            } else if waiting.entry.offset == last {
                self.waiting = None;
                self.late_count += 1;
                self.late.get_or_insert(waiting);
            } else if waiting.entry.offset < last {
                self.give_up_waiting(partition, report);
            }
        }
    }

    fn end(&mut self, partition: &Partition, report: &mut Report<'_>) {
        self.give_up_waiting(partition, report);
        let live = partition.context.live && partition.is_last(self.segment);
        while let Some(next) = self.next {
            if next.position < self.log_length {
                self.not_a_start(partition, report);
            } else if !live && self.hole_to < self.log_length {
                let severity = partition.severity_of_cut(self.segment);
                let expected = format!("a position before the log's end at {}", self.log_length);
                let found = format!("{} for offset {}", next.position, next.offset);
                self.add(partition, next, severity, expected, found, report);
            }
            self.advance(partition, report);
        }
        if let (1, Some(late)) = (self.late_count, self.late)
            && self.exact_count > 0
            && !self.is_an_append(partition, &late)
        {
            self.wrong_offset(partition, late.entry, late.last, report);
        }
        // One among others that tell the last offset: of no old broker, but wrong.
        if let (1, Some(early)) = (self.early_count, self.early)
            && self.exact_last > 0
        {
            self.wrong_offset(partition, early.entry, early.last, report);
        }
        let rest = self.entries.rest();
        if rest > 0 && !live {
            let length = self.entries.length();
            let mut finding = partition.finding(
                Check::OffsetIndex,
                partition
                    .severity_of_cut(self.segment)
                    .min(Severity::Rebuildable),
                self.entries.path().to_owned(),
                format!("whole entries of {SIZE} bytes"),
                format!("{rest} bytes behind the last one"),
            );
            finding.bytes = Some(length - rest..length);
            self.runs.add(finding, report);
        }
        self.runs.flush(report);
    }

    /// Whether the time index has an entry that was made together with this one, of a
    /// batch behind the one that it points to.
    fn is_an_append(&self, partition: &Partition, late: &Waiting) -> bool {
        let path = partition.path(self.segment, Suffix::TimeIndex);
        let Ok(Some(mut times)) = Entries::<{ TimeIndexEntry::SIZE }>::open(&*partition.host, path)
        else {
            return false;
        };
        while let Ok(Some(bytes)) = times.next() {
            if let Ok(entry) = TimeIndexEntry::decode(&bytes) {
                let offset = entry.relative_offset.absolute(self.segment);
                if offset > late.last && offset <= late.entry.offset {
                    return true;
                }
            }
        }
        false
    }

    /// Takes the next entry that is in order, and reports those that are not.
    fn advance(&mut self, partition: &Partition, report: &mut Report<'_>) {
        if self.next.is_some() {
            self.before = self.next;
        }
        self.next = None;
        while self.next.is_none() {
            let at = self.entries.position();
            let bytes = match self.entries.next() {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return,
                Err(error) => return report(partition.unreadable(self.entries.path(), &error)),
            };
            if bytes == [0; SIZE] && self.is_padding(partition, at, report) {
                return;
            }
            self.next = self.placed(partition, at, bytes, report);
        }
    }

    /// An entry that is in range and in order.
    fn placed(
        &mut self,
        partition: &Partition,
        at: u64,
        bytes: [u8; SIZE],
        report: &mut Report<'_>,
    ) -> Option<Placed> {
        let entry = match OffsetIndexEntry::decode(&bytes) {
            Ok(entry) => entry,
            Err(error) => {
                let finding = self.finding(partition, at, error.to_string());
                self.runs.add(finding, report);
                return None;
            }
        };
        let placed = Placed {
            at,
            offset: entry.relative_offset.absolute(self.segment),
            position: u64::from(entry.position),
        };
        // Offsets are held against the log: in order are the positions.
        let least = self.before.map_or(0, |before| before.position);
        let position = |behind| {
            let bytes = self
                .entries
                .peek(behind)
                .filter(|bytes| *bytes != [0; SIZE])?;
            let entry = OffsetIndexEntry::decode(&bytes).ok()?;
            Some(u64::from(entry.position))
        };
        let (next, next_but_one) = (position(0), position(1));
        let wrong = placed.position == least
            || is_out_of_order(
                &least,
                &placed.position,
                next.as_ref(),
                next_but_one.as_ref(),
            );
        if !wrong {
            return Some(placed);
        }
        let severity = partition.severity(self.segment);
        let expected = format!("positions that rise from {least} on");
        let found = format!("{} for offset {}", placed.position, placed.offset);
        self.add(partition, placed, severity, expected, found, report);
        None
    }

    /// Whether zeros alone follow: room that a running Kafka sets aside.
    fn is_padding(&mut self, partition: &Partition, at: u64, report: &mut Report<'_>) -> bool {
        if partition.context.live && partition.is_last(self.segment) {
            return true;
        }
        match self.entries.is_zero_from(at) {
            Ok(false) => return false,
            Ok(true) => {}
            Err(error) => report(partition.unreadable(self.entries.path(), &error)),
        }
        let check = Check::OffsetIndex;
        let finding = padding(partition, check, self.segment, &self.entries, at);
        // What a kill leaves is in order.
        if finding.severity.is_damage() {
            self.runs.add(finding, report);
        }
        true
    }

    fn not_a_start(&mut self, partition: &Partition, report: &mut Report<'_>) {
        if let Some(next) = self.next {
            let severity = partition.severity(self.segment);
            let found = format!("position {}, inside of one", next.position);
            let expected = "the start of a batch".to_owned();
            self.add(partition, next, severity, expected, found, report);
        }
    }

    fn give_up_waiting(&mut self, partition: &Partition, report: &mut Report<'_>) {
        if let Some(waiting) = self.waiting.take() {
            self.wrong_offset(partition, waiting.entry, waiting.last, report);
        }
    }

    fn wrong_offset(
        &mut self,
        partition: &Partition,
        entry: Placed,
        last: Offset,
        report: &mut Report<'_>,
    ) {
        let severity = partition.severity(self.segment);
        let expected = format!(
            "offset {last}, the last one of the batch at position {}",
            entry.position
        );
        let found = entry.offset.to_string();
        self.add(partition, entry, severity, expected, found, report);
    }

    fn add(
        &mut self,
        partition: &Partition,
        entry: Placed,
        severity: Severity,
        expected: String,
        found: String,
        report: &mut Report<'_>,
    ) {
        let mut finding = self.finding(partition, entry.at, found);
        finding.severity = severity;
        finding.expected = expected.into();
        finding.offsets = Some(entry.offset..entry.offset.next());
        self.runs.add(finding, report);
    }

    fn finding(&self, partition: &Partition, at: u64, found: String) -> Finding {
        let mut finding = partition.finding(
            Check::OffsetIndex,
            partition.severity(self.segment),
            self.entries.path().to_owned(),
            "an offset and a position of at most 2147483647",
            found,
        );
        finding.bytes = Some(entry_bytes(at, SIZE));
        finding
    }
}

/// The first offset of a batch. A message set that is compressed tells its last one
/// only: the messages in it are looked at.
pub(super) fn first_offset(seen: &Seen<'_>) -> Offset {
    if seen.header.is_some() {
        return seen.summary.base_offset;
    }
    let magic = Prefix::parse(seen.bytes).map_or(1, |prefix| prefix.magic);
    let mut scratch = AnyScratch::default();
    AnyBatch::parse(magic, seen.bytes)
        .and_then(|batch| batch.records(&mut scratch)?.next().transpose())
        .ok()
        .flatten()
        .map_or(seen.summary.last_offset, |record| record.offset)
}

/// The bytes of an entry.
pub(super) const fn entry_bytes(at: u64, size: usize) -> Range<u64> {
    at..at + size as u64
}

/// What there is to say about zeros behind the entries, as a killed Kafka leaves them.
/// A Kafka that trusts them takes them for entries.
pub(super) fn padding<const SIZE: usize>(
    partition: &Partition,
    check: Check,
    segment: Offset,
    entries: &Entries<SIZE>,
    at: u64,
) -> Finding {
    let mut finding = partition.finding(
        check,
        partition.severity_of_cut(segment),
        entries.path().to_owned(),
        "no room behind the last entry",
        format!("{} bytes of zeros", entries.length() - at),
    );
    finding.bytes = Some(at..entries.length());
    finding
}
