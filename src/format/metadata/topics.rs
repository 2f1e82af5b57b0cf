//! Metadata records of topics and partitions.

use crate::format::bytes::Reader;
use crate::format::error::{FormatError, Result};
use crate::format::schema::{Layout, Wire, schema};
use crate::format::types::{LeaderEpoch, NodeId, PartitionId, Uuid};
use serde_json::Value;

schema! {
    messages {
        /// A topic is created.
        TopicRecord, 0..=0, flexible 0, {
            /// Its name.
            name: String, 0..;
            /// Its id.
            topic_id: Uuid, 0..;
        }

        /// A partition is created, or its whole state. Version 1 adds directories
        /// (KIP-858), version 2 eligible leader replicas (KIP-966).
        PartitionRecord, 0..=2, flexible 0, {
            /// Its number in the topic.
            partition_id: PartitionId, 0..;
            /// Its topic.
            topic_id: Uuid, 0..;
            /// Its replicas, the preferred leader first.
            replicas: Vec<NodeId>, 0..;
            /// Those in sync.
            isr: Vec<NodeId>, 0..;
            /// Those being removed.
            removing_replicas: Vec<NodeId>, 0..;
            /// Those being added.
            adding_replicas: Vec<NodeId>, 0..;
            /// The leader.
            leader: Option<NodeId>, 0..;
            /// 1 while recovering from an unclean election, else 0.
            leader_recovery_state: i8, 0.., tag 0;
            /// Raised by 1 with each leader.
            leader_epoch: LeaderEpoch, 0..;
            /// Raised by 1 with each change.
            partition_epoch: i32, 0.., default -1;
            /// The log directory of each replica, in the order of `replicas`.
            directories: Vec<Uuid>, 1..;
            /// Replicas out of sync that still hold all committed records.
            eligible_leader_replicas: Option<Vec<NodeId>>, 2.., tag 1;
            /// Those last known to be eligible.
            last_known_elr: Option<Vec<NodeId>>, 2.., tag 2;
        }

        /// Some of a partition's state changes; `None` is no change. The
        /// partition's epoch rises by 1, its leader epoch by 1 where `leader`
        /// names one.
        PartitionChangeRecord, 0..=2, flexible 0, {
            /// Its number in the topic.
            partition_id: PartitionId, 0..;
            /// Its topic.
            topic_id: Uuid, 0..;
            /// The new in-sync replicas.
            isr: Option<Vec<NodeId>>, 0.., tag 0;
            /// The new leader.
            leader: LeaderChange, 0.., tag 1;
            /// The new replicas.
            replicas: Option<Vec<NodeId>>, 0.., tag 2;
            /// The new replicas being removed.
            removing_replicas: Option<Vec<NodeId>>, 0.., tag 3;
            /// The new replicas being added.
            adding_replicas: Option<Vec<NodeId>>, 0.., tag 4;
            /// −1 no change, 0 recovered, 1 recovering from an unclean election.
            leader_recovery_state: i8, 0.., tag 5, default -1;
            /// The new log directory of each replica.
            directories: Option<Vec<Uuid>>, 1.., tag 8;
            /// The new eligible leader replicas.
            eligible_leader_replicas: Option<Vec<NodeId>>, 2.., tag 6;
            /// The new last known eligible leader replicas.
            last_known_elr: Option<Vec<NodeId>>, 2.., tag 7;
        }

        /// A topic is deleted with its partitions and configs.
        RemoveTopicRecord, 0..=0, flexible 0, {
            /// Its id.
            topic_id: Uuid, 0..;
        }

        /// Eligible leader replicas are forgotten.
        ClearElrRecord, 0..=0, flexible 0, {
            /// The topic, or empty for every topic.
            topic_name: String, 0..;
        }
    }
    structs {}
}

/// What a partition change says of the leader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeaderChange {
    /// The leader and its epoch stay (−2).
    #[default]
    Unchanged,
    /// There is no leader now (−1).
    NoLeader,
    /// This one leads.
    Leader(NodeId),
}

impl LeaderChange {
    const fn to_wire(self) -> i32 {
        match self {
            Self::Unchanged => -2,
            Self::NoLeader => -1,
            Self::Leader(node) => node.get(),
        }
    }
}

impl Wire for LeaderChange {
    fn read(reader: &mut Reader<'_>, _: Layout, what: &'static str) -> Result<Self> {
        let start = reader.position();
        match reader.i32(what)? {
            -2 => Ok(Self::Unchanged),
            -1 => Ok(Self::NoLeader),
            node @ 0.. => Ok(Self::Leader(NodeId::new(node))),
            other => Err(FormatError::corrupt(
                what,
                start,
                "-2 or more",
                other.to_string(),
            )),
        }
    }

    fn write(&self, out: &mut Vec<u8>, layout: Layout, what: &'static str) -> Result<()> {
        self.to_wire().write(out, layout, what)
    }

    fn to_json(&self, _: Layout) -> Value {
        Value::from(self.to_wire())
    }
}
