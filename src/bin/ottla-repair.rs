//! `ottla repair`.

use ottla::tools::args::repair::{RepairArgs, command};
use ottla::tools::{repair, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: RepairArgs, host| {
        repair::run(&args.validate(&**host)?, host)
    })
}
