//! `SyncGroup`, API key 14.

use crate::format::schema::schema;

schema! {
    messages {
        SyncGroupRequest, 0..=5, flexible 4, {
            group_id: String, 0..;
            generation_id: i32, 0..;
            member_id: String, 0..;
            group_instance_id: Option<String>, 3..;
            protocol_type: Option<String>, 5.., or ignored;
            protocol_name: Option<String>, 5.., or ignored;
            assignments: Vec<SyncGroupRequestAssignment>, 0..;
        }

        SyncGroupResponse, 0..=5, flexible 4, {
            throttle_time_ms: i32, 1.., or ignored;
            error_code: i16, 0..;
            protocol_type: Option<String>, 5.., or ignored;
            protocol_name: Option<String>, 5.., or ignored;
            assignment: Vec<u8>, 0..;
        }
    }
    structs {
        SyncGroupRequestAssignment, {
            member_id: String, 0..;
            assignment: Vec<u8>, 0..;
        }
    }
}
