//! `auto.offset.reset`: where to go on when an offset is none of the partition's any
//! more, and where a group begins that has committed none.
//!
//! Source: `org.apache.kafka.clients.consumer.internals.AutoOffsetResetStrategy`, and
//! librdkafka's names of the same.

use super::error::{Result, ToolError};
use super::offsets::OffsetPoint;
use crate::format::{Offset, Timestamp};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OffsetReset {
    /// The property is not set: at the start where records were deleted, at the end
    /// where the log was cut.
    #[default]
    Nearest,
    /// `earliest`, `latest` or `by_duration`.
    At(OffsetPoint),
    /// `none`: the program fails.
    Fail,
}

impl OffsetReset {
    /// Reads the property's value; durations count back from `now_ms`.
    pub fn parse(text: &str, now_ms: i64) -> Result<Self> {
        Ok(match text {
            "earliest" | "smallest" | "beginning" => Self::At(OffsetPoint::Beginning),
            "latest" | "largest" | "end" => Self::At(OffsetPoint::End),
            "none" | "error" => Self::Fail,
            _ => match text.strip_prefix("by_duration:").and_then(back) {
                Some(ms) => {
                    let time = now_ms.saturating_sub(ms);
                    Self::At(OffsetPoint::Time(Timestamp::new(time)))
                }
                None => {
                    return Err(ToolError::usage(format!(
                        "auto.offset.reset: expected earliest, latest, none or by_duration:PT1H, found `{text}`"
                    )));
                }
            },
        })
    }

    /// The point to go on at, where the partition from `start` to `end` lacks offset
    /// `at`; `None` where the program is to fail.
    pub fn point(self, at: Offset, start: Offset, end: Offset) -> Option<OffsetPoint> {
        match self {
            Self::Nearest => Some(OffsetPoint::At(at.clamp(start, end.max(start)))),
            Self::At(point) => Some(point),
            Self::Fail => None,
        }
    }
}

/// An ISO 8601 duration that is not negative, such as P1DT12H, in milliseconds.
fn back(text: &str) -> Option<i64> {
    let span: jiff::Span = text.parse().ok()?;
    // Java's durations know no years, months and weeks.
    let known = span.get_years() == 0 && span.get_months() == 0 && span.get_weeks() == 0;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let ms = span.total((jiff::Unit::Millisecond, days)).ok()?;
    (known && (0.0..9e15).contains(&ms)).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kafka_and_librdkafka() {
        let parse = |text| OffsetReset::parse(text, 100_000_000).unwrap();
        let beginning = OffsetReset::At(OffsetPoint::Beginning);
        assert_eq!([parse("earliest"), parse("smallest")], [beginning; 2]);
        let end = OffsetReset::At(OffsetPoint::End);
        assert_eq!([parse("latest"), parse("largest")], [end; 2]);
        assert_eq!([parse("none"), parse("error")], [OffsetReset::Fail; 2]);
        let time = |ms| OffsetReset::At(OffsetPoint::Time(Timestamp::new(ms)));
        assert_eq!(parse("by_duration:PT1H0.5S"), time(96_399_500));
        assert_eq!(parse("by_duration:P1D"), time(13_600_000));
        for bad in [
            "",
            "first",
            "by_duration:",
            "by_duration:-PT1H",
            "by_duration:P1Y",
            "PT1H",
        ] {
            let error = OffsetReset::parse(bad, 0).unwrap_err();
            assert_eq!(error.exit().code(), 2, "{bad}");
        }
    }

    #[test]
    fn without_it_the_nearest_end_is_taken() {
        let point =
            |reset: OffsetReset, at| reset.point(Offset::new(at), Offset::new(10), Offset::new(20));
        let at = |offset| Some(OffsetPoint::At(Offset::new(offset)));
        assert_eq!(point(OffsetReset::Nearest, 3), at(10));
        assert_eq!(point(OffsetReset::Nearest, 30), at(20));
        let latest = OffsetReset::At(OffsetPoint::End);
        assert_eq!(point(latest, 3), Some(OffsetPoint::End));
        assert_eq!(point(OffsetReset::Fail, 3), None);
    }
}
