use super::*;
use crate::format::batch_builder::BatchBuilder;
use crate::format::record::Headers;

const NOW: Timestamp = Timestamp::new(1_700_000_000_000);

fn topic(set: &[(&str, &str)]) -> TopicConfig {
    TopicConfig::new(set.iter().copied()).unwrap()
}

fn seal() -> Seal {
    Seal {
        base_offset: Offset::ZERO,
        leader_epoch: None,
        producer: None,
        transactional: false,
        control: false,
        append_time: None,
    }
}

/// A batch of records with these times and keys.
fn batch(records: &[(i64, Option<&[u8]>)]) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for (time, key) in records {
        let time = Timestamp::from_wire(*time);
        builder
            .append(time, *key, Some(b"value"), Headers::default())
            .unwrap();
    }
    builder.seal(&seal()).to_vec()
}

fn check(bytes: &mut [u8], topic: &TopicConfig) -> Result<Valid, Invalid> {
    Validator::default().check(bytes, topic, NOW)
}

#[test]
fn a_batch_is_appended_as_it_came() {
    let mut bytes = batch(&[(NOW.get(), None), (NOW.get() - 5, Some(b"k"))]);
    let before = bytes.clone();
    assert_eq!(check(&mut bytes, &topic(&[])), Ok(Valid::InPlace));
    assert_eq!(bytes, before);
}

#[test]
fn a_flipped_bit_is_corrupt() {
    let good = batch(&[(NOW.get(), None)]);
    for bit in HEADER_SIZE * 8..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = check(&mut bytes, &topic(&[]));
        assert!(
            matches!(found, Err(Invalid::Corrupt(_))),
            "{bit}: {found:?}"
        );
    }
}

#[test]
fn a_batch_may_be_as_large_as_the_topic_says() {
    let mut bytes = batch(&[(NOW.get(), None)]);
    let most = bytes.len().to_string();
    let exact = topic(&[("max.message.bytes", &most)]);
    assert_eq!(check(&mut bytes, &exact), Ok(Valid::InPlace));
    let less = (bytes.len() - 1).to_string();
    let found = check(&mut bytes, &topic(&[("max.message.bytes", &less)]));
    assert!(matches!(found, Err(Invalid::TooLarge { .. })), "{found:?}");
}

#[test]
fn two_batches_at_once_are_refused() {
    let mut bytes = batch(&[(NOW.get(), None)]);
    bytes.extend(bytes.clone());
    let found = check(&mut bytes, &topic(&[]));
    assert!(matches!(found, Err(Invalid::Rule(_))), "{found:?}");
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let mut bytes = batch(&[(NOW.get(), Some(b"k")), (NOW.get(), None)]);
    let found = check(&mut bytes, &topic(&[("cleanup.policy", "compact")]));
    let Err(Invalid::Records { records, .. }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(records, [1]);
}

#[test]
fn times_outside_of_the_topics_are_told_by_record() {
    let hour = 3_600_000;
    let topic = topic(&[
        ("message.timestamp.before.max.ms", "3600000"),
        ("message.timestamp.after.max.ms", "3600000"),
    ]);
    let mut edges = batch(&[
        (NOW.get() - hour, None),
        (NOW.get() + hour, None),
        (-1, None),
    ]);
    assert_eq!(check(&mut edges, &topic), Ok(Valid::InPlace));
    let mut outside = batch(&[
        (NOW.get(), None),
        (NOW.get() - hour - 1, None),
        (NOW.get() + hour + 1, None),
    ]);
    let found = check(&mut outside, &topic);
    let Err(Invalid::Timestamps { records, .. }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(records, [1, 2]);
}

#[test]
fn the_time_of_the_append_is_stamped_and_the_crc_made_right() {
    let mut bytes = batch(&[(5, None), (7, None)]);
    let topic = topic(&[("message.timestamp.type", "LogAppendTime")]);
    assert_eq!(check(&mut bytes, &topic), Ok(Valid::InPlace));
    let batch = UncheckedBatch::parse(&bytes).unwrap().check().unwrap();
    assert!(batch.header().attributes.is_append_time());
    assert_eq!(batch.header().max_timestamp, Some(NOW));
    let mut scratch = Scratch::new();
    let times: Vec<_> = batch
        .records(&mut scratch)
        .unwrap()
        .map(|record| record.unwrap().timestamp)
        .collect();
    assert_eq!(times, [Some(NOW), Some(NOW)]);
}

#[test]
fn a_latest_time_that_is_wrong_is_set_right() {
    let mut bytes = batch(&[(NOW.get() - 9, None), (NOW.get() - 3, None)]);
    let mut header = *UncheckedBatch::parse(&bytes).unwrap().header();
    header.max_timestamp = Some(Timestamp::new(NOW.get() - 1));
    header.write(&mut bytes);
    assert_eq!(check(&mut bytes, &topic(&[])), Ok(Valid::InPlace));
    let batch = UncheckedBatch::parse(&bytes).unwrap().check().unwrap();
    assert_eq!(
        batch.header().max_timestamp,
        Timestamp::from_wire(NOW.get() - 3)
    );
}

#[test]
fn a_topic_with_a_codec_gets_its_batches_in_it() {
    let mut bytes = batch(&[(NOW.get(), Some(b"a")), (NOW.get() + 1, None)]);
    for codec in ["gzip", "snappy", "lz4", "zstd"] {
        let topic = topic(&[("compression.type", codec)]);
        let Ok(Valid::Rebuilt(rebuilt)) = check(&mut bytes, &topic) else {
            panic!("{codec}");
        };
        let batch = UncheckedBatch::parse(&rebuilt).unwrap().check().unwrap();
        assert_eq!(
            batch.header().attributes.codec().unwrap().to_string(),
            codec
        );
        let mut scratch = Scratch::new();
        let keys: Vec<_> = batch
            .records(&mut scratch)
            .unwrap()
            .map(|record| record.unwrap().key.map(<[u8]>::to_vec))
            .collect();
        assert_eq!(keys, [Some(b"a".to_vec()), None]);
    }
}
