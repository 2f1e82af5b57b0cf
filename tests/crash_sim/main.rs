//! Simulated crashes of a produce session: power cuts and kills after every change
//! of the disk, in the middle of writes, and again during the recovery.
//!
//! After each: the directory opens; what was reported durable is there; what else
//! remains is whole batches, in order, from the front; indexes, transactions and
//! producers agree with the log; the next append continues without a gap; a clean
//! stop and another power cut lose nothing.
//!
//! A failure prints the seed of the session, the moment and the seeds of the
//! machine; `OTTLA_CRASH_SEED=N` runs one session alone, cut at every moment.

#[path = "../crash_support/mod.rs"]
mod crash_support;
mod every_fault;
mod faults;
mod model;
mod session;
mod transactions;

use crash_support::{check_indexes, read_log};
use model::{Aborted, Batch, Crash, Ledger, State, Writer, count_whole};
use ottla::format::Offset;
use ottla::host::Durability;
use ottla::host::Host;
use ottla::host::sim::{Op, Rng, SimHost, is_stopped};
use ottla::log::data_dir::DataDir;
use ottla::log::layout::TopicPartition;
use ottla::log::partition::{Partition, Placement};
use ottla::log::session::Session;
use session::{At, DATA, Script, encode};
use std::path::Path;
use std::sync::Arc;

/// Sessions that are cut at a few moments.
const SEEDS: u64 = 240;
/// Moments of each.
const MOMENTS: u64 = 6;
/// Sessions that are cut at every moment.
const THOROUGH_SEEDS: u64 = 6;

#[test]
fn power_cuts_and_kills_at_every_moment() {
    let seeds = match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..THOROUGH_SEEDS).collect(),
    };
    for seed in seeds {
        let script = Script::run(seed);
        let moments: Vec<u64> = (0..=script.host.mutations()).collect();
        crash_at(seed, &script, &moments);
    }
}

#[test]
fn power_cuts_and_kills_of_many_sessions() {
    if std::env::var_os("OTTLA_CRASH_SEED").is_some() {
        return;
    }
    for seed in THOROUGH_SEEDS..THOROUGH_SEEDS + SEEDS {
        let script = Script::run(seed);
        let mut rng = Rng::new(!seed);
        let all = script.host.mutations();
        let mut moments: Vec<u64> = (0..MOMENTS).map(|_| rng.below(all + 1)).collect();
        moments.sort_unstable();
        moments.dedup();
        crash_at(seed, &script, &moments);
    }
}

/// Crashes the session at each of the moments, which ascend.
fn crash_at(seed: u64, script: &Script, moments: &[u64]) {
    let log = script.host.recorded();
    let machine = SimHost::new(seed);
    machine.tick_ms(1);
    let mut rng = Rng::new(seed ^ 0x5eed);
    let mut done = 0;
    for &moment in moments {
        for op in &log[done..moment as usize] {
            machine.apply(op).unwrap();
        }
        done = moment as usize;
        let case = Case {
            seed,
            moment,
            ledger: &script.ledger,
        };
        case.verify(&machine.power_cut(rng.next_u64()), Crash::PowerCut);
        case.cut_again(&machine, &mut rng);
        let killed = machine.fork();
        if let Some(Op::Write {
            file,
            position,
            bytes,
        }) = log.get(done)
        {
            // The next write was under way.
            let bytes = bytes[..rng.below(bytes.len() as u64 + 1) as usize].into();
            let (file, position) = (*file, *position);
            killed
                .apply(&Op::Write {
                    file,
                    position,
                    bytes,
                })
                .unwrap();
        }
        // What the write under way left may be there.
        let case = Case {
            moment: moment + 1,
            ..case
        };
        case.verify(&killed, Crash::Kill);
    }
}

/// A crash, and what is known of the session before it.
#[derive(Clone, Copy)]
struct Case<'a> {
    seed: u64,
    moment: u64,
    ledger: &'a Ledger,
}

impl Case<'_> {
    /// The power goes again while the directory is recovered, and once more.
    fn cut_again(&self, machine: &SimHost, rng: &mut Rng) {
        let first = machine.power_cut(rng.next_u64());
        first.stop_after(rng.below(30));
        if let Err(error) = recover_only(&first) {
            assert!(is_stopped(&error), "{}: {error}", self.what());
        }
        self.verify(&first.power_cut(rng.next_u64()), Crash::PowerCut);
    }

    /// The changes that were made whole: a kill comes in the middle of the last one.
    fn whole(&self, crash: Crash) -> u64 {
        self.moment - u64::from(crash == Crash::Kill)
    }

    fn what(&self) -> String {
        format!("session {}, crash after change {}", self.seed, self.moment)
    }

    /// Opens the directory and checks all that is promised.
    fn verify(&self, machine: &SimHost, crash: Crash) {
        let what = format!("{} ({crash:?})", self.what());
        let host: Arc<dyn Host> = Arc::new(machine.clone());
        let mut session = Session::open(&host, Path::new(DATA), Durability::Synced)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut partitions = Vec::new();
        let mut expected = Vec::new();
        for topic in &self.ledger.topics {
            let survives = topic.is_durable || crash == Crash::Kill;
            let known = session
                .image()
                .topic(&topic.name)
                .map(|topic| topic.partitions.len());
            let is_promised = survives && topic.done <= self.whole(crash);
            assert!(
                known.is_some() || !is_promised,
                "{what}: {} is lost",
                topic.name
            );
            let Some(known) = known else { continue };
            assert_eq!(known, topic.partitions as usize, "{what}: {}", topic.name);
            for number in 0..topic.partitions {
                let at = (topic.name.clone(), number);
                let name = TopicPartition::new(at.0.as_str(), at.1);
                let partition = session.partition(&name);
                let mut partition = partition.unwrap_or_else(|error| panic!("{what}: {error}"));
                let left = self.verify_partition(machine, &host, &mut partition, &at, crash);
                expected.push((at, continue_on(machine, &mut partition, left, &what)));
                partitions.push(partition);
            }
        }
        let synced = session.sync(partitions.iter_mut());
        synced
            .and_then(|()| session.close())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let directory = DataDir::open(&host, Path::new(DATA)).unwrap();
        assert!(directory.is_clean(), "{what}: no mark of the clean stop");
        let after = machine.power_cut(self.moment);
        assert_eq!(
            recover_only(&after).map_err(|error| error.to_string()),
            Ok(()),
            "{what}"
        );
        for (at, batches) in expected {
            let contents = read_log(&after, &directory_of(&at));
            let contents = contents.unwrap_or_else(|error| panic!("{what}: at last: {error}"));
            assert_eq!(contents.torn, 0, "{what}: at last");
            let count = count_whole(&contents, &batches);
            assert_eq!(count, Ok(batches.len()), "{what}: {at:?} at last");
        }
    }

    /// Checks one partition; returns the batches that are left.
    fn verify_partition(
        &self,
        machine: &SimHost,
        host: &Arc<dyn Host>,
        partition: &mut Partition,
        at: &At,
        crash: Crash,
    ) -> Vec<Batch> {
        let what = format!("{}, {at:?} ({crash:?})", self.what());
        let directory = directory_of(at);
        let contents = read_log(machine, &directory);
        let contents = contents.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            (contents.torn, contents.first_offset),
            (0, 0),
            "{what}: torn, first offset"
        );
        let (must, _) = self.ledger.left(at, self.whole(crash), crash);
        let (_, mut batches) = self.ledger.left(at, self.moment, crash);
        let count = count_whole(&contents, &batches);
        let count = count.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(
            count >= must,
            "{what}: {count} batches left, {must} were promised"
        );
        batches.truncate(count);
        let indexes = check_indexes(machine, &directory);
        indexes.unwrap_or_else(|error| panic!("{what}: {error}"));
        self.verify_transactions(host, partition, at, &batches, &what);
        batches
    }

    fn verify_transactions(
        &self,
        host: &Arc<dyn Host>,
        partition: &Partition,
        at: &At,
        batches: &[Batch],
        what: &str,
    ) {
        let state = State::of(batches);
        assert_eq!(partition.end().get(), state.end, "{what}: end");
        assert_eq!(
            partition.last_stable().get(),
            state.last_stable,
            "{what}: last stable offset"
        );
        let directory = DataDir::open(host, Path::new(DATA)).unwrap();
        let name = TopicPartition::new(at.0.as_str(), at.1);
        let view = directory.partition(&name).unwrap().expect("its directory");
        assert_eq!(
            view.end().unwrap().get(),
            state.end,
            "{what}: end as readers see it"
        );
        let aborted = view.aborted(Offset::ZERO, partition.end()).unwrap();
        let aborted: Vec<Aborted> = aborted
            .iter()
            .map(|aborted| Aborted {
                producer: aborted.producer_id.get(),
                first: aborted.first_offset.get(),
                last: aborted.last_offset.get(),
            })
            .collect();
        assert_eq!(aborted, state.aborted, "{what}: aborted transactions");
        let mut open: Vec<i64> = state.open.values().copied().collect();
        open.sort_unstable();
        let found = partition.producers().open().map(|(first, _)| first.get());
        assert!(found.eq(open), "{what}: open transactions");
    }
}

/// Opens the directory and leaves it again.
fn recover_only(machine: &SimHost) -> ottla::log::Result<()> {
    let host: Arc<dyn Host> = Arc::new(machine.clone());
    Session::open(&host, Path::new(DATA), Durability::Synced)?.close()
}

/// Appends to what is left: a plain batch, one of each producer that is known, and
/// the ends of open transactions. Returns all batches that are there now.
fn continue_on(
    machine: &SimHost,
    partition: &mut Partition,
    left: Vec<Batch>,
    what: &str,
) -> Vec<Batch> {
    let mut batches = left;
    let state = State::of(&batches);
    let values = |text: &str| vec![text.as_bytes().to_vec()];
    let mut more = vec![Batch::Data {
        writer: Writer::Plain,
        values: values("after the crash"),
    }];
    more.extend(
        state
            .sequences
            .keys()
            .filter(|id| **id < 200)
            .map(|&id| Batch::Data {
                writer: Writer::Idempotent(id),
                values: values("and no gap"),
            }),
    );
    more.extend(state.open.keys().map(|&producer| Batch::Marker {
        producer,
        commit: false,
    }));
    for batch in more {
        let mut bytes = encode(machine, &batches, std::slice::from_ref(&batch));
        let end = State::of(&batches).end;
        let appended = partition.append(&mut bytes, Placement::Next);
        let appended = appended.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(appended.first.get(), end, "{what}: the next append");
        batches.push(batch);
    }
    assert_eq!(
        partition.last_stable(),
        partition.end(),
        "{what}: all is decided"
    );
    batches
}

fn directory_of(at: &At) -> std::path::PathBuf {
    Path::new(DATA).join(format!("{}-{}", at.0, at.1))
}
