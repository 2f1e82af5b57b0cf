//! Share sessions: a member names its partitions once, then only what changes. A session
//! ends with its connection, and what the member has in hand goes back.
//!
//! Source: `ShareSessionCache`, `SharePartitionManager.newContext` of Apache Kafka 4.3.1.

use crate::format::Uuid;
use crate::protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The epoch of a request that begins a session.
pub const INITIAL: i32 = 0;
/// The epoch of a request that ends a session.
pub const FINAL: i32 = -1;

/// A partition of a topic.
pub type Place = (Uuid, i32);

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// The group.
    pub group_id: String,
    /// The member.
    pub member_id: String,
}

#[derive(Debug, Clone)]
struct ShareSession {
    epoch: i32,
    connection: u64,
    partitions: BTreeSet<Place>,
}

/// The sessions of a broker.
#[derive(Debug, Clone, Default)]
pub struct ShareSessions {
    sessions: BTreeMap<SessionKey, ShareSession>,
    by_connection: HashMap<u64, SessionKey>,
}

impl ShareSessions {
    /// The partitions to fetch, in a session that begins or goes on; none where it ends.
    ///
    /// # Errors
    /// `SHARE_SESSION_NOT_FOUND`, `INVALID_SHARE_SESSION_EPOCH`,
    /// `SHARE_SESSION_LIMIT_REACHED`.
    pub fn fetch(
        &mut self,
        key: &SessionKey,
        epoch: i32,
        connection: u64,
        (added, forgotten): (&[Place], &[Place]),
        most: usize,
    ) -> Result<Vec<Place>, ErrorCode> {
        if epoch == INITIAL {
            self.remove(key);
            if self.sessions.len() >= most {
                return Err(ErrorCode::ShareSessionLimitReached);
            }
            let session = ShareSession {
                epoch: 1,
                connection,
                partitions: added.iter().copied().collect(),
            };
            self.by_connection.insert(connection, key.clone());
            self.sessions.insert(key.clone(), session);
            return Ok(added.to_vec());
        }
        let session = self.sessions.get_mut(key);
        let session = session.ok_or(ErrorCode::ShareSessionNotFound)?;
        if epoch == FINAL {
            return Ok(Vec::new());
        }
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        session.partitions.extend(added);
        for place in forgotten {
            session.partitions.remove(place);
        }
        session.epoch = after(epoch);
        // Another one is first each time.
        let mut places: Vec<Place> = session.partitions.iter().copied().collect();
        if !places.is_empty() {
            let by = usize::try_from(epoch).unwrap_or(0) % places.len();
            places.rotate_left(by);
        }
        Ok(places)
    }

    /// Takes a request without a fetch in.
    ///
    /// # Errors
    /// `SHARE_SESSION_NOT_FOUND`, `INVALID_SHARE_SESSION_EPOCH`.
    pub fn acknowledge(&mut self, key: &SessionKey, epoch: i32) -> Result<(), ErrorCode> {
        if epoch == INITIAL {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        let session = self.sessions.get_mut(key);
        let session = session.ok_or(ErrorCode::ShareSessionNotFound)?;
        if epoch == FINAL {
            return Ok(());
        }
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        session.epoch = after(epoch);
        Ok(())
    }

    /// Ends a session: its partitions, where there was one.
    pub fn remove(&mut self, key: &SessionKey) -> Option<Vec<Place>> {
        let session = self.sessions.remove(key)?;
        if self.by_connection.get(&session.connection) == Some(key) {
            self.by_connection.remove(&session.connection);
        }
        Some(session.partitions.into_iter().collect())
    }

    /// The session that was opened last on a connection.
    pub fn of_connection(&self, connection: u64) -> Option<SessionKey> {
        self.by_connection.get(&connection).cloned()
    }

    /// Whether a group has a session.
    pub fn has_group(&self, group_id: &str) -> bool {
        self.sessions.keys().any(|key| key.group_id == group_id)
    }
}

/// The epoch behind one; 0 is only ever the first.
fn after(epoch: i32) -> i32 {
    match epoch {
        i32::MAX => 1,
        epoch => epoch + 1,
    }
}
