//! The data directory that is checked.

use super::Report;
use crate::format::{NodeId, Uuid};
use crate::host::{Entry, Host};
use crate::log::data_dir::MOST_SMALL_FILE;
use crate::log::image::Image;
use crate::log::layout::{LEADER_EPOCHS, METADATA_TOPIC, TopicPartition};
use crate::log::metadata_log::{self, ImageAt, Source};
use crate::log::verify::{Check, Finding, Severity, Surroundings};
use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory and what was learnt about it.
pub(super) struct Data<'a> {
    pub(super) host: &'a Arc<dyn Host>,
    pub(super) around: &'a Surroundings,
    /// The names in it, sorted.
    pub(super) entries: Vec<Entry>,
    /// Whose it is, by `meta.properties`.
    pub(super) node: Option<NodeId>,
    pub(super) directory_id: Option<Uuid>,
    /// What the whole metadata log adds up to; `None` where a part is damaged.
    pub(super) metadata: Option<ImageAt>,
}

/// A file that was looked for.
pub(super) enum Small {
    Bytes(Vec<u8>),
    Missing,
    /// It was reported.
    Unreadable,
}

impl<'a> Data<'a> {
    pub(super) fn new(host: &'a Arc<dyn Host>, around: &'a Surroundings) -> Self {
        let mut entries = host.list(&around.data).unwrap_or_default();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let directory = around.data.join(format!("{METADATA_TOPIC}-0"));
        let metadata = around
            .kraft
            .then(|| ImageAt::read(host, &Source::Directory(directory), None).ok())
            .flatten()
            .filter(|metadata| metadata.damage.is_empty() && !has_empty_snapshot(host, around));
        Self {
            host,
            around,
            entries,
            node: None,
            directory_id: None,
            metadata,
        }
    }

    /// The image, where all of it could be read.
    pub(super) fn image(&self) -> Option<&Image> {
        self.metadata.as_ref().map(|metadata| &metadata.image)
    }

    /// Whether the mark of a clean stop vouches for the directory.
    pub(super) const fn is_clean(&self) -> bool {
        self.around.clean && !self.around.live
    }

    /// How bad it is what a kill may leave and a clean stop does not.
    pub(super) const fn healed(&self) -> Severity {
        match self.is_clean() {
            true => Severity::Rebuildable,
            false => Severity::Note,
        }
    }

    pub(super) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.around.data.join(name)
    }

    /// The directory of the metadata log.
    pub(super) fn metadata_directory(&self) -> PathBuf {
        self.path(format!("{METADATA_TOPIC}-0"))
    }

    /// Where the metadata log's epochs began.
    pub(super) fn metadata_epochs(&self) -> PathBuf {
        self.metadata_directory().join(LEADER_EPOCHS)
    }

    /// The names of the partitions' directories.
    pub(super) fn partitions(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.entries.iter().filter_map(|entry| {
            let name = TopicPartition::from_directory(entry.name.to_str()?)?;
            (entry.kind == crate::host::Kind::Directory).then_some(name)
        })
    }

    /// Reads a small file; one that the system does not let be read is reported.
    pub(super) fn read(&self, path: &Path, report: &mut Report<'_>) -> Small {
        match self.host.read(path, MOST_SMALL_FILE) {
            Ok(bytes) => Small::Bytes(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Small::Missing,
            Err(error) => {
                let expected = "a file that can be read";
                let found = error.to_string();
                report(finding(
                    Check::Unreadable,
                    Severity::Wrong,
                    path.to_owned(),
                    expected,
                    found,
                ));
                Small::Unreadable
            }
        }
    }
}

/// Whether a snapshot of the metadata says nothing at all, so that what adds up to the
/// image begins behind it.
fn has_empty_snapshot(host: &Arc<dyn Host>, around: &Surroundings) -> bool {
    let directory = around.data.join(format!("{METADATA_TOPIC}-0"));
    let snapshots = metadata_log::snapshots(&**host, &directory).unwrap_or_default();
    let is_empty = |path: &Path| host.stat(path).is_ok_and(|stat| stat.length == 0);
    snapshots.iter().any(|found| is_empty(&found.path))
}

/// A finding about a file of the data directory.
pub(super) fn finding(
    check: Check,
    severity: Severity,
    path: PathBuf,
    expected: impl Into<Cow<'static, str>>,
    found: impl Into<Cow<'static, str>>,
) -> Finding {
    Finding {
        check,
        severity,
        path,
        partition: None,
        bytes: None,
        offsets: None,
        expected: expected.into(),
        found: found.into(),
    }
}
