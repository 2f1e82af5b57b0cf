//! Headers of requests and responses.

use super::api::ApiKey;
use crate::format::bytes::{Reader, put_uvarint};
use crate::format::{FormatError, Result};

/// The header of a request whose API is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// What is asked.
    pub api: ApiKey,
    /// In which version; possibly one that is not known.
    pub version: i16,
    /// What the response repeats.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// Reads the header in front of a request; and how many bytes it takes. The
    /// header of a version that is not known is read as that of the latest.
    ///
    /// # Errors
    /// Where the API is not known or the bytes are no header.
    pub fn read(frame: &[u8]) -> Result<(Self, usize)> {
        let mut reader = Reader::new(frame);
        let key = reader.i16("API key")?;
        let version = reader.i16("API version")?;
        let correlation_id = reader.i32("correlation id")?;
        let api = ApiKey::from_key(key)
            .ok_or_else(|| FormatError::corrupt("API key", 0, "a known one", key.to_string()))?;
        let client_id = reader.nullable_string("client id")?.map(str::to_owned);
        if api.is_request_flexible(version) {
            reader.tagged_fields(|_, _| Ok(()))?;
        }
        let header = Self {
            api,
            version,
            correlation_id,
            client_id,
        };
        Ok((header, reader.position()))
    }

    /// Whether Apache Kafka 4.3.1 knows the version.
    pub fn is_known_version(&self) -> bool {
        self.api.versions().contains(&self.version)
    }

    /// Appends it, as a client does.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.api.key().to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.correlation_id.to_be_bytes());
        match &self.client_id {
            None => out.extend_from_slice(&(-1_i16).to_be_bytes()),
            Some(id) => {
                // Longer names than a string can hold are cut, at a character.
                let end = id.floor_char_boundary(i16::MAX as usize);
                out.extend_from_slice(&(end as i16).to_be_bytes());
                out.extend_from_slice(&id.as_bytes()[..end]);
            }
        }
        if self.api.is_request_flexible(self.version) {
            put_uvarint(out, 0);
        }
    }

    /// Appends the header of the response to it.
    pub fn write_response(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.correlation_id.to_be_bytes());
        if self.api.has_tagged_response_header(self.version) {
            put_uvarint(out, 0);
        }
    }

    /// Reads the header in front of the response to it; and how many bytes it takes.
    ///
    /// # Errors
    /// Where it belongs to another request.
    pub fn read_response(&self, frame: &[u8]) -> Result<usize> {
        let mut reader = Reader::new(frame);
        let id = reader.i32("correlation id")?;
        if id != self.correlation_id {
            return Err(FormatError::corrupt(
                "correlation id",
                0,
                self.correlation_id.to_string(),
                id.to_string(),
            ));
        }
        if self.api.has_tagged_response_header(self.version) {
            reader.tagged_fields(|_, _| Ok(()))?;
        }
        Ok(reader.position())
    }
}
