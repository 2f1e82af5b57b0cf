//! `AlterUserScramCredentials`, API key 51.

use crate::format::schema::schema;

schema! {
    messages {
        AlterUserScramCredentialsRequest, 0..=0, flexible 0, {
            deletions: Vec<ScramCredentialDeletion>, 0..;
            upsertions: Vec<ScramCredentialUpsertion>, 0..;
        }

        AlterUserScramCredentialsResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            results: Vec<AlterUserScramCredentialsResult>, 0..;
        }
    }
    structs {
        ScramCredentialDeletion, {
            name: String, 0..;
            mechanism: i8, 0..;
        }

        ScramCredentialUpsertion, {
            name: String, 0..;
            mechanism: i8, 0..;
            iterations: i32, 0..;
            salt: Vec<u8>, 0..;
            salted_password: Vec<u8>, 0..;
        }

        AlterUserScramCredentialsResult, {
            user: String, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
        }
    }
}
