//! `ApiVersions`: what is served.

use super::{Call, Outcome, SERVED};
use crate::protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use crate::protocol::{ApiKey, ErrorCode, Request, RequestHeader};

/// The levels of each feature that Kafka 4.3 can work with.
pub(super) const FEATURES: [(&str, i16, i16); 7] = [
    ("eligible.leader.replicas.version", 0, 1),
    ("group.version", 0, 1),
    ("kraft.version", 0, 1),
    ("metadata.version", 7, 30),
    ("share.version", 0, 1),
    ("streams.version", 0, 1),
    ("transaction.version", 0, 2),
];

pub(super) fn api_versions(call: &Call<'_>, body: &[u8]) -> Outcome {
    if !call.header.is_known_version() {
        // Whoever is ahead learns from version 0 how far this goes.
        let header = RequestHeader {
            version: 0,
            ..call.header.clone()
        };
        let plain = Call {
            header: &header,
            ..*call
        };
        return plain.answer(&ApiVersionsResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            api_keys: vec![range(ApiKey::ApiVersions)],
            ..ApiVersionsResponse::default()
        });
    }
    let request = match ApiVersionsRequest::decode(body, call.header.version) {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    if call.header.version >= 3
        && !(is_software(&request.client_software_name)
            && is_software(&request.client_software_version))
    {
        return call.answer(&ApiVersionsResponse {
            error_code: ErrorCode::InvalidRequest.code(),
            ..ApiVersionsResponse::default()
        });
    }
    call.answer(&response(call))
}

/// Letters, digits, dots and dashes, those at neither end.
fn is_software(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.chars().all(inner) && end(name.chars().next()) && end(name.chars().last())
}

fn range(api: ApiKey) -> ApiVersion {
    let versions = api.versions();
    ApiVersion {
        api_key: api.key(),
        // Some releases of librdkafka ask for the old versions and never use them.
        min_version: if api == ApiKey::Produce {
            0
        } else {
            *versions.start()
        },
        max_version: *versions.end(),
        ..ApiVersion::default()
    }
}

fn response(call: &Call<'_>) -> ApiVersionsResponse {
    let image = call.broker.image();
    let supported = FEATURES
        .into_iter()
        // Clients before version 4 take a lowest level of 0 for an error.
        .filter(|(_, lowest, _)| *lowest > 0 || call.header.version >= 4)
        .map(|(name, min_version, max_version)| SupportedFeatureKey {
            name: name.to_owned(),
            min_version,
            max_version,
            ..SupportedFeatureKey::default()
        });
    let finalized = image
        .features()
        .iter()
        .filter(|(_, level)| **level > 0)
        .map(|(name, level)| FinalizedFeatureKey {
            name: name.clone(),
            max_version_level: *level,
            min_version_level: *level,
            ..FinalizedFeatureKey::default()
        });
    ApiVersionsResponse {
        api_keys: SERVED.iter().copied().map(range).collect(),
        supported_features: supported.collect(),
        finalized_features_epoch: call.broker.metadata_end(),
        finalized_features: finalized.collect(),
        ..ApiVersionsResponse::default()
    }
}
