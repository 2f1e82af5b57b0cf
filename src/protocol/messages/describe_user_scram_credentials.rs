//! `DescribeUserScramCredentials`, API key 50.

use crate::format::schema::schema;

schema! {
    messages {
        DescribeUserScramCredentialsRequest, 0..=0, flexible 0, {
            users: Option<Vec<UserName>>, 0.., default Some(Default::default());
        }

        DescribeUserScramCredentialsResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            results: Vec<DescribeUserScramCredentialsResult>, 0..;
        }
    }
    structs {
        UserName, {
            name: String, 0..;
        }

        DescribeUserScramCredentialsResult, {
            user: String, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            credential_infos: Vec<CredentialInfo>, 0..;
        }

        CredentialInfo, {
            mechanism: i8, 0..;
            iterations: i32, 0..;
        }
    }
}
