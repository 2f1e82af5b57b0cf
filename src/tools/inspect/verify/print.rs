//! Findings and the summary as text, JSON Lines, CSV or TSV.

use crate::log::verify::{Check, Finding, Scope, Severity, Totals};
use crate::tools::args::DataFormat;
use crate::tools::numbers;
use crate::tools::table::write_separated;
use crate::tools::terminal::{self, Paint};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The names of a finding's fields, which scripts rely on.
const FIELDS: [&str; 11] = [
    "severity",
    "check",
    "file",
    "topic",
    "partition",
    "byteStart",
    "byteEnd",
    "offsetStart",
    "offsetEnd",
    "expected",
    "found",
];

/// How many findings there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    of: [u64; 4],
    /// Files that the system did not let be read.
    pub(super) unreadable: u64,
}

impl Counts {
    const SEVERITIES: [Severity; 4] = [
        Severity::Note,
        Severity::Rebuildable,
        Severity::Wrong,
        Severity::Loss,
    ];

    pub(super) fn add(&mut self, finding: &Finding) {
        if finding.check == Check::Unreadable {
            self.unreadable += 1;
        } else {
            self.of[finding.severity as usize] += 1;
        }
    }

    /// Those that make the exit status 3.
    pub(super) fn damage(&self) -> u64 {
        let counts = Self::SEVERITIES.iter().zip(self.of);
        counts
            .filter(|(severity, _)| severity.is_damage())
            .map(|(_, count)| count)
            .sum()
    }
}

/// Prints findings in one format.
pub(super) struct Printer {
    format: DataFormat,
    /// Paths are shown from here on.
    data: PathBuf,
    terminal: bool,
    paint: Paint,
}

impl Printer {
    pub(super) fn new(format: DataFormat, data: &Path) -> Self {
        Self {
            format,
            data: data.to_owned(),
            terminal: terminal::is_there(),
            paint: Paint::stdout(),
        }
    }

    /// What comes before the first finding.
    pub(super) fn heading(&self) -> Vec<u8> {
        match self.format {
            DataFormat::Csv | DataFormat::Tsv => {
                self.separated(FIELDS.iter().map(|name| json!(name)))
            }
            DataFormat::Table | DataFormat::Json => Vec::new(),
        }
    }

    /// One finding.
    pub(super) fn line(&self, finding: &Finding) -> Vec<u8> {
        let values = self.values(finding);
        match self.format {
            DataFormat::Table => self.for_people(finding),
            DataFormat::Json => {
                let mut object = Map::new();
                object.insert("type".to_owned(), json!("finding"));
                let names = FIELDS.iter().map(|name| (*name).to_owned());
                object.extend(names.zip(values));
                json_line(&Value::Object(object))
            }
            DataFormat::Csv | DataFormat::Tsv => self.separated(values.into_iter()),
        }
    }

    fn values(&self, finding: &Finding) -> [Value; 11] {
        let bytes = finding.bytes.as_ref();
        let offsets = finding.offsets.as_ref();
        let partition = finding.partition.as_ref();
        [
            json!(finding.severity.as_str()),
            json!(finding.check.as_str()),
            json!(self.path(&finding.path)),
            json!(partition.map(|name| &name.topic)),
            json!(partition.map(|name| name.partition)),
            json!(bytes.map(|bytes| bytes.start)),
            json!(bytes.map(|bytes| bytes.end)),
            json!(offsets.map(|offsets| offsets.start)),
            json!(offsets.map(|offsets| offsets.end)),
            json!(finding.expected),
            json!(finding.found),
        ]
    }

    fn path(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.data).unwrap_or(path);
        let shown = if inside.as_os_str().is_empty() {
            path
        } else {
            inside
        };
        shown.display().to_string()
    }

    fn for_people(&self, finding: &Finding) -> Vec<u8> {
        let mut place = self.path(&finding.path);
        if let Some(bytes) = &finding.bytes {
            place.push_str(&format!(" bytes {}..{}", bytes.start, bytes.end));
        }
        let mut what = String::new();
        if let Some(offsets) = &finding.offsets {
            what.push_str(&format!("offsets {}..{}: ", offsets.start, offsets.end));
        }
        what.push_str(&format!(
            "expected {}, found {}",
            finding.expected, finding.found
        ));
        let severity = finding.severity.as_str();
        let painted = self.paint.text(colour(finding.severity), severity);
        let check = finding.check.as_str();
        let width = severity.len() + check.len() + place.chars().count() + what.chars().count();
        if self.terminal && width + 6 > terminal::WIDTH {
            return format!("{painted} {check}: {place}\n    {what}\n").into_bytes();
        }
        format!("{painted} {check}: {place}, {what}\n").into_bytes()
    }

    fn separated(&self, values: impl Iterator<Item = Value>) -> Vec<u8> {
        let separator = if self.format == DataFormat::Csv {
            b','
        } else {
            b'\t'
        };
        let mut out = Vec::new();
        write_separated(&mut out, values, separator);
        out
    }

    /// The last line of JSON Lines; nothing in other formats.
    pub(super) fn summary(&self, scope: &Scope, totals: &Totals, counts: &Counts) -> Vec<u8> {
        if self.format != DataFormat::Json {
            return Vec::new();
        }
        let findings: Map<String, Value> = Counts::SEVERITIES
            .iter()
            .zip(counts.of)
            .map(|(severity, count)| (severity.as_str().to_owned(), json!(count)))
            .collect();
        json_line(&json!({
            "type": "summary",
            "live": scope.around.live,
            "clean": scope.around.clean,
            "partitions": totals.partitions,
            "files": totals.files,
            "batches": totals.batches,
            "records": totals.records,
            "bytes": totals.bytes,
            "findings": findings,
            "unreadable": counts.unreadable,
            "damaged": counts.damage() > 0,
        }))
    }
}

/// The summary for people.
pub(super) fn words(totals: &Totals, counts: &Counts, elapsed: Duration) -> String {
    let read = format!(
        "{} in {}, {}, {}",
        numbers::count(totals.records, "record"),
        batches(totals.batches),
        numbers::count(totals.partitions, "partition"),
        numbers::size(totals.bytes)
    );
    let kinds: Vec<String> = Counts::SEVERITIES
        .iter()
        .zip(counts.of)
        .rev()
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let findings = if kinds.is_empty() {
        "nothing is wrong".to_owned()
    } else {
        format!("findings: {}", kinds.join(", "))
    };
    format!("{read} in {}; {findings}", numbers::duration(elapsed))
}

fn batches(number: u64) -> String {
    let text = numbers::count(number, "batch");
    match text.strip_suffix('s') {
        Some(singular) => format!("{singular}es"),
        None => text,
    }
}

fn json_line(value: &Value) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("values are JSON");
    line.push(b'\n');
    line
}

/// The colours of `ls` and `grep`: red for what is lost, yellow for what is wrong.
const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Loss => "1;31",
        Severity::Wrong => "1;33",
        Severity::Rebuildable => "36",
        Severity::Note => "2",
    }
}
