use super::super::testing::carry_out;
use super::*;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::record::Headers;
use crate::host::real::RealHost;

/// A log of one record at each of these offsets.
fn log(offsets: Range<i64>, value: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for offset in offsets {
        let mut builder = BatchBuilder::default();
        let value = Some(value.as_bytes());
        builder
            .append(None, None, value, Headers::default())
            .unwrap();
        let base_offset = Offset::new(offset);
        bytes.extend_from_slice(builder.seal(&Seal {
            base_offset,
            ..Seal::default()
        }));
    }
    bytes
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("t-0")).unwrap();
        for (name, bytes) in files {
            let name = if name.contains('/') {
                name.trim_start_matches('/').to_owned()
            } else {
                format!("t-0/{name}")
            };
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self(folder)
    }

    /// Names and lengths in the partition after the plan.
    fn after(&self) -> Vec<(String, u64)> {
        let partitions = [TopicPartition::new("t", 0)];
        let found = plan(&RealHost, self.0.path(), &partitions, true).unwrap();
        carry_out(&RealHost, &found, self.0.path());
        let again = plan(&RealHost, self.0.path(), &partitions, true).unwrap();
        assert!(again.is_empty(), "{:?}", again.changes);
        let mut names: Vec<_> = std::fs::read_dir(self.0.path().join("t-0"))
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let length = entry.metadata().unwrap().len();
                (entry.file_name().into_string().unwrap(), length)
            })
            .collect();
        names.sort();
        names
    }
}

fn name(base: i64, suffix: &str) -> String {
    format!("{base:020}{suffix}")
}

#[test]
fn what_compaction_did_not_finish_is_rolled_back() {
    let old = log(0..3, "old");
    let dir = Dir::new(&[
        (&name(0, ".log"), &old),
        (&name(0, ".log.cleaned"), &log(0..1, "new")),
        (&name(0, ".index.cleaned"), b""),
        (&name(0, ".log.swap"), &log(0..1, "new")),
        (&name(5, ".index"), b""),
        (&name(2, ".log.deleted"), b"x"),
        ("leader-epoch-checkpoint", b"0\n0\n"),
        ("leader-epoch-checkpoint.tmp", b"0\n"),
    ]);
    assert_eq!(
        dir.after(),
        [
            (name(0, ".log"), old.len() as u64),
            ("leader-epoch-checkpoint".to_owned(), 4)
        ]
    );
}

#[test]
fn a_finished_swap_replaces_the_segments_that_it_covers() {
    let new = log(0..9, "");
    let dir = Dir::new(&[
        (&name(0, ".log"), &log(0..5, "old")),
        (&name(0, ".index"), b"old"),
        (&name(0, ".snapshot"), b"old"),
        (&name(5, ".log"), &log(5..9, "old")),
        (&name(5, ".timeindex"), b"old"),
        (&name(5, ".snapshot"), b"old"),
        (&name(9, ".log"), &log(9..12, "active")),
        (&name(9, ".snapshot"), b"of a segment"),
        (&name(12, ".snapshot"), b"of the end"),
        (&name(0, ".log.swap"), &new),
        (&name(0, ".index.swap"), b""),
    ]);
    assert_eq!(
        dir.after(),
        [
            (name(0, ".index"), 0),
            (name(0, ".log"), new.len() as u64),
            (name(9, ".log"), log(9..12, "active").len() as u64),
            (name(9, ".snapshot"), 12),
            (name(12, ".snapshot"), 10),
        ]
    );
}

#[test]
fn a_damaged_swap_goes_while_its_original_is_there() {
    let old = log(0..5, "old");
    let mut new = log(0..4, "");
    new[100] ^= 1;
    for (original, swap) in [(".log", &new[..]), (".log", b""), (".log.deleted", &new)] {
        let dir = Dir::new(&[
            (&name(0, original), &old),
            (&name(0, ".log.swap"), swap),
            (&name(0, ".index.swap"), b"new"),
        ]);
        assert_eq!(
            dir.after(),
            [(name(0, ".log"), old.len() as u64)],
            "{original}"
        );
    }
    let dir = Dir::new(&[(&name(0, ".log.swap"), &new)]);
    assert_eq!(dir.after(), [(name(0, ".log"), new.len() as u64)]);
}

#[test]
fn directories_on_their_way_out_go_and_others_are_told_of() {
    let dir = Dir::new(&[
        (&name(0, ".log"), b""),
        ("t-1.0123456789abcdef0123456789abcdef-delete/a.log", b"x"),
        ("t-2.0123456789abcdef0123456789abcdef-stray/a.log", b"x"),
        ("t-3.0123456789abcdef0123456789abcdef-future/a.log", b"x"),
        ("lost+found/a", b"x"),
        ("remote-log-index-cache/a", b"x"),
        ("replication-offset-checkpoint.tmp", b""),
    ]);
    let found = plan(&RealHost, dir.0.path(), &[], true).unwrap();
    let left: Vec<_> = found
        .left
        .iter()
        .map(|left| left.path.to_str().unwrap())
        .collect();
    assert_eq!(left[0], "lost+found");
    assert!(
        left[1].ends_with("-stray") && left[2].ends_with("-future"),
        "{left:?}"
    );
    assert_eq!(found.changes.len(), 1, "{:?}", found.changes);
    dir.after();
    assert!(
        !dir.0
            .path()
            .join("t-1.0123456789abcdef0123456789abcdef-delete")
            .exists()
    );
}

#[test]
fn unknown_files_are_set_aside_and_a_renamed_meta_properties_comes_back() {
    let meta = b"version=1\nnode.id=1\ncluster.id=Qm90dGxlLWdvbGRlbi0wMQ\n";
    let point = b"0\n1\nt 0 5\n";
    let dir = Dir::new(&[
        ("00000000000000000000.log", &log(0..3, "a")),
        ("00000000000000000000.log.bak", b"?"),
        ("core", b"?"),
        ("core.stray", b"?"),
        ("/notes.txt", b"?"),
        ("/meta.properties.1", meta),
        ("/recovery-point-offset-checkpoinu", point),
    ]);
    let names: Vec<_> = dir.after().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "00000000000000000000.log",
            "00000000000000000000.log.bak.stray",
            "core.2.stray",
            "core.stray",
        ]
    );
    let mut top: Vec<_> = std::fs::read_dir(dir.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    top.sort();
    assert_eq!(
        top,
        [
            "meta.properties",
            "notes.txt",
            "recovery-point-offset-checkpoinu.stray",
            "t-0",
        ]
    );
}
