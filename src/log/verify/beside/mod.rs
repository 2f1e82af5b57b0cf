//! The files beside the log: what they say against what the log says.

use super::{Context, Observer, Report, Surroundings};
use crate::host::Host;
use crate::log::layout::TopicPartition;
use std::path::Path;
use std::sync::Arc;

/// Those who hold one partition against the files in its directory.
pub fn observers(
    host: &Arc<dyn Host>,
    directory: &Path,
    name: &TopicPartition,
    context: &Context,
) -> Vec<Box<dyn Observer>> {
    let _ = (host, directory, name, context);
    Vec::new()
}

/// Checks the files and directories of the data directory itself.
pub fn data_dir(host: &Arc<dyn Host>, around: &Surroundings, report: &mut Report<'_>) {
    let _ = (host, around, report);
}
