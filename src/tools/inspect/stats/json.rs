//! Statistics as one JSON document. The names are documented in the man page.

use super::subject::Subject;
use crate::log::stats::keys::Frequent;
use crate::log::stats::rates::{Rates, Tally};
use crate::log::stats::sizes::{Class, Sizes};
use crate::log::stats::{Content, Large, Packed};
use serde_json::{Map, Value, json};

/// Spans of time in a document.
const MOST_SPANS: usize = 100;

/// Everything about a topic, or about all of them together; keys have a meaning in
/// one topic only.
pub(super) fn object(subject: &Subject, top: Option<usize>) -> Map<String, Value> {
    let content = &subject.content;
    let extent = &subject.extent;
    let mut map = subject.fields();
    let mut put = |name: &str, value| map.insert(name.to_owned(), value);
    let records = content.record_sizes.count();
    put("recordsPerSecond", json!(extent.rate(records)));
    put(
        "bytesPerSecond",
        json!(extent.rate(content.record_sizes.sum())),
    );
    put("controlRecords", json!(content.control));
    put("transactionalRecords", json!(content.transactional));
    put("recordsWithHeaders", json!(content.with_headers));
    put("tombstones", json!(content.tombstones));
    put("batchesOfMagic", json!(content.magics));
    put("recordSizes", sizes(&content.record_sizes));
    put("batchSizes", sizes(&content.batch_sizes));
    put("recordsPerBatch", sizes(&content.batch_records));
    put("codecs", codecs(content));
    if let Some(top) = top {
        put("keys", keys(content, top));
    }
    put("rates", rates(&content.rates));
    let largest = content.largest.records().iter().map(large);
    put("largest", largest.collect());
    map
}

fn sizes(sizes: &Sizes) -> Value {
    let octave = |class: Class| {
        json!({
            "from": class.sizes.start(),
            "to": class.sizes.end(),
            "count": class.count,
        })
    };
    json!({
        "count": sizes.count(),
        "sum": sizes.sum(),
        "min": sizes.least(),
        "mean": sizes.mean(),
        "p50": sizes.quantile(0.5),
        "p90": sizes.quantile(0.9),
        "p99": sizes.quantile(0.99),
        "max": sizes.most(),
        "octaves": sizes.octaves().into_iter().map(octave).collect::<Value>(),
    })
}

fn codecs(content: &Content) -> Value {
    let one = |(name, packed): (&str, Packed)| {
        json!({
            "codec": name,
            "batches": packed.batches,
            "records": packed.records,
            "bytes": packed.stored,
            "unpackedBytes": packed.unpacked,
            "ratio": packed.ratio(),
        })
    };
    super::codecs(content).map(one).collect()
}

fn keys(content: &Content, top: usize) -> Value {
    let (distinct, exact) = content.keys.distinct();
    let one = |frequent: Frequent| {
        let mut map = Map::new();
        put_key(&mut map, Some(&frequent.key));
        map.insert("keyBytes".to_owned(), json!(frequent.length));
        map.insert("records".to_owned(), json!(frequent.least));
        map.insert("recordsAtMost".to_owned(), json!(frequent.most));
        Value::Object(map)
    };
    json!({
        "distinct": distinct,
        "exact": exact,
        "recordsWithKey": content.record_sizes.count() - content.keyless,
        "recordsWithoutKey": content.keyless,
        "top": content.keys.frequent(top).into_iter().map(one).collect::<Value>(),
    })
}

fn rates(rates: &Rates) -> Value {
    let Some(chart) = rates.chart(MOST_SPANS) else {
        return Value::Null;
    };
    let tally = |tally: Tally| json!({"records": tally.records, "bytes": tally.bytes});
    let span = |(start, tally): &(_, Tally)| json!({"timestamp": start, "records": tally.records, "bytes": tally.bytes});
    json!({
        "spanMs": chart.width,
        "spans": chart.spans.iter().map(span).collect::<Value>(),
        "before": tally(chart.before),
        "after": tally(chart.behind),
    })
}

fn large(large: &Large) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, value| map.insert(name.to_owned(), value);
    put("topic", json!(large.partition.topic));
    put("partition", json!(large.partition.partition));
    put("offset", json!(large.offset));
    put("bytes", json!(large.size));
    put("timestamp", json!(large.timestamp));
    put_key(&mut map, large.key.as_deref());
    map.insert("keyBytes".to_owned(), json!(large.key_length));
    Value::Object(map)
}

/// A key as in the envelope: a text, null, or base64.
fn put_key(map: &mut Map<String, Value>, key: Option<&[u8]>) {
    use base64::Engine as _;
    let (name, value) = match key.map(std::str::from_utf8) {
        None => ("key", Value::Null),
        Some(Ok(text)) => ("key", json!(text)),
        Some(Err(_)) => {
            let bytes = key.unwrap_or_default();
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            ("keyBase64", json!(text))
        }
    };
    map.insert(name.to_owned(), value);
}
