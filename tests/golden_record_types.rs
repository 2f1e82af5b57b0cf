//! Every type and version of record that Kafka 4.3.1 knows for the metadata log,
//! `__consumer_offsets` and `__transaction_state`: bytes that its own classes
//! wrote decode, encode as they were, and show the JSON that it shows. See
//! `testdata/kafka-4.3.1-records/README.md`.

use ottla::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use ottla::format::metadata::{MetadataRecord, VersionedRecord};
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

#[test]
fn group_records() {
    let mut seen = BTreeSet::new();
    for_each_line("groups", |line, columns| {
        let [key, value, key_json, json] = columns else {
            panic!("line {line} has four columns");
        };
        let (key, value) = (unhex(key), unhex(value));
        let decoded = GroupRecordKey::decode(&key).unwrap_or_else(|e| panic!("line {line}: {e}"));
        assert!(decoded.group().is_some());
        assert_eq!(decoded.to_bytes().unwrap(), key, "line {line}: {key_json}");
        assert_same(line, &decoded.to_json(), key_json);
        let kind = decoded.kind();
        let decoded =
            GroupRecordValue::decode(kind, &value).unwrap_or_else(|e| panic!("line {line}: {e}"));
        assert!(!matches!(decoded.value, GroupRecordValue::Unknown { .. }));
        assert_eq!(decoded.to_bytes().unwrap(), value, "line {line}: {json}");
        assert_same(line, &decoded.to_json(), json);
        seen.insert((kind, decoded.version));
    });
    assert_eq!(seen.len(), 30);
}

#[test]
fn transaction_records() {
    for_each_line("transactions", |line, columns| {
        let [key, value, key_json, json] = columns else {
            panic!("line {line} has four columns");
        };
        let (key, value) = (unhex(key), unhex(value));
        let decoded = TransactionRecordKey::decode(&key).unwrap();
        assert_eq!(decoded.to_bytes().unwrap(), key, "line {line}: {key_json}");
        assert_same(line, &decoded.to_json(), key_json);
        let decoded = TransactionRecordValue::decode(decoded.kind(), &value).unwrap();
        assert_eq!(decoded.to_bytes().unwrap(), value, "line {line}: {json}");
        assert_same(line, &decoded.to_json(), json);
    });
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
