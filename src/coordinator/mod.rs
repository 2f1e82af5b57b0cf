//! Coordinators: state machines that take requests and time, and return answers, records
//! and deadlines. They touch no files and no clock; the broker writes the records, and
//! replays them at start.

pub mod classic;
pub mod consumer;
pub mod groups;
pub mod offsets;
pub mod share;
pub mod timers;
pub mod transactions;
