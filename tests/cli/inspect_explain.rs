//! `ottla inspect explain`, on directories that Kafka wrote.

use crate::{Place, support};
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
