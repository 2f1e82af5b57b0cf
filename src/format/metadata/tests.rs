//! Records as Kafka 4.3.1 wrote them, versions, unknown types and fields.

use super::*;
use crate::format::types::{LeaderEpoch, NodeId, PartitionId, Uuid};
use proptest::prelude::*;

fn round_trip(record: MetadataRecord, version: i16) -> VersionedRecord {
    let record = record.at(version);
    let bytes = record.to_bytes().unwrap();
    let decoded = VersionedRecord::decode(&bytes).unwrap();
    assert_eq!(decoded, record);
    assert_eq!(decoded.to_bytes().unwrap(), bytes);
    decoded
}

fn partition() -> PartitionRecord {
    PartitionRecord {
        partition_id: PartitionId::new(3),
        topic_id: Uuid::METADATA_TOPIC,
        replicas: vec![NodeId::new(1), NodeId::new(2)],
        leader: Some(NodeId::new(1)),
        leader_epoch: LeaderEpoch::new(4),
        partition_epoch: 5,
        ..Default::default()
    }
}

#[test]
fn bytes_of_a_broker_decode_and_encode_as_they_were() {
    // Offset 2 of the golden metadata log.
    let bytes = b"\x01\x0c\x00\x11metadata.version\x00\x1e\x00";
    let record = VersionedRecord::decode(bytes).unwrap();
    assert_eq!(
        record.record,
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "metadata.version".to_owned(),
            feature_level: 30,
            ..Default::default()
        })
    );
    assert_eq!(
        record.to_json().to_string(),
        r#"{"type":"FEATURE_LEVEL_RECORD","version":0,"data":{"name":"metadata.version","featureLevel":30}}"#
    );
    assert_eq!(record.to_bytes().unwrap(), bytes);
}

#[test]
fn a_version_has_the_fields_that_it_has() {
    for version in 0..=2 {
        let mut partition = partition();
        if version >= 1 {
            partition.directories = vec![Uuid::METADATA_TOPIC; 2];
        }
        if version >= 2 {
            partition.last_known_elr = Some(vec![NodeId::new(2)]);
        }
        round_trip(partition.into(), version);
    }
    let with_directories = PartitionRecord {
        directories: vec![Uuid::ZERO],
        ..partition()
    };
    let error = MetadataRecord::from(with_directories)
        .at(0)
        .to_bytes()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot encode PartitionRecord.directories: expected the default, \
         as version 0 has no such field, got another value"
    );
    let error = MetadataRecord::from(partition())
        .at(3)
        .to_bytes()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot encode PARTITION_RECORD: expected version 0 to 2, got version 3"
    );
}

#[test]
fn tagged_fields_are_ordered_by_tag_and_unknown_ones_stay() {
    let change = PartitionChangeRecord {
        topic_id: Uuid::METADATA_TOPIC,
        leader: LeaderChange::NoLeader,
        isr: Some(vec![]),
        directories: Some(vec![Uuid::ZERO]),
        eligible_leader_replicas: Some(vec![NodeId::new(1)]),
        ..Default::default()
    };
    let mut record = round_trip(change.into(), 2);
    assert_eq!(
        record.to_json().to_string(),
        r#"{"type":"PARTITION_CHANGE_RECORD","version":2,"data":{"partitionId":0,"topicId":"AAAAAAAAAAAAAAAAAAAAAQ","isr":[],"leader":-1,"directories":["AAAAAAAAAAAAAAAAAAAAAA"],"eligibleLeaderReplicas":[1]}}"#
    );
    let MetadataRecord::PartitionChange(change) = &mut record.record else {
        panic!("a partition change stays one");
    };
    change.unknown.push(99, b"new".to_vec());
    round_trip(record.record, 2);
}

#[test]
fn a_tag_of_a_later_version_is_unknown_in_an_earlier_one() {
    let later = PartitionChangeRecord {
        directories: Some(vec![Uuid::ZERO]),
        ..Default::default()
    };
    let mut bytes = MetadataRecord::from(later).at(1).to_bytes().unwrap();
    bytes[2] = 0;
    let record = VersionedRecord::decode(&bytes).unwrap();
    let MetadataRecord::PartitionChange(change) = &record.record else {
        panic!("a partition change stays one");
    };
    assert_eq!(change.directories, None);
    assert_eq!(change.unknown.iter().next().unwrap().0, 8);
    assert_eq!(record.to_bytes().unwrap(), bytes);
}

#[test]
fn unknown_types_and_versions_are_kept() {
    for bytes in [
        &b"\x01\x63\x07new"[..],
        b"\x01\x02\x05newer",
        b"\x01\x06\x00",
    ] {
        let record = VersionedRecord::decode(bytes).unwrap();
        assert!(matches!(record.record, MetadataRecord::Unknown { .. }));
        assert_eq!(record.to_bytes().unwrap(), bytes);
    }
    let record = VersionedRecord::decode(b"\x01\x63\x07new").unwrap();
    assert_eq!(
        record.to_json().to_string(),
        r#"{"type":"UNKNOWN","apiKey":99,"version":7,"data":"bmV3"}"#
    );
}

#[test]
fn errors_name_the_field_and_its_position() {
    let message = |bytes: &[u8]| VersionedRecord::decode(bytes).unwrap_err().to_string();
    assert_eq!(
        message(b"\x00\x02\x00"),
        "metadata record at byte 0: frame version 0 is not supported (expected frame version 1)"
    );
    assert_eq!(
        message(b"\x01\x0c\x00\x02a\x00"),
        "FeatureLevelRecord.feature_level at byte 5 is cut short: expected 2 bytes, found 1"
    );
    assert_eq!(
        message(b"\x01\x0c\x00\x00\x00\x01\x00"),
        "FeatureLevelRecord.name at byte 3: expected a value, found null"
    );
    assert_eq!(
        message(b"\x01\x14\x00\x00!"),
        "NoOpRecord at byte 4: expected the end, found 1 more bytes"
    );
    assert_eq!(
        message(b"\x01\x17\x00\x01\x00\x03\x02a!"),
        "BeginTransactionRecord.name at byte 8: expected the end, found 1 more bytes"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(api_key in 0..30u8, version in 0..5u8, body: Vec<u8>) {
        let bytes = [&[1, api_key, version], &body[..]].concat();
        if let Ok(record) = VersionedRecord::decode(&bytes) {
            let again = record.to_bytes().unwrap();
            prop_assert_eq!(VersionedRecord::decode(&again).unwrap().to_bytes().unwrap(), again);
            record.to_json();
        }
    }

    #[test]
    fn any_config_round_trips(name in ".*", value in proptest::option::of(".*"), kind: i8) {
        round_trip(
            ConfigRecord {
                resource_type: kind,
                resource_name: "r".to_owned(),
                name,
                value,
                ..Default::default()
            }
            .into(),
            0,
        );
    }
}
