//! Members of groups, a thread each, that do what Kafka's consumers do.

use super::process::Server;
use ottla::client::config::Config;
use ottla::client::connection::Connection;
use ottla::host::net::Address;
use ottla::protocol::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, RequestTopicPartitions, ResponseTopicPartitions,
};
use ottla::protocol::messages::heartbeat::HeartbeatRequest;
use ottla::protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use ottla::protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use ottla::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use ottla::protocol::{ApiKey, ErrorCode};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) const GROUP: &str = "group";
const BEAT: Duration = Duration::from_millis(500);
/// How long members may take to agree: far more than they need.
const LONGEST: Duration = Duration::from_secs(120);
const GO_ON: u8 = 0;
const LEAVE: u8 = 1;
const VANISH: u8 = 2;
/// How many members of consumer groups there have been; they make their ids themselves.
static MADE: AtomicU64 = AtomicU64::new(0);

/// What a member says of itself: the generation or epoch, and its partitions.
pub(crate) type Owned = Option<(i32, Vec<i32>)>;

/// A protocol of groups, from a member's side.
pub(crate) trait Member: Send + 'static {
    fn new(connection: Connection, topic: &str, partitions: usize) -> Self;
    /// Talks to the coordinator once; what it owns afterwards.
    fn step(&mut self) -> Owned;
    fn leave(&mut self);
}

/// The members of one group.
pub(crate) struct Crowd<M> {
    address: Address,
    topic: String,
    partitions: usize,
    members: Vec<Running>,
    kind: std::marker::PhantomData<M>,
}

/// A member on its thread: what it says, and what it is told.
struct Running {
    owned: Arc<Mutex<Owned>>,
    told: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

impl<M: Member> Crowd<M> {
    pub(crate) fn new(server: &Server, topic: &str, partitions: usize) -> Self {
        Self {
            address: Address::Tcp(server.address.ip().to_string(), server.address.port()),
            topic: topic.to_owned(),
            partitions,
            members: Vec::new(),
            kind: std::marker::PhantomData,
        }
    }

    pub(crate) fn grow(&mut self, count: usize) {
        for _ in 0..count {
            let (owned, told) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU8::new(GO_ON)));
            let (address, topic, partitions) =
                (self.address.clone(), self.topic.clone(), self.partitions);
            let (says, hears) = (Arc::clone(&owned), Arc::clone(&told));
            let thread = std::thread::Builder::new().stack_size(256 << 10);
            let thread = thread
                .spawn(move || {
                    let connection = Connection::open(&address, &config()).unwrap();
                    let mut member = M::new(connection, &topic, partitions);
                    while hears.load(Ordering::Relaxed) == GO_ON {
                        let owned = member.step();
                        let settled = owned.is_some();
                        *says.lock().unwrap() = owned;
                        if settled {
                            std::thread::sleep(BEAT);
                        }
                    }
                    if hears.load(Ordering::Relaxed) == LEAVE {
                        member.leave();
                    }
                })
                .unwrap();
            self.members.push(Running {
                owned,
                told,
                thread,
            });
        }
    }

    /// The newest of them go, with or without a word.
    pub(crate) fn shrink(&mut self, count: usize, with_a_word: bool) {
        let rest = self.members.len().saturating_sub(count);
        let gone = self.members.split_off(rest);
        for member in &gone {
            member
                .told
                .store(if with_a_word { LEAVE } else { VANISH }, Ordering::Relaxed);
        }
        for member in gone {
            member.thread.join().unwrap();
        }
    }

    /// Waits until everyone is in one generation and has partitions, each of which has
    /// one owner.
    pub(crate) fn settle(&self) -> Duration {
        let began = Instant::now();
        while !self.is_settled() {
            assert!(began.elapsed() < LONGEST, "the members do not agree");
            std::thread::sleep(Duration::from_millis(20));
        }
        began.elapsed()
    }

    fn is_settled(&self) -> bool {
        let mut owners = vec![0; self.partitions];
        let mut generations = Vec::new();
        for member in &self.members {
            let Some((generation, partitions)) = member.owned.lock().unwrap().clone() else {
                return false;
            };
            if partitions.is_empty() {
                return false;
            }
            generations.push(generation);
            for partition in partitions {
                owners[partition as usize] += 1;
            }
        }
        generations.dedup();
        generations.len() == 1 && owners.iter().all(|owners| *owners == 1)
    }
}

fn config() -> Config {
    Config {
        request_timeout: LONGEST,
        ..Config::default()
    }
}

/// A member of a classic group; the leader deals the partitions out in turn.
pub(crate) struct Classic {
    connection: Connection,
    partitions: usize,
    id: String,
    joined: Option<(i32, Vec<i32>)>,
}

impl Member for Classic {
    fn new(connection: Connection, _topic: &str, partitions: usize) -> Self {
        Self {
            connection,
            partitions,
            id: String::new(),
            joined: None,
        }
    }

    fn step(&mut self) -> Owned {
        match &self.joined {
            None => self.join(),
            Some((generation, _)) => {
                let request = HeartbeatRequest {
                    group_id: GROUP.to_owned(),
                    generation_id: *generation,
                    member_id: self.id.clone(),
                    ..Default::default()
                };
                let version = self.connection.version(ApiKey::Heartbeat).unwrap();
                let answer = self.connection.call(&request, version).unwrap();
                if answer.error_code != 0 {
                    assert_eq!(answer.error_code, ErrorCode::RebalanceInProgress.code());
                    self.joined = None;
                }
            }
        }
        self.joined.clone()
    }

    fn leave(&mut self) {
        let request = LeaveGroupRequest {
            group_id: GROUP.to_owned(),
            members: vec![MemberIdentity {
                member_id: self.id.clone(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let version = self.connection.version(ApiKey::LeaveGroup).unwrap();
        let answer = self.connection.call(&request, version).unwrap();
        assert_eq!(answer.error_code, 0);
    }
}

impl Classic {
    fn join(&mut self) {
        let version = self.connection.version(ApiKey::JoinGroup).unwrap();
        let request = JoinGroupRequest {
            group_id: GROUP.to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: self.id.clone(),
            protocol_type: "consumer".to_owned(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "in turn".to_owned(),
                metadata: vec![0; 100],
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = self.connection.call(&request, version).unwrap();
        self.id.clone_from(&answer.member_id);
        match answer.error_code {
            0 => {}
            code if code == ErrorCode::MemberIdRequired.code() => return,
            code => panic!("JoinGroup: error {code}"),
        }
        let mut dealt = BTreeMap::<usize, Vec<u8>>::new();
        let count = answer.members.len();
        for partition in 0..self.partitions {
            let hand = dealt.entry(partition % count.max(1)).or_default();
            hand.extend((partition as u32).to_be_bytes());
        }
        let assignment = |(at, member_id)| SyncGroupRequestAssignment {
            member_id,
            assignment: dealt.remove(&at).unwrap_or_default(),
            ..Default::default()
        };
        let ids = answer.members.into_iter().map(|member| member.member_id);
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation_id: answer.generation_id,
            member_id: self.id.clone(),
            protocol_type: answer.protocol_type,
            protocol_name: answer.protocol_name,
            assignments: ids.enumerate().map(assignment).collect(),
            ..Default::default()
        };
        let version = self.connection.version(ApiKey::SyncGroup).unwrap();
        let synced = self.connection.call(&request, version).unwrap();
        if synced.error_code == 0 {
            let numbers = synced.assignment.chunks(4);
            let numbers = numbers.map(|bytes| i32::from_be_bytes(bytes.try_into().unwrap()));
            self.joined = Some((answer.generation_id, numbers.collect()));
        } else {
            assert_eq!(synced.error_code, ErrorCode::RebalanceInProgress.code());
        }
    }
}

/// A member of a consumer group (KIP-848).
pub(crate) struct Consumer {
    connection: Connection,
    topic: String,
    id: String,
    epoch: i32,
    owned: Vec<RequestTopicPartitions>,
}

impl Member for Consumer {
    fn new(connection: Connection, topic: &str, _partitions: usize) -> Self {
        Self {
            connection,
            topic: topic.to_owned(),
            id: format!("member-{}", MADE.fetch_add(1, Ordering::Relaxed)),
            epoch: 0,
            owned: Vec::new(),
        }
    }

    fn step(&mut self) -> Owned {
        let joins = self.epoch == 0;
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.to_owned(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: 60_000,
            subscribed_topic_names: joins.then(|| vec![self.topic.clone()]),
            topic_partitions: Some(self.owned.clone()),
            ..Default::default()
        };
        let answer = self.connection.call(&request, 1).unwrap();
        assert_eq!(answer.error_code, 0, "{answer:?}");
        self.epoch = answer.member_epoch;
        if let Some(assignment) = answer.assignment {
            let part = |part: ResponseTopicPartitions| RequestTopicPartitions {
                topic_id: part.topic_id,
                partitions: part.partitions,
                ..Default::default()
            };
            self.owned = assignment.topic_partitions.into_iter().map(part).collect();
        }
        let owned = self.owned.iter().flat_map(|part| part.partitions.clone());
        Some((self.epoch, owned.collect()))
    }

    fn leave(&mut self) {
        let request = ConsumerGroupHeartbeatRequest {
            group_id: GROUP.to_owned(),
            member_id: self.id.clone(),
            member_epoch: -1,
            ..Default::default()
        };
        let answer = self.connection.call(&request, 1).unwrap();
        assert_eq!(answer.error_code, 0, "{answer:?}");
    }
}
