//! `ottla inspect metadata`.

use super::{PrintArgs, site};
use crate::format::Offset;
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::{Result, ToolError};
use crate::tools::inspect::site::Site;
use clap::{Args, ValueEnum};

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct MetadataArgs {
    /// DATA, DATA/__cluster_metadata-0, or a .log or .checkpoint file of it
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Shows these sections only
    #[arg(long, value_name = "SECTION", value_enum, value_delimiter = ',')]
    only: Vec<Section>,

    /// Shows the metadata as it was once the record at OFFSET counted
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    at: Option<i64>,

    /// Prints the log itself, record by record
    #[arg(long, conflicts_with = "only")]
    log: bool,

    /// Starts the log at OFFSET
    #[arg(
        long,
        value_name = "OFFSET",
        requires = "log",
        value_parser = clap::value_parser!(i64).range(0..)
    )]
    from: Option<i64>,

    /// Shows passwords and the keys of SCRAM users too
    #[arg(long)]
    secrets: bool,

    #[command(flatten)]
    print: PrintArgs,
}

/// A part of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Finalised feature levels
    Features,
    /// The voters of the metadata log
    Quorum,
    /// Registered brokers
    Brokers,
    /// Registered controllers
    Controllers,
    /// Topics with their ids
    Topics,
    /// Partitions: leaders, epochs, replicas
    Partitions,
    /// Partitions whose replicas are being moved
    Reassignments,
    /// Configs of topics, brokers, groups and client metrics
    Configs,
    /// ACLs
    Acls,
    /// Client quotas
    Quotas,
    /// SCRAM users
    Users,
    /// Delegation tokens
    Tokens,
}

/// What of the metadata to show.
#[derive(Debug, Clone)]
pub struct MetadataOptions {
    /// Where.
    pub site: Site,
    /// Which sections; all of them where empty.
    pub only: Vec<Section>,
    /// As of which offset; the latest where `None`.
    pub at: Option<Offset>,
    /// Whether the log itself is printed, and from where.
    pub log: Option<Offset>,
    /// Whether secrets are shown.
    pub secrets: bool,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl MetadataArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<MetadataOptions> {
        let output = self.print.format();
        let rows = matches!(output, DataFormat::Csv | DataFormat::Tsv);
        if rows && !self.log && self.only.len() != 1 {
            return Err(ToolError::usage(
                "--output csv and tsv take one section: name it with --only",
            ));
        }
        Ok(MetadataOptions {
            site: site(&self.location, host)?,
            only: self.only,
            at: self.at.map(Offset::new),
            log: self.log.then(|| Offset::new(self.from.unwrap_or(0))),
            secrets: self.secrets,
            output,
            quiet: self.print.quiet,
        })
    }
}
