//! What coordinators write: records of keys and values, as one batch into one of Kafka's
//! own partitions.

use super::replica::{AppendError, Replica};
use crate::format::batch::Producer;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::record::Headers;
use crate::format::{ProducerEpoch, ProducerId, Timestamp};
use crate::log::partition::Placement;
use crate::log::{LogError, Result};

/// A key and a value; a tombstone has none.
pub(super) type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Writes records as one batch: all of them count, or none. With a `producer` they are part
/// of its transaction; with `durable` they are on disk when this returns.
pub(super) fn write(
    replica: &Replica,
    entries: &[Entry],
    producer: Option<(ProducerId, ProducerEpoch)>,
    now: Option<Timestamp>,
    durable: bool,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut batch = BatchBuilder::default();
    for (key, value) in entries {
        batch
            .append(now, Some(key), value.as_deref(), Headers::default())
            .map_err(|error| invalid(replica, error))?;
    }
    let seal = Seal {
        producer: producer.map(|(id, epoch)| Producer {
            id,
            epoch,
            base_sequence: Some(0),
        }),
        transactional: producer.is_some(),
        ..Seal::default()
    };
    let appended = replica
        .append(batch.seal(&seal), Placement::Coordinator)
        .map_err(|error| match error {
            AppendError::Log(error) => error,
            AppendError::Invalid(why) => invalid(replica, why),
        })?;
    if durable {
        replica.flush_through(appended.next)?;
    }
    Ok(())
}

/// A record that cannot be made.
pub(super) fn invalid(replica: &Replica, error: impl std::fmt::Display) -> LogError {
    let name = replica.name();
    LogError::Invalid(format!("a record of {name} cannot be made: {error}"))
}
