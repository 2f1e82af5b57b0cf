//! What can go wrong between a client and its servers. Every error names the server
//! and the API; what a server said is Kafka's name of it and its own words.

use crate::format::FormatError;
use crate::host::net::Address;
use crate::protocol::{ApiKey, ErrorCode};
use std::io;
use std::time::Duration;

/// The result of anything a client does.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// Why a client cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection came about.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: Address,
        /// Why not.
        source: io::Error,
    },
    /// None of the servers that were named could be reached.
    #[error("none of the servers answers: {0}")]
    NoServer(String),
    /// The connection broke.
    #[error("{address}: {api}: {source}")]
    Io {
        /// Whose connection.
        address: Address,
        /// What was asked.
        api: ApiKey,
        /// How it broke.
        source: io::Error,
    },
    /// The server closed the connection.
    #[error("{address}: the server closed the connection, expected a response to {api}")]
    Closed {
        /// The server.
        address: Address,
        /// What was asked.
        api: ApiKey,
    },
    /// No response came.
    #[error("{address}: no response to {api} within {} ms", waited.as_millis())]
    TimedOut {
        /// The server.
        address: Address,
        /// What was asked.
        api: ApiKey,
        /// For how long it was waited.
        waited: Duration,
    },
    /// A response is longer than it may be.
    #[error("{address}: expected a response to {api} of at most {most} bytes, found {found}")]
    TooLarge {
        /// The server.
        address: Address,
        /// What was asked.
        api: ApiKey,
        /// The bytes that it announces.
        found: i64,
        /// How many are taken.
        most: usize,
    },
    /// A message is none, or cannot be written.
    #[error("{address}: {api}: {source}")]
    Format {
        /// The server.
        address: Address,
        /// What was asked.
        api: ApiKey,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The server lacks an API, or a version that is known here.
    #[error("{address}: the server does not offer {api} as it is needed: expected one of versions {least} to {most}, found {}", versions(*has))]
    Unsupported {
        /// The server.
        address: Address,
        /// What is missing.
        api: ApiKey,
        /// The lowest version that would do.
        least: i16,
        /// The highest.
        most: i16,
        /// What the server has.
        has: Option<(i16, i16)>,
    },
    /// The server refused.
    #[error("{address}: {api}{}: {code}{}", named(.about), said(.words.as_deref()))]
    Refused {
        /// The server.
        address: Address,
        /// What was asked.
        api: ApiKey,
        /// For what: a topic, a partition, a group; may be empty.
        about: String,
        /// Kafka's name of the reason.
        code: ErrorCode,
        /// The server's own words.
        words: Option<String>,
    },
    /// A partition has no leader.
    #[error("{partition} has no leader")]
    NoLeader {
        /// Which one.
        partition: String,
    },
    /// A topic that the cluster does not have.
    #[error("topic {topic:?} does not exist at {servers}")]
    UnknownTopic {
        /// Its name.
        topic: String,
        /// The servers that were asked.
        servers: String,
        /// The topic whose name is nearest.
        nearest: Option<String>,
    },
    /// A partition that the topic does not have.
    #[error("topic {topic:?} has no partition {partition}: it has {count}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// How many there are.
        count: usize,
    },
    /// Batches were not written in time.
    #[error("{partition}: not written within {} ms; the last reason: {reason}", waited.as_millis())]
    NotDelivered {
        /// Where to.
        partition: String,
        /// How long it was tried.
        waited: Duration,
        /// Why the last try failed.
        reason: String,
    },
}

fn versions(has: Option<(i16, i16)>) -> String {
    match has {
        None => "none".to_owned(),
        Some((least, most)) if least == most => format!("version {least}"),
        Some((least, most)) => format!("{least} to {most}"),
    }
}

fn named(about: &str) -> String {
    match about {
        "" => String::new(),
        about => format!(" of {about}"),
    }
}

fn said(words: Option<&str>) -> String {
    match words {
        None | Some("") => String::new(),
        Some(words) => format!(": {words}"),
    }
}

impl ClientError {
    /// What the server said, where it refused.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the connection is of no more use.
    pub const fn is_broken(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. }
                | Self::NoServer(_)
                | Self::Io { .. }
                | Self::Closed { .. }
                | Self::TimedOut { .. }
                | Self::TooLarge { .. }
                | Self::Format { .. }
        )
    }

    /// Whether a new try, with new metadata, may do better.
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::NoServer(_)
            | Self::Io { .. }
            | Self::Closed { .. }
            | Self::TimedOut { .. }
            | Self::NoLeader { .. } => true,
            Self::Refused { code, .. } => is_retriable(*code),
            _ => false,
        }
    }
}

/// Whether Kafka's clients try again after it.
///
/// Source: `org.apache.kafka.common.errors.RetriableException` and its subclasses.
pub const fn is_retriable(code: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(
        code,
        E::CorruptMessage
            | E::UnknownTopicOrPartition
            | E::LeaderNotAvailable
            | E::NotLeaderOrFollower
            | E::RequestTimedOut
            | E::BrokerNotAvailable
            | E::ReplicaNotAvailable
            | E::NetworkException
            | E::CoordinatorLoadInProgress
            | E::CoordinatorNotAvailable
            | E::NotCoordinator
            | E::NotEnoughReplicas
            | E::NotEnoughReplicasAfterAppend
            | E::NotController
            | E::ConcurrentTransactions
            | E::KafkaStorageError
            | E::FetchSessionIdNotFound
            | E::InvalidFetchSessionEpoch
            | E::ListenerNotFound
            | E::FencedLeaderEpoch
            | E::UnknownLeaderEpoch
            | E::OffsetNotAvailable
            | E::UnstableOffsetCommit
            | E::ThrottlingQuotaExceeded
            | E::UnknownTopicId
            | E::InconsistentTopicId
            | E::FetchSessionTopicIdError
    )
}
