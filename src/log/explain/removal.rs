//! Whether retention or compaction removes a record, and what keeps it meanwhile.
//!
//! Source: `org.apache.kafka.storage.internals.log.LogCleanerManager`, `Cleaner`,
//! `UnifiedLog.deleteOldSegments`.

use super::scan_on::{Ahead, Fate};
use super::{Bounds, Held};
use crate::format::topic_config::CleanupPolicy;
use crate::format::{Offset, Timestamp};
use crate::host::Host;
use crate::log::effective::{Effective, Origin};
use crate::log::error::{LogError, Result};
use crate::log::layout::{Suffix, segment_file};
use crate::log::partition::Listing;
use crate::log::scan::Scanner;
use crate::log::segment::Segment;
use std::path::Path;
use std::sync::Arc;

/// Whether something removes a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Where the policy has `delete`.
    pub retention: Option<Retention>,
    /// Where the policy has `compact`.
    pub compaction: Option<Compaction>,
    /// The configs that decide, in the order of [`DECIDE`]: value, and where it is set.
    pub configs: Vec<(&'static str, String, Origin)>,
}

/// The configs of a topic that decide what is removed.
pub const DECIDE: [&str; 7] = [
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "delete.retention.ms",
    "min.compaction.lag.ms",
    "max.compaction.lag.ms",
    "min.cleanable.dirty.ratio",
];

/// What retention says of the record's segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// `retention.ms`; `None` for ever.
    pub retention_ms: Option<u64>,
    /// `retention.bytes`; `None` without bound.
    pub retention_bytes: Option<u64>,
    /// The latest time in the segment, which its age is counted from.
    pub latest: Option<Timestamp>,
    /// From when on its age lets it go.
    pub due: Option<Timestamp>,
    /// Whether its age lets it go now.
    pub by_time: bool,
    /// Whether the partition's size lets it go now.
    pub by_size: bool,
}

/// What compaction says of the record.
#[derive(Debug, Clone, PartialEq)]
pub struct Compaction {
    /// Why the cleaner would take it; `None` where it would not.
    pub doom: Option<Doom>,
    /// What keeps the cleaner from taking it now.
    pub blocked: Option<Blocked>,
    /// The first offset that the cleaner has not seen.
    pub first_dirty: Offset,
    /// Up to where it may go.
    pub first_uncleanable: Offset,
    /// The part of the log that it has not seen, of what it may.
    pub dirty_ratio: f64,
}

/// Why the cleaner takes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// There is a newer one of its key.
    Newer {
        /// The next one.
        first: Offset,
        /// The newest one.
        last: Offset,
    },
    /// It deletes its key, and has been seen doing so for long enough.
    Tombstone {
        /// From when on it may go; `None` where the cleaner has yet to say.
        horizon: Option<Timestamp>,
    },
    /// It was aborted.
    Aborted,
    /// It has no key.
    NoKey,
    /// It is the marker of a transaction, whose records are gone.
    Marker {
        /// From when on it may go; `None` where the cleaner has yet to say.
        horizon: Option<Timestamp>,
    },
}

/// What keeps the cleaner from taking a record now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Blocked {
    /// It, or what replaces it, is in the segment that is written to.
    ActiveSegment,
    /// It, or what replaces it, is not before the last stable offset.
    LastStable,
    /// It, or what replaces it, is younger than `min.compaction.lag.ms`.
    MinCompactionLag,
    /// Not enough of the log is new: `min.cleanable.dirty.ratio` is more.
    DirtyRatio {
        /// The config.
        least: f64,
    },
    /// It deletes its key or ends a transaction, and `delete.retention.ms` is not over.
    DeleteRetention,
}

/// What is asked, and everything that it takes to answer.
pub(super) struct Question<'a> {
    pub(super) host: &'a Arc<dyn Host>,
    pub(super) directory: &'a Path,
    pub(super) listing: &'a Listing,
    pub(super) bounds: &'a Bounds,
    pub(super) held: &'a Held,
    pub(super) ahead: &'a Ahead,
    pub(super) effective: &'a Effective,
    pub(super) cleanup: CleanupPolicy,
    pub(super) now: i64,
}

/// A segment's first offset and the bytes of its `.log`.
type Sizes = Vec<(Offset, u64)>;

impl Removal {
    pub(super) fn of(question: &Question<'_>) -> Result<Self> {
        let sizes: Sizes = question
            .listing
            .segments
            .iter()
            .map(|base| {
                let path = segment_file(question.directory, *base, Suffix::Log);
                let stat = question
                    .host
                    .stat(&path)
                    .map_err(LogError::io("measure", &path))?;
                Ok((*base, stat.length))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            retention: match question.cleanup.delete {
                true => Some(question.retention(&sizes)?),
                false => None,
            },
            compaction: match question.cleanup.compact {
                true => Some(question.compaction(&sizes)?),
                false => None,
            },
            configs: DECIDE
                .iter()
                .map(|name| {
                    let (value, origin) = question.effective.origin(name);
                    (*name, value.to_owned(), origin)
                })
                .collect(),
        })
    }
}

impl Question<'_> {
    fn retention(&self, sizes: &Sizes) -> Result<Retention> {
        let segment = &self.held.segment;
        let latest = self.latest(segment.base)?;
        let retention_ms = self.effective.config.retention_ms;
        let due = latest.zip(retention_ms).and_then(|(latest, keep)| {
            let keep = i64::try_from(keep).ok()?;
            latest.get().checked_add(keep).map(Timestamp::new)
        });
        let total: u64 = sizes.iter().map(|(_, size)| size).sum();
        let by_size = self.effective.config.retention_bytes.is_some_and(|most| {
            let mut over = total.saturating_sub(most);
            sizes
                .iter()
                .take_while(|(_, size)| {
                    let goes = over >= *size;
                    over = over.saturating_sub(*size);
                    goes
                })
                .any(|(base, _)| *base == segment.base)
        });
        Ok(Retention {
            retention_ms,
            retention_bytes: self.effective.config.retention_bytes,
            latest,
            due,
            by_time: due.is_some_and(|due| due.get() < self.now),
            by_size,
        })
    }

    /// The latest time in a segment: by its time index, or its batches where it is
    /// being written to.
    fn latest(&self, base: Offset) -> Result<Option<Timestamp>> {
        let segment = Segment::new(self.host, self.directory, base);
        let active = self.listing.segments.last() == Some(&base);
        if !active && let Ok(Some((time, _))) = segment.last_time() {
            return Ok(Some(time));
        }
        let (file, size) = segment.open_log()?;
        let mut scanner = Scanner::new(file, &segment.path(Suffix::Log), 0, size);
        let mut latest = None;
        while let Ok(Ok(summary)) = scanner.next_summary() {
            latest = latest.max(summary.max_timestamp);
        }
        Ok(latest)
    }

    fn compaction(&self, sizes: &Sizes) -> Result<Compaction> {
        let first_dirty = self
            .bounds
            .cleaned
            .unwrap_or(self.bounds.log_start)
            .max(self.bounds.log_start);
        let (first_uncleanable, why) = self.first_uncleanable(first_dirty)?;
        let bytes = |from: Offset, until: Offset| -> u64 {
            let within = |(base, _): &&(Offset, u64)| *base >= from && *base < until;
            sizes.iter().filter(within).map(|(_, size)| size).sum()
        };
        let clean = bytes(Offset::ZERO, first_dirty);
        let dirty = bytes(first_dirty, first_uncleanable);
        let dirty_ratio = dirty as f64 / (clean + dirty).max(1) as f64;
        let doom = self.doom();
        let least = self.effective.config.min_cleanable_dirty_ratio;
        let behind = |offset: Offset| offset >= first_uncleanable;
        let replaced_late = matches!(doom, Some(Doom::Newer { first, .. }) if behind(first));
        let horizon = match doom {
            Some(Doom::Tombstone { horizon } | Doom::Marker { horizon }) => Some(horizon),
            _ => None,
        };
        let waits = |horizon: Option<Timestamp>| horizon.is_none_or(|at| at.get() > self.now);
        let blocked = match doom {
            None => None,
            Some(_) if behind(self.held.offset) || replaced_late => Some(why),
            Some(_) if horizon.is_some_and(waits) => Some(Blocked::DeleteRetention),
            Some(_) if dirty_ratio < least => Some(Blocked::DirtyRatio { least }),
            Some(_) => None,
        };
        Ok(Compaction {
            doom,
            blocked,
            first_dirty,
            first_uncleanable,
            dirty_ratio,
        })
    }

    /// Up to where the cleaner may go, and what stops it there.
    fn first_uncleanable(&self, first_dirty: Offset) -> Result<(Offset, Blocked)> {
        let active = self.listing.segments.last().copied().unwrap_or_default();
        let mut first = (active, Blocked::ActiveSegment);
        if let Some(stable) = self.bounds.last_stable
            && stable < first.0
        {
            first = (stable, Blocked::LastStable);
        }
        let lag = self.effective.config.min_compaction_lag_ms;
        if lag > 0 {
            for base in self
                .listing
                .segments
                .iter()
                .filter(|base| **base >= first_dirty)
            {
                if *base >= first.0 {
                    break;
                }
                let young = self
                    .latest(*base)?
                    .is_some_and(|latest| latest.get() > self.now.saturating_sub(lag));
                if young {
                    first = (*base, Blocked::MinCompactionLag);
                    break;
                }
            }
        }
        Ok(first)
    }

    fn doom(&self) -> Option<Doom> {
        let record = &self.held.record;
        let horizon = self
            .held
            .batch
            .header
            .as_ref()
            .and_then(crate::format::batch::Header::delete_horizon);
        if record.control.is_some() {
            return Some(Doom::Marker { horizon });
        }
        if matches!(self.ahead.fate, Some(Fate::Aborted { .. })) {
            return Some(Doom::Aborted);
        }
        if record.key.is_none() {
            return Some(Doom::NoKey);
        }
        if let Some((first, last)) = self.ahead.newer {
            return Some(Doom::Newer { first, last });
        }
        record
            .value
            .is_none()
            .then_some(Doom::Tombstone { horizon })
    }
}
