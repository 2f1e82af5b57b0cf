//! What KRaft writes as control records into `__cluster_metadata-0` and its snapshots.
//!
//! ```text
//! values by type, in the flexible encoding (… = tagged fields):
//!   2 leader change    version i16 0–1, leaderId i32,
//!                      voters [voterId i32, directoryId uuid (version 1), …],
//!                      grantingVoters [the same], …
//!   3 snapshot header  version i16 0, lastContainedLogTimestamp i64, …
//!   4 snapshot footer  version i16 0, …
//!   5 kraft version    version i16 0, kraftVersion i16, …
//!   6 voters           version i16 0, voters [voterId i32, directoryId uuid,
//!                      endpoints [name string, host string, port u16, …],
//!                      kraft.version range {least i16, most i16, …}, …], …
//! ```
//!
//! Sources: `LeaderChangeMessage.json`, `SnapshotHeaderRecord.json`,
//! `SnapshotFooterRecord.json`, `KRaftVersionRecord.json`, `VotersRecord.json`;
//! KIP-595, KIP-630, KIP-853.

use super::bytes::{Reader, put_compact_string, put_uvarint};
use super::error::{FormatError, Result};
use super::types::{NodeId, Timestamp, Uuid};

/// Tagged fields that are not known here, as they came: count, then for each tag,
/// size and bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTags(Vec<u8>);

impl Default for UnknownTags {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl UnknownTags {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let whole = reader.rest();
        let start = reader.position();
        reader.tagged_fields(|_, _| Ok(()))?;
        Ok(Self(whole[..reader.position() - start].to_vec()))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0 == [0]
    }
}

/// A voter as a leader change names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderChangeVoter {
    /// Its node.
    pub id: NodeId,
    /// Its directory; since version 1.
    pub directory_id: Option<Uuid>,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

/// A KRaft leader starts its epoch: the first record that it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderChange {
    /// The new leader.
    pub leader: NodeId,
    /// All voters.
    pub voters: Vec<LeaderChangeVoter>,
    /// Those that voted for it.
    pub granting_voters: Vec<LeaderChangeVoter>,
    /// 0, or 1 where voters have directory ids.
    pub version: i16,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

impl LeaderChange {
    /// The change to the only voter of a static quorum (version 0).
    pub fn of_one(leader: NodeId) -> Self {
        let voters = vec![LeaderChangeVoter {
            id: leader,
            directory_id: None,
            unknown: UnknownTags::default(),
        }];
        Self {
            leader,
            granting_voters: voters.clone(),
            voters,
            version: 0,
            unknown: UnknownTags::default(),
        }
    }

    /// Reads a value. Allocates at most 32 times its size.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value);
        let version = version(&mut reader, "leader change version", 1)?;
        let leader = NodeId::new(reader.i32("leader id")?);
        let voters = Self::read_voters(&mut reader, version)?;
        let granting_voters = Self::read_voters(&mut reader, version)?;
        Ok(Self {
            leader,
            voters,
            granting_voters,
            version,
            unknown: UnknownTags::read(&mut reader)?,
        })
    }

    /// The value. A voter without a directory has the id of zeros in version 1.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.version.to_be_bytes().to_vec();
        out.extend_from_slice(&self.leader.get().to_be_bytes());
        for voters in [&self.voters, &self.granting_voters] {
            put_uvarint(&mut out, voters.len() as u64 + 1);
            for voter in voters {
                out.extend_from_slice(&voter.id.get().to_be_bytes());
                if self.version >= 1 {
                    out.extend_from_slice(voter.directory_id.unwrap_or_default().as_bytes());
                }
                voter.unknown.write(&mut out);
            }
        }
        self.unknown.write(&mut out);
        out
    }

    fn read_voters(reader: &mut Reader<'_>, version: i16) -> Result<Vec<LeaderChangeVoter>> {
        read_array(reader, "leader change voters", 5, |reader| {
            Ok(LeaderChangeVoter {
                id: NodeId::new(reader.i32("voter id")?),
                directory_id: match version {
                    0 => None,
                    _ => Some(reader.uuid("voter directory id")?),
                },
                unknown: UnknownTags::read(reader)?,
            })
        })
    }
}

/// The first record of a metadata snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// When the last record that the snapshot covers was appended; `None` where it
    /// covers none.
    pub last_contained_log_timestamp: Option<Timestamp>,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

impl SnapshotHeader {
    /// Reads a value. Allocates at most its size.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value);
        version(&mut reader, "snapshot header version", 0)?;
        let timestamp = reader.i64("last contained log timestamp")?;
        Ok(Self {
            last_contained_log_timestamp: Timestamp::from_wire(timestamp),
            unknown: UnknownTags::read(&mut reader)?,
        })
    }

    /// The value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0, 0];
        let timestamp = Timestamp::to_wire(self.last_contained_log_timestamp);
        out.extend_from_slice(&timestamp.to_be_bytes());
        self.unknown.write(&mut out);
        out
    }
}

/// The last record of a metadata snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SnapshotFooter {
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

impl SnapshotFooter {
    /// Reads a value. Allocates at most its size.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value);
        version(&mut reader, "snapshot footer version", 0)?;
        Ok(Self {
            unknown: UnknownTags::read(&mut reader)?,
        })
    }

    /// The value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0, 0];
        self.unknown.write(&mut out);
        out
    }
}

/// The level of `kraft.version`: 0 a static quorum, 1 a dynamic one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KRaftVersion {
    /// The level.
    pub level: i16,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

impl KRaftVersion {
    /// Reads a value. Allocates at most its size.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value);
        version(&mut reader, "kraft version version", 0)?;
        Ok(Self {
            level: reader.i16("kraft version")?,
            unknown: UnknownTags::read(&mut reader)?,
        })
    }

    /// The value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0, 0];
        out.extend_from_slice(&self.level.to_be_bytes());
        self.unknown.write(&mut out);
        out
    }
}

/// An address of a voter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name.
    pub name: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

/// A voter of a dynamic quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Its node.
    pub id: NodeId,
    /// Its metadata directory.
    pub directory_id: Uuid,
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
    /// The least `kraft.version` that it supports.
    pub least_kraft_version: i16,
    /// The greatest `kraft.version` that it supports.
    pub most_kraft_version: i16,
    /// Tagged fields of the range not known here.
    pub unknown_range: UnknownTags,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

/// The voters of a dynamic quorum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Voters {
    /// Each of them.
    pub voters: Vec<Voter>,
    /// Tagged fields not known here.
    pub unknown: UnknownTags,
}

impl Voters {
    /// Reads a value. Allocates at most 32 times its size.
    pub fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(value);
        version(&mut reader, "voters version", 0)?;
        let voters = read_array(&mut reader, "voters", 27, |reader| {
            let id = NodeId::new(reader.i32("voter id")?);
            let directory_id = reader.uuid("voter directory id")?;
            let endpoints = read_array(reader, "voter endpoints", 5, |reader| {
                Ok(Endpoint {
                    name: reader.compact_string("endpoint name")?.to_owned(),
                    host: reader.compact_string("endpoint host")?.to_owned(),
                    port: reader.u16("endpoint port")?,
                    unknown: UnknownTags::read(reader)?,
                })
            })?;
            Ok(Voter {
                id,
                directory_id,
                endpoints,
                least_kraft_version: reader.i16("least kraft version")?,
                most_kraft_version: reader.i16("greatest kraft version")?,
                unknown_range: UnknownTags::read(reader)?,
                unknown: UnknownTags::read(reader)?,
            })
        })?;
        Ok(Self {
            voters,
            unknown: UnknownTags::read(&mut reader)?,
        })
    }

    /// The value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![0, 0];
        put_uvarint(&mut out, self.voters.len() as u64 + 1);
        for voter in &self.voters {
            out.extend_from_slice(&voter.id.get().to_be_bytes());
            out.extend_from_slice(voter.directory_id.as_bytes());
            put_uvarint(&mut out, voter.endpoints.len() as u64 + 1);
            for endpoint in &voter.endpoints {
                put_compact_string(&mut out, Some(&endpoint.name));
                put_compact_string(&mut out, Some(&endpoint.host));
                out.extend_from_slice(&endpoint.port.to_be_bytes());
                endpoint.unknown.write(&mut out);
            }
            out.extend_from_slice(&voter.least_kraft_version.to_be_bytes());
            out.extend_from_slice(&voter.most_kraft_version.to_be_bytes());
            voter.unknown_range.write(&mut out);
            voter.unknown.write(&mut out);
        }
        self.unknown.write(&mut out);
        out
    }
}

fn version(reader: &mut Reader<'_>, what: &'static str, most: i16) -> Result<i16> {
    let version = reader.i16(what)?;
    if (0..=most).contains(&version) {
        Ok(version)
    } else {
        Err(FormatError::unsupported(
            what,
            0,
            format!("0 to {most}"),
            version.to_string(),
        ))
    }
}

/// A compact array of items of at least `least` bytes, which bounds the allocation.
fn read_array<'a, T>(
    reader: &mut Reader<'a>,
    what: &'static str,
    least: usize,
    mut item: impl FnMut(&mut Reader<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let start = reader.position();
    let count = reader
        .compact_array(what)?
        .ok_or_else(|| FormatError::corrupt(what, start, "an array", "null"))?;
    reader.bounded_count(what, count as i64, least)?;
    (0..count).map(|_| item(reader)).collect()
}
