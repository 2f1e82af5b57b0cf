//! `ConsumerGroupDescribe`, versions 0 and 1.

use super::change::Context;
use super::group::ConsumerGroup;
use super::member::Member;
use super::partitions::{Partitions, without_epochs};
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::messages::consumer_group_describe::{
    Assignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use std::collections::BTreeSet;

/// The types of members.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

pub(super) fn describe(group: &ConsumerGroup, context: Context<'_>) -> DescribedGroup {
    let assignor = group.preferred_assignor();
    let assignor = assignor.unwrap_or_else(|| context.config.default_assignor().name());
    DescribedGroup {
        group_id: group.id.clone(),
        group_state: group.state().to_string(),
        group_epoch: group.epoch,
        assignment_epoch: group.assignment_epoch,
        assignor_name: assignor.to_owned(),
        members: group
            .members()
            .map(|member| describe_member(group, member, context))
            .collect(),
        ..Default::default()
    }
}

fn describe_member(
    group: &ConsumerGroup,
    member: &Member,
    context: Context<'_>,
) -> DescribedMember {
    // What it has to give up is still its own.
    let mut owned = without_epochs(&member.assigned);
    for (topic, partitions) in without_epochs(&member.revoking) {
        owned.entry(topic).or_default().extend(partitions);
    }
    let target = group.target(&member.id).cloned().unwrap_or_default();
    DescribedMember {
        member_id: member.id.to_string(),
        instance_id: member.instance_id.clone(),
        rack_id: member.rack_id.clone(),
        member_epoch: member.epoch,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.topic_names.iter().cloned().collect(),
        subscribed_topic_regex: member.topic_regex.clone(),
        assignment: assignment(&owned, context),
        target_assignment: assignment(&target, context),
        member_type: if member.is_classic() {
            CLASSIC
        } else {
            CONSUMER
        },
        ..Default::default()
    }
}

/// Partitions of topics that are there.
fn assignment(partitions: &Partitions, context: Context<'_>) -> Assignment {
    let topic = |(topic_id, partitions): (&Uuid, &BTreeSet<PartitionId>)| {
        let topic = context.topics.by_id(topic_id)?;
        Some(TopicPartitions {
            topic_id: *topic_id,
            topic_name: topic.name.to_owned(),
            partitions: partitions.iter().map(|partition| partition.get()).collect(),
            ..Default::default()
        })
    };
    Assignment {
        topic_partitions: partitions.iter().filter_map(topic).collect(),
        ..Default::default()
    }
}
