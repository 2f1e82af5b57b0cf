//! Makes the twin of a directory: what a plan does not touch is shared or copied,
//! what it changes is written anew.
//!
//! A `.log` that stays is a second name of the same file (Kafka only ever appends to
//! it: cut back to its length of now, it is the original again), and so are `.lock`
//! and `partition.metadata`, whose files carry locks. Everything else is copied.

use super::derived;
use super::journal::Shared;
use super::plan::{Change, Piece, What};
use crate::host::{File, Host, Kind, Open};
use crate::log::error::{LogError, Result};
use crate::log::layout::{LOCK, PARTITION_METADATA, TopicPartition};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is copied at once.
const CHUNK: usize = 1 << 20;

/// The twin in the making.
pub(super) struct Stage<'a> {
    pub(super) host: &'a Arc<dyn Host>,
    /// The data directory.
    pub(super) data: &'a Path,
    /// What stands for it in the sidecar: `data` and the twin differ in this alone.
    pub(super) twin_data: PathBuf,
    /// Files that both sides share.
    pub(super) shared: Vec<Shared>,
    /// Bytes from one index entry to the next, for each partition.
    pub(super) index_interval: &'a dyn Fn(&TopicPartition) -> u64,
}

impl Stage<'_> {
    /// Makes the twin of `from` at `to`, as it is.
    pub(super) fn copy_tree(&mut self, from: &Path, to: &Path, below: &Path) -> Result<()> {
        self.host
            .create_dir(to)
            .map_err(LogError::io("create", to))?;
        let entries = self.host.list(from).map_err(LogError::io("list", from))?;
        for entry in entries {
            let (source, target) = (from.join(&entry.name), to.join(&entry.name));
            let below = below.join(&entry.name);
            match entry.kind {
                Kind::Directory => self.copy_tree(&source, &target, &below)?,
                Kind::File => self.copy_file(&source, &target, &below)?,
                // Sockets and pipes belong to a server that is not there.
                Kind::Other => {}
            }
        }
        self.host
            .copy_attributes(from, to)
            .map_err(LogError::io("give its attributes to", to))
    }

    fn copy_file(&mut self, from: &Path, to: &Path, below: &Path) -> Result<()> {
        let name = from.file_name().unwrap_or_default();
        let is_log = from.extension().is_some_and(|extension| extension == "log");
        if is_log || name == LOCK || name == PARTITION_METADATA {
            let length = self
                .host
                .stat(from)
                .map_err(LogError::io("look at", from))?
                .length;
            self.host
                .link(from, to)
                .map_err(LogError::io("link", from))?;
            if is_log {
                self.shared.push(Shared {
                    path: below.to_owned(),
                    length,
                });
            }
            return Ok(());
        }
        let source = self.open(from)?;
        let length = source.len().map_err(LogError::io("measure", from))?;
        let target = self.create(to)?;
        copy(&*source, from, 0, length, &*target, to, 0)?;
        // Also where it ends with zeros, which were not written.
        target.set_len(length).map_err(LogError::io("extend", to))?;
        self.host
            .copy_attributes(from, to)
            .map_err(LogError::io("give its attributes to", to))
    }

    /// Does one change, in the twin.
    pub(super) fn change(&mut self, change: &Change) -> Result<()> {
        let host = self.host;
        let path = self.twin_data.join(&change.path);
        match &change.what {
            What::Write(bytes) => self.assemble(change, &[Piece::Bytes(bytes.clone())]),
            What::Assemble(pieces) => self.assemble(change, pieces),
            What::Remove => {
                self.unshare(&change.path);
                host.remove_file(&path)
                    .map_err(LogError::io("remove", &path))
            }
            What::Rename(to) => {
                let to = self.twin_data.join(to);
                self.unshare(&change.path);
                host.rename(&path, &to)
                    .map_err(LogError::io("rename", &path))
            }
            What::CreateDirectory => host
                .create_dir(&path)
                .map_err(LogError::io("create", &path)),
            What::RemoveDirectory => {
                let gone = change.path.clone();
                let data = self.data.to_owned();
                self.shared
                    .retain(|shared| !data.join(&shared.path).starts_with(data.join(&gone)));
                remove_tree(&**host, &path)
            }
            What::Rebuild(rebuild) => {
                let name = change.path.file_name().and_then(|name| name.to_str());
                let name = name.and_then(TopicPartition::from_directory);
                let name = name.unwrap_or_else(|| TopicPartition::new("", 0));
                let interval = (self.index_interval)(&name);
                derived::rebuild(host, &path, &name, rebuild, interval)
            }
        }
    }

    /// The new file is written beside the old one, which it may be made from.
    fn assemble(&mut self, change: &Change, pieces: &[Piece]) -> Result<()> {
        let path = self.twin_data.join(&change.path);
        let original = self.data.join(&change.path);
        self.unshare(&change.path);
        let mut aside = path.as_os_str().to_owned();
        aside.push(".repaired");
        let aside = PathBuf::from(aside);
        let file = self.create(&aside)?;
        let mut at = 0;
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => file
                    .write_at(bytes, at)
                    .map_err(LogError::io("write", &aside))?,
                Piece::Copy { path: from, bytes } => {
                    let from = self.data.join(from);
                    let source = self.open(&from)?;
                    let length = bytes.end - bytes.start;
                    copy(&*source, &from, bytes.start, length, &*file, &aside, at)?;
                }
            }
            at += piece.len();
        }
        file.set_len(at).map_err(LogError::io("extend", &aside))?;
        self.attributes(&original, &aside)?;
        self.host
            .rename(&aside, &path)
            .map_err(LogError::io("rename", &aside))
    }

    /// Owner and mode of the original; of something beside it where it is new.
    fn attributes(&self, original: &Path, path: &Path) -> Result<()> {
        let beside = || {
            let directory = original.parent()?;
            let entries = self.host.list(directory).ok()?;
            let file = entries.iter().find(|entry| entry.kind == Kind::File)?;
            Some(directory.join(&file.name))
        };
        let model = match self.host.stat(original) {
            Ok(_) => Some(original.to_owned()),
            Err(_) => beside(),
        };
        match model {
            Some(model) => self
                .host
                .copy_attributes(&model, path)
                .map_err(LogError::io("give its attributes to", path)),
            None => Ok(()),
        }
    }

    /// A file that is changed is not shared any more.
    fn unshare(&mut self, path: &Path) {
        self.shared
            .retain(|shared| !path.ends_with(&shared.path) && shared.path != path);
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.host
            .open(path, Open::Read)
            .map_err(LogError::io("open", path))
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn File>> {
        self.host
            .open(path, Open::CreateNew)
            .map_err(LogError::io("create", path))
    }
}

/// Copies bytes; pieces that are all zeros are left out, as holes.
fn copy(
    from: &dyn File,
    from_path: &Path,
    mut position: u64,
    mut length: u64,
    to: &dyn File,
    to_path: &Path,
    mut at: u64,
) -> Result<()> {
    let mut buffer = vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK))];
    while length > 0 {
        let want = buffer.len().min(usize::try_from(length).unwrap_or(CHUNK));
        let read = from
            .read_at(&mut buffer[..want], position)
            .map_err(LogError::io("read", from_path))?;
        if read == 0 {
            break;
        }
        if buffer[..read].iter().any(|byte| *byte != 0) {
            to.write_at(&buffer[..read], at)
                .map_err(LogError::io("write", to_path))?;
        }
        position += read as u64;
        at += read as u64;
        length -= read as u64;
    }
    Ok(())
}

/// Removes a directory with all that is in it.
pub(super) fn remove_tree(host: &dyn Host, path: &Path) -> Result<()> {
    for entry in host.list(path).map_err(LogError::io("list", path))? {
        let inner = path.join(&entry.name);
        match entry.kind {
            Kind::Directory => remove_tree(host, &inner)?,
            _ => host
                .remove_file(&inner)
                .map_err(LogError::io("remove", &inner))?,
        }
    }
    host.remove_dir(path).map_err(LogError::io("remove", path))
}

/// Every file below a directory, with its length.
pub(super) fn files(host: &dyn Host, directory: &Path, below: &Path) -> Result<Vec<Shared>> {
    let mut found = Vec::new();
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    for entry in entries {
        let (path, below) = (directory.join(&entry.name), below.join(&entry.name));
        match entry.kind {
            Kind::Directory => found.extend(files(host, &path, &below)?),
            _ => found.push(Shared {
                length: host
                    .stat(&path)
                    .map_err(LogError::io("look at", &path))?
                    .length,
                path: below,
            }),
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}
