//! Checks a data directory against everything that Kafka's format promises.
//!
//! Nothing here writes, and nothing stops at the first thing that is wrong: each
//! contradiction becomes a [`Finding`], handed to the caller as it is found.
//! A directory that is as Kafka leaves it, clean or killed, gives none that is
//! worse than [`Severity::Note`].

pub mod finding;

pub use finding::{Check, Finding, Severity};
