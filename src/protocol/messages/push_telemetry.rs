//! `PushTelemetry`, API key 72.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        PushTelemetryRequest, 0..=0, flexible 0, {
            client_instance_id: Uuid, 0..;
            subscription_id: i32, 0..;
            terminating: bool, 0..;
            compression_type: i8, 0..;
            metrics: Vec<u8>, 0..;
        }

        PushTelemetryResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
        }
    }
    structs {
    }
}
