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
pub mod observer;
pub mod pass;
pub mod surroundings;

pub use finding::{Check, Finding, Severity};
pub use observer::{End, Hole, Observer, Report, Seen};
pub use pass::{BatchFile, Events, FileKind, Target, Totals, verify};
pub use surroundings::{Context, Surroundings};
