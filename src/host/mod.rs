//! The only place that touches files, locks, memory maps, the clock and
//! randomness. Everything above takes a [`Host`], so a test can hand it the
//! simulated twin ([`sim::SimHost`]), which tears writes, loses what was not
//! synced, runs out of space, and replays from a seed.
//!
//! Durability is stated on each method: nothing here is durable until a method
//! that says so has returned `Ok`. Two levels are told apart: what was written
//! survives the death of the process at once, and a power cut only once synced.
//! A failed [`File::sync`] or [`Host::sync_dir`] is final: Linux may forget which
//! bytes it failed to write and let the next sync succeed, so what was not synced
//! before must be taken for lost, read back after reopening, or written again.
//!
//! A signal never surfaces as `Interrupted`: reads, writes and lock waits go on,
//! [`Watch::wait`] returns early.

use std::ffi::OsString;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub mod net;
pub mod ready;
pub mod real;
pub mod sim;
pub mod stdio;
pub mod terminal;
pub mod wakeable;

/// Files, directories, clock and randomness.
pub trait Host: Send + Sync {
    /// Opens a file. Links are followed. A file that this creates is durable, as a
    /// name, only after [`Host::sync_dir`] of its directory.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// What a path is, links followed. `NotFound` where it is nothing.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// The entries of a directory, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Creates one directory. Not durable until [`Host::sync_dir`] of its parent.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames over what is there, as one step: a reader sees the old name or the
    /// new. Not durable until [`Host::sync_dir`] (of both directories, if two).
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Exchanges what two names mean, files or directories, as one step: whoever
    /// looks sees both as they were or both exchanged. Not durable until
    /// [`Host::sync_dir`] of both directories. Fails, with nothing changed, where the
    /// file system cannot do it, or where one is the root of a mounted one.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;
    /// A number that tells a file or directory from every other one on its file
    /// system, whatever its name.
    fn identity(&self, path: &Path) -> io::Result<u64>;
    /// The path without links, `.` and `..`; it must exist.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;
    /// Gives a file a second name on the same file system: the same bytes, the same
    /// locks. Not durable until [`Host::sync_dir`] of the new name's directory.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Bytes that this user may still write to the file system of an existing path.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
    /// Bytes of the whole file system of an existing path.
    fn total_space(&self, path: &Path) -> io::Result<u64> {
        self.free_space(path)
    }
    /// Gives `to` the mode, the time of modification and, where this user may, the
    /// owner of `from`.
    fn copy_attributes(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Not durable until [`Host::sync_dir`].
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty directory. Not durable until [`Host::sync_dir`].
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the entries of a directory durable: names created, renamed, removed.
    /// The name of the directory itself is an entry of its parent.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Waits until something below one of the watched directories changes.
    fn watch(&self) -> io::Result<Box<dyn Watch>>;
    /// Makes everything written to the file system that holds `path` durable: one
    /// call where thousands of files were written.
    fn sync_all(&self, path: &Path) -> io::Result<()>;
    /// A name for the time since the machine was started: as long as it stays the
    /// same, no power cut came between, and what was written is there.
    fn boot_id(&self) -> io::Result<String>;
    /// Milliseconds since 1970. May jump when the machine's clock is set.
    fn now_ms(&self) -> i64;
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
    /// Fills the buffer with random bytes.
    fn random(&self, buffer: &mut [u8]);

    /// As [`Host::open`], for one of very many files that are used now and then: only
    /// some of them take up a descriptor. It is not to be locked, and every use may
    /// fail as opening does.
    fn open_seldom(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.open(path, how)
    }

    /// Raises the number of files that may be open as far as the system lets it;
    /// how many that is.
    fn raise_open_files(&self) -> u64 {
        u64::MAX
    }

    /// A whole file of at most `most` bytes; longer ones are refused with
    /// `FileTooLarge`.
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, Open::Read)?;
        let length = file.len()?;
        if length > most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{length} bytes, expected at most {most}"),
            ));
        }
        let mut bytes = vec![0; length as usize];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Replaces a file as one step: a `.tmp` beside it is written, made durable
    /// and renamed over it, and the directory made durable. A reader sees the old
    /// bytes or the new ones, never a mixture. [`Durability::Synced`] promises the
    /// same after a power cut at any moment, and the new bytes once it returned
    /// `Ok`; with [`Durability::None`] a power cut may leave either, or an empty or
    /// torn file. On failure the old file is untouched, unless only the last step,
    /// the sync of the directory, failed. Callers that may replace the same file at
    /// once must exclude each other: the `.tmp` has one name.
    fn replace(&self, path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".tmp");
        let temporary = path.with_file_name(name);
        let write = || {
            let file = self.open(&temporary, Open::Truncate)?;
            file.write_at(bytes, 0)?;
            match durability {
                Durability::Synced => file.sync(),
                Durability::None => Ok(()),
            }
        };
        if let Err(error) = write().and_then(|()| self.rename(&temporary, path)) {
            // A full disk wants its bytes back; the first error is the one to tell.
            let _ = self.remove_file(&temporary);
            return Err(error);
        }
        match path.parent() {
            Some(parent) if durability == Durability::Synced => self.sync_dir(parent),
            _ => Ok(()),
        }
    }
}

/// An open file. Positions are explicit, so it may be shared between threads.
pub trait File: Send + Sync {
    /// Reads until the buffer is full or the file ends; how many bytes it read.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes all of it, or fails having written any part of it from the front
    /// (a full disk takes what fits). A position past the end leaves zeros between.
    /// Not durable until [`File::sync`]; until then a power cut may keep any of its
    /// sectors and lose others.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends with zeros. Not durable until [`File::sync`].
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Makes the file's bytes and length durable (`fdatasync`), not its name.
    fn sync(&self) -> io::Result<()>;
    /// The bytes `0..length` as memory. The file must not be cut while it lives.
    /// `UnexpectedEof` where the file is shorter.
    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>>;
    /// Hands a part of the file to a socket, at most `length` bytes from `position`
    /// on; how many it took, 0 at the end of the file.
    ///
    /// # Errors
    /// `WouldBlock` where the socket takes none now; what reading or writing may give.
    fn send(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        let mut piece = vec![0; length.min(64 << 10)];
        let read = self.read_at(&mut piece, position)?;
        Ok(rustix::io::write(socket, &piece[..read])?)
    }
    /// Takes a lock on a range of the file that belongs to this open file and
    /// conflicts with `fcntl` locks of other programs (Java's `FileLock` is one).
    /// `false` where another holds a part of it and `wait` is [`Wait::No`]. Held
    /// until unlocked or the file and its mappings are dropped; taking the other
    /// kind converts it, keeping the old one while it waits, so two holders of a
    /// shared lock must not both wait for the exclusive one. Deadlocks are not
    /// detected.
    fn lock(&self, range: LockRange, kind: Lock, wait: Wait) -> io::Result<bool>;
    /// Gives the lock on a range up.
    fn unlock(&self, range: LockRange) -> io::Result<()>;
}

/// [`File::send`] to a socket of any type.
///
/// # Errors
/// As there.
pub fn send_file(
    file: &dyn File,
    socket: &impl AsFd,
    position: u64,
    length: usize,
) -> io::Result<usize> {
    file.send(socket.as_fd(), position, length)
}

/// Bytes of a file in memory.
pub trait Mapping: Deref<Target = [u8]> + Send + Sync {}

/// Notifications about changes below watched directories.
pub trait Watch: Send {
    /// Also watches this directory (not what is below its subdirectories).
    fn add(&mut self, directory: &Path) -> io::Result<()>;
    /// Sleeps until something changed since the last call (or since `add`), the
    /// timeout passed, or a signal was handled; whether something changed. `true`
    /// may be said without cause, `false` is never said with one pending.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool>;
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; created empty where it is missing.
    Create,
    /// For reading and writing; it must not exist yet.
    CreateNew,
    /// For reading and writing; created, or cut to nothing.
    Truncate,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: Kind,
    /// Length in bytes; 0 for a directory.
    pub length: u64,
    /// When it was last modified, milliseconds since 1970.
    pub modified_ms: i64,
}

/// The kinds of path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A socket, a device, …
    Other,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name alone.
    pub name: OsString,
    /// Its kind; links are followed.
    pub kind: Kind,
}

/// The two kinds of lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Many may hold it.
    Shared,
    /// One holds it, alone. The file must be open for writing.
    Exclusive,
}

/// Bytes that a lock covers; they need not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRange {
    /// The first byte.
    pub start: u64,
    /// How many; 0 for all that follow, as Java's `FileChannel.lock()` takes.
    pub length: u64,
}

impl LockRange {
    /// All of the file.
    pub const WHOLE: Self = Self {
        start: 0,
        length: 0,
    };
}

/// Whether to wait for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Return at once.
    No,
    /// Until it is free.
    Yes,
}

/// Whether a write is made to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is.
    Synced,
    /// It survives the death of the process, not a power cut.
    None,
}
