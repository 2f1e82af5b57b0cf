//! The directories of partitions against the metadata log.
//!
//! Kafka refuses to start beside a directory that is no partition's, and sets a
//! partition aside that the metadata does not know or gives to other nodes. One that
//! it knows and that is not there it makes, empty: that is in order for one that was
//! never written to. Files lie there as they like, but for those that look like Kafka's.
//!
//! Sources: `LogManager.loadLogs`, `UnifiedLog.parseTopicPartitionName`,
//! `LogManager.isStrayKraftReplica`, `DirectoryId`.

use super::Report;
use super::data::{Data, finding};
use crate::format::meta_properties::MetaVersion;
use crate::format::metadata::MetadataRecord;
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::{NodeId, Offset, PartitionId, Uuid};
use crate::host::Kind;
use crate::log::data_dir::{MOST_SMALL_FILE, read_meta};
use crate::log::image::{Image, PartitionState};
use crate::log::layout::{METADATA_TOPIC, PARTITION_METADATA, TopicPartition};
use crate::log::metadata_log::{Said, Source, each_record};
use crate::log::top_level::{self, TopFile};
use crate::log::verify::{Check, Severity};
use std::ops::ControlFlow;

/// Indexes of segments in remote storage, which Kafka keeps here.
const REMOTE_CACHE: &str = "remote-log-index-cache";

/// Checks names, strays and what is missing.
pub(super) fn check(data: &Data<'_>, report: &mut Report<'_>) {
    for entry in &data.entries {
        let name = entry.name.to_string_lossy();
        if entry.kind == Kind::Directory {
            directory(data, &name, report);
        } else if entry.kind == Kind::File {
            file(data, &name, report);
        }
    }
    if let (Some(image), Some(node)) = (data.image(), data.node) {
        for partition in data.partitions() {
            stray(data, image, node, &partition, report);
        }
        missing(data, image, node, report);
    }
    lost_metadata(data, report);
}

/// Partitions of a cluster without ZooKeeper, and no metadata log. Of a broker's
/// directories one has it, and nothing in the others tells which.
fn lost_metadata(data: &Data<'_>, report: &mut Report<'_>) {
    let path = data.metadata_directory();
    let is_there = data.host.stat(&path).is_ok();
    let of_broker = data.partitions().next().is_some();
    let meta = read_meta(&**data.host, &data.around.data);
    if is_there || !of_broker || !matches!(meta, Ok(Some(meta)) if meta.version == MetaVersion::V1)
    {
        return;
    }
    let check = Check::Directory;
    let expected = "the metadata log, here or in another directory of the broker";
    report(finding(check, Severity::Note, path, expected, "none here"));
}

/// A file that is not Kafka's.
fn file(data: &Data<'_>, name: &str, report: &mut Report<'_>) {
    let path = data.path(name);
    let read = || data.host.read(&path, top_level::MOST).ok();
    let is_there = |file: &str| data.host.stat(&data.path(file)).is_ok();
    let (severity, expected) = match top_level::of(name, read, is_there) {
        TopFile::Known => return,
        TopFile::Unfinished => (Severity::Note, "no files that were half written".into()),
        TopFile::Aside => (Severity::Note, "no files that a repair set aside".into()),
        TopFile::Foreign => (Severity::Note, "only files that Kafka knows".into()),
        TopFile::Alike(known) => (
            Severity::Rebuildable,
            format!("the name {known}, or none like it"),
        ),
    };
    let check = Check::StrayFile;
    report(finding(check, severity, path, expected, "a file"));
}

fn directory(data: &Data<'_>, name: &str, report: &mut Report<'_>) {
    if name == REMOTE_CACHE {
        return;
    }
    let path = data.path(name);
    let check = Check::Directory;
    if let Some(partition) = TopicPartition::from_directory(name) {
        if partition.to_string() != name {
            let expected = format!("the name {partition}");
            report(finding(
                check,
                Severity::Wrong,
                path,
                expected,
                name.to_owned(),
            ));
        }
        return;
    }
    let on_its_way = [
        ("-delete", "no directory that was about to be deleted"),
        ("-future", "no directory on its way here from another one"),
        ("-stray", "no directory that Kafka set aside"),
    ];
    let known = on_its_way.iter().find(|(suffix, _)| {
        let partition = name
            .strip_suffix(suffix)
            .and_then(|name| Some(name.rsplit_once('.')?.0));
        partition.and_then(TopicPartition::from_directory).is_some()
    });
    match known {
        Some((_, expected)) => report(finding(check, Severity::Note, path, *expected, "one")),
        None => report(finding(
            check,
            Severity::Wrong,
            path,
            "directories of partitions only: Kafka refuses to start beside others",
            format!("a directory named {name}"),
        )),
    }
}

/// A directory that the metadata does not know, or gives to other nodes.
fn stray(
    data: &Data<'_>,
    image: &Image,
    node: NodeId,
    partition: &TopicPartition,
    report: &mut Report<'_>,
) {
    if partition.topic == METADATA_TOPIC {
        return;
    }
    let path = data.path(partition.to_string());
    let known = image
        .topic(&partition.topic)
        .and_then(|topic| topic.partitions.get(&partition.partition));
    let (expected, found) = match known {
        None => (
            "a partition that the metadata log knows".to_owned(),
            "another one".to_owned(),
        ),
        Some(state) if state.replicas.is_empty() || state.replicas.contains(&node) => return,
        Some(state) => (
            format!("a partition of node {node}"),
            format!("one of {}", list(&state.replicas)),
        ),
    };
    // The topic was deleted or the partition moved away, and a kill came between.
    let id = data
        .host
        .read(&path.join(PARTITION_METADATA), MOST_SMALL_FILE)
        .ok()
        .and_then(|bytes| PartitionMetadata::parse(&bytes).ok())
        .map(|found| found.topic_id);
    let moved = known.is_some() && !data.is_clean();
    let ordinary = moved || data.around.live || id.is_some_and(|id| was_removed(data, id));
    let severity = match ordinary {
        true => Severity::Note,
        false => Severity::Wrong,
    };
    let mut finding = finding(Check::Directory, severity, path, expected, found);
    finding.partition = Some(partition.clone());
    report(finding);
}

/// Whether the metadata log still tells that a topic was deleted.
fn was_removed(data: &Data<'_>, id: Uuid) -> bool {
    let mut removed = false;
    let source = Source::Directory(data.metadata_directory());
    let _ = each_record(data.host, &source, Offset::ZERO, &mut |entry| {
        if let Said::Record(record) = &entry.said
            && let MetadataRecord::RemoveTopic(topic) = &record.record
            && topic.topic_id == id
        {
            removed = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    removed
}

/// Partitions of this node that have no directory.
fn missing(data: &Data<'_>, image: &Image, node: NodeId, report: &mut Report<'_>) {
    let there: std::collections::BTreeSet<_> = data.partitions().collect();
    for (topic, state) in image.topics() {
        for (number, partition) in &state.partitions {
            let name = TopicPartition::new(topic.clone(), *number);
            if there.contains(&name) || !is_here(partition, node, data.directory_id) {
                continue;
            }
            let offset = [&data.around.recovery_points, &data.around.high_watermarks]
                .into_iter()
                .flatten()
                .filter_map(|checkpoint| checkpoint.get(topic, PartitionId::new(*number)))
                .max();
            let severity = match offset {
                Some(offset) if offset > Offset::ZERO => Severity::Loss,
                Some(_) if data.is_clean() => Severity::Rebuildable,
                _ => Severity::Note,
            };
            let found = match offset {
                Some(offset) => format!("none; a checkpoint names its offset {offset}"),
                None => "none, nor was it ever written to".to_owned(),
            };
            let path = data.path(name.to_string());
            let expected = "a directory for a partition of this node";
            let mut finding = finding(Check::Directory, severity, path, expected, found);
            finding.partition = Some(name);
            report(finding);
        }
    }
}

/// Whether a replica belongs in this directory, as far as can be told.
fn is_here(partition: &PartitionState, node: NodeId, directory: Option<Uuid>) -> bool {
    let Some(at) = partition.replicas.iter().position(|other| *other == node) else {
        return false;
    };
    match (partition.directories.get(at), directory) {
        (Some(assigned), Some(own)) => *assigned == own || is_reserved(*assigned),
        _ => true,
    }
}

/// Ids that name no directory: not assigned yet, or being migrated.
fn is_reserved(id: Uuid) -> bool {
    let bytes = id.as_bytes();
    bytes[..15].iter().all(|byte| *byte == 0) && bytes[15] < 100
}

fn list(nodes: &[NodeId]) -> String {
    let names: Vec<_> = nodes.iter().map(|node| format!("node {node}")).collect();
    names.join(", ")
}
