//! The slow way: batches of both sides side by side, and their records by offset.

use super::{DiffKind, DiffRange, Fields, LogDiff, MOST_RANGES};
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::{LeaderEpoch, Offset, Timestamp};
use crate::host::{Host, Open};
use crate::log::error::{LogError, Result};
use crate::log::scan::Scanner;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// Reads one side batch by batch.
pub(super) struct Side<'a> {
    host: &'a Arc<dyn Host>,
    files: std::slice::Iter<'a, PathBuf>,
    scanner: Option<Scanner>,
    /// The batch that is looked at; none of its records were taken yet.
    batch: Option<Current>,
    /// Records of a batch that was opened.
    records: VecDeque<Owned>,
    scratch: AnyScratch,
    first: Option<Offset>,
    next: Offset,
    /// Batches that could not be read.
    pub(super) damaged: u64,
    read: u64,
}

struct Current {
    bytes: Vec<u8>,
    magic: u8,
    epoch: Option<LeaderEpoch>,
    first: Offset,
    last: Offset,
}

/// A record that outlives its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    offset: Offset,
    epoch: Option<LeaderEpoch>,
    control: bool,
    timestamp: Option<Timestamp>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
}

impl<'a> Side<'a> {
    pub(super) fn new(host: &'a Arc<dyn Host>, files: &'a [PathBuf]) -> Self {
        Self {
            host,
            files: files.iter(),
            scanner: None,
            batch: None,
            records: VecDeque::new(),
            scratch: AnyScratch::default(),
            first: None,
            next: Offset::ZERO,
            damaged: 0,
            read: 0,
        }
    }

    /// What it read: the first offset, and the one behind the last.
    pub(super) fn extent(&self) -> Option<(Offset, Offset)> {
        self.first.map(|first| (first, self.next))
    }

    /// Sees to it that a batch is at hand, if there is one and no records are left.
    fn load(&mut self) -> Result<()> {
        while self.batch.is_none() && self.records.is_empty() {
            let Some(scanner) = &mut self.scanner else {
                let Some(path) = self.files.next() else {
                    return Ok(());
                };
                let file = self
                    .host
                    .open(path, Open::Read)
                    .map_err(LogError::io("open", path))?;
                let length = file.len().map_err(LogError::io("measure", path))?;
                self.scanner = Some(Scanner::new(file, path, 0, length));
                continue;
            };
            let found = match scanner.next_batch() {
                Ok(Ok(found)) => found,
                Ok(Err(stop)) => {
                    self.damaged += u64::from(stop == crate::log::scan::Stop::Torn);
                    self.scanner = None;
                    continue;
                }
                Err(error) if error.is_damage() => {
                    self.damaged += 1;
                    self.scanner = None;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.read += found.bytes.len() as u64;
            let (Ok(()), Ok(summary)) = (found.check(), found.summary()) else {
                self.damaged += 1;
                continue;
            };
            self.first = self.first.or(Some(summary.base_offset));
            self.next = summary.last_offset.next();
            self.batch = Some(Current {
                bytes: found.bytes.to_vec(),
                magic: found.prefix.magic,
                epoch: summary.leader_epoch,
                first: summary.base_offset,
                last: summary.last_offset,
            });
        }
        Ok(())
    }

    /// Takes the records out of the batch at hand.
    fn unpack(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let outcome = (|| -> crate::format::Result<Vec<Owned>> {
            let parsed = AnyBatch::parse(batch.magic, &batch.bytes)?;
            let control = match &parsed {
                AnyBatch::V2(v2) => v2.header().attributes.is_control(),
                AnyBatch::Legacy(_) => false,
            };
            parsed
                .records(&mut self.scratch)?
                .map(|record| {
                    let record = record?;
                    Ok(Owned {
                        offset: record.offset,
                        epoch: batch.epoch,
                        control,
                        timestamp: record.timestamp,
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: record.headers.encoded().to_vec(),
                    })
                })
                .collect()
        })();
        match outcome {
            Ok(records) => self.records.extend(records),
            Err(_) => self.damaged += 1,
        }
    }

    fn front(&mut self) -> Result<Option<&Owned>> {
        loop {
            self.load()?;
            if self.batch.is_some() {
                self.unpack();
            }
            if !self.records.is_empty() {
                return Ok(self.records.front());
            }
            if self.batch.is_none() && self.scanner.is_none() && self.files.len() == 0 {
                return Ok(None);
            }
        }
    }
}

/// Compares what two sides hold.
pub(super) fn compare(
    sides: &mut [Side<'_>; 2],
    diff: &mut LogDiff,
    progress: &dyn Fn(u64),
) -> Result<()> {
    let mut told = 0;
    loop {
        let read = sides[0].read + sides[1].read;
        progress(read - told);
        told = read;
        let [left, right] = sides;
        left.load()?;
        right.load()?;
        if let (Some(one), Some(other)) = (&left.batch, &right.batch) {
            if left.records.is_empty() && right.records.is_empty() && one.bytes == other.bytes {
                diff.same_records += records_of(one);
                (left.batch, right.batch) = (None, None);
                continue;
            }
            // One is far behind: its records stand alone, without a look at each.
            if one.last < other.first && left.records.is_empty() {
                left.unpack();
            } else if other.last < one.first && right.records.is_empty() {
                right.unpack();
            }
        }
        let order = match (left.front()?, right.front()?) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => one.offset.cmp(&other.offset),
        };
        match order {
            std::cmp::Ordering::Less => alone(left, 0, diff),
            std::cmp::Ordering::Greater => alone(right, 1, diff),
            std::cmp::Ordering::Equal => both(left, right, diff),
        }
    }
}

fn records_of(batch: &Current) -> u64 {
    match AnyBatch::parse(batch.magic, &batch.bytes) {
        Ok(AnyBatch::V2(v2)) => v2.header().record_count as u64,
        _ => 1,
    }
}

fn alone(side: &mut Side<'_>, which: usize, diff: &mut LogDiff) {
    let record = side.records.pop_front().expect("one is at the front");
    let mut epochs = [None, None];
    epochs[which] = record.epoch;
    note(diff, record.offset, DiffKind::OnlyIn(which), epochs);
}

fn both(left: &mut Side<'_>, right: &mut Side<'_>, diff: &mut LogDiff) {
    let one = left.records.pop_front().expect("one is at the front");
    let other = right.records.pop_front().expect("one is at the front");
    let fields = Fields {
        timestamp: one.timestamp != other.timestamp,
        key: one.key != other.key,
        value: one.value != other.value,
        headers: one.headers != other.headers,
        control: one.control != other.control,
    };
    let epochs = [one.epoch, other.epoch];
    if fields == Fields::default() {
        diff.same_records += 1;
        note(diff, one.offset, DiffKind::Batches, epochs);
    } else {
        note(diff, one.offset, DiffKind::Records(fields), epochs);
    }
}

/// Adds an offset to the last range, or begins another.
fn note(diff: &mut LogDiff, offset: Offset, kind: DiffKind, epochs: [Option<LeaderEpoch>; 2]) {
    if let Some(last) = diff.ranges.last_mut()
        && last.kind == kind
        && last.epochs == epochs
        && last.offsets.end == offset
    {
        last.offsets.end = offset.next();
        last.records += 1;
        return;
    }
    if diff.ranges.len() == MOST_RANGES {
        diff.more_ranges += 1;
        return;
    }
    diff.ranges.push(DiffRange {
        offsets: offset..offset.next(),
        records: 1,
        kind,
        epochs,
    });
}
