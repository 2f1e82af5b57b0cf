//! Standard output without a buffer of its own: the tools write in pieces of
//! their own size.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Standard output, unbuffered.
pub struct Stdout(File);

/// Opens standard output.
pub fn stdout() -> io::Result<Stdout> {
    Ok(Stdout(File::from(
        io::stdout().as_fd().try_clone_to_owned()?,
    )))
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
