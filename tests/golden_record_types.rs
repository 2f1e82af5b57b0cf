//! Every type and version of record that Kafka 4.3.1 knows for the metadata log,
//! `__consumer_offsets`, `__transaction_state` and `__share_group_state`: bytes that its own classes
//! wrote decode, encode as they were, and show the JSON that it shows. See
//! `testdata/kafka-4.3.1-records/README.md`.

use ottla::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use ottla::format::metadata::{MetadataRecord, VersionedRecord};
use ottla::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use ottla::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn metadata_records() {
    let mut seen = BTreeSet::new();
    for_each_line("metadata", |line, columns| {
        let [bytes, json] = columns else {
            panic!("line {line} has two columns");
        };
        let bytes = unhex(bytes);
        let record = VersionedRecord::decode(&bytes).unwrap_or_else(|e| panic!("line {line}: {e}"));
        assert!(!matches!(record.record, MetadataRecord::Unknown { .. }));
        assert_eq!(record.to_bytes().unwrap(), bytes, "line {line}: {json}");
        assert_same(line, &record.to_json(), json);
        seen.insert((record.record.api_key(), record.version));
    });
    assert_eq!(seen.len(), 37);
}

/// Key and value of each line: decoded, encoded, shown. How many types and versions.
macro_rules! coordinator_records {
    ($file:literal, $key_type:ident, $value_type:ident) => {{
        let mut seen = BTreeSet::new();
        for_each_line($file, |line, columns| {
            let [key, value, key_json, json] = columns else {
                panic!("line {line} has four columns");
            };
            let (key, value) = (unhex(key), unhex(value));
            let decoded = $key_type::decode(&key).unwrap_or_else(|e| panic!("line {line}: {e}"));
            assert!(!matches!(decoded, $key_type::Unknown { .. }));
            assert_eq!(decoded.to_bytes().unwrap(), key, "line {line}: {key_json}");
            assert_same(line, &decoded.to_json(), key_json);
            let kind = decoded.kind();
            let decoded =
                $value_type::decode(kind, &value).unwrap_or_else(|e| panic!("line {line}: {e}"));
            assert!(!matches!(decoded.value, $value_type::Unknown { .. }));
            assert_eq!(decoded.to_bytes().unwrap(), value, "line {line}: {json}");
            assert_same(line, &decoded.to_json(), json);
            seen.insert((kind, decoded.version));
        });
        seen.len()
    }};
}

#[test]
fn group_records() {
    let seen = coordinator_records!("groups", GroupRecordKey, GroupRecordValue);
    assert_eq!(seen, 30);
}

#[test]
fn transaction_records() {
    let seen = coordinator_records!("transactions", TransactionRecordKey, TransactionRecordValue);
    assert_eq!(seen, 2);
}

#[test]
fn share_group_records() {
    let seen = coordinator_records!("share_groups", ShareStateRecordKey, ShareStateRecordValue);
    assert_eq!(seen, 2);
}

/// The same JSON, the order of the fields included. Java writes some numbers
/// otherwise (`1.0E7`), so theirs is parsed first.
fn assert_same(line: usize, ours: &Value, theirs: &str) {
    let theirs: Value = serde_json::from_str(theirs).expect("Kafka writes JSON");
    assert_eq!(ours.to_string(), theirs.to_string(), "line {line}");
}

fn for_each_line(name: &str, mut each: impl FnMut(usize, &[&str])) {
    let path = format!(
        "{}/testdata/kafka-4.3.1-records/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    for (index, line) in text.lines().enumerate() {
        let columns: Vec<_> = line.split('\t').collect();
        each(index + 1, &columns);
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal is ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}
