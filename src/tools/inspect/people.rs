//! Batches and records as lines for people, at most as wide as the terminal.

use super::batches::Row;
use super::walk::Place;
use crate::format::Timestamp;
use crate::format::record::Record;
use crate::tools::terminal::{self, Paint, columns, cut};
use std::io::Write as _;

/// Above batches.
pub(super) const BATCHES: &str =
    "POSITION   BYTES  OFFSETS       COUNT  CODEC   LATEST               BY\n";
/// Above records.
pub(super) const RECORDS: &str = "  OFFSET  TIME                 KEY               VALUE\n";

/// A file begins.
pub(super) fn file(out: &mut Vec<u8>, place: &Place, is_first: bool) {
    if !is_first {
        out.push(b'\n');
    }
    let partition = place.partition.as_ref();
    let partition = partition.map_or_else(String::new, |name| format!("{name}/"));
    let _ = writeln!(out, "{partition}{}", place.file);
}

/// One batch.
pub(super) fn batch(out: &mut Vec<u8>, row: &Row) {
    let offsets = match row.base {
        Some(base) if base == row.last => base.to_string(),
        Some(base) => format!("{base}-{}", row.last),
        None => format!("…-{}", row.last),
    };
    let count = row
        .count
        .map_or_else(|| "?".to_owned(), |count| count.to_string());
    let mut by = String::new();
    if let Some((id, epoch)) = row.producer {
        by = format!("{id}:{epoch}");
        if let Some(sequence) = row.base_sequence {
            by.push_str(&format!("@{sequence}"));
        }
    }
    if let Some(types) = &row.control_types {
        by = format!("{by} {types}").trim_start().to_owned();
    } else if row.transactional {
        by.push_str(" txn");
    }
    if row.magic < 2 {
        by = format!("magic {}", row.magic);
    }
    if row.delete_horizon.is_some() {
        by.push_str(" horizon");
    }
    let mut shown = by.chars().count();
    if !row.is_valid {
        shown += "CRC WRONG ".len();
        by = format!("{} {by}", Paint::stdout().text("31", "CRC WRONG"));
    }
    let line = format!(
        "{:<8} {:>7}  {offsets:<13} {count:>5}  {:<6}  {:<19}",
        row.position,
        row.size,
        row.codec,
        time(row.max_timestamp),
    );
    // What has no room stands in a line of its own.
    let fold = if line.chars().count() + 2 + shown > terminal::WIDTH {
        format!("\n{:17}", "")
    } else {
        String::new()
    };
    let _ = writeln!(out, "{}", format!("{line}{fold}  {by}").trim_end());
}

/// Prints records.
pub(super) struct Lines {
    /// `None`: lines may be of any length.
    width: Option<usize>,
    paint: Paint,
}

impl Lines {
    pub(super) fn new(wide: bool) -> Self {
        Self {
            width: (!wide).then(terminal::width),
            paint: Paint::stdout(),
        }
    }

    /// One record.
    pub(super) fn record(
        &self,
        out: &mut Vec<u8>,
        record: &Record<'_>,
        is_control: bool,
        (key, value): &(String, String),
    ) {
        let key_width = if self.width.is_some() { 16 } else { usize::MAX };
        let start = format!(
            "{:>8}  {:<19}  {:<16}  ",
            record.offset,
            time(record.timestamp),
            cut(key, key_width)
        );
        let line = self.to_width(&start, value);
        let line = match is_control {
            true => self.paint.text("2", &line),
            false => line,
        };
        let _ = writeln!(out, "{line}");
        for header in record.headers.iter() {
            let value = header.value.map(String::from_utf8_lossy);
            let text = format!(
                "{}={}",
                String::from_utf8_lossy(header.name),
                value.as_deref().unwrap_or("null")
            );
            let line = self.to_width(&format!("{:31}", ""), &text);
            let _ = writeln!(out, "{line}");
        }
    }

    fn to_width(&self, start: &str, rest: &str) -> String {
        let left = self.width.map_or(usize::MAX, |width| {
            width.saturating_sub(columns(start)).max(8)
        });
        format!("{start}{}", cut(rest, left)).trim_end().to_owned()
    }
}

/// A time to the second, in UTC; `-` for none.
pub(super) fn time(timestamp: Option<Timestamp>) -> String {
    let Some(timestamp) = timestamp else {
        return "-".to_owned();
    };
    match jiff::Timestamp::from_millisecond(timestamp.get()) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => timestamp.to_string(),
    }
}
