//! A server whose disk becomes full: producers and members of groups are told, consumers
//! go on, and everything works again once there is space; nothing that was acknowledged
//! is lost, and nothing that was refused is there. On a simulated disk, so that the space
//! ends at any byte.

mod crash_support;

use crash_support::read_log;
use ottla::broker::{BrokerConfig, Stop, run};
use ottla::client::{Config, Connection};
use ottla::format::Timestamp;
use ottla::format::batch::{Scratch, UncheckedBatch};
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::record::Headers;
use ottla::host::Host;
use ottla::host::net::Address;
use ottla::host::sim::{Rng, SimHost};
use ottla::protocol::messages::Records;
use ottla::protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use ottla::protocol::messages::find_coordinator::FindCoordinatorRequest;
use ottla::protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla::protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla::protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla::protocol::{ApiKey, ErrorCode};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

const DATA: &str = "/data";
const TOPIC: &str = "topic";
const GROUP: &str = "group";

/// A server in this process, on a simulated machine.
struct Server {
    machine: SimHost,
    address: Address,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    fn start(seed: u64) -> Self {
        let machine = SimHost::new(seed);
        let mut config = BrokerConfig::default();
        for (name, value) in [
            ("listeners", "PLAINTEXT://127.0.0.1:0"),
            ("offsets.topic.num.partitions", "1"),
            // There is no such directory on this machine.
            ("ottla.socket", "false"),
            // Segments roll while there is no space, too.
            ("log.segment.bytes", "1048576"),
        ] {
            config.set(name, value).unwrap();
        }
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let host: Arc<dyn Host> = Arc::new(machine.clone());
        let thread = std::thread::spawn(move || {
            let stop = move || -> Stop {
                Box::pin(async move {
                    let _ = stopped.await;
                })
            };
            let tell = |running: &ottla::broker::Running| ready.send(running.addresses[0]).unwrap();
            run(&host, Path::new(DATA), config, stop, tell).unwrap();
        });
        let address = is_ready.recv().unwrap();
        Self {
            machine,
            address: Address::Tcp(address.ip().to_string(), address.port()),
            stop,
            thread,
        }
    }

    fn client(&self) -> Client {
        Client(Connection::open(&self.address, &Config::default()).unwrap())
    }

    fn stop(self) -> SimHost {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        self.machine
    }
}

struct Client(Connection);

impl Client {
    fn create(&mut self, name: &str) -> i16 {
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.to_owned(),
                num_partitions: 1,
                replication_factor: 1,
                ..Default::default()
            }],
            ..Default::default()
        };
        let version = self.0.version(ApiKey::CreateTopics).unwrap();
        self.0.call(&request, version).unwrap().topics[0].error_code
    }

    fn find_coordinator(&mut self) -> i16 {
        let request = FindCoordinatorRequest {
            coordinator_keys: vec![GROUP.to_owned()],
            ..Default::default()
        };
        self.0.call(&request, 4).unwrap().coordinators[0].error_code
    }

    fn produce(&mut self, value: &[u8]) -> (i16, i64) {
        let mut builder = BatchBuilder::default();
        let time = Some(Timestamp::new(1_700_000_000_000));
        builder
            .append(time, None, Some(value), Headers::default())
            .unwrap();
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: TOPIC.to_owned(),
                partition_data: vec![PartitionProduceData {
                    records: Some(Records::Bytes(builder.seal(&Seal::default()).to_vec())),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.0.call(&request, 12).unwrap();
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    /// The values from an offset to the end: a response ends with a segment.
    fn fetch_all(&mut self, from: i64) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        loop {
            let more = self.fetch(from + values.len() as i64);
            if more.is_empty() {
                return values;
            }
            values.extend(more);
        }
    }

    fn fetch(&mut self, from: i64) -> Vec<Vec<u8>> {
        let request = FetchRequest {
            max_wait_ms: 0,
            topics: vec![FetchTopic {
                topic: TOPIC.to_owned(),
                partitions: vec![FetchPartition {
                    fetch_offset: from,
                    partition_max_bytes: 1 << 20,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = self.0.ask(&request, 12).unwrap();
        let partition = &answer.message.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0, "a consumer at {from}");
        let records = partition.records.as_ref().unwrap();
        let mut bytes = records.bytes(answer.body());
        let (mut values, mut scratch) = (Vec::new(), Scratch::new());
        while !bytes.is_empty() {
            let batch = UncheckedBatch::parse(bytes).unwrap().check().unwrap();
            for record in batch.records(&mut scratch).unwrap() {
                values.push(record.unwrap().value.unwrap().to_vec());
            }
            bytes = &bytes[batch.header().size..];
        }
        values
    }

    fn commit(&mut self, offset: i64) -> i16 {
        let request = OffsetCommitRequest {
            group_id: GROUP.to_owned(),
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: vec![OffsetCommitRequestPartition {
                    committed_offset: offset,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.0.call(&request, 9).unwrap();
        response.topics[0].partitions[0].error_code
    }

    fn committed(&mut self) -> i64 {
        let request = OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: GROUP.to_owned(),
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: TOPIC.to_owned(),
                    partition_indexes: vec![0],
                    ..Default::default()
                }]),
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = self.0.call(&request, 9).unwrap();
        let partition = &response.groups[0].topics[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        partition.committed_offset
    }
}

#[test]
fn a_full_disk_is_told_to_who_writes_and_hurts_nobody_else() {
    let only = std::env::var("OTTLA_DISK_SEED").ok();
    let only = only.map(|seed| seed.parse().unwrap());
    for seed in only.map_or(0..24, |seed: u64| seed..seed + 1) {
        println!("OTTLA_DISK_SEED={seed}");
        one_machine(seed);
    }
}

fn one_machine(seed: u64) {
    let mut rng = Rng::new(seed);
    let server = Server::start(seed);
    let mut client = server.client();
    assert_eq!(client.create(TOPIC), 0);
    assert_eq!(client.find_coordinator(), 0);
    let mut stored: Vec<Vec<u8>> = Vec::new();
    let mut committed = -1;
    let mut refusals = 0;
    for round in 0..6 {
        // A little space, in the middle of whatever comes; then none; then enough.
        server.machine.set_free_space(Some(rng.below(900_000)));
        for step in 0..40 {
            let mut value = format!("{round} {step} ").into_bytes();
            value.resize(value.len() + rng.below(60_000) as usize, b'v');
            match client.produce(&value) {
                (0, offset) => {
                    assert_eq!(offset, stored.len() as i64);
                    stored.push(value);
                }
                (code, offset) => {
                    assert_eq!(code, ErrorCode::KafkaStorageError.code());
                    assert_eq!(offset, -1);
                    refusals += 1;
                }
            }
            let next = stored.len() as i64;
            match client.commit(next) {
                0 => committed = next,
                code => assert_eq!(code, ErrorCode::CoordinatorNotAvailable.code()),
            }
            assert_eq!(client.committed(), committed);
            // Consumers go on: another connection sees all of the last records.
            let from = stored.len().saturating_sub(3);
            assert_same(&server.client().fetch_all(from as i64), &stored[from..]);
        }
        let refused = client.create(&format!("no-space-{round}"));
        assert!(refused == 0 || refused == ErrorCode::KafkaStorageError.code());
        server.machine.set_free_space(None);
        let (code, offset) = client.produce(b"space again");
        assert_eq!((code, offset), (0, stored.len() as i64));
        stored.push(b"space again".to_vec());
        assert_eq!(client.commit(stored.len() as i64), 0);
        committed = stored.len() as i64;
        assert_eq!(client.create(&format!("space-{round}")), 0);
    }
    assert!(refusals > 10, "only {refusals} writes were refused");
    let machine = server.stop();
    let log = read_log(&machine, &Path::new(DATA).join(format!("{TOPIC}-0"))).unwrap();
    assert_same(&log.values(), &stored);
    assert_eq!(log.torn, 0);
}

/// Says how each value begins, and not all of it.
fn assert_same(found: &[Vec<u8>], expected: &[Vec<u8>]) {
    let brief = |values: &[Vec<u8>]| -> Vec<String> {
        let brief = |value: &Vec<u8>| {
            let begins = String::from_utf8_lossy(&value[..value.len().min(8)]).into_owned();
            format!("{begins}… {} bytes", value.len())
        };
        values.iter().map(brief).collect()
    };
    assert_eq!(brief(found), brief(expected));
    assert!(found == expected);
}
