//! What the first one in does, alone: makes the data directory, or makes it whole
//! after an unclean stop.

use crate::format::PartitionId;
use crate::host::{Durability, Host, Kind};
use crate::log::bootstrap::{bootstrap, create_dir};
use crate::log::data_dir::{load_image, not_a_data_directory, read_checkpoint, read_meta};
use crate::log::error::{LogError, Result};
use crate::log::image::Image;
use crate::log::layout::{
    CLEAN_SHUTDOWN, HIGH_WATERMARKS, LOCK, METADATA_TOPIC, RECOVERY_POINTS, TopicPartition,
};
use crate::log::partition::SegmentConfig;
use crate::log::presence::{Presence, is_directory};
use crate::log::recovery::{Recovered, recover};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// What a directory that is there must have to be written to.
const TO_WRITE: &str = "nothing in it, or meta.properties";

/// Creates the directory where it is missing, and refuses what cannot become one.
pub(super) fn ensure_directory(host: &dyn Host, path: &Path) -> Result<()> {
    match host.stat(path) {
        Ok(stat) if stat.kind == Kind::Directory => {}
        Ok(_) => return Err(not_a_data_directory(host, path, TO_WRITE)?),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return create_dir(host, path).map(drop);
        }
        Err(error) => return Err(LogError::io("look at", path)(error)),
    }
    if read_meta(host, path)?.is_some() {
        if !is_directory(host, &path.join(METADATA_TOPIC.to_owned() + "-0")) {
            return Err(LogError::Invalid(format!(
                "{} has no {METADATA_TOPIC}-0: expected the directory of a node that is broker and controller; its records can be read, not appended to",
                path.display()
            )));
        }
        return Ok(());
    }
    // Empty, or begun by a tool that was killed before it wrote meta.properties.
    let ours = |name: &str| {
        name == LOCK || name == format!("{METADATA_TOPIC}-0") || name.ends_with(".tmp")
    };
    let entries = host.list(path).map_err(LogError::io("list", path))?;
    if entries
        .iter()
        .all(|entry| entry.name.to_str().is_some_and(ours))
    {
        return Ok(());
    }
    let dir = not_a_data_directory(host, path, TO_WRITE)?;
    Err(dir)
}

/// What the first one in does, alone.
pub(super) fn prepare(
    host: &Arc<dyn Host>,
    path: &Path,
    presence: &Presence,
    recovered: &mut Vec<(TopicPartition, Recovered)>,
) -> Result<()> {
    if read_meta(&**host, path)?.is_none() {
        // Durable whatever the session is: what a power cut leaves must open again.
        bootstrap(&**host, path, Durability::Synced)?;
        return Ok(());
    }
    let mark = path.join(CLEAN_SHUTDOWN);
    match host.remove_file(&mark) {
        // Durable whatever the session is: a mark that came back after a power cut
        // would vouch for what was never synced.
        Ok(()) => return host.sync_dir(path).map_err(LogError::io("sync", path)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(LogError::io("remove", &mark)(error)),
    }
    if presence.notes()?.same_boot {
        // Nothing is lost; whoever opens a partition cuts what a killed tool left.
        return Ok(());
    }
    recover_all(host, path, recovered)
}

/// Recovers every partition after a power cut, or after Kafka was killed.
fn recover_all(
    host: &Arc<dyn Host>,
    path: &Path,
    recovered: &mut Vec<(TopicPartition, Recovered)>,
) -> Result<()> {
    let points = read_checkpoint(&**host, &path.join(RECOVERY_POINTS))?;
    let metadata = TopicPartition::new(METADATA_TOPIC, 0);
    let mut names = vec![metadata.clone()];
    for entry in host.list(path).map_err(LogError::io("list", path))? {
        if entry.kind == Kind::Directory
            && let Some(name) = entry.name.to_str().and_then(TopicPartition::from_directory)
            && name != metadata
        {
            names.push(name);
        }
    }
    names[1..].sort();
    let mut ends = points.clone();
    let mut marks = read_checkpoint(&**host, &path.join(HIGH_WATERMARKS))?;
    let mut image = Image::default();
    for name in names {
        let directory = path.join(name.to_string());
        let point = points
            .get(&name.topic, PartitionId::new(name.partition))
            .unwrap_or_default();
        let interval = SegmentConfig::from_configs(image.topic_configs(&name.topic)).index_interval;
        let done = recover(host, &directory, &name, point, interval)?;
        if name == metadata {
            image = load_image(host, &directory)?.0;
        } else {
            let number = PartitionId::new(name.partition);
            ends.set(&name.topic, number, done.end);
            if marks.get(&name.topic, number).is_none() && is_alone(&image, &name) {
                marks.set(&name.topic, number, done.end);
            }
        }
        recovered.push((name, done));
    }
    for (file, checkpoint) in [(HIGH_WATERMARKS, marks), (RECOVERY_POINTS, ends)] {
        let file = path.join(file);
        host.replace(&file, &checkpoint.to_bytes(), Durability::Synced)
            .map_err(LogError::io("write", &file))?;
    }
    Ok(())
}

/// Whether no other node has a replica: then the end is the high watermark.
fn is_alone(image: &Image, name: &TopicPartition) -> bool {
    let topic = image.topic(&name.topic);
    topic
        .and_then(|topic| topic.partitions.get(&name.partition))
        .is_some_and(|state| state.replicas.len() <= 1)
}
