//! `UpdateFeatures`, API key 57.

use crate::format::schema::schema;

schema! {
    messages {
        UpdateFeaturesRequest, 0..=2, flexible 0, {
            timeout_ms: i32, 0.., default 60000;
            feature_updates: Vec<FeatureUpdateKey>, 0..;
            validate_only: bool, 1..;
        }

        UpdateFeaturesResponse, 0..=2, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            results: Vec<UpdatableFeatureResult>, 0..=1, or ignored;
        }
    }
    structs {
        FeatureUpdateKey, {
            feature: String, 0..;
            max_version_level: i16, 0..;
            allow_downgrade: bool, 0..=0;
            upgrade_type: i8, 1.., default 1;
        }

        UpdatableFeatureResult, {
            feature: String, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
        }
    }
}
