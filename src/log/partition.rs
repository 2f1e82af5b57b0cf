//! A partition open for appending, by one of many processes at once.
//!
//! Whoever appends holds the partition's lock: the first byte of
//! `partition.metadata`, exclusively, while it looks at what others appended, gives
//! its batches the next offsets and writes them. So batches of many processes come
//! out whole, one behind the other, without gaps.
//!
//! Invariants, while the lock is held and caught up:
//! - `active` is the last segment and `active.next()` the log end offset;
//! - every batch of the log has been seen by `producers` and `epochs`;
//! - a segment that is not the last is never written to again.
//!
//! Three ends are told apart: the log end offset ([`Partition::end`]), the high
//! watermark (up to where replicas agree: here the end, as this is the only one)
//! and the last stable offset ([`Partition::last_stable`]).

mod aborted;
mod behind;
mod config;
mod head;
mod listing;
mod noted;
mod replay;

pub use behind::Behind;
pub use config::SegmentConfig;
pub use head::{left_to_remove, remove_files};
pub(crate) use listing::Listing;
pub(crate) use noted::{Noted, marker_of};

use super::error::{LogError, Result};
use super::layout::{LEADER_EPOCHS, PARTITION_METADATA, Suffix, TopicPartition, segment_file};
use super::producer_states::{ProducerStates, Refusal, Verdict};
use super::scan::Summary;
use super::segment::ActiveSegment;
use crate::format::batch::{Header, UncheckedBatch, patch_base_offset, patch_leader_epoch};
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::offset_index::RelativeOffset;
use crate::format::producer_snapshot;
use crate::format::{LeaderEpoch, Offset, Timestamp};
use crate::host::{Durability, File, Host, Lock, LockRange, Open, Wait};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The byte of `partition.metadata` whose lock is the right to append.
const APPEND: LockRange = LockRange {
    start: 0,
    length: 1,
};

/// From so many segments on, one call that syncs the whole file system is cheaper
/// than a few for each.
const SYNC_ALL_FROM: usize = 16;

/// How batches get their offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// One behind the other from the log end offset on.
    Next,
    /// Likewise, as a client sends them over the wire: those of a transaction only where
    /// it is open here.
    Ongoing,
    /// Likewise, where the coordinator has just taken the partition into the transaction.
    /// `from_zero` where the producer's numbers have to begin at 0.
    Joining {
        /// Whether the first sequence number of a producer that is not known has to be 0.
        from_zero: bool,
    },
    /// Likewise, from a coordinator: only the producer's epoch is looked at.
    Coordinator,
    /// As their base offsets say, which must not go back.
    Keep,
}

/// Where batches went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub first: Offset,
    /// The offset behind the last record.
    pub next: Offset,
}

/// A partition open for appending.
pub struct Partition {
    host: Arc<dyn Host>,
    directory: PathBuf,
    name: TopicPartition,
    config: SegmentConfig,
    epoch: LeaderEpoch,
    /// None where the partition is held.
    lock: Option<Arc<dyn File>>,
    active: ActiveSegment,
    epochs: LeaderEpochs,
    producers: ProducerStates,
    unsynced: BTreeSet<Offset>,
    sync_failed: bool,
    is_stale: bool,
    /// No other process appends.
    is_sole: bool,
    epochs_unsynced: bool,
    directory_unsynced: bool,
    batches: Vec<(usize, Summary)>,
}

impl Partition {
    /// Opens the partition in `directory`, which exists and holds
    /// `partition.metadata`. `start` is the base offset of its first segment where
    /// it has none yet.
    pub fn open(
        host: &Arc<dyn Host>,
        directory: &Path,
        name: TopicPartition,
        config: SegmentConfig,
        epoch: LeaderEpoch,
        start: Offset,
    ) -> Result<Self> {
        let lock_path = directory.join(PARTITION_METADATA);
        let lock = host
            .open(&lock_path, Open::Write)
            .map_err(LogError::io("open", &lock_path))?;
        take(&lock, &lock_path)?;
        let listing = Listing::read(&**host, directory)?;
        let base = listing.segments.last().copied().unwrap_or(start);
        let active = ActiveSegment::open(host, directory, base, config.index_interval)?;
        let epochs = read_epochs(&**host, directory)?;
        let mut partition = Self {
            host: Arc::clone(host),
            directory: directory.to_owned(),
            name,
            config,
            epoch,
            lock: Some(lock),
            active,
            epochs,
            producers: ProducerStates::default(),
            unsynced: BTreeSet::new(),
            sync_failed: false,
            is_stale: false,
            is_sole: false,
            epochs_unsynced: true,
            directory_unsynced: true,
            batches: Vec::new(),
        };
        partition.load_producers(&listing)?;
        partition.release()?;
        Ok(partition)
    }

    /// Its topic and number.
    pub const fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The log end offset, as of the last append or [`Partition::refresh`].
    pub const fn end(&self) -> Offset {
        self.active.next()
    }

    /// The last stable offset: before it every transaction is decided. Never above
    /// the high watermark, which is the end.
    pub fn last_stable(&self) -> Offset {
        self.producers.first_open().unwrap_or(self.end())
    }

    /// What is known of its producers.
    pub const fn producers(&self) -> &ProducerStates {
        &self.producers
    }

    /// From here on an append asks for no lock and looks at no file: for a server, which
    /// has the data directory to itself.
    pub fn hold(&mut self) -> Result<()> {
        self.refresh()?;
        self.is_sole = true;
        self.lock = None;
        Ok(())
    }

    /// Appends from here on as a changed configuration says.
    pub const fn configure(&mut self, config: SegmentConfig) {
        self.config = config;
    }

    /// The epoch in which batches are appended.
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// The leader's epochs.
    pub const fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// The last segment: its first offset, its `.log`, and how long that is.
    pub fn active(&self) -> (Offset, &Arc<dyn File>, u64) {
        (self.active.base(), self.active.log(), self.active.size())
    }

    /// The latest time of a record in the last segment, with the last offset of the
    /// record's batch.
    pub const fn latest(&self) -> Option<(Timestamp, Offset)> {
        self.active.latest()
    }

    /// Takes note of what other processes appended.
    pub fn refresh(&mut self) -> Result<()> {
        self.locked(|_| Ok(()))
    }

    /// Appends whole v2 batches that stand one behind the other in `bytes`; their
    /// offsets and leader epochs are set in place. With [`Placement::Keep`] each
    /// keeps its base offset.
    ///
    /// Readers see them once this returns. They survive the death of the process
    /// then, and a power cut once [`Partition::sync`] has returned.
    ///
    /// # Errors
    /// `OffsetTaken`, `Producer` where sequence numbers do not follow, `Damaged`
    /// where `bytes` are no batches: nothing was appended. `Io`: the batch that
    /// failed and those behind it were not appended.
    pub fn append(&mut self, bytes: &mut [u8], placement: Placement) -> Result<Appended> {
        self.locked(|partition| partition.append_locked(bytes, placement))
    }

    /// Appends without looking at locks, offsets of others or producers: what
    /// [`Partition::append`] does once it holds the lock.
    fn append_locked(&mut self, bytes: &mut [u8], placement: Placement) -> Result<Appended> {
        let mut batches = std::mem::take(&mut self.batches);
        batches.clear();
        let outcome = self
            .place(bytes, placement, &mut batches)
            .and_then(|()| self.write(bytes, &batches));
        let first = batches.first().map_or(self.end(), |(_, b)| b.base_offset);
        self.batches = batches;
        outcome?;
        Ok(Appended {
            first,
            next: self.end(),
        })
    }

    /// Makes everything appended so far durable: segments, indexes, and the names of
    /// new files.
    ///
    /// # Errors
    /// `Io`. It is final: the system may forget what it failed to write, so every
    /// later call fails as well.
    pub fn sync(&mut self) -> Result<()> {
        if self.sync_failed {
            let lost = "an earlier sync failed, what was written before it may be lost";
            let source = std::io::Error::other(lost);
            return Err(LogError::io("sync", &self.directory)(source));
        }
        let outcome = self.sync_unsynced();
        self.sync_failed = outcome.is_err();
        outcome
    }

    fn sync_unsynced(&mut self) -> Result<()> {
        if self.unsynced.len() >= SYNC_ALL_FROM {
            self.host
                .sync_all(&self.directory)
                .map_err(LogError::io("sync", &self.directory))?;
            self.assume_synced();
            return Ok(());
        }
        for base in std::mem::take(&mut self.unsynced) {
            if base == self.active.base() {
                self.active.sync()?;
                self.sync_files(base, &[Suffix::TxnIndex, Suffix::Snapshot])?;
            } else {
                self.sync_files(base, &Suffix::OF_A_SEGMENT)?;
            }
        }
        if self.epochs_unsynced {
            sync_file(&*self.host, &self.directory.join(LEADER_EPOCHS))?;
            self.epochs_unsynced = false;
        }
        if self.directory_unsynced {
            self.host
                .sync_dir(&self.directory)
                .map_err(LogError::io("sync", &self.directory))?;
            self.directory_unsynced = false;
        }
        Ok(())
    }

    /// Forgets what is not synced yet: the caller has synced the whole file system.
    pub fn assume_synced(&mut self) {
        self.unsynced.clear();
        self.epochs_unsynced = false;
        self.directory_unsynced = false;
    }

    /// Ends the session as a clean stop does: the time index gets its last entry,
    /// and a producer snapshot at the end replaces those of earlier stops.
    /// [`Partition::sync`] makes it durable.
    pub fn seal(&mut self, durability: Durability) -> Result<()> {
        self.locked(|partition| {
            partition.active.seal()?;
            partition.unsynced.insert(partition.active.base());
            let listing = Listing::read(&*partition.host, &partition.directory)?;
            let end = partition.end();
            if !listing.snapshots.contains(&end) {
                partition.write_snapshot(end, durability)?;
            }
            for stray in &listing.snapshots {
                if *stray != end && listing.segments.binary_search(stray).is_err() {
                    let path = segment_file(&partition.directory, *stray, Suffix::Snapshot);
                    partition
                        .host
                        .remove_file(&path)
                        .map_err(LogError::io("remove", &path))?;
                }
            }
            Ok(())
        })
    }

    /// Runs `work` under the partition's lock; it is handed the means to append.
    pub(crate) fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut dyn FnMut(&mut [u8], Placement) -> Result<Appended>) -> Result<T>,
    ) -> Result<T> {
        self.locked(|partition| {
            work(&mut |bytes, placement| partition.append_locked(bytes, placement))
        })
    }

    /// Makes everything behind `synced`, whoever appended it, durable with the next
    /// [`Partition::sync`].
    pub(crate) fn distrust(&mut self, synced: Offset) -> Result<()> {
        let segments = Listing::read(&*self.host, &self.directory)?.segments;
        let first = segments.partition_point(|base| *base <= synced);
        self.unsynced
            .extend(segments.iter().skip(first.saturating_sub(1)).copied());
        self.directory_unsynced = true;
        Ok(())
    }

    /// Runs `work` under the partition's lock, caught up with other processes.
    fn locked<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.is_sole {
            if self.is_stale {
                self.reload()?;
            }
            let outcome = work(self);
            self.is_stale |= matches!(outcome, Err(LogError::Io { .. }));
            return outcome;
        }
        if let Some(lock) = &self.lock {
            take(lock, &self.directory.join(PARTITION_METADATA))?;
        }
        let outcome = self.catch_up().and_then(|()| work(self));
        // Half of what was done may be known here: the next one looks again.
        self.is_stale |= matches!(outcome, Err(LogError::Io { .. }));
        self.release()?;
        outcome
    }

    /// Looks at the last segment anew.
    fn reload(&mut self) -> Result<()> {
        let listing = Listing::read(&*self.host, &self.directory)?;
        let known = self.active.base();
        let base = listing.segments.last().copied().unwrap_or(known);
        let interval = self.config.index_interval;
        self.active = ActiveSegment::open(&self.host, &self.directory, base, interval)?;
        let since = listing.segments.iter().filter(|base| **base >= known);
        self.unsynced.extend(since);
        self.directory_unsynced = true;
        self.epochs = read_epochs(&*self.host, &self.directory)?;
        self.load_producers(&listing)?;
        self.is_stale = false;
        Ok(())
    }

    fn release(&self) -> Result<()> {
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        lock.unlock(APPEND).map_err(LogError::io(
            "unlock",
            &self.directory.join(PARTITION_METADATA),
        ))
    }

    /// Sees what others appended, and the segments that they rolled.
    fn catch_up(&mut self) -> Result<()> {
        if self.is_stale {
            self.reload()?;
        }
        loop {
            if self.active.has_grown()? {
                let mut seen = Vec::new();
                self.active.catch_up_to_end(|found| {
                    seen.push(Noted::of(found)?);
                    Ok(())
                })?;
                for noted in &seen {
                    self.note(noted)?;
                }
            }
            // Whoever rolls names the next segment after the end of this one.
            let next = self.active.next();
            if next == self.active.base() || !self.exists(next)? {
                return Ok(());
            }
            self.unsynced.insert(self.active.base());
            self.active = ActiveSegment::open(
                &self.host,
                &self.directory,
                next,
                self.config.index_interval,
            )?;
            self.epochs = read_epochs(&*self.host, &self.directory)?;
            self.replay(next, next)?;
            // What is durable here must not stand behind what is not: whoever rolled
            // may never sync.
            self.unsynced.insert(next);
            self.directory_unsynced = true;
        }
    }

    fn exists(&self, base: Offset) -> Result<bool> {
        let path = segment_file(&self.directory, base, Suffix::Log);
        match self.host.stat(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(LogError::io("look at", &path)(error)),
        }
    }

    /// Checks the batches, gives them offsets and the leader's epoch.
    fn place(
        &self,
        bytes: &mut [u8],
        placement: Placement,
        batches: &mut Vec<(usize, Summary)>,
    ) -> Result<()> {
        let mut ahead = BTreeMap::new();
        let mut next = self.end();
        let mut start = 0;
        while start < bytes.len() {
            let at = LogError::format(self.active.path(), self.active.size() + start as u64);
            let mut header = Header::parse(&bytes[start..]).map_err(at)?;
            let size = header.size;
            if size > bytes.len() - start {
                let torn = crate::format::FormatError::torn("batch", 0, size, bytes.len() - start);
                return Err(LogError::format(self.active.path(), self.active.size())(
                    torn,
                ));
            }
            let batch = &mut bytes[start..start + size];
            match placement {
                Placement::Next
                | Placement::Ongoing
                | Placement::Joining { .. }
                | Placement::Coordinator => {
                    let span = header.last_offset.get() - header.base_offset.get();
                    header.base_offset = next;
                    header.last_offset = next.checked_add(span).ok_or_else(|| {
                        LogError::Invalid(format!("{} is full: no offset is left", self.name))
                    })?;
                    patch_base_offset(batch, next);
                }
                Placement::Keep if header.base_offset < next => {
                    return Err(LogError::OffsetTaken {
                        partition: self.directory.clone(),
                        offset: header.base_offset,
                        end: next,
                    });
                }
                Placement::Keep => {}
            }
            patch_leader_epoch(batch, self.epoch);
            header.leader_epoch = Some(self.epoch);
            if let Some(producer) = header.producer {
                // The batches before this one are not in the log yet.
                let known = ahead
                    .entry(producer.id)
                    .or_insert_with(|| self.producers.only(producer.id));
                self.check_producer(known, &header, placement)?;
                if !header.attributes.is_control() {
                    known.update(&header);
                }
            }
            next = header.next_offset();
            batches.push((start, Summary::of(&header)));
            start += size;
        }
        Ok(())
    }

    fn check_producer(
        &self,
        known: &ProducerStates,
        header: &Header,
        placement: Placement,
    ) -> Result<()> {
        let verdict = match placement {
            Placement::Coordinator => known.check_epoch(header),
            Placement::Ongoing => known.check_ongoing(header),
            Placement::Joining { from_zero } => known.check_joining(header, from_zero),
            Placement::Next | Placement::Keep => known.check(header),
        };
        match verdict {
            Verdict::Append => Ok(()),
            Verdict::Duplicate {
                first_offset: first,
                last_offset,
            } => Err(LogError::Producer {
                partition: self.directory.clone(),
                producer: header.producer.map_or(-1, |p| p.id.get()),
                refusal: Refusal::Duplicate {
                    first,
                    last: last_offset,
                },
                expected: "a new batch".to_owned(),
                found: format!("the one that is there up to offset {last_offset}"),
            }),
            Verdict::Refuse {
                refusal,
                expected,
                found,
            } => Err(LogError::Producer {
                partition: self.directory.clone(),
                producer: header.producer.map_or(-1, |p| p.id.get()),
                refusal,
                expected,
                found,
            }),
        }
    }

    /// Writes placed batches, rolling where the configuration asks for it.
    fn write(&mut self, bytes: &[u8], batches: &[(usize, Summary)]) -> Result<()> {
        let mut rest = batches;
        while let Some((start, first)) = rest.first() {
            let end_of = |number: usize| rest.get(number + 1).map_or(bytes.len(), |(at, _)| *at);
            if self.must_roll((end_of(0) - start) as u64, first) {
                self.roll(first.base_offset)?;
            }
            let mut count = 1;
            while let Some((_, next)) = rest.get(count)
                && !self.would_roll((end_of(count) - start) as u64, next)
            {
                count += 1;
            }
            let end = end_of(count - 1);
            let run: Vec<_> = rest[..count]
                .iter()
                .map(|(at, b)| (at - start, *b))
                .collect();
            for (_, summary) in &run {
                self.note_epoch(summary)?;
            }
            self.append_run(&bytes[*start..end], &run)?;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Writes batches that belong into one segment, or none of them. An aborted
    /// transaction comes to its index first: whoever sees the marker must find it
    /// there. Without the marker the transaction is open, and nobody asks.
    fn append_run(&mut self, bytes: &[u8], run: &[(usize, Summary)]) -> Result<()> {
        let mut noted = Vec::with_capacity(run.len());
        for (at, _) in run {
            let batch = UncheckedBatch::parse(&bytes[*at..])
                .map_err(LogError::format(self.active.path(), 0))?;
            noted.push(Noted::of_batch(&batch)?);
        }
        let has_marker = noted.iter().any(|noted| noted.marker.is_some());
        let aborted_before = if has_marker {
            self.aborted_length()?
        } else {
            0
        };
        let outcome = noted
            .iter()
            .try_for_each(|noted| self.note_producer(noted))
            .and_then(|()| self.active.append(bytes, run));
        if outcome.is_err() {
            // The producers are as if it had been appended.
            self.is_stale = true;
            let path = segment_file(&self.directory, self.active.base(), Suffix::TxnIndex);
            if has_marker && let Ok(file) = self.host.open(&path, Open::Write) {
                let _ = file.set_len(aborted_before);
            }
        }
        self.unsynced.insert(self.active.base());
        outcome
    }

    /// Takes note of a batch that another process appended.
    fn note(&mut self, noted: &Noted) -> Result<()> {
        self.note_epoch(&noted.summary)?;
        self.note_producer(noted)
    }

    /// Takes note of a batch's epoch. Before the batch is in the log: an epoch that
    /// begins where the log ends does no harm, one that is not known does.
    fn note_epoch(&mut self, batch: &Summary) -> Result<()> {
        if let Some(epoch) = batch.leader_epoch
            && self.epochs.assign(epoch, batch.base_offset)
        {
            let path = self.directory.join(LEADER_EPOCHS);
            self.host
                .replace(&path, &self.epochs.to_bytes(), Durability::None)
                .map_err(LogError::io("replace", &path))?;
            self.epochs_unsynced = true;
            self.directory_unsynced = true;
        }
        Ok(())
    }

    /// Takes note of the producer of a batch.
    fn note_producer(&mut self, noted: &Noted) -> Result<()> {
        let Some(header) = &noted.header else {
            return Ok(());
        };
        match noted.marker {
            None if !header.attributes.is_control() => self.producers.update(header),
            None => {}
            Some((commit, coordinator)) => {
                if let Some(aborted) = self.producers.end_transaction(header, commit, coordinator) {
                    self.add_aborted(self.active.base(), &aborted)?;
                }
            }
        }
        Ok(())
    }

    fn must_roll(&self, bytes: u64, batch: &Summary) -> bool {
        self.active.size() > 0 && self.would_roll(bytes, batch)
    }

    /// Whether `bytes` more, ending in `batch`, belong into the next segment.
    fn would_roll(&self, bytes: u64, batch: &Summary) -> bool {
        let too_large = self.active.size() + bytes > self.config.segment_bytes;
        let too_old = match (batch.max_timestamp, self.active.first_time()) {
            (Some(time), Some(first)) => {
                time.get().saturating_sub(first.get()) > self.config.segment_ms
            }
            _ => false,
        };
        let too_far = RelativeOffset::of(self.active.base(), batch.last_offset).is_none();
        too_large || too_old || too_far || self.active.index_bytes() + 12 > self.config.index_bytes
    }

    /// Starts the next segment at `base`, with a snapshot of the producers. The old
    /// one is complete from here on.
    fn roll(&mut self, base: Offset) -> Result<()> {
        self.active.seal()?;
        self.write_snapshot(base, Durability::None)?;
        self.directory_unsynced = true;
        self.unsynced.insert(self.active.base());
        self.active = ActiveSegment::open(
            &self.host,
            &self.directory,
            base,
            self.config.index_interval,
        )?;
        self.unsynced.insert(base);
        Ok(())
    }

    fn write_snapshot(&self, at: Offset, durability: Durability) -> Result<()> {
        let path = segment_file(&self.directory, at, Suffix::Snapshot);
        let bytes = producer_snapshot::encode(&self.producers.to_snapshot())
            .map_err(LogError::format(&path, 0))?;
        self.host
            .replace(&path, &bytes, durability)
            .map_err(LogError::io("write", &path))
    }

    /// Syncs those of a segment's files that there are.
    fn sync_files(&self, base: Offset, suffixes: &[Suffix]) -> Result<()> {
        for suffix in suffixes {
            sync_file(&*self.host, &segment_file(&self.directory, base, *suffix))?;
        }
        Ok(())
    }
}

/// Syncs a file, if it is there.
fn sync_file(host: &dyn Host, path: &Path) -> Result<()> {
    match host.open(path, Open::Write) {
        Ok(file) => file.sync().map_err(LogError::io("sync", path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(LogError::io("open", path)(error)),
    }
}

fn take(lock: &Arc<dyn File>, path: &Path) -> Result<()> {
    lock.lock(APPEND, Lock::Exclusive, Wait::Yes)
        .map_err(LogError::io("lock", path))?;
    Ok(())
}

pub(crate) fn read_epochs(host: &dyn Host, directory: &Path) -> Result<LeaderEpochs> {
    let path = directory.join(LEADER_EPOCHS);
    match host.read(&path, 64 << 20) {
        Ok(bytes) => LeaderEpochs::parse(&bytes).map_err(LogError::format(&path, 0)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LeaderEpochs::new()),
        Err(error) => Err(LogError::io("read", &path)(error)),
    }
}
