//! What a partition takes from each batch that it sees.

use crate::format::batch::{Header, Scratch, UncheckedBatch};
use crate::format::control::{ControlType, EndTxnMarker};
use crate::log::error::{LogError, Result};
use crate::log::scan::{Found, Summary};
use std::path::Path;

/// What a partition remembers of a batch.
pub(crate) struct Noted {
    pub(crate) summary: Summary,
    pub(crate) header: Option<Header>,
    /// Of an end-of-transaction marker: whether it commits, and its coordinator.
    pub(crate) marker: Option<(bool, i32)>,
}

impl Noted {
    pub(crate) fn of(found: &Found<'_>) -> Result<Self> {
        if found.prefix.magic != 2 {
            let summary = found
                .summary()
                .map_err(LogError::format(Path::new(""), found.position))?;
            return Ok(Self {
                summary,
                header: None,
                marker: None,
            });
        }
        let batch = UncheckedBatch::parse(found.bytes)
            .map_err(LogError::format(Path::new(""), found.position))?;
        Self::of_batch(&batch)
    }

    pub(super) fn of_batch(batch: &UncheckedBatch<'_>) -> Result<Self> {
        let header = *batch.header();
        Ok(Self {
            summary: Summary::of(&header),
            header: Some(header),
            marker: if header.attributes.is_control() {
                marker_of(batch)
            } else {
                None
            },
        })
    }
}

/// The end of a transaction that a control batch marks, if it is one.
pub(crate) fn marker_of(batch: &UncheckedBatch<'_>) -> Option<(bool, i32)> {
    let mut scratch = Scratch::new();
    let batch = batch.check().ok()?;
    let record = batch.records(&mut scratch).ok()?.next()?.ok()?;
    let commit = match ControlType::decode_key(record.key?).ok()? {
        ControlType::Commit => true,
        ControlType::Abort => false,
        _ => return None,
    };
    let marker = EndTxnMarker::decode(record.value?).ok()?;
    Some((commit, marker.coordinator_epoch))
}
