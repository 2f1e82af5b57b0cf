//! What can go wrong with a log directory, in words that name the file, the
//! position, what was expected and found, and what to do next.

use super::producer_states::Refusal;
use crate::format::{FormatError, Offset};
use std::io;
use std::path::{Path, PathBuf};

/// The result of an operation on a log directory.
pub type Result<T, E = LogError> = std::result::Result<T, E>;

/// Why an operation on a log directory failed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refused: permissions, a full disk, a vanished file.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file's bytes contradict the format.
    #[error("{} is damaged: {error}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What and where in the file.
        error: FormatError,
    },
    /// A file ends in the middle of something, where it should be whole.
    #[error("{} ends too early: {error}", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// What and where in the file.
        error: FormatError,
    },
    /// A file is of a version or kind not known here.
    #[error("{}: {error}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What and where in the file.
        error: FormatError,
    },
    /// Another program holds the directory.
    #[error("{} is locked by another program: expected to share {}, found a lock on all of it, as a running broker holds; stop the broker first", directory.display(), directory.join(".lock").display())]
    Locked {
        /// The data directory.
        directory: PathBuf,
    },
    /// Tools are writing in the directory.
    #[error("{} is being written to by other programs: expected to hold {} alone; wait until they are done", directory.display(), directory.join(".lock").display())]
    InUse {
        /// The data directory.
        directory: PathBuf,
    },
    /// The path is no Kafka data directory.
    #[error("{} is no Kafka data directory: expected {expected}, found {found}", path.display())]
    NotADataDirectory {
        /// The path.
        path: PathBuf,
        /// What one has.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// There is no such topic.
    #[error("{} has no topic {topic:?}; 'ottla topics {}' lists those it has{}", directory.display(), directory.display(), did_you_mean(.nearest))]
    UnknownTopic {
        /// The data directory.
        directory: PathBuf,
        /// The topic asked for.
        topic: String,
        /// One with a name like it.
        nearest: Option<String>,
    },
    /// The topic has no such partition.
    #[error("topic {topic:?} has no partition {partition}: expected 0 to {}", count - 1)]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition asked for.
        partition: i32,
        /// How many it has.
        count: i32,
    },
    /// The topic is there already.
    #[error("topic {topic:?} exists already")]
    TopicExists {
        /// The topic.
        topic: String,
    },
    /// The offset is not in the log.
    #[error("offset {offset} is out of range for {}: expected {start} to {end}", partition.display())]
    OffsetOutOfRange {
        /// The partition's directory.
        partition: PathBuf,
        /// The offset asked for.
        offset: Offset,
        /// The first offset that it holds.
        start: Offset,
        /// The offset behind its last.
        end: Offset,
    },
    /// A batch with an offset that the log has already gone past.
    #[error("cannot append at offset {offset} to {}: expected {end} or more, its end", partition.display())]
    OffsetTaken {
        /// The partition's directory.
        partition: PathBuf,
        /// The offset of the batch.
        offset: Offset,
        /// The offset behind the last record.
        end: Offset,
    },
    /// A producer is fenced, or its sequence numbers do not follow.
    #[error("{}: producer {producer}: expected {expected}, found {found}", partition.display())]
    Producer {
        /// The partition's directory.
        partition: PathBuf,
        /// The producer id.
        producer: i64,
        /// Why, for who answers the producer.
        refusal: Refusal,
        /// The epoch or sequence that may come next.
        expected: String,
        /// What came.
        found: String,
    },
    /// A value that Kafka would refuse.
    #[error("{0}")]
    Invalid(String),
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

impl LogError {
    /// Wraps the system's refusal; use with `map_err`.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// Wraps an error in a file's bytes, its position counted from `base`.
    pub fn format(path: &Path, base: u64) -> impl FnOnce(FormatError) -> Self + use<> {
        let path = path.to_owned();
        move |error| {
            let error = error.shifted(base);
            match error {
                FormatError::Torn { .. } => Self::Torn { path, error },
                FormatError::Unsupported { .. } => Self::Unsupported { path, error },
                _ => Self::Damaged { path, error },
            }
        }
    }

    /// Whether it tells of damage on disk rather than of misuse or the system.
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Torn { .. })
    }

    /// Whether the file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
