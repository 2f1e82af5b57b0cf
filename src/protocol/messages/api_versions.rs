//! `ApiVersions`, API key 18.

use crate::format::schema::schema;

schema! {
    messages {
        ApiVersionsRequest, 0..=4, flexible 3, {
            client_software_name: String, 3.., or ignored;
            client_software_version: String, 3.., or ignored;
        }

        ApiVersionsResponse, 0..=4, flexible 3, {
            error_code: i16, 0..;
            api_keys: Vec<ApiVersion>, 0..;
            throttle_time_ms: i32, 1.., or ignored;
            supported_features: Vec<SupportedFeatureKey>, 3.., tag 0, or ignored;
            finalized_features_epoch: i64, 3.., tag 1, default -1, or ignored;
            finalized_features: Vec<FinalizedFeatureKey>, 3.., tag 2, or ignored;
            zk_migration_ready: bool, 3.., tag 3, or ignored;
        }
    }
    structs {
        ApiVersion, {
            api_key: i16, 0..;
            min_version: i16, 0..;
            max_version: i16, 0..;
        }

        SupportedFeatureKey, {
            name: String, 3..;
            min_version: i16, 3..;
            max_version: i16, 3..;
        }

        FinalizedFeatureKey, {
            name: String, 3..;
            max_version_level: i16, 3..;
            min_version_level: i16, 3..;
        }
    }
}
