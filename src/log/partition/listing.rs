//! What a partition's directory holds.

use crate::format::Offset;
use crate::host::Host;
use crate::log::error::{LogError, Result};
use crate::log::layout::{Suffix, parse_segment_file};
use std::path::Path;

/// The segments and snapshots of a partition's directory, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Offset>,
    pub(crate) snapshots: Vec<Offset>,
}

impl Listing {
    pub(crate) fn read(host: &dyn Host, directory: &Path) -> Result<Self> {
        let mut listing = Self::default();
        for entry in host
            .list(directory)
            .map_err(LogError::io("list", directory))?
        {
            match parse_segment_file(&entry.name) {
                Some((base, Suffix::Log)) => listing.segments.push(base),
                Some((base, Suffix::Snapshot)) => listing.snapshots.push(base),
                _ => {}
            }
        }
        listing.segments.sort_unstable();
        listing.snapshots.sort_unstable();
        Ok(listing)
    }
}
