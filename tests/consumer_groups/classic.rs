//! Members of classic groups that join, assign, beat, commit, leave, crash and come back,
//! while time passes, answers get lost, writes fail and the server starts again.
//!
//! Members behave as Kafka's own consumers. Everyone gets the assignment that the leader
//! of its own generation made for it; nobody commits in a generation that is over; once
//! they are left in peace, all are in one generation within the longest of their timeouts;
//! and the log tells the same group and the same offsets.

use crate::harness::Cluster;
use ottla::coordinator::classic::{ClassicConfig, Reply};
use ottla::coordinator::consumer::config::ConsumerConfig;
use ottla::coordinator::consumer::{Client, Committer, Record};
use ottla::coordinator::groups::{Caller, CommitPart, Groups, OffsetsConfig, Outcome, World};
use ottla::coordinator::share::ShareConfig;
use ottla::format::Uuid;
use ottla::host::sim::Rng;
use ottla::protocol::ErrorCode;
use ottla::protocol::messages::heartbeat::HeartbeatRequest;
use ottla::protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use ottla::protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use ottla::protocol::messages::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use std::collections::HashMap;

const GROUP: &str = "group";
const TOPIC: &str = "topic";
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 20_000;
const BEAT_MS: i64 = 3_000;
const NEWEST: i16 = 9;

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Out,
    Joining(u64),
    Syncing(u64),
    In,
}

#[derive(Debug, Clone)]
struct Member {
    id: String,
    instance: Option<String>,
    version: i16,
    phase: Phase,
    generation: i32,
    protocols: Vec<&'static str>,
    next_beat_ms: i64,
    /// How often the server had started again when it last joined.
    starts: u64,
}

struct Server {
    starts: u64,
    /// Requests up to this one get no answer any more, but an error.
    lost: u64,
    groups: Groups,
    cluster: Cluster,
    classic: ClassicConfig,
    now_ms: i64,
    log: Vec<Record>,
    replies: HashMap<u64, Reply>,
    waiters: u64,
    /// How many more writes go well.
    writes: Option<u32>,
}

impl Server {
    fn new() -> Self {
        let mut cluster = Cluster::default();
        cluster.set(TOPIC, 4);
        Self {
            starts: 0,
            lost: 0,
            groups: Groups::default(),
            cluster,
            classic: ClassicConfig::default(),
            now_ms: 1_000_000,
            log: Vec::new(),
            replies: HashMap::new(),
            waiters: 0,
            writes: None,
        }
    }

    /// What a broker does: change, write, answer; and read the log anew where that fails.
    fn run<R>(
        &mut self,
        work: impl FnOnce(&mut Groups, World<'_>) -> Result<Outcome<R>, ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let consumer = |_: &str| ConsumerConfig::default();
        let world = World {
            now_ms: self.now_ms,
            topics: &self.cluster,
            classic: &self.classic,
            consumer: &consumer,
            share: &|_| ShareConfig::default(),
            offsets: OffsetsConfig::default(),
        };
        let outcome = work(&mut self.groups, world)?;
        if !outcome.records.is_empty() && self.writes == Some(0) {
            self.writes = None;
            if outcome.applied {
                self.restart();
            }
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        if !outcome.records.is_empty() {
            self.writes = self.writes.map(|left| left - 1);
        }
        if !outcome.applied {
            for (key, value) in &outcome.records {
                self.groups.replay(key, value.as_ref(), None);
            }
        }
        self.log.extend(outcome.records);
        self.replies.extend(outcome.replies);
        Ok(outcome.response)
    }

    fn replayed(&self) -> Groups {
        let mut groups = Groups::default();
        for (key, value) in &self.log {
            groups.replay(key, value.as_ref(), None);
        }
        groups
    }

    fn restart(&mut self) {
        self.starts += 1;
        self.lost = self.waiters;
        self.groups = self.replayed();
        self.run(|groups, world| Ok(groups.loaded(world))).unwrap();
    }

    fn expire(&mut self) {
        while self
            .run(|groups, world| groups.expire(world).ok_or(ErrorCode::None))
            .is_ok()
        {}
    }

    fn waiter(&mut self) -> u64 {
        self.waiters += 1;
        self.waiters
    }
}

struct Scene {
    server: Server,
    rng: Rng,
    members: Vec<Member>,
    made: u64,
    /// The newest generation in which someone got an assignment.
    newest: i32,
    /// Offsets as they were committed.
    committed: HashMap<i32, i64>,
    next_offset: i64,
}

#[test]
fn classic_members_agree_whatever_happens() {
    let only = std::env::var("OTTLA_GROUP_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let seeds = only.map_or(0..200, |seed: u64| seed..seed + 1);
    let mut reached = Reached::default();
    for seed in seeds {
        println!("OTTLA_GROUP_SEED={seed}");
        run(seed, &mut reached);
    }
    if only.is_none() {
        // What never happens is not tested.
        assert!(reached.generations > 2_000, "{reached:?}");
        assert!(reached.refused_commits > 20, "{reached:?}");
        assert!(reached.commits > 1_000, "{reached:?}");
        assert!(reached.skipped_assignments > 10, "{reached:?}");
        assert!(reached.fenced > 5, "{reached:?}");
    }
}

#[derive(Debug, Default)]
struct Reached {
    generations: u64,
    commits: u64,
    refused_commits: u64,
    skipped_assignments: u64,
    fenced: u64,
}

fn run(seed: u64, reached: &mut Reached) {
    let mut scene = Scene {
        server: Server::new(),
        rng: Rng::new(seed),
        members: Vec::new(),
        made: 0,
        newest: 0,
        committed: HashMap::new(),
        next_offset: 0,
    };
    for _ in 0..4 {
        for _ in 0..scene.rng.below(120) {
            scene.disturb(reached);
            let pause = scene.rng.below(2_500) as i64;
            scene.step(pause, reached);
        }
        scene.rest(reached);
    }
}

impl Scene {
    fn disturb(&mut self, reached: &mut Reached) {
        match self.rng.below(24) {
            0..=2 if self.members.len() < 8 => self.add(None),
            3 => self.with_one(|scene, at| {
                let member = scene.members.remove(at);
                scene.leave(&member);
            }),
            4 => self.with_one(|scene, at| {
                scene.members.remove(at);
            }),
            5 | 6 => self.with_one(|scene, at| {
                let member = &scene.members[at];
                if let Some(instance) = member.instance.clone() {
                    // The old process lives on a little, now and then.
                    if scene.rng.percent(70) {
                        scene.members.remove(at);
                    }
                    scene.add(Some(instance));
                }
            }),
            7 => self.with_one(|scene, at| {
                scene.members[at].protocols = scene.protocols();
                scene.members[at].phase = Phase::Out;
            }),
            8 if self.rng.percent(30) => self.server.restart(),
            9 if self.rng.percent(30) => self.server.writes = Some(self.rng.below(3) as u32),
            // Asks again, as after a lost connection.
            10 => self.with_one(|scene, at| scene.members[at].phase = Phase::Out),
            11..=16 => self.with_one(|scene, at| scene.commit(at, reached)),
            _ => {}
        }
    }

    fn with_one(&mut self, what: impl FnOnce(&mut Self, usize)) {
        if !self.members.is_empty() {
            let at = self.rng.below(self.members.len() as u64) as usize;
            what(self, at);
        }
    }

    fn protocols(&mut self) -> Vec<&'static str> {
        match self.rng.below(3) {
            0 => vec!["range", "sticky"],
            1 => vec!["sticky", "range"],
            _ => vec!["range"],
        }
    }

    fn add(&mut self, instance: Option<String>) {
        self.made += 1;
        let instance = instance.or_else(|| {
            let made = self.made;
            self.rng.percent(40).then(|| format!("instance-{made}"))
        });
        let version = [NEWEST, NEWEST, 7, 5, 3][self.rng.below(5) as usize];
        let protocols = self.protocols();
        self.members.push(Member {
            id: String::new(),
            // Instances came with version 5.
            instance: instance.filter(|_| version >= 5),
            version,
            phase: Phase::Out,
            generation: -1,
            protocols,
            next_beat_ms: 0,
            starts: 0,
        });
    }

    fn leave(&mut self, member: &Member) {
        let request = LeaveGroupRequest {
            group_id: GROUP.to_owned(),
            members: vec![MemberIdentity {
                member_id: member.id.clone(),
                group_instance_id: member.instance.clone(),
                ..Default::default()
            }],
            ..Default::default()
        };
        // Whether it works or not: it is gone.
        let _ = self
            .server
            .run(|groups, world| Ok(groups.leave(request, 5, world)));
    }

    fn step(&mut self, pause_ms: i64, reached: &mut Reached) {
        self.server.now_ms += pause_ms;
        self.server.expire();
        for at in 0..self.members.len() {
            self.act(at, reached);
        }
        for at in 0..self.members.len() {
            self.hear(at, reached);
        }
    }

    fn act(&mut self, at: usize, reached: &mut Reached) {
        let now_ms = self.server.now_ms;
        match self.members[at].phase {
            Phase::Out => self.join(at),
            Phase::In if now_ms >= self.members[at].next_beat_ms => self.beat(at, reached),
            _ => {}
        }
    }

    fn join(&mut self, at: usize) {
        let waiter = self.server.waiter();
        let member = &mut self.members[at];
        member.phase = Phase::Joining(waiter);
        let protocol = |name: &&str| JoinGroupRequestProtocol {
            name: (*name).to_owned(),
            metadata: name.as_bytes().to_vec(),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: GROUP.to_owned(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: member.protocols.iter().map(protocol).collect(),
            ..Default::default()
        };
        let mut unique = [0; 16];
        unique[8..].copy_from_slice(&waiter.to_be_bytes());
        let caller = Caller {
            client: Client {
                id: "client",
                host: "/127.0.0.1",
            },
            version: member.version,
            unique: Uuid::from_bytes(unique),
            waiter,
        };
        let begun = self
            .server
            .run(|groups, world| Ok(groups.join(request, caller, world)));
        if begun.is_err() {
            self.members[at].phase = Phase::Out;
        }
    }

    fn beat(&mut self, at: usize, reached: &mut Reached) {
        let now_ms = self.server.now_ms;
        let member = &mut self.members[at];
        member.next_beat_ms = now_ms + BEAT_MS;
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: member.generation,
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            ..Default::default()
        };
        let response = self
            .server
            .run(|groups, world| Ok(groups.heartbeat(&request, world)))
            .unwrap();
        self.told(at, response.error_code, reached);
    }

    /// Does what a consumer does after an error.
    fn told(&mut self, at: usize, code: i16, reached: &mut Reached) {
        let member = &mut self.members[at];
        match ErrorCode::from_code(code) {
            ErrorCode::None => {}
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {
                member.phase = Phase::Out;
            }
            ErrorCode::CoordinatorNotAvailable => {}
            ErrorCode::UnknownMemberId | ErrorCode::InconsistentGroupProtocol => {
                member.id.clear();
                member.phase = Phase::Out;
            }
            ErrorCode::FencedInstanceId => {
                // Another has its name: it is dead, and does nothing any more.
                reached.fenced += 1;
                member.phase = Phase::Joining(u64::MAX);
            }
            other => panic!("{other:?} for {member:?}"),
        }
    }

    /// Takes an answer that came.
    fn hear(&mut self, at: usize, reached: &mut Reached) {
        let (Phase::Joining(waiter) | Phase::Syncing(waiter)) = self.members[at].phase else {
            return;
        };
        match self.server.replies.remove(&waiter) {
            Some(Reply::Join(response)) => {
                self.joined(at, response, reached);
                if waiter <= self.server.lost {
                    // Of a generation that nobody knows any more.
                    self.members[at].starts = u64::MAX;
                }
            }
            Some(Reply::Sync(response)) => self.synced(at, &response, reached),
            None if waiter <= self.server.lost => self.members[at].phase = Phase::Out,
            // It gives up waiting, once in a while.
            None if self.rng.percent(1) && waiter != u64::MAX => {
                self.members[at].phase = Phase::Out;
            }
            None => {}
        }
    }

    fn joined(&mut self, at: usize, response: JoinGroupResponse, reached: &mut Reached) {
        let member = &mut self.members[at];
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {}
            ErrorCode::MemberIdRequired => {
                member.id = response.member_id;
                member.phase = Phase::Out;
                return;
            }
            _ => return self.told(at, response.error_code, reached),
        }
        // A server that starts again has forgotten generations without an assignment.
        if member.starts == self.server.starts {
            assert!(
                response.generation_id >= member.generation,
                "generations grow"
            );
        }
        member.starts = self.server.starts;
        member.id = response.member_id;
        member.generation = response.generation_id;
        let protocol = response.protocol_name.unwrap();
        assert!(member.protocols.contains(&protocol.as_str()), "{protocol}");
        let leads = response.leader == member.id && !response.skip_assignment;
        reached.skipped_assignments += u64::from(response.skip_assignment);
        let generation = member.generation;
        let assign = |id: &str| SyncGroupRequestAssignment {
            member_id: id.to_owned(),
            assignment: assignment(generation, id),
            ..Default::default()
        };
        let assignments = response.members.iter().filter(|_| leads);
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation_id: generation,
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some(protocol),
            assignments: assignments
                .map(|member| assign(&member.member_id))
                .collect(),
            ..Default::default()
        };
        if leads {
            assert!(!response.members.is_empty(), "a leader is told the members");
        }
        let waiter = self.server.waiter();
        self.members[at].phase = Phase::Syncing(waiter);
        let begun = self
            .server
            .run(|groups, world| Ok(groups.sync(&request, waiter, world)));
        if begun.is_err() {
            self.members[at].phase = Phase::Out;
        }
    }

    fn synced(&mut self, at: usize, response: &SyncGroupResponse, reached: &mut Reached) {
        if response.error_code != 0 {
            return self.told(at, response.error_code, reached);
        }
        let member = &mut self.members[at];
        let text = String::from_utf8(response.assignment.clone()).unwrap();
        let (generation, id) = text.split_once(' ').expect("an assignment");
        assert_eq!(
            generation,
            member.generation.to_string(),
            "of this generation"
        );
        if member.instance.is_none() {
            assert_eq!(id, member.id, "for this member");
        }
        member.phase = Phase::In;
        member.next_beat_ms = self.server.now_ms + BEAT_MS;
        reached.generations += u64::from(member.generation > self.newest);
        self.newest = self.newest.max(member.generation);
    }

    fn commit(&mut self, at: usize, reached: &mut Reached) {
        self.next_offset += 1;
        let member = &self.members[at];
        let partition = self.rng.below(4) as i32;
        let part = CommitPart {
            topic: TOPIC,
            topic_id: self.server.cluster.id(TOPIC),
            partition,
            offset: self.next_offset,
            leader_epoch: -1,
            metadata: "",
        };
        let committer = Committer {
            member_id: &member.id,
            instance_id: member.instance.as_deref(),
            epoch: member.generation,
            transactional: false,
            version: 8,
        };
        let anonymous = member.generation < 0;
        let done = self
            .server
            .run(|groups, world| groups.commit(GROUP, committer, -1, &[part], world));
        match done {
            Ok(codes) => {
                assert_eq!(codes, [ErrorCode::None]);
                let current = member.generation == self.newest || anonymous;
                assert!(
                    current || member.generation > self.newest,
                    "a commit of the past"
                );
                self.committed.insert(partition, self.next_offset);
                reached.commits += 1;
            }
            Err(_) => reached.refused_commits += 1,
        }
    }

    /// Nothing happens to anyone for a while.
    fn rest(&mut self, reached: &mut Reached) {
        self.server.writes = None;
        for _ in 0..80 {
            self.step(1_000, reached);
        }
        let is_fenced = |member: &Member| member.phase == Phase::Joining(u64::MAX);
        self.members.retain(|member| !is_fenced(member));
        for member in &self.members {
            assert_eq!(member.phase, Phase::In, "{member:?}");
            assert_eq!(member.generation, self.newest);
        }
        let group = self.described(&self.server.groups);
        let mut ids: Vec<&str> = self
            .members
            .iter()
            .map(|member| member.id.as_str())
            .collect();
        ids.sort_unstable();
        if self.made > 0 {
            let known: Vec<_> = group
                .members
                .iter()
                .map(|member| &member.member_id)
                .collect();
            assert_eq!(known, ids);
            let state = if ids.is_empty() { "Empty" } else { "Stable" };
            assert!(
                group.group_state == state || self.newest == 0,
                "{}",
                group.group_state
            );
        }
        let replayed = self.server.replayed();
        if self.newest > 0 {
            assert_eq!(self.described(&replayed), group, "the log tells the same");
        }
        for groups in [&self.server.groups, &replayed] {
            for partition in 0..4 {
                let found = groups.fetch(GROUP, TOPIC, Uuid::ZERO, partition, true);
                let expected = self.committed.get(&partition).copied().unwrap_or(-1);
                assert_eq!(found.offset, expected, "partition {partition}");
            }
        }
    }

    fn described(
        &self,
        groups: &Groups,
    ) -> ottla::protocol::messages::describe_groups::DescribedGroup {
        groups.described(GROUP, 6).response
    }
}

fn assignment(generation: i32, id: &str) -> Vec<u8> {
    format!("{generation} {id}").into_bytes()
}
