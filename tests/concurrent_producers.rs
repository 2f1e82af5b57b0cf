//! Eight `ottla-produce` processes at once, into one partition and into a topic of
//! six: no line is lost or repeated, the lines of each process are in order within
//! a partition, and offsets have no gaps.

mod crash_support;

use crash_support::{Contents, check_indexes, read_log};
use ottla::host::real::RealHost;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PRODUCERS: usize = 8;
const LINES: usize = 20_000;

#[test]
fn one_partition() {
    run(1, &[]);
}

#[test]
fn six_partitions() {
    run(6, &[]);
}

/// Small batches and a sync after each: the processes take turns often.
#[test]
fn one_partition_in_short_turns() {
    run(1, &["--sync", "batch", "-z", "lz4"]);
}

/// Nothing is there yet: one of them makes the data directory, one the topic.
#[test]
fn a_directory_that_none_has_made() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        produce(directory.path(), &data, 1, &[]);
    }
}

fn run(partitions: usize, options: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let created = Command::new(env!("CARGO_BIN_EXE_ottla-topics"))
        .arg(data.join("shared"))
        .args(["--create", "--partitions", &partitions.to_string()])
        .args(["--config", "segment.bytes=1048576"])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(created.success());
    let contents = produce(directory.path(), &data, partitions, options);
    assert!(
        partitions > 1 || contents[0].segments > 1,
        "no segment was rolled"
    );
}

/// Runs the producers at once and checks what they have left.
fn produce(directory: &Path, data: &Path, partitions: usize, options: &[&str]) -> Vec<Contents> {
    let inputs: Vec<File> = (0..PRODUCERS)
        .map(|producer| input(directory, producer))
        .collect();
    let producers: Vec<Child> = inputs
        .into_iter()
        .map(|input| start(data, input, options))
        .collect();
    for producer in producers {
        let output = producer.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
    }
    let contents: Vec<Contents> = (0..partitions)
        .map(|number| {
            let partition = data.join(format!("shared-{number}"));
            check_indexes(&RealHost, &partition).unwrap();
            read_log(&RealHost, &partition).unwrap()
        })
        .collect();
    check(&contents);
    contents
}

fn input(directory: &Path, producer: usize) -> File {
    let input = directory.join(format!("{producer}.txt"));
    let lines = (0..LINES).map(|line| format!("{producer} {line} {}\n", "x".repeat(line % 60)));
    fs::write(&input, lines.collect::<String>()).unwrap();
    File::open(input).unwrap()
}

fn start(data: &Path, input: File, options: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ottla-produce"))
        .arg(data.join("shared"))
        .arg("-q")
        .args(options)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn check(partitions: &[Contents]) {
    let mut seen = vec![vec![false; LINES]; PRODUCERS];
    for (number, contents) in partitions.iter().enumerate() {
        assert_eq!(
            (contents.first_offset, contents.torn),
            (0, 0),
            "partition {number}"
        );
        let offsets = contents.records.iter().map(|record| record.offset);
        assert!(
            offsets.eq(0..contents.end_offset),
            "partition {number}: gaps"
        );
        let mut last = [None; PRODUCERS];
        for value in contents.values() {
            let text = String::from_utf8(value).unwrap();
            let mut words = text.split(' ').map(|word| word.parse::<usize>());
            let (Some(Ok(producer)), Some(Ok(line))) = (words.next(), words.next()) else {
                panic!("partition {number}: {text:?}");
            };
            assert!(
                last[producer] < Some(line),
                "partition {number}: {text:?} out of order"
            );
            last[producer] = Some(line);
            assert!(!seen[producer][line], "partition {number}: {text:?} twice");
            seen[producer][line] = true;
        }
    }
    for (producer, lines) in seen.iter().enumerate() {
        let lost = lines.iter().position(|seen| !seen);
        assert_eq!(lost, None, "producer {producer}: a line is lost");
    }
}
