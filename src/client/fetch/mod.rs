//! Batches of partitions: one partition up to an end ([`bounded::Reader`]), or many
//! as they grow ([`follow::Follower`], with fetch sessions).
//!
//! Source: KIP-74, KIP-227, KIP-320.

pub mod bounded;
pub mod follow;

use super::connection::Answer;
use super::error::{ClientError, Result};
use crate::format::batch::{Header, PREFIX_SIZE, Prefix};
use crate::format::{FormatError, Offset, ProducerId};
use crate::protocol::messages::fetch::{FetchResponse, PartitionData};
use std::ops::Range;

/// How much of a topic is fetched, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `isolation.level` is `read_committed`.
    pub read_committed: bool,
    /// `fetch.max.wait.ms`.
    pub max_wait_ms: i32,
    /// `fetch.min.bytes`.
    pub min_bytes: i32,
    /// `fetch.max.bytes`.
    pub max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub partition_bytes: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            read_committed: false,
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_bytes: 1 << 20,
        }
    }
}

/// What a fetch brought of one partition.
#[derive(Debug)]
pub struct Fetched {
    /// The partition.
    pub partition: i32,
    /// The offset that was asked for.
    pub from: Offset,
    /// Behind the last whole batch; `from` where there is none.
    pub next: Offset,
    /// Whole batches.
    pub bytes: Vec<u8>,
    /// The high watermark.
    pub high_watermark: Offset,
    /// The last stable offset, where the server tells it.
    pub last_stable: Option<Offset>,
    /// The log start offset, where the server tells it.
    pub log_start: Option<Offset>,
    /// Ranges of offsets of aborted transactions, both ends included.
    pub aborted: Vec<(ProducerId, Offset, Offset)>,
}

/// What a response has of a partition, taken out of its frame.
fn fetched(
    data: &PartitionData,
    from: Offset,
    body: &[u8],
) -> std::result::Result<Fetched, FormatError> {
    let bytes = data.records.as_ref().map_or(&[][..], |r| r.bytes(body));
    let (whole, next) = extent(bytes)?;
    if whole == 0 && !bytes.is_empty() {
        return Err(FormatError::corrupt(
            "fetched batches",
            0,
            "a whole batch",
            format!("{} bytes of one", bytes.len()),
        ));
    }
    let bytes = bytes[..whole].to_vec();
    let aborted = data.aborted_transactions.iter().flatten();
    let aborted: Vec<_> = aborted
        .map(|aborted| {
            let producer = ProducerId::new(aborted.producer_id);
            let first = Offset::new(aborted.first_offset);
            (producer, first, marker(&bytes, producer, first.max(from)))
        })
        .collect();
    Ok(Fetched {
        partition: data.partition_index,
        from,
        next: next.unwrap_or(from).max(from),
        bytes,
        high_watermark: Offset::new(data.high_watermark.max(0)),
        last_stable: Offset::from_wire(data.last_stable_offset),
        log_start: Offset::from_wire(data.log_start_offset),
        aborted,
    })
}

/// The ranges of whole batches.
fn batches(bytes: &[u8]) -> impl Iterator<Item = Result<Range<usize>, FormatError>> + use<'_> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &bytes[at..];
        if rest.len() < PREFIX_SIZE {
            return None;
        }
        match Prefix::parse(rest) {
            Ok(prefix) if prefix.size <= rest.len() => {
                let range = at..at + prefix.size;
                at = range.end;
                Some(Ok(range))
            }
            // The last batch may be cut.
            Ok(_) => None,
            Err(error) => {
                at = bytes.len();
                Some(Err(error))
            }
        }
    })
}

/// How many bytes are whole batches, and the offset behind them.
fn extent(bytes: &[u8]) -> Result<(usize, Option<Offset>), FormatError> {
    let mut last = None;
    for batch in batches(bytes) {
        last = Some(batch?);
    }
    let Some(last) = last else {
        return Ok((0, None));
    };
    let batch = &bytes[last.clone()];
    let prefix = Prefix::parse(batch)?;
    let next = match prefix.magic {
        2.. => Header::parse(batch)?.next_offset(),
        _ => prefix.offset.next(),
    };
    Ok((last.end, Some(next)))
}

/// Where an aborted transaction ends: at its marker, or not in these bytes.
fn marker(bytes: &[u8], producer: ProducerId, from: Offset) -> Offset {
    batches(bytes)
        .filter_map(|range| {
            let header = Header::parse(&bytes[range.ok()?]).ok()?;
            let own = header.producer.is_some_and(|other| other.id == producer);
            (own && header.attributes.is_control() && header.base_offset >= from)
                .then_some(header.base_offset)
        })
        .next()
        .unwrap_or(Offset::new(i64::MAX))
}

/// The only partition of a response.
fn only(answer: &Answer<FetchResponse>) -> Option<&PartitionData> {
    answer.message.responses.first()?.partitions.first()
}

/// Whether the partition has another leader, or will have.
fn has_moved(error: &ClientError) -> bool {
    error.is_retriable()
}
