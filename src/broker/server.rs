//! Listeners, and the life of the server: start, serve, stop.

use super::connection;
use super::metrics;
use super::stream::Stream;
use super::upkeep;
use super::{Broker, BrokerConfig, Endpoint};
use crate::host::Host;
use crate::host::net::Listening;
use crate::log::layout::SOCKET;
use crate::log::{LogError, Result};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long connections get to finish the request that they are at.
const LONGEST_STOP: Duration = Duration::from_secs(30);

/// A server that has begun to listen.
pub struct Running {
    /// Where, in the order of `listeners`.
    pub addresses: Vec<SocketAddr>,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
}

/// Ends when the server is to stop.
pub type Stop = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves the data directory at `path` until `stop` ends. `ready` is told once
/// clients can connect.
///
/// # Errors
/// As [`crate::log::session::Session::serve`]; `Io` where it cannot listen.
pub fn run(
    host: &Arc<dyn Host>,
    path: &Path,
    mut config: BrokerConfig,
    stop: impl FnOnce() -> Stop,
    ready: impl FnOnce(&Running),
) -> Result<()> {
    host.raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(LogError::io("start threads for", path))?;
    let outcome = runtime.block_on(async {
        let (stopping, stopped) = watch::channel(false);
        let (listeners, metrics, running) = listen(path, &mut config).await?;
        let broker = Arc::new(Broker::open(host, path, config, stopped)?);
        // The directory is ours: a socket that stands there is nobody's.
        let near = broker
            .config
            .socket
            .then(|| Listener::near(path))
            .transpose()?;
        let listeners = listeners.into_iter().map(Listener::Tcp);
        // A signal that comes as soon as it is ready must find its handler.
        let stop = stop();
        ready(&running);
        let listeners = listeners.chain(near).collect();
        let stopped = serve(&broker, listeners, metrics, stopping, stop).await;
        let broker = Arc::into_inner(broker).ok_or_else(|| {
            LogError::Invalid(format!(
                "{}: connections did not end in time; the next start recovers",
                path.display()
            ))
        })?;
        stopped.and_then(|()| broker.close())
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Binds the listeners, and tells the configuration which ports they got.
async fn listen(
    path: &Path,
    config: &mut BrokerConfig,
) -> Result<(Vec<TcpListener>, Option<TcpListener>, Running)> {
    let mut listeners = Vec::new();
    let mut addresses = Vec::new();
    for endpoint in &mut config.listeners {
        let (listener, address) = bind(path, endpoint).await?;
        addresses.push(address);
        listeners.push(listener);
    }
    let mut metrics = None;
    let mut running = Running {
        addresses,
        metrics: None,
    };
    if let Some(endpoint) = &mut config.metrics {
        let (listener, address) = bind(path, endpoint).await?;
        running.metrics = Some(address);
        metrics = Some(listener);
    }
    Ok((listeners, metrics, running))
}

/// Binds one, and tells it which port it got.
async fn bind(path: &Path, endpoint: &mut Endpoint) -> Result<(TcpListener, SocketAddr)> {
    let host = match endpoint.host.as_str() {
        "" => "0.0.0.0",
        host => host,
    };
    let listener = TcpListener::bind((host, endpoint.port))
        .await
        .map_err(LogError::io("listen for clients of", path))?;
    let address = listener
        .local_addr()
        .map_err(LogError::io("listen for clients of", path))?;
    endpoint.port = address.port();
    Ok((listener, address))
}

impl BrokerConfig {
    /// Where clients of a listener are told to find this node.
    pub(crate) fn advertised(&self, listener: usize) -> Endpoint {
        let own = &self.listeners[listener];
        let told = self
            .advertised
            .iter()
            .find(|endpoint| endpoint.listener == own.listener);
        let mut endpoint = told.unwrap_or(own).clone();
        if endpoint.port == 0 {
            endpoint.port = own.port;
        }
        if endpoint.host.is_empty() || endpoint.host == "0.0.0.0" {
            endpoint.host = "localhost".to_owned();
        }
        endpoint
    }
}

async fn serve(
    broker: &Arc<Broker>,
    listeners: Vec<Listener>,
    metrics: Option<TcpListener>,
    stopping: watch::Sender<bool>,
    stop: Stop,
) -> Result<()> {
    let stopped = &broker.stopping;
    let mut accepting = JoinSet::new();
    let open = Arc::new(AtomicUsize::new(0));
    for (number, listener) in listeners.into_iter().enumerate() {
        let broker = Arc::clone(broker);
        // Tools that come through the directory need no address.
        let number = match listener {
            Listener::Tcp(_) => number,
            Listener::Near { .. } => 0,
        };
        accepting.spawn(accept(
            broker,
            listener,
            number,
            Arc::clone(&open),
            stopped.clone(),
        ));
    }
    if let Some(listener) = metrics {
        let broker = Arc::clone(broker);
        accepting.spawn(metrics::serve(broker, listener, stopped.clone()));
    }
    accepting.spawn(upkeep::run(Arc::clone(broker), stopped.clone()));
    let timer = {
        let (broker, stop) = (Arc::clone(broker), stopped.clone());
        tokio::spawn(async move { broker.keep_group_time(stop).await })
    };
    let transactions = {
        let (broker, stop) = (Arc::clone(broker), stopped.clone());
        tokio::spawn(async move { broker.keep_transaction_time(stop).await })
    };
    let shares = {
        let (broker, stop) = (Arc::clone(broker), stopped.clone());
        tokio::spawn(async move { broker.keep_share_time(stop).await })
    };
    stop.await;
    let _ = stopping.send(true);
    let _ = timer.await;
    let _ = transactions.await;
    let _ = shares.await;
    let all_done = async { while accepting.join_next().await.is_some() {} };
    if tokio::time::timeout(LONGEST_STOP, all_done).await.is_err() {
        accepting.shutdown().await;
    }
    Ok(())
}

/// Where connections come from.
enum Listener {
    /// A listener of the configuration.
    Tcp(TcpListener),
    /// The socket in the data directory. Its file is there as long as this is, which
    /// ends before the directory is given back.
    Near {
        listener: UnixListener,
        _file: Listening,
    },
}

impl Listener {
    fn near(data: &Path) -> Result<Self> {
        let path = data.join(SOCKET);
        let listen = || {
            let listening = Listening::start(&path)?;
            let listener = UnixListener::from_std(listening.listener.try_clone()?)?;
            Ok(Self::Near {
                listener,
                _file: listening,
            })
        };
        listen().map_err(LogError::io("listen at", &path))
    }

    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), peer))
            }
            Self::Near { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }
}

/// Takes connections until the server stops, and waits for them to end then.
async fn accept(
    broker: Arc<Broker>,
    listener: Listener,
    number: usize,
    open: Arc<AtomicUsize>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.changed() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((_, peer)) if open.load(Ordering::Relaxed) >= broker.most_connections() => {
                broker.counters.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%peer, "refused: max.connections are open");
            }
            Ok((stream, peer)) => {
                let (broker, stop) = (Arc::clone(&broker), stop.clone());
                let open = Arc::clone(&open);
                open.fetch_add(1, Ordering::Relaxed);
                broker.counters.accepted.fetch_add(1, Ordering::Relaxed);
                broker.counters.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(async move {
                    connection::serve(stream, Arc::clone(&broker), peer, number, stop).await;
                    broker.counters.connections.fetch_sub(1, Ordering::Relaxed);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: it passes when clients leave.
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
