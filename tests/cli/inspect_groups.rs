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

#[test]
fn damage_in_one_partition_leaves_the_groups_of_others() {
    let place = Place::new();
    support::unpack(support::DYNAMIC, &place.path(""));
    let log = place.path("data/__consumer_offsets-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[80] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let found = place.run("inspect groups data --json");
    assert_eq!(found.code, 3);
    let document: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(document["damage"].as_array().unwrap().len(), 1);
    assert!(document["groups"].as_array().unwrap().len() >= 3);
    assert!(
        found.errors.contains("1 partition not read to the end"),
        "{}",
        found.errors
    );
    place
        .run("inspect groups data/__consumer_offsets-1")
        .fails(2, &["expected a data directory"]);
}
