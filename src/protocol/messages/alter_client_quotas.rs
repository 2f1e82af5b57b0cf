//! `AlterClientQuotas`, API key 49.

use crate::format::schema::schema;

schema! {
    messages {
        AlterClientQuotasRequest, 0..=1, flexible 1, {
            entries: Vec<RequestEntryData>, 0..;
            validate_only: bool, 0..;
        }

        AlterClientQuotasResponse, 0..=1, flexible 1, {
            throttle_time_ms: i32, 0..;
            entries: Vec<ResponseEntryData>, 0..;
        }
    }
    structs {
        RequestEntryData, {
            entity: Vec<RequestEntityData>, 0..;
            ops: Vec<OpData>, 0..;
        }

        RequestEntityData, {
            entity_type: String, 0..;
            entity_name: Option<String>, 0.., default Some(Default::default());
        }

        OpData, {
            key: String, 0..;
            value: f64, 0..;
            remove: bool, 0..;
        }

        ResponseEntryData, {
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            entity: Vec<ResponseEntityData>, 0..;
        }

        ResponseEntityData, {
            entity_type: String, 0..;
            entity_name: Option<String>, 0.., default Some(Default::default());
        }
    }
}
