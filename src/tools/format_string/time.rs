//! How `%d` writes a timestamp: a number, `strftime`, or Go's reference layout.
//! Times are in UTC. A record without a timestamp writes −1 as a number, and
//! nothing otherwise.

use super::number::NumberStyle;
use crate::format::types::Timestamp;

/// A way to write a timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeStyle {
    /// Milliseconds since 1970.
    Millis(NumberStyle),
    /// A `strftime` format, already tried.
    Strftime(String),
}

impl TimeStyle {
    /// A `strftime` format; the error says what is wrong with it.
    pub(super) fn strftime(format: &str) -> Result<Self, String> {
        let mut probe = Vec::new();
        write_strftime(&mut probe, format, 0)?;
        Ok(Self::Strftime(format.to_owned()))
    }

    /// A layout of Go's `time` package (`2006-01-02T15:04:05Z07:00`).
    pub(super) fn go(layout: &str) -> Result<Self, String> {
        Self::strftime(&go_to_strftime(layout))
    }

    /// Writes the timestamp.
    pub(super) fn write(&self, out: &mut Vec<u8>, timestamp: Option<Timestamp>) {
        match self {
            Self::Millis(style) => style.write(out, Timestamp::to_wire(timestamp)),
            Self::Strftime(format) => {
                if let Some(timestamp) = timestamp {
                    let start = out.len();
                    if write_strftime(out, format, timestamp.get()).is_err() {
                        // A time past the calendar's range: the number says it all.
                        out.truncate(start);
                        NumberStyle::Ascii.write(out, timestamp.get());
                    }
                }
            }
        }
    }
}

fn write_strftime(out: &mut Vec<u8>, format: &str, millis: i64) -> Result<(), String> {
    let time = jiff::Timestamp::from_millisecond(millis).map_err(|error| error.to_string())?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    let text = jiff::fmt::strtime::format(format, &time).map_err(|error| error.to_string())?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Go's reference time in pieces, longest first where one begins another.
const GO_PIECES: [(&str, &str); 30] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "UTC"),
    ("2006", "%Y"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("_2", "%e"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("Z07:00", "Z"),
    ("Z0700", "Z"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    ("-07", "+00"),
    (".000000000", ".%9f"),
    (".000000", ".%6f"),
    (".000", ".%3f"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

fn go_to_strftime(layout: &str) -> String {
    let mut format = String::new();
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        if let Some((piece, code)) = GO_PIECES.iter().find(|(piece, _)| rest.starts_with(piece)) {
            format.push_str(code);
            rest = &rest[piece.len()..];
        } else {
            if first == '%' {
                format.push('%');
            }
            format.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    format
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(style: &TimeStyle, millis: i64) -> String {
        let mut out = Vec::new();
        style.write(&mut out, Timestamp::from_wire(millis));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strftime_and_go_layouts_are_utc() {
        let at = 1_772_366_400_125;
        let style = TimeStyle::strftime("%F %T.%3f").unwrap();
        assert_eq!(written(&style, at), "2026-03-01 12:00:00.125");
        assert_eq!(written(&style, -1), "");
        let style = TimeStyle::go("2006-01-02T15:04:05.000Z07:00 Mon Jan 2 100%").unwrap();
        assert_eq!(
            written(&style, at),
            "2026-03-01T12:00:00.125Z Sun Mar 1 300%"
        );
    }

    #[test]
    fn a_time_past_the_calendar_is_a_number() {
        let style = TimeStyle::strftime("%F").unwrap();
        assert_eq!(written(&style, i64::MAX), i64::MAX.to_string());
    }

    #[test]
    fn a_bad_strftime_code_is_found_when_compiling() {
        assert!(TimeStyle::strftime("%&").is_err());
    }
}
