//! `ottla inspect index` and `ottla inspect snapshot`.

use super::{LookOptions, PrintArgs, partitions};
use crate::format::PartitionId;
use crate::host::Host;
use crate::tools::error::Result;
use clap::Args;

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct FilesArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file of a segment
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Looks at these partitions only, such as 0,2,4-7
    #[arg(short, long, value_name = "LIST")]
    partitions: Option<String>,

    #[command(flatten)]
    print: PrintArgs,
}

/// Which files.
#[derive(Debug, Clone)]
pub struct FilesOptions {
    /// Where, and how to print.
    pub look: LookOptions,
    /// Of which partitions; `None` for all of them. Sorted, none twice.
    pub partitions: Option<Vec<PartitionId>>,
}

impl FilesArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<FilesOptions> {
        let look = LookOptions::new(&self.location, &self.print, host)?;
        Ok(FilesOptions {
            partitions: partitions(&look.site, self.partitions.as_deref())?,
            look,
        })
    }
}
