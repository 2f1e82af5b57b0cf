//! Which segments of a partition are to go: those before its start, those that make it
//! too large, those that are too old. A pure decision; the caller tells sizes and times.
//!
//! Segments go whole, from the oldest on, and each rule stops at the first that it
//! keeps. The last segment goes too where all of it is too old, but never one without
//! a record.
//!
//! Source: `org.apache.kafka.storage.internals.log.UnifiedLog.deleteOldSegments` of Apache
//! Kafka 4.3.1.

use super::Result;
use super::error::LogError;
use super::layout::{Suffix, parse_segment_file};
use crate::format::topic_config::TopicConfig;
use crate::format::{Offset, Timestamp};
use crate::host::Host;
use std::path::Path;

/// How much of a partition stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The most bytes of `.log`.
    pub bytes: Option<u64>,
    /// For how many milliseconds after its latest record a segment stays.
    pub ms: Option<u64>,
}

impl Rules {
    /// Those of a topic: none unless its cleanup policy has `delete`.
    pub fn of(topic: &TopicConfig) -> Self {
        let deletes = topic.cleanup_policy.delete;
        Self {
            bytes: topic.retention_bytes.filter(|_| deletes),
            ms: topic.retention_ms.filter(|_| deletes),
        }
    }
}

/// A segment: its first offset, and the bytes of its `.log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The first offset.
    pub base: Offset,
    /// The bytes.
    pub size: u64,
}

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The start of the partition afterwards.
    pub start: Offset,
    /// How many segments lie before it.
    pub segments: usize,
    /// How many of them because the partition began behind them already.
    pub before_start: usize,
    /// How many because it was too large.
    pub too_large: usize,
    /// Whether the last segment goes as well, so that a new one has to begin first.
    pub rolls: bool,
}

/// Decides. `segments` are in order and `end` is the high watermark; `latest` tells the
/// latest time of a record in a segment, or when its file was last written where no
/// record has a time, and is asked only where that decides.
///
/// # Errors
/// Those of `latest`.
pub fn plan(
    segments: &[Extent],
    start: Offset,
    end: Offset,
    rules: Rules,
    now: Timestamp,
    mut latest: impl FnMut(Offset) -> Result<Timestamp>,
) -> Result<Plan> {
    let next_of = |at: usize| segments.get(at + 1).map(|next| next.base);
    let may_go = |at: usize| {
        let is_empty_end = at + 1 == segments.len() && segments[at].size == 0;
        !is_empty_end && next_of(at).unwrap_or(end) <= end
    };
    let mut gone = 0;
    while next_of(gone).is_some_and(|next| next <= start && next <= end) {
        gone += 1;
    }
    let before_start = gone;
    if let Some(most) = rules.bytes {
        let total: u64 = segments[gone..].iter().map(|segment| segment.size).sum();
        let mut excess = total.saturating_sub(most);
        while gone < segments.len() && may_go(gone) && total >= most {
            let Some(rest) = excess.checked_sub(segments[gone].size) else {
                break;
            };
            excess = rest;
            gone += 1;
        }
    }
    let too_large = gone - before_start;
    if let Some(most) = rules.ms {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        while gone < segments.len() && may_go(gone) {
            let age = now.get().saturating_sub(latest(segments[gone].base)?.get());
            if age <= most {
                break;
            }
            gone += 1;
        }
    }
    let first = segments.get(gone).map_or(end, |segment| segment.base);
    Ok(Plan {
        start: if gone == 0 { start } else { start.max(first) },
        segments: gone,
        before_start,
        too_large,
        rolls: gone > 0 && gone == segments.len(),
    })
}

/// The segments of the partition in `directory`, in order.
///
/// # Errors
/// `Io`.
pub fn extents(host: &dyn Host, directory: &Path) -> Result<Vec<Extent>> {
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    let mut found = Vec::new();
    for entry in entries {
        let Some((base, Suffix::Log)) = parse_segment_file(&entry.name) else {
            continue;
        };
        let path = directory.join(&entry.name);
        match host.stat(&path) {
            Ok(stat) => found.push(Extent {
                base,
                size: stat.length,
            }),
            // Removed in between.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(LogError::io("look at", &path)(error)),
        }
    }
    found.sort_unstable_by_key(|extent| extent.base);
    Ok(found)
}

/// The bytes of the `.log` files of the partition in `directory`.
///
/// # Errors
/// `Io`.
pub fn log_size(host: &dyn Host, directory: &Path) -> Result<u64> {
    Ok(extents(host, directory)?.iter().map(|e| e.size).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::new(1_000_000);

    /// Segments of ten records each, of these sizes, the last of `last` records.
    fn extents(sizes: &[u64]) -> Vec<Extent> {
        let bases = (0..).step_by(10).map(Offset::new);
        bases
            .zip(sizes)
            .map(|(base, size)| Extent { base, size: *size })
            .collect()
    }

    fn decide(sizes: &[u64], start: i64, end: i64, rules: Rules, times: &[i64]) -> Plan {
        plan(
            &extents(sizes),
            Offset::new(start),
            Offset::new(end),
            rules,
            NOW,
            |base| Ok(Timestamp::new(times[(base.get() / 10) as usize])),
        )
        .unwrap()
    }

    const NONE: Rules = Rules {
        bytes: None,
        ms: None,
    };

    #[test]
    fn segments_before_the_start_go_whatever_the_rules() {
        let plan = decide(&[5, 5, 5], 20, 25, NONE, &[]);
        assert_eq!((plan.start.get(), plan.segments), (20, 2));
        let plan = decide(&[5, 5, 5], 19, 25, NONE, &[]);
        assert_eq!((plan.start.get(), plan.segments), (19, 1));
        // The last one stays where the start is its end.
        let plan = decide(&[5, 5, 5], 25, 25, NONE, &[]);
        assert_eq!(
            (plan.start.get(), plan.segments, plan.rolls),
            (25, 2, false)
        );
        assert_eq!(decide(&[5], 0, 3, NONE, &[]).segments, 0);
    }

    #[test]
    fn a_segment_goes_where_the_rest_is_still_large_enough() {
        let bytes = |most| Rules {
            bytes: Some(most),
            ms: None,
        };
        // 15 - 10 leaves 5 to go: exactly one.
        assert_eq!(decide(&[5, 5, 5], 0, 25, bytes(10), &[]).segments, 1);
        assert_eq!(decide(&[5, 5, 5], 0, 25, bytes(11), &[]).segments, 0);
        assert_eq!(decide(&[5, 5, 5], 0, 25, bytes(4), &[]).segments, 2);
        // Nothing may stay: the last one goes as well.
        let plan = decide(&[5, 5, 5], 0, 25, bytes(0), &[]);
        assert_eq!((plan.start.get(), plan.segments, plan.rolls), (25, 3, true));
        let plan = decide(&[5, 5, 0], 0, 20, bytes(0), &[]);
        assert_eq!(
            (plan.start.get(), plan.segments, plan.rolls),
            (20, 2, false)
        );
    }

    #[test]
    fn old_segments_go_until_the_first_that_is_not() {
        let rules = Rules {
            bytes: None,
            ms: Some(1000),
        };
        let old = NOW.get() - 1001;
        let edge = NOW.get() - 1000;
        assert_eq!(decide(&[5; 3], 0, 25, rules, &[old, edge, old]).segments, 1);
        let plan = decide(&[5; 3], 0, 25, rules, &[old, old, old]);
        assert_eq!((plan.start.get(), plan.rolls), (25, true));
        // Times ahead of the clock are not old.
        assert_eq!(decide(&[5], 0, 5, rules, &[i64::MAX]).segments, 0);
        // What replicas do not agree on yet stays.
        assert_eq!(decide(&[5; 3], 0, 15, rules, &[old, old, old]).segments, 1);
    }

    #[test]
    fn only_a_policy_with_delete_has_rules() {
        let of = |policy| {
            let configs = [("cleanup.policy", policy), ("retention.bytes", "7")];
            Rules::of(&TopicConfig::new(configs).unwrap())
        };
        assert_eq!(of("compact"), NONE);
        assert_eq!(of("delete").bytes, Some(7));
        assert_eq!(of("compact,delete").ms, Some(604_800_000));
    }
}
