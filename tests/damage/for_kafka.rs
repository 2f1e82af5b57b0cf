//! One data directory with a topic for each of many cases, for Apache Kafka to try
//! itself on, and a list of what their records were.

use super::content::{self, Seen};
use super::templates::{Files, Template};
use super::{Case, Cases};
use ottla::format::checkpoint::OffsetCheckpoint;
use ottla::format::leader_epochs::LeaderEpochs;
use ottla::format::metadata::{LeaderChange, MetadataRecord, PartitionChangeRecord};
use ottla::format::{Offset, PartitionId};
use ottla::host::real::RealHost;
use ottla::host::{Durability, Host};
use ottla::log::layout::{HIGH_WATERMARKS, LEADER_EPOCHS, PARTITION_METADATA, RECOVERY_POINTS};
use ottla::log::session::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Cases of each kind, of different templates.
const EACH: usize = 2;

/// Writes `into/damaged` and `into/expected`: for each record a line of topic, kind
/// of damage, offset, a hash of key and value, and whether its bytes are intact.
pub(crate) fn write(cases: &Cases, into: &Path) {
    let data = into.join("damaged");
    let chosen = choose(cases);
    let host: Arc<dyn Host> = Arc::new(RealHost);
    std::fs::create_dir_all(into).unwrap();
    let mut session = Session::open(&host, &data, Durability::None).unwrap();
    for case in &chosen {
        create(&mut session, &topic(case), cases.template(case));
    }
    session.close().unwrap();
    let mut expected = String::new();
    let mut ends = BTreeMap::new();
    for case in &chosen {
        let template = cases.template(case);
        let (topic, files) = (topic(case), cases.files(case));
        replace(
            &data.join(format!("{topic}-0")),
            &files,
            &template.partition,
        );
        let original = content::of(&template.files, &template.partition);
        let intact = content::intact(&original, &files, &template.partition);
        let data = |offset: &i64| !original.is_control(*offset);
        for (offset, record) in original.records.iter().filter(|(offset, _)| data(offset)) {
            let is_intact = u8::from(intact.contains(offset));
            let kind = &case.kind;
            writeln!(
                expected,
                "{topic}\t{kind}\t{offset}\t{:08x}\t{is_intact}",
                hash(record)
            )
            .unwrap();
        }
        let end = original.batches.len();
        assert!(end > 0, "{topic}");
        ends.insert(topic, end_of(template));
    }
    for name in [RECOVERY_POINTS, HIGH_WATERMARKS] {
        let path = data.join(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|_| OffsetCheckpoint::new().to_bytes());
        let mut points = OffsetCheckpoint::parse(&bytes).unwrap();
        for (topic, end) in &ends {
            points.set(topic, PartitionId::new(0), *end);
        }
        std::fs::write(path, points.to_bytes()).unwrap();
    }
    // As Kafka stops.
    let mark = ottla::format::clean_shutdown::CleanShutdown::new(None).to_bytes();
    std::fs::write(data.join(ottla::log::layout::CLEAN_SHUTDOWN), mark).unwrap();
    std::fs::write(into.join("expected"), expected).unwrap();
    println!("{} cases", chosen.len());
}

fn topic(case: &Case) -> String {
    format!("case-{:05}", case.number)
}

/// Some of each kind, of user topics, where only files of the partition differ.
fn choose(cases: &Cases) -> Vec<&Case> {
    let mut seen = BTreeMap::<&str, BTreeSet<usize>>::new();
    let fits = |case: &&Case| {
        let template = cases.template(case);
        let inside = |path: &String| {
            let file = path.strip_prefix(&format!("{}/", template.partition));
            file.is_some_and(|file| file != PARTITION_METADATA)
        };
        let user = !template.partition.starts_with("__");
        user && template.name != "kafka-compacted" && case.changes.keys().all(inside)
    };
    let mut order: Vec<_> = cases.cases.iter().filter(fits).collect();
    // Which templates come first differs from kind to kind.
    order.sort_by_key(|case| (case.template * 7 + case.kind.len() * 5) % 13);
    let mut chosen: Vec<_> = order
        .into_iter()
        .filter(|case| {
            let templates = seen.entry(&case.kind).or_default();
            templates.len() < EACH && templates.insert(case.template)
        })
        .collect();
    chosen.sort_by_key(|case| case.number);
    chosen
}

/// A topic whose metadata fits the template's partition.
fn create(session: &mut Session, topic: &str, template: &Template) {
    let policy = if template.compacted {
        "compact"
    } else {
        "delete"
    };
    let configs = [
        ("cleanup.policy".to_owned(), policy.to_owned()),
        // Nothing is to be removed while it is looked at.
        ("min.compaction.lag.ms".to_owned(), i64::MAX.to_string()),
        ("retention.ms".to_owned(), "-1".to_owned()),
    ];
    session.create_topic(topic, 1, &configs).unwrap();
    let epochs = &template.files[&format!("{}/{LEADER_EPOCHS}", template.partition)];
    let latest = LeaderEpochs::parse(epochs).unwrap().latest();
    let latest = latest.map_or(0, |entry| entry.epoch.get());
    session
        .change(|image| {
            let known = image.topic(topic).unwrap();
            let leader = known.partitions[&0].replicas[0];
            let change = || {
                MetadataRecord::PartitionChange(PartitionChangeRecord {
                    partition_id: PartitionId::new(0),
                    topic_id: known.id,
                    leader: LeaderChange::Leader(leader),
                    ..PartitionChangeRecord::default()
                })
            };
            Ok((0..latest).map(|_| change()).collect())
        })
        .unwrap();
}

/// Puts the damaged files where the empty ones of a new partition are.
fn replace(directory: &Path, files: &Files, partition: &str) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != PARTITION_METADATA {
            std::fs::remove_file(path).unwrap();
        }
    }
    let prefix = format!("{partition}/");
    for (path, bytes) in files {
        match path.strip_prefix(&prefix) {
            Some(name) if name != PARTITION_METADATA => {
                std::fs::write(directory.join(name), bytes).unwrap();
            }
            _ => {}
        }
    }
}

fn end_of(template: &Template) -> Offset {
    let points = OffsetCheckpoint::parse(&template.files[RECOVERY_POINTS]).unwrap();
    let (topic, partition) = template.partition.rsplit_once('-').unwrap();
    let partition = PartitionId::new(partition.parse().unwrap());
    points.get(topic, partition).unwrap()
}

/// The CRC-32 of key and value, each behind its length.
fn hash(record: &Seen) -> u32 {
    let mut bytes = Vec::new();
    for part in [&record.key, &record.value] {
        let length = part.as_ref().map_or(-1, |part| part.len() as i32);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.as_deref().unwrap_or_default());
    }
    crc32fast::hash(&bytes)
}
