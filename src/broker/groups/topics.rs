//! The topics of the image as groups see them.

use super::{Coordinators, lock};
use crate::coordinator::consumer::topics::{Topic, Topics};
use crate::format::Uuid;
use crate::log::image::Image;
use std::collections::HashMap;
use std::sync::Arc;

/// The topics of one image.
pub(super) struct ClusterTopics {
    image: Arc<Image>,
    version: i64,
    /// The racks of each topic's partitions, where brokers have racks.
    racks: HashMap<String, Vec<Vec<String>>>,
}

impl ClusterTopics {
    fn new(image: &Arc<Image>, version: i64) -> Self {
        let brokers = &image.nodes().brokers;
        let mut racks = HashMap::new();
        if brokers.values().any(|broker| broker.rack.is_some()) {
            let rack_of = |node: &crate::format::NodeId| brokers.get(node)?.rack.clone();
            for (name, topic) in image.topics() {
                let of_topic: Vec<Vec<String>> = topic
                    .partitions
                    .values()
                    .map(|partition| partition.replicas.iter().filter_map(rack_of).collect())
                    .collect();
                racks.insert(name.clone(), of_topic);
            }
        }
        Self {
            image: Arc::clone(image),
            version,
            racks,
        }
    }
}

impl Coordinators {
    /// The topics of this image, made once.
    pub(super) fn topics(&self, image: &Arc<Image>, version: i64) -> Arc<ClusterTopics> {
        let mut known = lock(&self.topics);
        match &*known {
            Some(topics) if Arc::ptr_eq(&topics.image, image) => Arc::clone(topics),
            _ => {
                let topics = Arc::new(ClusterTopics::new(image, version));
                *known = Some(Arc::clone(&topics));
                topics
            }
        }
    }
}

impl Topics for ClusterTopics {
    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        let (name, topic) = self.image.topics().get_key_value(name)?;
        Some(Topic {
            id: topic.id,
            name,
            partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
            racks: self.racks.get(name).map_or(&[], Vec::as_slice),
        })
    }

    fn by_id(&self, id: &Uuid) -> Option<Topic<'_>> {
        self.by_name(self.image.topic_name(*id)?)
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.image.topics().keys().map(String::as_str))
    }

    fn version(&self) -> i64 {
        self.version
    }
}
