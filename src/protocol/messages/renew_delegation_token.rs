//! `RenewDelegationToken`, API key 39.

use crate::format::schema::schema;

schema! {
    messages {
        RenewDelegationTokenRequest, 1..=2, flexible 2, {
            hmac: Vec<u8>, 0..;
            renew_period_ms: i64, 0..;
        }

        RenewDelegationTokenResponse, 1..=2, flexible 2, {
            error_code: i16, 0..;
            expiry_timestamp_ms: i64, 0..;
            throttle_time_ms: i32, 0..;
        }
    }
    structs {
    }
}
