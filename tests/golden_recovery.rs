//! Recovers the directory that Apache Kafka 4.3.1 left when it was killed, and
//! compares with what Kafka's own recovery made of it (and of the runs after that).

mod support;

use ottla::format::Offset;
use ottla::format::leader_epochs::LeaderEpochs;
use ottla::format::offset_index::OffsetIndexEntry;
use ottla::format::producer_snapshot;
use ottla::format::time_index::TimeIndexEntry;
use ottla::format::txn_index::AbortedTxn;
use ottla::host::real::RealHost;
use ottla::host::{Durability, Host};
use ottla::log::data_dir::DataDir;
use ottla::log::image::TOPIC_RESOURCE;
use ottla::log::layout::{LEADER_EPOCHS, Suffix, TopicPartition, parse_segment_file, segment_file};
use ottla::log::session::Session;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// The two directories: what this recovered, and what Kafka did.
struct Recovered {
    _root: TempDir,
    host: Arc<dyn Host>,
    ours: PathBuf,
    theirs: PathBuf,
    /// The log end offset that the session told for each partition.
    ends: BTreeMap<TopicPartition, Offset>,
}

/// Recovers once, for all tests.
fn recovered() -> &'static Recovered {
    static RECOVERED: OnceLock<Recovered> = OnceLock::new();
    RECOVERED.get_or_init(|| {
        let root = tempfile::tempdir().unwrap();
        let (ours, theirs) = (root.path().join("ours"), root.path().join("theirs"));
        unpack_sparse(support::UNCLEAN, &ours);
        unpack_sparse(support::CLEAN, &theirs);
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let session = Session::open(&host, &ours, Durability::Synced).unwrap();
        let ends = session
            .recovered()
            .iter()
            .map(|(name, done)| {
                assert_eq!((done.cut, done.kept), (0, 0), "{name}");
                (name.clone(), done.end)
            })
            .collect();
        session.close().unwrap();
        Recovered {
            _root: root,
            host,
            ours,
            theirs,
            ends,
        }
    })
}

/// Unpacks an archive; the zeros at the end of a file become a hole.
fn unpack_sparse(name: &str, into: &Path) {
    support::each_file(name, |path, bytes| {
        let path = into.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let length = bytes.iter().rposition(|byte| *byte != 0);
        let file = fs::File::create(&path).unwrap();
        file.write_all_at(&bytes[..length.map_or(0, |at| at + 1)], 0)
            .unwrap();
        file.set_len(bytes.len() as u64).unwrap();
    });
}

/// Every segment of a partition that was recovered here.
fn segments(all: &Recovered) -> Vec<(TopicPartition, Offset)> {
    let mut segments = Vec::new();
    for name in all.ends.keys() {
        for entry in fs::read_dir(all.ours.join(name.to_string())).unwrap() {
            let file = entry.unwrap().file_name();
            if let Some((base, Suffix::Log)) = parse_segment_file(&file) {
                segments.push((name.clone(), base));
            }
        }
    }
    segments.sort();
    assert!(segments.len() > all.ends.len());
    segments
}

/// A segment's file here and there; what is missing is empty.
fn both(
    all: &Recovered,
    name: &TopicPartition,
    base: Offset,
    suffix: Suffix,
) -> (Vec<u8>, Vec<u8>) {
    let of = |root: &Path| {
        let path = segment_file(&root.join(name.to_string()), base, suffix);
        fs::read(path).unwrap_or_default()
    };
    (of(&all.ours), of(&all.theirs))
}

fn epochs(root: &Path, name: &TopicPartition) -> LeaderEpochs {
    let path = root.join(name.to_string()).join(LEADER_EPOCHS);
    LeaderEpochs::parse(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_log_is_what_kafka_kept() {
    let all = recovered();
    assert_eq!(all.ends.len(), 24, "{:?}", all.ends.keys());
    for (name, base) in segments(all) {
        let (ours, theirs) = both(all, &name, base, Suffix::Log);
        assert!(
            theirs.starts_with(&ours),
            "{name} {base}: {} bytes, Kafka has {}",
            ours.len(),
            theirs.len()
        );
    }
}

/// When Kafka led a partition again, it wrote down where its log ended.
#[test]
fn every_log_ends_where_kafka_found_its_end() {
    let all = recovered();
    for (name, end) in &all.ends {
        let ours = epochs(&all.ours, name);
        let theirs = epochs(&all.theirs, name);
        let theirs: Vec<_> = theirs.entries().to_vec();
        let last = theirs.last().unwrap();
        assert_eq!(*end, last.start_offset, "{name}");
        // An epoch in which nothing was written gave way to the next one.
        for entry in ours.entries().iter().filter(|e| e.start_offset < *end) {
            assert!(theirs.contains(entry), "{name}: {entry:?} in {theirs:?}");
        }
    }
}

#[test]
fn indexes_hold_the_entries_of_kafka() {
    let all = recovered();
    let (mut offsets, mut times, mut aborted) = (0, 0, 0);
    for (name, base) in segments(all) {
        let (ours, theirs) = both(all, &name, base, Suffix::Index);
        assert_eq!(ours.len() % OffsetIndexEntry::SIZE, 0);
        assert!(theirs.starts_with(&ours), "{name} {base}: offset index");
        offsets += ours.len() / OffsetIndexEntry::SIZE;

        let (ours, theirs) = both(all, &name, base, Suffix::TxnIndex);
        assert_eq!(ours, theirs, "{name} {base}: transaction index");
        aborted += ours.len() / AbortedTxn::SIZE;

        let (ours, theirs) = both(all, &name, base, Suffix::TimeIndex);
        let (whole, theirs_whole) = (ours.len(), both(all, &name, base, Suffix::Log));
        if theirs_whole.0 == theirs_whole.1 {
            assert_eq!(ours, theirs, "{name} {base}: time index");
        } else {
            // A stop adds the latest time so far: Kafka went on before it stopped.
            let before = whole.saturating_sub(TimeIndexEntry::SIZE);
            assert!(theirs.starts_with(&ours[..before]), "{name} {base}");
        }
        times += ours.len() / TimeIndexEntry::SIZE;
    }
    assert!(offsets > 700 && times > 700, "{offsets} {times}");
    // Two transactions over two partitions.
    assert_eq!(aborted, 4);
}

#[test]
fn producers_are_those_of_kafka_and_the_open_transaction_is_open() {
    let all = recovered();
    let mut compared = 0;
    for (name, end) in &all.ends {
        let (ours, theirs) = both(all, name, *end, Suffix::Snapshot);
        let mut ours = producer_snapshot::decode(&ours).unwrap();
        ours.sort_by_key(|entry| entry.producer_id);
        if theirs.is_empty() {
            continue;
        }
        let mut theirs = producer_snapshot::decode(&theirs).unwrap();
        theirs.sort_by_key(|entry| entry.producer_id);
        assert_eq!(ours, theirs, "{name} at {end}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");

    let name = TopicPartition::new("txn", 0);
    let dir = DataDir::open(&all.host, &all.ours).unwrap();
    let view = dir.partition(&name).unwrap().unwrap();
    let producers = view.producers().unwrap();
    assert_eq!(producers.open().count(), 1);
    let stable = producers.first_open().unwrap();
    assert!(stable < view.end().unwrap(), "{stable}");

    // It is the one that Kafka knew as hanging, from the same offset on.
    let dir = DataDir::open(&all.host, &all.theirs).unwrap();
    let view = dir.partition(&name).unwrap().unwrap();
    let known = view.aborted(Offset::ZERO, view.end().unwrap()).unwrap();
    let theirs = view.producers().unwrap();
    let is_known =
        theirs.first_open() == Some(stable) || known.iter().any(|txn| txn.first_offset == stable);
    assert!(is_known, "{stable}: {theirs:?} {known:?}");
}

#[test]
fn topics_and_configs_are_those_of_kafka() {
    let all = recovered();
    let ours = DataDir::open(&all.host, &all.ours).unwrap();
    let theirs = DataDir::open(&all.host, &all.theirs).unwrap();
    let (ours, theirs) = (ours.image(), theirs.image());
    assert!(ours.topics().keys().eq(theirs.topics().keys()));
    assert_eq!(ours.features(), theirs.features());
    assert!(ours.next_producer_id() <= theirs.next_producer_id());
    for (name, topic) in ours.topics() {
        let other = theirs.topic(name).unwrap();
        assert_eq!(topic.id, other.id, "{name}");
        assert!(topic.partitions.keys().eq(other.partitions.keys()));
        for (number, partition) in &topic.partitions {
            let other = &other.partitions[number];
            assert_eq!(partition.replicas, other.replicas, "{name}-{number}");
            assert!(partition.leader_epoch <= other.leader_epoch);
        }
        assert!(ours.topic_configs(name).eq(theirs.topic_configs(name)));
        let same = ours.configs_of(TOPIC_RESOURCE, name);
        assert!(same.eq(ours.topic_configs(name)));
    }
}

#[test]
fn a_second_open_is_clean_and_changes_nothing() {
    let all = recovered();
    let before = tree(&all.ours);
    assert!(before.contains_key(Path::new(".kafka_cleanshutdown")));
    let session = Session::open(&all.host, &all.ours, Durability::Synced).unwrap();
    assert_eq!(session.recovered(), []);
    session.close().unwrap();
    let after = tree(&all.ours);
    for (path, bytes) in &before {
        assert_eq!(after.get(path), Some(bytes), "{}", path.display());
    }
    assert!(before.keys().eq(after.keys()));
}

/// Every file with its bytes.
fn tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let is_tmp = path.extension() == Some(OsStr::new("tmp"));
            assert!(!is_tmp, "left over: {}", path.display());
            let name = path.strip_prefix(root).unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
    files
}
