//! The hash by which a consumer group tells that its topics changed.
//!
//! ```text
//! topic   u8 0, i64 id high, i64 id low, string name, i32 partitions;
//!         per partition: i32 partition; per rack, sorted: i32 length, string rack
//! group   per topic, by name: i64 the topic's hash, 0 where there is no such topic
//! string  UTF-16 units; i32 how many
//! ```
//!
//! All little-endian, under 64-bit XXH3. A group without topics has 0. The hash stands
//! in the group's record, so a group that Kafka wrote is not rebalanced by the change of
//! server, nor back.
//!
//! Source: `Utils.computeTopicHash` and `computeGroupHash` of Apache Kafka 4.3.1.

use crate::format::Uuid;
use twox_hash::XxHash3_64;

/// The hash of a topic. `racks` are those of each partition's replicas, where they have
/// one; partitions past its end have none.
pub(super) fn topic_hash(id: &Uuid, name: &str, partitions: i32, racks: &[Vec<String>]) -> i64 {
    let mut bytes = vec![0];
    let (high, low) = id.as_bytes().split_at(8);
    bytes.extend(high.iter().rev());
    bytes.extend(low.iter().rev());
    put_string(&mut bytes, name);
    bytes.extend(partitions.to_le_bytes());
    for (partition, at) in (0..partitions).zip(0..) {
        bytes.extend(partition.to_le_bytes());
        let mut racks: Vec<&String> = racks.get::<usize>(at).into_iter().flatten().collect();
        racks.sort();
        for rack in racks {
            bytes.extend(utf16_length(rack).to_le_bytes());
            put_string(&mut bytes, rack);
        }
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

/// The hash of a group's topics, whose hashes come by name.
pub(super) fn group_hash(topics: impl Iterator<Item = i64>) -> i64 {
    let bytes: Vec<u8> = topics.flat_map(i64::to_le_bytes).collect();
    if bytes.is_empty() {
        return 0;
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend(utf16_length(text).to_le_bytes());
}

fn utf16_length(text: &str) -> i32 {
    // A name from a message has at most 2^31 units.
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_bytes([
        1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
    ]);

    /// The numbers are those that Kafka's own library for hashes gives.
    #[test]
    fn hashes_are_kafka_s() {
        let racks = [["rack1", "rack0"], ["rack1", "rack2"]];
        let racks = racks.map(|racks| racks.map(String::from).to_vec());
        let topic = topic_hash(&ID, "foö", 2, &racks);
        assert_eq!(topic, -7_490_527_614_202_651_705);
        assert_eq!(topic_hash(&ID, "foo", 200, &[]), -7_502_447_127_845_499_735);
        assert_eq!(group_hash([topic].into_iter()), 8_369_887_480_495_735_274);
        assert_eq!(
            group_hash([topic, 0].into_iter()),
            -5_441_654_852_149_666_613
        );
        assert_eq!(group_hash(std::iter::empty()), 0);
    }
}
