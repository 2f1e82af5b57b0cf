//! What each API does: a file for each family, a function for each request.
//!
//! [`SERVED`] is what `ApiVersions` tells; [`dispatch`] does it. A request that cannot
//! be decoded, or is of a version that is not served, ends the connection, as in Kafka.

mod api_versions;
mod cluster;
mod configs;
mod features;
mod find_coordinator;
mod group_offsets;
mod groups;
mod log_dirs;
mod metadata;
mod offsets;
mod producers;
mod quorum;
mod quotas;
mod reassign;
mod records;
mod security;
mod share_groups;
mod share_states;
mod topics;
mod transactions;

use super::{Broker, fetch, produce, reply::Reply, share};
use crate::protocol::{ApiKey, Request, RequestHeader, Response};
use std::net::SocketAddr;
use std::sync::Arc;

/// A request on its way to be answered.
pub(super) struct Call<'a> {
    pub(super) broker: &'a Arc<Broker>,
    pub(super) header: &'a RequestHeader,
    /// On which listener it came.
    pub(super) listener: usize,
    /// From whom.
    pub(super) peer: SocketAddr,
    /// The number of the connection.
    pub(super) connection: u64,
}

/// What becomes of a request.
pub(super) enum Outcome {
    /// It is answered.
    Reply(Reply),
    /// It wants no answer.
    Silence,
    /// The connection ends, for this reason.
    Close(String),
}

impl Call<'_> {
    /// Answers with a response.
    pub(super) fn answer<R: Response>(&self, response: &R) -> Outcome {
        match Reply::of(self.header, response) {
            Ok(reply) => Outcome::Reply(reply),
            Err(error) => Outcome::Close(error.to_string()),
        }
    }

    /// Decodes the request and answers it.
    fn handle<R: Request>(
        &self,
        body: &[u8],
        work: impl FnOnce(&Self, R) -> R::Response,
    ) -> Outcome {
        match R::decode(body, self.header.version) {
            Ok(request) => self.answer(&work(self, request)),
            Err(error) => Outcome::Close(error.to_string()),
        }
    }

    /// The same for what may wait for the disk: other connections go on meanwhile.
    fn handle_slow<R: Request>(
        &self,
        body: &[u8],
        work: impl FnOnce(&Self, R) -> R::Response,
    ) -> Outcome {
        tokio::task::block_in_place(|| self.handle(body, work))
    }
}

/// The APIs that are served, each in every version that Kafka serves.
pub(super) const SERVED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::WriteTxnMarkers,
    ApiKey::TxnOffsetCommit,
    ApiKey::DescribeAcls,
    ApiKey::CreateAcls,
    ApiKey::DeleteAcls,
    ApiKey::DescribeConfigs,
    ApiKey::AlterConfigs,
    ApiKey::AlterReplicaLogDirs,
    ApiKey::DescribeLogDirs,
    ApiKey::CreatePartitions,
    ApiKey::CreateDelegationToken,
    ApiKey::RenewDelegationToken,
    ApiKey::ExpireDelegationToken,
    ApiKey::DescribeDelegationToken,
    ApiKey::ElectLeaders,
    ApiKey::DeleteGroups,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::AlterPartitionReassignments,
    ApiKey::ListPartitionReassignments,
    ApiKey::OffsetDelete,
    ApiKey::DescribeClientQuotas,
    ApiKey::AlterClientQuotas,
    ApiKey::DescribeUserScramCredentials,
    ApiKey::AlterUserScramCredentials,
    ApiKey::DescribeQuorum,
    ApiKey::UpdateFeatures,
    ApiKey::DescribeCluster,
    ApiKey::DescribeProducers,
    ApiKey::UnregisterBroker,
    ApiKey::DescribeTransactions,
    ApiKey::ListTransactions,
    ApiKey::ConsumerGroupHeartbeat,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::ListConfigResources,
    ApiKey::DescribeTopicPartitions,
    ApiKey::ShareGroupHeartbeat,
    ApiKey::ShareGroupDescribe,
    ApiKey::ShareFetch,
    ApiKey::ShareAcknowledge,
    ApiKey::AddRaftVoter,
    ApiKey::RemoveRaftVoter,
    ApiKey::InitializeShareGroupState,
    ApiKey::ReadShareGroupState,
    ApiKey::WriteShareGroupState,
    ApiKey::DeleteShareGroupState,
    ApiKey::ReadShareGroupStateSummary,
    ApiKey::DescribeShareGroupOffsets,
    ApiKey::AlterShareGroupOffsets,
    ApiKey::DeleteShareGroupOffsets,
];

/// Answers a request.
pub(super) async fn dispatch(call: &Call<'_>, body: &mut [u8]) -> Outcome {
    let api = call.header.api;
    if api == ApiKey::ApiVersions {
        return api_versions::api_versions(call, body);
    }
    if !SERVED.contains(&api) || !call.header.is_known_version() {
        return Outcome::Close("this version is not served".to_owned());
    }
    match api {
        ApiKey::Produce => produce::produce(call, body),
        ApiKey::Fetch => fetch::fetch(call, body).await,
        ApiKey::ListOffsets => call.handle(body, offsets::list),
        ApiKey::OffsetForLeaderEpoch => call.handle(body, offsets::for_leader_epoch),
        ApiKey::Metadata => call.handle_slow(body, metadata::metadata),
        ApiKey::FindCoordinator => call.handle_slow(body, find_coordinator::find_coordinator),
        ApiKey::JoinGroup => groups::join(call, body).await,
        ApiKey::SyncGroup => groups::sync(call, body).await,
        ApiKey::Heartbeat => call.handle_slow(body, groups::heartbeat),
        ApiKey::LeaveGroup => call.handle_slow(body, groups::leave),
        ApiKey::ConsumerGroupHeartbeat => call.handle_slow(body, groups::consumer_heartbeat),
        ApiKey::ListGroups => call.handle_slow(body, groups::list),
        ApiKey::DescribeGroups => call.handle_slow(body, groups::describe),
        ApiKey::ConsumerGroupDescribe => call.handle_slow(body, groups::describe_consumer),
        ApiKey::DeleteGroups => call.handle_slow(body, groups::delete),
        ApiKey::OffsetCommit => call.handle_slow(body, group_offsets::commit),
        ApiKey::OffsetFetch => call.handle_slow(body, group_offsets::fetch),
        ApiKey::OffsetDelete => call.handle_slow(body, group_offsets::delete),
        ApiKey::InitProducerId => call.handle_slow(body, transactions::init),
        ApiKey::AddPartitionsToTxn => call.handle_slow(body, transactions::add_partitions),
        ApiKey::AddOffsetsToTxn => call.handle_slow(body, transactions::add_offsets),
        ApiKey::TxnOffsetCommit => call.handle_slow(body, group_offsets::commit_in_transaction),
        ApiKey::EndTxn => call.handle_slow(body, transactions::end),
        ApiKey::CreateTopics => call.handle_slow(body, topics::create),
        ApiKey::DeleteTopics => call.handle_slow(body, topics::delete),
        ApiKey::CreatePartitions => call.handle_slow(body, topics::add_partitions),
        ApiKey::DescribeConfigs => call.handle(body, configs::describe),
        ApiKey::IncrementalAlterConfigs => call.handle_slow(body, configs::incremental),
        ApiKey::AlterConfigs => call.handle_slow(body, configs::replace),
        ApiKey::ListConfigResources => call.handle(body, configs::list),
        ApiKey::DescribeCluster => call.handle(body, cluster::describe),
        ApiKey::DescribeTopicPartitions => call.handle(body, cluster::describe_partitions),
        ApiKey::ShareFetch => share::fetch(call, body).await,
        _ => share_records(call, body),
    }
}

/// Answers a request about share groups.
fn share_records(call: &Call<'_>, body: &[u8]) -> Outcome {
    use {share_groups as groups, share_states as states};
    match call.header.api {
        ApiKey::ShareAcknowledge => call.handle_slow(body, share::acknowledge),
        ApiKey::ShareGroupHeartbeat => call.handle_slow(body, groups::heartbeat),
        ApiKey::ShareGroupDescribe => call.handle_slow(body, groups::describe),
        ApiKey::DescribeShareGroupOffsets => call.handle_slow(body, groups::describe_offsets),
        ApiKey::AlterShareGroupOffsets => call.handle_slow(body, groups::alter_offsets),
        ApiKey::DeleteShareGroupOffsets => call.handle_slow(body, groups::delete_offsets),
        ApiKey::InitializeShareGroupState => call.handle_slow(body, states::initialize),
        ApiKey::ReadShareGroupState => call.handle_slow(body, states::read),
        ApiKey::WriteShareGroupState => call.handle_slow(body, states::write),
        ApiKey::DeleteShareGroupState => call.handle_slow(body, states::delete),
        ApiKey::ReadShareGroupStateSummary => call.handle_slow(body, states::summarize),
        _ => administer(call, body),
    }
}

/// Answers a request of those who look after the cluster.
fn administer(call: &Call<'_>, body: &[u8]) -> Outcome {
    match call.header.api {
        ApiKey::DeleteRecords => call.handle_slow(body, records::delete),
        ApiKey::DescribeLogDirs => call.handle_slow(body, log_dirs::describe),
        ApiKey::AlterReplicaLogDirs => call.handle(body, log_dirs::alter),
        ApiKey::WriteTxnMarkers => call.handle_slow(body, transactions::write_markers),
        ApiKey::DescribeTransactions => call.handle_slow(body, transactions::describe),
        ApiKey::ListTransactions => call.handle_slow(body, transactions::list),
        ApiKey::DescribeProducers => call.handle_slow(body, producers::describe),
        ApiKey::ElectLeaders => call.handle(body, reassign::elect),
        ApiKey::AlterPartitionReassignments => call.handle(body, reassign::alter),
        ApiKey::ListPartitionReassignments => call.handle(body, reassign::list),
        ApiKey::DescribeQuorum => call.handle(body, quorum::describe),
        ApiKey::UnregisterBroker => call.handle_slow(body, quorum::unregister),
        ApiKey::AddRaftVoter => call.handle(body, quorum::add_voter),
        ApiKey::RemoveRaftVoter => call.handle(body, quorum::remove_voter),
        ApiKey::UpdateFeatures => call.handle_slow(body, features::update),
        ApiKey::DescribeClientQuotas => call.handle(body, quotas::describe),
        ApiKey::AlterClientQuotas => call.handle_slow(body, quotas::alter),
        _ => secure(call, body),
    }
}

/// Answers a request about who is who and may do what.
fn secure(call: &Call<'_>, body: &[u8]) -> Outcome {
    match call.header.api {
        ApiKey::DescribeAcls => call.handle(body, security::describe_acls),
        ApiKey::CreateAcls => call.handle(body, security::create_acls),
        ApiKey::DeleteAcls => call.handle(body, security::delete_acls),
        ApiKey::CreateDelegationToken => call.handle(body, security::create_token),
        ApiKey::RenewDelegationToken => call.handle(body, security::renew_token),
        ApiKey::ExpireDelegationToken => call.handle(body, security::expire_token),
        ApiKey::DescribeDelegationToken => call.handle(body, security::describe_tokens),
        ApiKey::DescribeUserScramCredentials => call.handle(body, security::describe_scram),
        ApiKey::AlterUserScramCredentials => call.handle_slow(body, security::alter_scram),
        api => Outcome::Close(format!("{api} is not served")),
    }
}
