//! How far a tool is, shown on standard error where that is a terminal, and the
//! one line that ends a run that wrote.

use super::numbers;
use crate::host::Host;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// Counts records and bytes, and shows them now and then.
pub struct Progress {
    bar: Option<ProgressBar>,
    host: Arc<dyn Host>,
    started: Duration,
    records: u64,
    bytes: u64,
}

impl Progress {
    /// Starts the clock. Shows nothing when `quiet`, or off a terminal.
    pub fn start(host: &Arc<dyn Host>, quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
            let style =
                ProgressStyle::with_template("{spinner} {human_pos} records {msg} {elapsed}");
            bar.set_style(style.expect("the template is a constant that parses"));
            bar
        });
        Self {
            bar,
            host: Arc::clone(host),
            started: host.monotonic(),
            records: 0,
            bytes: 0,
        }
    }

    /// As [`Progress::start`], towards a number of bytes.
    pub fn towards(host: &Arc<dyn Host>, quiet: bool, total: u64) -> Self {
        let mut progress = Self::start(host, quiet);
        if progress.bar.is_some() {
            let target = ProgressDrawTarget::stderr_with_hz(5);
            let bar = ProgressBar::with_draw_target(Some(total), target);
            let style = ProgressStyle::with_template(
                "{bar:24} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left",
            );
            bar.set_style(style.expect("the template is a constant that parses"));
            progress.bar = Some(bar);
        }
        progress
    }

    /// Counts bytes of a run that was started with [`Progress::towards`].
    pub fn advance(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(self.bytes);
        }
    }

    /// Prints something while the progress is off the terminal.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Counts more of both.
    #[inline]
    pub fn add(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(self.records);
            bar.set_message(numbers::size(self.bytes));
        }
    }

    /// Records so far.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Bytes so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.host.monotonic().saturating_sub(self.started)
    }

    /// Takes the progress off the terminal.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Prints the line that ends a run that wrote.
pub fn summary(name: &str, quiet: bool, text: &str) {
    if !quiet {
        let _ = writeln!(std::io::stderr(), "{name}: {text}");
    }
}
