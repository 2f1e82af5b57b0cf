//! The APIs of a broker: their keys, their versions, their messages.

use super::messages as m;
use crate::format::Result;
use crate::format::schema::Message;
use std::fmt;
use std::ops::RangeInclusive;

/// An API with a request and a response of fixed types.
#[allow(private_bounds, reason = "what a message is made of stays inside")]
pub trait Request: Message {
    /// Its API.
    const KEY: ApiKey;
    /// The response to it.
    type Response: Response;

    /// Decodes the body of a request.
    ///
    /// # Errors
    /// Where it does not follow the schema of `version`. What follows it is ignored.
    fn decode(body: &[u8], version: i16) -> Result<Self> {
        super::decode(body, version)
    }

    /// Appends the body.
    ///
    /// # Errors
    /// Where `version` cannot hold a value.
    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<()> {
        super::encode(self, version, out)
    }
}

/// A response.
#[allow(private_bounds, reason = "what a message is made of stays inside")]
pub trait Response: Message {
    /// Its API.
    const KEY: ApiKey;

    /// Decodes the body of a response.
    ///
    /// # Errors
    /// Where it does not follow the schema of `version`. What follows it is ignored.
    fn decode(body: &[u8], version: i16) -> Result<Self> {
        super::decode(body, version)
    }

    /// Appends the body.
    ///
    /// # Errors
    /// Where `version` cannot hold a value.
    fn encode(&self, version: i16, out: &mut Vec<u8>) -> Result<()> {
        super::encode(self, version, out)
    }
}

macro_rules! apis {
    ($($name:ident = $key:literal, $versions:expr, $module:ident::{$request:ident, $response:ident};)*) => {
        /// An API of a broker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("`", stringify!($name), "`, ", stringify!($key), ".")]
                $name = $key,
            )*
        }

        impl ApiKey {
            /// Every one, by its key.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The API of a key.
            pub const fn from_key(key: i16) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The versions that Apache Kafka 4.3.1 serves.
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => $versions,)*
                }
            }

            /// Kafka's name of it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Whether a body is a request of that version, all of it.
            ///
            /// # Errors
            /// Where it is not.
            pub fn check_request(self, body: &[u8], version: i16) -> Result<()> {
                match self {
                    $(Self::$name => super::decode::<m::$module::$request>(body, version).map(drop),)*
                }
            }

            /// Whether a version of the request is flexible, and so has header v2.
            pub const fn is_request_flexible(self, version: i16) -> bool {
                version >= match self {
                    $(Self::$name => <m::$module::$request as Message>::FLEXIBLE_SINCE,)*
                }
            }

            /// Whether the response to a version has header v1.
            pub const fn has_tagged_response_header(self, version: i16) -> bool {
                // Whoever asks for the versions does not know them yet.
                let is_plain = matches!(self, Self::ApiVersions);
                let since = match self {
                    $(Self::$name => <m::$module::$response as Message>::FLEXIBLE_SINCE,)*
                };
                version >= since && !is_plain
            }
        }

        $(
            impl Request for m::$module::$request {
                const KEY: ApiKey = ApiKey::$name;
                type Response = m::$module::$response;
            }

            impl Response for m::$module::$response {
                const KEY: ApiKey = ApiKey::$name;
            }
        )*
    };
}

apis! {
    Produce = 0, 3..=13, produce::{ProduceRequest, ProduceResponse};
    Fetch = 1, 4..=18, fetch::{FetchRequest, FetchResponse};
    ListOffsets = 2, 1..=11, list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
    Metadata = 3, 0..=13, metadata::{MetadataRequest, MetadataResponse};
    OffsetCommit = 8, 2..=10, offset_commit::{OffsetCommitRequest, OffsetCommitResponse};
    OffsetFetch = 9, 1..=10, offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
    FindCoordinator = 10, 0..=6, find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
    JoinGroup = 11, 0..=9, join_group::{JoinGroupRequest, JoinGroupResponse};
    Heartbeat = 12, 0..=4, heartbeat::{HeartbeatRequest, HeartbeatResponse};
    LeaveGroup = 13, 0..=5, leave_group::{LeaveGroupRequest, LeaveGroupResponse};
    SyncGroup = 14, 0..=5, sync_group::{SyncGroupRequest, SyncGroupResponse};
    DescribeGroups = 15, 0..=6, describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};
    ListGroups = 16, 0..=5, list_groups::{ListGroupsRequest, ListGroupsResponse};
    SaslHandshake = 17, 0..=1, sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
    ApiVersions = 18, 0..=4, api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    CreateTopics = 19, 2..=7, create_topics::{CreateTopicsRequest, CreateTopicsResponse};
    DeleteTopics = 20, 1..=6, delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
    DeleteRecords = 21, 0..=2, delete_records::{DeleteRecordsRequest, DeleteRecordsResponse};
    InitProducerId = 22, 0..=5, init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
    OffsetForLeaderEpoch = 23, 2..=4, offset_for_leader_epoch::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
    AddPartitionsToTxn = 24, 0..=5, add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
    AddOffsetsToTxn = 25, 0..=4, add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
    EndTxn = 26, 0..=5, end_txn::{EndTxnRequest, EndTxnResponse};
    WriteTxnMarkers = 27, 1..=2, write_txn_markers::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
    TxnOffsetCommit = 28, 0..=5, txn_offset_commit::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
    DescribeAcls = 29, 1..=3, describe_acls::{DescribeAclsRequest, DescribeAclsResponse};
    CreateAcls = 30, 1..=3, create_acls::{CreateAclsRequest, CreateAclsResponse};
    DeleteAcls = 31, 1..=3, delete_acls::{DeleteAclsRequest, DeleteAclsResponse};
    DescribeConfigs = 32, 1..=4, describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
    AlterConfigs = 33, 0..=2, alter_configs::{AlterConfigsRequest, AlterConfigsResponse};
    AlterReplicaLogDirs = 34, 1..=2, alter_replica_log_dirs::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse};
    DescribeLogDirs = 35, 1..=5, describe_log_dirs::{DescribeLogDirsRequest, DescribeLogDirsResponse};
    SaslAuthenticate = 36, 0..=2, sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
    CreatePartitions = 37, 0..=3, create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse};
    CreateDelegationToken = 38, 1..=3, create_delegation_token::{CreateDelegationTokenRequest, CreateDelegationTokenResponse};
    RenewDelegationToken = 39, 1..=2, renew_delegation_token::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};
    ExpireDelegationToken = 40, 1..=2, expire_delegation_token::{ExpireDelegationTokenRequest, ExpireDelegationTokenResponse};
    DescribeDelegationToken = 41, 1..=3, describe_delegation_token::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};
    DeleteGroups = 42, 0..=2, delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
    ElectLeaders = 43, 0..=2, elect_leaders::{ElectLeadersRequest, ElectLeadersResponse};
    IncrementalAlterConfigs = 44, 0..=1, incremental_alter_configs::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
    AlterPartitionReassignments = 45, 0..=1, alter_partition_reassignments::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};
    ListPartitionReassignments = 46, 0..=0, list_partition_reassignments::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};
    OffsetDelete = 47, 0..=0, offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
    DescribeClientQuotas = 48, 0..=1, describe_client_quotas::{DescribeClientQuotasRequest, DescribeClientQuotasResponse};
    AlterClientQuotas = 49, 0..=1, alter_client_quotas::{AlterClientQuotasRequest, AlterClientQuotasResponse};
    DescribeUserScramCredentials = 50, 0..=0, describe_user_scram_credentials::{DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse};
    AlterUserScramCredentials = 51, 0..=0, alter_user_scram_credentials::{AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse};
    DescribeQuorum = 55, 0..=2, describe_quorum::{DescribeQuorumRequest, DescribeQuorumResponse};
    UpdateFeatures = 57, 0..=2, update_features::{UpdateFeaturesRequest, UpdateFeaturesResponse};
    DescribeCluster = 60, 0..=2, describe_cluster::{DescribeClusterRequest, DescribeClusterResponse};
    DescribeProducers = 61, 0..=0, describe_producers::{DescribeProducersRequest, DescribeProducersResponse};
    UnregisterBroker = 64, 0..=0, unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};
    DescribeTransactions = 65, 0..=0, describe_transactions::{DescribeTransactionsRequest, DescribeTransactionsResponse};
    ListTransactions = 66, 0..=2, list_transactions::{ListTransactionsRequest, ListTransactionsResponse};
    ConsumerGroupHeartbeat = 68, 0..=1, consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
    ConsumerGroupDescribe = 69, 0..=1, consumer_group_describe::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};
    GetTelemetrySubscriptions = 71, 0..=0, get_telemetry_subscriptions::{GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse};
    PushTelemetry = 72, 0..=0, push_telemetry::{PushTelemetryRequest, PushTelemetryResponse};
    ListConfigResources = 74, 0..=1, list_config_resources::{ListConfigResourcesRequest, ListConfigResourcesResponse};
    DescribeTopicPartitions = 75, 0..=0, describe_topic_partitions::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
    ShareGroupHeartbeat = 76, 1..=1, share_group_heartbeat::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
    ShareGroupDescribe = 77, 1..=1, share_group_describe::{ShareGroupDescribeRequest, ShareGroupDescribeResponse};
    ShareFetch = 78, 1..=2, share_fetch::{ShareFetchRequest, ShareFetchResponse};
    ShareAcknowledge = 79, 1..=2, share_acknowledge::{ShareAcknowledgeRequest, ShareAcknowledgeResponse};
    AddRaftVoter = 80, 0..=1, add_raft_voter::{AddRaftVoterRequest, AddRaftVoterResponse};
    RemoveRaftVoter = 81, 0..=0, remove_raft_voter::{RemoveRaftVoterRequest, RemoveRaftVoterResponse};
    InitializeShareGroupState = 83, 0..=0, initialize_share_group_state::{InitializeShareGroupStateRequest, InitializeShareGroupStateResponse};
    ReadShareGroupState = 84, 0..=0, read_share_group_state::{ReadShareGroupStateRequest, ReadShareGroupStateResponse};
    WriteShareGroupState = 85, 0..=1, write_share_group_state::{WriteShareGroupStateRequest, WriteShareGroupStateResponse};
    DeleteShareGroupState = 86, 0..=0, delete_share_group_state::{DeleteShareGroupStateRequest, DeleteShareGroupStateResponse};
    ReadShareGroupStateSummary = 87, 0..=1, read_share_group_state_summary::{ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse};
    StreamsGroupHeartbeat = 88, 0..=0, streams_group_heartbeat::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};
    StreamsGroupDescribe = 89, 0..=0, streams_group_describe::{StreamsGroupDescribeRequest, StreamsGroupDescribeResponse};
    DescribeShareGroupOffsets = 90, 0..=1, describe_share_group_offsets::{DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse};
    AlterShareGroupOffsets = 91, 0..=0, alter_share_group_offsets::{AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse};
    DeleteShareGroupOffsets = 92, 0..=0, delete_share_group_offsets::{DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse};
}

impl ApiKey {
    /// Its number.
    pub const fn key(self) -> i16 {
        self as i16
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
