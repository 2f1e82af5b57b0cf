//! `ottla inspect diff`.

use crate::host::Host;
use crate::tools::args::inspect::DiffOptions;
use crate::tools::error::{Result, ToolError};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(_options: &DiffOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`inspect diff` is not there yet"))
}
