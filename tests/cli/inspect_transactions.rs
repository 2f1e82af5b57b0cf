//! `ottla inspect transactions`, on a directory that Kafka wrote.

use crate::{Place, support};
use serde_json::{Value, json};

fn gold() -> Place {
    let place = Place::new();
    support::unpack(support::CLEAN, &place.path(""));
    place
}

fn document(place: &Place, line: &str) -> Value {
    serde_json::from_str(&place.ok(&format!("inspect transactions {line} --json"))).unwrap()
}

#[test]
fn an_open_transaction_says_what_it_holds_back() {
    let place = gold();
    let found = document(&place, ".");
    let open = &found["open"][0];
    assert_eq!(found["open"].as_array().unwrap().len(), 1);
    for (field, value) in [
        ("topic", json!("txn")),
        ("partition", json!(0)),
        ("producerId", json!(1001)),
        ("transactionalId", json!("gold-hang")),
        ("state", json!("ongoing")),
        ("firstOffset", json!(36)),
        ("lastStableOffset", json!(36)),
        ("logEnd", json!(41)),
        ("offsetsBehind", json!(5)),
        ("waitingGroups", json!([])),
    ] {
        assert_eq!(open[field], value, "{field}");
    }
    assert_eq!(found["transactionalIds"][0]["partitions"], json!(["txn-0"]));
    let other = document(&place, "txn-1");
    assert_eq!(other["open"], json!([]));
    let all = document(&place, ". --all");
    assert_eq!(all["transactionalIds"].as_array().unwrap().len(), 3);
    assert_eq!(
        all["aborted"][1],
        json!({
            "topic": "txn", "partition": 0, "producerId": 2,
            "firstOffset": 30, "lastOffset": 35, "lastStableOffset": 36,
        })
    );
    let text = place.ok("inspect transactions .");
    assert!(
        text.contains("txn-0: a transaction is open since offset 36"),
        "{text}"
    );
    assert!(
        text.contains("a running coordinator would abort it"),
        "{text}"
    );
}

#[test]
fn a_transaction_hangs_where_the_coordinator_has_none() {
    let place = gold();
    for partition in ["__transaction_state-0", "__transaction_state-1"] {
        let log = place.path(partition).join("00000000000000000000.log");
        std::fs::write(log, b"").unwrap();
    }
    let found = document(&place, ".");
    assert_eq!(found["open"][0]["state"], "hanging");
    assert_eq!(found["open"][0]["transactionalId"], Value::Null);
    let text = place.ok("inspect transactions .");
    assert!(text.contains("txn-0 --abort-transaction 1001"), "{text}");
    std::fs::remove_dir_all(place.path("__transaction_state-0")).unwrap();
    let found = document(&place, ".");
    assert_eq!(found["coordinatorComplete"], false);
    assert_eq!(found["open"][0]["state"], "unknown");
}

#[test]
fn transactions_behind_damage_are_there_and_the_damage_is_told() {
    let place = gold();
    let before = document(&place, ". --all");
    let damage = |path: &str, at: usize| {
        let mut bytes = std::fs::read(place.path(path)).unwrap();
        bytes[at] ^= 0x5a;
        std::fs::write(place.path(path), bytes).unwrap();
    };
    // Without its snapshots the partition is read from its start.
    for entry in std::fs::read_dir(place.path("txn-0")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "snapshot") {
            std::fs::remove_file(path).unwrap();
        }
    }
    damage("txn-0/00000000000000000000.log", 9);
    let found = place.run("inspect transactions . --all --json");
    assert_eq!(found.code, 3, "{}", found.errors);
    let after: Value = serde_json::from_str(&found.text).unwrap();
    let [place_of_damage] = &after["damage"].as_array().unwrap()[..] else {
        panic!("{}", after["damage"]);
    };
    assert_eq!(place_of_damage["file"], "txn-0/00000000000000000000.log");
    assert_eq!(place_of_damage["byteStart"], 0);
    assert_eq!(place_of_damage["offsetStart"], 0);
    for (field, value) in [
        ("open", &before["open"]),
        ("aborted", &before["aborted"]),
        ("transactionalIds", &before["transactionalIds"]),
    ] {
        assert_eq!(&after[field], value, "{field}");
    }
    assert_eq!(after["open"][0]["markerMayBeLost"], false);
    assert_eq!(after["coordinatorComplete"], true);
    assert!(
        found
            .errors
            .contains("txn-0/00000000000000000000.log: bytes 0 to "),
        "{}",
        found.errors
    );

    // What the coordinator wrote may be in the damage: nothing is said to hang.
    for partition in ["__transaction_state-0", "__transaction_state-1"] {
        let path = format!("{partition}/00000000000000000000.log");
        if std::fs::metadata(place.path(&path)).unwrap().len() > 80 {
            damage(&path, 75);
        }
    }
    let found = place.run("inspect transactions . --json");
    assert_eq!(found.code, 3);
    let after: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(after["coordinatorComplete"], false);
    assert_ne!(after["open"][0]["state"], "hanging");
}

#[test]
fn damage_behind_an_open_transaction_may_have_its_end() {
    let place = gold();
    let log = place.path("txn-0/00000000000000000000.log");
    // The marker of another transaction's abort, behind the end and damaged.
    let text = place.ok("inspect batches txn-0 -o 17:18 --json");
    let marker: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(marker["controlType"], "ABORT");
    let number = |field: &str| marker[field].as_u64().unwrap() as usize;
    let mut bytes = std::fs::read(&log).unwrap();
    let from = number("position");
    let mut copy = bytes[from..from + number("size")].to_vec();
    copy[..8].copy_from_slice(&41_i64.to_be_bytes());
    copy[65] ^= 1;
    bytes.extend(copy);
    std::fs::write(&log, bytes).unwrap();
    for entry in std::fs::read_dir(place.path("txn-0")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|suffix| suffix == "snapshot") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let found = place.run("inspect transactions txn-0 --json");
    assert_eq!(found.code, 3, "{}", found.errors);
    let found: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(found["open"][0]["markerMayBeLost"], true, "{found}");
    let found = place.run("inspect transactions txn-0");
    assert!(
        found.text.contains("it may have been committed"),
        "{}",
        found.text
    );
}

#[test]
fn a_damaged_transaction_index_is_told() {
    let place = gold();
    let index = place.path("txn-0/00000000000000000000.txnindex");
    let mut bytes = std::fs::read(&index).unwrap();
    let size = bytes.len();
    assert!(size >= 2 * 34, "{size}");
    bytes[size - 34] = 9;
    std::fs::write(&index, bytes).unwrap();
    let found = place.run("inspect transactions txn-0 --all --json");
    assert_eq!(found.code, 3);
    let found: Value = serde_json::from_str(&found.text).unwrap();
    assert_eq!(found["aborted"].as_array().unwrap().len(), size / 34 - 1);
    assert_eq!(found["damage"][0]["byteStart"], size - 34);
    assert_eq!(found["damage"][0]["byteEnd"], size);
}
