//! A partition to be read: no lock is taken and nothing is written, so it may
//! belong to a live broker; a read stops at the last whole batch.
//!
//! Opening lists the directory and opens nothing; a seek by offset reads a page or
//! two of one index and the pages that hold the batch. A seek by time first finds
//! the segment by halving the list, which takes the latest times of segments to
//! grow from one to the next, as they do unless producers set times that go back
//! by more than a segment.

use super::error::{LogError, Result};
use super::layout::{Suffix, TopicPartition};
use super::partition::{Listing, marker_of};
use super::producer_states::ProducerStates;
use super::scan::{Found, Scanner};
use super::segment::Segment;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{Header, PREFIX_SIZE, Prefix, UncheckedBatch};
use crate::format::txn_index::{self, AbortedTxn};
use crate::format::{Offset, Timestamp};
use crate::host::{File, Host};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A seek reads the log in pieces of this size until it finds its batch.
const SEEK_CHUNK: usize = 4096;
/// The most bytes of a transaction index: 31 million aborted transactions.
const MOST_TXN_INDEX: u64 = 1 << 30;

/// A partition to be read.
#[derive(Clone)]
pub struct PartitionView {
    host: Arc<dyn Host>,
    directory: PathBuf,
    name: TopicPartition,
    listing: Listing,
    start: Offset,
}

/// A place in a segment.
#[derive(Clone)]
pub struct Located {
    /// The first offset of the segment.
    pub base: Offset,
    /// Its `.log`.
    pub file: Arc<dyn File>,
    /// Where the batch starts.
    pub position: u64,
    /// How long the file is.
    pub limit: u64,
}

/// A run of whole batches, in one buffer that is used again.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The batches, one behind the other.
    pub bytes: Vec<u8>,
    /// Where they start in the file.
    pub position: u64,
    /// The file.
    pub path: PathBuf,
}

/// Reads a partition from an offset on, in large pieces.
pub struct Cursor {
    view: PartitionView,
    /// Which of the view's segments, and how far.
    at: usize,
    open: Option<(Arc<dyn File>, PathBuf)>,
    position: u64,
    limit: u64,
}

impl PartitionView {
    /// Lists the partition in `directory`. `start` is its log start offset, where
    /// the checkpoint names one: what lies before was deleted.
    pub fn open(
        host: &Arc<dyn Host>,
        directory: &Path,
        name: TopicPartition,
        start: Option<Offset>,
    ) -> Result<Self> {
        let listing = Listing::read(&**host, directory)?;
        let first = listing.segments.first().copied().unwrap_or_default();
        Ok(Self {
            host: Arc::clone(host),
            directory: directory.to_owned(),
            name,
            start: start.unwrap_or_default().max(first),
            listing,
        })
    }

    /// Takes note of segments that were rolled since.
    pub fn refresh(&mut self) -> Result<()> {
        self.listing = Listing::read(&*self.host, &self.directory)?;
        Ok(())
    }

    /// Moves its start: what lies before was deleted.
    pub fn advance(&mut self, start: Offset) {
        self.start = self.start.max(start);
    }

    /// Its topic and number.
    pub const fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The offset of the first record that it may hold.
    pub const fn start(&self) -> Offset {
        self.start
    }

    /// The first offset of the last segment.
    pub fn last_base(&self) -> Option<Offset> {
        self.listing.segments.last().copied()
    }

    /// The first offsets of its segments.
    pub fn bases(&self) -> &[Offset] {
        &self.listing.segments
    }

    /// How many segments it has.
    pub const fn segments(&self) -> usize {
        self.listing.segments.len()
    }

    /// The log end offset: behind the last whole batch.
    pub fn end(&self) -> Result<Offset> {
        let Some(last) = self.listing.segments.last() else {
            return Ok(self.start);
        };
        let segment = self.segment(*last);
        let (log, length) = segment.open_log()?;
        let mut next = *last;
        let mut position = segment.position_before(Offset::new(i64::MAX), length)?;
        loop {
            let mut scanner = Scanner::new(
                Arc::clone(&log),
                &segment.path(Suffix::Log),
                position,
                length,
            );
            match walk_to_end(&mut scanner, &mut next) {
                // Nothing where the index points: it is ahead of this log.
                Ok(()) if position > 0 && next == *last => position = 0,
                Ok(()) => return Ok(next.max(self.start)),
                // An index that points astray is no reason to fail.
                Err(_) if position > 0 => position = 0,
                Err(error) => return Err(error),
            }
        }
    }

    /// A cursor at the batch that holds `from`, or the first one behind it. It ends
    /// where the partition ends now, until [`Cursor::extend`].
    ///
    /// # Errors
    /// `OffsetOutOfRange` where `from` lies before the start.
    pub fn cursor(&self, from: Offset) -> Result<Cursor> {
        if from < self.start {
            return Err(LogError::OffsetOutOfRange {
                partition: self.directory.clone(),
                offset: from,
                start: self.start,
                end: self.end()?,
            });
        }
        let at = self
            .listing
            .segments
            .partition_point(|base| *base <= from)
            .saturating_sub(1);
        let mut cursor = Cursor {
            view: self.clone(),
            at,
            open: None,
            position: 0,
            limit: 0,
        };
        if at < self.listing.segments.len() {
            let segment = self.segment(self.listing.segments[at]);
            cursor.open_segment()?;
            if from > segment.base() {
                cursor.position = self.seek(&segment, &cursor, from)?;
            }
        }
        Ok(cursor)
    }

    /// Where the first batch with a record at or behind `from` stands; `None` where
    /// there is none yet.
    ///
    /// # Errors
    /// `OffsetOutOfRange` where `from` lies before the start; `Damaged`, `Io`.
    pub fn locate(&self, from: Offset) -> Result<Option<Located>> {
        let cursor = self.cursor(from)?;
        let (mut at, mut position, mut limit) = (cursor.at, cursor.position, cursor.limit);
        let Some((mut file, _)) = cursor.open else {
            return Ok(None);
        };
        while position >= limit {
            // A gap reaches to the end of the segment.
            at += 1;
            let Some(base) = self.listing.segments.get(at) else {
                return Ok(None);
            };
            (file, limit) = self.segment(*base).open_log()?;
            position = 0;
        }
        Ok(Some(Located {
            base: self.listing.segments[at],
            file,
            position,
            limit,
        }))
    }

    /// The position of the batch in which the first record at or behind `from` is.
    fn seek(&self, segment: &Segment, cursor: &Cursor, from: Offset) -> Result<u64> {
        let Some((file, path)) = &cursor.open else {
            return Ok(0);
        };
        let mut position = segment.position_before(from, cursor.limit)?;
        loop {
            let mut scanner =
                Scanner::new(Arc::clone(file), path, position, cursor.limit).with_chunk(SEEK_CHUNK);
            let outcome = loop {
                let at = scanner.position();
                match scanner.next_summary() {
                    Ok(Ok(summary)) if summary.last_offset >= from => break Ok(Some(at)),
                    Ok(Ok(_)) => {}
                    // Nothing where the index points: it is ahead of this log.
                    Ok(Err(_)) if at == position && at > 0 => break Ok(None),
                    Ok(Err(_)) => break Ok(Some(at)),
                    Err(error) => break Err(error),
                }
            };
            match outcome {
                Ok(Some(at)) => return Ok(at),
                Ok(None) => position = 0,
                Err(_) if position > 0 => position = 0,
                Err(error) => return Err(error),
            }
        }
    }

    /// The offset of the first record at or after `time`, as `ListOffsets` finds it;
    /// `None` where every record is earlier.
    pub fn offset_for_time(&self, time: Timestamp) -> Result<Option<Offset>> {
        Ok(self.record_at(time)?.map(|(_, offset)| offset))
    }

    /// The same, with the record's time.
    pub fn record_at(&self, time: Timestamp) -> Result<Option<(Timestamp, Offset)>> {
        let segments = &self.listing.segments;
        let (mut low, mut high) = (0, segments.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self
                .latest_time(middle)?
                .is_some_and(|latest| latest >= time)
            {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        for base in &segments[low..] {
            let segment = self.segment(*base);
            let from = segment.offset_before(time)?.max(self.start);
            if let Some(found) = self.first_at(&segment, from, time)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record with the latest time of all before `end`.
    pub fn latest_time_of(&self, end: Offset) -> Result<Option<(Timestamp, Offset)>> {
        let mut latest: Option<(Timestamp, Segment)> = None;
        for base in &self.listing.segments {
            let segment = self.segment(*base);
            let mut time = segment.last_time()?.map(|(time, _)| time);
            if self.last_base() == Some(*base) {
                time = time.max(self.latest_unindexed(&segment)?);
            }
            if let Some(time) = time
                && latest.as_ref().is_none_or(|(known, _)| time > *known)
            {
                latest = Some((time, segment));
            }
        }
        let Some((time, segment)) = latest else {
            return Ok(None);
        };
        let from = segment.offset_before(time)?.max(self.start);
        let found = self.first_at(&segment, from, time)?;
        Ok(found.filter(|(_, offset)| *offset < end))
    }

    /// The latest time of a record in the segment of that base; when its file was last
    /// written, in milliseconds, where none has one. `None` where it is gone.
    ///
    /// # Errors
    /// `Io`, `Damaged`.
    pub fn latest_in(&self, base: Offset) -> Result<Option<Timestamp>> {
        let segment = self.segment(base);
        let path = segment.path(Suffix::Log);
        let written = match self.host.stat(&path) {
            Ok(stat) => Timestamp::new(stat.modified_ms.max(0)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io("look at", &path)(error)),
        };
        let mut latest = segment.last_time()?.map(|(time, _)| time);
        if self.last_base() == Some(base) {
            latest = latest.max(self.latest_unindexed(&segment)?);
        }
        Ok(Some(latest.unwrap_or(written)))
    }

    /// The latest time of the batches behind the last entry of the offset index.
    fn latest_unindexed(&self, segment: &Segment) -> Result<Option<Timestamp>> {
        let (log, length) = segment.open_log()?;
        let position = segment.position_before(Offset::new(i64::MAX), length)?;
        let mut scanner = Scanner::new(log, &segment.path(Suffix::Log), position, length);
        let mut latest = None;
        while let Ok(summary) = scanner.next_summary()? {
            latest = latest.max(summary.max_timestamp);
        }
        Ok(latest)
    }

    /// The latest time in a segment: by its time index, or by walking it where it
    /// is the last one and still growing.
    fn latest_time(&self, at: usize) -> Result<Option<Timestamp>> {
        let segment = self.segment(self.listing.segments[at]);
        let indexed = segment.last_time()?;
        if at + 1 < self.listing.segments.len() {
            return Ok(indexed.map(|(time, _)| time));
        }
        // Its index ends before its end; what is behind may be later.
        Ok(Some(Timestamp::new(i64::MAX)))
    }

    fn first_at(
        &self,
        segment: &Segment,
        from: Offset,
        time: Timestamp,
    ) -> Result<Option<(Timestamp, Offset)>> {
        let (log, length) = segment.open_log()?;
        let path = segment.path(Suffix::Log);
        let position = segment.position_before(from, length)?;
        let mut scanner = Scanner::new(log, &path, position, length).with_chunk(SEEK_CHUNK);
        let mut scratch = AnyScratch::default();
        loop {
            match scanner.next_batch()? {
                Err(_) => return Ok(None),
                Ok(found) => {
                    let at = found.position;
                    let summary = found.summary().map_err(LogError::format(&path, at))?;
                    if summary.max_timestamp.is_none_or(|latest| latest < time)
                        || summary.last_offset < from
                    {
                        continue;
                    }
                    let hit = first_record(&found, from, time, &mut scratch)
                        .map_err(LogError::format(&path, at))?;
                    if hit.is_some() {
                        return Ok(hit);
                    }
                }
            }
        }
    }

    /// The aborted transactions with records in `from..until`, from the transaction
    /// indexes, in the order of their markers.
    pub fn aborted(&self, from: Offset, until: Offset) -> Result<Vec<AbortedTxn>> {
        let first = self
            .listing
            .segments
            .partition_point(|base| *base <= from)
            .saturating_sub(1);
        let mut aborted = Vec::new();
        for base in &self.listing.segments[first.min(self.listing.segments.len())..] {
            let path = self.segment(*base).path(Suffix::TxnIndex);
            let bytes = match self.host.read(&path, MOST_TXN_INDEX) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(LogError::io("read", &path)(error)),
            };
            let whole = bytes.len() - bytes.len() % AbortedTxn::SIZE;
            let found = txn_index::collect(&bytes[..whole], from, until)
                .map_err(LogError::format(&path, 0))?;
            aborted.extend(found.aborted);
            if found.complete {
                break;
            }
        }
        Ok(aborted)
    }

    /// The producers as of the end: the latest snapshot that can be read and every
    /// batch behind it.
    pub fn producers(&self) -> Result<ProducerStates> {
        let end = self.end()?;
        let snapshot = self
            .listing
            .producers_before(&*self.host, &self.directory, end)?;
        let (at, mut states) = snapshot.unwrap_or((self.start, ProducerStates::default()));
        let from = at.max(self.start);
        if from >= end {
            return Ok(states);
        }
        let mut cursor = self.cursor(from)?;
        let mut chunk = Chunk::default();
        while cursor.next_chunk(&mut chunk, 256 << 10)? {
            for batch in chunk.batches() {
                let (position, bytes) = batch?;
                if bytes[PREFIX_SIZE - 1] != 2 {
                    continue;
                }
                let batch = UncheckedBatch::parse(bytes)
                    .map_err(LogError::format(&chunk.path, position))?;
                let header = batch.header();
                if header.base_offset < from {
                    continue;
                }
                if !header.attributes.is_control() {
                    states.update(header);
                } else if let Some((commit, coordinator)) = marker_of(&batch) {
                    states.end_transaction(header, commit, coordinator);
                }
            }
        }
        Ok(states)
    }

    fn segment(&self, base: Offset) -> Segment {
        Segment::new(&self.host, &self.directory, base)
    }
}

fn walk_to_end(scanner: &mut Scanner, next: &mut Offset) -> Result<()> {
    while let Ok(summary) = scanner.next_summary()? {
        *next = summary.last_offset.next();
    }
    Ok(())
}

/// The offset of the first record of a batch at or behind `from`, at or after `time`.
fn first_record(
    found: &Found<'_>,
    from: Offset,
    time: Timestamp,
    scratch: &mut AnyScratch,
) -> crate::format::Result<Option<(Timestamp, Offset)>> {
    let batch = AnyBatch::parse(found.prefix.magic, found.bytes)?;
    for record in batch.records(scratch)? {
        let record = record?;
        if let Some(at) = record.timestamp
            && record.offset >= from
            && at >= time
        {
            return Ok(Some((at, record.offset)));
        }
    }
    Ok(None)
}

impl Cursor {
    /// Replaces the chunk with the next whole batches, about `size` bytes of them
    /// and at least one; `false` at the end.
    ///
    /// # Errors
    /// `Damaged`, `Torn` where a segment that is not the last ends in part of a
    /// batch; `Io`.
    pub fn next_chunk(&mut self, chunk: &mut Chunk, size: usize) -> Result<bool> {
        loop {
            if self.open.is_none() && !self.open_segment()? {
                return Ok(false);
            }
            let (file, path) = self.open.as_ref().expect("a segment is open");
            let left = usize::try_from(self.limit - self.position).unwrap_or(usize::MAX);
            let mut want = size.min(left);
            let whole = loop {
                let read = read_into(file, path, self.position, want, &mut chunk.bytes)?;
                match whole_batches(&chunk.bytes[..read])
                    .map_err(LogError::format(path, self.position))
                {
                    Ok(Whole::Bytes(0)) | Err(_) if read == 0 => break 0,
                    Ok(Whole::Bytes(whole)) => break whole,
                    Ok(Whole::Needs(needed)) if needed <= left && needed > want => want = needed,
                    Ok(Whole::Needs(_)) => break 0,
                    Err(_) if rest_is_zeros(file, path, self.position, self.limit)? => break 0,
                    Err(error) => return Err(error),
                }
            };
            if whole > 0 {
                chunk.bytes.truncate(whole);
                chunk.position = self.position;
                if chunk.path != *path {
                    chunk.path.clone_from(path);
                }
                self.position += whole as u64;
                return Ok(true);
            }
            if self.at + 1 >= self.view.listing.segments.len() {
                return Ok(false);
            }
            if self.position < self.limit {
                let left = (self.limit - self.position) as usize;
                let torn = crate::format::FormatError::torn("batch", 0, left + 1, left);
                return Err(LogError::format(path, self.position)(torn));
            }
            self.at += 1;
            self.open = None;
            self.position = 0;
        }
    }

    /// How many bytes there are from the next batch to the end.
    pub fn bytes_left(&self) -> Result<u64> {
        let mut bytes = self.limit.saturating_sub(self.position);
        let first = if self.open.is_some() {
            self.at + 1
        } else {
            self.at
        };
        for base in self.view.listing.segments.iter().skip(first) {
            bytes += self.view.segment(*base).open_log()?.1;
        }
        Ok(bytes)
    }

    /// Goes on to what was appended since: the file's growth and new segments.
    /// `false` where the partition is gone.
    pub fn extend(&mut self) -> Result<bool> {
        let listing = match Listing::read(&*self.view.host, &self.view.directory) {
            Ok(listing) => listing,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error),
        };
        let current = self.view.listing.segments.get(self.at).copied();
        self.at = current.map_or(0, |base| {
            listing
                .segments
                .partition_point(|other| *other < base)
                .min(listing.segments.len().saturating_sub(1))
        });
        if listing.segments.get(self.at).copied() != current {
            self.open = None;
            self.position = 0;
        }
        self.view.listing = listing;
        if let Some((file, path)) = &self.open {
            self.limit = file.len().map_err(LogError::io("measure", path))?;
        }
        Ok(true)
    }

    fn open_segment(&mut self) -> Result<bool> {
        let Some(base) = self.view.listing.segments.get(self.at) else {
            return Ok(false);
        };
        let segment = self.view.segment(*base);
        let (file, length) = segment.open_log()?;
        self.limit = length;
        self.open = Some((file, segment.path(Suffix::Log)));
        Ok(true)
    }
}

impl Chunk {
    /// The offset behind its last batch, as far as the header tells.
    pub fn next_offset(&self) -> Option<Offset> {
        let (_, last) = self.batches().last()?.ok()?;
        let prefix = Prefix::parse(last).ok()?;
        if prefix.magic != 2 {
            return Some(prefix.offset.next());
        }
        Some(Header::parse(last).ok()?.next_offset())
    }

    /// Each batch with its position in the file.
    pub fn batches(&self) -> impl Iterator<Item = Result<(u64, &[u8])>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let position = self.position + at as u64;
            match Prefix::parse(rest) {
                Ok(prefix) if prefix.size <= rest.len() => {
                    at += prefix.size;
                    Some(Ok((position, &rest[..prefix.size])))
                }
                Ok(prefix) => {
                    at = self.bytes.len();
                    let torn =
                        crate::format::FormatError::torn("batch", 0, prefix.size, rest.len());
                    Some(Err(LogError::format(&self.path, position)(torn)))
                }
                Err(error) => {
                    at = self.bytes.len();
                    Some(Err(LogError::format(&self.path, position)(error)))
                }
            }
        })
    }
}

fn read_into(
    file: &Arc<dyn File>,
    path: &Path,
    position: u64,
    want: usize,
    buffer: &mut Vec<u8>,
) -> Result<usize> {
    // Growing zeroes only what the buffer never held.
    if buffer.len() < want {
        buffer.resize(want, 0);
    }
    buffer.truncate(want);
    let read = file
        .read_at(buffer, position)
        .map_err(LogError::io("read", path))?;
    buffer.truncate(read);
    Ok(read)
}

fn rest_is_zeros(file: &Arc<dyn File>, path: &Path, from: u64, limit: u64) -> Result<bool> {
    Scanner::new(Arc::clone(file), path, from, limit)
        .next_batch()
        .map(|found| found.is_err())
}

enum Whole {
    /// So many bytes are whole batches.
    Bytes(usize),
    /// Not even the first one is whole: it takes so many bytes.
    Needs(usize),
}

/// How much of the bytes is whole batches. What cannot be a batch is an error only
/// where it comes first, so that those before it are still handed out.
fn whole_batches(bytes: &[u8]) -> crate::format::Result<Whole> {
    let mut end = 0;
    while bytes.len() - end >= PREFIX_SIZE {
        match Prefix::parse(&bytes[end..]) {
            Ok(prefix) if prefix.size <= bytes.len() - end => end += prefix.size,
            Ok(prefix) if end == 0 => return Ok(Whole::Needs(prefix.size)),
            Ok(_) => break,
            Err(error) if end == 0 => return Err(error),
            Err(_) => break,
        }
    }
    if end == 0 {
        return Ok(Whole::Needs(PREFIX_SIZE));
    }
    Ok(Whole::Bytes(end))
}
