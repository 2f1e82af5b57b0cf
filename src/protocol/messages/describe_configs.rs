//! `DescribeConfigs`, API key 32.

use crate::format::schema::schema;

schema! {
    messages {
        DescribeConfigsRequest, 1..=4, flexible 4, {
            resources: Vec<DescribeConfigsResource>, 0..;
            include_synonyms: bool, 1..;
            include_documentation: bool, 3..;
        }

        DescribeConfigsResponse, 1..=4, flexible 4, {
            throttle_time_ms: i32, 0..;
            results: Vec<DescribeConfigsResult>, 0..;
        }
    }
    structs {
        DescribeConfigsResource, {
            resource_type: i8, 0..;
            resource_name: String, 0..;
            configuration_keys: Option<Vec<String>>, 0.., default Some(Default::default());
        }

        DescribeConfigsResult, {
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            resource_type: i8, 0..;
            resource_name: String, 0..;
            configs: Vec<DescribeConfigsResourceResult>, 0..;
        }

        DescribeConfigsResourceResult, {
            name: String, 0..;
            value: Option<String>, 0.., default Some(Default::default());
            read_only: bool, 0..;
            config_source: i8, 1.., default -1, or ignored;
            is_sensitive: bool, 0..;
            synonyms: Vec<DescribeConfigsSynonym>, 1.., or ignored;
            config_type: i8, 3.., or ignored;
            documentation: Option<String>, 3.., default Some(Default::default()), or ignored;
        }

        DescribeConfigsSynonym, {
            name: String, 1..;
            value: Option<String>, 1.., default Some(Default::default());
            source: i8, 1..;
        }
    }
}
