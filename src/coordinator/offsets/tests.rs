use super::*;

const GROUP: &str = "g";
const TOPIC: &str = "t";
const P0: PartitionId = PartitionId::new(0);
const ALICE: ProducerId = ProducerId::new(7);
const BOB: ProducerId = ProducerId::new(8);

fn key(topic: &str, partition: PartitionId) -> OffsetCommitKey {
    OffsetCommitKey {
        group: GROUP.to_owned(),
        topic: topic.to_owned(),
        partition,
        ..Default::default()
    }
}

fn at(offset: i64) -> OffsetCommitValue {
    OffsetCommitValue {
        offset,
        commit_timestamp: Some(Timestamp::new(1_000)),
        ..Default::default()
    }
}

fn commit(offsets: &mut Offsets, offset: i64, producer: Option<ProducerId>) {
    offsets.replay(&key(TOPIC, P0), Some(&at(offset)), producer);
}

fn committed(offsets: &Offsets) -> Option<i64> {
    offsets.get(GROUP, TOPIC, P0).map(|value| value.offset)
}

#[test]
fn a_transaction_counts_once_it_is_committed() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, 1, None);
    commit(&mut offsets, 2, Some(ALICE));
    commit(&mut offsets, 3, Some(BOB));
    assert_eq!(committed(&offsets), Some(1));
    assert!(offsets.is_unstable(GROUP, TOPIC, P0));
    offsets.replay_marker(BOB, false);
    assert_eq!(committed(&offsets), Some(1));
    assert!(offsets.is_unstable(GROUP, TOPIC, P0));
    offsets.replay_marker(ALICE, true);
    assert_eq!(committed(&offsets), Some(2));
    assert!(!offsets.is_unstable(GROUP, TOPIC, P0));
}

#[test]
fn the_later_record_wins_not_the_later_marker() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, 2, Some(ALICE));
    commit(&mut offsets, 5, None);
    offsets.replay_marker(ALICE, true);
    assert_eq!(committed(&offsets), Some(5));
}

#[test]
fn an_aborted_transaction_leaves_nothing() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, 2, Some(ALICE));
    assert!(offsets.contains(GROUP, TOPIC, P0));
    offsets.replay_marker(ALICE, false);
    assert!(!offsets.contains(GROUP, TOPIC, P0));
    assert!(offsets.groups.is_empty() && offsets.undecided.is_empty());
}

#[test]
fn a_tombstone_takes_undecided_offsets_along() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, 1, None);
    commit(&mut offsets, 2, Some(ALICE));
    offsets.replay(&key(TOPIC, P0), None, None);
    offsets.replay_marker(ALICE, true);
    assert!(!offsets.contains(GROUP, TOPIC, P0));
    assert!(offsets.groups.is_empty() && offsets.undecided.is_empty());
}

#[test]
fn offsets_expire_at_the_end_of_their_time() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, 1, None);
    let all = |kept, now_ms| offsets.expired(GROUP, kept, |_| false, now_ms, 500);
    assert!(all(KeptSince::Commit, 1_499).is_empty());
    let expired = all(KeptSince::Commit, 1_500);
    assert_eq!(expired, offsets.of_group(GROUP));
    assert_eq!(expired.len(), 1);
    assert!(offsets.are_all(GROUP, &expired));
    let emptied = KeptSince::Empty(Timestamp::new(2_000));
    assert!(all(emptied, 2_499).is_empty());
    assert_eq!(all(emptied, 2_500).len(), 1);
    let subscribed = offsets.expired(GROUP, KeptSince::Commit, |topic| topic == TOPIC, 9_999, 500);
    assert!(subscribed.is_empty());
}

#[test]
fn an_offset_with_a_time_of_its_own_keeps_to_it() {
    let mut offsets = Offsets::default();
    let value = OffsetCommitValue {
        expire_timestamp: Some(Timestamp::new(5_000)),
        ..at(1)
    };
    offsets.replay(&key(TOPIC, P0), Some(&value), None);
    for (now_ms, expired) in [(4_999, 0), (5_000, 1)] {
        for kept in [KeptSince::Commit, KeptSince::Empty(Timestamp::new(0))] {
            let keys = offsets.expired(GROUP, kept, |_| false, now_ms, 1);
            assert_eq!(keys.len(), expired, "{kept:?} at {now_ms}");
        }
    }
}

#[test]
fn an_undecided_transaction_keeps_offset_and_group() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, 1, None);
    commit(&mut offsets, 2, Some(ALICE));
    let expired = offsets.expired(GROUP, KeptSince::Commit, |_| false, 9_999, 500);
    assert!(expired.is_empty());
    assert!(!offsets.are_all(GROUP, &expired));
}

#[test]
fn a_deleted_topic_takes_its_offsets_but_not_those_of_its_namesake() {
    let old = Uuid::from_bytes([1; 16]);
    let new = Uuid::from_bytes([2; 16]);
    let mut offsets = Offsets::default();
    for (partition, topic_id) in [(0, Uuid::ZERO), (1, old), (2, new)] {
        let value = OffsetCommitValue { topic_id, ..at(1) };
        offsets.replay(&key(TOPIC, PartitionId::new(partition)), Some(&value), None);
    }
    offsets.replay(&key("other", P0), Some(&at(1)), None);
    let expected = [0, 1]
        .map(|partition| GroupRecordKey::OffsetCommit(key(TOPIC, PartitionId::new(partition))));
    assert_eq!(offsets.of_topic(TOPIC, &old), expected);
}
