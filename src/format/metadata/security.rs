//! Metadata records of ACLs, SCRAM credentials and delegation tokens.

use crate::format::schema::schema;
use crate::format::types::Uuid;

schema! {
    messages {
        /// An ACL is created.
        AccessControlEntryRecord, 0..=0, flexible 0, {
            /// Its id.
            id: Uuid, 0..;
            /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
            resource_type: i8, 0..;
            /// The resource.
            resource_name: String, 0..;
            /// 3 literal, 4 prefix.
            pattern_type: i8, 0..;
            /// Who, such as `User:alice`.
            principal: String, 0..;
            /// From where, or `*`.
            host: String, 0..;
            /// What (`AclOperation`).
            operation: i8, 0..;
            /// 2 deny, 3 allow.
            permission_type: i8, 0..;
        }

        /// An ACL is removed.
        RemoveAccessControlEntryRecord, 0..=0, flexible 0, {
            /// Its id.
            id: Uuid, 0..;
        }

        /// A user's SCRAM credential is set.
        UserScramCredentialRecord, 0..=0, flexible 0, {
            /// The user.
            name: String, 0..;
            /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
            mechanism: i8, 0..;
            /// The salt.
            salt: Vec<u8>, 0..;
            /// The key that checks the client.
            stored_key: Vec<u8>, 0..;
            /// The key that proves the server.
            server_key: Vec<u8>, 0..;
            /// How often the password is hashed.
            iterations: i32, 0..;
        }

        /// A user's SCRAM credential is removed.
        RemoveUserScramCredentialRecord, 0..=0, flexible 0, {
            /// The user.
            name: String, 0..;
            /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
            mechanism: i8, 0..;
        }

        /// A delegation token is created or renewed.
        DelegationTokenRecord, 0..=0, flexible 0, {
            /// Its owner.
            owner: String, 0..;
            /// Who asked for it.
            requester: String, 0..;
            /// Who may renew it.
            renewers: Vec<String>, 0..;
            /// When it was issued, in milliseconds since 1970.
            issue_timestamp: i64, 0..;
            /// Until when it can be renewed.
            max_timestamp: i64, 0..;
            /// When it has to be renewed next.
            expiration_timestamp: i64, 0..;
            /// Its id.
            token_id: String, 0..;
        }

        /// A delegation token is removed.
        RemoveDelegationTokenRecord, 0..=0, flexible 0, {
            /// Its id.
            token_id: String, 0..;
        }
    }
    structs {}
}
