//! Open files, mappings and watches of a simulated machine.

use super::content;
use super::disk::{Disk, Inode, errno};
use super::faults::{Call, Op, Plan};
use super::{Held, SimHost, State, bounds};
use crate::host::{File, Lock, LockRange, Mapping, Wait, Watch};
use std::collections::BTreeMap;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(super) struct SimFile {
    pub(super) host: SimHost,
    pub(super) file: Inode,
    pub(super) handle: u64,
    pub(super) path: PathBuf,
    pub(super) is_writable: bool,
}

impl SimFile {
    fn plan<'a>(&self, state: &'a mut State) -> &'a mut Plan {
        state.plan(self.host.process)
    }

    fn refuse_reader(&self, code: i32) -> io::Result<()> {
        if self.is_writable {
            Ok(())
        } else {
            Err(errno(code))
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.host.state();
        self.plan(&mut state)
            .begin_or_fail(Call::Read, &self.path)?;
        let count = state.disk.read(self.file, buffer, position)?;
        let reads = self
            .plan(&mut state)
            .reads
            .entry(self.path.clone())
            .or_default();
        reads.calls += 1;
        reads.bytes += count as u64;
        reads
            .pages
            .extend(content::spans(position, count).map(|(page, ..)| page));
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.host.state();
        let planned = self.plan(&mut state).begin(Call::Write, &self.path)?;
        self.refuse_reader(libc::EBADF)?;
        state.refuse_read_only()?;
        let wanted = planned
            .as_ref()
            .map_or(bytes.len(), |planned| planned.written.min(bytes.len()));
        let now = state.now_ms;
        let written = state
            .disk
            .write(self.file, &bytes[..wanted], position, now)?;
        let file = self.file;
        self.plan(&mut state).mutated(|| Op::Write {
            file,
            position,
            bytes: bytes[..written].into(),
        });
        drop(state);
        self.host.machine.changed.notify_all();
        match planned {
            Some(planned) => Err(planned.failure.error()),
            None if written < bytes.len() => Err(errno(libc::ENOSPC)),
            None => Ok(()),
        }
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.host.state();
        state.stopped(self.host.process)?;
        Ok(state.disk.len(self.file))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.refuse_reader(libc::EINVAL)?;
        let file = self.file;
        let set = |disk: &mut Disk, now| disk.set_len(file, length, now);
        let op = || Op::SetLen { file, length };
        self.host.change(Call::SetLen, &self.path, set, op)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.host.state();
        let planned = self.plan(&mut state).begin(Call::Sync, &self.path)?;
        match planned {
            Some(_) => state.disk.sync_badly(self.file)?,
            None => state.disk.sync(self.file)?,
        }
        let (file, failed) = (self.file, planned.is_some());
        self.plan(&mut state).mutated(|| Op::Sync { file, failed });
        planned.map_or(Ok(()), |planned| Err(planned.failure.error()))
    }

    fn map(&self, length: u64) -> io::Result<Box<dyn Mapping>> {
        let mut state = self.host.state();
        self.plan(&mut state).begin_or_fail(Call::Map, &self.path)?;
        if length > state.disk.len(self.file) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let bytes = state.disk.copy(self.file, count)?;
        self.plan(&mut state)
            .reads
            .entry(self.path.clone())
            .or_default()
            .mapped += length;
        Ok(Box::new(SimMapping(bytes)))
    }

    fn lock(&self, range: LockRange, kind: Lock, wait: Wait) -> io::Result<bool> {
        let mut state = self.host.state();
        self.plan(&mut state)
            .begin_or_fail(Call::Lock, &self.path)?;
        if kind == Lock::Exclusive {
            self.refuse_reader(libc::EBADF)?;
        }
        let (start, end) = bounds(range);
        loop {
            state.stopped(self.host.process)?;
            let is_taken = state.locks.iter().any(|held| {
                let both_shared = kind == Lock::Shared && held.kind == Lock::Shared;
                let overlap = held.start < end && start < held.end;
                let is_other = held.file == self.file && held.handle != self.handle;
                is_other && overlap && !both_shared
            });
            if !is_taken {
                break;
            }
            if wait == Wait::No {
                return Ok(false);
            }
            let changed = &self.host.machine.changed;
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.unlock(self.handle, range);
        state.locks.push(Held {
            file: self.file,
            handle: self.handle,
            kind,
            start,
            end,
        });
        drop(state);
        self.host.machine.changed.notify_all();
        Ok(true)
    }

    fn unlock(&self, range: LockRange) -> io::Result<()> {
        let mut state = self.host.state();
        state.stopped(self.host.process)?;
        state.unlock(self.handle, range);
        drop(state);
        self.host.machine.changed.notify_all();
        Ok(())
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.host.state();
        state.locks.retain(|held| held.handle != self.handle);
        state.handles.remove(&self.handle);
        state.disk.close(self.file);
        drop(state);
        self.host.machine.changed.notify_all();
    }
}

struct SimMapping(Vec<u8>);

impl Deref for SimMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Mapping for SimMapping {}

pub(super) struct SimWatch {
    pub(super) host: SimHost,
    /// The watched directories, with the count of changes last seen.
    pub(super) seen: BTreeMap<Inode, u64>,
}

impl Watch for SimWatch {
    fn add(&mut self, directory: &Path) -> io::Result<()> {
        let state = self.host.state();
        let inode = state.disk.resolve(directory)?;
        if !state.disk.is_directory(inode) {
            return Err(errno(libc::ENOTDIR));
        }
        self.seen.insert(inode, state.disk.changes(inode));
        Ok(())
    }

    /// The timeout is real time: the simulated clock does not move by itself.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let machine = Arc::clone(&self.host.machine);
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = machine.state();
        loop {
            state.stopped(self.host.process)?;
            let mut has_changed = false;
            for (&directory, seen) in &mut self.seen {
                let changes = state.disk.changes(directory);
                has_changed |= changes != *seen;
                *seen = changes;
            }
            if has_changed {
                return Ok(true);
            }
            let poisoned = PoisonError::into_inner;
            match end {
                None => state = machine.changed.wait(state).unwrap_or_else(poisoned),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    state = match machine.changed.wait_timeout(state, left) {
                        Ok((state, _)) => state,
                        Err(poisoned) => poisoned.into_inner().0,
                    };
                }
            }
        }
    }
}
