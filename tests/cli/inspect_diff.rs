//! `ottla inspect diff`: what differs, from directories down to records.

use crate::{Place, support};
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_type<'v>(lines: &'v [Value], kind: &str, name: &str) -> Vec<&'v Value> {
    let wanted = |line: &&Value| line["type"] == kind && line["name"] == name;
    lines.iter().filter(wanted).collect()
}

/// Two copies that went different ways behind offset 100.
fn parted() -> Place {
    let place = Place::new();
    let numbers: String = (0..100).map(|number| format!("{number}\n")).collect();
    place.ok_with("produce one/t -q", &numbers);
    copy(&place.path("one"), &place.path("two"));
    place.ok_with("produce one/t -q", "a\nb\n");
    place.ok_with("produce two/t -q", "a\nB\nc\n");
    place
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_directory_does_not_differ_from_itself() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    support::unpack(support::CLEAN, &place.path("data"));
    copy(&place.path("data"), &place.path("copy"));
    for line in ["inspect diff data data", "inspect diff data copy --all"] {
        let output = place.run(line);
        assert_eq!(output.code, 0, "{}", output.errors);
    }
    let output = place.run("inspect diff data copy --json");
    let all = lines(&output.text);
    let summary = all.last().unwrap();
    assert_eq!(summary["different"], 0);
    assert!(summary["same"].as_u64().unwrap() > 5);
}

#[test]
fn the_point_where_two_logs_part_is_told() {
    let place = parted();
    let output = place.run("inspect diff one two --json");
    assert_eq!(output.code, 1, "{}", output.errors);
    let all = lines(&output.text);
    let partition = of_type(&all, "partition", "t-0")[0];
    assert_eq!(partition["status"], "different");
    assert_eq!(partition["a"]["readTo"], 102);
    assert_eq!(partition["b"]["readTo"], 103);
    assert_eq!(partition["sameRecords"], 100);
    let divergence = &partition["divergence"];
    assert!(divergence["offset"].as_i64().unwrap() >= 100);
    assert_eq!(divergence["leaderEpochA"], 0);
    assert_eq!(divergence["cutA"], Value::Null);
    assert_eq!(divergence["cutB"], 102);
    let ranges = of_type(&all, "range", "t-0");
    let differs = |offset: i64, field: &str| {
        ranges.iter().any(|range| {
            range["offsetStart"].as_i64().unwrap() <= offset
                && offset < range["offsetEnd"].as_i64().unwrap()
                && range["fields"].as_array().unwrap().contains(&json!(field))
        })
    };
    assert!(differs(101, "value"));
    assert!(!differs(100, "value"));
    assert_eq!(ranges.last().unwrap()["difference"], "onlyInB");
    assert_eq!(ranges.last().unwrap()["offsetStart"], 102);
    let words = place.run("inspect diff one/t two/t").text;
    assert!(words.contains("102: only in B"), "{words}");
    assert!(words.contains("Kafka would cut B at offset 102"), "{words}");
    assert!(words.lines().all(|line| line.len() <= 80), "{words}");
    let brief = place.run("inspect diff one/t two/t --brief").text;
    assert_eq!(brief.lines().count(), 1, "{brief}");
}

#[test]
fn records_compressed_anew_are_the_same_records() {
    let place = parted();
    let records = place.ok("consume one/t --json");
    place.ok_with("produce three/t --json --keep-offsets -z zstd -q", &records);
    let output = place.run("inspect diff one/t-0 three/t-0 --json");
    assert_eq!(output.code, 1);
    let all = lines(&output.text);
    let partition = of_type(&all, "partition", "t-0")[0];
    assert_eq!(partition["sameRecords"], 102);
    assert_eq!(partition["divergence"], Value::Null);
    let ranges = of_type(&all, "range", "t-0");
    assert!(ranges.iter().all(|range| range["difference"] == "batches"));
}

#[test]
fn what_one_side_alone_has_and_configs() {
    let place = parted();
    place.ok("topics two/u --create -q");
    place.ok("topics two/t --alter -c retention.ms=5 -q");
    let output = place.run("inspect diff one two --json");
    let all = lines(&output.text);
    assert_eq!(of_type(&all, "partition", "u-0")[0]["status"], "onlyInB");
    let config = of_type(&all, "config", "retention.ms")[0];
    assert_eq!(
        config,
        &json!({"type": "config", "topic": "t", "name": "retention.ms", "a": null, "b": "5"})
    );
}

#[test]
fn damage_and_misuse_have_exit_codes_of_their_own() {
    let place = parted();
    let log = place.path("two/t-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let output = place.run("inspect diff one/t two/t");
    assert_eq!(output.code, 3, "{}", output.errors);
    assert_eq!(place.run("inspect diff one one/t-0").code, 2);
    assert_eq!(place.run("inspect diff one nowhere").code, 1);
}
