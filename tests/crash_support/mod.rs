//! What the crash tests share: reading a partition directory on their own, without
//! `src/log`, and checking that it is what Kafka would accept.
#![allow(dead_code)] // Each test uses a part of it.

use ottla::format::batch::{Scratch, UncheckedBatch};
use ottla::format::offset_index::OffsetIndex;
use ottla::format::time_index::TimeIndex;
use ottla::host::{Host, Kind};
use std::collections::BTreeMap;
use std::path::Path;

/// More than any file of a test holds.
const MOST_BYTES: u64 = 256 << 20;

/// A record as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) is_control: bool,
    pub(crate) is_transactional: bool,
    /// Whose batch it stands in.
    pub(crate) producer: Option<i64>,
}

/// A partition directory, read and found whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) first_offset: i64,
    pub(crate) end_offset: i64,
    pub(crate) segments: usize,
    pub(crate) batches: usize,
    pub(crate) records: Vec<Stored>,
    /// Bytes behind the last whole batch of the last segment, if any.
    pub(crate) torn: usize,
}

impl Contents {
    /// Values of the records that are not control records, in order.
    pub(crate) fn values(&self) -> Vec<Vec<u8>> {
        let data = self.records.iter().filter(|record| !record.is_control);
        data.map(|record| record.value.clone().unwrap_or_default())
            .collect()
    }
}

/// Where a batch stands in its segment.
struct At {
    first: i64,
    last: i64,
    max_timestamp: Option<i64>,
}

/// Reads a partition: segments and batches without a gap from the first offset,
/// every CRC right. The last segment may end in a torn batch, which is counted; the
/// caller says whether that may be. Errors name file and position.
pub(crate) fn read_log(host: &dyn Host, partition: &Path) -> Result<Contents, String> {
    let segments = segments(host, partition)?;
    let mut contents = Contents::default();
    let mut scratch = Scratch::new();
    let mut next = None;
    let count = segments.len();
    for (index, (base, path)) in segments.into_iter().enumerate() {
        let fail = |at: usize, what: String| format!("{} at {at}: {what}", path.display());
        let expected = *next.get_or_insert(base);
        if base != expected {
            return Err(fail(0, format!("the log before it ends at {expected}")));
        }
        contents.first_offset = if index == 0 {
            base
        } else {
            contents.first_offset
        };
        contents.segments += 1;
        let bytes = host
            .read(&path, MOST_BYTES)
            .map_err(|e| fail(0, e.to_string()))?;
        let mut at = 0;
        while at < bytes.len() {
            let batch = UncheckedBatch::parse(&bytes[at..]).and_then(UncheckedBatch::check);
            let batch = match batch {
                Ok(batch) => batch,
                Err(_) if index + 1 == count => {
                    contents.torn = bytes.len() - at;
                    break;
                }
                Err(error) => return Err(fail(at, error.to_string())),
            };
            let header = *batch.header();
            if Some(header.base_offset.get()) != next {
                return Err(fail(
                    at,
                    format!("batch at {}, expected {next:?}", header.base_offset),
                ));
            }
            next = Some(header.next_offset().get());
            contents.batches += 1;
            for record in batch
                .records(&mut scratch)
                .map_err(|e| fail(at, e.to_string()))?
            {
                let record = record.map_err(|e| fail(at, e.to_string()))?;
                contents.records.push(Stored {
                    offset: record.offset.get(),
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    is_control: header.attributes.is_control(),
                    is_transactional: header.attributes.is_transactional(),
                    producer: header.producer.map(|producer| producer.id.get()),
                });
            }
            at += header.size;
        }
    }
    contents.end_offset = next.unwrap_or(0);
    Ok(contents)
}

/// Checks the offset and time indexes of a partition against its batches: every
/// entry points at the batch that holds its offset, and no time is later than the
/// log up to there has.
pub(crate) fn check_indexes(host: &dyn Host, partition: &Path) -> Result<(), String> {
    for (base, path) in segments(host, partition)? {
        let bytes = host.read(&path, MOST_BYTES).map_err(|e| e.to_string())?;
        let mut batches = BTreeMap::new();
        let mut at = 0;
        while let Ok(batch) = UncheckedBatch::parse(&bytes[at..]) {
            let header = batch.header();
            let place = At {
                first: header.base_offset.get(),
                last: header.last_offset.get(),
                max_timestamp: header.max_timestamp.map(|time| time.get()),
            };
            batches.insert(at as u64, place);
            at += header.size;
        }
        check_offset_index(
            host,
            base,
            &path.with_extension("index"),
            at as u64,
            &batches,
        )?;
        check_time_index(host, base, &path.with_extension("timeindex"), &batches)?;
    }
    Ok(())
}

fn check_offset_index(
    host: &dyn Host,
    base: i64,
    path: &Path,
    length: u64,
    batches: &BTreeMap<u64, At>,
) -> Result<(), String> {
    let fail = |what: String| format!("{}: {what}", path.display());
    let Ok(bytes) = host.read(path, MOST_BYTES) else {
        return Ok(()); // Kafka makes a missing one anew.
    };
    let index = OffsetIndex::new(&bytes).map_err(|e| fail(e.to_string()))?;
    index.check(length).map_err(|e| fail(e.to_string()))?;
    for entry in index.iter() {
        let entry = entry.map_err(|e| fail(e.to_string()))?;
        let offset = base + i64::from(entry.relative_offset.get());
        let holds = batches
            .get(&u64::from(entry.position))
            .is_some_and(|batch| (batch.first..=batch.last).contains(&offset));
        if !holds {
            return Err(fail(format!(
                "no batch with {offset} at {}",
                entry.position
            )));
        }
    }
    Ok(())
}

fn check_time_index(
    host: &dyn Host,
    base: i64,
    path: &Path,
    batches: &BTreeMap<u64, At>,
) -> Result<(), String> {
    let fail = |what: String| format!("{}: {what}", path.display());
    let Ok(bytes) = host.read(path, MOST_BYTES) else {
        return Ok(());
    };
    let index = TimeIndex::new(&bytes).map_err(|e| fail(e.to_string()))?;
    index.check().map_err(|e| fail(e.to_string()))?;
    for entry in index.iter() {
        let entry = entry.map_err(|e| fail(e.to_string()))?;
        let offset = base + i64::from(entry.relative_offset.get());
        let until = batches.values().filter(|batch| batch.first <= offset);
        let latest = until.filter_map(|batch| batch.max_timestamp).max();
        // Kafka closes an empty segment with an entry at its base.
        if !batches.is_empty() && latest < Some(entry.timestamp.get()) {
            return Err(fail(format!(
                "time {} at {offset}, the log has {latest:?}",
                entry.timestamp
            )));
        }
    }
    Ok(())
}

fn segments(host: &dyn Host, partition: &Path) -> Result<Vec<(i64, std::path::PathBuf)>, String> {
    let entries = host
        .list(partition)
        .map_err(|error| format!("{}: {error}", partition.display()))?;
    let mut segments: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry.kind == Kind::File)
        .filter_map(|entry| {
            let name = entry.name.to_str()?.to_owned();
            let base = name.strip_suffix(".log")?.parse().ok()?;
            Some((base, partition.join(name)))
        })
        .collect();
    segments.sort();
    Ok(segments)
}
