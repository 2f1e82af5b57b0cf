//! The work of `ottla serve`: starts the server, says where it is, stops it when a
//! signal comes.

use super::args::serve::{LogFormat, ServeOptions};
use super::error::{Result, ToolError};
use crate::broker::{self, Running, Stop};
use crate::host::Host;
use crate::host::ready;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Does what the options say.
pub fn run(options: &ServeOptions, host: &Arc<dyn Host>) -> Result<()> {
    let began = host.monotonic();
    log_to_stderr(options);
    let told = |running: &Running| {
        if !options.quiet {
            let took = host.monotonic().saturating_sub(began);
            banner(options, running, took);
        }
        let lines: String = addresses(running).map(|address| address + "\n").collect();
        if let Some(descriptor) = options.ready_fd
            && let Err(error) = ready::write_to(descriptor, &lines)
        {
            tracing::warn!(descriptor, %error, "cannot say that it is ready");
        }
        if let Err(error) = ready::notify_system() {
            tracing::warn!(%error, "cannot notify the service manager");
        }
    };
    broker::run(host, &options.data, options.config.clone(), stop, told).map_err(ToolError::from)
}

fn addresses(running: &Running) -> impl Iterator<Item = String> + '_ {
    running.addresses.iter().map(ToString::to_string)
}

fn banner(options: &ServeOptions, running: &Running, took: Duration) {
    let mut addresses: Vec<_> = addresses(running).collect();
    if let Some(metrics) = running.metrics {
        addresses.push(format!("http://{metrics}/metrics"));
    }
    let _ = writeln!(
        std::io::stderr(),
        "ottla-serve {}: {} on {}, ready after {:.1} ms",
        env!("CARGO_PKG_VERSION"),
        options.data.display(),
        addresses.join(", "),
        took.as_secs_f64() * 1000.0
    );
}

fn log_to_stderr(options: &ServeOptions) {
    let level = if options.quiet {
        tracing::Level::WARN
    } else {
        tracing::Level::INFO
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second server in the same process logs where the first one does.
    let _ = match options.log {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

/// Ends with the first SIGINT or SIGTERM.
fn stop() -> Stop {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    Box::pin(async move {
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Without handlers a signal kills, as it would any program.
            _ => std::future::pending().await,
        }
    })
}
