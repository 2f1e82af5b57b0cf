//! The head of a partition: its log start offset, and the segments that lie before it.
//!
//! Whoever moves the start makes it durable in the checkpoint before segments go, so
//! that a power cut which loses some of their names and keeps others leaves nothing
//! that a reader would find.

use super::{Listing, Partition};
use crate::format::Offset;
use crate::host::{Durability, Host};
use crate::log::error::{LogError, Result};
use crate::log::layout::{LEADER_EPOCHS, Suffix, segment_file};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is put behind the name of a file that is about to go, as Kafka does it.
const DELETED: &str = ".deleted";

impl Partition {
    /// Takes note that its records before `start` are deleted: leader epochs begin
    /// there. Not durable.
    ///
    /// # Errors
    /// `Io`.
    pub fn advance_start(&mut self, start: Offset) -> Result<()> {
        self.locked(|partition| {
            if !partition.epochs.truncate_from_start(start) {
                return Ok(());
            }
            let path = partition.directory.join(LEADER_EPOCHS);
            partition
                .host
                .replace(&path, &partition.epochs.to_bytes(), Durability::None)
                .map_err(LogError::io("replace", &path))?;
            partition.epochs_unsynced = true;
            partition.directory_unsynced = true;
            Ok(())
        })
    }

    /// Begins the next segment at the end, where the last one holds anything.
    ///
    /// # Errors
    /// `Io`.
    pub fn roll_at_end(&mut self) -> Result<()> {
        self.locked(|partition| {
            let end = partition.end();
            match end > partition.active.base() {
                true => partition.roll(end),
                false => Ok(()),
            }
        })
    }

    /// Takes the segments away that end at or before `start`, but for the last one:
    /// their files get another name, under which nobody looks for them. Those names,
    /// for [`remove_files`] once no reader is at them. Not durable.
    ///
    /// # Errors
    /// `Io`.
    pub fn drop_segments(&mut self, start: Offset) -> Result<Vec<PathBuf>> {
        self.locked(|partition| {
            let listing = Listing::read(&*partition.host, &partition.directory)?;
            let mut gone = Vec::new();
            for pair in listing.segments.windows(2) {
                let [base, next] = [pair[0], pair[1]];
                if next > start || base == partition.active.base() {
                    break;
                }
                for suffix in Suffix::OF_A_SEGMENT {
                    let path = segment_file(&partition.directory, base, suffix);
                    gone.extend(set_aside(&*partition.host, path)?);
                }
                partition.unsynced.remove(&base);
                partition.directory_unsynced = true;
            }
            Ok(gone)
        })
    }
}

/// Renames a file that is about to go, if it is there: its new name.
fn set_aside(host: &dyn Host, path: PathBuf) -> Result<Option<PathBuf>> {
    let mut name = path.clone().into_os_string();
    name.push(DELETED);
    let aside = PathBuf::from(name);
    match host.rename(&path, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("rename", &path)(error)),
    }
}

/// Removes files, those that are there. Not durable: what comes back after a power cut
/// is removed again.
///
/// # Errors
/// `Io`; the files behind the one that failed are left.
pub fn remove_files(host: &dyn Host, files: &[PathBuf]) -> Result<()> {
    for file in files {
        match host.remove_file(file) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(LogError::io("remove", file)(error)),
        }
    }
    Ok(())
}

/// The files of a partition's directory that were about to go when whoever removes
/// them was stopped: those before the first segment that is there.
///
/// # Errors
/// `Io`.
pub fn left_to_remove(host: &dyn Host, directory: &Path) -> Result<Vec<PathBuf>> {
    let first = Listing::read(host, directory)?.segments.first().copied();
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    let left = entries.into_iter().filter(|entry| {
        let name = entry.name.to_str();
        let base = name
            .and_then(|name| name.strip_suffix(DELETED))
            .and_then(|name| crate::log::layout::parse_segment_file(name.as_ref()))
            .map(|(base, _)| base);
        matches!((base, first), (Some(base), Some(first)) if base < first)
    });
    Ok(left.map(|entry| directory.join(entry.name)).collect())
}
