//! The JSON envelope: one object a line, written by `consume --json` and read by
//! `produce --json` without loss.
//!
//! ```text
//! {"v":1,"topic":"clicks","partition":0,"offset":42,
//!  "timestamp":1772366400125,"timestampType":"CreateTime","leaderEpoch":3,
//!  "key":"alice","value":"hello","headers":[["trace","abc"],["empty",null]]}
//! ```
//!
//! - `v` is the version of this layout. A reader refuses a higher one.
//! - `timestamp` is in milliseconds since 1970 or null; `timestampType` is
//!   `CreateTime`, `LogAppendTime` or `NoTimestampType`; `leaderEpoch` may be null.
//! - `key` and `value` are texts or null. Where the bytes are not UTF-8, the
//!   field is `keyBase64` or `valueBase64` instead, in padded standard base64.
//! - `headers` keeps order and repeated names. Each is `[name, value]`, value a
//!   text or null; where either is not UTF-8, it is an object with `name` or
//!   `nameBase64`, and `value` or `valueBase64`.
//!
//! Reading, only `value` or `valueBase64` must be there. A value or key that is
//! a JSON object, array, number or boolean is taken as its text. Fields that
//! are not known are refused, so that a mistyped one is not lost.

use super::error::{Exit, Result, ToolError};
use super::format_string::{write_base64, write_decimal};
use super::input::{InputRecord, InputTime};
use super::output::RecordMeta;
use crate::format::record::{Headers, HeadersBuf, Record};
use crate::format::types::{LeaderEpoch, Offset, PartitionId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The version that is written.
pub const VERSION: u32 = 1;

/// Appends a record as one line.
pub fn write_record(out: &mut Vec<u8>, meta: &RecordMeta<'_>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"v\":1,\"topic\":");
    write_text(out, meta.topic);
    out.extend_from_slice(b",\"partition\":");
    write_decimal(out, i64::from(meta.partition.get()));
    out.extend_from_slice(b",\"offset\":");
    write_decimal(out, record.offset.get());
    out.extend_from_slice(b",\"timestamp\":");
    write_number(out, record.timestamp.map(Timestamp::get));
    out.extend_from_slice(b",\"timestampType\":\"");
    out.extend_from_slice(meta.timestamp_type(record).as_bytes());
    out.extend_from_slice(b"\",\"leaderEpoch\":");
    write_number(out, meta.leader_epoch.map(|epoch| i64::from(epoch.get())));
    out.push(b',');
    write_member(out, "key", record.key);
    out.push(b',');
    write_member(out, "value", record.value);
    out.extend_from_slice(b",\"headers\":");
    write_headers(out, record.headers);
    out.extend_from_slice(b"}\n");
}

/// Appends headers as the envelope has them.
pub fn write_headers(out: &mut Vec<u8>, headers: Headers<'_>) {
    out.push(b'[');
    for (at, header) in headers.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let value = header.value.map(std::str::from_utf8).transpose();
        if let (Ok(name), Ok(value)) = (std::str::from_utf8(header.name), value) {
            out.push(b'[');
            write_text(out, name);
            out.push(b',');
            match value {
                Some(value) => write_text(out, value),
                None => out.extend_from_slice(b"null"),
            }
            out.push(b']');
        } else {
            out.push(b'{');
            write_member(out, "name", Some(header.name));
            out.push(b',');
            write_member(out, "value", header.value);
            out.push(b'}');
        }
    }
    out.push(b']');
}

/// Appends a JSON string.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

fn write_number(out: &mut Vec<u8>, number: Option<i64>) {
    match number {
        Some(number) => write_decimal(out, number),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends `"name":…`, or `"nameBase64":…` where the bytes are not UTF-8.
fn write_member(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    match bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => out.extend_from_slice(b"\":null"),
        Some(Ok(text)) => {
            out.extend_from_slice(b"\":");
            write_text(out, text);
        }
        Some(Err(bytes)) => {
            out.extend_from_slice(b"Base64\":\"");
            write_base64(out, bytes);
            out.push(b'"');
        }
    }
}

/// Reads envelopes, keeping its memory from line to line.
#[derive(Debug, Default)]
pub struct EnvelopeReader {
    key: Vec<u8>,
    value: Vec<u8>,
    headers: HeadersBuf,
    constant: HeadersBuf,
}

impl EnvelopeReader {
    /// Adds the `constant` headers behind those of each record.
    pub fn new(constant: HeadersBuf) -> Self {
        Self {
            constant,
            ..Self::default()
        }
    }

    /// Reads one line. `number` counts lines from 1, for messages.
    pub fn read<'a>(&'a mut self, line: &'a [u8], number: u64) -> Result<InputRecord<'a>> {
        let envelope: Envelope<'a> =
            serde_json::from_slice(line).map_err(|error| syntax(&error, number))?;
        self.fill(envelope)
            .map_err(|error| error.context(format_args!("JSON envelope, line {number}")))
    }

    fn fill<'a>(&'a mut self, envelope: Envelope<'a>) -> Result<InputRecord<'a>> {
        if let Some(version) = envelope.v.filter(|version| *version != VERSION) {
            return Err(ToolError::failed(format!(
                "field `v`: expected version {VERSION}, found {version}"
            )));
        }
        if envelope.value.is_none() && envelope.value_base64.is_none() {
            return Err(ToolError::failed(
                "expected a field `value` or `valueBase64`, found neither",
            )
            .hint("a record without a value (a tombstone) has \"value\":null"));
        }
        self.headers.clear();
        if let Some(Some(headers)) = &envelope.headers {
            for header in headers {
                push_header(&mut self.headers, header.get())?;
            }
        }
        for header in self.constant.as_headers().iter() {
            self.headers.push(header.name, header.value);
        }
        let key = bytes("key", &mut self.key, envelope.key, envelope.key_base64)?;
        let value = bytes(
            "value",
            &mut self.value,
            envelope.value,
            envelope.value_base64,
        )?;
        Ok(InputRecord {
            topic: envelope.topic,
            partition: number("partition", envelope.partition)?.map(PartitionId::new),
            offset: number("offset", envelope.offset)?.map(Offset::new),
            leader_epoch: number("leaderEpoch", envelope.leader_epoch.flatten())?
                .map(LeaderEpoch::new),
            time: time(envelope.timestamp, envelope.timestamp_type)?,
            key: key.view(&self.key),
            value: value.view(&self.value),
            headers: self.headers.as_headers(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope<'a> {
    v: Option<u32>,
    #[serde(borrow, default)]
    topic: Option<Cow<'a, str>>,
    partition: Option<i32>,
    offset: Option<i64>,
    #[serde(default, deserialize_with = "present")]
    timestamp: Option<Option<i64>>,
    #[serde(borrow, default)]
    timestamp_type: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    leader_epoch: Option<Option<i32>>,
    #[serde(borrow, default, deserialize_with = "present")]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    key_base64: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value_base64: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    headers: Option<Option<Vec<&'a RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderObject<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    value: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    value_base64: Option<Cow<'a, str>>,
}

/// Tells a field that is null from one that is not there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Bytes of a field: null, in the line, or decoded into the reader's memory.
enum Bytes<'a> {
    Null,
    Line(&'a [u8]),
    Decoded,
}

impl<'a> Bytes<'a> {
    fn view(self, decoded: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Null => None,
            Self::Line(bytes) => Some(bytes),
            Self::Decoded => Some(decoded),
        }
    }
}

fn bytes<'a>(
    name: &str,
    memory: &mut Vec<u8>,
    text: Option<&'a RawValue>,
    base64: Option<&'a RawValue>,
) -> Result<Bytes<'a>> {
    let json = match (text, base64) {
        (Some(_), Some(_)) => {
            return Err(ToolError::failed(format!(
                "expected `{name}` or `{name}Base64`, found both"
            )));
        }
        (None, None) => return Ok(Bytes::Null),
        (Some(json), None) | (None, Some(json)) => json.get(),
    };
    if json == "null" {
        return Ok(Bytes::Null);
    }
    let borrowed = match json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        Some(_) => {
            let text: String = serde_json::from_str(json)
                .map_err(|error| ToolError::failed(format!("field `{name}`: {error}")))?;
            Some(Cow::Owned(text))
        }
        None => None,
    };
    match (borrowed, base64.is_some()) {
        (None, true) => Err(ToolError::failed(format!(
            "field `{name}Base64`: expected a text, found {}",
            json.chars().take(20).collect::<String>()
        ))),
        (None, false) => Ok(Bytes::Line(json.as_bytes())),
        (Some(text), true) => {
            memory.clear();
            STANDARD
                .decode_vec(text.as_bytes(), memory)
                .map_err(|error| ToolError::failed(format!("field `{name}Base64`: {error}")))?;
            Ok(Bytes::Decoded)
        }
        (Some(Cow::Borrowed(text)), false) => Ok(Bytes::Line(text.as_bytes())),
        (Some(Cow::Owned(text)), false) => {
            memory.clear();
            memory.extend_from_slice(text.as_bytes());
            Ok(Bytes::Decoded)
        }
    }
}

fn push_header(headers: &mut HeadersBuf, json: &str) -> Result<()> {
    let bad = |error: serde_json::Error| {
        let error = ToolError::failed(format!("header {json}: {error}"));
        error.hint("a header is [\"name\", \"value\"] or an object with nameBase64 or valueBase64")
    };
    if json.starts_with('[') {
        let (name, value): (Cow<'_, str>, Option<Cow<'_, str>>) =
            serde_json::from_str(json).map_err(bad)?;
        headers.push(
            name.as_bytes(),
            value.as_ref().map(|value| value.as_bytes()),
        );
        return Ok(());
    }
    let object: HeaderObject<'_> = serde_json::from_str(json).map_err(bad)?;
    let decode = |field: &str, text: &str| {
        STANDARD
            .decode(text)
            .map_err(|error| ToolError::failed(format!("header field `{field}`: {error}")))
    };
    let name = match (&object.name, &object.name_base64) {
        (Some(name), None) => name.as_bytes().to_vec(),
        (None, Some(name)) => decode("nameBase64", name)?,
        _ => {
            return Err(ToolError::failed(
                "a header needs either `name` or `nameBase64`",
            ));
        }
    };
    let value = match (&object.value, &object.value_base64) {
        (None, None) => None,
        (Some(value), None) => Some(value.as_bytes().to_vec()),
        (None, Some(value)) => Some(decode("valueBase64", value)?),
        (Some(_), Some(_)) => {
            return Err(ToolError::failed(
                "a header takes either `value` or `valueBase64`",
            ));
        }
    };
    headers.push(&name, value.as_deref());
    Ok(())
}

fn time(timestamp: Option<Option<i64>>, kind: Option<Cow<'_, str>>) -> Result<InputTime> {
    let at = match timestamp {
        Some(at) => number("timestamp", at)?.map(Timestamp::new),
        None => None,
    };
    match (kind.as_deref(), at) {
        (None | Some("CreateTime"), Some(at)) => Ok(InputTime::Created(at)),
        (Some("LogAppendTime"), at) => Ok(InputTime::Appended(at)),
        (None, None) if timestamp.is_none() => Ok(InputTime::Now),
        (None | Some("CreateTime" | "NoTimestampType"), None) => Ok(InputTime::Missing),
        (Some("NoTimestampType"), Some(_)) => Err(ToolError::failed(
            "`timestampType` is NoTimestampType, and there is a timestamp",
        )),
        (Some(other), _) => Err(ToolError::failed(format!(
            "field `timestampType`: expected CreateTime, LogAppendTime or NoTimestampType, found `{other}`"
        ))),
    }
}

fn number<T: PartialOrd + Default + std::fmt::Display>(
    name: &str,
    number: Option<T>,
) -> Result<Option<T>> {
    match number {
        Some(number) if number < T::default() => Err(ToolError::failed(format!(
            "field `{name}`: expected 0 or more, found {number}"
        ))),
        number => Ok(number),
    }
}

#[cold]
fn syntax(error: &serde_json::Error, line: u64) -> ToolError {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    let error = ToolError::new(
        Exit::Failed,
        format!(
            "JSON envelope, line {line}, column {}: {what}",
            error.column()
        ),
    );
    error.hint("each line is one object as `ottla consume --json` prints it; see ottla-produce(1), JSON ENVELOPE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_error(line: &str) -> String {
        let error = EnvelopeReader::default()
            .read(line.as_bytes(), 17)
            .unwrap_err();
        assert_eq!(error.exit().code(), 1);
        error.to_string()
    }

    #[test]
    fn the_layout_of_the_documentation() {
        let mut headers = HeadersBuf::new();
        headers.push(b"trace", Some(b"abc"));
        headers.push(b"empty", None);
        headers.push(b"\xff", Some(b"\xfe"));
        let record = Record {
            offset: Offset::new(42),
            timestamp: Some(Timestamp::new(1_772_366_400_125)),
            key: Some(b"\xff"),
            value: Some("hé\"\n".as_bytes()),
            headers: headers.as_headers(),
        };
        let meta = RecordMeta {
            leader_epoch: Some(LeaderEpoch::new(3)),
            ..RecordMeta::new("clicks")
        };
        let mut out = Vec::new();
        write_record(&mut out, &meta, &record);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"v":1,"topic":"clicks","partition":0,"offset":42,"#,
                r#""timestamp":1772366400125,"timestampType":"CreateTime","leaderEpoch":3,"#,
                r#""keyBase64":"/w==","value":"hé\"\n","#,
                r#""headers":[["trace","abc"],["empty",null],{"nameBase64":"/w==","valueBase64":"/g=="}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn what_people_write_by_hand_is_read() {
        let mut reader = EnvelopeReader::default();
        let record = reader
            .read(br#"{"value":{"a": [1, 2]},"key":7}"#, 1)
            .unwrap();
        assert_eq!(record.value, Some(br#"{"a": [1, 2]}"#.as_slice()));
        assert_eq!(record.key, Some(b"7".as_slice()));
        assert_eq!(record.time, InputTime::Now);
        let record = reader.read(br#" {"value": null} "#, 1).unwrap();
        assert_eq!((record.key, record.value), (None, None));
        let record = reader.read(br#"{"value":"a\u00e9\u0000"}"#, 1).unwrap();
        assert_eq!(record.value, Some("aé\0".as_bytes()));
    }

    #[test]
    fn mistakes_name_line_column_and_field() {
        for (line, says) in [
            (r#"{"value":"x"#, "line 17, column 11"),
            (r#"{"vlaue":"x"}"#, "unknown field `vlaue`"),
            (r#"{"key":"x"}"#, "`value` or `valueBase64`"),
            (r#"{"value":"x","valueBase64":"eA=="}"#, "found both"),
            (r#"{"valueBase64":"?"}"#, "`valueBase64`"),
            (r#"{"valueBase64":5}"#, "expected a text"),
            (r#"{"v":2,"value":"x"}"#, "expected version 1, found 2"),
            (r#"{"value":"x","offset":-1}"#, "`offset`"),
            (r#"{"value":"x","timestampType":"Other"}"#, "`Other`"),
            (r#"{"value":"x","headers":[["a"]]}"#, "line 17"),
            (r#"{"value":"x"} x"#, "trailing"),
            ("", "line 17, column 0"),
            ("[]", "line 17"),
        ] {
            let error = read_error(line);
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    fn some_bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(prop_oneof![
            "\\PC{0,12}".prop_map(String::into_bytes),
            any::<Vec<u8>>(),
            Just(b"\"\\\n\0null".to_vec()),
        ])
    }

    proptest! {
        #[test]
        fn every_record_comes_back(
            key in some_bytes(),
            value in some_bytes(),
            names in proptest::collection::vec((some_bytes(), some_bytes()), 0..4),
            offset in 0..i64::MAX,
            millis in -1..i64::MAX,
            append_time: bool,
            epoch in -1..i32::MAX,
        ) {
            let mut headers = HeadersBuf::new();
            for (name, value) in &names {
                headers.push(name.as_deref().unwrap_or(b"same"), value.as_deref());
            }
            let record = Record {
                offset: Offset::new(offset),
                timestamp: Timestamp::from_wire(millis),
                key: key.as_deref(),
                value: value.as_deref(),
                headers: headers.as_headers(),
            };
            let meta = RecordMeta {
                partition: PartitionId::new(5),
                leader_epoch: LeaderEpoch::from_wire(epoch),
                append_time,
                ..RecordMeta::new("clicks")
            };
            let mut line = Vec::new();
            write_record(&mut line, &meta, &record);
            prop_assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
            let mut reader = EnvelopeReader::default();
            let read = reader.read(&line, 1).unwrap();
            prop_assert_eq!(read.key, record.key);
            prop_assert_eq!(read.value, record.value);
            prop_assert_eq!(read.headers, record.headers);
            prop_assert_eq!(read.offset, Some(record.offset));
            prop_assert_eq!(read.partition, Some(meta.partition));
            prop_assert_eq!(read.leader_epoch, meta.leader_epoch);
            prop_assert_eq!(read.topic.as_deref(), Some("clicks"));
            let time = match (record.timestamp, append_time) {
                (at, true) => InputTime::Appended(at),
                (Some(at), false) => InputTime::Created(at),
                (None, false) => InputTime::Missing,
            };
            prop_assert_eq!(read.time, time);
        }

        #[test]
        fn no_line_panics(line in "[\\[\\]{}:,\"a-z0-9\\\\]{0,40}|\\PC{0,30}") {
            let _ = EnvelopeReader::default().read(line.as_bytes(), 1);
        }
    }
}
