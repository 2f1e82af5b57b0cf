//! Tools on a directory that `ottla serve` holds: they go through its socket, and a
//! command reads as it does without a server.

use super::{Place, program};
use ottla::host::real::RealHost;
use ottla::host::{Host as _, Lock, LockRange, Open, Wait};
use std::io::{BufRead as _, BufReader};
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
