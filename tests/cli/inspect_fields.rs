//! Every name in the JSON of `ottla inspect` is in its manual.

use crate::{Place, support};
use serde_json::Value;
use std::collections::BTreeSet;

/// Below these stand Kafka's own names, or names that are data.
const FOREIGN: [&str; 11] = [
    "data", "decoded", "control", "assigned", "target", "types", "header", "voters", "footer",
    "features", "entity",
];

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                names.insert(name.clone());
                if !FOREIGN.contains(&name.as_str()) || value.is_array() && name == "features" {
                    collect(value, names);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// The names in one document, or in lines of them.
fn names(place: &Place, line: &str) -> BTreeSet<String> {
    let text = place.run(&format!("inspect {line} --json")).text;
    let mut found = BTreeSet::new();
    match serde_json::from_str::<Value>(&text) {
        Ok(whole) => collect(&whole, &mut found),
        Err(_) => text.lines().for_each(|line| {
            collect(&serde_json::from_str(line).unwrap(), &mut found);
        }),
    }
    found
}

#[test]
fn every_name_in_json_is_in_the_manual() {
    let place = Place::new();
    for (archive, directory) in [
        (support::CLEAN, "clean"),
        (support::CLEAN, "damaged"),
        (support::DYNAMIC, "dynamic"),
    ] {
        std::fs::create_dir(place.path(directory)).unwrap();
        support::unpack(archive, &place.path(directory));
    }
    // Damage is told with its place, too.
    for partition in ["__consumer_offsets-1", "__transaction_state-0"] {
        let log = place.path("damaged").join(partition);
        let log = log.join("00000000000000000000.log");
        let mut bytes = std::fs::read(&log).unwrap();
        if bytes.len() > 70 {
            bytes[70] ^= 1;
        }
        std::fs::write(&log, bytes).unwrap();
    }
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/man/ottla-inspect.1");
    let manual = std::fs::read_to_string(manual).unwrap();
    let words: BTreeSet<&str> = manual
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .collect();
    for (line, least) in [
        ("clean", 30),
        ("clean/txn", 30),
        ("clean/txn-0", 30),
        ("clean/txn-0/00000000000000000000.log", 20),
        ("batches clean/txn", 25),
        ("records clean/txn", 20),
        ("records clean/headers", 15),
        ("index clean", 12),
        ("snapshot clean", 20),
        ("metadata clean", 50),
        ("metadata dynamic/data", 60),
        ("metadata clean --log", 6),
        ("groups dynamic/data", 40),
        ("groups damaged", 30),
        ("transactions clean --all", 25),
        ("transactions damaged --all", 25),
        ("verify damaged", 20),
        ("explain clean/txn-0 13", 55),
        ("explain clean/compacted-0 3", 14),
        ("explain clean/trimmed-0 5", 15),
        ("diff clean damaged", 25),
        ("stats clean --by partition", 60),
    ] {
        let names = names(&place, line);
        assert!(names.len() >= least, "{line}: {names:?}");
        let unknown: Vec<_> = names
            .iter()
            .filter(|name| !words.contains(name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{line}: not in the manual: {unknown:?}");
    }
}
