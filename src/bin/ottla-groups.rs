//! `ottla groups`.

use ottla::tools::args::groups::{GroupsArgs, command};
use ottla::tools::{groups, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: GroupsArgs, host| {
        groups::run(&args.validate(&**host)?, host)
    })
}
