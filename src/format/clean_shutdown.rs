//! `.kafka_cleanshutdown`: every segment was flushed before the broker stopped.
//!
//! ```text
//! {"version":0,"brokerEpoch":221}
//! ```
//!
//! What counts is that the file exists; its content only tells the controller
//! which registration ended cleanly. So content that Kafka cannot read is no
//! error: the epoch is then unknown. Before 3.8 the file was empty.
//!
//! Source: `org.apache.kafka.storage.internals.checkpoint.CleanShutdownFileHandler`;
//! KIP-966.

use super::json::JsonObject;
use serde_json::{Map, Value};

/// The name of the file in each log directory.
pub const FILE_NAME: &str = ".kafka_cleanshutdown";

/// The content of `.kafka_cleanshutdown`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CleanShutdown {
    /// The epoch of the broker's last registration: the metadata offset of its record.
    pub broker_epoch: Option<i64>,
    /// Fields not known here, kept.
    unknown: Map<String, Value>,
}

impl CleanShutdown {
    /// The content after a clean stop.
    pub fn new(broker_epoch: Option<i64>) -> Self {
        Self {
            broker_epoch,
            unknown: Map::new(),
        }
    }

    /// Reads a whole file; what cannot be read is unknown, as for Kafka.
    pub fn parse(bytes: &[u8]) -> Self {
        let Ok(mut object) = JsonObject::parse(FILE_NAME, bytes) else {
            return Self::default();
        };
        object.take("version");
        let broker_epoch = object.take_number("brokerEpoch").ok();
        Self {
            broker_epoch,
            unknown: object.into_rest(),
        }
    }

    /// The file's bytes, as Kafka writes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("version".to_owned(), Value::from(0));
        object.insert("brokerEpoch".to_owned(), Value::from(self.broker_epoch));
        object.extend(self.unknown.clone());
        Value::Object(object).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Kafka 4.3.1 wrote it.
    const GOLDEN: &[u8] = br#"{"version":0,"brokerEpoch":221}"#;

    #[test]
    fn what_kafka_wrote_round_trips() {
        assert_eq!(CleanShutdown::parse(GOLDEN), CleanShutdown::new(Some(221)));
        assert_eq!(CleanShutdown::new(Some(221)).to_bytes(), GOLDEN);
    }

    #[test]
    fn unreadable_content_still_means_a_clean_stop() {
        for text in ["", "{", "[]", r#"{"version":0}"#, r#"{"brokerEpoch":null}"#] {
            assert_eq!(CleanShutdown::parse(text.as_bytes()).broker_epoch, None);
        }
    }

    #[test]
    fn unknown_fields_stay() {
        let text = br#"{"version":0,"brokerEpoch":5,"more":[1,{"a":null}]}"#;
        assert_eq!(CleanShutdown::parse(text).to_bytes(), text);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = CleanShutdown::parse(&bytes);
        }
    }
}
