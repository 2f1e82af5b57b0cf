//! `ottla inspect LOCATION`: numbers from a data directory down to a segment.

use crate::{Place, support};
use serde_json::Value;
use std::time::{Duration, Instant};

fn golden(name: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    support::unpack(name, &place.path("data"));
    place
}

fn json(place: &Place, line: &str) -> Value {
    serde_json::from_str(&place.ok(line)).unwrap()
}

#[test]
fn a_directory_of_kafka_in_numbers() {
    let place = golden(support::CLEAN);
    let before = place.snapshot("data");
    let data = json(&place, "inspect data --json");
    assert_eq!(data["kind"], "data");
    assert_eq!(
        (&data["clean"], &data["live"]),
        (&true.into(), &false.into())
    );
    assert_eq!(data["clusterId"], "Qm90dGxlLWdvbGRlbi0wMQ");
    assert_eq!(data["metadataVersion"], 30);
    assert_eq!(data["release"], "4.3-IV0");
    assert_eq!(data["features"]["transaction.version"], 2);
    assert_eq!(data["problems"].as_array().map(Vec::len), Some(0));
    let topics = data["topics"].as_array().unwrap();
    let topic = |name: &str| topics.iter().find(|topic| topic["topic"] == name).unwrap();
    assert_eq!(topics.len(), 18);
    assert_eq!(topic("segments")["segments"], 4);
    assert_eq!(topic("events")["records"], 1800);
    assert_eq!(
        topic("txn")["openTransactions"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(topic("codec-zstd")["codecs"][0]["codec"], "zstd");
    assert!(topic("codec-zstd")["codecs"][0]["ratio"].as_f64() > Some(2.0));
    assert_eq!(topic("codec-zstd")["codecs"][0]["ratioExact"], true);

    let partition = json(&place, "inspect data/txn-0 --json");
    for (name, number) in [
        ("startOffset", 0),
        ("endOffset", 41),
        ("highWatermark", 41),
        ("lastStableOffset", 36),
        ("recoveryPoint", 41),
        ("unflushed", 0),
        ("producers", 2),
        ("controlBatches", 6),
    ] {
        assert_eq!(partition[name], number, "{name}");
    }
    let topic = json(&place, "inspect data/trimmed --json");
    assert!(topic["partitions"][0]["startOffset"].as_i64() > Some(0));
    let segment = json(
        &place,
        "inspect data/segments-0/00000000000000011500.log --json",
    );
    assert_eq!(
        (&segment["kind"], &segment["endOffset"]),
        (&"segment".into(), &22_900.into())
    );
    assert_eq!(place.snapshot("data"), before, "nothing was written");

    let manual = std::fs::read_to_string("man/ottla-inspect.1").unwrap();
    for document in [
        &data,
        &topics[0],
        &partition,
        &segment,
        &partition["files"][0],
    ] {
        for (name, _) in document.as_object().unwrap() {
            assert!(manual.contains(name), "{name} is not in the manual");
        }
    }
}

#[test]
fn tables_fit_80_columns_and_have_no_colours_off_a_terminal() {
    for name in [support::CLEAN, support::UNCLEAN] {
        let place = golden(name);
        for location in [
            "",
            "/events",
            "/segments-0",
            "/txn-0",
            "/txn-0/00000000000000000000.log",
        ] {
            let text = place.ok(&format!("inspect data{location}"));
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{location}: {line}");
                assert!(!line.contains('\u{1b}'), "{location}: {line}");
            }
        }
        let csv = place.ok("inspect data --output csv");
        assert_eq!(csv.lines().count(), 19);
    }
    let place = golden(support::UNCLEAN);
    let text = place.ok("inspect data");
    assert!(
        text.contains("not stopped cleanly") && text.contains("UNFLUSHED"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_shown() {
    let place = golden(support::CLEAN);
    std::fs::write(place.path("data/meta.properties"), "version=\n\u{0}").unwrap();
    std::fs::write(place.path("data/replication-offset-checkpoint"), "x").unwrap();
    let log = place.path("data/__cluster_metadata-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[300] ^= 0x40;
    std::fs::write(&log, bytes).unwrap();
    let log = place.path("data/headers-0/00000000000000000000.log");
    std::fs::write(&log, vec![7; 5000]).unwrap();
    let output = place.run("inspect data --json");
    assert_eq!(output.code, 3, "{}", output.errors);
    let data: Value = serde_json::from_str(&output.text).unwrap();
    assert_eq!(data["topics"].as_array().map(Vec::len), Some(18));
    for text in [
        "meta.properties",
        "replication-offset-checkpoint",
        "__cluster_metadata-0",
        "headers-0",
    ] {
        assert!(
            output.errors.contains(text),
            "no {text} in: {}",
            output.errors
        );
        let problems = data["problems"].to_string();
        assert!(problems.contains(text), "no {text} in: {problems}");
    }
    assert!(output.errors.contains("ottla inspect verify data"));
}

#[test]
fn ten_thousand_segments_are_quick() {
    let place = Place::new();
    place.ok("topics data/t --create");
    let mut produce = place.ottla("produce");
    produce
        .args(["data/t", "-q"])
        .write_stdin("one\n")
        .assert()
        .success();
    let directory = place.path("data/t-0");
    let batch = std::fs::read(directory.join(format!("{:020}.log", 0))).unwrap();
    for offset in 1..10_000_i64 {
        let mut batch = batch.clone();
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        std::fs::write(directory.join(format!("{offset:020}.log")), batch).unwrap();
    }
    let start = Instant::now();
    let topic = json(&place, "inspect data/t --json");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    let partition = &topic["partitions"][0];
    assert_eq!(
        (&partition["segments"], &partition["records"]),
        (&10_000.into(), &10_000.into())
    );
    assert_eq!(partition["endOffset"], 10_000);
}
