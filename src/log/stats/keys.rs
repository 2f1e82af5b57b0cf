//! How many keys there are, and which come most often, in bounded memory.
//!
//! Distinct keys are counted by HyperLogLog with 2^14 registers: the standard error
//! is 0.8 %. The most frequent ones are kept in a table of [`MOST`] counters. When it
//! is full, the median is taken off every counter and those at zero go; what was
//! taken off in all is how much a counter may be short. As long as nothing was taken
//! off, both are exact.
//!
//! Sources: O. Ertl, "New cardinality estimation algorithms for HyperLogLog
//! sketches" (2017); J. Misra and D. Gries, "Finding repeated elements" (1982).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use twox_hash::XxHash3_64;

const PRECISION: u32 = 14;
const REGISTERS: usize = 1 << PRECISION;
/// Bits of a hash that say nothing about the register.
const REST: usize = 64 - PRECISION as usize;
/// Keys with a counter of their own.
const MOST: usize = 4096;
/// More of a key is not kept.
const MOST_SHOWN: usize = 200;

/// The keys of a topic.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    distinct: Distinct,
    counters: HashMap<u64, Counter, BuildHasherDefault<Hashed>>,
    /// How much every counter may be short.
    short: u64,
}

#[derive(Debug, Clone)]
struct Counter {
    count: u64,
    key: Box<[u8]>,
    length: usize,
}

/// A key that many records have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frequent {
    /// The key, or its first bytes.
    pub key: Vec<u8>,
    /// How long the key is.
    pub length: usize,
    /// How many records have it, at least.
    pub least: u64,
    /// How many records have it, at most.
    pub most: u64,
}

impl Keys {
    /// Takes the key of one more record.
    #[inline]
    pub fn add(&mut self, key: &[u8]) {
        let hash = XxHash3_64::oneshot(key);
        self.distinct.add(hash);
        if let Some(counter) = self.counters.get_mut(&hash) {
            counter.count += 1;
            return;
        }
        let counter = Counter {
            count: 1,
            key: front(key).into(),
            length: key.len(),
        };
        self.counters.insert(hash, counter);
        if self.counters.len() > MOST {
            self.shrink();
        }
    }

    /// Takes all of another.
    pub fn merge(&mut self, other: Self) {
        self.distinct.merge(&other.distinct);
        self.short += other.short;
        for (hash, counter) in other.counters {
            let more = counter.count;
            self.counters
                .entry(hash)
                .and_modify(|own| own.count += more)
                .or_insert(counter);
        }
        if self.counters.len() > MOST {
            self.shrink();
        }
    }

    /// Takes the median off all counters.
    #[cold]
    fn shrink(&mut self) {
        let mut counts: Vec<u64> = self
            .counters
            .values()
            .map(|counter| counter.count)
            .collect();
        let middle = counts.len() / 2;
        let median = *counts.select_nth_unstable(middle).1;
        self.counters.retain(|_, counter| {
            counter.count = counter.count.saturating_sub(median);
            counter.count > 0
        });
        self.short += median;
    }

    /// How many distinct keys there are, and whether that is exact.
    pub fn distinct(&self) -> (u64, bool) {
        if self.short == 0 {
            return (self.counters.len() as u64, true);
        }
        // It had more keys than counters.
        let estimate = self.distinct.estimate().round() as u64;
        (estimate.max(MOST as u64 + 1), false)
    }

    /// The keys that most records have, most first. Those of which it is not certain
    /// that they are more than noise are left out.
    pub fn frequent(&self, most: usize) -> Vec<Frequent> {
        let certain = self
            .counters
            .values()
            .filter(|counter| counter.count > self.short);
        let mut found: Vec<&Counter> = certain.collect();
        found.sort_by(|a, b| (b.count, &a.key).cmp(&(a.count, &b.key)));
        found.truncate(most);
        let frequent = found.into_iter().map(|counter| Frequent {
            key: counter.key.to_vec(),
            length: counter.length,
            least: counter.count,
            most: counter.count + self.short,
        });
        frequent.collect()
    }
}

/// As much of a key as is kept; a text is cut between two characters.
pub(super) fn front(key: &[u8]) -> &[u8] {
    let Some(front) = key.get(..MOST_SHOWN).filter(|_| key.len() > MOST_SHOWN) else {
        return key;
    };
    match std::str::from_utf8(front) {
        Err(error) if error.error_len().is_none() => &front[..error.valid_up_to()],
        _ => front,
    }
}

/// HyperLogLog.
#[derive(Debug, Clone)]
struct Distinct(Box<[u8]>);

impl Default for Distinct {
    fn default() -> Self {
        Self(vec![0; REGISTERS].into())
    }
}

impl Distinct {
    #[inline]
    fn add(&mut self, hash: u64) {
        let register = (hash >> REST) as usize;
        // A bit behind the rest ends the run of zeros at the latest.
        let rest = hash << PRECISION | 1 << (PRECISION - 1);
        let rank = rest.leading_zeros() as u8 + 1;
        self.0[register] = self.0[register].max(rank);
    }

    fn merge(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(&other.0) {
            *own = (*own).max(*more);
        }
    }

    fn estimate(&self) -> f64 {
        let mut counts = [0_u32; REST + 2];
        for rank in &self.0 {
            counts[usize::from(*rank)] += 1;
        }
        let registers = REGISTERS as f64;
        let part = |rank: usize| f64::from(counts[rank]) / registers;
        let mut sum = registers * tau(1.0 - part(REST + 1));
        for rank in (1..=REST).rev() {
            sum = 0.5 * (sum + f64::from(counts[rank]));
        }
        sum += registers * sigma(part(0));
        registers * registers / (2.0 * std::f64::consts::LN_2 * sum)
    }
}

/// What registers that are still zero add.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

/// What registers that are full add.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// Takes a key that is a hash already as it is.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are hashes of 64 bits");
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut keys = Keys::default();
        assert_eq!(keys.distinct(), (0, true));
        for at in 0..1000_u32 {
            keys.add(format!("key-{}", at % 37).as_bytes());
        }
        keys.add(&[7; 1000]);
        assert_eq!(keys.distinct(), (38, true));
        let frequent = keys.frequent(2);
        assert_eq!(frequent[0].key, b"key-0");
        assert_eq!((frequent[0].least, frequent[0].most), (28, 28));
        let long = keys.frequent(100).pop().unwrap();
        assert_eq!((long.key.len(), long.length), (MOST_SHOWN, 1000));
        assert_eq!(front("€".repeat(100).as_bytes()), "€".repeat(66).as_bytes());
    }

    #[test]
    fn many_keys_are_estimated_and_the_frequent_ones_found() {
        let mut parts = [Keys::default(), Keys::default()];
        for at in 0..200_000_u32 {
            let keys = &mut parts[at as usize % 2];
            keys.add(format!("rare-{at}").as_bytes());
            if at % 10 == 0 {
                keys.add(b"often");
            }
        }
        let [mut all, other] = parts;
        all.merge(other);
        let (distinct, exact) = all.distinct();
        assert!(!exact);
        assert!((196_000..204_000).contains(&distinct), "{distinct}");
        let frequent = all.frequent(10);
        assert_eq!(frequent.len(), 1, "{frequent:?}");
        assert_eq!(frequent[0].key, b"often");
        assert!(frequent[0].least <= 20_000 && 20_000 <= frequent[0].most);
        assert!(all.counters.len() <= MOST);
    }

    #[test]
    fn estimates_are_within_four_standard_errors() {
        for count in [5_u64, 100, 10_000, 50_000, 300_000, 3_000_000] {
            let mut distinct = Distinct::default();
            for at in 0..count {
                distinct.add(XxHash3_64::oneshot(&at.to_le_bytes()));
            }
            let error = distinct.estimate() / count as f64 - 1.0;
            assert!(error.abs() < 0.033, "{count}: {error}");
        }
    }
}
