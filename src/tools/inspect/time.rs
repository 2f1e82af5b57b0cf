//! Times as people read them.

use crate::format::Timestamp;

/// A time such as `2026-03-01T12:00:00.125Z`; one that no calendar has is a number.
pub(super) fn when(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.get()) {
        Ok(found) => format!("{found:.3}"),
        Err(_) => time.to_string(),
    }
}

/// A time, or a dash.
pub(super) fn when_known(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), when)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let time = Timestamp::new(1_772_366_400_125);
        assert_eq!(when(time), "2026-03-01T12:00:00.125Z");
        assert_eq!(when(Timestamp::new(i64::MAX)), i64::MAX.to_string());
        assert_eq!(when_known(None), "-");
    }
}
