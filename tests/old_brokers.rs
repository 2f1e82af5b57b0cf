//! Data directories that real brokers of Kafka 0.10, 1.1 and 2.8 left
//! (`testdata/kafka-old/`): every record is what Apache Kafka's own reader shows, and
//! neither verify nor repair has anything to say against them.

use ottla::format::any_batch::{AnyBatch, AnyScratch};
use ottla::format::batch::Prefix;
use ottla::host::Host;
use ottla::host::real::RealHost;
use ottla::log::repair::{self, Options, Place};
use ottla::log::verify::{Events, Finding, Scope};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const VERSIONS: [&str; 3] = ["0.10.2.2", "1.1.1", "2.8.2"];

fn unpacked(version: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/kafka-old")
        .join(format!("{version}.tar.zst"));
    let file = std::fs::File::open(archive).unwrap();
    let decoder = zstd::Decoder::new(file).unwrap();
    tar::Archive::new(decoder).unpack(directory.path()).unwrap();
    directory
}

#[test]
fn every_record_is_what_kafkas_reader_shows() {
    for version in VERSIONS {
        let directory = unpacked(version);
        let mut magics = [0; 3];
        for entry in std::fs::read_dir(directory.path().join("dump")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let log = name.trim_end_matches(".txt").replace("__0", "/0");
            let dump = std::fs::read(entry.path()).unwrap();
            let dump = String::from_utf8_lossy(&dump);
            let bytes = std::fs::read(directory.path().join("data").join(&log)).unwrap();
            let ours = shown(&bytes, &mut magics);
            let theirs: Vec<String> = dump
                .lines()
                .filter(|line| line.starts_with("| offset") && !line.contains("endTxnMarker"))
                .map(theirs)
                .collect();
            assert_eq!(ours, theirs, "{version} {log}");
        }
        let expected = match version {
            "0.10.2.2" => [true, true, false],
            "1.1.1" => [false, true, true],
            _ => [false, false, true],
        };
        assert_eq!(magics.map(|count| count > 0), expected, "{version}");
    }
}

/// Offset, time, key and value of each record, as Kafka's dump has them.
fn shown(mut bytes: &[u8], magics: &mut [usize; 3]) -> Vec<String> {
    let mut scratch = AnyScratch::default();
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let prefix = Prefix::parse(bytes).unwrap();
        magics[usize::from(prefix.magic)] += 1;
        let batch = AnyBatch::parse(prefix.magic, &bytes[..prefix.size]).unwrap();
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            let time = record.timestamp.map_or(-1, |time| time.get());
            let size = |part: Option<&[u8]>| part.map_or(-1, |part| part.len() as i64);
            lines.push(format!(
                "{} {time} {} {}",
                record.offset,
                size(record.key),
                size(record.value)
            ));
        }
        bytes = &bytes[prefix.size..];
    }
    lines
}

/// The same of a line of the dump.
fn theirs(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let behind = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(word)).unwrap();
        words[at + 1]
    };
    format!(
        "{} {} {} {}",
        behind(&["offset:"]),
        behind(&["CreateTime:", "NoTimestampType:", "LogAppendTime:"]),
        behind(&["keySize:"]),
        behind(&["valueSize:"])
    )
}

#[derive(Default)]
struct Heard(Vec<Finding>);

impl Events for Heard {
    fn found(&mut self, finding: Finding) {
        self.0.push(finding);
    }
}

#[test]
fn nothing_is_wrong_with_what_old_brokers_left() {
    for version in VERSIONS {
        let directory = unpacked(version);
        let data = directory.path().join("data");
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let mut heard = Heard::default();
        let scope = Scope::data_dir(&host, &data, &mut heard).unwrap();
        let totals = scope.verify(&host, &mut heard);
        assert!(totals.records > 500, "{version}: {totals:?}");
        heard.0.retain(|finding| finding.severity.is_damage());
        assert_eq!(heard.0, [], "{version}");
        let place = Place {
            partitions: scope
                .targets
                .iter()
                .map(|target| (target.name.clone(), target.directory.clone()))
                .collect(),
            data,
            is_data: true,
            whole: true,
            is_held: false,
        };
        let options = Options::default();
        let (plan, _) = repair::plan(&host, &place, options, None, &mut |_| true).unwrap();
        assert_eq!(plan.changes, [], "{version}");
    }
}
