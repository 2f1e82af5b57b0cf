//! `partition.metadata` where it is missing or cannot be read: without it Kafka
//! takes the directory for a stray one and sets it aside.
//!
//! The id is that of the metadata log, else that of the topic's other partitions.
//! Where neither knows it, adopting the directory draws one.

use super::plan::{Left, Plan, What};
use crate::format::Uuid;
use crate::format::partition_metadata::PartitionMetadata;
use crate::host::{Host, Kind};
use crate::log::data_dir::MOST_SMALL_FILE;
use crate::log::error::{LogError, Result};
use crate::log::image::Image;
use crate::log::layout::{METADATA_TOPIC, PARTITION_METADATA, TopicPartition};
use crate::log::verify::Check;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Plans `partition.metadata` of these partitions of the data directory at `data`.
/// `image` is what its metadata log says, where it can be read.
///
/// # Errors
/// `Io`.
pub fn plan(
    host: &dyn Host,
    data: &Path,
    partitions: &[TopicPartition],
    image: Option<&Image>,
) -> Result<Plan> {
    let mut plan = Plan::default();
    let siblings = siblings(host, data)?;
    for name in partitions {
        let path = PathBuf::from(name.to_string()).join(PARTITION_METADATA);
        let known = match name.topic.as_str() {
            METADATA_TOPIC => Some(Uuid::METADATA_TOPIC),
            topic => image
                .and_then(|image| image.topic(topic))
                .map(|topic| topic.id),
        };
        let why = match read(host, &data.join(&path))? {
            File::Id(id, is_current) => {
                if !is_current {
                    let bytes = PartitionMetadata::new(known.unwrap_or(id)).to_bytes();
                    let why = "says a version that there is not";
                    plan.push(path, What::Write(bytes), Check::PartitionMetadata, why);
                    continue;
                }
                let other = known.filter(|known| *known != id);
                if let Some(known) = other.filter(|known| is_damaged(id, *known)) {
                    let bytes = PartitionMetadata::new(known).to_bytes();
                    let why = "one character of the id is damaged";
                    plan.push(path, What::Write(bytes), Check::PartitionMetadata, why);
                } else if let Some(known) = other {
                    plan.left.push(Left {
                        path,
                        check: Check::PartitionMetadata,
                        why: format!(
                            "names topic {id}, the metadata log {known}: ottla repair --adopt makes them agree"
                        ),
                    });
                }
                continue;
            }
            File::Missing => "is missing",
            File::Unreadable => "cannot be read",
        };
        if let Some(id) = known.or_else(|| siblings.get(&name.topic).copied()) {
            let bytes = PartitionMetadata::new(id).to_bytes();
            plan.push(path, What::Write(bytes), Check::PartitionMetadata, why);
        } else if !siblings.is_empty() || why == "cannot be read" {
            // Before Kafka 2.8 no partition had one.
            plan.left.push(Left {
                path,
                check: Check::PartitionMetadata,
                why: format!(
                    "{why}, and nothing tells the topic's id: ottla repair --adopt gives it one"
                ),
            });
        }
    }
    Ok(plan)
}

/// The id that most partitions of each topic name.
fn siblings(host: &dyn Host, data: &Path) -> Result<BTreeMap<String, Uuid>> {
    let mut votes: BTreeMap<String, BTreeMap<Uuid, usize>> = BTreeMap::new();
    for entry in host.list(data).map_err(LogError::io("list", data))? {
        let name = entry.name.to_str().and_then(TopicPartition::from_directory);
        if entry.kind == Kind::Directory
            && let Some(name) = name
            && let File::Id(id, _) = read(host, &data.join(&entry.name).join(PARTITION_METADATA))?
        {
            *votes.entry(name.topic).or_default().entry(id).or_default() += 1;
        }
    }
    let most = |votes: BTreeMap<Uuid, usize>| {
        let most = votes.into_iter().max_by_key(|(_, count)| *count);
        most.map_or(Uuid::ZERO, |(id, _)| id)
    };
    Ok(votes
        .into_iter()
        .map(|(topic, votes)| (topic, most(votes)))
        .collect())
}

/// Whether an id is another one with one character changed. Two that were drawn differ
/// in nearly all of them.
fn is_damaged(id: Uuid, known: Uuid) -> bool {
    let (id, known) = (id.to_string(), known.to_string());
    let differing = id.chars().zip(known.chars()).filter(|(a, b)| a != b);
    id.len() == known.len() && differing.count() == 1
}

enum File {
    Missing,
    Unreadable,
    /// And whether the file has the version that there is.
    Id(Uuid, bool),
}

fn read(host: &dyn Host, path: &Path) -> Result<File> {
    match host.read(path, MOST_SMALL_FILE) {
        Ok(bytes) => {
            let found = PartitionMetadata::parse(&bytes);
            Ok(found.map_or(File::Unreadable, |found| {
                File::Id(found.topic_id, found.version == 0)
            }))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(File::Missing),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Ok(File::Unreadable),
        Err(error) => Err(LogError::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::carry_out;
    use super::*;
    use crate::host::real::RealHost;

    fn id(number: u8) -> Uuid {
        Uuid::from_bytes([number; 16])
    }

    #[test]
    fn the_metadata_log_knows_the_id_and_else_a_sibling() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).join(PARTITION_METADATA);
        let names = ["a-0", "a-1", "b-0", "b-1", "c-0", "__cluster_metadata-0"];
        for name in names {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(file("a-0"), "version: 0\ntopic_id: no").unwrap();
        std::fs::write(file("b-1"), PartitionMetadata::new(id(2)).to_bytes()).unwrap();
        let mut image = Image::default();
        image.adopt("a", 0, id(1));
        let partitions = names.map(|name| TopicPartition::from_directory(name).unwrap());
        let found = plan(&RealHost, folder.path(), &partitions, Some(&image)).unwrap();
        carry_out(&RealHost, &found, folder.path());
        let of = |name: &str| {
            PartitionMetadata::parse(&std::fs::read(file(name)).unwrap())
                .unwrap()
                .topic_id
        };
        assert_eq!((of("a-0"), of("a-1"), of("b-0")), (id(1), id(1), id(2)));
        assert_eq!(of("__cluster_metadata-0"), Uuid::METADATA_TOPIC);
        assert_eq!(found.left.len(), 1, "{:?}", found.left);
        assert_eq!(found.left[0].path, Path::new("c-0/partition.metadata"));
        let again = plan(&RealHost, folder.path(), &partitions, Some(&image)).unwrap();
        assert!(again.is_empty(), "{:?}", again.changes);
    }
}
