//! The rdkafka crate.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use serde_json::json;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const PARTITIONS: i32 = 3;
const RECORDS: usize = 300;
const FIRST_TIME: i64 = 1_700_000_000_000;
const SOUGHT: i64 = FIRST_TIME + 150_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["scenario", bootstrap, prefix] => scenario(bootstrap, prefix),
        ["member", bootstrap, group, topic, protocol] => member(bootstrap, group, topic, protocol),
        _ => panic!("scenario BOOTSTRAP PREFIX, or member BOOTSTRAP GROUP TOPIC PROTOCOL"),
    }
}

fn scenario(bootstrap: &str, prefix: &str) {
    let admin: AdminClient<DefaultClientContext> = settings(bootstrap).create().unwrap();
    let topics = CODECS.map(|codec| format!("{prefix}-{codec}"));
    let made = topics
        .each_ref()
        .map(|topic| NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)));
    for each in block_on(admin.create_topics(&made, &AdminOptions::new())).unwrap() {
        each.unwrap();
    }
    let mut read = serde_json::Map::new();
    for (codec, topic) in CODECS.iter().zip(&topics) {
        write(bootstrap, topic, codec);
        read.insert((*codec).to_owned(), json!(read_back(bootstrap, topic)));
    }
    let offsets = offsets(bootstrap, &topics[0]);
    let described = admin
        .inner()
        .fetch_metadata(Some(&topics[0]), PATIENCE)
        .unwrap();
    let partitions = described.topics()[0].partitions().len();
    for each in
        block_on(admin.delete_topics(&topics.each_ref().map(String::as_str), &AdminOptions::new()))
            .unwrap()
    {
        each.unwrap();
    }
    let left = left(bootstrap, &format!("{prefix}-"));
    println!(
        "{}",
        json!({"read": read, "offsets": offsets, "partitions": partitions, "left": left})
    );
}

/// Who writes is told of each record that did not arrive.
#[derive(Default)]
struct Failures(Mutex<Vec<String>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().unwrap().push(error.to_string());
        }
    }
}

fn write(bootstrap: &str, topic: &str, codec: &str) {
    let producer: BaseProducer<Failures> = settings(bootstrap)
        .set("compression.type", codec)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .create_with_context(Failures::default())
        .unwrap();
    for i in 0..RECORDS {
        let key = format!("key-{i}");
        let value = format!("value-{i}-{}", "x".repeat(i % 50));
        let number = i.to_string();
        let mut record = BaseRecord::<str, str>::to(topic)
            .partition(i32::try_from(i).unwrap() % PARTITIONS)
            .timestamp(FIRST_TIME + i64::try_from(i).unwrap() * 1000);
        record.key = (i % 14 != 0).then_some(&*key);
        record.payload = (i % 22 != 11).then_some(&*value);
        if i % 2 == 0 {
            record.headers = Some(
                OwnedHeaders::new()
                    .insert(Header {
                        key: "h",
                        value: Some(&number),
                    })
                    .insert(Header {
                        key: "empty",
                        value: Some(""),
                    }),
            );
        }
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    assert_eq!(*producer.context().0.lock().unwrap(), Vec::<String>::new());
}

fn read_back(bootstrap: &str, topic: &str) -> Vec<String> {
    let consumer = consumer(&mut settings(bootstrap), "none");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions
            .add_partition_offset(topic, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let mut lines = Vec::new();
    while lines.len() < RECORDS {
        lines.push(line(
            &consumer.poll(PATIENCE).expect("records come").unwrap(),
        ));
    }
    lines
}

fn offsets(bootstrap: &str, topic: &str) -> serde_json::Value {
    let consumer = consumer(&mut settings(bootstrap), "none");
    let mut times = TopicPartitionList::new();
    let ends: Vec<(i64, i64)> = (0..PARTITIONS)
        .map(|partition| {
            consumer
                .fetch_watermarks(topic, partition, PATIENCE)
                .unwrap()
        })
        .collect();
    for partition in 0..PARTITIONS {
        times
            .add_partition_offset(topic, partition, Offset::Offset(SOUGHT))
            .unwrap();
    }
    let sought = consumer.offsets_for_times(times, PATIENCE).unwrap();
    json!({
        "earliest": ends.iter().map(|end| end.0).collect::<Vec<_>>(),
        "latest": ends.iter().map(|end| end.1).collect::<Vec<_>>(),
        "sought": (0..PARTITIONS)
            .map(|partition| sought.find_partition(topic, partition).unwrap().offset().to_raw())
            .collect::<Vec<_>>(),
    })
}

/// A broker may learn a little later than the controller that they are gone.
fn left(bootstrap: &str, prefix: &str) -> Vec<String> {
    let consumer = consumer(&mut settings(bootstrap), "none");
    let mut left = Vec::new();
    for _ in 0..300 {
        std::thread::sleep(Duration::from_millis(100));
        let found = consumer.fetch_metadata(None, PATIENCE).unwrap();
        left = found
            .topics()
            .iter()
            .map(|topic| topic.name().to_owned())
            .filter(|name| name.starts_with(prefix))
            .collect();
        if left.is_empty() {
            break;
        }
    }
    left
}

fn member(bootstrap: &str, group: &str, topic: &str, protocol: &str) {
    let mut settings = settings(bootstrap);
    settings.set("group.protocol", protocol);
    if protocol == "classic" {
        settings
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "500");
    }
    let consumer = consumer(&mut settings, group);
    consumer.subscribe(&[topic]).unwrap();
    let stopping = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stopping)).unwrap();
    while !stopping.load(Ordering::Relaxed) {
        let mut wait = Duration::from_millis(200);
        let mut got = false;
        while let Some(next) = consumer.poll(wait) {
            match next {
                Ok(message) => println!("{} {}", message.partition(), message.offset()),
                Err(error) => eprintln!("{error}"),
            }
            (wait, got) = (Duration::ZERO, true);
        }
        if got {
            std::io::stdout().flush().unwrap();
            // Where it fails the partition is another's, who goes on.
            if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync) {
                eprintln!("{error}");
            }
        }
    }
}

fn settings(bootstrap: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", bootstrap);
    settings
}

fn consumer(settings: &mut ClientConfig, group: &str) -> BaseConsumer {
    settings
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap()
}

fn line(message: &BorrowedMessage<'_>) -> String {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|each| format!("{}={}", each.key, hex(each.value.unwrap_or_default())))
            .collect()
    });
    format!(
        "{} {} {} {} {} {}",
        message.partition(),
        message.offset(),
        message.timestamp().to_millis().unwrap(),
        shown(message.key()),
        shown(message.payload()),
        headers.join(",")
    )
}

fn shown(data: Option<&[u8]>) -> String {
    match data {
        None => "null".to_owned(),
        Some([]) => "empty".to_owned(),
        Some(data) => hex(data),
    }
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}
