//! `meta.properties` and `.kafka_cleanshutdown` against the metadata log.
//!
//! Kafka refuses to start without a `meta.properties` that it can read. The mark of a
//! clean stop counts by being there; the broker epoch in it tells the controller that
//! this registration lost nothing.
//!
//! Sources: `MetaPropertiesEnsemble`, `CleanShutdownFileHandler`, `BrokerServer`.

use super::Report;
use super::data::{Data, Small, finding};
use super::meta_text;
use crate::format::clean_shutdown::CleanShutdown;
use crate::format::meta_properties::{MetaProperties, MetaVersion};
use crate::log::layout::{CLEAN_SHUTDOWN, META_PROPERTIES};
use crate::log::verify::{Check, Severity};

/// The level of `metadata.version` of Kafka 3.9: before 3.8 the mark was empty.
const SINCE_3_8: i16 = 21;

/// Checks both files, and takes note of whose directory it is.
pub(super) fn check(data: &mut Data<'_>, report: &mut Report<'_>) {
    meta_properties(data, report);
    clean_shutdown(data, report);
}

fn meta_properties(data: &mut Data<'_>, report: &mut Report<'_>) {
    let path = data.path(META_PROPERTIES);
    let bytes = match data.read(&path, report) {
        Small::Bytes(bytes) => bytes,
        Small::Unreadable => return,
        Small::Missing => {
            return report(finding(
                Check::MissingFile,
                Severity::Wrong,
                path,
                "the cluster, the node and the directory",
                "no such file",
            ));
        }
    };
    let meta = match MetaProperties::parse(&bytes) {
        Ok(meta) => meta,
        Err(error) => {
            let expected = "a version, and the ids that it needs";
            let mut finding = finding(
                Check::MetaProperties,
                Severity::Wrong,
                path,
                expected,
                error.to_string(),
            );
            finding.bytes = Some(error.position().unwrap_or(0)..bytes.len() as u64);
            return report(finding);
        }
    };
    data.node = meta.node_id;
    data.directory_id = meta.directory_id;
    if let Some((expected, text)) = meta_text::oddity(&bytes, &meta) {
        let (check, path) = (Check::MetaProperties, path.clone());
        report(finding(check, Severity::Rebuildable, path, expected, text));
    }
    let mut wrong = |expected: String, found: String| {
        let check = Check::MetaProperties;
        report(finding(
            check,
            Severity::Wrong,
            path.clone(),
            expected,
            found,
        ));
    };
    if meta.version == MetaVersion::V0 {
        if data.around.kraft {
            wrong("version 1 beside a metadata log".into(), "version 0".into());
        }
        return;
    }
    let Some(image) = data.image() else {
        return;
    };
    let nodes = image.nodes().clone();
    let known = nodes.brokers.len() + nodes.controllers.len() + nodes.voters.len() > 0;
    let Some(node) = meta.node_id.filter(|_| known) else {
        return;
    };
    let Some(broker) = nodes.brokers.get(&node) else {
        if !nodes.controllers.contains_key(&node) && !nodes.voters.contains(&node) {
            let all: Vec<_> = nodes.brokers.keys().map(ToString::to_string).collect();
            let expected = format!("a node that registered: {}", all.join(", "));
            wrong(expected, format!("node {node}"));
            // What is assigned to it says nothing then.
            data.node = None;
        }
        return;
    };
    let known = meta
        .directory_id
        .is_some_and(|id| broker.log_dirs.contains(&id));
    if !broker.log_dirs.is_empty() && !known {
        let all: Vec<_> = broker.log_dirs.iter().map(ToString::to_string).collect();
        let expected = format!("a directory of node {node}: {}", all.join(", "));
        let found = meta.directory_id;
        wrong(
            expected,
            found.map_or("none".to_owned(), |id| id.to_string()),
        );
    }
}

fn clean_shutdown(data: &Data<'_>, report: &mut Report<'_>) {
    let path = data.path(CLEAN_SHUTDOWN);
    let bytes = match data.read(&path, report) {
        Small::Bytes(bytes) => bytes,
        Small::Unreadable => return,
        Small::Missing => {
            if !data.around.live {
                report(finding(
                    Check::CleanShutdown,
                    Severity::Note,
                    path,
                    "the mark of a clean stop",
                    "none: the next start recovers what was not flushed",
                ));
            }
            return;
        }
    };
    let mark = CleanShutdown::parse(&bytes);
    let level = data
        .image()
        .and_then(|image| image.features().get("metadata.version").copied());
    let may_be_empty = level.is_none_or(|level| level < SINCE_3_8);
    if bytes.is_empty() && may_be_empty || data.around.live {
        return;
    }
    let registered = data
        .node
        .and_then(|node| data.image().and_then(|image| image.broker_epoch(node)));
    let Some(epoch) = mark.broker_epoch else {
        return report(finding(
            Check::CleanShutdown,
            Severity::Rebuildable,
            path,
            "a broker's epoch in JSON",
            "something else",
        ));
    };
    if let Some(registered) = registered
        && epoch != registered
        && epoch != -1
    {
        report(finding(
            Check::CleanShutdown,
            Severity::Rebuildable,
            path,
            format!("broker epoch {registered}, that of the last registration"),
            epoch.to_string(),
        ));
    } else if mark.to_bytes() != bytes {
        report(finding(
            Check::CleanShutdown,
            Severity::Rebuildable,
            path,
            "a version and a broker's epoch, as Kafka writes them",
            "other fields",
        ));
    }
}
