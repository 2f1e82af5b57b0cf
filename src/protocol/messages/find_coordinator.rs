//! `FindCoordinator`, API key 10.

use crate::format::schema::schema;

schema! {
    messages {
        FindCoordinatorRequest, 0..=6, flexible 3, {
            key: String, 0..=3;
            key_type: i8, 1..;
            coordinator_keys: Vec<String>, 4..;
        }

        FindCoordinatorResponse, 0..=6, flexible 3, {
            throttle_time_ms: i32, 1.., or ignored;
            error_code: i16, 0..=3;
            error_message: Option<String>, 1..=3, default Some(Default::default()), or ignored;
            node_id: i32, 0..=3;
            host: String, 0..=3;
            port: i32, 0..=3;
            coordinators: Vec<Coordinator>, 4..;
        }
    }
    structs {
        Coordinator, {
            key: String, 4..;
            node_id: i32, 4..;
            host: String, 4..;
            port: i32, 4..;
            error_code: i16, 4..;
            error_message: Option<String>, 4.., default Some(Default::default()), or ignored;
        }
    }
}
