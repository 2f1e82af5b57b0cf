//! The metadata log to be looked at: record by record, and what it added up to at
//! any offset that its segments and snapshots still reach. Damage is passed over, and
//! told beside what was read around it.

use super::data_dir::MOST_SMALL_FILE;
use super::error::{LogError, Result};
use super::image::Image;
use super::layout::{QUORUM_STATE, Suffix, segment_file};
use super::partition::Listing;
use super::scan::{Found, Scanner, Stop};
use super::sweep::{self, Skipped, Swept};
use crate::format::any_batch::AnyBatch;
use crate::format::batch::{Scratch, UncheckedBatch};
use crate::format::control::ControlRecord;
use crate::format::metadata::VersionedRecord;
use crate::format::quorum_state::{QuorumState, QuorumStateVersion};
use crate::format::{FormatError, LeaderEpoch, Offset, Timestamp};
use crate::host::{Host, Open};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A record of the metadata log or of a snapshot.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The file.
    pub path: &'a Path,
    /// Where its batch starts in the file.
    pub position: u64,
    /// Its offset; in a snapshot, its place there.
    pub offset: Offset,
    /// The epoch of the leader that wrote it.
    pub epoch: Option<LeaderEpoch>,
    /// When it was written.
    pub timestamp: Option<Timestamp>,
    /// What it says.
    pub said: Said<'a>,
}

/// What a record says.
#[derive(Debug)]
pub enum Said<'a> {
    /// Of the quorum.
    Control(ControlRecord<'a>),
    /// Of the cluster.
    Record(VersionedRecord),
}

/// Where records are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The directory of the partition.
    Directory(PathBuf),
    /// A `.log` or `.checkpoint` file.
    File(PathBuf),
}

/// What the metadata was at an offset.
#[derive(Debug, Default)]
pub struct ImageAt {
    /// The metadata.
    pub image: Image,
    /// The offset of the last record that is in it.
    pub offset: Option<Offset>,
    /// The epoch of that record.
    pub epoch: Option<LeaderEpoch>,
    /// When that record was written.
    pub timestamp: Option<Timestamp>,
    /// The snapshot that it begins with.
    pub snapshot: Option<PathBuf>,
    /// How many records were read, those of the snapshot included.
    pub records: u64,
    /// What is not in it: places that cannot be read, and offsets that are missing.
    /// What changes something that was lost says nothing.
    pub damage: Vec<Skipped>,
}

/// What is handed each record, and says when it is enough.
pub type Each<'f> = dyn FnMut(&Entry<'_>) -> ControlFlow<()> + 'f;

/// Hands on each record of the log from an offset on. The damage that ends it is
/// returned, unless it is an unfinished write at the end of the log.
///
/// # Errors
/// Where the directory cannot be listed or a file not read.
pub fn each_record(
    host: &Arc<dyn Host>,
    source: &Source,
    from: Offset,
    each: &mut Each<'_>,
) -> Result<Option<LogError>> {
    let directory = match source {
        Source::File(path) => {
            let is_log = path.extension().is_some_and(|suffix| suffix == "log");
            return done(read_file(host, path, from, is_log, each));
        }
        Source::Directory(directory) => directory,
    };
    let segments = Listing::read(&**host, directory)?.segments;
    let first = segments
        .partition_point(|base| *base <= from)
        .saturating_sub(1);
    for (at, base) in segments.iter().enumerate().skip(first) {
        let path = segment_file(directory, *base, Suffix::Log);
        match read_file(host, &path, from, at + 1 == segments.len(), each) {
            Ok(ControlFlow::Continue(())) => {}
            end => return done(end),
        }
    }
    Ok(None)
}

fn done(end: Result<ControlFlow<()>>) -> Result<Option<LogError>> {
    match end {
        Ok(_) => Ok(None),
        Err(error @ LogError::Io { .. }) => Err(error),
        Err(error) => Ok(Some(error)),
    }
}

fn read_file(
    host: &Arc<dyn Host>,
    path: &Path,
    from: Offset,
    may_be_torn: bool,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>> {
    let file = host
        .open(path, Open::Read)
        .map_err(LogError::io("open", path))?;
    let length = file.len().map_err(LogError::io("measure", path))?;
    let mut scanner = Scanner::new(file, path, 0, length);
    let mut scratch = Scratch::new();
    loop {
        let at = scanner.position();
        match scanner.next_batch()? {
            Ok(found) => {
                let skipped = found
                    .summary()
                    .is_ok_and(|summary| summary.last_offset < from);
                if skipped {
                    continue;
                }
                let mut decoded = |_, entry: crate::format::Result<Entry<'_>>| Ok(each(&entry?));
                let flow = read_batch(path, &found, from, &mut scratch, &mut decoded)
                    .map_err(LogError::format(path, at))?;
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            Err(Stop::Torn) if !may_be_torn => {
                let left = (length - at) as usize;
                let torn = FormatError::torn("batch", 0, left + 1, left);
                return Err(LogError::format(path, at)(torn));
            }
            Err(_) => return Ok(ControlFlow::Continue(())),
        }
    }
}

/// Hands on each record of a batch, decoded, or why it cannot be.
fn read_batch(
    path: &Path,
    found: &Found<'_>,
    from: Offset,
    scratch: &mut Scratch,
    each: &mut EachDecoded<'_>,
) -> crate::format::Result<ControlFlow<()>> {
    if found.prefix.magic != 2 {
        AnyBatch::parse(found.prefix.magic, found.bytes)?;
        return Ok(ControlFlow::Continue(()));
    }
    let batch = UncheckedBatch::parse(found.bytes)?.check()?;
    let header = *batch.header();
    for record in batch.records(scratch)? {
        let record = record?;
        if record.offset < from {
            continue;
        }
        let said = if header.attributes.is_control() {
            ControlRecord::decode(record.key, record.value).map(Said::Control)
        } else {
            match record.value {
                Some(value) => VersionedRecord::decode(value).map(Said::Record),
                None => continue,
            }
        };
        let entry = said.map(|said| Entry {
            path,
            position: found.position,
            offset: record.offset,
            epoch: header.leader_epoch,
            timestamp: record.timestamp,
            said,
        });
        if each(record.offset, entry)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Takes a record, or why it cannot be decoded; an error ends the batch.
type EachDecoded<'f> = dyn FnMut(Offset, crate::format::Result<Entry<'_>>) -> crate::format::Result<ControlFlow<()>>
    + 'f;

/// What [`every_record`] comes by.
#[derive(Debug)]
pub enum Read<'a> {
    /// A record.
    Record(&'a Entry<'a>),
    /// A place that cannot be read.
    Skipped(Skipped),
}

/// Hands on each record of the log from an offset on, and goes on behind damage.
///
/// # Errors
/// Where the directory cannot be listed or a file not read.
pub fn every_record(
    host: &Arc<dyn Host>,
    source: &Source,
    from: Offset,
    each: &mut dyn FnMut(Read<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let scratch = Scratch::new();
    let mut visit = Every {
        from,
        scratch,
        each,
    };
    match source {
        Source::File(path) => sweep::file(host, path, &mut visit),
        Source::Directory(directory) => sweep::partition(host, directory, from, &mut visit),
    }
}

struct Every<'f> {
    from: Offset,
    scratch: Scratch,
    each: &'f mut dyn FnMut(Read<'_>) -> ControlFlow<()>,
}

impl sweep::Visit for Every<'_> {
    fn batch(&mut self, swept: &Swept<'_>) -> crate::format::Result<ControlFlow<()>> {
        let Self {
            from,
            scratch,
            each,
        } = self;
        let mut decoded = |offset, entry: crate::format::Result<Entry<'_>>| {
            Ok(match entry {
                Ok(entry) => each(Read::Record(&entry)),
                Err(error) => {
                    let skipped = Skipped::of_record(swept, Some(offset), error);
                    each(Read::Skipped(skipped))
                }
            })
        };
        read_batch(swept.path, &swept.found, *from, scratch, &mut decoded)
    }

    fn skipped(&mut self, skipped: Skipped) {
        let _ = (self.each)(Read::Skipped(skipped));
    }
}

impl ImageAt {
    /// What the metadata was once the record at `at` counted, or now: from the latest
    /// snapshot before it that can be read, and the log behind that.
    ///
    /// # Errors
    /// `OffsetOutOfRange` where no snapshot and no segment reaches back that far;
    /// `Io`.
    pub fn read(host: &Arc<dyn Host>, source: &Source, at: Option<Offset>) -> Result<Self> {
        let mut this = Self::replay(host, source, at)?;
        if let (Source::Directory(directory), None) = (source, at) {
            this.ask_quorum_state(&**host, directory);
        }
        Ok(this)
    }

    /// A snapshot does not name the leader, nor the voters of a static quorum:
    /// `quorum-state` does.
    fn ask_quorum_state(&mut self, host: &dyn Host, directory: &Path) {
        let bytes = host.read(&directory.join(QUORUM_STATE), MOST_SMALL_FILE);
        let Some(state) = bytes.ok().and_then(|bytes| QuorumState::parse(&bytes).ok()) else {
            return;
        };
        if self.image.nodes().leader.is_none() {
            self.image.set_leader(state.leader_id);
        }
        if let QuorumStateVersion::V0 {
            current_voters: Some(voters),
            ..
        } = state.version
            && self.image.voters().is_empty()
        {
            self.image.set_voters(voters.into_iter());
        }
    }

    fn replay(host: &Arc<dyn Host>, source: &Source, at: Option<Offset>) -> Result<Self> {
        let Source::Directory(directory) = source else {
            let mut this = Self::default();
            this.take(host, source, None, at)?;
            return Ok(this);
        };
        let most = at.map_or(Offset::new(i64::MAX), Offset::next);
        let start = Listing::read(&**host, directory)?.segments.first().copied();
        let begins = start.is_none_or(|start| start == Offset::ZERO);
        let mut damage = Vec::new();
        let mut damaged = None;
        let mut earliest = None;
        for snapshot in snapshots(&**host, directory)?.into_iter().rev() {
            if snapshot.offset > most {
                earliest = Some(snapshot.offset);
                continue;
            }
            let is_reached = start.is_none_or(|start| start <= snapshot.offset);
            let mut this = Self::of_snapshot(host, snapshot)?;
            if this.damage.is_empty() && (is_reached || damaged.is_none()) {
                this.damage = damage;
                return this.behind_snapshot(host, source, at);
            }
            damage.append(&mut this.damage);
            damaged = damaged.or(Some(this));
        }
        match (start, damaged) {
            // Says more than a log whose start is gone.
            (_, Some(mut this)) if !begins => {
                this.damage = damage;
                this.behind_snapshot(host, source, at)
            }
            (Some(start), None) if !begins => Err(LogError::OffsetOutOfRange {
                partition: directory.clone(),
                offset: at.unwrap_or_default(),
                start: earliest.map_or(start, |offset| Offset::new(offset.get() - 1)),
                end: Offset::new(i64::MAX),
            }),
            _ => {
                let mut this = Self {
                    damage,
                    ..Self::default()
                };
                this.take(host, source, Some(Offset::ZERO), at)?;
                Ok(this)
            }
        }
    }

    /// What can be read of a snapshot.
    fn of_snapshot(host: &Arc<dyn Host>, snapshot: Snapshot) -> Result<Self> {
        let mut this = Self::default();
        this.take(host, &Source::File(snapshot.path.clone()), None, None)?;
        this.offset = Offset::from_wire(snapshot.offset.get() - 1);
        this.epoch = Some(snapshot.epoch);
        this.snapshot = Some(snapshot.path);
        Ok(this)
    }

    /// With the log behind the snapshot.
    fn behind_snapshot(
        mut self,
        host: &Arc<dyn Host>,
        source: &Source,
        at: Option<Offset>,
    ) -> Result<Self> {
        let from = self.offset.map_or(Offset::ZERO, Offset::next);
        self.take(host, source, Some(from), at)?;
        Ok(self)
    }

    /// Takes every record from an offset on, none of which may be missing, or all of a
    /// file.
    fn take(
        &mut self,
        host: &Arc<dyn Host>,
        source: &Source,
        from: Option<Offset>,
        until: Option<Offset>,
    ) -> Result<()> {
        let is_log = from.is_some();
        let mut next = from;
        let from = from.unwrap_or_default();
        every_record(host, source, from, &mut |read| {
            match read {
                Read::Skipped(_) if until.is_some() && self.offset == until => {
                    return ControlFlow::Break(());
                }
                Read::Skipped(skipped) if skipped.is_loss() => {
                    // The offsets that are missing next are missing here.
                    next = None;
                    self.damage.push(skipped);
                }
                Read::Skipped(_) => {}
                Read::Record(entry) if until.is_some_and(|until| entry.offset > until) => {
                    return ControlFlow::Break(());
                }
                Read::Record(entry) => {
                    if let Some(missing) = next.filter(|next| *next < entry.offset) {
                        let skipped =
                            Skipped::of_gap(entry.path, entry.position, missing, entry.offset);
                        self.damage.push(skipped);
                    }
                    next = is_log.then(|| entry.offset.next());
                    self.add(entry);
                }
            }
            ControlFlow::Continue(())
        })
    }

    fn add(&mut self, entry: &Entry<'_>) {
        self.records += 1;
        self.offset = Some(entry.offset);
        self.epoch = entry.epoch;
        self.timestamp = entry.timestamp;
        match &entry.said {
            Said::Control(ControlRecord::SnapshotHeader(header)) => {
                self.timestamp = header.last_contained_log_timestamp;
            }
            Said::Control(record) => self.image.control(record),
            Said::Record(record) => self.image.apply(record.record.clone()),
        }
    }
}

/// A snapshot of the metadata, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The offset behind the last record that it covers.
    pub offset: Offset,
    /// The epoch of that record.
    pub epoch: LeaderEpoch,
    /// The file.
    pub path: PathBuf,
}

/// The snapshots in the directory of the metadata log, the oldest first.
///
/// # Errors
/// Where the directory cannot be listed.
pub fn snapshots(host: &dyn Host, directory: &Path) -> Result<Vec<Snapshot>> {
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    let mut found: Vec<Snapshot> = entries
        .iter()
        .filter_map(|entry| {
            let name = entry.name.to_str()?;
            let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
            (offset.len() == 20 && epoch.len() == 10).then_some(())?;
            Some(Snapshot {
                offset: Offset::new(offset.parse().ok()?),
                epoch: LeaderEpoch::new(epoch.parse().ok()?),
                path: directory.join(&entry.name),
            })
        })
        .collect();
    found.sort_by_key(|snapshot| snapshot.offset);
    Ok(found)
}
