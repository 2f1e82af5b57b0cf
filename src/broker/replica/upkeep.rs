//! What is done to a partition besides appending and reading: its head is deleted, it is
//! flushed, its producers are listed.

use super::Replica;
use crate::format::Offset;
use crate::format::producer_snapshot::ProducerEntry;
use crate::log::retention::Rules;
use crate::log::view::PartitionView;
use crate::log::{LogError, Result};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl Replica {
    /// Whether records go only where a later one has their key.
    pub(crate) fn only_compacts(&self) -> bool {
        let policy = self.state().topic.cleanup_policy;
        policy.compact && !policy.delete
    }

    /// What is known of each producer.
    pub(crate) fn producers(&self) -> Vec<ProducerEntry> {
        self.state().log.producers().to_snapshot()
    }

    /// Moves the start up to `start`, or not at all where it is there already: where
    /// it is then. Readers see nothing before it. Not durable.
    pub(crate) fn advance_start(&self, start: Offset) -> Result<Offset> {
        let mut state = self.state();
        if start > state.start && start <= state.log.end() {
            state.log.advance_start(start)?;
            state.start = start;
            Arc::make_mut(&mut state.view).advance(start);
        }
        Ok(state.start)
    }

    /// Begins the next segment, where the last one holds anything.
    pub(crate) fn roll(&self) -> Result<()> {
        let mut state = self.state();
        state.log.roll_at_end()?;
        state.recent.clear();
        Arc::make_mut(&mut state.view).refresh()
    }

    /// Takes the segments before the start away: their files, to be removed once
    /// nobody reads them.
    pub(crate) fn drop_head(&self) -> Result<Vec<PathBuf>> {
        let mut state = self.state();
        let start = state.start;
        let gone = state.log.drop_segments(start)?;
        Arc::make_mut(&mut state.view).refresh()?;
        Ok(gone)
    }

    /// How much of it stays.
    pub(crate) fn rules(&self) -> Rules {
        Rules::of(&self.state().topic)
    }

    /// Makes every record up to `end` durable. One caller flushes for all who wait.
    ///
    /// # Errors
    /// `Io`: nothing is ever durable again.
    pub(crate) fn flush_through(&self, end: Offset) -> Result<()> {
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        if *flushed >= end {
            return Ok(());
        }
        let (tail, until) = {
            let mut state = self.state();
            let tail = state.log.tail();
            if tail.is_none() {
                state.log.sync()?;
            }
            (tail, state.log.end())
        };
        if let Some(file) = tail
            && let Err(error) = file.sync()
        {
            let mut state = self.state();
            state.log.fail_sync();
            return Err(LogError::io("sync", state.log.directory())(error));
        }
        *flushed = until;
        Ok(())
    }

    /// Flushes what has waited for longer than `flush.ms`.
    pub(crate) fn flush_late(&self, now: Duration) -> Result<()> {
        let mut state = self.state();
        let Some(most) = state.topic.flush_ms else {
            return Ok(());
        };
        let end = state.log.end();
        if end <= state.flushed {
            state.unflushed_since = None;
            return Ok(());
        }
        let since = *state.unflushed_since.get_or_insert(now);
        if now.saturating_sub(since) < Duration::from_millis(most) {
            return Ok(());
        }
        state.log.sync()?;
        state.flushed = end;
        state.unflushed_since = None;
        Ok(())
    }

    /// Makes segments durable that are complete, while others append; up to where
    /// everything is durable then.
    pub(crate) fn settle(&self) -> Result<Offset> {
        let behind = self.state().log.behind();
        if !behind.is_empty() {
            let outcome = behind.sync();
            self.state().log.synced(&behind, &outcome);
            outcome?;
        }
        Ok(self.state().log.recovery_point())
    }

    /// Looks something up in its files, once more where a segment was deleted
    /// meanwhile.
    pub(crate) fn look_up<T>(&self, work: impl Fn(&PartitionView) -> Result<T>) -> Result<T> {
        match work(&self.view()) {
            Err(error) if error.is_not_found() => work(&self.view()),
            outcome => outcome,
        }
    }
}
