//! `ottla inspect verify`.

use crate::host::Host;
use crate::tools::args::inspect::VerifyOptions;
use crate::tools::error::{Result, ToolError};
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(_options: &VerifyOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`inspect verify` is not there yet"))
}
