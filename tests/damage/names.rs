//! Files that are missing, too many, or under another's name; segments that overlap.

use super::layout;
use super::undetectable::Undetectable;
use super::{Expected, Maker, found_in};
use ottla::log::verify::Check;
use std::collections::BTreeMap;

/// Every one for one template.
pub(crate) fn generate(maker: &mut Maker<'_>) {
    missing(maker);
    renamed(maker);
    extra(maker);
    overlapping(maker);
    epochs(maker);
    if maker.template.name == "plain" {
        directories(maker);
        beside(maker);
    }
}

fn anywhere(checks: &'static [Check], file: &str) -> Expected {
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    let files = vec![file.to_owned(), directory.to_owned(), "*".to_owned()];
    Expected::Found {
        checks,
        files,
        bytes: None,
    }
}

fn missing_checks(maker: &Maker<'_>, path: &str) -> Expected {
    let logs = maker.with_suffix(".log");
    let is_last = logs.last().is_some_and(|(last, _)| *last == path);
    let suffix = path.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    match suffix {
        "log" if maker.template.compacted && !is_last => anywhere(
            &[Check::MissingFile, Check::StrayFile, Check::OffsetGap],
            path,
        ),
        "log" => anywhere(
            &[
                Check::OffsetGap,
                Check::MissingFile,
                Check::StrayFile,
                Check::SegmentOrder,
                Check::Checkpoint,
            ],
            path,
        ),
        "txnindex" if maker.template.files[path].is_empty() => {
            Expected::Free(Undetectable::EmptyTxnIndex)
        }
        "snapshot" if is_earliest(maker, path) => Expected::Free(Undetectable::EarliestSnapshot),
        "checkpoint" => Expected::Free(Undetectable::MetadataSnapshot),
        _ => anywhere(
            &[
                Check::MissingFile,
                Check::TxnIndex,
                Check::PartitionMetadata,
                Check::LeaderEpochs,
                Check::QuorumState,
            ],
            path,
        ),
    }
}

/// Whether no producer snapshot is before it, nor the log's end at it.
fn is_earliest(maker: &Maker<'_>, path: &str) -> bool {
    let snapshots = maker.with_suffix(".snapshot");
    let is_metadata = maker.template.name == "metadata";
    snapshots[0].0 == path && (snapshots.len() > 1 || is_metadata)
}

fn missing(maker: &mut Maker<'_>) {
    let prefix = format!("{}/", maker.template.partition);
    let paths: Vec<_> = maker
        .template
        .files
        .keys()
        .filter(|path| path.starts_with(&prefix))
        .cloned()
        .collect();
    for path in paths {
        let expected = missing_checks(maker, &path);
        let kind = format!("file: {} missing", kind_of(&path));
        maker.change(
            kind,
            &*path,
            BTreeMap::from([(path.clone(), None)]),
            expected,
        );
    }
    if maker.template.name != "plain" {
        return;
    }
    for name in [
        "meta.properties",
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
    ] {
        let expected = if name == "meta.properties" {
            anywhere(&[Check::MetaProperties, Check::MissingFile], name)
        } else {
            anywhere(&[Check::Checkpoint, Check::MissingFile], name)
        };
        maker.change(
            format!("file: {name} missing"),
            name,
            BTreeMap::from([(name.into(), None)]),
            expected,
        );
    }
}

/// The part of a name that says what a file is.
fn kind_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap();
    match name.split_once('.') {
        Some((stem, suffix)) if stem.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
            format!(".{suffix}")
        }
        _ => name.to_owned(),
    }
}

fn renamed(maker: &mut Maker<'_>) {
    for suffix in [".log", ".index", ".timeindex", ".snapshot"] {
        let files = maker.with_suffix(suffix);
        let Some((path, bytes)) = files.get(files.len() / 2).copied() else {
            continue;
        };
        let (directory, name) = path.rsplit_once('/').unwrap();
        let base: i64 = name[..20].parse().unwrap();
        for (what, to) in [
            (
                "to another offset",
                format!("{directory}/{:020}{suffix}", base + 3),
            ),
            ("to a name of no file", format!("{path}.bak")),
            ("to a copy's name", format!("{directory}/copy of {name}")),
            ("to fewer digits", format!("{directory}/{base}{suffix}")),
        ] {
            let changes =
                BTreeMap::from([(path.to_owned(), None), (to.clone(), Some(bytes.to_vec()))]);
            let expected = match suffix {
                ".log" => anywhere(
                    &[
                        Check::SegmentOrder,
                        Check::OffsetGap,
                        Check::MissingFile,
                        Check::StrayFile,
                        Check::OffsetOrder,
                        Check::Checkpoint,
                    ],
                    &to,
                ),
                ".snapshot" => anywhere(
                    &[
                        Check::ProducerSnapshot,
                        Check::StrayFile,
                        Check::MissingFile,
                    ],
                    &to,
                ),
                _ => anywhere(
                    &[
                        Check::StrayFile,
                        Check::MissingFile,
                        Check::OffsetIndex,
                        Check::TimeIndex,
                    ],
                    &to,
                ),
            };
            maker.change(
                format!("file: {suffix} renamed {what}"),
                format!("{path} to {to}"),
                changes,
                expected,
            );
        }
    }
}

fn extra(maker: &mut Maker<'_>) {
    let noise: Vec<u8> = (0..200_u8).collect();
    let partition = maker.template.partition.clone();
    for name in [
        "notes.txt",
        "00000000000000000007.data",
        "core",
        "00000000000000000000.log~",
    ] {
        let path = format!("{partition}/{name}");
        let expected = found_in(&[Check::StrayFile], &path);
        maker.put(
            format!("file: {name} is too many"),
            &*path.clone(),
            &path,
            noise.clone(),
            expected,
        );
    }
    for suffix in [".index", ".timeindex", ".txnindex"] {
        let path = format!("{partition}/00000000000000999999{suffix}");
        let expected = anywhere(&[Check::StrayFile, Check::MissingFile], &path);
        maker.put(
            format!("file: {suffix} without its log"),
            &*path.clone(),
            &path,
            noise[..136].to_vec(),
            expected,
        );
    }
    let (path, log) = *maker.with_suffix(".log").last().unwrap();
    let directory = path.rsplit_once('/').unwrap().0;
    let next = layout::end_of(log).map_or(0, |end| end.get()) + 5_000;
    let far = format!("{directory}/{next:020}.log");
    let expected = anywhere(
        &[
            Check::SegmentOrder,
            Check::OffsetGap,
            Check::StrayFile,
            Check::MissingFile,
            Check::BatchCrc,
            Check::BatchLength,
            Check::BatchHeader,
            Check::Tail,
        ],
        &far,
    );
    maker.put(
        "file: a .log of noise is too many",
        &*far.clone(),
        &far,
        noise.clone(),
        expected,
    );
    let expected = anywhere(&[Check::SegmentOrder, Check::OffsetOrder], &far);
    maker.put(
        "file: a .log twice, under another offset",
        &*far.clone(),
        &far,
        log.to_vec(),
        expected,
    );
}

/// A segment whose batches are also in the one behind it.
fn overlapping(maker: &mut Maker<'_>) {
    let logs = maker.with_suffix(".log");
    const OVERLAP: &[Check] = &[Check::SegmentOrder, Check::OffsetOrder];
    for pair in logs.windows(2).take(2) {
        let (path, log) = pair[0];
        let (next, following) = pair[1];
        if following.is_empty() {
            continue;
        }
        let first = layout::batches(following)[0].clone();
        let mut long = log.to_vec();
        long.extend_from_slice(&following[first.range()]);
        maker.put(
            "segments: overlap by a batch",
            path,
            path,
            long,
            anywhere(OVERLAP, next),
        );
        let mut all = log.to_vec();
        all.extend_from_slice(following);
        maker.put(
            "segments: one holds all of the next",
            path,
            path,
            all,
            anywhere(OVERLAP, next),
        );
        let changes = BTreeMap::from([
            (path.to_owned(), Some(following.to_vec())),
            (next.to_owned(), Some(log.to_vec())),
        ]);
        let expected = anywhere(
            &[Check::SegmentOrder, Check::OffsetOrder, Check::OffsetGap],
            path,
        );
        maker.change("segments: two exchanged", path, changes, expected);
    }
}

/// A leader's term that goes back.
fn epochs(maker: &mut Maker<'_>) {
    let latest = maker
        .with_suffix(".log")
        .iter()
        .flat_map(|(_, log)| layout::batches(log))
        .map(|batch| batch.epoch)
        .max();
    for (path, log) in maker.with_suffix(".log").into_iter().take(3) {
        let batches = layout::batches(log);
        let v2: Vec<_> = batches.iter().filter(|batch| batch.magic == 2).collect();
        for index in [0, v2.len() / 2, v2.len().saturating_sub(1)] {
            let Some(batch) = v2.get(index) else { continue };
            for (name, epoch) in [
                ("one later", batch.epoch + 1),
                ("one earlier", batch.epoch - 1),
                ("far in the future", latest.unwrap() + 1000),
            ] {
                if epoch < 0 {
                    continue;
                }
                let mut bytes = log.to_vec();
                bytes[batch.position + 12..batch.position + 16]
                    .copy_from_slice(&epoch.to_be_bytes());
                let what = format!(
                    "{path} batch at {}: epoch {} becomes {epoch}",
                    batch.position, batch.epoch
                );
                let expected = anywhere(&[Check::EpochOrder, Check::LeaderEpochs], path);
                maker.put(format!("epochs: {name}"), what, path, bytes, expected);
            }
        }
    }
}

/// Directories that nobody knows, and one that is gone.
fn directories(maker: &mut Maker<'_>) {
    let files = &maker.template.files;
    let prefix = format!("{}/", maker.template.partition);
    let all: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.starts_with(&prefix))
        .collect();
    let gone = all
        .iter()
        .map(|(path, _)| ((*path).clone(), None))
        .collect();
    let expected = anywhere(&[Check::Directory, Check::MissingFile], "t-0");
    maker.change("directory: a partition is gone", "t-0", gone, expected);
    for to in ["u-0", "t-7", "t"] {
        let changes: BTreeMap<_, _> = all
            .iter()
            .map(|(path, bytes)| (path.replacen("t-0", to, 1), Some((*bytes).clone())))
            .collect();
        let expected = anywhere(&[Check::Directory, Check::StrayFile], to);
        maker.change(
            "directory: one that the metadata does not know",
            to,
            changes,
            expected,
        );
        let mut changes: BTreeMap<_, _> = all
            .iter()
            .map(|(path, bytes)| (path.replacen("t-0", to, 1), Some((*bytes).clone())))
            .collect();
        changes.extend(all.iter().map(|(path, _)| ((*path).clone(), None)));
        let expected = anywhere(&[Check::Directory, Check::MissingFile], to);
        maker.change(
            "directory: renamed",
            format!("t-0 to {to}"),
            changes,
            expected,
        );
    }
}

/// Files of the data directory under other names, and others'.
fn beside(maker: &mut Maker<'_>) {
    for (name, to) in [
        ("meta.properties", "meta.propertie3"),
        ("meta.properties", "meta-properties.old"),
        (
            "recovery-point-offset-checkpoint",
            "recovery-point-offset-checkpoinu",
        ),
        (
            "replication-offset-checkpoint",
            "replication-offset-checkpoint.1",
        ),
        ("log-start-offset-checkpoint", "log-start-ofset-checkpoint"),
        (".kafka_cleanshutdown", ".kafka_cleanshutdowm"),
        (".kafka_cleanshutdown", "000"),
    ] {
        let bytes = maker.template.files[name].clone();
        let changes = BTreeMap::from([(name.to_owned(), None), (to.to_owned(), Some(bytes))]);
        let expected = found_in(&[Check::StrayFile], to);
        let what = format!("{name} to {to}");
        maker.change("data directory: a file renamed", what, changes, expected);
    }
    for (name, from, expected) in [
        (
            "meta.propertiet",
            "meta.properties",
            found_in(&[Check::StrayFile], "meta.propertiet"),
        ),
        (
            "replicatioo-offset-checkpoint",
            "replication-offset-checkpoint",
            found_in(&[Check::StrayFile], "replicatioo-offset-checkpoint"),
        ),
        (
            "meta.properties.bak",
            "meta.properties",
            Expected::Free(Undetectable::Foreign),
        ),
        ("notes.txt", ".lock", Expected::Free(Undetectable::Foreign)),
    ] {
        let bytes = maker.template.files.get(from).cloned().unwrap_or_default();
        maker.put(
            "data directory: a file too many",
            name,
            name,
            bytes,
            expected,
        );
    }
}
