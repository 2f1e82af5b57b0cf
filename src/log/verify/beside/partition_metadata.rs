//! `partition.metadata` against the metadata log.
//!
//! Kafka refuses to start on a file that it cannot read, and takes a directory without
//! the file, or with another topic's id, for a stray: it sets it aside. The file is
//! written by and by, before the first record at the latest.
//!
//! Sources: `PartitionMetadataFile`, `UnifiedLog.initializeTopicId`,
//! `LogManager.isStrayKraftReplica`.

use super::Report;
use super::partition::Partition;
use crate::format::partition_metadata::PartitionMetadata;
use crate::log::data_dir::MOST_SMALL_FILE;
use crate::log::layout::PARTITION_METADATA;
use crate::log::verify::observer::End;
use crate::log::verify::{Check, Severity};
use std::io::ErrorKind;

/// Checks the file of one partition.
pub(super) fn check(partition: &Partition, end: &End, report: &mut Report<'_>) {
    let path = partition.directory.join(PARTITION_METADATA);
    let check = Check::PartitionMetadata;
    let bytes = match partition.host.read(&path, MOST_SMALL_FILE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if partition.context.kraft {
                let young = end.next == end.start && !partition.context.clean;
                let severity = match young || partition.context.live {
                    true => Severity::Note,
                    false => Severity::Wrong,
                };
                report(partition.finding(
                    Check::MissingFile,
                    severity,
                    path,
                    "the topic's id",
                    "no such file",
                ));
            }
            return;
        }
        Err(error) => return report(partition.unreadable(&path, &error)),
    };
    let found = match PartitionMetadata::parse(&bytes) {
        Ok(found) => found,
        Err(error) => {
            let mut finding = partition.finding(
                check,
                Severity::Wrong,
                path,
                "a version and a topic id",
                error.to_string(),
            );
            finding.bytes = Some(error.position().unwrap_or(0)..bytes.len() as u64);
            return report(finding);
        }
    };
    if let Some(id) = partition.context.topic_id
        && id != found.topic_id
    {
        report(partition.finding(
            check,
            Severity::Wrong,
            path,
            format!("topic id {id}, as in the metadata log"),
            found.topic_id.to_string(),
        ));
    } else if found.version != 0 {
        report(partition.finding(
            check,
            Severity::Rebuildable,
            path,
            "version 0",
            found.version.to_string(),
        ));
    } else if found.to_bytes() != bytes {
        report(partition.finding(
            check,
            Severity::Rebuildable,
            path,
            "two lines, as Kafka writes them",
            "other bytes that Kafka does not look at",
        ));
    }
}
