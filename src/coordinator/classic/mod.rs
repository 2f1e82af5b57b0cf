//! Classic groups: members agree on a protocol in rounds of `JoinGroup` and `SyncGroup`,
//! and one of them, the leader, assigns.
//!
//! The state machine is Kafka's. A round begins when a member comes, goes or says
//! something new (`PreparingRebalance`), has its members when all have joined or their
//! time is over (`CompletingRebalance`), and ends with the leader's assignment (`Stable`).
//! Of all this only the ends of rounds are written down: whoever starts from the log finds
//! groups stable or empty.
//!
//! Source: `ClassicGroup` and the classic half of `GroupMetadataManager` of Apache Kafka
//! 4.3.1; KIP-62, KIP-345, KIP-394, KIP-814.

mod describe;
mod group;
mod groups;
mod join;
mod leave;
mod member;
mod records;
mod round;
mod scene;
mod sync;

pub use group::GroupState;
pub use groups::ClassicGroups;
pub use scene::{ClassicConfig, Effects, Reply, Scene, Waiter};
