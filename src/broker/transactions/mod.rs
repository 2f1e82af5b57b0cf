//! The transaction coordinators: one for each partition of `__transaction_state`, read from
//! it at the start, written to it before anyone is answered.
//!
//! A coordinator is locked from the look at its state until the markers of a decision are
//! written, so a client that is told of the end of a transaction never meets it again. Locks
//! are taken in this order: a transaction's coordinator, a group's coordinator, a partition.
//!
//! A partition joins a transaction under the coordinator's lock with its first batch, so no
//! marker comes between. Later batches need the partition alone: the transaction is open
//! there, and only a marker ends it.

mod markers;
mod time;

use super::Broker;
use super::replica::{Replica, named};
use super::state_log;
use crate::coordinator::transactions::{
    Ended, FIRST_WITH_EPOCHS, Initialized, Partition, Transaction, Transactions,
};
use crate::format::transaction_state::{
    TransactionKey, TransactionRecordKey, TransactionRecordValue, transaction_partition,
};
use crate::format::{ProducerEpoch, ProducerId};
use crate::log::Result;
use crate::log::image::Image;
use crate::log::layout::TRANSACTIONS_TOPIC;
use crate::log::transaction::replay_states;
use crate::protocol::ErrorCode;
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The feature whose level is the version of transactions.
const FEATURE: &str = "transaction.version";

/// A producer and its epoch.
pub(crate) type Producer = (ProducerId, ProducerEpoch);

/// All transaction coordinators.
#[derive(Default)]
pub(crate) struct Coordinators {
    shards: Mutex<HashMap<i32, Arc<Shard>>>,
}

/// One partition's coordinator.
#[derive(Default)]
struct Shard {
    state: Mutex<Option<State>>,
}

struct State {
    transactions: Transactions,
    replica: Arc<Replica>,
    /// The coordinator's epoch: that of the leader of its partition.
    epoch: i32,
    /// Ids whose markers could not all be written.
    unfinished: BTreeSet<String>,
}

/// A coordinator at work on one request.
struct Desk<'a> {
    broker: &'a Broker,
    state: &'a mut State,
}

/// How a client's batch joins a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joining<'a> {
    /// The transactional id.
    pub(crate) id: &'a str,
    /// Its producer, as the client knows it.
    pub(crate) producer: Producer,
    /// Whether the partition is added, and not only looked for.
    pub(crate) adds: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The version of transactions that the cluster goes by.
fn server_version(image: &Image) -> i16 {
    image.features().get(FEATURE).copied().unwrap_or(0)
}

impl Coordinators {
    fn shard(&self, partition: i32) -> Arc<Shard> {
        Arc::clone(lock(&self.shards).entry(partition).or_default())
    }

    /// Forgets everything: `__transaction_state` is gone.
    pub(crate) fn forget(&self) {
        lock(&self.shards).clear();
    }
}

impl Broker {
    /// A producer id and an epoch for a transactional id. A transaction that is open is
    /// aborted.
    ///
    /// # Errors
    /// `CONCURRENT_TRANSACTIONS` where the client has to come again, `PRODUCER_FENCED`;
    /// `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn initialize_producer(
        &self,
        id: &str,
        expected: Option<Producer>,
        timeout_ms: i32,
    ) -> Result<Producer, ErrorCode> {
        self.transacting(id, |desk| {
            let version = server_version(&self.image());
            let mut new_id = || self.producer_id_or_error();
            // Once to abort what is open, once more for the answer.
            for _ in 0..2 {
                let now_ms = self.host.now_ms();
                let known = &desk.state.transactions;
                match known.initialize(id, expected, timeout_ms, version, now_ms, &mut new_id)? {
                    Initialized::Ready(ready) => {
                        let producer = (ready.producer_id, ready.epoch);
                        desk.write(id, ready)?;
                        return Ok(producer);
                    }
                    Initialized::Abort(aborted) => _ = desk.decide(id, aborted)?,
                }
            }
            Err(ErrorCode::ConcurrentTransactions)
        })
    }

    /// Takes partitions into the transaction of an id.
    ///
    /// # Errors
    /// As [`Transactions::add`]; `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn add_to_transaction(
        &self,
        id: &str,
        producer: Producer,
        partitions: &BTreeSet<Partition>,
        client_version: i16,
    ) -> Result<(), ErrorCode> {
        self.transacting(id, |desk| {
            desk.add(id, producer, partitions, client_version)
        })
    }

    /// Whether partitions are in the transaction of an id: an answer for each.
    ///
    /// # Errors
    /// As [`Transactions::verify`]; `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn verify_in_transaction(
        &self,
        id: &str,
        producer: Producer,
        partitions: &[Partition],
    ) -> Result<Vec<ErrorCode>, ErrorCode> {
        self.transacting(id, |desk| {
            let known = &desk.state.transactions;
            known.verify(id, producer, partitions.iter())
        })
    }

    /// Has a partition join the transaction of an id, and does the first thing there.
    ///
    /// # Errors
    /// `INVALID_TXN_STATE` without an id; as [`Transactions::add`] or
    /// [`Transactions::verify`]; `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn join_transaction<R>(
        &self,
        joining: Joining<'_>,
        partition: Partition,
        work: impl FnOnce() -> R,
    ) -> Result<R, ErrorCode> {
        let Joining { id, producer, adds } = joining;
        self.transacting(id, |desk| {
            if adds {
                desk.add(id, producer, &[partition].into(), FIRST_WITH_EPOCHS)?;
            } else {
                let known = &desk.state.transactions;
                let codes = known.verify(id, producer, std::iter::once(&partition))?;
                let missing = codes.into_iter().find(|code| *code != ErrorCode::None);
                missing.map_or(Ok(()), Err)?;
            }
            Ok(work())
        })
    }

    /// Ends the transaction of an id; the producer that goes on.
    ///
    /// # Errors
    /// As [`Transactions::end`]; `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn end_transaction(
        &self,
        id: &str,
        producer: Producer,
        commit: bool,
        client_version: i16,
    ) -> Result<Producer, ErrorCode> {
        self.transacting(id, |desk| {
            let now_ms = self.host.now_ms();
            let known = &desk.state.transactions;
            let mut new_id = || self.producer_id_or_error();
            match known.end(id, producer, commit, client_version, now_ms, &mut new_id)? {
                Ended::Already(producer, epoch) => Ok((producer, epoch)),
                Ended::Prepared(prepared) => {
                    let next = desk.decide(id, prepared)?;
                    Ok((next.producer_id, next.epoch))
                }
            }
        })
    }

    /// Where a transactional id stands.
    ///
    /// # Errors
    /// `TRANSACTIONAL_ID_NOT_FOUND`, `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn transaction(&self, id: &str) -> Result<Transaction, ErrorCode> {
        self.transacting(id, |desk| {
            let known = desk.state.transactions.get(id);
            known.cloned().ok_or(ErrorCode::TransactionalIdNotFound)
        })
    }

    /// Shows every transactional id.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn each_transaction(
        &self,
        mut show: impl FnMut(&str, &Transaction),
    ) -> Result<(), ErrorCode> {
        for partition in 0..self.state_partitions().map_or(0, NonZeroU32::get) {
            self.transacting_at(partition.cast_signed(), |desk| {
                let known = desk.state.transactions.iter();
                known.for_each(|(id, transaction)| show(id, transaction));
                Ok(())
            })?;
        }
        Ok(())
    }

    /// `transaction.partition.verification.enable`, which may change: whether batches of
    /// older clients are only taken where their partition was added.
    pub(crate) fn verifies_transactions(&self) -> bool {
        const NAME: &str = "transaction.partition.verification.enable";
        let set = || self.config.set.get(NAME)?.parse().ok();
        self.dynamic(NAME).or_else(set).unwrap_or(true)
    }

    fn producer_id_or_error(&self) -> Result<ProducerId, ErrorCode> {
        self.new_producer_id().map_err(|error| {
            tracing::error!(%error, "no producer id");
            super::error_code(&error)
        })
    }

    /// How many partitions `__transaction_state` has; `None` if there is none.
    fn state_partitions(&self) -> Option<NonZeroU32> {
        let image = self.image();
        let count = image.topic(TRANSACTIONS_TOPIC)?.partitions.len();
        NonZeroU32::new(u32::try_from(count).ok()?)
    }

    fn transacting<R>(
        &self,
        id: &str,
        work: impl FnOnce(&mut Desk<'_>) -> Result<R, ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let count = self.state_partitions().ok_or(ErrorCode::NotCoordinator)?;
        self.transacting_at(transaction_partition(id, count).get(), work)
    }

    fn transacting_at<R>(
        &self,
        partition: i32,
        work: impl FnOnce(&mut Desk<'_>) -> Result<R, ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let shard = self.transactions.shard(partition);
        let mut held = lock(&shard.state);
        let state = match held.as_mut() {
            Some(state) => state,
            None => {
                let loaded = self.load_transactions(partition).map_err(|error| {
                    tracing::error!(partition, %error, "cannot read {TRANSACTIONS_TOPIC}");
                    ErrorCode::CoordinatorNotAvailable
                })?;
                let state = held.insert(loaded);
                let mut desk = Desk {
                    broker: self,
                    state,
                };
                for id in desk.state.transactions.prepared() {
                    desk.finish(&id, true);
                }
                desk.state
            }
        };
        work(&mut Desk {
            broker: self,
            state,
        })
    }

    fn load_transactions(&self, partition: i32) -> Result<State> {
        let replica = self.replica(&named(TRANSACTIONS_TOPIC, partition))?;
        let mut transactions = Transactions::default();
        replay_states(&replica.view(), |id, value| {
            transactions.replay(&id, value.as_ref());
        })?;
        let epoch = replica.ends().epoch.get();
        Ok(State {
            transactions,
            replica,
            epoch,
            unfinished: BTreeSet::new(),
        })
    }
}

impl Desk<'_> {
    fn add(
        &mut self,
        id: &str,
        producer: Producer,
        partitions: &BTreeSet<Partition>,
        client_version: i16,
    ) -> Result<(), ErrorCode> {
        let now_ms = self.broker.host.now_ms();
        let known = &self.state.transactions;
        match known.add(id, producer, partitions, client_version, now_ms)? {
            Some(next) => self.write(id, next),
            None => Ok(()),
        }
    }

    /// Writes where an id stands, and has it so.
    fn write(&mut self, id: &str, transaction: Transaction) -> Result<(), ErrorCode> {
        let version = i16::from(server_version(&self.broker.image()) > 0);
        let value = TransactionRecordValue::Transaction(transaction.value(version)).at(version);
        let value = value.to_bytes();
        let written = value
            .map_err(|error| state_log::invalid(&self.state.replica, error))
            .and_then(|value| self.write_record(id, Some(value)));
        if let Err(error) = written {
            tracing::error!(id, %error, "cannot write {TRANSACTIONS_TOPIC}");
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.state.transactions.put(id, transaction);
        Ok(())
    }

    fn write_record(&self, id: &str, value: Option<Vec<u8>>) -> Result<()> {
        let replica = &self.state.replica;
        let key = TransactionRecordKey::Transaction(TransactionKey {
            transactional_id: id.to_owned(),
            ..TransactionKey::default()
        });
        let key = key.to_bytes();
        let key = key.map_err(|error| state_log::invalid(replica, error))?;
        let durable = self.broker.config.flush_before_acknowledge;
        let now = Some(self.broker.now());
        state_log::write(replica, &[(key, value)], None, now, durable)
    }

    /// Decides a transaction, and takes it to its end as far as that goes now: what comes
    /// after it.
    fn decide(&mut self, id: &str, prepared: Transaction) -> Result<Transaction, ErrorCode> {
        let next = prepared.complete(self.broker.host.now_ms());
        self.write(id, prepared)?;
        self.finish(id, false);
        Ok(next)
    }
}
