//! Who works in a data directory: `.lock` and the marks of a clean stop.
//!
//! A server (or Kafka) holds an exclusive fcntl lock on all of `.lock`. Tools that
//! write share the lock on its first bytes, so that many work at once:
//!
//! ```text
//! bytes of .lock   held by
//! 0 .. 2^62        tools, shared; the first one in and the last one out, exclusively
//! 2^62             whoever leaves, exclusively: they leave one after the other,
//!                  and nobody enters meanwhile
//! 2^62 + 1         nobody but a server's lock on all of it: tells it from a tool's
//! 2^62 + 2         whoever adds a line to the file
//! 2^62 + 3         whoever enters, exclusively, until recovery is seen to
//! ```
//!
//! Its text, which Kafka does not look at, names the partitions that tools have
//! appended to since the last clean stop, a line each: `BOOT_ID TOPIC-PARTITION`, and
//! the producers of transactions that tools began: `BOOT_ID producer ID`.
//! While the boot id is the machine's, what they wrote is in the files even where a
//! tool was killed, so only the ends of those partitions are looked at; after a
//! power cut every partition is recovered from its recovery point.

use super::error::{LogError, Result};
use super::layout::{LOCK, TopicPartition};
use crate::format::ProducerId;
use crate::host::{File, Host, Kind, Lock, LockRange, Open, Wait};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TOOLS: LockRange = LockRange {
    start: 0,
    length: 1 << 62,
};
const LEAVING: LockRange = LockRange {
    start: 1 << 62,
    length: 1,
};
const SERVER_ONLY: LockRange = LockRange {
    start: (1 << 62) + 1,
    length: 1,
};
const WRITING: LockRange = LockRange {
    start: (1 << 62) + 2,
    length: 1,
};
const ENTERING: LockRange = LockRange {
    start: (1 << 62) + 3,
    length: 1,
};
/// A million partitions with the longest of names.
const MOST_NOTES: u64 = 300 << 20;

/// The right to write in a data directory.
pub struct Presence {
    file: Arc<dyn File>,
    path: PathBuf,
    boot: String,
}

/// Whether others are at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// No one is: the lock is exclusive until [`Presence::share`].
    Alone,
    /// Other tools are, and have seen to recovery.
    Others,
}

/// Partitions that were appended to since the last clean stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The partitions.
    pub partitions: BTreeSet<TopicPartition>,
    /// The producers of transactions.
    pub producers: BTreeSet<ProducerId>,
    /// Whether every note is of this boot: no power cut came between.
    pub same_boot: bool,
}

impl Notes {
    /// Takes what a line says; `false` where it says nothing that is known.
    fn take(&mut self, what: &str) -> bool {
        if let Some(producer) = what.strip_prefix("producer ") {
            let producer = producer.parse().ok().and_then(ProducerId::from_wire);
            return producer.map(|id| self.producers.insert(id)).is_some();
        }
        // A blank: another line stands behind one that was never finished.
        let partition = TopicPartition::from_directory(what).filter(|_| !what.contains(' '));
        partition.map(|name| self.partitions.insert(name)).is_some()
    }
}

impl Presence {
    /// Enters `directory`, which exists.
    ///
    /// # Errors
    /// `Locked` where a server holds it; `Io`.
    pub fn enter(host: &dyn Host, directory: &Path) -> Result<(Self, Company)> {
        let path = directory.join(LOCK);
        let file = host
            .open(&path, Open::Create)
            .map_err(LogError::io("open", &path))?;
        let presence = Self {
            file,
            boot: host
                .boot_id()
                .map_err(LogError::io("read the boot id for", &path))?,
            path,
        };
        presence.refuse_server(directory)?;
        // One enters at a time: two that both shared the lock could not tell that
        // neither of them has seen to recovery.
        presence.lock(ENTERING, Lock::Exclusive, Wait::Yes)?;
        // The one that entered before may have been a server.
        presence.refuse_server(directory)?;
        // Waits while the last one out is at work; nor does anyone leave between the
        // two locks: the one asked to stay would not be the last, and this one alone.
        presence.lock(LEAVING, Lock::Exclusive, Wait::Yes)?;
        let alone = presence.lock(TOOLS, Lock::Exclusive, Wait::No)?;
        if !alone {
            presence.lock(TOOLS, Lock::Shared, Wait::Yes)?;
        }
        presence.unlock(LEAVING)?;
        if alone {
            return Ok((presence, Company::Alone));
        }
        presence.unlock(ENTERING)?;
        Ok((presence, Company::Others))
    }

    fn refuse_server(&self, directory: &Path) -> Result<()> {
        if !self.lock(SERVER_ONLY, Lock::Shared, Wait::No)? {
            return Err(LogError::Locked {
                directory: directory.to_owned(),
            });
        }
        self.unlock(SERVER_ONLY)
    }

    /// Whether a server holds the directory, as far as can be told without a lock.
    pub fn is_served(host: &dyn Host, directory: &Path) -> bool {
        let Ok(file) = host.open(&directory.join(LOCK), Open::Read) else {
            return false;
        };
        matches!(file.lock(SERVER_ONLY, Lock::Shared, Wait::No), Ok(false))
    }

    /// Lets others in, once recovery is done.
    pub fn share(&self) -> Result<()> {
        self.lock(TOOLS, Lock::Shared, Wait::Yes)?;
        self.unlock(ENTERING)
    }

    /// Keeps everyone else out, once recovery is done: what a server does.
    pub fn hold(&self) -> Result<()> {
        self.lock(LockRange::WHOLE, Lock::Exclusive, Wait::Yes)?;
        // Whoever waits to enter is not to wait for as long as the server lives.
        self.unlock(ENTERING)
    }

    /// Notes that a partition is about to be appended to.
    pub fn note(&self, partition: &TopicPartition) -> Result<()> {
        self.add_line(&partition.to_string())
    }

    /// Notes that a producer is about to begin a transaction.
    pub fn note_producer(&self, producer: ProducerId) -> Result<()> {
        self.add_line(&format!("producer {producer}"))
    }

    fn add_line(&self, what: &str) -> Result<()> {
        self.lock(WRITING, Lock::Exclusive, Wait::Yes)?;
        let line = format!("{} {what}\n", self.boot);
        let written = self
            .file
            .len()
            .and_then(|end| self.file.write_at(line.as_bytes(), end))
            .map_err(LogError::io("write", &self.path));
        self.unlock(WRITING)?;
        written
    }

    /// The partitions noted since the last clean stop.
    pub fn notes(&self) -> Result<Notes> {
        let length = self
            .file
            .len()
            .map_err(LogError::io("measure", &self.path))?;
        let mut bytes = vec![0; length.min(MOST_NOTES) as usize];
        let read = self
            .file
            .read_at(&mut bytes, 0)
            .map_err(LogError::io("read", &self.path))?;
        let text = String::from_utf8_lossy(&bytes[..read]);
        let mut notes = Notes {
            same_boot: text.ends_with('\n'),
            ..Notes::default()
        };
        for line in text.lines() {
            let what = line.split_once(' ').filter(|(boot, _)| *boot == self.boot);
            match what.map(|(_, what)| what) {
                Some(what) if notes.take(what) => {}
                _ => notes.same_boot = false,
            }
        }
        Ok(notes)
    }

    /// Forgets the notes: everything they name is durable.
    pub fn forget(&self) -> Result<()> {
        self.file
            .set_len(0)
            .map_err(LogError::io("truncate", &self.path))
    }

    /// Leaves. The last one out runs `finish` first, alone.
    pub fn leave(self, finish: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        self.lock(LEAVING, Lock::Exclusive, Wait::Yes)?;
        let outcome = if self.lock(TOOLS, Lock::Exclusive, Wait::No)? {
            finish(&self)
        } else {
            Ok(())
        };
        // In this order: whoever waits to leave must find this one gone.
        self.unlock(TOOLS)?;
        self.unlock(LEAVING)?;
        outcome
    }

    fn lock(&self, range: LockRange, kind: Lock, wait: Wait) -> Result<bool> {
        self.file
            .lock(range, kind, wait)
            .map_err(LogError::io("lock", &self.path))
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        self.file
            .unlock(range)
            .map_err(LogError::io("unlock", &self.path))
    }
}

/// Whether `path` is there, and a directory.
pub(crate) fn is_directory(host: &dyn Host, path: &Path) -> bool {
    host.stat(path)
        .is_ok_and(|stat| stat.kind == Kind::Directory)
}

#[cfg(test)]
mod tests;
