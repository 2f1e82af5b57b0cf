//! `ottla topics`.

use crate::Place;
use serde_json::{Value, json};

#[test]
fn a_topic_is_created_described_altered_and_deleted() {
    let place = Place::new();
    let created = place.run("topics data/users --create -P 2 -c retention.ms=5000");
    assert_eq!((created.code, created.text.as_str()), (0, ""));
    assert_eq!(
        created.errors,
        "ottla-topics: created topic `users` with 2 partitions in data\n"
    );
    place.ok("topics data/users --alter --partitions 3 --config segment.bytes=2097152 --unset retention.ms");
    let list = place.ok("topics data --output csv");
    let (names, row) = list.split_once('\n').unwrap();
    assert_eq!(names, "topic,topicId,partitions,internal,configs");
    assert!(
        row.starts_with("users,") && row.ends_with(",3,false,segment.bytes=2097152\n"),
        "{row}"
    );

    let described: Value =
        serde_json::from_str(&place.ok("topics data/users --output json")).unwrap();
    assert_eq!(described["configs"], json!({"segment.bytes": "2097152"}));
    assert_eq!(
        described["partitions"][2],
        json!({
            "topic": "users", "partition": 2, "leaderEpoch": 0,
            "logStartOffset": 0, "endOffset": 0, "segments": 1, "bytes": 0,
        })
    );
    let quiet = place.run("topics data/users --delete -q");
    assert_eq!((quiet.code, quiet.errors.as_str()), (0, ""));
    assert!(!place.path("data/users-0").exists());
    assert_eq!(place.ok("topics data --output tsv").lines().count(), 1);
}

#[test]
fn tables_are_for_people() {
    let place = Place::new();
    place.ok("topics data/a --create");
    place.ok("topics data/bc --create -P 12");
    let table = place.ok("topics data");
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("TOPIC  TOPIC ID"), "{table}");
    assert_eq!(lines.len(), 3);
    assert!(!table.contains('\x1b'));
    let described = place.ok("topics data --describe");
    assert_eq!(
        described
            .lines()
            .filter(|line| line.starts_with("topic "))
            .count(),
        2
    );
}

#[test]
fn existing_and_missing_topics_are_errors_unless_told() {
    let place = Place::new();
    place.ok("topics data/users --create");
    let before = place.snapshot("data");
    place
        .run("topics data/users --create")
        .fails(1, &["exists already", "--if-not-exists"]);
    place.ok("topics data/users --create --if-not-exists");
    place
        .run("topics data/usres --delete")
        .fails(1, &["did you mean \"users\""]);
    place.ok("topics data/usres --delete --if-exists");
    place
        .run("topics data/usres")
        .fails(1, &["no topic \"usres\""]);
    place
        .run("topics data/usres --alter -P 2")
        .fails(1, &["no topic"]);
    place
        .run("topics data/users --alter -P 1")
        .fails(1, &["1 partition", "taken away"]);
    assert_eq!(place.snapshot("data"), before);
}

#[test]
fn kafkas_rules_for_names_and_configs_hold() {
    let place = Place::new();
    place.ok("topics data/a.b --create");
    let before = place.snapshot("data");
    for (line, code, says) in [
        ("topics data/a_b --create", 1, "collides"),
        ("topics data/a,b --create", 2, "','"),
        (
            "topics data/c --create -c retention=5",
            1,
            "did you mean retention.ms",
        ),
        (
            "topics data/c --create -c retention.ms=week",
            1,
            "retention.ms: expected",
        ),
        (
            "topics data/c --create -c segment.bytes=1",
            1,
            "segment.bytes: expected",
        ),
        (
            "topics data/a.b --alter --unset retention",
            1,
            "did you mean retention.ms",
        ),
        (
            "topics data/c --create -c retention.ms",
            2,
            "expected NAME=VALUE",
        ),
        ("topics data/c --create -P 0", 2, "0"),
        ("topics data/__cluster_metadata --create", 1, "metadata"),
    ] {
        place.run(line).fails(code, &[says]);
    }
    assert_eq!(place.snapshot("data"), before);
}

#[test]
fn options_that_need_each_other_say_so() {
    let place = Place::new();
    place.ok("topics data/a --create");
    for (line, says) in [
        ("topics data/a -P 4", "need --create or --alter"),
        (
            "topics data/a --create --unset retention.ms",
            "needs --alter",
        ),
        ("topics data/a --delete --if-not-exists", "needs --create"),
        (
            "topics data/a --create --if-exists",
            "needs --alter or --delete",
        ),
        ("topics data/a --alter", "something to change"),
        ("topics data --create", "names no topic"),
        ("topics data/a-0 --delete", "expected DATA or DATA/TOPIC"),
        ("topics data/a --list", "takes a data directory"),
        ("topics data/a --create --delete", "cannot be used with"),
        (
            "topics data -X isolaton.level=x",
            "did you mean `isolation.level`?",
        ),
    ] {
        place.run(line).fails(2, &[says]);
    }
}

#[test]
fn the_number_of_partitions_may_come_from_elsewhere() {
    let place = Place::new();
    place.ok("topics data/one --create");
    place.ok("topics data/two --create -X num.partitions=2");
    std::fs::write(
        place.path("data/server.properties"),
        "num.partitions=3\nlisteners=x\n",
    )
    .unwrap();
    place.ok("topics data/three --create");
    std::fs::create_dir_all(place.path("config/ottla")).unwrap();
    std::fs::write(
        place.path("config/ottla/mine.properties"),
        "num.partitions=4\n",
    )
    .unwrap();
    place.ok("topics data/four --create --profile mine");
    let mut command = place.ottla("topics");
    command.args(["data/five", "--create", "--profile", "mine"]);
    command.env("OTTLA_NUM_PARTITIONS", "5").assert().success();
    let list: Value = serde_json::from_str(&place.ok("topics data --output json")).unwrap();
    for (topic, partitions) in [
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
    ] {
        let row = list
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["topic"] == topic);
        assert_eq!(row.unwrap()["partitions"], partitions, "{topic}");
    }
}
