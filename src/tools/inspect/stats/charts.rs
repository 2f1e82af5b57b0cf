//! Columns and bars for people, at most 80 wide.

use crate::format::Timestamp;
use crate::tools::table::aligned;
use crate::tools::terminal::{Paint, WIDTH, columns, cut};

/// Bars are not longer, however much room there is.
const MOST_BAR: usize = 40;
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Text for people, being written.
pub(super) struct Page {
    /// What is there so far.
    pub(super) text: String,
    paint: Paint,
}

/// A line of a chart.
pub(super) struct Bar {
    /// What it is of.
    pub(super) label: String,
    /// Its value for people; any number of columns, aligned right.
    pub(super) values: Vec<String>,
    /// Its value.
    pub(super) length: u64,
}

impl Page {
    /// Empty; with colours where standard output is a terminal that may have them.
    pub(super) fn new() -> Self {
        Self::painted(Paint::stdout())
    }

    const fn painted(paint: Paint) -> Self {
        Self {
            text: String::new(),
            paint,
        }
    }

    /// A line.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A few words and a list, on as many lines as it takes.
    pub(super) fn list(&mut self, words: &str, items: &[String]) {
        let mut line = words.to_owned();
        for (at, item) in items.iter().enumerate() {
            let comma = if at + 1 < items.len() { "," } else { "" };
            if columns(&line) + columns(item) + 1 + comma.len() > WIDTH {
                self.line(&line);
                line = " ".to_owned();
            }
            line.push_str(&format!(" {item}{comma}"));
        }
        self.line(&line);
    }

    /// A title behind an empty line, and what is said beside it.
    pub(super) fn title(&mut self, title: &str, beside: &str) {
        self.text.push('\n');
        let title = self.paint.text("1", title);
        self.line(&format!("{title}  {beside}"));
    }

    /// Rows under headings: the first column aligned left, the others right.
    pub(super) fn columns(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let headings: Vec<String> = headings.iter().map(|text| (*text).to_owned()).collect();
        let all = || std::iter::once(&headings).chain(rows);
        let widths = aligned::widths(all().map(Vec::as_slice));
        let others: usize = widths
            .iter()
            .skip(1)
            .map(|width| width + aligned::GAP)
            .sum();
        let first = WIDTH.saturating_sub(others).max(8);
        let lines = aligned::lines(all().map(Vec::as_slice), first, |column| column > 0);
        for (at, line) in lines.into_iter().enumerate() {
            match at {
                0 => self.line(&self.paint.text("1", &line)),
                _ => self.line(&line),
            }
        }
    }

    /// A bar for each line, the longest as long as there is room.
    pub(super) fn bars(&mut self, bars: &[Bar]) {
        let rows: Vec<Vec<String>> = bars
            .iter()
            .map(|bar| {
                std::iter::once(&bar.label)
                    .chain(&bar.values)
                    .cloned()
                    .collect()
            })
            .collect();
        let mut widths = aligned::widths(rows.iter().map(Vec::as_slice));
        let values: usize = widths
            .iter()
            .skip(1)
            .map(|width| width + aligned::GAP)
            .sum();
        if let Some(label) = widths.first_mut() {
            *label = (*label).min(WIDTH.saturating_sub(values + 14));
        }
        let all = values + widths.first().copied().unwrap_or(0);
        let room = WIDTH.saturating_sub(2 + all + 2).min(MOST_BAR);
        let most = bars.iter().map(|bar| bar.length).max().unwrap_or(0);
        let first = widths.first().copied().unwrap_or(0);
        let lines = aligned::lines(rows.iter().map(Vec::as_slice), first, |column| column > 0);
        for (bar, line) in bars.iter().zip(lines) {
            let drawn = self.paint.text("36", &drawn(bar.length, most, room));
            let fill = " ".repeat(all.saturating_sub(columns(&line)));
            self.line(&format!("  {line}{fill}  {drawn}"));
        }
    }
}

/// `length` of `most` as blocks, in eighths of one; never nothing for something.
fn drawn(length: u64, most: u64, room: usize) -> String {
    if length == 0 || most == 0 {
        return String::new();
    }
    let eighths = (length as f64 / most as f64 * room as f64 * 8.0).round() as usize;
    let eighths = eighths.clamp(1, room * 8);
    let mut text = "█".repeat(eighths / 8);
    if let Some(part) = (eighths % 8).checked_sub(1) {
        text.push(EIGHTHS[part]);
    }
    text
}

/// A time in UTC, as exact as a unit of so many milliseconds asks for.
pub(super) fn time(time: Timestamp, unit: i64) -> String {
    let Ok(known) = jiff::Timestamp::from_millisecond(time.get()) else {
        return time.to_string();
    };
    let known = known.to_zoned(jiff::tz::TimeZone::UTC);
    let format = match unit {
        ..1000 => "%F %T%.3f",
        1000..60_000 => "%F %T",
        60_000..86_400_000 => "%F %H:%M",
        _ => "%F",
    };
    known.strftime(format).to_string()
}

/// A key on a line: as text where it is one, otherwise its bytes escaped.
pub(super) fn key(bytes: &[u8], length: usize) -> String {
    const MOST: usize = 40;
    let plain = |text: &&str| !text.chars().any(char::is_control);
    let text = match std::str::from_utf8(bytes).ok().filter(plain) {
        Some(text) => text.to_owned(),
        None => bytes.escape_ascii().to_string(),
    };
    if length > bytes.len() {
        return cut(&format!("{text}…"), MOST);
    }
    cut(&text, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        assert_eq!(drawn(0, 10, 10), "");
        assert_eq!(drawn(10, 10, 4), "████");
        assert_eq!(drawn(5, 10, 5), "██▌");
        assert_eq!(drawn(1, 1_000_000, 40), "▏");
    }

    #[test]
    fn pages_keep_to_80_columns() {
        let mut page = Page::painted(Paint::new(false));
        let long = "x".repeat(200);
        page.columns(
            &["TOPIC", "BYTES", "RECORDS"],
            &[vec![long.clone(), "1.00 MB".into(), "5,000".into()]],
        );
        page.bars(&[Bar {
            label: long,
            values: vec!["1,000,000".into(), "1.00 MB".into()],
            length: 7,
        }]);
        for line in page.text.lines() {
            assert!(columns(line) <= WIDTH, "{line}");
        }
    }

    #[test]
    fn times_and_keys_for_people() {
        let at = Timestamp::new(1_700_000_000_123);
        assert_eq!(time(at, 1), "2023-11-14 22:13:20.123");
        assert_eq!(time(at, 3_600_000), "2023-11-14 22:13");
        assert_eq!(time(Timestamp::new(i64::MAX), 1), i64::MAX.to_string());
        assert_eq!(key(b"alice", 5), "alice");
        assert_eq!(key(b"a\n\xff", 3), "a\\n\\xff");
        assert_eq!(key(b"abc", 9), "abc…");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        let mut page = Page::painted(Paint::new(true));
        page.title("KEYS", "none");
        assert_eq!(page.text, "\n\u{1b}[1mKEYS\u{1b}[0m  none\n");
    }
}
