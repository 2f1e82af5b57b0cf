//! `ShareFetch` and `ShareAcknowledge`: members get records, and say what became of them.
//!
//! A fetch that finds nothing waits for an append, or for somebody who lets go of records.
//!
//! Source: `KafkaApis.handleShareFetchRequest`, `SharePartitionManager`, `DelayedShareFetch`
//! of Apache Kafka 4.3.1; KIP-932, KIP-1206, KIP-1222.

use super::partition::{Ask, Handed};
use super::{Broker, lock};
use crate::broker::handlers::{Call, Outcome};
use crate::coordinator::share::ShareConfig;
use crate::coordinator::share::acknowledge::{Acknowledgement, Refusal, validate};
use crate::coordinator::share::sessions::{FINAL, INITIAL, Place, SessionKey};
use crate::format::Uuid;
use crate::protocol::messages::Records;
use crate::protocol::messages::share_acknowledge::{
    PartitionData as Acknowledged, ShareAcknowledgeRequest, ShareAcknowledgeResponse,
    ShareAcknowledgeTopicResponse,
};
use crate::protocol::messages::share_fetch::{
    AcquiredRecords, PartitionData, ShareFetchRequest, ShareFetchResponse,
    ShareFetchableTopicResponse,
};
use crate::protocol::{ErrorCode, Request};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// From which version on members may ask for more time.
const RENEW_SINCE: i16 = 2;
/// How many records are handed out is a limit.
const STRICT: i8 = 1;

/// What a request says about records, by partition.
type Said = BTreeMap<Place, Vec<Acknowledgement>>;
/// What became of it.
type Told = BTreeMap<Place, Result<(), Refusal>>;

/// A fetch whose session is in order.
struct Plan {
    session: SessionKey,
    config: ShareConfig,
    places: Vec<Place>,
    told: Told,
    is_first: bool,
}

/// Answers a `ShareFetch`.
pub(in crate::broker) async fn fetch(call: &Call<'_>, body: &[u8]) -> Outcome {
    let request = match ShareFetchRequest::decode(body, call.header.version) {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let plan = match tokio::task::block_in_place(|| begin(call, &request)) {
        Ok(plan) => plan,
        Err((code, why)) => {
            return call.answer(&ShareFetchResponse {
                error_code: code.code(),
                error_message: Some(why.to_owned()),
                ..ShareFetchResponse::default()
            });
        }
    };
    let found = wait_for(call, &request, &plan).await;
    call.answer(&respond(plan, found))
}

/// Who asks, where that can be one.
fn session(
    call: &Call<'_>,
    group_id: Option<&String>,
    member_id: Option<&String>,
) -> Result<SessionKey, Refusal> {
    if !call.broker.serves_share_groups() {
        return Err((ErrorCode::UnsupportedVersion, ""));
    }
    let invalid = |why| (ErrorCode::InvalidRequest, why);
    let group_id = group_id.ok_or_else(|| invalid("there is no group id"))?;
    let member_id = member_id.filter(|id| !id.is_empty() && id.len() <= 36);
    Ok(SessionKey {
        group_id: group_id.clone(),
        member_id: member_id
            .ok_or_else(|| invalid("there is no member id"))?
            .clone(),
    })
}

fn begin(call: &Call<'_>, request: &ShareFetchRequest) -> Result<Plan, Refusal> {
    let session = session(call, request.group_id.as_ref(), request.member_id.as_ref())?;
    let invalid = |why| Err((ErrorCode::InvalidRequest, why));
    let asks = request.max_bytes != 0
        || request.min_bytes != 0
        || request.max_records != 0
        || request.max_wait_ms != 0;
    if request.is_renew_ack && asks {
        return invalid("a request that renews fetches nothing");
    }
    let (mut said, mut added) = (Said::new(), Vec::new());
    for topic in &request.topics {
        for asked in &topic.partitions {
            let place = (topic.topic_id, asked.partition_index);
            added.push(place);
            let batches = asked.acknowledgement_batches.iter();
            let batches: Vec<_> = batches
                .map(|batch| Acknowledgement {
                    first: batch.first_offset,
                    last: batch.last_offset,
                    types: batch.acknowledge_types.clone(),
                })
                .collect();
            if !batches.is_empty() {
                said.insert(place, batches);
            }
        }
    }
    let epoch = request.share_session_epoch;
    if epoch == INITIAL && !said.is_empty() {
        return invalid("a new session has nothing to acknowledge");
    }
    let forgotten = request.forgotten_topics_data.iter();
    let forgotten: Vec<Place> = forgotten
        .flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|number| (topic.topic_id, *number))
        })
        .collect();
    let broker = call.broker;
    let most = broker.config.number("group.share.max.share.sessions");
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let places = lock(&broker.shares.sessions)
        .fetch(&session, epoch, call.connection, (&added, &forgotten), most)
        .map_err(|code| (code, ""))?;
    let config = broker.share_config(&session.group_id);
    let knows_renew = call.header.version >= RENEW_SINCE;
    let told = take(
        broker,
        &session,
        said,
        &config,
        (knows_renew, request.is_renew_ack),
    );
    if epoch == FINAL {
        broker.end_share_session(&session);
    }
    Ok(Plan {
        session,
        config,
        places: if request.is_renew_ack {
            Vec::new()
        } else {
            places
        },
        told,
        is_first: epoch == INITIAL,
    })
}

/// Takes in what a member says.
fn take(
    broker: &Broker,
    session: &SessionKey,
    said: Said,
    config: &ShareConfig,
    (knows_renew, renews): (bool, bool),
) -> Told {
    let take = |(place, batches): (Place, Vec<Acknowledgement>)| {
        let done = validate(&batches, knows_renew, renews)
            .and_then(|()| broker.acknowledge_shared(session, place, &batches, config));
        (place, done)
    };
    said.into_iter().map(take).collect()
}

type Found = Vec<(Place, Result<Handed, ErrorCode>)>;

/// What the partitions have, once that is something or the time is up.
async fn wait_for(call: &Call<'_>, request: &ShareFetchRequest, plan: &Plan) -> Found {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let until = Instant::now() + wait;
    let waiter = Arc::new(Notify::new());
    loop {
        let let_go = call.broker.shares.let_go.notified();
        tokio::pin!(let_go);
        // Before the look: what comes after it is not missed.
        let_go.as_mut().enable();
        for place in &plan.places {
            if let Ok(replica) = call.broker.shared_replica(*place) {
                replica.wait(&waiter);
            }
        }
        let found = tokio::task::block_in_place(|| acquire_all(call, request, plan));
        let is_enough = found.iter().any(|(_, found)| {
            found
                .as_ref()
                .map_or(true, |found| !found.acquired.is_empty())
        });
        if is_enough || plan.places.is_empty() || until <= Instant::now() {
            return found;
        }
        let mut stop = call.broker.stopping.clone();
        let either = async {
            tokio::select! {
                () = waiter.notified() => {}
                () = let_go => {}
            }
        };
        let woken = tokio::select! {
            woken = timeout_at(until, either) => woken.is_ok(),
            _ = stop.wait_for(|stop| *stop) => false,
        };
        if !woken {
            return found;
        }
    }
}

fn acquire_all(call: &Call<'_>, request: &ShareFetchRequest, plan: &Plan) -> Found {
    let bytes = usize::try_from(request.max_bytes).unwrap_or(0);
    let bytes = bytes.min(call.broker.config.fetch_max_bytes) / plan.places.len().max(1);
    let mut left = i64::from(request.max_records);
    let each = plan.places.iter().map(|place| {
        let ask = Ask {
            member: &plan.session.member_id,
            most: left,
            is_strict: request.share_acquire_mode == STRICT,
            batch_size: i64::from(request.batch_size),
            bytes,
        };
        let (session, config) = (&plan.session, &plan.config);
        let found = call.broker.acquire_shared(session, *place, &ask, config);
        if let Ok(found) = &found {
            let counts = found.acquired.iter();
            left -= counts.map(|part| part.last - part.first + 1).sum::<i64>();
        }
        (*place, found)
    });
    each.collect()
}

fn respond(plan: Plan, found: Found) -> ShareFetchResponse {
    let mut parts: BTreeMap<Place, PartitionData> = BTreeMap::new();
    let empty = |(_, number): Place| PartitionData {
        partition_index: number,
        ..PartitionData::default()
    };
    for (place, found) in found {
        let mut part = empty(place);
        match found {
            Ok(found) if found.acquired.is_empty() && !plan.is_first => continue,
            Ok(found) => {
                part.records = Some(Records::Bytes(found.records));
                let acquired = found.acquired.into_iter().map(|part| AcquiredRecords {
                    first_offset: part.first,
                    last_offset: part.last,
                    delivery_count: part.deliveries,
                    ..AcquiredRecords::default()
                });
                part.acquired_records = acquired.collect();
            }
            Err(code) => part.error_code = code.code(),
        }
        parts.insert(place, part);
    }
    for (place, told) in plan.told {
        let part = parts.entry(place).or_insert_with(|| empty(place));
        if let Err((code, why)) = told {
            part.acknowledge_error_code = code.code();
            part.acknowledge_error_message = Some(why.to_owned());
        }
    }
    let topics = by_topic(parts).map(|(topic_id, partitions)| ShareFetchableTopicResponse {
        topic_id,
        partitions,
        ..ShareFetchableTopicResponse::default()
    });
    ShareFetchResponse {
        acquisition_lock_timeout_ms: plan.config.record_lock_ms,
        responses: topics.collect(),
        ..ShareFetchResponse::default()
    }
}

fn by_topic<T>(parts: BTreeMap<Place, T>) -> impl Iterator<Item = (Uuid, Vec<T>)> {
    let mut topics: BTreeMap<Uuid, Vec<T>> = BTreeMap::new();
    for ((id, _), part) in parts {
        topics.entry(id).or_default().push(part);
    }
    topics.into_iter()
}

/// Answers a `ShareAcknowledge`.
pub(in crate::broker) fn acknowledge(
    call: &Call<'_>,
    request: ShareAcknowledgeRequest,
) -> ShareAcknowledgeResponse {
    let refused = |(code, why): Refusal| ShareAcknowledgeResponse {
        error_code: code.code(),
        error_message: Some(why.to_owned()),
        ..ShareAcknowledgeResponse::default()
    };
    let broker = call.broker;
    let epoch = request.share_session_epoch;
    let known = session(call, request.group_id.as_ref(), request.member_id.as_ref());
    let known = known.and_then(|session| {
        let taken = lock(&broker.shares.sessions).acknowledge(&session, epoch);
        taken.map(|()| session).map_err(|code| (code, ""))
    });
    let session = match known {
        Ok(session) => session,
        Err(refusal) => return refused(refusal),
    };
    let mut said = Said::new();
    for topic in request.topics {
        for asked in topic.partitions {
            let batches = asked.acknowledgement_batches.into_iter();
            let batches = batches.map(|batch| Acknowledgement {
                first: batch.first_offset,
                last: batch.last_offset,
                types: batch.acknowledge_types,
            });
            said.insert((topic.topic_id, asked.partition_index), batches.collect());
        }
    }
    let config = broker.share_config(&session.group_id);
    let renews = (call.header.version >= RENEW_SINCE, request.is_renew_ack);
    let told = take(broker, &session, said, &config, renews);
    if epoch == FINAL {
        broker.end_share_session(&session);
    }
    let part = |(place, told): (Place, Result<(), Refusal>)| {
        let mut part = Acknowledged {
            partition_index: place.1,
            ..Acknowledged::default()
        };
        if let Err((code, why)) = told {
            part.error_code = code.code();
            part.error_message = Some(why.to_owned());
        }
        (place, part)
    };
    let topics = by_topic(told.into_iter().map(part).collect());
    let topics = topics.map(|(topic_id, partitions)| ShareAcknowledgeTopicResponse {
        topic_id,
        partitions,
        ..ShareAcknowledgeTopicResponse::default()
    });
    ShareAcknowledgeResponse {
        acquisition_lock_timeout_ms: config.record_lock_ms,
        responses: topics.collect(),
        ..ShareAcknowledgeResponse::default()
    }
}

impl Broker {
    /// Ends a session, and lets go of what its member has.
    fn end_share_session(&self, session: &SessionKey) {
        let places = lock(&self.shares.sessions).remove(session);
        for place in places.into_iter().flatten() {
            self.release_shared(session, place);
        }
    }

    /// A connection is gone, and a member with it.
    pub(in crate::broker) fn end_share_session_of(&self, connection: u64) {
        let session = lock(&self.shares.sessions).of_connection(connection);
        if let Some(session) = session {
            self.end_share_session(&session);
        }
    }
}
