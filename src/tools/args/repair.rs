//! `ottla repair`.

use super::DataFormat;
use crate::format::ProducerId;
use crate::host::Host;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::{CommandFactory as _, Parser};
use std::path::PathBuf;

const EXAMPLES: &str =
    "  ottla repair data                 plan: what would be done, and what it keeps
  ottla repair data --apply         do it; the originals are kept for --undo
  ottla repair data --adopt         its metadata log or meta.properties is lost
";

/// Mends a damaged data directory.
///
/// Without --apply it only says what it would do. The originals of all that --apply
/// changes are kept beside the directory, until --undo puts them back.
#[derive(Debug, Clone, Parser)]
#[command(name = "ottla-repair", bin_name = "ottla repair")]
pub struct RepairArgs {
    /// DATA, DATA/TOPIC or DATA/TOPIC-P
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Carries the plan out
    #[arg(long)]
    apply: bool,

    /// Puts back what the last --apply changed
    #[arg(long, conflicts_with_all = ["apply", "partial", "from", "adopt", "abort_transaction"])]
    undo: bool,

    /// With --undo: also where what was written since is lost
    #[arg(long, requires = "undo")]
    force: bool,

    /// Keeps the whole records of a batch of which only a part is damaged
    #[arg(long)]
    partial: bool,

    /// Takes damaged batches from this replica: a data or partition directory
    #[arg(long, value_name = "PEER_DIRECTORY")]
    from: Option<PathBuf>,

    /// Makes a working data directory of one whose metadata is lost or another cluster's
    #[arg(long)]
    adopt: bool,

    /// Ends the open transaction of this producer in the location's partitions
    #[arg(long, value_name = "PRODUCER_ID", value_parser = clap::value_parser!(i64).range(0..))]
    abort_transaction: Option<i64>,

    #[command(flatten)]
    print: super::inspect::PrintArgs,
}

/// Everything `repair` has to know, free of contradictions.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// Where.
    pub site: Site,
    /// Plan, do or undo.
    pub action: RepairAction,
    /// Whether whole records of damaged batches are kept.
    pub partial: bool,
    /// A replica to take damaged batches from.
    pub from: Option<PathBuf>,
    /// Whether lost metadata is made anew.
    pub adopt: bool,
    /// The producer whose open transaction is ended.
    pub abort_transaction: Option<ProducerId>,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairAction {
    /// Say what would be done.
    Plan,
    /// Do it.
    Apply,
    /// Put the originals back.
    Undo {
        /// Also where what was written since is lost.
        force: bool,
    },
}

/// The program's definition.
pub fn command() -> clap::Command {
    super::with_help(RepairArgs::command(), EXAMPLES, &super::texts::REPAIR)
}

impl RepairArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<RepairOptions> {
        Ok(RepairOptions {
            site: Site::find(&self.location, host)?,
            action: match (self.apply, self.undo) {
                (_, true) => RepairAction::Undo { force: self.force },
                (true, false) => RepairAction::Apply,
                (false, false) => RepairAction::Plan,
            },
            partial: self.partial,
            from: self.from,
            adopt: self.adopt,
            abort_transaction: self.abort_transaction.map(ProducerId::new),
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
