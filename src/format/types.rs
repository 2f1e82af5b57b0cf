//! The numbers of Kafka that must not be confused with each other.
//!
//! Kafka writes −1 for "none"; here that is an `Option` from the edge of
//! `format` on, so none of these types has a sentinel.

use super::error::{FormatError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::str::FromStr;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the plain number.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The plain number.
            pub const fn get(self) -> $inner {
                self.0
            }

            /// Kafka's −1 (and below) is `None`.
            pub const fn from_wire(value: $inner) -> Option<Self> {
                if value < 0 { None } else { Some(Self(value)) }
            }

            /// `None` is Kafka's −1.
            pub const fn to_wire(value: Option<Self>) -> $inner {
                match value {
                    Some(value) => value.0,
                    None => -1,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The place of a record in its partition, from 0.
    Offset(i64)
}
number! {
    /// Milliseconds since 1970-01-01T00:00:00Z. Records written before Kafka 0.10 have none.
    Timestamp(i64)
}
number! {
    /// The term of a partition's leader, from 0.
    LeaderEpoch(i32)
}
number! {
    /// The number of an idempotent or transactional producer.
    ProducerId(i64)
}
number! {
    /// The term of a producer id; a higher one fences the lower.
    ProducerEpoch(i16)
}
number! {
    /// The number of a broker or controller.
    NodeId(i32)
}
number! {
    /// The number of a partition in its topic, from 0.
    PartitionId(i32)
}

impl Offset {
    /// The first offset of a new partition.
    pub const ZERO: Self = Self(0);

    /// The offset `by` later, or `None` past the end of the range.
    pub const fn checked_add(self, by: i64) -> Option<Self> {
        match self.0.checked_add(by) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The next offset. Saturates at the end of the range.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A 128-bit id as Kafka prints it: 22 characters of base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// All bytes zero: Kafka's "no id".
    pub const ZERO: Self = Self([0; 16]);
    /// The topic id of `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Wraps 16 bytes in network order.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes in network order.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A random (version 4) id from 16 random bytes, or `None` where Kafka would
    /// draw again: reserved ids (0–99) and those whose text starts with a dash.
    pub fn from_random(mut bytes: [u8; 16]) -> Option<Self> {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let id = Self(bytes);
        (!id.to_string().starts_with('-')).then_some(id)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Uuid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Uuid {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            FormatError::corrupt(
                "id",
                0,
                "22 characters of base64url",
                text.chars().take(40).collect::<String>(),
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| bad())?;
        Ok(Self(bytes.try_into().map_err(|_| bad())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_kafka_prints_it_and_parses_back() {
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let golden = "CUcksRncQL-a3EPe1PNqEw";
        assert_eq!(golden.parse::<Uuid>().unwrap().to_string(), golden);
        assert!("short".parse::<Uuid>().is_err());
    }

    #[test]
    fn minus_one_is_none_both_ways() {
        assert_eq!(ProducerId::from_wire(-1), None);
        assert_eq!(ProducerId::to_wire(None), -1);
        assert_eq!(ProducerId::to_wire(ProducerId::from_wire(7)), 7);
    }
}
