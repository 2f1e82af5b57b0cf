//! The simulated twin of a machine: an in-memory file system that loses what a
//! power cut would lose, fails where it is told to, and does the same again from
//! the same seed.
//!
//! - A [`SimHost`] is one process on a machine; clones are the same process and
//!   [`SimHost::another_process`] is a second one on the same disk. Locks exclude
//!   open files from each other, as on the real host.
//! - [`SimHost::power_cut`] is the disk after a power cut, drawn from a seed; the
//!   machine it was drawn from goes on. What may be lost: see `cut.rs`.
//! - [`SimHost::process_kill`] is what `kill -9` leaves: all bytes, no locks.
//! - To cut the power after every operation, either run a session again and again
//!   with [`SimHost::stop_after`] 0, 1, 2, …, or run it once with
//!   [`SimHost::record`] and [`SimHost::apply`] its log step by step.
//! - A panic while a machine lives prints the seeds it came from.
//!
//! Not simulated: symbolic links, permissions, signals. A mapping is a copy made when it is
//! asked for, and does not keep the lock of its file.

mod content;
mod cut;
mod disk;
mod faults;
mod file;
mod rng;
#[cfg(test)]
mod tests;

pub use content::{PAGE, SECTOR};
pub use faults::{Call, Failure, Fault, Op, Reads, Stopped, is_stopped};
pub use rng::Rng;

use super::{Entry, File, Host, Kind, Lock, LockRange, Open, Stat, Watch};
use disk::{Disk, Inode, errno};
use faults::Plan;
use file::{SimFile, SimWatch};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When the clock of a new machine starts: 2023-11-14T22:13:20Z.
pub const START_MS: i64 = 1_700_000_000_000;

/// A process on a simulated machine.
#[derive(Clone)]
pub struct SimHost {
    machine: Arc<Machine>,
    process: u64,
}

struct Machine {
    /// The seed, and those of the power cuts since.
    seeds: Vec<u64>,
    state: Mutex<State>,
    /// Something changed that someone may wait for.
    changed: Condvar,
}

struct State {
    disk: Disk,
    locks: Vec<Held>,
    handles: BTreeMap<u64, Handle>,
    next_handle: u64,
    plans: BTreeMap<u64, Plan>,
    rng: Rng,
    now_ms: i64,
    tick_ms: i64,
    is_read_only: bool,
}

/// A lock on the bytes `start..end` of a file.
#[derive(Clone, Copy)]
struct Held {
    file: Inode,
    handle: u64,
    kind: Lock,
    start: u64,
    end: u64,
}

struct Handle {
    file: Inode,
    process: u64,
}

impl SimHost {
    /// A machine with an empty root directory. The seed decides what is random.
    pub fn new(seed: u64) -> Self {
        Self::boot(vec![seed], Disk::new(seed), START_MS, 0)
    }

    fn boot(seeds: Vec<u64>, disk: Disk, now_ms: i64, tick_ms: i64) -> Self {
        let seed = seeds
            .iter()
            .fold(0, |mixed: u64, &seed| mixed.rotate_left(17) ^ seed);
        let state = State {
            disk,
            locks: Vec::new(),
            handles: BTreeMap::new(),
            next_handle: 0,
            plans: BTreeMap::from([(0, Plan::default())]),
            rng: Rng::new(!seed),
            now_ms,
            tick_ms,
            is_read_only: false,
        };
        Self {
            machine: Arc::new(Machine {
                seeds,
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
            process: 0,
        }
    }

    /// The seed, followed by the seeds of the power cuts since.
    pub fn seeds(&self) -> &[u64] {
        &self.machine.seeds
    }

    // What a test does to the machine.

    /// The machine after a power cut at this moment: see `cut.rs` for what may be
    /// lost. Its processes are gone, with their plans; this machine goes on.
    pub fn power_cut(&self, seed: u64) -> Self {
        let state = self.state();
        let seeds = self.machine.seeds.iter().copied().chain([seed]).collect();
        Self::boot(seeds, state.disk.cut(seed), state.now_ms, state.tick_ms)
    }

    /// Kills this process: its locks are free, its open files fail with
    /// [`Stopped`], its bytes stay. Returns a new process, with no plan.
    pub fn process_kill(&self) -> Self {
        let mut state = self.state();
        state.plan(self.process).stopped = true;
        let gone: Vec<u64> = state.handles_of(self.process).collect();
        state.locks.retain(|held| !gone.contains(&held.handle));
        drop(state);
        self.machine.changed.notify_all();
        self.another_process()
    }

    /// Another process on the same machine, with no plan.
    pub fn another_process(&self) -> Self {
        let mut state = self.state();
        let process = state.plans.len() as u64;
        state.plans.insert(process, Plan::default());
        Self {
            machine: Arc::clone(&self.machine),
            process,
        }
    }

    /// A second machine with the same disk, cache and clock; no open files.
    pub fn fork(&self) -> Self {
        let state = self.state();
        let mut disk = state.disk.clone();
        disk.close_all(state.handles.values().map(|handle| handle.file));
        Self::boot(
            self.machine.seeds.clone(),
            disk,
            state.now_ms,
            state.tick_ms,
        )
    }

    /// Everything fails with [`Stopped`] once this process has changed the disk
    /// this many times since it started.
    pub fn stop_after(&self, mutations: u64) {
        self.plan(|plan| plan.stop_after = Some(mutations));
        self.machine.changed.notify_all();
    }

    /// Adds a planned failure.
    pub fn fail(&self, fault: Fault) {
        self.plan(|plan| plan.faults.push(fault));
    }

    /// How many planned failures have not happened yet, or happen forever.
    pub fn planned(&self) -> usize {
        self.plan(|plan| plan.faults.len())
    }

    /// Forgets the planned failures.
    pub fn fail_no_more(&self) {
        self.plan(|plan| plan.faults.clear());
    }

    /// Lets the disk grow by this many bytes, counted in pages of 4 KiB; `None`
    /// for no limit. Names take no space.
    pub fn set_free_space(&self, bytes: Option<u64>) {
        self.state().disk.limit(bytes);
    }

    /// Whether everything that changes the disk fails with `EROFS`.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.state().is_read_only = is_read_only;
    }

    /// Turns bits of a byte over, as a failing disk does.
    pub fn flip(&self, path: &Path, position: u64, bits: u8) -> io::Result<()> {
        let mut state = self.state();
        let file = state.disk.resolve(path)?;
        state.disk.flip(file, position, bits)
    }

    /// Sets the clock.
    pub fn set_now_ms(&self, now_ms: i64) {
        self.state().now_ms = now_ms;
    }

    /// Moves the clock on.
    pub fn advance_ms(&self, by: i64) {
        self.state().now_ms += by;
    }

    /// Makes the clock move on by this much each time it is read; 0 at first.
    pub fn tick_ms(&self, tick_ms: i64) {
        self.state().tick_ms = tick_ms;
    }

    // What a test finds out.

    /// How often this process has changed the disk, syncs included.
    pub fn mutations(&self) -> u64 {
        self.plan(|plan| plan.mutations)
    }

    /// How many calls of a kind this process has made.
    pub fn calls(&self, call: Call) -> u64 {
        self.plan(|plan| plan.calls.get(&call).copied().unwrap_or(0))
    }

    /// How many calls of all kinds this process has made.
    pub fn all_calls(&self) -> u64 {
        self.plan(|plan| plan.calls.values().sum())
    }

    /// What this process has read, by the path it opened.
    pub fn reads(&self) -> BTreeMap<PathBuf, Reads> {
        self.plan(|plan| plan.reads.clone())
    }

    /// Counts calls and reads from nothing again.
    pub fn reset_counts(&self) {
        self.plan(|plan| {
            plan.calls.clear();
            plan.reads.clear();
        });
    }

    /// Starts to keep what changes the disk, from nothing.
    pub fn record(&self) {
        self.plan(|plan| plan.log = Some(Vec::new()));
    }

    /// What was kept so far; starts again from nothing.
    pub fn recorded(&self) -> Vec<Op> {
        self.plan(|plan| plan.log.replace(Vec::new()).unwrap_or_default())
    }

    /// Does a recorded operation again. On a machine with the same disk and seed as
    /// the one it was recorded on, a log does exactly the same again.
    pub fn apply(&self, op: &Op) -> io::Result<()> {
        let mut state = self.state();
        let now = state.now_ms;
        let disk = &mut state.disk;
        match op {
            Op::Open { path, how, file } => {
                let (opened, _) = disk.open(path, *how, now)?;
                assert_eq!(opened, *file, "recorded on another disk");
                disk.close(opened);
            }
            Op::Write {
                file,
                position,
                bytes,
            } => {
                disk.write(*file, bytes, *position, now)?;
            }
            Op::SetLen { file, length } => disk.set_len(*file, *length, now)?,
            Op::Sync {
                file,
                failed: false,
            } => disk.sync(*file)?,
            Op::Sync { file, failed: true } => disk.sync_badly(*file)?,
            Op::SyncDir {
                path,
                failed: false,
            } => disk.sync_dir(path)?,
            Op::SyncDir { path, failed: true } => disk.sync_dir_badly(path)?,
            Op::SyncAll { failed } => disk.sync_all(*failed)?,
            Op::CreateDir { path } => disk.create_dir(path, now)?,
            Op::Rename { from, to } => disk.rename(from, to, now)?,
            Op::Exchange { one, other } => disk.exchange(one, other, now)?,
            Op::Link { from, to } => disk.link(from, to, now)?,
            Op::RemoveFile { path } => disk.remove(path, Kind::File, now)?,
            Op::RemoveDir { path } => disk.remove(path, Kind::Directory, now)?,
        }
        state.plan(self.process).mutated(|| op.clone());
        Ok(())
    }

    /// Every file below the root with its bytes, and every directory with `None`.
    pub fn tree(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let state = self.state();
        let mut tree = BTreeMap::new();
        let mut directories = vec![PathBuf::from("/")];
        while let Some(directory) = directories.pop() {
            for entry in state.disk.list(&directory).unwrap_or_default() {
                let path = directory.join(entry.name);
                let bytes = match entry.kind {
                    Kind::Directory => {
                        directories.push(path.clone());
                        None
                    }
                    _ => state.disk.resolve(&path).ok().and_then(|file| {
                        let length = usize::try_from(state.disk.len(file)).ok()?;
                        state.disk.copy(file, length).ok()
                    }),
                };
                tree.insert(path, bytes);
            }
        }
        tree
    }

    // How the traits below get at the state.

    fn state(&self) -> MutexGuard<'_, State> {
        self.machine.state()
    }

    fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(self.state().plan(self.process))
    }

    /// A call that only looks.
    fn look<T>(
        &self,
        call: Call,
        path: &Path,
        look: impl FnOnce(&Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state();
        state.plan(self.process).begin_or_fail(call, path)?;
        look(&state.disk)
    }

    /// A call that changes the disk, or fails and does not.
    fn change(
        &self,
        call: Call,
        path: &Path,
        change: impl FnOnce(&mut Disk, i64) -> io::Result<()>,
        op: impl FnOnce() -> Op,
    ) -> io::Result<()> {
        let mut state = self.state();
        state.plan(self.process).begin_or_fail(call, path)?;
        state.refuse_read_only()?;
        let now = state.now_ms;
        change(&mut state.disk, now)?;
        state.plan(self.process).mutated(op);
        drop(state);
        self.machine.changed.notify_all();
        Ok(())
    }
}

impl Machine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn plan(&mut self, process: u64) -> &mut Plan {
        self.plans.entry(process).or_default()
    }

    fn handles_of(&self, process: u64) -> impl Iterator<Item = u64> {
        let all = self.handles.iter();
        all.filter(move |(_, handle)| handle.process == process)
            .map(|(&number, _)| number)
    }

    fn refuse_read_only(&self) -> io::Result<()> {
        if self.is_read_only {
            return Err(errno(libc::EROFS));
        }
        Ok(())
    }

    /// Gives up what an open file holds of a range.
    fn unlock(&mut self, handle: u64, range: LockRange) {
        let (start, end) = bounds(range);
        let mut left = Vec::with_capacity(self.locks.len());
        for held in self.locks.drain(..) {
            if held.handle != handle || held.end <= start || end <= held.start {
                left.push(held);
                continue;
            }
            if held.start < start {
                left.push(Held { end: start, ..held });
            }
            if end < held.end {
                left.push(Held { start: end, ..held });
            }
        }
        self.locks = left;
    }

    fn stopped(&mut self, process: u64) -> io::Result<()> {
        let plan = self.plan(process);
        if plan.stopped || plan.stop_after.is_some_and(|most| plan.mutations >= most) {
            return Err(io::Error::other(Stopped));
        }
        Ok(())
    }
}

/// The first byte of a range, and the first behind it.
fn bounds(range: LockRange) -> (u64, u64) {
    match range.length {
        0 => (range.start, u64::MAX),
        length => (range.start, range.start.saturating_add(length)),
    }
}

impl fmt::Debug for SimHost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "SimHost {{ seeds: {:?}, process: {} }}",
            self.machine.seeds, self.process
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
            let mutations: Vec<u64> = state.plans.values().map(|plan| plan.mutations).collect();
            eprintln!(
                "simulated machine: seeds {:?}, changes of the disk by process {mutations:?}",
                self.seeds
            );
        }
    }
}

impl Host for SimHost {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.plan(self.process).begin_or_fail(Call::Open, path)?;
        let may_change = match how {
            Open::Read => false,
            Open::Write => {
                state.disk.resolve(path)?;
                true
            }
            Open::Create | Open::CreateNew | Open::Truncate => true,
        };
        if may_change {
            state.refuse_read_only()?;
        }
        let now = state.now_ms;
        let (file, changed) = state.disk.open(path, how, now)?;
        if changed {
            state.plan(self.process).mutated(|| Op::Open {
                path: path.to_path_buf(),
                how,
                file,
            });
        }
        let handle = state.next_handle;
        state.next_handle += 1;
        let process = self.process;
        state.handles.insert(handle, Handle { file, process });
        drop(state);
        self.machine.changed.notify_all();
        Ok(Arc::new(SimFile {
            host: self.clone(),
            file,
            handle,
            path: path.to_path_buf(),
            is_writable: how != Open::Read,
        }))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.look(Call::Stat, path, |disk| disk.stat(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.look(Call::List, path, |disk| disk.list(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let create = |disk: &mut Disk, now| disk.create_dir(path, now);
        self.change(Call::CreateDir, path, create, || Op::CreateDir {
            path: path.to_path_buf(),
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let rename = |disk: &mut Disk, now| disk.rename(from, to, now);
        self.change(Call::Rename, to, rename, || Op::Rename {
            from: from.to_path_buf(),
            to: to.to_path_buf(),
        })
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        let exchange = |disk: &mut Disk, now| disk.exchange(one, other, now);
        self.change(Call::Exchange, other, exchange, || Op::Exchange {
            one: one.to_path_buf(),
            other: other.to_path_buf(),
        })
    }

    fn identity(&self, path: &Path) -> io::Result<u64> {
        self.look(Call::Stat, path, |disk| disk.resolve(path))
    }

    /// There are no links; the root is the working directory.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.stat(path)?;
        Ok(Path::new("/").join(path))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let link = |disk: &mut Disk, now| disk.link(from, to, now);
        self.change(Call::Link, to, link, || Op::Link {
            from: from.to_path_buf(),
            to: to.to_path_buf(),
        })
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.look(Call::Stat, path, |disk| {
            disk.stat(path)?;
            Ok(disk.free())
        })
    }

    /// Owners and modes are not simulated; the time is not copied.
    fn copy_attributes(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.stat(from).and_then(|_| self.stat(to)).map(drop)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let remove = |disk: &mut Disk, now| disk.remove(path, Kind::File, now);
        self.change(Call::RemoveFile, path, remove, || Op::RemoveFile {
            path: path.to_path_buf(),
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let remove = |disk: &mut Disk, now| disk.remove(path, Kind::Directory, now);
        self.change(Call::RemoveDir, path, remove, || Op::RemoveDir {
            path: path.to_path_buf(),
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let planned = state.plan(self.process).begin(Call::SyncDir, path)?;
        match planned {
            Some(_) => state.disk.sync_dir_badly(path)?,
            None => state.disk.sync_dir(path)?,
        }
        state.plan(self.process).mutated(|| Op::SyncDir {
            path: path.to_path_buf(),
            failed: planned.is_some(),
        });
        planned.map_or(Ok(()), |planned| Err(planned.failure.error()))
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let planned = state.plan(self.process).begin(Call::SyncAll, path)?;
        state.disk.resolve(path)?;
        let failed = planned.is_some();
        state.disk.sync_all(failed)?;
        state.plan(self.process).mutated(|| Op::SyncAll { failed });
        planned.map_or(Ok(()), |planned| Err(planned.failure.error()))
    }

    /// The seeds: every power cut adds one.
    fn boot_id(&self) -> io::Result<String> {
        self.state().stopped(self.process)?;
        let seeds = self.machine.seeds.iter();
        let parts: Vec<String> = seeds.map(|seed| format!("{seed:x}")).collect();
        Ok(parts.join("-"))
    }

    fn watch(&self) -> io::Result<Box<dyn Watch>> {
        Ok(Box::new(SimWatch {
            host: self.clone(),
            seen: BTreeMap::new(),
        }))
    }

    fn now_ms(&self) -> i64 {
        let mut state = self.state();
        state.now_ms += state.tick_ms;
        state.now_ms
    }

    fn monotonic(&self) -> Duration {
        let since_start = self.state().now_ms.saturating_sub(START_MS);
        Duration::from_millis(u64::try_from(since_start).unwrap_or(0))
    }

    fn random(&self, buffer: &mut [u8]) {
        self.state().rng.fill(buffer);
    }
}
