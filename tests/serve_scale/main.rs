//! A server with many connections, many partitions and large groups.

mod members;
#[path = "../support/server.rs"]
mod process;

use members::{Classic, Consumer, Crowd};
use ottla::client::config::Config;
use ottla::client::connection::Connection;
use ottla::format::Timestamp;
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::record::Headers;
use ottla::host::Host as _;
use ottla::host::net::Address;
use ottla::host::real::RealHost;
use ottla::protocol::ApiKey;
use ottla::protocol::messages::Records;
use ottla::protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla::protocol::messages::find_coordinator::FindCoordinatorRequest;
use ottla::protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use process::Server;

const IDLE: usize = 10_000;
const TOPICS: usize = 50;
const PARTITIONS: i32 = 100;
const MOST_MEMORY: u64 = 512 << 20;
const MEMBERS: usize = 1_000;

fn connection(server: &Server) -> Connection {
    let address = Address::Tcp(server.address.ip().to_string(), server.address.port());
    Connection::open(&address, &Config::default()).unwrap()
}

fn create(connection: &mut Connection, names: &[String], partitions: i32) {
    let topic = |name: &String| CreatableTopic {
        name: name.clone(),
        num_partitions: partitions,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest {
        topics: names.iter().map(topic).collect(),
        ..Default::default()
    };
    let version = connection.version(ApiKey::CreateTopics).unwrap();
    let response = connection.call(&request, version).unwrap();
    for topic in response.topics {
        assert_eq!(topic.error_code, 0, "{topic:?}");
    }
}

/// Writes a record to every partition of a topic; the offsets that they got.
fn produce(connection: &mut Connection, name: &str, partitions: i32) -> Vec<i64> {
    let mut builder = BatchBuilder::default();
    let time = Some(Timestamp::new(1_700_000_000_000));
    builder
        .append(time, None, Some(b"value"), Headers::default())
        .unwrap();
    let batch = builder.seal(&Seal::default()).to_vec();
    let partition = |index| PartitionProduceData {
        index,
        records: Some(Records::Bytes(batch.clone())),
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: name.to_owned(),
            partition_data: (0..partitions).map(partition).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = connection.call(&request, 12).unwrap();
    let mut offsets = Vec::new();
    for partition in &response.responses[0].partition_responses {
        assert_eq!(partition.error_code, 0, "{partition:?}");
        offsets.push(partition.base_offset);
    }
    offsets
}

#[test]
fn ten_thousand_idle_connections_and_five_thousand_partitions_are_carried() {
    let descriptors = RealHost.raise_open_files();
    assert!(
        descriptors > IDLE as u64 + 100,
        "{descriptors} open files are too few for this test: raise the hard limit (ulimit -Hn)"
    );
    let mut server = Server::start(&["max.connections=20000"]);
    let mut client = connection(&server);
    let names: Vec<_> = (0..TOPICS).map(|topic| format!("topic-{topic}")).collect();
    create(&mut client, &names, PARTITIONS);
    for name in &names {
        assert_eq!(
            produce(&mut client, name, PARTITIONS),
            [0; PARTITIONS as usize]
        );
    }
    // Each has asked for the versions, and was answered.
    let idle: Vec<Connection> = (0..IDLE).map(|_| connection(&server)).collect();
    for name in &names {
        assert_eq!(
            produce(&mut client, name, PARTITIONS),
            [1; PARTITIONS as usize]
        );
    }
    server.assert_runs();
    assert!(!server.log().contains("refused"), "{}", server.log());
    drop(idle);
    server.stop(MOST_MEMORY);
}

#[test]
fn a_thousand_members_of_a_classic_group_share_its_partitions() {
    crowd::<Classic>("classic");
}

#[test]
fn a_thousand_members_of_a_consumer_group_share_its_partitions() {
    crowd::<Consumer>("consumer");
}

/// Members come, a tenth of them goes, some leaving and some silently, and others come.
fn crowd<M: members::Member>(name: &str) {
    let server = Server::start(&[
        "offsets.topic.num.partitions=1",
        "group.min.session.timeout.ms=1000",
        "group.consumer.min.session.timeout.ms=1000",
        "group.consumer.min.heartbeat.interval.ms=500",
        "group.consumer.session.timeout.ms=10000",
        "group.consumer.heartbeat.interval.ms=500",
    ]);
    let mut client = connection(&server);
    create(&mut client, &["shared".to_owned()], 2 * MEMBERS as i32);
    // Whoever asks first where the coordinator is makes the topic that it keeps.
    let request = FindCoordinatorRequest {
        coordinator_keys: vec![members::GROUP.to_owned()],
        ..Default::default()
    };
    let answer = client.call(&request, 4).unwrap();
    assert_eq!(answer.coordinators[0].error_code, 0, "{answer:?}");
    let mut crowd = Crowd::<M>::new(&server, "shared", 2 * MEMBERS);
    crowd.grow(MEMBERS);
    println!("{name}: {MEMBERS} members settled in {:?}", crowd.settle());
    crowd.shrink(MEMBERS / 20, true);
    crowd.shrink(MEMBERS / 20, false);
    println!("{name}: without a tenth, in {:?}", crowd.settle());
    crowd.grow(MEMBERS / 10);
    println!("{name}: with as many new ones, in {:?}", crowd.settle());
    crowd.shrink(MEMBERS, true);
    server.stop(MOST_MEMORY);
}
