//! Points in time as people type them.
//!
//! ```text
//! 2026-03-01T12:00:00Z   RFC 3339, with any offset
//! 2026-03-01             midnight UTC of that day
//! 1772366400000          milliseconds since 1970
//! -1h, -90m, -1d12h      before now; units ms, s, m, h, d, w
//! now
//! ```

use crate::format::types::Timestamp;
use std::fmt;

/// What a time may look like, for messages.
pub const EXPECTED: &str =
    "RFC 3339 (2026-03-01T12:00:00Z), a date, epoch milliseconds, `now`, or an age such as -1h";

/// Text that is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTime(String);

impl fmt::Display for BadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {EXPECTED}; found `{}`", self.0)
    }
}

/// Parses a point in time; `now_ms` is what ages count back from.
pub fn parse(text: &str, now_ms: i64) -> Result<Timestamp, BadTime> {
    point(text, now_ms)
        .filter(|millis| *millis >= 0)
        .map(Timestamp::new)
        .ok_or_else(|| BadTime(text.to_owned()))
}

fn point(text: &str, now_ms: i64) -> Option<i64> {
    if text == "now" {
        return Some(now_ms);
    }
    if let Some(age) = text.strip_prefix('-') {
        return now_ms.checked_sub(duration_ms(age)?);
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    if text.contains(['T', 't']) {
        let time: jiff::Timestamp = text.parse().ok()?;
        return Some(time.as_millisecond());
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

/// `1h30m` and the like in milliseconds: whole numbers with units `ms`, `s`,
/// `m`, `h`, `d` or `w`, one after the other.
pub fn duration_ms(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        let part = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
        total = total.checked_add(part)?;
        rest = behind;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_772_366_400_000;

    #[test]
    fn every_form_is_read() {
        for (text, millis) in [
            ("2026-03-01T12:00:00Z", NOW),
            ("2026-03-01T13:00:00+01:00", NOW),
            ("2026-03-01T12:00:00.25Z", NOW + 250),
            ("2026-03-01", NOW - 43_200_000),
            ("1772366400000", NOW),
            ("0", 0),
            ("now", NOW),
            ("-1h", NOW - 3_600_000),
            ("-1d12h", NOW - 129_600_000),
            ("-250ms", NOW - 250),
        ] {
            assert_eq!(parse(text, NOW), Ok(Timestamp::new(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            "-1",
            "-h",
            "1h",
            "yesterday",
            "2026-13-01",
            "2026-03-01T12:00:00",
            "1969-01-01T00:00:00Z",
            "-100000000w",
            "99999999999999999999",
        ] {
            assert!(parse(text, NOW).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = parse(&text, NOW);
        }
    }
}
