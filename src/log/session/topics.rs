//! Topics: created, altered, deleted. The metadata log changes first, then the
//! directories follow.

use super::{Session, open_partition, write_partition_metadata};
use crate::format::metadata::{ConfigRecord, MetadataRecord, RemoveTopicRecord, TopicRecord};
use crate::format::{LeaderEpoch, PartitionId, Uuid};
use crate::host::Durability;
use crate::log::bootstrap::{create_dir, partition_record, random_id};
use crate::log::data_dir::{known, read_checkpoint};
use crate::log::error::{LogError, Result};
use crate::log::image::TOPIC_RESOURCE;
use crate::log::layout::{HIGH_WATERMARKS, LOG_STARTS, RECOVERY_POINTS, TopicPartition};
use crate::log::partition::Partition;
use crate::log::presence::is_directory;

impl Session {
    /// Creates a topic with `partitions` empty partitions and the given configs,
    /// which the caller has checked.
    ///
    /// # Errors
    /// `TopicExists`; `Io`.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(String, String)],
    ) -> Result<()> {
        let id = random_id(&*self.host);
        let (node, log_directory) = (self.node(), self.log_directory());
        self.change(|image| {
            if image.topic(name).is_some() {
                return Err(LogError::TopicExists {
                    topic: name.to_owned(),
                });
            }
            let mut records = vec![MetadataRecord::Topic(TopicRecord {
                name: name.to_owned(),
                topic_id: id,
                ..TopicRecord::default()
            })];
            records.extend(
                configs
                    .iter()
                    .map(|(key, value)| config_record(name, key, Some(value))),
            );
            records.extend((0..partitions).map(|number| {
                partition_record(id, number, node, log_directory, LeaderEpoch::default())
            }));
            Ok(records)
        })?;
        self.create_directories(name, 0..partitions)
    }

    /// Raises the number of a topic's partitions to `count`.
    ///
    /// # Errors
    /// `UnknownTopic`; `Invalid` where it has as many or more.
    pub fn add_partitions(&mut self, name: &str, count: i32) -> Result<()> {
        let (node, log_directory) = (self.node(), self.log_directory());
        let path = self.path.clone();
        let mut first = 0;
        self.change(|image| {
            known(image, &path, &TopicPartition::new(name, 0))?;
            let topic = image.topic(name).expect("it is known");
            first = topic.partitions.len() as i32;
            if count <= first {
                return Err(LogError::Invalid(format!(
                    "topic {name:?} has {first} partitions: expected a number above that, found {count} (partitions cannot be taken away)"
                )));
            }
            Ok((first..count)
                .map(|number| partition_record(topic.id, number, node, log_directory, LeaderEpoch::default()))
                .collect())
        })?;
        self.create_directories(name, first..count)
    }

    /// Sets configs of a topic, and unsets those without a value.
    pub fn alter_configs(
        &mut self,
        name: &str,
        changes: &[(String, Option<String>)],
    ) -> Result<()> {
        let path = self.path.clone();
        self.change(|image| {
            known(image, &path, &TopicPartition::new(name, 0))?;
            Ok(changes
                .iter()
                .map(|(key, value)| config_record(name, key, value.as_deref()))
                .collect())
        })
    }

    /// Deletes a topic: first its metadata, then its directories.
    pub fn delete_topic(&mut self, name: &str) -> Result<()> {
        let path = self.path.clone();
        let mut partitions = Vec::new();
        self.change(|image| {
            let topic = image.topic(name).ok_or_else(|| LogError::UnknownTopic {
                directory: path.clone(),
                topic: name.to_owned(),
                nearest: image.nearest_topic(name),
            })?;
            partitions.extend(topic.partitions.keys().copied());
            Ok(vec![MetadataRecord::RemoveTopic(RemoveTopicRecord {
                topic_id: topic.id,
                ..RemoveTopicRecord::default()
            })])
        })?;
        // A topic of the same name that comes later begins anew.
        self.forget_checkpoints(name, &partitions)?;
        for number in partitions {
            self.delete_directory(&TopicPartition::new(name, number))?;
        }
        self.sync_root()
    }

    /// Takes partitions out of the checkpoints.
    fn forget_checkpoints(&mut self, topic: &str, partitions: &[i32]) -> Result<()> {
        for file in [RECOVERY_POINTS, HIGH_WATERMARKS, LOG_STARTS] {
            let file = self.path.join(file);
            let mut checkpoint = read_checkpoint(&*self.host, &file)?;
            let before = checkpoint.len();
            for number in partitions {
                checkpoint.remove(topic, PartitionId::new(*number));
            }
            if checkpoint.len() < before {
                self.host
                    .replace(&file, &checkpoint.to_bytes(), self.durability)
                    .map_err(LogError::io("write", &file))?;
            }
        }
        for number in partitions {
            self.points.remove(topic, PartitionId::new(*number));
        }
        Ok(())
    }

    /// Makes the directories of partitions with their `partition.metadata` and an
    /// empty first segment.
    pub(super) fn create_directories(
        &mut self,
        name: &str,
        numbers: std::ops::Range<i32>,
    ) -> Result<()> {
        let id = self.image.topic(name).map_or(Uuid::ZERO, |topic| topic.id);
        let mut made: Vec<Partition> = Vec::new();
        for number in numbers {
            let partition = TopicPartition::new(name, number);
            let directory = self.path.join(partition.to_string());
            // First of all: whoever finds it noted and half made completes it.
            self.note(&partition)?;
            create_dir(&*self.host, &directory)?;
            self.root_unsynced = true;
            write_partition_metadata(&*self.host, &directory, id)?;
            let (config, epoch) = self.config_of(&partition);
            let opened = open_partition(&self.host, &self.path, &partition, config, epoch)?;
            made.push(opened);
            if made.len() >= 64 {
                made.clear();
            }
        }
        if self.durability == Durability::Synced {
            self.host
                .sync_all(&self.path)
                .map_err(LogError::io("sync", &self.path))?;
            self.sync_root()?;
        }
        Ok(())
    }

    /// Takes a partition's directory away: renamed first, as Kafka does, so that a
    /// half-deleted one is never taken for a partition.
    fn delete_directory(&mut self, name: &TopicPartition) -> Result<()> {
        let directory = self.path.join(name.to_string());
        if !is_directory(&*self.host, &directory) {
            return Ok(());
        }
        let unique = random_id(&*self.host)
            .as_bytes()
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let leaving = self.path.join(format!("{name}.{unique}-delete"));
        self.host
            .rename(&directory, &leaving)
            .map_err(LogError::io("rename", &directory))?;
        self.root_unsynced = true;
        for entry in self
            .host
            .list(&leaving)
            .map_err(LogError::io("list", &leaving))?
        {
            let file = leaving.join(entry.name);
            self.host
                .remove_file(&file)
                .map_err(LogError::io("remove", &file))?;
        }
        self.host
            .remove_dir(&leaving)
            .map_err(LogError::io("remove", &leaving))
    }
}

fn config_record(topic: &str, name: &str, value: Option<&str>) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: TOPIC_RESOURCE,
        resource_name: topic.to_owned(),
        name: name.to_owned(),
        value: value.map(str::to_owned),
        ..ConfigRecord::default()
    })
}
