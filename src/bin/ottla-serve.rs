//! `ottla serve`.

use ottla::tools::args::serve::{ServeArgs, command};
use ottla::tools::{run, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(command(), |args: ServeArgs, host| {
        serve::run(&args.validate(&**host)?, host)
    })
}
