//! `ottla inspect snapshot`: what a partition's snapshots know of its producers, and
//! what the metadata's snapshots hold.

use super::NAME;
use super::cells::{Cell, write_names, write_row};
use super::files::{Listed, Troubles, list, print};
use super::people;
use super::site::{Scope, Site};
use super::walk::tell_live;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::control::ControlRecord;
use crate::format::metadata::VersionedRecord;
use crate::format::producer_snapshot::{self, ProducerEntry};
use crate::format::{Offset, PartitionId, ProducerEpoch, Timestamp};
use crate::host::Host;
use crate::log::browse::{Browser, Step};
use crate::log::layout::{METADATA_TOPIC, Suffix, parse_segment_file};
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::{FilesOptions, LookOptions};
use crate::tools::error::{Result, ToolError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

/// The columns in CSV and TSV.
const FIELDS: [&str; 15] = [
    "topic",
    "partition",
    "file",
    "kind",
    "offset",
    "epoch",
    "producerId",
    "producerEpoch",
    "firstSequence",
    "lastSequence",
    "lastOffset",
    "offsetDelta",
    "timestamp",
    "coordinatorEpoch",
    "currentTxnFirstOffset",
];
/// The snapshot that a directory is formatted with.
const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// Does what the options say.
pub(super) fn run(options: &FilesOptions, host: &Arc<dyn Host>) -> Result<()> {
    show(&options.look, options.partitions.as_deref(), host)
}

/// Shows the files of a location, or those of some partitions in it.
pub(super) fn show(
    options: &LookOptions,
    picked: Option<&[PartitionId]>,
    host: &Arc<dyn Host>,
) -> Result<()> {
    tell_live(NAME, &options.site, &**host, options.quiet);
    let mut out = Vec::new();
    let mut troubles = Troubles::default();
    write_names(&mut out, &FIELDS, options.output);
    for (at, file) in files(&options.site, picked, &**host)?.iter().enumerate() {
        if options.output == DataFormat::Table && at > 0 {
            out.push(b'\n');
        }
        if file.name.ends_with(".checkpoint") {
            metadata(file, options.output, host, &mut out, &mut troubles)?;
        } else {
            producers(file, options.output, &**host, &mut out, &mut troubles);
        }
        print(&mut out)?;
    }
    print(&mut out)?;
    troubles.outcome(&options.site)
}

fn files(site: &Site, picked: Option<&[PartitionId]>, host: &dyn Host) -> Result<Vec<Listed>> {
    let is_producers = |name: &std::ffi::OsStr| {
        parse_segment_file(name).is_some_and(|(_, suffix)| suffix == Suffix::Snapshot)
    };
    let is_snapshot = |name: &std::ffi::OsStr| {
        is_producers(name) || name.as_encoded_bytes().ends_with(b".checkpoint")
    };
    let mut found = list(site, picked, host, &is_snapshot)?;
    if let Scope::File(path) = &site.scope {
        let name = path.file_name().unwrap_or_default();
        if !is_snapshot(name) {
            return Err(ToolError::usage(format!(
                "{site}: expected a snapshot (.snapshot of producers, .checkpoint of the metadata)"
            )));
        }
    }
    // Only the metadata log has checkpoints of records.
    found.retain(|file| {
        let topic = file.partition.as_ref().map(|name| name.topic.as_str());
        !file.name.ends_with(".checkpoint") || topic.is_none_or(|topic| topic == METADATA_TOPIC)
    });
    let bootstrap = site.data.join(BOOTSTRAP);
    if site.scope == Scope::Data && picked.is_none() && host.stat(&bootstrap).is_ok() {
        found.insert(
            0,
            Listed {
                partition: None,
                ..Listed::of(&bootstrap)
            },
        );
    }
    Ok(found)
}

/// Shows a snapshot of producers.
fn producers(
    file: &Listed,
    format: DataFormat,
    host: &dyn Host,
    out: &mut Vec<u8>,
    troubles: &mut Troubles,
) {
    let bytes = match file.read(host) {
        Ok(bytes) => bytes,
        Err(error) => {
            return troubles.unreadable(&format!("{}: {error}", file.path.display()));
        }
    };
    let entries = match producer_snapshot::decode(&bytes) {
        Ok(entries) => entries,
        Err(error) => return troubles.damage(&format!("{}: {error}", file.path.display())),
    };
    let offset = parse_segment_file(file.name.as_ref()).map(|(offset, _)| offset);
    match format {
        DataFormat::Json => {
            let mut object = place(file, "producers");
            object["offset"] = json!(offset.map(Offset::get));
            object["version"] = json!(bytes.first_chunk().map(|it| i16::from_be_bytes(*it)));
            let crc = bytes.get(2..).and_then(|rest| rest.first_chunk());
            object["crc"] = json!(crc.map(|it| u32::from_be_bytes(*it)));
            object["producers"] = entries.iter().map(producer_json).collect();
            let _ = writeln!(out, "{object}");
        }
        DataFormat::Table => {
            let _ = writeln!(out, "{}", file.heading());
            producers_table(&entries, out);
        }
        DataFormat::Csv | DataFormat::Tsv => {
            for entry in &entries {
                let [topic, partition, name] = file.cells();
                let start = [topic, partition, name, Cell::Text("producers")];
                let offset = [Cell::from(offset.map(Offset::get)), Cell::Null];
                let numbers = numbers(entry).map(|(_, number)| Cell::from(number));
                let cells = start.into_iter().chain(offset).chain(numbers);
                write_row(out, &FIELDS, cells, format);
            }
        }
    }
}

/// The fields of a producer, those without a value as `None`.
fn numbers(entry: &ProducerEntry) -> [(&'static str, Option<i64>); 9] {
    [
        ("producerId", Some(entry.producer_id.get())),
        ("producerEpoch", entry.epoch.map(|it| i64::from(it.get()))),
        ("firstSequence", entry.first_sequence().map(i64::from)),
        ("lastSequence", entry.last_sequence.map(i64::from)),
        ("lastOffset", entry.last_offset.map(Offset::get)),
        ("offsetDelta", Some(i64::from(entry.offset_delta))),
        ("timestamp", entry.timestamp.map(Timestamp::get)),
        ("coordinatorEpoch", entry.coordinator_epoch.map(i64::from)),
        (
            "currentTxnFirstOffset",
            entry.current_txn_first_offset.map(Offset::get),
        ),
    ]
}

fn producer_json(entry: &ProducerEntry) -> Value {
    let pairs = numbers(entry).map(|(name, number)| (name.to_owned(), json!(number)));
    Value::Object(pairs.into_iter().collect())
}

fn producers_table(entries: &[ProducerEntry], out: &mut Vec<u8>) {
    if entries.is_empty() {
        out.extend_from_slice(b"(no producers)\n");
        return;
    }
    let _ = writeln!(
        out,
        "{:>10}  {:>5}  {:>15}  {:>10}  {:<19}  OPEN SINCE",
        "PRODUCER", "EPOCH", "SEQUENCES", "OFFSET", "TIME"
    );
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |it| it.to_string());
    for entry in entries {
        let sequences = match (entry.first_sequence(), entry.last_sequence) {
            (Some(first), Some(last)) => format!("{first}-{last}"),
            _ => "-".to_owned(),
        };
        let _ = writeln!(
            out,
            "{:>10}  {:>5}  {sequences:>15}  {:>10}  {:<19}  {}",
            entry.producer_id.get(),
            number(entry.epoch.map(ProducerEpoch::get).map(i64::from)),
            number(entry.last_offset.map(Offset::get)),
            people::time(entry.timestamp),
            number(entry.current_txn_first_offset.map(Offset::get)),
        );
    }
}

/// What a snapshot of the metadata holds, in short.
#[derive(Debug, Default)]
struct Contents {
    size: u64,
    batches: u64,
    records: u64,
    header: Option<Value>,
    kraft_version: Option<Value>,
    voters: Option<Value>,
    footer: bool,
    types: BTreeMap<&'static str, u64>,
}

/// Shows a snapshot of the metadata.
fn metadata(
    file: &Listed,
    format: DataFormat,
    host: &Arc<dyn Host>,
    out: &mut Vec<u8>,
    troubles: &mut Troubles,
) -> Result<()> {
    let contents = match Contents::read(file, &**host, troubles) {
        Ok(contents) => contents,
        Err(error) => {
            troubles.unreadable(&error.to_string());
            return Ok(());
        }
    };
    let id = file
        .name
        .strip_suffix(".checkpoint")
        .and_then(|name| name.split_once('-'));
    let offset = id.and_then(|(offset, _)| offset.parse::<i64>().ok());
    let epoch = id.and_then(|(_, epoch)| epoch.parse::<i64>().ok());
    match format {
        DataFormat::Json => {
            let mut object = place(file, "metadata");
            object["offset"] = json!(offset);
            object["epoch"] = json!(epoch);
            object["size"] = json!(contents.size);
            object["batches"] = json!(contents.batches);
            object["records"] = json!(contents.records);
            object["header"] = json!(contents.header);
            object["kraftVersion"] = json!(contents.kraft_version);
            object["voters"] = json!(contents.voters);
            object["footer"] = json!(contents.footer);
            object["types"] = json!(contents.types);
            let _ = writeln!(out, "{object}");
        }
        DataFormat::Table => contents.table(file, offset, epoch, out),
        DataFormat::Csv | DataFormat::Tsv => {
            let [topic, partition, name] = file.cells();
            let start = [topic, partition, name, Cell::Text("metadata")];
            let numbers = [Cell::from(offset), Cell::from(epoch)];
            let rest = [Cell::Null; 9];
            let cells = start.into_iter().chain(numbers).chain(rest);
            write_row(out, &FIELDS, cells, format);
        }
    }
    Ok(())
}

impl Contents {
    fn read(file: &Listed, host: &dyn Host, troubles: &mut Troubles) -> crate::log::Result<Self> {
        let mut browser = Browser::open(host, &file.path, Offset::ZERO)?;
        let mut scratch = AnyScratch::default();
        let mut contents = Self {
            size: browser.limit(),
            ..Self::default()
        };
        let path = file.path.display();
        loop {
            let position = match browser.next_step()? {
                None => return Ok(contents),
                Some(Step::Damage(damage)) => {
                    troubles.damage(&format!("{path}: {damage}"));
                    continue;
                }
                Some(Step::Batch(found)) => {
                    match AnyBatch::parse(found.prefix.magic, found.bytes) {
                        Ok(batch) => {
                            if let Err(error) = contents.add(&batch, &mut scratch) {
                                let at = found.position;
                                troubles.damage(&format!("{path}: batch at {at}: {error}"));
                            }
                            continue;
                        }
                        Err(_) => found.position,
                    }
                }
            };
            let damage = browser.diagnose(position)?;
            troubles.damage(&format!("{path}: {damage}"));
        }
    }

    fn add(&mut self, batch: &AnyBatch<'_>, scratch: &mut AnyScratch) -> crate::format::Result<()> {
        self.batches += 1;
        let AnyBatch::V2(v2) = batch else {
            return Ok(());
        };
        let is_control = v2.header().attributes.is_control();
        for record in batch.records(scratch)? {
            let record = record?;
            self.records += 1;
            if !is_control {
                let value = record.value.unwrap_or_default();
                let name = VersionedRecord::decode(value)?.record.type_name();
                *self.types.entry(name).or_default() += 1;
                continue;
            }
            let control = ControlRecord::decode(record.key, record.value)?;
            match &control {
                ControlRecord::SnapshotHeader(_) => self.header = Some(control.to_json()),
                ControlRecord::SnapshotFooter(_) => self.footer = true,
                ControlRecord::KRaftVersion(version) => {
                    self.kraft_version = Some(json!(version.level));
                }
                ControlRecord::Voters(_) => self.voters = control.to_json().get("voters").cloned(),
                _ => {}
            }
        }
        Ok(())
    }

    fn table(&self, file: &Listed, offset: Option<i64>, epoch: Option<i64>, out: &mut Vec<u8>) {
        let _ = writeln!(out, "{}", file.heading());
        let mut line = |name: &str, text: String| {
            let _ = writeln!(out, "  {name:<14}  {text}");
        };
        if let (Some(offset), Some(epoch)) = (offset, epoch) {
            line("up to", format!("offset {offset}, epoch {epoch}"));
        }
        let time = self
            .header
            .as_ref()
            .and_then(|header| header.get("lastContainedLogTimestamp")?.as_i64());
        if let Some(time) = time.filter(|time| *time > 0) {
            line("last record of", people::time(Some(Timestamp::new(time))));
        }
        if let Some(version) = &self.kraft_version {
            line("kraft.version", version.to_string());
        }
        for voter in self.voters.iter().filter_map(Value::as_array).flatten() {
            line(
                "voter",
                format!(
                    "{} in directory {}",
                    voter["voterId"],
                    voter["voterDirectoryId"].as_str().unwrap_or("-")
                ),
            );
        }
        let whole = if self.footer { "" } else { ", no footer" };
        line(
            "contents",
            format!(
                "{} records in {} batches, {} bytes{whole}",
                self.records, self.batches, self.size
            ),
        );
        for (name, count) in &self.types {
            line("", format!("{count:>6}  {name}"));
        }
        line(
            "see",
            format!("ottla inspect records {}", file.path.display()),
        );
    }
}

fn place(file: &Listed, kind: &str) -> Value {
    let partition = file.partition.as_ref();
    json!({
        "topic": partition.map(|name| &name.topic),
        "partition": partition.map(|name| name.partition),
        "file": file.name,
        "kind": kind,
    })
}
