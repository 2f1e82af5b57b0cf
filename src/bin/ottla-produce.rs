//! `ottla produce`.

use ottla::tools::args::produce::{ProduceArgs, command};
use ottla::tools::{produce, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: ProduceArgs, host| {
        produce::run(&args.validate(&**host)?, host)
    })
}
