//! Records of internal topics as Kafka's own dump shows them, by the topic's name.

use super::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use super::error::Result;
use super::metadata::VersionedRecord;
use super::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use super::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use serde_json::Value;

/// A key and a value as JSON; null where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
}

/// Decodes a data record of an internal topic; `None` for topics whose records are
/// not Kafka's own.
///
/// # Errors
/// Where the record does not follow the topic's format.
pub fn show(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Result<Shown>> {
    Some(match topic {
        "__cluster_metadata" => metadata(value),
        "__consumer_offsets" => group(key, value),
        "__transaction_state" => transaction(key, value),
        "__share_group_state" => share(key, value),
        _ => return None,
    })
}

fn metadata(value: Option<&[u8]>) -> Result<Shown> {
    let value = value.map(VersionedRecord::decode).transpose()?;
    Ok(Shown {
        key: Value::Null,
        value: value.map_or(Value::Null, |value| value.to_json()),
    })
}

macro_rules! coordinator {
    ($name:ident, $key:ident, $value:ident) => {
        fn $name(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Shown> {
            let key = key.map($key::decode).transpose()?;
            let kind = key.as_ref().map_or(-1, $key::kind);
            let value = value.map(|value| $value::decode(kind, value)).transpose()?;
            Ok(Shown {
                key: key.map_or(Value::Null, |key| key.to_json()),
                value: value.map_or(Value::Null, |value| value.to_json()),
            })
        }
    };
}

coordinator!(group, GroupRecordKey, GroupRecordValue);
coordinator!(transaction, TransactionRecordKey, TransactionRecordValue);
coordinator!(share, ShareStateRecordKey, ShareStateRecordValue);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kafkas_own_topics_are_shown() {
        assert_eq!(show("orders", None, Some(b"x")), None);
        let key = b"\x00\x00\x00\x08gold-eos";
        let shown = show("__transaction_state", Some(key), None)
            .unwrap()
            .unwrap();
        assert_eq!(shown.key["data"]["transactionalId"], "gold-eos");
        assert_eq!(shown.value, Value::Null);
        assert!(
            show("__consumer_offsets", Some(b"\x00"), None)
                .unwrap()
                .is_err()
        );
    }
}
