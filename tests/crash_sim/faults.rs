//! A full disk and a failing one, in the middle of appends, rolls and syncs: the
//! call says so, what was in the log is untouched, what was not appended is not
//! there, and the next try continues without a gap.

use crate::crash_support::{check_indexes, read_log};
use crate::model::{Batch, State, Writer, count_whole};
use crate::session::{At, DATA, encode};
use crate::{directory_of, recover_only};
use ottla::host::sim::{Call, Failure, Fault, PAGE, Rng, SimHost};
use ottla::host::{Durability, Host, Open};
use ottla::log::data_dir::DataDir;
use ottla::log::layout::TopicPartition;
use ottla::log::partition::{Partition, Placement};
use ottla::log::session::Session;
use std::path::Path;
use std::sync::Arc;

const SEEDS: u64 = 300;

/// A session with one partition, and what that holds.
struct Bench {
    what: String,
    host: SimHost,
    rng: Rng,
    session: Session,
    partition: Partition,
    at: At,
    log: Vec<Batch>,
    counter: u64,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let host = SimHost::new(seed);
        host.tick_ms(1);
        let mut rng = Rng::new(seed);
        let as_host: Arc<dyn Host> = Arc::new(host.clone());
        let mut session = Session::open(&as_host, Path::new(DATA), Durability::Synced).unwrap();
        let bytes = [600, 5000, 1 << 30][rng.below(3) as usize];
        let configs = [
            ("segment.bytes".to_owned(), bytes.to_string()),
            ("index.interval.bytes".to_owned(), "1".to_owned()),
        ];
        session.create_topic("topic", 1, &configs).unwrap();
        let name = TopicPartition::new("topic", 0);
        let partition = session.partition(&name).unwrap();
        let mut bench = Self {
            what: format!("seed {seed}"),
            host,
            rng,
            session,
            partition,
            at: ("topic".to_owned(), 0),
            log: Vec::new(),
            counter: 0,
        };
        for _ in 0..bench.rng.below(6) {
            bench.append().unwrap();
        }
        bench
    }

    /// One to three batches, of which a failure may have left the first ones.
    fn append(&mut self) -> ottla::log::Result<()> {
        let open = State::of(&self.log).open;
        let producer = open.first_key_value().map(|(id, _)| *id);
        let batches = match producer {
            Some(producer) if self.rng.percent(40) => {
                let commit = self.rng.percent(30);
                vec![Batch::Marker { producer, commit }]
            }
            _ => (0..1 + self.rng.below(3)).map(|_| self.batch()).collect(),
        };
        let mut bytes = encode(&self.host, &self.log, &batches);
        let outcome = self.partition.append(&mut bytes, Placement::Next);
        // Another process: the faults are not for it.
        let reader = self.host.another_process();
        let contents = read_log(&reader, &directory_of(&self.at));
        let contents = contents.unwrap_or_else(|error| panic!("{}: {error}", self.what));
        let before = self.log.len();
        self.log.extend(batches);
        let count = count_whole(&contents, &self.log);
        let count = count.unwrap_or_else(|error| panic!("{}: {error}", self.what));
        assert_eq!(contents.torn, 0, "{}: {outcome:?}", self.what);
        assert!(
            count >= before,
            "{}: batches are gone: {outcome:?}",
            self.what
        );
        match outcome {
            Ok(_) => assert_eq!(count, self.log.len(), "{}", self.what),
            Err(_) => assert!(count < self.log.len(), "{}: all is there", self.what),
        }
        self.log.truncate(count);
        outcome.map(drop)
    }

    fn batch(&mut self) -> Batch {
        let writer = match self.rng.below(4) {
            0 => Writer::Idempotent(100),
            1 => Writer::Transactional(200),
            _ => Writer::Plain,
        };
        self.batch_of(writer)
    }

    fn batch_of(&mut self, writer: Writer) -> Batch {
        self.counter += 1;
        let most = [20, 300, 3000][self.rng.below(3) as usize];
        let fill = "f".repeat(self.rng.below(most) as usize);
        Batch::Data {
            writer,
            values: vec![format!("{} {fill}", self.counter).into_bytes()],
        }
    }

    /// Appends more, leaves cleanly, and finds all of it after a power cut.
    fn finish(mut self) {
        let what = self.what.clone();
        for _ in 0..4 {
            self.append()
                .unwrap_or_else(|error| panic!("{what}: once more: {error}"));
        }
        let state = State::of(&self.log);
        assert_eq!(self.partition.end().get(), state.end, "{what}");
        assert_eq!(
            self.partition.last_stable().get(),
            state.last_stable,
            "{what}"
        );
        self.session
            .sync([&mut self.partition].into_iter())
            .unwrap();
        self.session.close().unwrap();
        let after = self.host.power_cut(1);
        recover_only(&after).unwrap();
        let directory = directory_of(&self.at);
        let contents = read_log(&after, &directory).unwrap();
        assert_eq!(
            count_whole(&contents, &self.log),
            Ok(self.log.len()),
            "{what}"
        );
        check_indexes(&after, &directory).unwrap_or_else(|error| panic!("{what}: {error}"));
        let host: Arc<dyn Host> = Arc::new(after);
        let view = DataDir::open(&host, Path::new(DATA)).unwrap();
        let view = view
            .partition(&TopicPartition::new("topic", 0))
            .unwrap()
            .unwrap();
        let aborted = view.aborted(view.start(), view.end().unwrap()).unwrap();
        let aborted = aborted.iter().map(|aborted| aborted.last_offset.get());
        assert!(
            aborted.eq(state.aborted.iter().map(|aborted| aborted.last)),
            "{what}"
        );
    }
}

#[test]
fn a_call_that_fails_leaves_the_log_as_it_was() {
    let calls = [
        (Call::Write, ".log"),
        (Call::Write, ".log"),
        (Call::Write, "index"),
        (Call::Write, ".tmp"),
        (Call::Open, ""),
        (Call::Rename, ""),
        (Call::Read, ""),
    ];
    let mut failed = 0;
    for seed in 0..SEEDS {
        let mut bench = Bench::new(seed);
        let (call, suffix) = calls[bench.rng.below(calls.len() as u64) as usize];
        let failure = [Failure::NoSpace, Failure::Io][bench.rng.below(2) as usize];
        let fault = Fault::on(call, failure)
            .nth(1 + bench.rng.below(8))
            .after_bytes(bench.rng.below(200) as usize)
            .path_ending(suffix);
        bench.what = format!("seed {seed}, {fault:?}");
        let own = bench.host.clone();
        own.fail(fault);
        for _ in 0..10 {
            let before = own.planned();
            if bench.append().is_err() {
                failed += 1;
                break;
            }
            if own.planned() < before {
                break;
            }
        }
        own.fail_no_more();
        bench.finish();
    }
    assert!(failed > SEEDS / 3, "only {failed} calls failed");
}

#[test]
fn a_full_disk_takes_nothing_and_continues_when_it_is_not() {
    for seed in 0..SEEDS / 3 {
        let mut bench = Bench::new(seed);
        bench.host.set_free_space(Some(bench.rng.below(6) * PAGE));
        let mut full = false;
        for _ in 0..40 {
            if let Err(error) = bench.append() {
                assert!(
                    error.to_string().contains("No space left"),
                    "seed {seed}: {error}"
                );
                full = true;
            }
        }
        assert!(full, "seed {seed}: it all fitted");
        bench.host.set_free_space(None);
        bench.finish();
    }
}

#[test]
fn a_failed_sync_promises_nothing_ever_after() {
    for seed in 0..SEEDS / 3 {
        let mut bench = Bench::new(seed);
        bench
            .session
            .sync([&mut bench.partition].into_iter())
            .unwrap();
        let durable = bench.log.len();
        bench.append().unwrap();
        let (call, nth) = match bench.rng.below(4) {
            0 => (Call::SyncDir, 1),
            other => (Call::Sync, other),
        };
        bench.host.fail(Fault::on(call, Failure::Io).nth(nth));
        let partition = &mut bench.partition;
        let first = bench.session.sync([partition].into_iter());
        bench.host.fail_no_more();
        let partition = &mut bench.partition;
        let second = bench.session.sync([partition].into_iter());
        assert!(
            first.is_ok() || second.is_err(),
            "seed {seed}: a promise after a failure"
        );
        let _ = bench.session.close();
        let after = bench.host.power_cut(seed);
        recover_only(&after).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let contents = read_log(&after, &directory_of(&bench.at)).unwrap();
        let count = count_whole(&contents, &bench.log).unwrap();
        let promised = if first.is_ok() {
            bench.log.len()
        } else {
            durable
        };
        assert!(
            count >= promised,
            "seed {seed}: {count} of {promised} batches"
        );
        assert_eq!(contents.torn, 0, "seed {seed}");
    }
}

#[test]
fn a_read_only_disk_changes_nothing() {
    let mut bench = Bench::new(1);
    bench.append().unwrap();
    bench
        .session
        .sync([&mut bench.partition].into_iter())
        .unwrap();
    bench.session.close().unwrap();
    let before = bench.host.tree();
    bench.host.set_read_only(true);
    let host: Arc<dyn Host> = Arc::new(bench.host.clone());
    let error = Session::open(&host, Path::new(DATA), Durability::Synced)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("Read-only file system"),
        "{error}"
    );
    assert_eq!(bench.host.tree(), before);
}

/// Kafka was killed: its indexes are as long as they may become, zeros at the end.
#[test]
fn padded_indexes_are_continued() {
    for seed in 0..SEEDS / 6 {
        let mut bench = Bench::new(seed);
        for _ in 0..3 {
            bench.append().unwrap();
        }
        let directory = directory_of(&bench.at);
        let names = bench.host.list(&directory).unwrap();
        for name in names.iter().filter_map(|entry| entry.name.to_str()) {
            if name.ends_with(".index") || name.ends_with(".timeindex") {
                let index = bench.host.open(&directory.join(name), Open::Write).unwrap();
                index.set_len(8 * 12 * 100).unwrap();
            }
        }
        let host: Arc<dyn Host> = Arc::new(bench.host.clone());
        let session = Session::open(&host, Path::new(DATA), Durability::Synced).unwrap();
        drop(std::mem::replace(&mut bench.session, session));
        bench.partition = bench
            .session
            .partition(&TopicPartition::new("topic", 0))
            .unwrap();
        bench.finish();
    }
}

/// A copy that was made while the log grew: its `.log` is older than its indexes.
#[test]
fn indexes_ahead_of_their_log_are_not_trusted() {
    for seed in 0..SEEDS / 3 {
        let mut bench = Bench::new(seed);
        for _ in 0..4 {
            bench.append().unwrap();
        }
        let directory = directory_of(&bench.at);
        let whole = read_log(&bench.host, &directory).unwrap();
        let names = bench.host.list(&directory).unwrap();
        let names = names.iter().filter_map(|entry| entry.name.to_str());
        let last = names.filter(|name| name.ends_with(".log")).max().unwrap();
        let log = bench.host.open(&directory.join(last), Open::Write).unwrap();
        let length = log.len().unwrap();
        log.set_len(bench.rng.below(length + 1)).unwrap();
        let mut left = read_log(&bench.host, &directory).unwrap();
        left.torn = 0;
        let host: Arc<dyn Host> = Arc::new(bench.host.clone());
        let name = TopicPartition::new("topic", 0);
        let view = DataDir::open(&host, Path::new(DATA)).unwrap();
        let view = view.partition(&name).unwrap().unwrap();
        assert_eq!(
            view.end().unwrap().get(),
            left.end_offset,
            "seed {seed}: as readers see it"
        );
        let session = Session::open(&host, Path::new(DATA), Durability::Synced).unwrap();
        drop(std::mem::replace(&mut bench.session, session));
        bench.partition = bench
            .session
            .partition(&TopicPartition::new("topic", 0))
            .unwrap();
        assert_eq!(bench.partition.end().get(), left.end_offset, "seed {seed}");
        assert_eq!(
            read_log(&bench.host, &directory).unwrap(),
            left,
            "seed {seed}"
        );
        assert!(left.end_offset <= whole.end_offset);
        let count = count_whole(&left, &bench.log).unwrap();
        bench.log.truncate(count);
        let batch = bench.batch_of(Writer::Plain);
        let mut bytes = encode(&bench.host, &[], &[batch]);
        let appended = bench.partition.append(&mut bytes, Placement::Next).unwrap();
        assert_eq!(appended.first.get(), left.end_offset, "seed {seed}");
        bench
            .session
            .sync([&mut bench.partition].into_iter())
            .unwrap();
        bench.session.close().unwrap();
        check_indexes(&bench.host, &directory).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}
