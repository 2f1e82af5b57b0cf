//! The work of `ottla produce`.

use super::args::produce::ProduceOptions;
use super::error::{Result, ToolError};
use crate::host::Host;
use std::sync::Arc;

/// Does what the options say.
pub fn run(_options: &ProduceOptions, _host: &Arc<dyn Host>) -> Result<()> {
    Err(ToolError::failed("not built yet"))
}
