//! `ottla inspect metadata`, on directories that Kafka wrote.

use crate::{Place, support};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SECTIONS: [&str; 11] = [
    "features",
    "quorum",
    "brokers",
    "controllers",
    "topics",
    "partitions",
    "configs",
    "acls",
    "quotas",
    "users",
    "tokens",
];

fn dynamic() -> Place {
    let place = Place::new();
    support::unpack(support::DYNAMIC, &place.path(""));
    place
}

fn document(place: &Place, line: &str) -> Value {
    serde_json::from_str(&place.ok(&format!("inspect metadata {line} --json"))).unwrap()
}

#[test]
fn the_image_says_who_is_there_and_what_they_may() {
    let place = dynamic();
    let found = document(&place, "data");
    assert_eq!(
        (&found["offset"], &found["release"], &found["kraftVersion"]),
        (&json!(531), &json!("4.3-IV0"), &json!(1))
    );
    assert_eq!(found["leader"], 1);
    assert_eq!(found["damage"], json!([]));
    let broker = &found["brokers"][0];
    assert_eq!(broker["endpoints"], json!(["PLAINTEXT://127.0.0.1:29192"]));
    assert_eq!(broker["fenced"], true);
    assert_eq!(
        found["quotas"][0],
        json!({
            "entity": {"client-id": "c1", "user": "alice"},
            "quota": "producer_byte_rate",
            "value": 1048576.0,
        })
    );
    assert_eq!(found["acls"][0]["patternType"], "PREFIXED");
    assert_eq!(found["users"][0]["salt"], Value::Null);
    let secret = document(&place, "data --secrets --only users");
    assert!(secret["users"][0]["salt"].is_string());
    assert!(secret.get("topics").is_none());
}

/// Kafka's snapshot of an offset, and what our replay of the log up to it adds up to.
#[test]
fn replaying_the_log_gives_what_kafkas_snapshots_hold() {
    let place = dynamic();
    for (snapshot, at) in [
        ("00000000000000000376-0000000001.checkpoint", 375),
        ("00000000000000000530-0000000001.checkpoint", 529),
    ] {
        let file = format!("data/__cluster_metadata-0/{snapshot}");
        let theirs = document(&place, &file);
        std::fs::rename(place.path(&file), place.path("aside")).unwrap();
        let ours = document(&place, &format!("data --at {at}"));
        std::fs::rename(place.path("aside"), place.path(&file)).unwrap();
        assert_ne!(ours["snapshot"], json!(snapshot));
        for section in SECTIONS {
            if section == "quorum" {
                // A snapshot does not say who leads.
                assert_eq!(theirs[section][0]["voter"], ours[section][0]["voter"]);
                continue;
            }
            assert_eq!(theirs[section], ours[section], "{section} at {at}");
        }
        assert_eq!(theirs["nextProducerId"], ours["nextProducerId"]);
        assert_eq!(document(&place, &format!("data --at {at}"))["offset"], at);
    }
}

#[test]
fn the_log_says_what_kafkas_dump_says() {
    let place = dynamic();
    let dump = place.path("dump/__cluster_metadata-0,00000000000000000000.log.txt");
    let dump = std::fs::read_to_string(dump).unwrap();
    let theirs: BTreeMap<i64, Value> = dump
        .lines()
        .filter_map(|line| {
            let (offset, rest) = line.strip_prefix("| offset: ")?.split_once(' ')?;
            let (_, payload) = rest.split_once(" payload: ")?;
            let payload = serde_json::from_str(payload).unwrap();
            Some((offset.parse().unwrap(), payload))
        })
        .collect();
    let text = place.ok("inspect metadata data --log --secrets --json");
    let mut compared = 0;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if let Some(theirs) = theirs.get(&record["offset"].as_i64().unwrap()) {
            assert_eq!(record["type"], theirs["type"]);
            assert_eq!(record["version"], theirs["version"]);
            assert_eq!(record["data"], theirs["data"]);
            compared += 1;
        }
    }
    assert_eq!(compared, theirs.len());
    assert!(compared > 500, "{compared}");
    let hidden = place.ok("inspect metadata data --log --json");
    assert!(hidden.contains(r#""salt":"[hidden]""#));
    let some = place.ok("inspect metadata data --log --from 5 --at 6");
    assert_eq!(some.lines().count(), 4, "{some}");
}

#[test]
fn tables_fit_80_columns_and_rows_have_stable_names() {
    let place = dynamic();
    let text = place.ok("inspect metadata data");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for heading in ["features: 6", "topics: 6", "acls: 1", "users: 2"] {
        assert!(
            text.lines().any(|line| line == heading),
            "{heading}: {text}"
        );
    }
    let rows = place.ok("inspect metadata data --only acls --output csv");
    assert_eq!(
        rows.lines().next(),
        Some("id,principal,permission,operation,resourceType,resourceName,patternType,host")
    );
    place
        .run("inspect metadata data --output csv")
        .fails(2, &["--only"]);
    place
        .run("inspect metadata data --at 9999")
        .fails(1, &["no offset 9999", "531 at most"]);
    place
        .run("inspect metadata data/__consumer_offsets-0")
        .fails(2, &["expected a data directory"]);
}

#[test]
fn the_log_goes_on_behind_damage() {
    let place = dynamic();
    let line = "inspect metadata data --log --json";
    let before = place.ok(line);
    let path = "data/__cluster_metadata-0/00000000000000000000.log";
    let log = place.path(path);
    let whole = std::fs::read(&log).unwrap();
    let header = place.ok(&format!("inspect batches {path} --json"));
    let batches: Vec<Value> = header
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let number = |batch: &Value, field: &str| batch[field].as_i64().unwrap();
    // One of many records, in the middle.
    let hit = (5..)
        .find(|at| number(&batches[*at], "lastOffset") > number(&batches[*at], "baseOffset"))
        .unwrap();
    for byte in [9, 16, 66] {
        let position = number(&batches[hit], "position") as usize;
        let mut bytes = whole.clone();
        bytes[position + byte] ^= 0x40;
        std::fs::write(&log, bytes).unwrap();
        let found = place.run(line);
        assert_eq!(found.code, 3, "{byte}");
        let lost = number(&batches[hit], "baseOffset")..=number(&batches[hit], "lastOffset");
        let expected: String = before
            .lines()
            .filter(|line| {
                let record: Value = serde_json::from_str(line).unwrap();
                !lost.contains(&number(&record, "offset"))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(found.text, expected, "{byte}");
        let end = position + number(&batches[hit], "size") as usize;
        for text in [
            format!("{path}: bytes {position} to {end}"),
            format!("of offsets {} to {}", lost.start(), lost.end()),
            "1 damaged place passed over".to_owned(),
        ] {
            assert!(found.errors.contains(&text), "{text}: {}", found.errors);
        }
    }
}

#[test]
fn what_it_adds_up_to_goes_on_behind_damage() {
    let place = dynamic();
    let before = document(&place, "data --at 300");
    let path = "data/__cluster_metadata-0/00000000000000000000.log";
    let batches = place.ok(&format!("inspect batches {path} --json"));
    let batches: Vec<Value> = batches
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let number = |batch: &Value, field: &str| batch[field].as_i64().unwrap();
    let at = |offset: i64| {
        let is_behind = |batch: &&Value| number(batch, "baseOffset") >= offset;
        batches.iter().find(is_behind).unwrap()
    };
    let hit = at(100);
    let log = place.path(path);
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[number(hit, "position") as usize + 70] ^= 0x40;
    std::fs::write(&log, &bytes).unwrap();
    let whole = document(&place, "data");
    assert_eq!(whole["offset"], 531, "the snapshot is behind the damage");
    assert_eq!(whole["damage"], json!([]));

    let line = format!("data --at {}", number(hit, "baseOffset") - 1);
    assert_eq!(document(&place, &line)["damage"], json!([]), "it is behind");

    let found = place.run("inspect metadata data --at 300 --json");
    assert_eq!(found.code, 3);
    let after: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(after["offset"], 300);
    assert_eq!(after["topics"], before["topics"]);
    let lost = json!([{
        "file": "__cluster_metadata-0/00000000000000000000.log",
        "byteStart": hit["position"],
        "byteEnd": number(hit, "position") + number(hit, "size"),
        "offsetStart": hit["baseOffset"],
        "offsetEnd": number(hit, "lastOffset") + 1,
        "expected": after["damage"][0]["expected"],
        "found": after["damage"][0]["found"],
    }]);
    assert_eq!(after["damage"], lost);
    assert!(found.errors.contains("1 damaged place passed over"));

    // A batch that is gone altogether.
    let (from, to) = (number(hit, "position"), number(at(110), "position"));
    bytes.drain(from as usize..to as usize);
    std::fs::write(&log, &bytes).unwrap();
    let found = place.run("inspect metadata data --at 300");
    assert_eq!(found.code, 3);
    let (missing, next) = (number(hit, "baseOffset"), number(at(110), "baseOffset"));
    for text in [
        format!("{path}: bytes {from} to {from}: expected offset {missing}, found offset {next}"),
        format!("of offsets {missing} to {}", next - 1),
    ] {
        assert!(found.errors.contains(&text), "{text}: {}", found.errors);
    }
}

#[test]
fn a_damaged_snapshot_says_what_it_can() {
    let place = dynamic();
    let before = document(&place, "data");
    let snapshot = "data/__cluster_metadata-0/00000000000000000530-0000000001.checkpoint";
    let mut bytes = std::fs::read(place.path(snapshot)).unwrap();
    let footer = bytes.len() - 30;
    bytes[footer] ^= 1;
    std::fs::write(place.path(snapshot), bytes).unwrap();
    let found = place.run(&format!("inspect metadata {snapshot}"));
    assert_eq!(found.code, 3);
    assert!(found.text.contains("features"));

    // An earlier one, and the log behind it, say it all; without them it says the most.
    let earlier = "data/__cluster_metadata-0/00000000000000000376-0000000001.checkpoint";
    let first = "data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";
    for (remove, from) in [(None, earlier), (Some(earlier), first)] {
        if let Some(remove) = remove {
            std::fs::remove_file(place.path(remove)).unwrap();
        }
        let found = place.run("inspect metadata data --json");
        assert_eq!(found.code, 3, "{}", found.errors);
        let after: Value = serde_json::from_str(&found.text).unwrap();
        assert_eq!(
            after["snapshot"].as_str().unwrap_or_default(),
            from.rsplit('/').next().unwrap()
        );
        for section in ["topics", "configs", "acls", "users"] {
            assert_eq!(after[section], before[section], "{section}");
        }
    }
    let log = "data/__cluster_metadata-0/00000000000000000000.log";
    std::fs::rename(place.path(log), place.path(&log.replace("0.log", "9.log"))).unwrap();
    let found = place.run("inspect metadata data --json");
    assert_eq!(found.code, 3, "{}", found.errors);
    let after: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(json!(snapshot.rsplit('/').next()), after["snapshot"]);
    assert_eq!(after["topics"], before["topics"]);
}
