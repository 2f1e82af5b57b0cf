//! A location and how to print what is there.

use super::{PrintArgs, site};
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;

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

impl LookOptions {
    /// Checks what was typed, and finds what it means.
    pub(super) fn new(location: &str, print: &PrintArgs, host: &dyn Host) -> Result<Self> {
        Ok(Self {
            site: site(location, host)?,
            output: print.format(),
            quiet: print.quiet,
        })
    }
}
