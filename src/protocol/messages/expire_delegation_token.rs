//! `ExpireDelegationToken`, API key 40.

use crate::format::schema::schema;

schema! {
    messages {
        ExpireDelegationTokenRequest, 1..=2, flexible 2, {
            hmac: Vec<u8>, 0..;
            expiry_time_period_ms: i64, 0..;
        }

        ExpireDelegationTokenResponse, 1..=2, flexible 2, {
            error_code: i16, 0..;
            expiry_timestamp_ms: i64, 0..;
            throttle_time_ms: i32, 0..;
        }
    }
    structs {
    }
}
