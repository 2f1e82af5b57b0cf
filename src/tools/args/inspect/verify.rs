//! `ottla inspect verify`.

use super::{PrintArgs, site};
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::Args;
use std::path::PathBuf;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file of a segment
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Checks segments against this list of their hashes; writes it where it is missing
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    /// Writes the list anew instead of checking against it
    #[arg(long, requires = "manifest")]
    write_manifest: bool,

    #[command(flatten)]
    print: PrintArgs,
}

/// What to check.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Where.
    pub site: Site,
    /// The list of hashes.
    pub manifest: Option<PathBuf>,
    /// Whether that is written even where it is there.
    pub write_manifest: bool,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl VerifyArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<VerifyOptions> {
        Ok(VerifyOptions {
            site: site(&self.location, host)?,
            manifest: self.manifest,
            write_manifest: self.write_manifest,
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
