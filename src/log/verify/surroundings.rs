//! What the data directory says about a partition, as far as it can be read: what
//! is damaged there is `None` here, and a finding of [`super::beside`].

use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::{LeaderEpoch, NodeId, Offset, PartitionId, Uuid};
use crate::host::Host;
use crate::log::data_dir::{load_image, read_checkpoint, read_meta};
use crate::log::effective::lookup;
use crate::log::image::{Image, Topic};
use crate::log::layout::{
    CLEAN_SHUTDOWN, CLEANER_OFFSETS, HIGH_WATERMARKS, LOG_STARTS, METADATA_TOPIC, RECOVERY_POINTS,
    TopicPartition,
};
use crate::log::presence::{Presence, is_directory};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory around partitions.
#[derive(Clone)]
pub struct Surroundings {
    /// Where it is.
    pub data: PathBuf,
    /// Whether `data` has the files of a data directory, not only partitions.
    pub is_data: bool,
    /// Whether a server holds it: everything may move.
    pub live: bool,
    /// Whether it has the mark of a clean stop.
    pub clean: bool,
    /// The cluster's id.
    pub cluster: Option<String>,
    /// The broker that the directory is of.
    pub node: Option<NodeId>,
    /// Whether it has a metadata log.
    pub kraft: bool,
    /// What the metadata log adds up to.
    pub image: Option<Arc<Image>>,
    /// Up to where each partition is on disk for certain.
    pub recovery_points: Option<OffsetCheckpoint>,
    /// First offsets, where the head was deleted.
    pub log_starts: Option<OffsetCheckpoint>,
    /// High watermarks.
    pub high_watermarks: Option<OffsetCheckpoint>,
    /// Up to where the cleaner got, in the partitions where it was.
    pub cleaned: Option<OffsetCheckpoint>,
}

/// What is known about one partition before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Whether a server holds the directory: everything may move.
    pub live: bool,
    /// Whether the directory has the mark of a clean stop.
    pub clean: bool,
    /// Up to where it is on disk for certain; `None` where nothing tells.
    pub recovery_point: Option<Offset>,
    /// Its first offset, where its head was deleted.
    pub log_start: Option<Offset>,
    /// Its high watermark.
    pub high_watermark: Option<Offset>,
    /// Up to where the cleaner got, where it was.
    pub cleaned: Option<Offset>,
    /// The cleanup policy, where the metadata is there to tell it.
    pub cleanup: Option<Cleanup>,
    /// The topic's id, where the metadata is there to tell it.
    pub topic_id: Option<Uuid>,
    /// How many partitions the topic has, where the metadata is there to tell it.
    pub partitions: Option<u32>,
    /// The epoch of its leader, where the metadata is there to tell it.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whether the directory is one of Kafka without ZooKeeper, which wants a
    /// `partition.metadata` in each partition.
    pub kraft: bool,
}

impl Context {
    /// The latest leader epoch that a batch can have, where that is certain: what a
    /// kill kept from the metadata log may have been in other logs already.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.leader_epoch.filter(|_| self.clean && !self.live)
    }
}

/// A topic's cleanup policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleanup {
    /// Whether records are removed from the middle: offsets are missing then.
    pub compact: bool,
    /// Whether segments are deleted from the head.
    pub delete: bool,
}

impl Surroundings {
    /// Reads what can be read. `is_data` tells whether files of a data directory are
    /// to be expected at all.
    pub fn read(host: &Arc<dyn Host>, data: &Path, is_data: bool) -> Self {
        let checkpoint = |name: &str| {
            is_data
                .then(|| read_checkpoint(&**host, &data.join(name)).ok())
                .flatten()
        };
        let metadata = data.join(format!("{METADATA_TOPIC}-0"));
        let kraft = is_data && is_directory(&**host, &metadata);
        let image = kraft.then(|| load_image(host, &metadata).ok()).flatten();
        let meta = read_meta(&**host, data).ok().flatten();
        Self {
            data: data.to_owned(),
            is_data,
            live: Presence::is_served(&**host, data),
            kraft,
            clean: host.stat(&data.join(CLEAN_SHUTDOWN)).is_ok(),
            node: meta.as_ref().and_then(|meta| meta.node_id),
            cluster: meta.and_then(|meta| meta.cluster_id),
            image: image.map(|(image, _)| Arc::new(image)),
            recovery_points: checkpoint(RECOVERY_POINTS),
            log_starts: checkpoint(LOG_STARTS),
            high_watermarks: checkpoint(HIGH_WATERMARKS),
            cleaned: checkpoint(CLEANER_OFFSETS),
        }
    }

    /// What they say about a partition.
    pub fn of(&self, name: &TopicPartition) -> Context {
        let find = |checkpoint: &Option<OffsetCheckpoint>| {
            checkpoint
                .as_ref()?
                .get(&name.topic, PartitionId::new(name.partition))
        };
        let topic = self.topic(&name.topic);
        let state = topic.and_then(|topic| topic.partitions.get(&name.partition));
        Context {
            live: self.live,
            clean: self.clean,
            recovery_point: find(&self.recovery_points),
            log_start: find(&self.log_starts),
            high_watermark: find(&self.high_watermarks),
            cleaned: find(&self.cleaned),
            cleanup: self.cleanup(name),
            topic_id: match name.topic.as_str() {
                METADATA_TOPIC => Some(Uuid::METADATA_TOPIC),
                other => self.topic(other).map(|topic| topic.id),
            },
            partitions: self
                .topic(&name.topic)
                .and_then(|topic| u32::try_from(topic.partitions.len()).ok()),
            leader_epoch: state.map(|partition| partition.leader_epoch),
            kraft: self.kraft,
        }
    }

    fn topic(&self, name: &str) -> Option<&Topic> {
        self.image.as_ref()?.topic(name)
    }

    fn cleanup(&self, name: &TopicPartition) -> Option<Cleanup> {
        if name.topic == METADATA_TOPIC {
            return Some(Cleanup {
                compact: false,
                delete: true,
            });
        }
        let image = self.image.as_ref()?;
        image.topic(&name.topic)?;
        // A broker's own properties are not in the directory: Kafka's default stands
        // for them, unless the cleaner was there.
        let policy = lookup(image, self.node, &name.topic, "cleanup.policy")
            .map_or_else(|| "delete".to_owned(), |(policy, _)| policy);
        let has = |word| policy.split(',').any(|other| other.trim() == word);
        let cleaned = self.cleaned.as_ref().is_some_and(|cleaned| {
            let partition = PartitionId::new(name.partition);
            cleaned.get(&name.topic, partition).is_some()
        });
        Some(Cleanup {
            compact: has("compact") || cleaned,
            delete: has("delete"),
        })
    }
}
