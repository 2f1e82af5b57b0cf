//! The terminal that output goes to.

use std::os::fd::AsFd;

/// How many columns it has; `None` where it is none, or does not tell.
pub fn columns(out: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(out).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
