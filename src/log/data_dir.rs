//! A data directory to be read: who it belongs to, and what its metadata log says.
//! Takes no lock and writes nothing.

use super::error::{LogError, Result};
use super::image::Image;
use super::layout::{
    CLEAN_SHUTDOWN, LOG_STARTS, META_PROPERTIES, METADATA_TOPIC, PARTITION_METADATA, TopicPartition,
};
use super::presence::is_directory;
use super::scan::Scanner;
use super::view::{Chunk, PartitionView};
use crate::format::batch::{Scratch, UncheckedBatch};
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::control::ControlRecord;
use crate::format::meta_properties::MetaProperties;
use crate::format::metadata::VersionedRecord;
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::{Offset, PartitionId, Uuid};
use crate::host::{Host, Kind, Open};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than any of the small files has.
pub(crate) const MOST_SMALL_FILE: u64 = 64 << 20;

/// A data directory to be read.
#[derive(Clone)]
pub struct DataDir {
    host: Arc<dyn Host>,
    path: PathBuf,
    meta: Option<MetaProperties>,
    image: Image,
    starts: OffsetCheckpoint,
}

impl DataDir {
    /// Reads `meta.properties` and the metadata log. A directory without a metadata
    /// log (of a broker that used ZooKeeper) has the topics that its partitions'
    /// directories name.
    ///
    /// # Errors
    /// `NotADataDirectory` where there is neither; `Damaged`, `Io`.
    pub fn open(host: &Arc<dyn Host>, path: &Path) -> Result<Self> {
        let meta = read_meta(&**host, path)?;
        let metadata = path.join(METADATA_TOPIC.to_owned() + "-0");
        let image = if is_directory(&**host, &metadata) {
            load_image(host, &metadata)?.0
        } else {
            image_of_directories(&**host, path)?
        };
        if meta.is_none() && image.topics().is_empty() {
            return Err(not_a_data_directory(
                &**host,
                path,
                "meta.properties or directories of partitions",
            )?);
        }
        Ok(Self {
            host: Arc::clone(host),
            path: path.to_owned(),
            meta,
            image,
            starts: read_checkpoint(&**host, &path.join(LOG_STARTS))?,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who it belongs to.
    pub const fn meta(&self) -> Option<&MetaProperties> {
        self.meta.as_ref()
    }

    /// Its topics and configs.
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// Whether it was left by a clean stop.
    pub fn is_clean(&self) -> bool {
        self.host.stat(&self.path.join(CLEAN_SHUTDOWN)).is_ok()
    }

    /// Opens a partition to be read. `None` where the metadata knows it and its
    /// directory was not made yet: it is empty.
    ///
    /// # Errors
    /// `UnknownTopic`, `UnknownPartition`; `Io`.
    pub fn partition(&self, name: &TopicPartition) -> Result<Option<PartitionView>> {
        known(&self.image, &self.path, name)?;
        let directory = self.path.join(name.to_string());
        if !is_directory(&*self.host, &directory) {
            return Ok(None);
        }
        let start = self
            .starts
            .get(&name.topic, PartitionId::new(name.partition));
        PartitionView::open(&self.host, &directory, name.clone(), start).map(Some)
    }
}

/// That the topic and the partition exist.
pub(crate) fn known(image: &Image, path: &Path, name: &TopicPartition) -> Result<()> {
    let topic = image
        .topic(&name.topic)
        .ok_or_else(|| LogError::UnknownTopic {
            directory: path.to_owned(),
            topic: name.topic.clone(),
            nearest: image.nearest_topic(&name.topic),
        })?;
    if topic.partitions.contains_key(&name.partition) {
        return Ok(());
    }
    Err(LogError::UnknownPartition {
        topic: name.topic.clone(),
        partition: name.partition,
        count: topic.partitions.len() as i32,
    })
}

/// `meta.properties`, where it is there.
pub(crate) fn read_meta(host: &dyn Host, path: &Path) -> Result<Option<MetaProperties>> {
    let file = path.join(META_PROPERTIES);
    match host.read(&file, MOST_SMALL_FILE) {
        Ok(bytes) => MetaProperties::parse(&bytes)
            .map(Some)
            .map_err(LogError::format(&file, 0)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            Err(LogError::NotADataDirectory {
                path: path.to_owned(),
                expected: "a directory",
                found: "a file".to_owned(),
            })
        }
        Err(error) => Err(LogError::io("read", &file)(error)),
    }
}

/// An offset checkpoint; one that is not there is empty.
pub(crate) fn read_checkpoint(host: &dyn Host, path: &Path) -> Result<OffsetCheckpoint> {
    match host.read(path, MOST_SMALL_FILE) {
        Ok(bytes) => OffsetCheckpoint::parse(&bytes).map_err(LogError::format(path, 0)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(OffsetCheckpoint::new()),
        Err(error) => Err(LogError::io("read", path)(error)),
    }
}

/// Why a path cannot be a data directory.
pub(crate) fn not_a_data_directory(
    host: &dyn Host,
    path: &Path,
    expected: &'static str,
) -> Result<LogError> {
    let found = match host.list(path) {
        Ok(entries) if entries.is_empty() => "an empty directory".to_owned(),
        Ok(mut entries) => {
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            let first = entries[0].name.to_string_lossy().into_owned();
            match entries.len() {
                1 => format!("{first:?} alone"),
                more => format!("{first:?} and {} more", more - 1),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => "a file".to_owned(),
        Err(error) => return Err(LogError::io("read", path)(error)),
    };
    Ok(LogError::NotADataDirectory {
        path: path.to_owned(),
        expected,
        found,
    })
}

fn image_of_directories(host: &dyn Host, path: &Path) -> Result<Image> {
    let mut image = Image::default();
    let entries = match host.list(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(image),
        Err(error) => return Err(LogError::io("read", path)(error)),
    };
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
        let Some(name) = entry.name.to_str().and_then(TopicPartition::from_directory) else {
            continue;
        };
        let directory = path.join(&entry.name);
        let id = host
            .read(&directory.join(PARTITION_METADATA), MOST_SMALL_FILE)
            .ok()
            .and_then(|bytes| PartitionMetadata::parse(&bytes).ok())
            .map(|found| found.topic_id);
        let looks_right = id.is_some()
            || host.list(&directory).is_ok_and(|files| {
                files
                    .iter()
                    .any(|file| super::layout::parse_segment_file(&file.name).is_some())
            });
        if looks_right {
            image.adopt(&name.topic, name.partition, id.unwrap_or(Uuid::ZERO));
        }
    }
    Ok(image)
}

/// What the metadata log in `directory` adds up to: its latest snapshot and every
/// record behind it. The offset is the one behind the last record.
pub(crate) fn load_image(host: &Arc<dyn Host>, directory: &Path) -> Result<(Image, Offset)> {
    let mut image = Image::default();
    let mut from = Offset::ZERO;
    if let Some((offset, path)) = latest_snapshot(&**host, directory)? {
        let file = host
            .open(&path, Open::Read)
            .map_err(LogError::io("open", &path))?;
        let length = file.len().map_err(LogError::io("measure", &path))?;
        let mut scanner = Scanner::new(file, &path, 0, length);
        let mut scratch = Scratch::new();
        while let Ok(found) = scanner.next_batch()? {
            apply_batch(&mut image, found.bytes, &mut scratch)
                .map_err(LogError::format(&path, found.position))?;
        }
        from = offset;
    }
    let next = replay(host, directory, from, &mut image)?;
    Ok((image, next))
}

/// Applies the records from an offset on; the offset behind the last one.
pub(crate) fn replay(
    host: &Arc<dyn Host>,
    directory: &Path,
    from: Offset,
    image: &mut Image,
) -> Result<Offset> {
    let name = TopicPartition::new(METADATA_TOPIC, 0);
    let view = PartitionView::open(host, directory, name, None)?;
    let mut cursor = view.cursor(from.max(view.start()))?;
    let mut chunk = Chunk::default();
    let mut scratch = Scratch::new();
    let mut next = from;
    while cursor.next_chunk(&mut chunk, 256 << 10)? {
        for batch in chunk.batches() {
            let (position, bytes) = batch?;
            let at = LogError::format(&chunk.path, position);
            let header = apply_from(image, bytes, from, &mut scratch).map_err(at)?;
            next = next.max(header);
        }
    }
    Ok(next)
}

fn apply_batch(
    image: &mut Image,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> crate::format::Result<Offset> {
    apply_from(image, bytes, Offset::ZERO, scratch)
}

fn apply_from(
    image: &mut Image,
    bytes: &[u8],
    from: Offset,
    scratch: &mut Scratch,
) -> crate::format::Result<Offset> {
    let batch = UncheckedBatch::parse(bytes)?.check()?;
    let header = *batch.header();
    for record in batch.records(scratch)? {
        let record = record?;
        if header.attributes.is_control() {
            image.control(&ControlRecord::decode(record.key, record.value)?);
        } else if record.offset >= from
            && let Some(value) = record.value
        {
            image.apply(VersionedRecord::decode(value)?.record);
        }
    }
    Ok(header.next_offset())
}

/// The snapshot of the highest offset.
fn latest_snapshot(host: &dyn Host, directory: &Path) -> Result<Option<(Offset, PathBuf)>> {
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    let parse = |name: &str| {
        let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
        let right = offset.len() == 20 && epoch.len() == 10;
        right.then(|| offset.parse().ok().map(Offset::new))?
    };
    Ok(entries
        .iter()
        .filter_map(|entry| Some((parse(entry.name.to_str()?)?, directory.join(&entry.name))))
        .max())
}
