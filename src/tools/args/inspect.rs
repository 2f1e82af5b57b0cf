//! `ottla inspect`: a definition for each subcommand, in a file of its own.

mod diff;
mod explain;
mod files;
mod groups;
mod look;
mod metadata;
mod records;
mod stats;
mod transactions;
mod verify;

pub use diff::{DiffArgs, DiffOptions};
pub use explain::{ExplainArgs, ExplainOptions};
pub use files::{FilesArgs, FilesOptions};
pub use groups::{GroupsArgs, GroupsOptions};
pub use look::LookOptions;
pub use metadata::{MetadataArgs, MetadataOptions, Section};
pub use records::{BatchesArgs, RecordsArgs, RecordsOptions};
pub use stats::{Level, StatsArgs, StatsOptions};
pub use transactions::{TransactionsArgs, TransactionsOptions};
pub use verify::{VerifyArgs, VerifyOptions};

use super::DataFormat;
use super::consume::partition_list;
use crate::format::PartitionId;
use crate::host::Host;
use crate::tools::error::{Result, ToolError};
use crate::tools::inspect::site::{Scope, Site};
use clap::{Args, CommandFactory as _, Parser, Subcommand};

const EXAMPLES: &str = "  ottla inspect data                      what is in a data directory
  ottla inspect verify data               check every promise of the format; exit 3 on damage
";

/// Looks into a data directory of any Apache Kafka since 0.10, or of ottla.
///
/// Reads only, takes no lock, and works while a broker holds the directory (what is
/// shown may then move). Without a subcommand it says what is there.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "ottla-inspect",
    bin_name = "ottla inspect",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct InspectArgs {
    #[command(subcommand)]
    what: Option<WhatArgs>,

    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file of a segment
    #[arg(value_name = "LOCATION")]
    location: Option<String>,

    /// Reads every header for the summary, however many there are
    #[arg(long)]
    exact: bool,

    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Debug, Clone, Subcommand)]
enum WhatArgs {
    /// Lists batches
    Batches(BatchesArgs),
    /// Prints records with headers; those of internal topics decoded
    Records(RecordsArgs),
    /// Prints index entries: .index, .timeindex, .txnindex
    Index(FilesArgs),
    /// Prints producer snapshots and KRaft snapshots
    Snapshot(FilesArgs),
    /// Prints the metadata: topics, configs, brokers, ACLs, quotas, features
    Metadata(MetadataArgs),
    /// Prints committed offsets and lag
    Groups(GroupsArgs),
    /// Prints open, hanging and aborted transactions
    Transactions(TransactionsArgs),
    /// Checks every promise of the format
    Verify(VerifyArgs),
    /// Tells everything about one offset
    Explain(ExplainArgs),
    /// Compares two directories, topics, partitions or segments
    Diff(DiffArgs),
    /// Draws sizes, rates, keys and the largest records
    Stats(StatsArgs),
}

/// What to sum up.
#[derive(Debug, Clone)]
pub struct SummaryOptions {
    /// Where, and how to print.
    pub look: LookOptions,
    /// Whether every header is read.
    pub exact: bool,
}

/// What to look at.
#[derive(Debug, Clone)]
pub enum InspectOptions {
    /// Everything in short.
    Summary(SummaryOptions),
    /// Batches.
    Batches(RecordsOptions),
    /// Records.
    Records(RecordsOptions),
    /// Index entries.
    Index(FilesOptions),
    /// Snapshots.
    Snapshot(FilesOptions),
    /// The metadata.
    Metadata(MetadataOptions),
    /// Consumer groups.
    Groups(GroupsOptions),
    /// Transactions.
    Transactions(TransactionsOptions),
    /// Every promise.
    Verify(VerifyOptions),
    /// One offset.
    Explain(ExplainOptions),
    /// Two places.
    Diff(DiffOptions),
    /// Sizes and rates.
    Stats(StatsOptions),
}

/// How results are printed.
#[derive(Debug, Clone, Args)]
pub struct PrintArgs {
    /// How to print
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    output: DataFormat,

    /// The same as --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// Says nothing but results and errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl PrintArgs {
    /// The format that was asked for.
    pub const fn format(&self) -> DataFormat {
        if self.json {
            DataFormat::Json
        } else {
            self.output
        }
    }
}

/// The program's definition.
pub fn command() -> clap::Command {
    super::with_help(InspectArgs::command(), EXAMPLES, &super::texts::INSPECT)
}

impl InspectArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<InspectOptions> {
        let Some(what) = self.what else {
            let location = self.location.ok_or_else(|| {
                ToolError::usage("expected LOCATION, found nothing")
                    .hint("`ottla inspect DATA` says what is in a data directory")
            })?;
            let look = LookOptions::new(&location, &self.print, host)?;
            let exact = self.exact;
            return Ok(InspectOptions::Summary(SummaryOptions { look, exact }));
        };
        Ok(match what {
            WhatArgs::Batches(args) => InspectOptions::Batches(args.validate(host)?),
            WhatArgs::Records(args) => InspectOptions::Records(args.validate(host)?),
            WhatArgs::Index(args) => InspectOptions::Index(args.validate(host)?),
            WhatArgs::Snapshot(args) => InspectOptions::Snapshot(args.validate(host)?),
            WhatArgs::Metadata(args) => InspectOptions::Metadata(args.validate(host)?),
            WhatArgs::Groups(args) => InspectOptions::Groups(args.validate(host)?),
            WhatArgs::Transactions(args) => InspectOptions::Transactions(args.validate(host)?),
            WhatArgs::Verify(args) => InspectOptions::Verify(args.validate(host)?),
            WhatArgs::Explain(args) => InspectOptions::Explain(args.validate(host)?),
            WhatArgs::Diff(args) => InspectOptions::Diff(args.validate(host)?),
            WhatArgs::Stats(args) => InspectOptions::Stats(args.validate(host)?),
        })
    }
}

fn site(location: &str, host: &dyn Host) -> Result<Site> {
    Site::find(location, host)
}

/// The partitions that `-p` picks.
fn partitions(site: &Site, listed: Option<&str>) -> Result<Option<Vec<PartitionId>>> {
    let listed = listed.map(partition_list).transpose()?;
    match (&site.scope, &listed) {
        (Scope::File(_), Some(_)) => Err(ToolError::usage(
            "-p picks partitions; the location is one file",
        )),
        (Scope::Partition(there), Some(listed))
            if *listed != [PartitionId::new(there.partition)] =>
        {
            Err(ToolError::usage(format!(
                "-p contradicts the location, which is partition {}",
                there.partition
            )))
        }
        _ => Ok(listed),
    }
}
