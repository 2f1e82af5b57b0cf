//! `DeleteGroups`, API key 42.

use crate::format::schema::schema;

schema! {
    messages {
        DeleteGroupsRequest, 0..=2, flexible 2, {
            groups_names: Vec<String>, 0..;
        }

        DeleteGroupsResponse, 0..=2, flexible 2, {
            throttle_time_ms: i32, 0..;
            results: Vec<DeletableGroupResult>, 0..;
        }
    }
    structs {
        DeletableGroupResult, {
            group_id: String, 0..;
            error_code: i16, 0..;
        }
    }
}
