//! `quorum-state` in `__cluster_metadata-0`: the last election that this node
//! took part in.
//!
//! ```text
//! {"clusterId":"","leaderId":1,"leaderEpoch":3,"votedId":-1,"appliedOffset":0,
//!  "currentVoters":[{"voterId":1}],"data_version":0}                 static quorum
//! {"leaderId":1,"leaderEpoch":3,"votedId":-1,
//!  "votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}     dynamic quorum
//! ```
//!
//! One line without an end; Kafka reads only the first line. Fields not known
//! here are kept, in front of `data_version`.
//!
//! Source: `org.apache.kafka.raft.FileQuorumStateStore`,
//! `QuorumStateData.json`; KIP-595, KIP-853.

use super::error::{FormatError, Result};
use super::json::JsonObject;
use super::types::{LeaderEpoch, NodeId, Uuid};
use serde_json::{Map, Value, json};

/// The name of the file in `__cluster_metadata-0`.
pub const FILE_NAME: &str = "quorum-state";

/// The content of `quorum-state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumState {
    /// The leader of the epoch, once known.
    pub leader_id: Option<NodeId>,
    /// The epoch of the election.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The candidate that this node voted for in the epoch.
    pub voted_id: Option<NodeId>,
    /// What the file's version adds.
    pub version: QuorumStateVersion,
    /// Fields not known here, kept.
    unknown: Map<String, Value>,
}

/// The fields that differ between the versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuorumStateVersion {
    /// A quorum whose voters are configured (`kraft.version` 0).
    V0 {
        /// Always empty in files that Kafka writes.
        cluster_id: String,
        /// Always 0 in files that Kafka writes.
        applied_offset: i64,
        /// The voters, or `None` for null.
        current_voters: Option<Vec<NodeId>>,
    },
    /// A quorum whose voters are records of the log (`kraft.version` 1).
    V1 {
        /// The directory of the candidate that this node voted for; zero for none.
        voted_directory_id: Uuid,
    },
}

impl QuorumState {
    /// The state of a static quorum.
    pub fn static_quorum(
        leader_id: Option<NodeId>,
        leader_epoch: LeaderEpoch,
        voted_id: Option<NodeId>,
        voters: &[NodeId],
    ) -> Self {
        Self {
            leader_id,
            leader_epoch: Some(leader_epoch),
            voted_id,
            version: QuorumStateVersion::V0 {
                cluster_id: String::new(),
                applied_offset: 0,
                current_voters: Some(voters.to_vec()),
            },
            unknown: Map::new(),
        }
    }

    /// The state of a dynamic quorum.
    pub fn dynamic_quorum(
        leader_id: Option<NodeId>,
        leader_epoch: LeaderEpoch,
        voted: Option<(NodeId, Uuid)>,
    ) -> Self {
        Self {
            leader_id,
            leader_epoch: Some(leader_epoch),
            voted_id: voted.map(|(node, _)| node),
            version: QuorumStateVersion::V1 {
                voted_directory_id: voted.map_or(Uuid::ZERO, |(_, directory)| directory),
            },
            unknown: Map::new(),
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// Not a JSON object on the first line, a `data_version` other than 0 and 1,
    /// a field that is missing or of another type.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let mut object = JsonObject::parse(FILE_NAME, &bytes[..end.unwrap_or(bytes.len())])?;
        let data_version = object.take_number::<i16>("data_version")?;
        let version = match data_version {
            0 => QuorumStateVersion::V0 {
                cluster_id: object.take_string("clusterId")?,
                applied_offset: object.take_number("appliedOffset")?,
                current_voters: take_voters(&mut object)?,
            },
            1 => QuorumStateVersion::V1 {
                voted_directory_id: object.take_string("votedDirectoryId")?.parse()?,
            },
            other => {
                return Err(FormatError::unsupported(
                    FILE_NAME,
                    0,
                    "data_version 0 or 1",
                    format!("data_version {other} on line 1"),
                ));
            }
        };
        Ok(Self {
            leader_id: NodeId::from_wire(object.take_number("leaderId")?),
            leader_epoch: LeaderEpoch::from_wire(object.take_number("leaderEpoch")?),
            voted_id: NodeId::from_wire(object.take_number("votedId")?),
            version,
            unknown: object.into_rest(),
        })
    }

    /// The file's bytes, as Kafka writes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        if let QuorumStateVersion::V0 { cluster_id, .. } = &self.version {
            put("clusterId", json!(cluster_id));
        }
        put("leaderId", json!(NodeId::to_wire(self.leader_id)));
        put(
            "leaderEpoch",
            json!(LeaderEpoch::to_wire(self.leader_epoch)),
        );
        put("votedId", json!(NodeId::to_wire(self.voted_id)));
        let data_version = match &self.version {
            QuorumStateVersion::V0 {
                applied_offset,
                current_voters,
                ..
            } => {
                let voter = |node: &NodeId| json!({ "voterId": node });
                let voters = current_voters.as_deref();
                let voters = voters.map(|nodes| nodes.iter().map(voter).collect::<Vec<_>>());
                put("appliedOffset", json!(applied_offset));
                put("currentVoters", json!(voters));
                0
            }
            QuorumStateVersion::V1 { voted_directory_id } => {
                put("votedDirectoryId", json!(voted_directory_id));
                1
            }
        };
        object.extend(self.unknown.clone());
        object.insert("data_version".to_owned(), json!(data_version));
        Value::Object(object).to_string().into_bytes()
    }
}

fn take_voters(object: &mut JsonObject) -> Result<Option<Vec<NodeId>>> {
    let value = object.take("currentVoters");
    let voter = |entry: &Value| {
        let id = entry.get("voterId")?.as_i64()?;
        i32::try_from(id).ok().and_then(NodeId::from_wire)
    };
    let voters = match &value {
        Some(Value::Null) => return Ok(None),
        Some(Value::Array(entries)) => entries.iter().map(voter).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    match voters {
        Some(voters) => Ok(Some(voters)),
        None => {
            let expected = "a list of objects with a `voterId` from 0";
            Err(object.bad("currentVoters", expected, value.as_ref()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Kafka 4.3.1 wrote it.
    const GOLDEN: &str = r#"{"clusterId":"","leaderId":1,"leaderEpoch":3,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#;
    const DYNAMIC: &str = r#"{"leaderId":-1,"leaderEpoch":4,"votedId":2,"votedDirectoryId":"cYhvlxvKJrg18xjxPr4i4Q","more":"x","data_version":1}"#;

    fn parse(text: &str) -> Result<QuorumState> {
        QuorumState::parse(text.as_bytes())
    }

    #[test]
    fn what_kafka_wrote_round_trips() {
        let state = parse(GOLDEN).unwrap();
        let one = NodeId::new(1);
        let epoch = LeaderEpoch::new(3);
        assert_eq!(
            state,
            QuorumState::static_quorum(Some(one), epoch, None, &[one])
        );
        assert_eq!(state.to_bytes(), GOLDEN.as_bytes());
    }

    #[test]
    fn a_dynamic_quorum_and_unknown_fields_round_trip() {
        let state = parse(DYNAMIC).unwrap();
        assert_eq!(
            (state.leader_id, state.voted_id),
            (None, Some(NodeId::new(2)))
        );
        assert_eq!(state.to_bytes(), DYNAMIC.as_bytes());
    }

    #[test]
    fn errors_name_what_is_wrong() {
        assert_eq!(
            parse(&GOLDEN.replace("\"data_version\":0", "\"data_version\":2"))
                .unwrap_err()
                .to_string(),
            "quorum-state at byte 0: data_version 2 on line 1 is not supported \
             (expected data_version 0 or 1)"
        );
        assert_eq!(
            parse(&GOLDEN.replace("\"leaderId\":1", "\"leaderId\":\"x\""))
                .unwrap_err()
                .to_string(),
            "quorum-state at byte 0: expected a whole number in range in field `leaderId` \
             of the object on line 1, found \"x\""
        );
        let cut = parse(&GOLDEN[..40]).unwrap_err().to_string();
        assert!(cut.starts_with("quorum-state at byte "), "{cut}");
        assert!(cut.contains("line 1"), "{cut}");
        assert!(parse("").is_err());
        assert!(parse("[]").is_err());
        assert!(parse(&GOLDEN.replace("voterId", "other")).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0..GOLDEN.len(), byte: u8) {
            let _ = QuorumState::parse(&bytes);
            let mut changed = GOLDEN.as_bytes().to_vec();
            changed[cut] = byte;
            let _ = QuorumState::parse(&changed);
        }
    }
}
