//! What is inside records of Kafka's own topics, and control records, as the JSON
//! that Kafka's own dump prints.

use crate::format::FormatError;
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::format::control::ControlRecord;
use crate::format::metadata::VersionedRecord;
use crate::format::record::Record;
use crate::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use crate::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use crate::log::layout::{METADATA_TOPIC, OFFSETS_TOPIC, SHARE_GROUPS_TOPIC, TRANSACTIONS_TOPIC};

/// Decodes the records of one topic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Decoder {
    Metadata,
    Groups,
    Transactions,
    ShareGroups,
}

/// Key and value as JSON; those that could not be decoded are `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Decoded {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    /// The name of a control record's type.
    pub(super) control_type: Option<&'static str>,
    /// Why it could not be decoded.
    pub(super) problem: Option<String>,
}

macro_rules! coordinator {
    ($record:ident, $key_type:ident, $value_type:ident) => {{
        let key = $record
            .key
            .ok_or_else(|| FormatError::corrupt("record of a coordinator", 0, "a key", "null"))?;
        let key = $key_type::decode(key)?;
        let value = $record
            .value
            .map(|value| $value_type::decode(key.kind(), value));
        let mut decoded = Decoded {
            key: Some(key.to_json().to_string()),
            ..Decoded::default()
        };
        match value.transpose() {
            Ok(value) => decoded.value = value.map(|value| value.to_json().to_string()),
            Err(error) => decoded.problem = Some(error.to_string()),
        }
        Ok(decoded)
    }};
}

impl Decoder {
    /// Of a topic; `None` where its records are anyone's.
    pub(super) fn of(topic: &str) -> Option<Self> {
        match topic {
            METADATA_TOPIC => Some(Self::Metadata),
            OFFSETS_TOPIC => Some(Self::Groups),
            TRANSACTIONS_TOPIC => Some(Self::Transactions),
            SHARE_GROUPS_TOPIC => Some(Self::ShareGroups),
            _ => None,
        }
    }

    pub(super) fn decode(self, record: &Record<'_>) -> Decoded {
        self.try_decode(record).unwrap_or_else(|error| Decoded {
            problem: Some(error.to_string()),
            ..Decoded::default()
        })
    }

    fn try_decode(self, record: &Record<'_>) -> Result<Decoded, FormatError> {
        match self {
            Self::Metadata => {
                let value = record.value.map(VersionedRecord::decode).transpose()?;
                Ok(Decoded {
                    value: value.map(|value| value.to_json().to_string()),
                    ..Decoded::default()
                })
            }
            Self::Groups => coordinator!(record, GroupRecordKey, GroupRecordValue),
            Self::Transactions => {
                coordinator!(record, TransactionRecordKey, TransactionRecordValue)
            }
            Self::ShareGroups => coordinator!(record, ShareStateRecordKey, ShareStateRecordValue),
        }
    }
}

impl Decoded {
    /// A control record.
    pub(super) fn control(record: &Record<'_>) -> Self {
        match ControlRecord::decode(record.key, record.value) {
            Ok(control) => Self {
                control_type: Some(control.type_name()),
                value: Some(control.to_json().to_string()),
                ..Self::default()
            },
            Err(error) => Self {
                problem: Some(error.to_string()),
                ..Self::default()
            },
        }
    }

    /// Key and value as a table shows them.
    pub(super) fn shown(&self, record: &Record<'_>) -> (String, String) {
        let text = |json: &Option<String>, bytes: Option<&[u8]>| match (json, bytes) {
            (Some(json), _) => json.clone(),
            (None, None) => "null".to_owned(),
            (None, Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let key = match self.control_type {
            Some(name) => name.to_owned(),
            None => text(&self.key, record.key),
        };
        (key, text(&self.value, record.value))
    }
}
