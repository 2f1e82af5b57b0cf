//! `AlterConfigs`, API key 33.

use crate::format::schema::schema;

schema! {
    messages {
        AlterConfigsRequest, 0..=2, flexible 2, {
            resources: Vec<AlterConfigsResource>, 0..;
            validate_only: bool, 0..;
        }

        AlterConfigsResponse, 0..=2, flexible 2, {
            throttle_time_ms: i32, 0..;
            responses: Vec<AlterConfigsResourceResponse>, 0..;
        }
    }
    structs {
        AlterConfigsResource, {
            resource_type: i8, 0..;
            resource_name: String, 0..;
            configs: Vec<AlterableConfig>, 0..;
        }

        AlterableConfig, {
            name: String, 0..;
            value: Option<String>, 0.., default Some(Default::default());
        }

        AlterConfigsResourceResponse, {
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            resource_type: i8, 0..;
            resource_name: String, 0..;
        }
    }
}
