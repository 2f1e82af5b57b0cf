//! Producer snapshots against the producers of the log.
//!
//! Kafka drops a snapshot whose CRC is wrong and goes on from an earlier one; one
//! that can be read it believes. A producer may be missing in a snapshot (it expired
//! after `producer.id.expiration.ms`), unless its transaction is open; one that is
//! there has its last batch in the log, unless the head of the log was deleted. After
//! compaction a batch may have other times.
//!
//! Sources: `ProducerStateManager`, `UnifiedLog.rebuildProducerState`, `close`.

use super::Report;
use super::partition::Partition;
use super::producers::{Last, Producers, State};
use crate::format::Offset;
use crate::format::producer_snapshot::{self, ProducerEntry};
use crate::log::layout::{Suffix, parse_segment_file};
use crate::log::verify::observer::End;
use crate::log::verify::{Check, Finding, Severity};
use std::sync::Arc;

/// Half a million producers; larger ones are not held against the log.
const MOST_SNAPSHOT: u64 = 24 << 20;

/// The snapshots of a partition, in order.
pub(super) struct ProducerSnapshots {
    partition: Arc<Partition>,
    offsets: Vec<Offset>,
    next: usize,
}

impl ProducerSnapshots {
    pub(super) fn new(partition: Arc<Partition>) -> Self {
        let offsets = partition
            .entries
            .iter()
            .filter_map(|entry| parse_segment_file(&entry.name))
            .filter(|(_, suffix)| *suffix == Suffix::Snapshot)
            .map(|(offset, _)| offset)
            .collect();
        Self {
            partition,
            offsets,
            next: 0,
        }
    }

    /// Where the next snapshot stands.
    pub(super) fn due(&self) -> Offset {
        self.offsets
            .get(self.next)
            .copied()
            .unwrap_or(Offset::new(i64::MAX))
    }

    /// A batch comes that begins at or behind the next snapshot's offset.
    pub(super) fn reached(&mut self, base: Offset, producers: &Producers, report: &mut Report<'_>) {
        while let Some(offset) = self.offsets.get(self.next).copied()
            && offset <= base
        {
            self.next += 1;
            // One of a time before the log's start tells what is no longer there.
            let known = producers.start.is_some();
            self.check(offset, known.then_some(producers), report);
        }
    }

    pub(super) fn finish(
        &mut self,
        end: &End,
        hole: bool,
        producers: &Producers,
        report: &mut Report<'_>,
    ) {
        self.reached(end.next, producers, report);
        let partition = Arc::clone(&self.partition);
        for offset in self.offsets.iter().skip(self.next).copied() {
            let readable = self.check(offset, None, report);
            if !readable || hole || partition.context.live {
                continue;
            }
            // The metadata log is stopped as cleanly as the others.
            let severity = match partition.context.clean {
                true => Severity::Rebuildable,
                false => Severity::Note,
            };
            let mut finding = self.finding(
                offset,
                severity,
                format!("offsets up to the log's end at {}", end.next),
                offset.to_string(),
            );
            finding.offsets = Some(end.next..offset);
            report(finding);
        }
        self.at_the_end(end, hole, producers, report);
    }

    /// A clean stop leaves one at the log's end. Where there is no other, Kafka takes
    /// it that there are no producers.
    fn at_the_end(&self, end: &End, hole: bool, producers: &Producers, report: &mut Report<'_>) {
        let partition = &self.partition;
        let start = partition
            .context
            .log_start
            .unwrap_or_default()
            .max(end.start);
        self.of_segments(report);
        let there = self.offsets.contains(&end.next);
        if there || hole || !partition.is_clean() || end.next <= start || !producers.modern {
            return;
        }
        let severity = match self.offsets.is_empty() && !producers.is_empty() {
            true => Severity::Wrong,
            false => Severity::Rebuildable,
        };
        let mut finding = self.finding(
            end.next,
            severity,
            "the producers at the log's end, after a clean stop".to_owned(),
            "no such file".to_owned(),
        );
        finding.check = Check::MissingFile;
        report(finding);
    }

    /// Kafka makes one whenever it rolls a segment, and keeps it as long as the segment.
    /// (Since 2.8: brokers before that kept the latest three. So one that is missing
    /// between others is.)
    fn of_segments(&self, report: &mut Report<'_>) {
        let partition = &self.partition;
        let Some(earliest) = self.offsets.first().filter(|_| partition.context.clean) else {
            return;
        };
        let segments = partition.segments.iter().skip(1);
        for base in segments.filter(|base| *base > earliest && !self.offsets.contains(base)) {
            let expected = "the producers where the segment starts".to_owned();
            let found = "no such file".to_owned();
            let mut finding = self.finding(*base, Severity::Rebuildable, expected, found);
            finding.check = Check::MissingFile;
            report(finding);
        }
    }

    /// Whether the snapshot could be read.
    fn check(&self, at: Offset, producers: Option<&Producers>, report: &mut Report<'_>) -> bool {
        let partition = &self.partition;
        let path = partition.path(at, Suffix::Snapshot);
        let bytes = match partition.host.read(&path, MOST_SNAPSHOT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
            Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => return true,
            Err(error) => {
                report(partition.unreadable(&path, &error));
                return false;
            }
        };
        let entries = match producer_snapshot::decode(&bytes) {
            Ok(entries) => entries,
            Err(error) => {
                // A kill leaves an empty one, a power cut a torn one.
                let torn = !partition.context.clean
                    && partition.context.recovery_point.unwrap_or_default() <= at
                    && (bytes.is_empty() || bytes.iter().all(|byte| *byte == 0));
                let severity = match torn || partition.context.live {
                    true => Severity::Note,
                    false => Severity::Rebuildable,
                };
                let expected = "a version, the CRC of the rest, and producers".to_owned();
                let mut finding = self.finding(at, severity, expected, error.to_string());
                finding.bytes = Some(error.position().unwrap_or(0)..bytes.len() as u64);
                report(finding);
                return false;
            }
        };
        // Less than −1 where −1 says none, bytes behind the last producer.
        if producer_snapshot::encode(&entries).is_ok_and(|again| again != bytes) {
            let expected = "producers as Kafka writes them, and nothing else".to_owned();
            let found = format!("{} bytes that read otherwise", bytes.len());
            report(self.finding(at, Severity::Wrong, expected, found));
            return true;
        }
        let Some(producers) = producers.filter(|producers| !producers.hidden) else {
            return true;
        };
        for (number, entry) in entries.iter().enumerate() {
            if let Some((expected, found)) = fault(entry, at, producers) {
                let start = (10 + number * ProducerEntry::SIZE) as u64;
                let mut finding = self.finding(at, Severity::Wrong, expected, found);
                finding.bytes = Some(start..start + ProducerEntry::SIZE as u64);
                report(finding);
            }
        }
        self.open_ones(at, &entries, producers, report);
        true
    }

    /// A producer whose transaction is open never expires.
    fn open_ones(
        &self,
        at: Offset,
        entries: &[ProducerEntry],
        producers: &Producers,
        report: &mut Report<'_>,
    ) {
        if producers.compacted {
            return;
        }
        for state in producers.open() {
            let there = entries.iter().any(|entry| entry.producer_id == state.id);
            if !there && state.certain {
                let first = state.transaction.unwrap_or_default();
                let expected = format!("producer {}, in a transaction from {first} on", state.id);
                report(self.finding(at, Severity::Wrong, expected, "no such producer".to_owned()));
            }
        }
    }

    fn finding(&self, at: Offset, severity: Severity, expected: String, found: String) -> Finding {
        let path = self.partition.path(at, Suffix::Snapshot);
        let check = Check::ProducerSnapshot;
        self.partition
            .finding(check, severity, path, expected, found)
    }
}

/// What a snapshot says of a producer that the log says otherwise.
fn fault(entry: &ProducerEntry, at: Offset, producers: &Producers) -> Option<(String, String)> {
    let id = entry.producer_id;
    if entry.last_offset.is_some_and(|last| last >= at) {
        let found = format!("producer {id} up to offset {}", shown(entry.last_offset));
        return Some((format!("producers of offsets before {at}"), found));
    }
    let Some(state) = producers.get(id) else {
        let start = producers.start.unwrap_or_default();
        let gone = producers.compacted
            || producers.forgot
            || !producers.whole && entry.last_offset.is_none_or(|last| last < start);
        return (!gone).then(|| {
            let found = format!("producer {id} up to offset {}", shown(entry.last_offset));
            ("a producer of the log".to_owned(), found)
        });
    };
    if entry.last_offset.is_none() && (entry.offset_delta != 0 || entry.last_sequence.is_some()) {
        let sequence = shown(entry.last_sequence);
        let found = format!("delta {}, sequence {sequence}", entry.offset_delta);
        let expected = format!("no delta and no sequence of producer {id}, without a batch");
        return Some((expected, found));
    }
    if producers.compacted && entry.epoch > Some(state.epoch) {
        // The cleaner took the batch or marker that told of it.
        return None;
    }
    if entry.epoch != Some(state.epoch) {
        return Some((
            format!("epoch {} of producer {id}", state.epoch),
            shown(entry.epoch),
        ));
    }
    last_batch(entry, state, producers).or_else(|| transaction(entry, state, producers))
}

fn last_batch(
    entry: &ProducerEntry,
    state: &State,
    producers: &Producers,
) -> Option<(String, String)> {
    let last = match (entry.last_sequence, entry.last_offset) {
        (Some(sequence), Some(offset)) => Some(Last {
            sequence,
            offset,
            delta: entry.offset_delta,
        }),
        _ => None,
    };
    let known = producers.whole && !producers.compacted || state.last.is_some();
    let later = producers.compacted && entry.last_offset > state.last.map(|last| last.offset);
    let id = state.id;
    if last != state.last && known && !later {
        let show = |last: Option<Last>| {
            last.map_or_else(
                || "none".to_owned(),
                |last| {
                    format!(
                        "sequence {} at offset {}, delta {}",
                        last.sequence, last.offset, last.delta
                    )
                },
            )
        };
        let expected = format!("last batch of producer {id}: {}", show(state.last));
        return Some((expected, show(last)));
    }
    if entry.timestamp != state.timestamp && !producers.compacted {
        return Some((
            format!("time {} of producer {id}", shown(state.timestamp)),
            shown(entry.timestamp),
        ));
    }
    None
}

fn transaction(
    entry: &ProducerEntry,
    state: &State,
    producers: &Producers,
) -> Option<(String, String)> {
    if producers.compacted {
        return None;
    }
    let id = state.id;
    let coordinator = entry.coordinator_epoch;
    let other = match coordinator {
        // It expired, and came again.
        None => state.ended,
        Some(_) => state.coordinator_epoch.is_some() && coordinator != state.coordinator_epoch,
    };
    if other {
        return Some((
            format!(
                "coordinator epoch {} of producer {id}",
                shown(state.coordinator_epoch)
            ),
            shown(coordinator),
        ));
    }
    let (found, expected) = (entry.current_txn_first_offset, state.transaction);
    let earlier = !state.certain && found.is_some() && found < expected;
    (found != expected && !earlier).then(|| {
        (
            format!(
                "transaction of producer {id} from offset {}",
                shown(expected)
            ),
            shown(found),
        )
    })
}

fn shown<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}
