//! Tools on a directory that `ottla serve` holds: they go through its socket, and a
//! command reads as it does without a server.

use super::{Place, program};
use ottla::client::{Cluster, Config};
use ottla::host::net::Address;
use ottla::host::real::RealHost;
use ottla::host::{Host as _, Lock, LockRange, Open, Wait};
use ottla::protocol::messages::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStderr, Command, Stdio};

/// A server on `data` of a place.
struct Server {
    child: Child,
    _said: BufReader<ChildStderr>,
}

impl Server {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(program("ottla-serve"))
            .args(["data", "--listen", "127.0.0.1:0"])
            .current_dir(place.0.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready after") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
        }
        Self { child, _said: said }
    }

    fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a failure; otherwise it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn commands_read_the_same_while_a_server_holds_the_directory() {
    let place = Place::new();
    place.ok("topics data/t --create --partitions 2 -q");
    place.ok_with("produce data/t-0 -q", "before\n");
    let server = Server::start(&place);
    let socket = place.path("data/.ottla.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600, "only its owner's");

    // The server holds the lock alone: whatever writes went through it.
    place.ok_with("produce data/t-1 -q", "one\ntwo\n");
    place.ok_with("produce data/t -p 0 -z zstd -q", "behind\n");
    let held = place.run("produce data/t-1 -p 0");
    held.fails(2, &["-p 0 contradicts the location, which is partition 1"]);
    assert_eq!(place.ok("consume data/t"), "before\nbehind\none\ntwo\n");
    assert_eq!(place.ok("consume data/t-1"), "one\ntwo\n");
    assert_eq!(place.ok("consume data/t-1 -o -1"), "two\n");
    let during = place.ok("consume data/t --json");

    place.ok("topics data/u --create --config cleanup.policy=compact -q");
    place.ok("topics data/u --alter --partitions 3 --config retention.ms=1000 -q");
    place.ok("topics data/v --create -q");
    place.ok("topics data/v --delete -q");
    place.run("topics data/v --delete").fails(1, &["v"]);
    let listed = place.ok("topics data --output json");
    let described = place.ok("topics data/u --output json");
    assert!(
        described.contains("\"retention.ms\": \"1000\""),
        "{described}"
    );

    // What is only a file's to do is refused in words.
    let json = "produce data/t --json --keep-offsets";
    place
        .run(json)
        .fails(2, &["--keep-offsets needs a directory"]);

    let said = place.run("produce data/nothing-like-it --no-create");
    said.fails(1, &["`ottla topics data` lists"]);

    server.stop();
    assert!(!socket.exists(), "it goes with the server");
    assert_eq!(place.ok("consume data/t --json"), during);
    assert_eq!(place.ok("topics data --output json"), listed);
    assert_eq!(place.ok("topics data/u --output json"), described);
    place.ok("inspect verify data");
}

#[test]
fn a_socket_that_a_killed_server_left_is_in_nobodys_way() {
    let place = Place::new();
    let server = Server::start(&place);
    place.ok_with("produce data/t -q", "one\n");
    server.kill();
    assert!(place.path("data/.ottla.sock").exists());
    // To the directory itself, which is recovered first.
    place.ok_with("produce data/t -q", "two\n");
    assert_eq!(place.ok("consume data/t"), "one\ntwo\n");
    place.ok("inspect verify data");
    let server = Server::start(&place);
    place.ok_with("produce data/t -q", "three\n");
    server.stop();
    assert_eq!(place.ok("consume data/t"), "one\ntwo\nthree\n");
}

#[test]
fn another_broker_that_holds_the_directory_is_told_apart() {
    let place = Place::new();
    place.ok_with("produce data/t -q", "one\n");
    // As Kafka does; and a socket stands there that answers nobody.
    let lock = RealHost
        .open(&place.path("data/.lock"), Open::Create)
        .unwrap();
    let whole = LockRange::WHOLE;
    assert!(lock.lock(whole, Lock::Exclusive, Wait::No).unwrap());
    drop(UnixListener::bind(place.path("data/.ottla.sock")).unwrap());
    for line in [
        "produce data/t",
        "topics data/t --delete",
        "topics data/t --alter -P 2",
    ] {
        let says = ["locked by another program", "kafka://HOST:PORT/TOPIC"];
        place.run(line).fails(4, &says);
    }
    assert_eq!(place.ok("consume data/t"), "one\n");
    place
        .run("consume data/t -g g")
        .fails(1, &["a consumer group needs a server"]);
}

/// `consume --follow` on a topic of one record, which it has printed; while it is
/// stopped, that which it would read next is deleted.
fn deleted_while_following(options: &[&str]) -> (Child, Server, Place) {
    let place = Place::new();
    place.ok_with("produce data/t -q", "0\n");
    let server = Server::start(&place);
    let mut child = Command::new(program("ottla-consume"))
        .args(["data/t", "--follow", "-X", "fetch.max.wait.ms=50"])
        .args(options)
        .current_dir(place.0.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 2];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    assert_eq!(&first, b"0\n");
    signal(&child, rustix::process::Signal::STOP);
    // What it asked last is answered, with nothing.
    std::thread::sleep(std::time::Duration::from_millis(500));
    place.ok_with("produce data/t -q", "1\n2\n3\n");
    delete_records(&place, 3);
    place.ok_with("produce data/t -q", "4\n");
    signal(&child, rustix::process::Signal::CONT);
    (child, server, place)
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

fn delete_records(place: &Place, before: i64) {
    let host: std::sync::Arc<dyn ottla::host::Host> = std::sync::Arc::new(RealHost);
    let address = Address::Unix(place.path("data/.ottla.sock"));
    let mut cluster = Cluster::connect(&host, &[address], Config::default()).unwrap();
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: "t".to_owned(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset: before,
                ..Default::default()
            }],
            ..Default::default()
        }],
        timeout_ms: 1000,
        ..Default::default()
    };
    let response = cluster.any().unwrap().call(&request, 2).unwrap();
    let partition = &response.topics[0].partitions[0];
    assert_eq!((partition.error_code, partition.low_watermark), (0, before));
}

/// Takes so many lines, then ends it with SIGINT; what it said.
fn read_and_stop(mut child: Child, lines: usize) -> (Vec<String>, String) {
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let read: Vec<String> = out.by_ref().take(lines).map(Result::unwrap).collect();
    signal(&child, rustix::process::Signal::INT);
    assert_eq!(out.count(), 0, "more than {read:?}");
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    (read, said)
}

#[test]
fn a_follower_goes_on_behind_what_was_deleted() {
    for options in [&[][..], &["-X", "auto.offset.reset=earliest"]] {
        let (child, server, _place) = deleted_while_following(options);
        let (read, said) = read_and_stop(child, 2);
        assert_eq!(read, ["3", "4"]);
        let notice = "t-0: offsets 1 to 2 were deleted before they were read; going on at 3";
        assert!(said.contains(notice), "{said}");
        server.stop();
    }
}

#[test]
fn a_follower_goes_on_at_the_end_where_asked() {
    let (child, server, place) = deleted_while_following(&["-X", "auto.offset.reset=latest"]);
    // It may look before this is there, or behind.
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        place.ok_with("produce data/t -q", "5\n");
        place
    });
    let (read, said) = read_and_stop(child, 1);
    assert_eq!(read, ["5"]);
    assert!(
        said.contains("deleted before they were read; going on at 5"),
        "{said}"
    );
    let _place = writer.join().unwrap();
    server.stop();
}

#[test]
fn a_follower_fails_where_asked() {
    let (child, server, _place) = deleted_while_following(&["-X", "auto.offset.reset=none"]);
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(
        (ended.status.code(), &*ended.stdout),
        (Some(1), &b""[..]),
        "{said}"
    );
    assert!(
        said.contains("t-0: offsets 1 to 2 were deleted before"),
        "{said}"
    );
    assert!(said.contains("auto.offset.reset=earliest"), "{said}");
    server.stop();
}

#[test]
fn a_group_starts_where_asked() {
    let place = Place::new();
    place.ok_with("produce data/t -q", "0\n1\n2\n3\n");
    let server = Server::start(&place);
    let none = "consume data/t -X auto.offset.reset=none";
    place
        .run(&format!("{none} -g a"))
        .fails(1, &["t-0: the group has committed no offset of it", "-o"]);
    assert_eq!(place.ok(&format!("{none} -g a -o 1 -c 1")), "1\n");
    assert_eq!(
        place.ok("consume data/t -X auto.offset.reset=latest -g b"),
        ""
    );
    delete_records(&place, 3);
    // Committed, and deleted since.
    place
        .run(&format!("{none} -g a"))
        .fails(1, &["offset 2 was deleted"]);
    let going_on = place.run("consume data/t -g a");
    assert_eq!(
        (going_on.code, &*going_on.text),
        (0, "3\n"),
        "{}",
        going_on.errors
    );
    assert!(
        going_on
            .errors
            .contains("t-0: offset 2 was deleted before it was read; going on at 3")
    );
    place
        .run("consume data/t -X auto.offset.reset=first")
        .fails(
            2,
            &["expected earliest, latest, none or by_duration:PT1H, found `first`"],
        );
    server.stop();
}
