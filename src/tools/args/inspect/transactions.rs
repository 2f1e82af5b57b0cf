//! `ottla inspect transactions`.

use super::{PrintArgs, site};
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::Args;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct TransactionsArgs {
    /// DATA, DATA/TOPIC or DATA/TOPIC-P
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Lists completed and aborted transactions too
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    print: PrintArgs,
}

/// Which transactions.
#[derive(Debug, Clone)]
pub struct TransactionsOptions {
    /// Where.
    pub site: Site,
    /// Whether completed and aborted ones are shown.
    pub all: bool,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl TransactionsArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<TransactionsOptions> {
        Ok(TransactionsOptions {
            site: site(&self.location, host)?,
            all: self.all,
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
