//! The text of `meta.properties`, beyond what a reader takes from it.
//!
//! ```text
//! #                                 as Java stores properties: an empty comment,
//! #Sun Nov 22 19:37:15 UTC 2026     a date, and the keys in any order
//! node.id=1
//! ```
//!
//! Kafka reads over comments, over keys that it does not know, and takes the last of a
//! key that stands there twice. Nothing writes such keys: they are what is left of one
//! whose name was damaged. People add comments; a date that is none is no person's.
//!
//! Sources: `MetaPropertiesEnsemble`, `PropertiesUtils`; `java.util.Properties.store`,
//! `java.util.Date.toString`.

use crate::format::meta_properties::{MetaProperties, MetaVersion};
use jiff::civil::{Date, Weekday};

/// What is odd about the text, expected and found; `None` where it is as Kafka writes it.
pub(super) fn oddity(bytes: &[u8], meta: &MetaProperties) -> Option<(String, String)> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let found = "bytes that are none".to_owned();
        return Some(("text in UTF-8".to_owned(), found));
    };
    let is_text = |c: char| !c.is_control() || ['\n', '\r', '\t'].contains(&c);
    if let Some(c) = text.chars().find(|c| !is_text(*c)) {
        return Some(("lines of text".to_owned(), format!("character {c:?}")));
    }
    let node = match meta.version {
        MetaVersion::V0 => "broker.id",
        MetaVersion::V1 => "node.id",
    };
    let known = [node, "version", "cluster.id", "directory.id"];
    if let Some((key, _)) = meta.read_keys().find(|(key, _)| !known.contains(key)) {
        let expected = format!("the keys {}", known.join(", "));
        return Some((expected, format!("{key:?}")));
    }
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    if lines.count() > meta.read_keys().count() {
        let found = "one more than once".to_owned();
        return Some(("each key once".to_owned(), found));
    }
    if let Some(id) = &meta.cluster_id
        && !id.chars().all(is_of_id)
    {
        let expected = "a cluster id of letters, digits, - and _".to_owned();
        return Some((expected, format!("{id:?}")));
    }
    let comments = text.lines().filter_map(|line| line.strip_prefix('#'));
    comments
        .filter(|comment| is_meant_as_date(comment) && !is_date(comment))
        .map(|comment| ("the date of the file".to_owned(), format!("{comment:?}")))
        .next()
}

/// What ids in base64 for URLs are made of, and ids that people choose.
fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Whether it has about as many words as a date, most of them those of one, and no
/// blank in front, as people have it.
fn is_meant_as_date(comment: &str) -> bool {
    let is_part = |word: &&&str| {
        let is_number = number(word).is_some_and(|number| number < 3000);
        DAYS.contains(word) || MONTHS.contains(word) || is_number || time(word).is_some()
    };
    let words: Vec<_> = comment.split(' ').collect();
    let is_near = (5..=7).contains(&words.len()) && !words[0].is_empty();
    is_near && words.iter().filter(is_part).count() >= 3
}

/// Whether it is what `java.util.Date.toString` makes of one.
fn is_date(comment: &str) -> bool {
    let words: Vec<_> = comment.split(' ').collect();
    let [day, month, of_month, time_of_day, zone, year] = words[..] else {
        return false;
    };
    let of_zone = |c: char| c.is_ascii_alphanumeric() || "+-:".contains(c);
    let weekday = || -> Option<Weekday> {
        let month = 1 + MONTHS.iter().position(|name| *name == month)?;
        let (year, of_month) = (number(year)?, number(of_month)?);
        let date = Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(of_month).ok()?,
        );
        Some(date.ok()?.weekday())
    };
    let named = DAYS.iter().position(|name| *name == day);
    let is_day = weekday().is_some_and(|weekday| {
        named.is_some_and(|named| usize::try_from(weekday.to_monday_zero_offset()) == Ok(named))
    });
    is_day && time(time_of_day).is_some() && !zone.is_empty() && zone.chars().all(of_zone)
}

/// Hours, minutes and seconds.
fn time(word: &str) -> Option<()> {
    let mut parts = word.split(':');
    for most in [23, 59, 60] {
        let part = parts.next()?;
        (part.len() == 2 && number(part)? <= most).then_some(())?;
    }
    parts.next().is_none().then_some(())
}

fn number(word: &str) -> Option<u32> {
    let is_digits = word.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| word.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<String> {
        let meta = MetaProperties::parse(text.as_bytes()).unwrap();
        oddity(text.as_bytes(), &meta).map(|(_, found)| found)
    }

    const GOLDEN: &str = "#\n#Sun Nov 22 19:37:15 UTC 2026\nnode.id=1\n\
        directory.id=cYhvlxvKJrg18xjxPr4i4Q\nversion=1\ncluster.id=Qm90dGxlLWdvbGRlbi0wMQ\n";

    #[test]
    fn what_kafka_and_people_write_is_in_order() {
        for text in [
            GOLDEN,
            "version=1\nnode.id = 7\ncluster.id=my-cluster\n",
            "# the third disk, since 3 May 2024\n\nversion=0\nbroker.id=3\n",
            "#\n#Fri Feb 09 07:05:59 GMT+01:00 2024\nversion=0\nbroker.id=3\ncluster.id=x\n",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn damaged_names_ids_and_dates_are_odd() {
        for (from, to) in [
            ("Sun", "Sul"),
            ("Sun", "Mon"),
            ("Nov", "Nor"),
            ("22 19", "2219"),
            ("19:37", "19:77"),
            ("2026", "r026"),
            ("2026", "2027"),
            ("directory.id", "diractory.id"),
            ("0wMQ", "0w,Q"),
            ("version=1\n", "version=1\nversion=1\n"),
            ("0wMQ", "0wMÑ"),
            ("#\n", "c\n"),
        ] {
            let text = GOLDEN.replacen(from, to, 1);
            assert!(found(&text).is_some(), "{text}");
        }
    }
}
