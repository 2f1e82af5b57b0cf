//! `JoinGroup`, API key 11.

use crate::format::schema::schema;

schema! {
    messages {
        JoinGroupRequest, 0..=9, flexible 6, {
            group_id: String, 0..;
            session_timeout_ms: i32, 0..;
            rebalance_timeout_ms: i32, 1.., default -1, or ignored;
            member_id: String, 0..;
            group_instance_id: Option<String>, 5..;
            protocol_type: String, 0..;
            protocols: Vec<JoinGroupRequestProtocol>, 0..;
            reason: Option<String>, 8.., or ignored;
        }

        JoinGroupResponse, 0..=9, flexible 6, {
            throttle_time_ms: i32, 2.., or ignored;
            error_code: i16, 0..;
            generation_id: i32, 0.., default -1;
            protocol_type: Option<String>, 7.., or ignored;
            protocol_name: Option<String>, 0.., default Some(Default::default());
            leader: String, 0..;
            skip_assignment: bool, 9..;
            member_id: String, 0..;
            members: Vec<JoinGroupResponseMember>, 0..;
        }
    }
    structs {
        JoinGroupRequestProtocol, {
            name: String, 0..;
            metadata: Vec<u8>, 0..;
        }

        JoinGroupResponseMember, {
            member_id: String, 0..;
            group_instance_id: Option<String>, 5.., or ignored;
            metadata: Vec<u8>, 0..;
        }
    }
}
