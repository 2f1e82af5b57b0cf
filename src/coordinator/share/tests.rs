//! Tests of the in-flight records, of their states as written, and of sessions.

use super::ShareConfig;
use super::acknowledge::Acknowledgement;
use super::in_flight::{Acquired, RecordState, SharePartition, Wish};
use super::sessions::{FINAL, INITIAL, SessionKey, ShareSessions};
use super::state::{ShareKey, ShareRecord, ShareStates, Write, combined};
use crate::format::Uuid;
use crate::format::share_group_state::{ShareStateRecordValue, StateBatch};
use crate::protocol::ErrorCode;

const NOW: i64 = 1_000_000;

fn take(partition: &mut SharePartition, member: &str, end: i64, most: i64) -> Vec<Acquired> {
    let from = partition.next_fetch_offset();
    if from > end {
        return Vec::new();
    }
    let batches = [(from, end)];
    let wish = Wish {
        member,
        most,
        is_strict: true,
        batch_size: 100,
        from,
        batches: &batches,
    };
    partition.acquire(wish, &ShareConfig::default(), NOW)
}

fn say(first: i64, last: i64, types: &[i8]) -> Acknowledgement {
    Acknowledgement {
        first,
        last,
        types: types.to_vec(),
    }
}

fn acknowledge(
    partition: &mut SharePartition,
    member: &str,
    said: Acknowledgement,
) -> Result<Vec<(i64, i64, i8, i16)>, ErrorCode> {
    let config = ShareConfig::default();
    let change = partition
        .acknowledge(member, &[said], &config, NOW)
        .map_err(|(code, _)| code)?;
    let written = change.batches.iter().map(plain).collect();
    *partition = change.after;
    Ok(written)
}

fn plain(batch: &StateBatch) -> (i64, i64, i8, i16) {
    let (state, count) = (batch.delivery_state, batch.delivery_count);
    (batch.first_offset, batch.last_offset, state, count)
}

fn batch(
    (first_offset, last_offset, delivery_state, delivery_count): (i64, i64, i8, i16),
) -> StateBatch {
    StateBatch {
        first_offset,
        last_offset,
        delivery_state,
        delivery_count,
        ..StateBatch::default()
    }
}

fn acquired(first: i64, last: i64, deliveries: i16) -> Acquired {
    Acquired {
        first,
        last,
        deliveries,
    }
}

#[test]
fn records_are_accepted_released_and_rejected() {
    let mut partition = SharePartition::new(0, 0, &[]);
    assert_eq!(take(&mut partition, "one", 9, 6), [acquired(0, 5, 1)]);
    assert_eq!(partition.next_fetch_offset(), 6);
    let written = acknowledge(&mut partition, "one", say(0, 3, &[1, 1, 2, 3])).unwrap();
    assert_eq!(written, [(0, 1, 2, 1), (2, 2, 0, 1), (3, 3, 4, 1)]);
    // What is done with at the start is gone; what was released is next.
    assert_eq!((partition.start(), partition.next_fetch_offset()), (2, 2));
    let again = take(&mut partition, "two", 9, 100);
    assert_eq!(again, [acquired(2, 2, 2), acquired(6, 9, 1)]);
}

#[test]
fn nobody_acknowledges_what_another_one_has() {
    let mut partition = SharePartition::new(0, 0, &[]);
    let _ = take(&mut partition, "one", 9, 5);
    let before = partition.clone();
    let mut refused = |member, said| acknowledge(&mut partition, member, said).unwrap_err();
    assert_eq!(
        refused("two", say(0, 4, &[1])),
        ErrorCode::InvalidRecordState
    );
    assert_eq!(refused("one", say(0, 7, &[1])), ErrorCode::InvalidRequest);
    assert_eq!(partition, before, "a refusal changes nothing");
    acknowledge(&mut partition, "one", say(0, 1, &[1])).unwrap();
    let twice = acknowledge(&mut partition, "one", say(1, 2, &[1]));
    // What lies before the start is done with, whoever says it again.
    assert_eq!(twice.unwrap(), [(2, 2, 2, 1)]);
    assert_eq!(partition.start(), 3);
}

#[test]
fn the_fifth_delivery_is_the_last() {
    let mut partition = SharePartition::new(0, 0, &[]);
    for delivery in 1..=5 {
        assert_eq!(
            take(&mut partition, "one", 0, 9),
            [acquired(0, 0, delivery)]
        );
        let written = acknowledge(&mut partition, "one", say(0, 0, &[2])).unwrap();
        let state = if delivery == 5 { 4 } else { 0 };
        assert_eq!(written, [(0, 0, state, delivery)]);
    }
    assert_eq!((partition.start(), partition.next_fetch_offset()), (1, 1));
}

#[test]
fn what_failed_often_is_handed_out_in_smaller_numbers() {
    let mut partition = SharePartition::new(0, 0, &[batch((0, 7, 0, 3))]);
    assert_eq!(take(&mut partition, "one", 20, 100), [acquired(0, 3, 4)]);
    let mut partition = SharePartition::new(0, 0, &[batch((0, 7, 0, 4))]);
    assert_eq!(take(&mut partition, "one", 20, 100), [acquired(0, 0, 5)]);
}

#[test]
fn locks_end_and_members_go() {
    let config = ShareConfig::default();
    let mut partition = SharePartition::new(0, 0, &[]);
    let _ = take(&mut partition, "one", 1, 9);
    let _ = take(&mut partition, "two", 3, 9);
    let released = partition.release("one", &config);
    let written: Vec<_> = released.batches.iter().map(plain).collect();
    assert_eq!(written, [(0, 1, 0, 1)]);
    partition = released.after;
    let due_ms = NOW + i64::from(config.record_lock_ms);
    assert_eq!(partition.next_deadline_ms(), Some(due_ms));
    assert!(partition.expire(&config, due_ms - 1).batches.is_empty());
    let expired = partition.expire(&config, due_ms);
    let written: Vec<_> = expired.batches.iter().map(plain).collect();
    assert_eq!(written, [(2, 3, 0, 1)]);
    assert_eq!(expired.after.next_deadline_ms(), None);
    // One who asks for more time keeps them.
    let renewed = partition.acknowledge("two", &[say(2, 3, &[4])], &config, NOW + 10);
    let renewed = renewed.unwrap();
    assert!(renewed.batches.is_empty(), "that is not written down");
    assert_eq!(renewed.after.next_deadline_ms(), Some(due_ms + 10));
}

#[test]
fn no_more_than_so_many_are_in_hand() {
    let mut partition = SharePartition::new(0, 0, &[]);
    let most = i64::from(ShareConfig::default().max_record_locks);
    assert_eq!(
        take(&mut partition, "one", 9_999, 9_999),
        [acquired(0, most - 1, 1)]
    );
    assert!(!partition.can_acquire(&ShareConfig::default()));
    acknowledge(&mut partition, "one", say(0, 0, &[1])).unwrap();
    assert_eq!(
        take(&mut partition, "two", 9_999, 9_999),
        [acquired(most, most, 1)]
    );
}

#[test]
fn aborted_records_are_given_up_and_missing_ones_too() {
    let mut partition = SharePartition::new(0, 0, &[]);
    let handed = take(&mut partition, "one", 9, 100);
    let kept = partition.give_up_aborted(handed, &[(0, 1), (4, 6)]);
    assert_eq!(kept, [acquired(2, 3, 1), acquired(7, 9, 1)]);
    assert_eq!(partition.start(), 2);
    partition.move_start(8);
    assert_eq!(partition.start(), 8);
    let states: Vec<_> = partition
        .runs()
        .map(|(first, run)| (first, run.last))
        .collect();
    assert_eq!(states, [(8, 9)]);
}

#[test]
fn what_was_written_is_what_is_taken_up() {
    let batches = [
        batch((3, 4, 2, 1)),
        batch((6, 8, 0, 2)),
        batch((0, 1, 4, 5)),
    ];
    let partition = SharePartition::new(0, 7, &batches);
    assert_eq!((partition.start(), partition.state_epoch()), (2, 7));
    let states: Vec<_> = partition
        .runs()
        .map(|(first, run)| (first, run.last, run.state.id(), run.deliveries))
        .collect();
    let expected = [(2, 2, 0, 0), (3, 4, 2, 1), (5, 5, 0, 0), (6, 8, 0, 2)];
    assert_eq!(states, expected);
    assert!(RecordState::Archived.is_final() && !RecordState::Available.is_final());
}

/// However members take and answer, every record is either done with once, or still there.
#[test]
fn nothing_is_lost_and_nothing_done_twice() {
    for seed in 1..=200_u64 {
        let mut random = seed;
        let mut next = |below: i64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            i64::try_from(random >> 33).unwrap() % below
        };
        let mut partition = SharePartition::new(0, 0, &[]);
        let mut written = Vec::new();
        let mut done = [0; 64];
        for _ in 0..200 {
            let member = ["one", "two", "three"][usize::try_from(next(3)).unwrap()];
            for part in take(&mut partition, member, 63, 1 + next(9)) {
                assert!(part.deliveries <= 5, "seed {seed}");
                for offset in part.first..=part.last {
                    let kind = i8::try_from(next(4)).unwrap().max(1);
                    let said = say(offset, offset, &[kind]);
                    let batches = acknowledge(&mut partition, member, said).unwrap();
                    let last = batches.last().expect("an answer is written");
                    if last.2 != 0 {
                        done[usize::try_from(offset).unwrap()] += 1;
                    }
                    written.extend(batches.into_iter().map(batch));
                }
            }
            let told = combined(&[], &written, partition.start());
            let restarted = SharePartition::new(partition.start(), 0, &told);
            assert_eq!(restarted.start(), partition.start(), "seed {seed}");
            let offered = restarted.next_fetch_offset();
            assert_eq!(offered, partition.next_fetch_offset(), "seed {seed}");
        }
        assert_eq!((partition.start(), done), (64, [1; 64]), "seed {seed}");
    }
}

fn share_key() -> ShareKey {
    ShareKey {
        group_id: "group".to_owned(),
        topic_id: Uuid::from_bytes([7; 16]),
        partition: 0,
    }
}

fn put(states: &mut ShareStates, (key, value): ShareRecord, limit: u32) -> bool {
    states.replay(&key, value.as_ref(), 0, limit);
    matches!(value, Some(ShareStateRecordValue::Snapshot(_)))
}

#[test]
fn a_whole_state_comes_after_so_many_changes() {
    let (key, limit) = (share_key(), 2);
    let mut states = ShareStates::default();
    let write = |first, state| Write {
        state_epoch: 1,
        leader_epoch: 0,
        start_offset: 0,
        complete: 1,
        batches: vec![batch((first, first, state, 1))],
    };
    let nothing = states.write(&key, &write(1, 2), limit, NOW);
    assert_eq!(nothing.unwrap_err(), ErrorCode::InvalidRequest);
    let record = states.initialize(&key, 1, -1, NOW).unwrap();
    assert!(put(&mut states, record, limit));
    let mut whole = Vec::new();
    for first in 1..=6 {
        let record = states.write(&key, &write(first, 2), limit, NOW).unwrap();
        whole.push(put(&mut states, record, limit));
    }
    assert_eq!(whole, [false, false, true, false, false, true]);
    let value = &states.get(&key).unwrap().value;
    let known: Vec<_> = value.state_batches.iter().map(plain).collect();
    assert_eq!(known, [(1, 6, 2, 1)]);
    let old = Write {
        state_epoch: 0,
        ..write(9, 2)
    };
    let fenced = states.write(&key, &old, limit, NOW).unwrap_err();
    assert_eq!(fenced, ErrorCode::FencedStateEpoch);
    let record = states.delete(&key).expect("there is one");
    put(&mut states, record, limit);
    assert!(states.get(&key).is_none() && states.delete(&key).is_none());
}

#[test]
fn later_states_count() {
    let old = [batch((0, 9, 0, 1))];
    let new = [
        batch((3, 4, 2, 1)),
        batch((4, 6, 0, 2)),
        batch((8, 12, 4, 1)),
    ];
    let all = combined(&old, &new, 2);
    let all: Vec<_> = all.iter().map(plain).collect();
    let expected = [
        (2, 2, 0, 1),
        (3, 3, 2, 1),
        (4, 6, 0, 2),
        (7, 7, 0, 1),
        (8, 12, 4, 1),
    ];
    assert_eq!(all, expected);
}

#[test]
fn sessions_go_on_and_end() {
    let key = SessionKey {
        group_id: "group".to_owned(),
        member_id: "one".to_owned(),
    };
    let (topic, mut sessions) = (Uuid::from_bytes([1; 16]), ShareSessions::default());
    let (one, two) = ((topic, 0), (topic, 1));
    let mut fetch =
        |epoch, added: &[_], gone: &[_]| sessions.fetch(&key, epoch, 5, (added, gone), 9);
    assert_eq!(fetch(1, &[], &[]), Err(ErrorCode::ShareSessionNotFound));
    assert_eq!(fetch(INITIAL, &[one], &[]), Ok(vec![one]));
    assert_eq!(fetch(2, &[], &[]), Err(ErrorCode::InvalidShareSessionEpoch));
    // Another one is first each time.
    assert_eq!(fetch(1, &[two], &[]), Ok(vec![two, one]));
    assert_eq!(fetch(2, &[], &[one]), Ok(vec![two]));
    assert_eq!(fetch(FINAL, &[], &[]), Ok(Vec::new()));
    let initial = sessions.acknowledge(&key, INITIAL);
    assert_eq!(initial, Err(ErrorCode::InvalidShareSessionEpoch));
    assert_eq!(sessions.acknowledge(&key, 3), Ok(()));
    assert_eq!(sessions.of_connection(5), Some(key.clone()));
    assert_eq!(sessions.remove(&key), Some(vec![two]));
    assert!(sessions.of_connection(5).is_none() && !sessions.has_group("group"));
}
