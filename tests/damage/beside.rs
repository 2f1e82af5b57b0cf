//! Damage to the files beside the log: indexes, snapshots, and the small files of
//! the partition and of the data directory.

use super::undetectable::Undetectable;
use super::{Expected, Maker, found, found_in, layout};
use ottla::format::crc32c::crc32c;
use ottla::log::verify::Check;
use std::collections::BTreeMap;

/// A name, the place in an entry, and the size of a field.
type EntryField = (&'static str, usize, usize);

const OFFSET_INDEX: [EntryField; 2] = [("relativeOffset", 0, 4), ("position", 4, 4)];
const TIME_INDEX: [EntryField; 2] = [("timestamp", 0, 8), ("relativeOffset", 8, 4)];
const TXN_INDEX: [EntryField; 5] = [
    ("version", 0, 2),
    ("producerId", 2, 8),
    ("firstOffset", 10, 8),
    ("lastOffset", 18, 8),
    ("lastStableOffset", 26, 8),
];
const PRODUCER: [EntryField; 8] = [
    ("producerId", 0, 8),
    ("epoch", 8, 2),
    ("lastSequence", 10, 4),
    ("lastOffset", 14, 8),
    ("offsetDelta", 22, 4),
    ("timestamp", 26, 8),
    ("coordinatorEpoch", 34, 4),
    ("currentTxnFirstOffset", 38, 8),
];
/// Bytes before the first producer of a snapshot: version, CRC, count.
const SNAPSHOT_HEAD: [EntryField; 3] = [("version", 0, 2), ("crc", 2, 4), ("count", 6, 4)];

/// All of them for one template.
pub(crate) fn generate(maker: &mut Maker<'_>) {
    entries(maker, ".index", 8, &OFFSET_INDEX, &[Check::OffsetIndex]);
    entries(maker, ".timeindex", 12, &TIME_INDEX, &[Check::TimeIndex]);
    entries(maker, ".txnindex", 34, &TXN_INDEX, &[Check::TxnIndex]);
    lengths(maker);
    snapshots(maker);
    texts(maker);
    if maker.template.name == "metadata" {
        kraft_snapshot(maker);
    }
}

fn entries(
    maker: &mut Maker<'_>,
    suffix: &str,
    size: usize,
    fields: &[EntryField],
    checks: &'static [Check],
) {
    let mut files = maker.with_suffix(suffix);
    files.retain(|(_, bytes)| bytes.len() >= size);
    let last = files.len().saturating_sub(1);
    for (number, (path, bytes)) in files.into_iter().enumerate() {
        if number > 1 && number != last {
            continue;
        }
        let count = bytes.len() / size;
        let mut which = vec![0, count / 2, count - 1];
        which.dedup();
        for entry in which {
            for (name, at, length) in fields {
                for low in [true, false] {
                    let start = entry * size + at;
                    let byte = if low {
                        start + length - 1
                    } else {
                        start + maker.rng.below(*length as u64) as usize
                    };
                    let bit = maker.rng.below(8);
                    let mut damaged = bytes.to_vec();
                    damaged[byte] ^= 1 << bit;
                    let what = format!("{path} entry {entry} of {count}, bit {bit} of byte {byte}");
                    let expected = entry_expected(maker, path, suffix, &damaged, entry, byte)
                        .unwrap_or_else(|| {
                            found(
                                checks,
                                path,
                                entry.saturating_sub(1) * size
                                    ..((entry + 2) * size).min(bytes.len()),
                            )
                        });
                    maker.put(
                        format!("{suffix}: {name}, bit"),
                        what,
                        path,
                        damaged,
                        expected,
                    );
                }
            }
        }
        if count >= 2 {
            let mut swapped = bytes.to_vec();
            swapped[..2 * size].rotate_left(size);
            maker.put(
                format!("{suffix}: two entries exchanged"),
                path,
                path,
                swapped,
                found(checks, path, 0..2 * size),
            );
        }
        let mut zeroed = bytes.to_vec();
        zeroed.fill(0);
        maker.put(
            format!("{suffix}: zeroed"),
            path,
            path,
            zeroed,
            found_in(checks, path),
        );
        let mut noise = bytes.to_vec();
        maker.rng.fill(&mut noise);
        maker.put(
            format!("{suffix}: noise"),
            path,
            path,
            noise,
            found_in(checks, path),
        );
    }
}

/// Entries that are true although a bit of them was turned over.
fn entry_expected(
    maker: &Maker<'_>,
    path: &str,
    suffix: &str,
    damaged: &[u8],
    entry: usize,
    at: usize,
) -> Option<Expected> {
    let log = maker.template.files.get(&path.replace(suffix, ".log"))?;
    let base: i64 = path.rsplit('/').next()?[..20].parse().ok()?;
    let batches = layout::batches(log);
    match suffix {
        ".index" => {
            let of = |entry: usize| {
                let bytes = damaged.get(entry * 8..entry * 8 + 8)?;
                Some((base + layout::int(&bytes[..4]), layout::int(&bytes[4..])))
            };
            let (offset, position) = of(entry)?;
            let at = batches
                .iter()
                .position(|batch| batch.position as i64 == position)?;
            let ascends = entry
                .checked_sub(1)
                .and_then(of)
                .is_none_or(|(o, p)| o < offset && p < position)
                && of(entry + 1).is_none_or(|(o, p)| o > offset && p > position);
            let is_last = batches[at..].iter().any(|batch| batch.last == offset);
            (ascends && (is_last || offset == batches[at].base))
                .then_some(Expected::Free(Undetectable::IndexOffset))
        }
        ".timeindex" => {
            let bytes = &damaged[entry * 12..entry * 12 + 12];
            let (time, offset) = (layout::int(&bytes[..8]), base + layout::int(&bytes[8..]));
            let batch = batches
                .iter()
                .find(|batch| (batch.base..=batch.last).contains(&offset))?;
            (batch.max_timestamp == time).then_some(Expected::Free(Undetectable::TimeIndexOffset))
        }
        ".txnindex" if maker.template.has_gaps() && (26..34).contains(&(at - entry * 34)) => {
            Some(Expected::Free(Undetectable::Compacted))
        }
        _ => None,
    }
}

/// Indexes that are too short or too long.
fn lengths(maker: &mut Maker<'_>) {
    for (suffix, size, checks) in [
        (".index", 8_usize, &[Check::OffsetIndex] as &'static [Check]),
        (".timeindex", 12, &[Check::TimeIndex]),
        (".txnindex", 34, &[Check::TxnIndex]),
    ] {
        let files = maker.with_suffix(suffix);
        let Some((path, bytes)) = files.into_iter().find(|(_, bytes)| bytes.len() >= 2 * size)
        else {
            continue;
        };
        let whole = bytes.len();
        let mut cases = vec![("cut inside an entry", bytes[..whole - size / 2].to_vec())];
        if suffix == ".txnindex" {
            cases.push(("cut by an entry", bytes[..whole - size].to_vec()));
        }
        let mut long = bytes.to_vec();
        long.extend_from_slice(&bytes[whole - size..]);
        cases.push(("longer by its last entry", long));
        let mut noise = bytes.to_vec();
        noise.extend_from_slice(&[0x5a; 34 * 12 * 2]);
        cases.push(("longer by noise", noise));
        for (what, bytes) in cases {
            maker.put(
                format!("{suffix}: {what}"),
                path,
                path,
                bytes,
                found_in(checks, path),
            );
        }
    }
}

fn snapshots(maker: &mut Maker<'_>) {
    let files = maker.with_suffix(".snapshot");
    let last = files.len().saturating_sub(1);
    for (number, (path, bytes)) in files.into_iter().enumerate() {
        if number > 1 && number != last {
            continue;
        }
        let producers = (bytes.len() - 10) / 46;
        let mut fields: Vec<_> = SNAPSHOT_HEAD
            .map(|(name, at, size)| (name, at, size))
            .into();
        if producers > 0 {
            let which = maker.rng.below(producers as u64) as usize;
            fields.extend(PRODUCER.map(|(name, at, size)| (name, 10 + which * 46 + at, size)));
        }
        for (name, at, size) in fields {
            for (sealed, bits) in [(false, 1), (true, 2)] {
                if sealed && ["crc", "version"].contains(&name) {
                    continue;
                }
                for low in [true, false].into_iter().take(bits) {
                    let byte = if low {
                        at + size - 1
                    } else {
                        at + maker.rng.below(size as u64) as usize
                    };
                    let bit = maker.rng.below(8);
                    let mut damaged = bytes.to_vec();
                    damaged[byte] ^= 1 << bit;
                    // The cleaner took the batches that would tell a producer's state.
                    let is_free = sealed && at >= 10 && maker.template.has_gaps();
                    let free = is_free.then_some(Expected::Free(Undetectable::Compacted));
                    if sealed {
                        let crc = crc32c(&damaged[6..]);
                        damaged[2..6].copy_from_slice(&crc.to_be_bytes());
                    }
                    let kind = format!(
                        ".snapshot: {name}, bit{}",
                        if sealed { ", CRC made to fit" } else { "" }
                    );
                    let what = format!("{path} bit {bit} of byte {byte}");
                    maker.put(
                        kind,
                        what,
                        path,
                        damaged,
                        free.unwrap_or_else(|| found_in(&[Check::ProducerSnapshot], path)),
                    );
                }
            }
        }
        for (name, bytes) in [
            ("empty", Vec::new()),
            ("cut", bytes[..bytes.len() - 3].to_vec()),
            ("longer", [bytes, &[0; 5]].concat()),
            ("zeroed", vec![0; bytes.len()]),
        ] {
            maker.put(
                format!(".snapshot: {name}"),
                path,
                path,
                bytes,
                found_in(&[Check::ProducerSnapshot], path),
            );
        }
    }
}

/// The small files: bits of each, and what happens to whole files.
fn texts(maker: &mut Maker<'_>) {
    let partition = maker.template.partition.clone();
    let in_partition = [
        (
            "leader-epoch-checkpoint",
            &[Check::LeaderEpochs, Check::MissingFile] as &'static [Check],
        ),
        ("partition.metadata", &[Check::PartitionMetadata]),
    ];
    let mut files: Vec<(String, &'static [Check])> = in_partition
        .iter()
        .map(|(name, checks)| (format!("{partition}/{name}"), *checks))
        .collect();
    if ["plain", "transactions", "metadata", "kafka-compacted"].contains(&maker.template.name) {
        for (name, checks) in [
            (
                "recovery-point-offset-checkpoint",
                &[Check::Checkpoint] as &'static [Check],
            ),
            ("replication-offset-checkpoint", &[Check::Checkpoint]),
            ("log-start-offset-checkpoint", &[Check::Checkpoint]),
            ("cleaner-offset-checkpoint", &[Check::Checkpoint]),
            ("meta.properties", &[Check::MetaProperties]),
            (".kafka_cleanshutdown", &[Check::CleanShutdown]),
            ("__cluster_metadata-0/quorum-state", &[Check::QuorumState]),
        ] {
            files.push((name.to_owned(), checks));
        }
    }
    for (path, checks) in files {
        let Some(bytes) = maker.template.files.get(&path).cloned() else {
            continue;
        };
        if bytes.is_empty() {
            continue;
        }
        let name = path.rsplit('/').next().unwrap().to_owned();
        for _ in 0..(bytes.len() / 6).clamp(4, 24) {
            let at = maker.rng.below(bytes.len() as u64) as usize;
            let bit = maker.rng.below(8);
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let what = format!(
                "{path} bit {bit} of byte {at}: {:?} becomes {:?}",
                char::from(bytes[at]),
                char::from(damaged[at])
            );
            let expected = text_expected(maker, &bytes, &damaged, &path)
                .unwrap_or_else(|| found_in(checks, &path));
            maker.put(format!("{name}: a bit"), what, &path, damaged, expected);
        }
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut doubled = bytes.clone();
        doubled.extend_from_slice(lines.last().unwrap());
        let mut variants = vec![
            ("empty", Vec::new()),
            ("zeroed", vec![0; bytes.len()]),
            ("cut", bytes[..bytes.len() / 2].to_vec()),
            ("its last line twice", doubled),
            (
                "noise",
                (0..bytes.len())
                    .map(|_| maker.rng.below(256) as u8)
                    .collect(),
            ),
        ];
        if lines.len() > 2 {
            variants.push(("without its first line", bytes[lines[0].len()..].to_vec()));
            let last = bytes.len() - lines.last().unwrap().len();
            variants.push(("without its last line", bytes[..last].to_vec()));
        }
        for (what, damaged) in variants {
            let expected = text_expected(maker, &bytes, &damaged, &path)
                .unwrap_or_else(|| found_in(checks, &path));
            maker.put(format!("{name}: {what}"), &*path, &path, damaged, expected);
        }
    }
}

/// What of a small file says nothing.
fn text_expected(maker: &Maker<'_>, bytes: &[u8], damaged: &[u8], path: &str) -> Option<Expected> {
    let free = |is_free: bool, why| is_free.then_some(Expected::Free(why));
    let changes = BTreeMap::from([(path.to_owned(), Some(damaged.to_vec()))]);
    let proves = |why: Undetectable| free(why.prove(maker.template, &changes).is_ok(), why);
    match path.rsplit('/').next().unwrap_or(path) {
        "leader-epoch-checkpoint" => proves(Undetectable::EpochStart),
        "meta.properties" => free(
            properties(bytes) == properties(damaged),
            Undetectable::MetaText,
        ),
        "replication-offset-checkpoint" => proves(Undetectable::HighWatermark),
        "quorum-state" => free(next_epoch(bytes, damaged), Undetectable::ElectionAhead),
        "cleaner-offset-checkpoint" => free(
            damaged.iter().all(|byte| b"0\n".contains(byte)) && damaged.len() < 4,
            Undetectable::CleanerBegins,
        ),
        _ => None,
    }
}

/// The properties but the cluster's id, by their names.
fn properties(bytes: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let pairs = lines
        .filter(|line| !line.is_empty() && line[0] != b'#')
        .map(|line| {
            let at = line
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(line.len());
            let value = line.get(at + 1..).unwrap_or_default();
            let is_id = value.len() == 22
                && value
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
            let value = if line.starts_with(b"cluster.id=") && is_id {
                b"any"
            } else {
                value
            };
            (line[..at].to_vec(), value.to_vec())
        });
    pairs.collect()
}

fn next_epoch(before: &[u8], after: &[u8]) -> bool {
    let read = |bytes: &[u8]| -> Option<serde_json::Value> { serde_json::from_slice(bytes).ok() };
    let (Some(mut before), Some(after)) = (read(before), read(after)) else {
        return false;
    };
    let epoch = |state: &serde_json::Value| state["leaderEpoch"].as_i64();
    let is_next = epoch(&after) == epoch(&before).map(|epoch| epoch + 1);
    before["leaderEpoch"] = after["leaderEpoch"].clone();
    is_next && before == after
}

/// The snapshot of the metadata log is made of batches as well.
fn kraft_snapshot(maker: &mut Maker<'_>) {
    let (path, bytes) = *maker.with_suffix(".checkpoint").first().unwrap();
    let batches = layout::batches(bytes);
    for (index, batch) in batches.iter().enumerate() {
        if index > 1 && index < batches.len() - 2 {
            continue;
        }
        for field in layout::header(bytes, batch) {
            if ["baseOffset", "partitionLeaderEpoch"].contains(&field.name) {
                continue;
            }
            let at = field.bytes.end - 1;
            let bit = maker.rng.below(8);
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 1 << bit;
            let what = format!("{path} batch {index}, {} bit {bit}", field.name);
            maker.put(
                format!(".checkpoint: {}, bit", field.name),
                what,
                path,
                damaged,
                found_in(KRAFT, path),
            );
        }
        let mut gone = bytes[..batch.position].to_vec();
        gone.extend_from_slice(&bytes[batch.range().end..]);
        maker.put(
            ".checkpoint: a batch is gone",
            format!("{path} batch {index}"),
            path,
            gone,
            found_in(KRAFT, path),
        );
    }
    for (name, damaged) in [
        ("empty", Vec::new()),
        ("cut", bytes[..bytes.len() - 9].to_vec()),
        ("zeroed", vec![0; bytes.len()]),
        ("longer by zeros", [bytes, &[0; 700]].concat()),
    ] {
        maker.put(
            format!(".checkpoint: {name}"),
            path,
            path,
            damaged,
            found_in(KRAFT, path),
        );
    }
}

const KRAFT: &[Check] = &[
    Check::MetadataLog,
    Check::BatchCrc,
    Check::BatchLength,
    Check::BatchHeader,
    Check::Record,
    Check::OffsetOrder,
    Check::OffsetGap,
    Check::Tail,
];
