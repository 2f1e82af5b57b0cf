use super::super::testing::carry_out;
use super::*;
use crate::host::Durability;
use crate::host::real::RealHost;
use crate::log::data_dir::DataDir;
use crate::log::partition::Placement;
use crate::log::session::Session;
use crate::log::transaction;

fn host() -> Arc<dyn Host> {
    Arc::new(RealHost)
}

fn batch(by: Option<(ProducerId, ProducerEpoch)>, values: &[&str]) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for value in values {
        let now = Some(Timestamp::new(1000));
        let value = Some(value.as_bytes());
        builder
            .append(now, None, value, Headers::default())
            .unwrap();
    }
    let producer = by.map(|(id, epoch)| Producer {
        id,
        epoch,
        base_sequence: Some(0),
    });
    builder
        .seal(&Seal {
            producer,
            transactional: by.is_some(),
            ..Seal::default()
        })
        .to_vec()
}

/// Two partitions, each with a committed record, two of a transaction that is left
/// open, and one behind them.
fn left_open(folder: &Path) -> ProducerId {
    let mut session = Session::open(&host(), folder, Durability::Synced).unwrap();
    session.create_topic("t", 2, &[]).unwrap();
    let mut open = transaction::begin(&mut session, Some("mine")).unwrap();
    let by = open.producer();
    for number in 0..2 {
        let name = TopicPartition::new("t", number);
        open.add(&mut session, &name).unwrap();
        let mut partition = session.partition(&name).unwrap();
        for mut bytes in [
            batch(None, &["before"]),
            batch(Some(by), &["a", "b"]),
            batch(None, &["c"]),
        ] {
            partition.append(&mut bytes, Placement::Next).unwrap();
        }
        partition.sync().unwrap();
    }
    std::mem::forget(open);
    by.0
}

fn abort(folder: &Path, partitions: &[TopicPartition], producer: ProducerId) -> Result<Plan> {
    let dir = DataDir::open(&host(), folder).unwrap();
    let plan = Abort {
        data: folder,
        partitions,
        image: Some(dir.image()),
        producer,
    }
    .plan(&host())?;
    carry_out(&RealHost, &plan, folder);
    Ok(plan)
}

/// The end and the last stable offset, as whoever appends next sees them.
fn ends(folder: &Path, number: i32) -> (i64, i64) {
    let name = TopicPartition::new("t", number);
    let tail = Tail::read(&RealHost, folder, &name).unwrap();
    let stable = tail.producers.first_open().unwrap_or(tail.end);
    (tail.end.get(), stable.get())
}

fn status(folder: &Path, producer: ProducerId) -> Option<(Option<TransactionStatus>, i16)> {
    let search = Abort {
        data: folder,
        partitions: &[],
        image: None,
        producer,
    };
    let (_, _, value) = search.known(&host()).unwrap()?;
    Some((
        value.status(),
        value.producer_epoch.map_or(-1, ProducerEpoch::get),
    ))
}

#[test]
fn one_that_the_coordinator_knows_ends_in_all_its_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let producer = left_open(path);
    assert_eq!(ends(path, 0), (4, 1));
    assert_eq!(
        status(path, producer),
        Some((Some(TransactionStatus::Ongoing), 0))
    );
    let only = [TopicPartition::new("t", 1)];
    let plan = abort(path, &only, producer).unwrap();
    assert!(
        plan.notes[0].contains("the last stable offset becomes 5"),
        "{:?}",
        plan.notes
    );
    assert_eq!((ends(path, 0), ends(path, 1)), ((5, 5), (5, 5)));
    assert_eq!(
        status(path, producer),
        Some((Some(TransactionStatus::CompleteAbort), 1))
    );
    // What is written goes on from here, and a snapshot alone tells the same.
    let mut session = Session::open(&host(), path, Durability::Synced).unwrap();
    for number in 0..2 {
        let mut partition = session
            .partition(&TopicPartition::new("t", number))
            .unwrap();
        assert_eq!(partition.last_stable().get(), 5);
        let mut next = batch(None, &["next"]);
        let appended = partition.append(&mut next, Placement::Next).unwrap();
        assert_eq!(appended.first.get(), 5);
    }
    session.close().unwrap();
    let index = std::fs::read(path.join("t-0/00000000000000000000.txnindex")).unwrap();
    let entry = AbortedTxn::decode(index[..].try_into().unwrap()).unwrap();
    assert_eq!(
        (
            entry.first_offset.get(),
            entry.last_offset.get(),
            entry.last_stable_offset.get()
        ),
        (1, 4, 5)
    );
    let again = abort(path, &only, producer).unwrap_err().to_string();
    assert!(again.contains("no transaction is open here"), "{again}");
}

#[test]
fn one_that_nobody_knows_ends_where_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let producer = left_open(path);
    for number in 0..50 {
        let _ = std::fs::remove_dir_all(path.join(format!("__transaction_state-{number}")));
    }
    let both = [0, 1].map(|number| TopicPartition::new("t", number));
    let other = ProducerId::new(77);
    let error = abort(path, &both, other).unwrap_err().to_string();
    let expected = format!(
        "producer {producer} in t-0 since offset 1, producer {producer} in t-1 since offset 1"
    );
    assert!(error.contains(&expected), "{error}");
    abort(path, &both[..1], producer).unwrap();
    assert_eq!((ends(path, 0), ends(path, 1)), ((5, 5), (4, 1)));
    abort(path, &both, producer).unwrap();
    assert_eq!((ends(path, 0), ends(path, 1)), ((5, 5), (5, 5)));
}

#[test]
fn a_log_that_is_damaged_is_repaired_first() {
    let folder = tempfile::tempdir().unwrap();
    let producer = left_open(folder.path());
    let log = folder.path().join("t-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let end = bytes.len();
    bytes[end - 1] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let both = [TopicPartition::new("t", 0)];
    let error = abort(folder.path(), &both, producer).unwrap_err();
    assert!(error.is_damage(), "{error}");
    assert!(
        error.to_string().contains("run ottla repair without"),
        "{error}"
    );
}
