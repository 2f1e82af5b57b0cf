//! Mistakes on the command line and wrong places: one message, the documented
//! exit code, nothing touched.

use crate::Place;

#[test]
fn wrong_places_are_refused_and_left_alone() {
    let place = Place::new();
    std::fs::write(place.path("file"), "x").unwrap();
    std::fs::create_dir(place.path("home")).unwrap();
    std::fs::write(place.path("home/notes.txt"), "x").unwrap();
    place.ok("topics data/t --create");
    let before = place.snapshot("");
    for verb in ["produce", "consume"] {
        for (location, code, says) in [
            ("file", 1, "found a file"),
            ("file/topic", 1, "found a file"),
            ("home", 1, "notes.txt"),
            ("home/topic", 2, "home/topic/TOPIC"),
            ("data", 2, "names no topic"),
            ("data/t/x", 1, "two levels below"),
            ("nowhere/at/all", 1, "no such directory"),
            ("data/a,b", 2, "topic name"),
            ("kafka://localhost:1/t", 1, "cannot connect to localhost:1"),
            ("kafka://localhost/t", 2, "kafka://HOST:PORT"),
            ("kafka://localhost:9092", 2, "names no topic"),
            ("kafka://localhost:9092/a,b", 2, "topic name"),
            ("s3://bucket/t", 2, "scheme `s3`"),
        ] {
            place
                .run(&format!("{verb} {location}"))
                .fails(code, &[says]);
        }
    }
    place
        .run("consume nowhere/t")
        .fails(1, &["expected a Kafka data directory", "ottla produce"]);
    assert_eq!(place.snapshot(""), before);
}

#[test]
fn bad_options_of_consume() {
    let place = Place::new();
    place.ok("topics data/t --create");
    for (options, says) in [
        ("-o x", "expected beginning, end, N"),
        ("-o 5:1", "before its start"),
        ("-o 2026-03-01T12:00:00Z", "-o @2026-03-01T12:00:00Z"),
        ("-p 1-", "expected partitions such as"),
        ("-f %q", "format `%q`, character 1: unknown token `%q`"),
        ("--kcat-format %v", "known are %s"),
        ("-f %v --json", "cannot be used with"),
        ("--json --csv", "cannot be used with"),
        ("--json -0", "cannot be used with"),
        ("--follow -o 1:5", "range that ends"),
        ("--bogus", "unexpected argument '--bogus'"),
        (
            "-X isolation.levle=read_committed",
            "did you mean `isolation.level`",
        ),
    ] {
        place
            .run(&format!("consume data/t {options}"))
            .fails(2, &[says]);
    }
    place
        .run("consume data/t -g group")
        .fails(1, &["a consumer group needs a server"]);
    place
        .run("consume data/t-0 -p 1")
        .fails(2, &["contradicts the location"]);
    place.run("consume").fails(2, &["LOCATION"]);
}

#[test]
fn bad_options_of_produce() {
    let place = Place::new();
    place.ok("topics data/t --create");
    let before = place.snapshot("data");
    for (options, says) in [
        ("-z brotli", "none, gzip, snappy, lz4 or zstd"),
        ("-z gzip:99", "1 to 9"),
        ("-z snappy:1", "none for snappy"),
        ("--partitioner murmur3", "did you mean `murmur2`"),
        ("-f %v", "nothing tells where the value ends"),
        ("-f %q", "unknown token `%q`"),
        ("--json --csv", "cannot be used with"),
        ("--json -k :", "cannot be used with"),
        ("--key id", "--csv"),
        ("-k \\q", "unknown escape"),
        ("--keep-offsets", "add --json"),
        ("--json --keep-offsets --transaction", "cannot be used with"),
        ("--timestamp yesterday", "RFC 3339"),
        ("-H =x", "no name"),
        ("--sync sometimes", "possible values: end, batch, none"),
        ("-p -1", "-1"),
        ("-X compresion.type=zstd", "did you mean `compression.type`"),
        ("-X compression.type=brotli", "brotli"),
    ] {
        place
            .run(&format!("produce data/t {options}"))
            .fails(2, &[says]);
    }
    place
        .run("produce data/t-0 -p 1")
        .fails(2, &["contradicts the location"]);
    assert_eq!(place.snapshot("data"), before);
}

#[test]
fn bad_options_of_inspect() {
    let place = Place::new();
    place.ok("topics data/t --create");
    for (line, code, says) in [
        ("inspect", 2, "expected LOCATION"),
        ("inspect nowhere", 1, "no such"),
        ("inspect --bogus data", 2, "unexpected argument '--bogus'"),
        ("inspect data --json --output csv", 2, "cannot be used with"),
        ("inspect explain data/t-0", 2, "OFFSET"),
    ] {
        place.run(line).fails(code, &[says]);
    }
}

#[test]
fn what_a_server_cannot_do_is_refused_before_it_is_asked() {
    let place = Place::new();
    // Nobody listens there: what gets as far as connecting ends with 1.
    let server = "kafka://localhost:1/t";
    for (command, code, says) in [
        (
            "produce {} --json --keep-offsets",
            2,
            "--keep-offsets needs a directory",
        ),
        ("produce {} --sync batch", 2, "--sync needs a directory"),
        (
            "produce {} --transaction -X acks=1",
            2,
            "a transaction needs acks=all",
        ),
        ("produce {} -X acks=2", 2, "acks: expected 0, 1 or all"),
        (
            "produce {} -X acks=1 -X enable.idempotence=true",
            2,
            "needs acks=all",
        ),
        ("produce {} -X max.in.flight=6", 2, "a number from 1 to 5"),
        ("consume {} -g g -p 0", 2, "-p cannot be used with -g"),
        ("consume {} -g g -o 1:5", 2, "cannot be used with -g"),
        (
            "consume {} -X security.protocol=SSL",
            1,
            "expected PLAINTEXT",
        ),
        ("topics {} --create -c nonsense=1", 1, "nonsense"),
        ("topics {} --list", 2, "give kafka://localhost:1"),
        ("topics {}", 1, "cannot connect to localhost:1"),
    ] {
        place
            .run(&command.replace("{}", server))
            .fails(code, &[says]);
    }
}
