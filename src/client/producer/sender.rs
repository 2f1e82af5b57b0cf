//! The thread that sends a producer's batches and hears what became of them.

use super::{Acks, Batch, Event, Settings, Shared, Written};
use crate::client::cluster::{Cluster, Topic};
use crate::client::connection::Connection;
use crate::client::error::{ClientError, Result, is_retriable};
use crate::client::transaction::Writer;
use crate::protocol::messages::Records;
use crate::protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use crate::protocol::{ApiKey, ErrorCode};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often time limits are looked at.
const TICK: Duration = Duration::from_millis(100);

pub(super) struct Sender {
    cluster: Cluster,
    name: String,
    topic: Topic,
    settings: Settings,
    manner: Manner,
    events: mpsc::Sender<Event>,
    shared: Arc<Shared>,
    lanes: BTreeMap<i32, Lane>,
    links: BTreeMap<i32, Link>,
    generation: u64,
    ended: bool,
    /// The leaders may be others by now.
    stale: bool,
}

/// What requests of a transactional producer carry.
struct Manner {
    transactional_id: Option<String>,
    /// The last version that does not have partitions join by themselves, where they do not.
    most: i16,
}

/// What waits for one partition.
#[derive(Default)]
struct Lane {
    queue: VecDeque<Batch>,
    in_flight: usize,
    /// Failed, and to be sent again when nothing is in flight.
    failed: Vec<Batch>,
    tries: u32,
    not_before: Duration,
    next_number: u64,
    reason: String,
}

/// A connection to a leader.
struct Link {
    connection: Connection,
    generation: u64,
    flights: VecDeque<Flight>,
}

struct Flight {
    batch: Batch,
    sent: Duration,
}

impl Sender {
    pub(super) fn new(
        cluster: Cluster,
        name: &str,
        topic: Topic,
        settings: Settings,
        transactional: Option<&Writer>,
        events: mpsc::Sender<Event>,
        shared: Arc<Shared>,
    ) -> Self {
        let adds = transactional.is_some_and(|writer| !writer.joins);
        Self {
            cluster,
            name: name.to_owned(),
            topic,
            settings,
            manner: Manner {
                transactional_id: transactional.map(|writer| writer.id.clone()),
                most: if adds { 11 } else { i16::MAX },
            },
            events,
            shared,
            lanes: BTreeMap::new(),
            links: BTreeMap::new(),
            generation: 0,
            ended: false,
            stale: false,
        }
    }

    /// Works until the end, or a failure for good.
    pub(super) fn run(mut self, queue: &Receiver<Event>) {
        if let Err(error) = self.work(queue) {
            self.shared.fail(error);
        }
        self.shared.end();
        for link in self.links.values() {
            link.connection.shut_down();
        }
    }

    fn work(&mut self, queue: &Receiver<Event>) -> Result<()> {
        loop {
            match queue.recv_timeout(TICK) {
                Ok(event) => self.take(event)?,
                Err(RecvTimeoutError::Timeout) => self.look_at_the_clock()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            // What came meanwhile is taken before anything is sent.
            while let Ok(event) = queue.try_recv() {
                self.take(event)?;
            }
            if self.ended {
                return Ok(());
            }
            self.pump()?;
        }
    }

    fn now(&self) -> Duration {
        self.cluster.host().monotonic()
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Batch(mut batch) => {
                let lane = self.lanes.entry(batch.partition).or_default();
                batch.number = lane.next_number;
                lane.next_number += 1;
                lane.queue.push_back(batch);
                Ok(())
            }
            Event::Frame(generation, frame) => self.answered(generation, frame),
            Event::Broken(generation, error) => self.broken(generation, &error),
            Event::End => {
                self.ended = true;
                Ok(())
            }
        }
    }

    /// Sends what may be sent.
    fn pump(&mut self) -> Result<()> {
        let now = self.now();
        for partition in self.lanes.keys().copied().collect::<Vec<_>>() {
            loop {
                let lane = self.lanes.get_mut(&partition).expect("it was listed");
                lane.gather_failed();
                let ready = lane.failed.is_empty()
                    && !lane.queue.is_empty()
                    && lane.in_flight < self.settings.in_flight
                    && now >= lane.not_before;
                if !ready || !self.send_next(partition, now)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sends the next batch of a partition; `false` where that is not possible now.
    fn send_next(&mut self, partition: i32, now: Duration) -> Result<bool> {
        if self.stale {
            self.refresh()?;
        }
        let leader = self.topic.partitions.get(&partition).and_then(|p| p.leader);
        let most = self.settings.in_flight;
        let sent = match leader {
            None => Err(ClientError::NoLeader {
                partition: format!("{}-{partition}", self.name),
            }),
            Some(leader) => self.link(leader).map(|_| leader),
        };
        let leader = match sent {
            Ok(leader) => leader,
            Err(error) => {
                self.postpone(partition, &error)?;
                return Ok(false);
            }
        };
        let link = self.links.get_mut(&leader).expect("it was just opened");
        if link.flights.len() >= most {
            return Ok(false);
        }
        let lane = self.lanes.get_mut(&partition).expect("it has batches");
        let mut batch = lane.queue.pop_front().expect("it has batches");
        let written = write(
            &mut link.connection,
            &self.name,
            &self.topic,
            &self.settings,
            &self.manner,
            &mut batch,
        );
        let generation = link.generation;
        if self.settings.acks == Acks::None && written.is_ok() {
            let done = Written {
                records: batch.records,
                payload: batch.payload,
            };
            self.shared.answered(batch.bytes.len(), done);
            return Ok(true);
        }
        lane.in_flight += 1;
        link.flights.push_back(Flight { batch, sent: now });
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.is_retriable() => {
                self.broken(generation, &error)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn link(&mut self, node: i32) -> Result<&mut Link> {
        if !self.links.contains_key(&node) {
            let mut connection = self.cluster.own_connection(node)?;
            self.generation += 1;
            let generation = self.generation;
            let mut wire = connection.reader()?;
            let events = self.events.clone();
            std::thread::spawn(move || {
                loop {
                    let frame = wire.frame(ApiKey::Produce);
                    let last = frame.is_err();
                    let event = match frame {
                        Ok(frame) => Event::Frame(generation, frame),
                        Err(error) => Event::Broken(generation, error),
                    };
                    if events.send(event).is_err() || last {
                        return;
                    }
                }
            });
            let link = Link {
                connection,
                generation,
                flights: VecDeque::new(),
            };
            self.links.insert(node, link);
        }
        Ok(self.links.get_mut(&node).expect("it is there"))
    }

    /// A response to the oldest request of a connection.
    fn answered(&mut self, generation: u64, frame: Vec<u8>) -> Result<()> {
        let link = self.links.values_mut().find(|l| l.generation == generation);
        let Some(link) = link else {
            return Ok(());
        };
        let Some(flight) = link.flights.pop_front() else {
            return Ok(());
        };
        let answer = link.connection.accept::<ProduceRequest>(frame)?;
        let address = link.connection.address().clone();
        let response = answer.message.responses.into_iter().next();
        let response = response.and_then(|topic| topic.partition_responses.into_iter().next());
        let response = response.unwrap_or_else(|| PartitionProduceResponse {
            error_code: ErrorCode::UnknownServerError.code(),
            ..Default::default()
        });
        let batch = flight.batch;
        let lane = self.lanes.get_mut(&batch.partition).expect("it was sent");
        lane.in_flight -= 1;
        let code = ErrorCode::from_code(response.error_code);
        // A batch behind one that failed is out of order, and is sent again behind it.
        let behind = code == ErrorCode::OutOfOrderSequenceNumber
            && lane
                .failed
                .iter()
                .any(|failed| failed.number < batch.number);
        match code {
            ErrorCode::None | ErrorCode::DuplicateSequenceNumber => {
                lane.tries = 0;
                let done = Written {
                    records: batch.records,
                    payload: batch.payload,
                };
                self.shared.answered(batch.bytes.len(), done);
                Ok(())
            }
            code => {
                let error = ClientError::Refused {
                    address,
                    api: ApiKey::Produce,
                    about: format!("{}-{}", self.name, batch.partition),
                    code,
                    words: response
                        .error_message
                        .or_else(|| first_record_error(&response.record_errors)),
                };
                if !behind && !is_retriable(code) {
                    return Err(error);
                }
                self.stale = true;
                self.fail_for_now(batch, &error)
            }
        }
    }

    /// Everything in flight on a connection may or may not have been written.
    fn broken(&mut self, generation: u64, error: &ClientError) -> Result<()> {
        let node = self
            .links
            .iter()
            .find(|(_, link)| link.generation == generation)
            .map(|(node, _)| *node);
        let Some(link) = node.and_then(|node| self.links.remove(&node)) else {
            return Ok(());
        };
        link.connection.shut_down();
        self.stale = true;
        for flight in link.flights {
            let lane = self.lanes.get_mut(&flight.batch.partition);
            lane.expect("it was sent").in_flight -= 1;
            self.fail_for_now(flight.batch, error)?;
        }
        Ok(())
    }

    fn fail_for_now(&mut self, batch: Batch, error: &ClientError) -> Result<()> {
        let partition = batch.partition;
        let lane = self.lanes.get_mut(&partition).expect("it was sent");
        lane.failed.push(batch);
        self.postpone(partition, error)
    }

    /// Waits before the partition is tried again; fails where that took too long.
    fn postpone(&mut self, partition: i32, error: &ClientError) -> Result<()> {
        let now = self.now();
        let lane = self.lanes.get_mut(&partition).expect("it has batches");
        lane.tries += 1;
        lane.not_before = now + self.cluster.config().backoff_after(lane.tries);
        lane.reason = error.to_string();
        self.stale = true;
        self.check_time(partition, now)
    }

    fn check_time(&self, partition: i32, now: Duration) -> Result<()> {
        let lane = &self.lanes[&partition];
        let waiting = lane.failed.iter().chain(&lane.queue);
        let waited = waiting.map(|batch| now.saturating_sub(batch.since)).max();
        let waited = waited.unwrap_or_default();
        if waited <= self.settings.delivery_timeout || lane.tries == 0 {
            return Ok(());
        }
        Err(ClientError::NotDelivered {
            partition: format!("{}-{partition}", self.name),
            waited,
            reason: lane.reason.clone(),
        })
    }

    fn look_at_the_clock(&mut self) -> Result<()> {
        let now = self.now();
        for partition in self.lanes.keys() {
            self.check_time(*partition, now)?;
        }
        let limit = self.cluster.config().request_timeout;
        let late = self.links.values().find_map(|link| {
            let waited = now.saturating_sub(link.flights.front()?.sent);
            (waited > limit).then(|| (link.generation, link.connection.address().clone(), waited))
        });
        match late {
            None => Ok(()),
            Some((generation, address, waited)) => {
                let error = ClientError::TimedOut {
                    address,
                    api: ApiKey::Produce,
                    waited,
                };
                self.broken(generation, &error)
            }
        }
    }

    fn refresh(&mut self) -> Result<()> {
        // Metadata that cannot be had leaves the old leaders; the batches' own time
        // limit ends that.
        match self.cluster.topic(&self.name) {
            Ok(Some(topic)) => self.topic = topic,
            Ok(None) => {}
            Err(error) if error.is_retriable() => {}
            Err(error) => return Err(error),
        }
        self.stale = false;
        Ok(())
    }
}

impl Lane {
    /// Puts what failed in front again, once nothing of the partition is in flight.
    fn gather_failed(&mut self) {
        if self.in_flight > 0 {
            return;
        }
        self.failed.sort_unstable_by_key(|batch| batch.number);
        while let Some(batch) = self.failed.pop() {
            self.queue.push_front(batch);
        }
    }
}

/// Writes the request for one batch. A batch has a request of its own: brokers take
/// one batch of a partition in each.
fn write(
    connection: &mut Connection,
    name: &str,
    topic: &Topic,
    settings: &Settings,
    manner: &Manner,
    batch: &mut Batch,
) -> Result<()> {
    let by_id = topic.id != crate::format::Uuid::ZERO;
    let most = if by_id { 13 } else { 12 };
    let version = connection.version_within(ApiKey::Produce, 3, most.min(manner.most))?;
    let timeout = i32::try_from(settings.delivery_timeout.as_millis()).unwrap_or(i32::MAX);
    let request = |records| ProduceRequest {
        transactional_id: manner.transactional_id.clone(),
        acks: match settings.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        },
        timeout_ms: timeout.min(30_000),
        topic_data: vec![TopicProduceData {
            name: name.to_owned(),
            topic_id: topic.id,
            partition_data: vec![PartitionProduceData {
                index: batch.partition,
                records: Some(records),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut request = request(Records::Bytes(std::mem::take(&mut batch.bytes)));
    let written = match settings.acks {
        Acks::None => connection.send_only(&request, version),
        _ => connection.send(&request, version).map(|_| ()),
    };
    let data = &mut request.topic_data[0].partition_data[0];
    if let Some(Records::Bytes(bytes)) = data.records.take() {
        batch.bytes = bytes;
    }
    written
}

fn first_record_error(
    errors: &[crate::protocol::messages::produce::BatchIndexAndErrorMessage],
) -> Option<String> {
    errors
        .first()
        .and_then(|error| error.batch_index_error_message.clone())
}
