//! The directories that are damaged: each a small data directory of its own, with
//! one topic whose partition 0 is rich in one thing. Some are written by this
//! library on the simulated host, some are partitions that Apache Kafka wrote, put
//! into a directory of this library's.
//!
//! A seed gives the same bytes each time.

use crate::support;
use ottla::format::batch::{Prefix, Producer, patch_leader_epoch};
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::checkpoint::OffsetCheckpoint;
use ottla::format::compression::{Codec, Compression, Compressor};
use ottla::format::control::{ControlType, EndTxnMarker};
use ottla::format::kraft_control::{SnapshotFooter, SnapshotHeader, UnknownTags};
use ottla::format::legacy::{self, Magic};
use ottla::format::metadata::{LeaderChange, MetadataRecord, PartitionChangeRecord};
use ottla::format::record::{HeadersBuf, Record};
use ottla::format::{
    LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp, leader_epochs,
};
use ottla::host::sim::{Rng, SimHost};
use ottla::host::{Durability, Host, Kind, Open};
use ottla::log::layout::{
    CLEAN_SHUTDOWN, CLEANER_OFFSETS, HIGH_WATERMARKS, PARTITION_METADATA, RECOVERY_POINTS,
    TopicPartition,
};
use ottla::log::partition::{Partition, Placement};
use ottla::log::session::Session;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files by their path below the data directory.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A data directory and the partition in it that is damaged.
pub(crate) struct Template {
    pub(crate) name: &'static str,
    /// The partition whose files are damaged, as a directory below `DATA`.
    pub(crate) partition: String,
    pub(crate) files: Files,
    /// Whether offsets may be missing: the cleaner was there.
    pub(crate) compacted: bool,
    /// Who wrote the partition.
    pub(crate) by_kafka: bool,
}

/// Writes the records of a template.
type Write = fn(&mut Maker);

/// Where it is built.
const DATA: &str = "/data";

/// When the first record was written; the clock of the simulated host starts there.
const TIME: i64 = 1_700_000_000_000;

/// Every template.
pub(crate) fn all() -> Vec<Template> {
    let ours: [(&'static str, Write); 8] = [
        ("plain", |maker| plain(maker, Codec::None)),
        ("gzip", |maker| plain(maker, Codec::Gzip)),
        ("snappy", |maker| plain(maker, Codec::Snappy)),
        ("lz4", |maker| plain(maker, Codec::Lz4)),
        ("zstd", |maker| plain(maker, Codec::Zstd)),
        ("idempotent", idempotent),
        ("transactions", transactions),
        ("compacted", compacted),
    ];
    let mut templates: Vec<_> = ours.map(|(name, write)| made(name, write)).into();
    templates.push(legacy_sets());
    let clean = support::files(support::CLEAN);
    let dynamic = strip(support::files(support::DYNAMIC), "data/");
    for (name, of, partition) in [
        ("kafka-headers", &clean, "headers-0"),
        ("kafka-appendtime", &clean, "appendtime-0"),
        ("kafka-events", &clean, "events-0"),
        ("kafka-txn", &clean, "txn-0"),
        ("kafka-compacted", &clean, "compacted-0"),
        ("kafka-snappy", &clean, "codec-snappy-0"),
        ("kafka-groups", &dynamic, "__consumer_offsets-1"),
        ("kafka-transactions", &dynamic, "__transaction_state-0"),
    ] {
        templates.push(adopted(name, of, partition));
    }
    templates.push(metadata());
    templates
}

fn strip(files: Files, prefix: &str) -> Files {
    let keep = |(path, bytes): (String, Vec<u8>)| Some((path.strip_prefix(prefix)?.into(), bytes));
    files.into_iter().filter_map(keep).collect()
}

fn made(name: &'static str, write: Write) -> Template {
    let mut maker = Maker::new(name, &[("segment.bytes", "3000")]);
    write(&mut maker);
    maker.finish(name, "t-0", name == "compacted")
}

/// Batches of small records over several segments and three leader epochs.
fn plain(maker: &mut Maker, codec: Codec) {
    for batch in 0..15_i64 {
        if batch == 5 || batch == 11 {
            maker.next_epoch();
        }
        let count = 4 + maker.rng.below(9);
        let mut builder = BatchBuilder::default();
        for _ in 0..count {
            maker.record(&mut builder, batch % 5 == 4);
        }
        maker.seal(&builder, codec, Seal::default(), Placement::Next);
    }
}

/// Three producers that take turns, one of which is fenced by its next epoch.
fn idempotent(maker: &mut Maker) {
    let mut sequences = BTreeMap::<(i64, i16), i32>::new();
    for batch in 0..16_u64 {
        let who = (
            40 + (batch % 3) as i64,
            i16::from(batch >= 9 && batch.is_multiple_of(3)),
        );
        let mut builder = BatchBuilder::default();
        let count = 2 + maker.rng.below(6) as i32;
        for _ in 0..count {
            maker.record(&mut builder, false);
        }
        let sequence = sequences.entry(who).or_default();
        let seal = Seal {
            producer: producer(who.0, who.1, Some(*sequence)),
            ..Seal::default()
        };
        *sequence += count;
        let codec = if batch % 4 == 3 {
            Codec::Lz4
        } else {
            Codec::None
        };
        maker.seal(&builder, codec, seal, Placement::Next);
    }
}

/// Committed and aborted transactions of two producers, interleaved, and plain
/// records between; the last one is left open.
fn transactions(maker: &mut Maker) {
    let mut sequences = [0; 2];
    for step in 0..24_usize {
        let which = step % 2;
        let id = 70 + which as i64;
        match step % 6 {
            0..=3 => {
                let mut builder = BatchBuilder::default();
                let count = 2 + maker.rng.below(4) as i32;
                for _ in 0..count {
                    maker.record(&mut builder, false);
                }
                let seal = Seal {
                    producer: producer(id, 0, Some(sequences[which])),
                    transactional: true,
                    ..Seal::default()
                };
                sequences[which] += count;
                maker.seal(&builder, Codec::None, seal, Placement::Next);
            }
            _ if step == 23 => {}
            _ => maker.marker(id, !(step / 6 + which).is_multiple_of(2)),
        }
        if step % 6 == 5 {
            let mut builder = BatchBuilder::default();
            maker.record(&mut builder, false);
            maker.seal(&builder, Codec::None, Seal::default(), Placement::Next);
        }
    }
}

/// Batches with holes, as the cleaner leaves them.
fn compacted(maker: &mut Maker) {
    let mut offset = 0_i64;
    for batch in 0..12_i64 {
        let mut builder = BatchBuilder::default();
        let mut delta = maker.rng.below(3) as i32;
        for record in 0..3 + maker.rng.below(4) {
            let key = format!("key {batch} {record}");
            let value = format!("the latest of {key}");
            let value = (record != 1).then_some(value.as_bytes());
            let time = maker.time();
            builder
                .append_at(
                    delta,
                    time,
                    Some(key.as_bytes()),
                    value,
                    HeadersBuf::default().as_headers(),
                )
                .unwrap();
            delta += 1 + maker.rng.below(5) as i32;
        }
        offset += maker.rng.below(2) as i64 * 7;
        let seal = Seal {
            base_offset: Offset::new(offset),
            ..Seal::default()
        };
        maker.seal(&builder, Codec::None, seal, Placement::Keep);
        offset += i64::from(builder.next_delta());
    }
}

fn producer(id: i64, epoch: i16, base_sequence: Option<i32>) -> Option<Producer> {
    Some(Producer {
        id: ProducerId::new(id),
        epoch: ProducerEpoch::new(epoch),
        base_sequence,
    })
}

/// Message sets of magic 0 and 1, plain and compressed, then batches of today.
fn legacy_sets() -> Template {
    let mut maker = Maker::new("legacy", &[("segment.bytes", "3000")]);
    maker.close();
    let mut set = Vec::new();
    let mut offset = 0;
    for (magic, time) in [(Magic::V0, None), (Magic::V1, Some(TIME))] {
        for step in 0..10_i64 {
            let value = format!("an old value, number {step}, of magic {}", magic.get());
            let record = |offset: i64| Record {
                offset: Offset::new(offset),
                timestamp: time.map(|time| Timestamp::new(time + offset)),
                key: (offset % 3 != 0).then_some(b"old key"),
                value: (offset % 5 != 4).then_some(value.as_bytes()),
                headers: ottla::format::record::Headers::default(),
            };
            let codec = [Codec::Gzip, Codec::Snappy, Codec::Lz4][step as usize % 3];
            if step % 3 == 2 {
                let records: Vec<_> = (offset..offset + 3).map(record).collect();
                let mut compressor = Compressor::new(Compression::from(codec));
                legacy::put_compressed(&mut set, magic, false, &mut compressor, &records).unwrap();
                offset += 3;
            } else {
                legacy::put_entry(&mut set, magic, false, &record(offset)).unwrap();
                offset += 1;
            }
        }
    }
    maker.write("t-0/00000000000000000000.log", &set);
    for name in [CLEAN_SHUTDOWN, RECOVERY_POINTS, HIGH_WATERMARKS] {
        let _ = maker.host.remove_file(&Path::new(DATA).join(name));
    }
    maker.open();
    for _ in 0..6 {
        let mut builder = BatchBuilder::default();
        for _ in 0..6 {
            maker.record(&mut builder, false);
        }
        maker.seal(&builder, Codec::None, Seal::default(), Placement::Next);
    }
    maker.finish("legacy", "t-0", false)
}

/// A partition of Kafka's in a directory of ours, which then says the same of it.
fn adopted(name: &'static str, from: &Files, partition: &str) -> Template {
    let at = TopicPartition::from_directory(partition).unwrap();
    let mut maker = Maker::empty(name);
    let compacted =
        ["compacted", "__consumer_offsets", "__transaction_state"].contains(&at.topic.as_str());
    let policy = [("cleanup.policy".to_owned(), "compact".to_owned())];
    let configs = if compacted { &policy[..] } else { &[] };
    let session = maker.session.as_mut().unwrap();
    session
        .create_topic(&at.topic, at.partition + 1, configs)
        .unwrap();
    maker.topic = TopicPartition::new(at.topic.clone(), at.partition);
    let epochs = &from[&format!("{partition}/leader-epoch-checkpoint")];
    let latest = leader_epochs::LeaderEpochs::parse(epochs).unwrap().latest();
    for _ in 0..latest.map_or(0, |entry| entry.epoch.get()) {
        maker.next_epoch();
    }
    maker.close();
    for file in maker.host.list(&Path::new(DATA).join(partition)).unwrap() {
        if file.name != PARTITION_METADATA {
            let path = Path::new(DATA).join(partition).join(&file.name);
            maker.host.remove_file(&path).unwrap();
        }
    }
    let mut end = Offset::ZERO;
    for (path, bytes) in from
        .iter()
        .filter(|(path, _)| path.starts_with(&format!("{partition}/")))
    {
        if !path.ends_with(PARTITION_METADATA) {
            maker.write(path, bytes);
        }
        if path.ends_with(".log") {
            end = end.max(super::layout::end_of(bytes).unwrap_or(end));
        }
    }
    let number = PartitionId::new(at.partition);
    for file in [RECOVERY_POINTS, HIGH_WATERMARKS] {
        let path = Path::new(DATA).join(file);
        let bytes = maker
            .host
            .read(&path, 1 << 20)
            .unwrap_or_else(|_| OffsetCheckpoint::new().to_bytes());
        let mut points = OffsetCheckpoint::parse(&bytes).unwrap();
        points.set(&at.topic, number, end);
        maker.write(file, &points.to_bytes());
    }
    if at.topic == "compacted" {
        maker.write(CLEANER_OFFSETS, &from[CLEANER_OFFSETS]);
    }
    maker.end(name, partition, compacted, true)
}

/// The metadata log itself, with a snapshot that holds the same.
fn metadata() -> Template {
    let mut maker = Maker::new("metadata", &[("retention.ms", "-1")]);
    for step in 0..12_u64 {
        let session = maker.session.as_mut().unwrap();
        let value = (step * 1000 + 7).to_string();
        session
            .alter_configs("t", &[("flush.messages".into(), Some(value))])
            .unwrap();
        if step % 3 == 0 {
            let mut builder = BatchBuilder::default();
            maker.record(&mut builder, false);
            maker.seal(&builder, Codec::None, Seal::default(), Placement::Next);
        }
    }
    let mut template = maker.finish("metadata", "__cluster_metadata-0", false);
    let log = &template.files["__cluster_metadata-0/00000000000000000000.log"];
    let (end, mut bytes) = snapshot_of(log);
    // The batches of a snapshot carry the epoch of its name.
    let mut at = 0;
    while at < bytes.len() {
        let size = Prefix::parse(&bytes[at..]).unwrap().size;
        patch_leader_epoch(&mut bytes[at..], LeaderEpoch::new(1));
        at += size;
    }
    let name = format!("__cluster_metadata-0/{end:020}-0000000001.checkpoint");
    template.files.insert(name, bytes);
    template
}

/// A KRaft snapshot with the records of all but the last batches of a metadata log.
fn snapshot_of(log: &[u8]) -> (i64, Vec<u8>) {
    let control = |kind: ControlType, value: &[u8], offset: i64| {
        let mut builder = BatchBuilder::default();
        let key = kind.encode_key();
        builder
            .append(
                Some(Timestamp::new(TIME)),
                Some(&key),
                Some(value),
                HeadersBuf::default().as_headers(),
            )
            .unwrap();
        let seal = Seal {
            base_offset: Offset::new(offset),
            control: true,
            leader_epoch: Some(LeaderEpoch::new(1)),
            ..Seal::default()
        };
        builder.seal(&seal).to_vec()
    };
    let header = SnapshotHeader {
        last_contained_log_timestamp: Some(Timestamp::new(TIME)),
        unknown: UnknownTags::default(),
    };
    let mut bytes = control(ControlType::SnapshotHeader, &header.encode(), 0);
    let batches = super::layout::batches(log);
    let (_, rest) = batches.split_last().unwrap();
    let mut offset = 1;
    let mut end = 0;
    for batch in rest {
        end = batch.last + 1;
        let mut copy = log[batch.range()].to_vec();
        if copy[22] & 0x20 != 0 {
            continue;
        }
        copy[..8].copy_from_slice(&i64::to_be_bytes(offset));
        copy[12..16].copy_from_slice(&1_i32.to_be_bytes());
        offset += batch.last - batch.base + 1;
        bytes.extend_from_slice(&copy);
    }
    let footer = SnapshotFooter::default();
    bytes.extend(control(
        ControlType::SnapshotFooter,
        &footer.encode(),
        offset,
    ));
    (end, bytes)
}

/// Writes one data directory on a simulated machine.
struct Maker {
    host: Arc<dyn Host>,
    sim: SimHost,
    session: Option<Session>,
    partition: Option<Partition>,
    topic: TopicPartition,
    rng: Rng,
    records: i64,
}

impl Maker {
    fn empty(name: &str) -> Self {
        let seed = name
            .bytes()
            .fold(7, |seed, byte| (seed * 31 + u64::from(byte)) % 1_000_003);
        let sim = SimHost::new(seed);
        let host: Arc<dyn Host> = Arc::new(sim.clone());
        let session = Session::open(&host, Path::new(DATA), Durability::Synced).unwrap();
        Self {
            host,
            sim,
            session: Some(session),
            partition: None,
            topic: TopicPartition::new("t", 0),
            rng: Rng::new(seed),
            records: 0,
        }
    }

    /// With a topic of small segments that are indexed densely.
    fn new(name: &str, configs: &[(&str, &str)]) -> Self {
        let mut maker = Self::empty(name);
        let mut configs: Vec<_> = configs
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        configs.push(("index.interval.bytes".into(), "400".into()));
        if name == "compacted" {
            configs.push(("cleanup.policy".into(), "compact".into()));
        }
        maker
            .session
            .as_mut()
            .unwrap()
            .create_topic("t", 1, &configs)
            .unwrap();
        maker
    }

    fn partition(&mut self) -> &mut Partition {
        let session = self.session.as_mut().unwrap();
        let topic = &self.topic;
        self.partition
            .get_or_insert_with(|| session.partition(topic).unwrap())
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.records += 1;
        let jitter = self.rng.below(40) as i64 - 20;
        Some(Timestamp::new(TIME + self.records * 50 + jitter))
    }

    /// A record as most are, or one of the rarer shapes.
    fn record(&mut self, builder: &mut BatchBuilder, rare: bool) {
        let time = self.time();
        let number = self.records;
        let value = format!("record {number:>8}: forty bytes of payload, more or less");
        let key = format!("k{}", self.rng.below(50));
        let mut headers = HeadersBuf::default();
        if rare {
            headers.push(b"trace", Some(b"0123456789"));
            headers.push(b"none", None);
            headers.push(b"", Some(b""));
        }
        let key = (!rare || number % 2 == 0).then_some(key.as_bytes());
        let value = (!rare || number % 3 != 0).then_some(value.as_bytes());
        builder
            .append(time, key, value, headers.as_headers())
            .unwrap();
    }

    fn seal(&mut self, builder: &BatchBuilder, codec: Codec, seal: Seal, placement: Placement) {
        let mut bytes = Vec::new();
        let mut compressor = Compressor::new(Compression::from(codec));
        builder
            .seal_compressed(&mut compressor, &seal, &mut bytes)
            .unwrap();
        self.partition().append(&mut bytes, placement).unwrap();
    }

    fn marker(&mut self, id: i64, commit: bool) {
        let kind = if commit {
            ControlType::Commit
        } else {
            ControlType::Abort
        };
        let time = self.time();
        let value = EndTxnMarker {
            coordinator_epoch: 3,
        }
        .encode();
        let mut builder = BatchBuilder::default();
        builder
            .append(
                time,
                Some(&kind.encode_key()),
                Some(&value),
                HeadersBuf::default().as_headers(),
            )
            .unwrap();
        let seal = Seal {
            producer: producer(id, 0, None),
            transactional: true,
            control: true,
            ..Seal::default()
        };
        self.seal(&builder, Codec::None, seal, Placement::Next);
    }

    /// The partition's leader is elected anew.
    fn next_epoch(&mut self) {
        self.sync();
        self.partition = None;
        let topic = self.topic.clone();
        let session = self.session.as_mut().unwrap();
        session
            .change(|image| {
                let known = image.topic(&topic.topic).unwrap();
                let leader = known.partitions[&topic.partition].replicas[0];
                Ok(vec![MetadataRecord::PartitionChange(
                    PartitionChangeRecord {
                        partition_id: PartitionId::new(topic.partition),
                        topic_id: known.id,
                        leader: LeaderChange::Leader(leader),
                        ..PartitionChangeRecord::default()
                    },
                )])
            })
            .unwrap();
    }

    fn sync(&mut self) {
        let session = self.session.as_mut().unwrap();
        session.sync(self.partition.iter_mut()).unwrap();
    }

    fn close(&mut self) {
        self.sync();
        self.partition = None;
        self.session.take().unwrap().close().unwrap();
    }

    fn open(&mut self) {
        self.session =
            Some(Session::open(&self.host, Path::new(DATA), Durability::Synced).unwrap());
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let file = self
            .host
            .open(&Path::new(DATA).join(path), Open::Truncate)
            .unwrap();
        file.write_at(bytes, 0).unwrap();
        file.sync().unwrap();
    }

    /// Takes away the configs that Kafka would refuse, and stops cleanly.
    fn finish(mut self, name: &'static str, partition: &str, compacted: bool) -> Template {
        let small = ["segment.bytes", "index.interval.bytes"].map(|name| (name.to_owned(), None));
        self.sync();
        self.session
            .as_mut()
            .unwrap()
            .alter_configs("t", &small)
            .unwrap();
        self.close();
        self.end(name, partition, compacted, false)
    }

    fn end(self, name: &'static str, partition: &str, compacted: bool, by_kafka: bool) -> Template {
        let mut files = Files::new();
        collect(&self.sim, Path::new(DATA), &mut files);
        Template {
            name,
            partition: partition.to_owned(),
            files,
            compacted,
            by_kafka,
        }
    }
}

fn collect(host: &SimHost, directory: &Path, files: &mut Files) {
    for entry in host.list(directory).unwrap() {
        let path: PathBuf = directory.join(&entry.name);
        if entry.kind == Kind::Directory {
            collect(host, &path, files);
        } else {
            let name = path.strip_prefix(DATA).unwrap().to_str().unwrap();
            files.insert(name.to_owned(), host.read(&path, 1 << 30).unwrap());
        }
    }
}
