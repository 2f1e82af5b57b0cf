//! `ottla consume`: records of a topic to standard output.
//!
//! Each thread takes the next piece of the log, checks and renders it by itself,
//! and prints it when its turn comes; so the order is that of the partitions and of
//! the offsets in each.

mod member;
mod outside;
mod part;
mod render;
mod wire;

use super::args::consume::ConsumeOptions;
use super::error::{Result, ToolError};
use super::interrupt::Interrupt;
use super::location::Directory;
use super::numbers;
use super::progress;
use super::server::Location;
use crate::host::Host;
use crate::host::stdio::{Stdout, stdout};
use crate::log::data_dir::DataDir;
use crate::log::view::Chunk;
use part::{Part, Scope};
use render::Renderer;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How much of the log is read for one turn.
const PIECE: usize = 256 << 10;
/// More threads than this only wait for their turn.
const MOST_THREADS: usize = 4;
/// With `--follow`, a signal that came just before the wait is noticed after this.
const WAKE: Duration = Duration::from_secs(5);

/// Runs the tool.
pub fn run(options: &ConsumeOptions, host: &Arc<dyn Host>) -> Result<()> {
    match (&options.location, &options.group) {
        (Location::Directory(directory), _) => from_directory(options, directory, host),
        (Location::Server(server), None) => wire::run(options, server, host),
        (Location::Server(server), Some(group)) => member::run(options, server, group, host),
    }
}

fn from_directory(
    options: &ConsumeOptions,
    directory: &Directory,
    host: &Arc<dyn Host>,
) -> Result<()> {
    let interrupt = Interrupt::register()?;
    let dir = DataDir::open(host, &directory.data)?;
    // Watched before anything is read, so that nothing is missed in between.
    let mut watch = if options.follow {
        let mut watch = host.watch().map_err(watch_failed)?;
        for directory in part::directories(options, &dir)? {
            watch.add(&directory).map_err(watch_failed)?;
        }
        Some(watch)
    } else {
        None
    };
    let mut parts = part::parts(options, &dir)?;
    let printer = Printer::new(options)?;
    printer.lock().print_start(options)?;
    loop {
        drain(options, &mut Parts::new(&mut parts), &printer, &interrupt);
        printer.check()?;
        let Some(watch) = &mut watch else {
            break;
        };
        if printer.lock().is_done() || interrupt.is_set() {
            break;
        }
        while !watch.wait(Some(WAKE)).map_err(watch_failed)? {
            if interrupt.is_set() {
                return printer.finish(options);
            }
        }
        part::extend(&mut parts, &dir, options)?;
    }
    printer.finish(options)
}

fn watch_failed(error: std::io::Error) -> ToolError {
    ToolError::failed(format!("cannot wait for changes: {error}"))
        .hint("/proc/sys/fs/inotify/max_user_watches limits how many directories can be watched")
}

/// Where pieces of the log come from, in the order in which they are printed.
trait Pieces: Send {
    /// The next piece, and what of it is wanted; `None` at the end.
    fn next_piece(&mut self, chunk: &mut Chunk) -> Result<Option<Arc<Scope>>>;
}

/// Prints every piece.
fn drain(
    options: &ConsumeOptions,
    pieces: &mut dyn Pieces,
    printer: &Printer,
    interrupt: &Interrupt,
) {
    let source = Mutex::new(Source {
        pieces,
        turn: printer.lock().turn,
        ended: false,
    });
    let threads = match options.count {
        // The last record may be in any batch: no one reads ahead.
        Some(_) => 1,
        None => std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_THREADS),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work(options, &source, printer, interrupt));
        }
        work(options, &source, printer, interrupt);
    });
}

fn work(
    options: &ConsumeOptions,
    source: &Mutex<Source<'_>>,
    printer: &Printer,
    interrupt: &Interrupt,
) {
    let mut chunk = Chunk::default();
    let mut renderer = Renderer::new(&options.output);
    loop {
        let (turn, piece) = {
            let mut source = source
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if source.ended || interrupt.is_set() || printer.lock().is_done() {
                return;
            }
            match source.pieces.next_piece(&mut chunk) {
                Ok(None) => {
                    source.ended = true;
                    return;
                }
                other => {
                    source.ended = other.is_err();
                    source.turn += 1;
                    (source.turn - 1, other)
                }
            }
        };
        let rendered = piece.and_then(|scope| {
            let scope = scope.expect("the end was seen to");
            renderer.render(&chunk, &scope, printer.left())
        });
        printer.put(turn, &renderer, rendered);
    }
}

/// The pieces, and whose turn each is.
struct Source<'p> {
    pieces: &'p mut dyn Pieces,
    turn: u64,
    ended: bool,
}

/// The parts, read one after the other.
struct Parts<'p> {
    parts: &'p mut [Part],
    at: usize,
}

impl<'p> Parts<'p> {
    const fn new(parts: &'p mut [Part]) -> Self {
        Self { parts, at: 0 }
    }
}

impl Pieces for Parts<'_> {
    fn next_piece(&mut self, chunk: &mut Chunk) -> Result<Option<Arc<Scope>>> {
        while let Some(part) = self.parts.get_mut(self.at) {
            match part.next_piece(chunk, PIECE) {
                Ok(true) => return Ok(Some(part.scope())),
                Ok(false) => self.at += 1,
                Err(error) => {
                    self.at = self.parts.len();
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}

/// Standard output, written to in turns.
struct Printer {
    state: Mutex<State>,
    turned: Condvar,
}

struct State {
    turn: u64,
    out: Stdout,
    failure: Option<ToolError>,
    records: u64,
    /// Records that may yet be printed.
    left: Option<u64>,
}

impl Printer {
    fn new(options: &ConsumeOptions) -> Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                turn: 0,
                out: stdout().map_err(|error| ToolError::stdout(&error))?,
                failure: None,
                records: 0,
                left: options.count,
            }),
            turned: Condvar::new(),
        })
    }

    fn left(&self) -> Option<u64> {
        self.lock().left
    }

    /// Waits for turn number `turn` and prints what was rendered; where rendering
    /// failed, what came before the failure.
    fn put(&self, turn: u64, renderer: &Renderer, rendered: Result<()>) {
        let mut state = self.lock();
        while state.turn != turn {
            state = self
                .turned
                .wait(state)
                .unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        if state.failure.is_none() {
            let written = state.write(renderer.bytes());
            state.records += renderer.records();
            if let Some(left) = &mut state.left {
                *left -= renderer.records().min(*left);
            }
            state.failure = written.and(rendered).err();
        }
        state.turn += 1;
        drop(state);
        self.turned.notify_all();
    }

    /// The failure, if there was one.
    fn check(&self) -> Result<()> {
        self.lock().failure.take().map_or(Ok(()), Err)
    }

    fn finish(&self, options: &ConsumeOptions) -> Result<()> {
        if options.follow {
            let text = numbers::count(self.lock().records, "record");
            progress::summary("ottla-consume", options.quiet, &text);
        }
        self.check()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn print_start(&mut self, options: &ConsumeOptions) -> Result<()> {
        let mut start = Vec::new();
        options.output.write_start(&mut start);
        self.write(&start)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(|error| ToolError::stdout(&error))
    }

    fn is_done(&self) -> bool {
        self.failure.is_some() || self.left == Some(0)
    }
}
