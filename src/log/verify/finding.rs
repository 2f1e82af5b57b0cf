//! What a check found: where, what was expected, how bad it is, and which promise
//! of the format it breaks.

use crate::format::Offset;
use crate::log::layout::TopicPartition;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One contradiction between bytes and the format, or between two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The promise that is broken.
    pub check: Check,
    /// What it costs.
    pub severity: Severity,
    /// The file or directory.
    pub path: PathBuf,
    /// The partition it belongs to, if to one.
    pub partition: Option<TopicPartition>,
    /// Where in the file; `None` where it is about the file as a whole.
    pub bytes: Option<Range<u64>>,
    /// The offsets touched, the last one excluded; `None` where they cannot be told.
    pub offsets: Option<Range<Offset>>,
    /// What the format asks for.
    pub expected: Cow<'static, str>,
    /// What is there.
    pub found: Cow<'static, str>,
}

/// How bad a finding is, from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Left by an ordinary event (a kill, an unfinished rename, a live writer); the
    /// next start sees to it. Does not count as damage.
    Note,
    /// Kafka makes it anew by itself or does not need it: time is lost, no record.
    Rebuildable,
    /// Readers, producers or a restart get wrong answers, or Kafka refuses to start.
    Wrong,
    /// Records cannot be read, or are gone.
    Loss,
}

/// The promises, in the order of the log's own parts, then the files beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The CRC of a batch is that of its bytes.
    BatchCrc,
    /// The length of a batch leads to the next batch or the end.
    BatchLength,
    /// Magic, attributes, counts, deltas and producer fields of a header agree.
    BatchHeader,
    /// The records of a batch have lengths, varints and deltas that fit.
    Record,
    /// A compressed payload can be decompressed.
    Compression,
    /// Offsets ascend, from the segment's base to the next one's.
    OffsetOrder,
    /// No offsets are missing where nothing may have removed them.
    OffsetGap,
    /// The header's times are those of the records.
    Timestamp,
    /// Sequence numbers and epochs of a producer follow each other.
    Sequence,
    /// Leader epochs never go back.
    EpochOrder,
    /// The log ends with a whole batch.
    Tail,
    /// Segments follow each other without overlap, under their names.
    SegmentOrder,
    /// Entries of an offset index ascend and point to batches.
    OffsetIndex,
    /// Entries of a time index ascend and tell the times of the log.
    TimeIndex,
    /// A transaction index tells the aborted transactions of the log.
    TxnIndex,
    /// A producer snapshot tells the producers of the log.
    ProducerSnapshot,
    /// `leader-epoch-checkpoint` tells the epochs of the log.
    LeaderEpochs,
    /// `partition.metadata` holds the topic's id.
    PartitionMetadata,
    /// A checkpoint of the data directory can be read and fits its partitions.
    Checkpoint,
    /// `meta.properties` names the cluster and the node.
    MetaProperties,
    /// The mark of a clean stop can be read and is true.
    CleanShutdown,
    /// The metadata log can be read, and its records decoded.
    MetadataLog,
    /// `quorum-state` can be read and fits the metadata log.
    QuorumState,
    /// Records of an internal topic can be decoded.
    InternalTopic,
    /// A file that must be there is.
    MissingFile,
    /// A file that nobody knows, or that an interrupted change left.
    StrayFile,
    /// A directory that the metadata does not know, or one that it misses.
    Directory,
    /// A segment's bytes are those of the manifest.
    Manifest,
    /// The system let it be read.
    Unreadable,
}

impl Severity {
    /// Its name in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Rebuildable => "rebuildable",
            Self::Wrong => "wrong",
            Self::Loss => "loss",
        }
    }

    /// Whether it makes `inspect verify` exit with 3.
    pub const fn is_damage(self) -> bool {
        !matches!(self, Self::Note)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Check {
    /// Its name in tables and JSON, which scripts rely on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BatchCrc => "batch-crc",
            Self::BatchLength => "batch-length",
            Self::BatchHeader => "batch-header",
            Self::Record => "record",
            Self::Compression => "compression",
            Self::OffsetOrder => "offset-order",
            Self::OffsetGap => "offset-gap",
            Self::Timestamp => "timestamp",
            Self::Sequence => "sequence",
            Self::EpochOrder => "epoch-order",
            Self::Tail => "tail",
            Self::SegmentOrder => "segment-order",
            Self::OffsetIndex => "offset-index",
            Self::TimeIndex => "time-index",
            Self::TxnIndex => "txn-index",
            Self::ProducerSnapshot => "producer-snapshot",
            Self::LeaderEpochs => "leader-epochs",
            Self::PartitionMetadata => "partition-metadata",
            Self::Checkpoint => "checkpoint",
            Self::MetaProperties => "meta-properties",
            Self::CleanShutdown => "clean-shutdown",
            Self::MetadataLog => "metadata-log",
            Self::QuorumState => "quorum-state",
            Self::InternalTopic => "internal-topic",
            Self::MissingFile => "missing-file",
            Self::StrayFile => "stray-file",
            Self::Directory => "directory",
            Self::Manifest => "manifest",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
