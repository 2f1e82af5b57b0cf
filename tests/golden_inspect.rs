//! What `ottla inspect batches`, `records`, `index` and `snapshot` print as JSON is
//! what Apache Kafka's own `DumpLogSegments` says, all of it: its lines are made again
//! from the JSON and compared one by one.

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// The lines of Kafka's dump about each file, by directory and file.
type Dumped = BTreeMap<String, Vec<String>>;

#[test]
fn a_whole_data_directory_as_kafka_dumps_it() {
    let folder = tempfile::tempdir().unwrap();
    support::unpack(support::CLEAN, folder.path());
    let mut theirs = Dumped::new();
    for dump in support::files(support::DUMP).into_values() {
        theirs.extend(sections(&String::from_utf8(dump).expect("a dump is text")));
    }
    let data = folder.path();
    let mut ours = logs(data);
    for line in inspect("index", data) {
        ours.entry(file(&line)).or_default().push(index_line(&line));
    }
    for line in inspect("snapshot", data) {
        for producer in line["producers"].as_array().into_iter().flatten() {
            let lines = ours.entry(file(&line)).or_default();
            lines.push(producer_line(producer));
        }
    }
    assert_eq!(compare(ours, theirs), 81_240);
}

#[test]
fn a_dynamic_quorum_with_groups_of_all_kinds_as_kafka_dumps_it() {
    let folder = tempfile::tempdir().unwrap();
    support::unpack(support::DYNAMIC, folder.path());
    let data = folder.path().join("data");
    let mut ours = logs(&data);
    let mut theirs = Dumped::new();
    for (path, dump) in support::files(support::DYNAMIC) {
        if !path.starts_with("dump/") {
            continue;
        }
        for (path, lines) in sections(&String::from_utf8(dump).expect("a dump is text")) {
            let path = path.trim_start_matches("data/").to_owned();
            if path.ends_with(".checkpoint") {
                let batches = inspect("batches", &data.join(&path));
                let records = inspect("records", &data.join(&path));
                ours.insert(path.clone(), interleaved(&batches, &records));
            }
            theirs.insert(path, lines);
        }
    }
    assert_eq!(compare(ours, theirs), 1250);
}

/// How many lines there are, all of them the same.
fn compare(mut ours: Dumped, mut theirs: Dumped) -> usize {
    ours.retain(|_, lines| !lines.is_empty());
    theirs.retain(|_, lines| !lines.is_empty());
    let names = |dumped: &Dumped| dumped.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs));
    let mut count = 0;
    for (path, lines) in &ours {
        for (our, their) in lines.iter().zip(&theirs[path]) {
            assert_eq!(our, their, "{path}");
        }
        assert_eq!(lines.len(), theirs[path].len(), "{path}");
        count += lines.len();
    }
    count
}

/// The lines of a dump about each file, without those that are about no entry.
fn sections(dump: &str) -> Dumped {
    let dump = dump.split("Non-consecutive offsets in").next().unwrap();
    let mut found = Dumped::new();
    for section in dump.split("Dumping ").skip(1) {
        let (path, text) = section.split_once('\n').unwrap();
        let lines = text.lines().filter(|line| {
            let about = [
                "Log starting offset",
                "Snapshot end offset",
                "KRaft bootstrap",
            ];
            !about.iter().any(|start| line.starts_with(start))
                && !line.ends_with("is empty.")
                && !line.is_empty()
        });
        found.insert(path.to_owned(), lines.map(in_our_numbers).collect());
    }
    found
}

/// The same line with its numbers as Rust writes them: Java writes `1.0E7`.
fn in_our_numbers(line: &str) -> String {
    let Some((start, payload)) = line.split_once(" payload: ") else {
        return line.to_owned();
    };
    match serde_json::from_str::<Value>(payload) {
        Ok(json) => format!("{start} payload: {json}"),
        Err(_) => line.to_owned(),
    }
}

/// Batches and records of each log below a place.
fn logs(place: &Path) -> Dumped {
    let mut found: BTreeMap<String, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for batch in inspect("batches", place) {
        found.entry(file(&batch)).or_default().0.push(batch);
    }
    for record in inspect("records", place) {
        found.entry(file(&record)).or_default().1.push(record);
    }
    let lines = |(batches, records): (Vec<_>, Vec<_>)| interleaved(&batches, &records);
    found
        .into_iter()
        .map(|(path, it)| (path, lines(it)))
        .collect()
}

/// Each batch with its records behind it.
fn interleaved(batches: &[Value], records: &[Value]) -> Vec<String> {
    let mut records = records.iter().peekable();
    let mut lines = Vec::new();
    for batch in batches {
        lines.push(batch_line(batch));
        while let Some(record) = records.next_if(|it| it["position"] == batch["position"]) {
            lines.push(record_line(record));
        }
    }
    assert_eq!(records.next(), None, "every record is of a batch");
    lines
}

/// Runs `ottla inspect WHAT PLACE --json`.
fn inspect(what: &str, place: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_ottla-inspect"))
        .args([what, "--json"])
        .arg(place)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{what}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn file(line: &Value) -> String {
    let name = line["file"].as_str().unwrap();
    match line["topic"].as_str() {
        Some(topic) => format!("{topic}-{}/{name}", line["partition"]),
        None => name.to_owned(),
    }
}

// ---- lines of Kafka's dump ----

fn batch_line(batch: &Value) -> String {
    let it = |name: &str| shown(batch, name);
    format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} \
         producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} \
         isControl: {} deleteHorizonMs: {} position: {} {}: {} size: {} magic: {} \
         compresscodec: {} crc: {} isvalid: {}",
        it("baseOffset"),
        it("lastOffset"),
        it("count"),
        it("baseSequence"),
        it("lastSequence"),
        it("producerId"),
        it("producerEpoch"),
        it("leaderEpoch"),
        it("transactional"),
        it("control"),
        optional(&batch["deleteHorizon"]),
        it("position"),
        it("timestampType"),
        it("maxTimestamp"),
        it("size"),
        it("magic"),
        it("codec"),
        it("crc"),
        it("crcValid"),
    )
}

fn record_line(record: &Value) -> String {
    let it = |name: &str| shown(record, name);
    let headers = record["headers"].as_array().unwrap();
    let names: Vec<_> = headers
        .iter()
        .map(|header| header.get("name").unwrap_or(&header[0]).as_str().unwrap())
        .collect();
    let mut line = format!(
        "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        it("offset"),
        it("timestampType"),
        it("timestamp"),
        it("keySize"),
        it("valueSize"),
        it("sequence"),
        names.join(","),
    );
    assert_eq!(record.get("problem"), None);
    if let Some(kind) = record["controlType"].as_str() {
        let value = &record["value"];
        let _ = match kind {
            "ABORT" | "COMMIT" => {
                let epoch = &value["coordinatorEpoch"];
                write!(line, " endTxnMarker: {kind} coordinatorEpoch: {epoch}")
            }
            "LeaderChange" => write!(line, " LeaderChange: {value}"),
            "SnapshotHeader" => write!(line, " SnapshotHeader {value}"),
            "SnapshotFooter" => write!(line, " SnapshotFooter {value}"),
            "KRaftVersion" => write!(line, " KRaftVersion {value}"),
            "KRaftVoters" => write!(line, " KRaftVoters {value}"),
            other => panic!("{other} is in no golden log"),
        };
        return line;
    }
    if !record["key"].is_null() {
        let _ = write!(line, " key: {}", it("key"));
    }
    if !record["value"].is_null() {
        let _ = write!(line, " payload: {}", it("value"));
    } else if record["key"].is_object() {
        line.push_str(" payload: <DELETE>");
    }
    line
}

fn index_line(entry: &Value) -> String {
    let it = |name: &str| shown(entry, name);
    match entry["kind"].as_str().unwrap() {
        "offset" => format!("offset: {} position: {}", it("offset"), it("position")),
        "time" => format!("timestamp: {} offset: {}", it("timestamp"), it("offset")),
        "transaction" => format!(
            "version: 0 producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            it("producerId"),
            it("firstOffset"),
            it("lastOffset"),
            it("lastStableOffset")
        ),
        other => panic!("{other} is no kind of index"),
    }
}

fn producer_line(producer: &Value) -> String {
    let it = |name: &str| shown(producer, name);
    let mut line = format!(
        "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} \
         lastTimestamp: {}",
        it("producerId"),
        it("producerEpoch"),
        it("coordinatorEpoch"),
        optional(&producer["currentTxnFirstOffset"]),
        it("timestamp"),
    );
    if !producer["lastOffset"].is_null() {
        let _ = write!(
            line,
            " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
            it("firstSequence"),
            it("lastSequence"),
            it("lastOffset"),
            it("offsetDelta"),
            it("timestamp"),
        );
    }
    line
}

/// A field as Kafka prints it: −1 for none, text without quotes.
fn shown(object: &Value, name: &str) -> String {
    match object.get(name) {
        Some(Value::Null) => "-1".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => panic!("no {name} in {object}"),
    }
}

fn optional(value: &Value) -> String {
    match value {
        Value::Null => "OptionalLong.empty".to_owned(),
        value => format!("OptionalLong[{value}]"),
    }
}
