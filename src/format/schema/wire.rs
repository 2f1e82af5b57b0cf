//! How each type of field is read, written and shown, see [`super`].

use super::{Layout, Nullable, Wire, base64_json};
use crate::format::bytes::{Reader, put_uvarint};
use crate::format::error::{FormatError, Result};
use crate::format::types::{
    LeaderEpoch, NodeId, Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp, Uuid,
};
use serde_json::Value;

/// Kafka refuses longer strings in either encoding.
const LONGEST_STRING: usize = 0x7fff;

macro_rules! integers {
    ($($type:ident),*) => {$(
        impl Wire for $type {
            fn read(reader: &mut Reader<'_>, _: Layout, what: &'static str) -> Result<Self> {
                reader.$type(what)
            }

            fn write(&self, out: &mut Vec<u8>, _: Layout, _: &'static str) -> Result<()> {
                out.extend_from_slice(&self.to_be_bytes());
                Ok(())
            }

            fn to_json(&self, _: Layout) -> Value {
                Value::from(*self)
            }
        }
    )*};
}
integers!(i8, i16, u16, i32, i64);

/// Kafka's numbers: plain where none may be negative, `Option` where −1 is none.
macro_rules! numbers {
    ($($type:ident: $inner:ident),*) => {$(
        impl Wire for $type {
            fn read(reader: &mut Reader<'_>, layout: Layout, what: &'static str) -> Result<Self> {
                let start = reader.position();
                Self::read_nullable(reader, layout, what)?
                    .ok_or_else(|| FormatError::corrupt(what, start, "0 or more", "-1"))
            }

            fn write(&self, out: &mut Vec<u8>, layout: Layout, what: &'static str) -> Result<()> {
                self.get().write(out, layout, what)
            }

            fn to_json(&self, _: Layout) -> Value {
                Value::from(self.get())
            }
        }

        impl Nullable for $type {
            fn read_nullable(
                reader: &mut Reader<'_>,
                _: Layout,
                what: &'static str,
            ) -> Result<Option<Self>> {
                let start = reader.position();
                match reader.$inner(what)? {
                    value @ ..-1 => Err(FormatError::corrupt(
                        what,
                        start,
                        "-1 or more",
                        value.to_string(),
                    )),
                    value => Ok(Self::from_wire(value)),
                }
            }

            fn write_nullable(
                value: Option<&Self>,
                out: &mut Vec<u8>,
                layout: Layout,
                what: &'static str,
            ) -> Result<()> {
                Self::to_wire(value.copied()).write(out, layout, what)
            }

            fn nullable_json(value: Option<&Self>, _: Layout) -> Value {
                Value::from(Self::to_wire(value.copied()))
            }
        }
    )*};
}
numbers!(
    NodeId: i32, PartitionId: i32, LeaderEpoch: i32,
    Offset: i64, Timestamp: i64, ProducerId: i64, ProducerEpoch: i16
);

impl Wire for bool {
    fn read(reader: &mut Reader<'_>, _: Layout, what: &'static str) -> Result<Self> {
        let start = reader.position();
        match reader.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            // Kafka takes any other byte for true; it could not be written back.
            other => Err(FormatError::corrupt(
                what,
                start,
                "0 or 1",
                other.to_string(),
            )),
        }
    }

    fn write(&self, out: &mut Vec<u8>, _: Layout, _: &'static str) -> Result<()> {
        out.push(u8::from(*self));
        Ok(())
    }

    fn to_json(&self, _: Layout) -> Value {
        Value::Bool(*self)
    }
}

impl Wire for f64 {
    fn read(reader: &mut Reader<'_>, _: Layout, what: &'static str) -> Result<Self> {
        reader.f64(what)
    }

    fn write(&self, out: &mut Vec<u8>, _: Layout, _: &'static str) -> Result<()> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }

    fn to_json(&self, _: Layout) -> Value {
        match serde_json::Number::from_f64(*self) {
            Some(number) => Value::Number(number),
            None if self.is_nan() => Value::from("NaN"),
            None if *self > 0.0 => Value::from("Infinity"),
            None => Value::from("-Infinity"),
        }
    }
}

impl Wire for Uuid {
    fn read(reader: &mut Reader<'_>, _: Layout, what: &'static str) -> Result<Self> {
        reader.uuid(what)
    }

    fn write(&self, out: &mut Vec<u8>, _: Layout, _: &'static str) -> Result<()> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn to_json(&self, _: Layout) -> Value {
        Value::String(self.to_string())
    }
}

impl Nullable for String {
    fn read_nullable(
        reader: &mut Reader<'_>,
        layout: Layout,
        what: &'static str,
    ) -> Result<Option<Self>> {
        let start = reader.position();
        let text = if layout.flexible {
            reader.compact_nullable_string(what)?
        } else {
            reader.nullable_string(what)?
        };
        match text {
            Some(text) if text.len() > LONGEST_STRING => Err(FormatError::corrupt(
                what,
                start,
                format!("at most {LONGEST_STRING} bytes"),
                text.len().to_string(),
            )),
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        out: &mut Vec<u8>,
        layout: Layout,
        what: &'static str,
    ) -> Result<()> {
        let length = value.map(|text| text.len());
        if let Some(length) = length.filter(|length| *length > LONGEST_STRING) {
            return Err(FormatError::unencodable(
                what,
                format!("at most {LONGEST_STRING} bytes"),
                length.to_string(),
            ));
        }
        if layout.flexible {
            put_uvarint(out, length.map_or(0, |length| length as u64 + 1));
        } else {
            // At most 0x7fff, as checked above.
            let length = length.map_or(-1, |length| length as i16);
            out.extend_from_slice(&length.to_be_bytes());
        }
        out.extend_from_slice(value.map_or(&[], |text| text.as_bytes()));
        Ok(())
    }

    fn nullable_json(value: Option<&Self>, _: Layout) -> Value {
        value.map_or(Value::Null, |text| Value::String(text.clone()))
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_nullable(
        reader: &mut Reader<'_>,
        layout: Layout,
        what: &'static str,
    ) -> Result<Option<Self>> {
        let Some(count) = read_length(reader, layout, what)? else {
            return Ok(None);
        };
        // Grows as items are read: a count alone makes no room.
        let mut items = Self::with_capacity(count.min(4));
        for _ in 0..count {
            items.push(T::read(reader, layout.nested(), what)?);
        }
        Ok(Some(items))
    }

    fn write_nullable(
        value: Option<&Self>,
        out: &mut Vec<u8>,
        layout: Layout,
        what: &'static str,
    ) -> Result<()> {
        write_length(value.map(Self::len), out, layout, what)?;
        value
            .into_iter()
            .flatten()
            .try_for_each(|item| item.write(out, layout.nested(), what))
    }

    fn nullable_json(value: Option<&Self>, layout: Layout) -> Value {
        let items = |items: &Self| {
            items
                .iter()
                .map(|item| item.to_json(layout.nested()))
                .collect()
        };
        value.map_or(Value::Null, |list| Value::Array(items(list)))
    }
}

impl Nullable for Vec<u8> {
    fn read_nullable(
        reader: &mut Reader<'_>,
        layout: Layout,
        what: &'static str,
    ) -> Result<Option<Self>> {
        match read_length(reader, layout, what)? {
            None => Ok(None),
            Some(length) => Ok(Some(reader.take(what, length)?.to_vec())),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        out: &mut Vec<u8>,
        layout: Layout,
        what: &'static str,
    ) -> Result<()> {
        write_length(value.map(Self::len), out, layout, what)?;
        out.extend_from_slice(value.map_or(&[], Self::as_slice));
        Ok(())
    }

    fn nullable_json(value: Option<&Self>, _: Layout) -> Value {
        value.map_or(Value::Null, |bytes| base64_json(bytes))
    }
}

/// The length of an array or of bytes; `None` is null. At most what is left.
fn read_length(
    reader: &mut Reader<'_>,
    layout: Layout,
    what: &'static str,
) -> Result<Option<usize>> {
    if layout.flexible {
        return reader.compact_array(what);
    }
    match reader.i32(what)? {
        -1 => Ok(None),
        length => reader.bounded_count(what, length, 1).map(Some),
    }
}

fn write_length(
    length: Option<usize>,
    out: &mut Vec<u8>,
    layout: Layout,
    what: &'static str,
) -> Result<()> {
    // One below the largest, as the compact form writes the length and one.
    let longest = i32::MAX - 1;
    let length = match length.map(i32::try_from) {
        None => -1,
        Some(Ok(length)) if length <= longest => length,
        Some(_) => {
            return Err(FormatError::unencodable(
                what,
                format!("at most {longest} items or bytes"),
                "more",
            ));
        }
    };
    if layout.flexible {
        put_uvarint(out, u64::from((length + 1).cast_unsigned()));
    } else {
        out.extend_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// A type that may be null, in a field where it may not.
macro_rules! never_null {
    ($({$($generic:tt)*} $type:ty),*) => {$(
        impl<$($generic)*> Wire for $type {
            fn read(reader: &mut Reader<'_>, layout: Layout, what: &'static str) -> Result<Self> {
                let start = reader.position();
                Self::read_nullable(reader, layout, what)?
                    .ok_or_else(|| FormatError::corrupt(what, start, "a value", "null"))
            }

            fn write(&self, out: &mut Vec<u8>, layout: Layout, what: &'static str) -> Result<()> {
                Self::write_nullable(Some(self), out, layout, what)
            }

            fn to_json(&self, layout: Layout) -> Value {
                Self::nullable_json(Some(self), layout)
            }
        }
    )*};
}
never_null!({} String, {T: Wire} Vec<T>, {} Vec<u8>);

impl<T: Nullable> Wire for Option<T> {
    fn read(reader: &mut Reader<'_>, layout: Layout, what: &'static str) -> Result<Self> {
        T::read_nullable(reader, layout, what)
    }

    fn write(&self, out: &mut Vec<u8>, layout: Layout, what: &'static str) -> Result<()> {
        T::write_nullable(self.as_ref(), out, layout, what)
    }

    fn to_json(&self, layout: Layout) -> Value {
        T::nullable_json(self.as_ref(), layout)
    }
}
