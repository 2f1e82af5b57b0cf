//! Renders records through compiled formats.

use super::number::NumberStyle;
use super::{Attribute, FormatString, Number, Text, TextStyle, Token};
use crate::format::record::Record;
use crate::format::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::tools::json_envelope::write_text;
use crate::tools::output::RecordMeta;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

impl FormatString {
    /// Appends a record. Nothing but the tokens is written, no newline either.
    pub fn write_record(&mut self, out: &mut Vec<u8>, meta: &RecordMeta<'_>, record: &Record<'_>) {
        self.calls += 1;
        for token in &self.tokens {
            match token {
                Token::Literal(text) => out.extend_from_slice(text),
                Token::Text(text, style) => {
                    let bytes = match text {
                        Text::Topic => Some(meta.topic.as_bytes()),
                        Text::Key => record.key,
                        Text::Value => record.value,
                    };
                    self.write_bytes(out, bytes, *style);
                }
                Token::Number(number, style) => {
                    style.write(out, self.number(*number, meta, record));
                }
                Token::Time(style) => style.write(out, record.timestamp),
                Token::Attribute(attribute) => write_attribute(out, *attribute, meta, record),
                Token::Headers(tokens) => {
                    for header in record.headers.iter() {
                        self.write_header(out, tokens, header.name, header.value);
                    }
                }
                Token::HeaderList => write_header_list(out, record),
            }
        }
    }

    fn write_header(&self, out: &mut Vec<u8>, tokens: &[Token], name: &[u8], value: Option<&[u8]>) {
        for token in tokens {
            match token {
                Token::Literal(text) => out.extend_from_slice(text),
                Token::Text(Text::Key, style) => self.write_bytes(out, Some(name), *style),
                Token::Text(_, style) => self.write_bytes(out, value, *style),
                Token::Number(Number::Length { of: Text::Key, .. }, style) => {
                    style.write(out, length(Some(name), false));
                }
                Token::Number(_, style) => style.write(out, length(value, false)),
                other => unreachable!("{other:?} is refused inside %h{{…}}"),
            }
        }
    }

    fn write_bytes(&self, out: &mut Vec<u8>, bytes: Option<&[u8]>, style: TextStyle) {
        let Some(bytes) = bytes else {
            match style {
                TextStyle::Json => out.extend_from_slice(b"null"),
                _ => out.extend_from_slice(&self.null),
            }
            return;
        };
        match style {
            TextStyle::Plain => out.extend_from_slice(bytes),
            TextStyle::Hex => {
                for byte in bytes {
                    NumberStyle::HexDigits(2).write(out, i64::from(*byte));
                }
            }
            TextStyle::Base64 => write_base64(out, bytes),
            TextStyle::Base64Raw => {
                out.extend_from_slice(STANDARD_NO_PAD.encode(bytes).as_bytes());
            }
            TextStyle::Json => match std::str::from_utf8(bytes) {
                Ok(text) => write_text(out, text),
                Err(_) => {
                    out.push(b'"');
                    write_base64(out, bytes);
                    out.push(b'"');
                }
            },
        }
    }

    fn number(&self, number: Number, meta: &RecordMeta<'_>, record: &Record<'_>) -> i64 {
        match number {
            Number::Length {
                of,
                null_is_minus_one,
            } => {
                let bytes = match of {
                    Text::Topic => Some(meta.topic.as_bytes()),
                    Text::Key => record.key,
                    Text::Value => record.value,
                };
                length(bytes, null_is_minus_one)
            }
            Number::HeaderCount => record.headers.len() as i64,
            Number::Partition => i64::from(meta.partition.get()),
            Number::Offset => record.offset.get(),
            Number::LeaderEpoch => i64::from(LeaderEpoch::to_wire(meta.leader_epoch)),
            Number::Timestamp => Timestamp::to_wire(record.timestamp),
            Number::ProducerId => ProducerId::to_wire(meta.producer.map(|(id, _)| id)),
            Number::ProducerEpoch => i64::from(ProducerEpoch::to_wire(
                meta.producer.map(|(_, epoch)| epoch),
            )),
            Number::Calls => self.calls.cast_signed(),
            Number::LogStart => Offset::to_wire(meta.log_start),
            Number::LastStable => Offset::to_wire(meta.last_stable),
            Number::HighWatermark => Offset::to_wire(meta.high_watermark),
        }
    }
}

fn length(bytes: Option<&[u8]>, null_is_minus_one: bool) -> i64 {
    match bytes {
        Some(bytes) => bytes.len() as i64,
        None if null_is_minus_one => -1,
        None => 0,
    }
}

fn write_attribute(
    out: &mut Vec<u8>,
    attribute: Attribute,
    meta: &RecordMeta<'_>,
    record: &Record<'_>,
) {
    let bit = |set| if set { "1" } else { "0" };
    let text = match attribute {
        Attribute::Compression => meta.compression,
        Attribute::TimestampType => meta.timestamp_type(record),
        Attribute::Transactional => bit(meta.transactional),
        Attribute::Control => bit(meta.control),
    };
    out.extend_from_slice(text.as_bytes());
}

fn write_header_list(out: &mut Vec<u8>, record: &Record<'_>) {
    for (at, header) in record.headers.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(header.name);
        out.push(b'=');
        out.extend_from_slice(header.value.unwrap_or(b"NULL"));
    }
}

/// Appends padded standard base64.
pub(in crate::tools) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD
        .encode_slice(bytes, &mut out[start..])
        .expect("room for every group of four");
    out.truncate(start + written);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::HeadersBuf;

    fn rendered(format: &str) -> String {
        let mut headers = HeadersBuf::new();
        headers.push(b"a", Some(b"1"));
        headers.push(b"n", None);
        let record = Record {
            offset: Offset::new(42),
            timestamp: Some(Timestamp::new(1_772_366_400_125)),
            key: Some(b"k\xff"),
            value: Some(b"say \"hi\""),
            headers: headers.as_headers(),
        };
        let meta = RecordMeta {
            leader_epoch: Some(LeaderEpoch::new(3)),
            compression: "zstd",
            high_watermark: Some(Offset::new(50)),
            ..RecordMeta::new("clicks")
        };
        let mut out = Vec::new();
        let mut format = match format.strip_prefix("kcat:") {
            Some(format) => FormatString::compile_kcat(format).unwrap(),
            None => FormatString::compile(format).unwrap(),
        };
        format.write_record(&mut out, &meta, &record);
        out.escape_ascii().to_string()
    }

    #[test]
    fn rpk_tokens() {
        for (format, expected) in [
            ("%t/%p@%o %e %H\\n", "clicks/0@42 3 2\\n"),
            (
                "%k{hex} %k{base64} %k{base64raw} %k{json}",
                r#"6bff a/8= a/8 \"a/8=\""#,
            ),
            ("%v{json}", r#"\"say \\\"hi\\\"\""#),
            ("%V{big32}%K{little16}", r"\x00\x00\x00\x08\x02\x00"),
            ("%h{%k=%v;}%h{{%k}%K}", "a=1;n=;{a}1{n}1"),
            (
                "%d %d{hex} %d{go[2006-01-02]} %d{strftime##%H:%M##}",
                "1772366400125 19ca9450a7d 2026-03-01 12:00",
            ),
            (
                "%a{compression} %a{timestamp-type} %a{control-bit}",
                "zstd CreateTime 0",
            ),
            ("%x %y %i %[ %| %]", "-1 -1 1 -1 -1 50"),
            ("%T %%%{%}", "6 %{}"),
        ] {
            assert_eq!(rendered(format), expected, "{format}");
        }
    }

    #[test]
    fn kcat_tokens() {
        let line = rendered("kcat:%t [%p] at %o: key %k: %s (%S %K) %T %h%R");
        assert_eq!(
            line,
            "clicks [0] at 42: key k\\xff: say \\\"hi\\\" (8 2) 1772366400125 a=1,n=NULL\\x00\\x00\\x00\\x08"
        );
    }

    #[test]
    fn nulls_have_a_marker_a_length_and_json() {
        let record = Record {
            offset: Offset::ZERO,
            timestamp: None,
            key: None,
            value: None,
            headers: Default::default(),
        };
        let mut out = Vec::new();
        let meta = RecordMeta::new("t");
        let mut format = FormatString::compile("%k %V %v{json} %d|")
            .unwrap()
            .with_null(b"NULL");
        format.write_record(&mut out, &meta, &record);
        let mut format = FormatString::compile_kcat("%s %S").unwrap();
        format.write_record(&mut out, &meta, &record);
        assert_eq!(out.escape_ascii().to_string(), "NULL 0 null -1| -1");
    }
}
