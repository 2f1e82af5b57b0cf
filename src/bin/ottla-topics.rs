//! `ottla topics`.

use ottla::tools::args::topics::{TopicsArgs, command};
use ottla::tools::{run, topics};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: TopicsArgs, host| {
        topics::run(&args.validate(&**host)?, host)
    })
}
