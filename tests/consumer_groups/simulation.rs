//! Many members that join, leave, crash, subscribe to something else and lose answers,
//! while topics come, grow and go and the server starts again.
//!
//! Members behave as Kafka's own consumers: they give up what they are not assigned any
//! more, which takes a while, and only then take what is new and say so. At every moment
//! no partition may belong to two of them; once they are left in peace, all must have
//! what they are to get within a few heartbeats; and the log must tell the same state.

use crate::harness::{GROUP, Server, assigned, beat, beat_owning, join};
use ottla::coordinator::consumer::GroupState;
use ottla::coordinator::consumer::partitions::Partitions;
use ottla::coordinator::consumer::topics::Topics;
use ottla::format::Uuid;
use ottla::format::types::PartitionId;
use ottla::host::sim::Rng;
use ottla::protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};

const TOPICS: [&str; 5] = ["a-1", "a-2", "b-1", "b-2", "c"];
const REGEXES: [&str; 4] = ["a-.*", "b-.*", ".-1", "nothing"];
/// How many rounds of heartbeats may pass until all is at rest.
const ROUNDS_TO_REST: usize = 24;

/// What a member subscribes to.
#[derive(Clone)]
enum Subscription {
    Names(Vec<&'static str>),
    Regex(&'static str),
}

struct Member {
    id: String,
    instance: Option<String>,
    epoch: i32,
    subscription: Subscription,
    owned: Partitions,
    /// What it was last told to have.
    told: Partitions,
    /// How many more heartbeats it takes to give up what it has to.
    busy: u64,
    /// It has to say all about itself: it joined, or does not know what the server knows.
    tell_all: bool,
    /// What it last said that it owns.
    said: Option<Partitions>,
    silent: u64,
}

struct World {
    server: Server,
    rng: Rng,
    members: Vec<Member>,
    made: u64,
}

#[test]
fn members_come_and_go_and_never_share_a_partition() {
    let only = std::env::var("OTTLA_GROUP_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let seeds = only.map_or(0..60, |seed: u64| seed..seed + 1);
    for seed in seeds {
        println!("OTTLA_GROUP_SEED={seed}");
        run(seed);
    }
}

fn run(seed: u64) {
    let mut rng = Rng::new(seed);
    let mut server = Server::new(&[("a-1", 6), ("a-2", 3), ("b-1", 1), ("c", 17)]);
    server.config.assignment_interval_ms = [0, 1000, 3000][rng.below(3) as usize];
    let mut world = World {
        server,
        rng,
        members: Vec::new(),
        made: 0,
    };
    for _ in 0..6 {
        for _ in 0..world.rng.below(40) {
            world.disturb();
            world.round();
        }
        world.rest();
    }
}

impl World {
    fn disturb(&mut self) {
        let names = TOPICS[self.rng.below(5) as usize];
        match self.rng.below(12) {
            0..=3 if self.members.len() < 12 => self.add(),
            4 => self.with_one(World::leave),
            5 => self.with_one(|world, at| {
                world.members.remove(at);
            }),
            6 => self.with_one(World::restart_static),
            7 => self.with_one(|world, at| {
                world.members[at].subscription = world.subscription();
                world.members[at].tell_all = true;
            }),
            8 => {
                let now = self
                    .server
                    .cluster
                    .by_name(names)
                    .map_or(0, |topic| topic.partitions);
                let more = self.rng.below(4) as i32;
                self.server.cluster.set(names, now + more);
            }
            9 if self.rng.percent(30) => self.server.cluster.delete(names),
            10 if self.rng.percent(30) => self.server.restart(),
            _ => {}
        }
    }

    fn with_one(&mut self, what: impl FnOnce(&mut Self, usize)) {
        if !self.members.is_empty() {
            let at = self.rng.below(self.members.len() as u64) as usize;
            what(self, at);
        }
    }

    fn subscription(&mut self) -> Subscription {
        if self.rng.percent(30) {
            return Subscription::Regex(REGEXES[self.rng.below(4) as usize]);
        }
        let mut names = TOPICS.to_vec();
        names.retain(|_| self.rng.percent(60));
        Subscription::Names(names)
    }

    fn add(&mut self) {
        self.made += 1;
        let instance = self
            .rng
            .percent(40)
            .then(|| format!("instance-{}", self.made));
        let subscription = self.subscription();
        self.members.push(Member::new(
            format!("member-{}", self.made),
            instance,
            subscription,
        ));
    }

    fn leave(&mut self, at: usize) {
        let member = self.members.remove(at);
        if member.epoch > 0 {
            let mut request = beat(&member.id, -1);
            request.instance_id = member.instance;
            self.server.send(&request);
        }
    }

    /// A static member stops, and comes back with another member id.
    fn restart_static(&mut self, at: usize) {
        if self.members[at].instance.is_none() || self.members[at].epoch <= 0 {
            return;
        }
        let member = self.members.remove(at);
        let mut request = beat(&member.id, -2);
        request.instance_id.clone_from(&member.instance);
        let response = self.server.send(&request);
        if response.error_code == 0 {
            self.made += 1;
            let id = format!("member-{}", self.made);
            self.members
                .push(Member::new(id, member.instance, member.subscription));
        }
    }

    /// Most members send a heartbeat, in any order.
    fn round(&mut self) {
        for _ in 0..self.members.len() {
            let at = self.rng.below(self.members.len() as u64) as usize;
            let to = self.rng.below(self.members.len() as u64) as usize;
            self.members.swap(at, to);
        }
        for at in 0..self.members.len() {
            self.members[at].silent += 1;
            if self.rng.percent(80) || self.members[at].silent > 5 {
                let lost = self.rng.percent(8);
                self.heartbeat(at, lost);
                self.check_owners();
            }
        }
        self.server.pass(1000);
        self.server.pass(self.rng.below(2000) as i64);
    }

    fn heartbeat(&mut self, at: usize, lost: bool) {
        let slow = self.rng.below(4);
        let member = &mut self.members[at];
        member.silent = 0;
        member.work();
        let request = member.request();
        if lost && slow == 0 {
            // The request itself.
            member.lose_answer();
            return;
        }
        let response = self.server.send(&request);
        if lost {
            member.lose_answer();
            return;
        }
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {
                member.epoch = response.member_epoch;
                member.tell_all = false;
                member.said = request
                    .topic_partitions
                    .map(|_| member.owned.clone())
                    .or(member.said.take());
                if let Some(assignment) = &response.assignment {
                    member.told = assigned(assignment);
                    member.busy = slow;
                    // What it has is said again with every new assignment.
                    member.said = None;
                }
            }
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => member.give_all_up(),
            // A crashed member of that instance has to time out first.
            ErrorCode::UnreleasedInstanceId => {}
            other => panic!("{} got {other}: {:?}", member.id, response.error_message),
        }
    }

    /// No partition belongs to two members, nor to one that the server does not know of.
    fn check_owners(&self) {
        let mut owners: BTreeMap<(Uuid, PartitionId), &str> = BTreeMap::new();
        for member in &self.members {
            for (topic, partitions) in &member.owned {
                for partition in partitions {
                    let other = owners.insert((*topic, *partition), &member.id);
                    assert_eq!(
                        other, None,
                        "{topic}-{partition} belongs to {} too",
                        member.id
                    );
                    let known = self.server.group().owner(topic, *partition);
                    assert_eq!(
                        known,
                        Some(member.id.as_str()),
                        "the owner of {topic}-{partition}"
                    );
                }
            }
        }
    }

    /// Everybody sends heartbeats, and nothing else happens.
    fn rest(&mut self) {
        // Crashed members are given up, slowly enough for the others.
        for _ in 0..50 {
            self.server.pass(1000);
            for at in 0..self.members.len() {
                self.heartbeat(at, false);
                self.check_owners();
            }
        }
        if self.server.groups.get(GROUP).is_none() {
            return;
        }
        self.check_log();
        let mut rounds = 0;
        while !self.at_rest() {
            rounds += 1;
            assert!(
                rounds <= ROUNDS_TO_REST,
                "no rest: {:#?}",
                self.server.group()
            );
            self.server.pass(1000);
            for at in 0..self.members.len() {
                self.heartbeat(at, false);
                self.check_owners();
            }
        }
        self.check_assigned();
        self.check_log();
    }

    fn at_rest(&self) -> bool {
        let state = self.server.group().state();
        let expected = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::Stable
        };
        // Nobody subscribes to anything: there was nothing to do.
        state == expected
            && self
                .members
                .iter()
                .all(|member| member.owned == member.told)
    }

    /// All have what they are to get; every partition somebody asked for has an owner.
    fn check_assigned(&self) {
        let group = self.server.group();
        let mut owned = 0;
        for member in &self.members {
            let target = group.target(&member.id).cloned().unwrap_or_default();
            assert_eq!(member.owned, *target, "{}", member.id);
            owned += target.values().map(BTreeSet::len).sum::<usize>();
        }
        let asked: BTreeSet<&str> = self
            .server
            .cluster
            .names()
            .filter(|topic| {
                self.members
                    .iter()
                    .any(|member| match &member.subscription {
                        Subscription::Names(names) => names.contains(topic),
                        Subscription::Regex("a-.*") => topic.starts_with("a-"),
                        Subscription::Regex("b-.*") => topic.starts_with("b-"),
                        Subscription::Regex(".-1") => topic.ends_with("-1"),
                        Subscription::Regex(_) => false,
                    })
            })
            .collect();
        let sizes = asked
            .iter()
            .filter_map(|topic| self.server.cluster.by_name(topic));
        let all: usize = sizes.map(|topic| topic.partitions as usize).sum();
        assert_eq!(owned, all, "partitions of {asked:?}");
    }

    fn check_log(&self) {
        let group = Some(self.server.group());
        assert_eq!(self.server.replayed().get(GROUP), group, "the log");
        assert_eq!(
            self.server.replayed_compacted().get(GROUP),
            group,
            "the compacted log"
        );
    }
}

impl Member {
    fn new(id: String, instance: Option<String>, subscription: Subscription) -> Self {
        Self {
            id,
            instance,
            epoch: 0,
            subscription,
            owned: Partitions::new(),
            told: Partitions::new(),
            busy: 0,
            tell_all: true,
            said: None,
            silent: 0,
        }
    }

    fn give_all_up(&mut self) {
        self.epoch = 0;
        self.owned.clear();
        self.told.clear();
        self.tell_all = true;
    }

    /// It does not know what it was told, so it takes nothing more of what it was told
    /// before. (Kafka's consumers may; then their commits are refused.)
    fn lose_answer(&mut self) {
        self.tell_all = true;
        let told = &mut self.told;
        told.retain(|topic, partitions| {
            let owned = self.owned.get(topic);
            partitions.retain(|partition| owned.is_some_and(|owned| owned.contains(partition)));
            !partitions.is_empty()
        });
    }

    /// Gives up what it has to, and then takes what is new.
    fn work(&mut self) {
        if self.owned == self.told {
            return;
        }
        if self.busy > 0 {
            self.busy -= 1;
            return;
        }
        let keeps = |topic: &Uuid, partition: &PartitionId| {
            self.told
                .get(topic)
                .is_some_and(|told| told.contains(partition))
        };
        let gives = self
            .owned
            .iter()
            .any(|(topic, partitions)| partitions.iter().any(|partition| !keeps(topic, partition)));
        if gives {
            self.owned.retain(|topic, partitions| {
                partitions.retain(|partition| {
                    self.told
                        .get(topic)
                        .is_some_and(|told| told.contains(partition))
                });
                !partitions.is_empty()
            });
            return;
        }
        self.owned = self.told.clone();
    }

    fn request(
        &self,
    ) -> ottla::protocol::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest {
        let mut request = if self.epoch == 0 {
            join(&self.id, &[])
        } else if self.tell_all || self.said.as_ref() != Some(&self.owned) {
            beat_owning(&self.id, self.epoch, &self.owned)
        } else {
            beat(&self.id, self.epoch)
        };
        request.instance_id.clone_from(&self.instance);
        if self.tell_all || self.epoch == 0 {
            request.rebalance_timeout_ms = 60_000;
            let (names, regex): (&[&str], &str) = match &self.subscription {
                Subscription::Names(names) => (names, ""),
                Subscription::Regex(regex) => (&[], regex),
            };
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            request.subscribed_topic_names = Some(names);
            request.subscribed_topic_regex = Some(regex.to_owned());
        }
        request
    }
}

/// A thousand members come at once, and then a hundred go.
#[test]
fn a_thousand_members_are_at_rest_within_seconds() {
    let mut server = Server::new(&[("big", 2500)]);
    server.config.assignment_interval_ms = 1000;
    let mut world = World {
        server,
        rng: Rng::new(1),
        members: Vec::new(),
        made: 0,
    };
    for number in 0..1000 {
        let subscription = Subscription::Names(vec!["big"]);
        world
            .members
            .push(Member::new(format!("m{number}"), None, subscription));
    }
    let rounds = world.beat_until_rest();
    assert!(rounds <= 6, "{rounds} rounds of heartbeats for all to join");
    for _ in 0..100 {
        let at = world.rng.below(world.members.len() as u64) as usize;
        world.leave(at);
    }
    let rounds = world.beat_until_rest();
    assert!(
        rounds <= 4,
        "{rounds} rounds of heartbeats after a hundred left"
    );
    world.check_assigned();
    world.check_log();
}

impl World {
    /// Five seconds for each round. How many.
    fn beat_until_rest(&mut self) -> usize {
        for round in 1..20 {
            for at in 0..self.members.len() {
                self.heartbeat(at, false);
                self.members[at].busy = 0;
                if at % 200 == 0 {
                    self.server.pass(1000);
                }
            }
            self.check_owners();
            if self.at_rest() {
                return round;
            }
        }
        panic!("no rest");
    }
}
