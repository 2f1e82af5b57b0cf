//! `<offset:20>.snapshot`: what a partition knows of its producers right before
//! that offset, so that recovery need not read the whole log for it.
//!
//! ```text
//! version   i16   1
//! crc       u32   CRC-32C of everything after this field
//! count     i32
//! count × producer, 46 bytes:
//!   producerId            i64
//!   epoch                 i16   −1 none
//!   lastSequence          i32   of the last batch; −1 none
//!   lastOffset            i64   of the last batch; −1 none
//!   offsetDelta           i32   last less first sequence of the last batch
//!   timestamp             i64   greatest of the last batch, or of the last marker; −1 none
//!   coordinatorEpoch      i32   of the last transaction marker; −1 none
//!   currentTxnFirstOffset i64   where the open transaction starts; −1 none
//! ```
//!
//! The order of producers means nothing; it is kept. Older versions (0) were never
//! released in a form that Kafka 4 reads.
//!
//! Sources: `ProducerSnapshot.json`,
//! `org.apache.kafka.storage.internals.log.ProducerStateManager`; KIP-98.

use super::bytes::Reader;
use super::crc32c::crc32c;
use super::error::{FormatError, Result};
use super::types::{Offset, ProducerEpoch, ProducerId, Timestamp};

/// What is known of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub epoch: Option<ProducerEpoch>,
    /// The last sequence number of its last batch.
    pub last_sequence: Option<i32>,
    /// The last offset of its last batch.
    pub last_offset: Option<Offset>,
    /// The last less the first sequence number of its last batch; 0 without one.
    pub offset_delta: i32,
    /// The greatest time of its last batch, or the time of its last marker.
    pub timestamp: Option<Timestamp>,
    /// The epoch of the coordinator that wrote its last marker.
    pub coordinator_epoch: Option<i32>,
    /// Where its open transaction starts.
    pub current_txn_first_offset: Option<Offset>,
}

impl ProducerEntry {
    /// Bytes of a producer.
    pub const SIZE: usize = 46;

    /// The first sequence number of its last batch. Sequence numbers go from 0 to
    /// 2^31 − 1 and round again.
    pub fn first_sequence(&self) -> Option<i32> {
        let last = self.last_sequence?;
        Some(match last.checked_sub(self.offset_delta) {
            Some(first) if first >= 0 => first,
            _ => last
                .wrapping_sub(self.offset_delta)
                .wrapping_add(i32::MAX)
                .wrapping_add(1),
        })
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            producer_id: ProducerId::new(reader.i64("producer id")?),
            epoch: ProducerEpoch::from_wire(reader.i16("producer epoch")?),
            last_sequence: from_wire(reader.i32("last sequence")?),
            last_offset: Offset::from_wire(reader.i64("last offset")?),
            offset_delta: reader.i32("offset delta")?,
            timestamp: Timestamp::from_wire(reader.i64("timestamp")?),
            coordinator_epoch: from_wire(reader.i32("coordinator epoch")?),
            current_txn_first_offset: Offset::from_wire(reader.i64("first offset")?),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.producer_id.get().to_be_bytes());
        out.extend_from_slice(&ProducerEpoch::to_wire(self.epoch).to_be_bytes());
        out.extend_from_slice(&self.last_sequence.unwrap_or(-1).to_be_bytes());
        out.extend_from_slice(&Offset::to_wire(self.last_offset).to_be_bytes());
        out.extend_from_slice(&self.offset_delta.to_be_bytes());
        out.extend_from_slice(&Timestamp::to_wire(self.timestamp).to_be_bytes());
        out.extend_from_slice(&self.coordinator_epoch.unwrap_or(-1).to_be_bytes());
        out.extend_from_slice(&Offset::to_wire(self.current_txn_first_offset).to_be_bytes());
    }
}

const VERSION: i16 = 1;
const CRC_AT: usize = size_of::<i16>();
const BODY_AT: usize = CRC_AT + size_of::<u32>();
const PRODUCERS_AT: usize = BODY_AT + size_of::<i32>();

/// Reads a whole snapshot file. Allocates for the producers that it holds: no more
/// than twice its size.
///
/// Errors: `Unsupported` version; `Corrupt` checksum or count; `Torn` where it ends early.
pub fn decode(file: &[u8]) -> Result<Vec<ProducerEntry>> {
    let mut reader = Reader::new(file);
    let version = reader.i16("producer snapshot")?;
    if version != VERSION {
        return Err(FormatError::unsupported(
            "producer snapshot version",
            0,
            "1",
            version.to_string(),
        ));
    }
    let stored = reader.u32("producer snapshot")?;
    let computed = crc32c(reader.rest());
    if stored != computed {
        return Err(FormatError::corrupt(
            "producer snapshot checksum",
            CRC_AT,
            computed.to_string(),
            stored.to_string(),
        ));
    }
    let count = reader.i32("producer count")?;
    let count = reader.bounded_count("producer count", count, ProducerEntry::SIZE)?;
    (0..count)
        .map(|_| ProducerEntry::read(&mut reader))
        .collect()
}

/// The bytes of a snapshot file.
///
/// Errors: `Unencodable` with more than 2^31 − 1 producers.
pub fn encode(producers: &[ProducerEntry]) -> Result<Vec<u8>> {
    let count = i32::try_from(producers.len()).map_err(|_| {
        FormatError::unencodable(
            "producer count",
            "at most 2147483647",
            producers.len().to_string(),
        )
    })?;
    let mut out = Vec::with_capacity(PRODUCERS_AT + producers.len() * ProducerEntry::SIZE);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_be_bytes());
    for producer in producers {
        producer.write(&mut out);
    }
    let crc = crc32c(&out[BODY_AT..]);
    out[CRC_AT..BODY_AT].copy_from_slice(&crc.to_be_bytes());
    Ok(out)
}

fn from_wire(value: i32) -> Option<i32> {
    (value >= 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `txn-0/00000000000000000041.snapshot` of Apache Kafka 4.3.1.
    const GOLDEN: [u8; 102] = [
        0x00, 0x01, 0x96, 0x92, 0xe4, 0x42, 0x00, 0x00, 0x00, 0x02, // version, crc, count
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, // id, epoch
        0x00, 0x00, 0x00, 0x1d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x22, // sequence, offset
        0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x01, 0xa2, 0x04, 0xc3, 0x5f, 0x5a, // delta, time
        0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, // coordinator, txn
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xe9, 0x00, 0x00, //
        0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x28, //
        0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x01, 0xa2, 0x04, 0xc3, 0xad, 0x1e, //
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x24,
    ];

    #[test]
    fn a_brokers_snapshot_reads_as_its_dump_says() {
        let producers = decode(&GOLDEN).unwrap();
        let done = ProducerEntry {
            producer_id: ProducerId::new(2),
            epoch: Some(ProducerEpoch::new(0)),
            last_sequence: Some(29),
            last_offset: Some(Offset::new(34)),
            offset_delta: 4,
            timestamp: Some(Timestamp::new(1_795_376_242_522)),
            coordinator_epoch: Some(0),
            current_txn_first_offset: None,
        };
        assert_eq!(producers[0], done);
        assert_eq!(producers[0].first_sequence(), Some(25));
        assert_eq!(producers[1].producer_id, ProducerId::new(1001));
        assert_eq!(producers[1].coordinator_epoch, None);
        assert_eq!(producers[1].current_txn_first_offset, Some(Offset::new(36)));
        assert_eq!(producers.len(), 2);
        assert_eq!(encode(&producers).unwrap(), GOLDEN);
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        for at in 0..GOLDEN.len() {
            let mut bytes = GOLDEN;
            bytes[at] ^= 1;
            assert!(decode(&bytes).is_err(), "byte {at}");
            assert!(decode(&GOLDEN[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn sequences_wrap_after_the_greatest() {
        let mut producer = decode(&GOLDEN).unwrap()[0];
        producer.last_sequence = Some(1);
        producer.offset_delta = 3;
        assert_eq!(producer.first_sequence(), Some(i32::MAX - 1));
    }

    fn any_producer() -> impl Strategy<Value = ProducerEntry> {
        let offset = || proptest::option::of((0..=i64::MAX).prop_map(Offset::new));
        let number = || proptest::option::of(0..=i32::MAX);
        (
            (any::<i64>(), proptest::option::of(0..=i16::MAX), number()),
            (offset(), any::<i32>(), proptest::option::of(0..=i64::MAX)),
            (number(), offset()),
        )
            .prop_map(
                |((id, epoch, sequence), (last, delta, time), (coordinator, txn))| ProducerEntry {
                    producer_id: ProducerId::new(id),
                    epoch: epoch.map(ProducerEpoch::new),
                    last_sequence: sequence,
                    last_offset: last,
                    offset_delta: delta,
                    timestamp: time.map(Timestamp::new),
                    coordinator_epoch: coordinator,
                    current_txn_first_offset: txn,
                },
            )
    }

    proptest! {
        #[test]
        fn snapshots_round_trip(producers in proptest::collection::vec(any_producer(), 0..20)) {
            let file = encode(&producers).unwrap();
            for producer in &producers {
                let _ = producer.first_sequence();
            }
            prop_assert_eq!(decode(&file), Ok(producers));
        }

        #[test]
        fn no_bytes_panic(body: Vec<u8>) {
            let _ = decode(&body);
            let mut file = VERSION.to_be_bytes().to_vec();
            file.extend(crc32c(&body).to_be_bytes());
            file.extend(&body);
            if let Ok(producers) = decode(&file) {
                prop_assert!(producers.len() * ProducerEntry::SIZE <= body.len());
            }
        }
    }
}
