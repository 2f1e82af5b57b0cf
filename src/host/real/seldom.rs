//! Files that are many, and used now and then. All of the process share a bounded number
//! of descriptors: the one that was not used for the longest time is closed for the next,
//! and opened again when its turn comes.

use super::{File, Lock, LockRange, Mapping, Open, RealFile, Wait};
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// What part of the descriptors that a process may have these files may take up.
const SHARE: u64 = 8;
/// How many may be open in any case.
const LEAST: usize = 16;

/// A file that is open while it is used, and as long as there is room.
pub(super) struct Seldom(Arc<Slot>);

struct Slot {
    path: PathBuf,
    file: Mutex<Option<Arc<RealFile>>>,
    /// Since it was last considered for closing.
    was_used: AtomicBool,
}

/// The files that are open, by when they were opened or spared.
struct Pool {
    most: usize,
    open: Mutex<VecDeque<Weak<Slot>>>,
}

static POOL: OnceLock<Pool> = OnceLock::new();

impl Seldom {
    pub(super) fn open(path: &Path, how: Open) -> io::Result<Self> {
        let file = Arc::new(RealFile::open(path, how)?);
        let slot = Arc::new(Slot {
            path: path.to_owned(),
            file: Mutex::new(Some(file)),
            was_used: AtomicBool::new(true),
        });
        pool().entered(&slot);
        Ok(Self(slot))
    }

    fn file(&self) -> io::Result<Arc<RealFile>> {
        self.0.was_used.store(true, Ordering::Relaxed);
        let mut held = lock(&self.0.file);
        if let Some(file) = &*held {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(RealFile::open(&self.0.path, Open::Write)?);
        *held = Some(Arc::clone(&file));
        drop(held);
        pool().entered(&self.0);
        Ok(file)
    }
}

impl Pool {
    fn of(limit: u64) -> Self {
        let share = usize::try_from(limit / SHARE).unwrap_or(usize::MAX);
        Self {
            most: share.max(LEAST),
            open: Mutex::default(),
        }
    }

    /// Makes room for one that was opened. Whoever calls holds no slot.
    fn entered(&self, slot: &Arc<Slot>) {
        let mut open = lock(&self.open);
        open.push_back(Arc::downgrade(slot));
        // Everyone is spared once; after that there is somebody to be closed.
        for _ in 0..2 * open.len() {
            if open.len() <= self.most {
                break;
            }
            let Some(oldest) = open.pop_front() else {
                break;
            };
            if let Some(slot) = oldest.upgrade()
                && !slot.close_if_idle()
            {
                open.push_back(oldest);
            }
        }
    }
}

impl Slot {
    /// Whether it is closed now.
    fn close_if_idle(&self) -> bool {
        let is_idle = !self.was_used.swap(false, Ordering::Relaxed);
        is_idle
            && self
                .file
                .try_lock()
                .is_ok_and(|mut file| file.take().is_some())
    }
}

fn pool() -> &'static Pool {
    POOL.get_or_init(|| {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Pool::of(limit.unwrap_or(u64::MAX))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl File for Seldom {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file()?.read_at(buffer, position)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.file()?.write_at(bytes, position)
    }

    fn len(&self) -> io::Result<u64> {
        self.file()?.len()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file()?.sync()
    }

    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>> {
        self.file()?.map(length)
    }

    fn send(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        self.file()?.send(socket, position, length)
    }

    fn lock(&self, _range: LockRange, _kind: Lock, _wait: Wait) -> io::Result<bool> {
        // It would be lost with the descriptor.
        Err(io::ErrorKind::Unsupported.into())
    }

    fn unlock(&self, _range: LockRange) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(directory: &Path, number: usize) -> Arc<Slot> {
        let path = directory.join(number.to_string());
        let file = RealFile::open(&path, Open::Create).unwrap();
        Arc::new(Slot {
            path,
            file: Mutex::new(Some(Arc::new(file))),
            was_used: AtomicBool::new(true),
        })
    }

    #[test]
    fn the_pool_closes_what_was_not_used_and_no_more_than_it_has_to() {
        let directory = tempfile::tempdir().unwrap();
        let pool = Pool::of(SHARE * 20);
        let slots: Vec<_> = (0..30)
            .map(|number| slot(directory.path(), number))
            .collect();
        for slot in &slots[..20] {
            pool.entered(slot);
        }
        let is_open = |slot: &Arc<Slot>| lock(&slot.file).is_some();
        assert!(slots[..20].iter().all(is_open));
        // The first newcomer takes the mark of all; then those that are used stay.
        pool.entered(&slots[20]);
        for slot in &slots[10..20] {
            slot.was_used.store(true, Ordering::Relaxed);
        }
        for slot in &slots[21..] {
            pool.entered(slot);
        }
        assert_eq!(slots.iter().filter(|slot| is_open(slot)).count(), 20);
        assert!(slots[10..20].iter().all(is_open));
        assert!(!slots[..10].iter().any(is_open));
    }

    #[test]
    fn a_file_that_was_closed_is_there_when_it_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let file = Seldom::open(&directory.path().join("file"), Open::Create).unwrap();
        file.write_at(b"one", 0).unwrap();
        assert!(!file.0.close_if_idle(), "it was just used");
        assert!(file.0.close_if_idle());
        file.write_at(b"two", 3).unwrap();
        assert!(lock(&file.0.file).is_some());
        let mut bytes = [0; 6];
        assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 6);
        assert_eq!(&bytes, b"onetwo");
        assert!(file.lock(LockRange::WHOLE, Lock::Shared, Wait::No).is_err());
    }
}
