//! The names of files and directories in a data directory.
//!
//! ```text
//! DATA/meta.properties  .lock  .kafka_cleanshutdown  *-checkpoint
//! DATA/TOPIC-PARTITION/<base offset, 20 digits>.log .index .timeindex .txnindex .snapshot
//!                      leader-epoch-checkpoint  partition.metadata
//! ```
//!
//! Source: `org.apache.kafka.storage.internals.log.LogFileUtils`, `LocalLog`.

use crate::format::Offset;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// Who this directory belongs to.
pub const META_PROPERTIES: &str = "meta.properties";
/// Held by a fcntl lock while someone works here.
pub const LOCK: &str = ".lock";
/// Where `ottla serve` answers tools of the same user while it holds the directory.
/// Kafka overlooks it, as it does every file at the top that it does not know.
pub const SOCKET: &str = ".ottla.sock";
/// There only after a clean stop.
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
/// Up to where each partition is on disk for certain.
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
/// High watermarks.
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// First offsets of partitions whose head was deleted.
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
/// Up to where the cleaner got in each partition.
pub const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
/// Start offsets of leader epochs, in a partition.
pub const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
/// The topic id, in a partition.
pub const PARTITION_METADATA: &str = "partition.metadata";
/// The KRaft log's vote, in its partition.
pub const QUORUM_STATE: &str = "quorum-state";
/// The KRaft log's topic.
pub const METADATA_TOPIC: &str = "__cluster_metadata";
/// The topic of committed offsets.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// The topic of transactions' states.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";
/// The topic of share groups' states.
pub const SHARE_GROUPS_TOPIC: &str = "__share_group_state";

/// The suffix of a segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffix {
    /// Record batches.
    Log,
    /// Offsets to positions.
    Index,
    /// Timestamps to offsets.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// The state of producers where the segment starts.
    Snapshot,
}

impl Suffix {
    /// Every one.
    pub const OF_A_SEGMENT: [Self; 5] = [
        Self::Log,
        Self::Index,
        Self::TimeIndex,
        Self::TxnIndex,
        Self::Snapshot,
    ];

    /// With the dot.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::Index => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }
}

/// The path of a segment's file.
pub fn segment_file(directory: &Path, base: Offset, suffix: Suffix) -> PathBuf {
    directory.join(format!("{:020}{}", base.get(), suffix.as_str()))
}

/// The base offset and suffix of a file's name, if it is a segment's.
pub fn parse_segment_file(name: &OsStr) -> Option<(Offset, Suffix)> {
    let name = name.to_str()?;
    let (digits, suffix) = name.split_at_checked(20)?;
    let suffix = [
        Suffix::Log,
        Suffix::Index,
        Suffix::TimeIndex,
        Suffix::TxnIndex,
        Suffix::Snapshot,
    ]
    .into_iter()
    .find(|known| known.as_str() == suffix)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some((Offset::new(digits.parse().ok()?), suffix))
}

/// Whether a file has the ending of a segment's and no offset before it: Apache Kafka
/// takes it for one, fails to read the number, and does not start.
pub fn is_misnamed(name: &str) -> bool {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let ends = |suffix: &Suffix| name.ends_with(suffix.as_str());
    Suffix::OF_A_SEGMENT.iter().any(ends) && stem.parse::<i64>().is_err()
}

/// The ending of files that nobody knows and that a repair sets aside.
pub const ASIDE: &str = ".stray";

/// Whether a name is that of a snapshot of the metadata log, finished or not:
/// `OFFSET-EPOCH.checkpoint`, `….checkpoint.deleted`, `…-NUMBER.checkpoint.part`.
pub fn is_metadata_snapshot(name: &str) -> bool {
    let Some((stem, ending)) = name.split_once('.') else {
        return false;
    };
    let mut parts = stem.splitn(3, '-');
    let mut has = |length: usize| {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        parts
            .next()
            .is_some_and(|part| part.len() == length && digits(part))
    };
    let is_numbered = has(20) && has(10);
    let is_finished = parts.next().is_none();
    is_numbered
        && match ending {
            "checkpoint" | "checkpoint.deleted" => is_finished,
            "checkpoint.part" => !is_finished,
            _ => false,
        }
}

/// Whether a name is that of what a recovery cut off a segment and kept.
pub fn is_cut(name: &str) -> bool {
    name.rsplit_once(".cut-")
        .is_some_and(|(file, _)| parse_segment_file(OsStr::new(file)).is_some())
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }

    /// From the name of its directory; `None` where it is none, or one on its way
    /// out or in (`-delete`, `-future`, `-stray`).
    pub fn from_directory(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let digits = !partition.is_empty() && partition.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !topic.is_empty()).then_some(())?;
        Some(Self::new(topic, partition.parse().ok()?))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_parse_back() {
        let path = segment_file(Path::new("t-0"), Offset::new(11400), Suffix::TimeIndex);
        assert_eq!(path, Path::new("t-0/00000000000000011400.timeindex"));
        let name = path.file_name().unwrap();
        assert_eq!(
            parse_segment_file(name),
            Some((Offset::new(11400), Suffix::TimeIndex))
        );
        for other in [
            "1.log",
            "00000000000000000000.log.swap",
            "+0000000000000000000.log",
        ] {
            assert_eq!(parse_segment_file(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_copy_of_a_segment_is_misnamed() {
        for name in ["copy of 00000000000000000040.log", "x.snapshot", ".index"] {
            assert!(is_misnamed(name), "{name}");
        }
        for name in [
            "40.log",
            "00000000000000000040.timeindex",
            "x.log.bak",
            "core",
        ] {
            assert!(!is_misnamed(name), "{name}");
        }
    }

    #[test]
    fn metadata_snapshots_are_told_by_their_names() {
        let stem = "00000000000000000027-0000000001";
        for (ending, expected) in [
            (".checkpoint", true),
            (".checkpoint.deleted", true),
            ("-4711.checkpoint.part", true),
            (".checkpoint.part", false),
            (".checkpoint~", false),
            ("-4711.checkpoint", false),
            ("", false),
        ] {
            assert_eq!(is_metadata_snapshot(&format!("{stem}{ending}")), expected);
        }
        assert!(!is_metadata_snapshot("27-1.checkpoint"));
    }

    #[test]
    fn partition_names_parse_back() {
        let partition = TopicPartition::from_directory("wide.name_with-chars-10").unwrap();
        assert_eq!(partition, TopicPartition::new("wide.name_with-chars", 10));
        assert_eq!(partition.to_string(), "wide.name_with-chars-10");
        for other in ["orders", "-1", "orders-", "orders-1.abc-delete"] {
            assert_eq!(TopicPartition::from_directory(other), None, "{other}");
        }
    }
}
