//! Damage that nobody can see: what other bytes would have to say, none says. Each
//! class is an argument, and for each case the argument is checked: what a reader and
//! the files beside it take from the damaged directory is what they took before, but
//! for the one thing that the class is about.

use super::layout::{self, Field};
use super::templates::{Files, Template};
use ottla::format::any_batch::{AnyBatch, AnyScratch};
use ottla::format::checkpoint::OffsetCheckpoint;
use ottla::format::leader_epochs::LeaderEpochs;
use ottla::format::meta_properties::MetaProperties;
use ottla::format::quorum_state::QuorumState;
use ottla::format::time_index::TimeIndexEntry;
use ottla::format::{Offset, PartitionId};
use std::collections::BTreeSet;

/// Why a case need not be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Undetectable {
    /// Keys, values and headers, vouched for by a CRC that fits.
    Content,
    /// Null and empty, which are one bit apart.
    NullOrEmpty,
    /// The time of a record that is neither the latest of its batch nor its base.
    RecordTime,
    /// Times of records where the time of the append stands for them.
    Unread,
    /// Whose word the times of a batch are.
    TimestampType,
    /// The time of an append to which no time index points.
    AppendTime,
    /// Whose first batch or marker it is: what came before may be deleted.
    FirstOfProducer,
    /// Offsets in a gap that the cleaner left.
    CompactedOffsets,
    /// A batch that the cleaner might have taken.
    CompactedBatch,
    /// A producer's state or a transaction, where the cleaner took what told of it.
    Compacted,
    /// Another offset of the batch that has the time.
    TimeIndexOffset,
    /// An entry of an offset index that leads to its offset all the same.
    IndexOffset,
    /// The start of an epoch, where no batch that has one begins between.
    EpochStart,
    /// A comment, or a letter of the cluster's id.
    MetaText,
    /// An election that came to nothing.
    ElectionAhead,
    /// A high watermark before the end, as slower followers and recoveries leave it.
    HighWatermark,
    /// What the cleaner would do again.
    CleanerBegins,
    /// A producer snapshot before all others.
    EarliestSnapshot,
    /// A snapshot of a metadata log that goes back to its first record.
    MetadataSnapshot,
    /// A transaction index without an entry.
    EmptyTxnIndex,
    /// A file that somebody put beside Kafka's.
    Foreign,
}

/// What differs between two logs of as many batches and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Diff {
    /// A field of a batch's header.
    Field(usize, &'static str),
    Offset(usize),
    Time(usize),
    Content(usize),
    Null(usize),
}

impl Undetectable {
    /// Checks the argument for one case: `after` are the files that differ.
    pub(crate) fn prove(
        self,
        template: &Template,
        changes: &std::collections::BTreeMap<String, Option<Vec<u8>>>,
    ) -> Result<(), String> {
        let proof = Proof { template, changes };
        match self {
            Self::Content => proof.content(),
            Self::NullOrEmpty => proof.differs_in(|diff| matches!(diff, Diff::Null(_))),
            Self::RecordTime => proof.record_time(),
            Self::Unread => {
                proof.differs_in(|diff| matches!(diff, Diff::Field(_, "baseTimestamp")))
            }
            Self::TimestampType => proof.timestamp_type(),
            Self::AppendTime => proof.append_time(),
            Self::FirstOfProducer => proof.first_of_producer(),
            Self::CompactedOffsets => proof.compacted_offsets(),
            Self::CompactedBatch => proof.compacted_batch(),
            Self::Compacted => check(template.has_gaps(), "nothing was compacted"),
            Self::TimeIndexOffset => proof.time_index_offset(),
            Self::IndexOffset => proof.index_offset(),
            Self::EpochStart => proof.epoch_start(),
            Self::MetaText => proof.meta_text(),
            Self::ElectionAhead => proof.election_ahead(),
            Self::CleanerBegins => {
                let after = proof.after()?;
                check(
                    after.iter().all(|byte| b"0\n".contains(byte)),
                    "it has lines",
                )
            }
            Self::HighWatermark => proof.high_watermark(),
            Self::EarliestSnapshot => proof.earliest_snapshot(),
            Self::MetadataSnapshot => {
                let log = "__cluster_metadata-0/00000000000000000000.log";
                let log = template.files.get(log).map(|log| layout::batches(log));
                check(
                    log.is_some_and(|log| log[0].base == 0),
                    "its log begins later",
                )
            }
            Self::EmptyTxnIndex => check(proof.before()?.is_empty(), "it has entries"),
            Self::Foreign => {
                let known = |path: &String| template.files.contains_key(path) || path.contains('/');
                check(!changes.keys().any(known), "it is one of Kafka's")
            }
        }
    }
}

fn check(holds: bool, or: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(or.to_owned()) }
}

struct Proof<'a> {
    template: &'a Template,
    changes: &'a std::collections::BTreeMap<String, Option<Vec<u8>>>,
}

impl Proof<'_> {
    fn path(&self) -> Result<&String, String> {
        let mut paths = self.changes.keys();
        let path = paths.next().ok_or("nothing was changed")?;
        check(paths.next().is_none(), "several files were changed")?;
        Ok(path)
    }

    fn before(&self) -> Result<&[u8], String> {
        let bytes = self.template.files.get(self.path()?);
        bytes
            .map(Vec::as_slice)
            .ok_or_else(|| "it was not there".to_owned())
    }

    fn after(&self) -> Result<&[u8], String> {
        let bytes = self.changes[self.path()?].as_deref();
        bytes.ok_or_else(|| "it is gone".to_owned())
    }

    /// Where the two logs differ.
    fn differences(&self) -> Result<BTreeSet<Diff>, String> {
        differences(self.before()?, self.after()?)
    }

    fn differs_in(&self, fits: impl Fn(&Diff) -> bool) -> Result<(), String> {
        let other: Vec<_> = self
            .differences()?
            .into_iter()
            .filter(|diff| !fits(diff))
            .collect();
        check(other.is_empty(), &format!("{other:?} differ as well"))
    }

    /// One bit of a compressed payload may stand for a time or a length as well.
    fn content(&self) -> Result<(), String> {
        self.differs_in(|diff| matches!(diff, Diff::Content(_) | Diff::Null(_) | Diff::Time(_)))?;
        self.headers_fit_the_times()
    }

    fn record_time(&self) -> Result<(), String> {
        self.differs_in(|diff| matches!(diff, Diff::Time(_) | Diff::Field(_, "timestamp")))?;
        self.headers_fit_the_times()
    }

    /// What headers tell of the times of records is true.
    fn headers_fit_the_times(&self) -> Result<(), String> {
        let log = self.after()?;
        for batch in layout::batches(log).iter().filter(|batch| batch.magic == 2) {
            let times: Vec<_> = records(log, batch)?
                .iter()
                .filter_map(|record| record.time)
                .collect();
            if batch.is_append_time() || times.is_empty() {
                continue;
            }
            let latest = times.iter().max() == Some(&batch.max_timestamp);
            check(latest, "the latest time is another one")?;
            let base = layout::int(&log[batch.position + 27..batch.position + 35]);
            let dense = i64::from(batch.count) == batch.last - batch.base + 1;
            let is_told = dense && !batch.has_delete_horizon();
            check(
                !is_told || times.contains(&base),
                "no record has the base time",
            )?;
        }
        Ok(())
    }

    fn timestamp_type(&self) -> Result<(), String> {
        self.differs_in(|diff| matches!(diff, Diff::Time(_) | Diff::Field(_, "attributes")))?;
        let (before, after) = (
            layout::batches(self.before()?),
            layout::batches(self.after()?),
        );
        let mut pairs = before.iter().zip(&after);
        check(
            pairs.all(|(before, after)| [0, 8].contains(&(before.attributes ^ after.attributes))),
            "other attributes differ",
        )?;
        let metadata = self.template.partition.starts_with("__cluster_metadata");
        check(!metadata, "the metadata log has no append times")
    }

    fn append_time(&self) -> Result<(), String> {
        self.differs_in(|diff| matches!(diff, Diff::Time(_) | Diff::Field(_, "maxTimestamp")))?;
        let path = self.path()?;
        let (before, after) = (
            layout::batches(self.before()?),
            layout::batches(self.after()?),
        );
        let entries = time_index(
            &self.template.files[&path.replace(".log", ".timeindex")],
            base_of(path),
        );
        let changed = before
            .iter()
            .zip(&after)
            .filter(|(b, a)| b.max_timestamp != a.max_timestamp);
        for (batch, _) in changed {
            check(batch.is_append_time(), "its records tell the time")?;
            let told = entries
                .iter()
                .any(|(_, offset)| (batch.base..=batch.last).contains(offset));
            check(!told, "the time index tells it")?;
        }
        Ok(())
    }

    fn first_of_producer(&self) -> Result<(), String> {
        const FIELDS: [&str; 4] = ["producerId", "producerEpoch", "baseSequence", "attributes"];
        self.differs_in(|diff| matches!(diff, Diff::Field(_, name) if FIELDS.contains(name)))?;
        let diffs = self.differences()?;
        let Some(Diff::Field(at, _)) = diffs.first().copied() else {
            return Err("nothing differs".to_owned());
        };
        let (before, after) = (
            layout::batches(self.before()?),
            layout::batches(self.after()?),
        );
        let earlier = |id: i64| before[..at].iter().any(|batch| batch.producer == id);
        let first = !earlier(before[at].producer) || before[at].is_control();
        check(first, "the producer wrote before")?;
        let new = after[at].producer != before[at].producer;
        check(
            !new || !earlier(after[at].producer),
            "the other producer wrote before",
        )
    }

    fn compacted_offsets(&self) -> Result<(), String> {
        const FIELDS: [&str; 3] = ["baseOffset", "lastOffsetDelta", "offset"];
        check(self.template.compacted, "offsets may not be missing")?;
        self.differs_in(|diff| match diff {
            Diff::Field(_, name) => FIELDS.contains(name),
            Diff::Offset(_) => true,
            _ => false,
        })?;
        let log = self.after()?;
        let mut next = base_of(self.path()?);
        for batch in layout::batches(log) {
            for record in records(log, &batch)? {
                check(record.offset >= next, "offsets go back")?;
                next = record.offset + 1;
            }
            check(batch.last + 1 >= next, "a batch ends before its records")?;
            next = batch.last + 1;
        }
        Ok(())
    }

    fn compacted_batch(&self) -> Result<(), String> {
        check(self.template.compacted, "batches may not be missing")?;
        let (before, after) = (self.before()?, self.after()?);
        let mut left = layout::batches(before).into_iter();
        for batch in layout::batches(after) {
            let is_it = |other: &layout::BatchAt| before[other.range()] == after[batch.range()];
            check(
                left.any(|other| is_it(&other)),
                "it has a batch that was not there",
            )?;
        }
        Ok(())
    }

    fn time_index_offset(&self) -> Result<(), String> {
        let path = self.path()?;
        let log = &self.template.files[&path.replace(".timeindex", ".log")];
        let base = base_of(path);
        let before = time_index(self.before()?, base);
        for (number, (time, offset)) in time_index(self.after()?, base).into_iter().enumerate() {
            if before[number] == (time, offset) {
                continue;
            }
            let batches = layout::batches(log);
            let batch = batches
                .iter()
                .find(|batch| (batch.base..=batch.last).contains(&offset));
            let batch = batch.ok_or("no batch has the offset")?;
            check(batch.max_timestamp == time, "the batch has another time")?;
            let records = records(log, batch)?;
            let first = records.iter().find(|record| record.time == Some(time));
            let known = [
                Some(batch.base),
                Some(batch.last),
                first.map(|record| record.offset),
            ];
            check(
                known.contains(&Some(offset)),
                "an offset that no Kafka writes",
            )?;
        }
        Ok(())
    }

    fn index_offset(&self) -> Result<(), String> {
        let path = self.path()?;
        let batches = layout::batches(&self.template.files[&path.replace(".index", ".log")]);
        let base = base_of(path);
        for entry in self.after()?.chunks_exact(8) {
            let (offset, at) = (base + layout::int(&entry[..4]), layout::int(&entry[4..]));
            let place = batches.iter().position(|batch| batch.position as i64 == at);
            let place = place.ok_or("it leads into a batch")?;
            check(batches[place].base <= offset, "it leads behind its offset")?;
        }
        Ok(())
    }

    fn epoch_start(&self) -> Result<(), String> {
        let read = |bytes| LeaderEpochs::parse(bytes).map_err(|error| error.to_string());
        let (before, after) = (read(self.before()?)?, read(self.after()?)?);
        let (old, new) = (before.entries(), after.entries());
        check(old.len() == new.len(), "there are more or fewer epochs")?;
        let changed = old.iter().zip(new).filter(|(old, new)| old != new);
        for (old, new) in changed {
            check(old.epoch == new.epoch, "it is another epoch")?;
            let (old, new) = (old.start_offset.get(), new.start_offset.get());
            let between = old.min(new)..old.max(new);
            let has_epoch = |batch: &layout::BatchAt| batch.magic == 2;
            let begins =
                |batch: layout::BatchAt| has_epoch(&batch) && between.contains(&batch.base);
            let logs = self.template.logs();
            let mut batches = logs.iter().flat_map(|(_, log)| layout::batches(log));
            check(!batches.any(begins), "a batch begins between")?;
            let mut batches = logs.iter().flat_map(|(_, log)| layout::batches(log));
            check(
                batches.any(|batch| batch.base >= new),
                "it begins behind the log",
            )?;
        }
        Ok(())
    }

    /// Kafka reads the same, but for the cluster's id, which is one still.
    fn meta_text(&self) -> Result<(), String> {
        let read = |bytes| MetaProperties::parse(bytes).map_err(|error| error.to_string());
        let (before, after) = (read(self.before()?)?, read(self.after()?)?);
        let known = |meta: &MetaProperties| (meta.version, meta.node_id, meta.directory_id);
        check(known(&before) == known(&after), "Kafka reads other ids")?;
        let keys = |meta: &MetaProperties| -> BTreeSet<String> {
            meta.read_keys().map(|(key, _)| key.to_owned()).collect()
        };
        check(keys(&before) == keys(&after), "it has other keys")?;
        let id = after.cluster_id.unwrap_or_default();
        let is_of_id = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        check(id.chars().all(is_of_id), "no cluster id has such letters")
    }

    fn election_ahead(&self) -> Result<(), String> {
        let read = |bytes| QuorumState::parse(bytes).map_err(|error| error.to_string());
        let (before, mut after) = (read(self.before()?)?, read(self.after()?)?);
        let epoch = |state: &QuorumState| state.leader_epoch.map_or(-1, |epoch| epoch.get());
        check(
            epoch(&after) == epoch(&before) + 1,
            "it is not the next epoch",
        )?;
        after.leader_epoch = before.leader_epoch;
        check(after == before, "something else differs as well")
    }

    fn high_watermark(&self) -> Result<(), String> {
        check(
            self.path()?.starts_with("replication"),
            "it is no watermark",
        )?;
        let read = |bytes| OffsetCheckpoint::parse(bytes).map_err(|error| error.to_string());
        let (before, after) = (read(self.before()?)?, read(self.after()?)?);
        check(before.len() == after.len(), "there are more or fewer lines")?;
        check(before != after, "it says the same")?;
        let lower = |(topic, number, offset): (&str, PartitionId, Offset)| {
            after
                .get(topic, number)
                .is_some_and(|after| after <= offset)
        };
        check(before.iter().all(lower), "a watermark is later, or gone")
    }

    fn earliest_snapshot(&self) -> Result<(), String> {
        let path = self.path()?;
        let (directory, _) = path.rsplit_once('/').ok_or("it is in no partition")?;
        let snapshots = self.template.files.keys().filter(|other| {
            other.starts_with(&format!("{directory}/")) && other.ends_with(".snapshot")
        });
        check(snapshots.min() == Some(path), "there is an earlier one")
    }
}

/// A record as a reader sees it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    offset: i64,
    time: Option<i64>,
    parts: Vec<Option<Vec<u8>>>,
}

fn records(log: &[u8], batch: &layout::BatchAt) -> Result<Vec<Seen>, String> {
    let read = || -> ottla::format::Result<Vec<Seen>> {
        let mut scratch = AnyScratch::default();
        let parsed = AnyBatch::parse(batch.magic, &log[batch.range()])?;
        let records = parsed.records(&mut scratch)?;
        records
            .map(|record| {
                let record = record?;
                let owned = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
                let mut parts = vec![owned(record.key), owned(record.value)];
                for header in record.headers.iter() {
                    parts.push(Some(header.name.to_vec()));
                    parts.push(owned(header.value));
                }
                Ok(Seen {
                    offset: record.offset.get(),
                    time: record.timestamp.map(ottla::format::Timestamp::get),
                    parts,
                })
            })
            .collect()
    };
    read().map_err(|error| error.to_string())
}

fn differences(before: &[u8], after: &[u8]) -> Result<BTreeSet<Diff>, String> {
    let (old, new) = (layout::batches(before), layout::batches(after));
    check(old.len() == new.len(), "there are more or fewer batches")?;
    let mut found = BTreeSet::new();
    for (at, (old, new)) in old.iter().zip(&new).enumerate() {
        let field = |field: &Field| {
            !["crc", "key", "value", "keyLength", "valueLength"].contains(&field.name)
        };
        let fields = layout::header(before, old).into_iter().filter(field);
        for (one, other) in fields.zip(layout::header(after, new).into_iter().filter(field)) {
            if before[one.bytes.clone()] != after[other.bytes] {
                found.insert(Diff::Field(at, one.name));
            }
        }
        let (old, new) = (records(before, old)?, records(after, new)?);
        check(old.len() == new.len(), "there are more or fewer records")?;
        for (old, new) in old.iter().zip(&new) {
            if old.offset != new.offset {
                found.insert(Diff::Offset(at));
            }
            if old.time != new.time {
                found.insert(Diff::Time(at));
            }
            let is_nothing = |part: &Option<Vec<u8>>| part.as_ref().is_none_or(Vec::is_empty);
            let mut pairs = old.parts.iter().zip(&new.parts);
            let is_null_only = old.parts.len() == new.parts.len()
                && pairs.all(|(old, new)| old == new || is_nothing(old) && is_nothing(new));
            if old.parts != new.parts {
                found.insert(match is_null_only {
                    true => Diff::Null(at),
                    false => Diff::Content(at),
                });
            }
        }
    }
    Ok(found)
}

/// Times and offsets of the entries.
fn time_index(bytes: &[u8], base: i64) -> Vec<(i64, i64)> {
    let entries = bytes.chunks_exact(12).map(|entry| {
        let entry = TimeIndexEntry::decode(entry.try_into().unwrap()).unwrap();
        (
            entry.timestamp.get(),
            base + i64::from(entry.relative_offset.get()),
        )
    });
    entries.collect()
}

fn base_of(path: &str) -> i64 {
    path.rsplit('/').next().unwrap()[..20].parse().unwrap()
}

impl Template {
    /// The logs of its partition.
    pub(crate) fn logs(&self) -> Vec<(&String, &Vec<u8>)> {
        let prefix = format!("{}/", self.partition);
        let files: &Files = &self.files;
        let logs = files
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix) && path.ends_with(".log"));
        logs.collect()
    }

    /// Whether offsets are missing, between batches or in them.
    pub(crate) fn has_gaps(&self) -> bool {
        let mut next = None;
        self.logs()
            .iter()
            .flat_map(|(_, log)| layout::batches(log))
            .any(|batch| {
                let gap = next.is_some_and(|next| next != batch.base)
                    || batch.magic == 2 && i64::from(batch.count) != batch.last - batch.base + 1;
                next = Some(batch.last + 1);
                gap
            })
    }
}
