//! What members of groups ask for: each request goes to the kind that its group is of.

use super::{Groups, Outcome, World};
use crate::coordinator::classic::{Effects, Reply, Waiter};
use crate::coordinator::consumer::{Client, Failure};
use crate::format::Uuid;
use crate::protocol::ErrorCode;
use crate::protocol::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use crate::protocol::messages::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};

/// Who asks, and how they are called back.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The client.
    pub client: Client<'a>,
    /// The version of the request.
    pub version: i16,
    /// A number for this request alone, for the id of a member that has none.
    pub unique: Uuid,
    /// Where the answer goes to if it comes later.
    pub waiter: Waiter,
}

impl Groups {
    /// Answers a `JoinGroup`, in the replies: at once or later.
    pub fn join(
        &mut self,
        mut request: JoinGroupRequest,
        caller: Caller<'_>,
        world: World<'_>,
    ) -> Outcome<()> {
        let group_id = request.group_id.clone();
        if self.share.get(&group_id).is_some() {
            let code = ErrorCode::InconsistentGroupProtocol;
            return joined(caller.waiter, Err(code), "");
        }
        let limits = world.classic.min_session_timeout_ms..=world.classic.max_session_timeout_ms;
        let refused = if group_id.is_empty() {
            Some(ErrorCode::InvalidGroupId)
        } else if !limits.contains(&request.session_timeout_ms) {
            Some(ErrorCode::InvalidSessionTimeout)
        } else {
            None
        };
        if let Some(code) = refused {
            return joined(caller.waiter, Err(code), &request.member_id);
        }
        if self
            .consumer
            .get(&group_id)
            .is_some_and(|group| !group.is_empty())
        {
            return self.join_consumer_group(&request, caller, world);
        }
        if request.rebalance_timeout_ms == -1 {
            // Version 0 has one time for both.
            request.rebalance_timeout_ms = request.session_timeout_ms;
        }
        // A consumer group that is empty gives way.
        let gone = self.consumer.delete(&group_id).unwrap_or_default();
        let Caller {
            client,
            version,
            unique,
            waiter,
        } = caller;
        let effects = self
            .classic
            .join(&request, version, client, unique, waiter, world.scene());
        let outcome = Outcome {
            records: gone,
            ..Outcome::new(())
        };
        outcome.with(effects)
    }

    fn join_consumer_group(
        &mut self,
        request: &JoinGroupRequest,
        caller: Caller<'_>,
        world: World<'_>,
    ) -> Outcome<()> {
        let config = (world.consumer)(&request.group_id);
        let answered = self.consumer.join(
            request,
            caller.version,
            caller.client,
            &caller.unique.to_string(),
            world.context(&config),
        );
        match answered {
            Some(Ok(answer)) => {
                let mut outcome = self.finish(answer, world, |response| response);
                let reply = (caller.waiter, Reply::Join(outcome.response));
                outcome.replies.insert(0, reply);
                Outcome {
                    producer: None,
                    response: (),
                    records: outcome.records,
                    replies: outcome.replies,
                    applied: outcome.applied,
                }
            }
            Some(Err(failure)) => joined(caller.waiter, Err(failure.code), &request.member_id),
            None => {
                let code = ErrorCode::UnknownMemberId;
                joined(caller.waiter, Err(code), &request.member_id)
            }
        }
    }

    /// Answers a `SyncGroup`, in the replies: at once or later.
    pub fn sync(
        &mut self,
        request: &SyncGroupRequest,
        waiter: Waiter,
        world: World<'_>,
    ) -> Outcome<()> {
        if request.group_id.is_empty() {
            return synced(waiter, ErrorCode::InvalidGroupId);
        }
        let config = (world.consumer)(&request.group_id);
        match self.consumer.sync(request, world.context(&config)) {
            None => {
                let effects = self.classic.sync(request, waiter, world.scene());
                Outcome::new(()).with(effects)
            }
            Some(Ok(answer)) => {
                let outcome = self.finish(answer, world, |response| response);
                Outcome {
                    records: outcome.records,
                    replies: vec![(waiter, Reply::Sync(outcome.response))],
                    ..Outcome::new(())
                }
            }
            Some(Err(failure)) => synced(waiter, failure.code),
        }
    }

    /// Answers a `Heartbeat`.
    pub fn heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        world: World<'_>,
    ) -> Outcome<HeartbeatResponse> {
        let answer = |code: ErrorCode| {
            Outcome::new(HeartbeatResponse {
                error_code: code.code(),
                ..Default::default()
            })
        };
        if request.group_id.is_empty() {
            return answer(ErrorCode::InvalidGroupId);
        }
        let config = (world.consumer)(&request.group_id);
        match self
            .consumer
            .classic_heartbeat(request, world.context(&config))
        {
            None => answer(self.classic.heartbeat(request, world.scene())),
            Some(Ok(answer)) => self.finish(answer, world, |response| response),
            Some(Err(failure)) => answer(failure.code),
        }
    }

    /// Answers a `LeaveGroup`.
    pub fn leave(
        &mut self,
        mut request: LeaveGroupRequest,
        version: i16,
        world: World<'_>,
    ) -> Outcome<LeaveGroupResponse> {
        if version < 3 {
            request.members = vec![MemberIdentity {
                member_id: std::mem::take(&mut request.member_id),
                ..Default::default()
            }];
        }
        if request.group_id.is_empty() {
            return Outcome::new(LeaveGroupResponse {
                error_code: ErrorCode::InvalidGroupId.code(),
                ..Default::default()
            });
        }
        let config = (world.consumer)(&request.group_id);
        let mut outcome = match self.consumer.leave(&request, world.context(&config)) {
            Some(answer) => self.finish(answer, world, |response| response),
            None => match self.classic.leave(&request, world.scene()) {
                Some((response, effects)) => Outcome::new(response).with(effects),
                None => Outcome::new(nobody_left(&request)),
            },
        };
        if version < 3 {
            // One member, and its error is that of the response.
            let members = std::mem::take(&mut outcome.response.members);
            outcome.response.error_code = members.first().map_or(0, |member| member.error_code);
        }
        outcome
    }

    /// Answers a `ConsumerGroupHeartbeat`.
    pub fn consumer_heartbeat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        caller: Caller<'_>,
        world: World<'_>,
    ) -> Outcome<ConsumerGroupHeartbeatResponse> {
        let config = (world.consumer)(&request.group_id);
        if self.share.get(&request.group_id).is_some() {
            return Outcome::new(ConsumerGroupHeartbeatResponse {
                error_code: ErrorCode::GroupIdNotFound.code(),
                error_message: Some(format!(
                    "Group {} is not a consumer group.",
                    request.group_id
                )),
                ..Default::default()
            });
        }
        let context = world.context(&config);
        let made_id = caller.unique.to_string();
        let Caller {
            client, version, ..
        } = caller;
        let classic = self.classic.to_migrate(&request.group_id);
        let (Some(classic), 0) = (classic, request.member_epoch) else {
            let answer = self
                .consumer
                .heartbeat(request, version, client, &made_id, context);
            return self.finish(answer, world, |response| response);
        };
        let answer = self
            .consumer
            .upgrade(&classic, request, version, client, &made_id, context);
        let mut effects = Effects::default();
        if answer.response.error_code == 0 {
            effects = self.classic.drop_group(&request.group_id, world.now_ms);
        }
        self.finish(answer, world, |response| response)
            .with(effects)
    }
}

fn joined(waiter: Waiter, code: Result<(), ErrorCode>, member_id: &str) -> Outcome<()> {
    let response = JoinGroupResponse {
        error_code: code.err().unwrap_or(ErrorCode::None).code(),
        member_id: member_id.to_owned(),
        protocol_name: None,
        ..Default::default()
    };
    Outcome {
        replies: vec![(waiter, Reply::Join(response))],
        ..Outcome::new(())
    }
}

fn synced(waiter: Waiter, code: ErrorCode) -> Outcome<()> {
    let response = SyncGroupResponse {
        error_code: code.code(),
        ..Default::default()
    };
    Outcome {
        replies: vec![(waiter, Reply::Sync(response))],
        ..Outcome::new(())
    }
}

fn nobody_left(request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let member = |identity: &MemberIdentity| MemberResponse {
        member_id: identity.member_id.clone(),
        group_instance_id: identity.group_instance_id.clone(),
        error_code: ErrorCode::UnknownMemberId.code(),
        ..Default::default()
    };
    LeaveGroupResponse {
        members: request.members.iter().map(member).collect(),
        ..Default::default()
    }
}

impl From<Failure> for ErrorCode {
    fn from(failure: Failure) -> Self {
        failure.code
    }
}
