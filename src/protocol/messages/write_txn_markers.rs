//! `WriteTxnMarkers`, API key 27.

use crate::format::schema::schema;

schema! {
    messages {
        WriteTxnMarkersRequest, 1..=2, flexible 1, {
            markers: Vec<WritableTxnMarker>, 0..;
        }

        WriteTxnMarkersResponse, 1..=2, flexible 1, {
            markers: Vec<WritableTxnMarkerResult>, 0..;
        }
    }
    structs {
        WritableTxnMarker, {
            producer_id: i64, 0..;
            producer_epoch: i16, 0..;
            transaction_result: bool, 0..;
            topics: Vec<WritableTxnMarkerTopic>, 0..;
            coordinator_epoch: i32, 0..;
            transaction_version: i8, 2.., or ignored;
        }

        WritableTxnMarkerTopic, {
            name: String, 0..;
            partition_indexes: Vec<i32>, 0..;
        }

        WritableTxnMarkerResult, {
            producer_id: i64, 0..;
            topics: Vec<WritableTxnMarkerTopicResult>, 0..;
        }

        WritableTxnMarkerTopicResult, {
            name: String, 0..;
            partitions: Vec<WritableTxnMarkerPartitionResult>, 0..;
        }

        WritableTxnMarkerPartitionResult, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
        }
    }
}
