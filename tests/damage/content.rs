//! What the records of a partition are, read from its `.log` files one batch after
//! the other, and which of them are still there, byte for byte, in damaged ones.

use super::layout;
use super::templates::Files;
use ottla::format::any_batch::{AnyBatch, AnyScratch};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A record as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) time: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<u8>,
}

impl Seen {
    /// Whether it is a `NoOpRecord` of the metadata log.
    pub(crate) fn does_nothing(&self) -> bool {
        self.key.is_none() && self.value.as_deref() == Some(&[1, 20, 0, 0])
    }
}

/// Records by their offsets.
pub(crate) type Records = BTreeMap<i64, Seen>;

/// A partition.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) records: Records,
    /// Each batch: its bytes and its records' offsets.
    pub(crate) batches: Vec<(Vec<u8>, Vec<i64>)>,
    /// Where reading ended before the end.
    pub(crate) broken: Option<String>,
}

impl Content {
    /// Whether the record of an offset is a marker, which no consumer sees.
    pub(crate) fn is_control(&self, offset: i64) -> bool {
        let mut batches = self.batches.iter();
        let batch = batches.find(|(_, offsets)| offsets.contains(&offset));
        batch.is_some_and(|(bytes, _)| bytes[16] == 2 && bytes[22] & 0x20 != 0)
    }
}

/// The records of a partition's logs, in the order of the files' names.
pub(crate) fn of(files: &Files, partition: &str) -> Content {
    let mut content = Content::default();
    let mut last = -1;
    for (path, log) in logs(files, partition) {
        let mut at = 0;
        while at < log.len() {
            match batch(&log[at..], &mut last) {
                Ok((size, records)) => {
                    let offsets = records.iter().map(|record| record.0).collect();
                    content.batches.push((log[at..at + size].to_vec(), offsets));
                    content.records.extend(records);
                    at += size;
                }
                Err(why) => {
                    content.broken = Some(format!("{path} at {at}: {why}"));
                    return content;
                }
            }
        }
    }
    content
}

/// The batch that `bytes` starts with.
fn batch(bytes: &[u8], last: &mut i64) -> Result<(usize, Vec<(i64, Seen)>), String> {
    if bytes.len() < 17 {
        return Err(format!("{} bytes", bytes.len()));
    }
    let size = 12 + layout::int(&bytes[8..12]).max(0) as usize;
    let whole = bytes.get(..size).ok_or("cut short")?;
    let batch = AnyBatch::parse(bytes[16], whole).map_err(|error| error.to_string())?;
    let mut scratch = AnyScratch::default();
    let mut records = Vec::new();
    for record in batch
        .records(&mut scratch)
        .map_err(|error| error.to_string())?
    {
        let record = record.map_err(|error| error.to_string())?;
        let offset = record.offset.get();
        if offset <= *last {
            return Err(format!("offset {offset} behind {last}"));
        }
        *last = offset;
        let seen = Seen {
            time: record.timestamp.map(ottla::format::Timestamp::get),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.encoded().to_vec(),
        };
        records.push((offset, seen));
    }
    Ok((size, records))
}

/// The segments of a partition, those alone that have a segment's name.
fn logs<'a>(files: &'a Files, partition: &str) -> Vec<(&'a str, &'a [u8])> {
    let prefix = format!("{partition}/");
    let is_segment = |name: &str| {
        let stem = name.strip_suffix(".log");
        stem.is_some_and(|stem| stem.len() == 20 && stem.bytes().all(|b| b.is_ascii_digit()))
    };
    files
        .iter()
        .filter(|(path, _)| path.strip_prefix(&prefix).is_some_and(is_segment))
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .collect()
}

/// The offsets of records whose whole batch stands, unchanged, somewhere in the
/// partition's segments, also those that lost their names.
pub(crate) fn intact(original: &Content, damaged: &Files, partition: &str) -> BTreeSet<i64> {
    let prefix = format!("{partition}/");
    let logs: Vec<_> = damaged
        .iter()
        .filter(|(path, _)| path.starts_with(&prefix) && path.contains(".log"))
        .collect();
    let is_there = |batch: &[u8]| {
        logs.iter()
            .any(|(_, log)| memchr::memmem::find(log, batch).is_some())
    };
    let batches = original.batches.iter();
    batches
        .filter(|(bytes, _)| is_there(bytes))
        .flat_map(|(_, offsets)| offsets.iter().copied())
        .collect()
}

/// The records of each batch with a right CRC that only the damaged logs have.
pub(crate) fn changed(original: &Content, damaged: &Files, partition: &str) -> Vec<Records> {
    let mut changed = Vec::new();
    for (_, log) in logs(damaged, partition) {
        let mut at = 0;
        while at + 17 <= log.len() {
            let size = 12 + layout::int(&log[at + 8..at + 12]).max(0) as usize;
            let Some(bytes) = log.get(at..at + size) else {
                break;
            };
            let is_known = original.batches.iter().any(|(known, _)| known == bytes);
            if !is_known && let Ok((_, records)) = batch(bytes, &mut -1) {
                changed.push(records.into_iter().collect());
            }
            at += size;
        }
    }
    changed
}

/// Every file below a directory.
pub(crate) fn read_files(root: &Path) -> Files {
    let mut files = Files::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}
