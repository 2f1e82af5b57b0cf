//! `quorum-state` and the snapshots of the metadata log.
//!
//! Kafka refuses to start on a `quorum-state` that it cannot read, and makes one anew
//! where there is none. A snapshot is named after the end of what it covers, begins
//! with a header and ends with a footer; its batches carry the epoch of its name.
//!
//! Sources: `FileQuorumStateStore`, `QuorumState.initialize`, `Snapshots`,
//! `RecordsSnapshotReader`, `RecordsSnapshotWriter`; KIP-595, KIP-630.

use super::Report;
use super::data::{Data, Small, finding};
use super::known_records::of_metadata;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::control::ControlRecord;
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::quorum_state::{QuorumState, QuorumStateVersion};
use crate::format::{LeaderEpoch, Offset};
use crate::host::Open;
use crate::log::image::Image;
use crate::log::layout::QUORUM_STATE;
use crate::log::metadata_log;
use crate::log::scan::{Scanner, Stop};
use crate::log::verify::{Check, Finding, Severity};
use std::path::Path;

/// The framed records of a first start, beside the partitions.
const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// Checks what the metadata log has that other partitions have not.
pub(super) fn check(data: &Data<'_>, report: &mut Report<'_>) {
    let bootstrap = data.path(BOOTSTRAP);
    if data.host.stat(&bootstrap).is_ok() {
        snapshot(data, &bootstrap, None, report);
    }
    if !data.around.kraft {
        return;
    }
    quorum_state(data, report);
    let epochs = match data.read(&data.metadata_epochs(), &mut |_| {}) {
        Small::Bytes(bytes) => LeaderEpochs::parse(&bytes).unwrap_or_default(),
        _ => LeaderEpochs::new(),
    };
    let directory = data.metadata_directory();
    for found in metadata_log::snapshots(&**data.host, &directory).unwrap_or_default() {
        // Where the batches say the same, the epochs' own file is to blame.
        if !snapshot(data, &found.path, Some(found.epoch), report) {
            named(&found, &epochs, report);
        }
    }
}

fn quorum_state(data: &Data<'_>, report: &mut Report<'_>) {
    let path = data.metadata_directory().join(QUORUM_STATE);
    let bytes = match data.read(&path, report) {
        Small::Bytes(bytes) => bytes,
        Small::Unreadable => return,
        Small::Missing => {
            let expected = "the last election";
            let (check, severity) = (Check::MissingFile, Severity::Rebuildable);
            return report(finding(check, severity, path, expected, "no such file"));
        }
    };
    let check = Check::QuorumState;
    let state = match QuorumState::parse(&bytes) {
        Ok(state) => state,
        Err(error) => {
            let expected = "an election in JSON, of version 0 or 1";
            let found = error.to_string();
            let mut finding = finding(check, Severity::Wrong, path, expected, found);
            finding.bytes = Some(error.position().unwrap_or(0)..bytes.len() as u64);
            return report(finding);
        }
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    if let QuorumStateVersion::V0 {
        cluster_id,
        applied_offset,
        current_voters: Some(voters),
    } = &state.version
    {
        // So Kafka writes both fields, and reads neither.
        if !cluster_id.is_empty() || *applied_offset != 0 {
            let expected = "no cluster id, and offset 0";
            let found = format!("{cluster_id:?} and {applied_offset}");
            let severity = Severity::Rebuildable;
            report(finding(check, severity, path.clone(), expected, found));
        }
        if let Some(leader) = state.leader_id.filter(|leader| !voters.contains(leader)) {
            let expected = format!("leader {leader} among the voters");
            let found = format!("{voters:?}");
            let severity = Severity::Wrong;
            report(finding(check, severity, path.clone(), expected, found));
        }
    }
    if json(&bytes) != json(&state.to_bytes()) {
        // Any negative number is read as none, and what is not known is not read.
        let expected = "an election as Kafka writes it";
        let found = String::from_utf8_lossy(&bytes).into_owned();
        let severity = Severity::Rebuildable;
        report(finding(check, severity, path.clone(), expected, found));
    }
    let Some(metadata) = data.metadata.as_ref().filter(|_| !data.around.live) else {
        return;
    };
    let last = metadata.epoch;
    if state.leader_epoch < last {
        let expected = format!("epoch {} or later, that of the log", shown(last));
        let found = format!("epoch {}", shown(state.leader_epoch));
        return report(finding(check, Severity::Rebuildable, path, expected, found));
    }
    if is_alone(&state, &metadata.image) && data.is_clean() && state.leader_epoch > last {
        // A kill comes between an election and the first record of the leader.
        let next = last.map_or(0, |epoch| epoch.get()) + 1;
        let severity = match state.leader_epoch.is_some_and(|epoch| epoch.get() > next) {
            true => Severity::Rebuildable,
            false => Severity::Note,
        };
        let expected = format!(
            "epoch {}, that of the log: who votes alone leads at once",
            shown(last)
        );
        let found = format!("epoch {}", shown(state.leader_epoch));
        return report(finding(check, severity, path, expected, found));
    }
    let elected = metadata.image.nodes().leader;
    if state.leader_epoch == last
        && let (Some(leader), Some(elected)) = (state.leader_id, elected)
        && leader != elected
    {
        let expected = format!("leader {elected}, as the log says of epoch {}", shown(last));
        let found = format!("leader {leader}");
        report(finding(check, Severity::Wrong, path, expected, found));
    }
}

/// Whether the quorum has one voter: nobody else begins an epoch.
fn is_alone(state: &QuorumState, image: &Image) -> bool {
    match &state.version {
        QuorumStateVersion::V0 { current_voters, .. } => {
            current_voters.as_ref().is_some_and(|all| all.len() == 1)
        }
        QuorumStateVersion::V1 { .. } => image.nodes().voters.len() == 1,
    }
}

/// The epoch in a snapshot's name against where the log's epochs began.
fn named(found: &metadata_log::Snapshot, epochs: &LeaderEpochs, report: &mut Report<'_>) {
    let Some(last) = found
        .offset
        .get()
        .checked_sub(1)
        .and_then(Offset::from_wire)
    else {
        return;
    };
    if let Some(epoch) = epochs.epoch_for(last)
        && epoch != found.epoch
    {
        report(finding(
            Check::MetadataLog,
            Severity::Wrong,
            found.path.clone(),
            format!("epoch {epoch} in the name, that of offset {last}"),
            format!("epoch {}", found.epoch),
        ));
    }
}

/// The records of a snapshot. Its batches were checked by the pass: what is damaged
/// there is not told again. Whether the batches have the epoch.
fn snapshot(
    data: &Data<'_>,
    path: &Path,
    epoch: Option<LeaderEpoch>,
    report: &mut Report<'_>,
) -> bool {
    let mut vouched = false;
    let Ok(file) = data.host.open(path, Open::Read) else {
        return vouched;
    };
    let Ok(length) = file.len() else {
        return vouched;
    };
    let mut scanner = Scanner::new(file, path, 0, length);
    let mut scratch = AnyScratch::default();
    let mut seen = Seen::default();
    let wrong = |expected: String, found: String| {
        finding(
            Check::MetadataLog,
            Severity::Wrong,
            path.to_owned(),
            expected,
            found,
        )
    };
    loop {
        let found = match scanner.next_batch() {
            Ok(Ok(found)) => found,
            Ok(Err(Stop::End)) => break,
            _ => return vouched,
        };
        let bytes = found.position..found.end();
        let Ok(AnyBatch::V2(batch)) = AnyBatch::parse(found.prefix.magic, found.bytes) else {
            return vouched;
        };
        let header = *batch.header();
        vouched = header.leader_epoch == epoch;
        if let (Some(expected), Some(has)) = (epoch, header.leader_epoch)
            && expected != has
        {
            let mut finding = wrong(
                format!("epoch {expected}, as in the name"),
                format!("epoch {has}"),
            );
            finding.bytes = Some(bytes.clone());
            report(finding);
        }
        let control = header.attributes.is_control();
        let whole = AnyBatch::V2(batch);
        let Ok(records) = whole.records(&mut scratch) else {
            return vouched;
        };
        for record in records.map_while(Result::ok) {
            if let Some((expected, found)) = of_metadata(&record, control, header.base_timestamp) {
                let mut finding: Finding = wrong(expected, found);
                finding.bytes = Some(bytes.clone());
                report(finding);
            }
            let decoded = control
                .then(|| ControlRecord::decode(record.key, record.value).ok())
                .flatten();
            seen.take(decoded.as_ref());
        }
    }
    if !seen.header {
        report(wrong("a header first".into(), "another record".into()));
    }
    if !seen.footer {
        report(wrong("a footer last".into(), "the end of the file".into()));
    }
    vouched
}

/// What a snapshot began and ended with.
#[derive(Default)]
struct Seen {
    any: bool,
    header: bool,
    footer: bool,
}

impl Seen {
    fn take(&mut self, control: Option<&ControlRecord<'_>>) {
        if !self.any {
            self.header = matches!(control, Some(ControlRecord::SnapshotHeader(_)));
        }
        self.any = true;
        self.footer = matches!(control, Some(ControlRecord::SnapshotFooter(_)));
    }
}

fn shown(epoch: Option<LeaderEpoch>) -> String {
    epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string())
}
