//! `CreateDelegationToken`, API key 38.

use crate::format::schema::schema;

schema! {
    messages {
        CreateDelegationTokenRequest, 1..=3, flexible 2, {
            owner_principal_type: Option<String>, 3.., default Some(Default::default());
            owner_principal_name: Option<String>, 3.., default Some(Default::default());
            renewers: Vec<CreatableRenewers>, 0..;
            max_lifetime_ms: i64, 0..;
        }

        CreateDelegationTokenResponse, 1..=3, flexible 2, {
            error_code: i16, 0..;
            principal_type: String, 0..;
            principal_name: String, 0..;
            token_requester_principal_type: String, 3..;
            token_requester_principal_name: String, 3..;
            issue_timestamp_ms: i64, 0..;
            expiry_timestamp_ms: i64, 0..;
            max_timestamp_ms: i64, 0..;
            token_id: String, 0..;
            hmac: Vec<u8>, 0..;
            throttle_time_ms: i32, 0..;
        }
    }
    structs {
        CreatableRenewers, {
            principal_type: String, 0..;
            principal_name: String, 0..;
        }
    }
}
