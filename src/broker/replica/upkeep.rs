//! What is done to a partition besides appending and reading: its head is deleted, its
//! producers are listed.

use super::Replica;
use crate::format::Offset;
use crate::format::producer_snapshot::ProducerEntry;
use crate::log::Result;
use std::path::PathBuf;
use std::sync::Arc;

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
    #[allow(dead_code, reason = "retention asks for it")]
    pub(crate) fn roll(&self) -> Result<()> {
        let mut state = self.state();
        state.log.roll_at_end()?;
        state.recent.clear();
        Arc::make_mut(&mut state.view).refresh()
    }

    /// Takes the segments before the start away: their files, to be removed once
    /// nobody reads them.
    #[allow(dead_code, reason = "retention asks for it")]
    pub(crate) fn drop_head(&self) -> Result<Vec<PathBuf>> {
        let mut state = self.state();
        let start = state.start;
        let gone = state.log.drop_segments(start)?;
        Arc::make_mut(&mut state.view).refresh()?;
        Ok(gone)
    }
}
