//! `SaslAuthenticate`, API key 36.

use crate::format::schema::schema;

schema! {
    messages {
        SaslAuthenticateRequest, 0..=2, flexible 2, {
            auth_bytes: Vec<u8>, 0..;
        }

        SaslAuthenticateResponse, 0..=2, flexible 2, {
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            auth_bytes: Vec<u8>, 0..;
            session_lifetime_ms: i64, 1.., or ignored;
        }
    }
    structs {
    }
}
