//! The server's end of a connection: over TCP, or over the Unix socket in the data
//! directory. Nothing else in the server tells the two apart.

use crate::host::{File, send_file};
use std::io;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

/// One end.
pub(super) enum Stream {
    /// Of a client anywhere.
    Tcp(TcpStream),
    /// Of a tool of the same user on this machine.
    Unix(UnixStream),
}

impl Stream {
    /// Sends what is written at once.
    pub(super) fn hurry(&self) {
        if let Self::Tcp(stream) = self {
            // Slower without, and no worse.
            let _ = stream.set_nodelay(true);
        }
    }

    /// Waits until something can be read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    /// Waits until something can be written.
    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    /// Reads what there is; `WouldBlock` where there is nothing.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
        }
    }

    /// Writes what there is room for; `WouldBlock` where there is none.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// Sends bytes of a file as soon as there is room: how many it took.
    pub(super) async fn send_file(
        &self,
        file: &dyn File,
        position: u64,
        length: usize,
    ) -> io::Result<usize> {
        let room = Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => {
                let send = || send_file(file, stream, position, length);
                stream.async_io(room, send).await
            }
            Self::Unix(stream) => {
                let send = || send_file(file, stream, position, length);
                stream.async_io(room, send).await
            }
        }
    }
}
