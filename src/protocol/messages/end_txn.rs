//! `EndTxn`, API key 26.

use crate::format::schema::schema;

schema! {
    messages {
        EndTxnRequest, 0..=5, flexible 3, {
            transactional_id: String, 0..;
            producer_id: i64, 0..;
            producer_epoch: i16, 0..;
            committed: bool, 0..;
        }

        EndTxnResponse, 0..=5, flexible 3, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            producer_id: i64, 5.., default -1, or ignored;
            producer_epoch: i16, 5.., default -1, or ignored;
        }
    }
    structs {
    }
}
