//! Many partitions of a topic as they grow: a thread for each leader, which has a
//! fetch session with it and waits at it for records.
//!
//! A thread that meets an error tells it and ends; the caller, who knows how far each
//! partition was taken, starts a new [`Follower`] from there.

use super::{Fetched, Settings, fetched};
use crate::client::cluster::{Cluster, Topic};
use crate::client::connection::Connection;
use crate::client::error::{ClientError, Result};
use crate::client::offsets::leader;
use crate::format::{Offset, Uuid};
use crate::protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchTopic, FetchableTopicResponse,
};
use crate::protocol::{ApiKey, ErrorCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Answers that wait to be taken.
const AHEAD: usize = 2;

/// Reads partitions from positions on, without end.
pub struct Follower {
    pieces: Receiver<Result<Fetched>>,
    stop: Arc<AtomicBool>,
}

impl Follower {
    /// Starts to read.
    pub fn start(
        cluster: &mut Cluster,
        name: &str,
        positions: &BTreeMap<i32, Offset>,
        settings: &Settings,
    ) -> Result<Self> {
        let sessions = cluster.retry(|cluster| sessions(cluster, name, positions, settings))?;
        let (sender, pieces) = sync_channel(AHEAD);
        let stop = Arc::new(AtomicBool::new(false));
        for mut session in sessions {
            let sender = sender.clone();
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                if let Err(error) = session.run(&sender, &stop) {
                    // Nobody may be there any more to hear it.
                    let _ = sender.send(Err(error));
                }
            });
        }
        Ok(Self { pieces, stop })
    }

    /// What comes next; `None` where nothing came in time.
    pub fn next(&self, timeout: Duration) -> Option<Result<Fetched>> {
        match self.pieces.recv_timeout(timeout) {
            Ok(piece) => Some(piece),
            Err(RecvTimeoutError::Timeout) => None,
            // No partition is left to be read.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(timeout);
                None
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // The threads notice when their server answers, or when they have something.
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A fetch session with one leader.
struct Session {
    connection: Connection,
    name: String,
    id: Uuid,
    settings: Settings,
    version: i16,
    session: i32,
    epoch: i32,
    positions: BTreeMap<i32, (Offset, i32)>,
    /// What the server does not know yet.
    changed: BTreeSet<i32>,
}

fn sessions(
    cluster: &mut Cluster,
    name: &str,
    positions: &BTreeMap<i32, Offset>,
    settings: &Settings,
) -> Result<Vec<Session>> {
    let topic: Topic = cluster.must_have(name)?;
    let mut by_leader: BTreeMap<i32, BTreeMap<i32, (Offset, i32)>> = BTreeMap::new();
    for (partition, position) in positions {
        let node = leader(name, &topic, *partition)?;
        let epoch = topic.partitions[partition].epoch;
        let of = by_leader.entry(node).or_default();
        of.insert(*partition, (*position, epoch));
    }
    let most = if topic.id == Uuid::ZERO { 12 } else { 18 };
    by_leader
        .into_iter()
        .map(|(node, positions)| {
            let mut connection = cluster.own_connection(node)?;
            let wait = u64::from(settings.max_wait_ms.unsigned_abs());
            connection.allow(Duration::from_millis(wait))?;
            Ok(Session {
                version: connection.version_within(ApiKey::Fetch, 4, most)?,
                connection,
                name: name.to_owned(),
                id: topic.id,
                settings: settings.clone(),
                session: 0,
                epoch: 0,
                changed: positions.keys().copied().collect(),
                positions,
            })
        })
        .collect()
}

impl Session {
    fn run(&mut self, sender: &SyncSender<Result<Fetched>>, stop: &AtomicBool) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            let request = self.request();
            let answer = self.connection.ask(&request, self.version)?;
            let message = &answer.message;
            match ErrorCode::from_code(message.error_code) {
                ErrorCode::FetchSessionIdNotFound | ErrorCode::InvalidFetchSessionEpoch => {
                    self.restart();
                    continue;
                }
                _ => self.check(message.error_code, "")?,
            }
            self.agree(message.session_id);
            for piece in self.take(&message.responses, answer.body())? {
                if sender.send(Ok(piece)).is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn restart(&mut self) {
        (self.session, self.epoch) = (0, 0);
        self.changed = self.positions.keys().copied().collect();
    }

    /// Goes on with the session that the server gave, if it gave one.
    fn agree(&mut self, session: i32) {
        if session == 0 {
            return self.restart();
        }
        self.session = session;
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        self.changed.clear();
    }

    fn request(&self) -> FetchRequest {
        let settings = &self.settings;
        let has_sessions = self.version >= 7;
        let partitions: Vec<_> = self
            .changed
            .iter()
            .map(|partition| {
                let (position, epoch) = self.positions[partition];
                FetchPartition {
                    partition: *partition,
                    current_leader_epoch: epoch,
                    fetch_offset: position.get(),
                    partition_max_bytes: settings.partition_bytes,
                    ..Default::default()
                }
            })
            .collect();
        let topic = FetchTopic {
            topic: self.name.clone(),
            topic_id: self.id,
            partitions,
            ..Default::default()
        };
        FetchRequest {
            max_wait_ms: settings.max_wait_ms,
            min_bytes: settings.min_bytes,
            max_bytes: settings.max_bytes,
            isolation_level: i8::from(settings.read_committed),
            session_id: if has_sessions { self.session } else { 0 },
            session_epoch: if has_sessions { self.epoch } else { -1 },
            topics: match topic.partitions.is_empty() {
                true => Vec::new(),
                false => vec![topic],
            },
            ..Default::default()
        }
    }

    /// The pieces of a response, each partition's position moved behind its own.
    fn take(&mut self, responses: &[FetchableTopicResponse], body: &[u8]) -> Result<Vec<Fetched>> {
        let mut pieces = Vec::new();
        for data in responses.iter().flat_map(|topic| &topic.partitions) {
            let partition = data.partition_index;
            let Some((position, _)) = self.positions.get_mut(&partition) else {
                continue;
            };
            let about = format!("{}-{partition}", self.name);
            let code = data.error_code;
            self.connection.check(ApiKey::Fetch, code, &about, None)?;
            let piece = fetched(data, *position, body).map_err(|source| ClientError::Format {
                address: self.connection.address().clone(),
                api: ApiKey::Fetch,
                source,
            })?;
            if piece.next > *position {
                *position = piece.next;
                self.changed.insert(partition);
            }
            if !piece.bytes.is_empty() {
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }

    fn check(&self, code: i16, about: &str) -> Result<()> {
        self.connection.check(ApiKey::Fetch, code, about, None)
    }
}
