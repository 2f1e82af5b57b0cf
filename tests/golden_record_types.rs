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

macro_rules! damaged {
    ($key_type:ident, $value_type:ident, $key:ident, $value:ident) => {{
        let kind = match $key_type::decode(&$key) {
            Ok(key) => {
                let again = key.to_bytes().expect("what was decoded encodes");
                let again = $key_type::decode(&again).expect("and decodes");
                assert_eq!(again.to_json(), key.to_json());
                key.kind()
            }
            Err(_) => i16::from_be_bytes(*$key.first_chunk().unwrap_or(&[0, 1])),
        };
        if let Ok(value) = $value_type::decode(kind, &$value) {
            let again = value.to_bytes().expect("what was decoded encodes");
            let again = $value_type::decode(kind, &again).expect("and decodes");
            assert_eq!(again.to_json(), value.to_json());
        }
    }};
}

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

/// Bytes changed, put in and taken out of every sample: nothing panics, and what
/// still decodes, encodes to bytes that decode to the same. Prints the seed of a
/// failure.
#[test]
fn damaged_records_decode_or_are_refused() {
    for file in ["metadata", "groups", "transactions", "share_groups"] {
        for_each_line(file, |line, columns| {
            for seed in 0..200 {
                let result = std::panic::catch_unwind(|| {
                    let mut random = Random((seed ^ (line as u64) << 32) | 1 << 63);
                    let first = random.damage(unhex(columns[0]));
                    if file == "metadata" {
                        if let Ok(record) = VersionedRecord::decode(&first) {
                            let again = record.to_bytes().expect("what was decoded encodes");
                            let again = VersionedRecord::decode(&again).expect("and decodes");
                            assert_eq!(again.to_json(), record.to_json());
                        }
                        return;
                    }
                    let value = random.damage(unhex(columns[1]));
                    match file {
                        "groups" => damaged!(GroupRecordKey, GroupRecordValue, first, value),
                        "transactions" => {
                            damaged!(TransactionRecordKey, TransactionRecordValue, first, value);
                        }
                        _ => damaged!(ShareStateRecordKey, ShareStateRecordValue, first, value),
                    }
                });
                assert!(result.is_ok(), "{file}, line {line}, seed {seed}");
            }
        });
    }
}

/// Xorshift: enough to damage bytes, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("below a usize")
    }

    fn damage(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                break;
            }
            let at = self.below(bytes.len());
            let byte = [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8][self.below(6)];
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                3 => bytes[at] ^= 1 << self.below(8),
                _ => bytes[at] = byte,
            }
        }
        bytes
    }
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
