//! `ottla inspect stats`.

use crate::host::Host;
use crate::tools::args::inspect::StatsOptions;
use crate::tools::error::{Result, ToolError};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(_options: &StatsOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`inspect stats` is not there yet"))
}
