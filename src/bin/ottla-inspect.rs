//! `ottla inspect`.

use ottla::tools::args::inspect::{InspectArgs, command};
use ottla::tools::{inspect, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: InspectArgs, host| {
        inspect::run(&args.validate(&**host)?, host)
    })
}
