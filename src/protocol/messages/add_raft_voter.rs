//! `AddRaftVoter`, API key 80.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        AddRaftVoterRequest, 0..=1, flexible 0, {
            cluster_id: Option<String>, 0.., default Some(Default::default());
            timeout_ms: i32, 0..;
            voter_id: i32, 0..;
            voter_directory_id: Uuid, 0..;
            listeners: Vec<Listener>, 0..;
            ack_when_committed: bool, 1.., default true;
        }

        AddRaftVoterResponse, 0..=1, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default()), or ignored;
        }
    }
    structs {
        Listener, {
            name: String, 0..;
            host: String, 0..;
            port: u16, 0..;
        }
    }
}
