//! `ottla inspect records`.

use crate::host::Host;
use crate::tools::args::inspect::RecordsOptions;
use crate::tools::error::{Result, ToolError};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(_options: &RecordsOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`inspect records` is not there yet"))
}
