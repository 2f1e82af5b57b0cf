//! `ottla inspect stats`.

use super::{PrintArgs, site};
use crate::format::PartitionId;
use crate::host::Host;
use crate::tools::args::DataFormat;
use crate::tools::args::consume::partition_list;
use crate::tools::error::Result;
use crate::tools::inspect::site::Site;
use clap::{Args, ValueEnum};

/// As typed.
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// DATA, DATA/TOPIC, DATA/TOPIC-P, or the .log of a segment
    #[arg(value_name = "LOCATION")]
    location: String,

    /// These partitions only, such as 0,2,4-7
    #[arg(short, long, value_name = "LIST")]
    partitions: Option<String>,

    /// What the rows are of [default: what is below LOCATION]
    #[arg(long, value_name = "WHAT", value_enum)]
    by: Option<Level>,

    /// How many of the largest records and most frequent keys to print
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    top: u16,

    #[command(flatten)]
    print: PrintArgs,
}

/// What rows are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// A row for each topic
    Topic,
    /// A row for each partition
    Partition,
    /// A row for each segment
    Segment,
}

/// What to measure.
#[derive(Debug, Clone)]
pub struct StatsOptions {
    /// Where.
    pub site: Site,
    /// Which partitions; `None` for all of them.
    pub partitions: Option<Vec<PartitionId>>,
    /// What rows are of; `None` for what is below the site.
    pub by: Option<Level>,
    /// How many of the largest records and most frequent keys.
    pub top: usize,
    /// How to print.
    pub output: DataFormat,
    /// Whether only results and errors are printed.
    pub quiet: bool,
}

impl StatsArgs {
    /// Checks what was typed, and finds what it means.
    pub fn validate(self, host: &dyn Host) -> Result<StatsOptions> {
        Ok(StatsOptions {
            site: site(&self.location, host)?,
            partitions: self.partitions.as_deref().map(partition_list).transpose()?,
            by: self.by,
            top: usize::from(self.top),
            output: self.print.format(),
            quiet: self.print.quiet,
        })
    }
}
