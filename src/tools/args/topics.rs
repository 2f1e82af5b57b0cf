//! `ottla topics`.

use super::{CommonArgs, DataFormat, conflict};
use crate::host::Host;
use crate::tools::error::{Result, ToolError};
use crate::tools::location::{Directory, State, Target};
use crate::tools::server::{Location, Server};
use crate::tools::settings::Verb;
use clap::{Args, CommandFactory as _, Parser};

const EXAMPLES: &str =
    "  ottla topics data                                                  list topics
  ottla topics data/users --create -P 6 -c cleanup.policy=compact    create one
";

/// Lists, creates, describes, alters and deletes topics.
///
/// Without an action, `ottla topics DATA` lists the topics of a data directory, and
/// `ottla topics DATA/TOPIC` describes one.
#[derive(Debug, Clone, Parser)]
#[command(name = "ottla-topics", bin_name = "ottla topics")]
pub struct TopicsArgs {
    /// DATA, DATA/TOPIC, or kafka://HOST:PORT[/TOPIC]
    #[arg(value_name = "LOCATION")]
    pub location: String,

    #[command(flatten)]
    action: ActionArgs,

    #[command(flatten)]
    change: ChangeArgs,

    /// How to print tables
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        help_heading = "Output"
    )]
    output: DataFormat,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Action")]
#[group(multiple = false)]
struct ActionArgs {
    /// Lists topics; the default for DATA
    #[arg(long)]
    list: bool,

    /// Shows partitions, sizes, offsets and configs; the default for DATA/TOPIC
    #[arg(long)]
    describe: bool,

    /// Creates the topic, and the data directory where it is missing
    #[arg(long)]
    create: bool,

    /// Changes configs, or adds partitions
    #[arg(long)]
    alter: bool,

    /// Deletes the topic and its records
    #[arg(long)]
    delete: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Change")]
struct ChangeArgs {
    /// How many partitions: of a new topic, or in all after --alter
    #[arg(short = 'P', long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100_000))]
    partitions: Option<i32>,

    /// Sets a config, under Apache Kafka's name
    #[arg(short, long = "config", value_name = "NAME=VALUE")]
    configs: Vec<String>,

    /// With --alter: sets a config back to its default
    #[arg(long = "delete-config", visible_alias = "unset", value_name = "NAME")]
    unset: Vec<String>,

    /// With --create: a topic that exists is no error
    #[arg(long)]
    if_not_exists: bool,

    /// With --delete and --alter: a topic that does not exist is no error
    #[arg(long)]
    if_exists: bool,

    /// Also lists Kafka's own topics, such as __consumer_offsets
    #[arg(long)]
    internal: bool,
}

/// Everything `topics` has to know, free of contradictions.
#[derive(Debug, Clone)]
pub struct TopicsOptions {
    /// Where.
    pub location: Location,
    /// What to do there.
    pub command: TopicsCommand,
    /// How to print tables.
    pub output: DataFormat,
    /// Whether only errors are printed.
    pub quiet: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicsCommand {
    /// Print the topics of the directory.
    List {
        /// Kafka's own too.
        internal: bool,
    },
    /// Print everything about a topic, or about all of them.
    Describe {
        /// `None` for all.
        topic: Option<String>,
        /// Kafka's own too, where all are described.
        internal: bool,
    },
    /// Create a topic.
    Create {
        /// Its name.
        topic: String,
        /// How many partitions.
        partitions: i32,
        /// Names and values, not yet checked against Kafka's.
        configs: Vec<(String, String)>,
        /// Whether one that exists is fine.
        if_not_exists: bool,
    },
    /// Change a topic.
    Alter {
        /// Its name.
        topic: String,
        /// How many partitions it is to have in all.
        partitions: Option<i32>,
        /// Configs to set.
        set: Vec<(String, String)>,
        /// Configs to set back to their defaults. Done after `set`.
        unset: Vec<String>,
        /// Whether one that is missing is fine.
        if_exists: bool,
    },
    /// Delete a topic.
    Delete {
        /// Its name.
        topic: String,
        /// Whether one that is missing is fine.
        if_exists: bool,
    },
}

/// The program's definition.
pub fn command() -> clap::Command {
    super::with_help(TopicsArgs::command(), EXAMPLES, &super::texts::TOPICS)
}

impl TopicsArgs {
    /// Checks everything that was typed against each other and against the settings.
    pub fn validate(self, host: &dyn Host) -> Result<TopicsOptions> {
        let configs = self
            .change
            .configs
            .iter()
            .map(|config| name_and_value(config));
        let configs: Vec<(String, String)> = configs.collect::<Result<_>>()?;
        self.check_conflicts()?;
        let mut location = Location::find(&self.location, host)?;
        let settings = self.common.settings(Verb::Topics, location.data(), host)?;
        location.configure(&settings)?;
        let topic = match (location.directory(), &location) {
            (None, Location::Server(server)) => server.named_topic().map(str::to_owned),
            (None, Location::Directory(directory)) | (Some(directory), _) => topic_of(directory)?,
        };
        let named = || match &topic {
            Some(topic) => Ok(topic.clone()),
            None => location.topic().map(str::to_owned),
        };
        let action = &self.action;
        let command = if action.create {
            let partitions = match self.change.partitions {
                Some(partitions) => partitions,
                None => settings.number("num.partitions", 1..=100_000)?.unwrap_or(1),
            };
            TopicsCommand::Create {
                topic: named()?,
                partitions,
                configs,
                if_not_exists: self.change.if_not_exists,
            }
        } else if action.alter {
            TopicsCommand::Alter {
                topic: named()?,
                partitions: self.change.partitions,
                set: configs,
                unset: self.change.unset,
                if_exists: self.change.if_exists,
            }
        } else if action.delete {
            TopicsCommand::Delete {
                topic: named()?,
                if_exists: self.change.if_exists,
            }
        } else if action.describe || (topic.is_some() && !action.list) {
            TopicsCommand::Describe {
                topic,
                internal: self.change.internal,
            }
        } else {
            if let Some(topic) = topic {
                let whole = match &location {
                    Location::Directory(directory) => directory.data.display().to_string(),
                    Location::Server(server) => Server::without_topic(server),
                };
                return Err(ToolError::usage(format!(
                    "--list takes a data directory or a server, found topic `{topic}`"
                ))
                .hint(format!("give {whole}")));
            }
            TopicsCommand::List {
                internal: self.change.internal,
            }
        };
        if !matches!(command, TopicsCommand::Create { .. })
            && let Location::Directory(directory) = &location
            && directory.state == State::New
        {
            directory.must_exist()?;
        }
        Ok(TopicsOptions {
            location,
            command,
            output: self.output,
            quiet: self.common.quiet,
        })
    }

    fn check_conflicts(&self) -> Result<()> {
        let action = &self.action;
        let change = &self.change;
        let changes = action.create || action.alter;
        if !changes && (!change.configs.is_empty() || change.partitions.is_some()) {
            return Err(ToolError::usage(
                "--config and --partitions need --create or --alter",
            ));
        }
        if !action.alter && !change.unset.is_empty() {
            return Err(ToolError::usage("--delete-config needs --alter"));
        }
        if !action.create && change.if_not_exists {
            return Err(ToolError::usage("--if-not-exists needs --create"));
        }
        if !action.alter && !action.delete && change.if_exists {
            return Err(ToolError::usage("--if-exists needs --alter or --delete"));
        }
        if change.internal && (changes || action.delete) {
            return Err(conflict("--internal", "--create, --alter or --delete"));
        }
        if action.alter
            && change.configs.is_empty()
            && change.unset.is_empty()
            && change.partitions.is_none()
        {
            return Err(ToolError::usage(
                "--alter needs something to change: --config, --delete-config or --partitions",
            ));
        }
        Ok(())
    }
}

/// The topic that a directory's location names, if it names one.
fn topic_of(directory: &Directory) -> Result<Option<String>> {
    match &directory.target {
        Target::Data => Ok(None),
        Target::Topic(topic) => Ok(Some(topic.clone())),
        Target::Partition(topic, partition) => Err(ToolError::usage(format!(
            "{directory}: expected DATA or DATA/TOPIC, found partition {partition} of topic `{topic}`"
        ))
        .hint(format!("give {}", directory.data.join(topic).display()))),
    }
}

fn name_and_value(config: &str) -> Result<(String, String)> {
    match config.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(ToolError::usage(format!(
            "-c {config}: expected NAME=VALUE, such as retention.ms=86400000"
        ))),
    }
}
