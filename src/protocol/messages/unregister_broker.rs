//! `UnregisterBroker`, API key 64.

use crate::format::schema::schema;

schema! {
    messages {
        UnregisterBrokerRequest, 0..=0, flexible 0, {
            broker_id: i32, 0..;
        }

        UnregisterBrokerResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
        }
    }
    structs {
    }
}
