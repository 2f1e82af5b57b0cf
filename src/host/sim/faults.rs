//! What a test plans for one simulated process, and what it finds out about it:
//! faults, the number of operations after which everything stops, the log of what
//! changed the disk, and what was read.

use super::disk::errno;
use crate::host::Open;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The kinds of call that can be counted and made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // They are the methods of `Host` and `File`.
pub enum Call {
    Open,
    Stat,
    List,
    CreateDir,
    Rename,
    Exchange,
    Link,
    RemoveFile,
    RemoveDir,
    SyncDir,
    SyncAll,
    Read,
    Write,
    SetLen,
    Sync,
    Map,
    Lock,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `ENOSPC`.
    NoSpace,
    /// `EIO`. A sync that fails so loses a random part of what it should have made
    /// durable, and the next one does not notice (Linux does that).
    Io,
    /// `EACCES`.
    Denied,
    /// `EROFS`.
    ReadOnly,
}

impl Failure {
    pub(super) fn error(self) -> io::Error {
        errno(match self {
            Self::NoSpace => libc::ENOSPC,
            Self::Io => libc::EIO,
            Self::Denied => libc::EACCES,
            Self::ReadOnly => libc::EROFS,
        })
    }
}

/// One planned failure.
#[derive(Debug, Clone)]
pub struct Fault {
    call: Call,
    failure: Failure,
    skip: u64,
    forever: bool,
    written: usize,
    suffix: Option<String>,
}

impl Fault {
    /// The next such call fails, once.
    pub fn on(call: Call, failure: Failure) -> Self {
        Self {
            call,
            failure,
            skip: 0,
            forever: false,
            written: 0,
            suffix: None,
        }
    }

    /// Only the `nth` matching call from now on fails; the first is 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// Every matching call after it fails as well.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.forever = true;
        self
    }

    /// A write that fails has written this many bytes first.
    #[must_use]
    pub fn after_bytes(mut self, bytes: usize) -> Self {
        self.written = bytes;
        self
    }

    /// Only for paths that end so, as in `.index`.
    #[must_use]
    pub fn path_ending(mut self, suffix: &str) -> Self {
        self.suffix = Some(suffix.to_owned());
        self
    }
}

/// One operation that changed the disk, as it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are the arguments of the methods of the name.
pub enum Op {
    /// An open that created or emptied the file, which has this number.
    Open {
        path: PathBuf,
        how: Open,
        file: u64,
    },
    /// The bytes that were written, also by a write that failed half-way.
    Write {
        file: u64,
        position: u64,
        bytes: Arc<[u8]>,
    },
    SetLen {
        file: u64,
        length: u64,
    },
    /// `failed`: it returned an error and lost what it did not write.
    Sync {
        file: u64,
        failed: bool,
    },
    SyncDir {
        path: PathBuf,
        failed: bool,
    },
    SyncAll {
        failed: bool,
    },
    CreateDir {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Exchange {
        one: PathBuf,
        other: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    RemoveFile {
        path: PathBuf,
    },
    RemoveDir {
        path: PathBuf,
    },
}

/// What was read of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Calls of `read_at`.
    pub calls: u64,
    /// Bytes that `read_at` returned.
    pub bytes: u64,
    /// The 4 KiB pages that `read_at` touched.
    pub pages: BTreeSet<u64>,
    /// Bytes that were mapped. Which of them were looked at is not known.
    pub mapped: u64,
}

/// What every call returns once the process was killed or reached
/// [`SimHost::stop_after`](super::SimHost::stop_after); see [`is_stopped`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the simulated machine stopped")
    }
}

impl std::error::Error for Stopped {}

/// Whether an error, or one that it was made from, is [`Stopped`].
pub fn is_stopped(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if error.is::<Stopped>() || inner.is_some_and(|inner| inner.is::<Stopped>()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The plan and the findings.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) stopped: bool,
    pub(super) stop_after: Option<u64>,
    pub(super) mutations: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) calls: BTreeMap<Call, u64>,
    pub(super) reads: BTreeMap<PathBuf, Reads>,
    pub(super) log: Option<Vec<Op>>,
}

/// A call that must fail: how, and how many bytes a write writes first.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) failure: Failure,
    pub(super) written: usize,
}

impl Plan {
    /// Counts a call; `Err` if everything stopped, `Some` if this call must fail.
    pub(super) fn begin(&mut self, call: Call, path: &Path) -> io::Result<Option<Planned>> {
        if self.stopped || self.stop_after.is_some_and(|most| self.mutations >= most) {
            self.stopped = true;
            return Err(io::Error::other(Stopped));
        }
        *self.calls.entry(call).or_default() += 1;
        let mut planned = None;
        self.faults.retain_mut(|fault| {
            let is_meant = fault.call == call
                && fault
                    .suffix
                    .as_ref()
                    .is_none_or(|suffix| path.to_string_lossy().ends_with(suffix.as_str()));
            if !is_meant || planned.is_some() {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            planned = Some(Planned {
                failure: fault.failure,
                written: fault.written,
            });
            fault.forever
        });
        Ok(planned)
    }

    /// For calls where failing is all there is to it.
    pub(super) fn begin_or_fail(&mut self, call: Call, path: &Path) -> io::Result<()> {
        match self.begin(call, path)? {
            Some(planned) => Err(planned.failure.error()),
            None => Ok(()),
        }
    }

    /// Counts and keeps an operation that changed the disk.
    pub(super) fn mutated(&mut self, op: impl FnOnce() -> Op) {
        self.mutations += 1;
        if let Some(log) = &mut self.log {
            log.push(op());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_matching_call_fails() {
        let mut plan = Plan::default();
        let fault = Fault::on(Call::Write, Failure::NoSpace)
            .nth(2)
            .path_ending(".log");
        plan.faults.push(fault.after_bytes(7));
        let mut begin = |call, path| plan.begin(call, Path::new(path)).unwrap();
        assert!(begin(Call::Write, "/a.index").is_none());
        assert!(begin(Call::Write, "/a.log").is_none());
        assert!(begin(Call::Sync, "/a.log").is_none());
        assert_eq!(begin(Call::Write, "/a.log").unwrap().written, 7);
        assert!(begin(Call::Write, "/a.log").is_none());
    }

    #[test]
    fn stopping_is_recognised_through_other_errors() {
        #[derive(Debug, thiserror::Error)]
        #[error("while writing")]
        struct Outer(#[source] io::Error);
        let mut plan = Plan {
            stop_after: Some(0),
            ..Plan::default()
        };
        let error = plan.begin(Call::Stat, Path::new("/")).unwrap_err();
        assert!(is_stopped(&error));
        assert!(is_stopped(&Outer(error)));
        assert!(!is_stopped(&Outer(Failure::Io.error())));
    }
}
