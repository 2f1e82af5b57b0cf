//! `ottla inspect batches` and `ottla inspect records`.

use super::{PrintArgs, partitions, site};
use crate::format::PartitionId;
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use crate::tools::offsets::OffsetRange;
use clap::Args;

/// Which batches, as typed.
#[derive(Debug, Clone, Args)]
pub struct BatchesArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or a file: .log or .checkpoint
    #[arg(value_name = "LOCATION")]
    location: String,

    /// Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2
    #[arg(
        short,
        long = "offset",
        value_name = "SPEC",
        default_value = "beginning",
        allow_hyphen_values = true
    )]
    offset: String,

    /// Stops after N of them
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,

    /// Looks at these partitions only, such as 0,2,4-7
    #[arg(short, long, value_name = "LIST")]
    partitions: Option<String>,

    #[command(flatten)]
    print: PrintArgs,
}

/// Which records, as typed.
#[derive(Debug, Clone, Args)]
pub struct RecordsArgs {
    #[command(flatten)]
    batches: BatchesArgs,

    /// Prints keys and values of internal topics and control records as they are
    #[arg(long)]
    raw: bool,

    /// Does not cut lines of the table off
    #[arg(short, long)]
    wide: bool,
}

/// Which batches or records.
#[derive(Debug, Clone)]
pub struct RecordsOptions {
    /// Where.
    pub site: Site,
    /// Which of each partition.
    pub range: OffsetRange,
    /// How many at most.
    pub count: Option<u64>,
    /// Which partitions; `None` for all of them. Sorted, none twice.
    pub partitions: Option<Vec<PartitionId>>,
    /// Whether nothing is decoded but records themselves.
    pub raw: bool,
    /// Whether lines may be longer than the terminal is wide.
    pub wide: bool,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl BatchesArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<RecordsOptions> {
        let range = OffsetRange::parse(&self.offset, host.now_ms())?;
        let site = site(&self.location, host)?;
        let partitions = partitions(&site, self.partitions.as_deref())?;
        Ok(RecordsOptions {
            site,
            range,
            count: self.count,
            partitions,
            raw: false,
            wide: false,
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}

impl RecordsArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<RecordsOptions> {
        Ok(RecordsOptions {
            raw: self.raw,
            wide: self.wide,
            ..self.batches.validate(host)?
        })
    }
}
