//! What a session was told to append, what it was promised, and when: enough to
//! say what must be there after a crash at any moment.

use crate::crash_support::{Contents, Stored};
use std::collections::BTreeMap;

/// Who writes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Nobody in particular.
    Plain,
    /// An idempotent producer.
    Idempotent(i64),
    /// A producer in a transaction.
    Transactional(i64),
}

/// One batch, in the order of its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Batch {
    Data {
        writer: Writer,
        values: Vec<Vec<u8>>,
    },
    Marker {
        producer: i64,
        commit: bool,
    },
}

/// The moments of a batch, counted in changes of the disk.
#[derive(Debug, Clone)]
struct Appended {
    batch: Batch,
    /// Before the call that appended it.
    begun: u64,
    /// After it.
    done: u64,
    /// Whether a session appended it that never syncs.
    by_rival: bool,
    /// When it was reported durable.
    durable: Option<u64>,
}

/// The partitions of a topic and when their creation was reported.
#[derive(Debug, Clone)]
pub(crate) struct Created {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) done: u64,
    pub(crate) is_durable: bool,
}

/// What kind of crash happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    PowerCut,
    Kill,
}

/// The history of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) topics: Vec<Created>,
    partitions: BTreeMap<(String, i32), Vec<Appended>>,
}

impl Ledger {
    /// Batches that one call appended.
    pub(crate) fn appended(
        &mut self,
        at: &(String, i32),
        batches: Vec<Batch>,
        by_rival: bool,
        (begun, done): (u64, u64),
    ) {
        let log = self.partitions.entry(at.clone()).or_default();
        log.extend(batches.into_iter().map(|batch| Appended {
            batch,
            begun,
            done,
            by_rival,
            durable: None,
        }));
    }

    /// Everything that the session appended to a partition so far was reported
    /// durable; so must be what its rival had appended before it.
    pub(crate) fn durable(&mut self, at: &(String, i32), now: u64) {
        let log = self.partitions.entry(at.clone()).or_default();
        let own = log.iter().rposition(|appended| !appended.by_rival);
        for appended in log.iter_mut().take(own.map_or(0, |last| last + 1)) {
            appended.durable.get_or_insert(now);
        }
    }

    /// What a crash after `moment` changes of the disk must and may leave of a
    /// partition, in batches; the batches that may be there.
    pub(crate) fn left(
        &self,
        at: &(String, i32),
        moment: u64,
        crash: Crash,
    ) -> (usize, Vec<Batch>) {
        let Some(log) = self.partitions.get(at) else {
            return (0, Vec::new());
        };
        let may = log.iter().filter(|batch| batch.begun < moment);
        let is_kept = |batch: &&Appended| match crash {
            Crash::PowerCut => batch.durable.is_some_and(|durable| durable <= moment),
            Crash::Kill => batch.done <= moment,
        };
        let must = log.iter().filter(is_kept).count();
        (must, may.map(|appended| appended.batch.clone()).collect())
    }
}

/// A transaction that a marker aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// What a log of these batches adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) end: i64,
    pub(crate) last_stable: i64,
    pub(crate) aborted: Vec<Aborted>,
    /// First offsets of the transactions that are open.
    pub(crate) open: BTreeMap<i64, i64>,
    /// The next sequence number of each producer.
    pub(crate) sequences: BTreeMap<i64, i32>,
}

impl State {
    pub(crate) fn of(batches: &[Batch]) -> Self {
        let mut state = Self::default();
        for batch in batches {
            state.add(batch);
        }
        state.last_stable = state.open.values().min().copied().unwrap_or(state.end);
        state
    }

    fn add(&mut self, batch: &Batch) {
        match batch {
            Batch::Data { writer, values } => {
                let count = i32::try_from(values.len()).expect("a small batch");
                if let Writer::Idempotent(id) | Writer::Transactional(id) = *writer {
                    *self.sequences.entry(id).or_default() += count;
                }
                if let Writer::Transactional(id) = *writer {
                    self.open.entry(id).or_insert(self.end);
                }
                self.end += i64::from(count);
            }
            Batch::Marker { producer, commit } => {
                let first = self.open.remove(producer);
                if let (Some(first), false) = (first, commit) {
                    self.aborted.push(Aborted {
                        producer: *producer,
                        first,
                        last: self.end,
                    });
                }
                self.end += 1;
            }
        }
    }
}

/// How many of the batches the log holds: it must be exactly the first so many.
pub(crate) fn count_whole(contents: &Contents, batches: &[Batch]) -> Result<usize, String> {
    let mut records = contents.records.as_slice();
    for (count, batch) in batches.iter().enumerate() {
        if records.is_empty() {
            return Ok(count);
        }
        let expected = records_of(batch);
        if records.len() < expected.len() {
            return Err(format!("half of batch {count}: {} records", records.len()));
        }
        let (found, rest) = records.split_at(expected.len());
        if !found
            .iter()
            .zip(&expected)
            .all(|(found, expected)| is_same(found, expected))
        {
            return Err(format!("batch {count} is not what was appended"));
        }
        records = rest;
    }
    if !records.is_empty() {
        return Err(format!("{} records more than were appended", records.len()));
    }
    Ok(batches.len())
}

fn is_same(found: &Stored, expected: &Stored) -> bool {
    found.key == expected.key
        && (found.is_control || found.value == expected.value)
        && found.is_control == expected.is_control
        && found.is_transactional == expected.is_transactional
}

fn records_of(batch: &Batch) -> Vec<Stored> {
    let stored = |key, value, is_control, is_transactional| Stored {
        offset: 0,
        key,
        value,
        is_control,
        is_transactional,
        producer: None,
    };
    match batch {
        Batch::Data { writer, values } => {
            let is_transactional = matches!(writer, Writer::Transactional(_));
            let values = values.iter().cloned();
            values
                .map(|value| stored(None, Some(value), false, is_transactional))
                .collect()
        }
        Batch::Marker { commit, .. } => {
            vec![stored(
                Some(vec![0, 0, 0, u8::from(*commit)]),
                None,
                true,
                true,
            )]
        }
    }
}
