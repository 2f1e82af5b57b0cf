//! Compares two copies of a log: replicas, backups, a log before and after something.
//!
//! Whole segments are compared byte for byte first. Only where they are not the same
//! does the comparison go down: to batches, and where these differ to records, which
//! are matched by their offsets. So a log that was compacted or compressed anew
//! differs in its batches and not in the records that both have.

mod records;

use crate::format::leader_epochs::LeaderEpochs;
use crate::format::{LeaderEpoch, Offset};
use crate::host::{File, Host, Open};
use crate::log::error::{LogError, Result};
use crate::log::layout::{Suffix, segment_file};
use crate::log::partition::{Listing, read_epochs};
use records::Side;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of each file is compared at once.
const CHUNK: usize = 512 << 10;
/// Ranges that are kept of each partition; more are only counted.
const MOST_RANGES: usize = 10_000;

/// One side of a comparison: files of batches, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// Its `.log` files.
    pub files: Vec<PathBuf>,
    /// Its leader epochs, where they can be read.
    pub epochs: LeaderEpochs,
}

/// What a comparison of two logs tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogDiff {
    /// Both sides, in short.
    pub sides: [Extent; 2],
    /// Segments of the same name whose bytes are the same.
    pub same_segments: u64,
    /// Segments of the same name whose bytes are not.
    pub changed_segments: Vec<String>,
    /// Segments that one side alone has.
    pub lone_segments: [Vec<String>; 2],
    /// Records that both have, alike; those of segments that are the same among them
    /// only where `counted`.
    pub same_records: u64,
    /// Offsets at which they differ, in order.
    pub ranges: Vec<DiffRange>,
    /// Ranges that were too many to be kept.
    pub more_ranges: u64,
    /// The first offset that is not the same on both sides, of those that both logs
    /// reach.
    pub divergence: Option<Divergence>,
    /// Batches that could not be read.
    pub damaged: u64,
}

/// What one side holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Segments.
    pub segments: u64,
    /// Bytes of their logs.
    pub bytes: u64,
    /// The offset of the first record, and the one behind the last; equal where there
    /// is none. Only known where the sides were read.
    pub offsets: Option<(Offset, Offset)>,
}

/// A run of offsets that differ in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRange {
    /// From the first to the one behind the last.
    pub offsets: Range<Offset>,
    /// How many records.
    pub records: u64,
    /// In which way.
    pub kind: DiffKind,
    /// The leader epochs of the two sides at its start.
    pub epochs: [Option<LeaderEpoch>; 2],
}

/// How offsets differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffKind {
    /// One side has no record there: `OnlyIn(0)` is only in the first.
    OnlyIn(usize),
    /// Both have one, with other contents.
    Records(Fields),
    /// The same records stand in other batches: compressed or grouped anew, another
    /// leader epoch or producer.
    Batches,
}

/// The parts of a record that differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields {
    /// The time.
    pub timestamp: bool,
    /// The key.
    pub key: bool,
    /// The value.
    pub value: bool,
    /// The headers.
    pub headers: bool,
    /// Whether it is a control record.
    pub control: bool,
}

/// Where two logs part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// The first offset that differs.
    pub offset: Offset,
    /// The leader epochs of the two sides there.
    pub epochs: [Option<LeaderEpoch>; 2],
    /// Where Kafka would cut each side as a follower of the other, by the leader
    /// epochs; `None` where it would not.
    pub cuts: [Option<Offset>; 2],
}

impl Log {
    /// A partition's directory.
    ///
    /// # Errors
    /// Where it cannot be listed.
    pub fn of_partition(host: &dyn Host, directory: &Path) -> Result<Self> {
        let listing = Listing::read(host, directory)?;
        let file = |base: &Offset| segment_file(directory, *base, Suffix::Log);
        Ok(Self {
            files: listing.segments.iter().map(file).collect(),
            epochs: read_epochs(host, directory).unwrap_or_default(),
        })
    }

    /// One file alone.
    pub fn of_file(path: &Path) -> Self {
        Self {
            files: vec![path.to_owned()],
            epochs: LeaderEpochs::new(),
        }
    }
}

impl LogDiff {
    /// Whether nothing differs, batches included.
    pub const fn is_same(&self) -> bool {
        self.ranges.is_empty()
            && self.changed_segments.is_empty()
            && self.lone_segments[0].is_empty()
            && self.lone_segments[1].is_empty()
    }
}

/// Compares two logs. `progress` is told the bytes that were read of both.
///
/// # Errors
/// `Io`; batches that cannot be read are counted.
pub fn compare(host: &Arc<dyn Host>, logs: [&Log; 2], progress: &dyn Fn(u64)) -> Result<LogDiff> {
    let mut diff = LogDiff::default();
    for (side, log) in logs.iter().enumerate() {
        diff.sides[side].segments = log.files.len() as u64;
        for file in &log.files {
            let stat = host.stat(file).map_err(LogError::io("look at", file))?;
            diff.sides[side].bytes += stat.length;
        }
    }
    let alone = logs[0].files.len() == 1 && logs[1].files.len() == 1;
    let mut unlike = [Vec::new(), Vec::new()];
    for left in &logs[0].files {
        let other = logs[1]
            .files
            .iter()
            .find(|right| alone || right.file_name() == left.file_name());
        match other {
            Some(right) if same_bytes(&**host, left, right, progress)? => diff.same_segments += 1,
            Some(right) => {
                diff.changed_segments.push(name(left));
                unlike[0].push(left.clone());
                unlike[1].push(right.clone());
            }
            None => {
                diff.lone_segments[0].push(name(left));
                unlike[0].push(left.clone());
            }
        }
    }
    for right in &logs[1].files {
        let same_name = |left: &PathBuf| left.file_name() == right.file_name();
        if !alone && !logs[0].files.iter().any(same_name) {
            diff.lone_segments[1].push(name(right));
            unlike[1].push(right.clone());
        }
    }
    if unlike.iter().all(Vec::is_empty) {
        return Ok(diff);
    }
    let mut sides = [Side::new(host, &unlike[0]), Side::new(host, &unlike[1])];
    records::compare(&mut sides, &mut diff, progress)?;
    for (extent, side) in diff.sides.iter_mut().zip(&sides) {
        extent.offsets = side.extent();
    }
    diff.damaged += sides[0].damaged + sides[1].damaged;
    diff.divergence = divergence(&diff, logs);
    Ok(diff)
}

fn divergence(diff: &LogDiff, logs: [&Log; 2]) -> Option<Divergence> {
    let first = diff
        .ranges
        .iter()
        .find(|range| range.kind != DiffKind::Batches)?;
    let ends = diff
        .sides
        .map(|side| side.offsets.map_or(Offset::ZERO, |offsets| offsets.1));
    let cut = |follower: usize| {
        let leader = 1 - follower;
        let at = truncation(
            &logs[leader].epochs,
            ends[leader],
            &logs[follower].epochs,
            ends[follower],
        );
        at.filter(|at| *at < ends[follower])
    };
    Some(Divergence {
        offset: first.offsets.start,
        epochs: first.epochs,
        cuts: [cut(0), cut(1)],
    })
}

/// Where Kafka cuts a follower's log so that it is a prefix of its leader's: the end of
/// the latest leader epoch that both know. `None` where the epochs do not tell.
///
/// Source: KIP-101, KIP-279; `kafka.server.AbstractFetcherThread`.
pub fn truncation(
    leader: &LeaderEpochs,
    leader_end: Offset,
    follower: &LeaderEpochs,
    follower_end: Offset,
) -> Option<Offset> {
    let mut epoch = follower.latest()?.epoch;
    loop {
        let of_leader = leader.end_offset_for(epoch, leader_end)?;
        if of_leader.epoch == epoch {
            return Some(of_leader.end_offset.min(follower_end));
        }
        let own = follower.end_offset_for(of_leader.epoch, follower_end)?;
        if own.epoch == of_leader.epoch || own.epoch >= epoch {
            return Some(of_leader.end_offset.min(own.end_offset));
        }
        epoch = own.epoch;
    }
}

/// Whether two files hold the same bytes.
///
/// # Errors
/// `Io`.
pub fn same_bytes(
    host: &dyn Host,
    left: &Path,
    right: &Path,
    progress: &dyn Fn(u64),
) -> Result<bool> {
    let open = |path: &Path| -> Result<(Arc<dyn File>, u64)> {
        let file = host
            .open(path, Open::Read)
            .map_err(LogError::io("open", path))?;
        let length = file.len().map_err(LogError::io("measure", path))?;
        Ok((file, length))
    };
    let ((one, length), (other, other_length)) = (open(left)?, open(right)?);
    if length != other_length {
        return Ok(false);
    }
    let mut buffers = [vec![0; CHUNK], vec![0; CHUNK]];
    let mut at = 0;
    while at < length {
        let [a, b] = &mut buffers;
        let read = one.read_at(a, at).map_err(LogError::io("read", left))?;
        let also = other.read_at(b, at).map_err(LogError::io("read", right))?;
        if a[..read] != b[..also] {
            return Ok(false);
        }
        if read == 0 {
            break;
        }
        progress(2 * read as u64);
        at += read as u64;
    }
    Ok(true)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(i32, i64)]) -> LeaderEpochs {
        let mut epochs = LeaderEpochs::new();
        for (epoch, start) in entries {
            let epoch = LeaderEpoch::from_wire(*epoch).unwrap();
            epochs.assign(epoch, Offset::new(*start));
        }
        epochs
    }

    fn cut(leader: (&[(i32, i64)], i64), follower: (&[(i32, i64)], i64)) -> Option<i64> {
        truncation(
            &epochs(leader.0),
            Offset::new(leader.1),
            &epochs(follower.0),
            Offset::new(follower.1),
        )
        .map(Offset::get)
    }

    #[test]
    fn a_follower_is_cut_where_the_epochs_part() {
        // The same epoch: the shorter end.
        assert_eq!(cut((&[(0, 0)], 50), (&[(0, 0)], 70)), Some(50));
        assert_eq!(cut((&[(0, 0)], 90), (&[(0, 0)], 70)), Some(70));
        // The follower wrote in epoch 1 behind 60, the leader in 2 behind 55.
        assert_eq!(
            cut((&[(0, 0), (2, 55)], 80), (&[(0, 0), (1, 60)], 70)),
            Some(55)
        );
        assert_eq!(
            cut((&[(0, 0), (2, 65)], 80), (&[(0, 0), (1, 60)], 70)),
            Some(60)
        );
        assert_eq!(cut((&[], 80), (&[(0, 0)], 70)), None);
    }
}
