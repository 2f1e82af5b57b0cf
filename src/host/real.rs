//! The host that runs on a real machine: Linux.
//!
//! - Locks are open-file-description locks (`F_OFD_SETLK`). They and the POSIX
//!   locks of Java's `FileLock` exclude each other; `tests/java_locks.rs` shows it with a real Java.
//! - A sync is `fdatasync`: it writes the length and what else is needed to read
//!   the bytes back, not the times.
//! - This is the only file of the library with `unsafe` code.

use super::{Entry, File, Host, Kind, Lock, LockRange, Mapping, Open, Stat, Wait, Watch};
use std::fs;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's own files, clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealHost;

struct RealFile(fs::File);

impl Host for RealHost {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
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
        Ok(Arc::new(RealFile(options.open(path)?)))
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
    fn start_writeback(&self, position: u64, length: u64) {
        let (Ok(position), Ok(length)) = (i64::try_from(position), i64::try_from(length)) else {
            return;
        };
        if length == 0 {
            return; // The system would take it for "to the end".
        }
        // SAFETY: the descriptor is open for as long as `self` lives, and the call
        // takes no pointer. A failure is no harm: it only starts writing early.
        unsafe {
            libc::sync_file_range(
                self.0.as_raw_fd(),
                position,
                length,
                libc::SYNC_FILE_RANGE_WRITE,
            );
        }
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
mod tests {
    use super::super::Durability;
    use super::*;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    const HOST: RealHost = RealHost;
    const SOON: Option<Duration> = Some(Duration::from_secs(10));
    const NOW: Option<Duration> = Some(Duration::ZERO);

    fn directory() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_path_buf();
        (directory, path)
    }

    fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
        result.err().expect("an error").kind()
    }

    #[test]
    fn opens_as_told() {
        let (_keep, path) = directory();
        let a = path.join("a");
        assert_eq!(kind(HOST.open(&a, Open::Read)), io::ErrorKind::NotFound);
        assert_eq!(kind(HOST.open(&a, Open::Write)), io::ErrorKind::NotFound);
        HOST.open(&a, Open::CreateNew)
            .unwrap()
            .write_at(b"abc", 0)
            .unwrap();
        assert_eq!(
            kind(HOST.open(&a, Open::CreateNew)),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(HOST.open(&a, Open::Create).unwrap().len().unwrap(), 3);
        assert_eq!(HOST.open(&a, Open::Truncate).unwrap().len().unwrap(), 0);
        let reader = HOST.open(&a, Open::Read).unwrap();
        assert!(reader.write_at(b"x", 0).is_err());
        assert!(reader.set_len(5).is_err());
        assert_eq!(HOST.stat(&a).unwrap().kind, Kind::File);
        assert_eq!(HOST.stat(&path).unwrap().kind, Kind::Directory);
    }

    #[test]
    fn reads_and_writes_at_positions() {
        let (_keep, path) = directory();
        let file = HOST.open(&path.join("a"), Open::Create).unwrap();
        file.write_at(b"tail", 6).unwrap();
        let mut buffer = [9; 16];
        assert_eq!(file.read_at(&mut buffer, 2).unwrap(), 8);
        assert_eq!(&buffer[..9], b"\0\0\0\0tail\x09");
        assert_eq!(file.read_at(&mut buffer, 10).unwrap(), 0);
        file.set_len(8).unwrap();
        file.sync().unwrap();
        file.start_writeback(0, 8);
        assert_eq!(HOST.read(&path.join("a"), 8).unwrap(), b"\0\0\0\0\0\0ta");
        assert_eq!(
            kind(HOST.read(&path.join("a"), 7)),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn maps_what_is_there_and_not_more() {
        let (_keep, path) = directory();
        let file = HOST.open(&path.join("a"), Open::Create).unwrap();
        assert!(file.map(0).unwrap().is_empty());
        file.write_at(b"mapped", 0).unwrap();
        assert_eq!(&*file.map(3).unwrap() as &[u8], b"map");
        assert_eq!(&*file.map(6).unwrap() as &[u8], b"mapped");
        assert_eq!(kind(file.map(7)), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(file.map(u64::MAX)), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn lists_directories_and_follows_links() {
        let (_keep, path) = directory();
        HOST.create_dir(&path.join("d")).unwrap();
        HOST.open(&path.join("f"), Open::Create).unwrap();
        std::os::unix::fs::symlink(path.join("d"), path.join("to_d")).unwrap();
        std::os::unix::fs::symlink(path.join("none"), path.join("dangling")).unwrap();
        let mut found: Vec<_> = HOST.list(&path).unwrap();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let found: Vec<_> = found
            .iter()
            .map(|entry| (entry.name.to_str().unwrap(), entry.kind))
            .collect();
        let expected = [
            ("d", Kind::Directory),
            ("dangling", Kind::Other),
            ("f", Kind::File),
            ("to_d", Kind::Directory),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            kind(HOST.list(&path.join("f"))),
            io::ErrorKind::NotADirectory
        );
        HOST.sync_dir(&path).unwrap();
        HOST.sync_dir(Path::new("")).unwrap();
        HOST.remove_dir(&path.join("d")).unwrap();
        HOST.remove_file(&path.join("f")).unwrap();
        assert_eq!(kind(HOST.stat(&path.join("to_d"))), io::ErrorKind::NotFound);
    }

    #[test]
    fn replaces_and_leaves_no_temporary() {
        let (_keep, path) = directory();
        let file = path.join("checkpoint");
        for durability in [Durability::Synced, Durability::None] {
            HOST.replace(&file, b"a longer first text", durability)
                .unwrap();
            HOST.replace(&file, b"second", durability).unwrap();
            assert_eq!(HOST.read(&file, 100).unwrap(), b"second");
            assert_eq!(HOST.list(&path).unwrap().len(), 1);
        }
        // A directory is in the way: the rename fails, the temporary goes.
        HOST.create_dir(&path.join("taken")).unwrap();
        assert!(
            HOST.replace(&path.join("taken"), b"x", Durability::Synced)
                .is_err()
        );
        assert_eq!(HOST.list(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_full_disk_says_so() {
        // /dev/full takes nothing.
        let Ok(full) = HOST.open(Path::new("/dev/full"), Open::Write) else {
            return;
        };
        let error = full.write_at(b"x", 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn locks_exclude_open_files_of_one_process() {
        let (_keep, path) = directory();
        let path = path.join(".lock");
        let open = || HOST.open(&path, Open::Create).unwrap();
        let (a, b, c) = (open(), open(), open());
        assert!(a.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        assert!(b.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        assert!(!c.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
        assert!(!a.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
        b.unlock(LockRange::WHOLE).unwrap();
        assert!(a.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
        assert!(!c.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        assert!(a.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        assert!(c.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
        drop((a, c));
        assert!(b.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
        // Closing another descriptor of the file does not lose it, as POSIX locks do.
        drop(open());
        assert!(
            !open()
                .lock(LockRange::WHOLE, Lock::Shared, Wait::No)
                .unwrap()
        );
        let reader = HOST.open(&path, Open::Read).unwrap();
        assert!(
            reader
                .lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
                .is_err()
        );
    }

    #[test]
    fn waiting_for_a_lock_ends_when_it_is_free() {
        let (_keep, path) = directory();
        let path = path.join(".lock");
        let holder = HOST.open(&path, Open::Create).unwrap();
        assert!(
            holder
                .lock(LockRange::WHOLE, Lock::Exclusive, Wait::Yes)
                .unwrap()
        );
        let freed = Arc::new(AtomicBool::new(false));
        let waiter = thread::spawn({
            let (path, freed) = (path.clone(), Arc::clone(&freed));
            move || {
                let file = HOST.open(&path, Open::Read).unwrap();
                assert!(
                    file.lock(LockRange::WHOLE, Lock::Shared, Wait::Yes)
                        .unwrap()
                );
                assert!(freed.load(Ordering::SeqCst));
            }
        });
        thread::sleep(Duration::from_millis(30));
        freed.store(true, Ordering::SeqCst);
        drop(holder);
        waiter.join().unwrap();
    }

    #[test]
    fn a_mapping_keeps_the_lock() {
        let (_keep, path) = directory();
        let path = path.join(".lock");
        let file = HOST.open(&path, Open::Create).unwrap();
        file.write_at(b"x", 0).unwrap();
        assert!(
            file.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
                .unwrap()
        );
        let mapping = file.map(1).unwrap();
        drop(file);
        let other = HOST.open(&path, Open::Write).unwrap();
        assert!(
            !other
                .lock(LockRange::WHOLE, Lock::Shared, Wait::No)
                .unwrap()
        );
        drop(mapping);
        assert!(
            other
                .lock(LockRange::WHOLE, Lock::Shared, Wait::No)
                .unwrap()
        );
    }

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
        let (_keep, path) = directory();
        let path = path.join(".lock");
        let ours = HOST.open(&path, Open::Create).unwrap();
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

    #[test]
    fn watches_directories() {
        let (_keep, path) = directory();
        let mut watch = HOST.watch().unwrap();
        watch.add(&path).unwrap();
        assert!(!watch.wait(NOW).unwrap());
        let file = HOST.open(&path.join("a"), Open::Create).unwrap();
        assert!(watch.wait(SOON).unwrap());
        assert!(!watch.wait(NOW).unwrap());
        for position in 0..3000 {
            file.write_at(b"x", position).unwrap();
        }
        assert!(watch.wait(SOON).unwrap());
        assert!(!watch.wait(NOW).unwrap(), "a burst is one change");
        HOST.rename(&path.join("a"), &path.join("b")).unwrap();
        assert!(watch.wait(SOON).unwrap());
        HOST.remove_file(&path.join("b")).unwrap();
        assert!(watch.wait(SOON).unwrap());
        assert_eq!(kind(watch.add(&path.join("none"))), io::ErrorKind::NotFound);
        let later = thread::spawn({
            let path = path.clone();
            move || {
                thread::sleep(Duration::from_millis(30));
                HOST.create_dir(&path.join("d")).unwrap();
            }
        });
        assert!(watch.wait(None).unwrap());
        later.join().unwrap();
    }

    #[test]
    fn clocks_and_randomness() {
        assert!(HOST.now_ms() > 1_700_000_000_000);
        let before = HOST.monotonic();
        assert!(HOST.monotonic() >= before);
        let (mut a, mut b) = ([0; 32], [0; 32]);
        HOST.random(&mut a);
        HOST.random(&mut b);
        assert_ne!(a, b);
        assert_eq!(since_1970(UNIX_EPOCH - Duration::from_millis(5)), -5);
    }
}
