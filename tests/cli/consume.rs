//! `ottla consume` of directories.

use crate::Place;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;

/// Ten records `v0` to `v9`, one a second from 1700000000 on.
fn ten() -> Place {
    let place = Place::new();
    let input: String = (0..10)
        .map(|n| format!("{{\"timestamp\":170000000{n}000,\"value\":\"v{n}\"}}\n"))
        .collect();
    place.put("produce data/t -q --json", input);
    place
}

#[test]
fn offsets_and_ranges() {
    let place = ten();
    for (spec, expected) in [
        ("beginning", "0123456789"),
        ("end", ""),
        ("7", "789"),
        ("7:", "789"),
        ("10", ""),
        ("-3", "789"),
        ("-100", "0123456789"),
        ("+8", "89"),
        ("2:4", "23"),
        (":2", "01"),
        ("8:end", "89"),
        ("4:4", ""),
        ("@1700000008000", "89"),
        ("@1700000007500", "89"),
        ("@1700000002000:@1700000004000", "23"),
        ("@2023-11-14T22:13:28Z", "89"),
        ("@2023-11-14T22:13:22Z:2023-11-14T22:13:24Z", "23"),
        ("@-1h", ""),
        ("@2000000000000", ""),
    ] {
        let output = place.run(&format!("consume data/t -q -f %v -o {spec}"));
        assert_eq!(output.code, 0, "{spec}: {}", output.errors);
        assert_eq!(output.text.replace('v', ""), expected, "{spec}");
    }
}

#[test]
fn an_offset_out_of_range_is_told_with_the_range() {
    let place = ten();
    let output = place.run("consume data/t -q -o 11");
    output.fails(1, &["11", "0 to 10"]);
    place
        .run("consume data/t -q -o nonsense")
        .fails(2, &["nonsense"]);
    place.run("consume data/unknown -q").fails(1, &["unknown"]);
}

#[test]
fn counts_and_partitions() {
    let place = Place::new();
    place.ok("topics data/t --create -P 3");
    for partition in 0..3 {
        let line = format!("produce data/t -q -p {partition}");
        place.put(&line, format!("a{partition}\nb{partition}\n"));
    }
    assert_eq!(place.ok("consume data/t -q -c 3"), "a0\nb0\na1\n");
    assert_eq!(place.ok("consume data/t -q -c 0"), "");
    assert_eq!(place.ok("consume data/t -q -p 1"), "a1\nb1\n");
    assert_eq!(place.ok("consume data/t -q -p 0,2 -o -1"), "b0\nb2\n");
    assert_eq!(place.ok("consume data/t-2 -q"), "a2\nb2\n");
    place
        .run("consume data/t -q -p 3")
        .fails(1, &["3", "0 to 2"]);
}

#[test]
fn formats() {
    let place = Place::new();
    place.put(
        "produce data/t -q -k = -H h=x --timestamp 1700000000000",
        "k=v\n",
    );
    for (format, expected) in [
        ("%t/%p/%o/%k/%v", "t/0/0/k/v"),
        ("%v{hex}|%v{base64}", "76|dg=="),
        ("%d", "1700000000000"),
    ] {
        let output = place.run(&format!("consume data/t -q -f {format}"));
        assert_eq!(
            (output.code, output.text.as_str()),
            (0, expected),
            "{}",
            output.errors
        );
    }
    let kcat = place.ok("consume data/t -q --kcat-format %t|%p|%o|%k|%s|%S|%T");
    assert_eq!(kcat, "t|0|0|k|v|1|1700000000000");
    assert_eq!(place.ok("consume data/t -q -k ="), "k=v\n");
    let csv = place.ok("consume data/t -q --csv");
    let (names, row) = csv.split_once('\n').unwrap();
    assert!(
        names.contains("offset") && names.contains("value"),
        "{names}"
    );
    assert!(
        row.contains("1700000000000") || row.contains("2023-11-14"),
        "{row}"
    );
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = Place::new();
    place.put("produce data/t -q", "a line of text\n".repeat(200_000));
    let mut child = place.spawn("consume", &["data/t", "-q"]);
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "a line of text\n");
    drop(output);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

/// What stands before the damage is printed, then it is told where that is.
#[test]
fn damage_is_told_with_its_place_behind_the_records_before_it() {
    let place = Place::new();
    for text in ["first\n", "second\n", "third\n"] {
        place.put("produce data/t -q", text);
    }
    let path = place.path("data/t-0/00000000000000000000.log");
    let bytes = std::fs::read(&path).unwrap();
    let size = bytes.len() / 3;
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let at = memchr::memmem::find(&bytes, b"second").unwrap();
    file.write_all_at(b"S", at as u64).unwrap();
    let before = place.snapshot("data");
    let output = place.run("consume data/t -q");
    assert_eq!(output.code, 3, "{}", output.errors);
    assert_eq!(output.text, "first\n");
    for says in ["data/t-0/00000000000000000000.log", "crc"] {
        let told = output.errors.to_lowercase();
        assert!(told.contains(says), "no {says} in {told}");
    }
    // Its position lies in the second batch.
    let numbers = output.errors.split(|c: char| !c.is_ascii_digit());
    let is_within = |number: u64| (size as u64 - 2..=at as u64).contains(&number);
    let mut numbers = numbers.filter_map(|number| number.parse().ok());
    assert!(numbers.any(is_within), "{}", output.errors);
    assert_eq!(place.snapshot("data"), before);
    assert_eq!(place.ok("consume data/t -q -c 1"), "first\n");
}
