//! `AddOffsetsToTxn`, API key 25.

use crate::format::schema::schema;

schema! {
    messages {
        AddOffsetsToTxnRequest, 0..=4, flexible 3, {
            transactional_id: String, 0..;
            producer_id: i64, 0..;
            producer_epoch: i16, 0..;
            group_id: String, 0..;
        }

        AddOffsetsToTxnResponse, 0..=4, flexible 3, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
        }
    }
    structs {
    }
}
