//! One offset as a story.

use super::super::time::{when, when_known};
use super::decoded;
use super::document::{sequence, timestamp_type};
use crate::format::{Offset, Timestamp};
use crate::log::effective::Origin;
use crate::log::explain::{
    BatchAt, Blocked, Bounds, Compaction, Doom, Explained, Fate, Held, LeftBy, Missing, Place,
    Removal, Retention, SegmentAt,
};
use crate::log::verify::Surroundings;
use crate::tools::numbers::{count, size, span};
use serde_json::Value;

/// The most characters of a key or value that are shown.
const MOST: usize = 300;

/// Lines under a heading, a label before each.
struct Lines(String);

impl Lines {
    fn say(&mut self, label: &str, text: &str) {
        let mut first = true;
        for line in wrapped(text, 66) {
            let label = if first { label } else { "" };
            self.0.push_str(format!("  {label:<11} {line}").trim_end());
            self.0.push('\n');
            first = false;
        }
    }
}

/// Broken at blanks so that lines have at most so many characters, words permitting.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > most {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

pub(super) fn of(found: &Explained, around: &Surroundings, now: i64) -> String {
    let (partition, offset) = (&found.partition, found.offset);
    let mut lines = Lines(format!(
        "{partition} offset {offset}: {}\n",
        headline(found)
    ));
    match &found.place {
        Place::Here(held) => {
            whereabouts(&mut lines, held);
            record(&mut lines, found, held);
            if let Some(header) = &held.batch.header
                && let Some(producer) = header.producer
            {
                let sequence = sequence(header, offset)
                    .map_or_else(String::new, |sequence| format!(", sequence {sequence}"));
                let text = format!("{} epoch {}{sequence}", producer.id, producer.epoch);
                lines.say("producer", &text);
            }
            if let Some(fate) = found.fate {
                lines.say("transaction", &told(fate));
            }
        }
        Place::Missing(why) => missing(&mut lines, why, around),
    }
    bounds(&mut lines, &found.bounds, offset);
    if let Some(removal) = &found.removal {
        if let Some(retention) = &removal.retention {
            lines.say("retention", &of_retention(retention, now));
        }
        if let Some(compaction) = &removal.compaction {
            lines.say("compaction", &of_compaction(compaction, now));
        }
        if removal.retention.is_none() && removal.compaction.is_none() {
            lines.say("retention", "kept for ever: cleanup.policy is empty");
        }
        lines.say("configs", &configs(removal));
    }
    lines.0
}

/// Where the configs that decide are set.
fn configs(removal: &Removal) -> String {
    let set: Vec<String> = removal
        .configs
        .iter()
        .filter_map(|(name, value, origin)| match origin {
            Origin::Topic => Some(format!("{name}={value} of the topic")),
            Origin::Broker(other) => Some(format!("{name}={value} by {other} of this broker")),
            Origin::Brokers(other) => Some(format!("{name}={value} by {other} of all brokers")),
            // What a broker was started with is not in the directory.
            Origin::Static(_) | Origin::Default => None,
        })
        .collect();
    let rest = "Kafka's defaults, unless the broker's own properties file, which is not in \
                the directory, sets them";
    match set.is_empty() {
        true => rest.to_owned(),
        false => format!("{}; else {rest}", set.join(", ")),
    }
}

fn headline(found: &Explained) -> String {
    match &found.place {
        Place::Here(held) => match (&held.record.control, found.fate) {
            (Some((kind, _)), _) if matches!(*kind, "COMMIT" | "ABORT") => {
                format!("the marker of a transaction's end ({kind})")
            }
            (Some((kind, _)), _) => format!("a control record ({kind})"),
            (None, Some(Fate::Open)) => "a record of a transaction that is open".to_owned(),
            (None, Some(Fate::Aborted { .. })) => "a record that was aborted".to_owned(),
            (None, _) if held.record.value.is_none() && is_compacted(found) => {
                "a tombstone: it deletes its key".to_owned()
            }
            _ => "a record".to_owned(),
        },
        Place::Missing(why) => match why {
            Missing::Deleted { .. } => "not there any more: before the log start offset",
            Missing::BeyondEnd => "not there yet: beyond the end",
            Missing::Compacted { .. } => "not there any more: compacted away",
            Missing::EmptyBatch { .. } => "not there any more: in an empty batch",
            Missing::Gap { .. } => "missing: nothing here explains the gap",
            Missing::Damaged { .. } => "unreadable: in damage, or behind it",
        }
        .to_owned(),
    }
}

fn is_compacted(found: &Explained) -> bool {
    let removal = found.removal.as_ref();
    removal.is_some_and(|removal| removal.compaction.is_some())
}

fn whereabouts(lines: &mut Lines, held: &Held) {
    lines.say("segment", &of_segment(&held.segment));
    match held.index {
        Some(index) => lines.say(
            "index",
            &format!(
                "entry of offset {}, to position {}",
                index.offset, index.position
            ),
        ),
        None => lines.say("index", "no entry before it: read from the segment's start"),
    }
    of_batch(lines, &held.batch);
}

fn of_segment(segment: &SegmentAt) -> String {
    let name = segment
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let active = if segment.next.is_none() {
        ", active"
    } else {
        ""
    };
    format!(
        "{name}, {} of {}{active}, {}",
        segment.number + 1,
        segment.count,
        size(segment.size)
    )
}

fn of_batch(lines: &mut Lines, batch: &BatchAt) {
    let offsets = match batch.base_offset == batch.last_offset {
        true => format!("offset {}", batch.base_offset),
        false => format!("offsets {} to {}", batch.base_offset, batch.last_offset),
    };
    let text = format!(
        "at position {}, {}, {offsets}, {}",
        batch.position,
        count(batch.size as u64, "byte"),
        count(batch.records as u64, "record")
    );
    lines.say("batch", &text);
    let mut text = format!(
        "magic {}, crc {:08x} (right), codec {}, {}",
        batch.magic,
        batch.crc,
        batch.codec.name(),
        timestamp_type(batch)
    );
    if let Some(header) = &batch.header {
        let attributes = header.attributes;
        let epoch = header
            .leader_epoch
            .map_or(-1, crate::format::LeaderEpoch::get);
        text.push_str(&format!(
            ", leader epoch {epoch}, attributes 0x{:04x}",
            attributes.bits()
        ));
        for (is, word) in [
            (attributes.is_transactional(), ", transactional"),
            (attributes.is_control(), ", control"),
        ] {
            text.push_str(if is { word } else { "" });
        }
        if let (Some(first), Some(last)) = (header.base_sequence(), header.last_sequence()) {
            text.push_str(&format!(", sequences {first} to {last}"));
        }
        if let Some(horizon) = header.delete_horizon() {
            text.push_str(&format!(", delete horizon {}", when(horizon)));
        }
    }
    lines.say("", &text);
    let base = batch
        .header
        .as_ref()
        .and_then(|header| header.base_timestamp);
    let times = match base {
        Some(base) => format!(
            "times {} to {}",
            when(base),
            when_known(batch.max_timestamp)
        ),
        None => format!("time {}", when_known(batch.max_timestamp)),
    };
    lines.say("", &times);
}

fn record(lines: &mut Lines, found: &Explained, held: &Held) {
    let record = &held.record;
    lines.say("time", &when_known(record.timestamp));
    if let Some((kind, data)) = &record.control {
        return lines.say("says", &format!("{kind} {}", spaced(data)));
    }
    match decoded(found, record) {
        Some(shown) => {
            if shown.key != Value::Null {
                lines.say("key", &spaced(&shown.key));
            }
            lines.say("value", &spaced(&shown.value));
        }
        None => {
            lines.say("key", &shown(record.key.as_deref()));
            lines.say("value", &shown(record.value.as_deref()));
        }
    }
    for (name, value) in &record.headers {
        let text = format!("{} = {}", shown(Some(name)), shown(value.as_deref()));
        lines.say("header", &text);
    }
}

/// JSON with blanks behind commas, where lines can be broken.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::String(name.clone()), spaced(value))
            };
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

/// Bytes as a quoted text, or in hex where they are none; the start of long ones.
fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else {
        return "null".to_owned();
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().count() <= MOST => format!("{text:?}"),
        Ok(text) => {
            let start: String = text.chars().take(MOST).collect();
            format!("{start:?}… ({} bytes)", bytes.len())
        }
        Err(_) => {
            let start = &bytes[..bytes.len().min(MOST / 3)];
            let hex: Vec<String> = start.iter().map(|byte| format!("{byte:02x}")).collect();
            let more = if start.len() < bytes.len() {
                " …"
            } else {
                ""
            };
            format!(
                "{}{more} ({})",
                hex.join(" "),
                count(bytes.len() as u64, "byte")
            )
        }
    }
}

fn told(fate: Fate) -> String {
    match fate {
        Fate::Committed { marker } => format!("committed; the marker is at offset {marker}"),
        Fate::Aborted { marker } => format!(
            "aborted; the marker is at offset {marker}. Consumers with read_committed skip it"
        ),
        Fate::Open => "open: no marker behind it. Consumers with read_committed wait. `ottla \
                       inspect transactions` says whether it hangs"
            .to_owned(),
        Fate::Unknown => "not known: damage may hide the marker".to_owned(),
    }
}

fn missing(lines: &mut Lines, why: &Missing, around: &Surroundings) {
    match why {
        Missing::Deleted {
            segment: Some(segment),
        } => {
            lines.say("segment", &of_segment(segment));
            lines.say(
                "why",
                "the log start offset was moved past it, by a client or by retention; its bytes \
                 are there until the segment goes",
            );
        }
        Missing::Deleted { segment: None } => {
            lines.say(
                "why",
                "its segment was deleted, by retention or after a client asked",
            );
        }
        Missing::BeyondEnd => {
            let text = match around.live {
                true => "no record has it yet",
                false => "no record has it",
            };
            lines.say("why", text);
        }
        Missing::EmptyBatch {
            batch,
            left_by,
            compacted,
        } => {
            of_batch(lines, batch);
            let why = match (left_by, compacted) {
                (LeftBy::Cleaner, _) => {
                    "the batch has no records: the cleaner removed them. It has kept that this \
                     was the end of a transaction"
                }
                (LeftBy::Repair, _) => {
                    "the batch has no records, no producer and no time: a repair filled a gap \
                     that damage left"
                }
                (LeftBy::Either, true) => {
                    "the batch has no records: the cleaner removed them and kept the last batch \
                     of the producer or of its round, or a repair filled a gap that damage left. \
                     They cannot be told apart"
                }
                (LeftBy::Either, false) => {
                    "the batch has no records: a repair filled a gap that damage left; or, if \
                     the topic was compacted once, the cleaner removed them"
                }
            };
            lines.say("why", why);
        }
        Missing::Compacted {
            batch,
            before,
            after,
        } => {
            neighbours(lines, batch.as_ref(), *before, *after);
            lines.say(
                "why",
                "the topic is compacted: a newer record of its key stands further on, or it \
                 was a tombstone whose time was over",
            );
        }
        Missing::Gap {
            batch,
            before,
            after,
        } => {
            neighbours(lines, batch.as_ref(), *before, *after);
            lines.say(
                "why",
                "the topic is not compacted, so no cleaner took it; `ottla inspect verify` tells \
                 more",
            );
        }
        Missing::Damaged { segment, error } => {
            lines.say("segment", &of_segment(segment));
            lines.say("damage", &error.to_string());
        }
    }
}

fn neighbours(
    lines: &mut Lines,
    batch: Option<&BatchAt>,
    before: Option<Offset>,
    after: Option<Offset>,
) {
    if let Some(batch) = batch {
        of_batch(lines, batch);
        return;
    }
    if let Some(before) = before {
        lines.say("before it", &format!("offset {before} is there"));
    }
    if let Some(after) = after {
        lines.say("behind it", &format!("offset {after} is there"));
    }
}

/// On which side of each bound the offset is.
fn bounds(lines: &mut Lines, bounds: &Bounds, offset: Offset) {
    let side = |bound: Option<Offset>, what: &str, below: &str, above: &str| {
        bound.map(|bound| {
            let side = if offset < bound { below } else { above };
            format!("{side} {what} {bound}")
        })
    };
    let parts = [
        side(
            Some(bounds.log_start),
            "log start",
            "before the",
            "behind the",
        ),
        side(
            bounds.recovery_point,
            "recovery point",
            "below the",
            "not below the",
        ),
        side(
            bounds.last_stable,
            "last stable offset",
            "below the",
            "not below the",
        ),
        side(
            bounds.high_watermark,
            "high watermark",
            "below the",
            "not below the",
        ),
        side(bounds.end, "end", "below the", "not below the"),
        side(
            bounds.cleaned,
            "cleaner's point",
            "below the",
            "not below the",
        ),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    lines.say("bounds", &parts.join(", "));
}

fn of_retention(retention: &Retention, now: i64) -> String {
    let ms = |ms: u64| span(i64::try_from(ms).unwrap_or(i64::MAX));
    let mut text = match (retention.retention_ms, retention.due) {
        (None, _) => "kept for ever by time (retention.ms -1)".to_owned(),
        (Some(keep), None) => format!("kept {} (retention.ms); the segment has no time", ms(keep)),
        (Some(keep), Some(due)) => {
            let latest = when_known(retention.latest);
            let what = match retention.by_time {
                true => format!("to be deleted since {}", when(due)),
                false => format!("to be deleted in {} ({})", until(due, now), when(due)),
            };
            format!(
                "{what}: the segment's latest time {latest} and retention.ms, {}",
                ms(keep)
            )
        }
    };
    if let Some(most) = retention.retention_bytes {
        text.push_str(&match retention.by_size {
            true => format!("; to be deleted by size (retention.bytes {most})"),
            false => format!("; not yet by size (retention.bytes {most})"),
        });
    }
    text
}

fn until(time: Timestamp, now: i64) -> String {
    span(time.get().saturating_sub(now))
}

fn of_compaction(found: &Compaction, now: i64) -> String {
    let because = match found.doom {
        None => return "kept: it is the latest record of its key".to_owned(),
        Some(Doom::Newer { first, last }) if first == last => {
            format!("offset {first} is a newer record of its key")
        }
        Some(Doom::Newer { first, last }) => {
            format!("offsets {first} to {last} have newer records of its key")
        }
        Some(Doom::Tombstone { .. }) => "it is a tombstone".to_owned(),
        Some(Doom::Aborted) => "it was aborted".to_owned(),
        Some(Doom::NoKey) => "it has no key".to_owned(),
        Some(Doom::Marker { .. }) => "it is a marker, which goes behind its records".to_owned(),
    };
    let horizon = match found.doom {
        Some(Doom::Tombstone { horizon } | Doom::Marker { horizon }) => horizon,
        _ => None,
    };
    match found.blocked {
        None => format!("the next cleaning removes it: {because}"),
        Some(Blocked::DeleteRetention) => match horizon {
            Some(at) => format!(
                "kept for another {} (delete.retention.ms, until {}): {because}",
                until(at, now),
                when(at)
            ),
            None => format!(
                "kept until a cleaning has seen it, and then for delete.retention.ms: {because}"
            ),
        },
        Some(blocked) => {
            let why = match blocked {
                Blocked::ActiveSegment => {
                    "the cleaner does not touch the active segment, where it or its successor is"
                        .to_owned()
                }
                Blocked::LastStable => format!(
                    "an open transaction stops the cleaner at offset {}",
                    found.first_uncleanable
                ),
                Blocked::MinCompactionLag => {
                    "it or its successor is younger than min.compaction.lag.ms".to_owned()
                }
                Blocked::DirtyRatio { least } => format!(
                    "only {:.0} % of what may be cleaned is new, below min.cleanable.dirty.ratio \
                     {least}",
                    found.dirty_ratio * 100.0
                ),
                Blocked::DeleteRetention => String::new(),
            };
            format!("will be removed ({because}), but not yet: {why}")
        }
    }
}
