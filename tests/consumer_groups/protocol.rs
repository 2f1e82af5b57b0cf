//! What single requests do: answers, states, and the records that are written.

use crate::harness::{GROUP, Server, assigned, beat, beat_owning, join};
use ottla::coordinator::consumer::config::ConsumerConfig;
use ottla::coordinator::consumer::partitions::Partitions;
use ottla::coordinator::consumer::{
    Client, Committer, ConsumerGroups, Context, GroupState, MemberState, Record,
};
use ottla::format::consumer_offsets::{
    ConsumerGroupPartitionMetadataValue, GroupKey, GroupRecordKey, GroupRecordValue,
};
use ottla::format::types::PartitionId;
use ottla::protocol::ErrorCode;
use ottla::protocol::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use std::collections::BTreeSet;

fn parts(server: &Server, topics: &[(&str, &[i32])]) -> Partitions {
    let set = |ids: &[i32]| ids.iter().map(|id| PartitionId::new(*id)).collect();
    topics
        .iter()
        .map(|(name, ids)| (server.cluster.id(name), set(ids)))
        .collect()
}

/// The kind of each record, `-` for a tombstone, and its member.
fn shown(records: &[Record]) -> Vec<String> {
    let show = |(key, value): &Record| {
        use GroupRecordKey as Key;
        let (kind, id) = match key {
            Key::ConsumerGroup(_) => ("epoch", ""),
            Key::ConsumerGroupPartitionMetadata(_) => ("metadata", ""),
            Key::ConsumerGroupMember(key) => ("member", key.member_id.as_str()),
            Key::ConsumerGroupTargetAssignment(_) => ("targets", ""),
            Key::ConsumerGroupTargetAssignmentMember(key) => ("target", key.member_id.as_str()),
            Key::ConsumerGroupCurrentAssignment(key) => ("current", key.member_id.as_str()),
            Key::ConsumerGroupRegularExpression(key) => ("regex", key.regular_expression.as_str()),
            other => panic!("{other:?}"),
        };
        let deleted = if value.is_none() { "-" } else { "" };
        format!("{deleted}{kind} {id}").trim_end().to_owned()
    };
    records.iter().map(show).collect()
}

#[track_caller]
fn ok(response: &ConsumerGroupHeartbeatResponse) {
    assert_eq!(response.error_code, 0, "{:?}", response.error_message);
}

#[track_caller]
fn refused(server: &mut Server, request: &ConsumerGroupHeartbeatRequest, code: ErrorCode) {
    let (response, records) = server.send_and_log(request);
    assert_eq!(
        ErrorCode::from_code(response.error_code),
        code,
        "{:?}",
        response.error_message
    );
    assert!(response.error_message.is_some());
    assert_eq!(shown(&records), [""; 0]);
}

fn static_join(member: &str, instance: &str) -> ConsumerGroupHeartbeatRequest {
    let instance_id = Some(instance.to_owned());
    ConsumerGroupHeartbeatRequest {
        instance_id,
        ..join(member, &["foo"])
    }
}

/// The records are those that a broker wrote for the same requests, hash and all.
#[test]
fn records_are_those_of_a_broker() {
    const MEMBER: &str = "/ineNIx+QZSzenWqZ3TMIw";
    let json = |records: &[Record]| -> Vec<String> {
        let line = |(key, value): &Record| match value {
            None => format!("{} <DELETE>", key.to_json()),
            Some(value) => format!("{} {}", key.to_json(), value.clone().at(0).to_json()),
        };
        records.iter().map(line).collect()
    };
    let mut server = Server::new(&[("events", 3)]);
    server
        .cluster
        .set_id("events", "rEHrAl3xSPqd1yCUAGC2iA".parse().unwrap());
    server.now_ms = 1_795_376_242_905;
    let client = Client {
        id: "rdkafka",
        host: "/127.0.0.1",
    };
    let mut request = ConsumerGroupHeartbeatRequest {
        group_id: "gold-848".to_owned(),
        rebalance_timeout_ms: 300_000,
        ..join(MEMBER, &["events"])
    };
    let context = Context {
        now_ms: server.now_ms,
        topics: &server.cluster,
        config: &server.config,
    };
    let joined = server
        .groups
        .heartbeat(&request, 1, client, "made", context);
    assert_eq!(
        json(&joined.records),
        [
            r#"{"type":"5","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}} {"version":"0","data":{"instanceId":null,"rackId":null,"clientId":"rdkafka","clientHost":"/127.0.0.1","subscribedTopicNames":["events"],"subscribedTopicRegex":"","rebalanceTimeoutMs":300000,"serverAssignor":null,"classicMemberMetadata":null}}"#,
            r#"{"type":"3","data":{"groupId":"gold-848"}} {"version":"0","data":{"epoch":2,"metadataHash":1505892124914967591}}"#,
            r#"{"type":"7","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}} {"version":"0","data":{"topicPartitions":[{"topicId":"rEHrAl3xSPqd1yCUAGC2iA","partitions":[0,1,2]}]}}"#,
            r#"{"type":"6","data":{"groupId":"gold-848"}} {"version":"0","data":{"assignmentEpoch":2,"assignmentTimestamp":1795376242905}}"#,
            r#"{"type":"8","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}} {"version":"0","data":{"memberEpoch":2,"previousMemberEpoch":0,"state":0,"assignedPartitions":[{"topicId":"rEHrAl3xSPqd1yCUAGC2iA","partitions":[0,1,2],"assignmentEpochs":[2,2,2]}],"partitionsPendingRevocation":[]}}"#
        ]
    );
    request.member_epoch = -1;
    let left = server
        .groups
        .heartbeat(&request, 1, client, "made", context);
    assert_eq!(
        json(&left.records),
        [
            r#"{"type":"8","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}} <DELETE>"#,
            r#"{"type":"7","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}} <DELETE>"#,
            r#"{"type":"5","data":{"groupId":"gold-848","memberId":"/ineNIx+QZSzenWqZ3TMIw"}} <DELETE>"#,
            r#"{"type":"3","data":{"groupId":"gold-848"}} {"version":"0","data":{"epoch":3}}"#
        ]
    );
}

#[test]
fn the_first_member_gets_all() {
    let mut server = Server::new(&[("foo", 3)]);
    let (response, records) = server.send_and_log(&join("a", &["foo", "missing"]));
    ok(&response);
    assert_eq!(
        shown(&records),
        ["member a", "epoch", "target a", "targets", "current a"]
    );
    assert_eq!(response.member_id.as_deref(), Some("a"));
    assert_eq!(
        (response.member_epoch, response.heartbeat_interval_ms),
        (2, 5000)
    );
    let all = parts(&server, &[("foo", &[0, 1, 2])]);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), all);
    assert_eq!(server.group().state(), GroupState::Stable);

    let (response, records) = server.send_and_log(&beat("a", 2));
    ok(&response);
    assert_eq!((response.assignment, shown(&records).len()), (None, 0));
}

#[test]
fn partitions_are_given_up_before_they_are_given() {
    let mut server = Server::new(&[("foo", 4)]);
    server.send(&join("a", &["foo"]));
    let (response, records) = server.send_and_log(&join("b", &["foo"]));
    ok(&response);
    let expected = [
        "member b",
        "epoch",
        "target a",
        "target b",
        "targets",
        "current b",
    ];
    assert_eq!(shown(&records), expected);
    assert_eq!(response.member_epoch, 3);
    assert_eq!(
        assigned(response.assignment.as_ref().unwrap()),
        Partitions::new()
    );
    let state = |server: &Server, id: &str| server.group().member(id).unwrap().state;
    assert_eq!(state(&server, "b"), MemberState::UnreleasedPartitions);
    assert_eq!(server.group().state(), GroupState::Reconciling);

    // It is told to give up two, and stays at its epoch until it has.
    let response = server.send(&beat("a", 2));
    let keeps = parts(&server, &[("foo", &[0, 1])]);
    assert_eq!(response.member_epoch, 2);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), keeps);
    assert_eq!(state(&server, "a"), MemberState::UnrevokedPartitions);
    let all = parts(&server, &[("foo", &[0, 1, 2, 3])]);
    for request in [beat("a", 2), beat_owning("a", 2, &all)] {
        assert_eq!(server.send(&request).member_epoch, 2);
        assert_eq!(server.send(&beat("b", 3)).assignment, None);
    }
    let response = server.send(&beat_owning("a", 2, &keeps));
    assert_eq!(response.member_epoch, 3);
    assert_eq!(state(&server, "a"), MemberState::Stable);
    let response = server.send(&beat("b", 3));
    let rest = parts(&server, &[("foo", &[2, 3])]);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), rest);
    assert_eq!(server.group().state(), GroupState::Stable);
}

#[test]
fn epochs_are_held_against_the_member_s() {
    let mut server = Server::new(&[("foo", 2)]);
    server.send(&join("a", &["foo"]));
    server.cluster.set("foo", 3);
    // The answer to this one is lost.
    assert_eq!(server.send(&beat("a", 2)).member_epoch, 3);
    refused(&mut server, &beat("a", 4), ErrorCode::FencedMemberEpoch);
    refused(&mut server, &beat("a", 2), ErrorCode::FencedMemberEpoch);
    let owned = parts(&server, &[("foo", &[0, 1])]);
    assert_eq!(server.send(&beat_owning("a", 2, &owned)).member_epoch, 3);
    let too_much = parts(&server, &[("foo", &[0, 7])]);
    refused(
        &mut server,
        &beat_owning("a", 2, &too_much),
        ErrorCode::FencedMemberEpoch,
    );
    refused(&mut server, &beat("b", 2), ErrorCode::UnknownMemberId);
    // Fenced, it starts over with nothing, under its id.
    let response = server.send(&join("a", &["foo"]));
    assert_eq!(response.member_epoch, 3);
    assert_eq!(server.group().members().len(), 1);
}

#[test]
fn a_group_that_is_not_there_is_joined_only() {
    let mut server = Server::new(&[("foo", 2)]);
    refused(&mut server, &beat("a", 2), ErrorCode::GroupIdNotFound);
    refused(&mut server, &beat("a", -1), ErrorCode::GroupIdNotFound);
    assert!(server.groups.get(GROUP).is_none());
}

#[test]
fn requests_are_checked() {
    let mut server = Server::new(&[("foo", 2)]);
    let wrong = |change: fn(&mut ConsumerGroupHeartbeatRequest)| {
        let mut request = join("a", &["foo"]);
        change(&mut request);
        request
    };
    for request in [
        wrong(|request| request.member_id.clear()),
        wrong(|request| request.group_id.clear()),
        wrong(|request| request.instance_id = Some(String::new())),
        wrong(|request| request.rack_id = Some(String::new())),
        wrong(|request| request.rebalance_timeout_ms = -1),
        wrong(|request| request.topic_partitions = None),
        wrong(|request| request.subscribed_topic_names = None),
        beat("a", -2),
        beat("a", -3),
    ] {
        refused(&mut server, &request, ErrorCode::InvalidRequest);
    }
    let request = wrong(|request| request.server_assignor = Some("sticky".to_owned()));
    refused(&mut server, &request, ErrorCode::UnsupportedAssignor);
    let request = wrong(|request| request.subscribed_topic_regex = Some("foo(".to_owned()));
    refused(&mut server, &request, ErrorCode::InvalidRegularExpression);

    // In version 0 the server makes the id.
    let context = Context {
        now_ms: 1,
        topics: &server.cluster,
        config: &server.config,
    };
    let client = ottla::coordinator::consumer::Client {
        id: "c",
        host: "/::1",
    };
    let response = ConsumerGroups::default()
        .heartbeat(&join("", &["foo"]), 0, client, "made", context)
        .response;
    ok(&response);
    assert_eq!(response.member_id.as_deref(), Some("made"));
}

#[test]
fn a_full_group_takes_no_more() {
    let mut server = Server::new(&[("foo", 2)]);
    server.config.max_size = 1;
    server.send(&join("a", &["foo"]));
    refused(
        &mut server,
        &join("b", &["foo"]),
        ErrorCode::GroupMaxSizeReached,
    );
    ok(&server.send(&join("a", &["foo"])));
}

#[test]
fn a_member_that_leaves_is_deleted_in_order() {
    let mut server = Server::new(&[("foo", 2)]);
    server.send(&join("a", &["foo"]));
    let (response, records) = server.send_and_log(&beat("a", -1));
    assert_eq!((response.error_code, response.member_epoch), (0, -1));
    assert_eq!(
        shown(&records),
        ["-current a", "-target a", "-member a", "epoch"]
    );
    assert_eq!(
        (server.group().state(), server.group().epoch()),
        (GroupState::Empty, 3)
    );
    assert_eq!(server.pass(100_000), [""; 0]);

    let deleted = server.groups.delete(GROUP).unwrap();
    assert_eq!(shown(&deleted), ["-targets", "-metadata", "-epoch"]);
    assert!(server.groups.get(GROUP).is_none());
    let code = server.groups.delete(GROUP).unwrap_err().code;
    assert_eq!(code, ErrorCode::GroupIdNotFound);
    server.send(&join("a", &["foo"]));
    assert_eq!(
        server.groups.delete(GROUP).unwrap_err().code,
        ErrorCode::NonEmptyGroup
    );
}

#[test]
fn a_static_member_comes_back_to_its_partitions() {
    let mut server = Server::new(&[("foo", 2)]);
    ok(&server.send(&static_join("a", "i")));
    refused(
        &mut server,
        &static_join("b", "i"),
        ErrorCode::UnreleasedInstanceId,
    );
    let leave = |member: &str, epoch, instance: &str| {
        let instance_id = Some(instance.to_owned());
        ConsumerGroupHeartbeatRequest {
            instance_id,
            ..beat(member, epoch)
        }
    };
    refused(
        &mut server,
        &leave("b", -2, "i"),
        ErrorCode::FencedInstanceId,
    );
    refused(
        &mut server,
        &leave("a", -2, "j"),
        ErrorCode::UnknownMemberId,
    );
    let (response, records) = server.send_and_log(&leave("a", -2, "i"));
    assert_eq!((response.error_code, response.member_epoch), (0, -2));
    assert_eq!(shown(&records), ["current a"]);

    let (response, records) = server.send_and_log(&static_join("b", "i"));
    ok(&response);
    let replaced = [
        "-current a",
        "-target a",
        "-member a",
        "member b",
        "target b",
        "current b",
    ];
    assert_eq!(shown(&records), [&replaced[..], &["current b"]].concat());
    let all = parts(&server, &[("foo", &[0, 1])]);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), all);
    // Nothing was rebalanced.
    assert_eq!((server.group().epoch(), response.member_epoch), (2, 2));
    refused(
        &mut server,
        &leave("a", 2, "i"),
        ErrorCode::FencedInstanceId,
    );
    assert_eq!(server.replayed().get(GROUP), Some(server.group()));
    // Who does not come back is given up with its session.
    server.send(&leave("b", -2, "i"));
    assert_eq!(server.pass(44_999), [""; 0]);
    assert_eq!(server.pass(1), ["b"]);
}

#[test]
fn silent_members_are_given_up() {
    let mut server = Server::new(&[("foo", 2)]);
    server.send(&join("a", &["foo"]));
    server.pass(30_000);
    server.send(&join("b", &["foo"]));
    assert_eq!(server.pass(15_000), ["a"]);
    let response = server.send(&beat("b", 3));
    assert_eq!(response.member_epoch, 4);
    let all = parts(&server, &[("foo", &[0, 1])]);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), all);
    // A server that starts gives everybody a whole session again.
    server.pass(40_000);
    server.restart();
    assert_eq!(server.pass(44_999), [""; 0]);
    assert_eq!(server.pass(1), ["b"]);
}

#[test]
fn a_member_that_gives_nothing_up_is_given_up() {
    let mut server = Server::new(&[("foo", 2)]);
    let mut request = join("a", &["foo"]);
    request.rebalance_timeout_ms = 10_000;
    server.send(&request);
    server.send(&join("b", &["foo"]));
    server.send(&beat("a", 2));
    server.pass(9_000);
    server.send(&beat("a", 2));
    assert_eq!(server.pass(999), [""; 0]);
    assert_eq!(server.pass(1), ["a"]);
    refused(&mut server, &beat("a", 2), ErrorCode::UnknownMemberId);
}

#[test]
fn new_partitions_and_topics_raise_the_epoch() {
    let mut server = Server::new(&[("foo", 2), ("other", 1)]);
    server.send(&join("a", &["foo", "later"]));
    server.cluster.set("other", 9);
    assert_eq!(shown(&server.send_and_log(&beat("a", 2)).1), [""; 0]);
    server.cluster.set("foo", 3);
    let (response, records) = server.send_and_log(&beat("a", 2));
    assert_eq!(
        shown(&records),
        ["epoch", "target a", "targets", "current a"]
    );
    assert_eq!(response.member_epoch, 3);
    server.cluster.set("later", 1);
    let response = server.send(&beat("a", 3));
    let all = parts(&server, &[("foo", &[0, 1, 2]), ("later", &[0])]);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), all);
    // A restart alone changes nothing.
    server.restart();
    assert_eq!(shown(&server.send_and_log(&beat("a", 4)).1), [""; 0]);
}

#[test]
fn targets_are_not_made_more_often_than_configured() {
    let mut server = Server::new(&[("foo", 2)]);
    server.config.assignment_interval_ms = 1000;
    server.send(&join("a", &["foo"]));
    let (response, records) = server.send_and_log(&join("b", &["foo"]));
    assert_eq!(shown(&records), ["member b", "epoch", "current b"]);
    assert_eq!((response.member_epoch, server.group().epoch()), (2, 3));
    assert_eq!(server.group().state(), GroupState::Assigning);
    server.pass(999);
    assert_eq!(shown(&server.send_and_log(&beat("b", 2)).1), [""; 0]);
    server.pass(1);
    let (_, records) = server.send_and_log(&beat("b", 2));
    assert_eq!(
        shown(&records),
        ["target a", "target b", "targets", "current b"]
    );
}

#[test]
fn regular_expressions_are_looked_up() {
    let mut server = Server::new(&[("foo-1", 1), ("bar", 1)]);
    let regex = |member: &str, regex: &str| ConsumerGroupHeartbeatRequest {
        subscribed_topic_regex: Some(regex.to_owned()),
        ..join(member, &[])
    };
    let (response, records) = server.send_and_log(&regex("a", "foo-.*"));
    ok(&response);
    let expected = [
        "member a",
        "regex foo-.*",
        "epoch",
        "target a",
        "targets",
        "current a",
    ];
    assert_eq!(shown(&records), expected);
    assert!(server.group().subscribes_to("foo-1") && !server.group().subscribes_to("bar"));
    // New topics are found, but not looked for all the time.
    server.cluster.set("foo-2", 1);
    assert_eq!(
        shown(&server.send_and_log(&beat("a", 2)).1),
        ["regex foo-.*", "epoch", "target a", "targets", "current a"]
    );
    server.cluster.set("foo-3", 1);
    assert_eq!(shown(&server.send_and_log(&beat("a", 3)).1), [""; 0]);
    server.pass(10_001);
    let response = server.send(&beat("a", 3));
    let all = parts(
        &server,
        &[("foo-1", &[0]), ("foo-2", &[0]), ("foo-3", &[0])],
    );
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), all);
    // The last one who asks for it takes it along.
    let (_, records) = server.send_and_log(&regex("a", "bar"));
    assert_eq!(
        shown(&records)[..4],
        ["member a", "-regex foo-.*", "regex bar", "epoch"]
    );
    let (_, records) = server.send_and_log(&beat("a", -1));
    assert_eq!(shown(&records)[3..], ["-regex bar", "epoch"]);
    assert_eq!(server.replayed().get(GROUP), Some(server.group()));
}

#[test]
fn topics_that_are_not_asked_for_any_more_are_given_up_at_once() {
    let mut server = Server::new(&[("foo", 1), ("bar", 1)]);
    server.config.assignment_interval_ms = 1000;
    server.send(&join("a", &["foo", "bar"]));
    let mut request = beat("a", 2);
    request.subscribed_topic_names = Some(vec!["bar".to_owned()]);
    let response = server.send(&request);
    let bar = parts(&server, &[("bar", &[0])]);
    assert_eq!(assigned(response.assignment.as_ref().unwrap()), bar);
    assert_eq!(
        server.group().member("a").unwrap().state,
        MemberState::UnrevokedPartitions
    );
}

#[test]
fn the_assignor_that_most_ask_for_assigns() {
    let mut server = Server::new(&[("foo", 3), ("bar", 3)]);
    for (member, name) in [("a", Some("range")), ("b", Some("range")), ("c", None)] {
        let server_assignor = name.map(str::to_owned);
        server.send(&ConsumerGroupHeartbeatRequest {
            server_assignor,
            ..join(member, &["foo", "bar"])
        });
    }
    assert_eq!(server.group().preferred_assignor(), Some("range"));
    let target = server.group().target("b").unwrap();
    assert_eq!(**target, parts(&server, &[("foo", &[1]), ("bar", &[1])]));
}

#[test]
fn members_commit_and_fetch_with_their_epoch() {
    let mut server = Server::new(&[("foo", 2)]);
    server.send(&join("a", &["foo"]));
    server.cluster.set("foo", 3);
    server.send(&beat("a", 2));
    let group = server.group();
    let foo = server.cluster.id("foo");
    let commit = |epoch, version, partition| {
        let committer = Committer {
            member_id: "a",
            instance_id: None,
            epoch,
            transactional: false,
            version,
        };
        let rights = group
            .check_commit(committer)
            .map_err(|failure| failure.code)?;
        rights
            .check(&foo, PartitionId::new(partition))
            .map_err(|failure| failure.code)
    };
    assert_eq!(commit(3, 9, 2), Ok(()));
    // Partition 0 was its own at epoch 2 already; 2 was not.
    assert_eq!(commit(2, 9, 0), Ok(()));
    assert_eq!(commit(2, 9, 2), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(2, 9, 7), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(4, 9, 0), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(commit(3, 8, 0), Err(ErrorCode::UnsupportedVersion));
    let other = |member_id, epoch, transactional| {
        let committer = Committer {
            member_id,
            instance_id: None,
            epoch,
            transactional,
            version: 9,
        };
        group
            .check_commit(committer)
            .map(|_| ())
            .map_err(|failure| failure.code)
    };
    assert_eq!(other("", -1, false), Err(ErrorCode::UnknownMemberId));
    assert_eq!(other("", -1, true), Ok(()));
    assert_eq!(other("b", 1, true), Err(ErrorCode::UnknownMemberId));
    let fetch = |member, epoch| {
        group
            .check_fetch(member, epoch)
            .map_err(|failure| failure.code)
    };
    assert_eq!(fetch(None, -1), Ok(()));
    assert_eq!(fetch(Some("a"), 3), Ok(()));
    assert_eq!(fetch(Some("a"), 2), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(fetch(Some("b"), 2), Err(ErrorCode::UnknownMemberId));
    server.send(&beat("a", -1));
    let tool = Committer {
        member_id: "",
        instance_id: None,
        epoch: -1,
        transactional: false,
        version: 2,
    };
    assert!(server.group().check_commit(tool).is_ok());
}

#[test]
fn groups_are_described() {
    let mut server = Server::new(&[("foo", 2)]);
    server.send(&join("a", &["foo"]));
    server.send(&join("b", &["foo"]));
    server.send(&beat("a", 2));
    let config = ConsumerConfig::default();
    let context = Context {
        now_ms: 1,
        topics: &server.cluster,
        config: &config,
    };
    let group = server.groups.describe(GROUP, context);
    assert_eq!(
        (group.error_code, group.group_state.as_str()),
        (0, "Reconciling")
    );
    assert_eq!((group.group_epoch, group.assignment_epoch), (3, 3));
    assert_eq!(group.assignor_name, "uniform");
    let [a, b] = &group.members[..] else {
        panic!("{:?}", group.members)
    };
    // What it has to give up is still its own.
    assert_eq!(a.assignment.topic_partitions[0].partitions, [0, 1]);
    assert_eq!(a.target_assignment.topic_partitions[0].partitions, [0]);
    assert_eq!(a.target_assignment.topic_partitions[0].topic_name, "foo");
    assert_eq!((a.member_epoch, b.member_epoch, b.member_type), (2, 3, 1));
    assert_eq!(b.assignment.topic_partitions, []);
    assert_eq!(
        (b.client_id.as_str(), b.client_host.as_str()),
        ("client", "/127.0.0.1")
    );
    let missing = server.groups.describe("missing", context);
    assert_eq!(
        ErrorCode::from_code(missing.error_code),
        ErrorCode::GroupIdNotFound
    );
}

/// Before 4.1 the topics of a group stood in a record of their own.
#[test]
fn an_old_record_of_topics_is_deleted() {
    let mut server = Server::new(&[("foo", 2)]);
    server.send(&join("a", &["foo"]));
    let key = GroupKey {
        group_id: GROUP.to_owned(),
        ..Default::default()
    };
    let key = GroupRecordKey::ConsumerGroupPartitionMetadata(key);
    let value = ConsumerGroupPartitionMetadataValue::default();
    server.log.push((
        key,
        Some(GroupRecordValue::ConsumerGroupPartitionMetadata(value)),
    ));
    server.restart();
    assert_eq!(shown(&server.send_and_log(&beat("a", 2)).1), ["-metadata"]);
    assert_eq!(shown(&server.send_and_log(&beat("a", 2)).1), [""; 0]);
}

#[test]
fn all_partitions_have_an_owner_after_a_member_joins_again() {
    let mut server = Server::new(&[("foo", 5)]);
    server.send(&join("a", &["foo"]));
    server.send(&join("b", &["foo"]));
    let response = server.send(&join("a", &["foo"]));
    let kept = assigned(response.assignment.as_ref().unwrap());
    server.send(&beat("b", 3));
    let owners: BTreeSet<_> = (0..5)
        .map(|partition| {
            server
                .group()
                .owner(&server.cluster.id("foo"), PartitionId::new(partition))
        })
        .collect();
    assert_eq!(owners, BTreeSet::from([Some("a"), Some("b")]));
    assert_eq!(kept, parts(&server, &[("foo", &[0, 1, 2])]));
}
