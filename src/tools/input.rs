//! Records from standard input: lines, the JSON envelope, CSV, or a format.

use super::csv_rows::write_object;
use super::error::{Result, ToolError};
use super::format_string::{FormatReader, FormatString};
use super::json_envelope::EnvelopeReader;
use super::lines::{CHUNK, LineSplitter, too_long};
use crate::format::record::{Headers, HeadersBuf};
use crate::format::types::{LeaderEpoch, Offset, PartitionId, Timestamp};
use memchr::memmem;
use std::borrow::Cow;
use std::io::{self, Read};

/// A record to be produced. It borrows from the reader's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRecord<'a> {
    /// The topic, where the input names one.
    pub topic: Option<Cow<'a, str>>,
    /// The partition, where the input names one.
    pub partition: Option<PartitionId>,
    /// The offset, where the input names one; for `--keep-offsets`.
    pub offset: Option<Offset>,
    /// The leader epoch, where the input names one; for `--keep-offsets`.
    pub leader_epoch: Option<LeaderEpoch>,
    /// When it was written.
    pub time: InputTime,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

/// What the input says about a record's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InputTime {
    /// Nothing: the time at which it is produced.
    #[default]
    Now,
    /// It has none.
    Missing,
    /// That of its producer.
    Created(Timestamp),
    /// That of its append.
    Appended(Option<Timestamp>),
}

/// How to read records.
#[derive(Debug, Clone)]
pub struct InputOptions {
    /// The kind of input.
    pub format: InputFormat,
    /// Ends a line or an envelope. Not used by CSV and formats.
    pub delimiter: Vec<u8>,
    /// A key or value that reads so is null. Not used by envelopes.
    pub null: Option<Vec<u8>>,
    /// Headers that every record gets.
    pub headers: HeadersBuf,
    /// The longest record in bytes.
    pub limit: usize,
}

/// The kinds of input.
#[derive(Debug, Clone)]
pub enum InputFormat {
    /// One record a line, its key before the separator where there is one.
    Lines {
        /// Splits the key off. A line without it has no key.
        key_separator: Option<Vec<u8>>,
    },
    /// One JSON envelope a line.
    Json,
    /// Rows under a row of column names; each value is a JSON object.
    Csv {
        /// The column that is the key.
        key: Option<String>,
        /// Between fields.
        delimiter: u8,
    },
    /// A format string.
    Format(FormatString),
}

/// Reads records of any kind.
pub struct InputReader<R>(Kind<R>);

#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
enum Kind<R> {
    Lines(Lines<R>),
    Json(LineSplitter<R>, EnvelopeReader),
    Csv(Box<Rows<R>>),
    Format(Formatted<R>),
}

impl<R: Read> InputReader<R> {
    /// Begins to read; CSV column names are read now.
    pub fn new(reader: R, options: &InputOptions) -> Result<Self> {
        let headers = options.headers.clone();
        let null = options.null.clone();
        Ok(Self(match &options.format {
            InputFormat::Lines { key_separator } => Kind::Lines(Lines {
                splitter: LineSplitter::new(reader, &options.delimiter, options.limit),
                separator: key_separator
                    .as_deref()
                    .map(|s| memmem::Finder::new(s).into_owned()),
                null,
                headers,
            }),
            InputFormat::Json => {
                // Escapes and base64 make an envelope longer than its record.
                let limit = options.limit.saturating_mul(6).saturating_add(CHUNK);
                let splitter = LineSplitter::new(reader, &options.delimiter, limit);
                Kind::Json(splitter, EnvelopeReader::new(headers))
            }
            InputFormat::Csv { key, delimiter } => {
                let rows = Rows::new(reader, key.as_deref(), *delimiter, null, headers)?;
                Kind::Csv(Box::new(rows))
            }
            InputFormat::Format(format) => {
                let format = match &null {
                    Some(null) => format.clone().with_null(null),
                    None => format.clone(),
                };
                Kind::Format(Formatted {
                    window: Window::new(reader, options.limit),
                    format: FormatReader::new(format, headers)?,
                    count: 0,
                })
            }
        }))
    }

    /// The next record.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<InputRecord<'_>>> {
        match &mut self.0 {
            Kind::Lines(lines) => lines.next_record(),
            Kind::Json(splitter, envelope) => {
                let number = splitter.line_number() + 1;
                match splitter.next_line()? {
                    Some(line) => envelope.read(line, number).map(Some),
                    None => Ok(None),
                }
            }
            Kind::Csv(rows) => rows.next_record(),
            Kind::Format(formatted) => formatted.next_record(),
        }
    }

    /// The number of the record that was read last, from 1; a line number, but
    /// for CSV and formats, whose records may span lines.
    pub fn record_number(&self) -> u64 {
        match &self.0 {
            Kind::Lines(lines) => lines.splitter.line_number(),
            Kind::Json(splitter, _) => splitter.line_number(),
            Kind::Csv(rows) => rows.count,
            Kind::Format(formatted) => formatted.count,
        }
    }
}

struct Lines<R> {
    splitter: LineSplitter<R>,
    separator: Option<memmem::Finder<'static>>,
    null: Option<Vec<u8>>,
    headers: HeadersBuf,
}

impl<R: Read> Lines<R> {
    #[inline]
    fn next_record(&mut self) -> Result<Option<InputRecord<'_>>> {
        let Some(line) = self.splitter.next_line()? else {
            return Ok(None);
        };
        let (key, value) = split_key(line, self.separator.as_ref());
        let null = self.null.as_deref();
        let unless_null = |bytes: &&[u8]| null != Some(*bytes);
        Ok(Some(InputRecord {
            topic: None,
            partition: None,
            offset: None,
            leader_epoch: None,
            time: InputTime::Now,
            key: key.filter(unless_null),
            value: Some(value).filter(unless_null),
            headers: self.headers.as_headers(),
        }))
    }
}

/// A line's key and value: without the separator in it, all of it is the value.
#[inline]
pub fn split_key<'a>(
    line: &'a [u8],
    separator: Option<&memmem::Finder<'_>>,
) -> (Option<&'a [u8]>, &'a [u8]) {
    let Some(separator) = separator else {
        return (None, line);
    };
    match separator.find(line) {
        None => (None, line),
        Some(at) => (Some(&line[..at]), &line[at + separator.needle().len()..]),
    }
}

struct Rows<R> {
    reader: csv::Reader<R>,
    columns: Vec<String>,
    key: Option<usize>,
    row: csv::StringRecord,
    value: Vec<u8>,
    null: Option<Vec<u8>>,
    headers: HeadersBuf,
    count: u64,
}

impl<R: Read> Rows<R> {
    fn new(
        reader: R,
        key: Option<&str>,
        delimiter: u8,
        null: Option<Vec<u8>>,
        headers: HeadersBuf,
    ) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .buffer_capacity(CHUNK)
            .from_reader(reader);
        let columns: Vec<String> = reader
            .headers()
            .map_err(|error| bad_row(&error))?
            .iter()
            .map(str::to_owned)
            .collect();
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].contains(column) {
                return Err(ToolError::failed(format!(
                    "CSV: two columns have the name `{column}`"
                )));
            }
        }
        let key = match key {
            None => None,
            Some(key) => {
                let at = columns.iter().position(|column| column == key);
                Some(at.ok_or_else(|| {
                    ToolError::failed(format!(
                        "CSV: no column `{key}` to take the key from; the columns are {}",
                        columns.join(", ")
                    ))
                })?)
            }
        };
        Ok(Self {
            reader,
            columns,
            key,
            row: csv::StringRecord::new(),
            value: Vec::new(),
            null,
            headers,
            count: 0,
        })
    }

    fn next_record(&mut self) -> Result<Option<InputRecord<'_>>> {
        let more = self.reader.read_record(&mut self.row);
        if !more.map_err(|error| bad_row(&error))? {
            return Ok(None);
        }
        self.count += 1;
        self.value.clear();
        let null = self.null.as_deref();
        let unless_null = |field: &&str| null != Some(field.as_bytes());
        let fields = self.row.iter().map(|field| Some(field).filter(unless_null));
        write_object(
            &mut self.value,
            self.columns.iter().map(String::as_str).zip(fields),
        );
        let key = self.key.and_then(|at| self.row.get(at)).filter(unless_null);
        Ok(Some(InputRecord {
            topic: None,
            partition: None,
            offset: None,
            leader_epoch: None,
            time: InputTime::Now,
            key: key.map(str::as_bytes),
            value: Some(&self.value),
            headers: self.headers.as_headers(),
        }))
    }
}

#[cold]
fn bad_row(error: &csv::Error) -> ToolError {
    match error.kind() {
        csv::ErrorKind::Io(error) => ToolError::stdin(error),
        _ => ToolError::failed(error.to_string())
            .hint("every row needs as many fields as there are column names, in UTF-8"),
    }
}

struct Formatted<R> {
    window: Window<R>,
    format: FormatReader,
    count: u64,
}

impl<R: Read> Formatted<R> {
    fn next_record(&mut self) -> Result<Option<InputRecord<'_>>> {
        let number = self.count + 1;
        let context = |error: ToolError| error.context(format_args!("input record {number}"));
        loop {
            let (bytes, at_end) = self.window.unread();
            if !bytes.is_empty() {
                if let Some(taken) = self.format.parse(bytes, at_end).map_err(context)? {
                    self.window.take(taken);
                    self.count = number;
                    return self.format.record().map(Some).map_err(context);
                }
            } else if at_end {
                return Ok(None);
            }
            if bytes.len() > self.window.limit {
                return Err(too_long(number, self.window.limit));
            }
            self.window.more()?;
        }
    }
}

/// Unread input that grows until a record in it is whole.
struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    at_end: bool,
    limit: usize,
}

impl<R: Read> Window<R> {
    fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: Vec::with_capacity(CHUNK),
            start: 0,
            at_end: false,
            limit: limit.saturating_mul(6).saturating_add(CHUNK),
        }
    }

    fn unread(&self) -> (&[u8], bool) {
        (&self.buffer[self.start..], self.at_end)
    }

    fn take(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Reads as much again as is there, so that a long record is parsed anew a
    /// few times and not once a chunk. Small reads of a pipe are passed on at once.
    fn more(&mut self) -> Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let there = self.buffer.len();
        let wanted = there.max(CHUNK);
        self.buffer.resize(there + wanted, 0);
        let mut end = there;
        loop {
            match self.reader.read(&mut self.buffer[end..]) {
                Ok(0) => self.at_end = true,
                Ok(read) => end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ToolError::stdin(&error)),
            }
            if self.at_end || end == self.buffer.len() || there < CHUNK {
                break;
            }
        }
        self.buffer.truncate(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(format: InputFormat) -> InputOptions {
        InputOptions {
            format,
            delimiter: b"\n".to_vec(),
            null: Some(b"NULL".to_vec()),
            headers: HeadersBuf::new(),
            limit: 1 << 20,
        }
    }

    fn pairs(input: &str, format: InputFormat) -> Result<Vec<(Option<String>, Option<String>)>> {
        let mut reader = InputReader::new(input.as_bytes(), &options(format))?;
        let mut pairs = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        while let Some(record) = reader.next_record()? {
            pairs.push((record.key.map(text), record.value.map(text)));
        }
        assert_eq!(reader.record_number(), pairs.len() as u64);
        Ok(pairs)
    }

    fn pair(key: &str, value: &str) -> (Option<String>, Option<String>) {
        let field = |text: &str| (text != "∅").then(|| text.to_owned());
        (field(key), field(value))
    }

    #[test]
    fn lines_with_and_without_keys_and_nulls() {
        let format = || InputFormat::Lines {
            key_separator: Some(b": ".to_vec()),
        };
        assert_eq!(
            pairs("a: 1\nb\nNULL: NULL\n: \nc: d: e", format()).unwrap(),
            [
                pair("a", "1"),
                pair("∅", "b"),
                pair("∅", "∅"),
                pair("", ""),
                pair("c", "d: e")
            ]
        );
        let plain = InputFormat::Lines {
            key_separator: None,
        };
        assert_eq!(pairs("a: 1\n", plain).unwrap(), [pair("∅", "a: 1")]);
    }

    #[test]
    fn csv_rows_become_objects() {
        let format = |key: &str| InputFormat::Csv {
            key: Some(key.to_owned()),
            delimiter: b',',
        };
        assert_eq!(
            pairs("id,name\n1,\"x, \"\"y\"\"\"\nNULL,NULL\n", format("id")).unwrap(),
            [
                pair("1", r#"{"id":"1","name":"x, \"y\""}"#),
                pair("∅", r#"{"id":null,"name":null}"#)
            ]
        );
        let error = pairs("id,name\n1,x\n", format("nme"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`nme`") && error.contains("id, name"),
            "{error}"
        );
        let error = pairs("id,name\n1,x\n2\n", format("id"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("line: 3") || error.contains("line 3"),
            "{error}"
        );
        assert!(pairs("a,a\n", format("a")).is_err());
    }

    #[test]
    fn envelopes_and_formats() {
        assert_eq!(
            pairs(
                "{\"value\":\"x\"}\n{\"key\":\"k\",\"value\":null}\n",
                InputFormat::Json
            )
            .unwrap(),
            [pair("∅", "x"), pair("k", "∅")]
        );
        let error = pairs("{\"value\":1}\n{\"value\"\n", InputFormat::Json).unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
        let format = FormatString::compile("%k=%v;").unwrap();
        assert_eq!(
            pairs("a=1;b=2;NULL=3", InputFormat::Format(format)).unwrap(),
            [pair("a", "1"), pair("b", "2"), pair("∅", "3")]
        );
        let format = FormatString::compile("%k=%v;").unwrap();
        let error = pairs("a=1;b", InputFormat::Format(format)).unwrap_err();
        assert!(error.to_string().contains("input record 2"), "{error}");
    }
}
