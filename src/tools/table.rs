//! Tables: aligned columns for people; JSON, CSV or TSV with the same names for
//! scripts. [`Grid`] is a table for people alone that fits the terminal.

pub mod aligned;
mod grid;

pub use grid::{Column, Grid, NOTHING};

use super::args::DataFormat;
use super::csv_rows::write_field;
use super::terminal::cut;
use serde_json::{Map, Value, json};

/// Rows under names. Names are stable: scripts rely on them.
#[derive(Debug, Clone)]
pub struct Table {
    names: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    /// No rows yet.
    pub fn new(names: &'static [&'static str]) -> Self {
        Self {
            names: names.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with as many cells as there are names.
    pub fn push(&mut self, row: Vec<Value>) {
        assert_eq!(row.len(), self.names.len(), "a cell for each name");
        self.rows.push(row);
    }

    /// How many rows it has.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Its rows, a cell for each name.
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }

    /// Whether it has no rows.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// These columns only, in this order.
    #[must_use]
    pub fn select(self, names: &[&str]) -> Self {
        let place = |name: &&str| self.names.iter().position(|other| other == name);
        let places: Vec<usize> = names.iter().filter_map(place).collect();
        assert_eq!(places.len(), names.len(), "known columns");
        let pick = |row: &Vec<Value>| places.iter().map(|at| row[*at].clone()).collect();
        Self {
            rows: self.rows.iter().map(pick).collect(),
            names: places.iter().map(|at| self.names[*at]).collect(),
        }
    }

    /// The rows as JSON objects.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let names = self.names.iter().map(|name| (*name).to_owned());
            Value::Object(names.zip(row.iter().cloned()).collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// The rows as text that ends with a newline.
    pub fn render(&self, format: DataFormat) -> Vec<u8> {
        match format {
            DataFormat::Table => self.for_people().into_bytes(),
            DataFormat::Json => {
                let mut text = serde_json::to_vec_pretty(&self.to_json()).expect("values are JSON");
                text.push(b'\n');
                text
            }
            DataFormat::Csv => self.separated(b','),
            DataFormat::Tsv => self.separated(b'\t'),
        }
    }

    fn for_people(&self) -> String {
        let headings = self.names.iter().map(|name| heading(name)).collect();
        let cell = |cell: &Value| cut(&plain(cell), usize::MAX);
        let rows = self.rows.iter().map(|row| row.iter().map(cell).collect());
        let lines: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
        let is_number = |cell: &Value| cell.is_number() || cell.is_null();
        let right =
            |at: usize| !self.rows.is_empty() && self.rows.iter().all(|row| is_number(&row[at]));
        let drawn = aligned::lines(lines.iter().map(Vec::as_slice), usize::MAX, right);
        drawn.into_iter().map(|line| line + "\n").collect()
    }

    fn separated(&self, separator: u8) -> Vec<u8> {
        let mut out = Vec::new();
        let names = self.names.iter().map(|name| json!(name));
        write_separated(&mut out, names, separator);
        for row in &self.rows {
            write_separated(&mut out, row.iter().cloned(), separator);
        }
        out
    }
}

/// A line of CSV, or of TSV, where tabs and ends of lines in cells become blanks.
pub fn write_separated(out: &mut Vec<u8>, row: impl Iterator<Item = Value>, separator: u8) {
    for (at, cell) in row.enumerate() {
        if at > 0 {
            out.push(separator);
        }
        match (!cell.is_null()).then(|| plain(&cell)) {
            None => {}
            Some(cell) if separator == b'\t' => {
                out.extend_from_slice(cell.replace(['\t', '\n', '\r'], " ").as_bytes());
            }
            Some(cell) => write_field(out, Some(cell.as_bytes())),
        }
    }
    out.push(b'\n');
}

/// `logStartOffset` as a heading: `LOG START OFFSET`.
fn heading(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            text.push(' ');
        }
        text.extend(letter.to_uppercase());
    }
    text
}

fn plain(cell: &Value) -> String {
    match cell {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name}={}", plain(value)));
            pairs.collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table() -> Table {
        let mut table = Table::new(&["topic", "endOffset"]);
        table.push(vec![json!("a"), json!(7)]);
        table.push(vec![json!("long,name"), json!(null)]);
        table
    }

    #[test]
    fn a_table_aligns_numbers_right_and_has_no_trailing_spaces() {
        let text = String::from_utf8(table().render(DataFormat::Table)).unwrap();
        assert_eq!(
            text,
            "TOPIC      END OFFSET\na                   7\nlong,name           -\n"
        );
    }

    #[test]
    fn scripts_get_stable_names() {
        let text = |format| String::from_utf8(table().render(format)).unwrap();
        assert_eq!(
            text(DataFormat::Csv),
            "topic,endOffset\na,7\n\"long,name\",\n"
        );
        assert_eq!(
            text(DataFormat::Tsv),
            "topic\tendOffset\na\t7\nlong,name\t\n"
        );
        assert_eq!(
            serde_json::from_str::<Value>(&text(DataFormat::Json)).unwrap(),
            json!([{"topic": "a", "endOffset": 7}, {"topic": "long,name", "endOffset": null}])
        );
    }
}
