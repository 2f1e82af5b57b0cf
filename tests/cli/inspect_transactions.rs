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
