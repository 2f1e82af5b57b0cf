//! `ListConfigResources`, API key 74.

use crate::format::schema::schema;

schema! {
    messages {
        ListConfigResourcesRequest, 0..=1, flexible 0, {
            resource_types: Vec<i8>, 1..;
        }

        ListConfigResourcesResponse, 0..=1, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            config_resources: Vec<ConfigResource>, 0..;
        }
    }
    structs {
        ConfigResource, {
            resource_name: String, 0..;
            resource_type: i8, 1.., default 16, or ignored;
        }
    }
}
