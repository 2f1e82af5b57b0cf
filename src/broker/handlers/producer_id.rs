//! `InitProducerId`: an id for an idempotent producer.

use super::Call;
use crate::broker::error_code;
use crate::protocol::ErrorCode;
use crate::protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

pub(super) fn init(call: &Call<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let failed = |code: ErrorCode| InitProducerIdResponse {
        error_code: code.code(),
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    if request.transactional_id.is_some() {
        // Transactions come with their coordinator.
        return failed(ErrorCode::CoordinatorNotAvailable);
    }
    match call.broker.new_producer_id() {
        Ok(id) => InitProducerIdResponse {
            producer_id: id.get(),
            ..InitProducerIdResponse::default()
        },
        Err(error) => {
            tracing::error!(%error, "no producer id");
            failed(error_code(&error))
        }
    }
}
