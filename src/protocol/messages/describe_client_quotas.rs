//! `DescribeClientQuotas`, API key 48.

use crate::format::schema::schema;

schema! {
    messages {
        DescribeClientQuotasRequest, 0..=1, flexible 1, {
            components: Vec<ComponentData>, 0..;
            strict: bool, 0..;
        }

        DescribeClientQuotasResponse, 0..=1, flexible 1, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            entries: Option<Vec<EntryData>>, 0.., default Some(Default::default());
        }
    }
    structs {
        ComponentData, {
            entity_type: String, 0..;
            match_type: i8, 0..;
            r#match: Option<String>, 0.., default Some(Default::default());
        }

        EntryData, {
            entity: Vec<EntityData>, 0..;
            values: Vec<ValueData>, 0..;
        }

        EntityData, {
            entity_type: String, 0..;
            entity_name: Option<String>, 0.., default Some(Default::default());
        }

        ValueData, {
            key: String, 0..;
            value: f64, 0..;
        }
    }
}
