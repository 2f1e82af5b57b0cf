//! Reads the partitions of the groups' topics, all of them at once, past damage.

use super::members::{Kind, Names};
use super::offsets::{commit, end_transaction};
use super::share::Shared;
use super::walk::{self, Step};
use super::{Committed, Group};
use crate::format::any_batch::AnyScratch;
use crate::format::consumer_offsets::GroupRecordKey;
use crate::format::record::Record;
use crate::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use crate::format::{Offset, ProducerId};
use crate::host::Host;
use crate::log::error::{LogError, Result};
use crate::log::image::Image;
use crate::log::layout::{OFFSETS_TOPIC, SHARE_GROUPS_TOPIC, TopicPartition};
use crate::log::sweep::{self, Skipped, Swept};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every group, and what kept some from being read.
#[derive(Debug, Default)]
pub struct Groups {
    /// By name.
    pub groups: BTreeMap<String, Group>,
    /// Records of types that are not known here.
    pub unknown: u64,
    /// How many partitions were read.
    pub partitions: usize,
    /// What was not read.
    pub skipped: Vec<Skipped>,
}

/// Reads every partition of `__consumer_offsets` and `__share_group_state` in `data`.
/// `image` tells the names of topics.
///
/// # Errors
/// Where the directory cannot be listed, or a file not read.
pub fn read(host: &Arc<dyn Host>, data: &Path, image: Option<&Image>) -> Result<Groups> {
    let mut work: Vec<(TopicPartition, PathBuf)> = host
        .list(data)
        .map_err(LogError::io("list", data))?
        .iter()
        .filter_map(|entry| {
            let name = TopicPartition::from_directory(entry.name.to_str()?)?;
            let ours = name.topic == OFFSETS_TOPIC || name.topic == SHARE_GROUPS_TOPIC;
            ours.then(|| (name, data.join(&entry.name)))
        })
        .collect();
    work.sort();
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = cores.min(work.len()).max(1);
    let parts: Vec<Result<Vec<Part>>> = std::thread::scope(|scope| {
        let run = || {
            let mut done = Vec::new();
            while let Some((name, path)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push(Part::read(host, name, path, image)?);
            }
            Ok(done)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    });
    let mut all = Groups {
        partitions: work.len(),
        ..Groups::default()
    };
    let mut shared = Vec::new();
    for part in parts {
        for part in part? {
            all.groups.extend(part.groups);
            all.unknown += part.unknown;
            all.skipped.extend(part.skipped);
            shared.extend(part.shared);
        }
    }
    for ((group, name), state) in shared {
        let group = all.groups.entry(group).or_default();
        if group.kind == Kind::Simple {
            group.kind = Kind::Share;
        }
        group.shared.insert(name, state);
    }
    all.skipped
        .sort_by(|a, b| (&a.path, a.damage.position).cmp(&(&b.path, b.damage.position)));
    all.groups.retain(|_, group| !group.is_nothing());
    Ok(all)
}

/// What one partition adds up to: a group's records are all in one.
#[derive(Default)]
struct Part {
    groups: BTreeMap<String, Group>,
    shared: BTreeMap<(String, TopicPartition), Shared>,
    unknown: u64,
    skipped: Vec<Skipped>,
}

impl Part {
    fn read(
        host: &Arc<dyn Host>,
        name: &TopicPartition,
        path: &Path,
        image: Option<&Image>,
    ) -> Result<Self> {
        let mut reader = Reader {
            part: Self::default(),
            name,
            names: Names(image),
            scratch: AnyScratch::default(),
        };
        sweep::partition(host, path, Offset::ZERO, &mut reader)?;
        Ok(reader.part)
    }
}

/// Reads a partition into a [`Part`].
struct Reader<'a> {
    part: Part,
    name: &'a TopicPartition,
    names: Names<'a>,
    scratch: AnyScratch,
}

impl sweep::Visit for Reader<'_> {
    fn batch(&mut self, swept: &Swept<'_>) -> crate::format::Result<ControlFlow<()>> {
        let (part, name, names) = (&mut self.part, self.name, &self.names);
        walk::batch(swept, &mut self.scratch, &mut |step| match step {
            Step::Marker(producer, committed) => {
                end_transaction(&mut part.groups, producer, committed);
            }
            Step::Record(record, open) => {
                let taken = if name.topic == SHARE_GROUPS_TOPIC {
                    part.share(record, names)
                } else {
                    part.record(name.partition, record, open, names)
                };
                if let Err(error) = taken {
                    let skipped = Skipped::of_record(swept, Some(record.offset), error);
                    part.skipped.push(skipped);
                }
            }
        })?;
        Ok(ControlFlow::Continue(()))
    }

    fn skipped(&mut self, skipped: Skipped) {
        self.part.skipped.push(skipped);
    }
}

impl Part {
    fn record(
        &mut self,
        partition: i32,
        record: &Record<'_>,
        producer: Option<ProducerId>,
        names: &Names<'_>,
    ) -> crate::format::Result<()> {
        let Some((key, value)) = walk::decode(record)? else {
            self.unknown += 1;
            return Ok(());
        };
        let name = key.group().unwrap_or_default();
        let group = self.groups.entry(name.to_owned()).or_default();
        group.partition = partition;
        match key {
            GroupRecordKey::OffsetCommit(key) | GroupRecordKey::LegacyOffsetCommit(key) => {
                commit(group, key, value, record.offset, producer);
            }
            key => group.take(&key, value, names),
        }
        Ok(())
    }

    fn share(&mut self, record: &Record<'_>, names: &Names<'_>) -> crate::format::Result<()> {
        let Some(bytes) = record.key else {
            self.unknown += 1;
            return Ok(());
        };
        let key = ShareStateRecordKey::decode(bytes)?;
        let kind = key.kind();
        let (ShareStateRecordKey::Snapshot(key) | ShareStateRecordKey::Update(key)) = key else {
            self.unknown += 1;
            return Ok(());
        };
        let topic = names.of(key.topic_id);
        let place = (
            key.group_id,
            TopicPartition::new(topic, key.partition.get()),
        );
        let Some(value) = record.value else {
            self.shared.remove(&place);
            return Ok(());
        };
        match ShareStateRecordValue::decode(kind, value)?.value {
            ShareStateRecordValue::Snapshot(value) => {
                self.shared.insert(place, Shared::of(value));
            }
            ShareStateRecordValue::Update(value) => {
                self.shared.entry(place).or_default().update(value);
            }
            ShareStateRecordValue::Unknown { .. } => self.unknown += 1,
        }
        Ok(())
    }
}

/// The offset that a group would read next, of a kind of its own for share groups.
impl Group {
    /// How many records it has still to read, where the end is known.
    pub fn lag(&self, name: &TopicPartition, end: i64) -> Option<i64> {
        if let Some(shared) = self.shared.get(name) {
            let done = i64::from(shared.delivery_complete.unwrap_or(0));
            return shared.start_offset.map(|start| end - start - done);
        }
        let committed: Option<&Committed> = self.offsets.get(name);
        committed.map(|committed| end - committed.offset)
    }
}
