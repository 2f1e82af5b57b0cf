//! The transaction index of each segment against the markers in it.
//!
//! There is one entry for each abort marker that ended a transaction with data, in
//! order. Kafka looks at last offsets only when it starts, makes the index anew where
//! one lies before the segment, and refuses to start on a version that it does not
//! know; readers of committed records believe the rest. After compaction there are
//! entries for the transactions that had data left when the cleaner came.
//!
//! A leader computes the last stable offset after each batch, a follower after each
//! fetch: it may know of a transaction by then that began behind the marker.
//!
//! Sources: `TransactionIndex`, `UnifiedLog.append`, `CleanedTransactionMetadata`.

use super::Report;
use super::entries::Entries;
use super::offset_index::entry_bytes;
use super::partition::{Partition, Runs};
use super::producers::{Did, Ended, Producers};
use crate::format::txn_index::AbortedTxn;
use crate::format::{Offset, ProducerId};
use crate::log::layout::Suffix;
use crate::log::verify::{Check, Severity};
use std::sync::Arc;

const SIZE: usize = AbortedTxn::SIZE;

/// The transaction indexes of a partition, one after the other.
pub(super) struct TxnIndexes {
    partition: Arc<Partition>,
    segment: Offset,
    entries: Option<Entries<SIZE>>,
    next: Option<(u64, AbortedTxn)>,
    last: Offset,
    runs: Runs,
    /// A last stable offset that must be the start of the next transaction.
    later: Option<Later>,
}

struct Later {
    at: u64,
    segment: Offset,
    entry: AbortedTxn,
    expected: Offset,
}

impl TxnIndexes {
    pub(super) fn new(partition: Arc<Partition>) -> Self {
        Self {
            partition,
            segment: Offset::ZERO,
            entries: None,
            next: None,
            last: Offset::ZERO,
            runs: Runs::default(),
            later: None,
        }
    }

    pub(super) fn segment_start(&mut self, segment: Offset, report: &mut Report<'_>) {
        self.segment = segment;
        self.last = segment;
        self.runs = Runs::default();
        let path = self.partition.path(segment, Suffix::TxnIndex);
        self.entries = match Entries::open(&*self.partition.host, path.clone()) {
            Ok(entries) => entries,
            Err(error) => {
                report(self.partition.unreadable(&path, &error));
                None
            }
        };
        self.advance(report);
    }

    /// What a batch did to the transactions.
    pub(super) fn did(&mut self, did: &Did, producers: &Producers, report: &mut Report<'_>) {
        match did {
            Did::Nothing => {}
            Did::Began(id, first) => self.began(*id, *first, report),
            Did::Ended(ended) => self.ended(ended, producers, report),
        }
    }

    fn began(&mut self, id: ProducerId, first: Offset, report: &mut Report<'_>) {
        let Some(later) = self.later.take_if(|later| later.entry.producer_id != id) else {
            return;
        };
        if later.entry.last_stable_offset != first {
            self.wrong_stable(&later, report);
        }
    }

    fn ended(&mut self, ended: &Ended, producers: &Producers, report: &mut Report<'_>) {
        if let Some((at, entry)) = self.next
            && ended.aborted
            && (entry.producer_id, Some(entry.first_offset)) == (ended.id, ended.first)
            && entry.last_offset != ended.marker
        {
            let expected = format!("last offset {}, that of the marker", ended.marker);
            let found = entry.last_offset.to_string();
            self.add(at, &entry, expected, found, report);
            return self.advance(report);
        }
        while let Some((at, entry)) = self.next
            && entry.last_offset < ended.marker
        {
            self.no_marker(at, &entry, producers, report);
            self.advance(report);
        }
        match self.next {
            Some((at, entry)) if entry.last_offset == ended.marker => {
                self.compare(at, &entry, ended, producers, report);
                self.advance(report);
            }
            _ if ended.aborted
                && ended.first.is_some()
                && !(ended.hollow && producers.compacted)
                && !producers.hidden =>
            {
                self.missing(ended, report);
            }
            _ => {}
        }
    }

    fn compare(
        &mut self,
        at: u64,
        entry: &AbortedTxn,
        ended: &Ended,
        producers: &Producers,
        report: &mut Report<'_>,
    ) {
        let marker = ended.marker;
        if !ended.aborted || entry.producer_id != ended.id {
            let what = if ended.aborted { "abort" } else { "commit" };
            let expected = format!("the {what} of producer {} at offset {marker}", ended.id);
            let found = format!("an abort of producer {}", entry.producer_id);
            return self.add(at, entry, expected, found, report);
        }
        let exact = ended.certain && !producers.compacted && !producers.hidden;
        let wrong_first = match ended.first {
            Some(first) if exact => entry.first_offset != first,
            // Where a marker is hidden, what it ended seems to have begun earlier.
            Some(first) => {
                let latest = if ended.broken { marker } else { first };
                entry.first_offset > latest && !producers.hidden
            }
            None if exact || producers.whole && !producers.compacted && !producers.hidden => true,
            None => entry.first_offset > marker,
        };
        if wrong_first {
            let expected = match ended.first {
                Some(first) => format!("first offset {first}"),
                None => "no entry for a marker without a transaction".to_owned(),
            };
            let found = format!("first offset {}", entry.first_offset);
            return self.add(at, entry, expected, found, report);
        }
        if !(producers.whole && !producers.compacted && !producers.hidden) {
            return;
        }
        if entry.last_stable_offset == ended.stable {
            return;
        }
        let later = Later {
            at,
            segment: self.segment,
            entry: *entry,
            expected: ended.stable,
        };
        if ended.stable == marker.next() && entry.last_stable_offset > ended.stable {
            if let Some(before) = self.later.replace(later) {
                // Two in one fetch name the same transaction.
                if before.entry.last_stable_offset != entry.last_stable_offset {
                    self.wrong_stable(&before, report);
                }
            }
        } else {
            self.wrong_stable(&later, report);
        }
    }

    /// The marker's entry is not there.
    fn missing(&mut self, ended: &Ended, report: &mut Report<'_>) {
        let partition = &self.partition;
        let first = ended.first.unwrap_or(ended.marker);
        let live = partition.context.live && partition.is_last(self.segment);
        // A kill comes between the marker and its entry.
        let severity = match live || partition.severity_of_cut(self.segment) == Severity::Note {
            true => partition.severity_of_cut(self.segment),
            false => partition.severity(self.segment),
        };
        let mut finding = partition.finding(
            Check::TxnIndex,
            severity,
            partition.path(self.segment, Suffix::TxnIndex),
            format!(
                "an entry for the transaction of producer {} that was aborted at offset {}",
                ended.id, ended.marker
            ),
            match self.entries {
                Some(_) => "none",
                None => "no such file",
            },
        );
        finding.offsets = Some(first..ended.marker.next());
        self.runs.flush(report);
        report(finding);
    }

    fn no_marker(
        &mut self,
        at: u64,
        entry: &AbortedTxn,
        producers: &Producers,
        report: &mut Report<'_>,
    ) {
        if producers.hidden {
            return;
        }
        let expected = "an abort marker at the last offset".to_owned();
        let found = format!(
            "offset {} of producer {}",
            entry.last_offset, entry.producer_id
        );
        self.add(at, entry, expected, found, report);
    }

    pub(super) fn segment_end(
        &mut self,
        hole: bool,
        producers: &Producers,
        report: &mut Report<'_>,
    ) {
        let live = self.partition.context.live && self.partition.is_last(self.segment);
        let cut = self.partition.severity_of_cut(self.segment) == Severity::Note;
        while let Some((at, entry)) = self.next {
            // An entry may be on disk without its marker, which a kill kept from it.
            let ahead = producers.start.is_none() || cut && self.partition.is_last(self.segment);
            if !live && !hole && !ahead {
                self.no_marker(at, &entry, producers, report);
            }
            self.advance(report);
        }
        if let Some(entries) = &self.entries
            && entries.rest() > 0
            && !live
        {
            let mut finding = self.partition.finding(
                Check::TxnIndex,
                self.partition
                    .severity_of_cut(self.segment)
                    .min(Severity::Rebuildable),
                entries.path().to_owned(),
                format!("whole entries of {SIZE} bytes"),
                format!("{} bytes behind the last one", entries.rest()),
            );
            finding.bytes = Some(entries.length() - entries.rest()..entries.length());
            self.runs.add(finding, report);
        }
        self.runs.flush(report);
    }

    pub(super) fn finish(&mut self, report: &mut Report<'_>) {
        if let Some(later) = self.later.take() {
            self.wrong_stable(&later, report);
            self.runs.flush(report);
        }
    }

    fn wrong_stable(&mut self, later: &Later, report: &mut Report<'_>) {
        let segment = std::mem::replace(&mut self.segment, later.segment);
        let expected = format!("last stable offset {}", later.expected);
        let found = later.entry.last_stable_offset.to_string();
        self.add(later.at, &later.entry, expected, found, report);
        self.segment = segment;
    }

    /// Takes the next entry that can be read.
    fn advance(&mut self, report: &mut Report<'_>) {
        self.next = None;
        while self.next.is_none() {
            let Some(entries) = &mut self.entries else {
                return;
            };
            let at = entries.position();
            let bytes = match entries.next() {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return,
                Err(error) => {
                    let path = entries.path().to_owned();
                    return report(self.partition.unreadable(&path, &error));
                }
            };
            match AbortedTxn::decode(&bytes) {
                Ok(entry) if entry.last_offset >= self.last => {
                    self.last = entry.last_offset.next();
                    self.next = Some((at, entry));
                }
                Ok(entry) => {
                    let expected = format!("a last offset from {} on", self.last);
                    let found = entry.last_offset.to_string();
                    self.add(at, &entry, expected, found, report);
                }
                Err(error) => {
                    // Kafka does not start on it, not even to recover the segment.
                    let mut finding = self.partition.finding(
                        Check::TxnIndex,
                        Severity::Wrong,
                        self.partition.path(self.segment, Suffix::TxnIndex),
                        "version 0",
                        error.to_string(),
                    );
                    finding.bytes = Some(entry_bytes(at, SIZE));
                    self.runs.add(finding, report);
                }
            }
        }
    }

    fn add(
        &mut self,
        at: u64,
        entry: &AbortedTxn,
        expected: String,
        found: String,
        report: &mut Report<'_>,
    ) {
        let mut finding = self.partition.finding(
            Check::TxnIndex,
            self.partition.severity(self.segment),
            self.partition.path(self.segment, Suffix::TxnIndex),
            expected,
            found,
        );
        finding.bytes = Some(entry_bytes(at, SIZE));
        let end = entry.last_offset.next();
        finding.offsets = Some(entry.first_offset.min(end)..end);
        self.runs.add(finding, report);
    }
}
