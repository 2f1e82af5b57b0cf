use super::*;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::record::Headers;
use crate::host::sim::SimHost;
use crate::host::{Durability, Host};
use crate::log::data_dir::DataDir;
use crate::log::view::Chunk;
use std::path::Path;

const DATA: &str = "/data";

fn name() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A server's session with a topic whose segments hold few batches.
fn serve(host: &Arc<dyn Host>) -> Session {
    let mut session = Session::serve(host, Path::new(DATA)).unwrap();
    let small = ("internal.segment.bytes".to_owned(), "300".to_owned());
    session.create_topic("t", 1, &[small]).unwrap();
    session
}

fn open(session: &mut Session) -> Replica {
    let image = session.image().clone();
    Replica::open(session, &image, &Statics::new(), &name()).unwrap()
}

fn append(replica: &Replica, text: &str) -> Offset {
    let mut builder = BatchBuilder::default();
    let time = Some(Timestamp::new(1_700_000_000_000));
    builder
        .append(time, None, Some(text.as_bytes()), Headers::default())
        .unwrap();
    let mut batch = builder.seal(&Seal::default()).to_vec();
    replica.append(&mut batch, Placement::Next).unwrap().next
}

/// The first offset, and the offsets of the batches from there on, after whatever
/// happened to the machine.
fn after(machine: SimHost) -> (i64, Vec<i64>) {
    let host: Arc<dyn Host> = Arc::new(machine);
    let path = Path::new(DATA);
    Session::open(&host, path, Durability::Synced)
        .unwrap()
        .close()
        .unwrap();
    let view = DataDir::open(&host, path)
        .unwrap()
        .partition(&name())
        .unwrap()
        .unwrap();
    let mut cursor = view.cursor(view.start()).unwrap();
    let (mut chunk, mut found) = (Chunk::default(), Vec::new());
    while cursor.next_chunk(&mut chunk, 4096).unwrap() {
        for batch in chunk.batches() {
            found.push(Prefix::parse(batch.unwrap().1).unwrap().offset.get());
        }
    }
    found.retain(|offset| *offset >= view.start().get());
    (view.start().get(), found)
}

#[test]
fn what_was_flushed_is_there_after_a_power_cut() {
    let mut lost = 0;
    for seed in 0..30 {
        let machine = Arc::new(SimHost::new(seed));
        let host: Arc<dyn Host> = Arc::clone(&machine) as Arc<dyn Host>;
        let mut session = serve(&host);
        let replica = open(&mut session);
        for round in 0..7 {
            let end = append(&replica, &format!("flushed {round}"));
            replica.flush_through(end).unwrap();
        }
        // Whoever comes late to the same flush has nothing to do.
        let calls = machine.all_calls();
        replica.flush_through(Offset::new(7)).unwrap();
        assert_eq!(machine.all_calls(), calls);
        append(&replica, "not flushed");
        let (start, found) = after(machine.power_cut(seed));
        assert_eq!(start, 0, "seed {seed}");
        assert!(
            found.starts_with(&[0, 1, 2, 3, 4, 5, 6]),
            "seed {seed}: {found:?}"
        );
        lost += usize::from(found.len() == 7);
    }
    assert!(lost > 0, "no cut lost what was not flushed");
}

#[test]
fn a_failed_flush_is_never_followed_by_one_that_says_all_is_well() {
    use crate::host::sim::{Call, Failure, Fault};
    let machine = Arc::new(SimHost::new(1));
    let host: Arc<dyn Host> = Arc::clone(&machine) as Arc<dyn Host>;
    let mut session = serve(&host);
    let replica = open(&mut session);
    let end = append(&replica, "a");
    replica.flush_through(end).unwrap();
    let end = append(&replica, "b");
    machine.fail(Fault::on(Call::Sync, Failure::Io));
    replica.flush_through(end).unwrap_err();
    machine.fail_no_more();
    replica.flush_through(end).unwrap_err();
}

#[test]
fn a_head_that_goes_leaves_the_rest_whatever_cuts_the_power() {
    let mut moved = 0;
    for mutations in 0..40 {
        let machine = Arc::new(SimHost::new(mutations));
        let host: Arc<dyn Host> = Arc::clone(&machine) as Arc<dyn Host>;
        let mut session = serve(&host);
        let replica = open(&mut session);
        for round in 0..12 {
            let end = append(&replica, &format!("record {round}"));
            replica.flush_through(end).unwrap();
        }
        replica.settle().unwrap();
        let done = machine.mutations();
        machine.stop_after(done + mutations);
        // As upkeep does it; each step may be the last.
        let _ = replica
            .advance_start(Offset::new(8))
            .and_then(|start| session.set_log_starts(&[(name(), start)]))
            .and_then(|()| replica.drop_head())
            .and_then(|files| crate::log::partition::remove_files(&*host, &files));
        let (start, found) = after(machine.power_cut(mutations));
        assert!([0, 8].contains(&start), "after {mutations}: {start}");
        let expected: Vec<i64> = (start..12).collect();
        assert_eq!(found, expected, "after {mutations}");
        moved += usize::from(start == 8);
    }
    assert!(
        (1..40).contains(&moved),
        "{moved} of 40 got as far as the checkpoint"
    );
}
