use super::*;
use crate::format::batch::{Attributes, sequence_after};
use proptest::prelude::*;

const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// A batch of `count` records at `offset`.
fn batch(id: i64, epoch: i16, sequence: i32, offset: i64, count: i64, bits: i16) -> Header {
    Header {
        base_offset: Offset::new(offset),
        last_offset: Offset::new(offset + count - 1),
        size: 100,
        leader_epoch: None,
        crc: 0,
        attributes: Attributes::from_bits(bits),
        base_timestamp: Some(Timestamp::new(offset)),
        max_timestamp: Some(Timestamp::new(offset + count)),
        producer: Some(Producer {
            id: ProducerId::new(id),
            epoch: ProducerEpoch::new(epoch),
            base_sequence: (bits & CONTROL == 0).then_some(sequence),
        }),
        stray_sequence: None,
        record_count: count as usize,
    }
}

fn marker(id: i64, epoch: i16, offset: i64) -> Header {
    batch(id, epoch, 0, offset, 1, TRANSACTIONAL | CONTROL)
}

/// Where the batch that is there already ends.
fn duplicate(verdict: &Verdict) -> Option<i64> {
    match verdict {
        Verdict::Duplicate { last_offset, .. } => Some(last_offset.get()),
        _ => None,
    }
}

fn is_refused(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refuse { .. })
}

#[test]
fn a_retry_of_the_last_five_batches_is_known_and_others_are_out_of_order() {
    let mut states = ProducerStates::default();
    for n in 0..7 {
        let next = batch(1, 0, n * 3, i64::from(n) * 3, 3, 0);
        assert_eq!(states.check(&next), Verdict::Append, "{n}");
        states.update(&next);
    }
    for n in 2..7 {
        let retry = batch(1, 0, n * 3, 21, 3, 0);
        assert_eq!(
            duplicate(&states.check(&retry)),
            Some(i64::from(n) * 3 + 2),
            "{n}"
        );
        let longer = batch(1, 0, n * 3, 21, 4, 0);
        assert!(is_refused(&states.check(&longer)), "{n}");
    }
    for sequence in [0, 3, 5, 20, 22, i32::MAX] {
        let other = batch(1, 0, sequence, 21, 3, 0);
        assert!(is_refused(&states.check(&other)), "{sequence}");
    }
    assert_eq!(states.check(&batch(1, 0, 21, 21, 3, 0)), Verdict::Append);
}

#[test]
fn sequences_start_over_behind_the_largest() {
    let mut states = ProducerStates::default();
    let across = batch(1, 0, i32::MAX - 1, 0, 4, 0);
    assert_eq!(across.last_sequence(), Some(1));
    states.update(&across);
    assert_eq!(duplicate(&states.check(&across)), Some(3));
    assert_eq!(states.check(&batch(1, 0, 2, 4, 1, 0)), Verdict::Append);
    let snapshot = ProducerStates::from_snapshot(&states.to_snapshot());
    assert_eq!(duplicate(&snapshot.check(&across)), Some(3));

    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, i32::MAX, 0, 1, 0));
    assert_eq!(states.check(&batch(1, 0, 0, 1, 1, 0)), Verdict::Append);
    assert!(is_refused(&states.check(&batch(1, 0, 1, 1, 1, 0))));
}

#[test]
fn a_new_epoch_starts_at_zero_and_fences_the_one_before() {
    let mut states = ProducerStates::default();
    // Of a producer that is not known, any sequence may come.
    assert_eq!(states.check(&batch(1, 3, 7, 0, 2, 0)), Verdict::Append);
    states.update(&batch(1, 3, 7, 0, 2, 0));
    assert!(is_refused(&states.check(&batch(1, 4, 9, 2, 1, 0))));
    assert_eq!(states.check(&batch(1, 4, 0, 2, 1, 0)), Verdict::Append);
    states.update(&batch(1, 4, 0, 2, 1, 0));
    assert!(is_refused(&states.check(&batch(1, 3, 9, 3, 1, 0))));
    // What is remembered is of the new epoch alone.
    assert!(is_refused(&states.check(&batch(1, 4, 7, 3, 2, 0))));
    assert_eq!(
        states.epoch(ProducerId::new(1)),
        Some(ProducerEpoch::new(4))
    );
}

#[test]
fn behind_a_marker_of_a_new_epoch_sequences_start_at_zero() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, 0, 0, 5, TRANSACTIONAL));
    states.end_transaction(&marker(1, 1, 5), true, 0);
    assert!(is_refused(&states.check(&batch(
        1,
        0,
        5,
        6,
        1,
        TRANSACTIONAL
    ))));
    assert!(is_refused(&states.check(&batch(
        1,
        1,
        5,
        6,
        1,
        TRANSACTIONAL
    ))));
    let first = batch(1, 1, 0, 6, 1, TRANSACTIONAL);
    assert_eq!(states.check(&first), Verdict::Append);
}

#[test]
fn where_no_epoch_is_known_any_sequence_may_come() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, 0, 0, 5, 0));
    let mut entries = states.to_snapshot();
    entries[0].epoch = None;
    let states = ProducerStates::from_snapshot(&entries);
    assert_eq!(states.check(&batch(1, 2, 9, 5, 1, 0)), Verdict::Append);
}

#[test]
fn batches_without_a_producer_are_none_of_its_business() {
    let mut plain = batch(1, 0, 0, 0, 1, 0);
    plain.producer = None;
    let mut states = ProducerStates::default();
    assert_eq!(states.check(&plain), Verdict::Append);
    states.update(&plain);
    assert_eq!(states.end_transaction(&plain, false, 0), None);
    assert!(states.is_empty());
}

#[test]
fn an_abort_is_indexed_with_the_last_stable_offset_of_the_others() {
    let mut states = ProducerStates::default();
    states.update(&batch(1, 0, 0, 10, 2, TRANSACTIONAL));
    states.update(&batch(2, 0, 0, 12, 1, TRANSACTIONAL));
    states.update(&batch(1, 0, 2, 13, 2, TRANSACTIONAL));
    assert_eq!(states.first_open(), Some(Offset::new(10)));

    let aborted = states.end_transaction(&marker(1, 0, 15), false, 4).unwrap();
    assert_eq!(
        aborted,
        AbortedTxn {
            producer_id: ProducerId::new(1),
            first_offset: Offset::new(10),
            last_offset: Offset::new(15),
            last_stable_offset: Offset::new(12),
        }
    );
    assert_eq!(states.first_open(), Some(Offset::new(12)));
    // The marker written once more ends nothing.
    assert_eq!(states.end_transaction(&marker(1, 0, 16), false, 4), None);
    assert_eq!(states.end_transaction(&marker(2, 0, 17), true, 4), None);
    assert_eq!(states.first_open(), None);
    // The next one begins anew, its sequences go on.
    let next = batch(1, 0, 4, 18, 1, TRANSACTIONAL);
    assert_eq!(states.check(&next), Verdict::Append);
    states.update(&next);
    assert_eq!(states.first_open(), Some(Offset::new(18)));
}

/// What the model is asked to do with one of three producers.
#[derive(Debug, Clone)]
enum Step {
    /// A batch of that many records, this far behind the sequence that is next,
    /// this many epochs later.
    Data {
        id: i64,
        count: i64,
        off: i32,
        later: i16,
        transactional: bool,
    },
    Marker {
        id: i64,
        later: i16,
        commit: bool,
    },
    /// Through the snapshot file.
    Reload,
}

/// Everything that ever happened, searched anew for every answer.
#[derive(Debug, Default)]
struct Naive {
    /// Producer, epoch, the data batch or the marker's commit, in order.
    seen: Vec<(i64, i16, Result<Header, bool>)>,
    /// Before which batches are forgotten but for the last of each producer.
    reloaded: usize,
}

impl Naive {
    fn epoch(&self, id: i64) -> Option<i16> {
        let of = self.seen.iter().filter(|(who, ..)| *who == id);
        of.map(|(_, epoch, _)| *epoch).max()
    }

    /// The batches of the producer's epoch that are remembered, latest first.
    fn batches(&self, id: i64) -> Vec<Header> {
        let epoch = self.epoch(id);
        let of = self.seen.iter().enumerate().rev();
        let (mut found, mut is_last_before) = (Vec::new(), true);
        for (at, (who, when, what)) in of {
            if let Ok(header) = what
                && *who == id
                && Some(*when) == epoch
                && found.len() < KEPT_BATCHES
                && (at >= self.reloaded || is_last_before)
            {
                is_last_before &= at >= self.reloaded;
                found.push(*header);
            }
        }
        found
    }

    fn next(&self, id: i64) -> i32 {
        let last = self.batches(id).first().and_then(Header::last_sequence);
        last.map_or(0, |last| sequence_after(last, 1))
    }

    fn check(&self, id: i64, epoch: i16, header: &Header) -> Option<Option<Offset>> {
        let first = header.base_sequence();
        match self.epoch(id) {
            None => return Some(None),
            Some(current) if epoch < current => return None,
            Some(current) if epoch > current => return (first == Some(0)).then_some(None),
            Some(_) => {}
        }
        let same = |kept: &&Header| {
            kept.base_sequence() == first && kept.last_sequence() == header.last_sequence()
        };
        if let Some(known) = self.batches(id).iter().find(same) {
            return Some(Some(known.last_offset));
        }
        (first == Some(self.next(id))).then_some(None)
    }

    /// Where the open transaction of a producer begins.
    fn open(&self, id: i64) -> Option<Offset> {
        let mut open = None;
        for (who, _, what) in &self.seen {
            match what {
                _ if *who != id => {}
                Ok(header) if header.attributes.is_transactional() => {
                    open = open.or(Some(header.base_offset));
                }
                Ok(_) => {}
                Err(_) => open = None,
            }
        }
        open
    }

    fn first_open(&self) -> Option<Offset> {
        (0..3).filter_map(|id| self.open(id)).min()
    }
}

fn step() -> impl Strategy<Value = Step> {
    let off = prop_oneof![5 => Just(0), 3 => -12..0_i32, 1 => 1..4_i32];
    let later = prop_oneof![8 => Just(0_i16), 1 => Just(1), 1 => Just(-1)];
    let data = (0..3_i64, 1..4_i64, off, later.clone(), any::<bool>()).prop_map(
        |(id, count, off, later, transactional)| Step::Data {
            id,
            count,
            off,
            later,
            transactional,
        },
    );
    let marker = (0..3_i64, 0..2_i16, any::<bool>()).prop_map(|(id, later, commit)| Step::Marker {
        id,
        later,
        commit,
    });
    prop_oneof![10 => data, 2 => marker, 1 => Just(Step::Reload)]
}

proptest! {
    #[test]
    fn answers_are_those_of_a_model_that_forgets_nothing(
        start in prop_oneof![Just(0), (i32::MAX - 20)..=i32::MAX],
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let (mut states, mut naive) = (ProducerStates::default(), Naive::default());
        let mut offset = 0;
        for step in steps {
            match step {
                Step::Data { id, count, off, later, transactional } => {
                    let epoch = naive.epoch(id).unwrap_or(5) + later;
                    let next = match naive.epoch(id) {
                        None => start,
                        Some(current) if epoch > current => 0,
                        Some(_) => naive.next(id),
                    };
                    let sequence = sequence_after(next, i64::from(off));
                    // Anything else would be refused while one is open.
                    let is_open = states.open().any(|(_, open)| open.get() == id);
                    let bits = if transactional || is_open { TRANSACTIONAL } else { 0 };
                    let header = batch(id, epoch, sequence, offset, count, bits);
                    let found = match states.check(&header) {
                        Verdict::Append => Some(None),
                        Verdict::Duplicate { last_offset, .. } => Some(Some(last_offset)),
                        Verdict::Refuse { .. } => None,
                    };
                    prop_assert_eq!(found, naive.check(id, epoch, &header), "{:?}", header);
                    if found == Some(None) {
                        states.update(&header);
                        naive.seen.push((id, epoch, Ok(header)));
                        offset += count;
                    }
                }
                Step::Marker { id, later, commit } => {
                    let epoch = naive.epoch(id).unwrap_or(5) + later;
                    let header = marker(id, epoch, offset);
                    let open = naive.open(id);
                    naive.seen.push((id, epoch, Err(commit)));
                    let expected = open.filter(|_| !commit).map(|first_offset| AbortedTxn {
                        producer_id: ProducerId::new(id),
                        first_offset,
                        last_offset: Offset::new(offset),
                        last_stable_offset: naive.first_open().unwrap_or(Offset::new(offset + 1)),
                    });
                    prop_assert_eq!(states.end_transaction(&header, commit, 0), expected);
                    offset += 1;
                }
                Step::Reload => {
                    let entries = states.to_snapshot();
                    states = ProducerStates::from_snapshot(&entries);
                    prop_assert_eq!(states.to_snapshot(), entries);
                    naive.reloaded = naive.seen.len();
                }
            }
            prop_assert_eq!(states.first_open(), naive.first_open());
            let open: Vec<_> = states.open().collect();
            for id in 0..3 {
                let at = naive.open(id).map(|first| (first, ProducerId::new(id)));
                prop_assert!(at.is_none_or(|at| open.contains(&at)));
                prop_assert_eq!(states.epoch(ProducerId::new(id)).map(ProducerEpoch::get), naive.epoch(id));
            }
        }
    }
}
