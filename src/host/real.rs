//! The host that runs on a real machine: Linux.
//!
//! - Locks are open-file-description locks (`F_OFD_SETLK`). They and the POSIX
//!   locks of Java's `FileLock` exclude each other; `tests/java_locks.rs` shows it with a real Java.
//! - A sync is `fdatasync`: it writes the length and what else is needed to read
//!   the bytes back, not the times.
//! - This is the only file of the library with `unsafe` code.

mod seldom;

use super::{Entry, File, Host, Kind, Lock, LockRange, Mapping, Open, Stat, Wait, Watch};
use std::fs;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's own files, clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealHost;

struct RealFile(fs::File);

impl Host for RealHost {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RealFile::open(path, how)?))
    }

    fn open_seldom(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(seldom::Seldom::open(path, how)?))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let found = fs::metadata(path)?;
        let modified = found.modified().ok();
        Ok(Stat {
            kind: kind_of(found.file_type()),
            length: if found.is_file() { found.len() } else { 0 },
            modified_ms: modified.map_or(0, since_1970),
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let mut kind = match entry.file_type() {
                Ok(kind) => kind,
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if kind.is_symlink() {
                kind = fs::metadata(entry.path()).map_or(kind, |found| found.file_type());
            }
            entries.push(Entry {
                name: entry.file_name(),
                kind: kind_of(kind),
            });
        }
        Ok(entries)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
    }

    fn identity(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.ino())
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn total_space(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_blocks.saturating_mul(found.f_frsize))
    }

    fn copy_attributes(&self, from: &Path, to: &Path) -> io::Result<()> {
        let found = fs::metadata(from)?;
        // Only the superuser may give files away; the group may do without.
        let _ = std::os::unix::fs::chown(to, Some(found.uid()), Some(found.gid()));
        fs::set_permissions(to, found.permissions())?;
        fs::File::open(to)?.set_modified(found.modified()?)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // The parent of a bare file name is the empty path.
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        fs::File::open(path)?.sync_all()
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        Ok(Box::new(RealWatch(inotify::Inotify::init()?)))
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        Ok(rustix::fs::syncfs(fs::File::open(path)?)?)
    }

    fn boot_id(&self) -> io::Result<String> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Ok(text.trim_end().to_owned())
    }

    fn raise_open_files(&self) -> u64 {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where it is refused, the limit stays what it was.
        let _ = setrlimit(Resource::Nofile, limit);
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }

    fn now_ms(&self) -> i64 {
        since_1970(SystemTime::now())
    }

    fn monotonic(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn random(&self, buffer: &mut [u8]) {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::rand::getrandom(
                &mut buffer[filled..],
                rustix::rand::GetRandomFlags::empty(),
            ) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("the system gives no random bytes: {error}"),
            }
        }
    }
}

fn kind_of(kind: fs::FileType) -> Kind {
    if kind.is_dir() {
        Kind::Directory
    } else if kind.is_file() {
        Kind::File
    } else {
        Kind::Other
    }
}

fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    }
}

impl RealFile {
    fn open(path: &Path, how: Open) -> io::Result<Self> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(how != Open::Read);
        match how {
            Open::Read | Open::Write => {}
            Open::Create => {
                options.create(true);
            }
            Open::CreateNew => {
                options.create_new(true);
            }
            Open::Truncate => {
                options.create(true).truncate(true);
            }
        }
        Ok(Self(options.open(path)?))
    }
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], position + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    #[allow(unsafe_code)]
    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>> {
        if length > self.len()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // SAFETY: the contract of `File::map` asks the caller that the file is not
        // cut while the mapping lives; the callers map only sealed files.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(&self.0)? };
        Ok(Box::new(RealMapping(map)))
    }

    fn send(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        let mut position = position;
        Ok(rustix::fs::sendfile(
            socket,
            &self.0,
            Some(&mut position),
            length,
        )?)
    }

    fn lock(&self, range: LockRange, kind: Lock, wait: Wait) -> io::Result<bool> {
        let kind = match kind {
            Lock::Shared => libc::F_RDLCK,
            Lock::Exclusive => libc::F_WRLCK,
        };
        match set_lock(&self.0, range, kind, wait) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        set_lock(&self.0, range, libc::F_UNLCK, Wait::No)
    }
}

/// Open-file-description locks: they conflict with the process-wide POSIX locks
/// that Java takes, but, unlike those, are not lost when the process closes some
/// other descriptor of the same file, and they exclude threads from each other.
#[allow(unsafe_code)]
fn set_lock(file: &fs::File, range: LockRange, kind: i32, wait: Wait) -> io::Result<()> {
    let command = match wait {
        Wait::No => libc::F_OFD_SETLK,
        Wait::Yes => libc::F_OFD_SETLKW,
    };
    let limit = |number: u64| i64::try_from(number).map_err(|_| io::ErrorKind::InvalidInput);
    // SAFETY: a `flock` is plain numbers, for which all zeros are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_start = limit(range.start)?;
    lock.l_len = limit(range.length)?;
    lock.l_type = kind as i16;
    lock.l_whence = libc::SEEK_SET as i16;
    loop {
        // SAFETY: the descriptor is open and `lock` outlives the call.
        if unsafe { libc::fcntl(file.as_raw_fd(), command, &raw const lock) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

struct RealMapping(memmap2::Mmap);

impl Deref for RealMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Mapping for RealMapping {}

struct RealWatch(inotify::Inotify);

impl Watch for RealWatch {
    fn add(&mut self, directory: &Path) -> io::Result<()> {
        use inotify::WatchMask as Mask;
        let mask = Mask::MODIFY
            | Mask::CREATE
            | Mask::MOVED_FROM
            | Mask::MOVED_TO
            | Mask::MOVE_SELF
            | Mask::DELETE
            | Mask::DELETE_SELF
            | Mask::ONLYDIR;
        self.0.watches().add(directory, mask)?;
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        // All that is queued is one change: drain it, so that a burst of appends
        // wakes the reader once. A queue that overflowed also says so by an event.
        let mut buffer = [0; 16 * 1024];
        let mut changed = false;
        loop {
            match self.0.read_events(&mut buffer) {
                Ok(events) => {
                    if events.count() == 0 {
                        return Ok(changed);
                    }
                    changed = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(changed),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod posix_tests {
    use super::*;

    /// What Java's `FileLock` does, in this process: `fcntl(F_SETLK)`.
    #[allow(unsafe_code)]
    fn posix_lock(file: &fs::File, kind: i32) -> bool {
        // SAFETY: an all-zero `flock` is valid.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = kind as i16;
        // SAFETY: the descriptor is open and `lock` outlives the call.
        unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) == 0 }
    }

    #[test]
    fn locks_conflict_with_posix_locks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".lock");
        let ours = RealHost.open(&path, Open::Create).unwrap();
        let java = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        assert!(ours.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        assert!(!posix_lock(&java, libc::F_WRLCK));
        assert!(posix_lock(&java, libc::F_RDLCK));
        assert!(
            !ours
                .lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
                .unwrap()
        );
        ours.unlock(LockRange::WHOLE).unwrap();
        assert!(posix_lock(&java, libc::F_WRLCK));
        assert!(!ours.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        assert!(posix_lock(&java, libc::F_UNLCK));
        assert!(
            ours.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
                .unwrap()
        );
        assert!(!posix_lock(&java, libc::F_RDLCK));
    }
}
