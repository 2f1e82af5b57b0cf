use super::*;
use proptest::prelude::*;
use std::cell::Cell;

const ID: &str = "id";
const TIMEOUT_MS: i32 = 60_000;
const NEW: i16 = FIRST_WITH_EPOCHS;
const OLD: i16 = 0;

/// A coordinator that writes everything, and the producer ids it gives out.
struct Desk {
    all: Transactions,
    last_id: Cell<i64>,
    now_ms: i64,
}

impl Desk {
    fn new() -> Self {
        Self {
            all: Transactions::default(),
            last_id: Cell::new(0),
            now_ms: 1_000,
        }
    }

    fn known(&self) -> &Transaction {
        self.all.get(ID).expect("the id is known")
    }

    fn producer(&self) -> (ProducerId, ProducerEpoch) {
        (self.known().producer_id, self.known().epoch)
    }

    fn set_epoch(&mut self, epoch: i16) {
        let mut known = self.known().clone();
        known.epoch = ProducerEpoch::new(epoch);
        self.all.put(ID, known);
    }

    fn initialize(
        &mut self,
        expected: Option<(ProducerId, ProducerEpoch)>,
    ) -> Result<Initialized, ErrorCode> {
        let outcome = self.all.initialize(
            ID,
            expected,
            TIMEOUT_MS,
            NEW,
            self.now_ms,
            &mut next_id(&self.last_id),
        )?;
        let (Initialized::Ready(next) | Initialized::Abort(next)) = &outcome;
        self.all.put(ID, next.clone());
        Ok(outcome)
    }

    fn add(
        &mut self,
        producer: (ProducerId, ProducerEpoch),
        numbers: &[i32],
        version: i16,
    ) -> Result<(), ErrorCode> {
        let partitions = numbers.iter().map(|n| ("t".to_owned(), *n)).collect();
        let next = self
            .all
            .add(ID, producer, &partitions, version, self.now_ms)?;
        if let Some(next) = next {
            self.all.put(ID, next);
        }
        Ok(())
    }

    /// Ends a transaction; `None` where it has been ended so before.
    fn end(
        &mut self,
        producer: (ProducerId, ProducerEpoch),
        commit: bool,
        version: i16,
    ) -> Result<Option<Transaction>, ErrorCode> {
        let mut new_id = next_id(&self.last_id);
        let now_ms = self.now_ms;
        let ended = self
            .all
            .end(ID, producer, commit, version, now_ms, &mut new_id)?;
        drop(new_id);
        match ended {
            Ended::Already(..) => Ok(None),
            Ended::Prepared(next) => {
                self.all.put(ID, next.clone());
                Ok(Some(next))
            }
        }
    }

    fn complete(&mut self) {
        let next = self.known().complete(self.now_ms);
        self.all.put(ID, next);
    }

    /// One that has come to `status` in epoch 5 by a client of today.
    fn in_status(status: TransactionStatus) -> Self {
        let mut desk = Self::new();
        desk.initialize(None).unwrap();
        desk.set_epoch(4);
        let before = desk.producer();
        match status {
            TransactionStatus::Empty => desk.set_epoch(5),
            TransactionStatus::Ongoing => {
                desk.set_epoch(5);
                desk.add(desk.producer(), &[0], NEW).unwrap();
            }
            _ => {
                desk.add(before, &[0], NEW).unwrap();
                let commit = matches!(
                    status,
                    TransactionStatus::PrepareCommit | TransactionStatus::CompleteCommit
                );
                desk.end(before, commit, NEW).unwrap();
                if !matches!(
                    status,
                    TransactionStatus::PrepareCommit | TransactionStatus::PrepareAbort
                ) {
                    desk.complete();
                }
            }
        }
        assert_eq!((desk.known().status, desk.known().epoch.get()), (status, 5));
        desk
    }
}

fn next_id(last: &Cell<i64>) -> impl FnMut() -> Result<ProducerId, ErrorCode> + '_ {
    move || {
        last.set(last.get() + 1);
        Ok(ProducerId::new(last.get()))
    }
}

fn at(id: i64, epoch: i16) -> (ProducerId, ProducerEpoch) {
    (ProducerId::new(id), ProducerEpoch::new(epoch))
}

#[test]
fn a_new_epoch_fences_the_one_before() {
    let mut desk = Desk::new();
    desk.initialize(None).unwrap();
    assert_eq!(desk.producer(), at(1, 0));
    desk.add(at(1, 0), &[0, 1], OLD).unwrap();
    let known = desk.known();
    assert_eq!(
        (known.status, known.start_ms),
        (TransactionStatus::Ongoing, Some(1_000))
    );

    let aborted = desk.initialize(None).unwrap();
    let Initialized::Abort(aborted) = aborted else {
        panic!("what is open is aborted first: {aborted:?}");
    };
    assert_eq!(aborted.epoch.get(), 1);
    assert_eq!(aborted.partitions.len(), 2);
    let now = desk.initialize(None).unwrap_err();
    assert_eq!(now, ErrorCode::ConcurrentTransactions);
    desk.complete();
    desk.initialize(None).unwrap();
    assert_eq!(desk.producer(), at(1, 2));

    let fenced = ErrorCode::ProducerFenced;
    assert_eq!(desk.add(at(1, 0), &[0], OLD), Err(fenced));
    assert_eq!(desk.end(at(1, 0), true, OLD), Err(fenced));
    assert_eq!(desk.end(at(1, 0), true, NEW), Err(fenced));
    let unknown = ErrorCode::InvalidProducerIdMapping;
    assert_eq!(desk.add(at(9, 2), &[0], OLD), Err(unknown));
    assert_eq!(desk.end(at(9, 2), true, OLD), Err(unknown));
}

#[test]
fn a_client_that_missed_its_new_epoch_is_told_again() {
    let mut desk = Desk::new();
    desk.initialize(None).unwrap();
    desk.initialize(Some(at(1, 0))).unwrap();
    assert_eq!(desk.producer(), at(1, 1));
    desk.initialize(Some(at(1, 0))).unwrap();
    assert_eq!(desk.producer(), at(1, 1), "the answer was lost: the same");
    desk.initialize(Some(at(1, 1))).unwrap();
    assert_eq!(desk.producer(), at(1, 2));
    for zombie in [at(1, 0), at(7, 2)] {
        let said = desk.initialize(Some(zombie)).unwrap_err();
        assert_eq!(said, ErrorCode::ProducerFenced, "{zombie:?}");
    }
}

#[test]
fn epochs_that_are_used_up_come_with_another_id() {
    let last = i16::MAX - 1;
    let mut desk = Desk::new();
    desk.initialize(None).unwrap();
    desk.set_epoch(last);
    desk.initialize(Some(at(1, last))).unwrap();
    assert_eq!(desk.producer(), at(2, 0));
    desk.initialize(Some(at(1, last))).unwrap();
    assert_eq!(desk.producer(), at(2, 0), "the answer was lost: the same");

    desk.set_epoch(last);
    desk.add(at(2, last), &[0], NEW).unwrap();
    let prepared = desk.end(at(2, last), true, NEW).unwrap().unwrap();
    assert_eq!(
        (prepared.producer_id.get(), prepared.epoch.get()),
        (2, i16::MAX)
    );
    assert_eq!(prepared.next_producer_id.map(ProducerId::get), Some(3));
    desk.complete();
    assert_eq!(desk.producer(), at(3, 0));
    assert_eq!(desk.end(at(2, last), true, NEW), Ok(None), "asked again");
    let wrong = desk.end(at(2, last), false, NEW);
    assert_eq!(wrong, Err(ErrorCode::InvalidTxnState));
}

/// The table of `TransactionCoordinator`: who ends what, in which epoch.
#[test]
fn the_end_of_a_transaction_in_every_state() {
    use TransactionStatus as Status;
    let raised = Ok(true);
    let already = Ok(false);
    let fenced = Err(ErrorCode::ProducerFenced);
    let state = Err(ErrorCode::InvalidTxnState);
    let concurrent = Err(ErrorCode::ConcurrentTransactions);
    // Abort again, abort, commit again, commit.
    let table = [
        (Status::Empty, [fenced, raised, fenced, state]),
        (Status::Ongoing, [fenced, raised, fenced, raised]),
        (Status::PrepareCommit, [state, fenced, concurrent, fenced]),
        (Status::PrepareAbort, [concurrent, fenced, state, fenced]),
        (Status::CompleteCommit, [state, raised, already, state]),
        (Status::CompleteAbort, [already, raised, state, state]),
    ];
    for (status, wanted) in table {
        for (case, wanted) in wanted.into_iter().enumerate() {
            let mut desk = Desk::in_status(status);
            let (commit, epoch) = (case >= 2, if case % 2 == 0 { 4 } else { 5 });
            let found = desk.end(at(1, epoch), commit, NEW);
            let found = found.map(|next| next.is_some());
            assert_eq!(found, wanted, "{status:?}, commit {commit}, epoch {epoch}");
            if wanted == raised {
                assert_eq!(desk.known().epoch.get(), 6, "{status:?}");
                desk.complete();
                assert_eq!(desk.producer(), at(1, 6));
            }
        }
    }
}

#[test]
fn the_end_of_a_transaction_of_an_older_client() {
    use TransactionStatus as Status;
    let done = Ok(true);
    let already = Ok(false);
    let state = Err(ErrorCode::InvalidTxnState);
    let concurrent = Err(ErrorCode::ConcurrentTransactions);
    // Abort, commit.
    let table = [
        (Status::Empty, [state, state]),
        (Status::Ongoing, [done, done]),
        (Status::PrepareCommit, [state, concurrent]),
        (Status::PrepareAbort, [concurrent, state]),
        (Status::CompleteCommit, [state, already]),
        (Status::CompleteAbort, [already, state]),
    ];
    for (status, wanted) in table {
        for (commit, wanted) in [false, true].into_iter().zip(wanted) {
            let mut desk = Desk::in_status(status);
            let found = desk.end(at(1, 5), commit, OLD);
            let found = found.map(|next| next.is_some());
            assert_eq!(found, wanted, "{status:?}, commit {commit}");
            assert_eq!(desk.known().epoch.get(), 5, "{status:?}");
            assert_eq!(
                desk.end(at(1, 4), commit, OLD),
                Err(ErrorCode::ProducerFenced)
            );
        }
    }
}

#[test]
fn partitions_are_verified_as_they_were_added() {
    let mut desk = Desk::new();
    desk.initialize(None).unwrap();
    desk.add(at(1, 0), &[0], OLD).unwrap();
    let partitions = [("t".to_owned(), 0), ("t".to_owned(), 1)];
    let codes = desk.all.verify(ID, at(1, 0), partitions.iter()).unwrap();
    assert_eq!(codes, [ErrorCode::None, ErrorCode::TransactionAbortable]);
    let nothing = desk
        .all
        .add(ID, at(1, 0), &[partitions[0].clone()].into(), OLD, 1);
    assert_eq!(nothing, Ok(None), "nothing is written for what is there");
    let unknown = desk.all.verify("other", at(1, 0), partitions.iter());
    assert_eq!(unknown, Err(ErrorCode::InvalidProducerIdMapping));
}

#[test]
fn late_transactions_and_unused_ids_are_found() {
    let mut desk = Desk::new();
    desk.initialize(None).unwrap();
    assert!(desk.all.expired(1_000, 1).is_empty());
    assert_eq!(desk.all.expired(1_001, 1), [ID]);
    desk.add(desk.producer(), &[0], NEW).unwrap();
    assert!(desk.all.expired(i64::MAX, 1).is_empty(), "it is in use");
    let due_ms = 1_000 + i64::from(TIMEOUT_MS);
    assert!(desk.all.late(due_ms).is_empty());
    assert_eq!(desk.all.late(due_ms + 1), [ID]);
    let mut known = desk.known().clone();
    known.timeout_ms = i32::MAX;
    desk.all.put(ID, known);
    assert!(desk.all.late(i64::MAX).is_empty(), "such a one never is");
}

proptest! {
    /// What is read back is what was written, but for what only the memory has.
    #[test]
    fn records_hold_every_state(steps in prop::collection::vec((0..5u8, any::<bool>()), 1..40)) {
        let mut desk = Desk::new();
        desk.initialize(None).unwrap();
        let mut epochs = Vec::new();
        for (step, flag) in steps {
            desk.now_ms += 1;
            let producer = desk.producer();
            let version = if flag { NEW } else { OLD };
            match step {
                0 => _ = desk.initialize(flag.then_some(producer)),
                1 => _ = desk.add(producer, &[i32::from(flag), 2], version),
                2 => _ = desk.end(producer, flag, NEW),
                3 => _ = desk.end(producer, flag, OLD),
                _ if desk.known().is_prepared() => desk.complete(),
                _ => {}
            }
            let known = desk.known().clone();
            let mut read = Transactions::default();
            read.replay(ID, Some(&known.value(1)));
            let expected = Transaction { last_epoch: None, ..known.clone() };
            prop_assert_eq!(read.get(ID), Some(&expected));
            // No producer is ever given back what another has had.
            let now = (known.producer_id, known.epoch);
            prop_assert!(epochs.last().is_none_or(|last| *last <= now));
            prop_assert!(known.is_prepared() || known.status == TransactionStatus::Ongoing
                || known.partitions.is_empty());
            epochs.push(now);
        }
    }
}
