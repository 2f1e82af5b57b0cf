//! `ottla inspect explain`.

use crate::host::Host;
use crate::tools::args::inspect::ExplainOptions;
use crate::tools::error::{Result, ToolError};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(_options: &ExplainOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`inspect explain` is not there yet"))
}
