//! The sidecar of a repair: a directory beside the one that was mended, with the
//! originals and a journal.
//!
//! ```text
//! DATA.repair-1/journal.json    what was done, when and to what
//! DATA.repair-1/DATA/           before the exchange the twin, after it the originals
//! ```
//!
//! Which of the two it holds is told by the directory's identity, so that no moment
//! leaves a doubt. Where only one partition is mended, `TOPIC-P` stands for `DATA`.

use crate::host::{Host, Kind};
use crate::log::error::{LogError, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The journal's name.
const JOURNAL: &str = "journal.json";
/// A journal larger than this is refused.
const MOST_JOURNAL: u64 = 1 << 30;

/// What was done, as it stands in `journal.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// The version of this layout: 1.
    pub version: u32,
    /// When it was made, milliseconds since 1970.
    pub time_ms: i64,
    /// The directory that was exchanged.
    pub directory: PathBuf,
    /// The identity of the directory that holds the originals.
    pub original: u64,
    /// What was changed.
    pub changes: Vec<Noted>,
    /// Files that both sides share, and how long they were: they may have grown.
    pub shared: Vec<Shared>,
    /// Files of the result, and how long they were.
    pub result: Vec<Shared>,
}

/// A change, as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The file, relative to the data directory.
    pub path: PathBuf,
    /// What was done to it.
    pub what: String,
    /// Why.
    pub why: String,
}

/// A file and its length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The file, relative to the exchanged directory.
    pub path: PathBuf,
    /// Bytes.
    pub length: u64,
}

/// A sidecar that was found.
#[derive(Debug, Clone)]
pub struct Sidecar {
    /// Where it is.
    pub path: PathBuf,
    /// Its number.
    pub number: u32,
    /// What it holds.
    pub holds: Holds,
}

/// What a sidecar holds.
#[derive(Debug, Clone)]
pub enum Holds {
    /// The originals of a repair that was carried out.
    Originals(Box<Journal>),
    /// A twin that was not put in place, or what undoing left: of no use.
    Nothing,
}

impl Journal {
    /// Its file in a sidecar.
    pub(super) fn path(sidecar: &Path) -> PathBuf {
        sidecar.join(JOURNAL)
    }

    /// The name under which the sidecar holds the directory.
    pub(super) fn held(&self, sidecar: &Path) -> PathBuf {
        sidecar.join(self.directory.file_name().unwrap_or_default())
    }
}

/// The sidecars of a directory, the latest first.
///
/// # Errors
/// Where the directory above cannot be listed.
pub fn sidecars(host: &dyn Host, directory: &Path) -> Result<Vec<Sidecar>> {
    let above = directory.parent().unwrap_or(Path::new("/"));
    let stem = stem(directory);
    let entries = host.list(above).map_err(LogError::io("list", above))?;
    let mut found: Vec<Sidecar> = entries
        .iter()
        .filter(|entry| entry.kind == Kind::Directory)
        .filter_map(|entry| {
            let number = entry.name.to_str()?.strip_prefix(&stem)?.parse().ok()?;
            let path = above.join(&entry.name);
            let holds = holds(host, &path);
            Some(Sidecar {
                path,
                number,
                holds,
            })
        })
        .collect();
    found.sort_by_key(|sidecar| std::cmp::Reverse(sidecar.number));
    Ok(found)
}

/// The path of the sidecar with a number.
pub(super) fn sidecar_path(directory: &Path, number: u32) -> PathBuf {
    let above = directory.parent().unwrap_or(Path::new("/"));
    above.join(format!("{}{number}", stem(directory)))
}

fn stem(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}.repair-")
}

fn holds(host: &dyn Host, sidecar: &Path) -> Holds {
    let journal = host
        .read(&Journal::path(sidecar), MOST_JOURNAL)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Journal>(&bytes).ok());
    match journal {
        Some(journal) if host.identity(&journal.held(sidecar)).ok() == Some(journal.original) => {
            Holds::Originals(Box::new(journal))
        }
        _ => Holds::Nothing,
    }
}
