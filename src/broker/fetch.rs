//! `Fetch`: records out of partitions, in sessions, as soon as there are enough.
//!
//! The response is put together from bytes and parts of files; larger parts go from
//! the page cache to the socket. A request that finds less than it asks for leaves a
//! waiter with each partition and looks again when one of them grows.
//!
//! Source: KIP-74, KIP-227, KIP-320, KIP-516; `ReplicaManager`, `FetchSession` of
//! Apache Kafka 4.3.1.

mod session;

pub(super) use session::Sessions;

use super::error_code;
use super::handlers::{Call, Outcome};
use super::replica::{Ends, Isolation, Slice, named};
use super::reply::Reply;
use crate::format::bytes::put_uvarint;
use crate::format::txn_index::AbortedTxn;
use crate::format::{LeaderEpoch, Offset, Uuid};
use crate::protocol::messages::fetch::{FetchRequest, FetchResponse};
use crate::protocol::{ErrorCode, Request};
use session::{Plan, Sent, Wanted};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Smaller parts of files are read into the response: one call to the system less.
const INLINE: usize = 32 << 10;

/// What a partition has for a request.
struct Found {
    error: ErrorCode,
    ends: Option<Ends>,
    diverging: Option<(LeaderEpoch, Offset)>,
    aborted: Option<Vec<AbortedTxn>>,
    slice: Option<Slice>,
}

impl Found {
    const fn error(error: ErrorCode) -> Self {
        Self {
            error,
            ends: None,
            diverging: None,
            aborted: None,
            slice: None,
        }
    }

    fn bytes(&self) -> usize {
        self.slice.as_ref().map_or(0, |slice| slice.length)
    }

    /// What a client of a session is not told again while it stays so.
    fn sent(&self) -> Sent {
        Sent {
            high_watermark: self.ends.map_or(-1, |ends| ends.high_watermark.get()),
            start: self.ends.map_or(-1, |ends| ends.start.get()),
            failed: !self.error.is_none(),
        }
    }
}

/// What a request asks of all partitions.
struct Limits {
    isolation: Isolation,
    most: usize,
    least: usize,
    until: Instant,
}

/// Answers a `Fetch`.
pub(super) async fn fetch(call: &Call<'_>, body: &[u8]) -> Outcome {
    let request = match FetchRequest::decode(body, call.header.version) {
        Ok(request) => request,
        Err(error) => return Outcome::Close(error.to_string()),
    };
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let limits = Limits {
        isolation: match request.isolation_level {
            0 => Isolation::Uncommitted,
            _ => Isolation::Committed,
        },
        most: usize::try_from(request.max_bytes)
            .unwrap_or(0)
            .min(call.broker.config.fetch_max_bytes),
        least: usize::try_from(request.min_bytes).unwrap_or(0),
        until: Instant::now() + wait,
    };
    let sessions = &call.broker.fetch_sessions;
    let by_id = call.header.version >= 13;
    let plan = match sessions.plan(request, by_id, call.broker.host.monotonic()) {
        Ok(plan) => plan,
        Err(code) => {
            return call.answer(&FetchResponse {
                error_code: code.code(),
                ..FetchResponse::default()
            });
        }
    };
    let found = wait_for(call, &plan, &limits).await;
    match respond(call, &plan, found) {
        Ok(reply) => Outcome::Reply(reply),
        Err(error) => Outcome::Close(error.to_string()),
    }
}

/// What the partitions have, once that is enough or the time is up.
async fn wait_for(call: &Call<'_>, plan: &Plan, limits: &Limits) -> Vec<Found> {
    let mut found = read_all(call, plan, limits);
    if is_enough(&found, plan, limits) {
        return found;
    }
    let waiter = Arc::new(Notify::new());
    loop {
        for wanted in &plan.partitions {
            if let Some(replica) = known(call, wanted) {
                replica.wait(&waiter);
            }
        }
        // Between the last look and the waiter something may have come.
        found = read_all(call, plan, limits);
        if is_enough(&found, plan, limits) {
            return found;
        }
        let mut stop = call.broker.stopping.clone();
        let woken = tokio::select! {
            woken = timeout_at(limits.until, waiter.notified()) => woken.is_ok(),
            _ = stop.wait_for(|stop| *stop) => false,
        };
        if !woken {
            return read_all(call, plan, limits);
        }
    }
}

fn is_enough(found: &[Found], plan: &Plan, limits: &Limits) -> bool {
    let bytes: usize = found.iter().map(Found::bytes).sum();
    bytes >= limits.least
        || plan.partitions.is_empty()
        || limits.until <= Instant::now()
        || found
            .iter()
            .any(|found| !found.error.is_none() || found.diverging.is_some())
}

fn read_all(call: &Call<'_>, plan: &Plan, limits: &Limits) -> Vec<Found> {
    let mut left = limits.most;
    let mut first = true;
    plan.partitions
        .iter()
        .map(|wanted| {
            let most = wanted.most.min(left);
            let found = read(call, wanted, most, first, limits.isolation);
            first &= found.slice.is_none();
            left = left.saturating_sub(found.bytes());
            found
        })
        .collect()
}

fn known(call: &Call<'_>, wanted: &Wanted) -> Option<Arc<super::replica::Replica>> {
    let image = call.broker.image();
    let topic = match &wanted.topic {
        Some(name) => name.as_str(),
        None => image.topic_name(wanted.topic_id)?,
    };
    call.broker.replica(&named(topic, wanted.partition)).ok()
}

/// What one partition has.
fn read(
    call: &Call<'_>,
    wanted: &Wanted,
    most: usize,
    at_least_one: bool,
    isolation: Isolation,
) -> Found {
    let image = call.broker.image();
    let topic = match &wanted.topic {
        Some(name) => name.as_str(),
        None => match image.topic_name(wanted.topic_id) {
            Some(name) => name,
            None => return Found::error(ErrorCode::UnknownTopicId),
        },
    };
    let replica = match call.broker.replica(&named(topic, wanted.partition)) {
        Ok(replica) => replica,
        Err(error) => return Found::error(error_code(&error)),
    };
    let ends = replica.ends();
    let failed = |error| Found {
        ends: Some(ends),
        ..Found::error(error)
    };
    if let Some(error) = fenced(wanted.leader_epoch, ends.epoch) {
        return Found::error(error);
    }
    if let Some(epoch) = wanted.last_fetched_epoch {
        let end = replica.end_of_epoch(epoch);
        if let Some((found, end)) = end
            && (found < epoch || end < wanted.offset)
        {
            return Found {
                diverging: Some((found, end)),
                ..failed(ErrorCode::None)
            };
        }
    }
    let Some(offset) = Offset::from_wire(wanted.offset.get()) else {
        return Found::error(ErrorCode::OffsetOutOfRange);
    };
    match replica.read(offset, most, at_least_one, isolation) {
        Ok((ends, slice)) => {
            replica
                .traffic
                .fetched(slice.as_ref().map_or(0, |slice| slice.length));
            let aborted = match isolation {
                Isolation::Uncommitted => None,
                Isolation::Committed if slice.is_none() => Some(Vec::new()),
                Isolation::Committed => match replica.aborted(offset, ends.last_stable) {
                    Ok(aborted) => Some(aborted),
                    Err(error) => return failed(told(&error, topic, wanted.partition)),
                },
            };
            Found {
                error: ErrorCode::None,
                ends: Some(ends),
                diverging: None,
                aborted,
                slice,
            }
        }
        Err(error) => Found::error(told(&error, topic, wanted.partition)),
    }
}

fn told(error: &crate::log::LogError, topic: &str, partition: i32) -> ErrorCode {
    let code = error_code(error);
    if code != ErrorCode::OffsetOutOfRange {
        tracing::error!(topic, partition, %error, "cannot read");
    }
    code
}

/// Whether a client that believes in an epoch is behind or ahead.
pub(super) fn fenced(claimed: Option<LeaderEpoch>, current: LeaderEpoch) -> Option<ErrorCode> {
    match claimed {
        Some(epoch) if epoch < current => Some(ErrorCode::FencedLeaderEpoch),
        Some(epoch) if epoch > current => Some(ErrorCode::UnknownLeaderEpoch),
        _ => None,
    }
}

/// Puts the response together.
fn respond(call: &Call<'_>, plan: &Plan, found: Vec<Found>) -> std::io::Result<Reply> {
    let sent: Vec<_> = found.iter().map(Found::sent).collect();
    let has_bytes: Vec<_> = found.iter().map(|found| found.slice.is_some()).collect();
    let shown = call.broker.fetch_sessions.note(plan, &sent, &has_bytes);
    let mut out = Writer {
        reply: Reply::to(call.header),
        version: call.header.version,
    };
    out.i32(0);
    if out.version >= 7 {
        out.i16(0);
        out.i32(plan.session_id);
    }
    let answers: Vec<_> = plan
        .partitions
        .iter()
        .zip(found)
        .zip(shown)
        .filter(|(_, shown)| *shown)
        .map(|(answer, _)| answer)
        .collect();
    let topics = answers.chunk_by(|(one, _), (other, _)| one.is_same_topic(other));
    out.count(topics.clone().count());
    for topic in topics {
        let (first, _) = &topic[0];
        if out.version >= 13 {
            out.uuid(first.topic_id);
        } else {
            out.string(first.topic.as_deref().unwrap_or_default());
        }
        out.count(topic.len());
        for (wanted, found) in topic {
            out.partition(wanted.partition, found)?;
        }
        out.no_tags();
    }
    out.no_tags();
    out.reply.seal();
    Ok(out.reply)
}

/// Writes a response by hand: its records stay where they are.
struct Writer {
    reply: Reply,
    version: i16,
}

impl Writer {
    const fn is_flexible(&self) -> bool {
        self.version >= 12
    }

    fn i16(&mut self, number: i16) {
        self.reply.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn i32(&mut self, number: i32) {
        self.reply.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn i64(&mut self, number: i64) {
        self.reply.bytes.extend_from_slice(&number.to_be_bytes());
    }

    fn uuid(&mut self, id: Uuid) {
        self.reply.bytes.extend_from_slice(id.as_bytes());
    }

    /// The length of an array or of bytes.
    fn count(&mut self, count: usize) {
        if self.is_flexible() {
            put_uvarint(&mut self.reply.bytes, count as u64 + 1);
        } else {
            self.i32(count as i32);
        }
    }

    fn string(&mut self, text: &str) {
        if self.is_flexible() {
            put_uvarint(&mut self.reply.bytes, text.len() as u64 + 1);
        } else {
            self.i16(text.len() as i16);
        }
        self.reply.bytes.extend_from_slice(text.as_bytes());
    }

    fn no_tags(&mut self) {
        if self.is_flexible() {
            put_uvarint(&mut self.reply.bytes, 0);
        }
    }

    fn partition(&mut self, number: i32, found: &Found) -> std::io::Result<()> {
        let ends = found.ends;
        self.i32(number);
        self.i16(found.error.code());
        self.i64(ends.map_or(-1, |ends| ends.high_watermark.get()));
        self.i64(ends.map_or(-1, |ends| ends.last_stable.get()));
        if self.version >= 5 {
            self.i64(ends.map_or(-1, |ends| ends.start.get()));
        }
        self.aborted(found.aborted.as_deref());
        if self.version >= 11 {
            self.i32(-1);
        }
        self.count(found.bytes());
        if let Some(slice) = &found.slice {
            self.slice(slice)?;
        }
        if self.is_flexible() {
            match found.diverging {
                None => put_uvarint(&mut self.reply.bytes, 0),
                Some((epoch, end)) => {
                    // One tagged field: tag 0, 13 bytes of epoch, end and no tags.
                    self.reply.bytes.extend_from_slice(&[1, 0, 13]);
                    self.i32(epoch.get());
                    self.i64(end.get());
                    self.no_tags();
                }
            }
        }
        Ok(())
    }

    fn aborted(&mut self, aborted: Option<&[AbortedTxn]>) {
        let Some(aborted) = aborted else {
            if self.is_flexible() {
                put_uvarint(&mut self.reply.bytes, 0);
            } else {
                self.i32(-1);
            }
            return;
        };
        self.count(aborted.len());
        for transaction in aborted {
            self.i64(transaction.producer_id.get());
            self.i64(transaction.first_offset.get());
            self.no_tags();
        }
    }

    fn slice(&mut self, slice: &Slice) -> std::io::Result<()> {
        if slice.length > INLINE {
            self.reply.push_file(slice.clone());
            return Ok(());
        }
        let bytes = &mut self.reply.bytes;
        let start = bytes.len();
        bytes.resize(start + slice.length, 0);
        let read = slice.file.read_at(&mut bytes[start..], slice.position)?;
        if read < slice.length {
            return Err(std::io::Error::other(
                "a segment became shorter while it was read",
            ));
        }
        Ok(())
    }
}
