//! `ottla VERB …` runs the program `ottla-VERB`: the one beside `ottla` itself,
//! else the first on PATH, as git and cargo do. Anyone can add a verb.

use super::args::front::{VERBS, command};
use super::error::{Result, ToolError, nearest};
use super::run::finish;
use crate::host::real::RealHost;
use crate::host::{Host, Kind};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The whole program. On success it does not return: the verb's program takes over.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    finish("ottla", start(first, arguments.collect()))
}

fn start(first: Option<OsString>, rest: Vec<OsString>) -> Result<()> {
    let Some(first) = first else {
        print(&command().render_help().to_string(), &mut io::stderr())?;
        return Err(ToolError::usage("expected a verb, found nothing")
            .hint("`ottla help VERB` explains a verb"));
    };
    match (first.to_str(), rest.first()) {
        (Some("-h"), _) => print(&command().render_help().to_string(), &mut io::stdout()),
        (Some("--help"), _) | (Some("help"), None) => long_help(),
        (Some("help"), Some(verb)) => exec(verb, &[OsString::from("--help")]),
        (Some("-V" | "--version"), _) => print(
            &format!("ottla {}\n", env!("CARGO_PKG_VERSION")),
            &mut io::stdout(),
        ),
        (Some(option), _) if option.starts_with('-') => Err(ToolError::usage(format!(
            "expected a verb, found the option `{option}`"
        ))
        .hint("options come behind the verb: ottla VERB LOCATION [OPTIONS]")),
        _ => exec(&first, &rest),
    }
}

/// Becomes `ottla-VERB`; returns only where that fails.
fn exec(verb: &OsStr, arguments: &[OsString]) -> Result<()> {
    let mut name = OsString::from("ottla-");
    name.push(verb);
    for directory in directories() {
        if verb.is_empty() || verb.to_string_lossy().contains('/') {
            break;
        }
        let error = Command::new(directory.join(&name)).args(arguments).exec();
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotADirectory => {}
            _ => {
                let program = directory.join(&name);
                return Err(ToolError::failed(format!(
                    "cannot run {}: {error}",
                    program.display()
                )));
            }
        }
    }
    let verb = verb.to_string_lossy();
    let known = verbs();
    let error = ToolError::usage(format!(
        "unknown verb `{verb}`: there is no `ottla-{verb}` beside ottla or on PATH"
    ));
    let built_in = VERBS.iter().map(|(verb, _)| *verb);
    Err(
        match nearest(&verb, known.iter().map(String::as_str).chain(built_in)) {
            Some(near) => error.hint(format!("did you mean `ottla {near}`?")),
            None => error.hint("`ottla --help` lists the verbs"),
        },
    )
}

fn long_help() -> Result<()> {
    let mut text = command().render_long_help().to_string();
    let others: Vec<String> = verbs()
        .into_iter()
        .filter(|verb| !VERBS.iter().any(|(built_in, _)| built_in == verb))
        .collect();
    if !others.is_empty() {
        text.push_str("\nVerbs found beside ottla and on PATH:\n");
        for verb in others {
            text.push_str(&format!("  {verb}\n"));
        }
    }
    print(&text, &mut io::stdout())
}

/// Every `ottla-VERB` that can be found.
fn verbs() -> BTreeSet<String> {
    let mut verbs = BTreeSet::new();
    for directory in directories() {
        let entries = RealHost.list(&directory).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
            let name = entry.name.to_string_lossy();
            if let Some(verb) = name.strip_prefix("ottla-")
                && !verb.is_empty()
                && !verb.contains('.')
            {
                verbs.insert(verb.to_owned());
            }
        }
    }
    verbs
}

/// Where verbs are looked for: beside this program, then on PATH.
fn directories() -> Vec<PathBuf> {
    let own = std::env::current_exe().ok();
    let own = own.and_then(|own| own.parent().map(PathBuf::from));
    let path = std::env::var_os("PATH").unwrap_or_default();
    own.into_iter()
        .chain(std::env::split_paths(&path))
        .collect()
}

fn print(text: &str, to: &mut dyn io::Write) -> Result<()> {
    to.write_all(text.as_bytes())
        .and_then(|()| to.flush())
        .map_err(|error| ToolError::stdout(&error))
}
