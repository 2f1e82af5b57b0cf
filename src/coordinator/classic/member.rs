//! A member of a classic group.

use super::scene::Waiter;
use crate::coordinator::consumer::ClassicMember;
use crate::format::consumer_offsets::{ClassicGroupMember, ClassicProtocol};
use crate::protocol::messages::join_group::JoinGroupRequest;
use std::sync::Arc;

/// A member.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// Those that it supports, the one that it likes best first.
    pub(super) protocols: Vec<ClassicProtocol>,
    pub(super) assignment: Vec<u8>,
    /// Who waits for the round to have its members.
    pub(super) joining: Option<Waiter>,
    /// Who waits for the leader's assignment.
    pub(super) syncing: Option<Waiter>,
    /// It has not been through a round yet, and is given up even while it waits.
    pub(super) is_new: bool,
}

impl Member {
    /// What a member's protocol says; empty where it does not support it.
    pub(super) fn metadata(&self, protocol: &str) -> &[u8] {
        let found = self.protocols.iter().find(|known| known.name == protocol);
        found.map_or(&[], |known| &known.metadata)
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|known| known.name == protocol)
    }

    /// Whether the request says nothing new.
    pub(super) fn matches(&self, request: &JoinGroupRequest) -> bool {
        self.protocols == protocols(request)
    }

    /// A member that waits is not silent.
    pub(super) fn is_heard(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }

    /// Takes in what a member says when it joins.
    pub(super) fn update(&mut self, request: &JoinGroupRequest, joining: Option<Waiter>) {
        self.protocols = protocols(request);
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.session_timeout_ms = request.session_timeout_ms;
        self.joining = joining;
    }

    /// As the log has it.
    pub(super) fn from_record(member: &ClassicGroupMember, protocol: Option<&str>) -> Self {
        let protocols = protocol.map(|name| ClassicProtocol {
            name: name.to_owned(),
            metadata: member.subscription.clone(),
            ..Default::default()
        });
        let rebalance_timeout_ms = match member.rebalance_timeout {
            // Written before there were two.
            -1 => member.session_timeout,
            given => given,
        };
        Self {
            id: Arc::from(member.member_id.as_str()),
            instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout,
            protocols: protocols.into_iter().collect(),
            assignment: member.assignment.clone(),
            joining: None,
            syncing: None,
            is_new: false,
        }
    }

    /// One that leaves a consumer group.
    pub(super) fn from_migrated(member: ClassicMember) -> Self {
        Self {
            id: Arc::from(member.id.as_str()),
            instance_id: member.instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols,
            assignment: member.assignment,
            joining: None,
            syncing: None,
            is_new: false,
        }
    }

    /// What a consumer group takes over.
    pub(super) fn to_migrated(&self) -> ClassicMember {
        ClassicMember {
            id: self.id.to_string(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: self.assignment.clone(),
        }
    }
}

/// The protocols of a request; of two of one name the first counts.
pub(super) fn protocols(request: &JoinGroupRequest) -> Vec<ClassicProtocol> {
    let mut protocols: Vec<ClassicProtocol> = Vec::with_capacity(request.protocols.len());
    for given in &request.protocols {
        if protocols.iter().all(|known| known.name != given.name) {
            protocols.push(ClassicProtocol {
                name: given.name.clone(),
                metadata: given.metadata.clone(),
                ..Default::default()
            });
        }
    }
    protocols
}
