//! `ottla inspect look`.

use super::{PrintArgs, site};
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::Args;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct LookArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file of a segment
    #[arg(value_name = "LOCATION")]
    location: String,

    #[command(flatten)]
    print: PrintArgs,
}

/// What to look at.
#[derive(Debug, Clone)]
pub struct LookOptions {
    /// Where.
    pub site: Site,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl LookArgs {
    pub(super) const fn new(location: String, print: PrintArgs) -> Self {
        Self { location, print }
    }

    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<LookOptions> {
        Ok(LookOptions {
            site: site(&self.location, host)?,
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
