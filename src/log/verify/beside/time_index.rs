//! The time index of each segment against its batches.
//!
//! An entry is the greatest time so far and the last offset of the first batch that
//! has it. Brokers before 3.8 wrote the offset of the first *record* that has it, or the
//! first offset of the batch, and the cleaner did so for longer. Where no message has a
//! time (magic 0), the file's own time stands for it, at the segment's first offset.
//! When a segment is rolled or closed, its greatest time
//! gets an entry as well.
//!
//! Sources: `LogSegment.append`, `onBecomeInactiveSegment`, `close`, `TimeIndex`.

use super::Report;
use super::entries::{Entries, is_out_of_order};
use super::offset_index::{entry_bytes, first_offset, padding};
use super::partition::{Partition, Runs};
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::time_index::TimeIndexEntry;
use crate::format::{Offset, Timestamp};
use crate::log::layout::Suffix;
use crate::log::verify::observer::Seen;
use crate::log::verify::{Check, Severity};
use std::sync::Arc;

const SIZE: usize = TimeIndexEntry::SIZE;

/// The time indexes of a partition, one after the other.
pub(super) struct TimeIndexes {
    partition: Arc<Partition>,
    current: Option<Current>,
}

/// The index of the segment that is read.
struct Current {
    segment: Offset,
    entries: Entries<SIZE>,
    next: Option<Placed>,
    before: Option<Placed>,
    /// The greatest time so far, and the last offset of the first batch with it.
    latest: Option<(Timestamp, Offset)>,
    /// The last offset of the batch before.
    last: Option<Offset>,
    /// Whether batches are missing or cannot be relied on, so that there may have been
    /// later times.
    uncertain: bool,
    /// Whether there are message sets, from brokers without a time index perhaps.
    legacy: bool,
    /// Whether the last entry was found to be wrong: it is not missing then.
    told_of_last: bool,
    runs: Runs,
}

/// An entry and where it stands.
#[derive(Debug, Clone, Copy)]
struct Placed {
    at: u64,
    time: Timestamp,
    offset: Offset,
}

impl TimeIndexes {
    pub(super) const fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            current: None,
        }
    }

    pub(super) fn segment_start(&mut self, segment: Offset, report: &mut Report<'_>) {
        let path = self.partition.path(segment, Suffix::TimeIndex);
        self.current = match Entries::open(&*self.partition.host, path.clone()) {
            Ok(Some(entries)) => {
                let mut current = Current {
                    segment,
                    entries,
                    next: None,
                    before: None,
                    latest: None,
                    last: None,
                    uncertain: false,
                    legacy: false,
                    told_of_last: false,
                    runs: Runs::default(),
                };
                current.advance(&self.partition, report);
                Some(current)
            }
            // Missing files are told of by `files`.
            Ok(None) => None,
            Err(error) => {
                report(self.partition.unreadable(&path, &error));
                None
            }
        };
    }

    #[inline]
    pub(super) fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>) {
        let Some(current) = &mut self.current else {
            return;
        };
        let last = seen.summary.last_offset;
        let due = current.next.is_some_and(|next| next.offset <= last);
        if due {
            current.resolve(&self.partition, seen, report);
        }
        current.last = Some(last);
        if !seen.intact {
            current.uncertain = true;
            return;
        }
        current.legacy |= seen.header.is_none();
        if let Some(time) = seen.summary.max_timestamp
            && current.latest.is_none_or(|(latest, _)| time > latest)
        {
            current.latest = Some((time, last));
        }
    }

    pub(super) fn hole(&mut self) {
        if let Some(current) = &mut self.current {
            current.uncertain = true;
        }
    }

    pub(super) fn segment_end(&mut self, report: &mut Report<'_>) {
        if let Some(mut current) = self.current.take() {
            current.end(&self.partition, report);
        }
    }
}

impl Current {
    /// Judges the entries up to the end of a batch.
    fn resolve(&mut self, partition: &Partition, seen: &Seen<'_>, report: &mut Report<'_>) {
        let summary = seen.summary;
        while let Some(next) = self.next
            && next.offset <= summary.last_offset
        {
            let from = match self.last {
                // A wrapper of a message set tells its last offset only.
                _ if seen.header.is_none() && self.uncertain => first_offset(seen),
                Some(before) if seen.header.is_none() => before.next(),
                None if seen.header.is_none() => self.segment,
                _ => summary.base_offset,
            };
            let trusted = seen.intact && !(self.uncertain && next.offset < from);
            if trusted && let Some((expected, found)) = self.fault(&next, from, seen) {
                let severity = partition.severity(self.segment);
                self.add(partition, next, severity, expected, found, report);
                self.next = None;
                self.told_of_last = true;
            }
            self.advance(partition, report);
        }
    }

    /// What is wrong with an entry that lies in a batch, or in front of it.
    fn fault(&self, entry: &Placed, from: Offset, seen: &Seen<'_>) -> Option<(String, String)> {
        let found = || format!("time {} at offset {}", entry.time, entry.offset);
        if entry.offset < from {
            return Some(("the offset of a batch".to_owned(), found()));
        }
        let summary = seen.summary;
        let no_times = seen.header.is_none() && self.latest.is_none();
        if summary.max_timestamp.is_none() && no_times && entry.offset == self.segment {
            return None;
        }
        if summary.max_timestamp != Some(entry.time) {
            let time = summary.max_timestamp;
            let expected = time.map_or_else(
                || "no entry for a batch without a time".to_owned(),
                |time| {
                    format!(
                        "time {time}, that of the batch with offset {}",
                        entry.offset
                    )
                },
            );
            return Some((expected, found()));
        }
        if let Some((latest, offset)) = self.latest
            && latest >= entry.time
        {
            return Some((format!("time {latest} at offset {offset}"), found()));
        }
        if let Some(before) = self.before
            && before.time >= entry.time
        {
            return Some((format!("a time later than {}", before.time), found()));
        }
        if entry.offset == summary.last_offset
            || entry.offset == first_offset(seen)
            || is_first_with_time(seen, entry)
        {
            return None;
        }
        let expected = format!("offset {}, the last one of its batch", summary.last_offset);
        Some((expected, found()))
    }

    fn end(&mut self, partition: &Partition, report: &mut Report<'_>) {
        let live = partition.context.live && partition.is_last(self.segment);
        let cut = partition.severity_of_cut(self.segment);
        while let Some(next) = self.next {
            if !live && !self.uncertain {
                let expected = match self.last {
                    Some(last) => format!("an offset up to {last}, the last one of the log"),
                    None => "no entry for an empty log".to_owned(),
                };
                let found = format!("offset {}", next.offset);
                self.add(partition, next, cut, expected, found, report);
                self.next = None;
                self.told_of_last = true;
            }
            self.advance(partition, report);
        }
        self.closing_entry(partition, report);
        let rest = self.entries.rest();
        if rest > 0 && !live {
            let length = self.entries.length();
            let mut finding = partition.finding(
                Check::TimeIndex,
                cut.min(Severity::Rebuildable),
                self.entries.path().to_owned(),
                format!("whole entries of {SIZE} bytes"),
                format!("{rest} bytes behind the last one"),
            );
            finding.bytes = Some(length - rest..length);
            self.runs.add(finding, report);
        }
        self.runs.flush(report);
    }

    /// A segment that was rolled or closed ends with its greatest time.
    fn closing_entry(&mut self, partition: &Partition, report: &mut Report<'_>) {
        let closed = !partition.is_last(self.segment) || partition.is_clean();
        let Some((time, offset)) = self.latest else {
            return;
        };
        let indexed = self.before.map(|before| before.time);
        let told = indexed.is_some_and(|indexed| indexed >= time) || self.told_of_last;
        if !closed || self.uncertain || told {
            return;
        }
        let empty = self.entries.length() == 0;
        let severity = match partition.severity_of_cut(self.segment) {
            // Brokers that knew no times left none.
            _ if empty && self.legacy => Severity::Note,
            // As where there is none at all.
            severity if empty => severity.min(Severity::Rebuildable),
            severity => severity,
        };
        let mut finding = partition.finding(
            Check::TimeIndex,
            severity,
            self.entries.path().to_owned(),
            format!("a last entry of time {time} at offset {offset}"),
            indexed.map_or_else(
                || "no entry".to_owned(),
                |indexed| format!("time {indexed}"),
            ),
        );
        finding.offsets = Some(offset..offset.next());
        self.runs.flush(report);
        self.runs.add(finding, report);
    }

    /// Takes the next entry that is in order, and reports those that are not.
    fn advance(&mut self, partition: &Partition, report: &mut Report<'_>) {
        if self.next.is_some() {
            self.before = self.next;
            self.told_of_last = false;
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

    fn placed(
        &mut self,
        partition: &Partition,
        at: u64,
        bytes: [u8; SIZE],
        report: &mut Report<'_>,
    ) -> Option<Placed> {
        let severity = partition.severity(self.segment);
        let entry = match TimeIndexEntry::decode(&bytes) {
            Ok(entry) => entry,
            Err(error) => {
                let mut finding = partition.finding(
                    Check::TimeIndex,
                    severity,
                    self.entries.path().to_owned(),
                    "an offset of at most 2147483647 from the segment's first",
                    error.to_string(),
                );
                finding.bytes = Some(entry_bytes(at, SIZE));
                self.runs.add(finding, report);
                return None;
            }
        };
        let placed = Placed {
            at,
            time: entry.timestamp,
            offset: entry.relative_offset.absolute(self.segment),
        };
        // Times are held against the log: in order are the offsets.
        let least = self.before.map_or(self.segment, |before| before.offset);
        let offset = |behind| {
            let bytes = self
                .entries
                .peek(behind)
                .filter(|bytes| *bytes != [0; SIZE])?;
            let entry = TimeIndexEntry::decode(&bytes).ok()?;
            Some(entry.relative_offset.absolute(self.segment))
        };
        let (next, next_but_one) = (offset(0), offset(1));
        if !is_out_of_order(&least, &placed.offset, next.as_ref(), next_but_one.as_ref()) {
            return Some(placed);
        }
        let expected = format!("offsets that rise from {least} on");
        let found = format!("offset {} for time {}", placed.offset, placed.time);
        self.add(partition, placed, severity, expected, found, report);
        self.told_of_last = true;
        None
    }

    /// Whether zeros alone follow. (An entry of time 0 at the base offset looks the
    /// same; it can only be the first, and nothing is lost without it.)
    fn is_padding(&mut self, partition: &Partition, at: u64, report: &mut Report<'_>) -> bool {
        if partition.context.live && partition.is_last(self.segment) {
            return true;
        }
        if self.before.is_none() && self.entries.length() < 2 * SIZE as u64 {
            return false;
        }
        match self.entries.is_zero_from(at) {
            Ok(false) => return false,
            Ok(true) => {}
            Err(error) => report(partition.unreadable(self.entries.path(), &error)),
        }
        let check = Check::TimeIndex;
        let finding = padding(partition, check, self.segment, &self.entries, at);
        // What a kill leaves is in order.
        if finding.severity.is_damage() {
            self.runs.add(finding, report);
        }
        true
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
        let path = self.entries.path().to_owned();
        let mut finding = partition.finding(Check::TimeIndex, severity, path, expected, found);
        finding.bytes = Some(entry_bytes(entry.at, SIZE));
        finding.offsets = Some(entry.offset..entry.offset.next());
        self.runs.add(finding, report);
    }
}

/// Whether the record at the entry's offset is the first of its batch with that time.
fn is_first_with_time(seen: &Seen<'_>, entry: &Placed) -> bool {
    let magic = if seen.header.is_some() {
        2
    } else {
        legacy_magic(seen)
    };
    let mut scratch = AnyScratch::default();
    let Ok(batch) = AnyBatch::parse(magic, seen.bytes) else {
        return false;
    };
    let Ok(records) = batch.records(&mut scratch) else {
        return false;
    };
    records
        .map_while(Result::ok)
        .find(|record| record.timestamp == Some(entry.time))
        .is_some_and(|record| record.offset == entry.offset)
}

fn legacy_magic(seen: &Seen<'_>) -> u8 {
    crate::format::batch::Prefix::parse(seen.bytes).map_or(1, |prefix| prefix.magic)
}
