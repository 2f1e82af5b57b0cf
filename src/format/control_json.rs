//! Control records as JSON, with the names that Kafka's own dump gives them.
//!
//! Source: `org.apache.kafka.tools.DumpLogSegments`; the generated JSON converters
//! of the messages named in [`super::kraft_control`].

use super::control::ControlRecord;
use super::kraft_control::{LeaderChangeVoter, Voter};
use super::schema::base64_json;
use super::types::Timestamp;
use serde_json::{Map, Value, json};

impl ControlRecord<'_> {
    /// What Kafka's dump calls its type: `COMMIT`, `LeaderChange`, `KRaftVoters`, …
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Abort(_) => "ABORT",
            Self::Commit(_) => "COMMIT",
            Self::LeaderChange(_) => "LeaderChange",
            Self::SnapshotHeader(_) => "SnapshotHeader",
            Self::SnapshotFooter(_) => "SnapshotFooter",
            Self::KRaftVersion(_) => "KRaftVersion",
            Self::Voters(_) => "KRaftVoters",
            Self::Unknown { .. } => "UNKNOWN",
        }
    }

    /// What it says. An unknown one has its type's number and base64.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Abort(marker) | Self::Commit(marker) => {
                json!({ "coordinatorEpoch": marker.coordinator_epoch })
            }
            Self::LeaderChange(change) => json!({
                "version": change.version,
                "leaderId": change.leader,
                "voters": change.voters.iter().map(changed_voter).collect::<Vec<_>>(),
                "grantingVoters":
                    change.granting_voters.iter().map(changed_voter).collect::<Vec<_>>(),
            }),
            Self::SnapshotHeader(header) => json!({
                "version": 0,
                "lastContainedLogTimestamp":
                    Timestamp::to_wire(header.last_contained_log_timestamp),
            }),
            Self::SnapshotFooter(_) => json!({ "version": 0 }),
            Self::KRaftVersion(version) => json!({
                "version": 0,
                "kRaftVersion": version.level,
            }),
            Self::Voters(voters) => json!({
                "version": 0,
                "voters": voters.voters.iter().map(Voter::to_json).collect::<Vec<_>>(),
            }),
            Self::Unknown { id, value } => json!({
                "type": id,
                "data": value.map(base64_json),
            }),
        }
    }
}

fn changed_voter(voter: &LeaderChangeVoter) -> Value {
    let mut object = Map::new();
    object.insert("voterId".to_owned(), json!(voter.id));
    if let Some(directory) = voter.directory_id {
        object.insert("voterDirectoryId".to_owned(), json!(directory));
    }
    Value::Object(object)
}

impl Voter {
    /// As it stands in the JSON of a voters record.
    pub fn to_json(&self) -> Value {
        let endpoint = |endpoint: &super::kraft_control::Endpoint| json!({ "name": endpoint.name, "host": endpoint.host, "port": endpoint.port });
        json!({
            "voterId": self.id,
            "voterDirectoryId": self.directory_id,
            "endpoints": self.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
            "kRaftVersionFeature": {
                "minSupportedVersion": self.least_kraft_version,
                "maxSupportedVersion": self.most_kraft_version,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch::{Scratch, UncheckedBatch};

    #[test]
    fn a_brokers_quorum_reads_as_kafkas_dump_prints_it() {
        let bytes = include_bytes!("../../testdata/kafka-4.3.1-fragments/quorum.batch");
        let batch = UncheckedBatch::parse(bytes).unwrap().check().unwrap();
        let mut scratch = Scratch::new();
        let shown: Vec<_> = batch
            .records(&mut scratch)
            .unwrap()
            .map(|record| {
                let record = record.unwrap();
                let control = ControlRecord::decode(record.key, record.value).unwrap();
                (control.type_name(), control.to_json().to_string())
            })
            .collect();
        let one = r#"[{"voterId":1}]"#;
        let change =
            format!(r#"{{"version":0,"leaderId":1,"voters":{one},"grantingVoters":{one}}}"#);
        assert_eq!(shown[0], ("LeaderChange", change));
        let version = r#"{"version":0,"kRaftVersion":1}"#.to_owned();
        assert_eq!(shown[1], ("KRaftVersion", version));
        assert_eq!(shown[2].0, "KRaftVoters");
        assert!(
            shown[2]
                .1
                .starts_with(r#"{"version":0,"voters":[{"voterId":1,"voterDirectoryId":"#)
        );
    }
}
