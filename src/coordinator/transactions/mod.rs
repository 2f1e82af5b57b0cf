//! The transaction coordinator of one partition of `__transaction_state`.
//!
//! A request gives the [`Transaction`] that its transactional id comes to; the caller writes
//! it, and then [`Transactions::put`]s it. Where it cannot be written, nothing has changed.
//! The caller holds the coordinator from one to the other, so there is no state between
//! states but the one that markers take:
//!
//! ```text
//! Empty ─▶ Ongoing ─▶ PrepareCommit ─▶ CompleteCommit ─▶ Ongoing, Empty
//!                  └▶ PrepareAbort  ─▶ CompleteAbort  ─▶ Ongoing, Empty
//! ```
//!
//! From the record of `Prepare…` on the transaction is decided: whoever reads it writes the
//! markers that are missing, and the record of `Complete…`.
//!
//! Source: `TransactionCoordinator`, `TransactionMetadata`, `TransactionStateManager` of
//! Apache Kafka 4.3.1; KIP-98, KIP-360, KIP-447, KIP-890.

mod transaction;

#[cfg(test)]
mod tests;

pub use transaction::{Ended, FIRST_WITH_EPOCHS, Initialized, Partition, Transaction};

use crate::format::transaction_state::{TransactionStatus, TransactionValue};
use crate::format::types::{ProducerEpoch, ProducerId};
use crate::protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};

/// The transactional ids of one partition of `__transaction_state`.
#[derive(Debug, Clone, Default)]
pub struct Transactions {
    by_id: BTreeMap<String, Transaction>,
}

/// Where a producer id comes from. It fails with what the client is told.
pub type NewId<'a> = &'a mut dyn FnMut() -> Result<ProducerId, ErrorCode>;

impl Transactions {
    /// Takes a record of the log in. One in a state that is not known is passed over.
    pub fn replay(&mut self, id: &str, value: Option<&TransactionValue>) {
        match value {
            None => _ = self.by_id.remove(id),
            Some(value) => {
                if let Some(transaction) = Transaction::of(value) {
                    self.by_id.insert(id.to_owned(), transaction);
                }
            }
        }
    }

    /// Where an id stands from now on, once that is written.
    pub fn put(&mut self, id: &str, transaction: Transaction) {
        match self.by_id.get_mut(id) {
            Some(known) => *known = transaction,
            None => _ = self.by_id.insert(id.to_owned(), transaction),
        }
    }

    /// Forgets an id, once its tombstone is written.
    pub fn remove(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    /// Where an id stands.
    pub fn get(&self, id: &str) -> Option<&Transaction> {
        self.by_id.get(id)
    }

    /// All ids, and where they stand.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Transaction)> {
        self.by_id.iter().map(|(id, state)| (id.as_str(), state))
    }

    /// A producer id and an epoch for an id that no one else has any more. `expected` is
    /// what the client has, where it has something.
    ///
    /// # Errors
    /// `CONCURRENT_TRANSACTIONS` while markers are missing, `PRODUCER_FENCED` where the
    /// client has something else than the id, and those of `new_id`.
    pub fn initialize(
        &self,
        id: &str,
        expected: Option<(ProducerId, ProducerEpoch)>,
        timeout_ms: i32,
        server_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Initialized, ErrorCode> {
        match self.by_id.get(id) {
            Some(known) => known.initialize(expected, timeout_ms, server_version, now_ms, new_id),
            None => Ok(Initialized::Ready(Transaction::new(
                new_id()?,
                timeout_ms,
                now_ms,
            ))),
        }
    }

    /// Takes partitions into the transaction of an id; `None` where they are in it.
    /// `client_version` is the version of transactions that the client goes by.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`.
    pub fn add(
        &self,
        id: &str,
        producer: (ProducerId, ProducerEpoch),
        partitions: &BTreeSet<Partition>,
        client_version: i16,
        now_ms: i64,
    ) -> Result<Option<Transaction>, ErrorCode> {
        let known = self.of_producer(id, producer)?;
        Ok(known.add(partitions, client_version, now_ms))
    }

    /// Whether partitions are in the transaction of an id: an answer for each, in their
    /// order.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn verify<'p>(
        &self,
        id: &str,
        producer: (ProducerId, ProducerEpoch),
        partitions: impl Iterator<Item = &'p Partition>,
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        let known = self.of_producer(id, producer)?;
        let verify = |partition| match known.partitions.contains(partition) {
            true => ErrorCode::None,
            false => ErrorCode::TransactionAbortable,
        };
        Ok(partitions.map(verify).collect())
    }

    fn of_producer(
        &self,
        id: &str,
        (producer, epoch): (ProducerId, ProducerEpoch),
    ) -> Result<&Transaction, ErrorCode> {
        let known = self.by_id.get(id);
        let known = known.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        if known.producer_id != producer {
            Err(ErrorCode::InvalidProducerIdMapping)
        } else if known.epoch != epoch {
            Err(ErrorCode::ProducerFenced)
        } else if known.is_prepared() {
            Err(ErrorCode::ConcurrentTransactions)
        } else {
            Ok(known)
        }
    }

    /// Ends the transaction of an id, as its client asks.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `CONCURRENT_TRANSACTIONS`,
    /// `INVALID_TXN_STATE`, and those of `new_id`.
    pub fn end(
        &self,
        id: &str,
        producer: (ProducerId, ProducerEpoch),
        commit: bool,
        client_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Ended, ErrorCode> {
        let known = self.by_id.get(id);
        let known = known.ok_or(ErrorCode::InvalidProducerIdMapping)?;
        if client_version >= FIRST_WITH_EPOCHS {
            known.end_raising(producer, commit, client_version, now_ms, new_id)
        } else {
            known.end_keeping(producer, commit, now_ms)
        }
    }

    /// The ids whose transactions have been open for longer than they may.
    pub fn late(&self, now_ms: i64) -> Vec<String> {
        self.ids_where(|known| {
            known.status == TransactionStatus::Ongoing
                && known.timeout_ms != i32::MAX
                && known.start_ms.unwrap_or(0) + i64::from(known.timeout_ms) < now_ms
        })
    }

    /// The ids whose transactions are decided, with markers still missing.
    pub fn prepared(&self) -> Vec<String> {
        self.ids_where(Transaction::is_prepared)
    }

    /// The ids that were not used for `transactional.id.expiration.ms`.
    pub fn expired(&self, now_ms: i64, after_ms: i64) -> Vec<String> {
        self.ids_where(|known| {
            let is_idle = matches!(
                known.status,
                TransactionStatus::Empty
                    | TransactionStatus::CompleteCommit
                    | TransactionStatus::CompleteAbort
            );
            is_idle && known.updated_ms <= now_ms.saturating_sub(after_ms)
        })
    }

    fn ids_where(&self, matches: impl Fn(&Transaction) -> bool) -> Vec<String> {
        let found = self.by_id.iter().filter(|(_, known)| matches(known));
        found.map(|(id, _)| id.clone()).collect()
    }
}
