//! Sealed batches to the leaders of their partitions.
//!
//! One thread, the sender, has the connections; each connection has a thread that
//! reads responses and tells the sender. Invariants:
//!
//! - A partition's batches are written in the order they were given. With
//!   idempotence that also holds across retries: sequence numbers are given once, and
//!   after a failure nothing is sent to the partition until every batch in flight has
//!   been answered; then the failed ones go first.
//! - A batch is answered once: written, or the producer has failed for good.
//! - What waits or is in flight takes at most `buffer.memory` bytes, and one batch.
//!
//! Source: `org.apache.kafka.clients.producer.internals.Sender`, KIP-98.

mod sender;

use super::cluster::{Cluster, Topic};
use super::error::{ClientError, Result};
use super::transaction;
use crate::format::batch::{Header, Producer as Writer};
use crate::format::{ProducerEpoch, ProducerId};
use crate::protocol::ApiKey;
use crate::protocol::messages::init_producer_id::InitProducerIdRequest;
use sender::Sender;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// Which writes count as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// None is waited for.
    None,
    /// The leader has it.
    Leader,
    /// Every replica in sync has it.
    All,
}

/// The settings of a producer.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `acks`.
    pub acks: Acks,
    /// `enable.idempotence`; only with [`Acks::All`].
    pub idempotent: bool,
    /// `max.in.flight.requests.per.connection`: 1 to 5.
    pub in_flight: usize,
    /// `buffer.memory`: bytes.
    pub memory: usize,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `transaction.timeout.ms`: after so long a coordinator aborts what is still open.
    pub transaction_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotent: true,
            in_flight: 5,
            memory: 32 << 20,
            delivery_timeout: Duration::from_secs(120),
            // A run may take long: the longest that Kafka's brokers allow by default.
            transaction_timeout: Duration::from_secs(900),
        }
    }
}

/// What was written for certain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Records.
    pub records: u64,
    /// Bytes of keys and values, as they were told to [`Producer::send`].
    pub payload: u64,
}

/// Writes to one topic.
pub struct Producer {
    events: mpsc::Sender<Event>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    writer: Option<(ProducerId, ProducerEpoch)>,
    is_transactional: bool,
    memory: usize,
}

/// What the sender is told.
enum Event {
    Batch(Batch),
    /// A response from a node's connection, by its generation.
    Frame(u64, Vec<u8>),
    /// The connection of that generation broke.
    Broken(u64, ClientError),
    /// Nothing more comes.
    End,
}

/// A batch on its way.
struct Batch {
    partition: i32,
    bytes: Vec<u8>,
    records: u64,
    payload: u64,
    /// Its place among all batches of the partition.
    number: u64,
    /// When it was given, by the host's clock.
    since: Duration,
}

/// What both sides see.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes that are not answered.
    waiting: usize,
    written: Written,
    failure: Option<ClientError>,
    has_failed: bool,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn answered(&self, bytes: usize, written: Written) {
        let mut state = self.lock();
        state.waiting -= bytes;
        state.written.records += written.records;
        state.written.payload += written.payload;
        drop(state);
        self.changed.notify_all();
    }

    fn fail(&self, error: ClientError) {
        let mut state = self.lock();
        if !state.has_failed {
            state.has_failed = true;
            state.failure = Some(error);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

impl Producer {
    /// Gets a producer id where it is to be idempotent and is not `transactional` anyway,
    /// and starts the sender.
    pub fn start(
        mut cluster: Cluster,
        name: &str,
        topic: Topic,
        settings: Settings,
        transactional: Option<&transaction::Writer>,
    ) -> Result<Self> {
        let writer = match transactional {
            Some(writer) => Some(writer.producer),
            None if settings.idempotent && settings.acks == Acks::All => {
                Some(init_producer_id(&mut cluster)?)
            }
            None => None,
        };
        let (events, queue) = mpsc::channel();
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let memory = settings.memory;
        let sender = Sender::new(
            cluster,
            name,
            topic,
            settings,
            transactional,
            events.clone(),
            Arc::clone(&shared),
        );
        let thread = std::thread::spawn(move || sender.run(&queue));
        Ok(Self {
            events,
            shared,
            thread: Some(thread),
            writer,
            is_transactional: transactional.is_some(),
            memory,
        })
    }

    /// The producer id and epoch that batches carry.
    pub const fn writer(&self) -> Option<(ProducerId, ProducerEpoch)> {
        self.writer
    }

    /// What later batches carry: a transaction has ended. Everything before is answered.
    pub const fn go_on_as(&mut self, producer: (ProducerId, ProducerEpoch)) {
        self.writer = Some(producer);
    }

    /// Gives a batch its sequence number, where it is to have one.
    ///
    /// # Errors
    /// Where it is no batch.
    pub fn number(&self, batch: &mut [u8], sequence: i32) -> crate::format::Result<Header> {
        let mut header = Header::parse(batch)?;
        if let Some((id, epoch)) = self.writer {
            header.producer = Some(Writer {
                id,
                epoch,
                base_sequence: Some(sequence),
            });
            let codec = header.attributes.codec()?;
            let append_time = header.attributes.is_append_time();
            let transactional = self.is_transactional;
            header.attributes = header
                .attributes
                .with(codec, append_time, transactional, false);
            header.write(batch);
        }
        Ok(header)
    }

    /// Hands a batch on, once there is room for it. `now` is the host's clock.
    ///
    /// # Errors
    /// Where the producer has failed: the reason, once.
    pub fn send(&self, partition: i32, bytes: Vec<u8>, what: Written, now: Duration) -> Result<()> {
        let mut state = self.shared.lock();
        while state.waiting > 0 && state.waiting + bytes.len() > self.memory && !state.has_failed {
            state = self.wait(state);
        }
        if state.has_failed {
            return state.failure.take().map_or(Ok(()), Err);
        }
        state.waiting += bytes.len();
        drop(state);
        // A sender that is gone has told why.
        let _ = self.events.send(Event::Batch(Batch {
            partition,
            bytes,
            records: what.records,
            payload: what.payload,
            number: 0,
            since: now,
        }));
        Ok(())
    }

    /// Whether it has failed for good.
    pub fn has_failed(&self) -> bool {
        self.shared.lock().has_failed
    }

    /// Waits until every batch is answered.
    ///
    /// # Errors
    /// Where the producer has failed: the reason, once.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.shared.lock();
        while state.waiting > 0 && !state.has_failed {
            state = self.wait(state);
        }
        state.failure.take().map_or(Ok(()), Err)
    }

    /// What is written so far.
    pub fn written(&self) -> Written {
        self.shared.lock().written
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.shared
            .changed
            .wait(state)
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let _ = self.events.send(Event::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn init_producer_id(cluster: &mut Cluster) -> Result<(ProducerId, ProducerEpoch)> {
    cluster.retry(|cluster| {
        let connection = cluster.any()?;
        let version = connection.version_within(ApiKey::InitProducerId, 0, 5)?;
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        connection.check(ApiKey::InitProducerId, response.error_code, "", None)?;
        Ok((
            ProducerId::new(response.producer_id),
            ProducerEpoch::new(response.producer_epoch),
        ))
    })
}
