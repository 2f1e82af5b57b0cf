//! From the decision of a transaction to its end: a marker in each partition.

use super::Desk;
use crate::broker::error_code;
use crate::broker::replica::{Marker, named};
use crate::coordinator::transactions::{FIRST_WITH_EPOCHS, Partition};
use crate::log::layout::OFFSETS_TOPIC;
use crate::log::{LogError, Result};

impl Desk<'_> {
    /// Writes the markers of a decided transaction and then that it is complete. What cannot
    /// be written now is tried again later. With `again` some markers may be there.
    pub(super) fn finish(&mut self, id: &str, again: bool) {
        let Some(prepared) = self.state.transactions.get(id).cloned() else {
            return;
        };
        let marker = Marker {
            producer: (prepared.producer_id, prepared.epoch),
            commit: prepared.commits(),
            coordinator_epoch: self.state.epoch,
            bumps: prepared.client_version >= FIRST_WITH_EPOCHS,
        };
        let mut is_done = true;
        for partition in &prepared.partitions {
            if let Err(error) = self.mark(partition, &marker, again) {
                let (topic, number) = partition;
                tracing::error!(id, topic, number, %error, "cannot write the end of a transaction");
                is_done = false;
            }
        }
        let complete = prepared.complete(self.broker.host.now_ms());
        if is_done && self.write(id, complete).is_ok() {
            self.state.unfinished.remove(id);
        } else {
            self.state.unfinished.insert(id.to_owned());
        }
    }

    /// Ends a transaction in one partition, unless it is gone or knows better.
    fn mark(&self, (topic, number): &Partition, marker: &Marker, again: bool) -> Result<()> {
        let broker = self.broker;
        let replica = match broker.replica(&named(topic, *number)) {
            Ok(replica) => replica,
            Err(LogError::UnknownTopic { .. } | LogError::UnknownPartition { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if again && replica.has_marker(marker) {
            // Whoever wrote it may not have made it durable.
            return match broker.config.flush_before_acknowledge {
                true => replica.flush_through(replica.ends().end),
                false => Ok(()),
            };
        }
        let end = if topic == OFFSETS_TOPIC {
            broker.end_group_transaction(*number, marker)
        } else {
            replica.append_marker(marker, broker.now())
        };
        match end {
            Ok(end) if broker.config.flush_before_acknowledge => replica.flush_through(end),
            Ok(_) => Ok(()),
            // Deleted meanwhile, or ended by someone later.
            Err(LogError::UnknownPartition { .. }) => Ok(()),
            Err(error @ LogError::Producer { .. }) => {
                let code = error_code(&error);
                tracing::warn!(topic, number, %code, %error, "a transaction has ended before");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
