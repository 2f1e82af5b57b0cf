//! Records of the metadata log (`__cluster_metadata-0`) and of its snapshots: what
//! the controller decided, in the order in which it did.
//!
//! ```text
//! frameVersion   uvarint   1
//! apiKey         uvarint   which record
//! version        uvarint   of the record
//! body           flexible encoding (see `schema.rs`)
//! ```
//!
//! A record of a type or version that is not known here is kept as it came.
//! Control records (leader changes, snapshot headers and footers, voters) are not
//! framed like this: they are keyed, see `control`.
//!
//! Source: `org.apache.kafka.server.common.serialization.AbstractApiMessageSerde`,
//! `metadata/src/main/resources/common/metadata/*.json`; KIP-631.

mod cluster;
mod nodes;
mod security;
mod topics;

pub use cluster::{
    AbortTransactionRecord, BeginTransactionRecord, ClientQuotaRecord, ConfigRecord,
    EndTransactionRecord, FeatureLevelRecord, NoOpRecord, QuotaEntity, ZkMigrationStateRecord,
};
pub use nodes::{
    BrokerRegistrationChangeRecord, Endpoint, FeatureRange, FenceBrokerRecord, ProducerIdsRecord,
    RegisterBrokerRecord, RegisterControllerRecord, UnfenceBrokerRecord, UnregisterBrokerRecord,
};
pub use security::{
    AccessControlEntryRecord, DelegationTokenRecord, RemoveAccessControlEntryRecord,
    RemoveDelegationTokenRecord, RemoveUserScramCredentialRecord, UserScramCredentialRecord,
};
pub use topics::{
    ClearElrRecord, LeaderChange, PartitionChangeRecord, PartitionRecord, RemoveTopicRecord,
    TopicRecord,
};

use super::bytes::{Reader, put_uvarint};
use super::error::{FormatError, Result};
use super::schema::{Message, Wire, base64_json, finish};
use serde_json::{Value, json};
use std::ops::RangeInclusive;

const WHAT: &str = "metadata record";
const FRAME_VERSION: u32 = 1;

macro_rules! metadata_records {
    ($($(#[$doc:meta])* $key:literal $variant:ident($type:ident) $name:literal,)*) => {
        /// What a metadata record says.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "records are decoded one at a time")]
        pub enum MetadataRecord {
            $(
                $(#[$doc])*
                $variant($type),
            )*
            /// A type, or a version of a type, that is not known here.
            Unknown {
                /// The number of the type.
                api_key: u32,
                /// The encoded record behind type and version.
                body: Vec<u8>,
            },
        }

        impl MetadataRecord {
            /// The number of its type.
            pub const fn api_key(&self) -> u32 {
                match self {
                    $(Self::$variant(_) => $key,)*
                    Self::Unknown { api_key, .. } => *api_key,
                }
            }

            /// The name of its type as Kafka's dump prints it, or `UNKNOWN`.
            pub const fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Unknown { .. } => "UNKNOWN",
                }
            }

            /// The versions of its type that are known; none for an unknown record.
            pub const fn versions(&self) -> Option<RangeInclusive<i16>> {
                match self {
                    $(Self::$variant(_) => Some(<$type as Message>::VERSIONS),)*
                    Self::Unknown { .. } => None,
                }
            }

            fn read(api_key: u32, version: i16, reader: &mut Reader<'_>) -> Result<Self> {
                match api_key {
                    $($key if <$type as Message>::VERSIONS.contains(&version) => {
                        let layout = <$type as Message>::layout(version);
                        let record = <$type>::read(reader, layout, stringify!($type))?;
                        finish(reader, stringify!($type))?;
                        Ok(Self::$variant(record))
                    })*
                    _ => Ok(Self::Unknown {
                        api_key,
                        body: reader.take(WHAT, reader.remaining())?.to_vec(),
                    }),
                }
            }

            fn write(&self, version: i16, out: &mut Vec<u8>) -> Result<()> {
                match self {
                    $(Self::$variant(record) => {
                        let layout = <$type as Message>::layout(version);
                        record.write(out, layout, stringify!($type))
                    })*
                    Self::Unknown { body, .. } => {
                        out.extend_from_slice(body);
                        Ok(())
                    }
                }
            }

            fn data_json(&self, version: i16) -> Value {
                match self {
                    $(Self::$variant(record) => {
                        record.to_json(<$type as Message>::layout(version))
                    })*
                    Self::Unknown { body, .. } => base64_json(body),
                }
            }
        }

        $(
            impl From<$type> for MetadataRecord {
                fn from(record: $type) -> Self {
                    Self::$variant(record)
                }
            }
        )*
    };
}

metadata_records! {
    /// A broker starts.
    0 RegisterBroker(RegisterBrokerRecord) "REGISTER_BROKER_RECORD",
    /// A broker is gone for good.
    1 UnregisterBroker(UnregisterBrokerRecord) "UNREGISTER_BROKER_RECORD",
    /// A topic is created.
    2 Topic(TopicRecord) "TOPIC_RECORD",
    /// A partition is created, or its whole state (in a snapshot).
    3 Partition(PartitionRecord) "PARTITION_RECORD",
    /// A config is set or removed.
    4 Config(ConfigRecord) "CONFIG_RECORD",
    /// Some of a partition's state changes.
    5 PartitionChange(PartitionChangeRecord) "PARTITION_CHANGE_RECORD",
    /// A broker is fenced (before `metadata.version` 3.3).
    7 FenceBroker(FenceBrokerRecord) "FENCE_BROKER_RECORD",
    /// A broker is unfenced (before `metadata.version` 3.3).
    8 UnfenceBroker(UnfenceBrokerRecord) "UNFENCE_BROKER_RECORD",
    /// A topic is deleted with its partitions and configs.
    9 RemoveTopic(RemoveTopicRecord) "REMOVE_TOPIC_RECORD",
    /// A delegation token is created or renewed.
    10 DelegationToken(DelegationTokenRecord) "DELEGATION_TOKEN_RECORD",
    /// A user's SCRAM credential is set.
    11 UserScramCredential(UserScramCredentialRecord) "USER_SCRAM_CREDENTIAL_RECORD",
    /// A feature is finalised at a level.
    12 FeatureLevel(FeatureLevelRecord) "FEATURE_LEVEL_RECORD",
    /// A client quota is set or removed.
    14 ClientQuota(ClientQuotaRecord) "CLIENT_QUOTA_RECORD",
    /// A block of producer ids is handed out.
    15 ProducerIds(ProducerIdsRecord) "PRODUCER_IDS_RECORD",
    /// A broker is fenced, unfenced, stopping, or its directories change.
    17 BrokerRegistrationChange(BrokerRegistrationChangeRecord) "BROKER_REGISTRATION_CHANGE_RECORD",
    /// An ACL is created.
    18 AccessControlEntry(AccessControlEntryRecord) "ACCESS_CONTROL_ENTRY_RECORD",
    /// An ACL is removed.
    19 RemoveAccessControlEntry(RemoveAccessControlEntryRecord) "REMOVE_ACCESS_CONTROL_ENTRY_RECORD",
    /// Nothing: shows that the controller lives.
    20 NoOp(NoOpRecord) "NO_OP_RECORD",
    /// Where a migration from ZooKeeper stands.
    21 ZkMigrationState(ZkMigrationStateRecord) "ZK_MIGRATION_STATE_RECORD",
    /// A user's SCRAM credential is removed.
    22 RemoveUserScramCredential(RemoveUserScramCredentialRecord) "REMOVE_USER_SCRAM_CREDENTIAL_RECORD",
    /// The records up to the next end or abort count together.
    23 BeginTransaction(BeginTransactionRecord) "BEGIN_TRANSACTION_RECORD",
    /// The records since the last begin count.
    24 EndTransaction(EndTransactionRecord) "END_TRANSACTION_RECORD",
    /// The records since the last begin do not count.
    25 AbortTransaction(AbortTransactionRecord) "ABORT_TRANSACTION_RECORD",
    /// A delegation token is removed.
    26 RemoveDelegationToken(RemoveDelegationTokenRecord) "REMOVE_DELEGATION_TOKEN_RECORD",
    /// A controller starts.
    27 RegisterController(RegisterControllerRecord) "REGISTER_CONTROLLER_RECORD",
    /// Eligible leader replicas are forgotten.
    28 ClearElr(ClearElrRecord) "CLEAR_ELR_RECORD",
}

/// A metadata record and the version that it is written in.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionedRecord {
    /// The version, 0 or more.
    pub version: i16,
    /// The record.
    pub record: MetadataRecord,
}

impl MetadataRecord {
    /// This record in the highest version of its type, which `metadata.version`
    /// 30 (Kafka 4.3) takes. Unknown records get 0.
    pub fn latest(self) -> VersionedRecord {
        let version = self.versions().map_or(0, |versions| *versions.end());
        self.at(version)
    }

    /// This record in a version.
    pub const fn at(self, version: i16) -> VersionedRecord {
        VersionedRecord {
            version,
            record: self,
        }
    }
}

impl VersionedRecord {
    /// Reads the value of a record of the metadata log.
    ///
    /// # Errors
    /// A frame version other than 1; a known type whose body is cut short, does
    /// not follow its schema, or is followed by more bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let frame = reader.uvarint(WHAT)?;
        if frame != FRAME_VERSION {
            return Err(FormatError::unsupported(
                WHAT,
                0,
                "frame version 1",
                format!("frame version {frame}"),
            ));
        }
        let api_key = reader.uvarint("metadata record type")?;
        let start = reader.position();
        let version = reader.uvarint("metadata record version")?;
        let version = i16::try_from(version).map_err(|_| {
            FormatError::corrupt(
                "metadata record version",
                start,
                "0 to 32767",
                version.to_string(),
            )
        })?;
        let record = MetadataRecord::read(api_key, version, &mut reader)?;
        Ok(Self { version, record })
    }

    /// Appends the value of a record of the metadata log.
    ///
    /// # Errors
    /// A version that the type does not have, a field that the version does not
    /// have, a string of more than 32,767 bytes. `out` then ends in part of the record.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        if let Some(versions) = self.record.versions()
            && !versions.contains(&self.version)
        {
            return Err(FormatError::unencodable(
                self.record.type_name(),
                format!("version {} to {}", versions.start(), versions.end()),
                format!("version {}", self.version),
            ));
        }
        put_uvarint(out, u64::from(FRAME_VERSION));
        put_uvarint(out, u64::from(self.record.api_key()));
        put_uvarint(out, u64::from(self.version.max(0).cast_unsigned()));
        self.record.write(self.version, out)
    }

    /// The value of a record of the metadata log, see [`Self::encode`].
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.encode(&mut out)?;
        Ok(out)
    }

    /// What Kafka's dump prints as the payload. An unknown record has its type's
    /// number in `apiKey` and base64 in `data`.
    pub fn to_json(&self) -> Value {
        let data = self.record.data_json(self.version);
        let name = self.record.type_name();
        match &self.record {
            MetadataRecord::Unknown { api_key, .. } => {
                json!({ "type": name, "apiKey": api_key, "version": self.version, "data": data })
            }
            _ => json!({ "type": name, "version": self.version, "data": data }),
        }
    }
}

#[cfg(test)]
mod tests;
