//! `ottla inspect stats`: what it says of what Kafka wrote is what `consume` prints and
//! `verify` counts.

use crate::{Place, support};
use serde_json::Value;
use std::collections::BTreeMap;

/// A copy of what Kafka left.
fn golden(name: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    support::unpack(name, &place.path("data"));
    place
}

fn stats(place: &Place, location: &str) -> Value {
    let text = place.ok(&format!("inspect stats {location} --json"));
    serde_json::from_str(&text).unwrap()
}

fn topic<'a>(document: &'a Value, name: &str) -> &'a Value {
    let topics = document["topics"].as_array().unwrap();
    topics.iter().find(|topic| topic["topic"] == name).unwrap()
}

#[test]
fn totals_are_those_of_verify() {
    for name in [support::CLEAN, support::UNCLEAN] {
        let place = golden(name);
        let before = place.snapshot("data");
        let document = stats(&place, "data");
        let total = &document["total"];
        for topic in document["topics"].as_array().unwrap() {
            let name = topic["topic"].as_str().unwrap();
            if name == "__cluster_metadata" {
                continue; // Its snapshots are verified as well.
            }
            let verified = place.ok(&format!("inspect verify data/{name} --json"));
            let verified: Value = serde_json::from_str(verified.lines().last().unwrap()).unwrap();
            for field in ["records", "batches", "bytes"] {
                assert_eq!(topic[field], verified[field], "{name}: {field}");
            }
            assert_eq!(topic["partitionCount"], verified["partitions"], "{name}");
        }
        assert_eq!(total["unreadableBytes"], 0, "{name}");
        assert_eq!(document["live"], false);
        let sum = |field: &str| {
            let topics = document["topics"].as_array().unwrap().iter();
            topics
                .map(|topic| topic[field].as_u64().unwrap())
                .sum::<u64>()
        };
        for field in ["bytes", "otherBytes", "records", "tombstones", "outOfOrder"] {
            assert_eq!(total[field], sum(field), "{name}: {field}");
        }
        assert_eq!(place.snapshot("data"), before, "{name}");
    }
}

#[test]
fn sizes_and_keys_are_those_of_the_records() {
    let place = golden(support::CLEAN);
    let document = stats(&place, "data");
    for name in [
        "codec-none",
        "codec-zstd",
        "appendtime",
        "events",
        "segments",
        "compacted",
    ] {
        let mut sizes = Vec::new();
        let mut keys = BTreeMap::<String, u64>::new();
        let (mut tombstones, mut times) = (0, Vec::new());
        for line in place.ok(&format!("consume data/{name} --json")).lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let (key, value) = (record["key"].as_str(), record["value"].as_str());
            sizes.push((key.map_or(0, str::len) + value.map_or(0, str::len)) as u64);
            if let Some(key) = key {
                *keys.entry(key.to_owned()).or_default() += 1;
                tombstones += u64::from(value.is_none());
            }
            times.push(record["timestamp"].as_i64().unwrap());
        }
        sizes.sort_unstable();
        let found = topic(&document, name);
        assert_eq!(found["recordSizes"]["count"], sizes.len(), "{name}");
        assert_eq!(found["recordSizes"]["sum"], sizes.iter().sum::<u64>());
        assert_eq!(found["recordSizes"]["max"], *sizes.last().unwrap());
        let median = sizes[(sizes.len() - 1) / 2];
        let p50 = found["recordSizes"]["p50"].as_u64().unwrap();
        assert!(median <= p50 && p50 <= median + median / 16, "{name}");
        assert_eq!(found["largest"][0]["bytes"], *sizes.last().unwrap());
        assert_eq!(found["keys"]["distinct"], keys.len(), "{name}");
        assert_eq!(found["keys"]["exact"], true);
        assert_eq!(found["keys"]["recordsWithKey"], keys.values().sum::<u64>());
        for top in found["keys"]["top"].as_array().unwrap() {
            assert_eq!(top["records"], keys[top["key"].as_str().unwrap()]);
        }
        assert_eq!(found["tombstones"], tombstones, "{name}");
        assert_eq!(found["firstTimestamp"], *times.iter().min().unwrap());
        assert_eq!(found["lastTimestamp"], *times.iter().max().unwrap());
    }
    let zstd = &topic(&document, "codec-zstd")["codecs"][0];
    assert_eq!(zstd["codec"], "zstd");
    assert!(zstd["ratio"].as_f64().unwrap() > 2.0);
    // What zstd unpacks to is what is stored without a codec.
    let plain = &topic(&document, "codec-none")["codecs"][0];
    assert_eq!(plain["unpackedBytes"], plain["bytes"]);
    assert_eq!(zstd["records"], plain["records"]);
}

#[test]
fn names_in_json_are_those_of_the_manual() {
    let place = golden(support::CLEAN);
    let document = stats(&place, "data/segments");
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(names(&document), ["location", "live", "topics", "total"]);
    let manual = place.ok("inspect --help");
    let manual = manual
        .split_once("STATS:")
        .map_or(manual.as_str(), |(_, text)| text);
    let mut all = Vec::new();
    let mut open = vec![&document["topics"][0], &document["total"]];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                all.extend(map.keys().cloned());
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    let words: Vec<&str> = manual
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .collect();
    for name in all {
        assert!(
            words.contains(&name.as_str()),
            "{name} is not in the manual"
        );
    }
    let partition = &document["topics"][0]["partitions"][0];
    assert_eq!(partition["segmentCount"], 4);
    assert_eq!(partition["lastOffset"], 39_999);
    let segments = partition["segments"].as_array().unwrap();
    assert_eq!(segments[1]["baseOffset"], 11_500);
    assert_eq!(segments[1]["firstOffset"], 11_500);
    let spans = document["total"]["rates"]["spans"].as_array().unwrap();
    assert!(spans.len() > 20 && spans.len() <= 100);
}

#[test]
fn rows_are_of_what_is_asked_for() {
    let place = golden(support::CLEAN);
    let rows = |line: &str| -> Vec<Vec<String>> {
        let text = place.ok(&format!("inspect stats {line}"));
        let cells = |line: &str| line.split('\t').map(str::to_owned).collect();
        text.lines().map(cells).collect()
    };
    let topics = rows("data --output tsv");
    assert_eq!(
        topics[0][..5],
        ["topic", "partition", "segment", "partitions", "segments"]
    );
    let events = topics.iter().find(|row| row[0] == "events").unwrap();
    assert_eq!(events[1..5], ["", "", "3", "3"]);
    assert_eq!(rows("data/events --output tsv").len(), 4);
    assert_eq!(rows("data/events -p 0,2 --output tsv").len(), 3);
    assert_eq!(rows("data/segments --by segment --output tsv").len(), 5);
    let one = "data/segments-0/00000000000000011500.log";
    let one = rows(&format!("{one} --output tsv"));
    assert_eq!(one[1][..3], ["segments", "0", "11500"]);
    let none = place.run("inspect stats data/events -p 7");
    none.fails(1, &["no partition 7"]);
    let index = place.run("inspect stats data/segments-0/00000000000000011500.index");
    index.fails(1, &["expected a .log"]);
}

#[test]
fn charts_keep_to_80_columns() {
    let place = golden(support::CLEAN);
    for location in [
        "data",
        "data/events",
        "data/segments-0",
        "data/__consumer_offsets",
    ] {
        let text = place.ok(&format!("inspect stats {location}"));
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{location}: {line}");
            assert!(!line.contains('\u{1b}') && !line.ends_with(' '), "{line}");
        }
        assert!(
            text.contains("RECORD SIZES") && text.contains('█'),
            "{text}"
        );
    }
    let text = place.ok("inspect stats data/events");
    assert!(
        text.contains("1,800 records, 6 batches, 3 segments, 3 partitions"),
        "{text}"
    );
    assert!(text.contains("50 distinct keys"), "{text}");
    assert!(place.ok("inspect stats data/empty").contains("0 records"));
}

#[test]
fn damage_is_left_out_and_told() {
    let place = golden(support::CLEAN);
    let path = place.path("data/segments-0/00000000000000011500.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let size = 12 + u32::from_be_bytes(bytes[8..12].try_into().unwrap());
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let damaged = place.run("inspect stats data/segments --json");
    assert_eq!(damaged.code, 3, "{}", damaged.errors);
    assert!(
        damaged.errors.contains("inspect verify"),
        "{}",
        damaged.errors
    );
    let document: Value = serde_json::from_str(&damaged.text).unwrap();
    assert_eq!(document["total"]["unreadableBytes"], size);
    assert_eq!(document["total"]["records"], 39_900);
}
