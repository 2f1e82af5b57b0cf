//! Transactions, producers, `partition.metadata`, names, and records of Kafka's own.

use crate::{Planted, each, edit, support, text};
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::producer_snapshot::{ProducerEntry, decode, encode};
use ottla::format::record::Headers;
use ottla::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use ottla::log::verify::{Check, Severity};
use std::fs;
use std::path::Path;

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

fn note(planted: Planted) -> Planted {
    Planted {
        severity: Severity::Note,
        ..planted
    }
}

#[test]
fn transaction_indexes() {
    const FILE: &str = "txn-0/00000000000000000000.txnindex";
    fn plant(data: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        edit(&data.join(FILE), change);
    }
    let wrong = |what, plant| wrong(Check::TxnIndex, FILE, what, plant);
    each(
        support::CLEAN,
        &[
            wrong("a version", |data| plant(data, |bytes| bytes[1] ^= 1)),
            wrong("a producer", |data| plant(data, |bytes| bytes[9] ^= 1)),
            wrong("a first offset", |data| {
                plant(data, |bytes| bytes[17] ^= 1);
            }),
            wrong("a last offset", |data| plant(data, |bytes| bytes[25] ^= 1)),
            wrong("a later last offset", |data| {
                plant(data, |bytes| bytes[25] ^= 2);
            }),
            wrong("a last stable offset", |data| {
                plant(data, |bytes| bytes[33] ^= 1);
            }),
            wrong("the last entry is gone", |data| {
                plant(data, |bytes| bytes.truncate(34));
            }),
            wrong("the first entry is gone", |data| {
                plant(data, |bytes| drop(bytes.drain(..34)));
            }),
            wrong("an entry twice", |data| {
                plant(data, |bytes| bytes.extend_from_within(34..));
            }),
            wrong("the file is gone", |data| {
                fs::remove_file(data.join(FILE)).expect("it is there");
            }),
        ],
    );
}

#[test]
fn producer_snapshots() {
    const FILE: &str = "txn-0/00000000000000000041.snapshot";
    fn plant(data: &Path, change: impl FnOnce(&mut Vec<ProducerEntry>)) {
        edit(&data.join(FILE), |bytes| {
            let mut entries = decode(bytes).expect("a snapshot");
            change(&mut entries);
            *bytes = encode(&entries).expect("few producers");
        });
    }
    let wrong = |what, plant| wrong(Check::ProducerSnapshot, FILE, what, plant);
    each(
        support::CLEAN,
        &[
            rebuildable(wrong("a byte", |data| {
                edit(&data.join(FILE), |bytes| bytes[20] ^= 1);
            })),
            rebuildable(wrong("half of it", |data| {
                edit(&data.join(FILE), |bytes| bytes.truncate(50));
            })),
            wrong("an epoch", |data| {
                plant(data, |all| all[0].epoch = Some(ProducerEpoch::new(7)));
            }),
            wrong("a sequence", |data| {
                plant(data, |all| all[0].last_sequence = Some(28));
            }),
            wrong("an offset", |data| {
                plant(data, |all| all[0].last_offset = Some(Offset::new(33)));
            }),
            wrong("an offset behind it", |data| {
                plant(data, |all| all[0].last_offset = Some(Offset::new(41)));
            }),
            wrong("a time", |data| {
                plant(data, |all| all[0].timestamp = Some(Timestamp::new(5)));
            }),
            wrong("a coordinator", |data| {
                plant(data, |all| all[0].coordinator_epoch = Some(4));
            }),
            wrong("no transaction", |data| {
                plant(data, |all| all[1].current_txn_first_offset = None);
            }),
            wrong("a transaction", |data| {
                plant(data, |all| {
                    all[0].current_txn_first_offset = Some(Offset::new(30));
                });
            }),
            wrong("bytes behind the last producer", |data| {
                edit(&data.join(FILE), |bytes| {
                    bytes.extend([0; 46]);
                    let crc = ottla::format::crc32c::crc32c(&bytes[6..]);
                    bytes[2..6].copy_from_slice(&crc.to_be_bytes());
                });
            }),
            wrong("an open one is gone", |data| {
                plant(data, |all| all.truncate(1));
            }),
            wrong("another producer", |data| {
                plant(data, |all| all[0].producer_id = ProducerId::new(77));
            }),
            Planted {
                check: Check::MissingFile,
                ..wrong("the file is gone", |data| {
                    fs::remove_file(data.join(FILE)).expect("it is there");
                })
            },
            Planted {
                file: "txn-0/00000000000000000099.snapshot",
                ..rebuildable(wrong("one behind the end", |data| {
                    fs::copy(
                        data.join(FILE),
                        data.join("txn-0/00000000000000000099.snapshot"),
                    )
                    .expect("it is there");
                }))
            },
        ],
    );
}

#[test]
fn partition_metadata() {
    const FILE: &str = "events-0/partition.metadata";
    let wrong = |what, plant| wrong(Check::PartitionMetadata, FILE, what, plant);
    each(
        support::CLEAN,
        &[
            wrong("an id", |data| text(&data.join(FILE), "rEH", "rEI")),
            wrong("a field", |data| {
                text(&data.join(FILE), "topic_", "tropic_")
            }),
            rebuildable(wrong("a version", |data| {
                text(&data.join(FILE), "version: 0", "version: 1");
            })),
            rebuildable(wrong("more bytes", |data| {
                edit(&data.join(FILE), |bytes| bytes.extend(b"\n\nx"));
            })),
            Planted {
                check: Check::MissingFile,
                ..wrong("the file is gone", |data| {
                    fs::remove_file(data.join(FILE)).expect("it is there");
                })
            },
        ],
    );
}

#[test]
fn names() {
    fn empty(data: &Path, name: &str) {
        fs::write(data.join(name), b"").expect("it can be written");
    }
    fn remove(data: &Path, name: &str) {
        fs::remove_file(data.join(name)).expect("it is there");
    }
    let stray = |file, what, plant| note(wrong(Check::StrayFile, file, what, plant));
    let missing = |file, what, plant| rebuildable(wrong(Check::MissingFile, file, what, plant));
    each(
        support::CLEAN,
        &[
            missing("events-0/00000000000000000000.index", "an index", |data| {
                remove(data, "events-0/00000000000000000000.index");
            }),
            missing(
                "events-0/00000000000000000000.timeindex",
                "a time index",
                |data| remove(data, "events-0/00000000000000000000.timeindex"),
            ),
            Planted {
                severity: Severity::Wrong,
                ..missing("events-0/leader-epoch-checkpoint", "epochs", |data| {
                    remove(data, "events-0/leader-epoch-checkpoint");
                })
            },
            rebuildable(stray(
                "events-0/00000000000000000077.index",
                "an index without a log",
                |data| empty(data, "events-0/00000000000000000077.index"),
            )),
            Planted {
                severity: Severity::Loss,
                ..missing(
                    "events-0/00000000000000000077.log",
                    "a log with an index",
                    |data| {
                        fs::write(data.join("events-0/00000000000000000077.index"), [1; 8])
                            .expect("it can be written");
                    },
                )
            },
            stray("events-0/00000000000000000000.log.deleted", "old", |data| {
                empty(data, "events-0/00000000000000000000.log.deleted");
            }),
            stray("events-0/00000000000000000000.log.cut-9", "cut", |data| {
                empty(data, "events-0/00000000000000000000.log.cut-9");
            }),
            rebuildable(stray("events-0/what", "a file of someone's", |data| {
                empty(data, "events-0/what");
            })),
            stray("events-0/what.stray", "a file set aside", |data| {
                empty(data, "events-0/what.stray");
            }),
            stray("events-0/down", "a directory", |data| {
                fs::create_dir(data.join("events-0/down")).expect("it can be made");
            }),
        ],
    );
}

/// A record at the end of `__transaction_state-0`, of a time long ago.
fn append(data: &Path, key: &[u8]) {
    let mut builder = BatchBuilder::default();
    let time = Some(Timestamp::new(1));
    builder
        .append(time, Some(key), None, Headers::default())
        .expect("a small record");
    let batch = builder.seal(&Seal {
        base_offset: Offset::new(5),
        leader_epoch: Some(ottla::format::LeaderEpoch::new(4)),
        ..Seal::default()
    });
    let directory = data.join("__transaction_state-0");
    edit(&directory.join("00000000000000000000.log"), |bytes| {
        bytes.extend_from_slice(batch);
    });
    fs::rename(
        directory.join("00000000000000000005.snapshot"),
        directory.join("00000000000000000006.snapshot"),
    )
    .expect("it is there");
    text(
        &data.join("recovery-point-offset-checkpoint"),
        "__transaction_state 0 5",
        "__transaction_state 0 6",
    );
}

#[test]
fn records_of_kafkas_own() {
    const FILE: &str = "__transaction_state-0/00000000000000000000.log";
    let wrong = |what, plant| wrong(Check::InternalTopic, FILE, what, plant);
    each(
        support::CLEAN,
        &[
            wrong("a key cut short", |data| append(data, b"\0\0\0\x09abc")),
            // "b" hashes to 98, "a" to 97.
            wrong("a key of another partition", |data| {
                append(data, b"\0\0\0\x01a");
            }),
            note(Planted {
                check: Check::StrayFile,
                file: "events-0/x.tmp",
                ..wrong("a key that is right", |data| {
                    append(data, b"\0\0\0\x01b");
                    fs::write(data.join("events-0/x.tmp"), b"").expect("it can be written");
                })
            }),
        ],
    );
}
