//! Writers, a copier and a reader while the server is killed.

use crate::history::{End, History, Lists, Written, value};
use ottla::client::groups::{self, Identity, Position};
use ottla::client::producer::{self, Producer};
use ottla::client::transaction::{Transaction, is_fenced};
use ottla::client::{Cluster, Config, Result, admin};
use ottla::format::batch::sequence_after;
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::record::Headers;
use ottla::format::{Offset, Timestamp};
use ottla::host::Host;
use ottla::host::net::Address;
use ottla::host::real::RealHost;
use ottla::host::sim::Rng;
use ottla::protocol::ApiKey;
use ottla::protocol::messages::update_features::{FeatureUpdateKey, UpdateFeaturesRequest};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LISTS: &str = "lists";
const LIST_COUNT: i32 = 4;
const WRITERS: u32 = 3;
const INPUT: &str = "input";
const INPUT_COUNT: usize = 20_000;
const OUTPUT: &str = "output";
const GROUP: &str = "copier";
/// What is left open is aborted after so long.
const TIMEOUT: Duration = Duration::from_millis(300);
/// How long the last transactions may take to end.
const LONGEST_END: Duration = Duration::from_secs(30);
/// How the server is set.
const SETTINGS: [&str; 3] = [
    "transaction.abort.timed.out.transaction.cleanup.interval.ms=50",
    "transaction.state.log.num.partitions=3",
    "offsets.topic.num.partitions=2",
];

/// What happened in a run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Met {
    pub(crate) kills: u64,
    pub(crate) committed: u64,
    pub(crate) aborted: u64,
    pub(crate) unsure: u64,
    pub(crate) fenced: u64,
    pub(crate) timed_out: u64,
    pub(crate) copied: u64,
    pub(crate) followed: u64,
}

impl Met {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.committed += other.committed;
        self.aborted += other.aborted;
        self.unsure += other.unsure;
        self.fenced += other.fenced;
        self.timed_out += other.timed_out;
        self.copied += other.copied;
        self.followed += other.followed;
    }
}

/// Runs one seed.
pub(crate) fn run(seed: u64) -> (History, Met) {
    let _told = Told(seed);
    let directory = tempfile::tempdir().unwrap();
    let place = Place(directory.path().to_owned());
    let mut rng = Rng::new(seed);
    // Every eighth server has records on disk before it acknowledges them.
    let flushes = seed % 8 == 7;
    let mut server = Some(place.serve(flushes));
    let input = place.prepare([2, 2, 2, 1, 0][(seed % 5) as usize]);
    let follower = place.follow();
    let stop = AtomicBool::new(false);
    let mut met = Met::default();
    let mut history = History {
        input,
        ..History::default()
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let seed = rng.next_u64();
                let (place, stop) = (&place, &stop);
                scope.spawn(move || Writer::new(place, number, seed).run(stop))
            })
            .collect();
        let copier_seed = rng.next_u64();
        let (of_copier, until) = (&place, &stop);
        let copier = scope.spawn(move || copy(of_copier, copier_seed, until));
        for _ in 0..=rng.below(3) {
            std::thread::sleep(Duration::from_millis(20 + rng.below(150)));
            drop(server.take());
            met.kills += 1;
            if rng.percent(30) {
                std::thread::sleep(Duration::from_millis(rng.below(100)));
            }
            server = Some(place.serve(flushes));
        }
        std::thread::sleep(Duration::from_millis(50 + rng.below(100)));
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            let (written, of_writer) = writer.join().expect("a writer");
            history.written.extend(written);
            met.add(&of_writer);
        }
        copier.join().expect("the copier");
    });
    place.await_ends();
    history.position = place.position();
    history.followed = follower.finish();
    server.expect("it runs").terminate();
    history.committed = place.read(LISTS, &["--read-committed"]);
    history.everything = place.read(LISTS, &[]);
    let copied = place.read(OUTPUT, &["--read-committed"]);
    history.copied = copied.into_values().flatten().map(|(_, v)| v).collect();
    for written in &history.written {
        match written.end {
            End::Committed => met.committed += 1,
            End::Aborted => met.aborted += 1,
            End::Unsure => met.unsure += 1,
        }
    }
    met.copied = history.copied.len() as u64;
    met.followed = history.followed.values().map(Vec::len).sum::<usize>() as u64;
    (history, met)
}

/// A program that is killed when it is dropped.
struct Running(Child);

impl Running {
    fn terminate(mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says which seed it was, where a run fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is {}", self.0);
        }
    }
}

/// A directory with a data directory in it.
struct Place(PathBuf);

impl Place {
    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    fn serve(&self, flushes: bool) -> Running {
        let path = self.0.join("log");
        let log = File::options().create(true).append(true).open(path);
        let flush = format!("ottla.flush.before.acknowledge={flushes}");
        let mut process = Command::new(env!("CARGO_BIN_EXE_ottla-serve"))
            .arg(self.data())
            .args(["--listen", "127.0.0.1:0", "--ready-fd", "1", "-X", &flush])
            .args(SETTINGS.iter().flat_map(|setting| ["-X", setting]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the server ended: {}", self.log());
        Running(process)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.join("log")).unwrap()
    }

    fn cluster(&self) -> Cluster {
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let config = Config {
            backoff: Duration::from_millis(5),
            most_backoff: Duration::from_millis(50),
            api_timeout: Duration::from_secs(20),
            ..Config::default()
        };
        let address = Address::Unix(self.data().join(".ottla.sock"));
        loop {
            match Cluster::connect(&host, std::slice::from_ref(&address), config.clone()) {
                Ok(cluster) => return cluster,
                // It was killed just now.
                Err(error) if error.is_retriable() => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Sets the version of transactions, and makes the topics; what is to be copied.
    fn prepare(&self, version: i16) -> Vec<String> {
        let mut cluster = self.cluster();
        if version < 2 {
            let request = UpdateFeaturesRequest {
                feature_updates: vec![FeatureUpdateKey {
                    feature: "transaction.version".to_owned(),
                    max_version_level: version,
                    upgrade_type: 2,
                    ..Default::default()
                }],
                ..Default::default()
            };
            let connection = cluster.any().unwrap();
            let api = ApiKey::UpdateFeatures;
            let response = connection.call(&request, connection.version(api).unwrap());
            let response = response.unwrap();
            assert_eq!(response.error_code, 0, "{response:?}");
        }
        for (name, partitions) in [(LISTS, LIST_COUNT), (INPUT, 1), (OUTPUT, 1)] {
            let topic = admin::NewTopic {
                name,
                partitions,
                configs: &[],
            };
            admin::create_topic(&mut cluster, &topic).unwrap();
        }
        let input: Vec<String> = (0..INPUT_COUNT).map(|number| number.to_string()).collect();
        let mut tool = Command::new(env!("CARGO_BIN_EXE_ottla-produce"))
            .arg(self.data().join(INPUT))
            .arg("-q")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = input.join("\n");
        tool.stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        assert!(tool.wait().unwrap().success());
        input
    }

    fn follow(&self) -> Follower {
        let seen = self.0.join("followed");
        let process = Command::new(env!("CARGO_BIN_EXE_ottla-consume"))
            .arg(self.data().join(LISTS))
            .args(["--follow", "--read-committed", "--json", "-q"])
            .args(["-X", "retry.backoff.ms=5", "-X", "retry.backoff.max.ms=50"])
            .stdin(Stdio::null())
            .stdout(File::create(&seen).unwrap())
            .spawn()
            .unwrap();
        Follower {
            process: Running(process),
            seen,
        }
    }

    /// Waits until no transaction is open any more.
    fn await_ends(&self) {
        let began = Instant::now();
        let open = || {
            let tool = Command::new(env!("CARGO_BIN_EXE_ottla-inspect"))
                .arg("transactions")
                .arg(self.data())
                .arg("--json")
                .output()
                .unwrap();
            assert!(tool.status.success(), "{tool:?}");
            let said: serde_json::Value = serde_json::from_slice(&tool.stdout).unwrap();
            said["open"].as_array().expect("a list").clone()
        };
        loop {
            let open = open();
            if open.is_empty() {
                return;
            }
            assert!(
                began.elapsed() < LONGEST_END,
                "still open: {open:?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the group is.
    fn position(&self) -> usize {
        let all = loop {
            match groups::committed(&mut self.cluster(), GROUP, None) {
                Ok(all) => break all,
                Err(error) if error.is_retriable() => {}
                Err(error) => panic!("{error}"),
            }
        };
        let position = all.get(&(INPUT.to_owned(), 0));
        position.map_or(0, |position| position.offset.get() as usize)
    }

    fn read(&self, topic: &str, options: &[&str]) -> Lists {
        let tool = Command::new(env!("CARGO_BIN_EXE_ottla-consume"))
            .arg(self.data().join(topic))
            .args(["--json", "-q"])
            .args(options)
            .output()
            .unwrap();
        assert!(tool.status.success(), "{tool:?}");
        lists(&String::from_utf8(tool.stdout).unwrap())
    }
}

/// Records by their partitions; the last line may be cut short.
fn lists(json: &str) -> Lists {
    let mut lists = Lists::new();
    let whole = json.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| record[name].as_i64().expect("a number");
        let value = record["value"].as_str().expect("a text").to_owned();
        let list = lists.entry(number("partition") as i32).or_default();
        list.push((number("offset"), value));
    }
    lists
}

/// A reader of committed records, as they come.
struct Follower {
    process: Running,
    seen: PathBuf,
}

impl Follower {
    fn finish(mut self) -> Lists {
        // What was committed last is on its way.
        std::thread::sleep(Duration::from_millis(50));
        let ended = self.process.0.try_wait().unwrap();
        assert!(ended.is_none(), "who followed gave up");
        drop(self.process);
        lists(&std::fs::read_to_string(&self.seen).unwrap())
    }
}

/// A transactional id in use, and batches to one topic.
struct Run {
    transaction: Transaction,
    producer: Producer,
    sequences: BTreeMap<i32, i32>,
    topic: &'static str,
}

impl Run {
    fn start(place: &Place, id: &str, topic: &'static str) -> Result<Self> {
        let mut cluster = place.cluster();
        let known = cluster.must_have(topic)?;
        let transaction = Transaction::start(cluster.another(), id, TIMEOUT)?;
        let settings = producer::Settings {
            delivery_timeout: Duration::from_secs(20),
            ..producer::Settings::default()
        };
        let writer = Some(transaction.writer());
        let producer = Producer::start(cluster, topic, known, settings, writer)?;
        Ok(Self {
            transaction,
            producer,
            sequences: BTreeMap::new(),
            topic,
        })
    }

    /// The same, however often the server is killed.
    fn start_surely(place: &Place, id: &str, topic: &'static str) -> Self {
        loop {
            match Self::start(place, id, topic) {
                Ok(run) => return run,
                Err(error) if error.is_retriable() => {}
                Err(error) => panic!("{id}: {error}"),
            }
        }
    }

    fn send(&mut self, partition: i32, values: &[String]) -> Result<()> {
        self.transaction.add(self.topic, partition)?;
        let mut batch = BatchBuilder::default();
        for value in values {
            let time = Timestamp::new(RealHost.now_ms());
            batch
                .append(Some(time), None, Some(value.as_bytes()), Headers::default())
                .unwrap();
        }
        let bytes = batch.seal(&Seal::default());
        let sequence = self.sequences.entry(partition).or_default();
        self.producer.number(bytes, *sequence).unwrap();
        *sequence = sequence_after(*sequence, values.len() as i64);
        let what = producer::Written::default();
        let now = RealHost.monotonic();
        self.producer.send(partition, bytes.to_vec(), what, now)
    }

    fn end(&mut self, commit: bool) -> Result<()> {
        self.transaction.end(commit)?;
        let next = self.transaction.writer().producer;
        if self.producer.writer() != Some(next) {
            self.producer.go_on_as(next);
            self.sequences.clear();
        }
        Ok(())
    }
}

/// Adds to lists.
struct Writer<'p> {
    place: &'p Place,
    number: u32,
    rng: Rng,
    next: u32,
    ids: u32,
    written: Vec<Written>,
    met: Met,
}

impl<'p> Writer<'p> {
    fn new(place: &'p Place, number: u32, seed: u64) -> Self {
        Self {
            place,
            number,
            rng: Rng::new(seed),
            next: 0,
            ids: 0,
            written: Vec::new(),
            met: Met::default(),
        }
    }

    fn id(&self) -> String {
        format!("writer-{}-{}", self.number, self.ids)
    }

    fn start(&self) -> Run {
        Run::start_surely(self.place, &self.id(), LISTS)
    }

    fn run(mut self, stop: &AtomicBool) -> (Vec<Written>, Met) {
        let mut run = self.start();
        while !stop.load(Ordering::Relaxed) {
            if !self.transact(&mut run) {
                run = self.start();
            }
        }
        (self.written, self.met)
    }

    /// One transaction; `false` where the run is over.
    fn transact(&mut self, run: &mut Run) -> bool {
        let mut lists = BTreeSet::new();
        for _ in 0..=self.rng.below(3) {
            lists.insert(self.rng.below(LIST_COUNT as u64) as i32);
        }
        let number = self.next;
        self.next += 1;
        let text = [value(self.number, number)];
        let sent = lists
            .iter()
            .try_for_each(|list| run.send(*list, &text))
            .and_then(|()| run.producer.flush());
        let dice = self.rng.below(100);
        let (end, goes_on) = match sent {
            // Nobody commits it: the next run of the id aborts it, or time does.
            Err(_) => (End::Aborted, false),
            Ok(()) if dice < 15 => (End::Aborted, run.end(false).is_ok()),
            Ok(()) if dice < 20 => {
                // Left open: only time ends it.
                self.ids += 1;
                self.met.timed_out += 1;
                (End::Aborted, false)
            }
            Ok(()) if dice < 25 => {
                // Another run takes it over; this one finds that out.
                let other = self.start();
                let zombie = std::mem::replace(run, other).end(true);
                let said = zombie.expect_err("what was taken over cannot be committed");
                assert!(is_fenced(&said), "{said}");
                self.met.fenced += 1;
                (End::Aborted, true)
            }
            Ok(()) => match run.end(true) {
                Ok(()) => (End::Committed, true),
                Err(_) => (End::Unsure, false),
            },
        };
        self.written.push(Written {
            writer: self.number,
            number,
            lists: lists.into_iter().collect(),
            end,
        });
        goes_on
    }
}

/// Copies records, a few in each transaction.
fn copy(place: &Place, seed: u64, stop: &AtomicBool) {
    let mut rng = Rng::new(seed);
    let member = Identity {
        group: GROUP.to_owned(),
        generation: -1,
        ..Identity::default()
    };
    let start = || {
        let run = Run::start_surely(place, "copier", OUTPUT);
        (run, place.position())
    };
    let (mut run, mut position) = start();
    while !stop.load(Ordering::Relaxed) && position < INPUT_COUNT {
        let until = (position + 1 + rng.below(40) as usize).min(INPUT_COUNT);
        let values: Vec<String> = (position..until).map(|number| number.to_string()).collect();
        let commit = !rng.percent(10);
        let offsets = [(
            (INPUT.to_owned(), 0),
            Position::at(Offset::new(until as i64)),
        )];
        let done = run
            .send(0, &values)
            .and_then(|()| run.transaction.commit_offsets(&member, &offsets.into()))
            .and_then(|()| run.producer.flush())
            .and_then(|()| run.end(commit));
        match done {
            Ok(()) if commit => position = until,
            Ok(()) => {}
            // Whether it counts is what the group says.
            Err(_) => (run, position) = start(),
        }
    }
}
