//! `Metadata`: brokers, topics, leaders.

use super::Call;
use crate::broker::{error_code, topics};
use crate::format::topic_name;
use crate::format::{LeaderEpoch, NodeId, Uuid};
use crate::log::image::{Image, PartitionState, Topic};
use crate::protocol::ErrorCode;
use crate::protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};

/// Without an authorizer everyone may do everything that can be done to a topic, or
/// to the cluster: a bit for each operation of `AclOperation`.
pub(super) const ALL_OF_A_TOPIC: i32 = 0b1101_1111_1000;
pub(super) const ALL_OF_A_CLUSTER: i32 = 0b1_1111_1010_0000;

pub(super) fn metadata(call: &Call<'_>, request: MetadataRequest) -> MetadataResponse {
    let endpoint = call.broker.config.advertised(call.listener);
    let version = call.header.version;
    let wants_all = match &request.topics {
        None => true,
        // In version 0 no topics are all of them.
        Some(topics) => topics.is_empty() && version == 0,
    };
    let show = Show {
        node: call.broker.node,
        operations: request.include_topic_authorized_operations,
    };
    let topics = if wants_all {
        let image = call.broker.image();
        let all = image.topics().iter();
        all.map(|(name, topic)| show.topic(name, topic)).collect()
    } else {
        let may_create = request.allow_auto_topic_creation || version < 4;
        request
            .topics
            .iter()
            .flatten()
            .map(|asked| one(call, &show, asked, may_create))
            .collect()
    };
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: call.broker.node.get(),
            host: endpoint.host,
            port: i32::from(endpoint.port),
            ..MetadataResponseBroker::default()
        }],
        cluster_id: Some(call.broker.cluster_id.clone()),
        controller_id: call.broker.node.get(),
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            ALL_OF_A_CLUSTER
        } else {
            i32::MIN
        },
        ..MetadataResponse::default()
    }
}

/// One topic that was asked for, by name or by id; made where that is allowed.
fn one(
    call: &Call<'_>,
    show: &Show,
    asked: &MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let image = call.broker.image();
    let failed = |code: ErrorCode, name: Option<String>, topic_id| MetadataResponseTopic {
        error_code: code.code(),
        is_internal: name.as_deref().is_some_and(topic_name::is_internal),
        name,
        topic_id,
        ..MetadataResponseTopic::default()
    };
    let Some(name) = asked.name.as_deref() else {
        return match image.topic_name(asked.topic_id) {
            Some(name) => show.named(&image, name),
            None => failed(ErrorCode::UnknownTopicId, None, asked.topic_id),
        };
    };
    if image.topic(name).is_some() {
        return show.named(&image, name);
    }
    let owned = || Some(name.to_owned());
    if topic_name::check(name).is_err() {
        return failed(ErrorCode::InvalidTopicException, owned(), Uuid::ZERO);
    }
    let is_made =
        may_create && (call.broker.config.auto_create_topics || topic_name::is_internal(name));
    if !is_made {
        return failed(ErrorCode::UnknownTopicOrPartition, owned(), Uuid::ZERO);
    }
    match topics::create_default(call.broker, name) {
        Ok(()) => show.named(&call.broker.image(), name),
        Err(error) => {
            tracing::warn!(topic = name, %error, "cannot create");
            failed(error_code(&error), owned(), Uuid::ZERO)
        }
    }
}

/// How a topic is shown.
pub(super) struct Show {
    node: NodeId,
    operations: bool,
}

impl Show {
    /// To whoever does not ask what may be done to it.
    pub(super) fn of(call: &Call<'_>) -> Self {
        Self {
            node: call.broker.node,
            operations: false,
        }
    }

    fn named(&self, image: &Image, name: &str) -> MetadataResponseTopic {
        match image.topic(name) {
            Some(topic) => self.topic(name, topic),
            None => MetadataResponseTopic {
                error_code: ErrorCode::UnknownTopicOrPartition.code(),
                name: Some(name.to_owned()),
                ..MetadataResponseTopic::default()
            },
        }
    }

    fn topic(&self, name: &str, topic: &Topic) -> MetadataResponseTopic {
        let partitions = topic.partitions.iter();
        MetadataResponseTopic {
            name: Some(name.to_owned()),
            topic_id: topic.id,
            is_internal: topic_name::is_internal(name),
            partitions: partitions
                .map(|(number, state)| self.partition(*number, state))
                .collect(),
            topic_authorized_operations: if self.operations {
                ALL_OF_A_TOPIC
            } else {
                i32::MIN
            },
            ..MetadataResponseTopic::default()
        }
    }

    /// This node leads every partition that it has a replica of.
    pub(super) fn partition(
        &self,
        number: i32,
        state: &PartitionState,
    ) -> MetadataResponsePartition {
        let is_here = state.replicas.contains(&self.node);
        let replicas: Vec<_> = state.replicas.iter().map(|node| node.get()).collect();
        MetadataResponsePartition {
            error_code: if is_here {
                0
            } else {
                ErrorCode::LeaderNotAvailable.code()
            },
            partition_index: number,
            leader_id: if is_here { self.node.get() } else { -1 },
            leader_epoch: LeaderEpoch::to_wire(Some(state.leader_epoch)),
            isr_nodes: if is_here {
                vec![self.node.get()]
            } else {
                Vec::new()
            },
            offline_replicas: replicas
                .iter()
                .copied()
                .filter(|node| *node != self.node.get())
                .collect(),
            replica_nodes: replicas,
            ..MetadataResponsePartition::default()
        }
    }
}
