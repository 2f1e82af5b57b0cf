//! `ottla groups`.

use super::{CommonArgs, DataFormat};
use crate::format::types::PartitionId;
use crate::host::Host;
use crate::tools::error::{Result, ToolError};
use crate::tools::location::Target;
use crate::tools::offsets::{OffsetPoint, OffsetRange};
use crate::tools::server::Location;
use crate::tools::settings::Verb;
use clap::{Args, CommandFactory as _, Parser};

const EXAMPLES: &str =
    "  ottla groups kafka://localhost:9092 -g billing            what it has read, and its lag
  ottla groups data/orders -g billing --reset -o @-1h       read the last hour again
";

/// Lists and describes consumer groups, resets and deletes their offsets.
///
/// Without an action, `ottla groups LOCATION` lists the groups, and with -g describes
/// one. A group whose offsets are changed must have no members that read them.
#[derive(Debug, Clone, Parser)]
#[command(name = "ottla-groups", bin_name = "ottla groups")]
pub struct GroupsArgs {
    /// DATA, DATA/TOPIC, or kafka://HOST:PORT[/TOPIC]; a topic narrows what is shown or changed
    #[arg(value_name = "LOCATION")]
    pub location: String,

    /// The group
    #[arg(short, long, value_name = "GROUP")]
    group: Option<String>,

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
    /// Lists groups; the default without -g
    #[arg(long)]
    list: bool,

    /// Shows offsets, lag and members; the default with -g
    #[arg(long)]
    describe: bool,

    /// Sets the offsets of a topic, or of all that the group has committed, to where -o says
    #[arg(long)]
    reset: bool,

    /// Deletes the offsets of a topic
    #[arg(long)]
    delete_offsets: bool,

    /// Deletes the group and its offsets
    #[arg(long)]
    delete: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Change")]
struct ChangeArgs {
    /// With --reset: beginning, end, N, -N (N before the end), +N or @TIME
    #[arg(
        short,
        long = "offset",
        value_name = "SPEC",
        allow_hyphen_values = true
    )]
    offset: Option<String>,

    /// Changes these partitions only, such as 0,2,4-7
    #[arg(short, long, value_name = "LIST")]
    partitions: Option<String>,

    /// Says what would be changed, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// Everything `groups` has to know, free of contradictions.
#[derive(Debug, Clone)]
pub struct GroupsOptions {
    /// Where.
    pub location: Location,
    /// The only topic to show or to change.
    pub topic: Option<String>,
    /// What to do.
    pub command: GroupsCommand,
    /// Only these partitions; sorted, none twice.
    pub partitions: Option<Vec<PartitionId>>,
    /// Whether to change nothing.
    pub dry_run: bool,
    /// How to print tables.
    pub output: DataFormat,
    /// Whether only errors are printed.
    pub quiet: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupsCommand {
    /// Print every group.
    List,
    /// Print what a group has read; `None` for all of them.
    Describe(Option<String>),
    /// Set offsets.
    Reset(String, OffsetPoint),
    /// Delete offsets.
    DeleteOffsets(String),
    /// Delete the group.
    Delete(String),
}

/// The program's definition.
pub fn command() -> clap::Command {
    super::with_help(GroupsArgs::command(), EXAMPLES, &super::texts::GROUPS)
}

impl GroupsArgs {
    /// Checks everything that was typed against each other and against the settings.
    pub fn validate(self, host: &dyn Host) -> Result<GroupsOptions> {
        let mut location = Location::find(&self.location, host)?;
        let settings = self.common.settings(Verb::Groups, location.data(), host)?;
        location.configure(&settings)?;
        let topic = match (location.directory(), &location) {
            (None, Location::Server(server)) => server.named_topic().map(str::to_owned),
            (None, Location::Directory(directory)) | (Some(directory), _) => {
                directory.must_exist()?;
                match &directory.target {
                    Target::Data => None,
                    Target::Topic(topic) => Some(topic.clone()),
                    Target::Partition(..) => {
                        return Err(ToolError::usage(format!(
                            "{directory}: expected DATA or DATA/TOPIC, found a partition"
                        ))
                        .hint("-p picks partitions"));
                    }
                }
            }
        };
        let partitions = self.change.partitions.as_deref();
        let partitions = partitions.map(super::consume::partition_list).transpose()?;
        let command = self.chosen(topic.is_some(), host.now_ms())?;
        let changes = !matches!(command, GroupsCommand::List | GroupsCommand::Describe(_));
        if !changes && self.change.dry_run {
            return Err(ToolError::usage(
                "--dry-run needs --reset, --delete-offsets or --delete",
            ));
        }
        if partitions.is_some() && (topic.is_none() || matches!(command, GroupsCommand::Delete(_)))
        {
            return Err(ToolError::usage(
                "-p needs a location with a topic, and --reset, --delete-offsets or --describe",
            ));
        }
        Ok(GroupsOptions {
            location,
            topic,
            command,
            partitions,
            dry_run: self.change.dry_run,
            output: self.output,
            quiet: self.common.quiet,
        })
    }

    fn chosen(&self, has_topic: bool, now_ms: i64) -> Result<GroupsCommand> {
        let action = &self.action;
        let group = || {
            let group = self.group.clone().filter(|group| !group.is_empty());
            group.ok_or_else(|| ToolError::usage("expected a group: -g GROUP"))
        };
        if self.change.offset.is_some() && !action.reset {
            return Err(ToolError::usage("-o needs --reset"));
        }
        Ok(if action.reset {
            let text = self.change.offset.as_deref().ok_or_else(|| {
                ToolError::usage("--reset needs -o: beginning, end, N, -N, +N or @TIME")
            })?;
            let range = OffsetRange::parse(text, now_ms)?;
            if range.end.is_some() {
                return Err(ToolError::usage(format!(
                    "-o {text}: expected one offset, found a range"
                )));
            }
            GroupsCommand::Reset(group()?, range.start)
        } else if action.delete_offsets {
            if !has_topic {
                return Err(
                    ToolError::usage("--delete-offsets needs a location with a topic")
                        .hint("--delete deletes the whole group"),
                );
            }
            GroupsCommand::DeleteOffsets(group()?)
        } else if action.delete {
            if has_topic {
                return Err(ToolError::usage(
                    "--delete deletes the whole group: the location must name no topic",
                )
                .hint("--delete-offsets deletes the offsets of one topic"));
            }
            GroupsCommand::Delete(group()?)
        } else if action.list {
            if self.group.is_some() {
                return Err(super::conflict("--list", "-g"));
            }
            GroupsCommand::List
        } else if action.describe || self.group.is_some() {
            GroupsCommand::Describe(self.group.clone())
        } else {
            GroupsCommand::List
        })
    }
}
