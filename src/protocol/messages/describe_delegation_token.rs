//! `DescribeDelegationToken`, API key 41.

use crate::format::schema::schema;

schema! {
    messages {
        DescribeDelegationTokenRequest, 1..=3, flexible 2, {
            owners: Option<Vec<DescribeDelegationTokenOwner>>, 0.., default Some(Default::default());
        }

        DescribeDelegationTokenResponse, 1..=3, flexible 2, {
            error_code: i16, 0..;
            tokens: Vec<DescribedDelegationToken>, 0..;
            throttle_time_ms: i32, 0..;
        }
    }
    structs {
        DescribeDelegationTokenOwner, {
            principal_type: String, 0..;
            principal_name: String, 0..;
        }

        DescribedDelegationToken, {
            principal_type: String, 0..;
            principal_name: String, 0..;
            token_requester_principal_type: String, 3..;
            token_requester_principal_name: String, 3..;
            issue_timestamp: i64, 0..;
            expiry_timestamp: i64, 0..;
            max_timestamp: i64, 0..;
            token_id: String, 0..;
            hmac: Vec<u8>, 0..;
            renewers: Vec<DescribedDelegationTokenRenewer>, 0..;
        }

        DescribedDelegationTokenRenewer, {
            principal_type: String, 0..;
            principal_name: String, 0..;
        }
    }
}
