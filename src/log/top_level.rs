//! The files of a data directory itself: whose a name is.
//!
//! Kafka lets other files lie there, and so do people. One that has the name of a
//! file of Kafka's but for a letter or two, or the content of one that is missing, is
//! no person's: its name was damaged, or the file was moved away.
//!
//! Sources: `LogManager`, `MetaPropertiesEnsemble`, `BootstrapDirectory`.

use super::layout::{
    ASIDE, CLEAN_SHUTDOWN, CLEANER_OFFSETS, HIGH_WATERMARKS, LOCK, LOG_STARTS, META_PROPERTIES,
    RECOVERY_POINTS,
};
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::clean_shutdown::CleanShutdown;
use crate::format::meta_properties::MetaProperties;

/// Every file that Kafka keeps there.
const KAFKAS: [&str; 8] = [
    META_PROPERTIES,
    LOCK,
    CLEAN_SHUTDOWN,
    RECOVERY_POINTS,
    HIGH_WATERMARKS,
    LOG_STARTS,
    CLEANER_OFFSETS,
    BOOTSTRAP,
];
/// Those that are replaced by way of a `.tmp`.
pub(super) const REPLACED: [&str; 6] = [
    META_PROPERTIES,
    CLEAN_SHUTDOWN,
    RECOVERY_POINTS,
    HIGH_WATERMARKS,
    LOG_STARTS,
    CLEANER_OFFSETS,
];
/// Feature levels and configs of a first start.
const BOOTSTRAP: &str = "bootstrap.checkpoint";
/// A larger file is none of them.
pub(super) const MOST: u64 = 1 << 20;

/// What a file of a data directory is, as its name tells and, where asked, its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopFile {
    /// Kafka's.
    Known,
    /// Half written, to replace one of Kafka's.
    Unfinished,
    /// Set aside by a repair.
    Aside,
    /// It has nearly the name of this file of Kafka's, or its content.
    Alike(&'static str),
    /// Somebody else's.
    Foreign,
}

/// Tells what a file is. `read` gives its bytes, `is_there` whether a file of Kafka's is.
pub(super) fn of(
    name: &str,
    read: impl FnOnce() -> Option<Vec<u8>>,
    is_there: impl Fn(&str) -> bool,
) -> TopFile {
    if KAFKAS.contains(&name) {
        return TopFile::Known;
    }
    if name.ends_with(ASIDE) {
        return TopFile::Aside;
    }
    if name
        .strip_suffix(".tmp")
        .is_some_and(|of| KAFKAS.contains(&of))
    {
        return TopFile::Unfinished;
    }
    let near = KAFKAS.iter().find(|known| {
        let most = if known.len() < 10 { 1 } else { 2 };
        distance(known.as_bytes(), name.as_bytes(), most) <= most
    });
    if let Some(known) = near {
        return TopFile::Alike(known);
    }
    // The lock file has no content that is its own.
    let missing: Vec<_> = REPLACED
        .into_iter()
        .filter(|file| !is_there(file))
        .collect();
    if missing.is_empty() {
        return TopFile::Foreign;
    }
    let content = read().and_then(|bytes| missing.into_iter().find(|file| is_of(file, &bytes)));
    content.map_or(TopFile::Foreign, TopFile::Alike)
}

/// Whether bytes are the content of a file. (The four checkpoints look alike.)
pub(super) fn is_of(file: &str, bytes: &[u8]) -> bool {
    match file {
        META_PROPERTIES => MetaProperties::parse(bytes).is_ok_and(|meta| meta.node_id.is_some()),
        CLEAN_SHUTDOWN => {
            bytes.starts_with(b"{") && CleanShutdown::parse(bytes).broker_epoch.is_some()
        }
        _ => OffsetCheckpoint::parse(bytes).is_ok_and(|points| !points.is_empty()),
    }
}

/// How many bytes must be changed, put in or taken out to make one of the other; more
/// than `most` where it is more than that.
fn distance(a: &[u8], b: &[u8], most: usize) -> usize {
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &[u8] = b"version=1\nnode.id=1\ncluster.id=Qm90dGxlLWdvbGRlbi0wMQ\n";

    fn kind(name: &str, bytes: &[u8], missing: &str) -> TopFile {
        of(name, || Some(bytes.to_vec()), |file| file != missing)
    }

    #[test]
    fn names_that_are_nearly_kafkas_are_told() {
        for (name, known) in [
            ("meta.propertiez", META_PROPERTIES),
            ("meta.propertie", META_PROPERTIES),
            (".kafka_cleanshutdowm", CLEAN_SHUTDOWN),
            ("recovery-point-ofset-checkpoint", RECOVERY_POINTS),
            (".mock", LOCK),
        ] {
            assert_eq!(kind(name, b"", ""), TopFile::Alike(known), "{name}");
        }
    }

    #[test]
    fn content_tells_where_the_file_is_missing() {
        let point = b"0\n1\norders 0 5\n";
        for (name, bytes, missing, expected) in [
            ("a", META, META_PROPERTIES, TopFile::Alike(META_PROPERTIES)),
            ("a", META, "", TopFile::Foreign),
            ("b", point, LOG_STARTS, TopFile::Alike(LOG_STARTS)),
            ("b", point, META_PROPERTIES, TopFile::Foreign),
            ("notes.txt", b"call Anna", META_PROPERTIES, TopFile::Foreign),
            ("meta.properties.bak", META, "", TopFile::Foreign),
            ("meta.properties.tmp", META, "", TopFile::Unfinished),
            ("x.stray", META, META_PROPERTIES, TopFile::Aside),
            ("meta.properties", META, "", TopFile::Known),
            ("replication-offset-checkpoint", b"", "", TopFile::Known),
        ] {
            assert_eq!(kind(name, bytes, missing), expected, "{name}");
        }
    }
}
