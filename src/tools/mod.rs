//! The command line: parsing, rendering, exit codes.

pub mod csv_rows;
pub mod error;
pub mod format_string;
pub mod input;
pub mod json_envelope;
pub mod lines;
pub mod location;
pub mod offsets;
pub mod output;
pub mod time_spec;
