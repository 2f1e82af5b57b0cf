//! `ottla inspect groups`.

use super::{PrintArgs, site};
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::Args;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct GroupsArgs {
    /// DATA
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Shows this group only
    #[arg(value_name = "GROUP")]
    group: Option<String>,

    #[command(flatten)]
    print: PrintArgs,
}

/// Which groups.
#[derive(Debug, Clone)]
pub struct GroupsOptions {
    /// Where.
    pub site: Site,
    /// Which; all of them where `None`.
    pub group: Option<String>,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl GroupsArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<GroupsOptions> {
        Ok(GroupsOptions {
            site: site(&self.location, host)?,
            group: self.group,
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
