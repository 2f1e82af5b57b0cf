//! `ottla consume`.

use super::{CommonArgs, Separator};
use crate::format::types::PartitionId;
use crate::host::Host;
use crate::tools::error::{Result, ToolError};
use crate::tools::format_string::FormatString;
use crate::tools::offset_reset::OffsetReset;
use crate::tools::offsets::{OffsetPoint, OffsetRange};
use crate::tools::output::Output;
use crate::tools::server::Location;
use crate::tools::settings::Verb;
use clap::{Args, CommandFactory as _, Parser};

const EXAMPLES: &str =
    "  ottla consume data/log -o @-1h                        the records of the last hour
  ottla consume data/users --json | jq -r .key          keys of a topic
";

/// Prints the records of a topic.
///
/// The end is pinned at the start: without --follow, the records that are there
/// are printed and nothing more. Partitions are read one after the other.
#[derive(Debug, Clone, Parser)]
#[command(name = "ottla-consume", bin_name = "ottla consume")]
pub struct ConsumeArgs {
    /// DATA/TOPIC, DATA/TOPIC-PARTITION for one partition directory, or kafka://HOST:PORT/TOPIC
    #[arg(value_name = "LOCATION")]
    pub location: String,

    #[command(flatten)]
    select: SelectArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Records")]
struct SelectArgs {
    /// Where to start, or a range: beginning, end, N, -N (the last N), N:M, @TIME, @T1:T2 [default: beginning]
    #[arg(
        short,
        long = "offset",
        value_name = "SPEC",
        allow_hyphen_values = true
    )]
    offset: Option<String>,

    /// Stops after N records
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,

    /// Reads these partitions only, such as 0,2,4-7
    #[arg(short, long, value_name = "LIST")]
    partitions: Option<String>,

    /// Goes on with records as they are appended
    #[arg(long, short = 'F')]
    follow: bool,

    /// Leaves out records of aborted and open transactions
    #[arg(long)]
    read_committed: bool,

    /// Reads as a member of a consumer group, from where it left off, and commits; needs a server. -o says where partitions without a commit start
    #[arg(short, long, value_name = "GROUP")]
    group: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Prints by a format, such as '%o %k=%v\n'; see FORMAT TOKENS
    #[arg(short, long, value_name = "FORMAT", conflicts_with_all = ["json", "csv", "key_separator"])]
    format: Option<String>,

    /// The same, with the tokens of kcat, such as '%o %k=%s\n'
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["format", "json", "csv", "key_separator"], hide_short_help = true)]
    kcat_format: Option<String>,

    /// Prints JSON envelopes, one a line; `ottla produce --json` reads them
    #[arg(long, conflicts_with_all = ["csv", "key_separator"])]
    json: bool,

    /// Prints CSV with a row of column names
    #[arg(long, conflicts_with = "key_separator")]
    csv: bool,

    /// Prints key, SEP and value
    #[arg(short, long, value_name = "SEP")]
    key_separator: Option<Separator>,

    /// Prints MARKER for a null key or value [default: nothing]
    #[arg(long, value_name = "MARKER", conflicts_with_all = ["json", "csv"])]
    null: Option<String>,

    /// Ends records with a NUL byte
    #[arg(short = '0', long = "nul", conflicts_with_all = ["delimiter", "json", "csv", "format", "kcat_format"])]
    zero: bool,

    /// Ends records with SEP [default: a newline]
    #[arg(long, value_name = "SEP", conflicts_with_all = ["json", "csv", "format", "kcat_format"], hide_short_help = true)]
    delimiter: Option<Separator>,
}

/// Everything `consume` has to know, free of contradictions.
#[derive(Debug, Clone)]
pub struct ConsumeOptions {
    /// Where from; it names a topic that may exist.
    pub location: Location,
    /// Which records of each partition.
    pub range: OffsetRange,
    /// Whether the range was asked for.
    pub starts: bool,
    /// Where to go on at when an offset is none any more; only with a server.
    pub reset: OffsetReset,
    /// How many at most.
    pub count: Option<u64>,
    /// Which partitions; `None` for all of them. Sorted, none twice.
    pub partitions: Option<Vec<PartitionId>>,
    /// Whether to wait for more.
    pub follow: bool,
    /// Whether to leave out what is not committed.
    pub read_committed: bool,
    /// The consumer group to be a member of; only with a server.
    pub group: Option<String>,
    /// How to print them.
    pub output: Output,
    /// Whether only errors are printed.
    pub quiet: bool,
}

/// The program's definition.
pub fn command() -> clap::Command {
    super::with_help(ConsumeArgs::command(), EXAMPLES, &super::texts::CONSUME)
}

impl ConsumeArgs {
    /// Checks everything that was typed against each other and against the settings.
    pub fn validate(self, host: &dyn Host) -> Result<ConsumeOptions> {
        let offset = self.select.offset.as_deref();
        let parsed = offset.map(|text| OffsetRange::parse(text, host.now_ms()));
        let range = parsed.transpose()?.unwrap_or_default();
        let listed = self
            .select
            .partitions
            .as_deref()
            .map(partition_list)
            .transpose()?;
        let output = self.output.validate()?;
        let mut location = Location::find(&self.location, host)?;
        location.topic()?;
        if let Some(directory) = location.directory() {
            directory.must_exist()?;
        }
        let settings = self.common.settings(Verb::Consume, location.data(), host)?;
        location.configure(&settings)?;
        let group = self
            .select
            .group
            .or_else(|| settings.get("group.id").map(str::to_owned));
        if group.is_some()
            && let Location::Directory(directory) = &location
        {
            return Err(ToolError::failed(format!(
                "{}: a consumer group needs a server, found a directory that `ottla serve` does not hold",
                directory.data.display()
            ))
            .hint("`ottla serve` coordinates groups; without one leave out -g and group.id: -o picks records by offset or time"));
        }
        if let Some(group) = &group {
            check_group(group, &range, listed.as_deref())?;
        }
        if self.select.follow && range.end.is_some() {
            return Err(ToolError::usage(format!(
                "--follow cannot be used with a range that ends, found -o {}",
                offset.unwrap_or_default()
            )));
        }
        let there = location.partition();
        let partitions = match (listed, there) {
            (Some(listed), Some(there)) if listed != [there] => {
                return Err(ToolError::usage(format!(
                    "-p contradicts the location, which is partition {there}"
                )));
            }
            (Some(listed), _) => Some(listed),
            (None, there) => there.map(|there| vec![there]),
        };
        let reset = match settings.get("auto.offset.reset") {
            Some(text) => OffsetReset::parse(text, host.now_ms())?,
            None => OffsetReset::default(),
        };
        let isolation = settings.get("isolation.level");
        Ok(ConsumeOptions {
            range,
            starts: offset.is_some(),
            reset,
            count: self.select.count,
            partitions,
            follow: self.select.follow,
            read_committed: self.select.read_committed
                || isolation.is_some_and(|level| level == "read_committed"),
            group,
            output,
            quiet: self.common.quiet,
            location,
        })
    }
}

impl ConsumeOptions {
    /// Where a member of a group starts to read what the group never committed; `None`
    /// where that is not allowed.
    pub fn group_start(&self) -> Option<OffsetPoint> {
        match self.reset {
            _ if self.starts => Some(self.range.start),
            OffsetReset::Nearest => Some(self.range.start),
            OffsetReset::At(point) => Some(point),
            OffsetReset::Fail => None,
        }
    }
}

/// A group says by itself which partitions a member reads.
fn check_group(group: &str, range: &OffsetRange, listed: Option<&[PartitionId]>) -> Result<()> {
    if group.is_empty() {
        return Err(ToolError::usage(
            "-g: expected the name of a group, found none",
        ));
    }
    if listed.is_some() {
        return Err(
            super::conflict("-p", "-g").hint("a group shares all partitions among its members")
        );
    }
    if range.end.is_some() {
        return Err(super::conflict("-o with an end", "-g"));
    }
    Ok(())
}

impl OutputArgs {
    fn validate(self) -> Result<Output> {
        let null = self.null.unwrap_or_default().into_bytes();
        let delimiter = match self.delimiter {
            _ if self.zero => vec![0],
            Some(delimiter) => delimiter.0,
            None => vec![b'\n'],
        };
        Ok(match (self.format, self.kcat_format, self.key_separator) {
            (Some(format), _, _) => {
                Output::Format(FormatString::compile(&format)?.with_null(&null))
            }
            (None, Some(format), _) => {
                Output::Format(FormatString::compile_kcat(&format)?.with_null(&null))
            }
            _ if self.json => Output::Json,
            _ if self.csv => Output::Csv,
            (None, None, Some(separator)) => Output::KeyValue {
                separator: separator.0,
                delimiter,
                null,
            },
            (None, None, None) => Output::Value { delimiter, null },
        })
    }
}

/// `0,2,4-7`: sorted, none twice.
pub(super) fn partition_list(text: &str) -> Result<Vec<PartitionId>> {
    const MOST: usize = 100_000;
    let bad = || {
        ToolError::usage(format!(
            "-p {text}: expected partitions such as 0,2,4-7, found `{text}`"
        ))
    };
    let number = |digits: &str| -> Result<i32> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| all_digits).ok_or_else(bad)
    };
    let mut partitions = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last || partitions.len() + (last - first) as usize >= MOST {
            return Err(bad());
        }
        partitions.extend((first..=last).map(PartitionId::new));
    }
    partitions.sort_unstable();
    partitions.dedup();
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_lists() {
        let list = |text| {
            partition_list(text)
                .map(|list| list.into_iter().map(PartitionId::get).collect::<Vec<_>>())
        };
        assert_eq!(list("4-6,0,5").unwrap(), [0, 4, 5, 6]);
        for bad in ["", "a", "1-", "-1", "3-1", "0-2147483647", "1,,2", "+1"] {
            assert_eq!(list(bad).unwrap_err().exit().code(), 2, "{bad}");
        }
    }
}
