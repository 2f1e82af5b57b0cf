use super::super::partitions::count;
use super::*;
use crate::format::types::PartitionId;
use proptest::prelude::*;

fn topic(number: u8) -> Uuid {
    let mut bytes = [0; 16];
    bytes[15] = number;
    Uuid::from_bytes(bytes)
}

fn parts(topics: Numbers<'_>) -> Partitions {
    let set = |ids: &[i32]| ids.iter().map(|id| PartitionId::new(*id)).collect();
    topics
        .iter()
        .map(|(number, ids)| (topic(*number), set(ids)))
        .collect()
}

/// Partition numbers by topic number.
type Numbers<'a> = &'a [(u8, &'a [i32])];

type Members = BTreeMap<String, (Option<String>, BTreeSet<Uuid>, Arc<Partitions>)>;

/// A group of members with an instance id, topics, and what they had.
struct Group {
    topics: BTreeMap<Uuid, i32>,
    members: Members,
}

impl Group {
    fn new(topics: &[(u8, i32)]) -> Self {
        let topics = topics
            .iter()
            .map(|(number, count)| (topic(*number), *count));
        Self {
            topics: topics.collect(),
            members: BTreeMap::new(),
        }
    }

    fn member(mut self, id: &str, topics: &[u8], had: Numbers<'_>) -> Self {
        let topics = topics.iter().map(|number| topic(*number)).collect();
        self.members
            .insert(id.to_owned(), (None, topics, Arc::new(parts(had))));
        self
    }

    fn instance(mut self, member: &str, instance: &str) -> Self {
        self.members.get_mut(member).unwrap().0 = Some(instance.to_owned());
        self
    }

    fn assign(&self, assignor: Assignor) -> BTreeMap<String, Partitions> {
        let subscribed: BTreeSet<Uuid> = self
            .members
            .values()
            .flat_map(|(_, topics, _)| topics.iter().copied())
            .collect();
        let first = self.members.values().next();
        let spec = GroupSpec {
            members: self
                .members
                .iter()
                .map(|(id, (instance, topics, had))| {
                    let member = MemberSpec {
                        instance_id: instance.as_deref(),
                        topics: Arc::new(topics.clone()),
                        assigned: Arc::clone(had),
                    };
                    (Arc::from(id.as_str()), member)
                })
                .collect(),
            topics: self
                .topics
                .iter()
                .filter(|(id, _)| subscribed.contains(id))
                .map(|(id, count)| (*id, *count))
                .collect(),
            same_topics: self
                .members
                .values()
                .all(|(_, topics, _)| *topics == first.unwrap().1),
        };
        let assignments = assignor.assign(&spec);
        assignments
            .into_iter()
            .map(|(id, partitions)| (id.to_string(), (*partitions).clone()))
            .collect()
    }

    /// The same group after the assignment took hold.
    fn after(mut self, assignor: Assignor) -> Self {
        for (id, partitions) in self.assign(assignor) {
            self.members.get_mut(&id).unwrap().2 = Arc::new(partitions);
        }
        self
    }
}

fn expected(members: &[(&str, Numbers<'_>)]) -> BTreeMap<String, Partitions> {
    members
        .iter()
        .map(|(id, had)| ((*id).to_owned(), parts(had)))
        .collect()
}

#[test]
fn a_group_without_members_gets_nothing() {
    for assignor in Assignor::ALL {
        assert_eq!(Group::new(&[(1, 3)]).assign(assignor), BTreeMap::new());
    }
}

#[test]
fn members_without_topics_get_nothing() {
    for assignor in Assignor::ALL {
        let group = Group::new(&[(1, 3)]).member("a", &[], &[]);
        assert_eq!(group.assign(assignor), expected(&[("a", &[])]));
    }
}

#[test]
fn range_cuts_topics_of_one_size_alike() {
    let group = Group::new(&[(1, 3), (2, 3)])
        .member("a", &[1, 2], &[])
        .member("b", &[1, 2], &[]);
    let wanted = expected(&[
        ("a", &[(1, &[0, 1]), (2, &[0, 1])]),
        ("b", &[(1, &[2]), (2, &[2])]),
    ]);
    assert_eq!(group.assign(Assignor::Range), wanted);
}

#[test]
fn range_cuts_a_topic_among_its_own_subscribers() {
    let group = Group::new(&[(1, 3), (2, 3), (3, 2)])
        .member("a", &[1, 2], &[])
        .member("b", &[3], &[])
        .member("c", &[2, 3], &[]);
    let wanted = expected(&[
        ("a", &[(1, &[0, 1, 2]), (2, &[0, 1])]),
        ("b", &[(3, &[0])]),
        ("c", &[(2, &[2]), (3, &[1])]),
    ]);
    assert_eq!(group.assign(Assignor::Range), wanted);
}

#[test]
fn range_leaves_the_last_members_empty_handed() {
    let group = Group::new(&[(1, 2)])
        .member("a", &[1], &[])
        .member("b", &[1], &[])
        .member("c", &[1], &[]);
    let wanted = expected(&[("a", &[(1, &[0])]), ("b", &[(1, &[1])]), ("c", &[])]);
    assert_eq!(group.assign(Assignor::Range), wanted);
}

#[test]
fn range_takes_static_members_first_by_instance() {
    let group = Group::new(&[(1, 3)])
        .member("a", &[1], &[])
        .member("b", &[1], &[])
        .member("c", &[1], &[])
        .instance("b", "z")
        .instance("c", "y");
    let wanted = expected(&[
        ("a", &[(1, &[2])]),
        ("b", &[(1, &[1])]),
        ("c", &[(1, &[0])]),
    ]);
    assert_eq!(group.assign(Assignor::Range), wanted);
}

#[test]
fn uniform_moves_only_what_a_new_member_needs() {
    let group = Group::new(&[(1, 3), (2, 3)])
        .member("a", &[1, 2], &[(1, &[0, 1, 2])])
        .member("b", &[1, 2], &[(2, &[0, 1, 2])])
        .member("c", &[1, 2], &[]);
    let wanted = expected(&[
        ("a", &[(1, &[0, 1])]),
        ("b", &[(2, &[0, 1])]),
        ("c", &[(1, &[2]), (2, &[2])]),
    ]);
    assert_eq!(group.assign(Assignor::Uniform), wanted);
}

#[test]
fn uniform_leaves_the_extra_partition_where_it_is() {
    // Five partitions for three members: the two that have two keep them.
    let group = Group::new(&[(1, 5)])
        .member("a", &[1], &[(1, &[0])])
        .member("b", &[1], &[(1, &[1, 2])])
        .member("c", &[1], &[(1, &[3, 4])]);
    let wanted = expected(&[
        ("a", &[(1, &[0])]),
        ("b", &[(1, &[1, 2])]),
        ("c", &[(1, &[3, 4])]),
    ]);
    assert_eq!(group.assign(Assignor::Uniform), wanted);
}

#[test]
fn uniform_gives_a_leaver_s_partitions_to_the_others() {
    let group = Group::new(&[(1, 4)])
        .member("a", &[1], &[(1, &[0])])
        .member("b", &[1], &[(1, &[2])]);
    let wanted = expected(&[("a", &[(1, &[0, 1])]), ("b", &[(1, &[2, 3])])]);
    assert_eq!(group.assign(Assignor::Uniform), wanted);
}

#[test]
fn uniform_never_keeps_a_partition_twice() {
    let group = Group::new(&[(1, 2)])
        .member("a", &[1], &[(1, &[0])])
        .member("b", &[1], &[(1, &[0])]);
    let wanted = expected(&[("a", &[(1, &[0])]), ("b", &[(1, &[1])])]);
    assert_eq!(group.assign(Assignor::Uniform), wanted);
}

#[test]
fn uniform_forgets_partitions_that_are_gone() {
    for topics in [&[1][..], &[1, 2][..]] {
        let group = Group::new(&[(1, 1), (2, 0)])
            .member("a", topics, &[(1, &[0, 7]), (9, &[0])])
            .member("b", &[1], &[]);
        let wanted = expected(&[("a", &[(1, &[0])]), ("b", &[])]);
        assert_eq!(group.assign(Assignor::Uniform), wanted);
    }
}

#[test]
fn mixed_subscriptions_are_balanced_where_they_overlap() {
    // Only `a` can take topic 1, so topic 2 goes to `b` and `c`.
    let group = Group::new(&[(1, 4), (2, 4)])
        .member("a", &[1, 2], &[])
        .member("b", &[2], &[])
        .member("c", &[2], &[]);
    let sizes: Vec<usize> = group
        .assign(Assignor::Uniform)
        .values()
        .map(count)
        .collect();
    assert_eq!(sizes, [4, 2, 2]);
}

#[test]
fn mixed_subscriptions_move_from_the_most_to_the_fewest() {
    let group = Group::new(&[(1, 6), (2, 1)])
        .member("a", &[1], &[(1, &[0, 1, 2, 3, 4, 5])])
        .member("b", &[1], &[])
        .member("c", &[1, 2], &[]);
    let wanted = expected(&[
        ("a", &[(1, &[0, 1, 2])]),
        ("b", &[(1, &[4, 5])]),
        ("c", &[(1, &[3]), (2, &[0])]),
    ]);
    assert_eq!(group.assign(Assignor::Uniform), wanted);
}

/// Topics with partitions, and members by the topics that they subscribe to.
fn groups() -> impl Strategy<Value = (Vec<i32>, Vec<BTreeSet<u8>>, bool)> {
    let topics = prop::collection::vec(0..12_i32, 1..6);
    topics.prop_flat_map(|topics| {
        let count = topics.len() as u8;
        let member = prop::collection::btree_set(0..count, 0..=topics.len());
        (
            Just(topics),
            prop::collection::vec(member, 1..9),
            any::<bool>(),
        )
    })
}

fn build((counts, members, same): &(Vec<i32>, Vec<BTreeSet<u8>>, bool)) -> Group {
    let topics: Vec<(u8, i32)> = (0..).zip(counts.iter().copied()).collect();
    let mut group = Group::new(&topics);
    for (number, topics) in members.iter().enumerate() {
        let topics = if *same { &members[0] } else { topics };
        let topics: Vec<u8> = topics.iter().copied().collect();
        group = group.member(&format!("m{number}"), &topics, &[]);
    }
    group
}

/// Every partition of every topic with a subscriber is with exactly one of them.
fn check_complete(group: &Group, assigned: &BTreeMap<String, Partitions>) {
    let mut owners: BTreeMap<(Uuid, i32), Vec<&String>> = BTreeMap::new();
    for (member, partitions) in assigned {
        for (topic, ids) in partitions {
            assert!(!ids.is_empty(), "{member} has an empty set of {topic}");
            assert!(
                group.members[member].1.contains(topic),
                "{member} did not ask for {topic}"
            );
            for id in ids {
                owners.entry((*topic, id.get())).or_default().push(member);
            }
        }
    }
    for (topic, count) in &group.topics {
        let subscribed = group
            .members
            .values()
            .any(|(_, topics, _)| topics.contains(topic));
        for partition in 0..*count {
            let owners = owners.remove(&(*topic, partition)).unwrap_or_default();
            assert_eq!(
                owners.len(),
                usize::from(subscribed),
                "{topic}-{partition}: {owners:?}"
            );
        }
    }
    assert!(
        owners.is_empty(),
        "partitions that do not exist: {owners:?}"
    );
}

fn moved(before: &Group, after: &BTreeMap<String, Partitions>) -> usize {
    let kept = |(member, (_, _, had)): (&String, &(_, _, Arc<Partitions>))| {
        let now = after.get(member);
        let of_topic = |(topic, ids): (&Uuid, &BTreeSet<PartitionId>)| {
            let now = now.and_then(|now| now.get(topic));
            now.map_or(0, |now| now.intersection(ids).count())
        };
        had.iter().map(of_topic).sum::<usize>()
    };
    let had: usize = before.members.values().map(|(_, _, had)| count(had)).sum();
    had - before.members.iter().map(kept).sum::<usize>()
}

proptest! {
    #[test]
    fn every_partition_goes_to_one_subscriber(shape in groups(), changed in groups()) {
        for assignor in Assignor::ALL {
            let mut group = build(&shape);
            check_complete(&group, &group.assign(assignor));
            // Members, topics and subscriptions change.
            group = group.after(assignor);
            let mut next = build(&changed);
            for (id, member) in &mut next.members {
                if let Some((_, _, had)) = group.members.get(id) {
                    member.2 = Arc::clone(had);
                }
            }
            check_complete(&next, &next.assign(assignor));
        }
    }

    #[test]
    fn uniform_is_balanced_and_then_rests(shape in groups(), changed in groups()) {
        let group = build(&shape).after(Assignor::Uniform);
        let mut next = build(&(changed.0, changed.1, true));
        for (id, member) in &mut next.members {
            if let Some((_, _, had)) = group.members.get(id) {
                member.2 = Arc::clone(had);
            }
        }
        let assigned = next.assign(Assignor::Uniform);
        let sizes = || assigned.values().map(count);
        prop_assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);
        let next = next.after(Assignor::Uniform);
        prop_assert_eq!(moved(&next, &next.assign(Assignor::Uniform)), 0);
    }

    #[test]
    fn a_topic_s_subscribers_differ_by_one_at_most_or_have_no_more_of_it(shape in groups()) {
        let group = build(&shape);
        let assigned = group.assign(Assignor::Uniform);
        for topic in group.topics.keys() {
            let subscribers = group.members.iter().filter(|(_, member)| member.1.contains(topic));
            let sizes: Vec<(usize, bool)> = subscribers
                .map(|(id, _)| (count(&assigned[id]), assigned[id].contains_key(topic)))
                .collect();
            let least = sizes.iter().map(|(size, _)| *size).min().unwrap_or(0);
            let most = sizes.iter().filter(|(_, has)| *has).map(|(size, _)| *size).max();
            prop_assert!(most.unwrap_or(0) <= least + 1, "{topic}: {sizes:?}");
        }
    }

    #[test]
    fn a_mixed_group_rests_once_it_is_balanced(shape in groups()) {
        let group = build(&shape).after(Assignor::Uniform);
        prop_assert_eq!(moved(&group, &group.assign(Assignor::Uniform)), 0);
    }

    /// A member that leaves costs its own partitions; one that joins, its share.
    #[test]
    fn uniform_moves_no_more_than_it_must(partitions in 0..60_i32, members in 2..9_usize) {
        let shape = (vec![partitions], vec![BTreeSet::from([0]); members], true);
        let mut group = build(&shape).after(Assignor::Uniform);
        group.members.remove("m0");
        prop_assert_eq!(moved(&group, &group.assign(Assignor::Uniform)), 0);
        let group = build(&shape).after(Assignor::Uniform).member("new", &[0], &[]);
        let share = partitions as usize / (members + 1);
        let moves = moved(&group, &group.assign(Assignor::Uniform));
        prop_assert!(moves == share || moves == share + 1, "{moves} moves for a share of {share}");
    }

    #[test]
    fn range_gives_runs(shape in groups()) {
        for partitions in build(&shape).assign(Assignor::Range).values() {
            for ids in partitions.values() {
                let (first, last) = (ids.first().unwrap().get(), ids.last().unwrap().get());
                prop_assert_eq!(ids.len(), (last - first + 1) as usize);
            }
        }
    }
}
