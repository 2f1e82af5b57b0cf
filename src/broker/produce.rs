//! `Produce`: batches of clients into partitions.
//!
//! A batch is checked and appended where it stands in the request: its bytes are
//! copied once, into the page cache.

use super::handlers::{Call, Outcome};
use super::replica::{AppendError, Replica, named};
use super::transactions::Joining;
use super::{Broker, error_code};
use crate::format::batch::Header;
use crate::format::topic_name;
use crate::log::LogError;
use crate::log::partition::{Appended, Placement};
use crate::log::producer_states::Refusal;
use crate::log::validate::{Invalid, Valid, Validator};
use crate::protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use crate::protocol::{ErrorCode, Request};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// From which version on a batch has its partition join the transaction.
const JOINING_SINCE: i16 = 12;
/// From which version on clients know `TRANSACTION_ABORTABLE`.
const ABORTABLE_SINCE: i16 = 11;

/// Answers a `Produce`.
pub(super) fn produce(call: &Call<'_>, body: &mut [u8]) -> Outcome {
    let request = match ProduceRequest::decode(body, call.header.version) {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let acks = request.acks;
    let response = call
        .broker
        .buffers
        .validate(|validator| append(call, request, body, validator));
    if acks != 0 {
        return call.answer(&response);
    }
    // Whoever wants no answer learns of an error by losing the connection.
    let failed = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .find(|partition| partition.error_code != 0);
    match failed {
        None => Outcome::Silence,
        Some(partition) => Outcome::Close(format!(
            "{} with acks=0",
            ErrorCode::from_code(partition.error_code)
        )),
    }
}

fn append(
    call: &Call<'_>,
    request: ProduceRequest,
    body: &mut [u8],
    validator: &mut Validator,
) -> ProduceResponse {
    let refused = match request.acks {
        -1..=1 => None,
        _ => Some(ErrorCode::InvalidRequiredAcks),
    };
    let mut response = ProduceResponse::default();
    let id = request.transactional_id.as_deref();
    for topic in request.topic_data {
        let by_id = call.header.version >= 13;
        let name = if by_id {
            let image = call.broker.image();
            image.topic_name(topic.topic_id).map(str::to_owned)
        } else {
            Some(topic.name.clone())
        };
        let partition_responses = topic
            .partition_data
            .into_iter()
            .map(|data| {
                let index = data.index;
                let outcome = match (&name, refused) {
                    (_, Some(code)) => Err(Refused::plain(code)),
                    (None, None) => Err(Refused::plain(ErrorCode::UnknownTopicId)),
                    (Some(name), None) => one(call, id, name, data, body, validator),
                };
                outcome.unwrap_or_else(|refused| refused.response(index))
            })
            .collect();
        response.responses.push(TopicProduceResponse {
            name: topic.name,
            topic_id: topic.topic_id,
            partition_responses,
            ..TopicProduceResponse::default()
        });
    }
    response
}

/// Appends the batch of one partition.
fn one(
    call: &Call<'_>,
    id: Option<&str>,
    topic: &str,
    data: PartitionProduceData,
    body: &mut [u8],
    validator: &mut Validator,
) -> Result<PartitionProduceResponse, Refused> {
    if topic_name::is_internal(topic) && call.header.client_id.as_deref() != Some("__admin_client")
    {
        return Err(Refused::plain(ErrorCode::InvalidTopicException));
    }
    let replica = find(call.broker, topic, data.index)?;
    let records = data
        .records
        .as_ref()
        .map_or(0..0, |records| records.range());
    let batch = &mut body[records];
    if batch.is_empty() {
        return Err(Refused::invalid(
            ErrorCode::InvalidRecord,
            "the request has no batch for the partition",
        ));
    }
    let size = batch.len();
    let now = call.broker.now();
    let appended = match replica.check(batch, validator, now) {
        Ok(Valid::InPlace) => add(call, id, &replica, batch),
        Ok(Valid::Rebuilt(mut batch)) => add(call, id, &replica, &mut batch),
        Err(error) => Err(Refused::of(error, topic, data.index)),
    };
    let appended = appended.inspect_err(|_| {
        replica.traffic.refused.fetch_add(1, Ordering::Relaxed);
    })?;
    let Appended { first, next } = appended;
    replica.traffic.produced(size, next.get() - first.get());
    if call.broker.config.flush_before_acknowledge {
        tokio::task::block_in_place(|| replica.flush_through(next))
            .map_err(|error| Refused::of(AppendError::Log(error), topic, data.index))?;
    }
    let append_time = replica.stamps_append_time().then(|| now.get());
    Ok(PartitionProduceResponse {
        index: data.index,
        base_offset: first.get(),
        log_append_time_ms: append_time.unwrap_or(-1),
        log_start_offset: replica.ends().start.get(),
        ..PartitionProduceResponse::default()
    })
}

/// Appends a batch that is valid; the first of a transaction has the partition join it.
fn add(
    call: &Call<'_>,
    id: Option<&str>,
    replica: &Replica,
    batch: &mut [u8],
) -> Result<Appended, Refused> {
    let name = replica.name();
    let refused = |error| Refused::of(error, &name.topic, name.partition);
    let adds = call.header.version >= JOINING_SINCE;
    let placement = match adds || call.broker.verifies_transactions() {
        true => Placement::Ongoing,
        false => Placement::Next,
    };
    let error = match replica.append(batch, placement) {
        Ok(appended) => return Ok(appended),
        Err(error) => error,
    };
    let AppendError::Log(LogError::Producer {
        refusal: Refusal::NotInTransaction,
        ..
    }) = error
    else {
        return Err(refused(error));
    };
    let (Some(id), Ok(Some(producer))) = (id, Header::parse(batch).map(|header| header.producer))
    else {
        return Err(refused(error));
    };
    let joining = Joining {
        id,
        producer: (producer.id, producer.epoch),
        adds,
    };
    let partition = (name.topic.clone(), name.partition);
    let placement = Placement::Joining { from_zero: adds };
    let broker = call.broker;
    let outcome = tokio::task::block_in_place(|| {
        broker.join_transaction(joining, partition, || replica.append(batch, placement))
    });
    match outcome {
        Ok(appended) => appended.map_err(refused),
        Err(code) => Err(not_joined(code, call.header.version)),
    }
}

/// What a client is told whose batch cannot join a transaction, in words of its time.
fn not_joined(code: ErrorCode, version: i16) -> Refused {
    let told = match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        ErrorCode::ConcurrentTransactions if version >= JOINING_SINCE => code,
        ErrorCode::ConcurrentTransactions
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::NotCoordinator => ErrorCode::NotEnoughReplicas,
        code => code,
    };
    let message = format!("the partition cannot join the transaction: {code}");
    Refused::invalid(told, message)
}

/// The partition of that number.
fn find(broker: &Broker, topic: &str, number: i32) -> Result<Arc<Replica>, Refused> {
    broker
        .replica(&named(topic, number))
        .map_err(|error| Refused::of(AppendError::Log(error), topic, number))
}

/// Why nothing was appended to a partition.
struct Refused {
    code: ErrorCode,
    message: Option<String>,
    records: Vec<i32>,
}

impl Refused {
    const fn plain(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            records: Vec::new(),
        }
    }

    fn invalid(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..Self::plain(code)
        }
    }

    fn of(error: AppendError, topic: &str, number: i32) -> Self {
        match error {
            AppendError::Invalid(invalid) => {
                let message = format!("{topic}-{number}: {invalid}");
                let (code, records) = match invalid {
                    Invalid::Corrupt(_) => (ErrorCode::CorruptMessage, Vec::new()),
                    Invalid::TooLarge { .. } => (ErrorCode::MessageTooLarge, Vec::new()),
                    Invalid::Rule(_) => (ErrorCode::InvalidRecord, Vec::new()),
                    Invalid::Records { records, .. } => (ErrorCode::InvalidRecord, records),
                    Invalid::Timestamps { records, .. } => (ErrorCode::InvalidTimestamp, records),
                };
                Self {
                    records,
                    ..Self::invalid(code, message)
                }
            }
            AppendError::Log(error) => {
                if matches!(error, LogError::Io { .. } | LogError::Damaged { .. }) {
                    tracing::error!(topic, number, %error, "cannot append");
                }
                Self::invalid(error_code(&error), error.to_string())
            }
        }
    }

    fn response(self, index: i32) -> PartitionProduceResponse {
        let record_errors = self
            .records
            .into_iter()
            .map(|batch_index| BatchIndexAndErrorMessage {
                batch_index,
                ..BatchIndexAndErrorMessage::default()
            })
            .collect();
        PartitionProduceResponse {
            index,
            error_code: self.code.code(),
            base_offset: -1,
            record_errors,
            error_message: self.message,
            ..PartitionProduceResponse::default()
        }
    }
}
