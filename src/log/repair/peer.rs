//! A replica's directory to take lost batches from: `ottla repair --from`.
//!
//! Replicas hold the same batches byte for byte, so what is lost here may be whole
//! there. That it is a replica is checked before anything is taken: the topic ids
//! are the same where both are known, and the batches around what is lost are those
//! that the peer has at their offsets.

use super::holes::unit_of;
use super::readable::{Piece, Readable};
use super::salvage::Peer;
use crate::format::Offset;
use crate::format::batch::Header;
use crate::format::partition_metadata::PartitionMetadata;
use crate::host::{Host, Kind, Open};
use crate::log::data_dir::MOST_SMALL_FILE;
use crate::log::error::{LogError, Result};
use crate::log::layout::{PARTITION_METADATA, Suffix, TopicPartition, segment_file};
use crate::log::partition::Listing;
use crate::log::presence::is_directory;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory, or a partition's, that may hold what is lost.
pub struct PeerDirectory {
    host: Arc<dyn Host>,
    /// The directory that is repaired.
    own: PathBuf,
    peer: PathBuf,
    /// Batches of the own logs that stand beside something that is missing, by the
    /// offsets at which they begin and end.
    edges: BTreeMap<TopicPartition, Edges>,
    /// The segment of the peer that was looked at last.
    segment: Option<(PathBuf, Vec<Found>)>,
}

/// CRCs of batches by their base offsets.
type Edges = BTreeMap<i64, u32>;

/// A batch of the peer.
#[derive(Debug, Clone, Copy)]
struct Found {
    base: i64,
    next: i64,
    crc: u32,
    position: u64,
    size: usize,
}

impl PeerDirectory {
    /// Takes `peer` as a replica of these partitions of the data directory `own`, or
    /// of some of them.
    ///
    /// # Errors
    /// `Invalid` where it is no directory, the one that is repaired, or holds none of
    /// the partitions; `Io`.
    pub fn open<'p>(
        host: &Arc<dyn Host>,
        own: &Path,
        peer: &Path,
        mut partitions: impl Iterator<Item = &'p TopicPartition>,
    ) -> Result<Self> {
        let stat = host.stat(peer).map_err(LogError::io("look at", peer))?;
        if stat.kind != Kind::Directory {
            return Err(LogError::Invalid(format!(
                "{}: expected the directory of a replica, found a file",
                peer.display()
            )));
        }
        let real = |path: &Path| host.canonical(path).map_err(LogError::io("find", path));
        let (real_own, real_peer) = (real(own)?, real(peer)?);
        if real_peer.starts_with(&real_own) {
            return Err(LogError::Invalid(format!(
                "{}: expected the directory of another replica, found the one that is repaired",
                peer.display()
            )));
        }
        let opened = Self {
            host: Arc::clone(host),
            own: own.to_owned(),
            peer: peer.to_owned(),
            edges: BTreeMap::new(),
            segment: None,
        };
        if partitions.any(|name| opened.directory(name).is_some()) {
            return Ok(opened);
        }
        Err(LogError::Invalid(format!(
            "{}: expected a data directory, or a partition's, that has one of the partitions to be repaired; found none of them",
            peer.display()
        )))
    }

    /// The peer's directory of a partition.
    fn directory(&self, partition: &TopicPartition) -> Option<PathBuf> {
        let name = partition.to_string();
        let below = self.peer.join(&name);
        if is_directory(&*self.host, &below) {
            return Some(below);
        }
        let own = self.peer.file_name().and_then(|own| own.to_str());
        // A copy may have got another name, as long as it is not another partition's.
        let other = own.and_then(TopicPartition::from_directory);
        let is_it = other.is_none_or(|other| other == *partition);
        let has_segments = Listing::read(&*self.host, &self.peer)
            .is_ok_and(|listing| !listing.segments.is_empty());
        (is_it && has_segments).then(|| self.peer.clone())
    }

    fn check_id(&self, partition: &TopicPartition, directory: &Path) -> Result<bool> {
        let id = |directory: &Path| {
            let path = directory.join(PARTITION_METADATA);
            let bytes = self.host.read(&path, MOST_SMALL_FILE).ok()?;
            Some(PartitionMetadata::parse(&bytes).ok()?.topic_id)
        };
        let own = id(&self.own.join(partition.to_string()));
        match (own, id(directory)) {
            (Some(own), Some(theirs)) if own != theirs => Err(LogError::Invalid(format!(
                "{}: expected a replica of {partition}, whose topic has the id {own}, found the id {theirs}",
                directory.display()
            ))),
            (own, theirs) => Ok(own.is_some() && own == theirs),
        }
    }

    /// Checks the batches before and behind the lost offsets.
    fn check_edges(
        &mut self,
        partition: &TopicPartition,
        directory: &Path,
        offsets: &Range<i64>,
        same_id: bool,
    ) -> Result<()> {
        if !self.edges.contains_key(partition) {
            let edges = self.own_edges(partition)?;
            self.edges.insert(partition.clone(), edges);
        }
        let edges = &self.edges[partition];
        let before = edges.range(..offsets.start).next_back();
        let behind = edges.range(offsets.end..).next();
        let wanted: Vec<(i64, u32)> = before
            .into_iter()
            .chain(behind)
            .map(|(base, crc)| (*base, *crc))
            .collect();
        let mut agreed = same_id;
        for (base, crc) in wanted {
            let found = self.within(directory, base..base + 1)?;
            let Some(found) = found.iter().find(|found| found.base == base) else {
                continue;
            };
            if found.crc != crc {
                return Err(LogError::Invalid(format!(
                    "{}: expected a replica of {partition}, found another batch at offset {base}",
                    directory.display()
                )));
            }
            agreed = true;
        }
        if agreed {
            return Ok(());
        }
        Err(LogError::Invalid(format!(
            "{}: expected a replica of {partition}, found nothing that shows it: neither the topic's id nor a batch around offsets {} to {} that both have",
            directory.display(),
            offsets.start,
            offsets.end - 1
        )))
    }

    /// The own batches that have no neighbour.
    fn own_edges(&self, partition: &TopicPartition) -> Result<Edges> {
        let directory = self.own.join(partition.to_string());
        let mut edges = Edges::new();
        let mut last: Option<Found> = None;
        for segment in Listing::read(&*self.host, &directory)?.segments {
            let path = segment_file(&directory, segment, Suffix::Log);
            each(&*self.host, &path, |found| {
                let follows = last.is_some_and(|last| last.next == found.base);
                if !follows {
                    edges.extend(last.map(|last| (last.base, last.crc)));
                    edges.insert(found.base, found.crc);
                }
                last = Some(found);
            })?;
        }
        edges.extend(last.map(|last| (last.base, last.crc)));
        Ok(edges)
    }

    /// The peer's batches that have some of these offsets.
    fn within(&mut self, directory: &Path, offsets: Range<i64>) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        self.each_within(directory, &offsets, |_, found| {
            all.extend(found);
            Ok(())
        })?;
        Ok(all)
    }

    /// Hands over those of each segment.
    fn each_within(
        &mut self,
        directory: &Path,
        offsets: &Range<i64>,
        mut take: impl FnMut(&Path, Vec<Found>) -> Result<()>,
    ) -> Result<()> {
        let segments = Listing::read(&*self.host, directory)?.segments;
        for (at, segment) in segments.iter().enumerate() {
            let until = segments.get(at + 1).map_or(i64::MAX, |next| next.get());
            if segment.get() >= offsets.end || until <= offsets.start {
                continue;
            }
            let path = segment_file(directory, *segment, Suffix::Log);
            if self
                .segment
                .as_ref()
                .is_none_or(|(known, _)| *known != path)
            {
                let mut found = Vec::new();
                each(&*self.host, &path, |batch| found.push(batch))?;
                self.segment = Some((path.clone(), found));
            }
            let found = self.segment.iter().flat_map(|(_, found)| found);
            let found =
                found.filter(|found| found.base < offsets.end && found.next > offsets.start);
            let found = found.copied().collect();
            take(&path, found)?;
        }
        Ok(())
    }
}

impl Peer for PeerDirectory {
    fn batches(
        &mut self,
        partition: &TopicPartition,
        offsets: Range<Offset>,
    ) -> Result<Vec<Vec<u8>>> {
        let Some(directory) = self.directory(partition) else {
            return Ok(Vec::new());
        };
        let offsets = offsets.start.get()..offsets.end.get();
        let same_id = self.check_id(partition, &directory)?;
        self.check_edges(partition, &directory, &offsets, same_id)?;
        let host = Arc::clone(&self.host);
        let mut batches = Vec::new();
        self.each_within(&directory, &offsets, |path, found| {
            let file = host
                .open(path, Open::Read)
                .map_err(LogError::io("open", path))?;
            for batch in found {
                if batch.base < offsets.start || batch.next > offsets.end {
                    continue;
                }
                let mut bytes = vec![0; batch.size];
                let read = file
                    .read_at(&mut bytes, batch.position)
                    .map_err(LogError::io("read", path))?;
                if read == batch.size {
                    batches.push(bytes);
                }
            }
            Ok(())
        })?;
        Ok(batches)
    }
}

/// Hands over every batch of a log whose CRC is right.
fn each(host: &dyn Host, path: &Path, mut take: impl FnMut(Found)) -> Result<()> {
    let mut readable = Readable::open(host, path)?;
    while let Some(piece) = readable.next()? {
        if let Some(found) = Found::of(&piece) {
            take(found);
        }
    }
    Ok(())
}

impl Found {
    fn of(piece: &Piece<'_>) -> Option<Self> {
        let size = piece.bytes.len();
        let of = |base, next, crc| Self {
            base,
            next,
            crc,
            position: piece.position,
            size,
        };
        if piece.magic == 2 {
            let header = Header::parse(piece.bytes).ok()?;
            let (base, next) = (header.base_offset.get(), header.next_offset().get());
            return Some(of(base, next, header.crc));
        }
        let unit = unit_of(Offset::ZERO, 0, 0..size as u64, piece.bytes)?;
        Some(of(unit.base, unit.next(), unit.print))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Uuid;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::host::real::RealHost;

    fn batch(offset: i64, value: &str) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        let value = Some(value.as_bytes());
        builder
            .append(None, None, value, Headers::default())
            .unwrap();
        let base_offset = Offset::new(offset);
        builder
            .seal(&Seal {
                base_offset,
                ..Seal::default()
            })
            .to_vec()
    }

    /// A directory with `t-0` of two segments, of one record a batch.
    fn made(value: &str, id: Option<u8>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("t-0");
        std::fs::create_dir(&directory).unwrap();
        for (base, offsets) in [(0, 0..4), (4, 4..8)] {
            let log: Vec<u8> = offsets.flat_map(|offset| batch(offset, value)).collect();
            let path = segment_file(&directory, Offset::new(base), Suffix::Log);
            std::fs::write(path, log).unwrap();
        }
        if let Some(id) = id {
            let bytes = PartitionMetadata::new(Uuid::from_bytes([id; 16])).to_bytes();
            std::fs::write(directory.join(PARTITION_METADATA), bytes).unwrap();
        }
        folder
    }

    /// Damages the batches at these offsets of the first segment.
    fn damage(folder: &Path, offsets: Range<usize>) {
        let path = segment_file(&folder.join("t-0"), Offset::ZERO, Suffix::Log);
        let mut log = std::fs::read(&path).unwrap();
        let size = log.len() / 4;
        for offset in offsets {
            log[offset * size + 65] ^= 0xff;
        }
        std::fs::write(path, log).unwrap();
    }

    fn ask(own: &Path, peer: &Path, offsets: Range<i64>) -> Result<Vec<Vec<u8>>> {
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let offsets = Offset::new(offsets.start)..Offset::new(offsets.end);
        let partition = TopicPartition::new("t", 0);
        let names = std::iter::once(&partition);
        PeerDirectory::open(&host, own, peer, names)?.batches(&partition, offsets)
    }

    #[test]
    fn a_replica_gives_what_is_lost() {
        let (own, peer) = (made("v", None), made("v", Some(1)));
        damage(own.path(), 1..4);
        let expected: Vec<_> = (1..4).map(|offset| batch(offset, "v")).collect();
        assert_eq!(ask(own.path(), peer.path(), 1..4).unwrap(), expected);
        let partition = peer.path().join("t-0");
        assert_eq!(ask(own.path(), &partition, 1..4).unwrap(), expected);
        // What is damaged there as well is not given.
        damage(peer.path(), 2..3);
        let found = ask(own.path(), peer.path(), 1..4).unwrap();
        assert_eq!(found, [expected[0].clone(), expected[2].clone()]);
    }

    #[test]
    fn what_is_no_replica_is_refused() {
        let own = made("v", Some(1));
        damage(own.path(), 1..3);
        let refused = |peer: &Path| ask(own.path(), peer, 1..3).unwrap_err().to_string();
        let other = made("v", Some(2));
        assert!(refused(other.path()).contains("found the id"));
        let other = made("w", Some(1));
        assert!(refused(other.path()).contains("found another batch at offset 0"));
        assert!(refused(own.path()).contains("found the one that is repaired"));
        let other = made("w", None);
        std::fs::remove_file(segment_file(
            &other.path().join("t-0"),
            Offset::ZERO,
            Suffix::Log,
        ))
        .unwrap();
        let path = segment_file(&other.path().join("t-0"), Offset::new(1), Suffix::Log);
        std::fs::write(path, batch(1, "w")).unwrap();
        assert!(refused(other.path()).contains("found nothing that shows it"));
        let empty = tempfile::tempdir().unwrap();
        assert!(refused(empty.path()).contains("found none of them"));
        let other = empty.path().join("u-0");
        std::fs::rename(made("v", None).path().join("t-0"), &other).unwrap();
        assert!(refused(&other).contains("found none of them"));
    }
}
