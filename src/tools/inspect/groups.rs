//! `ottla inspect groups`.

use crate::host::Host;
use crate::tools::args::inspect::LookOptions;
use crate::tools::error::{Result, ToolError};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(_options: &LookOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`inspect groups` is not there yet"))
}
