//! The work of `ottla topics`.

use super::args::topics::TopicsOptions;
use super::error::{Result, ToolError};
use crate::host::Host;

/// Does what the options say.
pub fn run(_options: &TopicsOptions, _host: &dyn Host) -> Result<()> {
    Err(ToolError::failed("not built yet"))
}
