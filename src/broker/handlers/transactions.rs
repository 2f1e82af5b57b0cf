//! What transactional producers ask for, and what administrators ask about transactions.
//!
//! Source: `kafka.server.KafkaApis`, `TransactionStateManager` of Apache Kafka 4.3.1.

use super::Call;
use crate::broker::error_code;
use crate::broker::replica::{Marker, named};
use crate::coordinator::transactions::{FIRST_WITH_EPOCHS, Partition, Transaction};
use crate::format::transaction_state::TransactionStatus;
use crate::format::{ProducerEpoch, ProducerId};
use crate::log::layout::OFFSETS_TOPIC;
use crate::protocol::ErrorCode;
use crate::protocol::messages::add_offsets_to_txn::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse,
};
use crate::protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use crate::protocol::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};
use crate::protocol::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use crate::protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::messages::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionState as ListedState,
};
use crate::protocol::messages::write_txn_markers::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use regex::Regex;

/// From which version on `InitProducerId` may be told `PRODUCER_FENCED`.
const INIT_FENCED_SINCE: i16 = 4;
/// From which version on the other requests may be told so.
const FENCED_SINCE: i16 = 2;
/// From which version on `AddPartitionsToTxn` comes from brokers.
const ADD_OF_BROKERS_SINCE: i16 = 4;
/// From which version on `EndTxn` raises the epoch.
const END_RAISES_SINCE: i16 = 5;

pub(super) fn init(call: &Call<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    match initialize(call, &request) {
        Ok((id, epoch)) => InitProducerIdResponse {
            producer_id: id.get(),
            producer_epoch: epoch.get(),
            ..InitProducerIdResponse::default()
        },
        Err(code) => InitProducerIdResponse {
            error_code: in_its_time(code, call, INIT_FENCED_SINCE).code(),
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        },
    }
}

fn initialize(
    call: &Call<'_>,
    request: &InitProducerIdRequest,
) -> Result<(ProducerId, ProducerEpoch), ErrorCode> {
    let broker = call.broker;
    let expected = match (request.producer_id, request.producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return Err(ErrorCode::InvalidRequest),
        (id, epoch) => Some((ProducerId::new(id), ProducerEpoch::new(epoch))),
    };
    let Some(id) = &request.transactional_id else {
        let id = broker.new_producer_id().map_err(|error| {
            tracing::error!(%error, "no producer id");
            error_code(&error)
        })?;
        return Ok((id, ProducerEpoch::new(0)));
    };
    let limit = broker.config.period("transaction.max.timeout.ms");
    let timeout = u128::try_from(request.transaction_timeout_ms).unwrap_or(0);
    if id.is_empty() {
        Err(ErrorCode::InvalidRequest)
    } else if request.enable2_pc {
        // `transaction.two.phase.commit.enable` is false.
        Err(ErrorCode::TransactionalIdAuthorizationFailed)
    } else if request.keep_prepared_txn {
        Err(ErrorCode::UnsupportedVersion)
    } else if timeout == 0 || timeout > limit.as_millis() {
        Err(ErrorCode::InvalidTransactionTimeout)
    } else {
        broker.initialize_producer(id, expected, request.transaction_timeout_ms)
    }
}

/// What a client knows that is too old for `PRODUCER_FENCED`.
fn in_its_time(code: ErrorCode, call: &Call<'_>, since: i16) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced if call.header.version < since => ErrorCode::InvalidProducerEpoch,
        code => code,
    }
}

pub(super) fn add_partitions(
    call: &Call<'_>,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if call.header.version >= ADD_OF_BROKERS_SINCE {
        let all = request.transactions.into_iter();
        return AddPartitionsToTxnResponse {
            results_by_transaction: all
                .map(|transaction| AddPartitionsToTxnResult {
                    topic_results: add(call, &transaction, FIRST_WITH_EPOCHS),
                    transactional_id: transaction.transactional_id,
                    ..AddPartitionsToTxnResult::default()
                })
                .collect(),
            ..AddPartitionsToTxnResponse::default()
        };
    }
    let transaction = AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        topics: request.v3_and_below_topics,
        ..AddPartitionsToTxnTransaction::default()
    };
    AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: add(call, &transaction, 0),
        ..AddPartitionsToTxnResponse::default()
    }
}

/// Takes all partitions into a transaction, or none.
fn add(
    call: &Call<'_>,
    transaction: &AddPartitionsToTxnTransaction,
    client_version: i16,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let image = call.broker.image();
    let partitions: Vec<Partition> = transaction.topics.iter().flat_map(partitions_of).collect();
    let exists = |(topic, number): &Partition| {
        let topic = image.topic(topic);
        topic.is_some_and(|topic| topic.partitions.contains_key(number))
    };
    if !partitions.iter().all(exists) {
        let codes = partitions.iter().map(|partition| match exists(partition) {
            true => ErrorCode::OperationNotAttempted,
            false => ErrorCode::UnknownTopicOrPartition,
        });
        return results(&transaction.topics, codes);
    }
    let id = &transaction.transactional_id;
    let producer = (
        ProducerId::new(transaction.producer_id),
        ProducerEpoch::new(transaction.producer_epoch),
    );
    let done = if id.is_empty() {
        Err(ErrorCode::InvalidRequest)
    } else if transaction.verify_only {
        call.broker.verify_in_transaction(id, producer, &partitions)
    } else {
        let added = partitions.iter().cloned().collect();
        call.broker
            .add_to_transaction(id, producer, &added, client_version)
            .map(|()| vec![ErrorCode::None; partitions.len()])
    };
    match done {
        Ok(codes) => results(&transaction.topics, codes.into_iter()),
        Err(code) => {
            let code = in_its_time(code, call, FENCED_SINCE);
            results(&transaction.topics, std::iter::repeat(code))
        }
    }
}

fn partitions_of(topic: &AddPartitionsToTxnTopic) -> impl Iterator<Item = Partition> + '_ {
    let numbers = topic.partitions.iter();
    numbers.map(|number| (topic.name.clone(), *number))
}

/// An answer for each partition, in their order.
fn results(
    topics: &[AddPartitionsToTxnTopic],
    mut codes: impl Iterator<Item = ErrorCode>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut answers = Vec::with_capacity(topics.len());
    for topic in topics {
        let mut answer = AddPartitionsToTxnTopicResult {
            name: topic.name.clone(),
            ..AddPartitionsToTxnTopicResult::default()
        };
        for number in &topic.partitions {
            let code = codes.next().unwrap_or(ErrorCode::UnknownServerError);
            let result = AddPartitionsToTxnPartitionResult {
                partition_index: *number,
                partition_error_code: code.code(),
                ..AddPartitionsToTxnPartitionResult::default()
            };
            answer.results_by_partition.push(result);
        }
        answers.push(answer);
    }
    answers
}

pub(super) fn add_offsets(
    call: &Call<'_>,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let producer = (
        ProducerId::new(request.producer_id),
        ProducerEpoch::new(request.producer_epoch),
    );
    let id = &request.transactional_id;
    let done = match call.broker.group_partition(&request.group_id) {
        _ if id.is_empty() => Err(ErrorCode::InvalidRequest),
        None => Err(ErrorCode::CoordinatorNotAvailable),
        Some(number) => {
            let partition = (OFFSETS_TOPIC.to_owned(), number);
            call.broker
                .add_to_transaction(id, producer, &[partition].into(), 0)
        }
    };
    let code = done.err().unwrap_or_default();
    AddOffsetsToTxnResponse {
        error_code: in_its_time(code, call, FENCED_SINCE).code(),
        ..AddOffsetsToTxnResponse::default()
    }
}

pub(super) fn end(call: &Call<'_>, request: EndTxnRequest) -> EndTxnResponse {
    let raises = call.header.version >= END_RAISES_SINCE;
    let producer = (
        ProducerId::new(request.producer_id),
        ProducerEpoch::new(request.producer_epoch),
    );
    let id = &request.transactional_id;
    let client_version = if raises { FIRST_WITH_EPOCHS } else { 0 };
    let done = match id.is_empty() {
        true => Err(ErrorCode::InvalidRequest),
        false => call
            .broker
            .end_transaction(id, producer, request.committed, client_version),
    };
    match done {
        Ok((id, epoch)) if raises => EndTxnResponse {
            producer_id: id.get(),
            producer_epoch: epoch.get(),
            ..EndTxnResponse::default()
        },
        Ok(_) => EndTxnResponse::default(),
        Err(code) => EndTxnResponse {
            error_code: in_its_time(code, call, FENCED_SINCE).code(),
            ..EndTxnResponse::default()
        },
    }
}

/// Ends transactions by themselves: what `kafka-transactions abort` sends for one that hangs.
pub(super) fn write_markers(
    call: &Call<'_>,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let markers = request.markers.into_iter().map(|asked| {
        let marker = Marker {
            producer: (
                ProducerId::new(asked.producer_id),
                ProducerEpoch::new(asked.producer_epoch),
            ),
            commit: asked.transaction_result,
            coordinator_epoch: asked.coordinator_epoch,
            bumps: i16::from(asked.transaction_version) >= FIRST_WITH_EPOCHS,
        };
        let topics = asked.topics.into_iter().map(|topic| {
            let numbers = topic.partition_indexes.iter();
            let partitions = numbers.map(|number| WritableTxnMarkerPartitionResult {
                partition_index: *number,
                error_code: write_marker(call, &topic.name, *number, &marker).code(),
                ..WritableTxnMarkerPartitionResult::default()
            });
            WritableTxnMarkerTopicResult {
                partitions: partitions.collect(),
                name: topic.name.clone(),
                ..WritableTxnMarkerTopicResult::default()
            }
        });
        WritableTxnMarkerResult {
            producer_id: asked.producer_id,
            topics: topics.collect(),
            ..WritableTxnMarkerResult::default()
        }
    });
    WriteTxnMarkersResponse {
        markers: markers.collect(),
        ..WriteTxnMarkersResponse::default()
    }
}

fn write_marker(call: &Call<'_>, topic: &str, number: i32, marker: &Marker) -> ErrorCode {
    let broker = call.broker;
    let written = broker.replica(&named(topic, number)).and_then(|replica| {
        let end = match topic {
            OFFSETS_TOPIC => broker.end_group_transaction(number, marker)?,
            _ => replica.append_marker(marker, broker.now())?,
        };
        match broker.config.flush_before_acknowledge {
            true => replica.flush_through(end),
            false => Ok(()),
        }
    });
    written.map_or_else(|error| error_code(&error), |()| ErrorCode::None)
}

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let states = request.transactional_ids.into_iter().map(|id| {
        let known = match id.is_empty() {
            true => Err(ErrorCode::InvalidRequest),
            false => call.broker.transaction(&id),
        };
        TransactionState {
            transactional_id: id,
            ..match known {
                Ok(known) => described(&known),
                Err(code) => TransactionState {
                    error_code: code.code(),
                    ..TransactionState::default()
                },
            }
        }
    });
    DescribeTransactionsResponse {
        transaction_states: states.collect(),
        ..DescribeTransactionsResponse::default()
    }
}

fn described(known: &Transaction) -> TransactionState {
    let mut topics: Vec<TopicData> = Vec::new();
    for (topic, number) in &known.partitions {
        match topics.last_mut() {
            Some(last) if last.topic == *topic => last.partitions.push(*number),
            _ => topics.push(TopicData {
                topic: topic.clone(),
                partitions: vec![*number],
                ..TopicData::default()
            }),
        }
    }
    TransactionState {
        transaction_state: known.status.name().to_owned(),
        transaction_timeout_ms: known.timeout_ms,
        transaction_start_time_ms: known.start_ms.unwrap_or(-1),
        producer_id: known.producer_id.get(),
        producer_epoch: known.epoch.get(),
        topics,
        ..TransactionState::default()
    }
}

pub(super) fn list(call: &Call<'_>, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let failed = |code: ErrorCode| ListTransactionsResponse {
        error_code: code.code(),
        ..ListTransactionsResponse::default()
    };
    let pattern = request.transactional_id_pattern.as_deref();
    let pattern = pattern.filter(|pattern| !pattern.is_empty());
    let Ok(pattern) = pattern
        .map(|pattern| Regex::new(&format!(r"\A(?:{pattern})\z")))
        .transpose()
    else {
        return failed(ErrorCode::InvalidRegularExpression);
    };
    let (known_states, unknown): (Vec<String>, Vec<String>) = request
        .state_filters
        .into_iter()
        .partition(|state| TransactionStatus::from_name(state).is_some());
    let filters_states = !known_states.is_empty() || !unknown.is_empty();
    let now_ms = call.broker.now().get();
    let mut found = Vec::new();
    let done = call.broker.each_transaction(|id, known| {
        let state = known.status.name();
        let lasts = now_ms - known.start_ms.unwrap_or(-1);
        let ids = &request.producer_id_filters;
        let shows = (ids.is_empty() || ids.contains(&known.producer_id.get()))
            && (!filters_states || known_states.iter().any(|wanted| wanted == state))
            && (request.duration_filter < 0 || lasts > request.duration_filter)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id));
        if shows {
            found.push(ListedState {
                transactional_id: id.to_owned(),
                producer_id: known.producer_id.get(),
                transaction_state: state.to_owned(),
                ..ListedState::default()
            });
        }
    });
    match done {
        Ok(()) => ListTransactionsResponse {
            unknown_state_filters: unknown,
            transaction_states: found,
            ..ListTransactionsResponse::default()
        },
        Err(code) => failed(code),
    }
}
