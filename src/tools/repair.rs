//! The work of `ottla repair`: the plan, and carrying it out.

use super::args::repair::RepairOptions;
use super::error::{Result, ToolError};
use crate::host::Host;
use std::sync::Arc;

/// Does what the options say.
pub fn run(_options: &RepairOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("`repair` is not there yet"))
}
