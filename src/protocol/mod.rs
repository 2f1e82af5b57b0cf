//! The Kafka protocol: frames, the table of APIs and versions, error codes, and the
//! messages themselves.
//!
//! ```text
//! frame     i32 size of what follows; header; body
//! request   header v1: i16 API key, i16 version, i32 correlation id, nullable string
//!           client id; v2, where the request is flexible: the same and tagged fields
//! response  header v0: i32 correlation id; v1, where the response is flexible: the same
//!           and tagged fields. A response to ApiVersions always has header v0.
//! ```
//!
//! Messages are declared with the same `schema!` as Kafka's records, so counts and
//! lengths are bounded by the bytes that are there before they make room for anything.
//!
//! Source: KIP-482, KIP-511; `RequestHeader.json`, `ResponseHeader.json` of Apache
//! Kafka 4.3.1.

mod api;
mod error_code;
mod header;
pub mod messages;
#[cfg(test)]
mod tests;

pub use api::{ApiKey, Request, Response};
pub use error_code::ErrorCode;
pub use header::RequestHeader;

use crate::format::Result;
use crate::format::bytes::Reader;
use crate::format::schema::Message;

/// The most bytes that a request's header may take: its numbers, a client id of the
/// longest string, and a few tagged fields.
pub const LONGEST_HEADER: usize = 64 << 10;

/// Decodes the body of a message. What follows it is ignored, as by Apache Kafka:
/// librdkafka appends three bytes to a `Metadata` request of version 13.
///
/// # Errors
/// Where it does not follow the schema of `version`.
pub(crate) fn decode<M: Message>(body: &[u8], version: i16) -> Result<M> {
    let mut reader = Reader::new(body);
    M::read(&mut reader, M::layout(version), "message")
}

/// Appends the body of a message.
///
/// # Errors
/// Where `version` cannot hold a value.
pub(crate) fn encode<M: Message>(message: &M, version: i16, out: &mut Vec<u8>) -> Result<()> {
    message.write(out, M::layout(version), "message")
}
