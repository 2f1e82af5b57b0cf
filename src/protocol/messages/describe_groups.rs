//! `DescribeGroups`, API key 15.

use crate::format::schema::schema;

schema! {
    messages {
        DescribeGroupsRequest, 0..=6, flexible 5, {
            groups: Vec<String>, 0..;
            include_authorized_operations: bool, 3..;
        }

        DescribeGroupsResponse, 0..=6, flexible 5, {
            throttle_time_ms: i32, 1.., or ignored;
            groups: Vec<DescribedGroup>, 0..;
        }
    }
    structs {
        DescribedGroup, {
            error_code: i16, 0..;
            error_message: Option<String>, 6..;
            group_id: String, 0..;
            group_state: String, 0..;
            protocol_type: String, 0..;
            protocol_data: String, 0..;
            members: Vec<DescribedGroupMember>, 0..;
            authorized_operations: i32, 3.., default i32::MIN;
        }

        DescribedGroupMember, {
            member_id: String, 0..;
            group_instance_id: Option<String>, 4.., or ignored;
            client_id: String, 0..;
            client_host: String, 0..;
            member_metadata: Vec<u8>, 0..;
            member_assignment: Vec<u8>, 0..;
        }
    }
}
