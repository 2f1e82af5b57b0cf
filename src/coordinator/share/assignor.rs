//! The assignor `simple`: every partition has a member, every member has a partition, and
//! all have about as many. Members keep what they had as far as that goes.
//!
//! Source: `SimpleAssignor` of Apache Kafka 4.3.1.

use crate::coordinator::consumer::partitions::Partitions;
use crate::format::Uuid;
use crate::format::types::PartitionId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Its name.
pub(super) const NAME: &str = "simple";

/// A member as the assignor sees it.
pub(super) struct Wants<'a> {
    /// The topics that it asks for.
    pub(super) topics: BTreeSet<Uuid>,
    /// What it had.
    pub(super) had: Option<&'a Partitions>,
}

type Place = (Uuid, PartitionId);

/// What each member is to get of `available`.
pub(super) fn assign(
    members: &BTreeMap<Arc<str>, Wants<'_>>,
    available: &Partitions,
) -> BTreeMap<Arc<str>, Partitions> {
    let mut assigned: BTreeMap<Arc<str>, Partitions> = members
        .keys()
        .map(|id| (Arc::clone(id), Partitions::new()))
        .collect();
    let mut wants = members.values().map(|wants| &wants.topics);
    let first = wants.next();
    // Where all ask for the same, all partitions are dealt at once, else topic by topic.
    let pools: Vec<Vec<Place>> = if wants.all(|topics| Some(topics) == first) {
        let asked = |id: &&Uuid| first.is_some_and(|first| first.contains(*id));
        let topics = available.keys().filter(asked);
        vec![topics.flat_map(|id| places(available, id)).collect()]
    } else {
        available.keys().map(|id| places(available, id)).collect()
    };
    for pool in pools {
        let Some((topic, _)) = pool.first() else {
            continue;
        };
        let takers: Vec<(&Arc<str>, &Wants<'_>)> = members
            .iter()
            .filter(|(_, wants)| wants.topics.contains(topic))
            .collect();
        for (member, (topic, partition)) in deal(&takers, &pool) {
            let of_member = assigned.entry(Arc::clone(member)).or_default();
            of_member.entry(topic).or_default().insert(partition);
        }
    }
    assigned
}

fn places(available: &Partitions, topic: &Uuid) -> Vec<Place> {
    let numbers = available.get(topic).into_iter().flatten();
    numbers.map(|number| (*topic, *number)).collect()
}

/// Deals partitions to members.
fn deal<'m>(takers: &[(&'m Arc<str>, &Wants<'_>)], pool: &[Place]) -> Vec<(&'m Arc<str>, Place)> {
    if takers.is_empty() || pool.is_empty() {
        return Vec::new();
    }
    let sharing = takers.len().div_ceil(pool.len());
    let seats = sharing * pool.len();
    let due =
        |at: usize| (seats * (at + 1)).div_ceil(takers.len()) - (seats * at).div_ceil(takers.len());
    let mut has: Vec<BTreeSet<Place>> = vec![BTreeSet::new(); takers.len()];
    let mut sharers: BTreeMap<Place, usize> = pool.iter().map(|place| (*place, 0)).collect();
    for (at, (_, wants)) in takers.iter().enumerate() {
        let had = wants.had.into_iter().flatten();
        let had = had.flat_map(|(topic, numbers)| numbers.iter().map(|number| (*topic, *number)));
        for place in had {
            if let Some(count) = sharers.get_mut(&place)
                && *count < sharing
                && has[at].len() < due(at)
            {
                *count += 1;
                has[at].insert(place);
            }
        }
    }
    // Those that nobody has come first.
    for round in 0..sharing {
        for place in pool {
            let count = sharers.get_mut(place).expect("it is of the pool");
            if *count > round {
                continue;
            }
            let free = |at: &usize| has[*at].len() < due(*at) && !has[*at].contains(place);
            let taker = (0..takers.len())
                .filter(free)
                .min_by_key(|at| has[*at].len());
            if let Some(at) = taker {
                *count += 1;
                has[at].insert(*place);
            }
        }
    }
    let dealt = takers.iter().zip(has);
    dealt
        .flat_map(|((id, _), places)| places.into_iter().map(|place| (*id, place)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(topics: &[(u8, i32)]) -> Partitions {
        let topic = |(id, count): &(u8, i32)| {
            let numbers = (0..*count).map(PartitionId::new).collect();
            (Uuid::from_bytes([*id; 16]), numbers)
        };
        topics.iter().map(topic).collect()
    }

    fn dealt(members: usize, topics: &[(u8, i32)], asked: impl Fn(usize) -> Vec<u8>) -> Vec<usize> {
        let wants = |at: usize| Wants {
            topics: asked(at)
                .into_iter()
                .map(|id| Uuid::from_bytes([id; 16]))
                .collect(),
            had: None,
        };
        let members = (0..members).map(|at| (Arc::from(format!("m{at}")), wants(at)));
        let available = partitions(topics);
        let members: BTreeMap<_, _> = members.collect();
        let assigned = assign(&members, &available);
        let all: BTreeSet<Place> = available
            .keys()
            .flat_map(|id| places(&available, id))
            .collect();
        let got = assigned.values();
        let got: BTreeSet<Place> = got
            .flat_map(|part| part.keys().flat_map(|id| places(part, id)))
            .collect();
        assert_eq!(got, all, "every partition has a member");
        // The second time all stays.
        let again: BTreeMap<_, _> = members
            .iter()
            .map(|(id, wants)| {
                let wants = Wants {
                    topics: wants.topics.clone(),
                    had: assigned.get(id),
                };
                (Arc::clone(id), wants)
            })
            .collect();
        assert_eq!(assign(&again, &available), assigned);
        let counts = assigned.values();
        counts
            .map(crate::coordinator::consumer::partitions::count)
            .collect()
    }

    #[test]
    fn partitions_are_shared_evenly() {
        assert_eq!(dealt(1, &[(1, 3)], |_| vec![1]), [3]);
        assert_eq!(dealt(3, &[(1, 1)], |_| vec![1]), [1, 1, 1]);
        let mut counts = dealt(2, &[(1, 3), (2, 2)], |_| vec![1, 2]);
        counts.sort_unstable();
        assert_eq!(counts, [2, 3]);
        for members in 1..9 {
            for count in 1..6 {
                let counts = dealt(members, &[(1, count)], |_| vec![1]);
                let (least, most) = (counts.iter().min(), counts.iter().max());
                assert!(*least.unwrap() >= 1, "{members} {count} {counts:?}");
                assert!(
                    most.unwrap() - least.unwrap() <= 1,
                    "{members} {count} {counts:?}"
                );
            }
        }
        assert_eq!(
            dealt(2, &[(1, 2), (2, 2)], |at| vec![1, 2][..=at].to_vec()),
            [1, 3]
        );
    }
}
