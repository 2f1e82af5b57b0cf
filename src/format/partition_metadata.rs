//! `partition.metadata`: which topic the partition in this directory belongs to.
//!
//! ```text
//! version: 0
//! topic_id: rEHrAl3xSPqd1yCUAGC2iA       no newline behind it
//! ```
//!
//! Kafka takes a directory without this file for a stray and deletes it. Versions
//! above 0 are read for their id and kept; further lines are ignored.
//!
//! Source: `org.apache.kafka.storage.internals.checkpoint.PartitionMetadataFile`,
//! `…PartitionMetadataReadBuffer`; KIP-516.

use super::error::{FormatError, Result};
use super::text::{Line, Lines};
use super::types::Uuid;

/// The name of the file in a partition's directory.
pub const FILE_NAME: &str = "partition.metadata";

/// The content of `partition.metadata`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The version of the file, 0 so far.
    pub version: u32,
    /// The topic; never zero.
    pub topic_id: Uuid,
}

impl PartitionMetadata {
    /// The content for a partition of this topic.
    pub const fn new(topic_id: Uuid) -> Self {
        Self {
            version: 0,
            topic_id,
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// A missing or malformed line, or an id of zero.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut lines = Lines::new(FILE_NAME, bytes)?;
        let (line, text) = field(&mut lines, bytes, "version")?;
        let version = text
            .parse()
            .map_err(|_| line.corrupt(FILE_NAME, "`version: ` and a number from 0"))?;
        let (line, text) = field(&mut lines, bytes, "topic_id")?;
        let topic_id = text
            .parse()
            .ok()
            .filter(|id| *id != Uuid::ZERO)
            .ok_or_else(|| line.corrupt(FILE_NAME, "`topic_id: ` and an id that is not zero"))?;
        Ok(Self { version, topic_id })
    }

    /// The file's bytes, as Kafka writes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("version: {}\ntopic_id: {}", self.version, self.topic_id).into_bytes()
    }
}

fn field<'a>(
    lines: &mut Lines<'a>,
    bytes: &[u8],
    name: &'static str,
) -> Result<(Line<'a>, &'a str)> {
    let Some(line) = lines.next() else {
        return Err(FormatError::corrupt(
            FILE_NAME,
            bytes.len(),
            format!("`{name}: …` on line {}", lines.number() + 1),
            "the end of the file",
        ));
    };
    let value = line.text.strip_prefix(name).and_then(|rest| {
        let value = rest.strip_prefix(':')?;
        value.starts_with([' ', '\t']).then(|| value.trim())
    });
    let value = value.ok_or_else(|| line.corrupt(FILE_NAME, format!("`{name}: …`")))?;
    Ok((line, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `events-0/partition.metadata` as Kafka 4.3.1 wrote it.
    const GOLDEN: &[u8] = b"version: 0\ntopic_id: rEHrAl3xSPqd1yCUAGC2iA";

    fn message(bytes: &[u8]) -> String {
        PartitionMetadata::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_kafka_wrote_round_trips() {
        let metadata = PartitionMetadata::parse(GOLDEN).unwrap();
        assert_eq!(metadata.topic_id.to_string(), "rEHrAl3xSPqd1yCUAGC2iA");
        assert_eq!(metadata.to_bytes(), GOLDEN);
        assert_eq!(PartitionMetadata::new(metadata.topic_id), metadata);
    }

    #[test]
    fn errors_name_line_and_position() {
        assert_eq!(
            message(b""),
            "partition.metadata at byte 0: expected `version: …` on line 1, \
             found the end of the file"
        );
        assert_eq!(
            message(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA"),
            "partition.metadata at byte 11: expected `topic_id: ` and an id that is not zero, \
             found \"topic_id: AAAAAAAAAAAAAAAAAAAAAA\" on line 2"
        );
        for bad in [
            "version:0\n",
            "version: -1\n",
            "version: 0\n",
            "version: 0\ntopic_id: x",
        ] {
            assert!(PartitionMetadata::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "version: [0-9x]{0,3}\n(topic_id: .{0,30})?") {
            let _ = PartitionMetadata::parse(&bytes);
            let _ = PartitionMetadata::parse(text.as_bytes());
        }
    }
}
