//! Lines of Kafka's dumps, and the records that they are about.

use ottla::format::Result;
use ottla::format::batch::{Scratch, UncheckedBatch};
use ottla::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use ottla::format::metadata::{MetadataRecord, VersionedRecord};
use ottla::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use ottla::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use std::collections::BTreeMap;

/// Key and payload of a record, as Kafka's dump prints them.
pub(crate) type Shown = (Option<String>, String);

/// A record's key and value, decoded, encoded again and shown.
pub(crate) type Show = fn(Option<&[u8]>, Option<&[u8]>) -> Result<Shown>;

/// Shows a record of the metadata log.
pub(crate) fn metadata(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Shown> {
    let value = value.expect("a metadata record has a value");
    assert_eq!(key, None);
    let record = VersionedRecord::decode(value)?;
    assert!(!matches!(record.record, MetadataRecord::Unknown { .. }));
    assert_eq!(record.to_bytes()?, value);
    Ok((None, record.to_json().to_string()))
}

macro_rules! show_coordinator {
    ($(#[$doc:meta])* $name:ident, $key_type:ident, $value_type:ident) => {
        $(#[$doc])*
        pub(crate) fn $name(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Shown> {
            let bytes = key.expect("a coordinator's record has a key");
            let key = $key_type::decode(bytes)?;
            assert!(!matches!(key, $key_type::Unknown { .. }));
            assert_eq!(key.to_bytes()?, bytes);
            let shown = match value {
                None => "<DELETE>".to_owned(),
                Some(bytes) => {
                    let value = $value_type::decode(key.kind(), bytes)?;
                    assert!(!matches!(value.value, $value_type::Unknown { .. }));
                    assert_eq!(value.to_bytes()?, bytes);
                    value.to_json().to_string()
                }
            };
            Ok((Some(key.to_json().to_string()), shown))
        }
    };
}

show_coordinator!(
    /// Shows a record of `__consumer_offsets`.
    group, GroupRecordKey, GroupRecordValue
);
show_coordinator!(
    /// Shows a record of `__transaction_state`.
    transaction, TransactionRecordKey, TransactionRecordValue
);
show_coordinator!(
    /// Shows a record of `__share_group_state`.
    share_state, ShareStateRecordKey, ShareStateRecordValue
);

/// Compares every data record of a log or snapshot with its line in Kafka's dump;
/// how many there are.
pub(crate) fn compare(name: &str, dump: &str, log: &[u8], show: Show) -> usize {
    let mut theirs: BTreeMap<i64, Shown> = dump.lines().filter_map(dumped_record).collect();
    let expected = theirs.len();
    for_each_record(log, |offset, key, value| {
        let ours = show(key, value).unwrap_or_else(|e| panic!("{name} at {offset}: {e}"));
        let theirs = theirs.remove(&offset);
        assert_eq!(Some(ours), theirs, "{name} at offset {offset}");
    });
    assert!(theirs.is_empty(), "{name}: not found here: {theirs:?}");
    expected
}

/// Offset, key and payload of a line of Kafka's dump that is about a data record.
fn dumped_record(line: &str) -> Option<(i64, Shown)> {
    let rest = line.strip_prefix("| offset: ")?;
    let (offset, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once(" headerKeys: [] ")?;
    let (key, payload) = match rest.strip_prefix("key: ") {
        None => (None, rest.strip_prefix("payload: ")?),
        Some(rest) => {
            let (key, payload) = rest.split_once(" payload: ")?;
            (Some(key.to_owned()), payload)
        }
    };
    let offset = offset.parse().expect("an offset is a number");
    Some((offset, (key, in_our_numbers(payload))))
}

/// The same JSON with its numbers as Rust writes them: Java writes `1.0E7`.
fn in_our_numbers(payload: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(payload) {
        Ok(json) => json.to_string(),
        Err(_) => payload.to_owned(),
    }
}

/// Each data record of a log or snapshot: offset, key, value.
pub(crate) fn for_each_record(log: &[u8], mut each: impl FnMut(i64, Option<&[u8]>, Option<&[u8]>)) {
    let mut rest = log;
    let mut scratch = Scratch::new();
    while !rest.is_empty() {
        let batch = UncheckedBatch::parse(rest).unwrap().check().unwrap();
        rest = &rest[batch.bytes().len()..];
        if batch.header().attributes.is_control() {
            continue;
        }
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            each(record.offset.get(), record.key, record.value);
        }
    }
}
