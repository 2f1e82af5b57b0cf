//! Saying that a server is ready: to a descriptor it was started with, and to the
//! service manager.

use std::io::{self, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Writes to a descriptor that this process was started with.
///
/// # Errors
/// Where it is not open for writing.
pub fn write_to(descriptor: u32, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{descriptor}"))?;
    file.write_all(text.as_bytes())
}

/// Tells a service manager, where one asked for it: `READY=1` to `NOTIFY_SOCKET`.
///
/// # Errors
/// Where the socket that it named cannot be reached.
pub fn notify_system() -> io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let bytes = path.as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(b"READY=1\n", &address)?;
    Ok(())
}
