//! `ottla serve`.

use crate::broker::{BrokerConfig, Endpoint};
use crate::format::properties::Properties;
use crate::host::Host;
use crate::tools::error::{Result, ToolError};
use clap::{CommandFactory as _, Parser, ValueEnum};
use std::path::{Path, PathBuf};

const EXAMPLES: &str =
    "  ottla serve data                                      serve on 127.0.0.1:9092
  ottla serve data --listen 127.0.0.1:0 -X num.partitions=6
";
/// Most bytes of a `server.properties`.
const LARGEST_FILE: u64 = 1 << 20;

/// Serves a data directory to Kafka clients, over TCP.
///
/// The directory is created where it is missing. While it is served nobody else
/// writes to it; everything that clients do is in it in Apache Kafka's own formats, so
/// that Apache Kafka can start on it once the server has stopped.
#[derive(Debug, Clone, Parser)]
#[command(name = "ottla-serve", bin_name = "ottla serve")]
pub struct ServeArgs {
    /// The data directory
    #[arg(value_name = "DATA")]
    data: PathBuf,

    /// Listens here instead of 127.0.0.1:9092; port 0 is any that is free
    #[arg(short, long, value_name = "HOST:PORT")]
    listen: Vec<String>,

    /// Reads this server.properties instead of the one in DATA
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Sets a property by its Apache Kafka name
    #[arg(short = 'X', long = "property", value_name = "NAME=VALUE")]
    properties: Vec<String>,

    /// Serves metrics to Prometheus here, over HTTP, with /health and /ready
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,

    /// Writes a line with the addresses to this descriptor once clients can connect
    #[arg(long, value_name = "FD")]
    ready_fd: Option<u32>,

    /// How the log on standard error reads
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log: LogFormat,

    /// Says nothing but warnings and errors
    #[arg(short, long)]
    quiet: bool,
}

/// How the log reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of text for each event.
    #[default]
    Text,
    /// A JSON object for each event.
    Json,
}

/// Everything `serve` has to know, free of contradictions.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The data directory.
    pub data: PathBuf,
    /// How the server behaves.
    pub config: BrokerConfig,
    /// Where to say that clients can connect.
    pub ready_fd: Option<u32>,
    /// How the log reads.
    pub log: LogFormat,
    /// Whether only warnings and errors are logged.
    pub quiet: bool,
}

/// Its definition.
pub fn command() -> clap::Command {
    super::with_help(ServeArgs::command(), EXAMPLES, &super::texts::SERVE)
}

impl ServeArgs {
    /// Checks everything that can be checked before anything is touched.
    ///
    /// # Errors
    /// A usage error that names the option.
    pub fn validate(self, host: &dyn Host) -> Result<ServeOptions> {
        let mut config = BrokerConfig::default();
        let file = self
            .config
            .clone()
            .unwrap_or_else(|| self.data.join("server.properties"));
        if let Some(properties) = read(host, &file, self.config.is_some())? {
            config
                .read(&properties)
                .map_err(|error| ToolError::usage(format!("{}: {error}", file.display())))?;
        }
        for property in &self.properties {
            let (name, value) = property.split_once('=').ok_or_else(|| {
                ToolError::usage(format!("-X: expected NAME=VALUE, found {property:?}"))
            })?;
            config
                .set(name.trim(), value)
                .map_err(|error| ToolError::usage(format!("-X {error}")))?;
        }
        if !self.listen.is_empty() {
            config.listeners = (self.listen.iter().enumerate())
                .map(|(number, text)| endpoint(number, text))
                .collect::<Result<_>>()?;
        }
        if let Some(text) = &self.metrics {
            config
                .set("ottla.metrics.listener", text)
                .map_err(|_| wrong_address("--metrics", text))?;
        }
        Ok(ServeOptions {
            data: self.data,
            config,
            ready_fd: self.ready_fd,
            log: self.log,
            quiet: self.quiet,
        })
    }
}

fn wrong_address(option: &str, text: &str) -> ToolError {
    ToolError::usage(format!("{option}: expected HOST:PORT, found {text:?}"))
}

fn endpoint(number: usize, text: &str) -> Result<Endpoint> {
    let wrong = || wrong_address("--listen", text);
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Ok(Endpoint {
        listener: match number {
            0 => "PLAINTEXT".to_owned(),
            number => format!("PLAINTEXT{number}"),
        },
        host: host.to_owned(),
        port: port.parse().map_err(|_| wrong())?,
    })
}

fn read(host: &dyn Host, file: &Path, must_exist: bool) -> Result<Option<Properties>> {
    let bytes = match host.read(file, LARGEST_FILE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
            return Ok(None);
        }
        Err(error) => {
            return Err(ToolError::usage(format!(
                "cannot read {}: {error}",
                file.display()
            )));
        }
    };
    Properties::parse("server.properties", &bytes)
        .map(Some)
        .map_err(|error| ToolError::usage(format!("{}: {error}", file.display())))
}
