//! `uniform` where all members subscribe to the same topics: each member gets the mean
//! number of partitions, rounded down or up, and keeps what it had up to that.
//!
//! Those that had more than the mean keep one more, as long as there are such shares.

use super::{Assignments, GroupSpec};
use crate::coordinator::consumer::partitions::Partitions;
use crate::format::Uuid;
use crate::format::types::PartitionId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn assign(group: &GroupSpec<'_>) -> Assignments {
    let Some(first) = group.members.values().next() else {
        return Assignments::new();
    };
    let mut taken = taken(group, &first.topics);
    let mut shares = Shares::new(group, &taken);

    let mut assignments = Assignments::new();
    let mut hungry: Vec<(Arc<str>, usize)> = Vec::new();
    for (member_id, member) in &group.members {
        let (kept, room) = shares.keep(&member.assigned, &mut taken);
        if room > 0 {
            hungry.push((Arc::clone(member_id), room));
        }
        assignments.insert(Arc::clone(member_id), kept);
    }

    let mut free = free(&taken);
    for (member_id, room) in hungry {
        let Some(assignment) = assignments.get_mut(&member_id) else {
            continue;
        };
        for (topic, partition) in free.by_ref().take(room) {
            let partitions = Arc::make_mut(assignment);
            partitions.entry(topic).or_default().insert(partition);
        }
    }
    debug_assert!(free.next().is_none(), "the shares cover all partitions");
    assignments
}

/// Of each partition of the topics, whether a member keeps it.
type Taken = BTreeMap<Uuid, Vec<bool>>;

/// Nobody keeps anything yet.
fn taken(group: &GroupSpec<'_>, topics: &BTreeSet<Uuid>) -> Taken {
    let known = topics.iter().filter_map(|topic| {
        let count = usize::try_from(*group.topics.get(topic)?).ok()?;
        Some((*topic, vec![false; count]))
    });
    known.collect()
}

/// The partitions that nobody keeps, in order.
fn free(taken: &Taken) -> impl Iterator<Item = (Uuid, PartitionId)> {
    taken.iter().flat_map(|(topic, taken)| {
        let free = (0..).zip(taken).filter(|(_, taken)| !**taken);
        free.map(|(partition, _)| (*topic, PartitionId::new(partition)))
    })
}

/// How many partitions the members that were not asked yet may have.
struct Shares {
    each: usize,
    /// How many members may have one more.
    extra: usize,
    members_left: usize,
}

impl Shares {
    fn new(group: &GroupSpec<'_>, taken: &Taken) -> Self {
        let all: usize = taken.values().map(Vec::len).sum();
        Self {
            each: all / group.members.len(),
            extra: all % group.members.len(),
            members_left: group.members.len(),
        }
    }

    /// What the next member keeps of what it had, and how many more it is to get.
    fn keep(&mut self, had: &Arc<Partitions>, taken: &mut Taken) -> (Arc<Partitions>, usize) {
        let mut may_have_extra = self.extra > 0;
        let mut room = self.each + usize::from(may_have_extra);
        let mut kept = Arc::clone(had);
        for (topic, partitions) in had.iter() {
            for partition in partitions {
                let mark = usize::try_from(partition.get())
                    .ok()
                    .and_then(|partition| taken.get_mut(topic)?.get_mut(partition));
                match mark {
                    Some(taken @ false) if room > 0 => {
                        *taken = true;
                        room -= 1;
                    }
                    _ => remove(Arc::make_mut(&mut kept), topic, *partition),
                }
            }
        }
        // A member with room leaves the extra share to one that has more already, as
        // long as enough members follow to take them all.
        if room > 0 && may_have_extra && self.members_left > self.extra {
            room -= 1;
            may_have_extra = false;
        }
        self.extra -= usize::from(may_have_extra);
        self.members_left -= 1;
        (kept, room)
    }
}

fn remove(partitions: &mut Partitions, topic: &Uuid, partition: PartitionId) {
    if let Some(set) = partitions.get_mut(topic) {
        set.remove(&partition);
        if set.is_empty() {
            partitions.remove(topic);
        }
    }
}
