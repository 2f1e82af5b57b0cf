//! The records of `__share_group_state` for the coordinator that takes a partition of it
//! over.

use super::walk::{Step, batch};
use crate::format::Offset;
use crate::format::any_batch::AnyScratch;
use crate::format::record::Record;
use crate::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};
use crate::host::Host;
use crate::log::error::Result;
use crate::log::sweep::{self, Skipped, Swept};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// What takes a record in: its key, its value, and its offset.
type Take<'a> = dyn FnMut(&ShareStateRecordKey, Option<&ShareStateRecordValue>, Offset) + 'a;

/// Shows every record of a partition of `__share_group_state`. What is damaged is passed
/// over and given back.
///
/// # Errors
/// Where the directory cannot be listed, or a file not read.
pub fn replay_shares(
    host: &Arc<dyn Host>,
    path: &Path,
    take: &mut Take<'_>,
) -> Result<Vec<Skipped>> {
    let mut replay = Replay {
        take,
        scratch: AnyScratch::default(),
        skipped: Vec::new(),
    };
    sweep::partition(host, path, Offset::ZERO, &mut replay)?;
    Ok(replay.skipped)
}

struct Replay<'a, 't> {
    take: &'a mut Take<'t>,
    scratch: AnyScratch,
    skipped: Vec<Skipped>,
}

impl Replay<'_, '_> {
    fn record(take: &mut Take<'_>, record: &Record<'_>) -> crate::format::Result<()> {
        let Some(key) = record.key else { return Ok(()) };
        let key = ShareStateRecordKey::decode(key)?;
        let value = record.value;
        let value = value.map(|value| ShareStateRecordValue::decode(key.kind(), value));
        let value = value.transpose()?.map(|value| value.value);
        take(&key, value.as_ref(), record.offset);
        Ok(())
    }
}

impl sweep::Visit for Replay<'_, '_> {
    fn batch(&mut self, swept: &Swept<'_>) -> crate::format::Result<ControlFlow<()>> {
        let (take, skipped) = (&mut *self.take, &mut self.skipped);
        batch(swept, &mut self.scratch, &mut |step| {
            if let Step::Record(record, _) = step
                && let Err(error) = Self::record(take, record)
            {
                skipped.push(Skipped::of_record(swept, Some(record.offset), error));
            }
        })?;
        Ok(ControlFlow::Continue(()))
    }

    fn skipped(&mut self, skipped: Skipped) {
        self.skipped.push(skipped);
    }
}
