//! Columns and bars for people, at most 80 wide.

use crate::format::Timestamp;
use std::io::IsTerminal as _;

/// Lines are not longer.
const WIDTH: usize = 80;
/// Bars are not longer, however much room there is.
const MOST_BAR: usize = 40;
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Text for people, being written.
pub(super) struct Page {
    /// What is there so far.
    pub(super) text: String,
    colour: bool,
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
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self::coloured(std::io::stdout().is_terminal() && !no_colour)
    }

    const fn coloured(colour: bool) -> Self {
        Self {
            text: String::new(),
            colour,
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
            if width(&line) + width(item) + 1 + comma.len() > WIDTH {
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
        let title = self.painted("1", title);
        self.line(&format!("{title}  {beside}"));
    }

    /// Rows under headings: the first column aligned left, the others right.
    pub(super) fn columns(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let headings: Vec<String> = headings.iter().map(|text| (*text).to_owned()).collect();
        let all = || std::iter::once(&headings).chain(rows);
        let columns = headings.len();
        let mut widths: Vec<usize> = (0..columns)
            .map(|column| all().map(|row| width(&row[column])).max().unwrap_or(0))
            .collect();
        let others: usize = widths.iter().skip(1).map(|width| width + 2).sum();
        widths[0] = widths[0].min(WIDTH.saturating_sub(others).max(8));
        for (at, row) in all().enumerate() {
            let mut line = padded(&shortened(&row[0], widths[0]), widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                line.push_str("  ");
                line.push_str(&aligned(cell, *width));
            }
            if at == 0 {
                line = self.painted("1", line.trim_end());
            }
            self.line(&line);
        }
    }

    /// A bar for each line, the longest as long as there is room.
    pub(super) fn bars(&mut self, bars: &[Bar]) {
        let columns = bars.iter().map(|bar| bar.values.len()).max().unwrap_or(0);
        let longest = bars.iter().map(|bar| width(&bar.label)).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = bars.iter().filter_map(|bar| bar.values.get(column));
                cells.map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let values: usize = widths.iter().map(|width| width + 2).sum();
        let label = longest.min(WIDTH.saturating_sub(values + 14));
        let room = WIDTH.saturating_sub(2 + label + values + 2).min(MOST_BAR);
        let most = bars.iter().map(|bar| bar.length).max().unwrap_or(0);
        for bar in bars {
            let mut line = format!("  {}", padded(&shortened(&bar.label, label), label));
            for (cell, width) in bar.values.iter().zip(&widths) {
                line.push_str("  ");
                line.push_str(&aligned(cell, *width));
            }
            line.push_str("  ");
            let drawn = drawn(bar.length, most, room);
            line.push_str(&self.painted("36", &drawn));
            self.line(&line);
        }
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
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

fn width(text: &str) -> usize {
    text.chars().count()
}

fn padded(text: &str, to: usize) -> String {
    format!("{text:<to$}")
}

fn aligned(text: &str, to: usize) -> String {
    format!("{text:>to$}")
}

fn shortened(text: &str, to: usize) -> String {
    if width(text) <= to {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(to.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A number with commas.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that may be small: three digits that count.
pub(super) fn decimal(value: f64) -> String {
    if value >= 99.95 {
        number(value.round() as u64)
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A span of milliseconds, in its two largest units.
pub(super) fn span(millis: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1000, "s"),
        (1, "ms"),
    ];
    let Some(first) = UNITS.iter().position(|(unit, _)| millis >= *unit) else {
        return "0 ms".to_owned();
    };
    let (unit, name) = UNITS[first];
    let mut text = format!("{} {name}", millis / unit);
    if let Some((smaller, name)) = UNITS.get(first + 1)
        && millis % unit / smaller > 0
    {
        text.push_str(&format!(" {} {name}", millis % unit / smaller));
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
        return shortened(&format!("{text}…"), MOST);
    }
    shortened(&text, MOST)
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
        let mut page = Page::coloured(false);
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
            assert!(width(line) <= WIDTH, "{line}");
        }
    }

    #[test]
    fn numbers_and_times_for_people() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(decimal(0.5), "0.50");
        assert_eq!(decimal(1234.5), "1,235");
        assert_eq!(span(0), "0 ms");
        assert_eq!(span(90_061_000), "1 d 1 h");
        assert_eq!(span(3_600_000), "1 h");
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
        let mut page = Page::coloured(true);
        page.title("KEYS", "none");
        assert_eq!(page.text, "\n\u{1b}[1mKEYS\u{1b}[0m  none\n");
    }
}
