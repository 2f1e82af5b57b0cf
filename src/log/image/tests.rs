use super::*;
use crate::format::LeaderEpoch;
use crate::format::metadata::{
    AbortTransactionRecord, BeginTransactionRecord, ConfigRecord, EndTransactionRecord,
    FeatureLevelRecord, LeaderChange, PartitionChangeRecord, PartitionRecord, RemoveTopicRecord,
    TopicRecord,
};
use crate::format::{PartitionId, Uuid};

fn id(byte: u8) -> Uuid {
    Uuid::from_bytes([byte; 16])
}

fn topic(name: &str, byte: u8) -> MetadataRecord {
    MetadataRecord::Topic(TopicRecord {
        name: name.to_owned(),
        topic_id: id(byte),
        ..TopicRecord::default()
    })
}

fn partition(byte: u8, number: i32) -> MetadataRecord {
    MetadataRecord::Partition(PartitionRecord {
        partition_id: PartitionId::new(number),
        topic_id: id(byte),
        replicas: vec![NodeId::new(1), NodeId::new(2)],
        isr: vec![NodeId::new(1)],
        leader: Some(NodeId::new(1)),
        leader_epoch: LeaderEpoch::new(3),
        ..PartitionRecord::default()
    })
}

fn config(kind: i8, name: &str, key: &str, value: Option<&str>) -> MetadataRecord {
    MetadataRecord::Config(ConfigRecord {
        resource_type: kind,
        resource_name: name.to_owned(),
        name: key.to_owned(),
        value: value.map(str::to_owned),
        ..ConfigRecord::default()
    })
}

fn change(byte: u8, leader: LeaderChange, isr: Option<Vec<NodeId>>) -> MetadataRecord {
    MetadataRecord::PartitionChange(PartitionChangeRecord {
        partition_id: PartitionId::new(0),
        topic_id: id(byte),
        leader,
        isr,
        ..PartitionChangeRecord::default()
    })
}

fn remove(byte: u8) -> MetadataRecord {
    MetadataRecord::RemoveTopic(RemoveTopicRecord {
        topic_id: id(byte),
        ..RemoveTopicRecord::default()
    })
}

fn begin() -> MetadataRecord {
    MetadataRecord::BeginTransaction(BeginTransactionRecord::default())
}

fn end() -> MetadataRecord {
    MetadataRecord::EndTransaction(EndTransactionRecord::default())
}

fn abort() -> MetadataRecord {
    MetadataRecord::AbortTransaction(AbortTransactionRecord::default())
}

fn image(records: impl IntoIterator<Item = MetadataRecord>) -> Image {
    let mut image = Image::default();
    records.into_iter().for_each(|record| image.apply(record));
    image
}

fn configs(image: &Image, name: &str) -> Vec<(String, String)> {
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    image.topic_configs(name).map(own).collect()
}

#[test]
fn a_transaction_counts_at_its_end_or_not_at_all() {
    let mut image = image([topic("before", 1), begin(), topic("in", 2), partition(2, 0)]);
    assert_eq!(image.topics().keys().collect::<Vec<_>>(), ["before"]);
    image.apply(end());
    assert_eq!(image.topic("in").unwrap().partitions.len(), 1);

    for record in [begin(), remove(1), config(2, "in", "a", Some("b")), abort()] {
        image.apply(record);
    }
    assert!(image.topic("before").is_some());
    assert_eq!(configs(&image, "in"), []);
    image.apply(topic("after", 3));
    assert!(image.topic("after").is_some());
    // One that was begun and left when its controller died gives way to the next.
    for record in [begin(), topic("left", 4), begin(), topic("next", 5), end()] {
        image.apply(record);
    }
    assert!(image.topic("left").is_none());
    assert!(image.topic("next").is_some());
}

#[test]
fn a_topic_goes_with_its_configs_and_comes_back_without_them() {
    let mut image = image([
        topic("a", 1),
        partition(1, 0),
        config(TOPIC_RESOURCE, "a", "segment.bytes", Some("1000")),
        config(BROKER_RESOURCE, "a", "log.dir", Some("x")),
        topic("b", 2),
        config(TOPIC_RESOURCE, "b", "segment.bytes", Some("2000")),
        remove(1),
    ]);
    assert!(image.topic("a").is_none());
    image.apply(topic("a", 3));
    assert_eq!(image.topic("a").unwrap().id, id(3));
    assert!(image.topic("a").unwrap().partitions.is_empty());
    assert_eq!(configs(&image, "a"), []);
    assert_eq!(image.configs_of(BROKER_RESOURCE, "a").count(), 1);
    let expected = ("segment.bytes".to_owned(), "2000".to_owned());
    assert_eq!(configs(&image, "b"), [expected]);
    // Records about the one that is gone change nothing.
    image.apply(partition(1, 0));
    image.apply(change(1, LeaderChange::NoLeader, None));
    image.apply(remove(1));
    assert_eq!(image.topics().len(), 2);
    assert!(image.topic("a").unwrap().partitions.is_empty());
}

#[test]
fn configs_are_set_and_taken_away_one_by_one() {
    let image = image([
        topic("a", 1),
        config(TOPIC_RESOURCE, "a", "x", Some("1")),
        config(TOPIC_RESOURCE, "a", "y", Some("2")),
        config(TOPIC_RESOURCE, "a", "x", Some("3")),
        config(TOPIC_RESOURCE, "a", "y", None),
        config(TOPIC_RESOURCE, "a", "never.set", None),
    ]);
    assert_eq!(configs(&image, "a"), [("x".to_owned(), "3".to_owned())]);
}

#[test]
fn a_leader_or_none_begins_a_new_term_and_other_changes_do_not() {
    let both = vec![NodeId::new(1), NodeId::new(2)];
    let mut image = image([topic("a", 1), partition(1, 0), partition(1, 1)]);
    let state = |image: &Image| image.topic("a").unwrap().partitions[&0].clone();

    image.apply(change(1, LeaderChange::Unchanged, Some(both.clone())));
    let now = state(&image);
    assert_eq!(
        (now.leader_epoch.get(), now.leader),
        (3, Some(NodeId::new(1)))
    );
    assert_eq!(now.isr, both);

    image.apply(change(1, LeaderChange::NoLeader, None));
    let now = state(&image);
    assert_eq!((now.leader_epoch.get(), now.leader), (4, None));

    image.apply(change(
        1,
        LeaderChange::Leader(NodeId::new(2)),
        Some(vec![]),
    ));
    let now = state(&image);
    assert_eq!(
        (now.leader_epoch.get(), now.leader),
        (5, Some(NodeId::new(2)))
    );
    assert_eq!(now.isr, []);
    // The same leader once more is a new term too, as after a restart.
    image.apply(change(1, LeaderChange::Leader(NodeId::new(2)), None));
    assert_eq!(state(&image).leader_epoch.get(), 6);

    let other = &image.topic("a").unwrap().partitions[&1];
    assert_eq!(other.leader_epoch.get(), 3);
    assert_eq!(other.replicas, both);
}

#[test]
fn features_and_the_nearest_name() {
    let feature = |level| {
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "metadata.version".to_owned(),
            feature_level: level,
            ..FeatureLevelRecord::default()
        })
    };
    let image = image([
        feature(7),
        feature(25),
        topic("orders", 1),
        topic("users", 2),
    ]);
    assert_eq!(image.features()["metadata.version"], 25);
    assert_eq!(image.nearest_topic("odrers").as_deref(), Some("orders"));
    assert_eq!(image.nearest_topic("order").as_deref(), Some("orders"));
    assert_eq!(image.nearest_topic("Users").as_deref(), Some("users"));
    assert_eq!(image.nearest_topic("elephants"), None);
    assert_eq!(image.next_producer_id(), ProducerId::default());
}

#[test]
fn nodes_elr_quotas_and_credentials_come_and_go() {
    use crate::format::metadata::{
        BrokerRegistrationChangeRecord, ClearElrRecord, ClientQuotaRecord, FenceBrokerRecord,
        QuotaEntity, RegisterBrokerRecord, RemoveUserScramCredentialRecord, UnregisterBrokerRecord,
        UserScramCredentialRecord,
    };
    let one = NodeId::new(1);
    let mut image = Image::default();
    image.apply(
        RegisterBrokerRecord {
            broker_id: one,
            broker_epoch: 7,
            ..Default::default()
        }
        .into(),
    );
    let change = |broker_epoch, fenced| {
        MetadataRecord::from(BrokerRegistrationChangeRecord {
            broker_id: one,
            broker_epoch,
            fenced,
            ..Default::default()
        })
    };
    let fenced = |image: &Image| image.nodes().brokers[&one].fenced;
    assert!(fenced(&image));
    image.apply(change(6, -1));
    assert!(fenced(&image), "a change of an earlier registration");
    image.apply(change(7, -1));
    assert!(!fenced(&image));
    image.apply(
        FenceBrokerRecord {
            id: one,
            epoch: 7,
            ..Default::default()
        }
        .into(),
    );
    assert!(fenced(&image));
    image.apply(
        UnregisterBrokerRecord {
            broker_id: one,
            ..Default::default()
        }
        .into(),
    );
    assert_eq!(image.broker_epoch(one), None);

    image.apply(topic("t", 1));
    image.apply(MetadataRecord::Partition(PartitionRecord {
        topic_id: id(1),
        eligible_leader_replicas: Some(vec![one]),
        adding_replicas: vec![one],
        ..PartitionRecord::default()
    }));
    let state = |image: &Image| image.topic("t").unwrap().partitions[&0].clone();
    assert!(state(&image).is_reassigned());
    image.apply(ClearElrRecord::default().into());
    assert_eq!((state(&image).elr.len(), state(&image).epoch), (0, 1));

    let quota = |remove| {
        MetadataRecord::from(ClientQuotaRecord {
            entity: vec![QuotaEntity {
                entity_type: "user".to_owned(),
                ..Default::default()
            }],
            key: "request_percentage".to_owned(),
            value: 20.0,
            remove,
            ..Default::default()
        })
    };
    image.apply(quota(false));
    assert_eq!(image.security().quotas.len(), 1);
    image.apply(quota(true));
    assert!(image.security().quotas.is_empty());

    image.apply(
        UserScramCredentialRecord {
            name: "ann".to_owned(),
            mechanism: 1,
            ..Default::default()
        }
        .into(),
    );
    let remove = |mechanism| {
        MetadataRecord::from(RemoveUserScramCredentialRecord {
            name: "ann".to_owned(),
            mechanism,
            ..Default::default()
        })
    };
    image.apply(remove(2));
    assert_eq!(image.security().scram.len(), 1);
    image.apply(remove(1));
    assert!(image.security().scram.is_empty());
}
