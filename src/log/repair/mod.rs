//! Mends a data directory: first a plan, then, where it is wanted, all of it as one
//! step that can be undone.
//!
//! A plan is made from what [`crate::log::verify`] finds: each planner sees to one
//! concern and returns a [`Plan`]. Nothing here writes into the directory that is
//! mended: a twin is made beside it and exchanged with it ([`apply`]).

pub mod abort;
pub mod adopt;
pub mod apply;
mod beside;
mod derived;
mod gap;
mod headers;
mod headless;
mod holes;
mod identity;
pub mod journal;
pub mod leftovers;
mod misnamed;
mod missing;
mod order;
pub mod peer;
mod placing;
pub mod plan;
mod producers;
mod readable;
mod remains;
mod rewritten;
pub mod salvage;
mod segments;
mod stage;
#[cfg(test)]
mod testing;
pub mod topic_ids;
pub mod undo;
mod units;

pub use plan::{Change, Left, Piece, Plan, Rebuild, Salvage, Step, What};

use super::error::Result;
use super::layout::{METADATA_TOPIC, Suffix, TopicPartition};
use super::partition::read_epochs;
use super::verify::{Events, FileKind, Finding, Observer, Scope, Severity, Surroundings, Target};
use crate::format::ProducerId;
use crate::host::Host;
use salvage::{Patient, Peer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use units::Collector;

/// What is to be repaired.
#[derive(Debug, Clone)]
pub struct Place {
    /// The data directory, or what stands for it above bare partitions.
    pub data: PathBuf,
    /// Whether it has the files of one.
    pub is_data: bool,
    /// Whether all of it is meant, not only some partitions.
    pub whole: bool,
    /// Whether this process keeps others out of it: nothing in it moves, though its
    /// lock is held.
    pub is_held: bool,
    /// The partitions that are meant.
    pub partitions: Vec<(TopicPartition, PathBuf)>,
}

/// How far a repair goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// Whether records are saved from batches of which a part is damaged.
    pub partial: bool,
    /// Whether metadata that is lost, or another cluster's, is made anew.
    pub adopt: bool,
    /// The data directory of a node whose metadata log tells configs, where the own
    /// one is lost.
    pub donor: Option<&'a Path>,
    /// The producer whose open transaction is ended: then nothing else is done.
    pub abort: Option<ProducerId>,
}

/// Verifies the place and plans how to mend what is found.
///
/// # Errors
/// Where the system refuses to let it be read; `Invalid` where the transaction that
/// is to be ended is not open.
pub fn plan(
    host: &Arc<dyn Host>,
    place: &Place,
    options: Options<'_>,
    peer: Option<&mut (dyn Peer + '_)>,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(Plan, Vec<Finding>)> {
    if let Some(producer) = options.abort {
        return Ok((end_transaction(host, place, producer)?, Vec::new()));
    }
    let mut found = Findings {
        all: Vec::new(),
        progress,
    };
    let scope = scope(host, place, &mut found);
    scope.verify(host, &mut found);
    let mut findings = found.all;
    let (mut plan, founded) = unfinished(host, place, options, &scope.around)?;
    if place.is_data && place.whole && !options.adopt {
        plan.extend(identity::plan(host, &scope.around, &findings)?);
    }
    // What is seen to already is not mended twice.
    let claimed: BTreeSet<PathBuf> = plan
        .changes
        .iter()
        .map(|change| place.data.join(&change.path))
        .collect();
    findings.retain(|finding| !claimed.contains(&finding.path));
    let mut peer = peer;
    for target in &scope.targets {
        if target
            .files
            .iter()
            .all(|file| file.kind == FileKind::Snapshot)
            && !target.beside
            || founded && target.name.topic == METADATA_TOPIC
        {
            continue;
        }
        let own = of_partition(&findings, &target.name);
        let directory = relative(&target.directory, &place.data);
        let in_swap = plan.changes.iter().any(|change| {
            matches!(change.what, What::Rename(_)) && change.path.starts_with(&directory)
        });
        let is_moved = plan
            .changes
            .iter()
            .any(|change| matches!(change.what, What::Rename(_)) && change.path == directory);
        if is_moved {
            // It is looked at under its own name.
            continue;
        }
        if is_log_damaged(&own) && !in_swap {
            let salvaged = log(host, target, &own, options, peer.as_deref_mut())?;
            plan.extend(salvaged);
        }
        plan.extend(beside::partition(&**host, target, &own));
    }
    if place.whole {
        plan.extend(beside::data_dir(&**host, &scope.around, &findings)?);
    }
    plan.tidy();
    Ok((plan, findings))
}

fn end_transaction(host: &Arc<dyn Host>, place: &Place, producer: ProducerId) -> Result<Plan> {
    let around = Surroundings::read(host, &place.data, place.is_data);
    abort::Abort {
        data: &place.data,
        partitions: &names(place),
        image: around.image.as_deref(),
        producer,
    }
    .plan(host)
}

/// Plans what does not ask what batches hold: lost metadata, leftovers, ids of
/// topics; and whether there will be another metadata log.
fn unfinished(
    host: &Arc<dyn Host>,
    place: &Place,
    options: Options<'_>,
    around: &Surroundings,
) -> Result<(Plan, bool)> {
    let mut names = names(place);
    let mut plan = Plan::default();
    let mut founded = false;
    if options.adopt {
        plan = adopt::plan(&**host, &place.data, options.donor)?;
        let metadata = TopicPartition::new(METADATA_TOPIC, 0);
        let mut changes = plan.changes.iter();
        founded = changes.any(|change| change.path.starts_with(metadata.to_string()));
        names.retain(|name| !founded || *name != metadata);
    } else if place.is_data {
        let image = around.image.as_deref();
        plan = topic_ids::plan(&**host, &place.data, &names, image)?;
    }
    plan.extend(leftovers::plan(&**host, &place.data, &names, place.whole)?);
    Ok((plan, founded))
}

fn names(place: &Place) -> Vec<TopicPartition> {
    let names = place.partitions.iter();
    names.map(|(name, _)| name.clone()).collect()
}

/// What a place is to a verification.
pub(crate) fn scope(host: &Arc<dyn Host>, place: &Place, events: &mut dyn Events) -> Scope {
    let mut around = Surroundings::read(host, &place.data, place.is_data);
    around.live &= !place.is_held;
    let partitions = place.partitions.clone();
    let whole = place.whole && place.is_data;
    Scope::partitions(host, around, partitions, whole, events)
}

/// Plans the log of one partition.
fn log(
    host: &Arc<dyn Host>,
    target: &Target,
    findings: &[Finding],
    options: Options<'_>,
    peer: Option<&mut (dyn Peer + '_)>,
) -> Result<Plan> {
    let collector = Collector::default();
    let mut listener = Listener(collector.clone());
    super::verify::verify(host, std::slice::from_ref(target), &mut listener);
    let patient = Patient {
        host: &**host,
        name: &target.name,
        directory: &target.directory,
        context: &target.context,
        findings,
        epochs: read_epochs(&**host, &target.directory).ok(),
        partial: options.partial,
    };
    salvage::salvage(&patient, collector.take(), peer)
}

fn of_partition(findings: &[Finding], name: &TopicPartition) -> Vec<Finding> {
    let of_it = |finding: &&Finding| finding.partition.as_ref() == Some(name);
    findings.iter().filter(of_it).cloned().collect()
}

/// Whether there is damage in the batches themselves.
fn is_log_damaged(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| {
        let name = finding.path.file_name().unwrap_or_default();
        let parsed = super::layout::parse_segment_file(name);
        let is_log = matches!(parsed, Some((_, Suffix::Log)));
        is_log && finding.severity > Severity::Note
    })
}

/// Keeps findings, and tells how far it is.
struct Findings<'a> {
    all: Vec<Finding>,
    progress: &'a mut dyn FnMut(u64) -> bool,
}

impl Events for Findings<'_> {
    fn found(&mut self, finding: Finding) {
        self.all.push(finding);
    }

    fn read(&mut self, bytes: u64) -> bool {
        (self.progress)(bytes)
    }
}

/// Hears the batches only.
struct Listener(Collector);

impl Events for Listener {
    fn found(&mut self, _: Finding) {}

    fn observer(&mut self, _: &Target) -> Option<Box<dyn Observer>> {
        Some(Box::new(self.0.clone()))
    }
}

/// A path below `data`, as plans have them.
fn relative(path: &Path, data: &Path) -> PathBuf {
    path.strip_prefix(data).unwrap_or(path).to_owned()
}
