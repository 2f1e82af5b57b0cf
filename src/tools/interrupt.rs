//! SIGINT and SIGTERM: the first asks the tool to finish what it began, the
//! second kills it.

use super::error::{Interrupted, Result, ToolError};
use crate::host::wakeable::{read_stdin, stdin_is_ready};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, PipeReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether the tool was asked to leave.
#[derive(Debug)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    wake: PipeReader,
}

impl Interrupt {
    /// From now on a first signal is noted, and a second one ends the process
    /// with 128 and its number, as the shell would say.
    pub fn register() -> Result<Self> {
        Self::try_register()
            .map_err(|error| ToolError::failed(format!("cannot wait for signals: {error}")))
    }

    fn try_register() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let (wake, wakes) = io::pipe()?;
        for signal in [SIGINT, SIGTERM] {
            let status = 128 + signal;
            signal_hook::flag::register_conditional_shutdown(signal, status, Arc::clone(&flag))?;
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal, wakes.try_clone()?)?;
        }
        Ok(Self { flag, wake })
    }

    /// Whether a signal came.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// The flag itself, for other threads.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }
}

/// Standard input that fails with [`Interrupted`] once a signal came, also while it
/// waits for input.
#[derive(Debug)]
pub struct Input<'a> {
    interrupt: &'a Interrupt,
}

impl<'a> Input<'a> {
    /// Nothing else may read standard input.
    pub const fn new(interrupt: &'a Interrupt) -> Self {
        Self { interrupt }
    }

    /// Whether a read would return at once, waiting at most `timeout` for that.
    pub fn is_ready(&self, timeout: Duration) -> bool {
        self.interrupt.is_set() || stdin_is_ready(timeout)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.interrupt.is_set() {
            true => None,
            false => read_stdin(&self.interrupt.wake, buffer)?,
        };
        read.ok_or_else(|| io::Error::other(Interrupted))
    }
}
