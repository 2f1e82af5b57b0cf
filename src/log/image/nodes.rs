//! Brokers and controllers as they registered, and the quorum.

use crate::format::NodeId;
use crate::format::control::ControlRecord;
use crate::format::kraft_control::Voter;
use crate::format::metadata::{
    BrokerRegistrationChangeRecord, RegisterBrokerRecord, RegisterControllerRecord,
};
use std::collections::{BTreeMap, BTreeSet};

/// Brokers, controllers and voters.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    /// Brokers by number: their registrations, with what changed since.
    pub brokers: BTreeMap<NodeId, RegisterBrokerRecord>,
    /// Controllers by number.
    pub controllers: BTreeMap<NodeId, RegisterControllerRecord>,
    /// The controllers that vote, as the last election or voters record names them.
    pub voters: BTreeSet<NodeId>,
    /// Their directories and listeners, where the quorum is dynamic.
    pub voter_details: Vec<Voter>,
    /// The leader of the metadata log, as its last election names it.
    pub leader: Option<NodeId>,
    /// The level of `kraft.version`, where the log has a record of it.
    pub kraft_version: Option<i16>,
}

impl Nodes {
    pub(super) fn set_fenced(&mut self, node: NodeId, epoch: i64, fenced: bool) {
        if let Some(broker) = self.broker(node, epoch) {
            broker.fenced = fenced;
        }
    }

    pub(super) fn change(&mut self, change: BrokerRegistrationChangeRecord) {
        let Some(broker) = self.broker(change.broker_id, change.broker_epoch) else {
            return;
        };
        match change.fenced {
            -1 => broker.fenced = false,
            1 => broker.fenced = true,
            _ => {}
        }
        if change.in_controlled_shutdown == 1 {
            broker.in_controlled_shutdown = true;
        }
        if !change.log_dirs.is_empty() {
            broker.log_dirs = change.log_dirs;
        }
        if change.cordoned_log_dirs.is_some() {
            broker.cordoned_log_dirs = change.cordoned_log_dirs;
        }
    }

    pub(super) fn control(&mut self, record: &ControlRecord<'_>) {
        match record {
            ControlRecord::LeaderChange(change) => {
                self.leader = Some(change.leader);
                self.voters = change.voters.iter().map(|voter| voter.id).collect();
            }
            ControlRecord::Voters(voters) => {
                self.voters = voters.voters.iter().map(|voter| voter.id).collect();
                self.voter_details.clone_from(&voters.voters);
            }
            ControlRecord::KRaftVersion(version) => self.kraft_version = Some(version.level),
            _ => {}
        }
    }

    /// The registration that a change is about: one of another epoch is not.
    fn broker(&mut self, node: NodeId, epoch: i64) -> Option<&mut RegisterBrokerRecord> {
        let broker = self.brokers.get_mut(&node)?;
        (broker.broker_epoch == epoch).then_some(broker)
    }
}
