//! What members of groups ask for, and what administrators ask about groups.

use super::{Call, Outcome};
use crate::coordinator::classic::Reply;
use crate::coordinator::consumer::Client;
use crate::coordinator::groups::{Caller, Groups, World};
use crate::format::Uuid;
use crate::protocol::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup as ConsumerGroup,
};
use crate::protocol::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use crate::protocol::messages::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use crate::protocol::messages::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
};
use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use crate::protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use crate::protocol::messages::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use crate::protocol::{ErrorCode, Request};
use tokio::sync::oneshot;

/// Everything that one may do with a group: read, delete, describe, and describe and alter
/// its configs; a bit for each of Kafka's `AclOperation`s.
pub(super) const ALL_OF_A_GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// From which version on the protocol's name may be missing.
const NO_NAME_SINCE: i16 = 7;
/// The feature that consumer groups came with.
const GROUP_VERSION: &str = "group.version";

/// Answers a `JoinGroup` once the round has its members.
pub(super) async fn join(call: &Call<'_>, body: &[u8]) -> Outcome {
    let request = match JoinGroupRequest::decode(body, call.header.version) {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let (ticket, answer) = call.broker.groups.ticket();
    let waiter = ticket.waiter;
    let member_id = request.member_id.clone();
    let group_id = request.group_id.clone();
    let begun = tokio::task::block_in_place(|| {
        let host = call.client_host();
        call.broker
            .coordinate(&group_id, Some(ticket), |groups, world| {
                Ok(groups.join(request, call.caller(&host, waiter), world))
            })
    });
    let mut response = match reply(call, begun, answer).await {
        Ok(Reply::Join(response)) => response,
        Ok(Reply::Sync(_)) => return Outcome::Close("a reply of another kind".to_owned()),
        Err(code) => JoinGroupResponse {
            error_code: code.code(),
            member_id,
            ..Default::default()
        },
    };
    if call.header.version < NO_NAME_SINCE && response.protocol_name.is_none() {
        response.protocol_name = Some(String::new());
    }
    call.answer(&response)
}

/// Answers a `SyncGroup` once the leader has assigned.
pub(super) async fn sync(call: &Call<'_>, body: &[u8]) -> Outcome {
    let request = match SyncGroupRequest::decode(body, call.header.version) {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let (ticket, answer) = call.broker.groups.ticket();
    let waiter = ticket.waiter;
    let begun = tokio::task::block_in_place(|| {
        let broker = call.broker;
        broker.coordinate(&request.group_id, Some(ticket), |groups, world| {
            Ok(groups.sync(&request, waiter, world))
        })
    });
    match reply(call, begun, answer).await {
        Ok(Reply::Sync(response)) => call.answer(&response),
        Ok(Reply::Join(_)) => Outcome::Close("a reply of another kind".to_owned()),
        Err(code) => call.answer(&SyncGroupResponse {
            error_code: code.code(),
            ..Default::default()
        }),
    }
}

/// Waits for the answer of a request that has begun, unless the server stops.
async fn reply(
    call: &Call<'_>,
    begun: Result<(), ErrorCode>,
    answer: oneshot::Receiver<Reply>,
) -> Result<Reply, ErrorCode> {
    begun?;
    let mut stopping = call.broker.stopping.clone();
    tokio::select! {
        answered = answer => answered.map_err(|_| ErrorCode::CoordinatorNotAvailable),
        _ = stopping.wait_for(|stopping| *stopping) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}

impl Call<'_> {
    /// The client's address as Java shows it.
    pub(super) fn client_host(&self) -> String {
        format!("/{}", self.peer.ip())
    }

    pub(super) fn caller<'c>(&'c self, host: &'c str, waiter: u64) -> Caller<'c> {
        let mut unique = [0; 16];
        self.broker.host.random(&mut unique);
        // A random one, as RFC 9562 marks them.
        unique[6] = unique[6] & 0x0f | 0x40;
        unique[8] = unique[8] & 0x3f | 0x80;
        Caller {
            client: Client {
                id: self.header.client_id.as_deref().unwrap_or_default(),
                host,
            },
            version: self.header.version,
            unique: Uuid::from_bytes(unique),
            waiter,
        }
    }

    fn serves_consumer_groups(&self) -> bool {
        let image = self.broker.image();
        image
            .features()
            .get(GROUP_VERSION)
            .is_some_and(|level| *level >= 1)
    }
}

pub(super) fn heartbeat(call: &Call<'_>, request: HeartbeatRequest) -> HeartbeatResponse {
    let done = call
        .broker
        .coordinate(&request.group_id, None, |groups, world| {
            Ok(groups.heartbeat(&request, world))
        });
    done.unwrap_or_else(|code| HeartbeatResponse {
        error_code: code.code(),
        ..Default::default()
    })
}

pub(super) fn leave(call: &Call<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let group_id = request.group_id.clone();
    let done = call.broker.coordinate(&group_id, None, |groups, world| {
        Ok(groups.leave(request, call.header.version, world))
    });
    done.unwrap_or_else(|code| LeaveGroupResponse {
        error_code: code.code(),
        ..Default::default()
    })
}

pub(super) fn consumer_heartbeat(
    call: &Call<'_>,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let refused = |code: ErrorCode| ConsumerGroupHeartbeatResponse {
        error_code: code.code(),
        ..Default::default()
    };
    if !call.serves_consumer_groups() {
        return refused(ErrorCode::UnsupportedVersion);
    }
    let host = call.client_host();
    let done = call
        .broker
        .coordinate(&request.group_id, None, |groups, world| {
            Ok(groups.consumer_heartbeat(&request, call.caller(&host, 0), world))
        });
    done.unwrap_or_else(refused)
}

pub(super) fn list(call: &Call<'_>, request: ListGroupsRequest) -> ListGroupsResponse {
    let done = call
        .broker
        .coordinate_all(|groups, _| groups.listed(&request.states_filter, &request.types_filter));
    let (groups, code): (Vec<Vec<ListedGroup>>, _) = match done {
        Ok(groups) => (groups, ErrorCode::None),
        Err(code) => (Vec::new(), code),
    };
    ListGroupsResponse {
        error_code: code.code(),
        groups: groups.into_iter().flatten().collect(),
        ..Default::default()
    }
}

pub(super) fn describe(call: &Call<'_>, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let version = call.header.version;
    let describe = |group_id: &String| {
        let done = call.broker.coordinate(group_id, None, |groups, _| {
            Ok(groups.described(group_id, version))
        });
        let mut group = done.unwrap_or_else(|code| DescribedGroup {
            error_code: code.code(),
            group_id: group_id.clone(),
            ..Default::default()
        });
        if request.include_authorized_operations && version >= 3 && group.error_code == 0 {
            group.authorized_operations = ALL_OF_A_GROUP;
        }
        group
    };
    DescribeGroupsResponse {
        groups: request.groups.iter().map(describe).collect(),
        ..Default::default()
    }
}

pub(super) fn describe_consumer(
    call: &Call<'_>,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let refused = |group_id: &String, code: ErrorCode| ConsumerGroup {
        error_code: code.code(),
        group_id: group_id.clone(),
        ..Default::default()
    };
    let describe = |group_id: &String| {
        if !call.serves_consumer_groups() {
            return refused(group_id, ErrorCode::UnsupportedVersion);
        }
        let done = call.broker.coordinate(group_id, None, |groups, world| {
            Ok(groups.described_consumer(group_id, world))
        });
        let mut group = done.unwrap_or_else(|code| refused(group_id, code));
        if request.include_authorized_operations && group.error_code == 0 {
            group.authorized_operations = ALL_OF_A_GROUP;
        }
        group
    };
    ConsumerGroupDescribeResponse {
        groups: request.group_ids.iter().map(describe).collect(),
        ..Default::default()
    }
}

pub(super) fn delete(call: &Call<'_>, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let delete = |group_id: String| {
        let done = call.broker.delete_share_states(&group_id).and_then(|()| {
            let delete = |groups: &mut Groups, _: World<'_>| groups.delete(&group_id);
            call.broker.coordinate(&group_id, None, delete)
        });
        DeletableGroupResult {
            error_code: done.err().unwrap_or(ErrorCode::None).code(),
            group_id,
            ..Default::default()
        }
    };
    DeleteGroupsResponse {
        results: request.groups_names.into_iter().map(delete).collect(),
        ..Default::default()
    }
}
