//! `FindCoordinator`: this node, for every group and every transactional id.

use super::Call;
use crate::broker::topics;
use crate::log::layout::{OFFSETS_TOPIC, SHARE_GROUPS_TOPIC, TRANSACTIONS_TOPIC};
use crate::protocol::ErrorCode;
use crate::protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};

pub(super) fn find_coordinator(
    call: &Call<'_>,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let found = found(call, request.key_type);
    let endpoint = call.broker.config.advertised(call.listener);
    let (node_id, host, port) = match found {
        ErrorCode::None => (
            call.broker.node.get(),
            endpoint.host,
            i32::from(endpoint.port),
        ),
        _ => (-1, String::new(), -1),
    };
    if call.header.version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(|key| Coordinator {
            key,
            node_id,
            host: host.clone(),
            port,
            error_code: found.code(),
            error_message: Some(String::new()),
            ..Coordinator::default()
        });
        return FindCoordinatorResponse {
            coordinators: coordinators.collect(),
            ..FindCoordinatorResponse::default()
        };
    }
    FindCoordinatorResponse {
        error_code: found.code(),
        error_message: Some(found.name().to_owned()),
        node_id,
        host,
        port,
        ..FindCoordinatorResponse::default()
    }
}

/// Makes the topic that the coordinator keeps its state in, where it is missing.
fn found(call: &Call<'_>, kind: i8) -> ErrorCode {
    let topic = match kind {
        0 => OFFSETS_TOPIC,
        1 => TRANSACTIONS_TOPIC,
        2 => SHARE_GROUPS_TOPIC,
        _ => return ErrorCode::InvalidRequest,
    };
    if call.broker.image().topic(topic).is_some() {
        return ErrorCode::None;
    }
    match topics::create_default(call.broker, topic) {
        Ok(()) => ErrorCode::None,
        Err(error) => {
            tracing::warn!(topic, %error, "cannot create");
            ErrorCode::CoordinatorNotAvailable
        }
    }
}
