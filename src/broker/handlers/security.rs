//! ACLs, delegation tokens, SCRAM credentials. There is no authorizer and every listener
//! is plaintext, so the first two are answered as Kafka does then; credentials are kept
//! in the metadata log.
//!
//! Source: `kafka.server.{AclApis,KafkaApis}`,
//! `org.apache.kafka.controller.ScramControlManager`, `org.apache.kafka.image.ScramImage`
//! of Apache Kafka 4.3.1; KIP-554.

use super::Call;
use crate::broker::error_code;
use crate::format::metadata::{
    MetadataRecord, RemoveUserScramCredentialRecord, UserScramCredentialRecord,
};
use crate::log::image::Image;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_user_scram_credentials::{
    AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult, ScramCredentialDeletion, ScramCredentialUpsertion,
};
use crate::protocol::messages::create_acls::{
    AclCreationResult, CreateAclsRequest, CreateAclsResponse,
};
use crate::protocol::messages::create_delegation_token::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse,
};
use crate::protocol::messages::delete_acls::{
    DeleteAclsFilterResult, DeleteAclsRequest, DeleteAclsResponse,
};
use crate::protocol::messages::describe_acls::{DescribeAclsRequest, DescribeAclsResponse};
use crate::protocol::messages::describe_delegation_token::{
    DescribeDelegationTokenRequest, DescribeDelegationTokenResponse,
};
use crate::protocol::messages::describe_user_scram_credentials::{
    CredentialInfo, DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
};
use crate::protocol::messages::expire_delegation_token::{
    ExpireDelegationTokenRequest, ExpireDelegationTokenResponse,
};
use crate::protocol::messages::renew_delegation_token::{
    RenewDelegationTokenRequest, RenewDelegationTokenResponse,
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use std::collections::{BTreeMap, BTreeSet};

const NO_AUTHORIZER: &str = "no authorizer is configured";

pub(super) fn describe_acls(_: &Call<'_>, _: DescribeAclsRequest) -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..DescribeAclsResponse::default()
    }
}

pub(super) fn create_acls(_: &Call<'_>, request: CreateAclsRequest) -> CreateAclsResponse {
    let refused = |_| AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..AclCreationResult::default()
    };
    CreateAclsResponse {
        results: request.creations.into_iter().map(refused).collect(),
        ..CreateAclsResponse::default()
    }
}

pub(super) fn delete_acls(_: &Call<'_>, request: DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = |_| DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..DeleteAclsFilterResult::default()
    };
    DeleteAclsResponse {
        filter_results: request.filters.into_iter().map(refused).collect(),
        ..DeleteAclsResponse::default()
    }
}

/// Tokens are for those who proved who they are, which nobody can on plaintext.
const NO_TOKENS: ErrorCode = ErrorCode::DelegationTokenRequestNotAllowed;
const ANYONE: (&str, &str) = ("User", "ANONYMOUS");

pub(super) fn create_token(
    _: &Call<'_>,
    _: CreateDelegationTokenRequest,
) -> CreateDelegationTokenResponse {
    let (kind, name) = ANYONE;
    CreateDelegationTokenResponse {
        error_code: NO_TOKENS.code(),
        principal_type: kind.to_owned(),
        principal_name: name.to_owned(),
        token_requester_principal_type: kind.to_owned(),
        token_requester_principal_name: name.to_owned(),
        issue_timestamp_ms: -1,
        expiry_timestamp_ms: -1,
        max_timestamp_ms: -1,
        ..CreateDelegationTokenResponse::default()
    }
}

pub(super) fn renew_token(
    _: &Call<'_>,
    _: RenewDelegationTokenRequest,
) -> RenewDelegationTokenResponse {
    RenewDelegationTokenResponse {
        error_code: NO_TOKENS.code(),
        expiry_timestamp_ms: -1,
        ..RenewDelegationTokenResponse::default()
    }
}

pub(super) fn expire_token(
    _: &Call<'_>,
    _: ExpireDelegationTokenRequest,
) -> ExpireDelegationTokenResponse {
    ExpireDelegationTokenResponse {
        error_code: NO_TOKENS.code(),
        expiry_timestamp_ms: -1,
        ..ExpireDelegationTokenResponse::default()
    }
}

pub(super) fn describe_tokens(
    _: &Call<'_>,
    _: DescribeDelegationTokenRequest,
) -> DescribeDelegationTokenResponse {
    DescribeDelegationTokenResponse {
        error_code: NO_TOKENS.code(),
        ..DescribeDelegationTokenResponse::default()
    }
}

pub(super) fn describe_scram(
    call: &Call<'_>,
    request: DescribeUserScramCredentialsRequest,
) -> DescribeUserScramCredentialsResponse {
    let image = call.broker.image();
    let scram = &image.security().scram;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    match request.users {
        Some(users) if !users.is_empty() => {
            for user in users {
                *times.entry(user.name).or_default() += 1;
            }
        }
        _ => times.extend(scram.keys().map(|(user, _)| (user.clone(), 1))),
    }
    let results = times.into_iter().map(|(user, times)| {
        let found: Vec<_> = scram
            .iter()
            .filter(|((name, _), _)| *name == user)
            .map(|((_, mechanism), credential)| CredentialInfo {
                mechanism: *mechanism,
                iterations: credential.iterations,
                ..CredentialInfo::default()
            })
            .collect();
        let refused = if times > 1 {
            Some((ErrorCode::DuplicateResource, "is named more than once"))
        } else if found.is_empty() {
            Some((ErrorCode::ResourceNotFound, "has no credential"))
        } else {
            None
        };
        DescribeUserScramCredentialsResult {
            error_code: refused.map_or(0, |(code, _)| code.code()),
            error_message: refused.map(|(_, why)| format!("user {user:?} {why}")),
            credential_infos: if refused.is_none() { found } else { Vec::new() },
            user,
            ..DescribeUserScramCredentialsResult::default()
        }
    });
    DescribeUserScramCredentialsResponse {
        error_message: None,
        results: results.collect(),
        ..DescribeUserScramCredentialsResponse::default()
    }
}

type Refused = (ErrorCode, &'static str);

pub(super) fn alter_scram(
    call: &Call<'_>,
    request: AlterUserScramCredentialsRequest,
) -> AlterUserScramCredentialsResponse {
    let image = call.broker.image();
    let mut outcomes: BTreeMap<String, Result<MetadataRecord, Refused>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let twice = Err((
        ErrorCode::DuplicateResource,
        "a user's credential is altered twice in the same request",
    ));
    for deletion in request.deletions {
        let name = deletion.name.clone();
        let outcome = match seen.insert(name.clone()) {
            true => delete_scram(&image, deletion),
            false => twice.clone(),
        };
        outcomes.insert(name, outcome);
    }
    for upsertion in request.upsertions {
        let name = upsertion.name.clone();
        let outcome = match seen.insert(name.clone()) {
            true => upsert_scram(upsertion),
            false => twice.clone(),
        };
        outcomes.insert(name, outcome);
    }
    let records: Vec<_> = outcomes.values().flatten().cloned().collect();
    let stored = match records.is_empty() {
        true => Ok(()),
        false => (call.broker).change(|session| session.change(|_| Ok(records))),
    };
    let results = outcomes.into_iter().map(|(user, outcome)| {
        let (code, error_message) = match (outcome, &stored) {
            (Err((code, message)), _) => (code, Some(message.to_owned())),
            (Ok(_), Err(error)) => (error_code(error), Some(error.to_string())),
            (Ok(_), Ok(())) => (ErrorCode::None, None),
        };
        AlterUserScramCredentialsResult {
            user,
            error_code: code.code(),
            error_message,
            ..AlterUserScramCredentialsResult::default()
        }
    });
    AlterUserScramCredentialsResponse {
        results: results.collect(),
        ..AlterUserScramCredentialsResponse::default()
    }
}

const SHA_256: i8 = 1;
const SHA_512: i8 = 2;
const LEAST_ITERATIONS: i32 = 4096;
const MOST_ITERATIONS: i32 = 16_384;

fn check_scram(user: &str, mechanism: i8) -> Result<(), Refused> {
    if user.is_empty() {
        return Err((ErrorCode::UnacceptableCredential, "the user has no name"));
    }
    if ![SHA_256, SHA_512].contains(&mechanism) {
        return Err((
            ErrorCode::UnsupportedSaslMechanism,
            "the mechanism of SCRAM is unknown",
        ));
    }
    Ok(())
}

fn delete_scram(
    image: &Image,
    deletion: ScramCredentialDeletion,
) -> Result<MetadataRecord, Refused> {
    check_scram(&deletion.name, deletion.mechanism)?;
    let key = (deletion.name, deletion.mechanism);
    if !image.security().scram.contains_key(&key) {
        return Err((
            ErrorCode::ResourceNotFound,
            "there is no such credential to delete",
        ));
    }
    let (name, mechanism) = key;
    Ok(MetadataRecord::RemoveUserScramCredential(
        RemoveUserScramCredentialRecord {
            name,
            mechanism,
            ..RemoveUserScramCredentialRecord::default()
        },
    ))
}

fn upsert_scram(upsertion: ScramCredentialUpsertion) -> Result<MetadataRecord, Refused> {
    check_scram(&upsertion.name, upsertion.mechanism)?;
    if upsertion.iterations < LEAST_ITERATIONS {
        return Err((ErrorCode::UnacceptableCredential, "too few iterations"));
    }
    if upsertion.iterations > MOST_ITERATIONS {
        return Err((ErrorCode::UnacceptableCredential, "too many iterations"));
    }
    let salted = &upsertion.salted_password;
    let (stored_key, server_key) = if upsertion.mechanism == SHA_256 {
        let keyed = |text: &[u8]| {
            let mac = Hmac::<Sha256>::new_from_slice(salted).expect("HMAC takes any key");
            mac.chain_update(text).finalize().into_bytes().to_vec()
        };
        (
            Sha256::digest(keyed(b"Client Key")).to_vec(),
            keyed(b"Server Key"),
        )
    } else {
        let keyed = |text: &[u8]| {
            let mac = Hmac::<Sha512>::new_from_slice(salted).expect("HMAC takes any key");
            mac.chain_update(text).finalize().into_bytes().to_vec()
        };
        (
            Sha512::digest(keyed(b"Client Key")).to_vec(),
            keyed(b"Server Key"),
        )
    };
    Ok(MetadataRecord::UserScramCredential(
        UserScramCredentialRecord {
            name: upsertion.name,
            mechanism: upsertion.mechanism,
            salt: upsertion.salt,
            stored_key,
            server_key,
            iterations: upsertion.iterations,
            ..UserScramCredentialRecord::default()
        },
    ))
}
