//! Plans the files beside the log, from what was found about them.

use super::plan::{Plan, Rebuild, What};
use super::{derived, relative};
use crate::host::{Host, Kind};
use crate::log::error::{LogError, Result};
use crate::log::layout::{
    CLEAN_SHUTDOWN, CLEANER_OFFSETS, HIGH_WATERMARKS, LEADER_EPOCHS, LOG_STARTS, RECOVERY_POINTS,
    Suffix, TopicPartition, parse_segment_file,
};
use crate::log::verify::{Check, Finding, Severity, Surroundings, Target};
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
            let log = crate::log::layout::segment_file(&target.directory, base, Suffix::Log);
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
        let is_there = |name: &TopicPartition| {
            host.stat(&around.data.join(name.to_string()))
                .is_ok_and(|stat| stat.kind == Kind::Directory)
        };
        let mut checkpoint = derived::readable_lines(&bytes, is_there);
        for finding in findings.iter().filter(|finding| finding.path == path) {
            // What one finding blames is not to be trusted: Kafka starts from the log.
            if let Some(name) = &finding.partition {
                let partition = crate::format::PartitionId::new(name.partition);
                checkpoint.remove(&name.topic, partition);
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
