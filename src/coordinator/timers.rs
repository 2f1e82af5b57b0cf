//! Deadlines, by what they are for.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Deadlines in milliseconds since 1970, at most one for each key. Every change takes the
/// logarithm of their number.
#[derive(Debug, Clone)]
pub struct Timers<K> {
    by_key: HashMap<K, i64>,
    by_time: BTreeSet<(i64, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Ord + Hash> Timers<K> {
    /// Sets a deadline, in place of the one that there was.
    pub fn set(&mut self, key: K, due_ms: i64) {
        self.cancel(&key);
        self.by_key.insert(key.clone(), due_ms);
        self.by_time.insert((due_ms, key));
    }

    /// Takes a deadline away, if there is one.
    pub fn cancel(&mut self, key: &K) {
        if let Some(due_ms) = self.by_key.remove(key) {
            self.by_time.remove(&(due_ms, key.clone()));
        }
    }

    /// Whether there is a deadline.
    pub fn contains(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// The next deadline.
    pub fn next_ms(&self) -> Option<i64> {
        self.by_time.first().map(|(due_ms, _)| *due_ms)
    }

    /// Takes one out that is due.
    pub fn pop_due(&mut self, now_ms: i64) -> Option<K> {
        if self.next_ms()? > now_ms {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}
