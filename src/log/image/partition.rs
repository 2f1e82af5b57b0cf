//! A partition as the metadata log has it.

use crate::format::metadata::{LeaderChange, PartitionChangeRecord, PartitionRecord};
use crate::format::{LeaderEpoch, NodeId, Uuid};

/// A partition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PartitionState {
    /// Its replicas, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub isr: Vec<NodeId>,
    /// The leader.
    pub leader: Option<NodeId>,
    /// The leader's term.
    pub leader_epoch: LeaderEpoch,
    /// Replicas out of sync that hold all committed records.
    pub elr: Vec<NodeId>,
    /// Those last known to be so, while nobody is in sync.
    pub last_known_elr: Vec<NodeId>,
    /// Replicas that a reassignment adds.
    pub adding: Vec<NodeId>,
    /// Replicas that a reassignment removes.
    pub removing: Vec<NodeId>,
    /// Raised by 1 with each change.
    pub epoch: i32,
    /// Whether the leader was elected uncleanly and has yet to recover.
    pub recovering: bool,
    /// The log directory of each replica, in the order of `replicas`.
    pub directories: Vec<Uuid>,
}

impl PartitionState {
    /// Whether replicas are on their way in or out.
    pub const fn is_reassigned(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    pub(super) fn of(record: PartitionRecord) -> Self {
        Self {
            replicas: record.replicas,
            isr: record.isr,
            leader: record.leader,
            leader_epoch: record.leader_epoch,
            elr: record.eligible_leader_replicas.unwrap_or_default(),
            last_known_elr: record.last_known_elr.unwrap_or_default(),
            adding: record.adding_replicas,
            removing: record.removing_replicas,
            epoch: record.partition_epoch.max(0),
            recovering: record.leader_recovery_state == 1,
            directories: record.directories,
        }
    }

    pub(super) fn change(&mut self, change: PartitionChangeRecord) {
        match change.leader {
            LeaderChange::Unchanged => {}
            LeaderChange::NoLeader => self.next_leader(None),
            LeaderChange::Leader(node) => self.next_leader(Some(node)),
        }
        replace(&mut self.isr, change.isr);
        replace(&mut self.replicas, change.replicas);
        replace(&mut self.adding, change.adding_replicas);
        replace(&mut self.removing, change.removing_replicas);
        replace(&mut self.elr, change.eligible_leader_replicas);
        replace(&mut self.last_known_elr, change.last_known_elr);
        replace(&mut self.directories, change.directories);
        // New replicas whose directories were not named are not assigned to one yet.
        if !self.directories.is_empty() {
            self.directories.resize(self.replicas.len(), Uuid::ZERO);
        }
        match change.leader_recovery_state {
            0 => self.recovering = false,
            1 => self.recovering = true,
            _ => {}
        }
        self.epoch = self.epoch.saturating_add(1);
    }

    pub(super) fn clear_elr(&mut self) {
        if !self.elr.is_empty() || !self.last_known_elr.is_empty() {
            self.elr.clear();
            self.last_known_elr.clear();
            self.epoch = self.epoch.saturating_add(1);
        }
    }

    /// A change that names a leader, or none, begins a new term.
    fn next_leader(&mut self, leader: Option<NodeId>) {
        self.leader = leader;
        self.leader_epoch = LeaderEpoch::new(self.leader_epoch.get().saturating_add(1));
    }
}

fn replace<T>(field: &mut Vec<T>, with: Option<Vec<T>>) {
    if let Some(with) = with {
        *field = with;
    }
}
