//! Hands pieces of segments to threads, and takes what they found back in order.
//!
//! Threads run ahead through the segments of all partitions, at most [`AHEAD`] pieces
//! for each of them in front of the one that is waited for. Where the walk of a
//! segment went astray on damage, [`Dispatch::restart`] begins a new *course* behind
//! it, and what the old one found there is dropped.

use super::batch::Memory;
use super::piece::{Buffer, Next, PIECE, Piece, Source, Stop};
use crate::host::{Host, Open};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Pieces that each thread may be ahead.
const AHEAD: usize = 16;

/// What is read: files of batches, in order.
pub(super) struct Dispatch<'a> {
    host: &'a dyn Host,
    files: Vec<Wanted>,
    threads: usize,
    state: Mutex<State>,
    /// Something can be taken.
    work: Condvar,
    /// A start is known.
    starts: Condvar,
    /// The result came that is waited for.
    done: Condvar,
}

/// A file to be read.
pub(super) struct Wanted {
    pub(super) path: PathBuf,
    /// Whether the bytes of its batches are wanted as well.
    pub(super) bytes: bool,
}

/// A piece: of which file, on which course, which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Ticket {
    pub(super) file: usize,
    pub(super) course: u32,
    pub(super) piece: u64,
}

#[derive(Default)]
struct State {
    next: Ticket,
    /// Comes before `next`: a file that was gone back to.
    urgent: Option<Ticket>,
    /// The file that is waited for; those before it are over.
    current: usize,
    open: BTreeMap<usize, Opened>,
    results: BTreeMap<Ticket, Piece>,
    /// Pieces taken and not given back.
    held: usize,
    spare: Vec<Piece>,
    /// What the one who takes results waits for.
    wanted: Option<Ticket>,
    /// How many wait for work, and for a start.
    idle: usize,
    waiting: usize,
    closed: bool,
}

struct Opened {
    source: Arc<Source>,
    course: u32,
    /// The piece on that course whose start is known, and the start.
    known: (u64, Next),
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(host: &'a dyn Host, files: Vec<Wanted>, threads: usize) -> Self {
        Self {
            host,
            files,
            threads,
            state: Mutex::default(),
            work: Condvar::new(),
            starts: Condvar::new(),
            done: Condvar::new(),
        }
    }

    /// What every thread does until there is nothing left.
    pub(super) fn work(&self) {
        let mut memory = Memory::default();
        let mut buffer = Buffer::default();
        while let Some((ticket, source, mut piece)) = self.take() {
            if let Err(error) = self.one(ticket, &source, &mut piece, &mut buffer, &mut memory) {
                piece.stop = Stop::Failed(error);
                self.publish(ticket, Next::Nowhere);
            }
            self.give(ticket, piece);
        }
    }

    fn one(
        &self,
        ticket: Ticket,
        source: &Source,
        piece: &mut Piece,
        buffer: &mut Buffer,
        memory: &mut Memory,
    ) -> io::Result<()> {
        let from = ticket.piece * PIECE;
        let until = (from + PIECE).min(source.limit);
        let known = self.known(ticket, false);
        match known {
            Some(Next::At(start)) if start < until => buffer.read(source, start, until)?,
            Some(_) => {}
            None => buffer.read(source, from, until)?,
        }
        let start = match known {
            Some(start) => start,
            None => self.known(ticket, true).unwrap_or(Next::Nowhere),
        };
        let Next::At(start) = start else {
            self.publish(ticket, Next::Nowhere);
            return Ok(());
        };
        if start >= until && start < source.limit {
            self.publish(ticket, Next::At(start));
            return Ok(());
        }
        let next = piece.hop(source, buffer, start, until)?;
        self.publish(ticket, next);
        piece.check(source, buffer, memory, self.files[ticket.file].bytes)
    }

    /// The next piece to work on.
    fn take(&self) -> Option<(Ticket, Arc<Source>, Piece)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let most = self.threads * AHEAD;
            let ticket = match state.urgent {
                Some(ticket) if state.held < 2 * most => Some(ticket),
                _ if state.held < most && state.next.file < self.files.len() => Some(state.next),
                _ => None,
            };
            let Some(ticket) = ticket else {
                // Results are waited for in a bunch; there will be no more of them now.
                if state.wanted.is_some() {
                    self.done.notify_all();
                }
                state.idle += 1;
                state = self.work.wait(state).expect("no thread panicked");
                state.idle -= 1;
                continue;
            };
            match self.open(&mut state, ticket.file) {
                Ok(source) => {
                    state.advance(ticket, source.limit);
                    state.held += 1;
                    let mut piece = state.spare.pop().unwrap_or_default();
                    piece.clear();
                    return Some((ticket, source, piece));
                }
                Err(error) => {
                    state.advance(ticket, 0);
                    state.held += 1;
                    let mut failed = Piece::default();
                    failed.stop = Stop::Failed(error);
                    state.results.insert(ticket, failed);
                    self.done.notify_all();
                }
            }
        }
    }

    fn open(&self, state: &mut State, file: usize) -> io::Result<Arc<Source>> {
        if let Some(opened) = state.open.get(&file) {
            return Ok(Arc::clone(&opened.source));
        }
        let path = self.files[file].path.clone();
        let handle = self.host.open(&path, Open::Read)?;
        let limit = handle.len()?;
        let source = Arc::new(Source {
            file: handle,
            path,
            limit,
        });
        let opened = Opened {
            source: Arc::clone(&source),
            course: 0,
            known: (0, Next::At(0)),
        };
        state.open.insert(file, opened);
        Ok(source)
    }

    /// Where a piece starts; `None` where that is not known yet and not waited for.
    fn known(&self, ticket: Ticket, wait: bool) -> Option<Next> {
        let mut state = self.lock();
        loop {
            let Some(opened) = state.open.get(&ticket.file) else {
                return Some(Next::Nowhere);
            };
            if opened.course != ticket.course || opened.known.1 == Next::Nowhere || state.closed {
                return Some(Next::Nowhere);
            }
            if opened.known.0 == ticket.piece {
                return Some(opened.known.1);
            }
            if !wait {
                return None;
            }
            state.waiting += 1;
            state = self.starts.wait(state).expect("no thread panicked");
            state.waiting -= 1;
        }
    }

    /// Tells where the piece behind this one starts.
    fn publish(&self, ticket: Ticket, next: Next) {
        let mut state = self.lock();
        if let Some(opened) = state.open.get_mut(&ticket.file)
            && opened.course == ticket.course
        {
            opened.known = (ticket.piece + 1, next);
        }
        self.wake(state);
    }

    fn give(&self, ticket: Ticket, piece: Piece) {
        let mut state = self.lock();
        let stale = ticket.file < state.current
            || state
                .open
                .get(&ticket.file)
                .is_some_and(|opened| opened.course != ticket.course);
        if stale {
            state.held -= 1;
            state.spare.push(piece);
        } else {
            state.results.insert(ticket, piece);
        }
        self.wake(state);
    }

    /// Lets go of the state and wakes those who may go on. A notification is a system
    /// call even where no one waits.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let room = state.held < self.threads * AHEAD || state.urgent.is_some() || state.closed;
        let (work, starts) = (state.idle > 0 && room, state.waiting > 0);
        let bunch = state.results.len() >= self.threads * AHEAD / 2;
        let done = bunch
            && state
                .wanted
                .is_some_and(|wanted| state.results.contains_key(&wanted));
        drop(state);
        if work {
            self.work.notify_all();
        }
        if starts {
            self.starts.notify_all();
        }
        if done {
            self.done.notify_all();
        }
    }

    /// Waits for a piece; give it back by [`Dispatch::recycle`].
    pub(super) fn wait(&self, ticket: Ticket) -> Piece {
        let mut state = self.lock();
        loop {
            if let Some(piece) = state.results.remove(&ticket) {
                state.wanted = None;
                return piece;
            }
            state.wanted = Some(ticket);
            state = self.done.wait(state).expect("no thread panicked");
        }
    }

    /// The file that is waited for; `None` where it could not be opened.
    pub(super) fn source(&self, file: usize) -> Option<Arc<Source>> {
        let state = self.lock();
        state.open.get(&file).map(|open| Arc::clone(&open.source))
    }

    /// Takes a piece back.
    pub(super) fn recycle(&self, piece: Piece) {
        let mut state = self.lock();
        state.held -= 1;
        state.spare.push(piece);
        self.wake(state);
    }

    /// Begins anew in a file, at `position`; the first piece of the new course.
    pub(super) fn restart(&self, file: usize, position: u64) -> Option<Ticket> {
        let mut state = self.lock();
        let opened = state.open.get_mut(&file)?;
        opened.course += 1;
        let first = Ticket {
            file,
            course: opened.course,
            piece: position / PIECE,
        };
        opened.known = (first.piece, Next::At(position));
        if state.next.file == file {
            state.next = first;
        } else {
            state.urgent = Some(first);
        }
        state.drop_stale();
        self.wake(state);
        Some(first)
    }

    /// A file is over.
    pub(super) fn finish(&self, file: usize) {
        let mut state = self.lock();
        state.open.remove(&file);
        state.current = file + 1;
        if state.next.file <= file {
            state.next = Ticket {
                file: file + 1,
                ..Ticket::default()
            };
        }
        if state.urgent.is_some_and(|urgent| urgent.file <= file) {
            state.urgent = None;
        }
        state.drop_stale();
        self.wake(state);
    }

    /// Nothing more is wanted.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }
}

impl State {
    /// Goes on behind a ticket that was taken.
    fn advance(&mut self, ticket: Ticket, limit: u64) {
        let more = (ticket.piece + 1) * PIECE < limit;
        let after = Ticket {
            piece: ticket.piece + 1,
            ..ticket
        };
        if self.urgent == Some(ticket) {
            self.urgent = more.then_some(after);
        } else if more {
            self.next = after;
        } else {
            self.next = Ticket {
                file: ticket.file + 1,
                ..Ticket::default()
            };
        }
    }

    /// Forgets results that no one will ask for.
    fn drop_stale(&mut self) {
        let Self {
            results,
            open,
            current,
            ..
        } = self;
        let stale: Vec<Ticket> = results
            .keys()
            .filter(|ticket| {
                ticket.file < *current
                    || open
                        .get(&ticket.file)
                        .is_some_and(|opened| opened.course != ticket.course)
            })
            .copied()
            .collect();
        for ticket in stale {
            if let Some(piece) = self.results.remove(&ticket) {
                self.held -= 1;
                self.spare.push(piece);
            }
        }
    }
}
