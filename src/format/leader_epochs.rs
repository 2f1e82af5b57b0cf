//! Leader epochs of a partition (`leader-epoch-checkpoint`): which leader wrote
//! from which offset on.
//!
//! ```text
//! 0                        version
//! 2                        how many entries follow
//! 0 0                      epoch, its first offset
//! 2 500
//! ```
//!
//! Invariant: epochs and start offsets both rise strictly from entry to entry.
//! [`LeaderEpochs::assign`] keeps it by dropping the entries that a new one
//! contradicts; a file is read entry by entry through the same rule, as Kafka
//! does, so one that breaks it comes out repaired.
//!
//! Source: `org.apache.kafka.storage.internals.epoch.LeaderEpochFileCache`,
//! `…checkpoint.LeaderEpochCheckpointFile`; KIP-101, KIP-279.

use super::checkpoint::read_entries;
use super::error::Result;
use super::types::{LeaderEpoch, Offset};
use std::fmt::Write as _;

const WHAT: &str = "leader epoch checkpoint";

/// The first offset that a leader wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochEntry {
    /// The leader's term.
    pub epoch: LeaderEpoch,
    /// Where it begins.
    pub start_offset: Offset,
}

/// Where the records of an epoch end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch asked for, or the largest known one below it.
    pub epoch: LeaderEpoch,
    /// The first offset behind it.
    pub end_offset: Offset,
}

/// The leader epochs of one partition, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaderEpochs {
    entries: Vec<EpochEntry>,
}

impl LeaderEpochs {
    /// No epoch yet.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// A version other than 0, a malformed line, a number below 0, or another
    /// number of lines than announced.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut epochs = Self::new();
        read_entries(WHAT, bytes, |line| {
            let mut parts = line.text.split_ascii_whitespace();
            let entry = (|| {
                let epoch = LeaderEpoch::from_wire(parts.next()?.parse().ok()?)?;
                let start = Offset::from_wire(parts.next()?.parse().ok()?)?;
                parts.next().is_none().then_some((epoch, start))
            })();
            let (epoch, start) = entry.ok_or_else(|| line.corrupt(WHAT, "`epoch startOffset`"))?;
            epochs.assign(epoch, start);
            Ok(())
        })?;
        Ok(epochs)
    }

    /// The file's bytes, as Kafka writes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("0\n{}\n", self.entries.len());
        for entry in &self.entries {
            writeln!(text, "{} {}", entry.epoch, entry.start_offset).expect("a String takes it");
        }
        text.into_bytes()
    }

    /// Says that `epoch` begins at `start`. Entries that are not below it in both
    /// epoch and offset go. Nothing happens where the latest entry is of this
    /// epoch and begins no later. Returns whether anything changed.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if let Some(latest) = self.latest()
            && latest.epoch == epoch
            && latest.start_offset <= start
        {
            return false;
        }
        while let Some(latest) = self.latest()
            && (latest.epoch >= epoch || latest.start_offset >= start)
        {
            self.entries.pop();
        }
        self.entries.push(EpochEntry {
            epoch,
            start_offset: start,
        });
        true
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[EpochEntry] {
        &self.entries
    }

    /// The oldest entry.
    pub fn earliest(&self) -> Option<EpochEntry> {
        self.entries.first().copied()
    }

    /// The newest entry.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// The epoch that wrote an offset: that of the last entry at or before it.
    pub fn epoch_for(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self
            .entries
            .partition_point(|entry| entry.start_offset <= offset);
        after.checked_sub(1).map(|index| self.entries[index].epoch)
    }

    /// Where an epoch ends. The latest ends at `log_end`; a later one is not
    /// known; one before the earliest entry ends where that begins, under the
    /// number that was asked for; any other is rounded down to a known one.
    pub fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<EpochEnd> {
        let latest = self.latest()?;
        if latest.epoch == epoch {
            return Some(EpochEnd {
                epoch,
                end_offset: log_end,
            });
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let end_offset = self.entries.get(higher)?.start_offset;
        let epoch = match higher.checked_sub(1) {
            Some(floor) => self.entries[floor].epoch,
            None => epoch,
        };
        Some(EpochEnd { epoch, end_offset })
    }

    /// The log now ends at `end`: epochs that begin there or later go. Returns
    /// whether anything changed.
    pub fn truncate_from_end(&mut self, end: Offset) -> bool {
        let keep = self
            .entries
            .partition_point(|entry| entry.start_offset < end);
        let changed = keep < self.entries.len();
        self.entries.truncate(keep);
        changed
    }

    /// The log now starts at `start`: the epoch that was being written there
    /// begins there, those before it go. Returns whether anything changed.
    pub fn truncate_from_start(&mut self, start: Offset) -> bool {
        let after = self
            .entries
            .partition_point(|entry| entry.start_offset <= start);
        let Some(first) = after.checked_sub(1) else {
            return false;
        };
        let changed = first > 0 || self.entries[first].start_offset != start;
        self.entries[first].start_offset = start;
        self.entries.drain(..first);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `events-0/leader-epoch-checkpoint` as Kafka 4.3.1 wrote it.
    const GOLDEN: &[u8] = b"0\n3\n0 0\n2 500\n4 600\n";

    fn golden() -> LeaderEpochs {
        LeaderEpochs::parse(GOLDEN).unwrap()
    }

    fn epoch(n: i32) -> LeaderEpoch {
        LeaderEpoch::new(n)
    }

    fn plain(epochs: &LeaderEpochs) -> Vec<(i32, i64)> {
        let numbers = |entry: &EpochEntry| (entry.epoch.get(), entry.start_offset.get());
        epochs.entries().iter().map(numbers).collect()
    }

    #[test]
    fn what_kafka_wrote_round_trips() {
        assert_eq!(plain(&golden()), [(0, 0), (2, 500), (4, 600)]);
        assert_eq!(golden().to_bytes(), GOLDEN);
        assert_eq!(LeaderEpochs::parse(b"").unwrap(), LeaderEpochs::new());
    }

    #[test]
    fn a_new_entry_drops_those_it_contradicts() {
        let mut epochs = golden();
        assert!(!epochs.assign(epoch(4), Offset::new(700)));
        assert!(epochs.assign(epoch(5), Offset::new(600)));
        assert_eq!(plain(&epochs), [(0, 0), (2, 500), (5, 600)]);
        assert!(epochs.assign(epoch(5), Offset::new(550)));
        assert_eq!(plain(&epochs), [(0, 0), (2, 500), (5, 550)]);
        assert!(epochs.assign(epoch(1), Offset::new(900)));
        assert_eq!(plain(&epochs), [(0, 0), (1, 900)]);
        assert!(epochs.assign(epoch(9), Offset::ZERO));
        assert_eq!(plain(&epochs), [(9, 0)]);
    }

    #[test]
    fn an_epoch_ends_where_kafka_says() {
        let end = |asked| {
            let log_end = Offset::new(700);
            let found = golden().end_offset_for(epoch(asked), log_end)?;
            Some((found.epoch.get(), found.end_offset.get()))
        };
        assert_eq!(end(0), Some((0, 500)));
        assert_eq!(end(1), Some((0, 500)));
        assert_eq!(end(3), Some((2, 600)));
        assert_eq!(end(4), Some((4, 700)));
        assert_eq!(end(5), None);
        let mut late = golden();
        late.truncate_from_start(Offset::new(550));
        let found = late.end_offset_for(epoch(1), Offset::new(700)).unwrap();
        assert_eq!((found.epoch.get(), found.end_offset.get()), (1, 550));
        let none = LeaderEpochs::new();
        assert_eq!(none.end_offset_for(epoch(0), Offset::ZERO), None);
    }

    #[test]
    fn truncation_from_either_end() {
        let mut epochs = golden();
        assert!(!epochs.truncate_from_end(Offset::new(601)));
        assert!(epochs.truncate_from_end(Offset::new(600)));
        assert_eq!(plain(&epochs), [(0, 0), (2, 500)]);
        assert!(epochs.truncate_from_start(Offset::new(499)));
        assert_eq!(plain(&epochs), [(0, 499), (2, 500)]);
        assert!(!epochs.truncate_from_start(Offset::new(3)));
        assert!(epochs.truncate_from_start(Offset::new(9000)));
        assert_eq!(plain(&epochs), [(2, 9000)]);
        assert!(!epochs.truncate_from_start(Offset::new(9000)));
    }

    #[test]
    fn offsets_find_their_epoch() {
        let of = |offset| {
            golden()
                .epoch_for(Offset::new(offset))
                .map(LeaderEpoch::get)
        };
        assert_eq!(of(0), Some(0));
        assert_eq!(of(499), Some(0));
        assert_eq!(of(500), Some(2));
        assert_eq!(of(10_000), Some(4));
        assert_eq!(LeaderEpochs::new().epoch_for(Offset::ZERO), None);
    }

    #[test]
    fn errors_name_line_and_position() {
        assert_eq!(
            LeaderEpochs::parse(b"0\n1\n0 x\n").unwrap_err().to_string(),
            "leader epoch checkpoint at byte 4: expected `epoch startOffset`, \
             found \"0 x\" on line 3"
        );
        assert!(LeaderEpochs::parse(b"0\n1\n-1 0\n").is_err());
        assert!(LeaderEpochs::parse(b"0\n1\n1 -4\n").is_err());
    }

    proptest! {
        #[test]
        fn entries_always_rise_and_round_trip(
            steps in proptest::collection::vec((0..4u8, 0..20i32, 0..50i64), 0..40)
        ) {
            let mut epochs = LeaderEpochs::new();
            for (kind, number, offset) in steps {
                match kind {
                    0 => { epochs.truncate_from_end(Offset::new(offset)); }
                    1 => { epochs.truncate_from_start(Offset::new(offset)); }
                    _ => { epochs.assign(epoch(number), Offset::new(offset)); }
                }
                for pair in epochs.entries().windows(2) {
                    prop_assert!(pair[0].epoch < pair[1].epoch);
                    prop_assert!(pair[0].start_offset < pair[1].start_offset);
                }
            }
            prop_assert_eq!(LeaderEpochs::parse(&epochs.to_bytes()).unwrap(), epochs);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "0\n[0-9]\n([0-9 -]{0,9}\n){0,4}") {
            let _ = LeaderEpochs::parse(&bytes);
            let _ = LeaderEpochs::parse(text.as_bytes());
        }
    }
}
