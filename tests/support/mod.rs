//! The directories that Apache Kafka 4.3.1 wrote (`testdata/kafka-4.3.1-logs/`),
//! for the integration tests that compare with them.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The data directory after a clean stop.
pub(crate) const CLEAN: &str = "clean";
/// The same one after `kill -9` during its second run.
pub(crate) const UNCLEAN: &str = "unclean";
/// What Kafka's `DumpLogSegments` prints for [`CLEAN`], a text file a partition.
pub(crate) const DUMP: &str = "dump";
/// Another one, of a dynamic quorum, with ACLs, quotas, users, groups of all kinds
/// and snapshots: its small files and internal topics in `data/`, and the dump of
/// each log in `dump/`.
pub(crate) const DYNAMIC: &str = "dynamic";

/// Unpacks an archive into a directory that is there.
pub(crate) fn unpack(name: &str, into: &Path) {
    let mut archive = open(name);
    archive.unpack(into).expect("the archive unpacks");
}

/// The files of an archive by their paths, such as `events-0/partition.metadata`.
pub(crate) fn files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    each_file(name, |path, bytes| {
        files.insert(path.to_owned(), bytes.to_vec());
    });
    files
}

/// The files of an archive, one at a time: those of [`UNCLEAN`] are large together,
/// being mostly holes.
pub(crate) fn each_file(name: &str, mut each: impl FnMut(&str, &[u8])) {
    let mut bytes = Vec::new();
    for entry in open(name).entries().expect("the archive has entries") {
        let mut entry = entry.expect("the archive is whole");
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let path = entry.path().expect("paths are plain").into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path);
        bytes.clear();
        entry.read_to_end(&mut bytes).expect("the entry is whole");
        each(path.to_str().expect("paths are UTF-8"), &bytes);
    }
}

fn open(name: &str) -> tar::Archive<impl std::io::Read> {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "testdata",
        "kafka-4.3.1-logs",
        &format!("{name}.tar.zst"),
    ]
    .iter()
    .collect();
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    tar::Archive::new(zstd::Decoder::new(file).expect("zstd starts"))
}
