//! The work of `ottla consume`.

use super::args::consume::ConsumeOptions;
use super::error::{Result, ToolError};
use crate::host::Host;

/// Does what the options say.
pub fn run(_options: &ConsumeOptions, _host: &dyn Host) -> Result<()> {
    Err(ToolError::failed("not built yet"))
}
