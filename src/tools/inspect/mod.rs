//! The work of `ottla inspect`: nothing is written, and no lock is taken.

mod batches;
mod cells;
mod diff;
mod explain;
mod files;
mod groups;
mod index;
mod metadata;
mod people;
mod records;
pub mod site;
mod snapshot;
mod stats;
mod summary;
mod time;
mod transactions;
mod verify;
mod walk;

pub(super) use walk::tell_live;

use super::args::inspect::InspectOptions;
use super::error::Result;
use crate::host::Host;
use std::sync::Arc;

const NAME: &str = "ottla-inspect";

/// Does what the options say.
pub fn run(options: &InspectOptions, host: &Arc<dyn Host>) -> Result<()> {
    match options {
        InspectOptions::Batches(options) => batches::run(options, host),
        InspectOptions::Records(options) => records::run(options, host),
        InspectOptions::Index(options) => index::run(options, host),
        InspectOptions::Snapshot(options) => snapshot::run(options, host),
        InspectOptions::Metadata(options) => metadata::run(options, host),
        InspectOptions::Groups(options) => groups::run(options, host),
        InspectOptions::Transactions(options) => transactions::run(options, host),
        InspectOptions::Verify(options) => verify::run(options, host),
        InspectOptions::Explain(options) => explain::run(options, host),
        InspectOptions::Diff(options) => diff::run(options, host),
        InspectOptions::Stats(options) => stats::run(options, host),
        InspectOptions::Summary(options) => summary::run(options, host),
    }
}
