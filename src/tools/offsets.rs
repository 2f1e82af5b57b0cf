//! `-o`: which records of a partition to read.
//!
//! ```text
//! beginning (start, earliest)   from the first record
//! end (latest)                  from behind the last
//! N   N:                        from offset N
//! -N                            the last N records of each partition
//! +N                            N offsets behind the first
//! N:M   :M   N:end              up to but not including M
//! @T   @T:   @T1:T2   @:T2      by time, up to but not including T2
//! ```
//!
//! A time starts at the first record that is at or after it, as Kafka's
//! ListOffsets has it. RFC 3339 times contain colons: a range is split where
//! both sides are times.

use super::error::{Result, ToolError};
use super::time_spec;
use crate::format::types::{Offset, Timestamp};

/// From where, and up to where (not included), to read each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetRange {
    /// The first record to read.
    pub start: OffsetPoint,
    /// The first record not to read; `None` where the range is open.
    pub end: Option<OffsetPoint>,
}

/// A place in a partition that is found when the partition is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetPoint {
    /// The log start offset.
    Beginning,
    /// The end at the time the tool starts.
    End,
    /// That offset.
    At(Offset),
    /// This many offsets behind the log start offset.
    AfterBeginning(u64),
    /// This many offsets before the end. Never before the beginning.
    BeforeEnd(u64),
    /// The first record at or after that time; the end where there is none.
    Time(Timestamp),
}

impl Default for OffsetRange {
    fn default() -> Self {
        Self::from(OffsetPoint::Beginning)
    }
}

impl From<OffsetPoint> for OffsetRange {
    fn from(start: OffsetPoint) -> Self {
        Self { start, end: None }
    }
}

impl OffsetRange {
    /// Parses the argument of `-o`. Ages such as `-1h` count back from `now_ms`.
    pub fn parse(text: &str, now_ms: i64) -> Result<Self> {
        let range = match text.strip_prefix('@') {
            Some(times) => by_time(times, now_ms)?,
            None => by_offset(text).ok_or_else(|| bad(text))?,
        };
        let backwards = match (range.start, range.end) {
            (OffsetPoint::At(start), Some(OffsetPoint::At(end))) => end < start,
            (OffsetPoint::Time(start), Some(OffsetPoint::Time(end))) => end < start,
            _ => false,
        };
        if backwards {
            return Err(ToolError::usage(format!(
                "-o {text}: the end of the range is before its start"
            )));
        }
        Ok(range)
    }
}

fn by_offset(text: &str) -> Option<OffsetRange> {
    let Some((start, end)) = text.split_once(':') else {
        return point(text).map(OffsetRange::from);
    };
    if start.is_empty() && end.is_empty() {
        return None;
    }
    Some(OffsetRange {
        start: match start {
            "" => OffsetPoint::Beginning,
            start => point(start)?,
        },
        end: match end {
            "" => None,
            end => Some(point(end)?),
        },
    })
}

fn point(text: &str) -> Option<OffsetPoint> {
    let number = |digits: &str| -> Option<i64> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| digits.parse().ok()).flatten()
    };
    Some(match text {
        "beginning" | "start" | "earliest" => OffsetPoint::Beginning,
        "end" | "latest" => OffsetPoint::End,
        _ => match text.as_bytes().first()? {
            b'-' => OffsetPoint::BeforeEnd(number(&text[1..])?.unsigned_abs()),
            b'+' => OffsetPoint::AfterBeginning(number(&text[1..])?.unsigned_abs()),
            _ => OffsetPoint::At(Offset::new(number(text)?)),
        },
    })
}

fn by_time(times: &str, now_ms: i64) -> Result<OffsetRange> {
    let time = |text: &str| {
        let text = text.strip_prefix('@').unwrap_or(text);
        time_spec::parse(text, now_ms).map(OffsetPoint::Time)
    };
    let whole = match time(times) {
        Ok(start) => return Ok(start.into()),
        Err(error) => error,
    };
    let mut found = None;
    for (colon, _) in times.match_indices(':') {
        let (start, end) = (&times[..colon], &times[colon + 1..]);
        let start = match start {
            "" => Ok(OffsetPoint::Beginning),
            start => time(start),
        };
        let end = match end {
            "" => Ok(None),
            "end" => Ok(Some(OffsetPoint::End)),
            end => time(end).map(Some),
        };
        let (Ok(start), Ok(end)) = (start, end) else {
            continue;
        };
        if start == OffsetPoint::Beginning && end.is_none() {
            continue;
        }
        if found.replace(OffsetRange { start, end }).is_some() {
            return Err(ToolError::usage(format!(
                "-o @{times} can be split into two times in more than one way"
            ))
            .hint("write both times in full, such as @2026-03-01T00:00:00Z:2026-03-02T00:00:00Z"));
        }
    }
    found.ok_or_else(|| ToolError::usage(format!("-o @{times}: {whole}")))
}

fn bad(text: &str) -> ToolError {
    let error = ToolError::usage(format!(
        "-o {text}: expected beginning, end, N, -N, N:M, @TIME or @T1:T2; found `{text}`"
    ));
    if time_spec::parse(text, i64::MAX).is_ok() {
        return error.hint(format!("a time starts with @: -o @{text}"));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_772_366_400_000;

    fn parse(text: &str) -> OffsetRange {
        OffsetRange::parse(text, NOW).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn at(offset: i64) -> OffsetPoint {
        OffsetPoint::At(Offset::new(offset))
    }

    fn time(millis: i64) -> OffsetPoint {
        OffsetPoint::Time(Timestamp::new(millis))
    }

    #[test]
    fn offsets_and_words() {
        assert_eq!(parse("beginning"), OffsetPoint::Beginning.into());
        assert_eq!(parse("end"), OffsetPoint::End.into());
        assert_eq!(parse("17"), at(17).into());
        assert_eq!(parse("17:"), at(17).into());
        assert_eq!(parse("-5"), OffsetPoint::BeforeEnd(5).into());
        assert_eq!(parse("+5"), OffsetPoint::AfterBeginning(5).into());
        let range = parse("3:9");
        assert_eq!((range.start, range.end), (at(3), Some(at(9))));
        let range = parse(":9");
        assert_eq!(
            (range.start, range.end),
            (OffsetPoint::Beginning, Some(at(9)))
        );
        assert_eq!(parse("3:end").end, Some(OffsetPoint::End));
    }

    #[test]
    fn times_with_colons_are_split_where_both_sides_are_times() {
        assert_eq!(parse("@2026-03-01T12:00:00Z"), time(NOW).into());
        assert_eq!(parse("@-1h"), time(NOW - 3_600_000).into());
        for text in [
            "@2026-03-01T11:00:00Z:2026-03-01T12:00:00Z",
            "@2026-03-01T12:00:00+01:00:2026-03-01T13:00:00+01:00",
            "@-1h:now",
            "@1772362800000:2026-03-01T12:00:00Z",
            "@-1h:@1772366400000",
        ] {
            let range = parse(text);
            assert_eq!(range.start, time(NOW - 3_600_000), "{text}");
            assert_eq!(range.end, Some(time(NOW)), "{text}");
        }
        let range = parse("@:2026-03-01T12:00:00Z");
        assert_eq!(
            (range.start, range.end),
            (OffsetPoint::Beginning, Some(time(NOW)))
        );
        assert_eq!(parse("@2026-03-01T12:00:00Z:"), time(NOW).into());
        assert_eq!(parse("@-1h:end").end, Some(OffsetPoint::End));
    }

    #[test]
    fn nonsense_is_a_usage_error_that_says_what_was_expected() {
        for text in [
            "", ":", "x", "1:x", "--5", "9:3", "@", "@:", "@x", "@now:-1h", "1.5",
        ] {
            let error = OffsetRange::parse(text, NOW).unwrap_err();
            assert_eq!(error.exit().code(), 2, "{text}");
        }
        let error = OffsetRange::parse("2026-03-01T12:00:00Z", NOW).unwrap_err();
        assert!(
            error.to_string().contains("-o @2026-03-01T12:00:00Z"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[@:0-9TZhm+ -]{0,40}|\\PC{0,20}") {
            let _ = OffsetRange::parse(&text, NOW);
        }
    }
}
