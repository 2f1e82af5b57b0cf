//! `ottla inspect groups`, on directories that Kafka wrote.

use crate::{Place, support};
use serde_json::{Value, json};

fn document(place: &Place, line: &str) -> Value {
    serde_json::from_str(&place.ok(&format!("inspect groups {line} --json"))).unwrap()
}

#[test]
fn offsets_and_lag_are_those_that_were_committed() {
    let place = Place::new();
    support::unpack(support::CLEAN, &place.path(""));
    let found = document(&place, ".");
    assert_eq!(found["damage"], json!([]));
    let names: Vec<_> = found["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            (
                group["group"].as_str().unwrap(),
                group["type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [("gold-848", "consumer"), ("gold-classic", "classic")]
    );
    let classic = &found["groups"][1];
    assert_eq!(
        (
            &classic["state"],
            &classic["epoch"],
            &classic["coordinatorPartition"]
        ),
        (&json!("Empty"), &json!(2), &json!(1))
    );
    assert_eq!(
        classic["offsets"][0],
        json!({
            "topic": "txn", "partition": 0, "offset": 29,
            "leaderEpoch": 0, "metadata": "", "commitTimestamp": 1795376242806_i64,
            "expireTimestamp": null, "topicId": classic["offsets"][0]["topicId"],
            "stale": false, "logStart": 0, "logEnd": 41, "lag": 12,
            "member": null, "pending": [],
        })
    );
    let one = document(&place, ". gold-848");
    assert_eq!(one["groups"][0]["offsets"][2]["lag"], 100);
    let rows = place.ok("inspect groups . --output csv");
    assert!(
        rows.starts_with("group,type,state,topic,partition,offset,"),
        "{rows}"
    );
    assert_eq!(rows.lines().count(), 6);
    place
        .run("inspect groups . gold-849")
        .fails(1, &["no group `gold-849`", "gold-848"]);
}

#[test]
fn groups_of_every_kind_have_members_and_offsets() {
    let place = Place::new();
    support::unpack(support::DYNAMIC, &place.path(""));
    let found = document(&place, "data");
    let group = |name: &str| {
        let groups = found["groups"].as_array().unwrap();
        groups
            .iter()
            .find(|group| group["group"] == name)
            .unwrap()
            .clone()
    };
    let modern = group("g848");
    assert_eq!(modern["members"][0]["instanceId"], "static-consumer");
    assert_eq!(modern["members"][0]["assigned"], json!({"in": [0, 1]}));
    assert_eq!(
        modern["members"][0]["epoch"], -2,
        "a static member that left"
    );
    let classic = group("gclassic");
    assert_eq!(
        (&classic["protocol"], &classic["state"]),
        (&json!("range"), &json!("Stable"))
    );
    assert_eq!(classic["members"].as_array().unwrap().len(), 2);
    let owner = &classic["offsets"][0]["member"];
    assert!(
        owner.as_str().unwrap().starts_with("static-classic"),
        "{owner}"
    );
    let shared = group("gshare");
    assert_eq!(shared["type"], "share");
    assert!(shared["offsets"][0]["share"].is_object());
    let simple = group("txgroup");
    assert_eq!(simple["type"], "simple");
    assert_eq!(
        simple["offsets"][0]["offset"], 2,
        "the other one was aborted"
    );

    let text = place.ok("inspect groups data");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(
        text.contains("gclassic: classic group, Stable, generation 2, range"),
        "{text}"
    );
}

/// Positions and base offsets of the batches of a file.
fn batches(place: &Place, path: &str) -> Vec<(usize, i64)> {
    let text = place.ok(&format!("inspect batches {path} --json"));
    text.lines()
        .map(|line| {
            let batch: Value = serde_json::from_str(line).unwrap();
            let position = batch["position"].as_u64().unwrap();
            (position as usize, batch["baseOffset"].as_i64().unwrap())
        })
        .collect()
}

#[test]
fn groups_behind_damage_are_there_and_the_damage_is_told() {
    let place = Place::new();
    support::unpack(support::CLEAN, &place.path(""));
    let path = "__consumer_offsets-1/00000000000000000000.log";
    let log = place.path(path);
    let before = document(&place, ".");
    let all = batches(&place, path);
    let whole = std::fs::read(&log).unwrap();
    // A length that leads nowhere, and a changed byte, in batches before the last.
    for (number, byte, from_neighbours) in [(0, 9, true), (1, 75, false)] {
        let ((position, offset), (end, next)) = (all[number], all[number + 1]);
        let mut bytes = whole.clone();
        bytes[position + byte] ^= 0x5a;
        std::fs::write(&log, bytes).unwrap();
        let found = place.run("inspect groups . --json");
        assert_eq!(found.code, 3, "{}", found.errors);
        let document: Value = serde_json::from_str(&found.text).unwrap();
        let damage = &document["damage"];
        assert_eq!(damage.as_array().unwrap().len(), 1, "{damage}");
        for (field, expected) in [
            ("file", json!(path)),
            ("byteStart", json!(position)),
            ("byteEnd", json!(end)),
            ("offsetStart", json!(offset)),
            ("offsetEnd", json!(next)),
        ] {
            assert_eq!(damage[0][field], expected, "{field} {from_neighbours}");
        }
        let last = next - 1;
        for text in [
            format!("{path}: bytes {position} to {end}"),
            format!("of offsets {offset} to {last}"),
            "1 damaged place passed over".to_owned(),
        ] {
            assert!(found.errors.contains(&text), "{text}: {}", found.errors);
        }
        // The last commit stands behind the damage.
        assert_eq!(
            document["groups"][1]["offsets"],
            before["groups"][1]["offsets"]
        );
        let table = place.run("inspect groups .");
        assert_eq!(table.code, 3);
        assert!(table.text.contains("gold-classic: classic group"));
    }
    place
        .run("inspect groups __consumer_offsets-1")
        .fails(2, &["expected a data directory"]);
}

#[test]
fn a_record_that_cannot_be_decoded_costs_itself_alone() {
    let place = Place::new();
    support::unpack(support::CLEAN, &place.path(""));
    let before = document(&place, ".");
    let json = place.ok("consume ./__consumer_offsets-1 --json");
    assert!(json.lines().count() > 1);
    // A key of a version that is known, without what it has to hold.
    let line = "{\"keyBase64\":\"AAEABWFi\",\"value\":\"x\"}\n";
    place.ok_with("produce ./__consumer_offsets-1 --json", line);
    let found = place.run("inspect groups . --json");
    assert_eq!(found.code, 3, "{}", found.errors);
    let document: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(document["damage"].as_array().unwrap().len(), 1);
    assert_eq!(document["groups"], before["groups"]);
}
