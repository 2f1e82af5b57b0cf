//! Partitions and the data directory: append, read, roll, recover, locks.

pub mod bootstrap;
pub mod browse;
pub mod data_dir;
pub mod diff;
pub mod effective;
pub mod error;
pub mod explain;
pub mod groups;
pub mod image;
mod index_builder;
pub mod layout;
pub mod metadata_log;
pub mod partition;
pub mod presence;
pub mod producer_states;
pub mod recovery;
pub mod repair;
pub mod retention;
pub mod scan;
pub mod schedule;
pub mod segment;
pub mod session;
pub mod stats;
pub mod survey;
pub mod sweep;
mod top_level;
pub mod transaction;
pub mod transactions;
pub mod validate;
pub mod verify;
pub mod view;

pub use error::{LogError, Result};
