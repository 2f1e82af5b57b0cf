//! The command lines: one definition per program feeds its parser, its help, its
//! man page and its completions.
//!
//! Each `…Args` is what was typed; its `validate` turns it into `…Options`,
//! which cannot contradict themselves.

pub mod consume;
pub mod front;
pub mod groups;
pub mod inspect;
pub mod produce;
pub mod repair;
pub mod serve;
pub mod texts;
pub mod topics;
mod values;

pub use values::{DataFormat, OneByte, Separator, Sync};

use super::error::{Result, ToolError};
use super::settings::{Settings, Verb};
use crate::host::Host;
use clap::Args;
use std::path::Path;
use texts::Section;

/// Options that every verb has.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// Sets a property by its Apache Kafka or librdkafka name
    #[arg(
        short = 'X',
        long = "property",
        value_name = "NAME=VALUE",
        help_heading = "Common options"
    )]
    pub properties: Vec<String>,

    /// Reads properties from a profile: a name (~/.config/ottla/NAME.properties) or a file
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Common options",
        hide_short_help = true
    )]
    pub profile: Option<String>,

    /// Says nothing but errors: no progress, no summary
    #[arg(short, long, help_heading = "Common options")]
    pub quiet: bool,
}

impl CommonArgs {
    /// Everything that is set by other means than flags.
    pub fn settings(&self, verb: Verb, data: Option<&Path>, host: &dyn Host) -> Result<Settings> {
        let variable = |name: &str| std::env::var(name).ok();
        Settings::load(
            verb,
            &self.properties,
            self.profile.as_deref(),
            data,
            &variable,
            host,
        )
    }
}

/// A program as its documentation needs it.
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its definition.
    pub command: clap::Command,
    /// The same, as a shell completes it: `ottla` with its verbs as subcommands.
    pub completed: clap::Command,
    /// What its man page and `--help` say behind the options.
    pub sections: &'static [Section],
}

/// Every program; man pages and completions come from it.
pub fn programs() -> Vec<Program> {
    let program = |name, command: clap::Command, sections| Program {
        name,
        completed: command.clone(),
        command,
        sections,
    };
    let verbs = vec![
        program(
            "ottla-consume",
            consume::command(),
            &texts::CONSUME as &'static [Section],
        ),
        program("ottla-groups", groups::command(), &texts::GROUPS),
        program("ottla-inspect", inspect::command(), &texts::INSPECT),
        program("ottla-produce", produce::command(), &texts::PRODUCE),
        program("ottla-repair", repair::command(), &texts::REPAIR),
        program("ottla-serve", serve::command(), &texts::SERVE),
        program("ottla-topics", topics::command(), &texts::TOPICS),
    ];
    let subcommands = verbs.iter().map(|verb| {
        let name = verb.name.trim_start_matches("ottla-");
        verb.command.clone().name(name)
    });
    let front = Program {
        name: "ottla",
        command: front::command(),
        completed: clap::Command::new("ottla")
            .version(env!("CARGO_PKG_VERSION"))
            .subcommands(subcommands),
        sections: &texts::FRONT,
    };
    std::iter::once(front).chain(verbs).collect()
}

/// Both ends of the help: examples on one screen, and everything else behind them.
fn with_help(
    command: clap::Command,
    examples: &'static str,
    sections: &[Section],
) -> clap::Command {
    let mut long = format!("Examples:\n{examples}\n");
    for (title, text) in sections {
        long.push_str(&format!("{title}\n{text}\n\n"));
    }
    long.push_str("EXIT STATUS\n");
    for (exit, meaning) in super::error::Exit::TABLE {
        long.push_str(&format!("  {}  {meaning}\n", exit.code()));
    }
    command
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(format!("Examples:\n{examples}"))
        .after_long_help(long)
        .max_term_width(100)
}

/// Turns clap's verdict into ours: help and version are printed and end the
/// program well, anything else is a usage error in clap's words.
pub fn parse<T: clap::FromArgMatches>(
    command: clap::Command,
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Option<T>> {
    let parsed = command
        .try_get_matches_from(arguments)
        .and_then(|matches| T::from_arg_matches(&matches));
    match parsed {
        Ok(args) => Ok(Some(args)),
        Err(error) if error.use_stderr() => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            Err(ToolError::usage(text.trim_end()))
        }
        Err(error) => {
            error.print().map_err(|error| ToolError::stdout(&error))?;
            Ok(None)
        }
    }
}

/// A conflict between two options that clap does not know of.
fn conflict(one: &str, other: &str) -> ToolError {
    ToolError::usage(format!("{one} cannot be used with {other}"))
}
