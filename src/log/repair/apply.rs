//! Carries a plan out: a twin of the directory is made beside it, with everything
//! changed; made durable; verified; and exchanged with it in one step of the file
//! system. Killed at any moment, the directory is what it was or what was planned.
//!
//! Until the exchange nothing in the directory is touched: whatever fails before
//! takes the twin away again.

use super::journal::{Holds, Journal, Noted, sidecar_path, sidecars};
use super::plan::{Piece, Plan, What};
use super::stage::{Stage, files, remove_tree};
use super::{Place, scope};
use crate::host::{Durability, File, Host, Lock, LockRange, Open, Wait};
use crate::log::error::{LogError, Result};
use crate::log::layout::{LOCK, TopicPartition};
use crate::log::partition::SegmentConfig;
use crate::log::verify::{Events, Finding};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What must stay free on the disk.
const MARGIN: u64 = 16 << 20;

/// What came of it.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Where the originals are.
    pub sidecar: PathBuf,
    /// What a verification of the result found.
    pub findings: Vec<Finding>,
}

/// Carries a plan out. Durable when it returns.
///
/// # Errors
/// `Locked` where a server holds the directory; `Io` where there is no permission or
/// no space. Nothing was touched then.
pub fn apply(host: &Arc<dyn Host>, place: &Place, plan: &Plan) -> Result<Applied> {
    let data = host
        .canonical(&place.data)
        .map_err(LogError::io("find", &place.data))?;
    let _held = hold(&**host, &data)?;
    let directory = match plan.common_directory() {
        Some(partition) if !place.whole || !place.is_data => data.join(partition),
        _ => data.clone(),
    };
    // A server would refuse a directory that it does not know inside of a data directory.
    let beside = if place.is_data { &data } else { &directory };
    let sidecar = new_sidecar(&**host, beside)?;
    let outcome = stage_and_exchange(host, place, plan, &data, &directory, &sidecar);
    if outcome.is_err() {
        discard(&**host, &sidecar);
    }
    outcome
}

fn stage_and_exchange(
    host: &Arc<dyn Host>,
    place: &Place,
    plan: &Plan,
    data: &Path,
    directory: &Path,
    sidecar: &Path,
) -> Result<Applied> {
    enough_space(&**host, plan, data, directory, sidecar)?;
    let twin = sidecar.join(directory.file_name().unwrap_or_default());
    let is_partition = directory != data;
    let image = super::super::verify::Surroundings::read(host, data, place.is_data).image;
    let interval = |name: &TopicPartition| {
        let configs = image
            .iter()
            .flat_map(|image| image.topic_configs(&name.topic));
        SegmentConfig::from_configs(configs).index_interval
    };
    let mut stage = Stage {
        host,
        data,
        twin_data: if is_partition {
            sidecar.to_owned()
        } else {
            twin.clone()
        },
        shared: Vec::new(),
        index_interval: &interval,
    };
    stage.copy_tree(directory, &twin, Path::new(""))?;
    for change in &plan.changes {
        stage.change(change)?;
    }
    let journal = Journal {
        version: 1,
        time_ms: host.now_ms(),
        directory: directory.to_owned(),
        original: host
            .identity(directory)
            .map_err(LogError::io("look at", directory))?,
        changes: plan.changes.iter().map(noted).collect(),
        shared: std::mem::take(&mut stage.shared),
        result: files(&**host, &twin, Path::new(""))?,
    };
    let bytes = serde_json::to_vec_pretty(&journal).expect("a journal is JSON");
    let path = Journal::path(sidecar);
    host.replace(&path, &bytes, Durability::None)
        .map_err(LogError::io("write", &path))?;
    let findings = verify_twin(host, place, data, &twin, is_partition);
    host.sync_all(sidecar)
        .map_err(LogError::io("sync", sidecar))?;
    host.exchange(&twin, directory)
        .map_err(|error| cannot_exchange(error, directory))?;
    for above in [sidecar, directory.parent().unwrap_or(Path::new("/"))] {
        host.sync_dir(above).map_err(LogError::io("sync", above))?;
    }
    Ok(Applied {
        sidecar: sidecar.to_owned(),
        findings,
    })
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

fn noted(change: &super::plan::Change) -> Noted {
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

/// Verifies the twin of what was meant.
fn verify_twin(
    host: &Arc<dyn Host>,
    place: &Place,
    data: &Path,
    twin: &Path,
    is_partition: bool,
) -> Vec<Finding> {
    let moved = |path: &Path| {
        let below = path.strip_prefix(&place.data).unwrap_or(path);
        if is_partition {
            twin.parent().unwrap_or(twin).join(below)
        } else {
            twin.join(below)
        }
    };
    let mut twin_place = place.clone();
    if !is_partition {
        twin_place.data = twin.to_owned();
    }
    for (_, directory) in &mut twin_place.partitions {
        let there = moved(directory);
        if host.stat(&there).is_ok() {
            *directory = there;
        }
    }
    let mut heard = Heard(Vec::new());
    scope(host, &twin_place, &mut heard).verify(host, &mut heard);
    for finding in &mut heard.0 {
        let base = if is_partition {
            twin.parent().unwrap_or(twin)
        } else {
            twin
        };
        if let Ok(below) = finding.path.strip_prefix(base) {
            finding.path = data.join(below);
        }
    }
    heard.0
}

struct Heard(Vec<Finding>);

impl Events for Heard {
    fn found(&mut self, finding: Finding) {
        self.0.push(finding);
    }
}
