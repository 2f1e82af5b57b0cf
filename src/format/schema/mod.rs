//! Kafka's message schemas: a list of fields, said once, gives the struct, its
//! decoder, its encoder and the JSON that Kafka's own dump prints.
//!
//! ```text
//! inflexible version     the fields, in order
//! flexible version       the fields, in order, then the tagged fields:
//!                        uvarint count; per field uvarint tag, uvarint size, value
//!
//! type                   inflexible                  flexible
//! integers, f64, bool    big-endian; bool is a byte  the same
//! uuid                   16 bytes                    the same
//! string                 i16 length (−1 null)        uvarint length + 1 (0 null)
//! bytes, arrays          i32 length (−1 null)        uvarint length + 1 (0 null)
//! nullable struct        i8 −1 null, 1 there         the same; as a tagged field uvarint 0, 1
//! ```
//!
//! A field is read and written in the versions that have it and has its default
//! in others. A tagged field is written where its value is not the default, in
//! the order of the tags; unknown ones are kept. So bytes that Kafka wrote come
//! out of the encoder as they went into the decoder. A decoded value takes at
//! most 100 times the memory of its bytes.
//!
//! Source: Kafka's `generator` module (`MessageDataGenerator`,
//! `JsonConverterGenerator`); KIP-482.

mod wire;

use super::bytes::{Reader, put_uvarint};
use super::error::{FormatError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::ops::RangeInclusive;

/// How the fields of one message are laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) version: i16,
    pub(crate) flexible: bool,
    /// The value stands in a tagged field.
    pub(crate) tagged: bool,
}

impl Layout {
    fn tagged(self) -> Self {
        Self {
            tagged: true,
            ..self
        }
    }

    fn nested(self) -> Self {
        Self {
            tagged: false,
            ..self
        }
    }
}

/// A type that a field can have.
pub(crate) trait Wire: Sized {
    fn read(reader: &mut Reader<'_>, layout: Layout, what: &'static str) -> Result<Self>;
    fn write(&self, out: &mut Vec<u8>, layout: Layout, what: &'static str) -> Result<()>;
    fn to_json(&self, layout: Layout) -> Value;
}

/// A type that a field can have as an `Option`.
pub(crate) trait Nullable: Sized {
    fn read_nullable(
        reader: &mut Reader<'_>,
        layout: Layout,
        what: &'static str,
    ) -> Result<Option<Self>>;
    fn write_nullable(
        value: Option<&Self>,
        out: &mut Vec<u8>,
        layout: Layout,
        what: &'static str,
    ) -> Result<()>;
    fn nullable_json(value: Option<&Self>, layout: Layout) -> Value;
}

/// A whole record key or value: a type with versions of its own.
pub(crate) trait Message: Wire {
    /// Those that can be read and written.
    const VERSIONS: RangeInclusive<i16>;
    /// From which on they are flexible; past the last for none.
    const FLEXIBLE_SINCE: i16;

    fn layout(version: i16) -> Layout {
        Layout {
            version,
            flexible: version >= Self::FLEXIBLE_SINCE,
            tagged: false,
        }
    }
}

/// The tagged fields of a struct that are not known here, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownFields(Vec<(u32, Vec<u8>)>);

impl UnknownFields {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each tag with the bytes of its value.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.0.iter().map(|(tag, bytes)| (*tag, bytes.as_slice()))
    }

    pub(crate) fn push(&mut self, tag: u32, bytes: Vec<u8>) {
        self.0.push((tag, bytes));
    }
}

/// One tagged field that is being read.
pub(crate) struct TaggedField<'a> {
    pub(crate) tag: u32,
    pub(crate) bytes: &'a [u8],
    position: usize,
}

impl<'a> TaggedField<'a> {
    pub(crate) fn count(reader: &mut Reader<'a>) -> Result<usize> {
        let count = reader.uvarint("tagged field count")?;
        reader.bounded_count("tagged field count", count, 2)
    }

    pub(crate) fn next(reader: &mut Reader<'a>) -> Result<Self> {
        let tag = reader.uvarint("tag")?;
        let size = reader.uvarint("tagged field size")? as usize;
        let position = reader.position();
        let bytes = reader.take("tagged field", size)?;
        Ok(Self {
            tag,
            bytes,
            position,
        })
    }

    pub(crate) fn value<T: Wire>(&self, layout: Layout, what: &'static str) -> Result<T> {
        let mut reader = Reader::new(self.bytes);
        let value = T::read(&mut reader, layout.tagged(), what)
            .and_then(|value| finish(&reader, what).map(|()| value));
        value.map_err(|error| error.shifted(self.position as u64))
    }
}

/// The tagged fields of a struct that is being written.
pub(crate) struct TaggedFields(Vec<(u32, Vec<u8>)>);

impl TaggedFields {
    pub(crate) fn from(unknown: &UnknownFields) -> Self {
        Self(unknown.0.clone())
    }

    pub(crate) fn push<T: Wire>(
        &mut self,
        tag: u32,
        value: &T,
        layout: Layout,
        what: &'static str,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        value.write(&mut bytes, layout.tagged(), what)?;
        self.0.push((tag, bytes));
        Ok(())
    }

    pub(crate) fn write(
        mut self,
        out: &mut Vec<u8>,
        layout: Layout,
        what: &'static str,
    ) -> Result<()> {
        if !layout.flexible {
            return match self.0.first() {
                None => Ok(()),
                Some((tag, _)) => Err(FormatError::unencodable(
                    what,
                    format!("no tagged field in version {}", layout.version),
                    format!("tag {tag}"),
                )),
            };
        }
        self.0.sort_by_key(|(tag, _)| *tag);
        put_uvarint(out, self.0.len() as u64);
        for (tag, bytes) in self.0 {
            put_uvarint(out, u64::from(tag));
            put_uvarint(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
        Ok(())
    }
}

/// Every byte must have been read.
pub(crate) fn finish(reader: &Reader<'_>, what: &'static str) -> Result<()> {
    if reader.is_empty() {
        return Ok(());
    }
    Err(FormatError::corrupt(
        what,
        reader.position(),
        "the end",
        format!("{} more bytes", reader.remaining()),
    ))
}

/// A field that the version does not have must be left at its default.
#[cold]
pub(crate) fn not_in_version(what: &'static str, version: i16) -> FormatError {
    FormatError::unencodable(
        what,
        format!("the default, as version {version} has no such field"),
        "another value",
    )
}

/// `partition_id` as `partitionId`.
pub(crate) fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    // A field may be called by a word of the language.
    for c in name.trim_start_matches("r#").chars() {
        if c == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Bytes as they stand in Kafka's JSON.
pub(crate) fn base64_json(bytes: &[u8]) -> Value {
    Value::String(base64_text(bytes))
}

/// Bytes in padded standard base64.
pub fn base64_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Whether a nullable struct is there.
pub(crate) fn read_presence(
    reader: &mut Reader<'_>,
    layout: Layout,
    what: &'static str,
) -> Result<bool> {
    let start = reader.position();
    let marker = if layout.tagged {
        i64::from(reader.uvarint(what)?)
    } else {
        i64::from(reader.i8(what)?)
    };
    match (marker, layout.tagged) {
        (1, _) => Ok(true),
        (0, true) | (-1, false) => Ok(false),
        (other, _) => Err(FormatError::corrupt(
            what,
            start,
            "the mark of a struct or of null",
            other.to_string(),
        )),
    }
}

/// The mark in front of a nullable struct.
pub(crate) fn write_presence(there: bool, out: &mut Vec<u8>, layout: Layout) {
    out.push(match (there, layout.tagged) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => 0xff,
    });
}

/// Declares structs by their fields. A field is
///
/// ```text
/// name: Type, VERSIONS [, tag N] [, default EXPR] [, or ignored];
/// ```
///
/// in the order of Kafka's schema; `or ignored` drops a value that the version
/// cannot hold instead of refusing it. `messages` are whole keys and values, with
/// their versions and the first flexible one; `structs` are parts of them.
macro_rules! schema {
    (
        messages {$(
            $(#[$message_meta:meta])*
            $message:ident, $lowest:literal..=$highest:literal, flexible $flexible:expr, {
                $($message_fields:tt)*
            }
        )*}
        structs {$(
            $(#[$struct_meta:meta])*
            $struct:ident, {
                $($struct_fields:tt)*
            }
        )*}
    ) => {
        $(
            $crate::format::schema::schema!(@struct
                $(#[$message_meta])* $message { $($message_fields)* });

            impl $crate::format::schema::Message for $message {
                const VERSIONS: std::ops::RangeInclusive<i16> = $lowest..=$highest;
                const FLEXIBLE_SINCE: i16 = $flexible;
            }
        )*
        $(
            $crate::format::schema::schema!(@struct
                $(#[$struct_meta])* $struct { $($struct_fields)* });
        )*
    };
    (@struct $(#[$meta:meta])* $name:ident {$(
        $(#[$field_meta:meta])*
        $field:ident: $type:ty, $versions:expr
            $(, tag $tag:literal)?
            $(, default $default:expr)?
            $(, or $ignorable:ident)?;
    )*}) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                pub $field: $type,
            )*
            /// Tagged fields not known here, kept.
            pub unknown: $crate::format::schema::UnknownFields,
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $crate::format::schema::schema!(@default $($default)?),)*
                    unknown: Default::default(),
                }
            }
        }

        #[allow(unused_variables, unused_mut, unused_imports, reason = "a struct may have no fields")]
        impl $crate::format::schema::Wire for $name {
            fn read(
                reader: &mut $crate::format::bytes::Reader<'_>,
                layout: $crate::format::schema::Layout,
                what: &'static str,
            ) -> $crate::format::Result<Self> {
                use $crate::format::schema::{TaggedField, Wire};
                let mut this = Self::default();
                $(
                    $crate::format::schema::schema!(@untagged [$($tag)?] {
                        if ($versions).contains(&layout.version) {
                            this.$field = Wire::read(
                                reader,
                                layout,
                                concat!(stringify!($name), ".", stringify!($field)),
                            )?;
                        }
                    });
                )*
                if layout.flexible {
                    for _ in 0..TaggedField::count(reader)? {
                        let found = TaggedField::next(reader)?;
                        $($(
                            if found.tag == $tag
                                && ($versions).contains(&layout.version)
                            {
                                this.$field = found.value(
                                    layout,
                                    concat!(stringify!($name), ".", stringify!($field)),
                                )?;
                                continue;
                            }
                        )?)*
                        this.unknown.push(found.tag, found.bytes.to_vec());
                    }
                }
                Ok(this)
            }

            fn write(
                &self,
                out: &mut Vec<u8>,
                layout: $crate::format::schema::Layout,
                what: &'static str,
            ) -> $crate::format::Result<()> {
                use $crate::format::schema::{TaggedFields, Wire, not_in_version};
                let default = Self::default();
                let mut tagged = TaggedFields::from(&self.unknown);
                $({
                    let what = concat!(stringify!($name), ".", stringify!($field));
                    if ($versions).contains(&layout.version) {
                        $crate::format::schema::schema!(@untagged [$($tag)?] {
                            self.$field.write(out, layout, what)?;
                        });
                        $(
                            if self.$field != default.$field {
                                tagged.push($tag, &self.$field, layout, what)?;
                            }
                        )?
                    } else if self.$field != default.$field
                        && !$crate::format::schema::schema!(@ignorable $($ignorable)?)
                    {
                        return Err(not_in_version(what, layout.version));
                    }
                })*
                tagged.write(out, layout, stringify!($name))
            }

            fn to_json(&self, layout: $crate::format::schema::Layout) -> serde_json::Value {
                use $crate::format::schema::{Wire, camel_case};
                let default = Self::default();
                let mut object = serde_json::Map::new();
                $(
                    let shown = ($versions).contains(&layout.version)
                        $(&& ($tag, &self.$field) != ($tag, &default.$field))?;
                    if shown {
                        object.insert(
                            camel_case(stringify!($field)),
                            self.$field.to_json(layout),
                        );
                    }
                )*
                serde_json::Value::Object(object)
            }
        }

        impl $crate::format::schema::Nullable for $name {
            fn read_nullable(
                reader: &mut $crate::format::bytes::Reader<'_>,
                layout: $crate::format::schema::Layout,
                what: &'static str,
            ) -> $crate::format::Result<Option<Self>> {
                use $crate::format::schema::Wire;
                let there = $crate::format::schema::read_presence(reader, layout, what)?;
                there.then(|| Self::read(reader, layout, what)).transpose()
            }

            fn write_nullable(
                value: Option<&Self>,
                out: &mut Vec<u8>,
                layout: $crate::format::schema::Layout,
                what: &'static str,
            ) -> $crate::format::Result<()> {
                use $crate::format::schema::Wire;
                $crate::format::schema::write_presence(value.is_some(), out, layout);
                value.map_or(Ok(()), |value| value.write(out, layout, what))
            }

            fn nullable_json(
                value: Option<&Self>,
                layout: $crate::format::schema::Layout,
            ) -> serde_json::Value {
                use $crate::format::schema::Wire;
                value.map_or(serde_json::Value::Null, |value| value.to_json(layout))
            }
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@untagged [] { $($body:tt)* }) => { $($body)* };
    (@untagged [$tag:literal] { $($body:tt)* }) => {};
    (@ignorable) => { false };
    (@ignorable ignored) => { true };
}
pub(crate) use schema;
