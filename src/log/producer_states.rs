//! What a partition knows of its producers: the last batches of each, for
//! idempotence, and the transactions that are open, for the last stable offset.
//!
//! Invariants: `open` holds an entry for exactly those producers whose
//! `transaction` is `Some`; a producer keeps at most [`KEPT_BATCHES`] batches.
//!
//! Source: `org.apache.kafka.storage.internals.log.ProducerStateManager`,
//! `ProducerAppendInfo`; KIP-98, KIP-360, KIP-890.

use crate::format::batch::{Header, Producer};
use crate::format::producer_snapshot::ProducerEntry;
use crate::format::txn_index::AbortedTxn;
use crate::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How many batches of each producer are remembered to know a retry again.
pub const KEPT_BATCHES: usize = 5;

/// The producers of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerStates {
    producers: BTreeMap<ProducerId, State>,
    /// First offsets of open transactions.
    open: BTreeMap<Offset, ProducerId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    epoch: Option<ProducerEpoch>,
    batches: VecDeque<Kept>,
    last_timestamp: Option<Timestamp>,
    coordinator_epoch: Option<i32>,
    transaction: Option<Offset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    first_sequence: i32,
    last_sequence: i32,
    last_offset: Offset,
    offset_delta: i32,
}

/// What to do with a batch of an idempotent producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Append,
    /// It is there already, ending at this offset.
    Duplicate {
        /// The first offset of the batch that is there.
        first_offset: Offset,
        /// The last offset of the batch that is there.
        last_offset: Offset,
    },
    /// It must not be appended.
    Refuse {
        /// Why.
        refusal: Refusal,
        /// What may come.
        expected: String,
        /// What came.
        found: String,
    },
}

/// Why a batch of a producer is not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is in the log already, from this offset to that.
    Duplicate {
        /// The first offset of the batch that is there.
        first: Offset,
        /// The last one.
        last: Offset,
    },
    /// A later epoch of the producer was seen.
    Fenced,
    /// Its sequence numbers do not follow.
    OutOfOrder,
    /// It is not part of the transaction that its producer has open.
    InTransaction,
    /// It is part of a transaction that its producer has not open here.
    NotInTransaction,
    /// The coordinator that ends its transaction has been replaced.
    CoordinatorFenced,
}

impl ProducerStates {
    /// From the entries of a snapshot file.
    pub fn from_snapshot(entries: &[ProducerEntry]) -> Self {
        let mut states = Self::default();
        for entry in entries {
            let mut batches = VecDeque::new();
            if let (Some(first_sequence), Some(last_sequence), Some(last_offset)) = (
                entry.first_sequence(),
                entry.last_sequence,
                entry.last_offset,
            ) {
                batches.push_back(Kept {
                    first_sequence,
                    last_sequence,
                    last_offset,
                    offset_delta: entry.offset_delta,
                });
            }
            if let Some(first) = entry.current_txn_first_offset {
                states.open.insert(first, entry.producer_id);
            }
            states.producers.insert(
                entry.producer_id,
                State {
                    epoch: entry.epoch,
                    batches,
                    last_timestamp: entry.timestamp,
                    coordinator_epoch: entry.coordinator_epoch,
                    transaction: entry.current_txn_first_offset,
                },
            );
        }
        states
    }

    /// The entries for a snapshot file.
    pub fn to_snapshot(&self) -> Vec<ProducerEntry> {
        let entry = |(id, state): (&ProducerId, &State)| {
            let last = state.batches.back();
            ProducerEntry {
                producer_id: *id,
                epoch: state.epoch,
                last_sequence: last.map(|last| last.last_sequence),
                last_offset: last.map(|last| last.last_offset),
                offset_delta: last.map_or(0, |last| last.offset_delta),
                timestamp: state.last_timestamp,
                coordinator_epoch: state.coordinator_epoch,
                current_txn_first_offset: state.transaction,
            }
        };
        self.producers.iter().map(entry).collect()
    }

    /// Whether no producer is known.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// The first offset of the oldest transaction that is open.
    pub fn first_open(&self) -> Option<Offset> {
        self.open.keys().next().copied()
    }

    /// Every open transaction: its first offset and its producer.
    pub fn open(&self) -> impl Iterator<Item = (Offset, ProducerId)> + '_ {
        self.open.iter().map(|(offset, id)| (*offset, *id))
    }

    /// The term in which a producer was last seen.
    pub fn epoch(&self, id: ProducerId) -> Option<ProducerEpoch> {
        self.producers.get(&id)?.epoch
    }

    /// The term of the coordinator that last ended a transaction of a producer.
    pub fn coordinator_epoch(&self, id: ProducerId) -> Option<i32> {
        self.producers.get(&id)?.coordinator_epoch
    }

    /// Whether a data batch may be appended, as a leader asks before it does.
    pub fn check(&self, header: &Header) -> Verdict {
        let Some(Producer {
            id,
            epoch,
            base_sequence: Some(first),
        }) = header.producer
        else {
            return Verdict::Append;
        };
        let Some(state) = self.producers.get(&id) else {
            return Verdict::Append;
        };
        let Some(current) = state.epoch else {
            return Verdict::Append;
        };
        if epoch < current {
            return Self::fenced(epoch, current);
        }
        if epoch > current {
            return if first == 0 {
                Verdict::Append
            } else {
                Verdict::Refuse {
                    refusal: Refusal::OutOfOrder,
                    expected: format!("sequence 0 in the new epoch {epoch}"),
                    found: format!("sequence {first}"),
                }
            };
        }
        let last = header.last_sequence();
        if let Some(known) = state
            .batches
            .iter()
            .find(|kept| kept.first_sequence == first && Some(kept.last_sequence) == last)
        {
            return Verdict::Duplicate {
                first_offset: Offset::new(known.last_offset.get() - i64::from(known.offset_delta)),
                last_offset: known.last_offset,
            };
        }
        // A marker alone begins an epoch as well: then the first sequence is next.
        let next = state.batches.back().map_or(0, |kept| {
            crate::format::batch::sequence_after(kept.last_sequence, 1)
        });
        if first == next && state.transaction.is_some() && !header.attributes.is_transactional() {
            Verdict::Refuse {
                refusal: Refusal::InTransaction,
                expected: "a batch of the transaction that is open".to_owned(),
                found: "one outside of it".to_owned(),
            }
        } else if first == next {
            Verdict::Append
        } else {
            Verdict::Refuse {
                refusal: Refusal::OutOfOrder,
                expected: format!("sequence {next}"),
                found: format!("sequence {first}"),
            }
        }
    }

    /// Whether a coordinator's batch may be appended: its numbers do not count.
    pub fn check_epoch(&self, header: &Header) -> Verdict {
        let known = header.producer.and_then(|producer| {
            let current = self.producers.get(&producer.id)?.epoch?;
            Some((producer.epoch, current))
        });
        match known {
            Some((epoch, current)) if epoch < current => Self::fenced(epoch, current),
            _ => Verdict::Append,
        }
    }

    fn fenced(epoch: ProducerEpoch, current: ProducerEpoch) -> Verdict {
        Verdict::Refuse {
            refusal: Refusal::Fenced,
            expected: format!("epoch {current} or later"),
            found: format!("epoch {epoch}"),
        }
    }

    /// Whether a client's batch may be appended. One of a transaction only where it is
    /// open here, in this epoch.
    pub fn check_ongoing(&self, header: &Header) -> Verdict {
        match (self.check(header), header.producer) {
            (Verdict::Append, Some(producer))
                if header.attributes.is_transactional()
                    && !self.has_open(producer.id, producer.epoch) =>
            {
                Verdict::Refuse {
                    refusal: Refusal::NotInTransaction,
                    expected: "a batch of a transaction that is open here".to_owned(),
                    found: "one that the partition was not added for".to_owned(),
                }
            }
            (verdict, _) => verdict,
        }
    }

    /// Whether a client's batch may be appended that begins a transaction here.
    pub fn check_joining(&self, header: &Header, from_zero: bool) -> Verdict {
        match (self.check(header), header.producer) {
            (
                Verdict::Append,
                Some(Producer {
                    id,
                    base_sequence: Some(first),
                    ..
                }),
            ) if from_zero && first != 0 && !self.producers.contains_key(&id) => Verdict::Refuse {
                refusal: Refusal::OutOfOrder,
                expected: "sequence 0 of a producer that is not known here".to_owned(),
                found: format!("sequence {first}"),
            },
            (verdict, _) => verdict,
        }
    }

    /// Whether a producer has a transaction open in this epoch.
    pub fn has_open(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        let state = self.producers.get(&id);
        state.is_some_and(|state| state.transaction.is_some() && state.epoch == Some(epoch))
    }

    /// Whether a marker may be appended that ends a transaction of this producer. With
    /// `bumps`, the epoch is raised with every transaction, so one of the current epoch is
    /// for nobody unless it is there already.
    pub fn check_marker(&self, producer: Producer, coordinator_epoch: i32, bumps: bool) -> Verdict {
        let Some(state) = self.producers.get(&producer.id) else {
            return Verdict::Append;
        };
        if let Some(current) = state.epoch {
            let again = state.transaction.is_none() || producer.epoch.get() == i16::MAX;
            if producer.epoch < current || bumps && producer.epoch == current && !again {
                return Self::fenced(producer.epoch, current);
            }
        }
        match state.coordinator_epoch {
            Some(known) if known > coordinator_epoch => Verdict::Refuse {
                refusal: Refusal::CoordinatorFenced,
                expected: format!("a coordinator of epoch {known} or later"),
                found: format!("epoch {coordinator_epoch}"),
            },
            _ => Verdict::Append,
        }
    }

    /// What is known of one producer, to try batches out on.
    pub(crate) fn only(&self, id: ProducerId) -> Self {
        let state = self.producers.get(&id).cloned();
        let transaction = state.as_ref().and_then(|state| state.transaction);
        Self {
            producers: state.map(|state| (id, state)).into_iter().collect(),
            open: transaction.map(|first| (first, id)).into_iter().collect(),
        }
    }

    /// Takes note of a data batch that is in the log.
    pub fn update(&mut self, header: &Header) {
        let Some(producer) = header.producer else {
            return;
        };
        let state = self.state(producer);
        state.last_timestamp = header.max_timestamp;
        if let (Some(first_sequence), Some(last_sequence)) =
            (producer.base_sequence, header.last_sequence())
        {
            if state.batches.len() == KEPT_BATCHES {
                state.batches.pop_front();
            }
            state.batches.push_back(Kept {
                first_sequence,
                last_sequence,
                last_offset: header.last_offset,
                offset_delta: (header.last_offset.get() - header.base_offset.get()) as i32,
            });
        } else {
            // As in Kafka, whatever sequence comes next follows.
            state.batches.clear();
        }
        if header.attributes.is_transactional() && state.transaction.is_none() {
            state.transaction = Some(header.base_offset);
            self.open.insert(header.base_offset, producer.id);
        }
    }

    /// Takes note of a marker that is in the log. Where it ends a transaction with
    /// an abort, that is what the transaction index must hold; its last stable
    /// offset is the oldest that is still open, or the one behind the marker.
    pub fn end_transaction(
        &mut self,
        header: &Header,
        commit: bool,
        coordinator_epoch: i32,
    ) -> Option<AbortedTxn> {
        let producer = header.producer?;
        let state = self.state(producer);
        state.coordinator_epoch = Some(coordinator_epoch);
        state.last_timestamp = header.max_timestamp;
        let first_offset = state.transaction.take()?;
        self.open.remove(&first_offset);
        (!commit).then(|| AbortedTxn {
            producer_id: producer.id,
            first_offset,
            last_offset: header.last_offset,
            last_stable_offset: self.first_open().unwrap_or(header.next_offset()),
        })
    }

    /// The state of a producer, its batches forgotten where its term is new.
    fn state(&mut self, producer: Producer) -> &mut State {
        let state = self.producers.entry(producer.id).or_insert_with(|| State {
            epoch: Some(producer.epoch),
            batches: VecDeque::new(),
            last_timestamp: None,
            coordinator_epoch: None,
            transaction: None,
        });
        if Some(producer.epoch) > state.epoch {
            state.epoch = Some(producer.epoch);
            state.batches.clear();
        }
        state
    }
}

#[cfg(test)]
mod tests;
