//! What clients do to a server that is attacked.

use crate::requests::frame;
use ottla::protocol::ApiKey;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use crate::process::Server;

/// How long one who behaves has to wait at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What clients do.
pub(crate) trait Attack {
    fn connect(&self) -> TcpStream;
    /// Sends a frame on a connection of its own; whether an answer came in time.
    fn ask(&mut self, frame: &[u8], wait: Duration) -> bool;
    /// Creates a topic of one partition, by asking for it.
    fn create_topic(&mut self, name: &str);
    /// One who asks again and again, and wants to be answered.
    fn friend(&self) -> Friend;
}

impl Attack for Server {
    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    fn ask(&mut self, frame: &[u8], wait: Duration) -> bool {
        let mut stream = self.connect();
        stream.write_all(frame).unwrap();
        let answered = answer(&mut stream, wait).is_some();
        self.assert_runs();
        answered
    }

    fn create_topic(&mut self, name: &str) {
        let mut body = vec![0, 0, 0, 1];
        body.extend(i16::try_from(name.len()).unwrap().to_be_bytes());
        body.extend(name.bytes());
        body.push(1);
        assert!(self.ask(&frame(ApiKey::Metadata, 4, &body), PATIENCE));
    }

    fn friend(&self) -> Friend {
        let over = Arc::new(AtomicBool::new(false));
        let (address, seen) = (self.address, Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            // All topics, which makes none.
            let ask = frame(ApiKey::Metadata, 4, &[0xff, 0xff, 0xff, 0xff, 0]);
            let mut asked = 0;
            while !seen.load(Ordering::Relaxed) {
                stream.write_all(&ask).unwrap();
                answer(&mut stream, PATIENCE).expect("one who behaves is answered");
                asked += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            asked
        });
        Friend { over, thread }
    }
}

/// One who behaves.
pub(crate) struct Friend {
    over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Friend {
    pub(crate) fn leave(self) {
        self.over.store(true, Ordering::Relaxed);
        let asked = self.thread.join().expect("one who behaves is not harmed");
        assert!(asked > 0);
    }
}

/// What comes back, without its length; `None` where nothing does in time.
pub(crate) fn answer(stream: &mut TcpStream, wait: Duration) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}
