//! Coordinators: state machines that take requests and time, and return answers, records
//! and deadlines. They touch no files and no clock; the broker writes the records, and
//! replays them at start.

pub mod consumer;
