//! What went in and out of a partition, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the partition was opened.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) bytes_in: AtomicU64,
    pub(crate) records_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) produces: AtomicU64,
    pub(crate) fetches: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Traffic {
    pub(crate) fn produced(&self, bytes: usize, records: i64) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.records_in
            .fetch_add(records.unsigned_abs(), Ordering::Relaxed);
        self.produces.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fetched(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        self.fetches.fetch_add(1, Ordering::Relaxed);
    }
}
