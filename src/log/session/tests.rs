use super::*;
use crate::format::batch::{Scratch, UncheckedBatch};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::metadata::PartitionRecord;
use crate::format::record::Headers;
use crate::host::real::RealHost;
use crate::log::data_dir::DataDir;
use crate::log::view::Chunk;

fn host() -> Arc<dyn Host> {
    Arc::new(RealHost)
}

fn batch(values: &[&str]) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for value in values {
        let time = Some(Timestamp::new(1_700_000_000_000));
        builder
            .append(time, None, Some(value.as_bytes()), Headers::default())
            .unwrap();
    }
    builder.seal(&Seal::default()).to_vec()
}

fn values(host: &Arc<dyn Host>, path: &Path, name: &TopicPartition) -> Vec<(i64, String)> {
    let dir = DataDir::open(host, path).unwrap();
    let view = dir.partition(name).unwrap().unwrap();
    let mut cursor = view.cursor(view.start()).unwrap();
    let (mut chunk, mut scratch) = (Chunk::default(), Scratch::new());
    let mut found = Vec::new();
    while cursor.next_chunk(&mut chunk, 4096).unwrap() {
        for bytes in chunk.batches() {
            let batch = UncheckedBatch::parse(bytes.unwrap().1)
                .unwrap()
                .check()
                .unwrap();
            for record in batch.records(&mut scratch).unwrap() {
                let record = record.unwrap();
                let text = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                found.push((record.offset.get(), text));
            }
        }
    }
    found
}

#[test]
fn what_one_session_appends_the_next_one_reads_and_goes_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let (host, name) = (host(), TopicPartition::new("orders", 0));
    for round in 0..3_i64 {
        let mut session = Session::open(&host, &path, Durability::Synced).unwrap();
        if round == 0 {
            session.create_topic("orders", 2, &[]).unwrap();
        }
        let mut partition = session.partition(&name).unwrap();
        assert_eq!(partition.end().get(), round * 3);
        let mut bytes = batch(&["a", "b"]);
        bytes.extend(batch(&["c"]));
        let appended = partition.append(&mut bytes, Placement::Next).unwrap();
        assert_eq!(
            (appended.first.get(), appended.next.get()),
            (round * 3, round * 3 + 3)
        );
        session.sync([&mut partition].into_iter()).unwrap();
        session.close().unwrap();
        assert!(DataDir::open(&host, &path).unwrap().is_clean());
    }
    let expected: Vec<_> = (0..9)
        .zip(["a", "b", "c"].map(str::to_owned).into_iter().cycle())
        .collect();
    assert_eq!(values(&host, &path, &name), expected);
}

#[test]
fn a_torn_tail_left_by_a_killed_tool_goes_when_the_next_one_appends() {
    let folder = tempfile::tempdir().unwrap();
    let (host, name) = (host(), TopicPartition::new("t", 0));
    let mut session = Session::open(&host, folder.path(), Durability::None).unwrap();
    session.create_topic("t", 1, &[]).unwrap();
    let mut partition = session.partition(&name).unwrap();
    partition
        .append(&mut batch(&["whole"]), Placement::Next)
        .unwrap();
    let log = super::super::layout::segment_file(
        &folder.path().join("t-0"),
        Offset::ZERO,
        super::super::layout::Suffix::Log,
    );
    let file = host.open(&log, Open::Write).unwrap();
    let torn = batch(&["unfinished"]);
    file.write_at(&torn[..70], file.len().unwrap()).unwrap();
    drop((session, partition));

    let mut session = Session::open(&host, folder.path(), Durability::Synced).unwrap();
    let mut partition = session.partition(&name).unwrap();
    assert_eq!(partition.end().get(), 1);
    partition
        .append(&mut batch(&["next"]), Placement::Next)
        .unwrap();
    session.sync([&mut partition].into_iter()).unwrap();
    session.close().unwrap();
    let found = values(&host, folder.path(), &name);
    assert_eq!(found, [(0, "whole".to_owned()), (1, "next".to_owned())]);
}

#[test]
fn segments_roll_by_size_and_stay_readable() {
    let folder = tempfile::tempdir().unwrap();
    let (host, name) = (host(), TopicPartition::new("t", 0));
    let mut session = Session::open(&host, folder.path(), Durability::Synced).unwrap();
    let configs = [("segment.bytes".to_owned(), "300".to_owned())];
    session.create_topic("t", 1, &configs).unwrap();
    let mut partition = session.partition(&name).unwrap();
    for _ in 0..20 {
        let mut bytes = batch(&["one", "two"]);
        bytes.extend(batch(&["three"]));
        partition.append(&mut bytes, Placement::Next).unwrap();
    }
    session.sync([&mut partition].into_iter()).unwrap();
    session.close().unwrap();
    let dir = DataDir::open(&host, folder.path()).unwrap();
    let view = dir.partition(&name).unwrap().unwrap();
    assert!(view.segments() > 5, "{} segments", view.segments());
    assert_eq!(view.end().unwrap().get(), 60);
    assert_eq!(values(&host, folder.path(), &name).len(), 60);
    let cursor = view.cursor(Offset::new(31));
    let mut chunk = Chunk::default();
    cursor.unwrap().next_chunk(&mut chunk, 10).unwrap();
    let (_, first) = chunk.batches().next().unwrap().unwrap();
    let header = *UncheckedBatch::parse(first).unwrap().header();
    assert!(header.base_offset.get() <= 31 && header.last_offset.get() >= 31);
}

#[test]
fn a_directory_of_others_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = Session::open(&host(), folder.path(), Durability::Synced)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("found \"notes.txt\" alone"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_other_nodes_have_a_part_in_is_not_changed_here() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::open(&host(), folder.path(), Durability::Synced).unwrap();
    session.create_topic("ours", 1, &[]).unwrap();
    let id = session.image().topic("ours").unwrap().id;
    let replicated = PartitionRecord {
        partition_id: PartitionId::new(1),
        topic_id: id,
        replicas: vec![NodeId::new(1), NodeId::new(2)],
        ..PartitionRecord::default()
    };
    session
        .change(|_| Ok(vec![MetadataRecord::Partition(replicated)]))
        .unwrap();
    let error = session.partition(&TopicPartition::new("ours", 1)).err();
    let error = error.unwrap().to_string();
    assert!(error.contains("replicas on nodes 1, 2"), "{error}");
    assert!(!folder.path().join("ours-1").exists());
    assert!(session.partition(&TopicPartition::new("ours", 0)).is_ok());

    let voters = [1, 2, 3].map(NodeId::new);
    session.image.set_voters(voters.into_iter());
    let error = session
        .create_topic("theirs", 1, &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("controllers 1, 2, 3"), "{error}");
    assert!(session.image().topic("theirs").is_none());
    session.close().unwrap();
}

#[test]
fn a_directory_without_a_metadata_log_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let old = "version=0\nbroker.id=3\ncluster.id=x\n";
    std::fs::write(folder.path().join("meta.properties"), old).unwrap();
    std::fs::write(folder.path().join(".kafka_cleanshutdown"), "{}").unwrap();
    let error = Session::open(&host(), folder.path(), Durability::Synced).err();
    let error = error.unwrap().to_string();
    assert!(error.contains("has no __cluster_metadata-0"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
