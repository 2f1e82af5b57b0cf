//! What a share group has done with a partition.

use crate::format::Timestamp;
use crate::format::share_group_state::{ShareSnapshotValue, ShareUpdateValue, StateBatch};

/// What a share group has done with a partition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shared {
    /// The first offset that it is not done with.
    pub start_offset: Option<i64>,
    /// How many offsets from there on it is done with.
    pub delivery_complete: Option<i32>,
    /// Raised when the state is set up anew.
    pub state_epoch: i32,
    /// The leader that wrote it.
    pub leader_epoch: i32,
    /// When a whole state was written last.
    pub write_timestamp: Option<Timestamp>,
    /// Offsets that have been delivered, with their state.
    pub batches: Vec<StateBatch>,
}

impl Shared {
    pub(super) fn of(value: ShareSnapshotValue) -> Self {
        let mut this = Self {
            start_offset: known(value.start_offset),
            delivery_complete: Some(value.delivery_complete_count).filter(|count| *count >= 0),
            state_epoch: value.state_epoch,
            leader_epoch: value.leader_epoch,
            write_timestamp: Timestamp::from_wire(value.write_timestamp),
            batches: value.state_batches,
        };
        this.drop_done();
        this
    }

    pub(super) fn update(&mut self, value: ShareUpdateValue) {
        self.leader_epoch = self.leader_epoch.max(value.leader_epoch);
        if value.start_offset >= 0 {
            self.start_offset = Some(value.start_offset);
        }
        if value.delivery_complete_count >= 0 {
            self.delivery_complete = Some(value.delivery_complete_count);
        }
        for batch in value.state_batches {
            self.overlay(batch);
        }
        self.drop_done();
    }

    /// The later state of an offset counts.
    fn overlay(&mut self, batch: StateBatch) {
        let mut kept = Vec::with_capacity(self.batches.len() + 2);
        for old in self.batches.drain(..) {
            if old.last_offset < batch.first_offset || old.first_offset > batch.last_offset {
                kept.push(old);
                continue;
            }
            if old.first_offset < batch.first_offset {
                kept.push(StateBatch {
                    last_offset: batch.first_offset - 1,
                    ..old.clone()
                });
            }
            if old.last_offset > batch.last_offset {
                kept.push(StateBatch {
                    first_offset: batch.last_offset + 1,
                    ..old
                });
            }
        }
        kept.push(batch);
        kept.sort_by_key(|batch| batch.first_offset);
        self.batches = kept;
    }

    fn drop_done(&mut self) {
        let start = self.start_offset.unwrap_or(0);
        self.batches.retain(|batch| batch.last_offset >= start);
    }
}

fn known(offset: i64) -> Option<i64> {
    (offset >= 0).then_some(offset)
}
