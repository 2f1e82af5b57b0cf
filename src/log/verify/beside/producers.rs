//! The producers of a partition, replayed from its batches as Kafka keeps them, with
//! what cannot be known from them: what came before the log's start, and what the
//! cleaner or damage took away.
//!
//! Source: `ProducerStateManager`, `ProducerAppendInfo`, `ProducerStateEntry`.

use crate::format::batch::{Header, Producer};
use crate::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// Producers that are kept at most: those that were silent for longest go, as they
/// do in Kafka after `producer.id.expiration.ms`.
const MOST: usize = 100_000;

/// The producers up to some offset.
pub(super) struct Producers {
    places: HashMap<ProducerId, usize>,
    states: Vec<State>,
    /// The one that wrote the batch before, which likely writes the next.
    last: usize,
    /// First offsets of open transactions.
    open: BTreeMap<Offset, ProducerId>,
    /// Whether everything from offset 0 on is there: what the log does not tell of, was
    /// not.
    pub(super) whole: bool,
    /// Whether the cleaner took records, batches or markers out: offsets are missing,
    /// which it never gives to others.
    pub(super) compacted: bool,
    /// Whether damage hides batches: nothing is certain from there on.
    pub(super) hidden: bool,
    /// Whether producers were forgotten here, for want of memory.
    pub(super) forgot: bool,
    /// Whether there are batches of magic 2: of a Kafka that keeps snapshots.
    pub(super) modern: bool,
    /// The first offset of the log.
    pub(super) start: Option<Offset>,
    next: Option<Offset>,
}

/// What is known of one producer.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub(super) id: ProducerId,
    pub(super) epoch: ProducerEpoch,
    pub(super) last: Option<Last>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) coordinator_epoch: Option<i32>,
    /// Whether a marker was the last thing of it.
    pub(super) ended: bool,
    /// Where its open transaction starts.
    pub(super) transaction: Option<Offset>,
    /// Whether that is where it starts for certain.
    pub(super) certain: bool,
    /// Whether a batch is lost behind its start: it may have been its end, or that of
    /// the one before.
    pub(super) broken: bool,
    /// Whether the transaction has an empty batch alone, of which the cleaner may have
    /// taken the marker.
    pub(super) hollow: bool,
}

/// Its last data batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) sequence: i32,
    pub(super) offset: Offset,
    pub(super) delta: i32,
}

/// A transaction that a marker ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) id: ProducerId,
    pub(super) marker: Offset,
    /// Its first offset, where a batch of it is in the log.
    pub(super) first: Option<Offset>,
    /// Whether that is the first offset for certain.
    pub(super) certain: bool,
    /// Whether another transaction may have ended, and this one begun, behind it.
    pub(super) broken: bool,
    pub(super) hollow: bool,
    pub(super) aborted: bool,
    /// The last stable offset right behind the marker.
    pub(super) stable: Offset,
}

/// What a batch did.
#[derive(Debug, Clone, Copy)]
pub(super) enum Did {
    Nothing,
    /// A transaction began.
    Began(ProducerId, Offset),
    Ended(Ended),
}

impl Producers {
    pub(super) fn new() -> Self {
        Self {
            places: HashMap::new(),
            states: Vec::new(),
            last: 0,
            open: BTreeMap::new(),
            whole: false,
            compacted: false,
            hidden: false,
            forgot: false,
            modern: false,
            start: None,
            next: None,
        }
    }

    /// What is known of a producer.
    pub(super) fn get(&self, id: ProducerId) -> Option<&State> {
        self.places.get(&id).map(|at| &self.states[*at])
    }

    /// The open transactions: first offsets and producers.
    pub(super) fn open(&self) -> impl Iterator<Item = &State> {
        self.open.values().filter_map(|id| self.get(*id))
    }

    /// Whether no batch of a producer was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Takes the next batch. The marker is that of an end of a transaction.
    #[inline]
    pub(super) fn batch(
        &mut self,
        base: Offset,
        last: Offset,
        header: Option<&Header>,
        marker: Option<(bool, i32)>,
    ) -> Did {
        match self.next {
            Some(next) if next == base => {}
            Some(_) => self.compacted = true,
            None => {
                self.start = Some(base);
                self.whole = base == Offset::ZERO;
            }
        }
        self.next = Some(last.next());
        let Some(header) = header else {
            return Did::Nothing;
        };
        self.modern = true;
        if header.record_count as i64 != last.get() - base.get() + 1 {
            self.compacted = true;
        }
        let Some(producer) = header.producer else {
            if header.record_count == 0 {
                self.lose();
            }
            return Did::Nothing;
        };
        match (header.attributes.is_control(), marker) {
            (false, _) => self.data(header, producer),
            (true, Some((commit, coordinator))) => {
                self.marker(header, producer, commit, coordinator)
            }
            // Of a marker, the cleaner leaves an empty batch.
            (true, None) => Did::Nothing,
        }
    }

    /// Takes note of a batch of nobody that holds nothing: the place of a lost one,
    /// which may have been the end of any transaction.
    fn lose(&mut self) {
        for id in self.open.values() {
            if let Some(at) = self.places.get(id) {
                self.states[*at].broken = true;
            }
        }
    }

    fn data(&mut self, header: &Header, producer: Producer) -> Did {
        let known = self.find(producer);
        let surely_first = self.whole && !self.compacted && !self.hidden;
        let state = &mut self.states[self.last];
        state.timestamp = header.max_timestamp;
        state.ended = false;
        state.last = header.last_sequence().map(|sequence| Last {
            sequence,
            offset: header.last_offset,
            delta: i32::try_from(header.last_offset.get() - header.base_offset.get())
                .unwrap_or(i32::MAX),
        });
        if header.attributes.is_transactional() && state.transaction.is_none() {
            state.transaction = Some(header.base_offset);
            state.certain = known || surely_first;
            state.broken = false;
            state.hollow = header.record_count == 0;
            self.open.insert(header.base_offset, producer.id);
            return Did::Began(producer.id, header.base_offset);
        }
        state.hollow &= header.record_count == 0;
        Did::Nothing
    }

    fn marker(
        &mut self,
        header: &Header,
        producer: Producer,
        commit: bool,
        coordinator: i32,
    ) -> Did {
        self.find(producer);
        let state = &mut self.states[self.last];
        state.timestamp = header.max_timestamp;
        state.coordinator_epoch = Some(coordinator);
        state.ended = true;
        let first = state.transaction.take();
        let (certain, broken, hollow) = (state.certain, state.broken, state.hollow);
        if let Some(first) = first {
            self.open.remove(&first);
        }
        let oldest = self.open.keys().next().copied();
        Did::Ended(Ended {
            id: producer.id,
            marker: header.base_offset,
            first,
            certain,
            broken,
            hollow,
            aborted: !commit,
            stable: oldest.unwrap_or(header.next_offset()),
        })
    }

    /// Makes `last` the producer's place; whether it was known before.
    fn find(&mut self, producer: Producer) -> bool {
        let known = match self.states.get(self.last) {
            Some(state) if state.id == producer.id => true,
            _ => self.look_up(producer),
        };
        let state = &mut self.states[self.last];
        if producer.epoch > state.epoch {
            state.epoch = producer.epoch;
            state.last = None;
        }
        known
    }

    fn look_up(&mut self, producer: Producer) -> bool {
        if let Some(at) = self.places.get(&producer.id) {
            self.last = *at;
            return true;
        }
        if self.states.len() >= MOST {
            self.forget();
        }
        self.last = self.states.len();
        self.places.insert(producer.id, self.last);
        self.states.push(State {
            id: producer.id,
            epoch: producer.epoch,
            last: None,
            timestamp: None,
            coordinator_epoch: None,
            ended: false,
            transaction: None,
            certain: false,
            broken: false,
            hollow: false,
        });
        false
    }

    /// Forgets the older half of those without a transaction.
    fn forget(&mut self) {
        self.forgot = true;
        let half = self.states.len() / 2;
        let mut states = std::mem::take(&mut self.states);
        states.sort_by_key(|state| (state.transaction.is_some(), state.last.map(|l| l.offset)));
        self.states = states.split_off(half);
        self.places = self
            .states
            .iter()
            .enumerate()
            .map(|(at, state)| (state.id, at))
            .collect();
        let places = &self.places;
        self.open.retain(|_, id| places.contains_key(id));
    }
}
