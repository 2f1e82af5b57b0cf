//! The files of the data directory itself.

use crate::{Planted, each, edit, support, text};
use ottla::log::verify::{Check, Severity};
use std::fs;
use std::path::Path;

const META: &str = "meta.properties";
const QUORUM: &str = "__cluster_metadata-0/quorum-state";
const POINTS: &str = "recovery-point-offset-checkpoint";
const MARKS: &str = "replication-offset-checkpoint";

fn wrong(check: Check, file: &'static str, what: &'static str, plant: fn(&Path)) -> Planted {
    Planted {
        what,
        plant,
        check,
        severity: Severity::Wrong,
        file,
    }
}

fn rebuildable(planted: Planted) -> Planted {
    Planted {
        severity: Severity::Rebuildable,
        ..planted
    }
}

fn remove(data: &Path, name: &str) {
    fs::remove_file(data.join(name)).expect("it is there");
}

#[test]
fn whose_it_is() {
    let meta = |what, plant| wrong(Check::MetaProperties, META, what, plant);
    let mark = |what, plant| {
        rebuildable(wrong(
            Check::CleanShutdown,
            ".kafka_cleanshutdown",
            what,
            plant,
        ))
    };
    each(
        support::CLEAN,
        &[
            meta("a node", |data| {
                text(&data.join(META), "node.id=1", "node.id=7")
            }),
            meta("a version", |data| {
                text(&data.join(META), "version=1", "version=9");
            }),
            meta("a directory", |data| {
                text(&data.join(META), "directory.id=c", "directory.id=d");
            }),
            Planted {
                check: Check::MissingFile,
                ..meta("none", |data| remove(data, META))
            },
            mark("an epoch", |data| {
                text(
                    &data.join(".kafka_cleanshutdown"),
                    "brokerEpoch\":",
                    "brokerEpoch\":9",
                );
            }),
            mark("nothing", |data| {
                edit(&data.join(".kafka_cleanshutdown"), Vec::clear);
            }),
            mark("no JSON", |data| {
                text(&data.join(".kafka_cleanshutdown"), "{", "(");
            }),
        ],
    );
}

#[test]
fn checkpoints() {
    let points = |what, plant| wrong(Check::Checkpoint, POINTS, what, plant);
    each(
        support::CLEAN,
        &[
            points("a version", |data| {
                edit(&data.join(POINTS), |bytes| bytes[0] = b'1');
            }),
            points("a count", |data| {
                edit(&data.join(POINTS), |bytes| bytes[3] ^= 1);
            }),
            points("no number", |data| {
                text(&data.join(POINTS), "codec-none 0 1000", "codec-none 0 1o00");
            }),
            rebuildable(points("another partition", |data| {
                text(&data.join(POINTS), "codec-none 0", "codec-nine 0");
            })),
            Planted {
                file: MARKS,
                ..rebuildable(points("another high watermark", |data| {
                    text(&data.join(MARKS), "codec-none 0", "codec-none 4");
                }))
            },
            rebuildable(points("nothing", |data| {
                edit(&data.join(POINTS), Vec::clear);
            })),
            rebuildable(points("one twice", |data| {
                text(&data.join(POINTS), "empty 1 0", "empty 0 0");
            })),
            Planted {
                check: Check::MissingFile,
                ..rebuildable(points("none", |data| remove(data, POINTS)))
            },
            Planted {
                check: Check::MissingFile,
                file: "log-start-offset-checkpoint",
                ..points("no starts", |data| {
                    remove(data, "log-start-offset-checkpoint");
                })
            },
        ],
    );
}

#[test]
fn the_quorum() {
    let quorum = |what, plant| wrong(Check::QuorumState, QUORUM, what, plant);
    let bootstrap = |what, plant| wrong(Check::MetadataLog, "bootstrap.checkpoint", what, plant);
    each(
        support::CLEAN,
        &[
            quorum("no JSON", |data| text(&data.join(QUORUM), "{", "[")),
            quorum("a version", |data| {
                text(&data.join(QUORUM), "data_version\":0", "data_version\":7");
            }),
            quorum("a leader", |data| {
                text(&data.join(QUORUM), "leaderId\":1", "leaderId\":2");
            }),
            rebuildable(quorum("an epoch", |data| {
                text(&data.join(QUORUM), "leaderEpoch\":3", "leaderEpoch\":1");
            })),
            Planted {
                check: Check::MissingFile,
                ..rebuildable(quorum("none", |data| remove(data, QUORUM)))
            },
            bootstrap("no footer", |data| {
                edit(&data.join("bootstrap.checkpoint"), |bytes| {
                    let mut starts = vec![0];
                    while let Some(start) = starts.last().copied().filter(|at| *at < bytes.len()) {
                        let size: [u8; 4] = bytes[start + 8..start + 12].try_into().expect("4");
                        starts.push(start + 12 + u32::from_be_bytes(size) as usize);
                    }
                    bytes.truncate(starts[starts.len() - 2]);
                });
            }),
        ],
    );
}

#[test]
fn directories() {
    fn add(data: &Path, name: &str) {
        fs::create_dir(data.join(name)).expect("it can be made");
    }
    let directory = |file, what, plant| wrong(Check::Directory, file, what, plant);
    each(
        support::CLEAN,
        &[
            directory("lost+found", "no partition's", |data| {
                add(data, "lost+found");
            }),
            directory("odd-0", "one that nobody knows", |data| {
                add(data, "odd-0");
                fs::copy(
                    data.join("events-0/partition.metadata"),
                    data.join("odd-0/partition.metadata"),
                )
                .expect("it is there");
            }),
            Planted {
                severity: Severity::Loss,
                ..directory("events-1", "one is gone", |data| {
                    fs::remove_dir_all(data.join("events-1")).expect("it is there");
                })
            },
            Planted {
                severity: Severity::Note,
                ..directory("events-1.0a1b-delete", "one on its way out", |data| {
                    add(data, "events-1.0a1b-delete");
                })
            },
        ],
    );
}

/// A broker with several directories has it in one of them, and which one nothing in
/// the others tells: its partitions are no damage.
#[test]
fn a_metadata_log_that_is_not_here_is_noted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path();
    support::unpack(support::CLEAN, data);
    let is_it = |found: &ottla::log::verify::Finding| {
        found.check == Check::Directory && found.path == data.join("__cluster_metadata-0")
    };
    assert!(!crate::verify(data).iter().any(is_it));
    fs::remove_dir_all(data.join("__cluster_metadata-0")).expect("it is there");
    let found = crate::verify(data);
    assert!(found.iter().any(is_it), "{found:#?}");
    assert!(found.iter().all(|found| found.severity == Severity::Note));
    // ZooKeeper's brokers have none.
    fs::write(data.join(META), "version=0\nbroker.id=1\ncluster.id=x\n").expect("written");
    assert!(!crate::verify(data).iter().any(is_it));
}
