//! The work of `ottla repair`: the plan, carrying it out, taking it back.

mod print;

use super::args::DataFormat;
use super::args::repair::{RepairAction, RepairOptions};
use super::error::{Result, ToolError};
use super::inspect::site::Scope;
use super::inspect::tell_live;
use super::numbers::count;
use super::progress::{Progress, summary};
use crate::host::Host;
use crate::log::repair::peer::PeerDirectory;
use crate::log::repair::salvage::Peer;
use crate::log::repair::{self, Options, Place, Plan};
use crate::log::verify::{Finding, Severity};
use print::Outcome;
use std::sync::Arc;

const NAME: &str = "ottla-repair";

/// Does what the options say.
pub fn run(options: &RepairOptions, host: &Arc<dyn Host>) -> Result<()> {
    let place = place(options, host)?;
    match options.action {
        RepairAction::Undo { force } => undo(options, &place, host, force),
        RepairAction::Plan => {
            tell_live(NAME, &options.site, &**host, options.quiet);
            let (plan, findings) = plan(options, &place, host)?;
            print::outcome(options, &plan, &Outcome::Planned)?;
            planned(options, &plan, &findings)
        }
        RepairAction::Apply => {
            let (plan, findings) = plan(options, &place, host)?;
            if plan.is_empty() {
                print::outcome(options, &plan, &Outcome::Planned)?;
                return planned(options, &plan, &findings);
            }
            let mut peer = peer(options, &place, host)?;
            let peer = peer.as_mut().map(|peer| peer as &mut dyn Peer);
            let applied = repair::apply::apply(host, &place, &plan, how(options), peer)?;
            print::outcome(options, &plan, &Outcome::Applied(&applied))?;
            summary(
                NAME,
                options.quiet,
                &format!(
                    "{} carried out; the originals are in {} until `ottla repair {} --undo`",
                    count(plan.changes.len() as u64, "change"),
                    sidecars(&applied.sidecars),
                    options.site
                ),
            );
            remaining(options, &applied.findings)
        }
    }
}

fn place(options: &RepairOptions, host: &Arc<dyn Host>) -> Result<Place> {
    let site = &options.site;
    if let Scope::File(path) = &site.scope {
        return Err(ToolError::usage(format!(
            "{}: expected DATA, DATA/TOPIC or DATA/TOPIC-P, found a file",
            path.display()
        ))
        .hint("a file is mended together with those beside it: give its directory"));
    }
    if options.adopt && site.scope != Scope::Data {
        return Err(
            ToolError::usage(format!("--adopt: expected a data directory, found {site}"))
                .hint(format!("ottla repair {} --adopt", site.data.display())),
        );
    }
    Ok(Place {
        data: site.data.clone(),
        // Adopted, it has the files of one.
        is_data: site.is_data || options.adopt,
        whole: site.scope == Scope::Data,
        is_held: false,
        partitions: site.partitions(&**host)?,
    })
}

/// The replica to take lost batches from. With --adopt it tells configs as well.
fn peer(
    options: &RepairOptions,
    place: &Place,
    host: &Arc<dyn Host>,
) -> Result<Option<PeerDirectory>> {
    let from = options.from.as_deref();
    let names = || place.partitions.iter().map(|(name, _)| name);
    let open = |from| PeerDirectory::open(host, &place.data, from, names());
    Ok(from.map(open).transpose()?)
}

fn how(options: &RepairOptions) -> Options<'_> {
    Options {
        partial: options.partial,
        adopt: options.adopt,
        donor: options.from.as_deref().filter(|_| options.adopt),
        abort: options.abort_transaction,
    }
}

fn plan(
    options: &RepairOptions,
    place: &Place,
    host: &Arc<dyn Host>,
) -> Result<(Plan, Vec<Finding>)> {
    let total = place
        .partitions
        .iter()
        .flat_map(|(_, directory)| {
            let entries = host.list(directory).unwrap_or_default();
            entries
                .into_iter()
                .map(|entry| directory.join(entry.name))
                .filter(|path| path.extension().is_some_and(|end| end == "log"))
                .collect::<Vec<_>>()
        })
        .map(|path| host.stat(&path).map_or(0, |stat| stat.length))
        .sum();
    let mut progress = Progress::towards(host, options.quiet, total);
    let mut peer = peer(options, place, host)?;
    let peer = peer.as_mut().map(|peer| peer as &mut dyn Peer);
    let planned = repair::plan(host, place, how(options), peer, &mut |bytes| {
        progress.advance(bytes);
        true
    });
    progress.finish();
    Ok(planned?)
}

fn sidecars(paths: &[std::path::PathBuf]) -> String {
    let texts: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    texts.join(", ")
}

/// How a run that changed nothing ends.
fn planned(options: &RepairOptions, plan: &Plan, findings: &[Finding]) -> Result<()> {
    let site = &options.site;
    if !plan.is_empty() {
        let changes = count(plan.changes.len() as u64, "change");
        let flags = flags(options);
        return Err(
            ToolError::damage(format!("{site}: {changes} planned, nothing done yet")).hint(
                format!("`ottla repair {site}{flags} --apply` carries it out"),
            ),
        );
    }
    if worst(findings) > Severity::Note {
        return remaining(options, findings);
    }
    summary(NAME, options.quiet, &format!("{site}: nothing to repair"));
    Ok(())
}

/// The options that say what is planned, to be typed again.
fn flags(options: &RepairOptions) -> String {
    let mut flags = String::new();
    if options.partial {
        flags.push_str(" --partial");
    }
    if let Some(from) = &options.from {
        flags.push_str(&format!(" --from {}", from.display()));
    }
    if options.adopt {
        flags.push_str(" --adopt");
    }
    if let Some(producer) = options.abort_transaction {
        flags.push_str(&format!(" --abort-transaction {producer}"));
    }
    flags
}

/// How a run ends that left something.
fn remaining(options: &RepairOptions, findings: &[Finding]) -> Result<()> {
    let site = &options.site;
    let left = findings.iter().filter(|f| f.severity > Severity::Note);
    let left = left.count() as u64;
    if left == 0 {
        return Ok(());
    }
    Err(ToolError::damage(format!(
        "{site}: {} remain that repair does not mend",
        count(left, "finding")
    ))
    .hint(format!("`ottla inspect verify {site}` lists them")))
}

fn worst(findings: &[Finding]) -> Severity {
    let severities = findings.iter().map(|finding| finding.severity);
    severities.max().unwrap_or(Severity::Note)
}

fn undo(options: &RepairOptions, place: &Place, host: &Arc<dyn Host>, force: bool) -> Result<()> {
    let undone = repair::undo::undo(host, place, force)?;
    if options.output == DataFormat::Json {
        print::undone(&undone)?;
    }
    for undone in &undone {
        summary(
            NAME,
            options.quiet,
            &format!(
                "{} is as it was before the repair ({} taken back)",
                undone.directory.display(),
                count(undone.changes as u64, "change")
            ),
        );
    }
    Ok(())
}
