//! One offset as one object.

use super::decoded;
use crate::format::batch::Header;
use crate::format::schema::base64_text;
use crate::format::{Offset, ProducerEpoch};
use crate::log::effective::Origin;
use crate::log::explain::{
    BatchAt, Blocked, Compaction, Doom, Explained, Fate, Held, LeftBy, Missing, Place, Removal,
    SegmentAt,
};
use serde_json::{Map, Value, json};

pub(super) fn of(found: &Explained) -> Value {
    let bounds = &found.bounds;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("topic", json!(found.partition.topic));
    put("partition", json!(found.partition.partition));
    put("offset", json!(found.offset));
    put(
        "bounds",
        json!({
            "logStart": bounds.log_start,
            "logEnd": bounds.end,
            "lastStable": bounds.last_stable,
            "highWatermark": bounds.high_watermark,
            "recoveryPoint": bounds.recovery_point,
            "cleaned": bounds.cleaned,
        }),
    );
    match &found.place {
        Place::Here(held) => {
            put("status", json!("record"));
            put("segment", segment(&held.segment));
            let index = held
                .index
                .map(|index| json!({ "offset": index.offset, "position": index.position }));
            put("index", json!(index));
            put("batch", batch(&held.batch));
            put("record", record(found, held));
            put("producer", producer(held));
            put("transaction", json!(found.fate.map(fate)));
            put("removal", json!(found.removal.as_ref().map(removal)));
        }
        Place::Missing(why) => missing(why, &mut put),
    }
    Value::Object(object)
}

fn missing(why: &Missing, put: &mut dyn FnMut(&str, Value)) {
    match why {
        Missing::Deleted { segment: found } => {
            put("status", json!("deleted"));
            put("segment", json!(found.as_ref().map(segment)));
        }
        Missing::BeyondEnd => put("status", json!("beyondEnd")),
        Missing::Compacted {
            batch: found,
            before,
            after,
        } => {
            put("status", json!("compactedAway"));
            put("batch", json!(found.as_ref().map(batch)));
            put("offsetBefore", json!(before));
            put("offsetAfter", json!(after));
        }
        Missing::Gap {
            batch: found,
            before,
            after,
        } => {
            put("status", json!("gap"));
            put("batch", json!(found.as_ref().map(batch)));
            put("offsetBefore", json!(before));
            put("offsetAfter", json!(after));
        }
        Missing::EmptyBatch {
            batch: found,
            left_by,
            ..
        } => {
            put("status", json!("emptyBatch"));
            put("batch", batch(found));
            let by = match left_by {
                LeftBy::Cleaner => "cleaner",
                LeftBy::Repair => "repair",
                LeftBy::Either => "unknown",
            };
            put("leftBy", json!(by));
        }
        Missing::Damaged {
            segment: found,
            error,
        } => {
            put("status", json!("damaged"));
            put("segment", segment(found));
            put("damage", json!(error.to_string()));
        }
    }
}

fn segment(segment: &SegmentAt) -> Value {
    let name = segment.path.file_name();
    json!({
        "baseOffset": segment.base,
        "nextBaseOffset": segment.next,
        "file": name.map(|name| name.to_string_lossy()),
        "bytes": segment.size,
        "active": segment.next.is_none(),
        "number": segment.number,
        "segments": segment.count,
    })
}

fn batch(batch: &BatchAt) -> Value {
    let mut object = json!({
        "position": batch.position,
        "bytes": batch.size,
        "magic": batch.magic,
        "baseOffset": batch.base_offset,
        "lastOffset": batch.last_offset,
        "records": batch.records,
        "codec": batch.codec.name(),
        "crc": batch.crc,
        "timestampType": timestamp_type(batch),
        "maxTimestamp": batch.max_timestamp,
    });
    if let Some(header) = &batch.header {
        let attributes = header.attributes;
        let producer = header.producer;
        let epoch = ProducerEpoch::to_wire(producer.map(|producer| producer.epoch));
        for (name, value) in [
            ("leaderEpoch", json!(header.leader_epoch)),
            ("attributes", json!(attributes.bits())),
            ("transactional", json!(attributes.is_transactional())),
            ("control", json!(attributes.is_control())),
            ("baseTimestamp", json!(header.base_timestamp)),
            ("deleteHorizon", json!(header.delete_horizon())),
            ("producerId", json!(producer.map(|producer| producer.id))),
            ("producerEpoch", json!(producer.map(|_| epoch))),
            ("baseSequence", json!(header.base_sequence())),
            ("lastSequence", json!(header.last_sequence())),
        ] {
            object[name] = value;
        }
    }
    object
}

pub(super) const fn timestamp_type(batch: &BatchAt) -> &'static str {
    match (batch.append_time, batch.magic) {
        (true, _) => "LogAppendTime",
        (false, 0) => "NoTimestampType",
        (false, _) => "CreateTime",
    }
}

/// The record in the names of the JSON envelope, and what it says.
fn record(found: &Explained, held: &Held) -> Value {
    let record = &held.record;
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), json!(record.timestamp));
    put_bytes(&mut object, "key", record.key.as_deref());
    put_bytes(&mut object, "value", record.value.as_deref());
    let headers = record
        .headers
        .iter()
        .map(|(name, value)| header(name, value.as_deref()));
    object.insert("headers".to_owned(), headers.collect());
    if let Some((kind, data)) = &record.control {
        object.insert("control".to_owned(), json!({ "type": kind, "data": data }));
    }
    if let Some(shown) = decoded(found, record) {
        let shown = json!({ "key": shown.key, "value": shown.value });
        object.insert("decoded".to_owned(), shown);
    }
    Value::Object(object)
}

fn header(name: &[u8], value: Option<&[u8]>) -> Value {
    let value_text = value.map(std::str::from_utf8).transpose();
    match (std::str::from_utf8(name), value_text) {
        (Ok(name), Ok(value)) => json!([name, value]),
        _ => {
            let mut object = Map::new();
            put_bytes(&mut object, "name", Some(name));
            put_bytes(&mut object, "value", value);
            Value::Object(object)
        }
    }
}

fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), json!(text)),
        Some((bytes, Err(_))) => object.insert(format!("{name}Base64"), json!(base64_text(bytes))),
    };
}

fn producer(held: &Held) -> Value {
    let Some(header) = &held.batch.header else {
        return Value::Null;
    };
    let Some(producer) = header.producer else {
        return Value::Null;
    };
    json!({
        "producerId": producer.id,
        "producerEpoch": producer.epoch,
        "sequence": sequence(header, held.offset),
    })
}

/// The sequence number of a record.
pub(super) fn sequence(header: &Header, offset: Offset) -> Option<i32> {
    let base = header.base_sequence()?;
    let by = offset.get() - header.base_offset.get();
    Some(crate::format::batch::sequence_after(base, by))
}

fn fate(fate: Fate) -> Value {
    match fate {
        Fate::Committed { marker } => json!({ "state": "committed", "marker": marker }),
        Fate::Aborted { marker } => json!({ "state": "aborted", "marker": marker }),
        Fate::Open => json!({ "state": "open", "marker": null }),
        Fate::Unknown => json!({ "state": "unknown", "marker": null }),
    }
}

fn removal(removal: &Removal) -> Value {
    let retention = removal.retention.as_ref().map(|retention| {
        json!({
            "retentionMs": retention.retention_ms,
            "retentionBytes": retention.retention_bytes,
            "segmentTimestamp": retention.latest,
            "due": retention.due,
            "byTime": retention.by_time,
            "bySize": retention.by_size,
        })
    });
    json!({
        "retention": retention,
        "compaction": removal.compaction.as_ref().map(compaction),
        "configs": removal.configs.iter().map(config).collect::<Vec<_>>(),
    })
}

fn config((name, value, origin): &(&'static str, String, Origin)) -> Value {
    let synonym = match origin {
        Origin::Broker(name) | Origin::Brokers(name) | Origin::Static(name) => Some(name),
        Origin::Topic | Origin::Default => None,
    };
    json!({ "config": name, "value": value, "source": origin.name(), "brokerConfig": synonym })
}

fn compaction(found: &Compaction) -> Value {
    let mut object = json!({ "removes": found.doom.is_some() && found.blocked.is_none() });
    let mut put = |name: &str, value: Value| object[name] = value;
    let (reason, newer, horizon) = match found.doom {
        None => (Value::Null, None, None),
        Some(Doom::Newer { first, last }) => (json!("newerRecord"), Some((first, last)), None),
        Some(Doom::Tombstone { horizon }) => (json!("tombstone"), None, horizon),
        Some(Doom::Aborted) => (json!("aborted"), None, None),
        Some(Doom::NoKey) => (json!("noKey"), None, None),
        Some(Doom::Marker { horizon }) => (json!("marker"), None, horizon),
    };
    put("reason", reason);
    put("newerOffset", json!(newer.map(|(first, _)| first)));
    put("newestOffset", json!(newer.map(|(_, last)| last)));
    put("deleteHorizon", json!(horizon));
    put(
        "blockedBy",
        match found.blocked {
            None => Value::Null,
            Some(Blocked::ActiveSegment) => json!("activeSegment"),
            Some(Blocked::LastStable) => json!("lastStableOffset"),
            Some(Blocked::MinCompactionLag) => json!("minCompactionLag"),
            Some(Blocked::DirtyRatio { .. }) => json!("dirtyRatio"),
            Some(Blocked::DeleteRetention) => json!("deleteRetention"),
        },
    );
    put("firstDirty", json!(found.first_dirty));
    put("firstUncleanable", json!(found.first_uncleanable));
    put(
        "dirtyRatio",
        json!((found.dirty_ratio * 1000.0).round() / 1000.0),
    );
    object
}
