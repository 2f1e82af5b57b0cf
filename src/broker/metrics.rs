//! Metrics for Prometheus, and whether the server is well, over HTTP on an address of
//! its own.
//!
//! The names are those that the Prometheus JMX exporter gives to Apache Kafka's metrics
//! with the rules that it is shipped with, so that dashboards for Kafka work; what only
//! this server has begins with `ottla_`.

use super::Broker;
use crate::log::image::PartitionState;
use crate::log::layout::TopicPartition;
use crate::log::retention::extents;
use crate::protocol::ApiKey;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Above the keys of all APIs.
const APIS: usize = 128;
/// The most bytes of an HTTP request, and how long it may take.
const LARGEST_REQUEST: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that ask at once.
const MOST_ASKERS: usize = 16;

/// What is counted as it happens.
pub(super) struct Counters {
    requests: [Requests; APIS],
    pub(super) connections: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) broken: AtomicU64,
}

#[derive(Default)]
struct Requests {
    count: AtomicU64,
    micros: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            requests: std::array::from_fn(|_| Requests::default()),
            connections: AtomicU64::default(),
            accepted: AtomicU64::default(),
            refused: AtomicU64::default(),
            broken: AtomicU64::default(),
        }
    }
}

impl Counters {
    /// A request was answered, in so much time.
    pub(super) fn answered(&self, api: ApiKey, took: Duration) {
        let at = usize::try_from(api.key()).unwrap_or_default();
        if let Some(requests) = self.requests.get(at) {
            requests.count.fetch_add(1, Ordering::Relaxed);
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            requests.micros.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

/// Answers whoever asks, until the server stops.
pub(super) async fn serve(
    broker: Arc<Broker>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let mut askers = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.changed() => break,
            accepted = listener.accept() => accepted,
        };
        while askers.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Whoever comes while so many wait is sent away.
        if askers.len() < MOST_ASKERS {
            let broker = Arc::clone(&broker);
            askers.spawn(tokio::time::timeout(PATIENCE, async move {
                let _ = answer(&broker, stream).await;
            }));
        }
    }
    askers.shutdown().await;
}

async fn answer(broker: &Arc<Broker>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        if count == 0 || request.len() > LARGEST_REQUEST {
            return Ok(());
        }
        request.extend_from_slice(&piece[..count]);
    }
    let line = request.split(|byte| *byte == b'\r').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
    let mut words = line.split(' ');
    let (method, path) = (words.next(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        (Some("GET" | "HEAD"), "/metrics") => {
            let text = tokio::task::block_in_place(|| render(broker));
            ("200 OK", text)
        }
        (Some("GET" | "HEAD"), "/health") => ("200 OK", "ok\n".to_owned()),
        (Some("GET" | "HEAD"), "/ready") if *broker.stopping.borrow() => {
            ("503 Service Unavailable", "stopping\n".to_owned())
        }
        (Some("GET" | "HEAD"), "/ready") => ("200 OK", "ready\n".to_owned()),
        (Some("GET" | "HEAD"), _) => (
            "404 Not Found",
            "expected /metrics, /health or /ready\n".to_owned(),
        ),
        _ => ("405 Method Not Allowed", "expected GET\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if method != Some("HEAD") {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

/// The text that Prometheus reads.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(self.0, "{open}{label}=\"{}\"", text.replace('\n', "\\n"));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

fn render(broker: &Broker) -> String {
    let mut text = Text(String::new());
    server(broker, &mut text);
    requests(broker, &mut text);
    topics(broker, &mut text);
    partitions(broker, &mut text);
    text.0
}

fn server(broker: &Broker, text: &mut Text) {
    let image = broker.image();
    let partitions = || image.topics().values().flat_map(|topic| &topic.partitions);
    let is_here = |state: &PartitionState| state.replicas.contains(&broker.node);
    let here = partitions().filter(|(_, state)| is_here(state)).count();
    let all = partitions().count();
    let controller = "kafka_controller_kafkacontroller";
    let replicas = "kafka_server_replicamanager";
    #[rustfmt::skip]
    let gauges = [
        ("kafka_server_kafkaserver", "brokerstate", 3, "3: the server runs."),
        (controller, "activecontrollercount", 1, "Whether this node is the controller."),
        (controller, "activebrokercount", 1, "Brokers that serve."),
        (controller, "globaltopiccount", image.topics().len(), "Topics."),
        (controller, "globalpartitioncount", all, "Partitions."),
        (controller, "offlinepartitionscount", all - here, "Partitions that nobody leads."),
        (replicas, "partitioncount", here, "Partitions with a replica here."),
        (replicas, "leadercount", here, "Partitions led from here."),
        (replicas, "underreplicatedpartitions", 0, "Partitions led from here with replicas that lag."),
        (replicas, "underminisrpartitioncount", 0, "Partitions led from here with too few replicas in sync."),
        (replicas, "offlinereplicacount", 0, "Replicas here that cannot be read."),
        ("ottla", "open_partitions", broker.open_replicas().len(), "Partitions whose files are open."),
    ];
    for (family, name, value, help) in gauges {
        text.one(&format!("{family}_{name}"), "gauge", help, value);
    }
    connections(&broker.counters, text);
    if let Ok((total, free)) = broker.disk_space() {
        text.one("ottla_disk_bytes", "gauge", "The size of the disk.", total);
        let help = "How much of the disk can still be written.";
        text.one("ottla_disk_free_bytes", "gauge", help, free);
    }
}

fn connections(counters: &Counters, text: &mut Text) {
    let sockets = "kafka_server_socket_server_metrics";
    #[rustfmt::skip]
    let counts = [
        (format!("{sockets}_connection_count"), "gauge", &counters.connections, "Connections of clients that are open."),
        (format!("{sockets}_connection_creation_total"), "counter", &counters.accepted, "Connections of clients that were taken."),
        ("ottla_connections_refused_total".to_owned(), "counter", &counters.refused, "Connections that were closed at once, as max.connections were open."),
        ("ottla_connections_broken_total".to_owned(), "counter", &counters.broken, "Connections that were closed for what the client sent or did not do."),
    ];
    for (name, kind, count, help) in counts {
        text.one(&name, kind, help, count.load(Ordering::Relaxed));
    }
}

fn requests(broker: &Broker, text: &mut Text) {
    let count = "kafka_network_requestmetrics_requests_total";
    let time = "ottla_request_seconds_total";
    let answered = || {
        ApiKey::ALL.iter().filter_map(|api| {
            let at = usize::try_from(api.key()).unwrap_or_default();
            let requests = broker.counters.requests.get(at)?;
            let count = requests.count.load(Ordering::Relaxed);
            (count > 0).then(|| (api.name(), count, requests.micros.load(Ordering::Relaxed)))
        })
    };
    text.family(count, "counter", "Requests, by API.");
    for (api, number, _) in answered() {
        text.sample(count, &[("request", api)], number);
    }
    text.family(
        time,
        "counter",
        "Seconds from a request to its answer, by API; waiting for records included.",
    );
    for (api, _, micros) in answered() {
        text.sample(time, &[("request", api)], micros as f64 / 1e6);
    }
}

fn topics(broker: &Broker, text: &mut Text) {
    let mut sums: BTreeMap<String, [u64; 6]> = BTreeMap::new();
    for replica in broker.open_replicas() {
        let traffic = &replica.traffic;
        let counts = [
            &traffic.records_in,
            &traffic.bytes_in,
            &traffic.bytes_out,
            &traffic.produces,
            &traffic.fetches,
            &traffic.refused,
        ];
        let sum = sums.entry(replica.name().topic.clone()).or_default();
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count.load(Ordering::Relaxed);
        }
    }
    let families = [
        (
            "messagesin",
            "Records that were appended since their partition was opened.",
        ),
        ("bytesin", "Bytes of batches that were appended."),
        ("bytesout", "Bytes of batches that were fetched."),
        ("totalproducerequests", "Batches that producers sent."),
        ("totalfetchrequests", "Partitions that were fetched."),
        ("failedproducerequests", "Batches that were refused."),
    ];
    for (at, (name, help)) in families.into_iter().enumerate() {
        let name = format!("kafka_server_brokertopicmetrics_{name}_total");
        text.family(&name, "counter", help);
        let total: u64 = sums.values().map(|sum| sum[at]).sum();
        text.sample(&name, &[], total);
        for (topic, sum) in &sums {
            text.sample(&name, &[("topic", topic)], sum[at]);
        }
    }
}

fn partitions(broker: &Broker, text: &mut Text) {
    let replicas = broker.open_replicas();
    let mut found = Vec::with_capacity(replicas.len());
    for replica in &replicas {
        let name: &TopicPartition = replica.name();
        let directory = broker.directory.join(name.to_string());
        // One that is deleted meanwhile is left out.
        let Ok(segments) = extents(&*broker.host, &directory) else {
            continue;
        };
        let ends = replica.ends();
        let size: u64 = segments.iter().map(|segment| segment.size).sum();
        let values = [
            ends.end.get(),
            ends.start.get(),
            i64::try_from(size).unwrap_or(i64::MAX),
            i64::try_from(segments.len()).unwrap_or(i64::MAX),
        ];
        found.push((name.topic.clone(), name.partition.to_string(), values));
    }
    found.sort();
    let families = [
        ("logendoffset", "The offset behind the last record."),
        ("logstartoffset", "The first offset."),
        ("size", "Bytes of the segments."),
        ("numlogsegments", "Segments."),
    ];
    for (at, (name, help)) in families.into_iter().enumerate() {
        let name = format!("kafka_log_log_{name}");
        text.family(&name, "gauge", help);
        for (topic, partition, values) in &found {
            let labels = [("topic", topic.as_str()), ("partition", partition.as_str())];
            text.sample(&name, &labels, values[at]);
        }
    }
}
