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

/// A span in its two largest units, such as `3 d 4 h`.
pub(super) fn span(millis: i64) -> String {
    const UNITS: [(&str, i64); 4] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("min", 60_000),
        ("s", 1_000),
    ];
    let millis = millis.max(0);
    let Some(first) = UNITS.iter().position(|(_, unit)| millis >= *unit) else {
        return format!("{millis} ms");
    };
    let (name, unit) = UNITS[first];
    let mut text = format!("{} {name}", millis / unit);
    if let Some((name, smaller)) = UNITS.get(first + 1) {
        let rest = millis % unit / smaller;
        if rest > 0 {
            text.push_str(&format!(" {rest} {name}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_read_well() {
        let time = Timestamp::new(1_772_366_400_125);
        assert_eq!(when(time), "2026-03-01T12:00:00.125Z");
        assert_eq!(when(Timestamp::new(i64::MAX)), i64::MAX.to_string());
        assert_eq!(when_known(None), "-");
        for (millis, text) in [
            (0, "0 ms"),
            (-5, "0 ms"),
            (61_000, "1 min 1 s"),
            (3_600_000, "1 h"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(millis), text);
        }
    }
}
