//! What a partition holds, in numbers: cheap where there is much, exact where it is
//! little.
//!
//! | number | from |
//! |---|---|
//! | segments, bytes, start | names and lengths of files, checkpoints |
//! | end | the last index entry, and the batches behind it |
//! | times | the first header of each segment; the last entry of its time index |
//! | batches, records, codecs | every header where the effort is [`Effort::whole`]; else the first headers of some segments, for the rest in proportion |
//! | ratios | decompressed batches, up to a number of bytes |
//! | producers, open transactions | the latest snapshot that can be read, and the batches behind it |
//!
//! What cannot be read is told, and the rest goes on.

use super::browse::{Browser, Step};
use super::error::Result;
use super::layout::{Suffix, TopicPartition, parse_segment_file};
use super::segment::Segment;
use super::verify::Surroundings;
use super::view::PartitionView;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{Header, Scratch, UncheckedBatch};
use crate::format::compression::Codec;
use crate::format::{LeaderEpoch, Offset, ProducerId, Timestamp};
use crate::host::{Host, Kind};
use crate::log::scan::Found;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of a segment is looked at where not all is.
const SAMPLE: u64 = 256 << 10;
/// How many segments of a partition are looked at where not all are.
const SAMPLED: usize = 8;
/// More problems of a partition are counted, not told.
const MOST_PROBLEMS: usize = 10;

/// How much may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Every header of every segment.
    pub whole: bool,
    /// Stored bytes of a partition that are decompressed to tell ratios.
    pub unpack: u64,
}

/// A partition in numbers.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Its name.
    pub name: TopicPartition,
    /// Its directory.
    pub directory: PathBuf,
    /// Its segments in order.
    pub segments: Vec<SegmentSurvey>,
    /// The log start offset.
    pub start: Offset,
    /// The log end offset, where it can be told.
    pub end: Option<Offset>,
    /// The high watermark as checkpointed.
    pub high_watermark: Option<Offset>,
    /// The first offset of an open transaction, or the end.
    pub last_stable: Option<Offset>,
    /// Up to where it is on disk for certain, as checkpointed.
    pub recovery_point: Option<Offset>,
    /// How many producers are known.
    pub producers: Option<usize>,
    /// Open transactions: where they start, and whose they are.
    pub open: Vec<(Offset, ProducerId)>,
    /// What cannot be read.
    pub problems: Vec<String>,
}

/// A segment in numbers.
#[derive(Debug, Clone)]
pub struct SegmentSurvey {
    /// Its first offset, which names it.
    pub base: Offset,
    /// Bytes of its log.
    pub bytes: u64,
    /// Bytes of its indexes.
    pub index_bytes: u64,
    /// The time of its first record, or of the latest of its first batch.
    pub earliest: Option<Timestamp>,
    /// The latest time of its records.
    pub latest: Option<Timestamp>,
    /// What its headers say; `None` where none was looked at.
    pub counts: Option<Counts>,
}

/// What headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches.
    pub batches: u64,
    /// Records, control records among them.
    pub records: u64,
    /// Control batches.
    pub control: u64,
    /// Bytes that were looked at.
    pub read: u64,
    /// Bytes that there are.
    pub bytes: u64,
    /// By codec.
    pub codecs: BTreeMap<&'static str, CodecCounts>,
    /// The latest leader epoch.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Behind the last offset.
    pub end: Option<Offset>,
}

/// Batches of one codec.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodecCounts {
    /// How many.
    pub batches: u64,
    /// Their bytes as stored, headers included.
    pub bytes: u64,
    /// Stored bytes, without headers, of those that were decompressed.
    pub packed: u64,
    /// How many it were before compression.
    pub unpacked: u64,
}

impl Counts {
    /// Whether they are of all bytes, not in proportion.
    pub const fn is_exact(&self) -> bool {
        self.read >= self.bytes
    }

    /// A count in proportion to all bytes.
    pub fn estimate(&self, count: u64) -> u64 {
        if self.is_exact() || self.read == 0 {
            return count;
        }
        let scaled = u128::from(count) * u128::from(self.bytes) / u128::from(self.read);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    /// Takes in those of other files.
    pub fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.records += other.records;
        self.control += other.control;
        self.read += other.read;
        self.bytes += other.bytes;
        self.leader_epoch = self.leader_epoch.max(other.leader_epoch);
        self.end = self.end.max(other.end);
        for (codec, counts) in &other.codecs {
            let mine = self.codecs.entry(codec).or_default();
            mine.batches += counts.batches;
            mine.bytes += counts.bytes;
            mine.packed += counts.packed;
            mine.unpacked += counts.unpacked;
        }
    }
}

impl CodecCounts {
    /// Uncompressed to compressed size; `None` where nothing was decompressed.
    pub fn ratio(&self) -> Option<f64> {
        (self.packed > 0).then(|| self.unpacked as f64 / self.packed as f64)
    }

    /// Whether the ratio is of all batches.
    pub const fn is_exact(&self, header: u64) -> bool {
        self.packed + header * self.batches >= self.bytes
    }
}

impl Survey {
    /// Looks at a partition.
    pub fn read(
        host: &Arc<dyn Host>,
        around: &Surroundings,
        name: TopicPartition,
        directory: &Path,
        effort: Effort,
    ) -> Self {
        let context = around.of(&name);
        let mut survey = Self {
            segments: Vec::new(),
            start: context.log_start.unwrap_or_default(),
            end: None,
            high_watermark: context.high_watermark,
            last_stable: None,
            recovery_point: context.recovery_point,
            producers: None,
            open: Vec::new(),
            problems: Vec::new(),
            directory: directory.to_owned(),
            name,
        };
        if let Err(error) = survey.list(&**host) {
            survey.problem(error.to_string());
            return survey;
        }
        let first = survey.segments.first().map_or(Offset::ZERO, |it| it.base);
        survey.start = survey.start.max(first);
        survey.segments(host, effort);
        survey.state(host, context.log_start);
        survey
    }

    /// What its headers say, all segments together.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for segment in &self.segments {
            match &segment.counts {
                Some(counts) => sum.add(counts),
                None => sum.bytes += segment.bytes,
            }
        }
        sum
    }

    /// Bytes of the logs.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The time of the first record.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.segments.iter().find_map(|segment| segment.earliest)
    }

    /// The latest time of a record.
    pub fn latest(&self) -> Option<Timestamp> {
        self.segments
            .iter()
            .filter_map(|segment| segment.latest)
            .max()
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(text);
        } else if self.problems.len() == MOST_PROBLEMS {
            self.problems
                .push(format!("{}: and more", self.directory.display()));
        }
    }

    fn list(&mut self, host: &dyn Host) -> Result<()> {
        let entries = host
            .list(&self.directory)
            .map_err(super::LogError::io("list", &self.directory))?;
        let mut index_bytes: BTreeMap<Offset, u64> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
            let Some((base, suffix)) = parse_segment_file(&entry.name) else {
                continue;
            };
            let length = host
                .stat(&self.directory.join(&entry.name))
                .map_or(0, |stat| stat.length);
            if suffix == Suffix::Log {
                self.segments.push(SegmentSurvey {
                    base,
                    bytes: length,
                    index_bytes: 0,
                    earliest: None,
                    latest: None,
                    counts: None,
                });
            } else if suffix != Suffix::Snapshot {
                *index_bytes.entry(base).or_default() += length;
            }
        }
        self.segments.sort_by_key(|segment| segment.base);
        for segment in &mut self.segments {
            segment.index_bytes = index_bytes.get(&segment.base).copied().unwrap_or(0);
        }
        Ok(())
    }

    fn segments(&mut self, host: &Arc<dyn Host>, effort: Effort) {
        let step = self.segments.len().div_ceil(SAMPLED).max(1);
        let last = self.segments.len().saturating_sub(1);
        let mut memory = Memory {
            unpack: effort.unpack,
            ..Memory::default()
        };
        for at in 0..self.segments.len() {
            let segment = Segment::new(host, &self.directory, self.segments[at].base);
            let wanted = effort.whole || at.is_multiple_of(step) || at == last;
            let until = match (effort.whole, wanted) {
                (true, _) => u64::MAX,
                (false, true) => SAMPLE,
                // Only the first header, for its time.
                (false, false) => 1,
            };
            let mut problems = Vec::new();
            let seen = &mut self.segments[at];
            match look(&**host, &segment, until, seen, &mut memory, &mut problems) {
                Ok(counts) => seen.counts = wanted.then_some(counts),
                Err(error) => problems.push(error.to_string()),
            }
            let indexed = segment.last_time().ok().flatten().map(|(time, _)| time);
            if !effort.whole {
                seen.latest = seen.latest.max(indexed);
            }
            for problem in problems {
                self.problem(problem);
            }
        }
    }

    /// The end, and the producers as of the end.
    fn state(&mut self, host: &Arc<dyn Host>, log_start: Option<Offset>) {
        let walked = self.segments.last().and_then(|last| last.counts.as_ref());
        let walked = walked
            .filter(|counts| counts.is_exact())
            .and_then(|counts| counts.end);
        let last = self.segments.last().map(|last| last.base);
        let view = PartitionView::open(host, &self.directory, self.name.clone(), log_start);
        let ends = view.and_then(|view| Ok((view.end()?, view)));
        match ends {
            Ok((end, view)) => {
                self.end = Some(end);
                match view.producers() {
                    Ok(states) => {
                        self.producers = Some(states.to_snapshot().len());
                        self.open = states.open().collect();
                        let first = states.first_open().unwrap_or(end);
                        self.last_stable = Some(first.min(end));
                    }
                    Err(error) => self.problem(error.to_string()),
                }
            }
            Err(error) => {
                self.end = walked.or(last);
                self.problem(error.to_string());
            }
        }
    }
}

/// What is used from segment to segment.
#[derive(Default)]
struct Memory {
    scratch: Scratch,
    any: AnyScratch,
    /// Stored bytes that may yet be decompressed.
    unpack: u64,
}

/// Looks at the batches that start before `until`.
fn look(
    host: &dyn Host,
    segment: &Segment,
    until: u64,
    seen: &mut SegmentSurvey,
    memory: &mut Memory,
    problems: &mut Vec<String>,
) -> Result<Counts> {
    let path = segment.path(Suffix::Log);
    let mut browser = Browser::open(host, &path, segment.base())?;
    if until < SAMPLE {
        browser = browser.in_pages();
    }
    let mut counts = Counts {
        bytes: seen.bytes,
        ..Counts::default()
    };
    loop {
        match browser.next_step()? {
            None => {
                counts.read = counts.bytes;
                return Ok(counts);
            }
            Some(Step::Damage(damage)) => {
                if !damage.is_tail {
                    problems.push(format!("{}: {damage}", path.display()));
                }
            }
            Some(Step::Batch(found)) => {
                if found.position >= until {
                    counts.read = found.position;
                    return Ok(counts);
                }
                if let Err(error) = counts.batch(&found, seen, memory) {
                    let at = found.position;
                    problems.push(format!("{}: batch at {at}: {error}", path.display()));
                }
            }
        }
    }
}

impl Counts {
    fn batch(
        &mut self,
        found: &Found<'_>,
        seen: &mut SegmentSurvey,
        memory: &mut Memory,
    ) -> crate::format::Result<()> {
        let is_first = self.batches == 0;
        self.batches += 1;
        let size = found.bytes.len() as u64;
        if found.prefix.magic == 2 {
            let header = Header::parse(found.bytes)?;
            self.records += header.record_count as u64;
            self.control += u64::from(header.attributes.is_control());
            self.leader_epoch = self.leader_epoch.max(header.leader_epoch);
            self.end = self.end.max(Some(header.next_offset()));
            seen.latest = seen.latest.max(header.max_timestamp);
            if is_first {
                let horizon = header.attributes.has_delete_horizon();
                let base = header.base_timestamp.filter(|_| !horizon);
                seen.earliest = base.or(header.max_timestamp);
            }
            let codec = header.attributes.codec()?;
            let of_codec = self.codecs.entry(codec.name()).or_default();
            of_codec.batches += 1;
            of_codec.bytes += size;
            if codec != Codec::None && memory.unpack >= size {
                memory.unpack -= size;
                let batch = UncheckedBatch::parse(found.bytes)?.check()?;
                of_codec.packed += batch.stored_records().len() as u64;
                of_codec.unpacked += batch.unpacked(&mut memory.scratch)?.len() as u64;
            }
            return Ok(());
        }
        let summary = found.summary()?;
        self.end = self.end.max(Some(summary.last_offset.next()));
        seen.latest = seen.latest.max(summary.max_timestamp);
        if is_first {
            seen.earliest = summary.max_timestamp;
        }
        let batch = AnyBatch::parse(found.prefix.magic, found.bytes)?;
        let AnyBatch::Legacy(entry) = &batch else {
            return Ok(());
        };
        let of_codec = self
            .codecs
            .entry(entry.header().codec()?.name())
            .or_default();
        of_codec.batches += 1;
        of_codec.bytes += size;
        self.records += batch.records(&mut memory.any)?.count() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::host::real::RealHost;

    const BATCHES: i64 = 100;
    const SEGMENTS: i64 = 20;
    const RECORDS: i64 = 10;

    /// Segments of 600 kB: a sample is less than half of one.
    fn partition(directory: &Path) {
        let value = vec![b'v'; 590];
        for segment in 0..SEGMENTS {
            let mut log = Vec::new();
            for batch in 0..BATCHES {
                let base = (segment * BATCHES + batch) * RECORDS;
                let mut builder = BatchBuilder::default();
                for record in 0..RECORDS {
                    let time = Some(Timestamp::new(1_000 + base + record));
                    builder
                        .append(time, None, Some(&value), Headers::default())
                        .unwrap();
                }
                let base_offset = Offset::new(base);
                log.extend_from_slice(builder.seal(&Seal {
                    base_offset,
                    ..Seal::default()
                }));
            }
            let name = format!("{:020}.log", segment * BATCHES * RECORDS);
            std::fs::write(directory.join(name), log).unwrap();
        }
    }

    fn survey(whole: bool) -> Survey {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("t-0");
        std::fs::create_dir(&directory).unwrap();
        partition(&directory);
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let around = Surroundings::read(&host, folder.path(), false);
        let effort = Effort { whole, unpack: 0 };
        Survey::read(
            &host,
            &around,
            TopicPartition::new("t", 0),
            &directory,
            effort,
        )
    }

    #[test]
    fn a_sample_says_nearly_what_the_whole_does() {
        let (whole, sampled) = (survey(true), survey(false));
        let all = SEGMENTS * BATCHES * RECORDS;
        for survey in [&whole, &sampled] {
            assert_eq!(survey.problems, Vec::<String>::new());
            assert_eq!(survey.end, Some(Offset::new(all)));
            assert_eq!(survey.earliest(), Some(Timestamp::new(1_000)));
            assert_eq!(survey.segments.len() as i64, SEGMENTS);
        }
        let (exact, estimated) = (whole.counts(), sampled.counts());
        assert!(exact.is_exact() && exact.records as i64 == all);
        assert_eq!(whole.latest(), Some(Timestamp::new(999 + all)));
        assert!(!estimated.is_exact() && estimated.read < exact.read / 3);
        let records = estimated.estimate(estimated.records);
        assert!(
            records.abs_diff(exact.records) < exact.records / 50,
            "{records}"
        );
    }
}
