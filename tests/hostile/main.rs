//! A server among clients that mean no good: requests of every API and version made at
//! random, frames cut short, lengths that promise too much, compression bombs, clients
//! that begin and never end. It must not panic, must not grow, and must go on serving
//! those who behave.
//!
//! Each test prints its seed; `OTTLA_HOSTILE_SEED=N` runs one again.

#[path = "../support/server.rs"]
mod process;
mod requests;
mod server;

use ottla::format::Timestamp;
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::compression::{Codec, Compression, Compressor};
use ottla::format::record::Headers;
use ottla::protocol::{ApiKey, ErrorCode};
use requests::{Random, Requests, frame};
use server::{Attack as _, Server};
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

/// What a server may have in memory at most while it is attacked: what it has anyway, and
/// a batch that is unpacked for each core.
const MOST_MEMORY: u64 = 512 << 20;

fn random(test: &str) -> Random {
    let given = std::env::var("OTTLA_HOSTILE_SEED").ok();
    let seed = given.map_or(20_261_123, |seed| seed.parse().expect("a seed is a number"));
    println!("{test}: OTTLA_HOSTILE_SEED={seed}");
    Random::new(seed)
}

#[test]
fn requests_of_every_api_and_version_harm_nobody() {
    let mut random = random("requests");
    let mut server = Server::start(&["offsets.topic.num.partitions=1"]);
    let friend = server.friend();
    let mut answered = 0;
    for api in ApiKey::ALL {
        for version in api.versions() {
            for _ in 0..6 {
                let body = Requests::new(&mut random).body(*api, version);
                let sent = frame(*api, version, &body);
                answered += usize::from(server.ask(&sent, Duration::from_millis(50)));
                let damaged = random.damage(&body);
                server.ask(&frame(*api, version, &damaged), Duration::from_millis(10));
            }
        }
    }
    // Most are answered; others wait for something, or end the connection.
    assert!(answered > 300, "only {answered} requests were answered");
    println!("{answered} requests were answered");
    friend.leave();
    server.stop(MOST_MEMORY);
}

#[test]
fn frames_that_lie_end_the_connection_with_a_reason() {
    let mut random = random("frames");
    let server = Server::start(&["offsets.topic.num.partitions=1"]);
    let friend = server.friend();
    for length in [i32::MIN, -1, 0, 7, 104_857_601, i32::MAX] {
        let mut stream = server.connect();
        stream.write_all(&length.to_be_bytes()).unwrap();
        stream.write_all(&[0; 4]).ok();
        let closed = matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_));
        assert!(closed, "a frame of {length} bytes was taken");
    }
    assert!(
        server.log().contains("socket.request.max.bytes"),
        "the log does not say why:\n{}",
        server.log()
    );
    // Whole frames, cut short everywhere, and then nothing.
    let mut open = Vec::new();
    for at in 0..200 {
        let api = ApiKey::ALL[random.below(ApiKey::ALL.len())];
        let body = Requests::new(&mut random).body(api, *api.versions().end());
        let whole = frame(api, *api.versions().end(), &body);
        let mut stream = server.connect();
        stream.write_all(&whole[..at % whole.len()]).unwrap();
        open.push(stream);
    }
    // The largest frames that may come, promised and never sent.
    for _ in 0..200 {
        let mut stream = server.connect();
        stream.write_all(&104_857_600_i32.to_be_bytes()).unwrap();
        stream.write_all(&[0, 0, 0, 9, 0, 0]).unwrap();
        open.push(stream);
    }
    for _ in 0..50 {
        let mut stream = server.connect();
        let noise: Vec<u8> = (0..random.below(4000)).map(|_| random.byte()).collect();
        stream.write_all(&noise).ok();
    }
    std::thread::sleep(Duration::from_millis(300));
    friend.leave();
    drop(open);
    server.stop(MOST_MEMORY);
}

#[test]
fn bombs_are_not_unpacked() {
    let mut server = Server::start(&["offsets.topic.num.partitions=1"]);
    let friend = server.friend();
    server.create_topic("bombs");
    let mut builder = BatchBuilder::default();
    let zeros = vec![0; 100 << 20];
    builder
        .append(
            Some(Timestamp::new(1)),
            None,
            Some(&zeros),
            Headers::default(),
        )
        .unwrap();
    drop(zeros);
    let mut plain = BatchBuilder::default();
    plain
        .append(
            Some(Timestamp::new(1)),
            None,
            Some(b"small"),
            Headers::default(),
        )
        .unwrap();
    let small = frame(
        ApiKey::Produce,
        12,
        &requests::produce("bombs", plain.seal(&Seal::default())),
    );
    let mut stream = server.connect();
    stream.write_all(&small).unwrap();
    let answer = server::answer(&mut stream, Duration::from_secs(10)).expect("an answer");
    assert_eq!(requests::produce_error(&answer), 0);
    for codec in [Codec::Zstd, Codec::Lz4] {
        let mut compressor = Compressor::new(Compression::new(codec, None).unwrap());
        let mut bomb = Vec::new();
        builder
            .seal_compressed(&mut compressor, &Seal::default(), &mut bomb)
            .unwrap();
        assert!(bomb.len() < 1 << 20, "{} bytes of {codec:?}", bomb.len());
        let sent = frame(ApiKey::Produce, 12, &requests::produce("bombs", &bomb));
        let began = Instant::now();
        let mut streams: Vec<_> = (0..8).map(|_| server.connect()).collect();
        for stream in &mut streams {
            stream.write_all(&sent).unwrap();
        }
        for stream in &mut streams {
            let answer = server::answer(stream, Duration::from_secs(60)).expect("an answer");
            let code = requests::produce_error(&answer);
            assert_eq!(code, ErrorCode::InvalidRecord.code(), "a bomb of {codec:?}");
        }
        println!("8 bombs of {codec:?}: {:?}", began.elapsed());
    }
    friend.leave();
    server.stop(MOST_MEMORY);
}
