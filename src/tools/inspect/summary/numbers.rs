//! The numbers of a topic, a partition or a segment.

use crate::format::batch::HEADER_SIZE;
use crate::format::{Offset, Timestamp};
use crate::log::layout::{Suffix, segment_file};
use crate::log::survey::{Counts, Survey};
use serde_json::{Value, json};
use std::path::Path;

/// What is known of a topic, a partition or a segment.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    pub(super) topic: Option<String>,
    pub(super) partition: Option<i32>,
    /// The first offset of a segment, which names it.
    pub(super) base: Option<Offset>,
    pub(super) segments: Option<u64>,
    pub(super) bytes: u64,
    pub(super) index_bytes: u64,
    pub(super) counts: Counts,
    pub(super) earliest: Option<Timestamp>,
    pub(super) latest: Option<Timestamp>,
    pub(super) start: Option<Offset>,
    pub(super) end: Option<Offset>,
    pub(super) high_watermark: Option<Offset>,
    pub(super) last_stable: Option<Offset>,
    pub(super) recovery_point: Option<Offset>,
    /// Offsets behind the recovery point.
    pub(super) unflushed: Option<i64>,
    pub(super) producers: Option<u64>,
    /// Open transactions: where they start, and whose they are.
    pub(super) open: Option<Vec<(Offset, i64)>>,
}

impl Numbers {
    /// All partitions of a topic together.
    pub(super) fn of_topic(surveys: &[&Survey]) -> Self {
        let mut sum = Self {
            segments: Some(0),
            open: Some(Vec::new()),
            ..Self::default()
        };
        for survey in surveys {
            let one = Self::of_partition(survey);
            sum.segments = sum.segments.zip(one.segments).map(|(a, b)| a + b);
            sum.bytes += one.bytes;
            sum.index_bytes += one.index_bytes;
            sum.counts.add(&one.counts);
            sum.earliest = [sum.earliest, one.earliest].into_iter().flatten().min();
            sum.latest = sum.latest.max(one.latest);
            if let Some(more) = one.unflushed {
                *sum.unflushed.get_or_insert(0) += more;
            }
            if let Some(more) = one.producers {
                *sum.producers.get_or_insert(0) += more;
            }
            if let (Some(open), Some(more)) = (&mut sum.open, one.open) {
                open.extend(more);
            }
        }
        sum
    }

    /// A partition.
    pub(super) fn of_partition(survey: &Survey) -> Self {
        let unflushed = survey.end.zip(survey.recovery_point);
        Self {
            topic: Some(survey.name.topic.clone()),
            partition: Some(survey.name.partition),
            base: None,
            segments: Some(survey.segments.len() as u64),
            bytes: survey.bytes(),
            index_bytes: survey.segments.iter().map(|it| it.index_bytes).sum(),
            counts: survey.counts(),
            earliest: survey.earliest(),
            latest: survey.latest(),
            start: Some(survey.start),
            end: survey.end,
            high_watermark: survey.high_watermark,
            last_stable: survey.last_stable,
            recovery_point: survey.recovery_point,
            unflushed: unflushed.map(|(end, point)| (end.get() - point.get()).max(0)),
            producers: survey.producers.map(|it| it as u64),
            open: survey.producers.map(|_| {
                let open = survey.open.iter();
                open.map(|(first, id)| (*first, id.get())).collect()
            }),
        }
    }

    /// The segments of a partition.
    pub(super) fn of_segments(survey: &Survey) -> Vec<Self> {
        let nexts = survey.segments.iter().skip(1).map(|it| Some(it.base));
        let nexts = nexts.chain(std::iter::once(survey.end));
        let segments = survey.segments.iter().zip(nexts);
        segments
            .map(|(segment, next)| Self {
                base: Some(segment.base),
                bytes: segment.bytes,
                index_bytes: segment.index_bytes,
                counts: segment.counts.clone().unwrap_or_else(|| Counts {
                    bytes: segment.bytes,
                    ..Counts::default()
                }),
                earliest: segment.earliest,
                latest: segment.latest,
                end: next,
                ..Self::default()
            })
            .collect()
    }

    /// Whether something was looked at, to tell counts from.
    pub(super) const fn is_counted(&self) -> bool {
        self.counts.read > 0 || self.counts.bytes == 0
    }

    /// A count, `None` where nothing was looked at.
    pub(super) fn count(&self, count: u64) -> Option<u64> {
        self.is_counted().then(|| self.counts.estimate(count))
    }

    /// The members of a JSON object; those that make no sense of its kind left out.
    pub(super) fn to_json(&self) -> Value {
        let counts = &self.counts;
        let mut json = json!({});
        let time = |time: Option<Timestamp>| json!(time.map(Timestamp::get));
        let offset = |offset: Option<Offset>| json!(offset.map(Offset::get));
        if let (Some(topic), Some(partition)) = (&self.topic, self.partition) {
            json["topic"] = json!(topic);
            json["partition"] = json!(partition);
        }
        if let Some(base) = self.base {
            let file = segment_file(Path::new(""), base, Suffix::Log);
            json["file"] = json!(file.to_string_lossy());
            json["baseOffset"] = json!(base.get());
            json["endOffset"] = offset(self.end);
        }
        if let Some(segments) = self.segments {
            json["segments"] = json!(segments);
        }
        json["bytes"] = json!(self.bytes);
        json["indexBytes"] = json!(self.index_bytes);
        json["earliest"] = time(self.earliest);
        json["latest"] = time(self.latest);
        json["exact"] = json!(counts.is_exact());
        json["batches"] = json!(self.count(counts.batches));
        json["records"] = json!(self.count(counts.records));
        json["controlBatches"] = json!(self.count(counts.control));
        json["codecs"] = self.codecs_json();
        if self.partition.is_some() {
            json["startOffset"] = offset(self.start);
            json["endOffset"] = offset(self.end);
            json["highWatermark"] = offset(self.high_watermark);
            json["lastStableOffset"] = offset(self.last_stable);
            json["recoveryPoint"] = offset(self.recovery_point);
            json["leaderEpoch"] = json!(counts.leader_epoch.map(|epoch| epoch.get()));
        }
        if self.segments.is_some() {
            json["unflushed"] = json!(self.unflushed);
            json["producers"] = json!(self.producers);
            json["openTransactions"] = json!(self.open.as_ref().map(|open| {
                let one = |(first, id): &(Offset, i64)| json!({ "producerId": id, "firstOffset": first.get() });
                open.iter().map(one).collect::<Vec<_>>()
            }));
        }
        json
    }

    fn codecs_json(&self) -> Value {
        let codecs = self.counts.codecs.iter().map(|(codec, it)| {
            let is_plain = *codec == "none";
            let ratio = if is_plain { Some(1.0) } else { it.ratio() };
            let exact = self.counts.is_exact() && it.is_exact(HEADER_SIZE as u64);
            json!({
                "codec": codec,
                "batches": self.count(it.batches),
                "bytes": self.count(it.bytes),
                "ratio": ratio.map(|ratio| (ratio * 100.0).round() / 100.0),
                "ratioExact": is_plain || exact,
            })
        });
        codecs.collect()
    }
}

/// Adds the members of one object to another.
pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
