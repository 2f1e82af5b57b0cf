//! `ottla repair`: the plan, carrying it out, taking it back.

use crate::{Place, support};
use serde_json::Value;

const LOG: &str = "data/t-0/00000000000000000000.log";

/// A partition of which one batch is zeroed and another has a flipped bit.
fn damaged() -> Place {
    let place = Place::new();
    let numbers: String = (0..20_000).map(|number| format!("{number}\n")).collect();
    place.ok_with("produce data/t -q", &numbers);
    let mut bytes = std::fs::read(place.path(LOG)).unwrap();
    let second = 12 + u32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
    bytes[second + 200..second + 600].fill(0);
    let flipped = bytes.len() - 500;
    bytes[flipped] ^= 4;
    std::fs::write(place.path(LOG), bytes).unwrap();
    place
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_plan_changes_nothing_and_says_what_is_kept() {
    let place = damaged();
    let before = place.snapshot("data");
    let output = place.run("repair data");
    assert_eq!(output.code, 3, "{}", output.errors);
    assert!(output.text.contains("lost: left a gap"), "{}", output.text);
    assert!(
        output.errors.contains("repair data --apply"),
        "{}",
        output.errors
    );
    assert!(
        output.text.lines().all(|line| line.len() <= 110),
        "{}",
        output.text
    );
    assert_eq!(place.snapshot("data"), before);
    let plan = document(&place.run("repair data --json").text);
    assert_eq!(plan["version"], 1);
    assert_eq!(plan["applied"], false);
    let partition = &plan["partitions"][0];
    let lost: i64 = partition["lost"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| range[1].as_i64().unwrap() - range[0].as_i64().unwrap())
        .sum();
    assert_eq!(partition["kept"].as_i64().unwrap() + lost, 20_000);
    assert_eq!(plan["changes"][0]["change"], "assemble");
}

#[test]
fn what_is_applied_verifies_and_can_be_undone() {
    let place = damaged();
    let before = place.snapshot("data");
    let output = place.run("repair data --apply --json");
    assert_eq!(output.code, 0, "{}", output.errors);
    let done = document(&output.text);
    assert_eq!(done["applied"], true);
    assert_eq!(done["remainingFindings"], 0);
    assert_eq!(place.run("inspect verify data").code, 0);
    assert_eq!(place.run("repair data").code, 0);
    let kept = done["partitions"][0]["kept"].as_u64().unwrap();
    let values = place.ok("consume data/t");
    assert_eq!(values.lines().count() as u64, kept);
    let output = place.run("repair data --undo --json");
    assert_eq!(output.code, 0, "{}", output.errors);
    assert_eq!(document(&output.text)["version"], 2);
    assert_eq!(place.snapshot("data"), before);
    place
        .run("repair data --undo")
        .fails(1, &["nothing to undo"]);
}

#[test]
fn a_flipped_bit_costs_nothing_with_partial() {
    let place = damaged();
    let output = place.run("repair data --partial --apply --json");
    assert_eq!(output.code, 0, "{}", output.errors);
    let values = place.ok("consume data/t");
    assert!(values.ends_with("19998\n19999\n"), "the flipped batch");
    let lines: Vec<&str> = values.lines().collect();
    assert!(lines.len() > 19_900, "only {} records", lines.len());
    let offsets = place.ok_with("consume data/t -f %o\\n", "");
    for (value, offset) in lines.iter().zip(offsets.lines()) {
        assert_eq!(*value, offset);
    }
}

#[test]
fn what_was_written_since_is_lost_only_when_asked() {
    let place = damaged();
    place.ok("repair data --apply -q");
    place.ok_with("produce data/t -q", "new\n");
    let output = place.run("repair data --undo");
    assert_eq!(output.code, 1);
    assert!(
        output.errors.contains("since the repair"),
        "{}",
        output.errors
    );
    place.ok("repair data --undo --force -q");
    assert_eq!(place.run("inspect verify data").code, 3);
}

#[test]
fn a_partition_that_stands_alone_is_repaired_beside_itself() {
    let place = damaged();
    std::fs::create_dir(place.path("bare")).unwrap();
    std::fs::rename(place.path("data/t-0"), place.path("bare/t-0")).unwrap();
    let before = place.snapshot("bare");
    place.ok("repair bare/t-0 --apply -q");
    assert!(place.path("bare/t-0.repair-1").is_dir());
    assert_eq!(place.run("inspect verify bare/t-0").code, 0);
    place.ok("repair bare/t-0 --undo -q");
    assert_eq!(place.snapshot("bare"), before);
}

#[test]
fn partitions_that_stand_alone_are_put_back_together() {
    let place = Place::new();
    place.ok("topics data/t --create --partitions 3");
    let numbers: String = (0..3_000).map(|number| format!("{number}\n")).collect();
    for number in 0..3 {
        place.ok_with(&format!("produce data/t -p {number} -q"), &numbers);
    }
    std::fs::create_dir(place.path("bare")).unwrap();
    for number in 0..3 {
        let (from, to) = (format!("data/t-{number}"), format!("bare/t-{number}"));
        std::fs::rename(place.path(&from), place.path(&to)).unwrap();
    }
    for number in [0, 2] {
        let log = place.path(&format!("bare/t-{number}/00000000000000000000.log"));
        let mut bytes = std::fs::read(&log).unwrap();
        bytes[80..400].fill(0);
        std::fs::write(&log, bytes).unwrap();
    }
    let before = place.snapshot("bare");
    place.ok("repair bare/t --apply -q");
    let log = place.path("bare/t-0/00000000000000000000.log");
    let repaired = std::fs::read(&log).unwrap();
    // One that cannot be undone keeps the other from being.
    let last = place.path("bare/t-2/00000000000000000000.log");
    let mut longer = std::fs::read(&last).unwrap();
    longer.extend([0; 10]);
    std::fs::write(&last, longer).unwrap();
    let output = place.run("repair bare/t --undo");
    assert_eq!(output.code, 1, "{}", output.errors);
    assert!(output.errors.contains("t-2"), "{}", output.errors);
    assert!(
        output.errors.contains("since the repair"),
        "{}",
        output.errors
    );
    assert_eq!(std::fs::read(&log).unwrap(), repaired);
    let output = place.run("repair bare/t --undo --force --json");
    assert_eq!(output.code, 0, "{}", output.errors);
    let undone = document(&output.text);
    let undone = undone["undone"].as_array().unwrap();
    let names: Vec<_> = undone
        .iter()
        .map(|one| {
            one["directory"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(names, ["t-0", "t-2"]);
    assert_eq!(
        output.errors.matches("as it was").count(),
        2,
        "{}",
        output.errors
    );
    assert_eq!(place.snapshot("bare"), before);
}

#[test]
fn what_a_batch_loses_is_told_by_its_offsets() {
    let place = Place::new();
    let numbers: String = (0..100)
        .map(|number| format!("number {number}\n"))
        .collect();
    place.ok_with("produce data/t -q", &numbers);
    let mut bytes = std::fs::read(place.path(LOG)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0);
    std::fs::write(place.path(LOG), bytes).unwrap();
    let output = place.run("repair data --partial --apply --json");
    assert_eq!(output.code, 0, "{}", output.errors);
    let done = document(&output.text);
    let lost = done["partitions"][0]["lost"].as_array().unwrap();
    assert_eq!(lost.len(), 1, "{lost:?}");
    let lost = lost[0][0].as_u64().unwrap()..lost[0][1].as_u64().unwrap();
    assert!(lost.start > 0 && lost.end < 100, "{lost:?}");
    let offsets: Vec<u64> = place
        .ok("consume data/t -f %o\\n")
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    let expected: Vec<u64> = (0..100).filter(|offset| !lost.contains(offset)).collect();
    assert_eq!(offsets, expected);
}

#[test]
fn nothing_to_repair_and_misuse() {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    support::unpack(support::CLEAN, &place.path("data"));
    let before = place.snapshot("data");
    let output = place.run("repair data");
    assert_eq!(output.code, 0, "{}{}", output.text, output.errors);
    assert!(
        output.errors.contains("nothing to repair"),
        "{}",
        output.errors
    );
    let output = place.run("repair data --apply");
    assert_eq!(output.code, 0, "{}{}", output.text, output.errors);
    assert_eq!(place.snapshot("data"), before);
    place
        .run("repair nowhere/at/all")
        .fails(1, &["no such directory"]);
    place
        .run("repair data --undo --apply")
        .fails(2, &["--undo"]);
    place.run("repair data --force").fails(2, &["--undo"]);
    let log = "repair data/events-0/00000000000000000000.log";
    place.run(log).fails(2, &["found a file"]);
}
