//! A data directory open for writing, by one of many tools at once.
//!
//! The first one in, alone, finishes what an unclean stop left: it recovers
//! partitions and takes the mark of the clean stop away before anything is written.
//! The last one out seals every partition that was appended to, writes the
//! checkpoints and puts the mark back, so that Apache Kafka starts as after its own
//! clean stop.
//!
//! With [`Durability::None`] nothing waits for the disk and no mark is put back:
//! the next one in looks at the ends of the partitions noted in `.lock`; Apache
//! Kafka recovers them.

use super::bootstrap::{bootstrap, create_dir, metadata_batch, random_id};
use super::data_dir::{
    DataDir, MOST_SMALL_FILE, known, load_image, not_a_data_directory, read_checkpoint, read_meta,
    replay,
};
use super::error::{LogError, Result};
use super::image::{Image, TOPIC_RESOURCE};
use super::layout::{
    CLEAN_SHUTDOWN, HIGH_WATERMARKS, LOCK, LOG_STARTS, METADATA_TOPIC, PARTITION_METADATA,
    QUORUM_STATE, RECOVERY_POINTS, TopicPartition,
};
use super::partition::{Partition, Placement, SegmentConfig};
use super::presence::{Company, Presence, is_directory};
use super::recovery::{Recovered, recover};
use super::transaction::resolve;
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::clean_shutdown::CleanShutdown;
use crate::format::meta_properties::MetaProperties;
use crate::format::metadata::{
    ConfigRecord, MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord, VersionedRecord,
};
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::quorum_state::QuorumState;
use crate::format::{LeaderEpoch, NodeId, Offset, PartitionId, ProducerId, Timestamp, Uuid};
use crate::host::{Durability, Host, Kind, Lock, LockRange, Open, Wait};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// From so many partitions on, one call that syncs the whole file system is cheaper
/// than a few for each.
const SYNC_ALL_FROM: usize = 16;

/// A data directory open for writing.
pub struct Session {
    host: Arc<dyn Host>,
    path: PathBuf,
    meta: MetaProperties,
    presence: Presence,
    durability: Durability,
    metadata: Partition,
    image: Image,
    image_end: Offset,
    noted: BTreeSet<TopicPartition>,
    recovered: Vec<(TopicPartition, Recovered)>,
    points: OffsetCheckpoint,
    root_unsynced: bool,
    sync_failed: bool,
}

impl Session {
    /// Opens the data directory at `path`; creates it where nothing, or an empty
    /// directory, is there.
    ///
    /// # Errors
    /// `Locked` where a server holds it, `NotADataDirectory`, `Damaged`, `Io`.
    pub fn open(host: &Arc<dyn Host>, path: &Path, durability: Durability) -> Result<Self> {
        ensure_directory(&**host, path)?;
        let (presence, company) = Presence::enter(&**host, path)?;
        let mut recovered = Vec::new();
        if company == Company::Alone {
            prepare(host, path, &presence, &mut recovered)?;
            presence.share()?;
        }
        let meta = read_meta(&**host, path)?.ok_or_else(|| {
            LogError::Invalid(format!("{}: meta.properties vanished", path.display()))
        })?;
        let directory = path.join(METADATA_TOPIC.to_owned() + "-0");
        let (image, image_end) = load_image(host, &directory)?;
        let metadata = open_metadata(host, &directory)?;
        let abandoned = presence.notes()?.producers;
        let mut session = Self {
            host: Arc::clone(host),
            path: path.to_owned(),
            meta,
            presence,
            durability,
            metadata,
            image,
            image_end,
            noted: BTreeSet::new(),
            recovered,
            points: read_checkpoint(&**host, &path.join(RECOVERY_POINTS))?,
            // A tool that was killed may have made names and not synced them.
            root_unsynced: true,
            sync_failed: false,
        };
        if !abandoned.is_empty() || !session.recovered.is_empty() {
            resolve(&mut session, &abandoned)?;
        }
        Ok(session)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its files, clock and randomness.
    pub const fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// Topics and configs, as of the opening or the last change made here.
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// What recovery did when this session opened, where it was the first one in
    /// after an unclean stop.
    pub fn recovered(&self) -> &[(TopicPartition, Recovered)] {
        &self.recovered
    }

    /// Whether what this session writes is made durable.
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// Changes the metadata: `decide` sees the latest image, all other tools kept
    /// from changing it, and returns the records that are then appended as one
    /// batch. Durable when this returns, unless the session is not.
    pub fn change(
        &mut self,
        decide: impl FnOnce(&Image) -> Result<Vec<MetadataRecord>>,
    ) -> Result<()> {
        self.note(&TopicPartition::new(METADATA_TOPIC, 0))?;
        let directory = self.metadata.directory().to_owned();
        let host = Arc::clone(&self.host);
        let (image, image_end) = (&mut self.image, &mut self.image_end);
        self.metadata.transact(|append| {
            *image_end = replay(&host, &directory, *image_end, image)?;
            let records = decide(image)?;
            if records.is_empty() {
                return Ok(());
            }
            let records: Vec<VersionedRecord> =
                records.into_iter().map(MetadataRecord::latest).collect();
            let now = Timestamp::new(host.now_ms());
            let mut batch = metadata_batch(&records, LeaderEpoch::default(), Offset::ZERO, now)
                .map_err(LogError::format(&directory, 0))?;
            append(&mut batch, Placement::Next)?;
            *image_end = replay(&host, &directory, *image_end, image)?;
            Ok(())
        })?;
        if self.durability == Durability::Synced {
            self.metadata.sync()?;
        }
        Ok(())
    }

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
            records.extend(
                (0..partitions).map(|number| partition_record(id, number, node, log_directory)),
            );
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
                .map(|number| partition_record(topic.id, number, node, log_directory))
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
        for number in partitions {
            self.delete_directory(&TopicPartition::new(name, number))?;
        }
        self.sync_root()
    }

    /// Opens a partition for appending and notes that it will be.
    ///
    /// # Errors
    /// `UnknownTopic`, `UnknownPartition`, `Damaged`, `Io`.
    pub fn partition(&mut self, name: &TopicPartition) -> Result<Partition> {
        known(&self.image, &self.path, name)?;
        self.note(name)?;
        let directory = self.path.join(name.to_string());
        if !self.has_metadata_file(&directory) {
            let number = name.partition;
            self.create_directories(&name.topic, number..number + 1)?;
        }
        let (config, epoch) = self.config_of(name);
        let mut partition = open_partition(&self.host, &self.path, name, config, epoch)?;
        let point = self
            .points
            .get(&name.topic, PartitionId::new(name.partition));
        partition.distrust(point.unwrap_or_default())?;
        Ok(partition)
    }

    /// Makes what was appended through these handles durable, in as few calls as
    /// their number allows.
    ///
    /// # Errors
    /// `Io`. What was appended may be lost then, whatever later calls say; the
    /// session leaves no mark of a clean stop.
    pub fn sync<'p>(
        &mut self,
        partitions: impl ExactSizeIterator<Item = &'p mut Partition>,
    ) -> Result<()> {
        let outcome = self.sync_through(partitions);
        self.sync_failed |= outcome.is_err();
        outcome
    }

    fn sync_through<'p>(
        &mut self,
        partitions: impl ExactSizeIterator<Item = &'p mut Partition>,
    ) -> Result<()> {
        if partitions.len() >= SYNC_ALL_FROM {
            self.host
                .sync_all(&self.path)
                .map_err(LogError::io("sync", &self.path))?;
            partitions.for_each(Partition::assume_synced);
        } else {
            for partition in partitions {
                partition.sync()?;
            }
        }
        self.sync_root()
    }

    /// Leaves. Whatever was appended must have been synced before, unless the
    /// session is not durable; the last one out marks the clean stop.
    pub fn close(mut self) -> Result<()> {
        if self.durability == Durability::Synced {
            self.metadata.sync()?;
            self.sync_root()?;
        }
        let Self {
            host,
            path,
            meta,
            presence,
            durability,
            sync_failed,
            ..
        } = self;
        presence.leave(|presence| match sync_failed {
            true => Ok(()),
            false => finish(&host, &path, &meta, presence, durability),
        })
    }

    fn node(&self) -> NodeId {
        self.meta.node_id.unwrap_or(super::bootstrap::NODE)
    }

    fn log_directory(&self) -> Uuid {
        self.meta.directory_id.unwrap_or(Uuid::ZERO)
    }

    fn note(&mut self, name: &TopicPartition) -> Result<()> {
        if self.noted.insert(name.clone()) {
            self.presence.note(name)?;
        }
        Ok(())
    }

    fn config_of(&self, name: &TopicPartition) -> (SegmentConfig, LeaderEpoch) {
        let config = SegmentConfig::from_configs(self.image.topic_configs(&name.topic));
        let epoch = self
            .image
            .topic(&name.topic)
            .and_then(|topic| topic.partitions.get(&name.partition))
            .map_or(LeaderEpoch::default(), |state| state.leader_epoch);
        (config, epoch)
    }

    pub(crate) fn note_producer(&mut self, producer: ProducerId) -> Result<()> {
        self.presence.note_producer(producer)
    }

    fn has_metadata_file(&self, directory: &Path) -> bool {
        self.host
            .stat(&directory.join(PARTITION_METADATA))
            .is_ok_and(|stat| stat.length > 0)
    }

    /// Makes the directories of partitions with their `partition.metadata` and an
    /// empty first segment.
    fn create_directories(&mut self, name: &str, numbers: std::ops::Range<i32>) -> Result<()> {
        let id = self.image.topic(name).map_or(Uuid::ZERO, |topic| topic.id);
        let mut made: Vec<Partition> = Vec::new();
        for number in numbers {
            let partition = TopicPartition::new(name, number);
            let directory = self.path.join(partition.to_string());
            create_dir(&*self.host, &directory)?;
            self.root_unsynced = true;
            write_partition_metadata(&*self.host, &directory, id)?;
            self.note(&partition)?;
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

    fn sync_root(&mut self) -> Result<()> {
        if self.root_unsynced && self.durability == Durability::Synced {
            self.host
                .sync_dir(&self.path)
                .map_err(LogError::io("sync", &self.path))?;
            if let Some(parent) = self.path.parent() {
                let parent = if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                };
                // A parent that may not be opened is not ours to sync.
                let _ = self.host.sync_dir(parent);
            }
        }
        self.root_unsynced = false;
        Ok(())
    }
}

/// Creates the directory where it is missing, and refuses what cannot become one.
fn ensure_directory(host: &dyn Host, path: &Path) -> Result<()> {
    match host.stat(path) {
        Ok(stat) if stat.kind == Kind::Directory => {}
        Ok(_) => return Err(not_a_data_directory(host, path)?),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return create_dir(host, path).map(drop);
        }
        Err(error) => return Err(LogError::io("look at", path)(error)),
    }
    if read_meta(host, path)?.is_some() {
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
    let dir = not_a_data_directory(host, path)?;
    Err(dir)
}

/// What the first one in does, alone.
fn prepare(
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
            ends.set(&name.topic, PartitionId::new(name.partition), done.end);
        }
        recovered.push((name, done));
    }
    let file = path.join(RECOVERY_POINTS);
    host.replace(&file, &ends.to_bytes(), Durability::Synced)
        .map_err(LogError::io("write", &file))
}

/// What the last one out does, alone.
fn finish(
    host: &Arc<dyn Host>,
    path: &Path,
    meta: &MetaProperties,
    presence: &Presence,
    durability: Durability,
) -> Result<()> {
    let dir = DataDir::open(host, path)?;
    let mut ends = BTreeMap::new();
    let points = read_checkpoint(&**host, &path.join(RECOVERY_POINTS))?;
    let notes = presence.notes()?.partitions;
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
    let node = meta.node_id.unwrap_or(super::bootstrap::NODE);
    let mark = CleanShutdown::new(Some(dir.image().broker_epoch(node).unwrap_or(-1)));
    let file = path.join(CLEAN_SHUTDOWN);
    host.replace(&file, &mark.to_bytes(), durability)
        .map_err(LogError::io("write", &file))
}

fn open_partition(
    host: &Arc<dyn Host>,
    path: &Path,
    name: &TopicPartition,
    config: SegmentConfig,
    epoch: LeaderEpoch,
) -> Result<Partition> {
    let directory = path.join(name.to_string());
    let starts = read_checkpoint(&**host, &path.join(LOG_STARTS))?;
    let start = starts
        .get(&name.topic, PartitionId::new(name.partition))
        .unwrap_or_default();
    Partition::open(host, &directory, name.clone(), config, epoch, start)
}

/// The metadata log, to be appended to in the epoch that its quorum is in.
fn open_metadata(host: &Arc<dyn Host>, directory: &Path) -> Result<Partition> {
    let file = directory.join(QUORUM_STATE);
    let bytes = host
        .read(&file, MOST_SMALL_FILE)
        .map_err(LogError::io("read", &file))?;
    let quorum = QuorumState::parse(&bytes).map_err(LogError::format(&file, 0))?;
    write_partition_metadata(&**host, directory, Uuid::METADATA_TOPIC)?;
    Partition::open(
        host,
        directory,
        TopicPartition::new(METADATA_TOPIC, 0),
        SegmentConfig::default(),
        quorum.leader_epoch.unwrap_or_default(),
        Offset::ZERO,
    )
}

/// Writes `partition.metadata` where it is missing or empty. Never replaced: its
/// lock is the right to append.
fn write_partition_metadata(host: &dyn Host, directory: &Path, id: Uuid) -> Result<()> {
    let path = directory.join(PARTITION_METADATA);
    let file = host
        .open(&path, Open::Create)
        .map_err(LogError::io("open", &path))?;
    let range = LockRange {
        start: 0,
        length: 1,
    };
    file.lock(range, Lock::Exclusive, Wait::Yes)
        .map_err(LogError::io("lock", &path))?;
    if file.is_empty().map_err(LogError::io("measure", &path))? {
        file.write_at(&PartitionMetadata::new(id).to_bytes(), 0)
            .map_err(LogError::io("write", &path))?;
    }
    Ok(())
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

/// A new partition, as a clean stop leaves it: without a leader, this node eligible.
fn partition_record(topic_id: Uuid, number: i32, node: NodeId, directory: Uuid) -> MetadataRecord {
    MetadataRecord::Partition(PartitionRecord {
        partition_id: PartitionId::new(number),
        topic_id,
        replicas: vec![node],
        isr: Vec::new(),
        leader: None,
        partition_epoch: 0,
        directories: vec![directory],
        eligible_leader_replicas: Some(vec![node]),
        last_known_elr: Some(vec![node]),
        ..PartitionRecord::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch::{Scratch, UncheckedBatch};
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::host::real::RealHost;
    use crate::log::view::Chunk;

    fn host() -> Arc<dyn Host> {
        Arc::new(RealHost)
    }

    fn batch(values: &[&str]) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        for value in values {
            let time = Some(Timestamp::new(1_700_000_000_000));
            builder
                .append(time, None, Some(value.as_bytes()), Headers::default())
                .unwrap();
        }
        builder.seal(&Seal::default()).to_vec()
    }

    fn values(host: &Arc<dyn Host>, path: &Path, name: &TopicPartition) -> Vec<(i64, String)> {
        let dir = DataDir::open(host, path).unwrap();
        let view = dir.partition(name).unwrap().unwrap();
        let mut cursor = view.cursor(view.start()).unwrap();
        let (mut chunk, mut scratch) = (Chunk::default(), Scratch::new());
        let mut found = Vec::new();
        while cursor.next_chunk(&mut chunk, 4096).unwrap() {
            for bytes in chunk.batches() {
                let batch = UncheckedBatch::parse(bytes.unwrap().1)
                    .unwrap()
                    .check()
                    .unwrap();
                for record in batch.records(&mut scratch).unwrap() {
                    let record = record.unwrap();
                    let text = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                    found.push((record.offset.get(), text));
                }
            }
        }
        found
    }

    #[test]
    fn what_one_session_appends_the_next_one_reads_and_goes_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let (host, name) = (host(), TopicPartition::new("orders", 0));
        for round in 0..3_i64 {
            let mut session = Session::open(&host, &path, Durability::Synced).unwrap();
            if round == 0 {
                session.create_topic("orders", 2, &[]).unwrap();
            }
            let mut partition = session.partition(&name).unwrap();
            assert_eq!(partition.end().get(), round * 3);
            let mut bytes = batch(&["a", "b"]);
            bytes.extend(batch(&["c"]));
            let appended = partition.append(&mut bytes, Placement::Next).unwrap();
            assert_eq!(
                (appended.first.get(), appended.next.get()),
                (round * 3, round * 3 + 3)
            );
            session.sync([&mut partition].into_iter()).unwrap();
            session.close().unwrap();
            assert!(DataDir::open(&host, &path).unwrap().is_clean());
        }
        let expected: Vec<_> = (0..9)
            .zip(["a", "b", "c"].map(str::to_owned).into_iter().cycle())
            .collect();
        assert_eq!(values(&host, &path, &name), expected);
    }

    #[test]
    fn a_torn_tail_left_by_a_killed_tool_goes_when_the_next_one_appends() {
        let folder = tempfile::tempdir().unwrap();
        let (host, name) = (host(), TopicPartition::new("t", 0));
        let mut session = Session::open(&host, folder.path(), Durability::None).unwrap();
        session.create_topic("t", 1, &[]).unwrap();
        let mut partition = session.partition(&name).unwrap();
        partition
            .append(&mut batch(&["whole"]), Placement::Next)
            .unwrap();
        let log = super::super::layout::segment_file(
            &folder.path().join("t-0"),
            Offset::ZERO,
            super::super::layout::Suffix::Log,
        );
        let file = host.open(&log, Open::Write).unwrap();
        let torn = batch(&["unfinished"]);
        file.write_at(&torn[..70], file.len().unwrap()).unwrap();
        drop((session, partition));

        let mut session = Session::open(&host, folder.path(), Durability::Synced).unwrap();
        let mut partition = session.partition(&name).unwrap();
        assert_eq!(partition.end().get(), 1);
        partition
            .append(&mut batch(&["next"]), Placement::Next)
            .unwrap();
        session.sync([&mut partition].into_iter()).unwrap();
        session.close().unwrap();
        let found = values(&host, folder.path(), &name);
        assert_eq!(found, [(0, "whole".to_owned()), (1, "next".to_owned())]);
    }

    #[test]
    fn segments_roll_by_size_and_stay_readable() {
        let folder = tempfile::tempdir().unwrap();
        let (host, name) = (host(), TopicPartition::new("t", 0));
        let mut session = Session::open(&host, folder.path(), Durability::Synced).unwrap();
        let configs = [("segment.bytes".to_owned(), "300".to_owned())];
        session.create_topic("t", 1, &configs).unwrap();
        let mut partition = session.partition(&name).unwrap();
        for _ in 0..20 {
            let mut bytes = batch(&["one", "two"]);
            bytes.extend(batch(&["three"]));
            partition.append(&mut bytes, Placement::Next).unwrap();
        }
        session.sync([&mut partition].into_iter()).unwrap();
        session.close().unwrap();
        let dir = DataDir::open(&host, folder.path()).unwrap();
        let view = dir.partition(&name).unwrap().unwrap();
        assert!(view.segments() > 5, "{} segments", view.segments());
        assert_eq!(view.end().unwrap().get(), 60);
        assert_eq!(values(&host, folder.path(), &name).len(), 60);
        let cursor = view.cursor(Offset::new(31));
        let mut chunk = Chunk::default();
        cursor.unwrap().next_chunk(&mut chunk, 10).unwrap();
        let (_, first) = chunk.batches().next().unwrap().unwrap();
        let header = *UncheckedBatch::parse(first).unwrap().header();
        assert!(header.base_offset.get() <= 31 && header.last_offset.get() >= 31);
    }

    #[test]
    fn a_directory_of_others_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let error = Session::open(&host(), folder.path(), Durability::Synced)
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("found \"notes.txt\" alone"),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
