//! Reading standard input so that something else can end the wait.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Reads standard input into `buffer`: how many bytes it read, 0 at its end.
/// `None` as soon as there is something to read from `wake`; nothing of standard
/// input is taken then. Nothing else may buffer standard input.
pub fn read_stdin(wake: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let stdin = io::stdin();
    loop {
        let mut ready = [
            PollFd::new(&wake, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) if !ready[0].revents().is_empty() => return Ok(None),
            Ok(_) | Err(Errno::INTR) if ready[1].revents().is_empty() => continue,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        match rustix::io::read(&stdin, &mut *buffer) {
            Ok(read) => return Ok(Some(read)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a read of standard input would return at once, waiting at most
/// `timeout` for that.
pub fn stdin_is_ready(timeout: Duration) -> bool {
    let limit = Timespec {
        tv_sec: timeout.as_secs().cast_signed(),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    };
    let stdin = io::stdin();
    // What cannot be waited for is left to the read to report.
    poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&limit)).map_or(true, |count| count > 0)
}
