//! What administrators ask for.

use super::{Groups, Outcome, World};
use crate::coordinator::classic::ClassicGroups;
use crate::protocol::ErrorCode;
use crate::protocol::messages::consumer_group_describe::DescribedGroup as DescribedConsumerGroup;
use crate::protocol::messages::describe_groups::DescribedGroup;
use crate::protocol::messages::list_groups::ListedGroup;

/// From which version on `DescribeGroups` tells that a group is missing.
const MISSING_GROUP_SINCE: i16 = 6;

impl Groups {
    /// All groups of these states and types, in any case; none given is all.
    pub fn listed(&self, states: &[String], types: &[String]) -> Outcome<Vec<ListedGroup>> {
        let consumer = self.consumer.iter().map(|group| ListedGroup {
            group_id: group.id().to_owned(),
            protocol_type: "consumer".to_owned(),
            group_state: group.state().to_string(),
            group_type: "Consumer".to_owned(),
            ..Default::default()
        });
        let share = self.share.iter().map(|group| ListedGroup {
            group_id: group.id().to_owned(),
            protocol_type: "share".to_owned(),
            group_state: group.state_name().to_owned(),
            group_type: "Share".to_owned(),
            ..Default::default()
        });
        let is_one_of = |wanted: &[String], found: &str| {
            let mut wanted = wanted.iter().map(|name| name.trim());
            wanted.len() == 0 || wanted.any(|name| name.eq_ignore_ascii_case(found))
        };
        let wanted = |group: &ListedGroup| {
            is_one_of(states, &group.group_state) && is_one_of(types, &group.group_type)
        };
        let all = self.classic.list().chain(consumer).chain(share);
        Outcome::new(all.filter(wanted).collect())
    }

    /// A classic group for `DescribeGroups`.
    pub fn described(&self, group_id: &str, version: i16) -> Outcome<DescribedGroup> {
        Outcome::new(self.describe(group_id, version))
    }

    fn describe(&self, group_id: &str, version: i16) -> DescribedGroup {
        if let Some(group) = self.classic.describe(group_id) {
            return group;
        }
        let dead = DescribedGroup {
            group_id: group_id.to_owned(),
            group_state: "Dead".to_owned(),
            ..Default::default()
        };
        if version < MISSING_GROUP_SINCE {
            return dead;
        }
        let is_other = self.consumer.get(group_id).is_some() || self.share.get(group_id).is_some();
        let what = match is_other {
            true => format!("Group {group_id} is not a classic group."),
            false => format!("Group {group_id} not found."),
        };
        DescribedGroup {
            error_code: ErrorCode::GroupIdNotFound.code(),
            error_message: Some(what),
            ..dead
        }
    }

    /// A consumer group for `ConsumerGroupDescribe`.
    pub fn described_consumer(
        &self,
        group_id: &str,
        world: World<'_>,
    ) -> Outcome<DescribedConsumerGroup> {
        let config = (world.consumer)(group_id);
        Outcome::new(self.consumer.describe(group_id, world.context(&config)))
    }

    /// Deletes a group without members, with its offsets.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn delete(&mut self, group_id: &str) -> Result<Outcome<()>, ErrorCode> {
        if let Some(group) = self.share.get(group_id) {
            if !group.is_empty() {
                return Err(ErrorCode::NonEmptyGroup);
            }
            let records = self.share.tombstones(group_id);
            let outcome = Outcome {
                applied: false,
                ..Outcome::new(())
            };
            return Ok(outcome.with_records(records));
        }
        let group = match self.consumer.get(group_id) {
            Some(group) if !group.is_empty() => return Err(ErrorCode::NonEmptyGroup),
            Some(_) => self.consumer.tombstones(group_id),
            None => {
                self.classic.check_delete(group_id)?;
                vec![ClassicGroups::tombstone(group_id)]
            }
        };
        let offsets = self.offsets.of_group(group_id);
        let mut outcome = Outcome {
            applied: false,
            ..Outcome::new(())
        };
        outcome.records = offsets.into_iter().map(|key| (key, None)).collect();
        outcome.records.extend(group);
        Ok(outcome)
    }
}
