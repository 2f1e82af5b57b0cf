//! `ottla inspect explain`, on directories that Kafka wrote.

use crate::{Place, support};
use ottla::format::batch::{Attributes, HEADER_SIZE, Header, Producer};
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::metadata::{ConfigRecord, MetadataRecord};
use ottla::format::record::Headers;
use ottla::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use serde_json::{Value, json};

fn gold() -> Place {
    let place = Place::new();
    support::unpack(support::CLEAN, &place.path(""));
    place
}

fn explain(place: &Place, line: &str) -> Value {
    serde_json::from_str(&place.ok(&format!("inspect explain {line} --json"))).unwrap()
}

#[test]
fn a_record_is_explained_with_its_batch_producer_and_transaction() {
    let place = gold();
    let found = explain(&place, "txn-0 13");
    assert_eq!(found["status"], "record");
    assert_eq!(
        found["bounds"],
        json!({
            "logStart": 0, "logEnd": 41, "lastStable": 36,
            "highWatermark": 41, "recoveryPoint": 41, "cleaned": null,
        })
    );
    let batch = &found["batch"];
    assert_eq!(
        (
            &batch["position"],
            &batch["baseOffset"],
            &batch["lastOffset"]
        ),
        (&json!(508), &json!(12), &json!(16))
    );
    assert_eq!(batch["crc"], 0x8f21_8b7d_u32);
    assert_eq!(found["record"]["key"], "t2");
    assert_eq!(found["record"]["value"], "txn 2 record 2");
    assert_eq!(
        found["producer"],
        json!({"producerId": 2, "producerEpoch": 0, "sequence": 11})
    );
    let fate = |offset: u32| explain(&place, &format!("txn-0 {offset}"))["transaction"].clone();
    assert_eq!(fate(13), json!({"state": "aborted", "marker": 17}));
    assert_eq!(fate(3), json!({"state": "committed", "marker": 5}));
    assert_eq!(fate(37), json!({"state": "open", "marker": null}));
    let marker = explain(&place, "txn-0 17");
    assert_eq!(marker["record"]["control"]["type"], "ABORT");
    assert_eq!(marker["transaction"], Value::Null);

    let index = &explain(&place, "events-0 599")["index"];
    assert_eq!(*index, json!({"offset": 599, "position": 18958}));
    let headers = explain(&place, "headers-0 1");
    assert_eq!(
        headers["record"]["headers"],
        json!([{"name": "trace", "valueBase64": "AAH/"}, ["empty", ""], ["null", null], ["trace", "1"]])
    );
    assert_eq!(headers["removal"]["retention"]["byTime"], true);
    assert_eq!(headers["removal"]["compaction"], Value::Null);
}

#[test]
fn what_is_not_there_says_why() {
    let place = gold();
    let status = |line: &str| explain(&place, line)["status"].clone();
    assert_eq!(status("trimmed-0 5"), "deleted");
    assert_eq!(status("events-0 600"), "beyondEnd");
    assert_eq!(status("empty-0 0"), "beyondEnd");
    let gone = explain(&place, "compacted-0 3");
    assert_eq!(gone["status"], "compactedAway");
    assert_eq!(gone["offsetAfter"], 39_000);
    let text = place.ok("inspect explain trimmed-0 5");
    assert!(
        text.contains("the log start offset was moved past it"),
        "{text}"
    );

    let log = place.path("codec-none-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let damaged = place.run("inspect explain codec-none-0 3 --json");
    assert_eq!(damaged.code, 3);
    let found: Value = serde_json::from_str(&damaged.text).unwrap();
    assert_eq!(found["status"], "damaged");
    assert!(found["damage"].as_str().unwrap().contains("is damaged"));
    assert_eq!(explain(&place, "codec-none-0 999")["status"], "record");
}

#[test]
fn compaction_says_what_it_removes_and_what_keeps_it() {
    let place = gold();
    let kept = explain(&place, "compacted-0 39500");
    let compaction = &kept["removal"]["compaction"];
    assert_eq!(
        (&compaction["removes"], &compaction["reason"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(compaction["firstDirty"], 40_000);

    // The first record of a key that has many, in a partition of one segment.
    let group = explain(&place, "__consumer_offsets-1 0");
    let compaction = &group["removal"]["compaction"];
    assert_eq!(compaction["reason"], "newerRecord");
    assert_eq!(compaction["blockedBy"], "activeSegment");
    assert_eq!(
        group["record"]["decoded"]["key"]["data"]["group"],
        "gold-classic"
    );
    assert_eq!(group["removal"]["retention"], Value::Null);
    let text = place.ok("inspect explain __consumer_offsets-1 0");
    assert!(text.contains("newer record"), "{text}");
    assert!(text.contains("but not yet"), "{text}");
}

#[test]
fn one_partition_is_wanted() {
    let place = gold();
    place
        .run("inspect explain events 3")
        .fails(2, &["expected one partition, such as", "events-0"]);
    place
        .run("inspect explain . 3")
        .fails(2, &["expected one partition"]);
    place
        .run("inspect explain txn-0 3 --output csv")
        .fails(2, &["one object"]);
    let of_file = explain(&place, "txn-0/00000000000000000000.log 3");
    assert_eq!(of_file["record"]["key"], "t0");
}

/// Appends a batch to a file of the directory.
fn append(place: &Place, path: &str, bytes: &[u8]) {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(place.path(path))
        .unwrap();
    file.write_all(bytes).unwrap();
}

/// What brokers were told counts where the topic was told nothing.
#[test]
fn configs_of_brokers_stand_in_for_those_of_topics() {
    let place = gold();
    let before = explain(&place, "headers-0 1");
    assert_eq!(before["removal"]["retention"]["retentionMs"], 604_800_000);
    let log = "__cluster_metadata-0/00000000000000000000.log";
    let text = place.ok("inspect batches __cluster_metadata-0 --json");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let mut builder = BatchBuilder::default();
    for (resource, name, value) in [
        ("", "log.retention.hours", "3"),
        ("1", "log.retention.bytes", "4096"),
        ("2", "log.retention.ms", "1"),
        ("", "log.cleanup.policy", "compact,delete"),
        ("", "log.cleaner.min.cleanable.ratio", "0.25"),
    ] {
        let record = MetadataRecord::Config(ConfigRecord {
            resource_type: 4,
            resource_name: resource.to_owned(),
            name: name.to_owned(),
            value: Some(value.to_owned()),
            ..ConfigRecord::default()
        });
        let bytes = record.latest().to_bytes().unwrap();
        let headers = Headers::default();
        builder.append(None, None, Some(&bytes), headers).unwrap();
    }
    let seal = Seal {
        base_offset: Offset::new(last["lastOffset"].as_i64().unwrap() + 1),
        ..Seal::default()
    };
    append(&place, log, builder.seal(&seal));

    let found = explain(&place, "headers-0 1");
    let retention = &found["removal"]["retention"];
    assert_eq!(retention["retentionMs"], 3 * 3_600_000);
    assert_eq!(retention["retentionBytes"], 4096);
    assert_ne!(found["removal"]["compaction"], Value::Null);
    let config = |name: &str| {
        let configs = found["removal"]["configs"].as_array().unwrap();
        let found = configs.iter().find(|config| config["config"] == name);
        found.unwrap().clone()
    };
    for (name, value, source, broker) in [
        (
            "cleanup.policy",
            "compact,delete",
            "dynamicDefaultBrokerConfig",
            json!("log.cleanup.policy"),
        ),
        (
            "retention.ms",
            "10800000",
            "dynamicDefaultBrokerConfig",
            json!("log.retention.hours"),
        ),
        (
            "retention.bytes",
            "4096",
            "dynamicBrokerConfig",
            json!("log.retention.bytes"),
        ),
        (
            "delete.retention.ms",
            "86400000",
            "defaultConfig",
            Value::Null,
        ),
        (
            "min.cleanable.dirty.ratio",
            "0.25",
            "dynamicDefaultBrokerConfig",
            json!("log.cleaner.min.cleanable.ratio"),
        ),
    ] {
        assert_eq!(
            config(name),
            json!({"config": name, "value": value, "source": source, "brokerConfig": broker})
        );
    }
    let of_topic = explain(&place, "__consumer_offsets-1 0");
    let policy = &of_topic["removal"]["configs"][0];
    assert_eq!(
        (&policy["value"], &policy["source"]),
        (&json!("compact"), &json!("dynamicTopicConfig"))
    );
    let text = place.ok("inspect explain headers-0 1");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("retention.ms=10800000 by log.retention.hours of all brokers"),
        "{text}"
    );
}

/// A cleaner's and a repair's empty batches, as far as their headers tell.
#[test]
fn an_empty_batch_says_who_may_have_left_it() {
    let place = gold();
    let empty = |topic: &str, at: i64, bits: i16, time: Option<i64>, producer: Option<i64>| {
        let header = Header {
            base_offset: Offset::new(at),
            last_offset: Offset::new(at),
            size: HEADER_SIZE,
            leader_epoch: None,
            crc: 0,
            attributes: Attributes::from_bits(bits),
            base_timestamp: time.map(Timestamp::new),
            max_timestamp: time.map(Timestamp::new),
            producer: producer.map(|id| Producer {
                id: ProducerId::new(id),
                epoch: ProducerEpoch::new(0),
                base_sequence: Some(0),
            }),
            stray_sequence: None,
            record_count: 0,
        };
        let mut bytes = vec![0; HEADER_SIZE];
        header.write(&mut bytes);
        append(&place, topic, &bytes);
    };
    let compacted = "compacted-0/00000000000000040000.log";
    empty(compacted, 40_001, 0, None, None);
    empty(compacted, 40_002, 0, Some(5), None);
    empty(compacted, 40_003, 0x30, Some(5), Some(7));
    empty(compacted, 40_004, 0, Some(5), Some(7));
    empty(
        "events-0/00000000000000000000.log",
        600,
        0,
        Some(5),
        Some(7),
    );
    for (line, left_by, says) in [
        ("compacted-0 40001", "repair", "no producer and no time"),
        ("compacted-0 40002", "unknown", "cannot be told apart"),
        ("compacted-0 40003", "cleaner", "end of a transaction"),
        ("compacted-0 40004", "unknown", "or a repair filled a gap"),
        ("events-0 600", "unknown", "if the topic was compacted once"),
    ] {
        let found = explain(&place, line);
        assert_eq!(found["status"], "emptyBatch", "{line}");
        assert_eq!(found["leftBy"], left_by, "{line}");
        let text = place.ok(&format!("inspect explain {line}"));
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(says), "{line}: {text}");
    }
}
