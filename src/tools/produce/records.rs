//! `produce` of anything but plain lines: records are read one by one and gathered
//! into a batch for each partition; other threads compress and append the batches
//! that are full.

use super::Plan;
use super::sink::{Refused, Sealed, Sink, Target};
use crate::format::batch::Producer;
use crate::format::batch_builder::{BatchBuilder, RECORD_OVERHEAD, Seal};
use crate::format::compression::{Codec, Compressor};
use crate::format::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::tools::error::{Result, ToolError};
use crate::tools::input::{InputReader, InputRecord, InputTime};
use crate::tools::interrupt::Input;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// How long a record may wait for company before its batch is written.
const LINGER: Duration = Duration::from_millis(5);

/// A batch that is full.
struct Job {
    turn: u64,
    partition: i32,
    builder: BatchBuilder,
    seal: Seal,
    payload: u64,
}

/// A batch in the making.
#[derive(Default)]
struct Gathering {
    builder: BatchBuilder,
    /// Offset of its first record, with `--keep-offsets`.
    base: Option<Offset>,
    append_time: Option<Timestamp>,
    payload: u64,
    /// Sequence number of the next batch's first record, in a transaction.
    sequence: i32,
}

/// Reads records until the input ends or the sink fails.
pub(super) fn run<T: Target>(
    plan: &Plan<'_>,
    producer: Option<(ProducerId, ProducerEpoch)>,
    input: Input<'_>,
    sink: &Sink<T>,
) {
    let (jobs, queue) = sync_channel::<Job>(plan.threads);
    let (used, unused) = channel();
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 1..plan.threads.max(2) {
            let used = used.clone();
            let queue = &queue;
            scope.spawn(move || work(plan, queue, &used, sink));
        }
        drop(used);
        let gatherer = Rc::new(RefCell::new(Gatherer {
            plan,
            producer,
            jobs,
            unused,
            sink,
            turn: 0,
            read: 0,
            gathering: BTreeMap::new(),
        }));
        let reader = IdleReader {
            input,
            gatherer: Rc::clone(&gatherer),
        };
        let read = read_all(plan, reader, &gatherer);
        let mut gatherer = gatherer.borrow_mut();
        // What was read before an error is written: it has been promised by position.
        gatherer.flush();
        let turn = gatherer.turn;
        gatherer.turn += 1;
        if let Err(error) = read {
            sink.put(turn, Err::<[Sealed<'_>; 0], _>(Refused::Error(error)));
        }
        // Dropping the gatherer closes the queue, and the threads end.
    })
}

fn read_all<'p, T: Target>(
    plan: &'p Plan<'p>,
    reader: IdleReader<'p, T>,
    gatherer: &Rc<RefCell<Gatherer<'p, T>>>,
) -> Result<()> {
    let mut options = plan.input.clone();
    options.limit = plan.limit;
    let mut input = InputReader::new(reader, &options)?;
    while let Some(record) = input.next_record()? {
        if !gatherer.borrow_mut().add(&record)? {
            break;
        }
    }
    Ok(())
}

/// Writes what is gathered before it waits for more input.
struct IdleReader<'p, T> {
    input: Input<'p>,
    gatherer: Rc<RefCell<Gatherer<'p, T>>>,
}

impl<T: Target> Read for IdleReader<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.input.is_ready(LINGER) {
            self.gatherer.borrow_mut().flush();
        }
        self.input.read(buffer)
    }
}

struct Gatherer<'p, T> {
    plan: &'p Plan<'p>,
    producer: Option<(ProducerId, ProducerEpoch)>,
    jobs: SyncSender<Job>,
    unused: Receiver<BatchBuilder>,
    sink: &'p Sink<T>,
    turn: u64,
    /// Records so far.
    read: u64,
    gathering: BTreeMap<i32, Gathering>,
}

impl<T: Target> Gatherer<'_, T> {
    /// Adds a record; `false` where the run has failed.
    fn add(&mut self, record: &InputRecord<'_>) -> Result<bool> {
        let plan = self.plan;
        let number = plan.choose(record);
        let (time, append_time) = match record.time {
            InputTime::Appended(time) if plan.keep_offsets => {
                (time, Some(time.unwrap_or_default()))
            }
            InputTime::Missing => (None, None),
            InputTime::Created(time) | InputTime::Appended(Some(time)) => (Some(time), None),
            InputTime::Now | InputTime::Appended(None) => {
                (Some(plan.timestamp.unwrap_or_else(|| plan.now())), None)
            }
        };
        let append_time = match append_time {
            None if plan.append_time => Some(plan.now()),
            other => other,
        };
        self.read += 1;
        // What keeps its offsets is a copy of what a broker took already.
        if !plan.keep_offsets {
            let given = (record.time != InputTime::Now || plan.timestamp.is_some()).then_some(time);
            plan.check_record(self.read, record.key.is_some(), given.flatten())?;
        }
        let size = record.key.map_or(0, <[u8]>::len)
            + record.value.map_or(0, <[u8]>::len)
            + record.headers.encoded().len();
        let offset = record.offset.filter(|_| plan.keep_offsets);

        let known = self.gathering.entry(number).or_default();
        let delta = match (known.base, offset) {
            (Some(base), Some(offset)) => i32::try_from(offset.get() - base.get()).ok(),
            (None, None) => Some(known.builder.next_delta()),
            _ => None,
        };
        let fits = delta
            .is_some_and(|delta| delta >= known.builder.next_delta() && delta < i32::MAX)
            && known.builder.size() + size + RECORD_OVERHEAD <= plan.batch_bytes
            && (known.append_time == append_time || (plan.append_time && !plan.keep_offsets));
        if !fits && !known.builder.is_empty() && !self.send(number) {
            return Ok(false);
        }
        let known = self.gathering.entry(number).or_default();
        let delta = if known.builder.is_empty() {
            known.base = offset;
            known.append_time = append_time;
            0
        } else {
            delta.unwrap_or_else(|| known.builder.next_delta())
        };
        known
            .builder
            .append_at(delta, time, record.key, record.value, record.headers)
            .map_err(|error| ToolError::failed(error.to_string()))?;
        known.payload +=
            (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
        Ok(true)
    }

    /// Hands the batch of a partition on; `false` where the run has failed.
    fn send(&mut self, number: i32) -> bool {
        let Some(known) = self.gathering.get_mut(&number) else {
            return true;
        };
        let mut builder = self.unused.try_recv().unwrap_or_default();
        builder.clear();
        std::mem::swap(&mut builder, &mut known.builder);
        let producer = self.producer.map(|(id, epoch)| Producer {
            id,
            epoch,
            base_sequence: Some(known.sequence),
        });
        let span = i64::from(builder.next_delta());
        known.sequence = crate::format::batch::sequence_after(known.sequence, span);
        let job = Job {
            turn: self.turn,
            partition: number,
            seal: Seal {
                base_offset: known.base.unwrap_or_default(),
                producer,
                transactional: producer.is_some(),
                append_time: known.append_time,
                ..Seal::default()
            },
            payload: std::mem::take(&mut known.payload),
            builder,
        };
        self.turn += 1;
        self.plan.batch_sent();
        !self.sink.has_failed() && self.jobs.send(job).is_ok()
    }

    /// Hands every batch on that holds a record.
    fn flush(&mut self) {
        let full: Vec<i32> = self
            .gathering
            .iter()
            .filter(|(_, known)| !known.builder.is_empty())
            .map(|(number, _)| *number)
            .collect();
        for number in full {
            if !self.send(number) {
                return;
            }
        }
    }
}

/// Seals batches and puts them into the log in their turn.
fn work<T: Target>(
    plan: &Plan<'_>,
    queue: &Mutex<Receiver<Job>>,
    used: &Sender<BatchBuilder>,
    sink: &Sink<T>,
) {
    let mut compressor = Compressor::new(plan.compression);
    let mut compressed = Vec::new();
    loop {
        let next = queue
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .recv();
        let Ok(mut job) = next else {
            return;
        };
        let records = job.builder.len() as u64;
        let bytes: Result<&mut [u8], Refused> = if compressor.compression().codec() == Codec::None {
            Ok(job.builder.seal(&job.seal))
        } else {
            job.builder
                .seal_compressed(&mut compressor, &job.seal, &mut compressed)
                .map(|()| compressed.as_mut_slice())
                .map_err(Refused::from)
        };
        let sealed = bytes.and_then(|batches| {
            plan.check_size(batches.len())?;
            Ok([Sealed {
                partition: job.partition,
                batches,
                records,
                payload: job.payload,
            }])
        });
        sink.put(job.turn, sealed);
        let _ = used.send(job.builder);
    }
}
