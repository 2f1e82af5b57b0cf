//! The host that runs on a real machine.

use super::{Entry, File, Host, Kind, Lock, Mapping, Open, Stat, Wait, Watch};
use std::fs;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
        fs::read_dir(path)?
            .map(|entry| {
                let entry = entry?;
                let mut kind = entry.file_type()?;
                if kind.is_symlink() {
                    kind = fs::metadata(entry.path()).map_or(kind, |found| found.file_type());
                }
                Ok(Entry {
                    name: entry.file_name(),
                    kind: kind_of(kind),
                })
            })
            .collect()
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
        fs::File::open(path)?.sync_all()
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        Ok(Box::new(RealWatch(inotify::Inotify::init()?)))
    }

    fn now_ms(&self) -> i64 {
        since_1970(SystemTime::now())
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
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        // SAFETY: the contract of `File::map` asks the caller that the file is not
        // cut while the mapping lives; the callers map only sealed files.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(&self.0)? };
        Ok(Box::new(RealMapping(map)))
    }

    fn lock(&self, kind: Lock, wait: Wait) -> io::Result<bool> {
        let kind = match kind {
            Lock::Shared => libc::F_RDLCK,
            Lock::Exclusive => libc::F_WRLCK,
        };
        match set_lock(&self.0, kind, wait) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        set_lock(&self.0, libc::F_UNLCK, Wait::No)
    }
}

/// Open-file-description locks: they conflict with the process-wide POSIX locks
/// that Java takes, but, unlike those, are not lost when the process closes some
/// other descriptor of the same file, and they exclude threads from each other.
#[allow(unsafe_code)]
fn set_lock(file: &fs::File, kind: i32, wait: Wait) -> io::Result<()> {
    let command = match wait {
        Wait::No => libc::F_OFD_SETLK,
        Wait::Yes => libc::F_OFD_SETLKW,
    };
    // SAFETY: an all-zero `flock` is valid: from byte 0 to the end, whatever that is.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
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
        let mask = Mask::MODIFY | Mask::CREATE | Mask::MOVED_TO | Mask::DELETE | Mask::DELETE_SELF;
        self.0.watches().add(directory, mask)?;
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let limit = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().cast_signed(),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        let ready = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref())?;
        if ready == 0 {
            return Ok(false);
        }
        let mut buffer = [0; 4096];
        match self.0.read_events(&mut buffer) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
