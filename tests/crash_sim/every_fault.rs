//! One short life of a directory, from nothing to a clean stop and back again, in
//! which each call of the system fails once, the first, the second, … of each kind.
//! Whatever failed: nothing panics, the next tool opens the directory, finds what
//! was promised, and goes on.

use crate::crash_support::{check_indexes, read_log};
use crate::model::{Batch, Writer, count_whole};
use crate::session::{At, DATA, encode};
use crate::{directory_of, recover_only};
use ottla::host::sim::{Call, Failure, Fault, SimHost};
use ottla::host::{Durability, Host};
use ottla::log::layout::TopicPartition;
use ottla::log::partition::Placement;
use ottla::log::session::Session;
use std::path::Path;
use std::sync::Arc;

const CALLS: [Call; 14] = [
    Call::Open,
    Call::Stat,
    Call::List,
    Call::CreateDir,
    Call::Rename,
    Call::RemoveFile,
    Call::Read,
    Call::Write,
    Call::SetLen,
    Call::Map,
    Call::Lock,
    Call::Sync,
    Call::SyncDir,
    Call::SyncAll,
];

/// What a life has come to.
#[derive(Default)]
struct Life {
    has_topic: bool,
    /// Every batch that an append was called for.
    called: Vec<Batch>,
    /// How many batches are in the log for sure, and how many durably.
    appended: usize,
    durable: usize,
}

#[test]
fn every_call_fails_once() {
    let mut failed = 0;
    for call in CALLS {
        for nth in 1.. {
            let failure = if nth % 2 == 0 {
                Failure::Io
            } else {
                Failure::NoSpace
            };
            let host = SimHost::new(nth);
            host.tick_ms(1);
            host.fail(
                Fault::on(call, failure)
                    .nth(nth)
                    .after_bytes(nth as usize % 90),
            );
            let mut life = Life::default();
            let outcome = life.live(&host);
            let what = format!("{call:?} number {nth} fails: {:?}", outcome.as_ref().err());
            if host.planned() > 0 {
                assert!(outcome.is_ok(), "{what}");
                break;
            }
            failed += 1;
            host.fail_no_more();
            let is_sync = matches!(call, Call::Sync | Call::SyncDir | Call::SyncAll);
            let cut = host.power_cut(nth);
            life.verify(&cut, life.durable, &format!("{what}; power cut"));
            // What a failed sync lost stays in the cache: only a power cut shows it.
            if !is_sync {
                let killed = host.process_kill().fork();
                life.verify(&killed, life.appended, &format!("{what}; kill"));
            }
        }
    }
    assert!(failed > 200, "only {failed} faults happened");
}

impl Life {
    /// Two sessions: a topic, batches over several segments, syncs, clean stops.
    fn live(&mut self, machine: &SimHost) -> ottla::log::Result<()> {
        let host: Arc<dyn Host> = Arc::new(machine.clone());
        let configs = [
            ("segment.bytes".to_owned(), "400".to_owned()),
            ("index.interval.bytes".to_owned(), "1".to_owned()),
        ];
        for round in 0..2 {
            let mut session = Session::open(&host, Path::new(DATA), Durability::Synced)?;
            if round == 0 {
                session.create_topic("topic", 1, &configs)?;
                self.has_topic = true;
            }
            let mut partition = session.partition(&TopicPartition::new("topic", 0))?;
            for number in 0..4 {
                let batch = match (round, number) {
                    (1, 3) => Batch::Marker {
                        producer: 200,
                        commit: false,
                    },
                    (1, 1) => data(Writer::Transactional(200), number),
                    (_, 0) => data(Writer::Plain, number),
                    _ => data(Writer::Idempotent(100), number),
                };
                let mut bytes = encode(machine, &self.called, std::slice::from_ref(&batch));
                self.called.push(batch);
                partition.append(&mut bytes, Placement::Next)?;
                self.appended = self.called.len();
                if number % 2 == 1 {
                    session.sync([&mut partition].into_iter())?;
                    self.durable = self.appended;
                }
            }
            session.sync([&mut partition].into_iter())?;
            self.durable = self.appended;
            drop(partition);
            session.close()?;
        }
        Ok(())
    }

    fn verify(&self, machine: &SimHost, must: usize, what: &str) {
        let host: Arc<dyn Host> = Arc::new(machine.clone());
        let session = Session::open(&host, Path::new(DATA), Durability::Synced);
        let mut session = session.unwrap_or_else(|error| panic!("{what}: {error}"));
        if session.image().topic("topic").is_none() {
            assert!(!self.has_topic, "{what}: the topic is lost");
            return;
        }
        let at: At = ("topic".to_owned(), 0);
        let partition = session.partition(&TopicPartition::new("topic", 0));
        let mut partition = partition.unwrap_or_else(|error| panic!("{what}: {error}"));
        let contents = read_log(machine, &directory_of(&at));
        let contents = contents.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(contents.torn, 0, "{what}");
        let count = count_whole(&contents, &self.called);
        let count = count.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(
            count >= must,
            "{what}: {count} batches, {must} were promised"
        );
        let mut batches = self.called[..count].to_vec();
        let more = data(Writer::Plain, 9);
        let mut bytes = encode(machine, &batches, std::slice::from_ref(&more));
        batches.push(more);
        let appended = partition.append(&mut bytes, Placement::Next);
        let appended = appended.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(appended.first.get(), contents.end_offset, "{what}");
        let synced = session.sync([&mut partition].into_iter());
        synced
            .and_then(|()| session.close())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let after = machine.power_cut(1);
        recover_only(&after).unwrap_or_else(|error| panic!("{what}: {error}"));
        let contents = read_log(&after, &directory_of(&at)).unwrap();
        assert_eq!(
            count_whole(&contents, &batches),
            Ok(batches.len()),
            "{what}"
        );
        let indexes = check_indexes(&after, &directory_of(&at));
        indexes.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

fn data(writer: Writer, number: usize) -> Batch {
    let value = format!("{number} {}", "d".repeat(100 * number));
    Batch::Data {
        writer,
        values: vec![value.into_bytes()],
    }
}
