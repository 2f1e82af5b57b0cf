//! The checkpoints of the data directory: that they can be read, and name partitions
//! that are there. (What they say about a partition is checked with it, in
//! [`super::ends`].)
//!
//! A file that cannot be read takes the log directory offline, which ends a broker
//! that has no other. After a clean stop the recovery points and the high watermarks
//! name every partition; the log starts those whose head was deleted.
//!
//! Sources: `OffsetCheckpointFile`, `CheckpointFileWithFailureHandler`, `LogManager`,
//! `ReplicaManager.checkpointHighWatermarks`, `LogCleanerManager`.

use super::Report;
use super::data::{Data, Small, finding};
use crate::format::PartitionId;
use crate::format::checkpoint::OffsetCheckpoint;
use crate::log::layout::{
    CLEANER_OFFSETS, HIGH_WATERMARKS, LOG_STARTS, METADATA_TOPIC, RECOVERY_POINTS, TopicPartition,
};
use crate::log::verify::{Check, Severity};
use std::collections::BTreeSet;

/// Checks the four files.
pub(super) fn check(data: &Data<'_>, report: &mut Report<'_>) {
    let there: BTreeSet<TopicPartition> = data
        .partitions()
        .filter(|name| name.topic != METADATA_TOPIC)
        .collect();
    for name in [
        RECOVERY_POINTS,
        HIGH_WATERMARKS,
        LOG_STARTS,
        CLEANER_OFFSETS,
    ] {
        one(data, name, &there, report);
    }
}

fn one(data: &Data<'_>, name: &str, there: &BTreeSet<TopicPartition>, report: &mut Report<'_>) {
    let path = data.path(name);
    let check = Check::Checkpoint;
    let bytes = match data.read(&path, report) {
        Small::Bytes(bytes) => bytes,
        Small::Unreadable => return,
        Small::Missing => {
            let severity = match name {
                // Kafka before 0.11 had no starts; without them deleted records are back.
                LOG_STARTS if data.is_clean() && data.around.kraft => Severity::Wrong,
                RECOVERY_POINTS | HIGH_WATERMARKS if data.is_clean() => Severity::Rebuildable,
                _ => return,
            };
            if !there.is_empty() {
                let expected = "an offset for each partition";
                let check = Check::MissingFile;
                report(finding(check, severity, path, expected, "no such file"));
            }
            return;
        }
    };
    let checkpoint = match OffsetCheckpoint::parse(&bytes) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            let expected = "a version, a count, and as many lines of a partition and an offset";
            let found = error.to_string();
            let mut finding = finding(check, Severity::Wrong, path, expected, found);
            finding.bytes = Some(error.position().unwrap_or(0)..bytes.len() as u64);
            return report(finding);
        }
    };
    // Kafka makes each file empty and fills it by and by, at a clean stop at the latest;
    // the cleaner's only when it has cleaned.
    let filled = data.is_clean() && !there.is_empty() && name != CLEANER_OFFSETS;
    if filled && bytes.iter().filter(|byte| **byte == b'\n').count() < 2 {
        let severity = match name {
            LOG_STARTS => Severity::Wrong,
            _ => Severity::Rebuildable,
        };
        let expected = "a version and a count";
        let found = format!("{} bytes", bytes.len());
        return report(finding(check, severity, path, expected, found));
    }
    let announced = String::from_utf8_lossy(&bytes)
        .lines()
        .nth(1)
        .and_then(|count| count.trim().parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > checkpoint.len()) {
        let expected = "each partition once";
        let found = format!("{} partitions more than once", {
            announced.unwrap_or_default() - checkpoint.len()
        });
        report(finding(
            check,
            Severity::Rebuildable,
            path.clone(),
            expected,
            found,
        ));
    }
    if data.around.live {
        return;
    }
    for (topic, partition, _) in checkpoint.iter() {
        let partition = TopicPartition::new(topic, partition.get());
        // What is missing is told of by `directories`.
        if there.contains(&partition) || is_known(data, &partition) == Some(true) {
            continue;
        }
        let severity = data.healed();
        let expected = "partitions that are there";
        let found = partition.to_string();
        let mut finding = finding(check, severity, path.clone(), expected, found);
        finding.partition = Some(partition);
        report(finding);
    }
    if !data.is_clean() || name == LOG_STARTS || name == CLEANER_OFFSETS {
        return;
    }
    for partition in there {
        let number = PartitionId::new(partition.partition);
        let stray = is_known(data, partition) == Some(false);
        if checkpoint.get(&partition.topic, number).is_none() && !stray {
            let expected = format!("an offset for {partition}");
            let severity = Severity::Rebuildable;
            let mut finding = finding(check, severity, path.clone(), expected, "none");
            finding.partition = Some(partition.clone());
            report(finding);
        }
    }
}

/// Whether the metadata log knows a partition, where it can be read.
fn is_known(data: &Data<'_>, partition: &TopicPartition) -> Option<bool> {
    let topic = data.image()?.topic(&partition.topic);
    Some(topic.is_some_and(|topic| topic.partitions.contains_key(&partition.partition)))
}
