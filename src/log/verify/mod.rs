//! Checks a data directory against everything that Kafka's format promises.
//!
//! Nothing here writes, and nothing stops at the first thing that is wrong: each
//! contradiction becomes a [`Finding`], handed to the caller as it is found.
//! A directory that is as Kafka leaves it, clean or killed, gives none that is
//! worse than [`Severity::Note`].
//!
//! One pass reads each partition: its batches and records are checked on all
//! cores, then told in order to [`Observer`]s, which hold them against the files
//! beside the log ([`beside`]).

pub mod beside;
pub mod finding;
pub mod manifest;
pub mod observer;
pub mod pass;
pub mod surroundings;

pub(crate) use beside::can_be_loaded;
pub use finding::{Check, Finding, Severity};
pub use manifest::{Manifest, Walked};
pub use observer::{End, Hole, Observer, Report, Seen};
pub(crate) use pass::both_sides;
pub use pass::{BatchFile, Events, FileKind, Target, Totals, verify};
pub use surroundings::{Cleanup, Context, Surroundings};

use crate::host::Host;
use crate::log::layout::{METADATA_TOPIC, TopicPartition};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The framed records of a first start, beside the partitions.
const BOOTSTRAP: &str = "bootstrap.checkpoint";

/// What is to be verified, of one data directory.
pub struct Scope {
    /// The directory around.
    pub around: Surroundings,
    /// Partitions, in order.
    pub targets: Vec<Target>,
    /// Whether the files of the data directory itself are checked as well.
    pub whole: bool,
}

impl Scope {
    /// These partitions; partitions that cannot be listed become findings.
    pub fn partitions(
        host: &Arc<dyn Host>,
        around: Surroundings,
        partitions: Vec<(TopicPartition, PathBuf)>,
        whole: bool,
        events: &mut dyn Events,
    ) -> Self {
        let mut targets = Vec::new();
        let bootstrap = around.data.join(BOOTSTRAP);
        if whole && host.stat(&bootstrap).is_ok() {
            targets.push(Target::file(
                &around,
                TopicPartition::new(METADATA_TOPIC, 0),
                &bootstrap,
                FileKind::Snapshot,
            ));
        }
        for (name, directory) in partitions {
            let context = around.of(&name);
            match Target::read(&**host, name.clone(), &directory, context) {
                Ok(target) => targets.push(target),
                Err(error) => events.found(Finding {
                    check: Check::Unreadable,
                    severity: Severity::Wrong,
                    path: directory,
                    partition: Some(name),
                    bytes: None,
                    offsets: None,
                    expected: "a directory that can be listed".into(),
                    found: error.to_string().into(),
                }),
            }
        }
        Self {
            around,
            targets,
            whole,
        }
    }

    /// A whole data directory.
    ///
    /// # Errors
    /// Where it cannot be listed.
    pub fn data_dir(
        host: &Arc<dyn Host>,
        data: &Path,
        events: &mut dyn Events,
    ) -> std::io::Result<Self> {
        let mut partitions: Vec<_> = host
            .list(data)?
            .iter()
            .filter(|entry| entry.kind == crate::host::Kind::Directory)
            .filter_map(|entry| {
                let name = TopicPartition::from_directory(entry.name.to_str()?)?;
                Some((name, data.join(&entry.name)))
            })
            .collect();
        partitions.sort();
        let around = Surroundings::read(host, data, true);
        Ok(Self::partitions(host, around, partitions, true, events))
    }

    /// How many bytes of batches there are to read.
    pub fn bytes(&self, host: &dyn Host) -> u64 {
        self.targets.iter().map(|target| target.bytes(host)).sum()
    }

    /// Verifies all of it.
    pub fn verify(&self, host: &Arc<dyn Host>, events: &mut dyn Events) -> Totals {
        let totals = verify(host, &self.targets, events);
        if self.whole {
            beside::data_dir(host, &self.around, &mut |finding| events.found(finding));
        }
        totals
    }
}
