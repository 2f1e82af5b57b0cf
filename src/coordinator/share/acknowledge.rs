//! What members say about records that they were handed.

use super::ShareConfig;
use super::in_flight::{Change, RecordState, SharePartition, released, written};
use crate::protocol::ErrorCode;
use std::collections::BTreeSet;

const GAP: i8 = 0;
const ACCEPT: i8 = 1;
const RELEASE: i8 = 2;
const REJECT: i8 = 3;
const RENEW: i8 = 4;

/// What a member says about offsets: one type for all of them, or one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// 0 there is no record, 1 accepted, 2 released, 3 rejected, 4 more time.
    pub types: Vec<i8>,
}

/// Why a request is refused.
pub type Refusal = (ErrorCode, &'static str);

/// Refuses what no partition takes. `renews` is whether the request says that it asks for
/// more time, where its version knows that.
///
/// # Errors
/// `INVALID_REQUEST`.
pub fn validate(
    batches: &[Acknowledgement],
    knows_renew: bool,
    renews: bool,
) -> Result<(), Refusal> {
    let invalid = |why| Err((ErrorCode::InvalidRequest, why));
    let mut behind = -1;
    let most = if knows_renew { RENEW } else { REJECT };
    for batch in batches {
        if batch.first > batch.last {
            return invalid("the first offset is behind the last one");
        }
        if batch.first < behind {
            return invalid("the batches are out of order or overlap");
        }
        behind = batch.last;
        if batch.types.is_empty() {
            return invalid("there is no type of acknowledgement");
        }
        let count = i64::try_from(batch.types.len()).unwrap_or(i64::MAX);
        if count > 1 && count != batch.last - batch.first + 1 {
            return invalid("there has to be one type, or one for each offset");
        }
        if batch.types.iter().any(|kind| !(GAP..=most).contains(kind)) {
            return invalid("there is no such type of acknowledgement");
        }
        if !renews && batch.types.contains(&RENEW) {
            return invalid("the request does not say that it renews");
        }
    }
    Ok(())
}

impl SharePartition {
    /// Takes what a member says in: all of it, or nothing.
    ///
    /// # Errors
    /// `INVALID_RECORD_STATE` for offsets that the member does not have, `INVALID_REQUEST`
    /// for those that nobody was handed.
    pub fn acknowledge(
        &self,
        member: &str,
        batches: &[Acknowledgement],
        config: &ShareConfig,
        now_ms: i64,
    ) -> Result<Change, Refusal> {
        let mut after = self.clone();
        let mut changed = BTreeSet::new();
        for batch in batches {
            // All of it may be done with because the log begins behind it.
            if batch.last >= self.start {
                after.take(member, batch, config, now_ms, &mut changed)?;
            }
        }
        let runs = changed
            .iter()
            .filter_map(|first| after.runs.get_key_value(first));
        let runs = runs.filter(|(_, run)| !matches!(run.state, RecordState::Acquired { .. }));
        let batches = runs.map(|(first, run)| written(*first, run)).collect();
        Ok(self.change(after, batches))
    }

    fn take(
        &mut self,
        who: &str,
        batch: &Acknowledgement,
        config: &ShareConfig,
        now_ms: i64,
        changed: &mut BTreeSet<i64>,
    ) -> Result<(), Refusal> {
        let invalid = |why| Err((ErrorCode::InvalidRecordState, why));
        let first = batch.first.max(self.start);
        match self.last() {
            None => return invalid("the records are not in hand"),
            Some(last) if batch.last > last => {
                return Err((
                    ErrorCode::InvalidRequest,
                    "no one was handed the last record",
                ));
            }
            Some(_) => {}
        }
        for (from, to, kind) in pieces(batch, first) {
            self.split(from);
            self.split(to + 1);
            let mut known = false;
            for (at, run) in self.runs.range_mut(from..=to) {
                known = true;
                let RecordState::Acquired { member, until_ms } = &mut run.state else {
                    return invalid("a record is not in hand");
                };
                if **member != *who {
                    return invalid("a record is in the hand of another member");
                }
                run.state = match kind {
                    RENEW if !config.may_renew => return invalid("locks are not renewed"),
                    RENEW => {
                        *until_ms = now_ms + i64::from(config.record_lock_ms);
                        continue;
                    }
                    ACCEPT => RecordState::Acknowledged,
                    RELEASE => released(run.deliveries, config),
                    _ => RecordState::Archived,
                };
                changed.insert(*at);
            }
            if !known && kind != GAP {
                return invalid("a record is not in hand");
            }
        }
        Ok(())
    }
}

/// Neighbours of one type, from `first` on.
fn pieces(batch: &Acknowledgement, first: i64) -> Vec<(i64, i64, i8)> {
    if let [kind] = batch.types[..] {
        return vec![(first, batch.last, kind)];
    }
    let mut pieces: Vec<(i64, i64, i8)> = Vec::new();
    let offsets = (batch.first..).zip(&batch.types);
    for (offset, kind) in offsets.filter(|(offset, _)| *offset >= first) {
        match pieces.last_mut() {
            Some((_, last, known)) if known == kind => *last = offset,
            _ => pieces.push((offset, offset, *kind)),
        }
    }
    pieces
}
