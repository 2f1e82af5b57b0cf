//! Control records: transaction markers, and what KRaft writes into its own log and
//! its snapshots.
//!
//! ```text
//! key:    version i16   0
//!         type    i16   0 abort, 1 commit, 2 leader change, 3 snapshot header,
//!                       4 snapshot footer, 5 kraft version, 6 voters
//!         (later versions may add fields; they are kept)
//!
//! value of 0 and 1, not flexible:
//!         version i16   0
//!         coordinatorEpoch i32
//!
//! values of 2 to 6: see [`super::kraft_control`]
//! ```
//!
//! A control batch holds control records only: one marker, or for KRaft one or more.
//!
//! Sources: `ControlRecordType`, `EndTransactionMarker`, `ControlRecordUtils` of
//! `org.apache.kafka.common.record`; `EndTxnMarker.json`, `ControlRecordTypeSchema.json`;
//! KIP-98.

use super::batch::Producer;
use super::batch_builder::{BatchBuilder, Seal};
use super::bytes::Reader;
use super::error::{FormatError, Result};
use super::kraft_control::{KRaftVersion, LeaderChange, SnapshotFooter, SnapshotHeader, Voters};
use super::record::Headers;
use super::types::{ProducerEpoch, ProducerId, Timestamp};

/// What a control record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction's records must not be seen.
    Abort,
    /// The transaction's records count.
    Commit,
    /// A KRaft leader starts its epoch.
    LeaderChange,
    /// The first record of a metadata snapshot.
    SnapshotHeader,
    /// The last record of a metadata snapshot.
    SnapshotFooter,
    /// The level of `kraft.version`.
    KRaftVersion,
    /// The voters of a dynamic quorum.
    Voters,
    /// A type not known here: to be kept, and otherwise ignored.
    Unknown(i16),
}

impl ControlType {
    /// From the wire.
    pub const fn from_id(id: i16) -> Self {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::Voters,
            other => Self::Unknown(other),
        }
    }

    /// As on the wire.
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::Voters => 6,
            Self::Unknown(other) => other,
        }
    }

    /// Reads the key of a control record. A version above 0 is read as 0, as Kafka
    /// does, what it adds ignored.
    pub fn decode_key(key: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(key);
        let version = reader.i16("control record key")?;
        if version < 0 {
            return Err(negative("control record version", version));
        }
        Ok(Self::from_id(reader.i16("control record key")?))
    }

    /// The key of such a record.
    pub fn encode_key(self) -> [u8; 4] {
        let [a, b] = self.id().to_be_bytes();
        [0, 0, a, b]
    }
}

/// How a transaction ended: the value of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// The epoch of the transaction coordinator that had it written.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// Reads the value of a marker. A version above 0 is read as 0, as Kafka does.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value);
        let version = reader.i16("transaction marker")?;
        if version < 0 {
            return Err(negative("transaction marker version", version));
        }
        Ok(Self {
            coordinator_epoch: reader.i32("coordinator epoch")?,
        })
    }

    /// The value of a marker.
    pub fn encode(self) -> [u8; 6] {
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        [0, 0, a, b, c, d]
    }
}

/// A control record, read by its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlRecord<'a> {
    /// The transaction's records must not be seen.
    Abort(EndTxnMarker),
    /// The transaction's records count.
    Commit(EndTxnMarker),
    /// A KRaft leader starts its epoch.
    LeaderChange(LeaderChange),
    /// The first record of a metadata snapshot.
    SnapshotHeader(SnapshotHeader),
    /// The last record of a metadata snapshot.
    SnapshotFooter(SnapshotFooter),
    /// The level of `kraft.version`.
    KRaftVersion(KRaftVersion),
    /// The voters of a dynamic quorum.
    Voters(Voters),
    /// A type not known here.
    Unknown {
        /// The type.
        id: i16,
        /// The value as it came.
        value: Option<&'a [u8]>,
    },
}

impl<'a> ControlRecord<'a> {
    /// Reads key and value. Positions in errors count from the start of either.
    pub fn decode(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Result<Self> {
        let key = key.ok_or_else(|| missing("control record key"))?;
        let kind = ControlType::decode_key(key)?;
        if let ControlType::Unknown(id) = kind {
            return Ok(Self::Unknown { id, value });
        }
        let value = value.ok_or_else(|| missing("control record value"))?;
        match kind {
            ControlType::Abort => EndTxnMarker::decode(value).map(Self::Abort),
            ControlType::Commit => EndTxnMarker::decode(value).map(Self::Commit),
            ControlType::LeaderChange => LeaderChange::decode(value).map(Self::LeaderChange),
            ControlType::SnapshotHeader => SnapshotHeader::decode(value).map(Self::SnapshotHeader),
            ControlType::SnapshotFooter => SnapshotFooter::decode(value).map(Self::SnapshotFooter),
            ControlType::KRaftVersion => KRaftVersion::decode(value).map(Self::KRaftVersion),
            ControlType::Voters => Voters::decode(value).map(Self::Voters),
            ControlType::Unknown(_) => unreachable!("returned above"),
        }
    }

    /// Its type.
    pub const fn kind(&self) -> ControlType {
        match self {
            Self::Abort(_) => ControlType::Abort,
            Self::Commit(_) => ControlType::Commit,
            Self::LeaderChange(_) => ControlType::LeaderChange,
            Self::SnapshotHeader(_) => ControlType::SnapshotHeader,
            Self::SnapshotFooter(_) => ControlType::SnapshotFooter,
            Self::KRaftVersion(_) => ControlType::KRaftVersion,
            Self::Voters(_) => ControlType::Voters,
            Self::Unknown { id, .. } => ControlType::Unknown(*id),
        }
    }
}

#[cold]
fn negative(what: &'static str, version: i16) -> FormatError {
    FormatError::corrupt(what, 0, "0 or more", version.to_string())
}

#[cold]
fn missing(what: &'static str) -> FormatError {
    FormatError::corrupt(what, 0, "bytes", "null")
}

/// The batch that ends a producer's transaction in a partition.
///
/// # Errors
/// None for what types allow.
pub fn end_transaction_batch(
    id: ProducerId,
    epoch: ProducerEpoch,
    commit: bool,
    coordinator_epoch: i32,
    now: Timestamp,
) -> Result<Vec<u8>> {
    let kind = if commit {
        ControlType::Commit
    } else {
        ControlType::Abort
    };
    let (key, value) = (
        kind.encode_key(),
        EndTxnMarker { coordinator_epoch }.encode(),
    );
    let mut builder = BatchBuilder::default();
    builder.append(Some(now), Some(&key), Some(&value), Headers::default())?;
    let seal = Seal {
        producer: Some(Producer {
            id,
            epoch,
            base_sequence: None,
        }),
        transactional: true,
        control: true,
        ..Seal::default()
    };
    Ok(builder.seal(&seal).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch::{Scratch, UncheckedBatch};
    use crate::format::kraft_control::UnknownTags;
    use crate::format::types::{NodeId, Uuid};
    use proptest::prelude::*;

    /// Written by Apache Kafka 4.3.1; see the README beside them.
    const QUORUM: &[u8] = include_bytes!("../../testdata/kafka-4.3.1-fragments/quorum.batch");
    const STANDALONE: &[u8] =
        include_bytes!("../../testdata/kafka-4.3.1-fragments/standalone.checkpoint");

    /// Each control record of a file, checked to encode to the bytes it was read from.
    fn control_records(mut file: &[u8]) -> Vec<ControlRecord<'static>> {
        let mut found = Vec::new();
        let mut scratch = Scratch::new();
        while !file.is_empty() {
            let batch = UncheckedBatch::parse(file).unwrap().check().unwrap();
            assert!(batch.header().attributes.is_control());
            for record in batch.records(&mut scratch).unwrap() {
                let record = record.unwrap();
                let control = ControlRecord::decode(record.key, record.value).unwrap();
                assert_eq!(control.kind().encode_key(), record.key.unwrap());
                assert_eq!(encode(&control), record.value.unwrap());
                found.push(match control {
                    ControlRecord::Unknown { .. } => panic!("Kafka 4.3.1 wrote what is known"),
                    ControlRecord::Abort(marker) => ControlRecord::Abort(marker),
                    ControlRecord::Commit(marker) => ControlRecord::Commit(marker),
                    ControlRecord::LeaderChange(change) => ControlRecord::LeaderChange(change),
                    ControlRecord::SnapshotHeader(it) => ControlRecord::SnapshotHeader(it),
                    ControlRecord::SnapshotFooter(it) => ControlRecord::SnapshotFooter(it),
                    ControlRecord::KRaftVersion(it) => ControlRecord::KRaftVersion(it),
                    ControlRecord::Voters(voters) => ControlRecord::Voters(voters),
                });
            }
            file = &file[batch.bytes().len()..];
        }
        found
    }

    fn encode(record: &ControlRecord<'_>) -> Vec<u8> {
        match record {
            ControlRecord::Abort(it) | ControlRecord::Commit(it) => it.encode().to_vec(),
            ControlRecord::LeaderChange(it) => it.encode(),
            ControlRecord::SnapshotHeader(it) => it.encode(),
            ControlRecord::SnapshotFooter(it) => it.encode(),
            ControlRecord::KRaftVersion(it) => it.encode(),
            ControlRecord::Voters(it) => it.encode(),
            ControlRecord::Unknown { value, .. } => value.unwrap_or_default().to_vec(),
        }
    }

    #[test]
    fn the_start_of_a_brokers_dynamic_quorum_reads_and_encodes_to_the_same() {
        let records = control_records(QUORUM);
        let one = NodeId::new(1);
        assert_eq!(
            records[0],
            ControlRecord::LeaderChange(LeaderChange::of_one(one))
        );
        let level = KRaftVersion {
            level: 1,
            unknown: UnknownTags::default(),
        };
        assert_eq!(records[1], ControlRecord::KRaftVersion(level));
        let ControlRecord::Voters(voters) = &records[2] else {
            panic!("{:?}", records[2]);
        };
        let [voter] = &voters.voters[..] else {
            panic!("{voters:?}");
        };
        assert_eq!(voter.id, one);
        assert_eq!(voter.endpoints[0].name, "CONTROLLER");
        assert_eq!(voter.endpoints[0].host, "127.0.0.1");
        assert_eq!(voter.endpoints[0].port, 29_093);
        assert_eq!(
            (voter.least_kraft_version, voter.most_kraft_version),
            (0, 1)
        );
    }

    #[test]
    fn a_snapshot_of_a_standalone_format_starts_and_ends_as_it_should() {
        let kinds: Vec<_> = control_records(STANDALONE)
            .iter()
            .map(ControlRecord::kind)
            .collect();
        assert_eq!(
            kinds,
            [
                ControlType::SnapshotHeader,
                ControlType::KRaftVersion,
                ControlType::Voters,
                ControlType::SnapshotFooter
            ]
        );
    }

    #[test]
    fn a_brokers_markers_read_and_encode_to_the_same() {
        // Keys and values from `txn-0` of Apache Kafka 4.3.1: an abort and a commit.
        for (key, kind) in [
            ([0, 0, 0, 0], ControlType::Abort),
            ([0, 0, 0, 1], ControlType::Commit),
        ] {
            let value = [0; 6];
            let record = ControlRecord::decode(Some(&key), Some(&value)).unwrap();
            assert_eq!(record.kind(), kind);
            assert_eq!(encode(&record), value);
        }
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let record = ControlRecord::decode(Some(&[0, 0, 0, 99]), Some(b"later")).unwrap();
        assert_eq!(record.kind().encode_key(), [0, 0, 0, 99]);
        assert_eq!(encode(&record), b"later");
        // A leader change with a tagged field of two bytes under tag 7.
        let mut value = LeaderChange::of_one(NodeId::new(1)).encode();
        value.pop();
        value.extend([1, 7, 2, 0xab, 0xcd]);
        let change = LeaderChange::decode(&value).unwrap();
        assert!(!change.unknown.is_empty());
        assert_eq!(change.encode(), value);
        // Later key and marker versions read as version 0.
        assert_eq!(
            ControlType::decode_key(&[0, 9, 0, 1, 5]),
            Ok(ControlType::Commit)
        );
        assert_eq!(
            EndTxnMarker::decode(&[0, 9, 0, 0, 0, 3, 1]).map(|m| m.coordinator_epoch),
            Ok(3)
        );
    }

    #[test]
    fn the_smallest_voters_round_trip() {
        let ControlRecord::Voters(mut voters) = control_records(QUORUM).remove(2) else {
            panic!("the third record names the voters");
        };
        voters.voters[0].endpoints.clear();
        voters.voters.push(voters.voters[0].clone());
        assert_eq!(Voters::decode(&voters.encode()), Ok(voters));
    }

    #[test]
    fn directory_ids_come_with_version_1() {
        let mut change = LeaderChange::of_one(NodeId::new(7));
        change.version = 1;
        change.voters[0].directory_id = Some(Uuid::METADATA_TOPIC);
        change.granting_voters[0].directory_id = Some(Uuid::ZERO);
        let value = change.encode();
        assert_eq!(value.len(), 19 + 32);
        assert_eq!(LeaderChange::decode(&value), Ok(change));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_reads_encodes_to_a_prefix(
            kind in 0..8_i16, body: Vec<u8>, zeros in 0..3_usize,
        ) {
            let mut value = vec![0; zeros];
            value.extend(body);
            let key = ControlType::from_id(kind).encode_key();
            let _ = ControlRecord::decode(Some(&value), Some(&value));
            if let Ok(record) = ControlRecord::decode(Some(&key), Some(&value)) {
                let again = encode(&record);
                prop_assert!(again.len() <= value.len());
                prop_assert_eq!(ControlRecord::decode(Some(&key), Some(&again)), Ok(record));
            }
        }

        #[test]
        fn a_flipped_bit_never_panics(at: usize, bit in 0..8_u8) {
            let mut value = control_records(QUORUM).iter().map(encode).collect::<Vec<_>>();
            let voters = &mut value[2];
            let at = at % voters.len();
            voters[at] ^= 1 << bit;
            let _ = Voters::decode(voters);
        }
    }
}
