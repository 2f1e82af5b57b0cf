//! `uniform` where members subscribe to different topics: members keep what they had,
//! free partitions go to the subscriber with the fewest, and then partitions move from
//! the subscribers of a topic with the most to those with the fewest until no topic's
//! subscribers differ by more than one, or all that have more have none of it.
//!
//! Topics with the most partitions for each subscriber come first, as their subscribers
//! have the least choice.

use super::{Assignments, GroupSpec};
use crate::format::Uuid;
use crate::format::types::PartitionId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

/// How often all topics are balanced. Where subscriptions overlap in chains, every
/// round about halves the difference.
const MOST_ROUNDS: usize = 16;

pub(super) fn assign(group: &GroupSpec<'_>) -> Assignments {
    let mut state = State::new(group);
    for topic in 0..state.topics.len() {
        state.assign_free(topic);
    }
    for _ in 0..MOST_ROUNDS {
        let moved: usize = (0..state.topics.len())
            .map(|topic| state.balance(topic))
            .sum();
        if moved == 0 {
            break;
        }
    }
    state.into_assignments(group)
}

struct Topic {
    id: Uuid,
    /// Members by index, ascending.
    subscribers: Vec<usize>,
    /// Of each partition.
    owners: Vec<Option<usize>>,
}

struct State {
    /// In the order in which they are assigned.
    topics: Vec<Topic>,
    /// How many partitions each member has.
    sizes: Vec<usize>,
}

impl State {
    fn new(group: &GroupSpec<'_>) -> Self {
        let mut subscribers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (index, member) in group.members.values().enumerate() {
            for topic in member.topics.iter() {
                subscribers.entry(*topic).or_default().push(index);
            }
        }
        let topic = |(id, subscribers): (Uuid, Vec<usize>)| {
            let partitions = usize::try_from(*group.topics.get(&id)?).ok()?;
            let owners = vec![None; partitions];
            Some(Topic {
                id,
                subscribers,
                owners,
            })
        };
        let mut topics: Vec<Topic> = subscribers.into_iter().filter_map(topic).collect();
        let mut sizes = vec![0; group.members.len()];
        keep(group, &mut topics, &mut sizes);
        topics.sort_by(Topic::by_choice);
        Self { topics, sizes }
    }

    fn assign_free(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        let sizes = &mut self.sizes;
        let loads = topic
            .subscribers
            .iter()
            .map(|member| Reverse((sizes[*member], *member)));
        let mut least: BinaryHeap<_> = loads.collect();
        for owner in topic.owners.iter_mut().filter(|owner| owner.is_none()) {
            let Some(Reverse((size, member))) = least.pop() else {
                return;
            };
            *owner = Some(member);
            sizes[member] = size + 1;
            least.push(Reverse((size + 1, member)));
        }
    }

    /// Moves partitions of one topic; how many.
    fn balance(&mut self, topic: usize) -> usize {
        let topic = &mut self.topics[topic];
        let sizes = &mut self.sizes;
        let loads = || topic.subscribers.iter().map(|member| sizes[*member]);
        let (Some(least), Some(most)) = (loads().min(), loads().max()) else {
            return 0;
        };
        if most - least <= 1 {
            return 0;
        }
        let mut owned: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (partition, owner) in topic.owners.iter().enumerate() {
            if let Some(owner) = owner {
                owned.entry(*owner).or_default().push(partition);
            }
        }
        let mut loads: BTreeSet<(usize, usize)> = topic
            .subscribers
            .iter()
            .map(|member| (sizes[*member], *member))
            .collect();
        let mut givers: BinaryHeap<(usize, usize)> = owned
            .keys()
            .map(|member| (sizes[*member], *member))
            .collect();
        let mut moved = 0;
        while let (Some((most, giver)), Some((least, taker))) =
            (givers.pop(), loads.first().copied())
        {
            if most != sizes[giver] {
                // It took some meanwhile.
                givers.push((sizes[giver], giver));
                continue;
            }
            if most <= least + 1 {
                break;
            }
            let Some(partition) = owned.get_mut(&giver).and_then(Vec::pop) else {
                // It has others, but none of this topic.
                continue;
            };
            topic.owners[partition] = Some(taker);
            loads.remove(&(most, giver));
            loads.remove(&(least, taker));
            sizes[giver] -= 1;
            sizes[taker] += 1;
            loads.insert((sizes[giver], giver));
            loads.insert((sizes[taker], taker));
            givers.push((sizes[giver], giver));
            moved += 1;
        }
        moved
    }

    fn into_assignments(self, group: &GroupSpec<'_>) -> Assignments {
        let mut partitions = vec![BTreeMap::new(); group.members.len()];
        for topic in &self.topics {
            for (partition, owner) in (0..).zip(&topic.owners) {
                if let Some(owner) = owner {
                    let of_topic: &mut BTreeSet<_> =
                        partitions[*owner].entry(topic.id).or_default();
                    of_topic.insert(PartitionId::new(partition));
                }
            }
        }
        let members = group.members.iter().zip(partitions);
        let assignment = |((id, member), partitions): ((&Arc<str>, &super::MemberSpec<'_>), _)| {
            if *member.assigned == partitions {
                (Arc::clone(id), Arc::clone(&member.assigned))
            } else {
                (Arc::clone(id), Arc::new(partitions))
            }
        };
        members.map(assignment).collect()
    }
}

/// Gives each member what it had, of the topics that it still subscribes to.
fn keep(group: &GroupSpec<'_>, topics: &mut [Topic], sizes: &mut [usize]) {
    for (index, member) in group.members.values().enumerate() {
        for (topic, partitions) in member.assigned.iter() {
            if !member.topics.contains(topic) {
                continue;
            }
            // The topics are still in the order of their ids.
            let Ok(at) = topics.binary_search_by_key(topic, |topic| topic.id) else {
                continue;
            };
            for partition in partitions {
                let owner = usize::try_from(partition.get())
                    .ok()
                    .and_then(|partition| topics[at].owners.get_mut(partition));
                if let Some(owner @ None) = owner {
                    *owner = Some(index);
                    sizes[index] += 1;
                }
            }
        }
    }
}

impl Topic {
    /// Most partitions for each subscriber first, then fewest subscribers, then by id.
    fn by_choice(a: &Self, b: &Self) -> std::cmp::Ordering {
        let (a_each, b_each) = (
            a.owners.len() * b.subscribers.len(),
            b.owners.len() * a.subscribers.len(),
        );
        b_each
            .cmp(&a_each)
            .then(a.subscribers.len().cmp(&b.subscribers.len()))
            .then(a.id.cmp(&b.id))
    }
}
