//! What a leader asks of a batch before it appends it, and what it changes in it.
//!
//! The batch is one of magic 2 from a client. It is stored as it came, but for its
//! times where the topic stamps them, and its codec where the topic has one of its own.
//!
//! Source: `org.apache.kafka.storage.internals.log.LogValidator`,
//! `UnifiedLog.analyzeAndValidateRecords` of Apache Kafka 4.3.1.

use crate::format::batch::{Batch, HEADER_SIZE, Header, Scratch, UncheckedBatch};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::compression::{Codec, Compressor, MAX_DECOMPRESSED};
use crate::format::topic_config::{TimestampType, TopicConfig};
use crate::format::{FormatError, Offset, Timestamp};

/// A batch that is not appended, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Its bytes are not what its CRC or lengths say.
    #[error("{0}")]
    Corrupt(String),
    /// It is larger than `max.message.bytes`.
    #[error("the batch has {size} bytes, more than max.message.bytes, {most}")]
    TooLarge {
        /// Its bytes.
        size: usize,
        /// How many it may have.
        most: u32,
    },
    /// It breaks a rule.
    #[error("{0}")]
    Rule(String),
    /// Records of it break a rule.
    #[error("{why}")]
    Records {
        /// Which, by their places in the batch.
        records: Vec<i32>,
        /// The rule.
        why: &'static str,
    },
    /// Records of it have times that the topic does not take.
    #[error("{why}")]
    Timestamps {
        /// Which, by their places in the batch.
        records: Vec<i32>,
        /// What the topic takes.
        why: String,
    },
}

impl Invalid {
    fn corrupt(error: &FormatError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// How many bytes a batch may decompress to for each that it may have, and how many at
/// least: a batch is unpacked whole, and many clients may send one at once.
const MOST_RATIO: usize = 64;
const LEAST_UNPACKED: usize = 64 << 20;

/// Memory for the work, used again from batch to batch.
#[derive(Default)]
pub struct Validator {
    scratch: Scratch,
    builder: BatchBuilder,
    compressor: Option<Compressor>,
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Valid {
    /// It is to be appended as it now stands.
    InPlace,
    /// This is to be appended instead.
    Rebuilt(Vec<u8>),
}

impl Validator {
    /// The bytes that it holds on to.
    pub fn memory(&self) -> usize {
        self.scratch.memory() + self.builder.size()
    }

    /// Checks the batch that `bytes` are, all of them, and stamps it where the topic
    /// asks for that. `now` is the time of the append.
    ///
    /// # Errors
    /// What is wrong with it; its times may have been changed.
    pub fn check(
        &mut self,
        bytes: &mut [u8],
        topic: &TopicConfig,
        now: Timestamp,
    ) -> Result<Valid, Invalid> {
        let batch = UncheckedBatch::parse(bytes).map_err(|error| Invalid::corrupt(&error))?;
        let header = *batch.header();
        check_header(&header, bytes.len(), topic)?;
        let most = topic.max_message_bytes as usize;
        let limit = most.saturating_mul(MOST_RATIO).max(LEAST_UNPACKED);
        self.scratch.bound(limit.min(MAX_DECOMPRESSED));
        let batch = batch.check().map_err(|error| Invalid::corrupt(&error))?;
        let max_timestamp = self.check_records(&batch, topic, now)?;
        if let Some(target) = topic.compression
            && header.attributes.codec().ok() != Some(target.codec())
        {
            return self.rebuild(bytes, topic, now).map(Valid::Rebuilt);
        }
        let mut stamped = header;
        if topic.message_timestamp_type == TimestampType::LogAppendTime {
            let codec = header.attributes.codec().unwrap_or(Codec::None);
            let transactional = header.attributes.is_transactional();
            stamped.attributes = header.attributes.with(codec, true, transactional, false);
            stamped.max_timestamp = Some(now);
        } else {
            stamped.max_timestamp = max_timestamp;
        }
        if stamped != header {
            stamped.write(bytes);
        }
        Ok(Valid::InPlace)
    }

    /// Checks each record; the latest of their times.
    fn check_records(
        &mut self,
        batch: &Batch<'_>,
        topic: &TopicConfig,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Invalid> {
        let corrupt = |error: FormatError| Invalid::Rule(error.to_string());
        let unpacked = batch.unpacked(&mut self.scratch).map_err(corrupt)?;
        let checked = batch.check_records(unpacked).map_err(corrupt)?;
        let takes = Times::of(topic, now);
        let look_at_each = topic.cleanup_policy.compact
            || !takes.takes(checked.max_timestamp)
            || takes.earliest.is_some();
        if look_at_each {
            self.check_each(batch, topic, &takes)?;
        }
        Ok(checked.max_timestamp)
    }

    /// Looks for records without keys and with wrong times.
    fn check_each(
        &mut self,
        batch: &Batch<'_>,
        topic: &TopicConfig,
        takes: &Times,
    ) -> Result<(), Invalid> {
        let corrupt = |error: FormatError| Invalid::Rule(error.to_string());
        let (mut keyless, mut ill_timed) = (Vec::new(), Vec::new());
        for (place, record) in (0..).zip(batch.records(&mut self.scratch).map_err(corrupt)?) {
            let record = record.map_err(corrupt)?;
            if topic.cleanup_policy.compact && record.key.is_none() {
                keyless.push(place);
            }
            if !takes.takes(record.timestamp) {
                ill_timed.push(place);
            }
        }
        if !keyless.is_empty() {
            return Err(Invalid::Records {
                records: keyless,
                why: "a compacted topic takes no record without a key",
            });
        }
        if !ill_timed.is_empty() {
            return Err(Invalid::Timestamps {
                records: ill_timed,
                why: takes.to_string(),
            });
        }
        Ok(())
    }

    /// Makes the same records a batch of the topic's codec.
    fn rebuild(
        &mut self,
        bytes: &[u8],
        topic: &TopicConfig,
        now: Timestamp,
    ) -> Result<Vec<u8>, Invalid> {
        let corrupt = |error: FormatError| Invalid::Rule(error.to_string());
        let batch = UncheckedBatch::parse(bytes)
            .and_then(UncheckedBatch::check)
            .map_err(corrupt)?;
        self.builder.clear();
        for record in batch.records(&mut self.scratch).map_err(corrupt)? {
            let record = record.map_err(corrupt)?;
            self.builder
                .append(record.timestamp, record.key, record.value, record.headers)
                .map_err(corrupt)?;
        }
        let header = batch.header();
        let append_time = topic.message_timestamp_type == TimestampType::LogAppendTime;
        let seal = Seal {
            base_offset: Offset::ZERO,
            leader_epoch: header.leader_epoch,
            producer: header.producer,
            transactional: header.attributes.is_transactional(),
            control: false,
            append_time: append_time.then_some(now),
        };
        let target = topic.compression.expect("the topic has a codec");
        let compressor = match &mut self.compressor {
            Some(compressor) if compressor.compression() == target => compressor,
            other => other.insert(Compressor::new(target)),
        };
        let mut out = Vec::with_capacity(HEADER_SIZE + bytes.len());
        self.builder
            .seal_compressed(compressor, &seal, &mut out)
            .map_err(corrupt)?;
        Ok(out)
    }
}

fn check_header(header: &Header, size: usize, topic: &TopicConfig) -> Result<(), Invalid> {
    let rule = |text: String| Err(Invalid::Rule(text));
    if header.size != size {
        return rule(format!(
            "expected one batch of {size} bytes, found one of {} and more behind it",
            header.size
        ));
    }
    if size > topic.max_message_bytes as usize {
        return Err(Invalid::TooLarge {
            size,
            most: topic.max_message_bytes,
        });
    }
    if header.base_offset != Offset::ZERO {
        return rule(format!(
            "the batch has base offset {}; a client's has 0",
            header.base_offset
        ));
    }
    let span = header.last_offset.get() - header.base_offset.get() + 1;
    if header.record_count == 0 || span != header.record_count as i64 {
        return rule(format!(
            "the batch counts {} records and spans {span} offsets",
            header.record_count
        ));
    }
    if header.attributes.is_control() {
        return rule("clients may not write control records".to_owned());
    }
    if header
        .producer
        .is_some_and(|producer| producer.base_sequence.is_none())
    {
        return rule("the batch has a producer id and no sequence number".to_owned());
    }
    if header.attributes.codec().is_err() {
        return rule("the batch is compressed with a codec that is not known".to_owned());
    }
    Ok(())
}

/// The times that a topic takes.
struct Times {
    earliest: Option<i64>,
    latest: Option<i64>,
}

impl Times {
    fn of(topic: &TopicConfig, now: Timestamp) -> Self {
        if topic.message_timestamp_type == TimestampType::LogAppendTime {
            return Self {
                earliest: None,
                latest: None,
            };
        }
        let limit = |limit: Option<u64>| limit.and_then(|limit| i64::try_from(limit).ok());
        let before = limit(topic.message_timestamp_before_max_ms).filter(|by| *by < i64::MAX);
        let after = limit(topic.message_timestamp_after_max_ms).filter(|by| *by < i64::MAX);
        Self {
            earliest: before.map(|by| now.get().saturating_sub(by)),
            latest: after.map(|by| now.get().saturating_add(by)),
        }
    }

    fn takes(&self, time: Option<Timestamp>) -> bool {
        let Some(time) = time else { return true };
        self.earliest.is_none_or(|earliest| time.get() >= earliest)
            && self.latest.is_none_or(|latest| time.get() <= latest)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = |bound: Option<i64>| bound.map_or("any".to_owned(), |time| time.to_string());
        write!(
            out,
            "the topic takes times from {} to {} (milliseconds since 1970)",
            bound(self.earliest),
            bound(self.latest)
        )
    }
}

#[cfg(test)]
mod tests;
