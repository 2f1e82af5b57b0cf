//! What stands behind the last segment and is not durable yet. It never changes any
//! more, so it is synced without the partition: whoever appends goes on meanwhile.

use super::{Partition, sync_file};
use crate::format::Offset;
use crate::host::{File, Host};
use crate::log::error::{LogError, Result};
use crate::log::layout::{LEADER_EPOCHS, Suffix, segment_file};
use std::path::PathBuf;
use std::sync::Arc;

/// Segments to be made durable.
pub struct Behind {
    host: Arc<dyn Host>,
    directory: PathBuf,
    segments: Vec<Offset>,
}

impl Behind {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Makes them durable, with their names.
    ///
    /// # Errors
    /// `Io`; to be told to [`Partition::synced`].
    pub fn sync(&self) -> Result<()> {
        for base in &self.segments {
            for suffix in Suffix::OF_A_SEGMENT {
                sync_file(&*self.host, &segment_file(&self.directory, *base, suffix))?;
            }
        }
        sync_file(&*self.host, &self.directory.join(LEADER_EPOCHS))?;
        self.host
            .sync_dir(&self.directory)
            .map_err(LogError::io("sync", &self.directory))
    }
}

impl Partition {
    /// What stands behind the last segment and is not durable yet.
    pub fn behind(&self) -> Behind {
        let active = self.active.base();
        Behind {
            host: Arc::clone(&self.host),
            directory: self.directory.clone(),
            segments: self.unsynced.range(..active).copied().collect(),
        }
    }

    /// Takes note of how it went to make it durable. A failure is final.
    pub fn synced(&mut self, behind: &Behind, outcome: &Result<()>) {
        match outcome {
            Ok(()) => behind.segments.iter().for_each(|base| {
                self.unsynced.remove(base);
            }),
            Err(_) => self.sync_failed = true,
        }
    }

    /// Before it everything is durable, as far as is known without looking.
    pub fn recovery_point(&self) -> Offset {
        self.unsynced.first().copied().unwrap_or(self.end())
    }

    /// The file whose sync makes every record durable: the last segment, where all
    /// but what was appended to it is durable.
    pub fn tail(&self) -> Option<Arc<dyn File>> {
        let active = self.active.base();
        let is_settled = !self.sync_failed
            && !self.epochs_unsynced
            && !self.directory_unsynced
            && self.unsynced.iter().all(|base| *base == active);
        is_settled.then(|| Arc::clone(self.active.log()))
    }

    /// Takes note that a sync failed: nothing is ever reported durable again.
    pub const fn fail_sync(&mut self) {
        self.sync_failed = true;
    }
}
