//! `ottla inspect explain`.

use super::{PrintArgs, site};
use crate::format::Offset;
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::Args;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file of a segment
    #[arg(value_name = "LOCATION")]
    location: String,

    /// The offset
    #[arg(value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    offset: i64,

    #[command(flatten)]
    print: PrintArgs,
}

/// Which offset of which partition.
#[derive(Debug, Clone)]
pub struct ExplainOptions {
    /// Where.
    pub site: Site,
    /// Which.
    pub offset: Offset,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl ExplainArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<ExplainOptions> {
        Ok(ExplainOptions {
            site: site(&self.location, host)?,
            offset: Offset::new(self.offset),
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
