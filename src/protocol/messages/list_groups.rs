//! `ListGroups`, API key 16.

use crate::format::schema::schema;

schema! {
    messages {
        ListGroupsRequest, 0..=5, flexible 3, {
            states_filter: Vec<String>, 4..;
            types_filter: Vec<String>, 5..;
        }

        ListGroupsResponse, 0..=5, flexible 3, {
            throttle_time_ms: i32, 1.., or ignored;
            error_code: i16, 0..;
            groups: Vec<ListedGroup>, 0..;
        }
    }
    structs {
        ListedGroup, {
            group_id: String, 0..;
            protocol_type: String, 0..;
            group_state: String, 4.., or ignored;
            group_type: String, 5.., or ignored;
        }
    }
}
