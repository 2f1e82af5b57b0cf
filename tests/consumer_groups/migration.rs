//! Members of the classic protocol in consumer groups, and groups that change protocol.

use crate::harness::{GROUP, Server, assigned, beat, beat_owning, join};
use ottla::coordinator::consumer::config::MigrationPolicy;
use ottla::coordinator::consumer::partitions::Partitions;
use ottla::coordinator::consumer::{
    Answer, ClassicGroup, ClassicMember, Client, Context, Failure, MemberState, Record,
};
use ottla::format::consumer_offsets::{
    ClassicProtocol, ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupRecordKey,
    GroupRecordValue, TopicPartitionNumbers,
};
use ottla::format::types::PartitionId;
use ottla::protocol::ErrorCode;
use ottla::protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use ottla::protocol::messages::heartbeat::HeartbeatRequest;
use ottla::protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use ottla::protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use ottla::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

const CLIENT: Client<'_> = Client {
    id: "old",
    host: "/127.0.0.1",
};

fn numbers(topic: &str, partitions: &[i32]) -> TopicPartitionNumbers {
    TopicPartitionNumbers {
        topic: topic.to_owned(),
        partitions: partitions.iter().copied().map(PartitionId::new).collect(),
        ..Default::default()
    }
}

/// A subscription to `foo` of somebody who owns some of it.
fn subscription(owned: &[i32]) -> Vec<u8> {
    let subscription = ConsumerProtocolSubscription {
        topics: vec!["foo".to_owned()],
        owned_partitions: vec![numbers("foo", owned)],
        ..Default::default()
    };
    subscription.to_bytes(3).unwrap()
}

fn assignment(partitions: &[i32]) -> Vec<u8> {
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: vec![numbers("foo", partitions)],
        ..Default::default()
    };
    assignment.to_bytes(3).unwrap()
}

/// The partitions of `foo` in an assignment.
fn shown(assignment: &[u8]) -> Vec<i32> {
    let (assignment, _) = ConsumerProtocolAssignment::from_bytes(assignment).unwrap();
    let topics = assignment.assigned_partitions.iter();
    topics
        .flat_map(|topic| topic.partitions.iter().map(|partition| partition.get()))
        .collect()
}

/// A classic group in generation 7 with two members that share the four partitions of `foo`.
fn classic_group() -> ClassicGroup {
    let member = |id: &str, instance: Option<&str>, had: &[i32]| ClassicMember {
        id: id.to_owned(),
        instance_id: instance.map(str::to_owned),
        client_id: "old".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        rebalance_timeout_ms: 30_000,
        session_timeout_ms: 10_000,
        protocols: vec![ClassicProtocol {
            name: "range".to_owned(),
            metadata: subscription(had),
            ..Default::default()
        }],
        assignment: assignment(had),
    };
    ClassicGroup {
        id: GROUP.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocol: "range".to_owned(),
        generation: 7,
        members: vec![member("x", Some("i"), &[0, 1]), member("y", None, &[2, 3])],
        rebalance: false,
    }
}

impl Server {
    fn context(&self) -> Context<'_> {
        Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        }
    }

    fn upgrade(
        &mut self,
        classic: &ClassicGroup,
        member: &str,
    ) -> Answer<ConsumerGroupHeartbeatResponse> {
        let context = Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        };
        let request = join(member, &["foo"]);
        let answer = self
            .groups
            .upgrade(classic, &request, 1, CLIENT, "made", context);
        self.log.extend(answer.records.iter().cloned());
        answer
    }

    fn classic_join(
        &mut self,
        member: &str,
        instance: Option<&str>,
        owned: &[i32],
    ) -> Result<Answer<JoinGroupResponse>, Failure> {
        let protocol = JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: subscription(owned),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: GROUP.to_owned(),
            member_id: member.to_owned(),
            group_instance_id: instance.map(str::to_owned),
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 30_000,
            ..Default::default()
        };
        let context = Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        };
        let answer = self
            .groups
            .join(&request, 9, CLIENT, "made", context)
            .unwrap()?;
        self.log.extend(answer.records.iter().cloned());
        Ok(answer)
    }

    fn sync(&mut self, member: &str, generation: i32) -> Result<SyncGroupResponse, ErrorCode> {
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            member_id: member.to_owned(),
            generation_id: generation,
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some("range".to_owned()),
            ..Default::default()
        };
        let context = Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        };
        let answer = self.groups.sync(&request, context).unwrap();
        let response = answer.map_err(|failure| failure.code)?.response;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => Ok(response),
            other => Err(other),
        }
    }

    fn classic_beat(&mut self, member: &str, generation: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            member_id: member.to_owned(),
            generation_id: generation,
            ..Default::default()
        };
        let context = Context {
            now_ms: self.now_ms,
            topics: &self.cluster,
            config: &self.config,
        };
        match self.groups.classic_heartbeat(&request, context).unwrap() {
            Ok(answer) => ErrorCode::from_code(answer.response.error_code),
            Err(failure) => failure.code,
        }
    }
}

fn kinds(records: &[Record]) -> Vec<i16> {
    let kind = |(key, value): &Record| {
        let kind = match key {
            GroupRecordKey::ClassicGroup(_) => 2,
            GroupRecordKey::ConsumerGroup(_) => 3,
            GroupRecordKey::ConsumerGroupPartitionMetadata(_) => 4,
            GroupRecordKey::ConsumerGroupMember(_) => 5,
            GroupRecordKey::ConsumerGroupTargetAssignment(_) => 6,
            GroupRecordKey::ConsumerGroupTargetAssignmentMember(_) => 7,
            GroupRecordKey::ConsumerGroupCurrentAssignment(_) => 8,
            other => panic!("{other:?}"),
        };
        if value.is_some() { kind } else { -kind }
    };
    records.iter().map(kind).collect()
}

#[test]
fn a_classic_group_becomes_a_consumer_group() {
    let mut server = Server::new(&[("foo", 4)]);
    let answer = server.upgrade(&classic_group(), "a");
    assert_eq!(
        answer.response.error_code, 0,
        "{:?}",
        answer.response.error_message
    );
    let converted = [-2, 5, 5, 3, 7, 7, 6, 8, 8];
    assert_eq!(kinds(&answer.records)[..9], converted);
    // `a` is to get one from `y`, who has to join again.
    assert_eq!(answer.response.member_epoch, 8);
    assert_eq!(
        assigned(answer.response.assignment.as_ref().unwrap()),
        Partitions::new()
    );
    assert_eq!(server.group().members().len(), 3);
    let y = server.group().member("y").unwrap();
    assert_eq!(
        (y.epoch, y.is_classic(), y.state),
        (7, true, MemberState::Stable)
    );
    assert_eq!(server.replayed().get(GROUP), Some(server.group()));

    assert_eq!(server.classic_beat("y", 6), ErrorCode::IllegalGeneration);
    assert_eq!(server.classic_beat("a", 8), ErrorCode::UnknownMemberId);
    assert_eq!(server.classic_beat("y", 7), ErrorCode::RebalanceInProgress);
    assert_eq!(server.sync("y", 7), Err(ErrorCode::RebalanceInProgress));
    let joined = server.classic_join("y", None, &[2, 3]).unwrap().response;
    assert_eq!(
        (joined.generation_id, joined.protocol_name.as_deref()),
        (7, Some("range"))
    );
    assert_eq!(
        server.group().member("y").unwrap().state,
        MemberState::UnrevokedPartitions
    );
    let kept = shown(&server.sync("y", 7).unwrap().assignment);
    assert_eq!(kept, [2]);
    // What it gave up is free once it joins without it.
    assert_eq!(server.classic_beat("y", 7), ErrorCode::RebalanceInProgress);
    assert_eq!(
        server
            .classic_join("y", None, &kept)
            .unwrap()
            .response
            .generation_id,
        8
    );
    assert_eq!(shown(&server.sync("y", 8).unwrap().assignment), [2]);
    assert_eq!(server.classic_beat("y", 8), ErrorCode::None);
    let response = server.send(&beat("a", 8));
    let got = assigned(response.assignment.as_ref().unwrap());
    assert_eq!(got[&server.cluster.id("foo")], [PartitionId::new(3)].into());
    assert_eq!(server.replayed().get(GROUP), Some(server.group()));
    assert_eq!(server.replayed_compacted().get(GROUP), Some(server.group()));
}

#[test]
fn not_every_group_becomes_a_consumer_group() {
    let refuse = |change: fn(&mut Server, &mut ClassicGroup)| {
        let mut server = Server::new(&[("foo", 4)]);
        let mut classic = classic_group();
        change(&mut server, &mut classic);
        let answer = server.upgrade(&classic, "a");
        let code = ErrorCode::from_code(answer.response.error_code);
        assert_eq!(
            (code, answer.records.len()),
            (ErrorCode::GroupIdNotFound, 0)
        );
        assert!(server.groups.get(GROUP).is_none());
    };
    refuse(|server, _| server.config.migration = MigrationPolicy::Downgrade);
    refuse(|server, _| server.config.migration = MigrationPolicy::Disabled);
    refuse(|server, _| server.config.max_size = 1);
    refuse(|_, classic| classic.protocol_type = "connect".to_owned());
    refuse(|_, classic| classic.members[0].protocols[0].metadata = vec![0]);
    refuse(|_, classic| classic.members[1].assignment = vec![0]);
    refuse(|_, classic| {
        let assignment = ConsumerProtocolAssignment {
            user_data: Some(vec![1]),
            ..Default::default()
        };
        classic.members[1].assignment = assignment.to_bytes(0).unwrap();
    });
}

#[test]
fn an_empty_classic_group_of_any_kind_gives_way() {
    let mut server = Server::new(&[("foo", 4)]);
    server.config.migration = MigrationPolicy::Disabled;
    let classic = ClassicGroup {
        protocol_type: "connect".to_owned(),
        members: Vec::new(),
        ..classic_group()
    };
    let answer = server.upgrade(&classic, "a");
    assert_eq!(kinds(&answer.records), [-2, 5, 3, 7, 6, 8]);
    assert_eq!(answer.response.member_epoch, 2);
}

#[test]
fn the_last_member_of_the_consumer_protocol_leaves_a_classic_group() {
    let mut server = Server::new(&[("foo", 4)]);
    server.upgrade(&classic_group(), "a");
    let (now_ms, group_epoch) = (server.now_ms, server.group().epoch());
    let client = CLIENT;
    let request = beat("a", -1);
    let context = Context {
        now_ms,
        topics: &server.cluster,
        config: &server.config,
    };
    let answer = server
        .groups
        .heartbeat(&request, 1, client, "made", context);
    assert_eq!(answer.response.error_code, 0);
    let expected = [-8, -8, -8, -7, -7, -7, -6, -5, -5, -5, -4, -3, 2];
    assert_eq!(kinds(&answer.records), expected);
    let classic = answer.downgraded.unwrap();
    assert_eq!((classic.generation, classic.rebalance), (group_epoch, true));
    assert_eq!(
        (classic.protocol.as_str(), classic.members.len()),
        ("range", 2)
    );
    // Each keeps what it was to get.
    let assignments: Vec<_> = classic
        .members
        .iter()
        .map(|member| shown(&member.assignment))
        .collect();
    assert_eq!(assignments, [vec![0, 1], vec![2]]);
    let (_, Some(GroupRecordValue::ClassicGroup(record))) = answer.records.last().unwrap() else {
        panic!("{:?}", answer.records.last());
    };
    assert_eq!(
        (record.generation, record.leader.as_deref()),
        (group_epoch, None)
    );
    assert_eq!(record.protocol_type, "consumer");
    assert_eq!(record.members[0].group_instance_id.as_deref(), Some("i"));
    assert_eq!(record.members[1].subscription, subscription(&[2, 3]));
    assert!(server.groups.get(GROUP).is_none());
    assert_eq!(server.groups.next_deadline_ms(), None);
}

#[test]
fn a_group_stays_where_it_may_not_become_classic() {
    for policy in [MigrationPolicy::Upgrade, MigrationPolicy::Disabled] {
        let mut server = Server::new(&[("foo", 4)]);
        server.upgrade(&classic_group(), "a");
        server.config.migration = policy;
        server.send(&beat("a", -1));
        assert_eq!(server.group().members().len(), 2);
    }
    let mut server = Server::new(&[("foo", 4)]);
    server.upgrade(&classic_group(), "a");
    server.config.classic_max_size = 1;
    server.send(&beat("a", -1));
    assert_eq!(server.group().members().len(), 2);
}

#[test]
fn a_classic_member_replaces_the_last_of_the_consumer_protocol() {
    let mut server = Server::new(&[("foo", 4)]);
    let mut request = join("a", &["foo"]);
    request.instance_id = Some("j".to_owned());
    let context = Context {
        now_ms: server.now_ms,
        topics: &server.cluster,
        config: &server.config,
    };
    server
        .groups
        .upgrade(&classic_group(), &request, 1, CLIENT, "made", context);
    let answer = server.classic_join("", Some("j"), &[]).unwrap();
    let classic = answer.downgraded.unwrap();
    let ids: Vec<&str> = classic
        .members
        .iter()
        .map(|member| member.id.as_str())
        .collect();
    assert_eq!(ids, ["x", "y", "made"]);
    assert_eq!(shown(&classic.members[2].assignment), [3]);
    assert!(!classic.rebalance);
    assert_eq!(answer.response.member_id, "made");
    assert_eq!(kinds(&answer.records).last(), Some(&2));
    assert!(server.groups.get(GROUP).is_none());
}

#[test]
fn classic_members_join_twice_and_with_the_group_s_protocols() {
    let mut server = Server::new(&[("foo", 4)]);
    server.upgrade(&classic_group(), "a");
    let answer = server.classic_join("", None, &[]).unwrap();
    let code = ErrorCode::from_code(answer.response.error_code);
    assert_eq!(
        (code, answer.response.member_id.as_str()),
        (ErrorCode::MemberIdRequired, "made")
    );
    assert_eq!(kinds(&answer.records), [0; 0]);
    let joined = server.classic_join("made", None, &[]).unwrap().response;
    assert_eq!(joined.generation_id, 9);
    assert_eq!(shown(&server.sync("made", 9).unwrap().assignment), [0; 0]);
    let fenced = server.classic_join("z", Some("i"), &[]).unwrap_err().code;
    assert_eq!(fenced, ErrorCode::FencedInstanceId);
    let request = JoinGroupRequest {
        group_id: GROUP.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "sticky".to_owned(),
            metadata: subscription(&[]),
            ..Default::default()
        }],
        ..Default::default()
    };
    let context = Context {
        now_ms: 1,
        topics: &server.cluster,
        config: &server.config,
    };
    let refused = server
        .groups
        .join(&request, 9, CLIENT, "made", context)
        .unwrap();
    assert_eq!(
        refused.unwrap_err().code,
        ErrorCode::InconsistentGroupProtocol
    );
    server.config.migration = MigrationPolicy::Disabled;
    let refused = server.classic_join("x", None, &[]).unwrap_err().code;
    assert_eq!(refused, ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn classic_members_have_to_join_and_sync_in_time() {
    let mut server = Server::new(&[("foo", 4)]);
    server.upgrade(&classic_group(), "a");
    // Their own session timeout is shorter than the group's.
    assert_eq!(server.pass(9_999), [""; 0]);
    assert_eq!(server.pass(1), ["x", "y"]);

    let mut server = Server::new(&[("foo", 4)]);
    server.upgrade(&classic_group(), "a");
    for _ in 0..3 {
        server.pass(9_000);
        server.send(&beat("a", 8));
        assert_eq!(server.classic_beat("y", 7), ErrorCode::RebalanceInProgress);
    }
    // `y` was told first after 9 s, and has 30 s.
    server.pass(9_000);
    server.classic_beat("y", 7);
    assert_eq!(server.pass(2_999), [""; 0]);
    assert_eq!(server.pass(1), ["y"]);
}

#[test]
fn classic_members_leave() {
    let mut server = Server::new(&[("foo", 4)]);
    server.upgrade(&classic_group(), "a");
    let identity = |member: &str, instance: Option<&str>| MemberIdentity {
        member_id: member.to_owned(),
        group_instance_id: instance.map(str::to_owned),
        ..Default::default()
    };
    let request = LeaveGroupRequest {
        group_id: GROUP.to_owned(),
        members: vec![
            identity("y", None),
            identity("", Some("i")),
            identity("other", Some("i")),
            identity("other", None),
        ],
        ..Default::default()
    };
    let epoch = server.group().epoch();
    let context = Context {
        now_ms: 1,
        topics: &server.cluster,
        config: &server.config,
    };
    let answer = server.groups.leave(&request, context).unwrap();
    let codes: Vec<ErrorCode> = answer
        .response
        .members
        .iter()
        .map(|member| ErrorCode::from_code(member.error_code))
        .collect();
    use ErrorCode::{FencedInstanceId, None as NoError, UnknownMemberId};
    assert_eq!(codes, [NoError, NoError, FencedInstanceId, UnknownMemberId]);
    assert_eq!(
        (server.group().members().len(), server.group().epoch()),
        (1, epoch + 1)
    );
    let response = server.send(&beat_owning("a", 8, &Partitions::new()));
    assert_eq!(response.member_epoch, 9);
    assert_eq!(server.context().now_ms, server.now_ms);
}
