//! A random produce session through the library, on a simulated machine whose
//! operations are recorded, with a ledger of what was promised when.

use crate::model::{Batch, Ledger, State, Writer};
use ottla::format::batch::Producer;
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::control::{ControlType, EndTxnMarker};
use ottla::format::record::Headers;
use ottla::format::{ProducerEpoch, ProducerId, Timestamp};
use ottla::host::sim::{Rng, SimHost};
use ottla::host::{Durability, Host};
use ottla::log::layout::TopicPartition;
use ottla::log::partition::{Partition, Placement};
use ottla::log::session::Session;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) const DATA: &str = "/data";

/// A topic's name and a partition's number.
pub(crate) type At = (String, i32);

/// A session that is going on.
pub(crate) struct Script {
    pub(crate) host: SimHost,
    pub(crate) ledger: Ledger,
    rng: Rng,
    session: Option<Session>,
    durability: Durability,
    open: BTreeMap<At, Partition>,
    /// Another tool at work in the directory, which never syncs.
    rival: Option<(Session, BTreeMap<At, Partition>)>,
    logs: BTreeMap<At, Vec<Batch>>,
    counter: u64,
    has_rival: bool,
}

impl Script {
    /// Runs the session of a seed to its end.
    pub(crate) fn run(seed: u64) -> Self {
        let host = SimHost::new(seed);
        host.tick_ms(1);
        host.record();
        let mut rng = Rng::new(seed);
        let durability = if rng.percent(85) {
            Durability::Synced
        } else {
            Durability::None
        };
        let mut script = Self {
            host,
            ledger: Ledger::default(),
            rng,
            session: None,
            durability,
            open: BTreeMap::new(),
            rival: None,
            logs: BTreeMap::new(),
            counter: 0,
            has_rival: seed % 4 == 1,
        };
        script.create_topic();
        for _ in 0..8 + script.rng.below(16) {
            script.step();
        }
        if script.rng.percent(70) {
            script.close();
        }
        script
    }

    fn step(&mut self) {
        // In some sessions two tools take turns in one partition.
        let step = match self.has_rival {
            true => [21, 21, 19, 19, 3, 20][self.rng.below(6) as usize],
            false => self.rng.below(23),
        };
        match step {
            20 => self.rival = None,
            21 | 22 => {
                let at = self.any_partition();
                let writer = Writer::Plain;
                let batches = (0..1 + self.rng.below(3)).map(|_| Batch::Data {
                    writer,
                    values: vec![self.value()],
                });
                let batches = batches.collect();
                self.append_by(&at, batches, true);
            }
            0 => self.create_topic(),
            1 => self.close(),
            2 => {
                // As killed: what it appended is in the files.
                self.open.clear();
                self.session = None;
            }
            3..=6 => self.sync(),
            7..=8 => self.end_transaction(),
            9..=11 => self.append_some(|rng| Writer::Transactional(200 + rng.below(2) as i64)),
            12..=14 => self.append_some(|rng| Writer::Idempotent(100 + rng.below(2) as i64)),
            _ => self.append_some(|_| Writer::Plain),
        }
    }

    fn create_topic(&mut self) {
        let name = format!("topic{}", self.ledger.topics.len());
        let partitions = 1 + self.rng.below(2) as i32 * i32::from(!self.has_rival);
        let segment_bytes = match self.has_rival {
            true => 700,
            false => [700, 2500, 1 << 30][self.rng.below(3) as usize],
        };
        let interval = [1, 300, 4096][self.rng.below(3) as usize];
        let configs = [
            ("segment.bytes".to_owned(), segment_bytes.to_string()),
            ("index.interval.bytes".to_owned(), interval.to_string()),
        ];
        self.session()
            .create_topic(&name, partitions, &configs)
            .unwrap();
        for number in 0..partitions {
            self.logs.insert((name.clone(), number), Vec::new());
        }
        self.ledger.topics.push(crate::model::Created {
            name,
            partitions,
            done: self.host.mutations(),
            is_durable: self.durability == Durability::Synced,
        });
    }

    fn append_some(&mut self, writer: impl Fn(&mut Rng) -> Writer) {
        let at = self.any_partition();
        let writer = writer(&mut self.rng);
        let count = 1 + self.rng.below(3);
        let batches = (0..count).map(|_| {
            let values = 1 + self.rng.below(4);
            let values = (0..values).map(|_| self.value()).collect();
            Batch::Data { writer, values }
        });
        let batches = batches.collect();
        self.append(&at, batches);
    }

    fn end_transaction(&mut self) {
        let at = self.any_partition();
        let state = State::of(&self.logs[&at]);
        let commit = self.rng.percent(50);
        if let Some((&producer, _)) = state.open.first_key_value() {
            self.append(&at, vec![Batch::Marker { producer, commit }]);
        }
    }

    fn append(&mut self, at: &At, batches: Vec<Batch>) {
        self.append_by(at, batches, false);
    }

    fn append_by(&mut self, at: &At, batches: Vec<Batch>, by_rival: bool) {
        let mut bytes = encode(&self.host, &self.logs[at], &batches);
        let begun = self.host.mutations();
        let partition = match by_rival {
            true => self.rival_partition(at),
            false => self.partition(at),
        };
        partition.append(&mut bytes, Placement::Next).unwrap();
        let done = self.host.mutations();
        self.logs.get_mut(at).unwrap().extend(batches.clone());
        let moments = (begun, done);
        self.ledger.appended(at, batches, by_rival, moments);
    }

    fn rival_partition(&mut self, at: &At) -> &mut Partition {
        let host: Arc<dyn Host> = Arc::new(self.host.clone());
        // A session knows the topics of the time when it was opened.
        let knows = |rival: &(Session, _)| rival.0.image().topic(&at.0).is_some();
        self.rival.take_if(|rival| !knows(rival));
        let (session, open) = self.rival.get_or_insert_with(|| {
            let session = Session::open(&host, Path::new(DATA), Durability::None);
            (session.unwrap(), BTreeMap::new())
        });
        open.entry(at.clone()).or_insert_with(|| {
            let name = TopicPartition::new(at.0.as_str(), at.1);
            session.partition(&name).unwrap()
        })
    }

    /// Syncs every partition that is open.
    fn sync(&mut self) {
        if let Some(session) = &mut self.session {
            session.sync(self.open.values_mut()).unwrap();
            if self.durability == Durability::Synced {
                self.promise();
            }
        }
    }

    /// Leaves as a tool does: first everything is synced, then the session ends.
    fn close(&mut self) {
        if self.durability == Durability::Synced {
            self.sync();
        }
        self.open.clear();
        if let Some(session) = self.session.take() {
            session.close().unwrap();
        }
    }

    fn promise(&mut self) {
        let now = self.host.mutations();
        for at in self.open.keys() {
            self.ledger.durable(at, now);
        }
    }

    fn session(&mut self) -> &mut Session {
        let host: Arc<dyn Host> = Arc::new(self.host.clone());
        let durability = self.durability;
        self.session
            .get_or_insert_with(|| Session::open(&host, Path::new(DATA), durability).unwrap())
    }

    fn partition(&mut self, at: &At) -> &mut Partition {
        if !self.open.contains_key(at) {
            let name = TopicPartition::new(at.0.as_str(), at.1);
            let partition = self.session().partition(&name).unwrap();
            self.open.insert(at.clone(), partition);
        }
        self.open.get_mut(at).unwrap()
    }

    fn any_partition(&mut self) -> At {
        let number = self.rng.below(self.logs.len() as u64) as usize;
        self.logs.keys().nth(number).unwrap().clone()
    }

    fn value(&mut self) -> Vec<u8> {
        self.counter += 1;
        let most = [20, 20, 300, 2000][self.rng.below(4) as usize];
        let fill = self.rng.below(most) as usize;
        format!("{} {}", self.counter, "v".repeat(fill)).into_bytes()
    }
}

/// The bytes of batches to be appended behind `log`.
pub(crate) fn encode(host: &SimHost, log: &[Batch], batches: &[Batch]) -> Vec<u8> {
    let mut state = State::of(log);
    let mut bytes = Vec::new();
    for batch in batches {
        let now = Timestamp::new(host.now_ms());
        let mut builder = BatchBuilder::default();
        let seal = match batch {
            Batch::Data { writer, values } => {
                for value in values {
                    builder
                        .append(Some(now), None, Some(value), Headers::default())
                        .unwrap();
                }
                let id = match *writer {
                    Writer::Plain => None,
                    Writer::Idempotent(id) | Writer::Transactional(id) => Some(id),
                };
                let mut sequence = |id| {
                    let next = state.sequences.entry(id).or_default();
                    let first = *next;
                    *next += values.len() as i32;
                    first
                };
                Seal {
                    producer: id.map(|id| producer(id, Some(sequence(id)))),
                    transactional: matches!(writer, Writer::Transactional(_)),
                    ..Seal::default()
                }
            }
            Batch::Marker {
                producer: id,
                commit,
            } => {
                let kind = if *commit {
                    ControlType::Commit
                } else {
                    ControlType::Abort
                };
                let value = EndTxnMarker {
                    coordinator_epoch: 0,
                }
                .encode();
                let key = kind.encode_key();
                builder
                    .append(Some(now), Some(&key), Some(&value), Headers::default())
                    .unwrap();
                Seal {
                    producer: Some(producer(*id, None)),
                    transactional: true,
                    control: true,
                    ..Seal::default()
                }
            }
        };
        bytes.extend_from_slice(builder.seal(&seal));
    }
    bytes
}

fn producer(id: i64, base_sequence: Option<i32>) -> Producer {
    Producer {
        id: ProducerId::new(id),
        epoch: ProducerEpoch::new(0),
        base_sequence,
    }
}
