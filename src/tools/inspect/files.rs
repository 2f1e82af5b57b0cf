//! The files of partitions that are shown whole: indexes and snapshots.

use super::cells::Cell;
use super::site::{Scope, Site};
use crate::format::PartitionId;
use crate::host::{Host, Kind};
use crate::log::layout::TopicPartition;
use crate::log::sweep::Skipped;
use crate::tools::error::{Result, ToolError};
use crate::tools::{numbers, progress};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The most bytes of a file that are read.
const MOST: u64 = 1 << 30;

/// A file, and where it belongs.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) partition: Option<TopicPartition>,
    pub(super) path: PathBuf,
    pub(super) name: String,
}

impl Listed {
    /// One that was named.
    pub(super) fn of(path: &Path) -> Self {
        let directory = path.parent().and_then(Path::file_name);
        let name = path.file_name().unwrap_or_default();
        Self {
            partition: directory.and_then(|name| TopicPartition::from_directory(name.to_str()?)),
            path: path.to_owned(),
            name: name.to_string_lossy().into_owned(),
        }
    }

    /// Topic, partition and file.
    pub(super) fn cells(&self) -> [Cell<'_>; 3] {
        let name = self.partition.as_ref();
        [
            Cell::from(name.map(|name| name.topic.as_str())),
            Cell::from(name.map(|name| i64::from(name.partition))),
            Cell::Text(&self.name),
        ]
    }

    /// Its place in a table.
    pub(super) fn heading(&self) -> String {
        match &self.partition {
            Some(partition) => format!("{partition}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// All of its bytes.
    pub(super) fn read(&self, host: &dyn Host) -> std::io::Result<Vec<u8>> {
        host.read(&self.path, MOST)
    }
}

/// The files of the partitions that a site means, those wanted, by name; or the one
/// that it is.
pub(super) fn list(
    site: &Site,
    partitions: Option<&[PartitionId]>,
    host: &dyn Host,
    wanted: &dyn Fn(&OsStr) -> bool,
) -> Result<Vec<Listed>> {
    if let Scope::File(path) = &site.scope {
        return Ok(vec![Listed::of(path)]);
    }
    let mut found = Vec::new();
    for (partition, directory) in site.partitions(host)? {
        let number = PartitionId::new(partition.partition);
        if partitions.is_some_and(|listed| !listed.contains(&number)) {
            continue;
        }
        let entries = host.list(&directory).map_err(|error| {
            ToolError::failed(format!("cannot list {}: {error}", directory.display()))
        })?;
        let mut names: Vec<_> = entries
            .into_iter()
            .filter(|entry| entry.kind == Kind::File && wanted(&entry.name))
            .map(|entry| entry.name)
            .collect();
        names.sort();
        found.extend(names.into_iter().map(|name| Listed {
            partition: Some(partition.clone()),
            path: directory.join(&name),
            name: name.to_string_lossy().into_owned(),
        }));
    }
    Ok(found)
}

/// What went wrong with files, told as it is found.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    damaged: u64,
    unreadable: u64,
}

impl Troubles {
    /// Something is damaged.
    pub(super) fn damage(&mut self, text: &str) {
        self.damaged += 1;
        Self::complain(text);
    }

    /// Something could not be read.
    pub(super) fn unreadable(&mut self, text: &str) {
        self.unreadable += 1;
        Self::complain(text);
    }

    fn complain(text: &str) {
        let _ = writeln!(std::io::stderr(), "ottla-inspect: {text}");
    }

    /// What the whole amounts to.
    pub(super) fn outcome(&self, site: &Site) -> Result<()> {
        if self.damaged > 0 {
            let places = numbers::count(self.damaged, "damaged place");
            return Err(
                ToolError::damage(format!("{site}: {places} passed over")).hint(format!(
                    "`ottla inspect verify {site}` checks everything; \
                     `ottla repair {site}` says what can be saved"
                )),
            );
        }
        if self.unreadable > 0 {
            let files = numbers::count(self.unreadable, "file");
            return Err(ToolError::failed(format!(
                "{site}: {files} could not be read"
            )));
        }
        Ok(())
    }
}

/// A place that was passed over, in the names that `inspect verify --json` has.
pub(super) fn skipped_json(data: &Path, skipped: &Skipped) -> Value {
    let damage = &skipped.damage;
    let file = skipped.path.strip_prefix(data).unwrap_or(&skipped.path);
    json!({
        "file": file.display().to_string(),
        "byteStart": damage.position,
        "byteEnd": damage.next,
        "offsetStart": damage.offsets.map(|(from, _)| from),
        "offsetEnd": damage.offsets.map(|(_, until)| until),
        "expected": damage.expected,
        "found": damage.found,
    })
}

/// Tells what was passed over; what is no loss as a note, where `quiet` does not hold
/// it back.
pub(super) fn tell_skipped<'a>(
    skipped: impl Iterator<Item = &'a Skipped>,
    quiet: bool,
    troubles: &mut Troubles,
) {
    for skipped in skipped {
        if skipped.is_loss() {
            troubles.damage(&skipped.to_string());
        } else {
            progress::summary("ottla-inspect", quiet, &skipped.to_string());
        }
    }
}

/// Writes to standard output.
pub(super) fn print(out: &mut Vec<u8>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(out)
        .and_then(|()| stdout.flush())
        .map_err(|error| ToolError::stdout(&error))?;
    out.clear();
    Ok(())
}
