//! One connection to one server: frames, versions, requests in flight.
//!
//! Invariants: responses come in the order of the requests; a version is chosen
//! from what both sides know; nothing is read that is longer than the settings
//! allow. After an error that [`ClientError::is_broken`] tells, the connection is of
//! no more use.
//!
//! Source: KIP-35, KIP-511.

use super::config::Config;
use super::error::{ClientError, Result};
use crate::format::FormatError;
use crate::host::net::{Address, Socket};
use crate::protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse,
};
use crate::protocol::{ApiKey, ErrorCode, Request, RequestHeader, Response};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

/// A response with the bytes that it was read from.
#[derive(Debug)]
pub struct Answer<T> {
    /// The response.
    pub message: T,
    frame: Vec<u8>,
    body: usize,
}

impl<T> Answer<T> {
    /// The body, which [`crate::protocol::messages::Records`] point into.
    pub fn body(&self) -> &[u8] {
        &self.frame[self.body..]
    }

    /// Takes the parts: the message, the frame, and where in it the body begins.
    pub fn into_parts(self) -> (T, Vec<u8>, usize) {
        (self.message, self.frame, self.body)
    }
}

/// A connection whose versions are agreed on.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    client_id: String,
    timeout: Duration,
    versions: BTreeMap<ApiKey, (i16, i16)>,
    features: BTreeMap<String, i16>,
    next_id: i32,
    in_flight: VecDeque<RequestHeader>,
    out: Vec<u8>,
}

/// The reading side: frames.
#[derive(Debug)]
pub struct Wire {
    address: Address,
    socket: Socket,
    most: usize,
    timeout: Option<Duration>,
}

impl Connection {
    /// Connects and asks for the versions.
    pub fn open(address: &Address, config: &Config) -> Result<Self> {
        let connect = |source| ClientError::Connect {
            address: address.clone(),
            source,
        };
        let socket = Socket::connect(address, config.connect_timeout).map_err(connect)?;
        let timeout = config.request_timeout;
        socket
            .set_timeouts(Some(timeout), Some(timeout))
            .map_err(connect)?;
        let mut connection = Self {
            wire: Wire {
                address: address.clone(),
                socket,
                most: config.most_response,
                timeout: Some(timeout),
            },
            client_id: config.client_id.clone(),
            timeout,
            versions: BTreeMap::new(),
            features: BTreeMap::new(),
            next_id: 0,
            in_flight: VecDeque::new(),
            out: Vec::new(),
        };
        connection.negotiate()?;
        Ok(connection)
    }

    fn negotiate(&mut self) -> Result<()> {
        let request = ApiVersionsRequest {
            client_software_name: "ottla".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        let mut version = *ApiKey::ApiVersions.versions().end();
        loop {
            self.send(&request, version)?;
            let header = self.expect_header::<ApiVersionsRequest>();
            let frame = self.wire.frame(ApiKey::ApiVersions)?;
            let body = self.strip(&header, &frame)?;
            match ApiVersionsResponse::decode(&frame[body..], version) {
                Ok(response) => {
                    let code = ErrorCode::from_code(response.error_code);
                    // Some servers know the newest layout and refuse it all the same.
                    if code == ErrorCode::UnsupportedVersion && version > 0 {
                        version = lower(version, &response.api_keys);
                        continue;
                    }
                    self.check(ApiKey::ApiVersions, response.error_code, "", None)?;
                    self.note(&response.api_keys);
                    let features = response.finalized_features.into_iter();
                    self.features = features
                        .map(|feature| (feature.name, feature.max_version_level))
                        .collect();
                    return Ok(());
                }
                // A server that does not know the version answers in version 0.
                Err(error) if version > 0 => {
                    let Ok(response) = ApiVersionsResponse::decode(&frame[body..], 0) else {
                        return Err(self.format(ApiKey::ApiVersions)(error));
                    };
                    if response.error_code != ErrorCode::UnsupportedVersion.code() {
                        return Err(self.format(ApiKey::ApiVersions)(error));
                    }
                    version = lower(version, &response.api_keys);
                }
                Err(error) => return Err(self.format(ApiKey::ApiVersions)(error)),
            }
        }
    }

    fn note(&mut self, keys: &[ApiVersion]) {
        for key in keys {
            if let Some(api) = ApiKey::from_key(key.api_key) {
                self.versions
                    .insert(api, (key.min_version, key.max_version));
            }
        }
    }

    /// The level of a feature of the cluster; 0 where it is not known.
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// Whose connection it is.
    pub const fn address(&self) -> &Address {
        &self.wire.address
    }

    /// The highest version that both sides know, from `least` to `most`.
    pub fn version_within(&self, api: ApiKey, least: i16, most: i16) -> Result<i16> {
        let ours = api.versions();
        let (least, most) = (least.max(*ours.start()), most.min(*ours.end()));
        let has = self.versions.get(&api).copied();
        match has {
            Some((low, high)) if low <= most && high >= least => Ok(most.min(high)),
            _ => Err(ClientError::Unsupported {
                address: self.address().clone(),
                api,
                least,
                most,
                has,
            }),
        }
    }

    /// The highest version that both sides know.
    pub fn version(&self, api: ApiKey) -> Result<i16> {
        self.version_within(api, 0, i16::MAX)
    }

    /// Whether the server has an API at all.
    pub fn has(&self, api: ApiKey) -> bool {
        self.version(api).is_ok()
    }

    /// Sends a request and waits for its response; no other may be in flight.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        Ok(self.ask(request, version)?.message)
    }

    /// As [`Connection::call`], with the bytes.
    pub fn ask<R: Request>(&mut self, request: &R, version: i16) -> Result<Answer<R::Response>> {
        debug_assert!(self.in_flight.is_empty(), "the next response is another's");
        self.send(request, version)?;
        self.receive::<R>()
    }

    /// Sends a request without waiting for its response; which id it has.
    pub fn send<R: Request>(&mut self, request: &R, version: i16) -> Result<i32> {
        let header = self.write(request, version)?;
        let id = header.correlation_id;
        self.in_flight.push_back(header);
        Ok(id)
    }

    /// Sends a request that is not answered.
    pub fn send_only<R: Request>(&mut self, request: &R, version: i16) -> Result<()> {
        self.write(request, version).map(|_| ())
    }

    fn write<R: Request>(&mut self, request: &R, version: i16) -> Result<RequestHeader> {
        let header = RequestHeader {
            api: R::KEY,
            version,
            correlation_id: self.next_id,
            client_id: Some(self.client_id.clone()),
        };
        self.next_id = self.next_id.checked_add(1).unwrap_or(0);
        self.out.clear();
        self.out.extend_from_slice(&[0; 4]);
        header.write(&mut self.out);
        let encoded = request.encode(version, &mut self.out);
        encoded.map_err(self.format(R::KEY))?;
        let size = i32::try_from(self.out.len() - 4).map_err(|_| {
            let found = FormatError::unencodable("request", "less than 2 GiB", "more");
            self.format(R::KEY)(found)
        })?;
        self.out[..4].copy_from_slice(&size.to_be_bytes());
        let written = (&self.wire.socket).write_all(&self.out);
        written.map_err(|source| self.wire.broken(R::KEY, source))?;
        Ok(header)
    }

    /// Waits for the response to the oldest request in flight, which must be an `R`.
    pub fn receive<R: Request>(&mut self) -> Result<Answer<R::Response>> {
        let header = self.expect_header::<R>();
        let frame = self.wire.frame(R::KEY)?;
        self.open_frame::<R>(&header, frame)
    }

    /// Reads a frame that came by another way as the response to the oldest request
    /// in flight.
    pub fn accept<R: Request>(&mut self, frame: Vec<u8>) -> Result<Answer<R::Response>> {
        let header = self.expect_header::<R>();
        self.open_frame::<R>(&header, frame)
    }

    fn open_frame<R: Request>(
        &self,
        header: &RequestHeader,
        frame: Vec<u8>,
    ) -> Result<Answer<R::Response>> {
        let body = self.strip(header, &frame)?;
        let message = R::Response::decode(&frame[body..], header.version);
        Ok(Answer {
            message: message.map_err(self.format(R::KEY))?,
            frame,
            body,
        })
    }

    fn expect_header<R: Request>(&mut self) -> RequestHeader {
        let header = self.in_flight.pop_front().expect("a request is in flight");
        assert_eq!(
            header.api,
            R::KEY,
            "responses come in the order of requests"
        );
        header
    }

    fn strip(&self, header: &RequestHeader, frame: &[u8]) -> Result<usize> {
        header.read_response(frame).map_err(self.format(header.api))
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The reading side for a thread of its own, which waits for ever. From then on
    /// only [`Connection::send`] and [`Connection::accept`] may be used.
    pub fn reader(&mut self) -> Result<Wire> {
        let api = ApiKey::ApiVersions;
        let cloned = self.wire.socket.try_clone();
        let socket = cloned.map_err(|source| self.wire.broken(api, source))?;
        socket
            .set_timeouts(None, Some(self.timeout))
            .map_err(|source| self.wire.broken(api, source))?;
        Ok(Wire {
            address: self.address().clone(),
            socket,
            most: self.wire.most,
            timeout: None,
        })
    }

    /// Lets responses take longer, for requests that wait at the server.
    pub fn allow(&mut self, wait: Duration) -> Result<()> {
        let timeout = self.timeout + wait;
        if self.wire.timeout == Some(timeout) {
            return Ok(());
        }
        self.wire.timeout = Some(timeout);
        let set = self
            .wire
            .socket
            .set_timeouts(Some(timeout), Some(self.timeout));
        set.map_err(|source| self.wire.broken(ApiKey::ApiVersions, source))
    }

    /// Ends the connection; a reader wakes up.
    pub fn shut_down(&self) {
        self.wire.socket.shut_down();
    }

    /// An error where the server said one.
    pub fn check(&self, api: ApiKey, code: i16, about: &str, words: Option<&str>) -> Result<()> {
        match ErrorCode::from_code(code) {
            ErrorCode::None => Ok(()),
            code => Err(ClientError::Refused {
                address: self.address().clone(),
                api,
                about: about.to_owned(),
                code,
                words: words.map(str::to_owned),
            }),
        }
    }

    fn format(&self, api: ApiKey) -> impl FnOnce(FormatError) -> ClientError + use<> {
        let address = self.address().clone();
        move |source| ClientError::Format {
            address,
            api,
            source,
        }
    }
}

/// What to ask in after a version was refused.
fn lower(refused: i16, keys: &[ApiVersion]) -> i16 {
    let named = keys
        .iter()
        .find(|key| key.api_key == ApiKey::ApiVersions.key())
        .map(|key| key.max_version);
    match named {
        Some(named) if (0..refused).contains(&named) => named,
        _ => 0,
    }
}

impl Wire {
    /// The next frame, without its size.
    ///
    /// # Errors
    /// Where none comes, or it is too long.
    pub fn frame(&mut self, api: ApiKey) -> Result<Vec<u8>> {
        let mut size = [0; 4];
        self.read(&mut size, api)?;
        let size = i32::from_be_bytes(size);
        let length = usize::try_from(size).ok().filter(|size| *size <= self.most);
        let Some(length) = length else {
            return Err(ClientError::TooLarge {
                address: self.address.clone(),
                api,
                found: i64::from(size),
                most: self.most,
            });
        };
        let mut frame = vec![0; length];
        self.read(&mut frame, api)?;
        Ok(frame)
    }

    fn read(&self, buffer: &mut [u8], api: ApiKey) -> Result<()> {
        let read = (&self.socket).read_exact(buffer);
        read.map_err(|source| self.broken(api, source))
    }

    fn broken(&self, api: ApiKey, source: io::Error) -> ClientError {
        let address = self.address.clone();
        match source.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => ClientError::Closed { address, api },
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientError::TimedOut {
                address,
                api,
                waited: self.timeout.unwrap_or_default(),
            },
            _ => ClientError::Io {
                address,
                api,
                source,
            },
        }
    }
}
