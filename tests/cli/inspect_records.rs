//! `ottla inspect batches`, `records`, `index` and `snapshot`: ranges, damage, tables.

use crate::{Output, Place, support};
use serde_json::Value;

const LOG: &str = "data/t-0/00000000000000000000.log";

/// Three batches of two records each.
fn place() -> Place {
    let place = Place::new();
    for batch in 0..3 {
        let lines = format!("k{batch}:first\nk{batch}:second\n");
        let mut produce = place.ottla("produce");
        produce.args(["data/t", "-k", ":", "-q", "-H", "trace=a/b"]);
        let time = format!("2026-03-01T12:00:0{batch}Z");
        produce.args(["--timestamp", &time]);
        produce.write_stdin(lines).assert().success();
    }
    place
}

fn json(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn offsets(output: &Output) -> Vec<i64> {
    json(&output.text)
        .iter()
        .map(|it| it["offset"].as_i64().unwrap())
        .collect()
}

#[test]
fn ranges_counts_and_partitions() {
    let place = place();
    let of = |options: &str| {
        let output = place.run(&format!("inspect records data/t --json {options}"));
        assert_eq!(output.code, 0, "{}", output.errors);
        offsets(&output)
    };
    assert_eq!(of(""), [0, 1, 2, 3, 4, 5]);
    assert_eq!(of("-o 3"), [3, 4, 5]);
    assert_eq!(of("-o -2"), [4, 5]);
    assert_eq!(of("-o +5"), [5]);
    assert_eq!(of("-o 1:3"), [1, 2]);
    assert_eq!(of("-o 1 -c 2"), [1, 2]);
    assert!(of("-o end").is_empty());
    assert_eq!(of("-o @2026-03-01T12:00:01Z"), [2, 3, 4, 5]);
    assert_eq!(of("-o @2026-03-01T12:00:01Z:2026-03-01T12:00:02Z"), [2, 3]);
    assert!(of("-o @2027-03-01T12:00:01Z").is_empty());
    assert!(of("-p 1").is_empty());
    assert_eq!(of("-p 0 -c 1"), [0]);
    let batches = place.ok("inspect batches data/t -o 3 -c 1 --json");
    assert_eq!(json(&batches)[0]["baseOffset"], 2);
    place
        .run(&format!("inspect records {LOG} -p 0"))
        .fails(2, &["-p picks partitions"]);
    place
        .run("inspect records data/t-0 -p 1")
        .fails(2, &["contradicts"]);
    place
        .run("inspect records data/meta.properties")
        .fails(2, &["expected a file of batches"]);
}

#[test]
fn fields_are_those_of_the_manual() {
    let place = place();
    let record = place.ok("inspect records data/t -o 3 -c 1 --json");
    let expected = concat!(
        r#"{"topic":"t","partition":0,"file":"00000000000000000000.log","position":POSITION,"#,
        r#""offset":3,"timestamp":1772366401000,"timestampType":"CreateTime","leaderEpoch":0,"#,
        r#""codec":"none","producerId":null,"producerEpoch":null,"sequence":null,"#,
        r#""transactional":false,"control":false,"controlType":null,"keySize":2,"valueSize":6,"#,
        r#""key":"k1","value":"second","headers":[["trace","a/b"]]}"#,
        "\n"
    );
    let batch = place.ok("inspect batches data/t -o 3 -c 1 --json");
    let batch = &json(&batch)[0];
    let position = batch["position"].to_string();
    assert_eq!(record, expected.replace("POSITION", &position));
    let manual = std::fs::read_to_string("man/ottla-inspect.1").unwrap();
    for value in [&json(&record)[0], batch] {
        for (name, _) in value.as_object().unwrap() {
            assert!(manual.contains(name), "{name} is not in the manual");
        }
    }
    let csv = place.ok("inspect records data/t -c 1 --output csv");
    let mut lines = csv.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with(",keySize,valueSize,key,value,headers,problem")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .ends_with(r#",2,5,k0,first,"[[""trace"",""a/b""]]","#)
    );
}

#[test]
fn damage_is_passed_over_and_told() {
    let place = place();
    let path = place.path(LOG);
    let mut log = std::fs::read(&path).unwrap();
    let at = log.len() / 3 + 70;
    log[at] ^= 1;
    std::fs::write(&path, &log).unwrap();
    for location in ["data", "data/t", "data/t-0", LOG] {
        let output = place.run(&format!("inspect records {location} -o 0:100 --json"));
        assert_eq!(output.code, 3, "{location}: {}", output.errors);
        let of_t: String = output
            .text
            .lines()
            .filter(|line| line.contains(r#""topic":"t""#))
            .map(|line| format!("{line}\n"))
            .collect();
        let output = Output {
            text: of_t,
            ..output
        };
        assert_eq!(offsets(&output), [0, 1, 4, 5], "{location}");
        for text in ["expected crc", "of offsets 2 to 3", "ottla repair"] {
            assert!(output.errors.contains(text), "{}", output.errors);
        }
    }
    let output = place.run(&format!("inspect batches {LOG} --json"));
    let valid: Vec<_> = json(&output.text)
        .iter()
        .map(|it| it["crcValid"] == true)
        .collect();
    assert_eq!((output.code, valid), (3, vec![true, false, true]));
    let table = place.run(&format!("inspect batches {LOG}"));
    assert_eq!(table.text.matches("CRC WRONG").count(), 1);

    // An end that was never written is no damage.
    log[at] ^= 1;
    log.truncate(log.len() - 3);
    std::fs::write(&path, &log).unwrap();
    let output = place.run("inspect records data/t --json");
    assert_eq!((output.code, offsets(&output)), (0, vec![0, 1, 2, 3]));
    assert!(
        output.errors.contains("not written to its end"),
        "{}",
        output.errors
    );
    assert_eq!(place.run("inspect records data/t --json -q").errors, "");
}

#[test]
fn a_damaged_index_is_told_and_leads_nobody_astray() {
    let place = place();
    let index = LOG.replace(".log", ".index");
    let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 50];
    bytes.extend([0xff; 8]);
    bytes.extend([1, 2, 3]);
    std::fs::write(place.path(&index), bytes).unwrap();
    let output = place.run("inspect records data/t -o 4 --json");
    assert_eq!((output.code, offsets(&output)), (0, vec![4, 5]));
    let output = place.run(&format!("inspect index {index} --json"));
    assert_eq!(output.code, 3);
    let expected = concat!(
        r#"{"topic":"t","partition":0,"file":"00000000000000000000.index","kind":"offset","#,
        r#""entry":0,"offset":1,"position":50}"#,
        "\n"
    );
    assert_eq!(output.text, expected);
    assert!(output.errors.contains("entry 1: "), "{}", output.errors);
    assert!(output.errors.contains("entry 2: "), "{}", output.errors);
}

#[test]
fn tables_fit_80_columns() {
    let place = place();
    let long = "x".repeat(300);
    let mut produce = place.ottla("produce");
    produce.args(["data/t", "-q", "-H", &format!("h={long}")]);
    produce.write_stdin(format!("{long}\n")).assert().success();
    for what in ["batches", "records", "index", "snapshot"] {
        let text = place.ok(&format!("inspect {what} data"));
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{what}: {line}");
            assert!(!line.contains('\u{1b}'), "{what}: {line}");
        }
    }
    let wide = place.ok("inspect records data/t --wide");
    assert!(wide.contains(&long));
    assert!(wide.contains("trace=a/b"));
}

#[test]
fn message_sets_of_old_kafkas_are_shown() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("data/t-0")).unwrap();
    let log = place.path("data/t-0/00000000000000001000.log");
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/testdata/kafka-4.3.1-fragments/legacy"
    );
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        std::fs::copy(&path, &log).unwrap();
        let is_first = name.starts_with("magic0");
        let batches = json(&place.ok("inspect batches data/t-0 --json"));
        let plain = name.contains("-none");
        assert_eq!(batches.len(), if plain { 3 } else { 1 }, "{name}");
        for batch in &batches {
            assert_eq!(batch["magic"], u64::from(!is_first), "{name}");
            assert_eq!(batch["crcValid"], true, "{name}");
            assert_eq!(batch["count"].is_null(), !plain, "{name}");
        }
        let records = json(&place.ok("inspect records data/t-0 --json"));
        let offsets: Vec<_> = records.iter().map(|it| it["offset"].as_i64()).collect();
        assert_eq!(offsets, [Some(1000), Some(1001), Some(1002)], "{name}");
        let values: Vec<_> = records.iter().map(|it| it["value"].as_str()).collect();
        assert_eq!(values, [Some("value 0"), Some("value 1"), None], "{name}");
        let kind = match (is_first, name.ends_with("appendtime")) {
            (true, _) => "NoTimestampType",
            (false, true) => "LogAppendTime",
            (false, false) => "CreateTime",
        };
        for record in &records {
            assert_eq!(record["timestampType"], kind, "{name}");
            assert_eq!(record["timestamp"].is_null(), is_first, "{name}");
        }
        let summary = place.ok("inspect data/t-0 --json");
        let summary: Value = serde_json::from_str(&summary).unwrap();
        assert_eq!(
            (&summary["records"], &summary["endOffset"]),
            (&3.into(), &1003.into())
        );
    }
}

#[test]
fn indexes_and_snapshots_of_some_partitions() {
    let place = Place::new();
    support::unpack(support::CLEAN, &place.path(""));
    for verb in ["index", "snapshot"] {
        let partitions = |rest: &str| -> std::collections::BTreeSet<Option<u64>> {
            let text = place.ok(&format!("inspect {verb} {rest} --json"));
            text.lines()
                .map(|line| {
                    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
                    entry["partition"].as_u64()
                })
                .collect()
        };
        assert!(partitions(".").len() > 2, "{verb}");
        assert_eq!(partitions(". -p 1"), [Some(1)].into(), "{verb}");
        let one = place.ok(&format!("inspect {verb} txn-1 --json"));
        assert_eq!(one, place.ok(&format!("inspect {verb} txn -p 1 --json")));
        place
            .run(&format!("inspect {verb} txn-1 -p 0"))
            .fails(2, &["-p contradicts the location"]);
    }
    place
        .run("inspect index txn-1/00000000000000000000.log -p 1")
        .fails(2, &["the location is one file"]);
}
