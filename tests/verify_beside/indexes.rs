//! Indexes and epochs, and where the checkpoints lie.

use crate::{Planted, each, edit, support, text};
use ottla::log::verify::{Check, Severity};
use std::path::Path;

#[test]
fn offset_indexes() {
    const FILE: &str = "segments-0/00000000000000000000.index";
    fn plant(data: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        edit(&data.join(FILE), change);
    }
    let wrong = |what, plant| Planted {
        what,
        plant,
        check: Check::OffsetIndex,
        severity: Severity::Wrong,
        file: FILE,
    };
    let rebuildable = |what, plant| Planted {
        severity: Severity::Rebuildable,
        ..wrong(what, plant)
    };
    each(
        support::CLEAN,
        &[
            wrong("a position", |data| plant(data, |bytes| bytes[15] ^= 1)),
            wrong("a great position", |data| {
                plant(data, |bytes| bytes[12] ^= 0x80);
            }),
            wrong("an offset", |data| plant(data, |bytes| bytes[11] ^= 1)),
            wrong("a great offset", |data| {
                plant(data, |bytes| bytes[8] ^= 0x40);
            }),
            wrong("an entry twice", |data| {
                plant(data, |bytes| bytes.copy_within(8..16, 16));
            }),
            wrong("two entries exchanged", |data| {
                plant(data, |bytes| bytes[8..24].rotate_left(8));
            }),
            wrong("zeros at the end", |data| {
                plant(data, |bytes| bytes.extend([0; 80]));
            }),
            wrong("zeros amid entries", |data| {
                plant(data, |bytes| bytes[16..32].fill(0));
            }),
            wrong("behind the log", |data| {
                plant(data, |bytes| bytes.extend([0, 1, 0, 0, 0x30, 0, 0, 0]));
            }),
            rebuildable("half an entry", |data| {
                plant(data, |bytes| bytes.truncate(bytes.len() - 3));
            }),
        ],
    );
}

#[test]
fn time_indexes() {
    const FILE: &str = "segments-0/00000000000000000000.timeindex";
    fn plant(data: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        edit(&data.join(FILE), change);
    }
    let wrong = |what, plant| Planted {
        what,
        plant,
        check: Check::TimeIndex,
        severity: Severity::Wrong,
        file: FILE,
    };
    each(
        support::CLEAN,
        &[
            wrong("a time", |data| plant(data, |bytes| bytes[12 + 7] ^= 1)),
            wrong("a great time", |data| {
                plant(data, |bytes| bytes[12 + 1] ^= 1);
            }),
            wrong("an offset", |data| plant(data, |bytes| bytes[12 + 11] ^= 1)),
            wrong("an entry twice", |data| {
                plant(data, |bytes| bytes.copy_within(12..24, 24));
            }),
            wrong("zeros at the end", |data| {
                plant(data, |bytes| bytes.extend([0; 120]));
            }),
            wrong("the last entry is gone", |data| {
                plant(data, |bytes| bytes.truncate(bytes.len() - 12));
            }),
            Planted {
                severity: Severity::Rebuildable,
                ..wrong("no entry is left", |data| plant(data, Vec::clear))
            },
        ],
    );
}

#[test]
fn leader_epochs() {
    const FILE: &str = "events-0/leader-epoch-checkpoint";
    fn plant(data: &Path, from: &str, to: &str) {
        text(&data.join(FILE), from, to);
    }
    let wrong = |what, plant| Planted {
        what,
        plant,
        check: Check::LeaderEpochs,
        severity: Severity::Wrong,
        file: FILE,
    };
    each(
        support::CLEAN,
        &[
            wrong("a version", |data| plant(data, "0\n3\n", "1\n3\n")),
            wrong("a count", |data| plant(data, "0\n3\n", "0\n4\n")),
            wrong("an epoch", |data| plant(data, "2 500", "3 500")),
            wrong("an offset", |data| plant(data, "2 500", "2 400")),
            wrong("an entry is gone", |data| {
                plant(data, "3\n0 0\n2 500", "2\n0 0")
            }),
            wrong("the first entry is gone", |data| {
                plant(data, "3\n0 0\n", "2\n");
            }),
            wrong("no order", |data| {
                plant(data, "2 500\n4 600", "4 600\n2 500")
            }),
            Planted {
                severity: Severity::Rebuildable,
                ..wrong("behind the end", |data| {
                    plant(data, "3\n0 0\n2 500\n4 600", "4\n0 0\n2 500\n4 600\n5 9000");
                })
            },
        ],
    );
}

#[test]
fn checkpoints_against_the_log() {
    let loss = |what, plant| Planted {
        what,
        plant,
        check: Check::Checkpoint,
        severity: Severity::Loss,
        file: "recovery-point-offset-checkpoint",
    };
    each(
        support::CLEAN,
        &[
            loss("a recovery point behind the end", |data| {
                text(
                    &data.join("recovery-point-offset-checkpoint"),
                    "codec-none 0 1000",
                    "codec-none 0 1001",
                );
            }),
            Planted {
                severity: Severity::Rebuildable,
                ..loss("a recovery point before the end", |data| {
                    text(
                        &data.join("recovery-point-offset-checkpoint"),
                        "codec-none 0 1000",
                        "codec-none 0 900",
                    );
                })
            },
            Planted {
                severity: Severity::Rebuildable,
                file: "replication-offset-checkpoint",
                ..loss("a high watermark behind the end", |data| {
                    text(
                        &data.join("replication-offset-checkpoint"),
                        "codec-none 0 1000",
                        "codec-none 0 1100",
                    );
                })
            },
            Planted {
                severity: Severity::Wrong,
                file: "log-start-offset-checkpoint",
                ..loss("a start behind the end", |data| {
                    text(&data.join("log-start-offset-checkpoint"), "17345", "917345");
                })
            },
        ],
    );
}
