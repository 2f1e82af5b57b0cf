//! Which partition a keyed record goes to, as clients choose it.
//!
//! | name | hash of the key | null key | empty key |
//! |---|---|---|---|
//! | `murmur2_random` | murmur2, sign bit cleared: Java's default | free | hashed |
//! | `murmur2` | the same | as empty | hashed |
//! | `consistent_random` | CRC-32 (IEEE): librdkafka's default | free | free |
//! | `consistent` | the same | as empty | hashed |
//! | `fnv1a_random` | FNV-1a 32, made positive: as Sarama | free | hashed |
//! | `fnv1a` | the same | as empty | hashed |
//! | `random` | none | free | free |
//!
//! "Free" records may go anywhere: the caller chooses, best many in a row to one
//! partition, so that they fill a batch.
//!
//! Source: `org.apache.kafka.common.utils.Utils.murmur2`, librdkafka's
//! `rd_kafka_msg_partitioner_*`.

use super::error::FormatError;
use super::types::PartitionId;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// How a record's key chooses its partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Partitioner {
    /// Java's default.
    #[default]
    Murmur2Random,
    /// murmur2, the null key included.
    Murmur2,
    /// librdkafka's default.
    ConsistentRandom,
    /// CRC-32, the null key included.
    Consistent,
    /// FNV-1a, as Sarama's default.
    Fnv1aRandom,
    /// FNV-1a, the null key included.
    Fnv1a,
    /// Keys do not matter.
    Random,
}

impl Partitioner {
    /// All of them, the default first.
    pub const ALL: [Self; 7] = [
        Self::Murmur2Random,
        Self::Murmur2,
        Self::ConsistentRandom,
        Self::Consistent,
        Self::Fnv1aRandom,
        Self::Fnv1a,
        Self::Random,
    ];

    /// Its name in librdkafka's `partitioner` setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Murmur2Random => "murmur2_random",
            Self::Murmur2 => "murmur2",
            Self::ConsistentRandom => "consistent_random",
            Self::Consistent => "consistent",
            Self::Fnv1aRandom => "fnv1a_random",
            Self::Fnv1a => "fnv1a",
            Self::Random => "random",
        }
    }

    /// The partition of a record with this key, or `None` where it may go anywhere.
    #[inline]
    pub fn partition_for_key(
        self,
        key: Option<&[u8]>,
        partitions: NonZeroU32,
    ) -> Option<PartitionId> {
        let hash = match (self, key) {
            (Self::Random, _)
            | (Self::Murmur2Random | Self::Fnv1aRandom, None)
            | (Self::ConsistentRandom, None | Some([])) => return None,
            (Self::Murmur2Random | Self::Murmur2, key) => {
                murmur2(key.unwrap_or_default()) & 0x7fff_ffff
            }
            (Self::ConsistentRandom | Self::Consistent, key) => {
                crc32fast::hash(key.unwrap_or_default())
            }
            (Self::Fnv1aRandom | Self::Fnv1a, key) => fnv1a(key.unwrap_or_default()),
        };
        Some(PartitionId::new((hash % partitions).cast_signed()))
    }
}

impl fmt::Display for Partitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Partitioner {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            FormatError::corrupt(
                "partitioner",
                0,
                format!("one of {names}"),
                text.chars().take(40).collect::<String>(),
            )
        })
    }
}

/// The 32-bit murmur2 of Java's clients.
#[inline]
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut h = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * index);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

/// The 32-bit FNV-1a of librdkafka and Sarama, made positive as a signed number.
#[inline]
pub fn fnv1a(data: &[u8]) -> u32 {
    let hash = data.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    hash.cast_signed().wrapping_abs().cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys with Java's murmur2 and, in 10 partitions, where Java's and
    /// librdkafka's partitioners put them (asked of Kafka 4.3.1's `Utils` and of
    /// librdkafka's functions).
    const GOLDEN: &[(&[u8], i32, [i32; 3])] = &[
        (b"", 275_646_681, [1, 0, 5]),
        (b"4", 1_514_888_353, [3, 8, 7]),
        (b"34", -2_026_295_078, [0, 2, 6]),
        (b"234", -406_844_982, [6, 7, 4]),
        (b"1234", -1_614_185_708, [0, 9, 5]),
        (b"21", -973_932_308, [0, 2, 2]),
        (b"foobar", -790_332_482, [6, 9, 6]),
        (b"kafka", -798_503_068, [0, 9, 5]),
        (b"giberish123456789", -1_890_243_828, [0, 1, 3]),
        (b"a-little-bit-long-string", -985_981_536, [2, 4, 4]),
        (b"a-little-bit-longer-string", -1_486_304_829, [9, 0, 3]),
        (
            b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
            [7, 3, 6],
        ),
        (b"abc", 479_470_107, [7, 8, 1]),
        (b"\xff", -311_467_685, [3, 0, 6]),
        (b"\xff\xfe\xfd", 998_637_092, [2, 1, 1]),
        (b"\x80\x00\x81\x7f\xff", 411_346_515, [5, 6, 0]),
        (b"gr\xc3\xbc\xc3\x9fe", 1_943_707_148, [8, 7, 4]),
        (b"\x00\x00\x00\x00", 850_957_120, [0, 2, 5]),
    ];

    fn ten() -> NonZeroU32 {
        NonZeroU32::new(10).unwrap()
    }

    fn of(partitioner: Partitioner, key: Option<&[u8]>) -> Option<i32> {
        partitioner
            .partition_for_key(key, ten())
            .map(PartitionId::get)
    }

    #[test]
    fn keys_go_where_real_clients_put_them() {
        for (key, hash, [murmur2_at, crc32_at, fnv1a_at]) in GOLDEN {
            let shown = key.escape_ascii();
            assert_eq!(murmur2(key).cast_signed(), *hash, "{shown}");
            assert_eq!(
                of(Partitioner::Murmur2, Some(key)),
                Some(*murmur2_at),
                "{shown}"
            );
            assert_eq!(
                of(Partitioner::Consistent, Some(key)),
                Some(*crc32_at),
                "{shown}"
            );
            assert_eq!(
                of(Partitioner::Fnv1a, Some(key)),
                Some(*fnv1a_at),
                "{shown}"
            );
        }
    }

    #[test]
    fn null_and_empty_keys() {
        for (partitioner, null, empty) in [
            (Partitioner::Murmur2Random, false, true),
            (Partitioner::Murmur2, true, true),
            (Partitioner::ConsistentRandom, false, false),
            (Partitioner::Consistent, true, true),
            (Partitioner::Fnv1aRandom, false, true),
            (Partitioner::Fnv1a, true, true),
            (Partitioner::Random, false, false),
        ] {
            assert_eq!(of(partitioner, None).is_some(), null, "{partitioner}");
            assert_eq!(of(partitioner, Some(b"")).is_some(), empty, "{partitioner}");
        }
        assert_eq!(
            of(Partitioner::Murmur2, None),
            of(Partitioner::Murmur2, Some(b""))
        );
    }

    #[test]
    fn names_round_trip_and_unknown_ones_are_answered_with_the_list() {
        for partitioner in Partitioner::ALL {
            assert_eq!(partitioner.to_string().parse(), Ok(partitioner));
        }
        let error = "murmur3".parse::<Partitioner>().unwrap_err().to_string();
        assert!(
            error.contains("murmur2_random, murmur2, consistent_random"),
            "{error}"
        );
        assert!(error.ends_with("found murmur3"), "{error}");
    }

    proptest! {
        #[test]
        fn the_partition_is_always_in_range(key: Vec<u8>, partitions in 1..u32::try_from(i32::MAX).unwrap()) {
            let partitions = NonZeroU32::new(partitions).unwrap();
            for partitioner in Partitioner::ALL {
                if let Some(found) = partitioner.partition_for_key(Some(&key), partitions) {
                    prop_assert!(found.get() >= 0);
                    prop_assert!(found.get().cast_unsigned() < partitions.get());
                }
            }
        }
    }
}
