//! Puts the originals of the latest repair back.

use super::Place;
use super::apply::hold;
use super::journal::{Holds, Journal, sidecars};
use super::stage::{files, remove_tree};
use crate::host::{Host, Open};
use crate::log::error::{LogError, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was put back.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The directory.
    pub directory: PathBuf,
    /// When the repair was made, milliseconds since 1970.
    pub time_ms: i64,
    /// How many changes it had.
    pub changes: usize,
}

/// Undoes the latest repair of a place: of a data directory, or of each partition where
/// they stand alone. Durable when it returns. Where files changed since, `force` says
/// that this is to be lost.
///
/// # Errors
/// `Invalid` where there is nothing to undo, or something would be lost: nothing is
/// touched then.
pub fn undo(host: &Arc<dyn Host>, place: &Place, force: bool) -> Result<Vec<Undone>> {
    let data = host
        .canonical(&place.data)
        .map_err(LogError::io("find", &place.data))?;
    let _held = hold(&**host, &data)?;
    let mut kept = Vec::new();
    if !place.is_data {
        for (_, directory) in &place.partitions {
            let directory = data.join(directory.file_name().unwrap_or_default());
            kept.extend(latest(&**host, &directory)?);
        }
    }
    if kept.is_empty() {
        kept.extend(latest(&**host, &data)?);
    }
    if kept.is_empty() {
        return Err(LogError::Invalid(format!(
            "{}: nothing to undo: expected a directory NAME.repair-N beside it with the originals, found none",
            data.display()
        )));
    }
    for Kept { journal, .. } in &kept {
        if !force && let Some(changed) = changed_since(&**host, journal)? {
            return Err(LogError::Invalid(format!(
                "{}: {changed}, since the repair; undoing it would lose that. --force undoes it all the same",
                journal.directory.display()
            )));
        }
    }
    kept.iter().map(|kept| put_back(&**host, kept)).collect()
}

/// A sidecar with originals.
struct Kept {
    sidecar: PathBuf,
    journal: Journal,
}

/// The latest sidecar of a directory that holds originals.
fn latest(host: &dyn Host, directory: &Path) -> Result<Option<Kept>> {
    let found = sidecars(host, directory)?.into_iter();
    let mut originals = found.filter_map(|sidecar| match sidecar.holds {
        Holds::Originals(journal) => Some(Kept {
            sidecar: sidecar.path,
            journal: *journal,
        }),
        Holds::Nothing => None,
    });
    Ok(originals.next())
}

fn put_back(host: &dyn Host, Kept { sidecar, journal }: &Kept) -> Result<Undone> {
    let held = journal.held(sidecar);
    for shared in &journal.shared {
        shorten(host, &held.join(&shared.path), shared.length)?;
    }
    host.sync_all(sidecar)
        .map_err(LogError::io("sync", sidecar))?;
    host.exchange(&held, &journal.directory)
        .map_err(LogError::io("exchange", &journal.directory))?;
    let above = journal.directory.parent().unwrap_or(Path::new("/"));
    for above in [sidecar.as_path(), above] {
        host.sync_dir(above).map_err(LogError::io("sync", above))?;
    }
    remove_tree(host, sidecar)?;
    Ok(Undone {
        directory: journal.directory.clone(),
        time_ms: journal.time_ms,
        changes: journal.changes.len(),
    })
}

/// What is not as the repair left it.
fn changed_since(host: &dyn Host, journal: &Journal) -> Result<Option<String>> {
    let now = files(host, &journal.directory, Path::new(""))?;
    let is_log = |path: &Path| path.extension().is_some_and(|extension| extension == "log");
    let find = |path: &Path| {
        let at = journal
            .result
            .binary_search_by(|other| other.path.as_path().cmp(path));
        at.ok().map(|at| journal.result[at].length)
    };
    for file in now.iter().filter(|file| is_log(&file.path)) {
        match find(&file.path) {
            None => return Ok(Some(format!("{} is new", file.path.display()))),
            Some(length) if length != file.length => {
                return Ok(Some(format!(
                    "{} went from {length} to {} bytes",
                    file.path.display(),
                    file.length
                )));
            }
            Some(_) => {}
        }
    }
    let there = |path: &Path| now.iter().any(|file| file.path == path);
    let gone = journal
        .result
        .iter()
        .find(|file| is_log(&file.path) && !there(&file.path));
    Ok(gone.map(|file| format!("{} is gone", file.path.display())))
}

/// A file that grew since is written anew with the length that it had: the other side
/// keeps what was appended.
fn shorten(host: &dyn Host, path: &Path, length: u64) -> Result<()> {
    let found = host
        .stat(path)
        .map_err(LogError::io("look at", path))?
        .length;
    if found == length {
        return Ok(());
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".shortened");
    let aside = PathBuf::from(aside);
    let source = host
        .open(path, Open::Read)
        .map_err(LogError::io("open", path))?;
    let target = host
        .open(&aside, Open::Truncate)
        .map_err(LogError::io("create", &aside))?;
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < length {
        let want = buffer
            .len()
            .min(usize::try_from(length - at).unwrap_or(buffer.len()));
        let read = source
            .read_at(&mut buffer[..want], at)
            .map_err(LogError::io("read", path))?;
        if read == 0 {
            break;
        }
        target
            .write_at(&buffer[..read], at)
            .map_err(LogError::io("write", &aside))?;
        at += read as u64;
    }
    host.copy_attributes(path, &aside)
        .map_err(LogError::io("give its attributes to", &aside))?;
    host.rename(&aside, path)
        .map_err(LogError::io("rename", &aside))
}
