//! What the topics of Kafka's coordinators share (`__consumer_offsets`,
//! `__transaction_state`, `__share_group_state`): compacted, each record a typed
//! key and a versioned value.
//!
//! ```text
//! key      type     i16   which kind of record
//!          body           in the inflexible encoding
//! value    version  i16   of the body; a null value deletes
//!          body           flexible from some version on (see `schema`)
//! ```
//!
//! Records of a type or version that is not known here are kept as they came.
//!
//! Source: `org.apache.kafka.coordinator.common.runtime.CoordinatorRecordSerde`.

use super::types::PartitionId;
use std::num::NonZeroU32;

/// No version of these is flexible.
pub(crate) const NEVER: i16 = i16::MAX;

/// A value and the version that it is written in.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The version, 0 or more.
    pub version: i16,
    /// The value.
    pub value: T,
}

/// The partition of a coordinator's topic that holds the records of an id:
/// Java's `String.hashCode` (over UTF-16), made positive, modulo the number of
/// partitions.
pub fn coordinator_partition(id: &str, partitions: NonZeroU32) -> PartitionId {
    let hash = id.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    // Kafka's `Utils.abs` makes 0 of the one number that has no positive twin.
    let positive = hash.checked_abs().unwrap_or(0).cast_unsigned();
    PartitionId::new((positive % partitions).cast_signed())
}

/// Declares the enums of keys and values of one topic. A row is
/// `TYPE Variant(KeyStruct, ValueStruct),`.
macro_rules! coordinator_records {
    (
        $(#[$key_meta:meta])* key $key:ident;
        $(#[$value_meta:meta])* value $value:ident;
        $($(#[$doc:meta])* $kind:literal $variant:ident($key_type:ident, $value_type:ident),)*
    ) => {
        $(#[$key_meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $key {
            $(
                $(#[$doc])*
                $variant($key_type),
            )*
            /// A type that is not known here.
            Unknown {
                /// The number of the type.
                kind: i16,
                /// The key behind the type.
                body: Vec<u8>,
            },
        }

        $(#[$value_meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $value {
            $(
                $(#[$doc])*
                $variant($value_type),
            )*
            /// Of a type, or a version of a type, that is not known here.
            Unknown {
                /// The whole value, its version included.
                bytes: Vec<u8>,
            },
        }

        impl $key {
            /// The number of its type.
            pub const fn kind(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => $kind,)*
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// Reads the key of a record.
            ///
            /// # Errors
            /// A known type whose body is cut short, does not follow its schema,
            /// or is followed by more bytes.
            pub fn decode(bytes: &[u8]) -> Result<Self> {
                let mut reader = Reader::new(bytes);
                match reader.i16("record type")? {
                    $($kind => {
                        let layout = <$key_type as Message>::layout(0);
                        let key = <$key_type>::read(&mut reader, layout, stringify!($key_type))?;
                        finish(&reader, stringify!($key_type))?;
                        Ok(Self::$variant(key))
                    })*
                    kind => Ok(Self::Unknown {
                        kind,
                        body: reader.rest().to_vec(),
                    }),
                }
            }

            /// The key of a record.
            ///
            /// # Errors
            /// A string of more than 32,767 bytes.
            pub fn to_bytes(&self) -> Result<Vec<u8>> {
                let mut out = self.kind().to_be_bytes().to_vec();
                match self {
                    $(Self::$variant(key) => {
                        let layout = <$key_type as Message>::layout(0);
                        key.write(&mut out, layout, stringify!($key_type))?;
                    })*
                    Self::Unknown { body, .. } => out.extend_from_slice(body),
                }
                Ok(out)
            }

            /// What Kafka's dump prints as the key. An unknown type has base64 in
            /// `data`.
            pub fn to_json(&self) -> Value {
                let data = match self {
                    $(Self::$variant(key) => key.to_json(<$key_type as Message>::layout(0)),)*
                    Self::Unknown { body, .. } => base64_json(body),
                };
                json!({ "type": self.kind().to_string(), "data": data })
            }
        }

        impl $value {
            /// Reads the value of a record from its bytes and its key's type.
            ///
            /// # Errors
            /// A known type and version whose body is cut short, does not follow
            /// its schema, or is followed by more bytes.
            pub fn decode(kind: i16, bytes: &[u8]) -> Result<Versioned<Self>> {
                let mut reader = Reader::new(bytes);
                let version = match kind {
                    $($kind)|* => reader.i16("value version")?,
                    // The value of an unknown type may have no version.
                    _ => bytes.first_chunk().map_or(0, |chunk| i16::from_be_bytes(*chunk)),
                };
                let value = match kind {
                    $($kind if <$value_type as Message>::VERSIONS.contains(&version) => {
                        let layout = <$value_type as Message>::layout(version);
                        let value =
                            <$value_type>::read(&mut reader, layout, stringify!($value_type))?;
                        finish(&reader, stringify!($value_type))?;
                        Self::$variant(value)
                    })*
                    _ => Self::Unknown {
                        bytes: bytes.to_vec(),
                    },
                };
                Ok(Versioned { version, value })
            }

            /// This value in the highest version of its type. Unknown ones get 0.
            pub fn latest(self) -> Versioned<Self> {
                let version = match &self {
                    $(Self::$variant(_) => *<$value_type as Message>::VERSIONS.end(),)*
                    Self::Unknown { .. } => 0,
                };
                self.at(version)
            }

            /// This value in a version.
            pub const fn at(self, version: i16) -> Versioned<Self> {
                Versioned {
                    version,
                    value: self,
                }
            }

            fn data_json(&self, version: i16) -> Value {
                match self {
                    $(Self::$variant(value) => {
                        value.to_json(<$value_type as Message>::layout(version))
                    })*
                    Self::Unknown { bytes } => base64_json(bytes),
                }
            }
        }

        impl Versioned<$value> {
            /// The value of a record.
            ///
            /// # Errors
            /// A version that the type does not have, a field that the version
            /// does not have, a string of more than 32,767 bytes.
            pub fn to_bytes(&self) -> Result<Vec<u8>> {
                let mut out = self.version.to_be_bytes().to_vec();
                match &self.value {
                    $($value::$variant(value) => {
                        let versions = <$value_type as Message>::VERSIONS;
                        if !versions.contains(&self.version) {
                            return Err(FormatError::unencodable(
                                stringify!($value_type),
                                format!("version {} to {}", versions.start(), versions.end()),
                                format!("version {}", self.version),
                            ));
                        }
                        let layout = <$value_type as Message>::layout(self.version);
                        value.write(&mut out, layout, stringify!($value_type))?;
                    })*
                    $value::Unknown { bytes } => out.clone_from(bytes),
                }
                Ok(out)
            }
        }
    };
}
pub(crate) use coordinator_records;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_go_where_java_puts_them() {
        let of =
            |id: &str, count: u32| coordinator_partition(id, NonZeroU32::new(count).unwrap()).get();
        // Where the golden directory of Kafka 4.3.1 has them.
        assert_eq!(of("gold-classic", 2), 1);
        assert_eq!(of("gold-848", 2), 1);
        assert_eq!(of("gold-eos", 2), 0);
        assert_eq!(of("gold-txn", 2), 1);
        // `"polygenelubricants".hashCode()` is the number without a positive twin.
        assert_eq!(of("polygenelubricants", 50), 0);
        assert_eq!(of("", 50), 0);
    }
}
