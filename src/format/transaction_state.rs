//! Records of `__transaction_state`: where each transactional id stands. The
//! layout is that of [`super::coordinator`].
//!
//! ```text
//! type 0   key: transactional id    value: version 0, or 1 (flexible) once
//!                                   `transaction.version` is 1 or more
//! ```
//!
//! Source: `transaction-coordinator/src/main/resources/common/message/*.json`;
//! KIP-98, KIP-890.

use super::bytes::Reader;
use super::coordinator::{NEVER, Versioned, coordinator_partition, coordinator_records};
use super::error::{FormatError, Result};
use super::schema::{Message, Wire, base64_json, finish, schema};
use super::types::{PartitionId, ProducerEpoch, ProducerId, Timestamp};
use serde_json::{Value, json};
use std::num::NonZeroU32;

/// The partition of `__transaction_state` that holds an id's records.
pub fn transaction_partition(transactional_id: &str, partitions: NonZeroU32) -> PartitionId {
    coordinator_partition(transactional_id, partitions)
}

coordinator_records! {
    /// The key of a record of `__transaction_state`.
    key TransactionRecordKey;
    /// The value of a record of `__transaction_state`.
    value TransactionRecordValue;

    /// Where a transactional id stands.
    0 Transaction(TransactionKey, TransactionValue),
}

schema! {
    messages {
        /// Which transactional id.
        TransactionKey, 0..=0, flexible NEVER, {
            /// The transactional id.
            transactional_id: String, 0..;
        }

        /// Where a transactional id stands.
        TransactionValue, 0..=1, flexible 1, {
            /// Its producer.
            producer_id: Option<ProducerId>, 0..;
            /// The producer of the last transaction that ended.
            previous_producer_id: Option<ProducerId>, 1.., tag 0;
            /// The producer id that the client was told last.
            next_producer_id: Option<ProducerId>, 1.., tag 1;
            /// The producer's epoch.
            producer_epoch: Option<ProducerEpoch>, 0..;
            /// The epoch that goes with `next_producer_id`.
            next_producer_epoch: Option<ProducerEpoch>, 1.., tag 3;
            /// How long a transaction may stay open, in milliseconds.
            transaction_timeout_ms: i32, 0..;
            /// See [`TransactionStatus`].
            transaction_status: i8, 0..;
            /// The partitions in the open transaction; `None` in the empty state.
            transaction_partitions: Option<Vec<TransactionPartitions>>, 0..;
            /// When this last changed.
            transaction_last_update_timestamp_ms: Option<Timestamp>, 0..;
            /// When the open transaction began.
            transaction_start_timestamp_ms: Option<Timestamp>, 0..;
            /// The transaction version that the client uses.
            client_transaction_version: i16, 1.., tag 2;
        }
    }
    structs {
        /// Partitions of a topic.
        TransactionPartitions, {
            /// The topic.
            topic: String, 0..;
            /// The partitions.
            partition_ids: Vec<PartitionId>, 0..;
        }
    }
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None has begun.
    Empty,
    /// It is open.
    Ongoing,
    /// It commits: markers are being written.
    PrepareCommit,
    /// It aborts: markers are being written.
    PrepareAbort,
    /// It has committed.
    CompleteCommit,
    /// It has aborted.
    CompleteAbort,
    /// The transactional id has expired.
    Dead,
}

impl TransactionStatus {
    /// From its number in a record.
    pub const fn from_wire(number: i8) -> Option<Self> {
        Some(match number {
            0 => Self::Empty,
            1 => Self::Ongoing,
            2 => Self::PrepareCommit,
            3 => Self::PrepareAbort,
            4 => Self::CompleteCommit,
            5 => Self::CompleteAbort,
            6 => Self::Dead,
            _ => return None,
        })
    }

    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        (0..=6)
            .filter_map(Self::from_wire)
            .find(|status| status.name() == name)
    }

    /// Its number in a record.
    pub const fn to_wire(self) -> i8 {
        self as i8
    }
}

impl TransactionValue {
    /// Its status, unless the number is not known here.
    pub const fn status(&self) -> Option<TransactionStatus> {
        TransactionStatus::from_wire(self.transaction_status)
    }
}

impl Versioned<TransactionRecordValue> {
    /// What Kafka's dump prints as the payload. An unknown value has base64 in
    /// `data`.
    pub fn to_json(&self) -> Value {
        json!({ "version": self.version.to_string(), "data": self.value.data_json(self.version) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_of_a_broker_decode_and_encode_as_they_were() {
        // The first record of `__transaction_state-0` in the golden directory.
        let key = b"\x00\x00\x00\x08gold-eos";
        let key_record = TransactionRecordKey::decode(key).unwrap();
        assert_eq!(
            key_record.to_json().to_string(),
            r#"{"type":"0","data":{"transactionalId":"gold-eos"}}"#
        );
        assert_eq!(key_record.to_bytes().unwrap(), key);
        let value = TransactionRecordValue::Transaction(TransactionValue {
            producer_id: Some(ProducerId::new(3)),
            previous_producer_id: Some(ProducerId::new(3)),
            producer_epoch: Some(ProducerEpoch::new(0)),
            transaction_timeout_ms: 60_000,
            transaction_last_update_timestamp_ms: Some(Timestamp::new(1_795_376_242_597)),
            ..Default::default()
        });
        let bytes = value.clone().latest().to_bytes().unwrap();
        assert_eq!(bytes.len(), 45);
        let decoded = TransactionRecordValue::decode(0, &bytes).unwrap();
        assert_eq!(decoded, value.at(1));
        assert_eq!(
            decoded.to_json().to_string(),
            r#"{"version":"1","data":{"producerId":3,"previousProducerId":3,"producerEpoch":0,"transactionTimeoutMs":60000,"transactionStatus":0,"transactionPartitions":null,"transactionLastUpdateTimestampMs":1795376242597,"transactionStartTimestampMs":-1}}"#
        );
    }

    #[test]
    fn version_0_has_no_tagged_fields() {
        let mut value = TransactionValue {
            transaction_status: TransactionStatus::PrepareAbort.to_wire(),
            transaction_partitions: Some(vec![]),
            ..Default::default()
        };
        let record = TransactionRecordValue::Transaction(value.clone()).at(0);
        let bytes = record.to_bytes().unwrap();
        assert_eq!(TransactionRecordValue::decode(0, &bytes).unwrap(), record);
        value.client_transaction_version = 2;
        let record = TransactionRecordValue::Transaction(value.clone()).at(0);
        assert!(record.to_bytes().is_err());
        assert_eq!(value.status(), Some(TransactionStatus::PrepareAbort));
    }

    #[test]
    fn unknown_types_and_versions_are_kept() {
        let key = TransactionRecordKey::decode(b"\x00\x07abc").unwrap();
        assert_eq!(key.kind(), 7);
        assert_eq!(key.to_bytes().unwrap(), b"\x00\x07abc");
        for (kind, bytes) in [(7, &b""[..]), (7, b"x"), (0, b"\x00\x02new")] {
            let value = TransactionRecordValue::decode(kind, bytes).unwrap();
            assert_eq!(value.to_bytes().unwrap(), bytes);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(key: Vec<u8>, version in 0..3u8, body: Vec<u8>) {
            let _ = TransactionRecordKey::decode(&key);
            let bytes = [&[0, version], &body[..]].concat();
            if let Ok(value) = TransactionRecordValue::decode(0, &bytes) {
                let again = value.to_bytes().unwrap();
                let decoded = TransactionRecordValue::decode(0, &again).unwrap();
                prop_assert_eq!(decoded, value);
            }
        }
    }
}
