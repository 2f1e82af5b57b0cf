//! `ottla repair` with `--adopt`, `--abort-transaction` and `--from`.

use crate::Place;
use serde_json::Value;

/// A topic with a config and records, and another one.
fn made() -> Place {
    let place = Place::new();
    place.ok("topics data/t --create --partitions 2 --config segment.bytes=1048576 -q");
    place.ok_with("produce data/t -q", "a\nb\nc\n");
    place.ok_with("produce data/u -q", "d\n");
    place
}

fn consumed(place: &Place) -> Vec<String> {
    let text = place.ok("consume data/t") + &place.ok("consume data/u");
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_directory_without_its_metadata_log_is_adopted_and_given_back() {
    let place = made();
    let before = consumed(&place);
    std::fs::remove_dir_all(place.path("data/__cluster_metadata-0")).unwrap();
    let lost = place.snapshot("data");
    let plan = place.run("repair data --adopt");
    assert_eq!(plan.code, 3, "{}", plan.errors);
    assert!(
        plan.errors.contains("repair data --adopt --apply"),
        "{}",
        plan.errors
    );
    assert!(
        plan.text.lines().all(|line| line.len() <= 80),
        "{}",
        plan.text
    );
    assert_eq!(place.snapshot("data"), lost);
    place.ok("repair data --adopt --apply -q");
    assert_eq!(consumed(&place), before);
    place.ok("inspect verify data -q");
    let configs: Value = serde_json::from_str(&place.ok("topics data/t --output json")).unwrap();
    assert!(
        configs.to_string().contains("\"retention.ms\""),
        "{configs}"
    );
    place.ok_with("produce data/t -q", "more\n");
    let undone = place.run("repair data --undo");
    assert_eq!(undone.code, 1, "{}", undone.errors);
    place.ok("repair data --undo --force -q");
    assert!(!place.path("data/__cluster_metadata-0").exists());
}

#[test]
fn partitions_alone_become_a_data_directory() {
    let place = made();
    let before = consumed(&place);
    std::fs::create_dir(place.path("bare")).unwrap();
    for name in ["t-0", "t-1", "u-0"] {
        std::fs::rename(place.path("data").join(name), place.path("bare").join(name)).unwrap();
    }
    std::fs::remove_dir_all(place.path("data")).unwrap();
    std::fs::rename(place.path("bare"), place.path("data")).unwrap();
    let document: Value =
        serde_json::from_str(&place.run("repair data --adopt --json").text).unwrap();
    let notes = document["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|note| note
            .as_str()
            .unwrap()
            .contains("controller.quorum.voters=1@")),
        "{notes:?}"
    );
    place.ok("repair data --adopt --apply -q");
    assert_eq!(consumed(&place), before);
    place.ok_with("produce data/t -q", "more\n");
    assert!(place.ok("repair data --adopt -q").is_empty());
}

#[test]
fn what_cannot_be_adopted_or_aborted_is_said_so() {
    let place = made();
    let output = place.run("repair data/t --adopt");
    assert_eq!(output.code, 2, "{}", output.errors);
    assert!(
        output.errors.contains("ottla repair data --adopt"),
        "{}",
        output.errors
    );
    let output = place.run("repair data --abort-transaction 5");
    assert_eq!(output.code, 1, "{}", output.errors);
    assert!(
        output
            .errors
            .contains("producer 5 has no open transaction here: no transaction is open"),
        "{}",
        output.errors
    );
}

#[test]
fn a_copy_gives_back_what_is_damaged() {
    let place = made();
    let log = |data: &str| place.path(data).join("u-0/00000000000000000000.log");
    std::fs::create_dir_all(place.path("copy/u-0")).unwrap();
    std::fs::create_dir_all(place.path("other/v-0")).unwrap();
    std::fs::copy(log("data"), log("copy")).unwrap();
    std::fs::copy(
        log("data"),
        place.path("other/v-0/00000000000000000000.log"),
    )
    .unwrap();
    place.ok_with("produce data/u -q", "e\n");
    let whole = std::fs::read(log("data")).unwrap();
    let mut bytes = whole.clone();
    bytes[63..66].fill(0xee);
    std::fs::write(log("data"), bytes).unwrap();
    let output = place.run("repair data/u --from other/v-0");
    assert_eq!(output.code, 1, "{}", output.errors);
    assert!(
        output.errors.contains("found none of them"),
        "{}",
        output.errors
    );
    let output = place.run("repair data/u --from copy");
    assert!(
        output.errors.contains("found nothing that shows it"),
        "{}",
        output.errors
    );
    std::fs::copy(
        place.path("data/u-0/partition.metadata"),
        place.path("copy/u-0/partition.metadata"),
    )
    .unwrap();
    place.ok("repair data/u --from copy/u-0 --apply -q");
    assert_eq!(std::fs::read(log("data")).unwrap(), whole);
}
