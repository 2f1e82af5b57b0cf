//! Makes a working data directory of one whose metadata is lost, or another
//! cluster's: `ottla repair --adopt`.
//!
//! ```text
//! what is there                              what it becomes
//! meta.properties lost, metadata log whole   meta.properties alone is written
//! metadata log lost, damaged or another's    a new one, of this node alone
//! meta.properties of a ZooKeeper broker      version 1; a new metadata log
//! partition directories alone                all of it new
//! ```
//!
//! Groups and transactions are records of internal topics and stay as they are.
//! Nothing is written here: [`plan`] says which files change.

mod decision;
mod remains;
mod survey;
#[cfg(test)]
mod tests;

use super::plan::{Left, Plan, What};
use crate::format::clean_shutdown::CleanShutdown;
use crate::format::meta_properties::MetaProperties;
use crate::format::partition_metadata::PartitionMetadata;
use crate::format::quorum_state::QuorumState;
use crate::format::{Offset, Timestamp};
use crate::host::{Host, Kind};
use crate::log::bootstrap::{Founding, random_id};
use crate::log::data_dir::{MOST_SMALL_FILE, read_checkpoint};
use crate::log::error::{LogError, Result};
use crate::log::layout::{
    CLEAN_SHUTDOWN, CLEANER_OFFSETS, META_PROPERTIES, METADATA_TOPIC, PARTITION_METADATA,
    QUORUM_STATE, Suffix, TopicPartition, segment_file,
};
use crate::log::presence::is_directory;
use crate::log::verify::Check;
use decision::{Decision, Evidence};
use remains::Remains;
use std::path::{Path, PathBuf};

/// Plans the adoption of the data directory at `data`. Where its own metadata log
/// cannot be read, configs come from the data directory `donor`, if one is given.
///
/// # Errors
/// `Io`; what is damaged is passed over.
pub fn plan(host: &dyn Host, data: &Path, donor: Option<&Path>) -> Result<Plan> {
    let evidence = gather(host, data, donor)?;
    let decision = evidence.decide(&mut || random_id(host));
    let now = Timestamp::new(host.now_ms());
    let mut plan = Plan::default();
    if evidence.meta.as_ref() != Some(&decision.meta) {
        plan.push(
            META_PROPERTIES,
            What::Write(decision.meta.to_bytes(now)),
            Check::MetaProperties,
            "names the cluster, the node and the directory",
        );
    }
    if let Some(founding) = &decision.founding {
        found(host, data, founding, now, &mut plan)?;
        for topic in &decision.topics {
            for number in &topic.missing {
                make_partition(&TopicPartition::new(&topic.name, *number), &mut plan);
            }
        }
    }
    write_ids(&evidence, &decision, &mut plan);
    plan.notes = decision.told;
    for name in &evidence.survey.strangers {
        plan.left.push(Left {
            path: name.into(),
            check: Check::Directory,
            why: "holds no partition; Kafka may refuse to start while it is there: move it away"
                .to_owned(),
        });
    }
    Ok(plan)
}

fn gather(host: &dyn Host, data: &Path, donor: Option<&Path>) -> Result<Evidence> {
    let metadata = data.join(format!("{METADATA_TOPIC}-0"));
    let mut remains = Remains::read(host, &metadata)?;
    if let Some(donor) = donor
        && remains.records == 0
    {
        remains = Remains::read(host, &donor.join(format!("{METADATA_TOPIC}-0")))?;
    }
    let read = |path: PathBuf| host.read(&path, MOST_SMALL_FILE).ok();
    Ok(Evidence {
        meta: read(data.join(META_PROPERTIES)).and_then(|bytes| MetaProperties::parse(&bytes).ok()),
        quorum: read(metadata.join(QUORUM_STATE)).and_then(|bytes| QuorumState::parse(&bytes).ok()),
        remains,
        survey: survey::survey(host, data)?,
        cleaned: read_checkpoint(host, &data.join(CLEANER_OFFSETS)).ok(),
    })
}

/// A new metadata log in place of the old one.
fn found(
    host: &dyn Host,
    data: &Path,
    founding: &Founding,
    now: Timestamp,
    plan: &mut Plan,
) -> Result<()> {
    let name = PathBuf::from(format!("{METADATA_TOPIC}-0"));
    let metadata = data.join(&name);
    let files = founding
        .files(now)
        .map_err(LogError::format(&metadata, 0))?;
    if is_directory(host, &metadata) {
        let mut entries = host
            .list(&metadata)
            .map_err(LogError::io("list", &metadata))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        for entry in entries {
            let is_new = files.iter().any(|(name, _)| entry.name == *name);
            let what = match entry.kind {
                Kind::Directory => What::RemoveDirectory,
                _ => What::Remove,
            };
            if !is_new {
                let why = "is a file of the old metadata log";
                plan.push(name.join(entry.name), what, Check::MetadataLog, why);
            }
        }
    } else {
        let why = "holds the metadata log";
        plan.push(&name, What::CreateDirectory, Check::MetadataLog, why);
    }
    for (file, bytes) in files {
        let what = What::Write(bytes);
        let why = "is a file of the new metadata log";
        plan.push(name.join(file), what, Check::MetadataLog, why);
    }
    if host.stat(&data.join(CLEAN_SHUTDOWN)).is_ok() {
        // It stays true; the broker's epoch in it is that of the new registration.
        let mark = CleanShutdown::new(Some(founding.broker_epoch()));
        plan.push(
            CLEAN_SHUTDOWN,
            What::Write(mark.to_bytes()),
            Check::CleanShutdown,
            "names the broker's epoch in the new metadata log",
        );
    }
    Ok(())
}

/// An empty partition, but for `partition.metadata`.
fn make_partition(name: &TopicPartition, plan: &mut Plan) {
    let directory = PathBuf::from(name.to_string());
    let why = "is the directory of a partition that was missing";
    plan.push(&directory, What::CreateDirectory, Check::Directory, why);
    for suffix in [Suffix::Log, Suffix::Index, Suffix::TimeIndex] {
        let path = segment_file(&directory, Offset::ZERO, suffix);
        let why = "is of a partition that was missing";
        plan.push(path, What::Write(Vec::new()), Check::Directory, why);
    }
}

/// `partition.metadata` wherever it does not hold the topic's id.
fn write_ids(evidence: &Evidence, decision: &Decision, plan: &mut Plan) {
    let founded = decision.founding.is_some();
    for topic in &decision.topics {
        for number in 0..topic.epochs.len() as i32 {
            let name = TopicPartition::new(&topic.name, number);
            let is_right = match evidence.survey.partitions.get(&name) {
                Some(found) => found.id == Some(topic.id),
                None => !founded,
            };
            if !is_right {
                plan.push(
                    Path::new(&name.to_string()).join(PARTITION_METADATA),
                    What::Write(PartitionMetadata::new(topic.id).to_bytes()),
                    Check::PartitionMetadata,
                    "holds the topic's id",
                );
            }
        }
    }
}
