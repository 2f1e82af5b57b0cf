//! Ottla: Apache Kafka's log as a Unix tool suite.
//!
//! The bytes on disk are Apache Kafka's bytes, so every tool works on a log
//! directory, with or without a server, Kafka's or ours. See `ARCHITECTURE.md`
//! for the rooms and who may import whom; `tests/fences.rs` holds them.

pub mod broker;
pub mod client;
pub mod coordinator;
pub mod format;
pub mod host;
pub mod log;
pub mod protocol;
pub mod tools;
