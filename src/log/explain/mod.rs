//! Everything that is true of one offset of a partition: where it is, what is there,
//! what becomes of it, or why nothing is there.

mod place;
mod removal;
mod scan_on;

pub use place::{BatchAt, Held, IndexAt, LeftBy, Missing, Place, RecordAt, SegmentAt};
pub use removal::{Blocked, Compaction, DECIDE, Doom, Removal, Retention};
pub use scan_on::Fate;

use super::effective::Effective;
use super::error::{LogError, Result};
use super::layout::{METADATA_TOPIC, TopicPartition};
use super::partition::Listing;
use super::verify::Surroundings;
use super::view::PartitionView;
use crate::format::{Offset, PartitionId};
use crate::host::Host;
use scan_on::Ahead;
use std::path::Path;
use std::sync::Arc;

/// The offsets that a partition is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset that is not deleted.
    pub log_start: Offset,
    /// The base of the first segment.
    pub first_segment: Option<Offset>,
    /// Behind the last record; `None` where damage hides it.
    pub end: Option<Offset>,
    /// The first offset of the oldest open transaction, or the end.
    pub last_stable: Option<Offset>,
    /// Up to where replicas agree, by the checkpoint.
    pub high_watermark: Option<Offset>,
    /// Up to where it is on disk for certain, by the checkpoint.
    pub recovery_point: Option<Offset>,
    /// Up to where the cleaner got, by the checkpoint.
    pub cleaned: Option<Offset>,
}

/// Everything that is true of one offset.
#[derive(Debug)]
pub struct Explained {
    /// The partition.
    pub partition: TopicPartition,
    /// The offset.
    pub offset: Offset,
    /// What divides the partition.
    pub bounds: Bounds,
    /// Where the offset is, or why it is not there.
    pub place: Place,
    /// What became of its transaction; `None` where it is in none.
    pub fate: Option<Fate>,
    /// Whether retention or compaction removes it.
    pub removal: Option<Removal>,
}

/// Explains an offset of the partition in `directory`. `now` is the time in
/// milliseconds since 1970.
///
/// # Errors
/// Where the directory cannot be listed, or a file not read.
pub fn explain(
    host: &Arc<dyn Host>,
    around: &Surroundings,
    name: &TopicPartition,
    directory: &Path,
    offset: Offset,
    now: i64,
) -> Result<Explained> {
    let context = around.of(name);
    let view = PartitionView::open(host, directory, name.clone(), context.log_start)?;
    let listing = Listing::read(&**host, directory)?;
    let producers = tolerate(view.producers())?;
    let end = tolerate(view.end())?;
    let open = producers
        .as_ref()
        .and_then(super::producer_states::ProducerStates::first_open);
    let bounds = Bounds {
        log_start: view.start(),
        first_segment: listing.segments.first().copied(),
        end,
        last_stable: producers.as_ref().and(open.or(end)),
        high_watermark: context.high_watermark,
        recovery_point: context.recovery_point,
        cleaned: around
            .cleaned
            .as_ref()
            .and_then(|cleaned| cleaned.get(&name.topic, PartitionId::new(name.partition))),
    };
    let compact = context.cleanup.is_some_and(|cleanup| cleanup.compact);
    let place = place::find(host, directory, &listing, &bounds, offset, compact)?;
    let (mut fate, mut removal) = (None, None);
    if let Place::Here(held) = &place {
        let effective = Effective::of(around.image.as_deref(), around.node, &name.topic);
        let mut cleanup = effective.config.cleanup_policy;
        if compact {
            cleanup.compact = true;
        }
        let ahead = Ahead::scan(&view, &bounds, held, cleanup.compact)?;
        // The metadata log goes as snapshots are taken, not by policy.
        if name.topic != METADATA_TOPIC {
            removal = Some(Removal::of(&removal::Question {
                host,
                directory,
                listing: &listing,
                bounds: &bounds,
                held,
                ahead: &ahead,
                effective: &effective,
                cleanup,
                now,
            })?);
        }
        fate = ahead.fate;
    }
    Ok(Explained {
        partition: name.clone(),
        offset,
        bounds,
        place,
        fate,
        removal,
    })
}

/// Damage is `None`: what it hides is not known.
fn tolerate<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error @ LogError::Io { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}
