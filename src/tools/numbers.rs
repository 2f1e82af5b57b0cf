//! Numbers for people: counts, sizes and spans of time.

use std::time::Duration;

/// A number with commas.
pub fn number(value: u64) -> String {
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

/// `1 record`, `2,000 records`.
pub fn count(value: u64, what: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {what}{plural}", number(value))
}

/// A number that may be small: three digits that count.
pub fn decimal(value: f64) -> String {
    if value >= 99.95 {
        number(value.round() as u64)
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A number of bytes: powers of ten, three digits.
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

/// How long something took.
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.2} s");
    }
    format!("{} min {} s", span.as_secs() / 60, span.as_secs() % 60)
}

const UNITS: [(i64, &str); 5] = [
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "min"),
    (1000, "s"),
    (1, "ms"),
];

/// A span of milliseconds in its two largest units, seconds the smallest beside
/// another: `3 d 4 h`, `12 s`.
pub fn span(millis: i64) -> String {
    in_units(millis, &UNITS[..4])
}

/// The same with milliseconds beside seconds: `7 s 309 ms`.
pub fn exact_span(millis: i64) -> String {
    in_units(millis, &UNITS)
}

fn in_units(millis: i64, units: &[(i64, &str)]) -> String {
    let millis = millis.max(0);
    let Some(first) = units.iter().position(|(unit, _)| millis >= *unit) else {
        return format!("{millis} ms");
    };
    let (unit, name) = units[first];
    let mut text = format!("{} {name}", millis / unit);
    if let Some((smaller, name)) = units.get(first + 1)
        && millis % unit / smaller > 0
    {
        text.push_str(&format!(" {} {name}", millis % unit / smaller));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(decimal(0.5), "0.50");
        assert_eq!(decimal(1234.5), "1,235");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(260_123_456), "260 MB");
        assert_eq!(size(9_996), "10.0 kB");
        assert_eq!(size(u64::MAX), "18.4 EB");
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(5_000_000, "record"), "5,000,000 records");
        assert_eq!(duration(Duration::from_millis(213)), "0.21 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn spans_have_two_units() {
        for (millis, text, exact) in [
            (0, "0 ms", "0 ms"),
            (-5, "0 ms", "0 ms"),
            (7309, "7 s", "7 s 309 ms"),
            (61_000, "1 min 1 s", "1 min 1 s"),
            (3_600_000, "1 h", "1 h"),
            (90_061_000, "1 d 1 h", "1 d 1 h"),
        ] {
            assert_eq!(span(millis), text);
            assert_eq!(exact_span(millis), exact);
        }
    }
}
