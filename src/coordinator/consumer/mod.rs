//! Consumer groups (KIP-848): the server assigns partitions, and members move to what
//! they are to get step by step, in heartbeats.

pub mod assignor;
mod change;
mod classic_member;
pub mod config;
pub mod deadlines;
mod describe;
mod embedded;
mod failure;
mod group;
mod groups;
mod heartbeat;
mod member;
mod migrate;
mod offset_access;
pub mod partitions;
mod reconcile;
mod records;
mod topic_hash;
mod topic_regex;
pub mod topics;

pub use change::Context;
pub use failure::Failure;
pub use group::{ConsumerGroup, GroupState, Record};
pub use groups::{Answer, ConsumerGroups};
pub use heartbeat::Client;
pub use member::{Member, MemberState};
pub use migrate::{ClassicGroup, ClassicMember};
pub use offset_access::{CommitRights, Committer};
