//! `range`: each topic's partitions are cut into runs, one for each subscriber, in the
//! order of the members. Topics with as many partitions and the same subscribers are
//! cut alike, so that they can be joined partition by partition.
//!
//! Static members come first, by instance id, so that a restart changes nothing.

use super::{Assignments, GroupSpec, MemberSpec};
use crate::format::Uuid;
use crate::format::types::PartitionId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a topic is being cut.
struct Cut {
    next: i32,
    partitions: i32,
    each: i32,
    /// How many members still get one more.
    extra: i32,
}

pub(super) fn assign(group: &GroupSpec<'_>) -> Assignments {
    let mut cuts = cuts(group);
    let mut assignments = Assignments::new();
    for (member_id, member) in in_order(group) {
        let runs = member.topics.iter().filter_map(|topic| {
            let run = cuts.get_mut(topic)?.next_run();
            (!run.is_empty()).then(|| (*topic, run.map(PartitionId::new).collect()))
        });
        assignments.insert(Arc::clone(member_id), Arc::new(runs.collect()));
    }
    assignments
}

fn cuts(group: &GroupSpec<'_>) -> BTreeMap<Uuid, Cut> {
    let mut subscribers: BTreeMap<Uuid, i32> = BTreeMap::new();
    for member in group.members.values() {
        for topic in member.topics.iter() {
            *subscribers.entry(*topic).or_default() += 1;
        }
    }
    let cut = |(topic, count): (Uuid, i32)| {
        let partitions = *group.topics.get(&topic)?;
        let cut = Cut {
            next: 0,
            partitions,
            each: partitions / count,
            extra: partitions % count,
        };
        Some((topic, cut))
    };
    subscribers.into_iter().filter_map(cut).collect()
}

fn in_order<'g>(group: &'g GroupSpec<'_>) -> Vec<(&'g Arc<str>, &'g MemberSpec<'g>)> {
    let mut members: Vec<_> = group.members.iter().collect();
    // The sort is stable and the map in the order of member ids.
    members.sort_by_key(|(_, member)| (member.instance_id.is_none(), member.instance_id));
    members
}

impl Cut {
    fn next_run(&mut self) -> std::ops::Range<i32> {
        let mut length = self.each;
        if self.extra > 0 {
            length += 1;
            self.extra -= 1;
        }
        let start = self.next;
        self.next = (start + length).min(self.partitions);
        start..self.next
    }
}
