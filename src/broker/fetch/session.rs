//! Fetch sessions: a client names its partitions once, then only what changes.

use crate::format::{LeaderEpoch, Offset, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::messages::fetch::{FetchPartition, FetchRequest};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After how long a session that is not used gives its place to a new one.
const EVICT_AFTER: Duration = Duration::from_secs(120);
/// The epoch of a request that begins a session, or goes without one.
const INITIAL: i32 = 0;
const FINAL: i32 = -1;

/// A partition that a client wants records of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) struct Wanted {
    /// Its topic by name, up to version 12.
    pub(in crate::broker) topic: Option<String>,
    /// Its topic by id, from version 13 on.
    pub(in crate::broker) topic_id: Uuid,
    pub(in crate::broker) partition: i32,
    pub(in crate::broker) offset: Offset,
    pub(in crate::broker) most: usize,
    pub(in crate::broker) leader_epoch: Option<LeaderEpoch>,
    pub(in crate::broker) last_fetched_epoch: Option<LeaderEpoch>,
}

impl Wanted {
    fn new(topic: Option<&str>, topic_id: Uuid, partition: &FetchPartition) -> Self {
        Self {
            topic: topic.map(str::to_owned),
            topic_id,
            partition: partition.partition,
            // A negative one is out of range wherever it is looked up.
            offset: Offset::new(partition.fetch_offset),
            most: usize::try_from(partition.partition_max_bytes).unwrap_or(0),
            leader_epoch: LeaderEpoch::from_wire(partition.current_leader_epoch),
            last_fetched_epoch: LeaderEpoch::from_wire(partition.last_fetched_epoch),
        }
    }

    pub(in crate::broker) fn is_same_topic(&self, other: &Self) -> bool {
        self.topic_id == other.topic_id && self.topic == other.topic
    }

    fn key(&self) -> Key {
        (self.topic.clone(), self.topic_id, self.partition)
    }
}

type Key = (Option<String>, Uuid, i32);

/// What the client was told last of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) struct Sent {
    pub(in crate::broker) high_watermark: i64,
    pub(in crate::broker) start: i64,
    pub(in crate::broker) failed: bool,
}

/// What a request comes to.
#[derive(Debug)]
pub(in crate::broker) struct Plan {
    /// 0 without a session.
    pub(in crate::broker) session_id: i32,
    /// Only what is new is told.
    is_incremental: bool,
    pub(in crate::broker) partitions: Vec<Wanted>,
}

struct Session {
    epoch: i32,
    by_id: bool,
    partitions: Vec<(Wanted, Option<Sent>)>,
    places: HashMap<Key, usize>,
    /// Where the next request begins to read: behind those that were served last.
    first: usize,
    used: Duration,
}

impl Session {
    fn set(&mut self, wanted: Wanted) {
        match self.places.get(&wanted.key()) {
            Some(place) => self.partitions[*place].0 = wanted,
            None => {
                self.places.insert(wanted.key(), self.partitions.len());
                self.partitions.push((wanted, None));
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some(place) = self.places.remove(key) {
            self.partitions.swap_remove(place);
            if let Some((moved, _)) = self.partitions.get(place) {
                self.places.insert(moved.key(), place);
            }
        }
    }

    /// All partitions, beginning behind those that were served last.
    fn in_turn(&self) -> Vec<Wanted> {
        let first = self.first.min(self.partitions.len());
        let (ahead, behind) = self.partitions.split_at(first);
        let turned = behind.iter().chain(ahead);
        turned.map(|(wanted, _)| wanted.clone()).collect()
    }
}

/// The sessions of all clients.
pub(in crate::broker) struct Sessions {
    most: usize,
    open: Mutex<(i32, HashMap<i32, Session>)>,
}

impl Sessions {
    pub(in crate::broker) fn new(most: usize) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, (i32, HashMap<i32, Session>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a request asks for, by itself or together with its session.
    ///
    /// # Errors
    /// Where the session is not there or the request is not its next one.
    pub(in crate::broker) fn plan(
        &self,
        request: FetchRequest,
        by_id: bool,
        now: Duration,
    ) -> Result<Plan, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let wanted = request.topics.iter().flat_map(|topic| {
            let name = (!by_id).then_some(topic.topic.as_str());
            let wanted = move |partition| Wanted::new(name, topic.topic_id, partition);
            topic.partitions.iter().map(wanted)
        });
        let mut open = self.open();
        let (last_id, sessions) = &mut *open;
        if epoch == INITIAL || epoch == FINAL {
            sessions.remove(&id);
            let partitions: Vec<_> = wanted.collect();
            let session_id = if epoch == INITIAL {
                self.begin(last_id, sessions, &partitions, by_id, now)
            } else {
                0
            };
            return Ok(Plan {
                session_id,
                is_incremental: false,
                partitions,
            });
        }
        let session = sessions
            .get_mut(&id)
            .ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for topic in &request.forgotten_topics_data {
            let name = (!by_id).then(|| topic.topic.clone());
            for partition in &topic.partitions {
                session.forget(&(name.clone(), topic.topic_id, *partition));
            }
        }
        wanted.for_each(|wanted| session.set(wanted));
        // From the largest on to 1: 0 would begin a session.
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        session.used = now;
        Ok(Plan {
            session_id: id,
            is_incremental: true,
            partitions: session.in_turn(),
        })
    }

    /// Begins a session, if there is a place for it: its id, or 0.
    fn begin(
        &self,
        last_id: &mut i32,
        sessions: &mut HashMap<i32, Session>,
        partitions: &[Wanted],
        by_id: bool,
        now: Duration,
    ) -> i32 {
        if partitions.is_empty() || self.most == 0 {
            return 0;
        }
        if sessions.len() >= self.most {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.used);
            match oldest.map(|(id, session)| (*id, session.used)) {
                Some((id, used)) if now.saturating_sub(used) > EVICT_AFTER => {
                    sessions.remove(&id);
                }
                _ => return 0,
            }
        }
        let id = loop {
            *last_id = last_id.checked_add(1).unwrap_or(1);
            if !sessions.contains_key(last_id) {
                break *last_id;
            }
        };
        let mut session = Session {
            epoch: 1,
            by_id,
            partitions: Vec::with_capacity(partitions.len()),
            places: HashMap::with_capacity(partitions.len()),
            first: 0,
            used: now,
        };
        for wanted in partitions {
            session.set(wanted.clone());
        }
        sessions.insert(id, session);
        id
    }

    /// Takes note of an answer; which of the plan's partitions it has to show.
    pub(in crate::broker) fn note(
        &self,
        plan: &Plan,
        sent: &[Sent],
        has_bytes: &[bool],
    ) -> Vec<bool> {
        let mut shown = vec![true; plan.partitions.len()];
        if plan.session_id == 0 {
            return shown;
        }
        let mut open = self.open();
        let Some(session) = open.1.get_mut(&plan.session_id) else {
            return shown;
        };
        for (number, wanted) in plan.partitions.iter().enumerate() {
            let Some(place) = session.places.get(&wanted.key()).copied() else {
                continue;
            };
            let known = &mut session.partitions[place].1;
            let is_new = *known != Some(sent[number]) || sent[number].failed;
            shown[number] = !plan.is_incremental || is_new || has_bytes[number];
            *known = Some(sent[number]);
            if has_bytes[number] {
                session.first = place + 1;
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests;
