//! The ends of transactions in a partition.

use super::{AppendError, Replica};
use crate::format::batch::Producer;
use crate::format::control::end_transaction_batch;
use crate::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::log::partition::Placement;
use crate::log::producer_states::Verdict;
use crate::log::{LogError, Result};

/// What a marker says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marker {
    /// Whose transaction ends.
    pub(crate) producer: (ProducerId, ProducerEpoch),
    /// Whether its records count.
    pub(crate) commit: bool,
    /// The epoch of the coordinator that says so.
    pub(crate) coordinator_epoch: i32,
    /// Whether every transaction of the producer has an epoch of its own.
    pub(crate) bumps: bool,
}

impl Replica {
    /// Whether a marker would change nothing: it is here already.
    pub(crate) fn has_marker(&self, marker: &Marker) -> bool {
        let (id, epoch) = marker.producer;
        let state = self.state();
        let producers = state.log.producers();
        producers.epoch(id) == Some(epoch)
            && producers.coordinator_epoch(id).is_some()
            && !producers.has_open(id, epoch)
    }

    /// Ends a producer's transaction; the offset behind the marker.
    ///
    /// # Errors
    /// `Producer` for one of an epoch that is over, of the producer or of the coordinator;
    /// `Io`.
    pub(crate) fn append_marker(&self, marker: &Marker, now: Timestamp) -> Result<Offset> {
        let (id, epoch) = marker.producer;
        let mut batch =
            end_transaction_batch(id, epoch, marker.commit, marker.coordinator_epoch, now)
                .map_err(|error| crate::broker::state_log::invalid(self, error))?;
        let producer = Producer {
            id,
            epoch,
            base_sequence: None,
        };
        let appended = self.append_if(&mut batch, Placement::Coordinator, |log| {
            let producers = log.producers();
            match producers.check_marker(producer, marker.coordinator_epoch, marker.bumps) {
                Verdict::Refuse {
                    refusal,
                    expected,
                    found,
                } => Err(LogError::Producer {
                    partition: log.directory().to_owned(),
                    producer: id.get(),
                    refusal,
                    expected,
                    found,
                }),
                Verdict::Append | Verdict::Duplicate { .. } => Ok(()),
            }
        });
        match appended {
            Ok(appended) => Ok(appended.next),
            Err(AppendError::Log(error)) => Err(error),
            Err(AppendError::Invalid(why)) => Err(crate::broker::state_log::invalid(self, why)),
        }
    }
}
