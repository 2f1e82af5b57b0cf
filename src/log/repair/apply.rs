//! Carries a plan out: a twin of the directory is made beside it, with everything
//! changed; made durable; verified; and exchanged with it in one step of the file
//! system. Killed at any moment, the directory is what it was or what was planned.
//!
//! Until the exchange nothing in the directory is touched: whatever fails before
//! takes the twin away again.

use super::journal::{Holds, Journal, Noted, Shared, sidecar_path, sidecars};
use super::plan::{Change, Piece, Plan, What};
use super::salvage::Peer;
use super::stage::{Stage, files, remove_tree};
use super::{Options, Place};
use crate::host::{Durability, File, Host, Kind, Lock, LockRange, Open, Wait};
use crate::log::error::{LogError, Result};
use crate::log::layout::{LOCK, TopicPartition};
use crate::log::partition::SegmentConfig;
use crate::log::verify::{Finding, Surroundings};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What must stay free on the disk.
const MARGIN: u64 = 16 << 20;

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// Where the originals are: one, or one for each partition that stands alone.
    pub sidecars: Vec<PathBuf>,
    /// What a verification of the result found.
    pub findings: Vec<Finding>,
}

/// Carries a plan out. Durable when it returns.
///
/// # Errors
/// `Locked` where a server holds the directory; `Io` where there is no permission or
/// no space. Nothing was touched then.
pub fn apply(
    host: &Arc<dyn Host>,
    place: &Place,
    plan: &Plan,
    options: Options<'_>,
    peer: Option<&mut (dyn Peer + '_)>,
) -> Result<Applied> {
    let data = host
        .canonical(&place.data)
        .map_err(LogError::io("find", &place.data))?;
    let _held = hold(&**host, &data)?;
    if place.is_data {
        return exchange_one(host, place, plan, options, peer, &data, &data);
    }
    // Partitions without a data directory around them stand for themselves.
    let mut applied = Applied::default();
    let mut peer = peer;
    for (name, _) in &place.partitions {
        let name = PathBuf::from(name.to_string());
        let mut own = Plan::default();
        let is_own = |change: &&Change| change.path.starts_with(&name);
        own.changes = plan.changes.iter().filter(is_own).cloned().collect();
        if own.is_empty() {
            continue;
        }
        let mut alone = place.clone();
        alone.partitions.retain(|(_, path)| path.ends_with(&name));
        let directory = data.join(&name);
        let peer = peer.as_deref_mut();
        let done = exchange_one(host, &alone, &own, options, peer, &data, &directory)?;
        applied.sidecars.extend(done.sidecars);
        applied.findings.extend(done.findings);
    }
    Ok(applied)
}

fn exchange_one(
    host: &Arc<dyn Host>,
    place: &Place,
    plan: &Plan,
    options: Options<'_>,
    peer: Option<&mut (dyn Peer + '_)>,
    data: &Path,
    directory: &Path,
) -> Result<Applied> {
    let sidecar = new_sidecar(&**host, directory)?;
    let work = Work {
        host,
        place,
        options,
        data,
        directory,
        sidecar: &sidecar,
    };
    let outcome = work.stage_and_exchange(plan, peer);
    if outcome.is_err() {
        discard(&**host, &sidecar);
    }
    outcome
}

/// Changes that are only seen to once others are made: a log that takes the place of
/// another may be damaged itself.
const MOST_ROUNDS: usize = 3;

struct Work<'a> {
    host: &'a Arc<dyn Host>,
    place: &'a Place,
    options: Options<'a>,
    data: &'a Path,
    directory: &'a Path,
    sidecar: &'a Path,
}

impl Work<'_> {
    fn stage_and_exchange(
        &self,
        plan: &Plan,
        mut peer: Option<&mut (dyn Peer + '_)>,
    ) -> Result<Applied> {
        let host = self.host;
        enough_space(&**host, plan, self.data, self.directory, self.sidecar)?;
        let twin = self.twin();
        let image = Surroundings::read(host, self.data, self.place.is_data).image;
        let interval = |name: &TopicPartition| {
            let configs = image
                .iter()
                .flat_map(|image| image.topic_configs(&name.topic));
            SegmentConfig::from_configs(configs).index_interval
        };
        let twin_data = self.twin_data();
        let mut stage = Stage {
            host,
            data: self.data,
            twin_data: twin_data.clone(),
            shared: Vec::new(),
            index_interval: &interval,
        };
        stage.copy_tree(self.directory, &twin, Path::new(""))?;
        for change in &plan.changes {
            stage.change(change)?;
        }
        let mut changes: Vec<Noted> = plan.changes.iter().map(noted).collect();
        stage.data = &twin_data;
        let mut findings = Vec::new();
        for round in 1..=MOST_ROUNDS {
            let place = self.twin_place();
            let again = Options {
                abort: None,
                ..self.options
            };
            let peer = peer.as_deref_mut();
            let (mut more, found) = super::plan(host, &place, again, peer, &mut |_| true)?;
            if self.options.abort.is_some() {
                // Nothing else is asked for than what follows from it.
                more.changes.retain(|change| follows(change, plan));
            }
            findings = found;
            if more.is_empty() || round == MOST_ROUNDS {
                break;
            }
            for change in &more.changes {
                stage.change(change)?;
            }
            changes.extend(more.changes.iter().map(noted));
        }
        let shared = std::mem::take(&mut stage.shared);
        self.write_journal(changes, shared)?;
        self.exchange()?;
        for finding in &mut findings {
            if let Ok(below) = finding.path.strip_prefix(&twin_data) {
                finding.path = self.place.data.join(below);
            }
        }
        Ok(Applied {
            sidecars: vec![self.sidecar.to_owned()],
            findings,
        })
    }

    /// The directory that is exchanged with the original.
    fn twin(&self) -> PathBuf {
        let name = self.directory.file_name().unwrap_or_default();
        self.sidecar.join(name)
    }

    /// What stands for the data directory while the twin is made.
    fn twin_data(&self) -> PathBuf {
        if self.directory == self.data {
            self.twin()
        } else {
            self.sidecar.to_owned()
        }
    }

    /// The place, in the twin.
    fn twin_place(&self) -> Place {
        let mut place = self.place.clone();
        place.data = self.twin_data();
        // Its `.lock` is that of the original, which is held.
        place.is_held = true;
        if place.whole && place.is_data {
            // Some may have got their names back.
            let entries = self.host.list(&place.data).unwrap_or_default();
            let directories = entries.iter().filter(|e| e.kind == Kind::Directory);
            place.partitions = directories
                .filter_map(|entry| {
                    let name = TopicPartition::from_directory(entry.name.to_str()?)?;
                    Some((name, place.data.join(&entry.name)))
                })
                .collect();
            place.partitions.sort();
            return place;
        }
        for (_, directory) in &mut place.partitions {
            let name = directory.file_name().unwrap_or_default();
            *directory = place.data.join(name);
        }
        let there = |directory: &Path| self.host.stat(directory).is_ok();
        place.partitions.retain(|(_, directory)| there(directory));
        place
    }

    fn write_journal(&self, changes: Vec<Noted>, shared: Vec<Shared>) -> Result<()> {
        let journal = Journal {
            version: 1,
            time_ms: self.host.now_ms(),
            directory: self.directory.to_owned(),
            original: self
                .host
                .identity(self.directory)
                .map_err(LogError::io("look at", self.directory))?,
            changes,
            shared,
            result: files(&**self.host, &self.twin(), Path::new(""))?,
        };
        let bytes = serde_json::to_vec_pretty(&journal).expect("a journal is JSON");
        let path = Journal::path(self.sidecar);
        self.host
            .replace(&path, &bytes, Durability::None)
            .map_err(LogError::io("write", &path))
    }

    /// Makes the twin durable and puts it in the place of the original.
    fn exchange(&self) -> Result<()> {
        self.host
            .sync_all(self.sidecar)
            .map_err(LogError::io("sync", self.sidecar))?;
        self.host
            .exchange(&self.twin(), self.directory)
            .map_err(|error| cannot_exchange(error, self.directory))?;
        for above in [
            self.sidecar,
            self.directory.parent().unwrap_or(Path::new("/")),
        ] {
            self.host
                .sync_dir(above)
                .map_err(LogError::io("sync", above))?;
        }
        Ok(())
    }
}

/// Whether a change makes small files anew beside a log that `plan` appends to.
fn follows(change: &Change, plan: &Plan) -> bool {
    let is_appended = |other: &Change| {
        matches!(other.what, What::Assemble(_)) && other.path.starts_with(&change.path)
    };
    matches!(change.what, What::Rebuild(_)) && plan.changes.iter().any(is_appended)
}

/// Takes the lock that a server takes, on all of `.lock`.
pub(super) fn hold(host: &dyn Host, data: &Path) -> Result<Option<Arc<dyn File>>> {
    let path = data.join(LOCK);
    let file = match host.open(&path, Open::Write) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("open", &path)(error)),
    };
    let locked = file
        .lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
        .map_err(LogError::io("lock", &path))?;
    if locked {
        return Ok(Some(file));
    }
    Err(LogError::Locked {
        directory: data.to_owned(),
    })
}

/// Makes the next sidecar's directory; those of no use are taken away.
fn new_sidecar(host: &dyn Host, beside: &Path) -> Result<PathBuf> {
    let mut number = 1;
    for sidecar in sidecars(host, beside)? {
        match sidecar.holds {
            Holds::Nothing => remove_tree(host, &sidecar.path)?,
            Holds::Originals(_) => number = number.max(sidecar.number + 1),
        }
    }
    let sidecar = sidecar_path(beside, number);
    host.create_dir(&sidecar)
        .map_err(LogError::io("create", &sidecar))?;
    Ok(sidecar)
}

fn discard(host: &dyn Host, sidecar: &Path) {
    // What cannot be taken away now is taken away by the next repair.
    let _ = remove_tree(host, sidecar);
}

/// Whether what is to be written fits onto the disk.
fn enough_space(
    host: &dyn Host,
    plan: &Plan,
    data: &Path,
    directory: &Path,
    sidecar: &Path,
) -> Result<()> {
    let mut needed = MARGIN;
    for change in &plan.changes {
        match &change.what {
            What::Write(bytes) => needed += bytes.len() as u64,
            What::Assemble(pieces) => needed += pieces.iter().map(Piece::len).sum::<u64>(),
            What::Rebuild(rebuild) => {
                for base in &rebuild.indexes {
                    let log = crate::log::layout::segment_file(
                        &data.join(&change.path),
                        *base,
                        crate::log::layout::Suffix::Log,
                    );
                    // An entry of 8 and one of 12 bytes for each 4 KiB, and as much again.
                    needed += host.stat(&log).map_or(0, |stat| stat.length / 100);
                }
            }
            _ => {}
        }
    }
    let copied = files(host, directory, Path::new(""))?;
    let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "log");
    needed += copied
        .iter()
        .filter(|file| !is_log(&file.path))
        .map(|file| file.length.min(64 << 10))
        .sum::<u64>();
    let free = host
        .free_space(sidecar)
        .map_err(LogError::io("measure the disk of", sidecar))?;
    if free < needed {
        return Err(LogError::Invalid(format!(
            "{}: not enough space for the sidecar: expected {needed} bytes, found {free}; nothing was touched",
            sidecar.display()
        )));
    }
    Ok(())
}

fn cannot_exchange(error: std::io::Error, directory: &Path) -> LogError {
    let unable = matches!(
        error.kind(),
        std::io::ErrorKind::CrossesDevices
            | std::io::ErrorKind::ResourceBusy
            | std::io::ErrorKind::InvalidInput
            | std::io::ErrorKind::Unsupported
    );
    if unable {
        return LogError::Invalid(format!(
            "{}: expected a directory that can be exchanged with its twin in one step, found one \
             that is the root of a mounted file system, or a file system that cannot do it \
             ({error}); nothing was touched: copy it into a directory of another file system and \
             repair it there",
            directory.display()
        ));
    }
    LogError::io("exchange", directory)(error)
}

fn noted(change: &Change) -> Noted {
    let what = match &change.what {
        What::Write(_) => "written",
        What::Assemble(_) => "assembled",
        What::Remove => "removed",
        What::Rename(_) => "renamed",
        What::CreateDirectory => "directory created",
        What::RemoveDirectory => "directory removed",
        What::Rebuild(_) => "rebuilt",
    };
    Noted {
        path: change.path.clone(),
        what: what.to_owned(),
        why: change.why.clone(),
    }
}
