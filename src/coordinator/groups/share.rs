//! What members of share groups ask for, and administrators about them.

use super::{Caller, Groups, Outcome, World};
use crate::coordinator::consumer::Record;
use crate::coordinator::consumer::partitions::Partitions;
use crate::coordinator::share::Initialize;
use crate::format::Uuid;
use crate::protocol::ErrorCode;
use crate::protocol::messages::share_group_describe::DescribedGroup;
use crate::protocol::messages::share_group_heartbeat::{
    ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse,
};

impl Groups {
    /// Answers a `ShareGroupHeartbeat`, and says whose state is to be set up.
    pub fn share_heartbeat(
        &mut self,
        request: &ShareGroupHeartbeatRequest,
        caller: Caller<'_>,
        world: World<'_>,
    ) -> Outcome<(ShareGroupHeartbeatResponse, Option<Initialize>)> {
        let id = &request.group_id;
        if self.is_of_other_kind(id) {
            let response = ShareGroupHeartbeatResponse {
                error_code: ErrorCode::GroupIdNotFound.code(),
                error_message: Some(format!("Group {id} is not a share group.")),
                ..ShareGroupHeartbeatResponse::default()
            };
            return Outcome::new((response, None));
        }
        let config = (world.share)(id);
        let answer =
            self.share
                .heartbeat(request, caller.client, world.now_ms, world.topics, &config);
        Outcome::new(answer.response).with_records(answer.records)
    }

    fn is_of_other_kind(&self, group_id: &str) -> bool {
        self.classic.contains(group_id) || self.consumer.get(group_id).is_some()
    }

    /// A share group for `ShareGroupDescribe`.
    pub fn described_share(&self, group_id: &str, world: World<'_>) -> Outcome<DescribedGroup> {
        Outcome::new(self.share.describe(group_id, world.topics))
    }

    /// Whether there is a share group of that id.
    pub fn is_share(&self, group_id: &str) -> Outcome<bool> {
        Outcome::new(self.share.get(group_id).is_some())
    }

    /// The partitions that a share group has state of.
    pub fn shared_partitions(&self, group_id: &str) -> Outcome<Partitions> {
        let group = self.share.get(group_id);
        Outcome::new(group.map(|group| group.initialized()).unwrap_or_default())
    }

    /// The states of these partitions are set up, or could not be.
    pub fn share_initialized(
        &mut self,
        group_id: &str,
        done: &Partitions,
        failed: &Partitions,
        world: World<'_>,
    ) -> Outcome<()> {
        let mut records = Vec::new();
        if !done.is_empty() {
            records = self.share.initialized(group_id, done, world.topics);
        }
        if !failed.is_empty() {
            records.extend(self.share.uninitialized(group_id, failed));
        }
        Outcome::new(()).with_records(last_of(records))
    }

    /// Begins to set states up anew.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND` for a group of another kind, `NON_EMPTY_GROUP`.
    pub fn alter_share(
        &mut self,
        group_id: &str,
        partitions: &Partitions,
        world: World<'_>,
    ) -> Result<Outcome<Initialize>, ErrorCode> {
        if self.is_of_other_kind(group_id) {
            return Err(ErrorCode::GroupIdNotFound);
        }
        let answer = self.share.alter(group_id, partitions, world.topics)?;
        Ok(Outcome::new(answer.response).with_records(answer.records))
    }

    /// Begins to delete the states of a share group: of some topics, or of all. What to
    /// delete.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn begin_delete_share(
        &mut self,
        group_id: &str,
        only: Option<&[Uuid]>,
        world: World<'_>,
    ) -> Result<Outcome<Partitions>, ErrorCode> {
        let answer = self.share.begin_delete(group_id, only, world.topics)?;
        Ok(Outcome::new(answer.response).with_records(answer.records))
    }

    /// The states of these topics are deleted.
    pub fn share_deleted(&mut self, group_id: &str, topics: &[Uuid]) -> Outcome<()> {
        let records = self.share.deleted(group_id, topics);
        Outcome::new(()).with_records(records)
    }

    /// A topic is gone, and what share groups had of it.
    pub fn share_topic_deleted(&mut self, id: &Uuid) -> Outcome<()> {
        let records = self.share.topic_deleted(id);
        Outcome::new(()).with_records(records)
    }
}

/// Of records with the same key the last counts.
fn last_of(mut records: Vec<Record>) -> Vec<Record> {
    let last = records.pop();
    last.into_iter().collect()
}
