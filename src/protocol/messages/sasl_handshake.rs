//! `SaslHandshake`, API key 17.

use super::NEVER_FLEXIBLE;
use crate::format::schema::schema;

schema! {
    messages {
        SaslHandshakeRequest, 0..=1, flexible NEVER_FLEXIBLE, {
            mechanism: String, 0..;
        }

        SaslHandshakeResponse, 0..=1, flexible NEVER_FLEXIBLE, {
            error_code: i16, 0..;
            mechanisms: Vec<String>, 0..;
        }
    }
    structs {
    }
}
