//! `ottla consume`.

use ottla::tools::args::consume::{ConsumeArgs, command};
use ottla::tools::{consume, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: ConsumeArgs, host| {
        consume::run(&args.validate(&**host)?, host)
    })
}
