//! The command line: parsing, rendering, exit codes.
//!
//! A program is a definition in [`args`], which `validate`s into options that
//! cannot contradict themselves, and a module that does the work.

pub mod args;
pub mod consume;
pub mod csv_rows;
pub mod error;
pub mod format_string;
pub mod front;
pub mod generated;
pub mod groups;
pub mod input;
pub mod inspect;
pub mod interrupt;
pub mod json_envelope;
pub mod lines;
pub mod location;
pub mod numbers;
pub mod offset_reset;
pub mod offsets;
pub mod output;
pub mod produce;
pub mod progress;
mod range;
pub mod repair;
pub mod run;
pub mod serve;
pub mod server;
pub mod settings;
pub mod table;
pub mod terminal;
pub mod time_spec;
pub mod topics;
