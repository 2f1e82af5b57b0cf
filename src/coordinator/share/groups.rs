//! All share groups of a coordinator, with their members' deadlines. As with consumer
//! groups, a request's records are replayed at once; the caller writes them.

use super::ShareConfig;
use super::assignor;
use super::group::ShareGroup;
use super::heartbeat::{LEFT, Scene, Seen, heartbeat, leave, unknown, validate};
use crate::coordinator::consumer::partitions::Partitions;
use crate::coordinator::consumer::topics::Topics;
use crate::coordinator::consumer::{Client, Failure, Record};
use crate::coordinator::timers::Timers;
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::protocol::ErrorCode;
use crate::protocol::messages::share_group_describe::{
    Assignment, DescribedGroup, Member, TopicPartitions,
};
use crate::protocol::messages::share_group_heartbeat::{
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All share groups of a coordinator.
#[derive(Debug, Clone, Default)]
pub struct ShareGroups {
    pub(super) groups: BTreeMap<Arc<str>, Slot>,
    sessions: Timers<(Arc<str>, Arc<str>)>,
}

/// A group, and what no record says of it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) group: ShareGroup,
    seen: Seen,
}

/// What to answer once the records are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<R> {
    /// The answer.
    pub response: R,
    /// What to write. It is replayed already.
    pub records: Vec<Record>,
}

/// Partitions whose state is to be set up once the records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initialize {
    /// The epoch of their state.
    pub epoch: i32,
    /// The partitions.
    pub partitions: Partitions,
}

impl ShareGroups {
    /// A group.
    pub fn get(&self, group_id: &str) -> Option<&ShareGroup> {
        self.groups.get(group_id).map(|slot| &slot.group)
    }

    /// All groups, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ShareGroup> {
        self.groups.values().map(|slot| &slot.group)
    }

    /// Answers a heartbeat.
    pub fn heartbeat(
        &mut self,
        request: &ShareGroupHeartbeatRequest,
        client: Client<'_>,
        now_ms: i64,
        topics: &dyn Topics,
        config: &ShareConfig,
    ) -> Answer<(ShareGroupHeartbeatResponse, Option<Initialize>)> {
        let scene = Scene {
            now_ms,
            topics,
            config,
        };
        let answered = validate(request).and_then(|()| match request.member_epoch {
            LEFT => self.leave(request, scene),
            _ => self.alive(request, client, scene),
        });
        answered.unwrap_or_else(|failure| Answer {
            response: (refused(failure), None),
            records: Vec::new(),
        })
    }

    fn alive(
        &mut self,
        request: &ShareGroupHeartbeatRequest,
        client: Client<'_>,
        scene: Scene<'_>,
    ) -> Result<Answer<(ShareGroupHeartbeatResponse, Option<Initialize>)>, Failure> {
        let id = request.group_id.as_str();
        let fresh;
        let (group, seen) = match self.groups.get(id) {
            Some(slot) => (&slot.group, slot.seen),
            None if request.member_epoch == 0 => {
                fresh = ShareGroup::new(id);
                (&fresh, Seen::default())
            }
            None => return Err(no_group(id)),
        };
        let outcome = heartbeat(group, request, client, scene, seen)?;
        self.apply(&outcome.records);
        if let Some(slot) = self.groups.get_mut(id) {
            slot.seen = outcome.seen;
        }
        let key = (Arc::from(id), Arc::from(request.member_id.as_str()));
        let due_ms = scene.now_ms + i64::from(scene.config.session_timeout_ms);
        self.sessions.set(key, due_ms);
        let initialize = outcome
            .initialize
            .map(|(epoch, partitions)| Initialize { epoch, partitions });
        Ok(Answer {
            response: (outcome.response, initialize),
            records: outcome.records,
        })
    }

    fn leave(
        &mut self,
        request: &ShareGroupHeartbeatRequest,
        scene: Scene<'_>,
    ) -> Result<Answer<(ShareGroupHeartbeatResponse, Option<Initialize>)>, Failure> {
        let group = self.get(&request.group_id);
        let group = group.ok_or_else(|| no_group(&request.group_id))?;
        let member = group.members.get(request.member_id.as_str());
        let member = member.ok_or_else(|| unknown(&request.member_id))?;
        let key = (Arc::from(group.id()), Arc::clone(&member.id));
        let records = leave(group, &request.member_id, scene);
        self.sessions.cancel(&key);
        self.apply(&records);
        let response = ShareGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: LEFT,
            ..ShareGroupHeartbeatResponse::default()
        };
        Ok(Answer {
            response: (response, None),
            records,
        })
    }

    pub(super) fn apply(&mut self, records: &[Record]) {
        for (key, value) in records {
            self.replay(key, value.as_ref());
        }
    }

    /// Takes a record of the log in. Records of other kinds change nothing.
    pub fn replay(&mut self, key: &GroupRecordKey, value: Option<&GroupRecordValue>) {
        use GroupRecordKey as Key;
        let is_ours = matches!(
            key,
            Key::ShareGroup(_)
                | Key::ShareGroupMember(_)
                | Key::ShareGroupTargetAssignment(_)
                | Key::ShareGroupTargetAssignmentMember(_)
                | Key::ShareGroupCurrentAssignment(_)
                | Key::ShareGroupStatePartitions(_)
        );
        let Some(id) = key.group().filter(|_| is_ours) else {
            return;
        };
        if matches!((key, value), (Key::ShareGroup(_), None)) {
            self.groups.remove(id);
        } else if let Some(slot) = self.groups.get_mut(id) {
            slot.group.replay(key, value);
        } else if value.is_some() {
            let mut group = ShareGroup::new(id);
            group.replay(key, value);
            let seen = Seen::default();
            self.groups.insert(Arc::from(id), Slot { group, seen });
        }
    }

    /// Gives every member its whole time, after the log was replayed.
    pub fn loaded(&mut self, now_ms: i64, config: &ShareConfig) {
        self.sessions = Timers::default();
        let due_ms = now_ms + i64::from(config.session_timeout_ms);
        for (id, slot) in &self.groups {
            for member in slot.group.members() {
                let key = (Arc::clone(id), Arc::clone(&member.id));
                self.sessions.set(key, due_ms);
            }
        }
    }

    /// When [`Self::give_up_one`] has something to do next, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.sessions.next_ms()
    }

    /// Takes a member out of its group that was silent for too long: what to write.
    /// `None` if all are in time.
    pub fn give_up_one(&mut self, now_ms: i64, topics: &dyn Topics) -> Option<Vec<Record>> {
        let (group_id, member_id) = self.sessions.pop_due(now_ms)?;
        let config = ShareConfig::default();
        let scene = Scene {
            now_ms,
            topics,
            config: &config,
        };
        let group = self.get(&group_id);
        let group = group.filter(|group| group.members.contains_key(&member_id));
        let records = group.map_or_else(Vec::new, |group| leave(group, &member_id, scene));
        self.apply(&records);
        Some(records)
    }

    /// A group for `ShareGroupDescribe`.
    pub fn describe(&self, group_id: &str, topics: &dyn Topics) -> DescribedGroup {
        let Some(group) = self.get(group_id) else {
            let failure = no_group(group_id);
            return DescribedGroup {
                error_code: failure.code.code(),
                error_message: Some(failure.message),
                group_id: group_id.to_owned(),
                ..DescribedGroup::default()
            };
        };
        let members = group.members().map(|member| Member {
            member_id: member.id.to_string(),
            rack_id: member.rack_id.clone(),
            member_epoch: member.epoch,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            subscribed_topic_names: member.topics.iter().cloned().collect(),
            assignment: assignment(&member.assigned, topics),
            ..Member::default()
        });
        DescribedGroup {
            group_id: group_id.to_owned(),
            group_state: group.state_name().to_owned(),
            group_epoch: group.epoch,
            assignment_epoch: group.assignment_epoch,
            assignor_name: assignor::NAME.to_owned(),
            members: members.collect(),
            ..DescribedGroup::default()
        }
    }
}

fn assignment(partitions: &Partitions, topics: &dyn Topics) -> Assignment {
    let known = partitions.iter().filter_map(|(id, numbers)| {
        let topic = topics.by_id(id)?;
        Some(TopicPartitions {
            topic_id: *id,
            topic_name: topic.name.to_owned(),
            partitions: numbers.iter().map(|number| number.get()).collect(),
            ..TopicPartitions::default()
        })
    });
    Assignment {
        topic_partitions: known.collect(),
        ..Assignment::default()
    }
}

fn refused(failure: Failure) -> ShareGroupHeartbeatResponse {
    ShareGroupHeartbeatResponse {
        error_code: failure.code.code(),
        error_message: Some(failure.message),
        ..ShareGroupHeartbeatResponse::default()
    }
}

pub(super) fn no_group(group_id: &str) -> Failure {
    let message = format!("Group {group_id} not found.");
    Failure::new(ErrorCode::GroupIdNotFound, message)
}
