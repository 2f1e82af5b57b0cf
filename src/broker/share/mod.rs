//! Share groups on this broker: the share coordinators ([`states`]), the partitions that
//! groups have in hand ([`partition`]), and what members fetch and say about it
//! ([`fetch`]).
//!
//! Locks are taken in this order: a partition in hand, its coordinator, a log. None of them
//! is held while a group's coordinator is asked.

mod fetch;
mod partition;
mod read;
mod states;

pub(super) use fetch::{acknowledge, fetch};

use super::Broker;
use crate::coordinator::share::sessions::ShareSessions;
use crate::coordinator::share::state::ShareKey;
use crate::coordinator::share::{ShareConfig, in_flight::SharePartition};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The feature that share groups came with.
const FEATURE: &str = "share.version";

/// A partition in hand; `None` where its state was not read yet.
type InHand = Arc<Mutex<Option<SharePartition>>>;

/// What this broker has of share groups.
pub(crate) struct Shares {
    states: Mutex<HashMap<i32, Arc<states::Shard>>>,
    in_hand: Mutex<BTreeMap<ShareKey, InHand>>,
    sessions: Mutex<ShareSessions>,
    last_connection: AtomicU64,
    /// Wakes those who wait for records that somebody lets go of.
    let_go: Notify,
    /// When the next lock ends, as far as the timer knows.
    next_ms: AtomicI64,
    earlier: Notify,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            states: Mutex::default(),
            in_hand: Mutex::default(),
            sessions: Mutex::default(),
            last_connection: AtomicU64::new(0),
            let_go: Notify::new(),
            next_ms: AtomicI64::new(i64::MAX),
            earlier: Notify::new(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shares {
    /// A number that no other connection has.
    pub(crate) fn new_connection(&self) -> u64 {
        self.last_connection.fetch_add(1, Ordering::Relaxed)
    }

    fn in_hand(&self, key: &ShareKey) -> InHand {
        Arc::clone(lock(&self.in_hand).entry(key.clone()).or_default())
    }

    /// Forgets what is in hand of a partition: its state is set up anew, or gone.
    fn forget(&self, key: &ShareKey) {
        lock(&self.in_hand).remove(key);
        self.let_go.notify_waiters();
    }

    /// Wakes the timer if a lock ends earlier than it knows.
    fn note_deadline(&self, next_ms: Option<i64>) {
        let Some(next_ms) = next_ms else { return };
        if self.next_ms.fetch_min(next_ms, Ordering::AcqRel) > next_ms {
            self.earlier.notify_one();
        }
    }
}

impl Broker {
    /// Whether share groups are served.
    pub(crate) fn serves_share_groups(&self) -> bool {
        let image = self.image();
        image
            .features()
            .get(FEATURE)
            .is_some_and(|level| *level >= 1)
    }

    fn share_config(&self, group_id: &str) -> ShareConfig {
        self.config.groups.of_share_group(&self.image(), group_id)
    }

    /// Takes records back whose locks have ended, until the server stops.
    pub(crate) async fn keep_share_time(&self, mut stop: watch::Receiver<bool>) {
        loop {
            let due_ms = self.shares.next_ms.load(Ordering::Acquire);
            let left = due_ms.saturating_sub(self.host.now_ms());
            // A wait without an end would overflow the timer.
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0).min(3_600_000));
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = self.shares.earlier.notified() => continue,
                () = tokio::time::sleep(left) => {}
            }
            tokio::task::block_in_place(|| self.expire_locks());
        }
    }

    fn expire_locks(&self) {
        self.shares.next_ms.store(i64::MAX, Ordering::Release);
        let all: Vec<_> = lock(&self.shares.in_hand)
            .iter()
            .map(|(key, held)| (key.clone(), Arc::clone(held)))
            .collect();
        for (key, held) in all {
            let mut held = lock(&held);
            let config = self.share_config(&key.group_id);
            let now_ms = self.host.now_ms();
            let Some(partition) = held.as_ref() else {
                continue;
            };
            let next_ms = partition.next_deadline_ms();
            if next_ms.is_some_and(|next_ms| next_ms <= now_ms) {
                let change = partition.expire(&config, now_ms);
                let next_ms = change.after.next_deadline_ms();
                match self.commit_share(&key, &mut held, change) {
                    Ok(()) => self.shares.note_deadline(next_ms),
                    Err(code) => {
                        tracing::warn!(group = key.group_id, %code, "locks have not ended");
                        // It is tried again, unless the state is to be read anew.
                        let again = held.is_some().then_some(now_ms + 1_000);
                        self.shares.note_deadline(again);
                    }
                }
            } else {
                self.shares.note_deadline(next_ms);
            }
        }
    }
}
