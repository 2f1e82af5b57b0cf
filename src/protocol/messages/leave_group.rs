//! `LeaveGroup`, API key 13.

use crate::format::schema::schema;

schema! {
    messages {
        LeaveGroupRequest, 0..=5, flexible 4, {
            group_id: String, 0..;
            member_id: String, 0..=2;
            members: Vec<MemberIdentity>, 3..;
        }

        LeaveGroupResponse, 0..=5, flexible 4, {
            throttle_time_ms: i32, 1.., or ignored;
            error_code: i16, 0..;
            members: Vec<MemberResponse>, 3..;
        }
    }
    structs {
        MemberIdentity, {
            member_id: String, 3..;
            group_instance_id: Option<String>, 3..;
            reason: Option<String>, 5.., or ignored;
        }

        MemberResponse, {
            member_id: String, 3..;
            group_instance_id: Option<String>, 3.., default Some(Default::default());
            error_code: i16, 3..;
        }
    }
}
