//! How far a tool is, shown on standard error where that is a terminal, and the
//! one line that ends a run that wrote.

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
                "{bar:24} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
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
            bar.set_message(size(self.bytes));
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

/// A number of bytes for people: powers of ten, three digits.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// `1 record`, `2,000 records`.
pub fn count(number: u64, what: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let plural = if number == 1 { "" } else { "s" };
    format!("{text} {what}{plural}")
}

/// A time span for people.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.2} s");
    }
    format!("{} min {} s", span.as_secs() / 60, span.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(260_123_456), "260 MB");
        assert_eq!(size(9_996), "10.0 kB");
        assert_eq!(size(u64::MAX), "18.4 EB");
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(5_000_000, "record"), "5,000,000 records");
        assert_eq!(duration(Duration::from_millis(213)), "0.21 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
