//! Reads records from input by a compiled format.
//!
//! A text ends at the literal behind it, unless its length was read before it
//! (`%K%V%k%v`) or is fixed (`%V{8}%v`); `{json}` texts end by themselves. The
//! last record may lack the literal that ends the format.

use super::number::NumberStyle;
use super::time::TimeStyle;
use super::{FormatString, Number, Text, TextStyle, Token};
use crate::format::record::HeadersBuf;
use crate::format::types::{LeaderEpoch, Offset, PartitionId, Timestamp};
use crate::tools::error::{Result, ToolError};
use crate::tools::input::{InputRecord, InputTime};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;
use std::borrow::Cow;

/// Most headers of one record, so that a length read from input is not believed.
const MAX_HEADERS: i64 = 100_000;

/// Reads records one after the other from the start of a buffer.
#[derive(Debug, Clone)]
pub struct FormatReader {
    steps: Vec<Token>,
    null: Vec<u8>,
    constant: HeadersBuf,
    fields: Fields,
}

/// What was read of one record.
#[derive(Debug, Clone, Default)]
struct Fields {
    topic: Field,
    key: Field,
    value: Field,
    header_count: Option<i64>,
    headers: HeadersBuf,
    partition: Option<i64>,
    offset: Option<i64>,
    leader_epoch: Option<i64>,
    timestamp: Option<i64>,
}

/// A text of a record, in memory that is kept from record to record.
#[derive(Debug, Clone, Default)]
struct Field {
    bytes: Vec<u8>,
    present: bool,
    length: Option<i64>,
}

impl Field {
    fn get(&self) -> Option<&[u8]> {
        self.present.then_some(&self.bytes)
    }
}

impl FormatReader {
    /// Checks that the format can be read. `constant` headers are added to each
    /// record.
    pub fn new(format: FormatString, constant: HeadersBuf) -> Result<Self> {
        check(&format.tokens, &mut Vec::new())?;
        Ok(Self {
            steps: format.tokens,
            null: format.null,
            constant,
            fields: Fields::default(),
        })
    }

    /// Reads a record from the start of `bytes`: how many bytes it took. `None`
    /// where the record is not whole yet; `at_end` says that no more will come.
    pub fn parse(&mut self, bytes: &[u8], at_end: bool) -> Result<Option<usize>> {
        let fields = &mut self.fields;
        for field in [&mut fields.topic, &mut fields.key, &mut fields.value] {
            field.present = false;
            field.length = None;
        }
        fields.headers.clear();
        fields.header_count = None;
        (fields.partition, fields.offset) = (None, None);
        (fields.leader_epoch, fields.timestamp) = (None, None);
        let mut cursor = Cursor {
            bytes,
            at: 0,
            at_end,
            null: &self.null,
        };
        if !cursor.steps(&self.steps, fields, true)? {
            if at_end {
                return Err(ToolError::failed(format!(
                    "the input ends within a record: `{}`",
                    bytes[..bytes.len().min(40)].escape_ascii()
                )));
            }
            return Ok(None);
        }
        let taken = cursor.at;
        if taken == 0 && !bytes.is_empty() {
            return Err(ToolError::usage("the format takes nothing from the input"));
        }
        for header in self.constant.as_headers().iter() {
            self.fields.headers.push(header.name, header.value);
        }
        Ok(Some(taken))
    }

    /// The record that [`FormatReader::parse`] read.
    pub fn record(&self) -> Result<InputRecord<'_>> {
        let fields = &self.fields;
        let topic = match fields.topic.get().map(std::str::from_utf8) {
            None => None,
            Some(Ok(topic)) => Some(Cow::Borrowed(topic)),
            Some(Err(_)) => return Err(ToolError::failed("the topic's name is not UTF-8")),
        };
        let narrow = |what: &str, number: Option<i64>| {
            number
                .map(|number| {
                    i32::try_from(number).map_err(|_| {
                        ToolError::failed(format!("expected a {what}, found {number}"))
                    })
                })
                .transpose()
        };
        Ok(InputRecord {
            topic,
            partition: narrow("partition", fields.partition)?.and_then(PartitionId::from_wire),
            offset: fields.offset.and_then(Offset::from_wire),
            leader_epoch: narrow("leader epoch", fields.leader_epoch)?
                .and_then(LeaderEpoch::from_wire),
            time: match fields.timestamp.map(Timestamp::from_wire) {
                None => InputTime::Now,
                Some(None) => InputTime::Missing,
                Some(Some(at)) => InputTime::Created(at),
            },
            key: fields.key.get(),
            value: fields.value.get(),
            headers: fields.headers.as_headers(),
        })
    }
}

/// Finds what cannot be read before any input is.
fn check(tokens: &[Token], sized: &mut Vec<Text>) -> Result<()> {
    let mut counted = false;
    for (at, token) in tokens.iter().enumerate() {
        let delimited = matches!(tokens.get(at + 1), Some(Token::Literal(_)));
        let problem = match token {
            Token::Literal(_) => continue,
            Token::Text(_, TextStyle::Json) => continue,
            Token::Text(text, _) if delimited || sized.contains(text) => continue,
            Token::Text(text, _) => format!(
                "nothing tells where the {} ends",
                format!("{text:?}").to_lowercase()
            ),
            Token::Number(Number::Length { of, .. }, _) => {
                sized.push(*of);
                continue;
            }
            Token::Number(Number::HeaderCount, _) => {
                counted = true;
                continue;
            }
            Token::Number(
                Number::Partition
                | Number::Offset
                | Number::LeaderEpoch
                | Number::ProducerId
                | Number::ProducerEpoch,
                _,
            )
            | Token::Time(TimeStyle::Millis(_)) => continue,
            Token::Number(..) | Token::Attribute(_) => {
                "%i %[ %| %] and %a can be written but not read".to_owned()
            }
            Token::Time(TimeStyle::Strftime(_)) => {
                "times are read as milliseconds only: %d".to_owned()
            }
            Token::Headers(inner) if counted => {
                check(inner, &mut Vec::new())?;
                continue;
            }
            Token::Headers(_) => "%h{…} needs the number of headers, %H, before it".to_owned(),
            Token::HeaderList if delimited => continue,
            Token::HeaderList => "nothing tells where the headers end".to_owned(),
        };
        return Err(
            ToolError::usage(format!("the format cannot be read: {problem}"))
                .hint("put a text behind it, such as \\n, or its length before it: %K%V%k%v"),
        );
    }
    Ok(())
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    at_end: bool,
    null: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Reads every step; `false` where more input is needed. `last` is whether
    /// the end of the steps is the end of the record.
    fn steps(&mut self, steps: &[Token], fields: &mut Fields, last: bool) -> Result<bool> {
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            let behind = match steps.get(at + 1) {
                Some(Token::Literal(literal)) => Some(literal.as_slice()),
                _ => None,
            };
            let may_lack = last && at + 2 >= steps.len();
            let (done, took_literal) = match step {
                Token::Literal(literal) => {
                    (self.literal(literal, last && at + 1 == steps.len())?, false)
                }
                Token::Text(text, style) => {
                    let field = match text {
                        Text::Topic => &mut fields.topic,
                        Text::Key => &mut fields.key,
                        Text::Value => &mut fields.value,
                    };
                    self.text(field, *style, behind, may_lack)?
                }
                Token::Number(number, style) => (self.number(*number, *style, fields)?, false),
                Token::Time(TimeStyle::Millis(style)) => {
                    (self.number(Number::Timestamp, *style, fields)?, false)
                }
                Token::Headers(inner) => (self.headers(inner, fields)?, false),
                Token::HeaderList => match self.until(behind.unwrap_or(b"\n"), may_lack) {
                    None => (false, false),
                    Some(list) => {
                        push_header_list(&mut fields.headers, list)?;
                        (true, true)
                    }
                },
                Token::Attribute(_) | Token::Time(_) => {
                    unreachable!("check() refuses what cannot be read")
                }
            };
            if !done {
                return Ok(false);
            }
            at += 1 + usize::from(took_literal);
        }
        Ok(true)
    }

    fn literal(&mut self, literal: &[u8], may_lack: bool) -> Result<bool> {
        let rest = self.rest();
        if rest.starts_with(literal) {
            self.at += literal.len();
            return Ok(true);
        }
        if literal.starts_with(rest) {
            return Ok(self.at_end && may_lack && rest.is_empty());
        }
        Err(ToolError::failed(format!(
            "expected `{}`, found `{}`",
            literal.escape_ascii(),
            rest[..rest.len().min(20)].escape_ascii()
        )))
    }

    /// Bytes up to the delimiter, which is taken too.
    fn until(&mut self, delimiter: &[u8], may_lack: bool) -> Option<&'a [u8]> {
        let rest = self.rest();
        match memmem::find(rest, delimiter) {
            Some(length) => {
                self.at += length + delimiter.len();
                Some(&rest[..length])
            }
            None if self.at_end && may_lack => {
                self.at = self.bytes.len();
                Some(rest)
            }
            None => None,
        }
    }

    /// Whether the text is whole, and whether the literal behind it was taken.
    fn text(
        &mut self,
        field: &mut Field,
        style: TextStyle,
        behind: Option<&[u8]>,
        may_lack: bool,
    ) -> Result<(bool, bool)> {
        field.bytes.clear();
        let (raw, took_literal) = match (field.length, style) {
            (Some(length), _) if length < 0 => return Ok((true, false)),
            (Some(length), _) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                match self.rest().get(..length) {
                    None => return Ok((false, false)),
                    Some(raw) => {
                        self.at += length;
                        (raw, false)
                    }
                }
            }
            (None, TextStyle::Json) => return Ok((self.json(field)?, false)),
            (None, _) => match self.until(behind.unwrap_or(b"\n"), may_lack) {
                None => return Ok((false, false)),
                Some(raw) => (raw, true),
            },
        };
        if !self.null.is_empty() && raw == self.null {
            return Ok((true, took_literal));
        }
        decode(field, style, raw)?;
        field.present = true;
        Ok((true, took_literal))
    }

    /// One JSON value: a text's content, null, or the text of anything else.
    fn json(&mut self, field: &mut Field) -> Result<bool> {
        let rest = self.rest();
        let mut values =
            serde_json::Deserializer::from_slice(rest).into_iter::<&serde_json::value::RawValue>();
        let value = match values.next() {
            Some(Ok(value)) => value.get(),
            None => return Ok(false),
            Some(Err(error)) if error.is_eof() => return Ok(false),
            Some(Err(error)) => return Err(ToolError::failed(error.to_string())),
        };
        let end = values.byte_offset();
        if end == rest.len() && !self.at_end && value.ends_with(|c: char| c.is_alphanumeric()) {
            return Ok(false);
        }
        self.at += end;
        json_text(field, value)?;
        Ok(true)
    }

    fn number(&mut self, number: Number, style: NumberStyle, fields: &mut Fields) -> Result<bool> {
        let length = matches!(number, Number::Length { .. } | Number::HeaderCount);
        let Some((mut read, taken)) = style.read(self.rest(), self.at_end, !length)? else {
            return Ok(false);
        };
        self.at += taken;
        match number {
            Number::Length {
                of,
                null_is_minus_one,
            } => {
                if null_is_minus_one && read == i64::from(u32::MAX) {
                    read = -1;
                }
                let field = match of {
                    Text::Topic => &mut fields.topic,
                    Text::Key => &mut fields.key,
                    Text::Value => &mut fields.value,
                };
                field.length = Some(read);
            }
            Number::HeaderCount if !(0..=MAX_HEADERS).contains(&read) => {
                return Err(ToolError::failed(format!(
                    "expected 0 to {MAX_HEADERS} headers, found {read}"
                )));
            }
            Number::HeaderCount => fields.header_count = Some(read),
            Number::Partition => fields.partition = Some(read),
            Number::Offset => fields.offset = Some(read),
            Number::LeaderEpoch => fields.leader_epoch = Some(read),
            Number::Timestamp => fields.timestamp = Some(read),
            _ => {}
        }
        Ok(true)
    }

    fn headers(&mut self, steps: &[Token], fields: &mut Fields) -> Result<bool> {
        let mut header = Fields::default();
        for _ in 0..fields.header_count.unwrap_or(0) {
            (header.key.present, header.value.present) = (false, false);
            if !self.steps(steps, &mut header, false)? {
                return Ok(false);
            }
            let name = header.key.get().unwrap_or_default();
            fields.headers.push(name, header.value.get());
        }
        Ok(true)
    }
}

fn decode(field: &mut Field, style: TextStyle, raw: &[u8]) -> Result<()> {
    let bad = |what: &str| {
        ToolError::failed(format!(
            "expected {what}, found `{}`",
            raw[..raw.len().min(40)].escape_ascii()
        ))
    };
    let out = &mut field.bytes;
    match style {
        TextStyle::Plain => out.extend_from_slice(raw),
        TextStyle::Hex => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            if raw.len() % 2 == 1 {
                return Err(bad("an even number of hex digits"));
            }
            for pair in raw.chunks_exact(2) {
                match (digit(pair[0]), digit(pair[1])) {
                    (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
                    _ => return Err(bad("hex digits")),
                }
            }
        }
        TextStyle::Base64 => STANDARD.decode_vec(raw, out).map_err(|_| bad("base64"))?,
        TextStyle::Base64Raw => STANDARD_NO_PAD
            .decode_vec(raw, out)
            .map_err(|_| bad("base64 without padding"))?,
        TextStyle::Json => {
            let text = std::str::from_utf8(raw).map_err(|_| bad("JSON"))?;
            let value: &serde_json::value::RawValue =
                serde_json::from_str(text).map_err(|_| bad("JSON"))?;
            json_text(field, value.get())?;
        }
    }
    Ok(())
}

fn json_text(field: &mut Field, value: &str) -> Result<()> {
    field.present = value != "null";
    if value.starts_with('"') {
        let text: String =
            serde_json::from_str(value).map_err(|error| ToolError::failed(error.to_string()))?;
        field.bytes.extend_from_slice(text.as_bytes());
    } else {
        field.bytes.extend_from_slice(value.as_bytes());
    }
    Ok(())
}

/// kcat's `name=value,name=value`.
fn push_header_list(headers: &mut HeadersBuf, list: &[u8]) -> Result<()> {
    if list.is_empty() {
        return Ok(());
    }
    for header in list.split(|byte| *byte == b',') {
        let equals = memchr::memchr(b'=', header).ok_or_else(|| {
            ToolError::failed(format!(
                "expected headers as NAME=VALUE,NAME=VALUE, found `{}`",
                header.escape_ascii()
            ))
        })?;
        headers.push(&header[..equals], Some(&header[equals + 1..]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::Record;
    use crate::tools::output::RecordMeta;
    use proptest::prelude::*;

    fn reader(format: &str) -> Result<FormatReader> {
        FormatReader::new(
            FormatString::compile(format)?.with_null(b"NULL"),
            HeadersBuf::new(),
        )
    }

    #[test]
    fn delimited_and_sized_texts() {
        let mut delimited = reader("%k:%v\\n").unwrap();
        assert_eq!(delimited.parse(b"a:b\nc", false).unwrap(), Some(4));
        let record = delimited.record().unwrap();
        assert_eq!(
            (record.key, record.value),
            (Some(b"a".as_slice()), Some(b"b".as_slice()))
        );
        assert_eq!(delimited.parse(b"a:b", false).unwrap(), None);
        assert_eq!(delimited.parse(b"a:b", true).unwrap(), Some(3));
        assert_eq!(delimited.parse(b"NULL:\n", true).unwrap(), Some(6));
        let record = delimited.record().unwrap();
        assert_eq!((record.key, record.value), (None, Some(b"".as_slice())));
        assert!(delimited.parse(b"ab", true).is_err());

        let mut sized = reader("%K{byte}%V{big16}%k%v").unwrap();
        assert_eq!(sized.parse(b"\x01\0\x02abc", false).unwrap(), Some(6));
        let record = sized.record().unwrap();
        assert_eq!(
            (record.key, record.value),
            (Some(b"a".as_slice()), Some(b"bc".as_slice()))
        );
        let mut fixed = reader("%V{3}%v%d %p\\n").unwrap();
        assert_eq!(fixed.parse(b"abc17 4\n", false).unwrap(), Some(8));
        let record = fixed.record().unwrap();
        assert_eq!(record.time, InputTime::Created(Timestamp::new(17)));
        assert_eq!(record.partition, Some(PartitionId::new(4)));
    }

    #[test]
    fn what_cannot_be_read_is_refused_before_the_input_is() {
        for format in [
            "%v",
            "%k%v\\n",
            "%h{%k=%v }%v\\n",
            "%d{go[2006]}\\n",
            "%i\\n",
            "%H%h{%k%v}\\n",
        ] {
            let error = reader(format).unwrap_err();
            assert_eq!(error.exit().code(), 2, "{format}");
        }
    }

    proptest! {
        #[test]
        fn what_a_format_writes_it_reads(
            key in proptest::option::of(any::<Vec<u8>>()),
            value in any::<Vec<u8>>(),
            text in "\\PC{0,10}",
            millis in -1..i64::MAX,
            offset in 0..i64::MAX,
            count in 0..3_usize,
        ) {
            let mut headers = HeadersBuf::new();
            for _ in 0..count {
                headers.push(text.as_bytes(), Some(&value));
            }
            let record = Record {
                offset: Offset::new(offset),
                timestamp: Timestamp::from_wire(millis),
                key: key.as_deref().filter(|key| *key != b"NULL"),
                value: Some(&value),
                headers: headers.as_headers(),
            };
            let sized = "%o %d{big64}%V{hex32}%v%k{base64}\\n%H %h{%K{little64}%V{big32}%k%v}\\n";
            let mut format = FormatString::compile(sized).unwrap().with_null(b"NULL");
            let mut bytes = Vec::new();
            format.write_record(&mut bytes, &RecordMeta::new("t"), &record);
            let mut reader = FormatReader::new(format, HeadersBuf::new()).unwrap();
            for cut in 0..bytes.len() {
                prop_assert_eq!(reader.parse(&bytes[..cut], false).unwrap(), None);
            }
            prop_assert_eq!(reader.parse(&bytes, false).unwrap(), Some(bytes.len()));
            let read = reader.record().unwrap();
            prop_assert_eq!(read.key, record.key);
            prop_assert_eq!(read.value, record.value);
            prop_assert_eq!(read.headers, record.headers);
            prop_assert_eq!(read.offset, Some(record.offset));
        }

        #[test]
        fn no_input_panics(bytes in any::<Vec<u8>>(), at_end: bool) {
            for format in ["%k:%v\\n", "%K%V%k%v", "%v{json}%k{hex}\\n", "%H{byte}%h{%K{byte}%k%v,}", "%p %d\\n"] {
                let mut reader = reader(format).unwrap();
                if let Ok(Some(taken)) = reader.parse(&bytes, at_end) {
                    prop_assert!(taken <= bytes.len());
                    let _ = reader.record();
                }
            }
        }
    }
}
