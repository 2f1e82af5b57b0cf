//! Sockets of a client: TCP and Unix, blocking, with timeouts. And the Unix socket of
//! a server, which none but its own user can connect to.

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Where somebody listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A name or an IP address without brackets, and a port.
    Tcp(String, u16),
    /// The path of a socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(out, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(out, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(out),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// `HOST:PORT`; an IPv6 address stands in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("expected HOST:PORT, found `{text}`");
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(bad)?,
            None if host.contains(':') => return Err(bad()),
            None => host,
        };
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| digits && *port > 0);
        match port {
            Some(port) if !host.is_empty() => Ok(Self::Tcp(host.to_owned(), port)),
            _ => Err(bad()),
        }
    }
}

/// One end of a connection. Clones are the same end.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// In this machine.
    Unix(UnixStream),
}

impl Socket {
    /// Connects, to the first of a name's addresses that answers, each within `timeout`.
    pub fn connect(address: &Address, timeout: Duration) -> io::Result<Self> {
        let (host, port) = match address {
            Address::Unix(path) => {
                let short = ShortPath::new(path)?;
                return UnixStream::connect(&short.path).map(Self::Unix);
            }
            Address::Tcp(host, port) => (host.as_str(), *port),
        };
        let mut failed = None;
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self::Tcp(stream));
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| io::Error::other("the name has no address")))
    }

    /// The same end once more, for another thread.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
        }
    }

    /// How long a read, and how long a write, may wait; `None` for ever.
    pub fn set_timeouts(&self, read: Option<Duration>, write: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(read)?;
                stream.set_write_timeout(write)
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(read)?;
                stream.set_write_timeout(write)
            }
        }
    }

    /// Ends the connection for every clone; whoever reads wakes up.
    pub fn shut_down(&self) {
        // What is closed already is as it should be.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&*stream).read(buffer),
            Socket::Unix(stream) => (&*stream).read(buffer),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&*stream).write(bytes),
            Socket::Unix(stream) => (&*stream).write(bytes),
        }
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&*stream).write_vectored(bytes),
            Socket::Unix(stream) => (&*stream).write_vectored(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A Unix socket that is listened at. Connections are taken without waiting.
#[derive(Debug)]
pub struct Listening {
    /// For an event loop.
    pub listener: UnixListener,
    path: PathBuf,
}

impl Listening {
    /// Listens at `path`, in the place of whatever socket stood there. At no moment can
    /// another user connect: the mode is the socket's before it has a name.
    pub fn start(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::UNIX;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        let short = ShortPath::new(path)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(&short.path)?)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self {
            listener: UnixListener::from(socket),
            path: path.to_owned(),
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // One that stays answers nobody, and the next server replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// How many connections may wait to be taken.
const BACKLOG: i32 = 1024;
/// The longest path that the address of a Unix socket holds, its NUL left out.
const MOST_PATH: usize = 107;

/// A path that fits the address of a Unix socket, for as long as this lives.
struct ShortPath {
    path: PathBuf,
    _parent: Option<OwnedFd>,
}

impl ShortPath {
    fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= MOST_PATH {
            return Ok(Self {
                path: path.to_owned(),
                _parent: None,
            });
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = rustix::fs::open(parent, flags, Mode::empty())?;
        let path = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string());
        Ok(Self {
            path: path.join(name),
            _parent: Some(parent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_unix_socket_is_its_owners_and_goes_with_its_server() {
        let root = tempfile::tempdir().unwrap();
        for directory in ["short".to_owned(), "long".repeat(40)] {
            let directory = root.path().join(directory);
            std::fs::create_dir(&directory).unwrap();
            let path = directory.join(".sock");
            // One that nobody listens at any more is replaced.
            std::mem::forget(Listening::start(&path).unwrap());
            let address = Address::Unix(path.clone());
            let listening = Listening::start(&path).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
            let client = Socket::connect(&address, Duration::from_secs(1)).unwrap();
            let (server, _) = listening.listener.accept().unwrap();
            (&client).write_all(b"hello").unwrap();
            let mut heard = [0; 5];
            server.set_nonblocking(false).unwrap();
            (&server).read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"hello");
            drop(listening);
            assert!(!path.exists());
            assert!(Socket::connect(&address, Duration::from_secs(1)).is_err());
        }
    }

    #[test]
    fn addresses() {
        let tcp = |host: &str, port| Ok(Address::Tcp(host.to_owned(), port));
        assert_eq!("localhost:9092".parse(), tcp("localhost", 9092));
        assert_eq!("[::1]:9092".parse(), tcp("::1", 9092));
        assert_eq!(
            tcp("::1", 1).map(|a| a.to_string()),
            Ok::<_, String>("[::1]:1".to_owned())
        );
        for bad in [
            "", "a", ":1", "a:", "a:0", "a:65536", "a:+1", "::1:9", "[::1:9", "[]:9",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
