//! `ottla produce` into directories.

use crate::{Output, Place};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

impl Place {
    /// Runs `ottla VERB ARGUMENTS` with this input.
    pub(crate) fn feed(&self, line: &str, input: impl AsRef<[u8]>) -> Output {
        let mut words = line.split_whitespace();
        let output = self
            .ottla(words.next().unwrap())
            .args(words)
            .write_stdin(input.as_ref())
            .output()
            .unwrap();
        Output {
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same, which must succeed.
    pub(crate) fn put(&self, line: &str, input: impl AsRef<[u8]>) {
        let output = self.feed(line, input);
        assert_eq!(output.code, 0, "{line}: {}", output.errors);
        assert_eq!(output.text, "");
    }

    /// A child of this directory that talks to the test through pipes.
    pub(crate) fn spawn(&self, verb: &str, arguments: &[&str]) -> std::process::Child {
        Command::new(crate::program(&format!("ottla-{verb}")))
            .current_dir(self.path(""))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

#[test]
fn lines_are_records_empty_ones_and_the_last_one_too() {
    let place = Place::new();
    place.put("produce data/t -q", "a\n\n\nlast");
    assert_eq!(place.ok("consume data/t -q"), "a\n\n\nlast\n");
    place.put("produce data/t -q", "");
    place.put("produce data/t -q", "\n");
    assert_eq!(place.ok("consume data/t -q -o 4"), "\n");
    assert_eq!(place.ok("consume data/t -q -f %o,"), "0,1,2,3,4,");
}

#[test]
fn other_delimiters_take_newlines_in() {
    let place = Place::new();
    place.put("produce data/t -q -0", b"a\nb\0c\0\0d");
    assert_eq!(place.ok("consume data/t -q -0"), "a\nb\0c\0\0d\0");
    place.put("produce data/u -q --delimiter ;;", "a;b;;c\n;;");
    assert_eq!(place.ok("consume data/u -q --delimiter |"), "a;b|c\n|");
}

#[test]
fn keys_nulls_and_headers() {
    let place = Place::new();
    place.put(
        "produce data/t -q -k : --null NULL -H a=1 -H b",
        "k:v\nno key\n:empty\nk:NULL\n",
    );
    let text = place.ok("consume data/t -q --json");
    let found: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let keys: Vec<_> = found.iter().map(|record| record["key"].clone()).collect();
    assert_eq!(
        keys,
        ["k".into(), serde_json::Value::Null, "".into(), "k".into()]
    );
    assert!(found[3]["value"].is_null());
    let headers = serde_json::json!([["a", "1"], ["b", null]]);
    assert!(found.iter().all(|record| record["headers"] == headers));
}

#[test]
fn quiet_is_quiet_and_otherwise_a_line_says_what_was_written() {
    let place = Place::new();
    assert_eq!(place.feed("produce data/t -q", "a\nb\n").errors, "");
    let told = place.feed("produce data/t", "a\nb\n").errors;
    assert!(told.contains('2') && told.lines().count() == 1, "{told}");
}

#[test]
fn csv_rows_are_objects() {
    let place = Place::new();
    place.put(
        "produce data/t -q --csv --key id",
        "id,name\n1,\"a, b\"\n2,\"say \"\"x\"\"\"\n",
    );
    let text = place.ok("consume data/t -q -k |");
    let rows: Vec<(&str, serde_json::Value)> = text
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(key, value)| (key, serde_json::from_str(value).unwrap()))
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].0, &rows[0].1["name"]), ("1", &"a, b".into()));
    assert_eq!((rows[1].0, &rows[1].1["name"]), ("2", &"say \"x\"".into()));
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let place = Place::new();
    place.ok("topics data/t --create -c cleanup.policy=compact");
    let refused = place.feed("produce data/t -q", "v\n");
    refused.fails(1, &["key"]);
    place.put("produce data/t -q -k =", "k=v\n");
    assert_eq!(place.ok("consume data/t -q -k ="), "k=v\n");
}

/// Whatever a record can be comes out of one directory and goes into another.
#[test]
fn json_is_lossless_with_offsets_kept() {
    let place = Place::new();
    let input = concat!(
        r#"{"offset":3,"timestamp":1700000000000,"key":null,"value":null,"headers":[]}"#,
        "\n",
        r#"{"offset":4,"timestamp":1700000000001,"key":"","value":"","headers":[["a",null],["a",""],["","x"]]}"#,
        "\n",
        r#"{"offset":10,"timestamp":1,"keyBase64":"/wA=","valueBase64":"gA==","headers":[{"name":"h","valueBase64":"/w=="}]}"#,
        "\n",
        r#"{"offset":11,"timestamp":1700000000002,"timestampType":"LogAppendTime","key":"a","value":"\u0000\n\"ü"}"#,
        "\n",
        r#"{"offset":5000000000,"timestamp":1700000000003,"key":"k","value":"far"}"#,
        "\n",
    );
    place.put("produce data/a -q --json --keep-offsets", input);
    let first = place.ok("consume data/a -q --json");
    let offsets = place.ok("consume data/a -q -f %o,");
    assert_eq!(offsets, "3,4,10,11,5000000000,");
    assert_eq!(first.matches("LogAppendTime").count(), 1, "{first}");
    place.put("produce other/a -q --json --keep-offsets", &first);
    assert_eq!(place.ok("consume other/a -q --json"), first);
    // Offsets that are taken are refused, and nothing is changed.
    place
        .feed("produce other/a -q --json --keep-offsets", &first)
        .fails(1, &["5000000001"]);
    assert_eq!(place.ok("consume other/a -q --json"), first);
}

/// Topics that Kafka wrote: compacted and trimmed ones, markers between records,
/// broker times, binary headers. (The leader epoch is that of the copy.)
#[test]
fn what_kafka_wrote_comes_out_of_a_copy_as_it_went_in() {
    let place = Place::new();
    std::fs::create_dir(place.path("kafka")).unwrap();
    crate::support::unpack(crate::support::CLEAN, &place.path("kafka"));
    for (topic, partitions) in [
        ("appendtime", 1),
        ("codec-snappy", 1),
        ("compacted", 1),
        ("events", 3),
        ("headers", 1),
        ("trimmed", 1),
        ("txn", 2),
    ] {
        let all = place.ok(&format!("consume kafka/{topic} -q --json"));
        assert!(all.lines().count() > 30, "{topic}");
        place.ok(&format!("topics copy/{topic} --create -P {partitions}"));
        place.put(
            &format!("produce copy/{topic} -q --json --keep-offsets"),
            &all,
        );
        let copied = place.ok(&format!("consume copy/{topic} -q --json"));
        for (ours, theirs) in copied.lines().zip(all.lines()) {
            let theirs = theirs.replace("\"leaderEpoch\":2", "\"leaderEpoch\":0");
            assert_eq!(ours, theirs, "{topic}");
        }
        assert_eq!(copied.lines().count(), all.lines().count(), "{topic}");
    }
}

#[test]
fn an_interrupt_aborts_a_transaction() {
    let place = Place::new();
    place.put("produce data/t -q", "before\n");
    let mut child = place.spawn("produce", &["data/t", "--transaction"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(&b"a line of text\n".repeat(100_000))
        .unwrap();
    let start = Instant::now();
    while place.ok("consume data/t -q -o 1 -c 1").is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("aborted"), "{told}");
    place.put("produce data/t -q", "after\n");
    let committed = place.ok("consume data/t -q --read-committed");
    assert_eq!(committed, "before\nafter\n");
}

#[test]
fn an_error_in_the_input_says_where_and_keeps_what_came_before() {
    let place = Place::new();
    let wrong = place.feed(
        "produce data/t -q --json",
        "{\"value\":\"a\"}\n{\"value\":\n",
    );
    wrong.fails(1, &["2"]);
    assert_eq!(place.ok("consume data/t -q"), "a\n");
}

#[test]
fn an_interrupt_ends_the_batch_and_says_what_was_written() {
    let place = Place::new();
    let mut child = place.spawn("produce", &["data/t"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"whole\nunfinished").unwrap();
    let start = Instant::now();
    // It is at work once its directory is there.
    while !place.path("data/t-0/partition.metadata").exists() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("interrupted") && told.contains('1'), "{told}");
    assert_eq!(place.ok("consume data/t -q"), "whole\n");
    assert!(place.path("data/.kafka_cleanshutdown").exists());
}

#[test]
fn records_can_be_followed_while_they_are_written() {
    let place = Place::new();
    place.put("produce data/t -q", "one\n");
    let mut follower = place.spawn("consume", &["data/t", "-q", "--follow"]);
    let mut output = BufReader::new(follower.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    for text in ["two\n", "three\n"] {
        place.put("produce data/t -q", text);
        let before = Instant::now();
        output.read_line(&mut line).unwrap();
        assert!(before.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(line, "one\ntwo\nthree\n");
    signal(&follower, "INT");
    let code = follower.wait().unwrap().code();
    assert!(code.is_some_and(|code| code <= 1), "{code:?}");
}

fn signal(child: &std::process::Child, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
