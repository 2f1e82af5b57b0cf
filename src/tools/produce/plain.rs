//! `produce` of plain lines without keys: the shortest way from standard input to
//! the log. Each thread takes the next piece of whole lines, encodes, compresses and
//! checks it by itself, and puts it into the log when its turn comes.

use super::Plan;
use super::sink::{Refused, Sealed, Sink, Target};
use crate::format::Timestamp;
use crate::format::batch_builder::{BatchBuilder, RECORD_OVERHEAD, Seal};
use crate::format::compression::{Codec, Compressor};
use crate::format::record::HeadersBuf;
use crate::tools::error::ToolError;
use crate::tools::interrupt::Input;
use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;

/// How much is read for one turn.
const PIECE: usize = 256 << 10;
/// How long a line may wait for company before it is written.
const LINGER: Duration = Duration::from_millis(5);

/// Whole lines, in the order of the input.
struct Source<'i> {
    input: Input<'i>,
    /// The beginning of the line that the last piece ended in.
    rest: Vec<u8>,
    turn: u64,
    ended: bool,
    /// Why nothing more can be read, once what came before is handed out.
    failed: Option<ToolError>,
    delimiter: u8,
    limit: usize,
}

/// Reads lines until the input ends or the sink fails.
pub(super) fn run<T: Target>(plan: &Plan<'_>, delimiter: u8, input: Input<'_>, sink: &Sink<T>) {
    let source = Mutex::new(Source {
        input,
        rest: Vec::new(),
        turn: 0,
        ended: false,
        failed: None,
        delimiter,
        limit: plan.limit,
    });
    std::thread::scope(|scope| {
        for _ in 1..plan.threads {
            scope.spawn(|| work(plan, &source, sink));
        }
        work(plan, &source, sink);
    });
}

fn work<T: Target>(plan: &Plan<'_>, source: &Mutex<Source<'_>>, sink: &Sink<T>) {
    let mut piece = Vec::with_capacity(PIECE + 4096);
    let mut encoder = Encoder::new(plan);
    loop {
        let (turn, delimiter, read) = {
            let mut source = source
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if source.ended || sink.has_failed() {
                return;
            }
            let read = source.next_piece(&mut piece);
            if read.is_err() || piece.is_empty() {
                source.ended = true;
            }
            source.turn += 1;
            (source.turn - 1, source.delimiter, read)
        };
        let partition = plan.next_sticky();
        let sealed = read.and_then(|()| encoder.encode(&piece, delimiter));
        let go_on = sink.put(
            turn,
            sealed.map(|records| {
                let payload = piece.len() as u64 - records;
                (records > 0).then_some(Sealed {
                    partition,
                    batches: encoder.sealed(),
                    records,
                    payload,
                })
            }),
        );
        if !go_on {
            return;
        }
    }
}

impl Source<'_> {
    /// Replaces `piece` with whole lines: as many as are there, about [`PIECE`]
    /// bytes of them, none at the end of the input. The last line of the input may
    /// lack its delimiter; it is given one.
    fn next_piece(&mut self, piece: &mut Vec<u8>) -> Result<(), Refused> {
        piece.clear();
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        piece.append(&mut self.rest);
        let mut searched = 0;
        loop {
            let start = piece.len();
            let room = PIECE.saturating_sub(start).max(PIECE / 4);
            piece.resize(start + room, 0);
            let read = self
                .input
                .read(&mut piece[start..])
                .map_err(|error| ToolError::stdin(&error));
            piece.truncate(start + *read.as_ref().unwrap_or(&0));
            if let Err(error) = read {
                // Whole lines that came before count.
                let whole = memchr::memrchr(self.delimiter, piece).map_or(0, |last| last + 1);
                piece.truncate(whole);
                if whole == 0 {
                    return Err(error.into());
                }
                self.failed = Some(error);
                return Ok(());
            }
            if piece.len() == start {
                self.ended = true;
                if piece.last().is_some_and(|last| *last != self.delimiter) {
                    piece.push(self.delimiter);
                }
                return Ok(());
            }
            let last = memchr::memrchr(self.delimiter, &piece[searched..]);
            searched = if last.is_some() {
                searched
            } else {
                piece.len()
            };
            if let Some(last) = last
                && (piece.len() >= PIECE * 3 / 4 || !self.input.is_ready(LINGER))
            {
                let end = searched + last + 1;
                self.rest.extend_from_slice(&piece[end..]);
                piece.truncate(end);
                return Ok(());
            }
            if last.is_none() && piece.len() > self.limit {
                return Err(Refused::TooLong {
                    number: 1,
                    limit: self.limit,
                });
            }
        }
    }
}

/// Turns lines into sealed batches, one behind the other.
struct Encoder<'p> {
    plan: &'p Plan<'p>,
    builder: BatchBuilder,
    compressor: Compressor,
    compressed: Vec<u8>,
    sealed: Vec<u8>,
}

impl<'p> Encoder<'p> {
    fn new(plan: &'p Plan<'p>) -> Self {
        Self {
            plan,
            builder: BatchBuilder::with_capacity(plan.batch_bytes),
            compressor: Compressor::new(plan.compression),
            compressed: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// How many lines it were.
    fn encode(&mut self, piece: &[u8], delimiter: u8) -> Result<u64, Refused> {
        self.sealed.clear();
        self.builder.clear();
        let now = self.plan.now();
        let time = Some(self.plan.timestamp.unwrap_or(now));
        if !piece.is_empty() {
            self.plan.check_record(1, false, self.plan.timestamp)?;
        }
        let headers: &HeadersBuf = &self.plan.headers;
        let headers = headers.as_headers();
        let beside = RECORD_OVERHEAD + headers.encoded().len();
        let mut start = 0;
        let mut records = 0;
        for end in memchr::memchr_iter(delimiter, piece) {
            let line = &piece[start..end];
            start = end + 1;
            let size = self.builder.size() + line.len() + beside;
            if size > self.plan.batch_bytes && !self.builder.is_empty() {
                self.seal(now)?;
            }
            records += 1;
            if line.len() > self.plan.limit {
                return Err(Refused::TooLong {
                    number: records,
                    limit: self.plan.limit,
                });
            }
            self.builder.append(time, None, Some(line), headers)?;
        }
        if !self.builder.is_empty() {
            self.seal(now)?;
        }
        Ok(records)
    }

    fn seal(&mut self, now: Timestamp) -> Result<(), Refused> {
        let seal = Seal {
            append_time: self.plan.append_time.then_some(now),
            ..Seal::default()
        };
        if self.compressor.compression().codec() == Codec::None {
            let size = self.builder.seal_and_go_on(&seal);
            return Ok(self.plan.check_size(size)?);
        }
        self.builder
            .seal_compressed(&mut self.compressor, &seal, &mut self.compressed)?;
        self.plan.check_size(self.compressed.len())?;
        self.sealed.extend_from_slice(&self.compressed);
        self.builder.clear();
        Ok(())
    }

    /// The batches of the lines that were encoded last.
    fn sealed(&mut self) -> &mut [u8] {
        if self.sealed.is_empty() {
            self.builder.sealed()
        } else {
            &mut self.sealed
        }
    }
}
