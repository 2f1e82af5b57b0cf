//! One transactional id, and the steps from where it stands.

use super::NewId;
use crate::format::transaction_state::{
    TransactionPartitions, TransactionStatus, TransactionValue,
};
use crate::format::types::{PartitionId, ProducerEpoch, ProducerId, Timestamp};
use crate::protocol::ErrorCode;
use std::collections::BTreeSet;

/// The version of transactions from which on each transaction has an epoch of its own.
pub const FIRST_WITH_EPOCHS: i16 = 2;

/// The last epoch that a client is told: the one after it is for fencing.
const LAST_EPOCH: i16 = i16::MAX - 1;

/// A topic and the number of a partition.
pub type Partition = (String, i32);

/// Where a transactional id stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// The producer before the last step.
    pub previous_producer_id: Option<ProducerId>,
    /// The producer that takes over once the markers are written: the epochs are used up.
    pub next_producer_id: Option<ProducerId>,
    /// The producer's epoch.
    pub epoch: ProducerEpoch,
    /// The epoch before a client raised it: one that did not hear the answer asks again.
    /// It is not in the log.
    pub last_epoch: Option<ProducerEpoch>,
    /// How long a transaction may stay open.
    pub timeout_ms: i32,
    /// The state.
    pub status: TransactionStatus,
    /// The partitions in the transaction; none once its markers are written.
    pub partitions: BTreeSet<Partition>,
    /// When the last transaction began.
    pub start_ms: Option<i64>,
    /// When this last changed.
    pub updated_ms: i64,
    /// The version of transactions that the client goes by.
    pub client_version: i16,
}

/// What a client that asks for a producer id comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initialized {
    /// This is to be written, and then told.
    Ready(Transaction),
    /// First the transaction that was open is to be aborted: this written, its markers, its
    /// completion; then the client is to ask again.
    Abort(Transaction),
}

/// What a client that ends a transaction comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It has been ended so before: the producer that goes on.
    Already(ProducerId, ProducerEpoch),
    /// This is to be written, then its markers, then its completion.
    Prepared(Transaction),
}

impl Transaction {
    /// An id that was never used.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: Some(producer_id),
            next_producer_id: None,
            epoch: ProducerEpoch::new(0),
            last_epoch: None,
            timeout_ms,
            status: TransactionStatus::Empty,
            partitions: BTreeSet::new(),
            start_ms: None,
            updated_ms: now_ms,
            client_version: 0,
        }
    }

    /// As a record has it, unless it is in a state that is not known.
    pub(super) fn of(value: &TransactionValue) -> Option<Self> {
        let status = value.status()?;
        let topics = value.transaction_partitions.iter().flatten();
        let partitions = topics.flat_map(|topic| {
            let numbers = topic.partition_ids.iter();
            numbers.map(|number| (topic.topic.clone(), number.get()))
        });
        Some(Self {
            producer_id: value.producer_id?,
            previous_producer_id: value.previous_producer_id,
            next_producer_id: value.next_producer_id,
            epoch: value.producer_epoch?,
            last_epoch: None,
            timeout_ms: value.transaction_timeout_ms,
            status,
            partitions: partitions.collect(),
            start_ms: value.transaction_start_timestamp_ms.map(Timestamp::get),
            updated_ms: value
                .transaction_last_update_timestamp_ms
                .map_or(0, Timestamp::get),
            client_version: value.client_transaction_version,
        })
    }

    /// As a record of this version has it.
    pub fn value(&self, version: i16) -> TransactionValue {
        let mut topics: Vec<TransactionPartitions> = Vec::new();
        for (topic, number) in &self.partitions {
            if topics.last().is_none_or(|last| last.topic != *topic) {
                topics.push(TransactionPartitions {
                    topic: topic.clone(),
                    ..TransactionPartitions::default()
                });
            }
            if let Some(last) = topics.last_mut() {
                last.partition_ids.push(PartitionId::new(*number));
            }
        }
        let mut value = TransactionValue {
            producer_id: Some(self.producer_id),
            producer_epoch: Some(self.epoch),
            transaction_timeout_ms: self.timeout_ms,
            transaction_status: self.status.to_wire(),
            transaction_partitions: (self.status != TransactionStatus::Empty).then_some(topics),
            transaction_last_update_timestamp_ms: Timestamp::from_wire(self.updated_ms),
            transaction_start_timestamp_ms: self.start_ms.and_then(Timestamp::from_wire),
            ..TransactionValue::default()
        };
        if version > 0 {
            value.previous_producer_id = self.previous_producer_id;
            value.next_producer_id = self.next_producer_id;
            value.client_transaction_version = self.client_version;
        }
        value
    }

    /// Whether it is decided, with markers still to be written.
    pub const fn is_prepared(&self) -> bool {
        matches!(
            self.status,
            TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort
        )
    }

    /// Whether it is decided that its records count.
    pub const fn commits(&self) -> bool {
        matches!(self.status, TransactionStatus::PrepareCommit)
    }

    const fn is_used_up(&self) -> bool {
        self.epoch.get() >= LAST_EPOCH
    }

    /// The next step, of which nothing is said yet.
    fn step(&self, status: TransactionStatus, now_ms: i64) -> Self {
        Self {
            previous_producer_id: Some(self.producer_id),
            status,
            updated_ms: now_ms,
            ..self.clone()
        }
    }

    pub(super) fn initialize(
        &self,
        expected: Option<(ProducerId, ProducerEpoch)>,
        timeout_ms: i32,
        server_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Initialized, ErrorCode> {
        if let Some((id, epoch)) = expected
            && id != self.producer_id
            // Whoever used the last epoch up may have missed that it got another id.
            && !(Some(id) == self.previous_producer_id && epoch.get() >= LAST_EPOCH)
        {
            return Err(ErrorCode::ProducerFenced);
        }
        match self.status {
            TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            TransactionStatus::Ongoing => {
                let aborted = self.fence(server_version, now_ms, new_id)?;
                Ok(Initialized::Abort(aborted))
            }
            _ => {
                let epoch = expected.map(|(_, epoch)| epoch);
                let ready = self.raise(epoch, timeout_ms, now_ms, new_id)?;
                Ok(Initialized::Ready(ready))
            }
        }
    }

    /// The next epoch of the producer, or the first of another one.
    fn raise(
        &self,
        expected: Option<ProducerEpoch>,
        timeout_ms: i32,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Self, ErrorCode> {
        let is_current = expected.is_none_or(|epoch| epoch == self.epoch);
        let mut next = self.step(TransactionStatus::Empty, now_ms);
        next.timeout_ms = timeout_ms;
        next.partitions.clear();
        next.start_ms = None;
        if self.is_used_up() && is_current {
            next.producer_id = new_id()?;
            next.epoch = ProducerEpoch::new(0);
            next.last_epoch = expected.and(Some(self.epoch));
        } else if is_current {
            next.epoch = ProducerEpoch::new(self.epoch.get() + 1);
            next.last_epoch = expected.and(Some(self.epoch));
        } else if expected != self.last_epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        Ok(next)
    }

    /// Aborts what is open, in an epoch that its client does not have.
    pub fn fence(
        &self,
        server_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Self, ErrorCode> {
        let status = TransactionStatus::PrepareAbort;
        if server_version >= FIRST_WITH_EPOCHS {
            return self.prepare_raising(status, server_version, now_ms, new_id);
        }
        let mut next = self.step(status, now_ms);
        next.epoch = ProducerEpoch::new(self.epoch.get().saturating_add(1));
        next.last_epoch = None;
        next.client_version = 0;
        Ok(next)
    }

    pub(super) fn add(
        &self,
        partitions: &BTreeSet<Partition>,
        client_version: i16,
        now_ms: i64,
    ) -> Option<Self> {
        let is_open = self.status == TransactionStatus::Ongoing;
        if is_open && partitions.is_subset(&self.partitions) {
            return None;
        }
        let mut next = self.step(TransactionStatus::Ongoing, now_ms);
        next.partitions.extend(partitions.iter().cloned());
        next.client_version = client_version;
        if !is_open {
            next.start_ms = Some(now_ms);
        }
        Some(next)
    }

    /// Ends it for a client whose epoch stays.
    pub(super) fn end_keeping(
        &self,
        (producer, epoch): (ProducerId, ProducerEpoch),
        commit: bool,
        now_ms: i64,
    ) -> Result<Ended, ErrorCode> {
        use TransactionStatus as Status;
        if producer != self.producer_id {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        if epoch != self.epoch {
            return Err(ErrorCode::ProducerFenced);
        }
        match (self.status, commit) {
            (Status::Ongoing, _) => {
                let mut next = self.step(prepare(commit), now_ms);
                next.client_version = 0;
                Ok(Ended::Prepared(next))
            }
            (Status::CompleteCommit, true) | (Status::CompleteAbort, false) => {
                Ok(Ended::Already(self.producer_id, self.epoch))
            }
            (Status::PrepareCommit, true) | (Status::PrepareAbort, false) => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// Ends it for a client that gets another epoch for its next one.
    pub(super) fn end_raising(
        &self,
        (producer, epoch): (ProducerId, ProducerEpoch),
        commit: bool,
        client_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Ended, ErrorCode> {
        use TransactionStatus as Status;
        let is_current = epoch == self.epoch;
        // Whoever has not heard the answer comes with the epoch before.
        let after_raise = i32::from(self.epoch.get()) == i32::from(epoch.get()) + 1;
        let after_exchange = self.previous_producer_id == Some(producer)
            && epoch.get() == LAST_EPOCH
            && self.epoch.get() == 0;
        let again = after_raise || after_exchange;
        if producer != self.producer_id && !after_exchange {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        let is_known = match self.status {
            Status::Ongoing | Status::Empty | Status::Dead => is_current,
            Status::PrepareCommit | Status::PrepareAbort => after_raise,
            Status::CompleteCommit | Status::CompleteAbort => is_current || again,
        };
        if !is_known {
            return Err(ErrorCode::ProducerFenced);
        }
        match (self.status, commit) {
            (Status::Ongoing, _) => {
                let next = self.prepare_raising(prepare(commit), client_version, now_ms, new_id)?;
                Ok(Ended::Prepared(next))
            }
            (Status::CompleteCommit, true) | (Status::CompleteAbort, false) if again => {
                Ok(Ended::Already(self.producer_id, self.epoch))
            }
            // One that nothing was written in: the epoch is raised all the same.
            (Status::Empty, false) => self.abort_nothing(client_version, now_ms, new_id),
            (Status::CompleteCommit | Status::CompleteAbort, false) if !again => {
                self.abort_nothing(client_version, now_ms, new_id)
            }
            (Status::PrepareCommit, true) | (Status::PrepareAbort, false) => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    fn abort_nothing(
        &self,
        client_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Ended, ErrorCode> {
        let status = TransactionStatus::PrepareAbort;
        let mut next = self.prepare_raising(status, client_version, now_ms, new_id)?;
        next.start_ms = Some(now_ms);
        Ok(Ended::Prepared(next))
    }

    fn prepare_raising(
        &self,
        status: TransactionStatus,
        client_version: i16,
        now_ms: i64,
        new_id: NewId<'_>,
    ) -> Result<Self, ErrorCode> {
        let mut next = self.step(status, now_ms);
        next.next_producer_id = match self.is_used_up() {
            true => Some(new_id()?),
            false => None,
        };
        next.epoch = ProducerEpoch::new(self.epoch.get().saturating_add(1));
        next.last_epoch = Some(self.epoch);
        next.client_version = client_version;
        Ok(next)
    }

    /// Where it stands once its markers are written.
    #[must_use]
    pub fn complete(&self, now_ms: i64) -> Self {
        let status = match self.commits() {
            true => TransactionStatus::CompleteCommit,
            false => TransactionStatus::CompleteAbort,
        };
        let mut next = self.step(status, now_ms);
        next.partitions.clear();
        next.next_producer_id = None;
        if self.client_version >= FIRST_WITH_EPOCHS
            && let Some(producer) = self.next_producer_id
        {
            next.producer_id = producer;
            next.epoch = ProducerEpoch::new(0);
        }
        next
    }
}

const fn prepare(commit: bool) -> TransactionStatus {
    match commit {
        true => TransactionStatus::PrepareCommit,
        false => TransactionStatus::PrepareAbort,
    }
}
