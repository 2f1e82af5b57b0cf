//! What unfinished changes left in directories: compaction's files, files and
//! directories that were about to be deleted, half-written ones.
//!
//! ```text
//! X.log.cleaned …        compaction was at work      goes: rolled back
//! X.log.swap …           compaction was done         takes the place of the segments
//!                                                    that it covers; these go
//! X.log.deleted …        was about to be deleted     goes
//! X.index without X.log  its log is gone             goes
//! X.snapshot             of no segment               stays
//! X.log.bak  79.log …    the lost log of a segment   is renamed back (see `misnamed`)
//! any other name         nobody knows it             is renamed to NAME.stray
//! *.tmp  *.checkpoint.*.part  *.checkpoint.deleted   go
//! T-P.ID-delete/         was about to be deleted     goes
//! meta.propertiez …      of nearly Kafka's name      is renamed to NAME.stray, or back
//!                                                    where it is the lost one
//! T-P.ID-stray/  T-P.ID-future/                      stay, and are reported
//! ```
//!
//! Where Kafka finishes a swap, so is it finished here, with one difference: a swap
//! file that is damaged or empty is rolled back where the segment that it was to
//! replace is still there, if only under the name `.deleted`.
//!
//! Source: `org.apache.kafka.storage.internals.log.LogLoader`,
//! `KafkaRaftLog.recoverSnapshots`.

use super::misnamed;
use super::plan::{Left, Plan, What};
use super::readable::Readable;
use crate::format::Offset;
use crate::format::batch::{Header, Prefix};
use crate::host::{Host, Kind};
use crate::log::error::{LogError, Result};
use crate::log::layout::{
    ASIDE, LEADER_EPOCHS, META_PROPERTIES, METADATA_TOPIC, PARTITION_METADATA, QUORUM_STATE,
    Suffix, TopicPartition, is_cut, is_metadata_snapshot, is_misnamed, parse_segment_file,
    segment_file,
};
use crate::log::top_level::{self, TopFile};
use crate::log::verify::Check;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A directory that Kafka's tiered storage keeps in a data directory.
const REMOTE_CACHE: &str = "remote-log-index-cache";
/// Files of a partition that are replaced by way of a `.tmp`.
const REPLACED_IN_PARTITION: [&str; 3] = [LEADER_EPOCHS, PARTITION_METADATA, QUORUM_STATE];

/// Plans what becomes of the leftovers in these partitions of the data directory at
/// `data`, and, where `whole`, of those beside them.
///
/// # Errors
/// `Io`.
pub fn plan(
    host: &dyn Host,
    data: &Path,
    partitions: &[TopicPartition],
    whole: bool,
) -> Result<Plan> {
    let mut plan = Plan::default();
    for name in partitions {
        of_partition(host, data, name, &mut plan)?;
    }
    if whole {
        beside(host, data, &mut plan)?;
    }
    Ok(plan)
}

/// What stands in the data directory itself.
fn beside(host: &dyn Host, data: &Path, plan: &mut Plan) -> Result<()> {
    let mut entries = host.list(data).map_err(LogError::io("list", data))?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let taken: BTreeSet<_> = entries
        .iter()
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .collect();
    for entry in entries {
        let name = entry.name.to_string_lossy();
        if entry.kind == Kind::Directory {
            let left = match directory_kind(&name) {
                DirectoryKind::Known => continue,
                DirectoryKind::Deleted => {
                    let why = "was about to be deleted";
                    plan.push(&entry.name, What::RemoveDirectory, Check::Directory, why);
                    continue;
                }
                DirectoryKind::Stray => {
                    "was set aside by Kafka, whose metadata did not know it: rename it back and run ottla repair --adopt, or delete it"
                }
                DirectoryKind::Future => {
                    "is on its way here from another log directory: Kafka goes on with it"
                }
                DirectoryKind::Unknown => {
                    "is no partition's directory: Kafka refuses to start while it is there, move it away"
                }
            };
            plan.left.push(Left {
                path: entry.name.into(),
                check: Check::Directory,
                why: left.to_owned(),
            });
        } else if entry.kind == Kind::File {
            file_beside(host, data, &name, &taken, plan);
        }
    }
    Ok(())
}

fn file_beside(
    host: &dyn Host,
    data: &Path,
    name: &str,
    taken: &BTreeSet<String>,
    plan: &mut Plan,
) {
    let read = || host.read(&data.join(name), top_level::MOST).ok();
    let is_there = |file: &str| host.stat(&data.join(file)).is_ok();
    match top_level::of(name, read, is_there) {
        TopFile::Unfinished => {
            plan.push(name, What::Remove, Check::StrayFile, "was not finished");
        }
        // Nothing else tells whose the directory is.
        TopFile::Alike(META_PROPERTIES)
            if !is_there(META_PROPERTIES) && is_meta(host, data, name) =>
        {
            let back = What::Rename(META_PROPERTIES.into());
            plan.push(name, back, Check::StrayFile, "is the lost meta.properties");
        }
        TopFile::Alike(known) => {
            let aside = What::Rename(free_name(name, taken).into());
            let why = format!("is like {known}, and not it: Kafka does not look at it");
            plan.push(name, aside, Check::StrayFile, &why);
        }
        TopFile::Known | TopFile::Aside | TopFile::Foreign => {}
    }
}

fn is_meta(host: &dyn Host, data: &Path, name: &str) -> bool {
    let bytes = host.read(&data.join(name), top_level::MOST);
    bytes.is_ok_and(|bytes| top_level::is_of(META_PROPERTIES, &bytes))
}

enum DirectoryKind {
    Known,
    Deleted,
    Stray,
    Future,
    Unknown,
}

fn directory_kind(name: &str) -> DirectoryKind {
    if TopicPartition::from_directory(name).is_some() || name == REMOTE_CACHE {
        return DirectoryKind::Known;
    }
    // TOPIC-P.ID-delete: the topic's name may have dots, the id has none.
    let of = |suffix: &str| {
        let partition = name.strip_suffix(suffix)?.rsplit_once('.')?.0;
        TopicPartition::from_directory(partition)
    };
    if of("-delete").is_some() {
        DirectoryKind::Deleted
    } else if of("-stray").is_some() {
        DirectoryKind::Stray
    } else if of("-future").is_some() {
        DirectoryKind::Future
    } else {
        DirectoryKind::Unknown
    }
}

/// The files of one partition by what they are.
#[derive(Default)]
struct Files {
    /// Files of segments under their names.
    plain: BTreeSet<(Offset, Name)>,
    swap: BTreeSet<(Offset, Name)>,
    cleaned: BTreeSet<(Offset, Name)>,
    deleted: BTreeSet<(Offset, Name)>,
    /// Others that go, and why.
    garbage: Vec<(String, &'static str)>,
    /// Others that nobody knows.
    unknown: Vec<String>,
    /// Such files that an earlier repair set aside.
    aside: BTreeSet<String>,
}

/// A segment's file, without what is appended to its name.
type Name = String;

fn of_partition(
    host: &dyn Host,
    data: &Path,
    name: &TopicPartition,
    plan: &mut Plan,
) -> Result<()> {
    let relative = PathBuf::from(name.to_string());
    let directory = data.join(&relative);
    let files = Files::read(host, &directory, name.topic == METADATA_TOPIC)?;
    let mut work = Work {
        host,
        relative,
        directory,
        plain: files.plain.clone(),
        plan,
    };
    let first_cleaned = files.cleaned.first().map(|(base, _)| *base);
    for (_, file) in &files.cleaned {
        work.remove(file, ".cleaned", "is of a compaction that was not finished");
    }
    let (valid, invalid): (BTreeSet<_>, BTreeSet<_>) = files
        .swap
        .iter()
        .cloned()
        .partition(|(base, _)| first_cleaned.is_none_or(|first| *base < first));
    for (_, file) in &invalid {
        work.remove(file, ".swap", "is of a split that was not finished");
    }
    let restored = work.swap(&valid, &files.deleted)?;
    for (base, file) in &files.deleted {
        if !restored.contains(&(*base, file.clone())) {
            work.remove(file, ".deleted", "was about to be deleted");
        }
    }
    for (file, why) in &files.garbage {
        work.remove(file, "", why);
    }
    let mut unknown = files.unknown;
    work.misnamed(&mut unknown)?;
    work.orphans();
    let taken = files.aside;
    for file in unknown {
        let path = work.relative.join(&file);
        let aside = What::Rename(work.relative.join(free_name(&file, &taken)));
        let why = match is_misnamed(&file) {
            true => "Kafka does not start on a file of that name",
            false => "is no file of a partition; Kafka does not look at it",
        };
        work.plan.push(path, aside, Check::StrayFile, why);
    }
    Ok(())
}

impl Files {
    fn read(host: &dyn Host, directory: &Path, is_metadata: bool) -> Result<Self> {
        let mut files = Self::default();
        let entries = host
            .list(directory)
            .map_err(LogError::io("list", directory))?;
        for entry in entries {
            if entry.kind == Kind::File
                && let Some(name) = entry.name.to_str()
            {
                files.take(name, is_metadata);
            }
        }
        files.unknown.sort();
        files.garbage.sort();
        Ok(files)
    }

    fn take(&mut self, name: &str, is_metadata: bool) {
        if let Some((base, _)) = parse_segment_file(OsStr::new(name)) {
            self.plain.insert((base, name.to_owned()));
            return;
        }
        for (suffix, set) in [
            (".swap", &mut self.swap),
            (".cleaned", &mut self.cleaned),
            (".deleted", &mut self.deleted),
        ] {
            if let Some(file) = name.strip_suffix(suffix)
                && let Some((base, _)) = parse_segment_file(OsStr::new(file))
            {
                set.insert((base, file.to_owned()));
                return;
            }
        }
        let unfinished = name.strip_suffix(".tmp").is_some_and(|file| {
            REPLACED_IN_PARTITION.contains(&file)
                || parse_segment_file(OsStr::new(file)).is_some()
                || file.ends_with("checkpoint")
        });
        let is_checkpoint = is_metadata && is_metadata_snapshot(name);
        if unfinished {
            self.garbage.push((name.to_owned(), "was not finished"));
        } else if is_checkpoint && name.ends_with(".part") {
            self.garbage
                .push((name.to_owned(), "is a snapshot that was not finished"));
        } else if is_checkpoint && name.ends_with(".deleted") {
            self.garbage
                .push((name.to_owned(), "was about to be deleted"));
        } else if name.ends_with(".deleted") {
            // Kafka asks for no more than the end of the name.
            self.garbage
                .push((name.to_owned(), "was about to be deleted"));
        } else if name.ends_with(ASIDE) {
            self.aside.insert(name.to_owned());
        } else if !(REPLACED_IN_PARTITION.contains(&name) || is_checkpoint || is_cut(name)) {
            self.unknown.push(name.to_owned());
        }
    }
}

/// The name under which a file is set aside: not one that an earlier repair gave.
fn free_name(file: &str, taken: &BTreeSet<String>) -> String {
    let numbers = (2..).map(|number| format!("{file}.{number}{ASIDE}"));
    std::iter::once(format!("{file}{ASIDE}"))
        .chain(numbers)
        .find(|name| !taken.contains(name))
        .expect("there are more names than files")
}

/// A partition whose leftovers are seen to.
struct Work<'a> {
    host: &'a dyn Host,
    relative: PathBuf,
    directory: PathBuf,
    /// Files of segments, as they will be.
    plain: BTreeSet<(Offset, Name)>,
    plan: &'a mut Plan,
}

impl Work<'_> {
    fn remove(&mut self, file: &str, suffix: &str, why: &str) {
        let path = self.relative.join(format!("{file}{suffix}"));
        self.plan.push(path, What::Remove, Check::StrayFile, why);
    }

    fn rename(&mut self, base: Offset, file: &str, suffix: &str, why: &str) {
        let from = self.relative.join(format!("{file}{suffix}"));
        let to = What::Rename(self.relative.join(file));
        self.plan.push(from, to, Check::StrayFile, why);
        self.plain.insert((base, file.to_owned()));
    }

    /// Finishes swaps, or rolls them back; the deleted files that are needed again.
    fn swap(
        &mut self,
        swaps: &BTreeSet<(Offset, Name)>,
        deleted: &BTreeSet<(Offset, Name)>,
    ) -> Result<BTreeSet<(Offset, Name)>> {
        let mut restored = BTreeSet::new();
        let mut undone = BTreeSet::new();
        let mut covered: Vec<Range<Offset>> = Vec::new();
        for (base, file) in swaps.iter().filter(|(_, file)| is_log(file)) {
            let of_base = |set: &BTreeSet<(Offset, Name)>| set.contains(&(*base, file.clone()));
            let whole = self.whole_until(*base, &format!("{file}.swap"))?;
            if let Some(next) = whole {
                covered.push(*base..next);
            } else if of_base(&self.plain) {
                undone.insert(*base);
            } else if of_base(deleted) {
                undone.insert(*base);
                let files = deleted.iter().filter(|(other, _)| other == base);
                restored.extend(files.cloned());
            } else {
                // Nothing else is left of it: what it has is kept.
                covered.push(*base..base.next());
            }
        }
        let replaced: Vec<_> = self
            .plain
            .iter()
            .filter(|(base, _)| covered.iter().any(|range| range.contains(base)))
            .cloned()
            .collect();
        for (base, file) in replaced {
            self.plain.remove(&(base, file.clone()));
            // One of the same name is renamed over.
            if !swaps.contains(&(base, file.clone())) {
                self.remove(&file, "", "is replaced by a finished compaction");
            }
        }
        for (base, file) in &restored {
            let why = "was about to be deleted, but what was to replace it is damaged";
            self.rename(*base, file, ".deleted", why);
        }
        for (base, file) in swaps {
            let log = log_of(file);
            if undone.contains(base) {
                let why = "is damaged, and the segment that it was to replace is still there";
                self.remove(file, ".swap", why);
            } else if swaps.contains(&(*base, log.clone())) || self.plain.contains(&(*base, log)) {
                self.rename(*base, file, ".swap", "finishes a compaction");
            } else {
                self.remove(file, ".swap", "is an index without its log");
            }
        }
        Ok(restored)
    }

    /// The offset behind the last batch of a swapped log; `None` where it is empty
    /// or damaged.
    fn whole_until(&self, base: Offset, file: &str) -> Result<Option<Offset>> {
        let path = self.directory.join(file);
        let length = self
            .host
            .stat(&path)
            .map_err(LogError::io("look at", &path))?
            .length;
        let mut readable = Readable::open(self.host, &path)?;
        let (mut end, mut next) = (0, None);
        while let Some(piece) = readable.next()? {
            end += piece.bytes.len() as u64;
            let last = match Header::parse(piece.bytes) {
                Ok(header) if piece.magic == 2 => header.last_offset,
                _ => Prefix::parse(piece.bytes).map_or(base, |prefix| prefix.offset),
            };
            next = Some(last.next());
        }
        Ok(next.filter(|next| end == length && *next > base))
    }

    /// Gives logs that are lacking their names back, and takes them from the list.
    fn misnamed(&mut self, unknown: &mut Vec<String>) -> Result<()> {
        let mut left = Vec::new();
        for file in std::mem::take(unknown) {
            let base = misnamed::base_of(self.host, &self.directory, &file, &self.plain)?;
            let Some(base) = base else {
                left.push(file);
                continue;
            };
            let log = segment_file(Path::new(""), base, Suffix::Log);
            let name = log.to_string_lossy().into_owned();
            let (from, to) = (self.relative.join(&file), self.relative.join(&name));
            let why = "is the lost log of a segment";
            self.plan
                .push(from, What::Rename(to), Check::StrayFile, why);
            self.plain.insert((base, name));
        }
        *unknown = left;
        Ok(())
    }

    /// Indexes without a log. Producer snapshots of no segment are left by every stop of
    /// Kafka, which takes them away when it starts.
    fn orphans(&mut self) {
        let logs: BTreeSet<Offset> = self
            .plain
            .iter()
            .filter(|(_, file)| is_log(file))
            .map(|(base, _)| *base)
            .collect();
        for (base, file) in std::mem::take(&mut self.plain) {
            if !logs.contains(&base) && !file.ends_with(Suffix::Snapshot.as_str()) {
                self.remove(&file, "", "is an index without its log");
            }
        }
    }
}

fn is_log(file: &str) -> bool {
    file.ends_with(Suffix::Log.as_str())
}

/// The log beside a segment's file.
fn log_of(file: &str) -> String {
    let digits = file.split('.').next().unwrap_or(file);
    format!("{digits}{}", Suffix::Log.as_str())
}

#[cfg(test)]
mod tests;
