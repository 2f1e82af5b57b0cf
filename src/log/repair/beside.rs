//! Plans the files beside the log, from what was found about them.

use super::plan::{Plan, Rebuild, What};
use super::{derived, relative};
use crate::format::{Offset, PartitionId};
use crate::host::{Host, Kind, Open};
use crate::log::error::{LogError, Result};
use crate::log::layout::{
    CLEAN_SHUTDOWN, CLEANER_OFFSETS, HIGH_WATERMARKS, LEADER_EPOCHS, LOG_STARTS, METADATA_TOPIC,
    RECOVERY_POINTS, Suffix, TopicPartition, parse_segment_file, segment_file,
};
use crate::log::partition::{Listing, Noted};
use crate::log::scan::Scanner;
use crate::log::verify::{Check, Finding, Severity, Surroundings, Target};
use std::collections::BTreeMap;
use std::path::Path;

/// A checkpoint file larger than this is not read.
const MOST_CHECKPOINT: u64 = 64 << 20;

/// The files of one partition.
pub(super) fn partition(host: &dyn Host, target: &Target, findings: &[Finding]) -> Plan {
    let mut plan = Plan::default();
    let mut rebuild = Rebuild::default();
    let data = target.directory.parent().unwrap_or(Path::new(""));
    let mut reason = None;
    for finding in findings.iter().filter(|f| f.severity > Severity::Note) {
        let name = finding.path.file_name().unwrap_or_default();
        let has_log = |base| {
            let log = segment_file(&target.directory, base, Suffix::Log);
            host.stat(&log).is_ok()
        };
        match parse_segment_file(name) {
            Some((base, Suffix::Index | Suffix::TimeIndex | Suffix::TxnIndex)) => {
                if has_log(base) {
                    rebuild.indexes.push(base);
                } else {
                    let path = relative(&finding.path, data);
                    plan.push(path, What::Remove, finding.check, "its log is not there");
                    continue;
                }
            }
            Some((base, Suffix::Snapshot)) => rebuild.snapshots.push(base),
            Some((_, Suffix::Log)) => continue,
            None if name == LEADER_EPOCHS => rebuild.epochs = true,
            None => continue,
        }
        reason = reason.or(Some(finding.check));
    }
    rebuild.indexes.sort_unstable();
    rebuild.indexes.dedup();
    rebuild.snapshots.sort_unstable();
    rebuild.snapshots.dedup();
    if let Some(check) = reason {
        let path = relative(&target.directory, data);
        plan.push(
            path,
            What::Rebuild(rebuild),
            check,
            "made anew from the log",
        );
    }
    plan
}

/// The files of the data directory.
pub(super) fn data_dir(
    host: &dyn Host,
    around: &Surroundings,
    findings: &[Finding],
) -> Result<Plan> {
    let mut plan = Plan::default();
    let partitions = listings(host, &around.data)?;
    for file in [
        RECOVERY_POINTS,
        HIGH_WATERMARKS,
        LOG_STARTS,
        CLEANER_OFFSETS,
    ] {
        let path = around.data.join(file);
        let damaged = findings
            .iter()
            .any(|finding| finding.path == path && finding.severity > Severity::Note);
        if !damaged {
            continue;
        }
        let bytes = match host.read(&path, MOST_CHECKPOINT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        let mut checkpoint = derived::readable_lines(&bytes, |name| partitions.contains_key(name));
        for finding in findings.iter().filter(|finding| finding.path == path) {
            // What one finding blames is not to be trusted: Kafka starts from the log.
            if let Some(name) = &finding.partition {
                let partition = PartitionId::new(name.partition);
                checkpoint.remove(&name.topic, partition);
            }
        }
        if file == RECOVERY_POINTS || file == HIGH_WATERMARKS {
            for (name, log) in &partitions {
                let partition = PartitionId::new(name.partition);
                if checkpoint.get(&name.topic, partition).is_some() {
                    continue;
                }
                // Where no line is, Kafka begins with the log's start. What is put in the
                // place of a directory that was stopped cleanly is on disk to its end.
                let offset = match around.clean && file == RECOVERY_POINTS {
                    true => end(host, &around.data.join(name.to_string()), log)?,
                    false => log.segments.first().copied().unwrap_or_default(),
                };
                checkpoint.set(&name.topic, partition, offset);
            }
        }
        plan.push(
            file,
            What::Write(checkpoint.to_bytes()),
            Check::Checkpoint,
            "the lines that can be relied on",
        );
    }
    let mark = around.data.join(CLEAN_SHUTDOWN);
    if findings
        .iter()
        .any(|finding| finding.path == mark && finding.severity > Severity::Note)
    {
        let why = "Kafka then looks at every partition when it starts";
        plan.push(CLEAN_SHUTDOWN, What::Remove, Check::CleanShutdown, why);
    }
    Ok(plan)
}

/// The partitions that have a line in checkpoints.
fn listings(host: &dyn Host, data: &Path) -> Result<BTreeMap<TopicPartition, Listing>> {
    let entries = host.list(data).map_err(LogError::io("list", data))?;
    let mut listings = BTreeMap::new();
    for entry in entries.iter().filter(|e| e.kind == Kind::Directory) {
        let Some(name) = entry.name.to_str().and_then(TopicPartition::from_directory) else {
            continue;
        };
        if name.topic != METADATA_TOPIC {
            let listing = Listing::read(host, &data.join(&entry.name))?;
            listings.insert(name, listing);
        }
    }
    Ok(listings)
}

/// The offset behind the last batch that can be read.
fn end(host: &dyn Host, directory: &Path, log: &Listing) -> Result<Offset> {
    let Some(base) = log.segments.last().copied() else {
        return Ok(Offset::ZERO);
    };
    let path = segment_file(directory, base, Suffix::Log);
    let file = host
        .open(&path, Open::Read)
        .map_err(LogError::io("open", &path))?;
    let length = file.len().map_err(LogError::io("measure", &path))?;
    let mut scanner = Scanner::new(file, &path, 0, length);
    let mut end = base;
    // Where it is damaged, another round finds the end of what it became.
    while let Ok(Ok(found)) = scanner.next_batch() {
        end = Noted::of(&found)?.summary.last_offset.next();
    }
    Ok(end)
}
