use super::super::testing::carry_out;
use super::*;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::record::Headers;
use crate::host::Durability;
use crate::host::real::RealHost;
use crate::log::data_dir::DataDir;
use crate::log::partition::Placement;
use crate::log::session::Session;
use std::sync::Arc;

fn host() -> Arc<dyn Host> {
    Arc::new(RealHost)
}

/// A data directory with two topics, three records in each partition.
fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::open(&host(), folder.path(), Durability::Synced).unwrap();
    let configs = [("segment.bytes".to_owned(), "5000".to_owned())];
    session.create_topic("orders", 3, &configs).unwrap();
    session.create_topic("clicks", 1, &[]).unwrap();
    for (topic, number) in [("orders", 0), ("orders", 1), ("orders", 2), ("clicks", 0)] {
        let name = TopicPartition::new(topic, number);
        let mut partition = session.partition(&name).unwrap();
        let mut builder = BatchBuilder::default();
        for value in ["a", "b", "c"] {
            let now = Some(Timestamp::new(1000));
            let value = Some(value.as_bytes());
            builder
                .append(now, None, value, Headers::default())
                .unwrap();
        }
        let mut batch = builder.seal(&Seal::default()).to_vec();
        partition.append(&mut batch, Placement::Next).unwrap();
    }
    session.close().unwrap();
    folder
}

fn adopt(path: &Path) -> Vec<String> {
    let adoption = plan(&*host(), path, None).unwrap();
    carry_out(&*host(), &adoption, path);
    let again = plan(&*host(), path, None).unwrap();
    assert!(again.is_empty(), "{:?}", again.changes);
    adoption.notes
}

type Described = (Vec<(String, String, usize)>, Vec<(String, String)>);

/// Topics with ids and numbers of partitions, and the configs of `orders`.
fn described(path: &Path) -> Described {
    let dir = DataDir::open(&host(), path).unwrap();
    let topics = dir.image().topics().iter();
    let topics =
        topics.map(|(name, topic)| (name.clone(), topic.id.to_string(), topic.partitions.len()));
    let configs = dir.image().topic_configs("orders");
    let configs = configs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    (topics.collect(), configs.collect())
}

fn ends(path: &Path) {
    let dir = DataDir::open(&host(), path).unwrap();
    for number in 0..3 {
        let name = TopicPartition::new("orders", number);
        let view = dir.partition(&name).unwrap().unwrap();
        assert_eq!(view.end().unwrap(), Offset::new(3), "{name}");
    }
    // A session that appends finds everything in order.
    let mut session = Session::open(&host(), path, Durability::Synced).unwrap();
    session
        .partition(&TopicPartition::new("orders", 1))
        .unwrap();
    session.close().unwrap();
}

#[test]
fn a_directory_in_order_is_left_alone() {
    let folder = made();
    let adoption = plan(&*host(), folder.path(), None).unwrap();
    assert!(adoption.is_empty(), "{:?}", adoption.changes);
    assert_eq!(adoption.notes, Vec::<String>::new());
}

#[test]
fn a_lost_metadata_log_is_made_anew_from_directories() {
    let folder = made();
    let before = described(folder.path());
    std::fs::remove_dir_all(folder.path().join("__cluster_metadata-0")).unwrap();
    let told = adopt(folder.path());
    assert!(
        told.iter().any(|line| line.contains("retention.ms=-1")),
        "{told:?}"
    );
    let after = described(folder.path());
    assert_eq!(before.0, after.0);
    let kept = [("retention.ms".to_owned(), "-1".to_owned())];
    assert_eq!(after.1, kept);
    ends(folder.path());
}

#[test]
fn a_lost_meta_properties_alone_is_written_anew() {
    let folder = made();
    let before = described(folder.path());
    let path = folder.path().join(META_PROPERTIES);
    let old = MetaProperties::parse(&std::fs::read(&path).unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let edits = plan(&*host(), folder.path(), None).unwrap().changes;
    assert_eq!(edits.len(), 1, "{edits:?}");
    let told = adopt(folder.path());
    assert!(
        told[0].contains("the cluster's id is not known"),
        "{told:?}"
    );
    let new = MetaProperties::parse(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        (new.node_id, new.directory_id),
        (old.node_id, old.directory_id)
    );
    assert_eq!(before, described(folder.path()));
    ends(folder.path());
}

#[test]
fn a_damaged_metadata_log_gives_what_it_still_has() {
    let folder = made();
    let before = described(folder.path());
    let path = folder
        .path()
        .join("__cluster_metadata-0/00000000000000000000.log");
    let mut log = std::fs::read(&path).unwrap();
    // In the batch of feature levels, in front of the topics.
    log[200] ^= 0x10;
    std::fs::write(&path, &log).unwrap();
    let told = adopt(folder.path());
    assert!(
        told.iter().any(|line| line.contains("bytes cannot")),
        "{told:?}"
    );
    let after = described(folder.path());
    assert_eq!(before, after);
    ends(folder.path());
}

#[test]
fn bare_partition_directories_become_topics() {
    let folder = made();
    let target = tempfile::tempdir().unwrap();
    for name in ["orders-0", "orders-2", "clicks-0"] {
        std::fs::rename(folder.path().join(name), target.path().join(name)).unwrap();
    }
    std::fs::create_dir(target.path().join("backup-20260101")).unwrap();
    std::fs::remove_file(target.path().join("orders-0/partition.metadata")).unwrap();
    std::fs::remove_file(target.path().join("clicks-0/partition.metadata")).unwrap();
    let told = adopt(target.path());
    let about = |what: &str| told.iter().any(|line| line.contains(what));
    assert!(about("1 of 3 partitions have no directory"), "{told:?}");
    let left = plan(&*host(), target.path(), None).unwrap().left;
    assert_eq!(left[0].path, Path::new("backup-20260101"));
    assert!(about("topic clicks: its id is not known"), "{told:?}");
    let (topics, _) = described(target.path());
    let counts: Vec<_> = topics
        .iter()
        .map(|(name, _, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(counts, [("clicks", 1), ("orders", 3)]);
    let ids: Vec<_> = (0..3)
        .map(|number| {
            std::fs::read(
                target
                    .path()
                    .join(format!("orders-{number}/partition.metadata")),
            )
            .unwrap()
        })
        .collect();
    assert!(ids[0] == ids[2] && ids[1] == ids[2]);
    let dir = DataDir::open(&host(), target.path()).unwrap();
    let view = dir
        .partition(&TopicPartition::new("orders", 1))
        .unwrap()
        .unwrap();
    assert_eq!(view.end().unwrap(), Offset::ZERO);
}

#[test]
fn of_ids_that_contradict_each_other_most_win_and_none_is_used_twice() {
    let folder = made();
    let before = described(folder.path());
    let copy = |from: &str, to: &str| {
        let of = |name: &str| folder.path().join(name).join(PARTITION_METADATA);
        std::fs::copy(of(from), of(to)).unwrap();
    };
    copy("clicks-0", "orders-1");
    let told = adopt(folder.path());
    assert!(
        told.iter()
            .any(|line| line.contains("its partitions name 2 ids")),
        "{told:?}"
    );
    assert_eq!(before, described(folder.path()));
    copy("orders-0", "clicks-0");
    let told = adopt(folder.path());
    assert!(
        told.iter()
            .any(|line| line.contains("topic clicks has the id of topic orders")),
        "{told:?}"
    );
    assert_eq!(before, described(folder.path()));
}

#[test]
fn a_directory_of_zookeeper_times_becomes_one_of_kraft() {
    let folder = made();
    let path = folder.path().join(META_PROPERTIES);
    std::fs::write(&path, "version=0\nbroker.id=7\ncluster.id=old-cluster\n").unwrap();
    std::fs::remove_dir_all(folder.path().join("__cluster_metadata-0")).unwrap();
    adopt(folder.path());
    let meta = MetaProperties::parse(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(meta.cluster_id.as_deref(), Some("old-cluster"));
    assert_eq!(meta.node_id.map(|node| node.get()), Some(7));
    let dir = DataDir::open(&host(), folder.path()).unwrap();
    let state = &dir.image().topic("orders").unwrap().partitions[&2];
    assert_eq!(
        state
            .replicas
            .iter()
            .map(|node| node.get())
            .collect::<Vec<_>>(),
        [7]
    );
}
