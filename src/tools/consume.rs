//! The work of `ottla consume`.

use super::args::consume::ConsumeOptions;
use super::error::{Result, ToolError};
use crate::host::Host;
use std::sync::Arc;

/// Does what the options say.
pub fn run(_options: &ConsumeOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("not built yet"))
}
