//! Records of `__share_group_state`: what share groups (KIP-932) have done with
//! each partition. The layout is that of [`super::coordinator`].
//!
//! ```text
//! type 0   a whole state      value version 0
//! type 1   what changed       value version 0
//! ```
//!
//! Source: `share-coordinator/src/main/resources/common/message/*.json`.

use super::bytes::Reader;
use super::coordinator::{NEVER, Versioned, coordinator_records};
use super::error::{FormatError, Result};
use super::schema::{Message, Wire, base64_json, finish, schema};
use super::types::{PartitionId, Uuid};
use serde_json::{Value, json};

coordinator_records! {
    /// The key of a record of `__share_group_state`.
    key ShareStateRecordKey;
    /// The value of a record of `__share_group_state`.
    value ShareStateRecordValue;

    /// A whole state.
    0 Snapshot(ShareStateKey, ShareSnapshotValue),
    /// What changed since the last whole state.
    1 Update(ShareStateKey, ShareUpdateValue),
}

schema! {
    messages {
        /// Whose state of which partition.
        ShareStateKey, 0..=0, flexible NEVER, {
            /// The group.
            group_id: String, 0..;
            /// The topic.
            topic_id: Uuid, 0..;
            /// The partition.
            partition: PartitionId, 0..;
        }

        /// A whole state.
        ShareSnapshotValue, 0..=0, flexible 0, {
            /// Raised by 1 with each whole state.
            snapshot_epoch: i32, 0..;
            /// Raised when the state is set up anew.
            state_epoch: i32, 0..;
            /// The leader that wrote it.
            leader_epoch: i32, 0..;
            /// The first offset that is not done with, or −1.
            start_offset: i64, 0..;
            /// How many offsets from there on are done with, or −1 (since 4.2).
            delivery_complete_count: i32, 0.., tag 0, default -1;
            /// When it was set up, in milliseconds since 1970.
            create_timestamp: i64, 0..;
            /// When it was written, in milliseconds since 1970.
            write_timestamp: i64, 0..;
            /// Offsets that have been delivered.
            state_batches: Vec<StateBatch>, 0..;
        }

        /// What changed since the last whole state.
        ShareUpdateValue, 0..=0, flexible 0, {
            /// That of the whole state.
            snapshot_epoch: i32, 0..;
            /// The leader that wrote it.
            leader_epoch: i32, 0..;
            /// The first offset that is not done with, or −1 for no change.
            start_offset: i64, 0..;
            /// How many offsets from there on are done with, or −1 (since 4.2).
            delivery_complete_count: i32, 0.., tag 0, default -1;
            /// Offsets whose state changed.
            state_batches: Vec<StateBatch>, 0..;
        }
    }
    structs {
        /// Offsets that have one state.
        StateBatch, {
            /// The first.
            first_offset: i64, 0..;
            /// The last.
            last_offset: i64, 0..;
            /// 0 available, 2 acknowledged, 4 archived.
            delivery_state: i8, 0..;
            /// How often they have been delivered.
            delivery_count: i16, 0..;
        }
    }
}

impl Versioned<ShareStateRecordValue> {
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
    fn a_state_round_trips() {
        let value = ShareStateRecordValue::Snapshot(ShareSnapshotValue {
            state_epoch: 2,
            start_offset: -1,
            state_batches: vec![StateBatch::default()],
            ..Default::default()
        })
        .latest();
        let bytes = value.to_bytes().unwrap();
        assert_eq!(ShareStateRecordValue::decode(0, &bytes).unwrap(), value);
        let kept = ShareStateRecordValue::decode(9, b"new").unwrap();
        assert_eq!(kept.to_bytes().unwrap(), b"new");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0..3i16, version in 0..2u8, body: Vec<u8>) {
            let bytes = [&[0, version], &body[..]].concat();
            let _ = ShareStateRecordKey::decode(&bytes);
            if let Ok(value) = ShareStateRecordValue::decode(kind, &bytes) {
                let again = value.to_bytes().unwrap();
                let decoded = ShareStateRecordValue::decode(kind, &again).unwrap();
                prop_assert_eq!(decoded, value);
            }
        }
    }
}
