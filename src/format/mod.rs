//! Every byte layout of Apache Kafka's log, pure: bytes in, values out.
//!
//! Nothing here opens a file, reads a clock or spawns a thread. A decoder takes
//! a slice and returns a value or a [`FormatError`] that names the position in
//! that slice, what was expected and what was found; no input makes one panic,
//! overflow, or allocate more than a stated bound.

pub mod any_batch;
pub mod batch;
pub mod batch_builder;
pub mod broker_config;
pub mod bytes;
pub mod checkpoint;
pub mod clean_shutdown;
pub mod compression;
pub mod consumer_offsets;
pub mod control;
mod control_json;
pub mod coordinator;
pub mod crc32c;
pub mod error;
pub mod index_search;
pub mod internal;
mod json;
pub mod kraft_control;
pub mod leader_epochs;
pub mod legacy;
pub mod mend;
pub mod meta_properties;
pub mod metadata;
pub mod offset_index;
pub mod partition_metadata;
pub mod partitioner;
pub mod producer_snapshot;
pub mod properties;
pub mod quorum_state;
pub mod record;
pub mod schema;
pub mod share_group_state;
pub(crate) mod text;
pub mod time_index;
pub mod topic_config;
pub mod topic_name;
pub mod transaction_state;
pub mod txn_index;
pub mod types;

pub use error::{FormatError, Result};
pub use types::{
    LeaderEpoch, NodeId, Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp, Uuid,
};
