//! A response on its way: bytes, and parts of files that go from the page cache to
//! the socket.

use super::replica::Slice;
use crate::protocol::{RequestHeader, Response};
use std::io;

/// A response with its frame.
pub(crate) struct Reply {
    /// The frame, but for what the files hold.
    pub(super) bytes: Vec<u8>,
    /// Parts of files, each behind so many of the bytes.
    pub(super) files: Vec<(usize, Slice)>,
}

impl Reply {
    /// An empty body behind the header of the response to a request.
    pub(super) fn to(header: &RequestHeader) -> Self {
        let mut bytes = vec![0; 4];
        header.write_response(&mut bytes);
        Self {
            bytes,
            files: Vec::new(),
        }
    }

    /// The response to a request, whole.
    pub(super) fn of<R: Response>(header: &RequestHeader, response: &R) -> io::Result<Self> {
        let mut reply = Self::to(header);
        response
            .encode(header.version, &mut reply.bytes)
            .map_err(|error| io::Error::other(format!("{}: {error}", header.api)))?;
        reply.seal();
        Ok(reply)
    }

    /// Puts a part of a file behind the bytes that are there.
    pub(super) fn push_file(&mut self, slice: Slice) {
        self.files.push((self.bytes.len(), slice));
    }

    /// Writes the length in front, once all is there.
    pub(super) fn seal(&mut self) {
        let files: usize = self.files.iter().map(|(_, slice)| slice.length).sum();
        let length = self.bytes.len() - 4 + files;
        let length = i32::try_from(length).expect("a response is bounded by what is asked for");
        self.bytes[..4].copy_from_slice(&length.to_be_bytes());
    }
}
