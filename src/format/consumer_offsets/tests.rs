//! Records as Kafka 4.3.1 wrote them, versions, unknown types.

use super::*;
use crate::format::types::{LeaderEpoch, Timestamp, Uuid};
use proptest::prelude::*;

fn value_round_trip(value: &Versioned<GroupRecordValue>, kind: i16) -> Vec<u8> {
    let bytes = value.to_bytes().unwrap();
    assert_eq!(&GroupRecordValue::decode(kind, &bytes).unwrap(), value);
    bytes
}

#[test]
fn keys_of_a_broker_decode_and_encode_as_they_were() {
    for (bytes, json) in [
        (
            &b"\x00\x01\x00\x0cgold-classic\x00\x03txn\x00\x00\x00\x01"[..],
            r#"{"type":"1","data":{"group":"gold-classic","topic":"txn","partition":1}}"#,
        ),
        (
            b"\x00\x02\x00\x0cgold-classic",
            r#"{"type":"2","data":{"group":"gold-classic"}}"#,
        ),
        (
            b"\x00\x05\x00\x08gold-848\x00\x16/ineNIx+QZSzenWqZ3TMIw",
            r#"{"type":"5","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}}"#,
        ),
    ] {
        let key = GroupRecordKey::decode(bytes).unwrap();
        assert_eq!(key.to_json().to_string(), json);
        assert_eq!(key.to_bytes().unwrap(), bytes);
        assert!(key.group().unwrap().starts_with("gold-"));
    }
}

#[test]
fn an_offset_commit_has_the_fields_of_its_version() {
    let full = OffsetCommitValue {
        offset: 29,
        leader_epoch: Some(LeaderEpoch::new(0)),
        metadata: "m".to_owned(),
        commit_timestamp: Some(Timestamp::new(1_795_376_242_806)),
        expire_timestamp: Some(Timestamp::new(9)),
        topic_id: Uuid::METADATA_TOPIC,
        ..Default::default()
    };
    let sizes = (0..=4).map(|version| {
        let bytes = GroupRecordValue::OffsetCommit(full.clone())
            .at(version)
            .to_bytes()
            .unwrap();
        let decoded = GroupRecordValue::decode(1, &bytes).unwrap();
        assert_eq!(decoded.to_bytes().unwrap(), bytes);
        bytes.len()
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [21, 29, 21, 25, 43]);
    let plain = OffsetCommitValue {
        expire_timestamp: None,
        ..full
    };
    let value = GroupRecordValue::OffsetCommit(plain).latest();
    value_round_trip(&value, 1);
    assert_eq!(
        value.to_json().to_string(),
        r#"{"version":"4","data":{"offset":29,"leaderEpoch":0,"metadata":"m","commitTimestamp":1795376242806,"topicId":"AAAAAAAAAAAAAAAAAAAAAQ"}}"#
    );
}

#[test]
fn the_subscription_of_a_classic_consumer_is_shown() {
    let subscription = b"\x00\x01\x00\x00\x00\x01\x00\x03txn\xff\xff\xff\xff\x00\x00\x00\x00";
    let member = ClassicGroupMember {
        member_id: "m".to_owned(),
        subscription: subscription.to_vec(),
        assignment: b"?".to_vec(),
        ..Default::default()
    };
    let mut group = ClassicGroupValue {
        protocol_type: "consumer".to_owned(),
        members: vec![member],
        ..Default::default()
    };
    let value = GroupRecordValue::ClassicGroup(group.clone()).at(3);
    value_round_trip(&value, 2);
    assert_eq!(
        value.to_json().to_string(),
        r#"{"version":"3","data":{"protocolType":"consumer","generation":0,"protocol":null,"leader":null,"currentStateTimestamp":-1,"members":[{"memberId":"m","groupInstanceId":null,"clientId":"","clientHost":"","rebalanceTimeout":-1,"sessionTimeout":0,"subscription":{"topics":["txn"],"userData":null,"ownedPartitions":[]},"assignment":"Pw=="}]}}"#
    );
    assert_eq!(
        group.members[0].consumer_subscription().unwrap().topics,
        ["txn"]
    );
    assert!(group.members[0].consumer_assignment().is_err());
    group.protocol_type = "connect".to_owned();
    let value = GroupRecordValue::ClassicGroup(group).at(3).to_json();
    assert!(value["data"]["members"][0]["subscription"].is_string());
}

#[test]
fn a_null_that_is_not_the_default_is_written() {
    let member = ConsumerGroupMemberValue {
        classic_member_metadata: None,
        ..Default::default()
    };
    let value = GroupRecordValue::ConsumerGroupMember(member).latest();
    let bytes = value_round_trip(&value, 5);
    assert!(bytes.ends_with(b"\x01\x00\x01\x00"));
    assert!(value.to_json()["data"]["classicMemberMetadata"].is_null());
    assert_eq!(value.to_json()["data"].as_object().unwrap().len(), 9);
    let value = GroupRecordValue::ConsumerGroupMember(Default::default()).latest();
    value_round_trip(&value, 5);
    assert_eq!(value.to_json()["data"].as_object().unwrap().len(), 8);
}

#[test]
fn a_nullable_struct_that_is_not_tagged_has_another_mark() {
    for user_endpoint in [None, Some(StreamsEndpoint::default())] {
        let member = StreamsGroupMemberValue {
            user_endpoint,
            ..Default::default()
        };
        value_round_trip(&GroupRecordValue::StreamsGroupMember(member).latest(), 19);
    }
}

#[test]
fn unknown_types_and_versions_are_kept() {
    let key = GroupRecordKey::decode(b"\x00\x63key").unwrap();
    assert_eq!((key.kind(), key.group()), (99, None));
    assert_eq!(key.to_bytes().unwrap(), b"\x00\x63key");
    assert_eq!(key.to_json().to_string(), r#"{"type":"99","data":"a2V5"}"#);
    for (kind, bytes) in [
        (99, &b""[..]),
        (99, b"\x00\x01v"),
        (1, b"\x00\x05new"),
        (3, b"\xff\xff"),
    ] {
        let value = GroupRecordValue::decode(kind, bytes).unwrap();
        assert!(matches!(value.value, GroupRecordValue::Unknown { .. }));
        assert_eq!(value.to_bytes().unwrap(), bytes);
    }
    assert!(GroupRecordKey::decode(b"\x00").is_err());
    assert!(GroupRecordValue::decode(1, b"\x00").is_err());
}

#[test]
fn a_string_that_is_too_long_is_refused() {
    let key = GroupRecordKey::ClassicGroup(ClassicGroupKey {
        group: "g".repeat(32_768),
        ..Default::default()
    });
    assert_eq!(
        key.to_bytes().unwrap_err().to_string(),
        "cannot encode ClassicGroupKey.group: expected at most 32767 bytes, got 32768"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(kind in 0..25u8, version in 0..5u8, body: Vec<u8>) {
        let _ = GroupRecordKey::decode(&[&[0, kind], &body[..]].concat());
        let bytes = [&[0, version], &body[..]].concat();
        if let Ok(value) = GroupRecordValue::decode(i16::from(kind), &bytes) {
            let again = value.to_bytes().unwrap();
            let decoded = GroupRecordValue::decode(i16::from(kind), &again).unwrap();
            prop_assert_eq!(decoded, value.clone());
            value.to_json();
        }
    }
}
