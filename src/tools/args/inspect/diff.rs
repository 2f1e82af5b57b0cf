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

    /// The same of the other side
    #[arg(value_name = "B")]
    right: String,

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
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
