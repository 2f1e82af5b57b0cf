//! One partition as the server holds it: open for appending, read from files, with
//! those who wait for its end to move.

mod markers;
#[cfg(test)]
mod tests;
mod traffic;
mod upkeep;

use crate::format::batch::PREFIX_SIZE;
use crate::format::batch::Prefix;
use crate::format::topic_config::{TimestampType, TopicConfig};
use crate::format::txn_index::AbortedTxn;
use crate::format::{LeaderEpoch, NodeId, Offset, PartitionId, Timestamp};
use crate::host::File;
use crate::log::effective::{Effective, Statics};
use crate::log::image::Image;
use crate::log::layout::TopicPartition;
use crate::log::partition::{Appended, Partition, Placement, SegmentConfig};
use crate::log::producer_states::Refusal;
use crate::log::session::Session;
use crate::log::validate::{Invalid, Valid, Validator};
use crate::log::view::PartitionView;
use crate::log::{LogError, Result};
pub(crate) use markers::Marker;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use traffic::Traffic;

/// How many of the last batches a reader finds without asking an index.
const RECENT: usize = 64;

/// A partition.
pub(crate) struct Replica {
    name: TopicPartition,
    state: Mutex<State>,
    /// Up to where records are durable for those who wait for it; one flushes at a time.
    flushed: Mutex<Offset>,
    /// What went in and out.
    pub(crate) traffic: Traffic,
}

struct State {
    log: Partition,
    view: Arc<PartitionView>,
    topic: Arc<TopicConfig>,
    epoch: LeaderEpoch,
    /// Its first offset that clients may read.
    start: Offset,
    recent: VecDeque<Recent>,
    waiting: Vec<Weak<Notify>>,
    /// Its topic is deleted: nothing is appended any more.
    is_closed: bool,
    /// Up to where it was flushed by its topic's configs, and since when more is there.
    flushed: Offset,
    unflushed_since: Option<Duration>,
}

/// A batch near the end of the active segment.
#[derive(Clone, Copy)]
struct Recent {
    segment: Offset,
    first: Offset,
    next: Offset,
    position: u64,
}

/// Whole or part of a file, to be sent.
#[derive(Clone)]
pub(crate) struct Slice {
    pub(crate) file: Arc<dyn File>,
    pub(crate) position: u64,
    pub(crate) length: usize,
}

/// The three ends of a partition, its start and its leader's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) start: Offset,
    pub(crate) last_stable: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) end: Offset,
    pub(crate) epoch: LeaderEpoch,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum AppendError {
    Invalid(Invalid),
    Log(LogError),
}

/// Which records a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    Uncommitted,
    Committed,
}

impl Replica {
    /// Opens a partition and keeps its lock.
    pub(super) fn open(
        session: &mut Session,
        image: &Image,
        statics: &Statics,
        name: &TopicPartition,
    ) -> Result<Self> {
        let mut log = session.partition(name)?;
        log.hold()?;
        let topic = image.topic(&name.topic);
        let state = topic.and_then(|topic| topic.partitions.get(&name.partition));
        let epoch = state.map_or(LeaderEpoch::default(), |state| state.leader_epoch);
        let node = session.meta().node_id.unwrap_or(NodeId::new(1));
        let config = topic_config(image, node, statics, &name.topic);
        log.configure(SegmentConfig::from(&config));
        let start = session.log_start(name)?;
        let flushed = log.end();
        let view = PartitionView::open(session.host(), log.directory(), name.clone(), start)?;
        Ok(Self {
            name: name.clone(),
            state: Mutex::new(State {
                log,
                start: view.start(),
                view: Arc::new(view),
                topic: Arc::new(config),
                epoch,
                recent: VecDeque::new(),
                waiting: Vec::new(),
                is_closed: false,
                flushed,
                unflushed_since: None,
            }),
            flushed: Mutex::new(Offset::ZERO),
            traffic: Traffic::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its topic and number.
    pub(crate) const fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// Whether records get the time of their append.
    pub(crate) fn stamps_append_time(&self) -> bool {
        self.state().topic.message_timestamp_type == TimestampType::LogAppendTime
    }

    pub(crate) fn ends(&self) -> Ends {
        self.state().ends()
    }

    /// Its files, as of now, for what needs more than its end.
    pub(crate) fn view(&self) -> Arc<PartitionView> {
        Arc::clone(&self.state().view)
    }

    /// Takes no more batches, and wakes whoever waits: its topic is deleted.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        for waiter in std::mem::take(&mut state.waiting) {
            if let Some(waiter) = waiter.upgrade() {
                waiter.notify_one();
            }
        }
    }

    /// Goes by the configs and the epoch of a changed image from here on.
    pub(crate) fn configure(&self, image: &Image, node: NodeId, statics: &Statics) {
        let config = topic_config(image, node, statics, &self.name.topic);
        let mut state = self.state();
        state.log.configure(SegmentConfig::from(&config));
        state.topic = Arc::new(config);
    }

    /// Checks the batch of a client: what is to be appended.
    pub(crate) fn check(
        &self,
        batch: &mut [u8],
        validator: &mut Validator,
        now: Timestamp,
    ) -> Result<Valid, AppendError> {
        let topic = Arc::clone(&self.state().topic);
        validator
            .check(batch, &topic, now)
            .map_err(AppendError::Invalid)
    }

    /// Appends a batch that needs no check but that of its producer. One of an idempotent
    /// producer that is there already is not appended again.
    pub(crate) fn append(
        &self,
        batch: &mut [u8],
        placement: Placement,
    ) -> Result<Appended, AppendError> {
        self.append_if(batch, placement, |_| Ok(()))
    }

    /// The same, once the partition has nothing against it.
    fn append_if(
        &self,
        batch: &mut [u8],
        placement: Placement,
        allowed: impl FnOnce(&Partition) -> Result<()>,
    ) -> Result<Appended, AppendError> {
        let mut state = self.state();
        let outcome = allowed(&state.log).and_then(|()| state.append(batch, placement));
        let waiting = match outcome {
            Ok((appended, waiting)) => {
                drop(state);
                for waiter in waiting.iter().filter_map(Weak::upgrade) {
                    waiter.notify_one();
                }
                return Ok(appended);
            }
            Err(LogError::Producer {
                refusal: Refusal::Duplicate { first, last },
                ..
            }) => {
                return Ok(Appended {
                    first,
                    next: last.next(),
                });
            }
            Err(error) => error,
        };
        Err(AppendError::Log(waiting))
    }

    /// Asks to be told once when the end moves.
    pub(crate) fn wait(&self, waiter: &Arc<Notify>) {
        let mut state = self.state();
        if state.waiting.len() >= 64 {
            state.waiting.retain(|other| other.strong_count() > 0);
        }
        state.waiting.push(Arc::downgrade(waiter));
    }

    /// The records from an offset on, at most so many bytes of them; with
    /// `at_least_one`, the first batch whatever its size.
    ///
    /// # Errors
    /// `OffsetOutOfRange`; `Damaged`, `Io`.
    pub(crate) fn read(
        &self,
        from: Offset,
        most: usize,
        at_least_one: bool,
        isolation: Isolation,
    ) -> Result<(Ends, Option<Slice>)> {
        let read = || self.read_once(from, most, at_least_one, isolation);
        match read() {
            // Its segment was deleted meanwhile: what is there now tells.
            Err(error) if error.is_not_found() => read(),
            outcome => outcome,
        }
    }

    fn read_once(
        &self,
        from: Offset,
        most: usize,
        at_least_one: bool,
        isolation: Isolation,
    ) -> Result<(Ends, Option<Slice>)> {
        let state = self.state();
        let ends = state.ends();
        if from < ends.start || from > ends.end {
            return Err(LogError::OffsetOutOfRange {
                partition: state.log.directory().to_owned(),
                offset: from,
                start: ends.start,
                end: ends.end,
            });
        }
        let until = match isolation {
            Isolation::Uncommitted => ends.high_watermark,
            Isolation::Committed => ends.last_stable,
        };
        if from >= until {
            return Ok((ends, None));
        }
        let (active, active_file, active_size) = state.log.active();
        // An append that failed may have begun another segment.
        let near = state
            .recent_batch(from)
            .filter(|near| near.segment == active);
        let active_file = Arc::clone(active_file);
        let view = Arc::clone(&state.view);
        drop(state);
        let (segment, file, position, mut limit) = match near {
            Some(near) => (near.segment, active_file, near.position, active_size),
            None => match view.locate(from)? {
                None => return Ok((ends, None)),
                Some(found) if found.base == active => {
                    (found.base, found.file, found.position, active_size)
                }
                Some(found) => (found.base, found.file, found.position, found.limit),
            },
        };
        if until < ends.end
            && let Some(found) = view.locate(until)?
            && found.base == segment
        {
            limit = limit.min(found.position);
        }
        let left = usize::try_from(limit.saturating_sub(position)).unwrap_or(usize::MAX);
        let mut length = left.min(most);
        if at_least_one && length < left {
            let first = first_size(&*file, position, view.directory())?;
            length = length.max(first.min(left));
        }
        let slice = (length > 0).then_some(Slice {
            file,
            position,
            length,
        });
        Ok((ends, slice))
    }

    /// The aborted transactions among the records of a slice from `from` on.
    pub(crate) fn aborted(&self, from: Offset, until: Offset) -> Result<Vec<AbortedTxn>> {
        self.view().aborted(from, until)
    }

    /// The offset behind an epoch, with the last epoch at or before it that there is.
    pub(crate) fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let state = self.state();
        let found = state.log.epochs().end_offset_for(epoch, state.log.end())?;
        Some((found.epoch, found.end_offset))
    }

    /// The epoch in which a record was appended.
    pub(crate) fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.state().log.epochs().epoch_for(offset)
    }

    /// Makes what was appended durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.state().log.sync()
    }
}

impl State {
    fn ends(&self) -> Ends {
        let end = self.log.end();
        Ends {
            start: self.start,
            last_stable: self.log.last_stable().max(self.start),
            high_watermark: end,
            end,
            epoch: self.epoch,
        }
    }

    fn append(
        &mut self,
        batch: &mut [u8],
        placement: Placement,
    ) -> Result<(Appended, Vec<Weak<Notify>>)> {
        if self.is_closed {
            let name = self.log.name();
            return Err(LogError::UnknownPartition {
                topic: name.topic.clone(),
                partition: name.partition,
                count: 0,
            });
        }
        let appended = self.log.append(batch, placement)?;
        let unflushed = appended.next.get() - self.flushed.get();
        let most = self.topic.flush_messages;
        if most.is_some_and(|most| unflushed.unsigned_abs() >= most) {
            self.log.sync()?;
            self.flushed = appended.next;
        }
        let (segment, _, size) = self.log.active();
        if self
            .recent
            .back()
            .is_some_and(|last| last.segment != segment)
        {
            self.recent.clear();
        }
        if self.view.last_base() != Some(segment) {
            let mut view = PartitionView::clone(&self.view);
            view.refresh()?;
            self.view = Arc::new(view);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent {
            segment,
            first: appended.first,
            next: appended.next,
            position: size - batch.len() as u64,
        });
        Ok((appended, std::mem::take(&mut self.waiting)))
    }

    /// The batch that holds an offset, where it is one of the last.
    fn recent_batch(&self, offset: Offset) -> Option<Recent> {
        let at = self.recent.partition_point(|batch| batch.next <= offset);
        let found = self.recent.get(at)?;
        (found.first <= offset).then_some(*found)
    }
}

/// The size of the batch at a position.
fn first_size(file: &dyn File, position: u64, directory: &std::path::Path) -> Result<usize> {
    let mut prefix = [0; PREFIX_SIZE];
    file.read_at(&mut prefix, position)
        .map_err(LogError::io("read", directory))?;
    let prefix = Prefix::parse(&prefix).map_err(LogError::format(directory, position))?;
    Ok(prefix.size)
}

fn topic_config(image: &Image, node: NodeId, statics: &Statics, topic: &str) -> TopicConfig {
    Effective::on_broker(image, node, statics, topic).config
}

/// A topic's partition by its number on the wire.
pub(crate) fn named(topic: &str, number: i32) -> TopicPartition {
    TopicPartition::new(topic, PartitionId::new(number).get())
}
