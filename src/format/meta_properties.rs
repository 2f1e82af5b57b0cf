//! `meta.properties`: whose directory this is.
//!
//! ```text
//! #
//! #Sun Nov 22 19:37:15 UTC 2026
//! node.id=1
//! directory.id=cYhvlxvKJrg18xjxPr4i4Q
//! version=1
//! cluster.id=Qm90dGxlLWdvbGRlbi0wMQ
//! ```
//!
//! Version 1 (KRaft) needs `cluster.id` and `node.id`; version 0 (ZooKeeper
//! brokers) has `broker.id`, and nothing in it is required. Directory ids whose
//! first eight bytes are 0 and whose last eight are below 100 are reserved.
//! Other keys are kept.
//!
//! Source: `org.apache.kafka.metadata.properties.MetaProperties`,
//! `…PropertiesUtils`, `org.apache.kafka.common.DirectoryId`; KIP-858.

use super::error::{FormatError, Result};
use super::properties::Properties;
use super::text::clip;
use super::types::{NodeId, Timestamp, Uuid};

/// The name of the file in each log directory.
pub const FILE_NAME: &str = "meta.properties";

const VERSION: &str = "version";
const CLUSTER_ID: &str = "cluster.id";
const BROKER_ID: &str = "broker.id";
const NODE_ID: &str = "node.id";
const DIRECTORY_ID: &str = "directory.id";

/// Which keys the file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaVersion {
    /// Written by a broker that used ZooKeeper.
    V0,
    /// Written since KRaft.
    V1,
}

/// The content of `meta.properties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// Which keys the file uses.
    pub version: MetaVersion,
    /// The cluster, 22 characters of base64url in KRaft; always there in version 1.
    pub cluster_id: Option<String>,
    /// The node; always there in version 1.
    pub node_id: Option<NodeId>,
    /// This log directory.
    pub directory_id: Option<Uuid>,
    /// Every key as it was read, those above included, to keep order and
    /// unknown ones. Empty for new content.
    read: Properties,
}

impl MetaProperties {
    /// The content for a new KRaft directory.
    pub fn new(cluster_id: impl Into<String>, node_id: NodeId, directory_id: Uuid) -> Self {
        Self {
            version: MetaVersion::V1,
            cluster_id: Some(cluster_id.into()),
            node_id: Some(node_id),
            directory_id: Some(directory_id),
            read: Properties::default(),
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// A version other than 0 and 1, a key that the version needs and that is
    /// missing, a malformed number or id, a malformed escape.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let read = Properties::parse(FILE_NAME, bytes)?;
        let version = match read.get(VERSION) {
            None | Some("0") => MetaVersion::V0,
            Some("1") => MetaVersion::V1,
            Some(other) => {
                return Err(FormatError::unsupported(
                    FILE_NAME,
                    key_position(bytes, VERSION),
                    "version 0 or 1",
                    format!("version {}", clip(other)),
                ));
            }
        };
        let node_key = match version {
            MetaVersion::V0 => BROKER_ID,
            MetaVersion::V1 => NODE_ID,
        };
        let node_id = match read.get(node_key) {
            None => None,
            Some(text) => {
                let number = text.parse().ok().and_then(NodeId::from_wire);
                Some(number.ok_or_else(|| bad(bytes, node_key, "a number from 0", text))?)
            }
        };
        let directory_id = match read.get(DIRECTORY_ID) {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| bad(bytes, DIRECTORY_ID, "22 characters of base64url", text))?,
            ),
        };
        let cluster_id = read.get(CLUSTER_ID).map(str::to_owned);
        if version == MetaVersion::V1 {
            for (key, there) in [
                (CLUSTER_ID, cluster_id.is_some()),
                (NODE_ID, node_id.is_some()),
            ] {
                if !there {
                    return Err(FormatError::corrupt(
                        FILE_NAME,
                        bytes.len(),
                        format!("a line `{key}=…`, as version 1 needs it"),
                        format!("none in {} lines", lines(bytes)),
                    ));
                }
            }
        }
        Ok(Self {
            version,
            cluster_id,
            node_id,
            directory_id,
            read,
        })
    }

    /// The file's bytes, as Kafka writes them; `now` goes into the comment.
    pub fn to_bytes(&self, now: Timestamp) -> Vec<u8> {
        let mut properties = self.read.clone();
        let node_key = match self.version {
            MetaVersion::V0 => BROKER_ID,
            MetaVersion::V1 => NODE_ID,
        };
        let version = match self.version {
            MetaVersion::V0 => "0",
            MetaVersion::V1 => "1",
        };
        let node = self.node_id.map(|node| node.to_string());
        let directory = self.directory_id.map(|id| id.to_string());
        for (key, value) in [
            (node_key, node.as_deref()),
            (DIRECTORY_ID, directory.as_deref()),
            (VERSION, Some(version)),
            (CLUSTER_ID, self.cluster_id.as_deref()),
        ] {
            match value {
                Some(value) => properties.set(key, value),
                None => properties.remove(key),
            }
        }
        format!("#\n#{}\n{}", java_date(now), properties.to_text()).into_bytes()
    }

    /// Every key and value as read, unknown ones included.
    pub fn read_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.read.iter()
    }
}

/// `java.util.Date.toString` in UTC.
fn java_date(time: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(time.get()).unwrap_or(jiff::Timestamp::MAX);
    instant.strftime("%a %b %d %H:%M:%S UTC %Y").to_string()
}

#[cold]
fn bad(bytes: &[u8], key: &str, expected: &str, found: &str) -> FormatError {
    let position = key_position(bytes, key);
    FormatError::corrupt(
        FILE_NAME,
        position,
        format!("{expected} for {key}"),
        format!(
            "{:?} on line {}",
            clip(found),
            1 + lines(&bytes[..position])
        ),
    )
}

/// Where the last line that begins with a key stands, as far as can be told.
fn key_position(bytes: &[u8], key: &str) -> usize {
    let mut at = 0;
    let mut found = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii_start().starts_with(key.as_bytes()) {
            found = at;
        }
        at += line.len();
    }
    found
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOLDEN: &[u8] = b"#\n#Sun Nov 22 19:37:15 UTC 2026\nnode.id=1\n\
        directory.id=cYhvlxvKJrg18xjxPr4i4Q\nversion=1\ncluster.id=Qm90dGxlLWdvbGRlbi0wMQ\n";
    const WHEN: Timestamp = Timestamp::new(1_795_376_235_000);

    fn message(bytes: &[u8]) -> String {
        MetaProperties::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_kafka_wrote_round_trips() {
        let meta = MetaProperties::parse(GOLDEN).unwrap();
        assert_eq!(meta.cluster_id.as_deref(), Some("Qm90dGxlLWdvbGRlbi0wMQ"));
        assert_eq!(meta.node_id, Some(NodeId::new(1)));
        assert_eq!(meta.to_bytes(WHEN), GOLDEN);
        let cluster = meta.cluster_id.clone().unwrap();
        let new = MetaProperties::new(cluster, NodeId::new(1), meta.directory_id.unwrap());
        assert_eq!(new.to_bytes(WHEN), GOLDEN);
    }

    #[test]
    fn unknown_keys_and_their_order_stay() {
        let text = b"extra=\\u00e9\nversion=1\ncluster.id=c\nnode.id=2\n";
        let meta = MetaProperties::parse(text).unwrap();
        let out = String::from_utf8(meta.to_bytes(WHEN)).unwrap();
        assert!(
            out.ends_with("\nextra=\\u00E9\nversion=1\ncluster.id=c\nnode.id=2\n"),
            "{out}"
        );
    }

    #[test]
    fn version_0_has_a_broker_id_and_may_lack_everything() {
        let meta = MetaProperties::parse(b"version=0\nbroker.id=7\n").unwrap();
        assert_eq!(
            (meta.version, meta.node_id),
            (MetaVersion::V0, Some(NodeId::new(7)))
        );
        assert_eq!(MetaProperties::parse(b"").unwrap().node_id, None);
    }

    #[test]
    fn errors_name_line_and_position() {
        assert_eq!(
            message(b"version=2\n"),
            "meta.properties at byte 0: version 2 is not supported (expected version 0 or 1)"
        );
        assert_eq!(
            message(b"version=1\ncluster.id=c\nnode.id=one\n"),
            "meta.properties at byte 23: expected a number from 0 for node.id, \
             found \"one\" on line 3"
        );
        assert_eq!(
            message(b"version=1\nnode.id=1\n"),
            "meta.properties at byte 20: expected a line `cluster.id=…`, as version 1 needs it, \
             found none in 2 lines"
        );
        assert!(MetaProperties::parse(b"directory.id=short").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = MetaProperties::parse(&bytes);
        }

        #[test]
        fn any_time_makes_a_comment(now: i64) {
            let meta = MetaProperties::parse(GOLDEN).unwrap();
            prop_assert_eq!(MetaProperties::parse(&meta.to_bytes(Timestamp::new(now))).unwrap(), meta);
        }
    }
}
