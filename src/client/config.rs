//! What a client may be told, under the names of Apache Kafka and librdkafka.

use std::time::Duration;

/// The settings of every connection.
#[derive(Debug, Clone)]
pub struct Config {
    /// `client.id`: what the client calls itself.
    pub client_id: String,
    /// `request.timeout.ms`: how long a response may take.
    pub request_timeout: Duration,
    /// `socket.connection.setup.timeout.ms`: how long connecting may take.
    pub connect_timeout: Duration,
    /// `default.api.timeout.ms`: how long a request is tried again where that may help.
    pub api_timeout: Duration,
    /// `retry.backoff.ms`: how long to wait before the first new try.
    pub backoff: Duration,
    /// `retry.backoff.max.ms`: how long at most before any.
    pub most_backoff: Duration,
    /// `receive.message.max.bytes`: the longest response that is taken.
    pub most_response: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client_id: "ottla".to_owned(),
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            api_timeout: Duration::from_secs(60),
            backoff: Duration::from_millis(100),
            most_backoff: Duration::from_secs(1),
            most_response: 256 << 20,
        }
    }
}

impl Config {
    /// How long to wait after so many tries that failed.
    pub fn backoff_after(&self, tries: u32) -> Duration {
        let doubled = self
            .backoff
            .saturating_mul(1 << tries.saturating_sub(1).min(16));
        doubled.min(self.most_backoff)
    }
}
