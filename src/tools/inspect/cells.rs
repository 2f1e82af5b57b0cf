//! Rows of fields that are printed as they come: JSON Lines, CSV or TSV.

use crate::format::record::Headers;
use crate::tools::args::DataFormat;
use crate::tools::csv_rows::write_field;
use crate::tools::format_string::{write_base64, write_decimal};
use crate::tools::json_envelope::{write_headers, write_text};

/// The value of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Nothing is known, or there is none.
    Null,
    /// A number.
    Number(i64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(&'a str),
    /// Bytes: text where they are UTF-8, base64 under the field's name and `Base64`
    /// where they are not.
    Bytes(&'a [u8]),
    /// The headers of a record.
    Headers(Headers<'a>),
    /// A JSON value.
    Json(&'a str),
    /// In JSON the field is not there at all.
    Absent,
}

impl From<Option<i64>> for Cell<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl<'a> From<Option<&'a [u8]>> for Cell<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        bytes.map_or(Cell::Null, Cell::Bytes)
    }
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Cell::Null, Cell::Text)
    }
}

/// Appends the row of names, in the formats that have one.
pub(super) fn write_names(out: &mut Vec<u8>, names: &[&str], format: DataFormat) {
    if matches!(format, DataFormat::Csv | DataFormat::Tsv) {
        write_row(
            out,
            names,
            names.iter().map(|name| Cell::Text(name)),
            format,
        );
    }
}

/// Appends a row.
pub(super) fn write_row<'a>(
    out: &mut Vec<u8>,
    names: &[&str],
    cells: impl Iterator<Item = Cell<'a>>,
    format: DataFormat,
) {
    match format {
        DataFormat::Csv => separated(out, cells, b','),
        DataFormat::Tsv => separated(out, cells, b'\t'),
        DataFormat::Json | DataFormat::Table => {
            out.push(b'{');
            write_members(out, names, cells, true);
            out.extend_from_slice(b"}\n");
        }
    }
}

/// Appends members of a JSON object; a comma before the first but where it is `first`.
pub(super) fn write_members<'a>(
    out: &mut Vec<u8>,
    names: &[&str],
    cells: impl Iterator<Item = Cell<'a>>,
    mut first: bool,
) {
    for (name, cell) in names.iter().zip(cells) {
        if matches!(cell, Cell::Absent) {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match cell {
            Cell::Null | Cell::Absent => out.extend_from_slice(b"null"),
            Cell::Number(number) => write_decimal(out, number),
            Cell::Bool(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
            Cell::Text(text) => write_text(out, text),
            Cell::Json(json) => out.extend_from_slice(json.as_bytes()),
            Cell::Headers(headers) => write_headers(out, headers),
            Cell::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => write_text(out, text),
                Err(_) => {
                    out.truncate(out.len() - 2);
                    out.extend_from_slice(b"Base64\":\"");
                    write_base64(out, bytes);
                    out.push(b'"');
                }
            },
        }
    }
}

fn separated<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = Cell<'a>>, separator: u8) {
    let mut text = Vec::new();
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.push(separator);
        }
        text.clear();
        match cell {
            Cell::Null | Cell::Absent => continue,
            Cell::Number(number) => write_decimal(&mut text, number),
            Cell::Bool(yes) => text.extend_from_slice(if yes { b"true" } else { b"false" }),
            Cell::Text(it) | Cell::Json(it) => text.extend_from_slice(it.as_bytes()),
            Cell::Headers(headers) => write_headers(&mut text, headers),
            Cell::Bytes(bytes) => text.extend_from_slice(bytes),
        }
        if separator == b'\t' {
            for byte in &mut text {
                if matches!(byte, b'\t' | b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
            out.extend_from_slice(&text);
        } else {
            write_field(out, Some(&text));
        }
    }
    out.push(b'\n');
}
