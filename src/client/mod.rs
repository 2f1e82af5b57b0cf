//! A client of a Kafka server, Apache's or ours: connections, the cluster behind
//! them, producing, fetching, groups, administration.
//!
//! Everything blocks. What has to go on at the same time has a thread of its own:
//! the sender of a [`producer::Producer`], the readers of its connections, and the
//! heartbeat of a [`group::Member`].

pub mod admin;
pub mod assignor;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod error;
pub mod fetch;
pub mod group;
pub mod groups;
pub mod offsets;
pub mod producer;
pub mod transaction;

pub use cluster::Cluster;
pub use config::Config;
pub use connection::Connection;
pub use error::{ClientError, Result};
