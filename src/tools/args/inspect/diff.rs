//! `ottla inspect diff`.

use super::{PrintArgs, site};
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::Args;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file of a segment
    #[arg(value_name = "A")]
    left: String,

    /// The same of the other side; partitions and files may have other names
    #[arg(value_name = "B")]
    right: String,

    /// Prints a line for each partition that differs, no more
    #[arg(long)]
    brief: bool,

    /// Also compares the files beside the logs: indexes, snapshots, checkpoints
    #[arg(long)]
    all: bool,

    /// Prints at most N differences of each partition
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    print: PrintArgs,
}

/// What to compare.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// One side.
    pub left: Site,
    /// The other.
    pub right: Site,
    /// Whether a line for each partition is enough.
    pub brief: bool,
    /// Whether the files beside the logs count.
    pub all: bool,
    /// How many differences are printed of each partition.
    pub limit: usize,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl DiffArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<DiffOptions> {
        Ok(DiffOptions {
            left: site(&self.left, host)?,
            right: site(&self.right, host)?,
            brief: self.brief,
            all: self.all,
            limit: self.limit,
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
