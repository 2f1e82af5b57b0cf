//! One client's connection: frames in, responses out, one request after the other.
//!
//! Kafka promises that responses come in the order of the requests. Here a request is
//! not even read before the one in front of it is answered; what a client sends ahead
//! waits in the socket, which is all the back pressure there is. A connection that is
//! idle holds no buffer.

use super::Broker;
use super::handlers::{Call, Outcome, dispatch};
use super::reply::Reply;
use super::stream::Stream;
use crate::log::validate::Validator;
use crate::protocol::RequestHeader;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What a read asks for at least.
const READ: usize = 16 << 10;
/// Buffers that are larger, or more in number, are not kept.
const LARGEST_KEPT: usize = 2 << 20;
const MOST_KEPT: usize = 8;
/// The length and the least that a header has.
const LENGTH: usize = 4;
const LEAST_FRAME: usize = 8;

/// Memory that connections hand on to each other.
#[derive(Default)]
pub(super) struct Buffers {
    bytes: Mutex<Vec<Vec<u8>>>,
    validators: Mutex<Vec<Validator>>,
}

impl Buffers {
    fn take(&self) -> Vec<u8> {
        let kept = lock(&self.bytes).pop();
        kept.unwrap_or_else(|| vec![0; READ])
    }

    fn give(&self, bytes: Vec<u8>) {
        let mut kept = lock(&self.bytes);
        if bytes.len() <= LARGEST_KEPT && kept.len() < MOST_KEPT {
            kept.push(bytes);
        }
    }

    /// Lends the memory that a check of batches takes.
    pub(super) fn validate<T>(&self, work: impl FnOnce(&mut Validator) -> T) -> T {
        let mut validator = lock(&self.validators).pop().unwrap_or_default();
        let outcome = work(&mut validator);
        let mut kept = lock(&self.validators);
        if kept.len() < MOST_KEPT && validator.memory() <= LARGEST_KEPT {
            kept.push(validator);
        }
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves a connection until the client leaves, the server stops, or one of them does
/// what it may not.
pub(super) async fn serve(
    stream: Stream,
    broker: Arc<Broker>,
    peer: SocketAddr,
    listener: usize,
    stop: watch::Receiver<bool>,
) {
    // Responses are whole when they are written: nothing is gained by waiting.
    stream.hurry();
    let counters = Arc::clone(&broker);
    let mut connection = Connection {
        inbox: Inbox::new(Arc::clone(&broker)),
        stream,
        broker,
        peer,
        listener,
        stop,
        number: counters.shares.new_connection(),
    };
    let outcome = connection.run().await;
    tokio::task::block_in_place(|| counters.end_share_session_of(connection.number));
    match outcome {
        Ok(()) => tracing::debug!(%peer, "closed"),
        Err(error) if is_hang_up(&error) => tracing::debug!(%peer, %error, "closed"),
        Err(error) => {
            let broken = &counters.counters.broken;
            broken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tracing::warn!(%peer, %error, "connection closed");
        }
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
    )
}

struct Connection {
    stream: Stream,
    broker: Arc<Broker>,
    peer: SocketAddr,
    listener: usize,
    stop: watch::Receiver<bool>,
    inbox: Inbox,
    /// Tells it from all others.
    number: u64,
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        while let Some(size) = self.next_frame().await? {
            let frame = self.inbox.frame(size);
            let (header, length) = RequestHeader::read(frame).map_err(io::Error::other)?;
            let call = Call {
                broker: &self.broker,
                header: &header,
                listener: self.listener,
                peer: self.peer,
                connection: self.number,
            };
            let began = self.broker.host.monotonic();
            let outcome = dispatch(&call, &mut frame[length..]).await;
            let took = self.broker.host.monotonic().saturating_sub(began);
            self.broker.counters.answered(header.api, took);
            self.inbox.pass(size);
            match outcome {
                Outcome::Reply(reply) => self.write(&reply).await?,
                Outcome::Silence => {}
                Outcome::Close(reason) => {
                    return Err(io::Error::other(format!(
                        "{} v{} of {}: {reason}",
                        header.api,
                        header.version,
                        header.client_id.as_deref().unwrap_or("-"),
                    )));
                }
            }
        }
        Ok(())
    }

    /// Waits for the next frame to be whole in the inbox: its size, or `None` where
    /// the client or the server has ended.
    async fn next_frame(&mut self) -> io::Result<Option<usize>> {
        loop {
            let most = self.broker.config.request_max_bytes;
            let needed = match self.inbox.size() {
                None => LENGTH,
                Some(size) if !(LEAST_FRAME as i64..=most as i64).contains(&i64::from(size)) => {
                    return Err(io::Error::other(format!(
                        "expected a request of {LEAST_FRAME} to {most} bytes (socket.request.max.bytes), found one of {size}"
                    )));
                }
                Some(size) if self.inbox.len() >= LENGTH + size as usize => {
                    return Ok(Some(size as usize));
                }
                Some(size) => LENGTH + size as usize,
            };
            match self.inbox.fill(&self.stream, needed) {
                Ok(0) if self.inbox.is_empty() => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            self.inbox.rest();
            let idle = Duration::from_millis(self.broker.config.idle_ms);
            tokio::select! {
                biased;
                ready = timeout(idle, self.stream.readable()) => match ready {
                    Ok(ready) => ready?,
                    Err(_) if self.inbox.is_empty() => return Ok(None),
                    Err(_) => return Err(io::Error::other("a request was not finished in connections.max.idle.ms")),
                },
                _ = self.stop.changed() => return Ok(None),
            }
        }
    }

    async fn write(&self, reply: &Reply) -> io::Result<()> {
        let idle = Duration::from_millis(self.broker.config.idle_ms);
        timeout(idle, self.write_all(reply))
            .await
            .unwrap_or_else(|_| {
                Err(io::Error::other(
                    "a response was not read in connections.max.idle.ms",
                ))
            })
    }

    async fn write_all(&self, reply: &Reply) -> io::Result<()> {
        let mut written = 0;
        for (at, slice) in &reply.files {
            self.write_bytes(&reply.bytes[written..*at]).await?;
            written = *at;
            let (mut position, mut left) = (slice.position, slice.length);
            while left > 0 {
                let sent = self.stream.send_file(&*slice.file, position, left).await?;
                if sent == 0 {
                    return Err(io::Error::other(
                        "a segment became shorter while it was sent",
                    ));
                }
                position += sent as u64;
                left -= sent;
            }
        }
        self.write_bytes(&reply.bytes[written..]).await
    }

    async fn write_bytes(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What came and was not looked at yet.
struct Inbox {
    broker: Arc<Broker>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    const fn new(broker: Arc<Broker>) -> Self {
        Self {
            broker,
            bytes: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    const fn len(&self) -> usize {
        self.end - self.start
    }

    const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of the next frame, once it is there.
    fn size(&self) -> Option<i32> {
        let length = self.bytes[self.start..self.end].first_chunk::<LENGTH>()?;
        Some(i32::from_be_bytes(*length))
    }

    /// The next frame, which is there.
    fn frame(&mut self, size: usize) -> &mut [u8] {
        let start = self.start + LENGTH;
        &mut self.bytes[start..start + size]
    }

    /// Goes on behind a frame.
    fn pass(&mut self, size: usize) {
        self.start += LENGTH + size;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads what there is, with room for `needed` bytes from the start of the frame.
    fn fill(&mut self, stream: &Stream, needed: usize) -> io::Result<usize> {
        if self.bytes.is_empty() {
            self.bytes = self.broker.buffers.take();
        }
        if self.bytes.len() - self.start < needed {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
            if self.bytes.len() < needed {
                // What a length promises makes room only as it comes.
                let grown = needed.min((self.bytes.len() * 2).max(1 << 20));
                if self.end == self.bytes.len() || grown == needed {
                    self.bytes.resize(grown, 0);
                }
            }
        }
        let count = stream.try_read(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// Gives the buffer away while there is nothing in it.
    fn rest(&mut self) {
        if self.is_empty() && !self.bytes.is_empty() {
            self.broker.buffers.give(std::mem::take(&mut self.bytes));
            (self.start, self.end) = (0, 0);
        }
    }
}
