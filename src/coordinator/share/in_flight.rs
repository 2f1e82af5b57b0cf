//! The records of a partition that a share group has in hand.
//!
//! ```text
//!            acquire                    accept
//! Available ─────────▶ Acquired ─────────────────▶ Acknowledged
//!     ▲                 │    │   reject, gap,
//!     │ release, lock   │    │   or handed out too often
//!     └─────────────────┘    └───────────────────▶ Archived
//! ```
//!
//! Offsets below `start` are done with; those from `next` on were never handed out. In
//! between, [`Run`]s say what there is; offsets in no run hold no records. A request that
//! is to be written down first gives a [`Change`]: the state that it comes to, and what to
//! write. Where that cannot be written, nothing has changed.
//!
//! Source: `SharePartition`, `InFlightState` of Apache Kafka 4.3.1; KIP-932, KIP-1206,
//! KIP-1222.

use super::ShareConfig;
use crate::format::share_group_state::StateBatch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// From so many deliveries on, records are handed out in smaller numbers at least: what
/// makes members fail is to be found before all around it is given up.
const LEAST_THROTTLE: i16 = 2;

/// What has become of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordState {
    /// It can be handed out.
    Available,
    /// A member has it, until a time in milliseconds since 1970.
    Acquired {
        /// The member.
        member: Arc<str>,
        /// Until when.
        until_ms: i64,
    },
    /// It was accepted.
    Acknowledged,
    /// It was given up.
    Archived,
}

impl RecordState {
    /// The state's number in records.
    pub fn id(&self) -> i8 {
        match self {
            Self::Available => 0,
            Self::Acquired { .. } => 1,
            Self::Acknowledged => 2,
            Self::Archived => 4,
        }
    }

    fn of_id(id: i8) -> Option<Self> {
        Some(match id {
            0 => Self::Available,
            2 => Self::Acknowledged,
            4 => Self::Archived,
            _ => return None,
        })
    }

    /// Whether the record is done with.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Acknowledged | Self::Archived)
    }
}

/// Offsets that have one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The last offset.
    pub last: i64,
    /// Their state.
    pub state: RecordState,
    /// How often they were handed out.
    pub deliveries: i16,
    /// How many offsets were handed out together at first.
    batch: i64,
}

/// Offsets that were handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acquired {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// How often they were handed out, with this time.
    pub deliveries: i16,
}

/// What a member asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The member.
    pub member: &'a str,
    /// How many records at most.
    pub most: i64,
    /// Whether `most` is a limit; if not, the batches that begin below it come whole.
    pub is_strict: bool,
    /// How many records are acknowledged together, about.
    pub batch_size: i64,
    /// The offset that was read from.
    pub from: i64,
    /// The first and the last offset of each batch that was read there.
    pub batches: &'a [(i64, i64)],
}

/// The state of a partition once it is written.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Change {
    /// The state that this comes to.
    pub after: SharePartition,
    /// What to write; nothing where it is empty.
    pub batches: Vec<StateBatch>,
    /// The start to write: that of before.
    pub start: i64,
    /// How many offsets from there on are done with.
    pub complete: i32,
}

/// What a share group has in hand of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharePartition {
    pub(super) start: i64,
    next: i64,
    pub(super) runs: BTreeMap<i64, Run>,
    state_epoch: i32,
}

impl SharePartition {
    /// A partition as it was written down. What was handed out and not written down since
    /// can be handed out again.
    pub fn new(start: i64, state_epoch: i32, batches: &[StateBatch]) -> Self {
        let mut this = Self {
            start,
            next: start,
            runs: BTreeMap::new(),
            state_epoch,
        };
        let mut batches: Vec<&StateBatch> = batches.iter().collect();
        batches.sort_by_key(|batch| batch.first_offset);
        for batch in batches {
            let first = batch.first_offset.max(this.next);
            let Some(state) = RecordState::of_id(batch.delivery_state) else {
                continue;
            };
            if batch.last_offset < first {
                continue;
            }
            if this.next < first {
                this.insert(this.next, first - 1, RecordState::Available, 0);
            }
            this.insert(first, batch.last_offset, state, batch.delivery_count);
            this.next = batch.last_offset + 1;
        }
        this.trim();
        this
    }

    fn insert(&mut self, first: i64, last: i64, state: RecordState, deliveries: i16) {
        let batch = last - first + 1;
        let run = Run {
            last,
            state,
            deliveries,
            batch,
        };
        self.runs.insert(first, run);
    }

    /// The first offset that is not done with.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The epoch of its state.
    pub fn state_epoch(&self) -> i32 {
        self.state_epoch
    }

    /// The offsets in hand, by the first of each run.
    pub fn runs(&self) -> impl Iterator<Item = (i64, &Run)> {
        self.runs.iter().map(|(first, run)| (*first, run))
    }

    /// The offset to read from: the first that can be handed out.
    pub fn next_fetch_offset(&self) -> i64 {
        let available = self
            .runs
            .iter()
            .find(|(_, run)| run.state == RecordState::Available);
        available.map_or(self.next, |(first, _)| *first)
    }

    fn in_flight(&self) -> i64 {
        match self.runs.is_empty() {
            true => 0,
            false => self.next - self.start,
        }
    }

    /// Whether something could be handed out, if it is there.
    pub fn can_acquire(&self, config: &ShareConfig) -> bool {
        self.next_fetch_offset() < self.next
            || self.in_flight() < i64::from(config.max_record_locks)
    }

    /// Hands records out.
    pub fn acquire(&mut self, wish: Wish<'_>, config: &ShareConfig, now_ms: i64) -> Vec<Acquired> {
        let (Some((base, _)), Some((_, last))) = (wish.batches.first(), wish.batches.last()) else {
            return Vec::new();
        };
        let (base, mut end) = (*base, *last);
        let mut room = wish
            .most
            .min(i64::from(config.max_record_locks) - self.in_flight());
        if wish.most > 0 && room <= 0 && wish.from < self.next {
            room = wish.most.min(self.next - wish.from);
            end = end.min(self.next - 1);
        }
        if room <= 0 || end < self.start {
            return Vec::new();
        }
        self.archive_missing(wish.from, base);
        let lock = RecordState::Acquired {
            member: Arc::from(wish.member),
            until_ms: now_ms + i64::from(config.record_lock_ms),
        };
        let mut acquired = Vec::new();
        let (taken, throttled) =
            self.acquire_again(&wish, (base, end), room, config, &lock, &mut acquired);
        if !throttled && taken < room && self.next <= end {
            self.acquire_new(&wish, (base, end), room - taken, &lock, &mut acquired);
        }
        merged(acquired)
    }

    /// Hands records out that were handed out before. How many, and whether no more are
    /// to come.
    fn acquire_again(
        &mut self,
        wish: &Wish<'_>,
        (base, end): (i64, i64),
        room: i64,
        config: &ShareConfig,
        lock: &RecordState,
        acquired: &mut Vec<Acquired>,
    ) -> (i64, bool) {
        let limit = config.delivery_count_limit;
        let throttle_from = LEAST_THROTTLE.max((limit + 1) / 2);
        let runs = self.runs.range(..=end);
        let available = runs.filter(|(_, run)| {
            run.state == RecordState::Available && run.last >= base.max(self.start)
        });
        let available: Vec<(i64, Run)> = available.map(|(at, run)| (*at, run.clone())).collect();
        let mut taken = 0;
        for (at, run) in available {
            if taken >= room {
                break;
            }
            let throttled = run.deliveries >= throttle_from;
            if throttled && taken > 0 {
                return (taken, true);
            }
            let first = at.max(base).max(self.start);
            let mut count = run.last.min(end) - first + 1;
            if wish.is_strict {
                count = count.min(room - taken);
            }
            if throttled {
                let alone = limit > 2 && run.deliveries == limit - 1;
                let by = u32::try_from(run.deliveries - throttle_from + 1).unwrap_or(1);
                let fewer = if alone {
                    1
                } else {
                    (run.batch >> by.min(62)).max(1)
                };
                count = count.min(fewer);
            }
            let last = first + count - 1;
            self.split(first);
            self.split(last + 1);
            let run = self.runs.get_mut(&first).expect("the run was split there");
            run.state = lock.clone();
            run.deliveries += 1;
            acquired.push(Acquired {
                first,
                last,
                deliveries: run.deliveries,
            });
            taken += count;
            if throttled {
                return (taken, true);
            }
        }
        (taken, false)
    }

    /// Hands records out for the first time.
    fn acquire_new(
        &mut self,
        wish: &Wish<'_>,
        (base, end): (i64, i64),
        room: i64,
        lock: &RecordState,
        acquired: &mut Vec<Acquired>,
    ) {
        let first = base.max(self.next).max(self.start);
        let mut last = end;
        if room < last - first + 1 {
            last = first + room - 1;
            let holds = |(base, end): &&(i64, i64)| (*base..=*end).contains(&last);
            if !wish.is_strict
                && let Some((_, end)) = wish.batches.iter().find(holds)
            {
                last = *end;
            }
        }
        if last < first {
            return;
        }
        if self.runs.is_empty() {
            self.start = first;
        }
        let mut from = first;
        let mut pieces = Vec::new();
        for (base, _) in wish.batches.iter().filter(|(base, _)| *base <= last) {
            if !wish.is_strict
                && last - first + 1 > wish.batch_size
                && base - from >= wish.batch_size
            {
                pieces.push((from, base - 1));
                from = *base;
            }
        }
        pieces.push((from, last));
        for (first, last) in pieces {
            self.insert(first, last, lock.clone(), 1);
            acquired.push(Acquired {
                first,
                last,
                deliveries: 1,
            });
        }
        self.next = last + 1;
    }

    /// Gives up what is not there any more: reading at `from` gave what is at `base`.
    fn archive_missing(&mut self, from: i64, base: i64) {
        if from >= base {
            return;
        }
        self.split(from);
        self.split(base);
        for (_, run) in self.runs.range_mut(from..base) {
            if run.state == RecordState::Available {
                run.state = RecordState::Archived;
            }
        }
        self.trim();
    }

    /// Takes records of aborted transactions out of what was just handed out: members do
    /// not see them.
    pub fn give_up_aborted(
        &mut self,
        acquired: Vec<Acquired>,
        aborted: &[(i64, i64)],
    ) -> Vec<Acquired> {
        let mut kept = acquired;
        for (first, last) in aborted {
            let mut rest = Vec::with_capacity(kept.len() + 1);
            for part in kept {
                let (from, to) = (part.first.max(*first), part.last.min(*last));
                if from > to {
                    rest.push(part);
                    continue;
                }
                self.split(from);
                self.split(to + 1);
                for (_, run) in self.runs.range_mut(from..=to) {
                    run.state = RecordState::Archived;
                }
                let before = Acquired {
                    last: from - 1,
                    ..part
                };
                let behind = Acquired {
                    first: to + 1,
                    ..part
                };
                let whole = |part: &Acquired| part.first <= part.last;
                rest.extend([before, behind].into_iter().filter(whole));
            }
            kept = rest;
        }
        self.trim();
        kept
    }

    /// Goes on from the start of the log, which has moved past ours.
    pub fn move_start(&mut self, log_start: i64) {
        if log_start <= self.start {
            return;
        }
        self.split(log_start);
        self.runs = self.runs.split_off(&log_start);
        self.start = log_start;
        self.next = self.next.max(log_start);
        self.trim();
    }

    /// Lets go of everything that a member has.
    pub fn release(&self, whose: &str, config: &ShareConfig) -> Change {
        self.let_go(config, |member, _| &**member == whose)
    }

    /// Lets go of everything that members have had for too long.
    pub fn expire(&self, config: &ShareConfig, now_ms: i64) -> Change {
        self.let_go(config, |_, until_ms| until_ms <= now_ms)
    }

    fn let_go(&self, config: &ShareConfig, which: impl Fn(&Arc<str>, i64) -> bool) -> Change {
        let mut after = self.clone();
        let mut batches = Vec::new();
        for (first, run) in &mut after.runs {
            let RecordState::Acquired { member, until_ms } = &run.state else {
                continue;
            };
            if which(member, *until_ms) {
                run.state = released(run.deliveries, config);
                batches.push(written(*first, run));
            }
        }
        self.change(after, batches)
    }

    /// When [`Self::expire`] has something to do next, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let until = |run: &Run| match run.state {
            RecordState::Acquired { until_ms, .. } => Some(until_ms),
            _ => None,
        };
        self.runs.values().filter_map(until).min()
    }

    pub(super) fn change(&self, mut after: Self, batches: Vec<StateBatch>) -> Change {
        let complete = after
            .runs
            .iter()
            .filter(|(_, run)| run.state.is_final())
            .map(|(first, run)| (run.last - (*first).max(self.start) + 1).max(0))
            .sum::<i64>();
        after.trim();
        Change {
            after,
            batches,
            start: self.start,
            complete: i32::try_from(complete).unwrap_or(i32::MAX),
        }
    }

    /// Cuts a run in two, so that one begins at `at`.
    pub(super) fn split(&mut self, at: i64) {
        let Some((_, run)) = self.runs.range_mut(..at).next_back() else {
            return;
        };
        if run.last < at {
            return;
        }
        let behind = run.clone();
        run.last = at - 1;
        self.runs.insert(at, behind);
    }

    /// The last offset that was handed out.
    pub(super) fn last(&self) -> Option<i64> {
        self.runs.values().next_back().map(|run| run.last)
    }

    /// Moves the start past what is done with.
    fn trim(&mut self) {
        while let Some(first) = self.runs.first_entry() {
            if !first.get().state.is_final() {
                self.start = self.start.max(*first.key());
                return;
            }
            first.remove();
        }
        self.start = self.next;
    }
}

/// What becomes of a record that a member lets go of.
pub(super) fn released(deliveries: i16, config: &ShareConfig) -> RecordState {
    if deliveries >= config.delivery_count_limit {
        RecordState::Archived
    } else {
        RecordState::Available
    }
}

pub(super) fn written(first: i64, run: &Run) -> StateBatch {
    StateBatch {
        first_offset: first,
        last_offset: run.last,
        delivery_state: run.state.id(),
        delivery_count: run.deliveries,
        ..StateBatch::default()
    }
}

/// Neighbours that were handed out one by one as one; what was handed out together for
/// the first time stays as it is.
fn merged(acquired: Vec<Acquired>) -> Vec<Acquired> {
    let mut merged: Vec<Acquired> = Vec::with_capacity(acquired.len());
    for part in acquired {
        match merged.last_mut() {
            Some(last)
                if part.deliveries > 1
                    && last.deliveries == part.deliveries
                    && last.last + 1 == part.first =>
            {
                last.last = part.last;
            }
            _ => merged.push(part),
        }
    }
    merged
}
