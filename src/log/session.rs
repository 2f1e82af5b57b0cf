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

mod enter;
mod leave;
#[cfg(test)]
mod tests;
mod topics;

use super::bootstrap::metadata_batch;
use super::data_dir::{MOST_SMALL_FILE, known, load_image, read_checkpoint, read_meta, replay};
use super::error::{LogError, Result};
use super::image::Image;
use super::layout::{
    HIGH_WATERMARKS, LOG_STARTS, METADATA_TOPIC, PARTITION_METADATA, QUORUM_STATE, RECOVERY_POINTS,
    TopicPartition,
};
use super::partition::{Partition, Placement, SegmentConfig};
use super::presence::{Company, Presence};
use super::recovery::Recovered;
use super::transaction::resolve;
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::meta_properties::MetaProperties;
use crate::format::metadata::{MetadataRecord, VersionedRecord};
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::quorum_state::QuorumState;
use crate::format::{LeaderEpoch, NodeId, Offset, PartitionId, ProducerId, Timestamp, Uuid};
use crate::host::{Durability, Host, Lock, LockRange, Open, Wait};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use enter::{ensure_directory, prepare};
use leave::finish;

/// From so many partitions on, one call that syncs the whole file system is cheaper
/// than a few for each.
const SYNC_ALL_FROM: usize = 16;

/// How a data directory is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// One of many that write.
    Tool,
    /// The only one.
    Server,
}

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
        Self::enter(host, path, durability, Role::Tool)
    }

    /// Opens the data directory at `path` as a server does: nobody else writes to it
    /// until this is closed or dropped.
    ///
    /// # Errors
    /// As [`Session::open`]; `InUse` where tools are at work.
    pub fn serve(host: &Arc<dyn Host>, path: &Path) -> Result<Self> {
        Self::enter(host, path, Durability::Synced, Role::Server)
    }

    fn enter(
        host: &Arc<dyn Host>,
        path: &Path,
        durability: Durability,
        role: Role,
    ) -> Result<Self> {
        ensure_directory(&**host, path)?;
        let (presence, company) = Presence::enter(&**host, path)?;
        let mut recovered = Vec::new();
        match (company, role) {
            (Company::Others, Role::Tool) => {}
            (Company::Others, Role::Server) => {
                return Err(LogError::InUse {
                    directory: path.to_owned(),
                });
            }
            (Company::Alone, role) => {
                prepare(host, path, &presence, &mut recovered)?;
                match role {
                    Role::Tool => presence.share()?,
                    Role::Server => presence.hold()?,
                }
            }
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

    /// The offset behind the last record of the metadata log.
    pub const fn metadata_end(&self) -> Offset {
        self.image_end
    }

    /// What `meta.properties` says.
    pub const fn meta(&self) -> &MetaProperties {
        &self.meta
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
        self.refuse_foreign_quorum()?;
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

    /// Opens a partition for appending and notes that it will be.
    ///
    /// # Errors
    /// `UnknownTopic`, `UnknownPartition`, `Damaged`, `Io`.
    pub fn partition(&mut self, name: &TopicPartition) -> Result<Partition> {
        known(&self.image, &self.path, name)?;
        self.refuse_replicated(name)?;
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

    /// The log start offset of a partition, where its head was deleted.
    pub fn log_start(&self, name: &TopicPartition) -> Result<Option<Offset>> {
        let starts = read_checkpoint(&*self.host, &self.path.join(LOG_STARTS))?;
        Ok(starts.get(&name.topic, PartitionId::new(name.partition)))
    }

    /// Makes the log start offsets of partitions durable: readers find nothing before
    /// them from then on.
    ///
    /// # Errors
    /// `Io`: some readers may see the old ones, others the new ones.
    pub fn set_log_starts(&self, starts: &[(TopicPartition, Offset)]) -> Result<()> {
        let file = self.path.join(LOG_STARTS);
        let mut checkpoint = read_checkpoint(&*self.host, &file)?;
        for (name, start) in starts {
            checkpoint.set(&name.topic, PartitionId::new(name.partition), *start);
        }
        self.checkpoint(LOG_STARTS, &checkpoint)
    }

    /// Writes the recovery points of partitions: what lies before them is durable. A
    /// point never goes back.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_recovery_points(&mut self, points: &[(TopicPartition, Offset)]) -> Result<()> {
        let mut checkpoint = self.points.clone();
        for (name, point) in points {
            let number = PartitionId::new(name.partition);
            let known = checkpoint.get(&name.topic, number).unwrap_or_default();
            checkpoint.set(&name.topic, number, known.max(*point));
        }
        self.checkpoint(RECOVERY_POINTS, &checkpoint)?;
        self.points = checkpoint;
        Ok(())
    }

    /// Writes high watermarks.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_high_watermarks(&self, marks: &[(TopicPartition, Offset)]) -> Result<()> {
        let mut checkpoint = read_checkpoint(&*self.host, &self.path.join(HIGH_WATERMARKS))?;
        for (name, mark) in marks {
            checkpoint.set(&name.topic, PartitionId::new(name.partition), *mark);
        }
        self.checkpoint(HIGH_WATERMARKS, &checkpoint)
    }

    fn checkpoint(&self, file: &str, checkpoint: &OffsetCheckpoint) -> Result<()> {
        let file = self.path.join(file);
        self.host
            .replace(&file, &checkpoint.to_bytes(), self.durability)
            .map_err(LogError::io("write", &file))
    }

    /// The epoch and the end of the metadata log.
    pub const fn metadata_ends(&self) -> (LeaderEpoch, Offset) {
        (self.metadata.leader_epoch(), self.metadata.end())
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
        let abandoned = self.presence.notes()?.producers;
        if !abandoned.is_empty() {
            resolve(&mut self, &abandoned)?;
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

    /// The metadata log is appended to here only where no other controller votes on it.
    fn refuse_foreign_quorum(&self) -> Result<()> {
        let node = self.node();
        let voters = self.image.voters();
        if voters.iter().all(|voter| *voter == node) {
            return Ok(());
        }
        let voters: Vec<_> = voters.iter().map(ToString::to_string).collect();
        Err(LogError::Invalid(format!(
            "{}: the metadata is decided by controllers {}: expected node {node}, whose directory this is, to be the only one; change topics through a broker",
            self.path.display(),
            voters.join(", ")
        )))
    }

    /// A partition is appended to here only where no other node has a replica of it:
    /// the replicas would no longer be the same.
    fn refuse_replicated(&self, name: &TopicPartition) -> Result<()> {
        let node = self.node();
        let replicas = self
            .image
            .topic(&name.topic)
            .and_then(|topic| topic.partitions.get(&name.partition))
            .map_or(&[][..], |state| &state.replicas);
        if replicas.iter().all(|replica| *replica == node) {
            return Ok(());
        }
        let replicas: Vec<_> = replicas.iter().map(ToString::to_string).collect();
        Err(LogError::Invalid(format!(
            "{name} has replicas on nodes {}: expected node {node}, whose directory this is, to hold the only one; produce through a broker",
            replicas.join(", ")
        )))
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
