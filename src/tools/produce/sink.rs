//! The writing end of `produce`: takes sealed batches from several threads and
//! hands them to a [`Target`] in the order in which their records were read.

use crate::host::Host;
use crate::log::LogError;
use crate::log::layout::TopicPartition;
use crate::log::partition::{Partition, Placement};
use crate::log::session::Session;
use crate::log::transaction;
use crate::tools::args::Sync;
use crate::tools::error::{Result, ToolError};
use crate::tools::lines::too_long;
use crate::tools::progress::Progress;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Files that are open for each partition.
const FILES_A_PARTITION: u64 = 5;
/// Files that the rest of the program may need.
const OTHER_FILES: u64 = 64;

/// Sealed batches of one partition.
pub(super) struct Sealed<'b> {
    pub(super) partition: i32,
    pub(super) batches: &'b mut [u8],
    pub(super) records: u64,
    /// Bytes of keys and values, for the summary.
    pub(super) payload: u64,
}

/// Why a piece of the input could not be made into batches.
pub(super) enum Refused {
    /// For a reason that says it all.
    Error(ToolError),
    /// A record, counted from 1 within the piece, is longer than the limit.
    TooLong { number: u64, limit: usize },
}

impl Refused {
    fn into_error(self, before: u64) -> ToolError {
        match self {
            Self::Error(error) => error,
            Self::TooLong { number, limit } => too_long(before + number, limit),
        }
    }
}

impl<E: Into<ToolError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What sealed batches are written to.
pub(super) trait Target: Send {
    /// Writes batches of one partition, in the turn of that number.
    fn append(&mut self, turn: u64, sealed: &mut Sealed<'_>) -> Result<()>;
    /// Everything was written: makes it as safe as was asked for.
    fn finish(&mut self) -> Result<()>;
}

/// Where sealed batches go, one turn after the other.
pub(super) struct Sink<T> {
    state: Mutex<State<T>>,
    turned: Condvar,
}

struct State<T> {
    target: T,
    turn: u64,
    failure: Option<ToolError>,
    progress: Progress,
}

impl<T: Target> Sink<T> {
    pub(super) const fn new(target: T, progress: Progress) -> Self {
        Self {
            state: Mutex::new(State {
                target,
                turn: 0,
                failure: None,
                progress,
            }),
            turned: Condvar::new(),
        }
    }

    /// Waits for turn number `turn` and appends. `false` where the run has failed,
    /// here or before: nothing more is to be read.
    pub(super) fn put<'b>(
        &self,
        turn: u64,
        sealed: std::result::Result<impl IntoIterator<Item = Sealed<'b>>, Refused>,
    ) -> bool {
        let mut state = self.await_turn(turn);
        if state.failure.is_none() {
            let before = state.progress.records();
            let outcome = match sealed {
                Ok(all) => all.into_iter().try_for_each(|sealed| state.append(sealed)),
                Err(refused) => Err(refused.into_error(before)),
            };
            state.failure = outcome.err();
        }
        state.turn += 1;
        let go_on = state.failure.is_none();
        drop(state);
        self.turned.notify_all();
        go_on
    }

    /// Whether the run has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.lock().failure.is_some()
    }

    /// Everything has been put: finishes and gives the parts back.
    pub(super) fn finish(self) -> (T, Progress, Result<()>) {
        let mut state = self
            .state
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let failure = state.failure.take();
        let outcome = match (failure, state.target.finish()) {
            (Some(failure), _) => Err(failure),
            (None, finished) => finished,
        };
        (state.target, state.progress, outcome)
    }

    fn await_turn(&self, turn: u64) -> MutexGuard<'_, State<T>> {
        let mut state = self.lock();
        while state.turn != turn {
            state = self
                .turned
                .wait(state)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T: Target> State<T> {
    fn append(&mut self, mut sealed: Sealed<'_>) -> Result<()> {
        self.target.append(self.turn, &mut sealed)?;
        self.progress.add(sealed.records, sealed.payload);
        Ok(())
    }
}

/// The partitions of a directory.
pub(super) struct Files {
    session: Session,
    transaction: Option<transaction::Open>,
    topic: String,
    placement: Placement,
    sync: Sync,
    open: BTreeMap<i32, Open>,
    most_open: usize,
}

struct Open {
    partition: Partition,
    used: u64,
}

impl Files {
    pub(super) fn new(
        session: Session,
        transaction: Option<transaction::Open>,
        topic: &str,
        placement: Placement,
        sync: Sync,
    ) -> Self {
        let host: &Arc<dyn Host> = session.host();
        let files = host.raise_open_files();
        let most_open = files.saturating_sub(OTHER_FILES) / FILES_A_PARTITION;
        Self {
            session,
            transaction,
            topic: topic.to_owned(),
            placement,
            sync,
            open: BTreeMap::new(),
            most_open: usize::try_from(most_open).unwrap_or(usize::MAX).max(1),
        }
    }

    pub(super) fn into_parts(self) -> (Session, Option<transaction::Open>) {
        (self.session, self.transaction)
    }
}

impl Target for Files {
    fn append(&mut self, turn: u64, sealed: &mut Sealed<'_>) -> Result<()> {
        self.open_partition(sealed.partition)?;
        let (placement, sync) = (self.placement, self.sync);
        let open = self
            .open
            .get_mut(&sealed.partition)
            .expect("it was just opened");
        open.used = turn;
        open.partition.append(sealed.batches, placement)?;
        if sync == Sync::Batch {
            open.partition.sync()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.sync == Sync::None {
            return Ok(());
        }
        let partitions: Vec<_> = self
            .open
            .values_mut()
            .map(|open| &mut open.partition)
            .collect();
        Ok(self.session.sync(partitions.into_iter())?)
    }
}

impl Files {
    fn open_partition(&mut self, number: i32) -> Result<()> {
        if self.open.contains_key(&number) {
            return Ok(());
        }
        if self.open.len() >= self.most_open {
            self.close_oldest()?;
        }
        let name = TopicPartition::new(&self.topic, number);
        let partition = match self.session.partition(&name) {
            // Lossless input may bring more partitions than the topic has yet.
            Err(LogError::UnknownPartition { .. }) if self.placement == Placement::Keep => {
                self.session.add_partitions(&self.topic, number + 1)?;
                self.session.partition(&name)?
            }
            other => other?,
        };
        if let Some(transaction) = &mut self.transaction {
            transaction.add(&mut self.session, &name)?;
        }
        self.open.insert(number, Open { partition, used: 0 });
        Ok(())
    }

    fn close_oldest(&mut self) -> Result<()> {
        let oldest = self
            .open
            .iter()
            .min_by_key(|(_, open)| open.used)
            .map(|(n, _)| *n);
        if let Some(mut open) = oldest.and_then(|number| self.open.remove(&number))
            && self.sync != Sync::None
        {
            open.partition.sync()?;
        }
        Ok(())
    }
}
