//! What every program does around its work: parse, run, say what went wrong,
//! leave with the right exit code.

use super::args;
use super::error::{Exit, Result, ToolError};
use crate::host::Host;
use crate::host::real::RealHost;
use clap::FromArgMatches;
use std::process::ExitCode;
use std::sync::Arc;

/// Parses the command line into `Args` and runs the tool on it.
pub fn run<Args: FromArgMatches>(
    command: clap::Command,
    tool: impl FnOnce(Args, &Arc<dyn Host>) -> Result<()>,
) -> ExitCode {
    let name = command.get_name().to_owned();
    let outcome = match args::parse(command, std::env::args_os()) {
        Ok(Some(arguments)) => {
            let host: Arc<dyn Host> = Arc::new(RealHost);
            tool(arguments, &host)
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    finish(&name, outcome)
}

/// Prints an error to standard error, unless it is a quiet one, and turns it
/// into the exit code.
pub fn finish(name: &str, outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            if !error.is_quiet() {
                complain(name, &error);
            }
            error.exit().into()
        }
    }
}

/// Prints an error to standard error. Nothing can be done where that fails.
pub fn complain(name: &str, error: &ToolError) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{name}: {error}");
}
