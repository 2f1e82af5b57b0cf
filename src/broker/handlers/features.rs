//! `UpdateFeatures`: the levels of features, raised and lowered.
//!
//! Source: `org.apache.kafka.controller.FeatureControlManager`,
//! `org.apache.kafka.server.common.{MetadataVersion,Feature}` of Apache Kafka 4.3.1;
//! KIP-584, KIP-1022.

use super::Call;
use super::api_versions::FEATURES;
use crate::broker::error_code;
use crate::format::metadata::{FeatureLevelRecord, MetadataRecord};
use crate::log::image::Image;
use crate::protocol::ErrorCode;
use crate::protocol::messages::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};
use std::collections::BTreeMap;

const METADATA_VERSION: &str = "metadata.version";
const KRAFT_VERSION: &str = "kraft.version";
const ELIGIBLE_REPLICAS: &str = "eligible.leader.replicas.version";
/// The least `metadata.version` with eligible leader replicas.
const FIRST_WITH_ELIGIBLE_REPLICAS: i16 = 23;
/// The levels of `metadata.version` that changed what records hold: below them a level
/// is not lowered.
const CHANGES_OF_RECORDS: [i16; 9] = [7, 8, 11, 13, 14, 15, 17, 23, 30];

/// What an update may do to a level.
const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

type Refused = (ErrorCode, String);

pub(super) fn update(call: &Call<'_>, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    let version = call.header.version;
    let outcome = updates(call, &request.feature_updates, version).and_then(|records| {
        if request.validate_only || records.is_empty() {
            return Ok(());
        }
        call.broker
            .change(|session| session.change(|_| Ok(records)))
            .map_err(|error| (error_code(&error), error.to_string()))
    });
    if let Err((code, message)) = outcome {
        return UpdateFeaturesResponse {
            error_code: code.code(),
            error_message: Some(format!("no feature was changed: {message}")),
            ..UpdateFeaturesResponse::default()
        };
    }
    let done = |update: FeatureUpdateKey| UpdatableFeatureResult {
        feature: update.feature,
        error_message: None,
        ..UpdatableFeatureResult::default()
    };
    UpdateFeaturesResponse {
        error_message: None,
        // From version 2 on what goes for one goes for all.
        results: match version {
            0 | 1 => request.feature_updates.into_iter().map(done).collect(),
            _ => Vec::new(),
        },
        ..UpdateFeaturesResponse::default()
    }
}

/// The records that the updates come to.
fn updates(
    call: &Call<'_>,
    updates: &[FeatureUpdateKey],
    version: i16,
) -> Result<Vec<MetadataRecord>, Refused> {
    let image = call.broker.image();
    let mut levels: BTreeMap<&str, i16> = image
        .features()
        .iter()
        .map(|(name, level)| (name.as_str(), *level))
        .collect();
    for update in updates {
        levels.insert(&update.feature, update.max_version_level);
    }
    let mut records = Vec::new();
    for update in updates {
        let kind = match (version, update.allow_downgrade) {
            (0, true) => SAFE_DOWNGRADE,
            (0, false) => UPGRADE,
            _ => update.upgrade_type,
        };
        if let Some(record) = update_one(&image, update, kind, &levels)
            .map_err(|message| (ErrorCode::InvalidUpdateVersion, message))?
        {
            records.push(record);
        }
    }
    Ok(records)
}

fn update_one(
    image: &Image,
    update: &FeatureUpdateKey,
    kind: i8,
    levels: &BTreeMap<&str, i16>,
) -> Result<Option<MetadataRecord>, String> {
    let (name, level) = (update.feature.as_str(), update.max_version_level);
    let invalid = |why: &str| Err(format!("{name} cannot be set to level {level}: {why}"));
    if ![UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE].contains(&kind) {
        return invalid("the type of the upgrade is unknown");
    }
    let current = match name {
        KRAFT_VERSION => image.nodes().kraft_version.unwrap_or(0),
        name => image.features().get(name).copied().unwrap_or(0),
    };
    let Some((_, least, most)) = FEATURES.iter().find(|(known, ..)| *known == name) else {
        return invalid("there is no such feature");
    };
    if !(*least..=*most).contains(&level) {
        return invalid(&format!("expected a level from {least} to {most}"));
    }
    if level < current && kind == UPGRADE {
        return invalid("that is a downgrade, and was not said to be one");
    }
    if level > current && kind != UPGRADE {
        return invalid("that is an upgrade, and was said to be a downgrade");
    }
    match name {
        KRAFT_VERSION if level == current => return Ok(None),
        KRAFT_VERSION => return invalid("the voters of a running server do not change"),
        METADATA_VERSION => {
            let undone = CHANGES_OF_RECORDS
                .iter()
                .find(|change| (level + 1..=current).contains(change));
            if let Some(change) = undone {
                return invalid(&format!(
                    "records may hold what came with level {change}, which would be lost"
                ));
            }
        }
        ELIGIBLE_REPLICAS if level > 0 => {
            let metadata = levels.get(METADATA_VERSION).copied().unwrap_or(0);
            if metadata < FIRST_WITH_ELIGIBLE_REPLICAS {
                return invalid(&format!(
                    "it depends on {METADATA_VERSION} level {FIRST_WITH_ELIGIBLE_REPLICAS}"
                ));
            }
        }
        _ => {}
    }
    Ok(Some(MetadataRecord::FeatureLevel(FeatureLevelRecord {
        name: name.to_owned(),
        feature_level: level,
        ..FeatureLevelRecord::default()
    })))
}
