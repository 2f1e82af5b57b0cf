//! Offset checkpoints: `recovery-point-offset-checkpoint`,
//! `replication-offset-checkpoint` (high watermarks),
//! `log-start-offset-checkpoint` and `cleaner-offset-checkpoint`.
//!
//! ```text
//! 0                        version
//! 2                        how many entries follow
//! events 0 500             topic, partition, offset
//! events 1 500
//! ```
//!
//! Kafka reads an empty file, and one that ends after the version, as no entries;
//! where a partition is named twice the last line counts. The order of the lines
//! means nothing (Kafka writes them in the order of a hash table); they are
//! written sorted here. A parsed file takes memory in proportion to its length,
//! not to the count that it claims.
//!
//! Source: `org.apache.kafka.storage.internals.checkpoint.OffsetCheckpointFile`,
//! `org.apache.kafka.server.common.CheckpointFile`.

use super::error::{FormatError, Result};
use super::text::{Line, Lines};
use super::types::{Offset, PartitionId};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const WHAT: &str = "offset checkpoint";
const VERSION: i32 = 0;

/// One offset for each of some partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetCheckpoint {
    topics: BTreeMap<String, BTreeMap<PartitionId, Offset>>,
}

impl OffsetCheckpoint {
    /// No partitions yet.
    pub const fn new() -> Self {
        Self {
            topics: BTreeMap::new(),
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// A version other than 0, a malformed line, an offset or partition below 0,
    /// or another number of lines than announced.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut checkpoint = Self::new();
        read_entries(WHAT, bytes, |line| {
            let mut parts = line.text.split_ascii_whitespace();
            let entry = (|| {
                let topic = parts.next()?;
                let partition = PartitionId::from_wire(parts.next()?.parse().ok()?)?;
                let offset = Offset::from_wire(parts.next()?.parse().ok()?)?;
                parts.next().is_none().then_some((topic, partition, offset))
            })();
            let (topic, partition, offset) =
                entry.ok_or_else(|| line.corrupt(WHAT, "`topic partition offset`"))?;
            checkpoint.set(topic, partition, offset);
            Ok(())
        })?;
        Ok(checkpoint)
    }

    /// The file's bytes, as Kafka writes them but sorted.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{VERSION}\n{}\n", self.len());
        for (topic, partition, offset) in self.iter() {
            writeln!(text, "{topic} {partition} {offset}").expect("a String takes it");
        }
        text.into_bytes()
    }

    /// The offset of a partition.
    pub fn get(&self, topic: &str, partition: PartitionId) -> Option<Offset> {
        self.topics.get(topic)?.get(&partition).copied()
    }

    /// Sets the offset of a partition; returns the one that it had.
    pub fn set(&mut self, topic: &str, partition: PartitionId, offset: Offset) -> Option<Offset> {
        match self.topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, offset),
            None => {
                let partitions = BTreeMap::from([(partition, offset)]);
                self.topics.insert(topic.to_owned(), partitions);
                None
            }
        }
    }

    /// Forgets a partition; returns the offset that it had.
    pub fn remove(&mut self, topic: &str, partition: PartitionId) -> Option<Offset> {
        let partitions = self.topics.get_mut(topic)?;
        let removed = partitions.remove(&partition);
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
        removed
    }

    /// How many partitions it names.
    pub fn len(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    /// Whether it names no partition.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Each partition, sorted by topic, then number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, PartitionId, Offset)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(move |(partition, offset)| (topic.as_str(), *partition, *offset))
        })
    }
}

/// Reads the frame that all of Kafka's text checkpoints share: a version, a
/// count, then that many lines, each handed to `entry`.
pub(crate) fn read_entries<'a>(
    what: &'static str,
    bytes: &'a [u8],
    mut entry: impl FnMut(Line<'a>) -> Result<()>,
) -> Result<()> {
    let mut lines = Lines::new(what, bytes)?;
    let Some(version) = lines.next() else {
        return Ok(());
    };
    match version.text.parse::<i32>() {
        Ok(VERSION) => {}
        Ok(other) => {
            return Err(FormatError::unsupported(
                what,
                version.position,
                "version 0",
                format!("version {other} on line 1"),
            ));
        }
        Err(_) => return Err(version.corrupt(what, "a version number")),
    }
    let Some(count) = lines.next() else {
        return Ok(());
    };
    let expected: u32 = count
        .text
        .parse()
        .map_err(|_| count.corrupt(what, "the number of entries"))?;
    for line in lines.by_ref() {
        entry(line)?;
    }
    let found = lines.number() - 2;
    if u32::try_from(found).ok() != Some(expected) {
        return Err(FormatError::corrupt(
            what,
            lines.position(),
            format!("{expected} entries, as line 2 announces"),
            format!("{found}, up to line {}", lines.number()),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `log-start-offset-checkpoint` as Kafka 4.3.1 wrote it.
    const GOLDEN: &[u8] = b"0\n1\ntrimmed 0 17345\n";

    fn message(bytes: &[u8]) -> String {
        OffsetCheckpoint::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_kafka_wrote_round_trips() {
        let checkpoint = OffsetCheckpoint::parse(GOLDEN).unwrap();
        let zero = PartitionId::new(0);
        assert_eq!(checkpoint.get("trimmed", zero), Some(Offset::new(17345)));
        assert_eq!(checkpoint.get("trimmed", PartitionId::new(1)), None);
        assert_eq!(checkpoint.to_bytes(), GOLDEN);
    }

    #[test]
    fn nothing_and_a_bare_version_are_no_entries_and_the_last_line_counts() {
        assert!(OffsetCheckpoint::parse(b"").unwrap().is_empty());
        assert!(OffsetCheckpoint::parse(b"0\n").unwrap().is_empty());
        let twice = OffsetCheckpoint::parse(b"0\n2\nt 0 1\nt 0 2").unwrap();
        assert_eq!(twice.get("t", PartitionId::new(0)), Some(Offset::new(2)));
        assert_eq!(twice.len(), 1);
    }

    #[test]
    fn errors_name_line_and_position() {
        assert_eq!(
            message(b"1\n0\n"),
            "offset checkpoint at byte 0: version 1 on line 1 is not supported (expected version 0)"
        );
        assert_eq!(
            message(b"0\n1\nt zero 1\n"),
            "offset checkpoint at byte 4: expected `topic partition offset`, \
             found \"t zero 1\" on line 3"
        );
        assert_eq!(
            message(b"0\n2\nt 0 1\n"),
            "offset checkpoint at byte 10: expected 2 entries, as line 2 announces, \
             found 1, up to line 3"
        );
        for bad in [
            "x",
            "0\n-1\n",
            "0\n1\nt 0 -1\n",
            "0\n1\nt 0 1 2\n",
            "0\n1\n\n",
        ] {
            assert!(OffsetCheckpoint::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_partition_that_is_removed_is_gone() {
        let mut checkpoint = OffsetCheckpoint::parse(GOLDEN).unwrap();
        let zero = PartitionId::new(0);
        assert_eq!(checkpoint.remove("other", zero), None);
        assert_eq!(checkpoint.remove("trimmed", zero), Some(Offset::new(17345)));
        assert_eq!(checkpoint.to_bytes(), b"0\n0\n");
    }

    proptest! {
        #[test]
        fn any_entries_round_trip(
            entries in proptest::collection::vec(("[a-zA-Z0-9._-]{1,20}", 0..99, 0..i64::MAX), 0..20)
        ) {
            let mut checkpoint = OffsetCheckpoint::new();
            for (topic, partition, offset) in entries {
                checkpoint.set(&topic, PartitionId::new(partition), Offset::new(offset));
            }
            prop_assert_eq!(OffsetCheckpoint::parse(&checkpoint.to_bytes()).unwrap(), checkpoint);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "0\n[0-9]\n([a-z0-9 -]{0,9}\n){0,4}") {
            let _ = OffsetCheckpoint::parse(&bytes);
            let _ = OffsetCheckpoint::parse(text.as_bytes());
        }
    }
}
