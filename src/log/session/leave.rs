//! What the last one out does, alone: seals what was touched, writes the
//! checkpoints, and marks the clean stop.

use super::{SYNC_ALL_FROM, open_metadata, open_partition, write_partition_metadata};
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::clean_shutdown::CleanShutdown;
use crate::format::meta_properties::MetaProperties;
use crate::format::{LeaderEpoch, PartitionId, Uuid};
use crate::host::{Durability, Host};
use crate::log::data_dir::{DataDir, known, read_checkpoint};
use crate::log::error::{LogError, Result};
use crate::log::layout::{
    CLEAN_SHUTDOWN, HIGH_WATERMARKS, LOG_STARTS, METADATA_TOPIC, RECOVERY_POINTS, TopicPartition,
};
use crate::log::partition::SegmentConfig;
use crate::log::presence::{Presence, is_directory};
use crate::log::transaction::any_open;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What the last one out does, alone.
pub(super) fn finish(
    host: &Arc<dyn Host>,
    path: &Path,
    meta: &MetaProperties,
    presence: &Presence,
    durability: Durability,
) -> Result<()> {
    let dir = DataDir::open(host, path)?;
    let mut ends = BTreeMap::new();
    let points = read_checkpoint(&**host, &path.join(RECOVERY_POINTS))?;
    let notes = presence.notes()?;
    if any_open(&dir, &notes.producers)? {
        // Its tool was killed just now. Whoever comes next finds it by its note.
        return Ok(());
    }
    let notes = notes.partitions;
    let at_once = notes.len() >= SYNC_ALL_FROM;
    for name in notes {
        let directory = path.join(name.to_string());
        if !is_directory(&**host, &directory) {
            continue;
        }
        let mut partition = if name.topic == METADATA_TOPIC {
            open_metadata(host, &directory)?
        } else if known(dir.image(), path, &name).is_err() {
            continue;
        } else {
            let topic = dir.image().topic(&name.topic);
            let id = topic.map_or(Uuid::ZERO, |topic| topic.id);
            write_partition_metadata(&**host, &directory, id)?;
            let config = SegmentConfig::from_configs(dir.image().topic_configs(&name.topic));
            open_partition(host, path, &name, config, LeaderEpoch::default())?
        };
        if durability == Durability::None || at_once {
            partition.seal(Durability::None)?;
        } else {
            partition.seal(durability)?;
            let point = points.get(&name.topic, PartitionId::new(name.partition));
            partition.distrust(point.unwrap_or_default())?;
            partition.sync()?;
        }
        if name.topic != METADATA_TOPIC {
            ends.insert(name, partition.end());
        }
    }
    if at_once && durability == Durability::Synced {
        host.sync_all(path).map_err(LogError::io("sync", path))?;
    }
    if durability == Durability::None {
        // Nothing is known to be durable, and a torn checkpoint is worse than an old one.
        return Ok(());
    }
    for file in [RECOVERY_POINTS, HIGH_WATERMARKS] {
        let file = path.join(file);
        let mut checkpoint = read_checkpoint(&**host, &file)?;
        let gone: Vec<_> = checkpoint
            .iter()
            .filter(|(topic, number, _)| {
                known(
                    dir.image(),
                    path,
                    &TopicPartition::new(*topic, number.get()),
                )
                .is_err()
            })
            .map(|(topic, number, _)| (topic.to_owned(), number))
            .collect();
        for (topic, number) in gone {
            checkpoint.remove(&topic, number);
        }
        for (name, end) in &ends {
            checkpoint.set(&name.topic, PartitionId::new(name.partition), *end);
        }
        host.replace(&file, &checkpoint.to_bytes(), durability)
            .map_err(LogError::io("write", &file))?;
    }
    let starts = path.join(LOG_STARTS);
    if host.stat(&starts).is_err() {
        let none = OffsetCheckpoint::new();
        host.replace(&starts, &none.to_bytes(), durability)
            .map_err(LogError::io("write", &starts))?;
    }
    presence.forget()?;
    let node = meta.node_id.unwrap_or(crate::log::bootstrap::NODE);
    let mark = CleanShutdown::new(Some(dir.image().broker_epoch(node).unwrap_or(-1)));
    let file = path.join(CLEAN_SHUTDOWN);
    host.replace(&file, &mark.to_bytes(), durability)
        .map_err(LogError::io("write", &file))
}
