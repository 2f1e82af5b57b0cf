//! CSV: records as rows with fixed columns, and rows as JSON objects.
//!
//! A null is an empty field, an empty text a quoted empty field (`""`). Bytes
//! that are not UTF-8 are written as they are. `headers` holds the JSON of the
//! envelope's `headers`.

use super::format_string::write_decimal;
use super::json_envelope::{write_headers, write_text};
use super::output::RecordMeta;
use crate::format::record::Record;

/// The columns that `consume --csv` writes.
pub const COLUMNS: [&str; 9] = [
    "topic",
    "partition",
    "offset",
    "timestamp",
    "timestampType",
    "leaderEpoch",
    "key",
    "value",
    "headers",
];

/// Appends the row of column names.
pub fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(COLUMNS.join(",").as_bytes());
    out.push(b'\n');
}

/// Appends a record as a row.
pub fn write_record(out: &mut Vec<u8>, meta: &RecordMeta<'_>, record: &Record<'_>) {
    write_field(out, Some(meta.topic.as_bytes()));
    out.push(b',');
    write_decimal(out, i64::from(meta.partition.get()));
    out.push(b',');
    write_decimal(out, record.offset.get());
    out.push(b',');
    if let Some(timestamp) = record.timestamp {
        write_decimal(out, timestamp.get());
    }
    out.push(b',');
    out.extend_from_slice(meta.timestamp_type(record).as_bytes());
    out.push(b',');
    if let Some(epoch) = meta.leader_epoch {
        write_decimal(out, i64::from(epoch.get()));
    }
    out.push(b',');
    write_field(out, record.key);
    out.push(b',');
    write_field(out, record.value);
    out.push(b',');
    if !record.headers.is_empty() {
        let mut headers = Vec::new();
        write_headers(&mut headers, record.headers);
        write_field(out, Some(&headers));
    }
    out.push(b'\n');
}

/// Appends a field, quoted where it has to be.
pub fn write_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    let Some(field) = field else { return };
    let plain = |byte: &u8| !matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    if !field.is_empty() && field.iter().all(plain) && !edge(field.first()) && !edge(field.last()) {
        out.extend_from_slice(field);
        return;
    }
    out.push(b'"');
    for byte in field {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Appends a row as a JSON object of texts and nulls, in the order of the columns.
pub fn write_object<'a>(out: &mut Vec<u8>, row: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
    out.push(b'{');
    for (at, (column, field)) in row.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(out, column);
        out.push(b':');
        match field {
            Some(field) => write_text(out, field),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::HeadersBuf;
    use crate::format::types::{Offset, Timestamp};

    #[test]
    fn nulls_and_empty_texts_differ_and_quotes_are_doubled() {
        let mut headers = HeadersBuf::new();
        headers.push(b"h", Some(b"1"));
        let record = Record {
            offset: Offset::new(7),
            timestamp: Some(Timestamp::new(5)),
            key: None,
            value: Some(b""),
            headers: headers.as_headers(),
        };
        let mut out = Vec::new();
        write_header(&mut out);
        write_record(&mut out, &RecordMeta::new("t"), &record);
        let value = Some(b"a,\"b\"\n\xff".as_slice());
        let record = Record {
            value,
            key: Some(b" k"),
            headers: Default::default(),
            ..record
        };
        write_record(&mut out, &RecordMeta::new("t"), &record);
        assert_eq!(
            out.escape_ascii().to_string(),
            "topic,partition,offset,timestamp,timestampType,leaderEpoch,key,value,headers\\n\
             t,0,7,5,CreateTime,,,\\\"\\\",\\\"[[\\\"\\\"h\\\"\\\",\\\"\\\"1\\\"\\\"]]\\\"\\n\
             t,0,7,5,CreateTime,,\\\" k\\\",\\\"a,\\\"\\\"b\\\"\\\"\\n\\xff\\\",\\n"
        );
        let rows = ::csv::ReaderBuilder::new()
            .has_headers(true)
            .from_reader(out.as_slice())
            .byte_records()
            .count();
        assert_eq!(rows, 2);
    }

    #[test]
    fn a_row_is_an_object_in_column_order() {
        let mut out = Vec::new();
        write_object(&mut out, [("b", None), ("a", Some("\"x\""))].into_iter());
        assert_eq!(out, br#"{"b":null,"a":"\"x\""}"#);
    }
}
