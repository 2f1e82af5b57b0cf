//! What is read of each partition: from where, up to where, and which transactions
//! are left out.

use crate::format::{Offset, ProducerId};
use crate::log::LogError;
use crate::log::data_dir::DataDir;
use crate::log::layout::TopicPartition;
use crate::log::producer_states::ProducerStates;
use crate::log::transaction;
use crate::log::view::{Chunk, Cursor, PartitionView};
use crate::tools::args::consume::ConsumeOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::offsets::OffsetPoint;
use crate::tools::range;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A partition that is being read.
pub(super) struct Part {
    view: Option<PartitionView>,
    cursor: Option<Cursor>,
    scope: Arc<Scope>,
    /// Where the range ends for good; `None` goes on with the partition.
    end: Option<Offset>,
    done: bool,
    /// The cursor has gone past what was wanted: it must be set back to go on.
    overshot: bool,
}

/// What of a partition is wanted.
pub(super) struct Scope {
    pub(super) name: TopicPartition,
    pub(super) from: Offset,
    /// The first offset that is not printed now.
    pub(super) until: Offset,
    pub(super) log_start: Offset,
    pub(super) end: Offset,
    /// With `--read-committed`: by producer, the ranges of offsets of its aborted
    /// transactions.
    pub(super) aborted: Option<BTreeMap<ProducerId, Vec<(Offset, Offset)>>>,
    pub(super) last_stable: Option<Offset>,
}

/// The partitions that the options name.
fn names(options: &ConsumeOptions, dir: &DataDir) -> Result<Vec<TopicPartition>> {
    let topic = options.location.topic()?;
    let known = dir
        .image()
        .topic(topic)
        .ok_or_else(|| LogError::UnknownTopic {
            directory: dir.path().to_owned(),
            topic: topic.to_owned(),
            nearest: dir.image().nearest_topic(topic),
        })?;
    let numbers: Vec<i32> = match &options.partitions {
        Some(listed) => listed.iter().map(|number| number.get()).collect(),
        None => known.partitions.keys().copied().collect(),
    };
    Ok(numbers
        .into_iter()
        .map(|number| TopicPartition::new(topic, number))
        .collect())
}

/// The directories to watch.
pub(super) fn directories(options: &ConsumeOptions, dir: &DataDir) -> Result<Vec<PathBuf>> {
    let mut directories = Vec::new();
    for name in names(options, dir)? {
        match dir.partition(&name)? {
            Some(view) => directories.push(view.directory().to_owned()),
            // Its directory is yet to be made, in the data directory.
            None => directories.push(dir.path().to_owned()),
        }
    }
    directories.dedup();
    Ok(directories)
}

/// Opens the partitions and finds where to begin and to end.
pub(super) fn parts(options: &ConsumeOptions, dir: &DataDir) -> Result<Vec<Part>> {
    let mut opened = Vec::new();
    for name in names(options, dir)? {
        let view = dir.partition(&name)?;
        let end = view.as_ref().map_or(Ok(Offset::ZERO), PartitionView::end)?;
        // What is undecided is taken at the same time as the end.
        let producers = match &view {
            Some(view) if options.read_committed => view.producers()?,
            _ => ProducerStates::default(),
        };
        opened.push((name, view, end, producers));
    }
    let decided = if options.read_committed {
        transaction::decided(dir)?
    } else {
        BTreeMap::new()
    };
    let starts: Vec<_> = opened
        .iter()
        .map(|(_, view, end, _)| point(view.as_ref(), *end, options.range.start))
        .collect::<Result<_>>()?;
    let bounds = opened
        .iter()
        .zip(&starts)
        .map(|((name, view, end, _), from)| {
            let start = view.as_ref().map_or(Offset::ZERO, PartitionView::start);
            (name, start, *end, *from)
        });
    range::refuse_outside(bounds)?;

    let mut parts = Vec::new();
    for ((name, view, end, producers), from) in opened.into_iter().zip(starts) {
        let log_start = view.as_ref().map_or(Offset::ZERO, PartitionView::start);
        let from = from.clamp(log_start, end.max(log_start));
        let range_end = match options.range.end {
            Some(at) => Some(point(view.as_ref(), end, at)?),
            None if options.follow => None,
            None => Some(end),
        };
        let mut scope = Scope {
            until: range_end.unwrap_or(end).min(end),
            name,
            from,
            log_start,
            end,
            aborted: None,
            last_stable: None,
        };
        if options.read_committed {
            scope.commit(view.as_ref(), &producers, &decided)?;
        }
        let cursor = match &view {
            Some(view) if from < scope.until || range_end.is_none() => Some(view.cursor(from)?),
            _ => None,
        };
        parts.push(Part {
            view,
            cursor,
            scope: Arc::new(scope),
            end: range_end,
            done: false,
            overshot: false,
        });
    }
    Ok(parts)
}

/// Takes in what was appended since.
pub(super) fn extend(parts: &mut [Part], dir: &DataDir, options: &ConsumeOptions) -> Result<()> {
    for part in &mut *parts {
        if part.view.is_none() {
            part.view = dir.partition(&part.scope.name)?;
        }
        let Some(view) = &mut part.view else {
            continue;
        };
        if part.cursor.is_none() && part.end.is_none_or(|end| end > part.scope.from) {
            part.cursor = Some(view.cursor(part.scope.from.max(view.start()))?);
        }
        let here = match &mut part.cursor {
            Some(cursor) => cursor.extend()?,
            None => true,
        };
        if !here {
            return Err(ToolError::failed(format!(
                "{}: the partition was deleted",
                part.scope.name
            )));
        }
        view.refresh()?;
        let end = view.end()?;
        let mut scope = Scope {
            name: part.scope.name.clone(),
            from: part.scope.from.max(part.scope.until),
            until: part.end.map_or(end, |range| range.min(end)),
            log_start: part.scope.log_start,
            end,
            aborted: None,
            last_stable: None,
        };
        if options.read_committed {
            let producers = view.producers()?;
            let decided = transaction::decided(dir)?;
            scope.commit(Some(view), &producers, &decided)?;
        }
        if part.overshot {
            part.cursor = Some(view.cursor(scope.from)?);
        }
        (part.done, part.overshot) = (false, false);
        part.scope = Arc::new(scope);
    }
    Ok(())
}

impl Part {
    /// What is wanted of the piece that was read last.
    pub(super) fn scope(&self) -> Arc<Scope> {
        Arc::clone(&self.scope)
    }

    /// Reads the next piece of what is wanted now; `false` at its end.
    pub(super) fn next_piece(&mut self, chunk: &mut Chunk, size: usize) -> Result<bool> {
        let Some(cursor) = &mut self.cursor else {
            return Ok(false);
        };
        if self.done || !cursor.next_chunk(chunk, size)? {
            return Ok(false);
        }
        // A piece that ends behind what is wanted is the last one.
        let next = chunk.next_offset();
        self.done = next.is_some_and(|next| next >= self.scope.until);
        self.overshot = next.is_some_and(|next| next > self.scope.until);
        Ok(true)
    }
}

impl Scope {
    /// Leaves out what is not committed.
    fn commit(
        &mut self,
        view: Option<&PartitionView>,
        producers: &ProducerStates,
        decided: &BTreeMap<ProducerId, (bool, std::collections::BTreeSet<TopicPartition>)>,
    ) -> Result<()> {
        let mut aborted: BTreeMap<ProducerId, Vec<(Offset, Offset)>> = BTreeMap::new();
        let mut stable = self.end;
        for (first, producer) in producers.open() {
            match decided.get(&producer) {
                Some((commit, partitions)) if partitions.contains(&self.name) => {
                    if !commit {
                        aborted.entry(producer).or_default().push((first, self.end));
                    }
                }
                _ => stable = stable.min(first),
            }
        }
        self.until = self.until.min(stable);
        self.last_stable = Some(stable);
        if let Some(view) = view {
            for txn in view.aborted(self.from, self.until)? {
                aborted
                    .entry(txn.producer_id)
                    .or_default()
                    .push((txn.first_offset, txn.last_offset));
            }
        }
        self.aborted = Some(aborted);
        Ok(())
    }

    /// Whether a transactional batch is of an aborted transaction.
    pub(super) fn is_aborted(&self, producer: ProducerId, offset: Offset) -> bool {
        self.aborted
            .as_ref()
            .and_then(|aborted| aborted.get(&producer))
            .is_some_and(|ranges| {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&offset))
            })
    }
}

fn point(view: Option<&PartitionView>, end: Offset, at: OffsetPoint) -> Result<Offset> {
    let start = view.map_or(Offset::ZERO, PartitionView::start);
    range::resolve(at, start, end, |time| match view {
        Some(view) => Ok(view.offset_for_time(time)?),
        None => Ok(None),
    })
}
