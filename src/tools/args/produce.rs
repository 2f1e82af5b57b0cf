//! `ottla produce`.

use super::{CommonArgs, OneByte, Separator, Sync, conflict};
use crate::format::compression::{Codec, Compression};
use crate::format::partitioner::Partitioner;
use crate::format::record::HeadersBuf;
use crate::format::types::{PartitionId, Timestamp};
use crate::host::Host;
use crate::tools::error::{Result, ToolError, nearest};
use crate::tools::format_string::FormatString;
use crate::tools::input::{InputFormat, InputOptions};
use crate::tools::server::Location;
use crate::tools::settings::{Settings, Verb};
use crate::tools::time_spec;
use clap::{Args, CommandFactory as _, Parser};

/// The longest record that is taken where nothing else is said: 1 GiB less room
/// for its batch.
pub const DEFAULT_MAX_MESSAGE: usize = (1 << 30) - (1 << 20);

const EXAMPLES: &str = "  ottla produce data/log < access.log             each line a record
  ottla produce data/users -k '\\t' -z zstd < tsv  the key before the tab, compressed
";

/// Appends records from standard input to a topic.
///
/// Each line of standard input becomes a record. The data directory and the topic
/// are created where they are missing. At exit status 0 every record is durable,
/// unless --sync says otherwise.
#[derive(Debug, Clone, Parser)]
#[command(name = "ottla-produce", bin_name = "ottla produce")]
pub struct ProduceArgs {
    /// DATA/TOPIC, DATA/TOPIC-PARTITION for an existing partition directory, or kafka://HOST:PORT/TOPIC
    #[arg(value_name = "LOCATION")]
    pub location: String,

    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
struct InputArgs {
    /// Splits the key off each line at the first SEP; without SEP in it, a line has no key
    #[arg(short, long, value_name = "SEP")]
    key_separator: Option<Separator>,

    /// A key or value that reads MARKER is null
    #[arg(long, value_name = "MARKER")]
    null: Option<String>,

    /// Adds a header to each record; NAME alone gives it a null value
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,

    /// Reads JSON envelopes, as `ottla consume --json` prints them
    #[arg(long, conflicts_with_all = ["csv", "format", "kcat_format", "key_separator"])]
    json: bool,

    /// Reads CSV with a row of column names; each value is a JSON object
    #[arg(long, conflicts_with_all = ["format", "kcat_format", "key_separator"])]
    csv: bool,

    /// With --csv: the column that is the key
    #[arg(long, value_name = "COLUMN", requires = "csv")]
    key: Option<String>,

    /// With --csv: the character between fields
    #[arg(
        long,
        value_name = "CHAR",
        requires = "csv",
        default_value = ",",
        hide_short_help = true
    )]
    csv_delimiter: OneByte,

    /// Reads records by a format, such as '%k=%v\n'; see FORMAT TOKENS
    #[arg(short, long, value_name = "FORMAT", conflicts_with_all = ["kcat_format", "key_separator"])]
    format: Option<String>,

    /// The same, with the tokens of kcat, such as '%k=%s\n'
    #[arg(
        long,
        value_name = "FORMAT",
        conflicts_with = "key_separator",
        hide_short_help = true
    )]
    kcat_format: Option<String>,

    /// Records end with a NUL byte
    #[arg(short = '0', long = "nul", conflicts_with = "delimiter")]
    zero: bool,

    /// Records end with SEP [default: a newline]
    #[arg(long, value_name = "SEP", hide_short_help = true)]
    delimiter: Option<Separator>,

    /// Refuses records longer than this
    #[arg(long, value_name = "BYTES", hide_short_help = true)]
    max_message_bytes: Option<usize>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
struct WriteArgs {
    /// Writes to this partition only
    #[arg(short, long, value_name = "N", conflicts_with = "partitioner", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,

    /// Chooses partitions: murmur2_random (as Java clients, the default), consistent_random (as librdkafka), fnv1a_random (as Sarama), murmur2, consistent, fnv1a, random, round-robin
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    partitioner: Option<String>,

    /// Compresses batches: none, gzip, snappy, lz4 or zstd, with :LEVEL where there are levels
    #[arg(short = 'z', long, value_name = "CODEC[:LEVEL]")]
    compression: Option<String>,

    /// Gives every record this time instead of the present
    #[arg(
        long,
        value_name = "TIME",
        hide_short_help = true,
        allow_hyphen_values = true
    )]
    timestamp: Option<String>,

    /// Keeps offset, partition and timestamp type of the input; needs --json or a format
    #[arg(long)]
    keep_offsets: bool,

    /// When written records are made durable
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    sync: Sync,

    /// Makes the run one transaction: every record becomes visible, or none does
    #[arg(long, value_name = "ID", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    transaction: Option<String>,

    /// Partitions of a topic that is created [default: 1]
    #[arg(long, value_name = "N", hide_short_help = true, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    partitions: Option<i32>,

    /// Fails where the topic does not exist, instead of creating it
    #[arg(long, hide_short_help = true)]
    no_create: bool,
}

/// Everything `produce` has to know, free of contradictions.
#[derive(Debug, Clone)]
pub struct ProduceOptions {
    /// Where to; it names a topic.
    pub location: Location,
    /// What standard input holds.
    pub input: InputOptions,
    /// The one partition to write to, by option or by location.
    pub partition: Option<PartitionId>,
    /// How partitions are chosen otherwise.
    pub partitioner: PartitionChoice,
    /// How batches are compressed; `None` leaves it to the topic's `compression.type`.
    pub compression: Option<Compression>,
    /// The bytes at which a batch is full, where they are set.
    pub batch_size: Option<usize>,
    /// The time of every record, where one is given.
    pub timestamp: Option<Timestamp>,
    /// Whether offsets, partitions, timestamp types and epochs of the input stay.
    pub keep_offsets: bool,
    /// When to sync.
    pub sync: Sync,
    /// Whether, and under which id, the run is a transaction.
    pub transaction: Option<Transaction>,
    /// Partitions of a topic that has to be created; `None` where it must exist.
    pub create_partitions: Option<i32>,
    /// Whether only errors are printed.
    pub quiet: bool,
}

/// A run that is one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// Under an id of its own.
    Anonymous,
    /// Under this transactional id.
    Id(String),
}

/// How a record without a given partition gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionChoice {
    /// By its key; where that leaves it open, sticky for a batch.
    Key(Partitioner),
    /// One after the other, whatever the key.
    RoundRobin,
}

impl PartitionChoice {
    /// Names besides librdkafka's.
    const ALIASES: [(&'static str, Self); 9] = [
        ("default", Self::Key(Partitioner::Murmur2Random)),
        ("java", Self::Key(Partitioner::Murmur2Random)),
        ("DefaultPartitioner", Self::Key(Partitioner::Murmur2Random)),
        ("crc32", Self::Key(Partitioner::ConsistentRandom)),
        ("librdkafka", Self::Key(Partitioner::ConsistentRandom)),
        ("UniformStickyPartitioner", Self::Key(Partitioner::Random)),
        ("round-robin", Self::RoundRobin),
        ("round_robin", Self::RoundRobin),
        ("RoundRobinPartitioner", Self::RoundRobin),
    ];

    fn parse(name: &str) -> Result<Self> {
        let class = name.rsplit_once('.').map_or(name, |(_, class)| class);
        if let Ok(partitioner) = name.parse() {
            return Ok(Self::Key(partitioner));
        }
        if let Some((_, choice)) = Self::ALIASES.iter().find(|(alias, _)| *alias == class) {
            return Ok(*choice);
        }
        let names = Partitioner::ALL.map(Partitioner::name);
        let error = ToolError::usage(format!(
            "partitioner: expected {} or round-robin, found `{name}`",
            names.join(", ")
        ));
        let aliases = Self::ALIASES.map(|(alias, _)| alias);
        Err(match nearest(name, names.into_iter().chain(aliases)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        })
    }
}

/// The program's definition.
pub fn command() -> clap::Command {
    super::with_help(ProduceArgs::command(), EXAMPLES, &super::texts::PRODUCE)
}

impl ProduceArgs {
    /// Checks everything that was typed against each other and against the settings.
    pub fn validate(self, host: &dyn Host) -> Result<ProduceOptions> {
        let mut location = Location::find(&self.location, host)?;
        location.topic()?;
        let settings = self.common.settings(Verb::Produce, location.data(), host)?;
        location.configure(&settings)?;
        if let Location::Server(_) = &location {
            self.write.check_for_server()?;
        }
        let there = location.partition();
        let partition = match (self.write.partition, there) {
            (Some(given), Some(there)) if given != there.get() => {
                return Err(ToolError::usage(format!(
                    "-p {given} contradicts the location, which is partition {there}"
                )));
            }
            (Some(given), _) => Some(PartitionId::new(given)),
            (None, there) => there,
        };
        if self.write.keep_offsets && !self.input.gives_offsets() {
            return Err(
                ToolError::usage("--keep-offsets needs offsets in the input")
                    .hint("add --json, or a format with %o"),
            );
        }
        if self.write.keep_offsets && self.write.timestamp.is_some() {
            return Err(conflict("--timestamp", "--keep-offsets"));
        }
        if self.write.keep_offsets && self.write.transaction.is_some() {
            return Err(conflict("--transaction", "--keep-offsets")
                .hint("the marker of a transaction needs an offset of its own"));
        }
        let timestamp = match &self.write.timestamp {
            None => None,
            Some(text) => Some(
                time_spec::parse(text, host.now_ms())
                    .map_err(|error| ToolError::usage(format!("--timestamp: {error}")))?,
            ),
        };
        let limit = match self.input.max_message_bytes {
            Some(limit) => Some(limit),
            None => settings.number("max.request.size", 1..=DEFAULT_MAX_MESSAGE as i64)?,
        };
        let partitioner = self
            .write
            .partitioner
            .as_deref()
            .or(settings.get("partitioner"));
        let partitions = match self.write.partitions {
            Some(partitions) => Some(partitions),
            None => settings.number("num.partitions", 1..=100_000)?,
        };
        Ok(ProduceOptions {
            input: self.input.validate(limit.unwrap_or(DEFAULT_MAX_MESSAGE))?,
            partition,
            partitioner: match partitioner {
                None => PartitionChoice::Key(Partitioner::default()),
                Some(name) => PartitionChoice::parse(name)?,
            },
            compression: compression(self.write.compression.as_deref(), &settings)?,
            batch_size: settings.number("batch.size", 1..=1 << 30)?,
            timestamp,
            keep_offsets: self.write.keep_offsets,
            sync: self.write.sync,
            transaction: transaction(self.write.transaction, &settings),
            create_partitions: (!self.write.no_create).then_some(partitions.unwrap_or(1)),
            quiet: self.common.quiet,
            location,
        })
    }
}

impl WriteArgs {
    /// Refuses what only a directory can do.
    fn check_for_server(&self) -> Result<()> {
        if self.keep_offsets {
            return Err(ToolError::usage(
                "--keep-offsets needs a directory: a server gives each record the next offset of its partition",
            )
            .hint("produce to the server's data directory while it is stopped"));
        }
        if self.sync != Sync::default() {
            return Err(ToolError::usage(
                "--sync needs a directory: when a server syncs is the server's to say (flush.messages)",
            )
            .hint("-X acks=all waits for every replica in sync"));
        }
        Ok(())
    }
}

impl InputArgs {
    fn gives_offsets(&self) -> bool {
        let format = self.format.as_ref().or(self.kcat_format.as_ref());
        self.json || format.is_some_and(|format| format.contains("%o"))
    }

    fn validate(self, limit: usize) -> Result<InputOptions> {
        let mut headers = HeadersBuf::new();
        for header in &self.headers {
            match header.split_once('=') {
                Some(("", _)) => {
                    return Err(ToolError::usage(format!(
                        "-H {header}: expected NAME=VALUE, found no name"
                    )));
                }
                Some((name, value)) => headers.push(name.as_bytes(), Some(value.as_bytes())),
                None => headers.push(header.as_bytes(), None),
            }
        }
        let format = match (&self.format, &self.kcat_format) {
            (Some(format), _) => Some(FormatString::compile(format)?),
            (None, Some(format)) => Some(FormatString::compile_kcat(format)?),
            (None, None) => None,
        };
        if (self.zero || self.delimiter.is_some()) && (self.csv || format.is_some()) {
            return Err(conflict("-0 and --delimiter", "--csv or a format"));
        }
        if let Some(format) = &format {
            // Finds a format that cannot be read before anything is created.
            crate::tools::format_string::FormatReader::new(format.clone(), HeadersBuf::new())?;
        }
        Ok(InputOptions {
            format: match format {
                Some(format) => InputFormat::Format(format),
                None if self.json => InputFormat::Json,
                None if self.csv => InputFormat::Csv {
                    key: self.key,
                    delimiter: self.csv_delimiter.0,
                },
                None => InputFormat::Lines {
                    key_separator: self.key_separator.map(|separator| separator.0),
                },
            },
            delimiter: match self.delimiter {
                _ if self.zero => vec![0],
                Some(delimiter) => delimiter.0,
                None => vec![b'\n'],
            },
            null: self.null.map(String::into_bytes),
            headers,
            limit,
        })
    }
}

fn compression(flag: Option<&str>, settings: &Settings) -> Result<Option<Compression>> {
    let bad = |error: crate::format::error::FormatError| {
        ToolError::usage(error.to_string()).hint("such as -z zstd or -z gzip:6")
    };
    if let Some(flag) = flag {
        return flag.parse().map(Some).map_err(bad);
    }
    match settings.get("compression.type") {
        None | Some("producer" | "inherit") => Ok(None),
        Some("uncompressed") => Ok(Some(Compression::NONE)),
        Some(codec) => {
            let codec: Codec = codec.parse().map_err(bad)?;
            let level = match codec.levels() {
                Some(_) => settings.number("compression.level", -131_072..=22)?,
                None => None,
            };
            Compression::new(codec, level).map(Some).map_err(bad)
        }
    }
}

fn transaction(flag: Option<String>, settings: &Settings) -> Option<Transaction> {
    match flag {
        Some(id) if id.is_empty() => Some(match settings.get("transactional.id") {
            Some(id) => Transaction::Id(id.to_owned()),
            None => Transaction::Anonymous,
        }),
        Some(id) => Some(Transaction::Id(id)),
        None => settings
            .get("transactional.id")
            .map(|id| Transaction::Id(id.to_owned())),
    }
}
