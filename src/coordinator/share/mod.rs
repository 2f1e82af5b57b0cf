//! Share groups (KIP-932): members share partitions, and the server hands each record to
//! one of them at a time until it is done with.
//!
//! | part | is |
//! |---|---|
//! | [`ShareGroups`] | members and their assignments, in `__consumer_offsets` |
//! | [`state::ShareStates`] | what each group has done with each partition, in `__share_group_state` |
//! | [`in_flight::SharePartition`] | the records of a partition that are in hand, on its leader |
//! | [`sessions::ShareSessions`] | the partitions that each member fetches from a broker |

pub mod acknowledge;
mod admin;
mod assignor;
pub mod config;
mod group;
mod groups;
mod heartbeat;
pub mod in_flight;
mod records;
pub mod sessions;
pub mod state;
#[cfg(test)]
mod tests;

pub use config::ShareConfig;
pub use group::{ShareGroup, ShareMember};
pub use groups::{Answer, Initialize, ShareGroups};
