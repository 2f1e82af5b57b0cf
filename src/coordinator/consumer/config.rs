//! The settings of consumer groups, under Kafka's names.

use super::assignor::Assignor;

/// Which groups may change their protocol while members are in them:
/// `group.consumer.migration.policy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Both ways.
    #[default]
    Bidirectional,
    /// Classic groups become consumer groups.
    Upgrade,
    /// Consumer groups become classic groups.
    Downgrade,
    /// None.
    Disabled,
}

impl MigrationPolicy {
    /// The policy of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let policies = [
            ("bidirectional", Self::Bidirectional),
            ("upgrade", Self::Upgrade),
            ("downgrade", Self::Downgrade),
            ("disabled", Self::Disabled),
        ];
        let known = policies
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, policy)| policy)
    }

    /// Whether classic groups become consumer groups.
    pub fn upgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Upgrade)
    }

    /// Whether consumer groups become classic groups.
    pub fn downgrades(self) -> bool {
        matches!(self, Self::Bidirectional | Self::Downgrade)
    }
}

/// The settings of consumer groups. Those of time are in milliseconds. A group may have
/// its own session timeout, heartbeat interval and assignment interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// `group.consumer.session.timeout.ms`: how long a member may be silent.
    pub session_timeout_ms: i32,
    /// `group.consumer.heartbeat.interval.ms`: how often members are to say that they are
    /// there.
    pub heartbeat_interval_ms: i32,
    /// `group.consumer.assignment.interval.ms`: how long a target stays at least.
    pub assignment_interval_ms: i32,
    /// `group.consumer.regex.refresh.interval.ms`: when regular expressions are looked up
    /// again though no topic changed.
    pub regex_refresh_interval_ms: i32,
    /// `group.consumer.max.size`: how many members a group may have.
    pub max_size: usize,
    /// `group.max.size`: how many members a classic group may have.
    pub classic_max_size: usize,
    /// `group.consumer.assignors`: those that members may ask for. The first is for groups
    /// that do not ask.
    pub assignors: Vec<Assignor>,
    /// `group.consumer.migration.policy`.
    pub migration: MigrationPolicy,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            assignment_interval_ms: 1_000,
            regex_refresh_interval_ms: 600_000,
            max_size: i32::MAX as usize,
            classic_max_size: i32::MAX as usize,
            assignors: Assignor::ALL.to_vec(),
            migration: MigrationPolicy::Bidirectional,
        }
    }
}

impl ConsumerConfig {
    /// The assignor of groups that do not ask for one.
    pub fn default_assignor(&self) -> Assignor {
        self.assignors.first().copied().unwrap_or(Assignor::Uniform)
    }
}
