//! `RemoveRaftVoter`, API key 81.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        RemoveRaftVoterRequest, 0..=0, flexible 0, {
            cluster_id: Option<String>, 0.., default Some(Default::default());
            voter_id: i32, 0..;
            voter_directory_id: Uuid, 0..;
        }

        RemoveRaftVoterResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default()), or ignored;
        }
    }
    structs {
    }
}
