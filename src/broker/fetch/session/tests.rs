use super::*;
use crate::protocol::messages::fetch::{FetchTopic, ForgottenTopic};

const NOW: Duration = Duration::from_secs(1000);

fn request(id: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let topic = FetchTopic {
        topic: "t".to_owned(),
        partitions: partitions
            .iter()
            .map(|(partition, offset)| FetchPartition {
                partition: *partition,
                fetch_offset: *offset,
                ..FetchPartition::default()
            })
            .collect(),
        ..FetchTopic::default()
    };
    FetchRequest {
        session_id: id,
        session_epoch: epoch,
        topics: if partitions.is_empty() {
            Vec::new()
        } else {
            vec![topic]
        },
        ..FetchRequest::default()
    }
}

const fn sent(high_watermark: i64) -> Sent {
    Sent {
        high_watermark,
        start: 0,
        failed: false,
    }
}

fn numbers(plan: &Plan) -> Vec<(i32, i64)> {
    plan.partitions
        .iter()
        .map(|wanted| (wanted.partition, wanted.offset.get()))
        .collect()
}

#[test]
fn a_session_remembers_its_partitions_and_tells_only_what_is_new() {
    let sessions = Sessions::new(10);
    let full = sessions
        .plan(request(0, INITIAL, &[(0, 5), (1, 6)]), false, NOW)
        .unwrap();
    assert!(full.session_id > 0);
    assert_eq!(
        sessions.note(&full, &[sent(9), sent(9)], &[false, false]),
        [true, true]
    );

    let next = sessions
        .plan(request(full.session_id, 1, &[]), false, NOW)
        .unwrap();
    assert_eq!(numbers(&next), [(0, 5), (1, 6)]);
    assert_eq!(
        sessions.note(&next, &[sent(9), sent(10)], &[false, false]),
        [false, true]
    );

    let mut forgets = request(full.session_id, 2, &[(1, 8)]);
    forgets.forgotten_topics_data = vec![ForgottenTopic {
        topic: "t".to_owned(),
        partitions: vec![0],
        ..ForgottenTopic::default()
    }];
    let last = sessions.plan(forgets, false, NOW).unwrap();
    assert_eq!(numbers(&last), [(1, 8)]);
}

#[test]
fn a_request_out_of_turn_is_refused() {
    let sessions = Sessions::new(10);
    let id = sessions
        .plan(request(0, INITIAL, &[(0, 0)]), false, NOW)
        .unwrap()
        .session_id;
    let plan = |id, epoch, by_id| sessions.plan(request(id, epoch, &[]), by_id, NOW).map(drop);
    assert_eq!(
        plan(id + 1, 1, false),
        Err(ErrorCode::FetchSessionIdNotFound)
    );
    assert_eq!(plan(id, 2, false), Err(ErrorCode::InvalidFetchSessionEpoch));
    assert_eq!(plan(id, 1, true), Err(ErrorCode::FetchSessionTopicIdError));
    assert_eq!(plan(id, 1, false), Ok(()));
    assert_eq!(plan(id, FINAL, false), Ok(()));
    assert_eq!(plan(id, 2, false), Err(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn a_partition_that_was_served_comes_last_the_next_time() {
    let sessions = Sessions::new(10);
    let wants = [(0, 0), (1, 0), (2, 0)];
    let full = sessions
        .plan(request(0, INITIAL, &wants), false, NOW)
        .unwrap();
    sessions.note(&full, &[sent(1); 3], &[true, false, false]);
    let next = sessions
        .plan(request(full.session_id, 1, &[]), false, NOW)
        .unwrap();
    assert_eq!(numbers(&next), [(1, 0), (2, 0), (0, 0)]);
}

#[test]
fn a_full_house_takes_a_session_only_for_one_that_is_not_used() {
    let sessions = Sessions::new(1);
    let begin = |now| {
        sessions
            .plan(request(0, INITIAL, &[(0, 0)]), false, now)
            .unwrap()
    };
    assert!(begin(NOW).session_id > 0);
    assert_eq!(begin(NOW + EVICT_AFTER).session_id, 0);
    assert!(begin(NOW + EVICT_AFTER * 2).session_id > 0);
}
