//! Transactions over several partitions, crashed at every moment: of each, all
//! records are committed or none; one whose end was reported is decided so; after
//! the next session nothing is undecided.

use crate::crash_support::{Contents, read_log};
use crate::session::DATA;
use ottla::format::batch::Producer;
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::record::Headers;
use ottla::host::sim::{Op, Rng, SimHost};
use ottla::host::{Durability, Host};
use ottla::log::layout::TopicPartition;
use ottla::log::partition::{Partition, Placement};
use ottla::log::session::Session;
use ottla::log::transaction;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const SEEDS: u64 = 40;
const MOMENTS: u64 = 12;
const TOPIC: &str = "topic";
const PARTITIONS: i32 = 3;

/// A transaction that a session ran.
struct Ran {
    values: BTreeSet<(i32, Vec<u8>)>,
    commit: bool,
    /// Changes of the disk before its end was asked for, and when that was reported.
    end_begun: u64,
    end_done: u64,
}

struct Script {
    seed: u64,
    host: SimHost,
    rng: Rng,
    id: Option<&'static str>,
    ran: Vec<Ran>,
}

#[test]
fn transactions_are_whole_after_crashes() {
    let seeds = match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..SEEDS).collect(),
    };
    for seed in seeds {
        let script = Script::run(seed);
        script.crash();
    }
}

impl Script {
    fn run(seed: u64) -> Self {
        let host = SimHost::new(seed);
        host.tick_ms(1);
        host.record();
        let mut rng = Rng::new(seed);
        let id = rng.percent(30).then_some("named");
        let mut script = Self {
            seed,
            host,
            rng,
            id,
            ran: Vec::new(),
        };
        let configs = [("segment.bytes".to_owned(), "600".to_owned())];
        let mut session = Some(script.open());
        let created = session
            .as_mut()
            .unwrap()
            .create_topic(TOPIC, PARTITIONS, &configs);
        created.unwrap();
        for number in 0..3 {
            let mut open = session.take().unwrap_or_else(|| script.open());
            script.transaction(&mut open, number);
            match script.rng.below(3) {
                0 => open.close().unwrap(),
                1 => drop(open), // As killed.
                _ => session = Some(open),
            }
        }
        script
    }

    fn open(&self) -> Session {
        let host: Arc<dyn Host> = Arc::new(self.host.clone());
        Session::open(&host, Path::new(DATA), Durability::Synced).unwrap()
    }

    fn transaction(&mut self, session: &mut Session, number: usize) {
        let mut open = transaction::begin(session, self.id).unwrap();
        let (id, epoch) = open.producer();
        let mut partitions = BTreeMap::<i32, (Partition, i32)>::new();
        let mut values = BTreeSet::new();
        for batch in 0..1 + self.rng.below(5) {
            let at = self.rng.below(PARTITIONS as u64) as i32;
            let name = TopicPartition::new(TOPIC, at);
            open.add(session, &name).unwrap();
            let (partition, sequence) = partitions
                .entry(at)
                .or_insert_with(|| (session.partition(&name).unwrap(), 0));
            let fill = "t".repeat(self.rng.below(300) as usize);
            let value = format!("{number} {batch} {fill}").into_bytes();
            let mut builder = BatchBuilder::default();
            builder
                .append(None, None, Some(&value), Headers::default())
                .unwrap();
            let bytes = builder.seal(&Seal {
                producer: Some(Producer {
                    id,
                    epoch,
                    base_sequence: Some(*sequence),
                }),
                transactional: true,
                ..Seal::default()
            });
            partition.append(bytes, Placement::Next).unwrap();
            *sequence += 1;
            values.insert((at, value));
        }
        let all: Vec<_> = partitions
            .values_mut()
            .map(|(partition, _)| partition)
            .collect();
        session.sync(all.into_iter()).unwrap();
        let commit = self.rng.percent(70);
        let end_begun = self.host.mutations();
        open.end(session, commit).unwrap();
        self.ran.push(Ran {
            values,
            commit,
            end_begun,
            end_done: self.host.mutations(),
        });
    }

    fn crash(&self) {
        let log = self.host.recorded();
        let machine = SimHost::new(self.seed);
        machine.tick_ms(1);
        let mut rng = Rng::new(!self.seed);
        let all = log.len() as u64;
        let mut moments: BTreeSet<u64> = (0..MOMENTS).map(|_| rng.below(all + 1)).collect();
        // Where it matters: while a transaction ends.
        for ran in &self.ran {
            let span = ran.end_done - ran.end_begun;
            moments.extend((0..6).map(|_| ran.end_begun + rng.below(span + 1)));
        }
        let mut done = 0;
        for moment in moments {
            for op in &log[done as usize..moment as usize] {
                machine.apply(op).unwrap();
            }
            done = moment;
            self.verify(&machine.power_cut(rng.next_u64()), moment, "power cut");
            let killed = machine.fork();
            if let Some(Op::Write {
                file,
                position,
                bytes,
            }) = log.get(done as usize)
            {
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
            if rng.percent(50) {
                // The next tool finishes what was left, and then the power goes.
                let next = killed.fork();
                let host: Arc<dyn Host> = Arc::new(next.clone());
                drop(Session::open(&host, Path::new(DATA), Durability::Synced).unwrap());
                self.verify(
                    &next.power_cut(rng.next_u64()),
                    moment,
                    "kill and power cut",
                );
            } else {
                self.verify(&killed, moment, "kill");
            }
        }
    }

    fn verify(&self, machine: &SimHost, moment: u64, crash: &str) {
        let what = format!("seed {}, {crash} after change {moment}", self.seed);
        let host: Arc<dyn Host> = Arc::new(machine.clone());
        let session = Session::open(&host, Path::new(DATA), Durability::Synced);
        let mut session = session.unwrap_or_else(|error| panic!("{what}: {error}"));
        if session.image().topic(TOPIC).is_none() {
            assert!(
                self.ran.iter().all(|ran| ran.end_done > moment),
                "{what}: the topic is lost"
            );
            return;
        }
        if let Some(id) = self.id {
            // Whoever takes the id over finishes what was left under it.
            transaction::begin(&mut session, Some(id)).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        for number in 0..PARTITIONS {
            let name = TopicPartition::new(TOPIC, number);
            let partition = session.partition(&name);
            let partition = partition.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(
                partition.last_stable(),
                partition.end(),
                "{what}: {name} is undecided"
            );
        }
        session
            .close()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let committed = self.verify_whole(machine, moment, &what);
        // What was decided stays so.
        let again = machine.power_cut(moment);
        let host: Arc<dyn Host> = Arc::new(again.clone());
        let session = Session::open(&host, Path::new(DATA), Durability::Synced);
        session
            .and_then(Session::close)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(
            self.verify_whole(&again, moment, &what),
            committed,
            "{what}: at last"
        );
    }

    fn verify_whole(&self, machine: &SimHost, moment: u64, what: &str) -> BTreeSet<(i32, Vec<u8>)> {
        let mut committed = BTreeSet::new();
        for number in 0..PARTITIONS {
            let directory = Path::new(DATA).join(format!("{TOPIC}-{number}"));
            let contents = read_log(machine, &directory);
            let contents = contents.unwrap_or_else(|error| panic!("{what}: {error}"));
            for value in committed_in(&contents) {
                assert!(committed.insert((number, value)), "{what}: a record twice");
            }
        }
        for (number, ran) in self.ran.iter().enumerate() {
            let count = ran.values.intersection(&committed).count();
            let is_whole = count == ran.values.len();
            assert!(
                count == 0 || is_whole,
                "{what}: half of transaction {number}"
            );
            let must = ran.commit && ran.end_done <= moment;
            let may = ran.commit && ran.end_begun < moment;
            assert!(is_whole || !must, "{what}: transaction {number} is lost");
            // A kill comes in the middle of the next change.
            let may = may || ran.commit && what.contains("kill") && ran.end_begun <= moment;
            assert!(
                count == 0 || may,
                "{what}: transaction {number} was not committed"
            );
        }
        committed
    }
}

/// The values that the markers of a partition commit. One producer at a time.
fn committed_in(contents: &Contents) -> Vec<Vec<u8>> {
    let (mut committed, mut open) = (Vec::new(), Vec::new());
    for record in &contents.records {
        match (record.is_control, &record.key) {
            (true, Some(key)) if key[3] == 1 => committed.append(&mut open),
            (true, _) => open.clear(),
            (false, _) => open.push(record.value.clone().unwrap_or_default()),
        }
    }
    committed
}
