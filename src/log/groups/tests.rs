use super::offsets::{commit, end_transaction};
use super::*;
use crate::format::consumer_offsets::{GroupRecordValue, OffsetCommitKey, OffsetCommitValue};
use crate::format::share_group_state::{ShareSnapshotValue, ShareUpdateValue, StateBatch};
use crate::format::{Offset, PartitionId};

fn key() -> OffsetCommitKey {
    OffsetCommitKey {
        group: "g".to_owned(),
        topic: "t".to_owned(),
        partition: PartitionId::new(0),
        ..Default::default()
    }
}

fn value(offset: i64) -> Option<GroupRecordValue> {
    Some(GroupRecordValue::OffsetCommit(OffsetCommitValue {
        offset,
        ..Default::default()
    }))
}

fn committed(groups: &BTreeMap<String, Group>) -> Option<i64> {
    let name = TopicPartition::new("t", 0);
    groups["g"].offsets.get(&name).map(|found| found.offset)
}

#[test]
fn a_transactions_commits_count_at_its_end_unless_a_later_one_is_there() {
    let mut groups = BTreeMap::from([("g".to_owned(), Group::default())]);
    let (one, two) = (ProducerId::new(1), ProducerId::new(2));
    let take = |groups: &mut BTreeMap<String, Group>, offset, at, producer| {
        let group = groups.get_mut("g").unwrap();
        commit(group, key(), value(offset), Offset::new(at), producer);
    };
    take(&mut groups, 5, 0, Some(one));
    assert_eq!(committed(&groups), None);
    end_transaction(&mut groups, two, true);
    assert_eq!(committed(&groups), None);
    end_transaction(&mut groups, one, true);
    assert_eq!(committed(&groups), Some(5));
    take(&mut groups, 6, 2, Some(one));
    end_transaction(&mut groups, one, false);
    assert_eq!(committed(&groups), Some(5));
    take(&mut groups, 7, 4, Some(two));
    take(&mut groups, 8, 5, None);
    end_transaction(&mut groups, two, true);
    assert_eq!(committed(&groups), Some(8), "it was written later");
    take(&mut groups, 9, 6, Some(two));
    commit(
        groups.get_mut("g").unwrap(),
        key(),
        None,
        Offset::new(7),
        None,
    );
    assert_eq!(committed(&groups), None);
    assert!(groups["g"].pending.is_empty());
    assert!(groups["g"].is_nothing());
}

#[test]
fn updates_of_a_share_group_lie_over_its_whole_state() {
    let batch = |first_offset, last_offset, delivery_state| StateBatch {
        first_offset,
        last_offset,
        delivery_state,
        ..Default::default()
    };
    let mut shared = Shared::of(ShareSnapshotValue {
        start_offset: 10,
        state_batches: vec![batch(10, 19, 0)],
        ..Default::default()
    });
    shared.update(ShareUpdateValue {
        start_offset: -1,
        delivery_complete_count: 2,
        state_batches: vec![batch(14, 15, 2)],
        ..Default::default()
    });
    let states = |shared: &Shared| -> Vec<_> {
        let part =
            |batch: &StateBatch| (batch.first_offset, batch.last_offset, batch.delivery_state);
        shared.batches.iter().map(part).collect()
    };
    assert_eq!(states(&shared), [(10, 13, 0), (14, 15, 2), (16, 19, 0)]);
    assert_eq!(
        (shared.start_offset, shared.delivery_complete),
        (Some(10), Some(2))
    );
    let mut group = Group::default();
    let name = TopicPartition::new("t", 0);
    group.shared.insert(name.clone(), shared.clone());
    assert_eq!(group.lag(&name, 30), Some(18));
    shared.update(ShareUpdateValue {
        start_offset: 16,
        ..Default::default()
    });
    assert_eq!(states(&shared), [(16, 19, 0)]);
}

#[test]
fn the_state_is_what_epochs_and_members_say() {
    let member = |epoch| Member {
        epoch: Some(epoch),
        state: Some(0),
        ..Member::default()
    };
    let mut group = Group {
        kind: Kind::Consumer,
        epoch: Some(3),
        assignment_epoch: Some(3),
        ..Group::default()
    };
    assert_eq!(group.state(), "Empty");
    group.members.insert("m".to_owned(), member(2));
    assert_eq!(group.state(), "Reconciling");
    group.members.insert("m".to_owned(), member(3));
    assert_eq!(group.state(), "Stable");
    group.epoch = Some(4);
    assert_eq!(group.state(), "Assigning");
    group.kind = Kind::Classic;
    assert_eq!(group.state(), "Stable");
}
