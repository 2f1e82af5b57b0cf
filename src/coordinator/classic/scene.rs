//! What classic groups are given, and what they give back.

use crate::coordinator::consumer::Record;
use crate::protocol::messages::join_group::JoinGroupResponse;
use crate::protocol::messages::sync_group::SyncGroupResponse;
use std::sync::Arc;

/// The caller's number of a request that waits for its answer.
pub type Waiter = u64;

/// The answer to a request that waited.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To a `JoinGroup`.
    Join(JoinGroupResponse),
    /// To a `SyncGroup`.
    Sync(SyncGroupResponse),
}

/// What came of a request or of time: first what to write, then what to answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// What to write. It is not to be replayed: the groups are as it says already. Where
    /// it cannot be written, they have to be built anew from the log.
    pub records: Vec<Record>,
    /// What to answer once it is written.
    pub replies: Vec<(Waiter, Reply)>,
}

/// The settings of classic groups, under Kafka's names; times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicConfig {
    /// `group.initial.rebalance.delay.ms`: how long the first members of a group wait for
    /// others.
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout_ms: i32,
    /// `group.max.size`: how many members a group may have.
    pub max_size: usize,
    /// How long a new member may wait for its first round; Kafka has no name for it.
    pub new_member_join_timeout_ms: i32,
}

impl Default for ClassicConfig {
    fn default() -> Self {
        Self {
            initial_rebalance_delay_ms: 3_000,
            min_session_timeout_ms: 6_000,
            max_session_timeout_ms: 1_800_000,
            max_size: i32::MAX as usize,
            new_member_join_timeout_ms: 300_000,
        }
    }
}

/// What a request happens in.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The settings.
    pub config: &'a ClassicConfig,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Timer {
    pub(super) group: Arc<str>,
    pub(super) wait: Wait,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wait {
    /// For members to join.
    Join,
    /// For members to ask for their assignment.
    Sync,
    /// For a member to be heard.
    Session(Arc<str>),
}

impl Effects {
    /// What comes after.
    pub fn extend(&mut self, other: Self) {
        self.records.extend(other.records);
        self.replies.extend(other.replies);
    }
}
