//! `Heartbeat`, API key 12.

use crate::format::schema::schema;

schema! {
    messages {
        HeartbeatRequest, 0..=4, flexible 4, {
            group_id: String, 0..;
            generation_id: i32, 0..;
            member_id: String, 0..;
            group_instance_id: Option<String>, 3..;
        }

        HeartbeatResponse, 0..=4, flexible 4, {
            throttle_time_ms: i32, 1.., or ignored;
            error_code: i16, 0..;
        }
    }
    structs {
    }
}
