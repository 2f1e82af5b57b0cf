//! One segment: a `.log` and the indexes beside it, looked up page by page.
//!
//! Invariants of the appending end ([`ActiveSegment`]): an index entry is written
//! after the batch it points to, never before; entries ascend; what the indexes
//! lack costs a longer scan and nothing else.

use super::error::{LogError, Result};
use super::layout::{Suffix, segment_file};
use super::scan::{Found, Scanner, Stop, Summary};
use crate::format::offset_index::{self, OffsetIndexEntry, RelativeOffset};
use crate::format::time_index::{self, TimeIndexEntry};
use crate::format::{Offset, Timestamp};
use crate::host::{File, Host, Open};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PAGE: usize = 4096;

/// Reads a file of entries by pages, keeping the last one.
struct Pages {
    file: Arc<dyn File>,
    path: PathBuf,
    page: Option<u64>,
    bytes: Vec<u8>,
}

impl Pages {
    fn open(host: &dyn Host, path: PathBuf) -> Result<Option<(Self, u64)>> {
        let file = match host.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io("open", &path)(error)),
        };
        let length = file.len().map_err(LogError::io("measure", &path))?;
        let pages = Self {
            file,
            path,
            page: None,
            bytes: Vec::new(),
        };
        Ok(Some((pages, length)))
    }

    /// The `SIZE` bytes of entry `number`. Entries may cross a page's edge.
    fn entry<const SIZE: usize>(&mut self, number: u64) -> Result<[u8; SIZE]> {
        let mut entry = [0; SIZE];
        let start = number * SIZE as u64;
        for (at, byte) in (start..).zip(entry.iter_mut()) {
            let page = at / PAGE as u64;
            if self.page != Some(page) {
                self.bytes.resize(PAGE, 0);
                let read = self
                    .file
                    .read_at(&mut self.bytes, page * PAGE as u64)
                    .map_err(LogError::io("read", &self.path))?;
                self.bytes[read..].fill(0);
                self.page = Some(page);
            }
            *byte = self.bytes[at as usize % PAGE];
        }
        Ok(entry)
    }
}

/// A segment to be read: nothing is opened until it is asked for.
#[derive(Clone)]
pub struct Segment {
    host: Arc<dyn Host>,
    directory: PathBuf,
    base: Offset,
}

impl Segment {
    /// The segment of `directory` that starts at `base`.
    pub fn new(host: &Arc<dyn Host>, directory: &Path, base: Offset) -> Self {
        Self {
            host: Arc::clone(host),
            directory: directory.to_owned(),
            base,
        }
    }

    /// Its first offset, which names its files.
    pub const fn base(&self) -> Offset {
        self.base
    }

    /// The path of one of its files.
    pub fn path(&self, suffix: Suffix) -> PathBuf {
        segment_file(&self.directory, self.base, suffix)
    }

    /// Opens the `.log`; its length as well.
    pub fn open_log(&self) -> Result<(Arc<dyn File>, u64)> {
        let path = self.path(Suffix::Log);
        let file = self
            .host
            .open(&path, Open::Read)
            .map_err(LogError::io("open", &path))?;
        let length = file.len().map_err(LogError::io("measure", &path))?;
        Ok((file, length))
    }

    /// A position at or before the batch that holds `target`, by the offset index;
    /// 0 where the index does not tell.
    pub fn position_before(&self, target: Offset, log_length: u64) -> Result<u64> {
        let Some((mut pages, length)) = Pages::open(&*self.host, self.path(Suffix::Index))? else {
            return Ok(0);
        };
        let path = pages.path.clone();
        let mut read = |number: u64| {
            OffsetIndexEntry::decode(&pages.entry(number)?).map_err(LogError::format(
                &path,
                number * OffsetIndexEntry::SIZE as u64,
            ))
        };
        let count = length / OffsetIndexEntry::SIZE as u64;
        let count = offset_index::used_entries(count, &mut read)?;
        let found = offset_index::lookup(count, read, self.base, target)?;
        Ok(found
            .map_or(0, |(_, entry)| u64::from(entry.position))
            .min(log_length))
    }

    /// The largest entry of the time index, `None` where there is none.
    pub fn last_time(&self) -> Result<Option<(Timestamp, Offset)>> {
        let Some((count, mut read)) = self.time_entries()? else {
            return Ok(None);
        };
        if count == 0 {
            return Ok(None);
        }
        let last = read(count - 1)?;
        Ok(Some((
            last.timestamp,
            last.relative_offset.absolute(self.base),
        )))
    }

    /// An offset at or before the first record that is at or after `target`, by the
    /// time index; the base offset where the index does not tell.
    pub fn offset_before(&self, target: Timestamp) -> Result<Offset> {
        let Some((count, read)) = self.time_entries()? else {
            return Ok(self.base);
        };
        let found = time_index::lookup(count, read, target)?;
        Ok(found.map_or(self.base, |(_, entry)| {
            entry.relative_offset.absolute(self.base)
        }))
    }

    #[allow(clippy::type_complexity)]
    fn time_entries(
        &self,
    ) -> Result<Option<(u64, impl FnMut(u64) -> Result<TimeIndexEntry> + use<>)>> {
        let Some((mut pages, length)) = Pages::open(&*self.host, self.path(Suffix::TimeIndex))?
        else {
            return Ok(None);
        };
        let path = pages.path.clone();
        let mut read = move |number: u64| {
            TimeIndexEntry::decode(&pages.entry(number)?).map_err(LogError::format(
                &path,
                number * TimeIndexEntry::SIZE as u64,
            ))
        };
        let count = length / TimeIndexEntry::SIZE as u64;
        let count = time_index::used_entries(count, &mut read)?;
        Ok(Some((count, read)))
    }
}

/// The appending end of an index file.
struct IndexEnd<const SIZE: usize> {
    file: Arc<dyn File>,
    path: PathBuf,
    length: u64,
    pending: Vec<u8>,
}

impl<const SIZE: usize> IndexEnd<SIZE> {
    fn open(host: &dyn Host, path: PathBuf) -> Result<Self> {
        let file = host
            .open_seldom(&path, Open::Create)
            .map_err(LogError::io("open", &path))?;
        let mut end = Self {
            file,
            path,
            length: 0,
            pending: Vec::new(),
        };
        end.measure()?;
        end.cut_padding()?;
        Ok(end)
    }

    /// Cuts off the zeros that a killed Kafka leaves: it makes an index as long as it
    /// may become, and as long as it is only when it stops.
    fn cut_padding(&mut self) -> Result<()> {
        if self.last()?.is_none_or(|last| last != [0; SIZE]) {
            return Ok(());
        }
        let (mut used, mut padding) = (0, self.length / SIZE as u64 - 1);
        while used < padding {
            let middle = used.midpoint(padding);
            let mut entry = [0; SIZE];
            self.file
                .read_at(&mut entry, middle * SIZE as u64)
                .map_err(LogError::io("read", &self.path))?;
            if entry == [0; SIZE] {
                padding = middle;
            } else {
                used = middle + 1;
            }
        }
        self.length = used * SIZE as u64;
        self.file
            .set_len(self.length)
            .map_err(LogError::io("cut the padding off", &self.path))
    }

    fn measure(&mut self) -> Result<()> {
        let length = self
            .file
            .len()
            .map_err(LogError::io("measure", &self.path))?;
        self.length = length - length % SIZE as u64;
        if self.length < length {
            // Whoever wrote the last entry was killed over it.
            self.file
                .set_len(self.length)
                .map_err(LogError::io("cut the unfinished end off", &self.path))?;
        }
        Ok(())
    }

    fn push(&mut self, entry: [u8; SIZE]) {
        self.pending.extend_from_slice(&entry);
    }

    fn last(&self) -> Result<Option<[u8; SIZE]>> {
        if self.length == 0 {
            return Ok(None);
        }
        let mut entry = [0; SIZE];
        self.file
            .read_at(&mut entry, self.length - SIZE as u64)
            .map_err(LogError::io("read", &self.path))?;
        Ok(Some(entry))
    }

    fn write(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            self.file
                .write_at(&self.pending, self.length)
                .map_err(LogError::io("write", &self.path))?;
            self.length += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    /// Forgets entries whose batches were not appended after all.
    fn cut(&mut self, length: u64) {
        self.pending.clear();
        self.length = length;
        let _ = self.file.set_len(length);
    }

    fn sync(&self) -> Result<()> {
        self.file.sync().map_err(LogError::io("sync", &self.path))
    }
}

/// The last segment of a partition, open for appending.
pub struct ActiveSegment {
    base: Offset,
    path: PathBuf,
    log: Arc<dyn File>,
    index: IndexEnd<{ OffsetIndexEntry::SIZE }>,
    times: IndexEnd<{ TimeIndexEntry::SIZE }>,
    index_interval: u64,
    marks: Marks,
}

/// How far a segment has come.
#[derive(Debug, Clone, Copy)]
struct Marks {
    size: u64,
    next: Offset,
    /// Bytes since the batch that the last index entry points to.
    since_entry: u64,
    latest: Option<(Timestamp, Offset)>,
    indexed_time: Option<Timestamp>,
    first_time: Option<Timestamp>,
}

/// A place that an appending segment was at.
#[derive(Debug, Clone, Copy)]
struct Point {
    marks: Marks,
    index: u64,
    times: u64,
}

impl ActiveSegment {
    /// Opens, or creates where it is missing, the segment that starts at `base`, and
    /// finds its end: from the last index entry on it walks the batches, hands each
    /// to `seen`, and cuts off an unfinished write behind the last whole one.
    ///
    /// # Errors
    /// `Damaged` where what follows the last index entry is neither whole batches
    /// nor an unfinished write.
    pub fn open(
        host: &Arc<dyn Host>,
        directory: &Path,
        base: Offset,
        index_interval: u64,
    ) -> Result<Self> {
        let segment = Segment::new(host, directory, base);
        let path = segment.path(Suffix::Log);
        let log = host
            .open(&path, Open::Create)
            .map_err(LogError::io("open", &path))?;
        let mut active = Self {
            base,
            path,
            log,
            index: IndexEnd::open(&**host, segment.path(Suffix::Index))?,
            times: IndexEnd::open(&**host, segment.path(Suffix::TimeIndex))?,
            index_interval,
            marks: Marks {
                size: 0,
                next: base,
                since_entry: 0,
                latest: None,
                indexed_time: None,
                first_time: None,
            },
        };
        let length = active.measure_log()?;
        if length > 0 {
            active.marks.first_time = active.read_first_time(length)?;
            if let Some((position, latest)) = active.indexed(&segment, length)? {
                active.marks.latest = latest;
                active.marks.indexed_time = latest.map(|(time, _)| time);
                active.marks.size = position;
            } else {
                active.index.cut(0);
                active.times.cut(0);
            }
            active.catch_up(length, |_| Ok(()))?;
        }
        Ok(active)
    }

    /// Where to begin to look for the end, and the latest time up to there: what the
    /// indexes say. `None` where they do not belong to this log, as in a copy that
    /// was made while it grew: to trust them would cut it or give offsets twice.
    #[allow(clippy::type_complexity)]
    fn indexed(
        &self,
        segment: &Segment,
        length: u64,
    ) -> Result<Option<(u64, Option<(Timestamp, Offset)>)>> {
        let found = segment
            .position_before(Offset::new(i64::MAX), length)
            .and_then(|position| Ok((position, segment.last_time()?)));
        let (position, latest) = match found {
            Ok(found) => found,
            Err(LogError::Damaged { .. } | LogError::Torn { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut scanner =
            Scanner::new(Arc::clone(&self.log), &self.path, position, length).with_chunk(PAGE);
        let is_there = match scanner.next_batch() {
            Ok(Ok(found)) => found.check().is_ok(),
            // Without an entry there is nothing to be wrong.
            Ok(Err(_)) | Err(LogError::Damaged { .. }) => position == 0,
            Err(error) => return Err(error),
        };
        Ok((is_there || position == 0).then_some((position, latest)))
    }

    /// Its first offset.
    pub const fn base(&self) -> Offset {
        self.base
    }

    /// The path of its `.log`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The `.log`.
    pub const fn log(&self) -> &Arc<dyn File> {
        &self.log
    }

    /// Bytes in its `.log`.
    pub const fn size(&self) -> u64 {
        self.marks.size
    }

    /// The offset behind its last batch.
    pub const fn next(&self) -> Offset {
        self.marks.next
    }

    /// The latest time of a record in it, with the last offset of the record's batch.
    pub const fn latest(&self) -> Option<(Timestamp, Offset)> {
        self.marks.latest
    }

    /// The latest time in its first batch, from which `segment.ms` counts.
    pub const fn first_time(&self) -> Option<Timestamp> {
        self.marks.first_time
    }

    /// Bytes in the larger of its indexes.
    pub const fn index_bytes(&self) -> u64 {
        if self.index.length > self.times.length {
            self.index.length
        } else {
            self.times.length
        }
    }

    /// Whether batches were appended that this does not know of.
    pub fn has_grown(&self) -> Result<bool> {
        Ok(self.measure_log()? != self.marks.size)
    }

    /// Takes note of what others appended, handing each batch to `seen`; cuts off
    /// an unfinished write. The caller holds the partition's lock.
    pub fn catch_up_to_end(&mut self, seen: impl FnMut(&Found<'_>) -> Result<()>) -> Result<()> {
        let length = self.measure_log()?;
        if length < self.marks.size {
            // Someone cut off what they could not finish; never below what was whole.
            return Err(LogError::Invalid(format!(
                "{} became shorter: expected {} bytes or more, found {length}; was it replaced?",
                self.path.display(),
                self.marks.size
            )));
        }
        self.index.measure()?;
        self.times.measure()?;
        if let Some(entry) = self.times.last()? {
            let entry = TimeIndexEntry::decode(&entry)
                .map_err(LogError::format(&self.times.path, self.times.length))?;
            self.marks.indexed_time = Some(entry.timestamp);
        }
        self.catch_up(length, seen)
    }

    fn catch_up(
        &mut self,
        length: u64,
        mut seen: impl FnMut(&Found<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut scanner = Scanner::new(Arc::clone(&self.log), &self.path, self.marks.size, length);
        let stop = loop {
            match scanner.next_batch()? {
                Err(stop) => break stop,
                Ok(found) => {
                    let last_and_torn = found.end() == length && found.check().is_err();
                    if last_and_torn {
                        break Stop::Torn;
                    }
                    let at = LogError::format(&self.path, found.position);
                    let summary = found.summary().map_err(at)?;
                    self.note(&summary, found.prefix.size as u64);
                    self.marks.size = found.end();
                    seen(&found)?;
                }
            }
        };
        if stop == Stop::Torn {
            self.log
                .set_len(self.marks.size)
                .map_err(LogError::io("cut the unfinished end off", &self.path))?;
        }
        // How far back the last index entry is is not known; the interval starts anew.
        self.marks.since_entry = self.marks.since_entry.min(self.index_interval);
        Ok(())
    }

    /// Writes whole batches at the end. `batches` says where each starts in `bytes`
    /// and what is in it. Durable once [`ActiveSegment::sync`] has returned.
    ///
    /// # Errors
    /// `Io`; the `.log` is then as it was.
    pub fn append(&mut self, bytes: &[u8], batches: &[(usize, Summary)]) -> Result<()> {
        let before = self.point();
        let outcome = self
            .log
            .write_at(bytes, self.marks.size)
            .map_err(LogError::io("append to", &self.path))
            .and_then(|()| self.write_entries(bytes, batches));
        if outcome.is_err() {
            // Whatever of it was written goes: a failed append leaves the log as it was.
            self.roll_back(before);
        }
        outcome
    }

    /// How far it has come, to go back to.
    const fn point(&self) -> Point {
        Point {
            marks: self.marks,
            index: self.index.length,
            times: self.times.length,
        }
    }

    /// Takes away what was appended since, as well as the disk allows.
    fn roll_back(&mut self, to: Point) {
        self.marks = to.marks;
        let _ = self.log.set_len(to.marks.size);
        self.index.cut(to.index);
        self.times.cut(to.times);
    }

    fn write_entries(&mut self, bytes: &[u8], batches: &[(usize, Summary)]) -> Result<()> {
        for (number, (start, summary)) in batches.iter().enumerate() {
            let end = batches
                .get(number + 1)
                .map_or(bytes.len(), |(next, _)| *next);
            let earlier = self.marks.since_entry;
            self.note(summary, (end - start) as u64);
            if earlier > self.index_interval {
                self.add_entries(summary.last_offset, self.marks.size + *start as u64);
                self.marks.since_entry = (end - start) as u64;
            }
        }
        self.marks.size += bytes.len() as u64;
        self.index.write()?;
        self.times.write()
    }

    /// Adds the last entry to the time index, so that its end tells the latest time:
    /// before the segment is rolled or closed.
    pub fn seal(&mut self) -> Result<()> {
        self.add_time_entry();
        self.times.write()
    }

    /// Makes everything appended so far durable, indexes included.
    pub fn sync(&self) -> Result<()> {
        self.log.sync().map_err(LogError::io("sync", &self.path))?;
        self.index.sync()?;
        self.times.sync()
    }

    fn note(&mut self, summary: &Summary, size: u64) {
        self.marks.next = summary.last_offset.next();
        self.marks.since_entry += size;
        if self.marks.first_time.is_none() {
            self.marks.first_time = summary.max_timestamp;
        }
        if let Some(time) = summary.max_timestamp
            && self.marks.latest.is_none_or(|(latest, _)| time > latest)
        {
            self.marks.latest = Some((time, summary.last_offset));
        }
    }

    fn add_entries(&mut self, last_offset: Offset, position: u64) {
        if let (Some(relative_offset), Ok(position)) = (
            RelativeOffset::of(self.base, last_offset),
            u32::try_from(position),
        ) {
            let entry = OffsetIndexEntry {
                relative_offset,
                position,
            };
            self.index.push(entry.encode());
        }
        self.add_time_entry();
    }

    fn add_time_entry(&mut self) {
        if let Some((time, offset)) = self.marks.latest
            && self.marks.indexed_time.is_none_or(|indexed| time > indexed)
            && let Some(relative_offset) = RelativeOffset::of(self.base, offset)
        {
            let entry = TimeIndexEntry {
                timestamp: time,
                relative_offset,
            };
            self.times.push(entry.encode());
            self.marks.indexed_time = Some(time);
        }
    }

    fn measure_log(&self) -> Result<u64> {
        self.log.len().map_err(LogError::io("measure", &self.path))
    }

    fn read_first_time(&self, length: u64) -> Result<Option<Timestamp>> {
        let mut scanner =
            Scanner::new(Arc::clone(&self.log), &self.path, 0, length).with_chunk(PAGE);
        match scanner.next_batch()? {
            Ok(found) => {
                let at = LogError::format(&self.path, 0);
                Ok(found.summary().map_err(at)?.max_timestamp)
            }
            Err(_) => Ok(None),
        }
    }
}
