//! `ottla inspect verify`: nothing is wrong with what Kafka wrote; what is damaged is
//! found, once, and named rightly.

use crate::{Place, support};
use serde_json::Value;
use std::path::Path;

/// A copy of what Kafka left.
fn golden(name: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    support::unpack(name, &place.path("data"));
    place
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Findings worse than notes.
fn damage(lines: &[Value]) -> Vec<&Value> {
    lines
        .iter()
        .filter(|line| line["type"] == "finding" && line["severity"] != "note")
        .collect()
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Where each batch starts and ends.
fn batches(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + 61 <= bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
        found.push(at..at + 12 + length as usize);
        at += 12 + length as usize;
    }
    found
}

#[test]
fn nothing_is_wrong_with_what_kafka_wrote() {
    for name in [support::CLEAN, support::UNCLEAN] {
        let place = golden(name);
        let before = place.snapshot("data");
        let text = place.ok("inspect verify data --json");
        let lines = json_lines(&text);
        assert_eq!(damage(&lines), Vec::<&Value>::new(), "{name}");
        let summary = lines.last().unwrap();
        assert_eq!(summary["type"], "summary");
        assert_eq!(summary["clean"], name == support::CLEAN);
        assert_eq!(summary["damaged"], false);
        assert_eq!(summary["unreadable"], 0);
        assert!(summary["records"].as_u64().unwrap() > 78_000, "{summary}");
        assert_eq!(before, place.snapshot("data"));
    }
}

#[test]
fn a_flipped_bit_is_one_finding_and_exit_status_3() {
    // Which field, where in the header, and what that is.
    let cases = [
        (0, "offset-order"),
        (9, "batch-length"),
        (15, "epoch-order"),
        (16, "batch-header"),
        (19, "batch-crc"),
        (22, "batch-crc"),
        (40, "batch-crc"),
        (70, "batch-crc"),
    ];
    for (at, check) in cases {
        let place = golden(support::CLEAN);
        let log = "codec-none-0/00000000000000000000.log";
        let path = place.path("data").join(log);
        let bytes = std::fs::read(&path).unwrap();
        let batch = batches(&bytes)[1].clone();
        change(&path, |bytes| bytes[batch.start + at] ^= 4);
        let output = place.run("inspect verify data --json -q");
        assert_eq!(output.code, 3, "{check} {}", output.errors);
        let lines = json_lines(&output.text);
        let found = damage(&lines);
        assert_eq!(found.len(), 1, "{check} {found:?}");
        assert_eq!(found[0]["check"], check, "{found:?}");
        assert_eq!(found[0]["file"], log);
        assert_eq!(found[0]["topic"], "codec-none");
        let start = found[0]["byteStart"].as_u64().unwrap() as usize;
        assert!(batch.contains(&start), "{found:?} {batch:?}");
        assert!(
            output.errors.contains("ottla repair"),
            "what to run next: {}",
            output.errors
        );
    }
}

#[test]
fn moved_lost_and_foreign_bytes_are_found() {
    type Change = fn(&mut Vec<u8>, &[std::ops::Range<usize>]);
    let cases: [(&str, Change, &[&str]); 6] = [
        (
            "twice",
            |bytes, at| {
                let again = bytes[at[2].clone()].to_vec();
                bytes.splice(at[3].start..at[3].start, again);
            },
            &["offset-order"],
        ),
        (
            "swapped",
            |bytes, at| bytes[at[2].start..at[3].end].rotate_left(at[2].len()),
            &["offset-order"],
        ),
        (
            "lost",
            |bytes, at| drop(bytes.drain(at[2].clone())),
            &["offset-gap"],
        ),
        (
            "zeros",
            |bytes, at| bytes[at[2].clone()].fill(0),
            &["batch-length"],
        ),
        (
            "foreign",
            |bytes, at| {
                bytes.splice(at[2].start..at[2].start, [0xaa; 99]);
            },
            &["batch-header", "batch-length"],
        ),
        ("cut", |bytes, at| bytes.truncate(at[3].end - 5), &["tail"]),
    ];
    for (name, damaged, checks) in cases {
        let place = golden(support::CLEAN);
        let log = "segments-0/00000000000000000000.log";
        let path = place.path("data").join(log);
        change(&path, |bytes| {
            let at = batches(bytes);
            assert!(at.len() > 4, "{at:?}");
            damaged(bytes, &at);
        });
        let output = place.run("inspect verify data/segments-0 --json -q");
        assert_eq!(output.code, 3, "{name}");
        let lines = json_lines(&output.text);
        let of_log: Vec<_> = damage(&lines)
            .into_iter()
            .filter(|line| line["file"] == log)
            .collect();
        assert_eq!(of_log.len(), 1, "{name} {of_log:?}");
        assert!(
            checks.contains(&of_log[0]["check"].as_str().unwrap()),
            "{name} {of_log:?}"
        );
    }
}

#[test]
fn formats_say_the_same() {
    let place = golden(support::CLEAN);
    let path = place.path("data/codec-none-0/00000000000000000000.log");
    change(&path, |bytes| bytes[80] ^= 1);
    let table = place.run("inspect verify data/codec-none-0 -q").text;
    assert!(
        table.starts_with("loss batch-crc: codec-none-0/00000000000000000000.log bytes 0.."),
        "{table}"
    );
    assert_eq!(table.lines().count(), 1, "{table}");
    assert!(
        table.contains("offsets 0..") && table.contains("expected crc 0x"),
        "{table}"
    );
    let csv = place
        .run("inspect verify data/codec-none-0 -q --output csv")
        .text;
    assert!(csv.starts_with("severity,check,file,topic,partition,byteStart,byteEnd,offsetStart,offsetEnd,expected,found\nloss,batch-crc,"), "{csv}");
    let tsv = place
        .run("inspect verify data/codec-none-0 -q --output tsv")
        .text;
    assert!(tsv.contains("\nloss\tbatch-crc\t"), "{tsv}");
    // One file, alone.
    let one = place.run("inspect verify data/codec-none-0/00000000000000000000.log -q");
    assert_eq!((one.code, one.text), (3, table));
    let index = place.run("inspect verify data/codec-none-0/00000000000000000000.index -q");
    assert_eq!((index.code, index.text.as_str()), (0, ""));
}

#[test]
fn a_manifest_finds_what_no_checksum_can() {
    let place = golden(support::CLEAN);
    place.ok("inspect verify data --manifest list -q");
    let list = std::fs::read_to_string(place.path("list")).unwrap();
    assert!(
        list.starts_with("# ottla manifest\nversion: 1\ncluster: "),
        "{list}"
    );
    place.ok("inspect verify data --manifest list -q");
    // Growth is no change.
    place
        .ottla("produce")
        .args(["data/events", "-q", "-p", "0"])
        .write_stdin("one\n")
        .assert()
        .success();
    place.ok("inspect verify data/events-0 --manifest list -q");

    // A segment that is valid and another one.
    let (one, other) = ("codec-gzip-0", "codec-lz4-0");
    let log = "00000000000000000000.log";
    std::fs::copy(
        place.path("data").join(other).join(log),
        place.path("data").join(one).join(log),
    )
    .unwrap();
    let output = place
        .run("inspect verify data/codec-gzip-0/00000000000000000000.log --manifest list --json -q");
    assert_eq!(output.code, 3);
    let lines = json_lines(&output.text);
    assert_eq!(damage(&lines)[0]["check"], "manifest", "{lines:?}");

    std::fs::write(place.path("list"), list.replace("  0  ", "  1  ")).unwrap();
    let output = place.run("inspect verify data/events-0 --manifest list --json -q");
    assert_eq!(output.code, 3);
    let lines = json_lines(&output.text);
    assert_eq!(damage(&lines)[0]["check"], "manifest");
    // What is damaged is not signed off.
    change(&place.path("data/codec-none-0").join(log), |bytes| {
        bytes[80] ^= 1
    });
    let output = place.run("inspect verify data/codec-none-0 --manifest new");
    assert_eq!(output.code, 3);
    assert!(!place.path("new").exists(), "{}", output.errors);
}

#[test]
fn a_file_that_cannot_be_read_is_no_damage() {
    let place = golden(support::CLEAN);
    let path = place.path("data/codec-none-0/00000000000000000000.log");
    std::fs::remove_file(&path).unwrap();
    // Opening a link to nothing fails, as a file without permission would (root has all).
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    let output = place.run("inspect verify data/codec-none-0/00000000000000000000.log --json");
    assert_ne!(output.code, 0);
}
