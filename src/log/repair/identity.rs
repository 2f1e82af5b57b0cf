//! Small files and names that the metadata log tells anew: `meta.properties`,
//! `quorum-state`, a damaged snapshot of a log that still has everything, the name of a
//! partition's directory.
//!
//! What neither the metadata log nor the rest of the file tells is left, and said: a
//! cluster's id stands nowhere else in the directory.

use super::plan::{Left, Plan, What};
use crate::format::meta_properties::MetaProperties;
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::quorum_state::QuorumState;
use crate::format::{NodeId, Offset, Timestamp, Uuid};
use crate::host::{Host, Kind};
use crate::log::data_dir::MOST_SMALL_FILE;
use crate::log::error::{LogError, Result};
use crate::log::image::{Image, Nodes};
use crate::log::layout::{
    META_PROPERTIES, METADATA_TOPIC, PARTITION_METADATA, QUORUM_STATE, Suffix, TopicPartition,
    parse_segment_file,
};
use crate::log::metadata_log::{self, ImageAt, Source};
use crate::log::verify::{Check, Finding, Surroundings};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The length of ids that Kafka draws.
const ID_LENGTH: usize = 22;

/// Plans what the metadata log tells of these files. `findings` are those of the whole
/// directory.
///
/// # Errors
/// `Io`.
pub(super) fn plan(
    host: &Arc<dyn Host>,
    around: &Surroundings,
    findings: &[Finding],
) -> Result<Plan> {
    let mut work = Work {
        host,
        around,
        findings,
        plan: Plan::default(),
    };
    if around.kraft {
        work.meta_properties();
        work.quorum_state();
        work.snapshots()?;
        work.directories()?;
    } else if findings
        .iter()
        .any(|finding| finding.path == around.data.join(metadata()))
    {
        let note = "no metadata log is here: where no other directory of the broker holds it, ottla repair --adopt makes a new one";
        work.plan.notes.push(note.to_owned());
    }
    Ok(work.plan)
}

struct Work<'a> {
    host: &'a Arc<dyn Host>,
    around: &'a Surroundings,
    findings: &'a [Finding],
    plan: Plan,
}

impl Work<'_> {
    fn is_damaged(&self, path: &Path) -> bool {
        let path = self.around.data.join(path);
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.path == path && finding.severity.is_damage())
    }

    fn leave(&mut self, path: impl Into<PathBuf>, check: Check, why: &str) {
        self.plan.left.push(Left {
            path: path.into(),
            check,
            why: why.to_owned(),
        });
    }

    fn read(&self, path: &Path) -> Vec<u8> {
        let bytes = self
            .host
            .read(&self.around.data.join(path), MOST_SMALL_FILE);
        bytes.unwrap_or_default()
    }

    fn meta_properties(&mut self) {
        let path = Path::new(META_PROPERTIES);
        if !self.is_damaged(path) {
            return;
        }
        let told = Told::of(&self.read(path));
        let nodes = self.around.image.as_ref().map(|image| image.nodes());
        match nodes.and_then(|nodes| told.completed_by(nodes)) {
            Some(meta) => {
                let now = Timestamp::new(self.host.now_ms());
                let what = What::Write(meta.to_bytes(now));
                let why = "what it still says, and the metadata log";
                self.plan.push(path, what, Check::MetaProperties, why);
            }
            None => self.leave(
                path,
                Check::MetaProperties,
                "neither it nor the metadata log tells all of its ids: write the cluster's into it by hand, or ottla repair --adopt draws another",
            ),
        }
    }

    /// Of a node that votes alone: others may have heard of a later epoch.
    fn quorum_state(&mut self) {
        let path = metadata().join(QUORUM_STATE);
        if !self.is_damaged(&path) {
            return;
        }
        let source = Source::Directory(self.around.data.join(metadata()));
        let told = ImageAt::read(self.host, &source, None).ok();
        let told = told.filter(|told| told.damage.is_empty());
        let node = self.around.node.or_else(|| {
            let nodes = self.around.image.as_ref()?.nodes();
            only(&everyone(nodes))
        });
        let state = told.zip(node).and_then(|(told, node)| {
            let nodes = told.image.nodes();
            let voters = match nodes.voters.is_empty() {
                true => nodes.controllers.keys().copied().collect(),
                false => nodes.voters.clone(),
            };
            let epoch = told.epoch.filter(|_| only(&voters) == Some(node))?;
            Some(match nodes.kraft_version {
                Some(1..) => QuorumState::dynamic_quorum(Some(node), epoch, None),
                _ => QuorumState::static_quorum(Some(node), epoch, None, &[node]),
            })
        });
        match state {
            Some(state) => {
                let what = What::Write(state.to_bytes());
                let why = "the last election that the metadata log tells of";
                self.plan.push(path, what, Check::QuorumState, why);
            }
            None => self.leave(
                path,
                Check::QuorumState,
                "other nodes vote too, or the log does not tell: only they know the last election. Kafka makes it anew where it is removed",
            ),
        }
    }

    /// A damaged snapshot goes where the log still has every record that it covers.
    fn snapshots(&mut self) -> Result<()> {
        let directory = self.around.data.join(metadata());
        let found = metadata_log::snapshots(&**self.host, &directory)?;
        let damaged: Vec<_> = found
            .iter()
            .filter(|snapshot| {
                let name = snapshot.path.file_name().unwrap_or_default();
                self.is_damaged(&metadata().join(name))
            })
            .collect();
        for snapshot in &damaged {
            let name = snapshot.path.file_name().unwrap_or_default();
            let path = metadata().join(name);
            let is_last = |other: &&metadata_log::Snapshot| {
                other.offset < snapshot.offset && !damaged.iter().any(|it| it.path == other.path)
            };
            let from = found.iter().rev().find(is_last);
            let from = from.map_or(Offset::ZERO, |before| before.offset);
            if snapshot.offset > Offset::ZERO && self.log_has(&directory, from, snapshot.offset)? {
                let why = "is damaged, and the log still has all that it covers";
                self.plan.push(path, What::Remove, Check::MetadataLog, why);
            } else {
                self.leave(
                    path,
                    Check::MetadataLog,
                    "is damaged, and the log has no longer all that it covers: ottla repair --adopt makes a new metadata log of what can be read",
                );
            }
        }
        Ok(())
    }

    /// Whether the log is undamaged and has the records of these offsets.
    fn log_has(&self, directory: &Path, from: Offset, to: Offset) -> Result<bool> {
        let entries = self
            .host
            .list(directory)
            .map_err(LogError::io("list", directory))?;
        let segments = entries.iter().filter_map(|entry| {
            let (base, suffix) = parse_segment_file(&entry.name)?;
            (suffix == Suffix::Log).then_some(base)
        });
        let is_log = |finding: &&Finding| {
            let parsed = parse_segment_file(finding.path.file_name().unwrap_or_default());
            finding.path.parent() == Some(directory)
                && matches!(parsed, Some((_, Suffix::Log)))
                && finding.severity.is_damage()
        };
        let begins = segments.min().is_some_and(|first| first <= from);
        let told = ImageAt::read(self.host, &Source::Directory(directory.to_owned()), None);
        let end = told.ok().and_then(|told| told.offset);
        Ok(begins
            && end.is_some_and(|last| last.next() >= to)
            && !self.findings.iter().any(|finding| is_log(&finding)))
    }

    /// Directories under another name than that of the partition whose topic id they
    /// hold, where one alone of the topic's partitions is missing.
    fn directories(&mut self) -> Result<()> {
        let Some(image) = self.around.image.clone() else {
            return Ok(());
        };
        let data = &self.around.data;
        let entries = self.host.list(data).map_err(LogError::io("list", data))?;
        let directories = entries.iter().filter(|e| e.kind == Kind::Directory);
        let names: BTreeSet<String> = directories
            .filter_map(|entry| Some(entry.name.to_str()?.to_owned()))
            .collect();
        let mut claims: BTreeMap<TopicPartition, Vec<String>> = BTreeMap::new();
        for name in &names {
            if let Some(partition) = self.misnamed(&image, name, &names) {
                claims.entry(partition).or_default().push(name.clone());
            }
        }
        let mut renamed = BTreeSet::new();
        for (partition, claimants) in claims {
            if let [only] = &claimants[..] {
                renamed.insert(only.clone());
                renamed.insert(partition.to_string());
                let what = What::Rename(partition.to_string().into());
                let why = "holds the id of that partition's topic, and no other is missing";
                self.plan.push(only, what, Check::Directory, why);
            }
        }
        for finding in self.findings {
            let Ok(path) = finding.path.strip_prefix(data) else {
                continue;
            };
            let name = path.to_string_lossy().into_owned();
            let is_partition = TopicPartition::from_directory(&name).is_some();
            if finding.check != Check::Directory || !is_partition || !finding.severity.is_damage() {
                continue;
            }
            if !renamed.contains(&name) {
                let why = match names.contains(&name) {
                    true => {
                        "is not this node's as far as the metadata log tells: Kafka sets it aside. Move it away, or ottla repair --adopt takes it in"
                    }
                    false => {
                        "is gone, with what it held: Kafka makes it anew, empty; bring it back from a replica or a copy"
                    }
                };
                self.plan.left.push(Left {
                    path: path.to_owned(),
                    check: Check::Directory,
                    why: why.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The partition that a directory is of, where it has another name.
    fn misnamed(
        &self,
        image: &Image,
        name: &str,
        names: &BTreeSet<String>,
    ) -> Option<TopicPartition> {
        let read = self.read(&Path::new(name).join(PARTITION_METADATA));
        let id = PartitionMetadata::parse(&read).ok()?.topic_id;
        let topic = image.topic_name(id)?;
        let state = image.topic(topic)?;
        let named = TopicPartition::from_directory(name);
        let is_of_it = named.is_some_and(|named| {
            named.topic == topic && state.partitions.contains_key(&named.partition)
        });
        let is_here =
            |replicas: &[NodeId]| self.around.node.is_none_or(|node| replicas.contains(&node));
        let numbers = state.partitions.iter();
        let mut missing = numbers
            .filter(|(_, partition)| is_here(&partition.replicas))
            .map(|(number, _)| TopicPartition::new(topic, *number))
            .filter(|partition| !names.contains(&partition.to_string()));
        let first = missing.next().filter(|_| !is_of_it)?;
        let is_only = missing.next().is_none();
        is_only.then_some(first)
    }
}

/// What lines of a `meta.properties` can be believed.
#[derive(Default)]
struct Told {
    cluster: Option<String>,
    node: Option<NodeId>,
    directory: Option<Uuid>,
}

impl Told {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut told = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else {
                continue;
            };
            match key.trim_end() {
                "cluster.id" => told.cluster = told.cluster.or_else(|| cluster(value)),
                "node.id" => told.node = value.parse().ok().and_then(NodeId::from_wire),
                "directory.id" => told.directory = value.parse().ok(),
                _ => {}
            }
        }
        told
    }

    /// Everything that belongs into the file, where that is known.
    fn completed_by(&self, nodes: &Nodes) -> Option<MetaProperties> {
        let registered = everyone(nodes);
        let node = match self.node.filter(|node| registered.contains(node)) {
            Some(node) => node,
            None => only(&registered)?,
        };
        let known = nodes.brokers.get(&node).map(|broker| &broker.log_dirs[..]);
        let directory = match (known, self.directory) {
            (None | Some([]), own) => own?,
            (Some(known), Some(own)) if known.contains(&own) => own,
            (Some([only]), _) => *only,
            _ => return None,
        };
        Some(MetaProperties::new(self.cluster.clone()?, node, directory))
    }
}

/// A cluster's id as Kafka draws them; others cannot be told from damaged ones.
fn cluster(value: &str) -> Option<String> {
    let is_whole = value.len() == ID_LENGTH
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    is_whole.then(|| value.to_owned())
}

/// Every node that registered.
fn everyone(nodes: &Nodes) -> BTreeSet<NodeId> {
    let registered = nodes.brokers.keys().chain(nodes.controllers.keys());
    registered.chain(&nodes.voters).copied().collect()
}

fn only(nodes: &BTreeSet<NodeId>) -> Option<NodeId> {
    nodes.first().copied().filter(|_| nodes.len() == 1)
}

fn metadata() -> PathBuf {
    PathBuf::from(format!("{METADATA_TOPIC}-0"))
}
