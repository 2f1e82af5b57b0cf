//! Differences as text, JSON Lines, CSV or TSV.

use super::{Compared, Pair, Setting, is_json};
use crate::format::{LeaderEpoch, Offset};
use crate::log::diff::{DiffKind, DiffRange, Divergence, Extent, Fields, LogDiff};
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::DiffOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::numbers::{count, size};
use crate::tools::table::Table;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// The columns of rows.
const COLUMNS: [&str; 8] = [
    "partition",
    "difference",
    "offsetStart",
    "offsetEnd",
    "records",
    "fields",
    "leaderEpochA",
    "leaderEpochB",
];

/// Prints pairs as they are compared.
pub(super) struct Printer<'a> {
    options: &'a DiffOptions,
    rows: Table,
    same: u64,
    /// Pairs and settings that differ.
    pub(super) differing: u64,
    /// Batches that could not be read.
    pub(super) damaged: u64,
}

impl<'a> Printer<'a> {
    pub(super) fn new(options: &'a DiffOptions) -> Self {
        Self {
            options,
            rows: Table::new(&COLUMNS),
            same: 0,
            differing: 0,
            damaged: 0,
        }
    }

    pub(super) fn settings(&mut self, settings: &[Setting]) -> Result<()> {
        self.differing += settings.len() as u64;
        for setting in settings {
            let [a, b] = &setting.values;
            let text = match self.options.output {
                DataFormat::Table => {
                    let show = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
                    let (topic, name) = (&setting.topic, &setting.name);
                    format!("{topic} {name}: A {}, B {}\n", show(a), show(b))
                }
                DataFormat::Json => line(&json!({
                    "type": "config",
                    "topic": setting.topic,
                    "name": setting.name,
                    "a": a,
                    "b": b,
                })),
                _ => String::new(),
            };
            print(&text)?;
        }
        Ok(())
    }

    /// One pair.
    pub(super) fn pair(&mut self, pair: &Pair, compared: &Compared) -> Result<()> {
        let diff = &compared.diff;
        self.damaged += diff.damaged;
        let lone = pair.sides.iter().any(Option::is_none);
        if !lone && diff.is_same() && compared.files.is_empty() {
            self.same += 1;
            if !is_json(self.options) {
                return Ok(());
            }
        } else {
            self.differing += 1;
        }
        match self.options.output {
            DataFormat::Json => self.as_json(pair, compared),
            DataFormat::Table => print(&self.in_words(pair, compared)),
            _ => {
                self.as_rows(pair, diff);
                Ok(())
            }
        }
    }

    /// Behind the last.
    pub(super) fn end(&self) -> Result<()> {
        match self.options.output {
            DataFormat::Json => print(&line(&json!({
                "type": "summary",
                "version": 1,
                "a": self.options.left.to_string(),
                "b": self.options.right.to_string(),
                "same": self.same,
                "different": self.differing,
                "damagedBatches": self.damaged,
            }))),
            DataFormat::Table if !self.options.quiet && self.same > 0 => {
                print(&format!("{} the same\n", count(self.same, "partition")))
            }
            DataFormat::Table => Ok(()),
            rows => print(&String::from_utf8_lossy(&self.rows.render(rows))),
        }
    }

    fn in_words(&self, pair: &Pair, compared: &Compared) -> String {
        let diff = &compared.diff;
        let name = &pair.name;
        if let Some(side) = pair.sides.iter().position(Option::is_none) {
            let there = 1 - side;
            return format!(
                "{name} only in {}: {}\n",
                letter(there),
                extent(&diff.sides[there])
            );
        }
        let mut text = match &diff.divergence {
            Some(divergence) => format!("{name} differs from offset {}", divergence.offset),
            None => format!("{name} differs in its files, not in its records"),
        };
        if let Some(divergence) = &diff.divergence {
            let [a, b] = divergence.epochs.map(epoch);
            let _ = write!(text, " on (leader epoch A {a}, B {b})");
        }
        text.push('\n');
        if self.options.brief {
            return text;
        }
        for side in 0..2 {
            let _ = writeln!(text, "  {}  {}", letter(side), extent(&diff.sides[side]));
        }
        if diff.same_segments > 0 {
            let segments = count(diff.same_segments, "segment");
            let _ = writeln!(text, "  {segments} the same");
        }
        for range in diff.ranges.iter().take(self.options.limit) {
            let _ = writeln!(text, "  {}", range_in_words(range));
        }
        let hidden = diff.ranges.len().saturating_sub(self.options.limit) as u64;
        if hidden + diff.more_ranges > 0 {
            let ranges = count(hidden + diff.more_ranges, "range");
            let _ = writeln!(text, "  … and {ranges} more; --limit shows more");
        }
        for (file, side) in &compared.files {
            let how = match side {
                None => "other bytes".to_owned(),
                Some(side) => format!("only in {}", letter(*side)),
            };
            let _ = writeln!(text, "  {file}: {how}");
        }
        if let Some(divergence) = &diff.divergence {
            text.push_str(&cuts(divergence));
        }
        text
    }

    fn as_json(&self, pair: &Pair, compared: &Compared) -> Result<()> {
        let diff = &compared.diff;
        let status = match pair.sides.iter().position(Option::is_none) {
            Some(0) => "onlyInB",
            Some(_) => "onlyInA",
            None if diff.is_same() && compared.files.is_empty() => "same",
            None => "different",
        };
        let files = compared
            .files
            .iter()
            .map(|(file, side)| json!({"file": file, "onlyIn": side.map(letter)}));
        let mut text = line(&json!({
            "type": "partition",
            "name": pair.name,
            "status": status,
            "a": extent_json(&diff.sides[0]),
            "b": extent_json(&diff.sides[1]),
            "sameSegments": diff.same_segments,
            "changedSegments": diff.changed_segments,
            "segmentsOnlyInA": diff.lone_segments[0],
            "segmentsOnlyInB": diff.lone_segments[1],
            "sameRecords": diff.same_records,
            "damagedBatches": diff.damaged,
            "files": files.collect::<Vec<_>>(),
            "divergence": diff.divergence.as_ref().map(divergence_json),
        }));
        let ranges = if self.options.brief { 0 } else { usize::MAX };
        for range in diff.ranges.iter().take(ranges) {
            let [a, b] = range.epochs.map(|epoch| epoch.map(LeaderEpoch::get));
            text.push_str(&line(&json!({
                "type": "range",
                "name": pair.name,
                "difference": kind(range.kind),
                "offsetStart": range.offsets.start.get(),
                "offsetEnd": range.offsets.end.get(),
                "records": range.records,
                "fields": fields(range.kind),
                "leaderEpochA": a,
                "leaderEpochB": b,
            })));
        }
        print(&text)
    }

    fn as_rows(&mut self, pair: &Pair, diff: &LogDiff) {
        let mut row = |difference: &str, range: Option<&DiffRange>| {
            let of = |take: &dyn Fn(&DiffRange) -> Value| range.map_or(Value::Null, take);
            self.rows.push(vec![
                json!(pair.name),
                json!(difference),
                of(&|range| json!(range.offsets.start.get())),
                of(&|range| json!(range.offsets.end.get())),
                of(&|range| json!(range.records)),
                of(&|range| json!(fields(range.kind))),
                of(&|range| json!(range.epochs[0].map(LeaderEpoch::get))),
                of(&|range| json!(range.epochs[1].map(LeaderEpoch::get))),
            ]);
        };
        match pair.sides.iter().position(Option::is_none) {
            Some(0) => row("onlyInB", None),
            Some(_) => row("onlyInA", None),
            None if diff.ranges.is_empty() => row("files", None),
            None => {
                for range in &diff.ranges {
                    row(kind(range.kind), Some(range));
                }
            }
        }
    }
}

fn range_in_words(range: &DiffRange) -> String {
    let offsets = match range.records {
        1 => format!("{}", range.offsets.start),
        _ => format!("{} to {}", range.offsets.start, range.offsets.end.get() - 1),
    };
    let what = match range.kind {
        DiffKind::OnlyIn(side) => format!("only in {}", letter(side)),
        DiffKind::Batches => "the same records in other batches".to_owned(),
        DiffKind::Records(_) => format!("other {}", fields(range.kind).join(", ")),
    };
    format!("{offsets}: {what}")
}

fn cuts(divergence: &Divergence) -> String {
    let mut text = String::new();
    for side in 0..2 {
        if let Some(at) = divergence.cuts[side] {
            let (follower, leader) = (letter(side), letter(1 - side));
            let _ = writeln!(
                text,
                "  Kafka would cut {follower} at offset {at} as a follower of {leader}"
            );
        }
    }
    text
}

const fn kind(kind: DiffKind) -> &'static str {
    match kind {
        DiffKind::OnlyIn(0) => "onlyInA",
        DiffKind::OnlyIn(_) => "onlyInB",
        DiffKind::Batches => "batches",
        DiffKind::Records(_) => "records",
    }
}

fn fields(kind: DiffKind) -> Vec<&'static str> {
    let DiffKind::Records(Fields {
        timestamp,
        key,
        value,
        headers,
        control,
    }) = kind
    else {
        return Vec::new();
    };
    let all = [
        (timestamp, "timestamp"),
        (key, "key"),
        (value, "value"),
        (headers, "headers"),
        (control, "control"),
    ];
    let differing = all.iter().filter(|(differs, _)| *differs);
    differing.map(|(_, name)| *name).collect()
}

fn extent(extent: &Extent) -> String {
    let segments = count(extent.segments, "segment");
    let bytes = size(extent.bytes);
    match extent.offsets {
        Some((start, end)) if start < end => {
            let last = end.get() - 1;
            format!("{segments}, {bytes}, offsets read {start} to {last}")
        }
        _ => format!("{segments}, {bytes}"),
    }
}

fn extent_json(extent: &Extent) -> Value {
    json!({
        "segments": extent.segments,
        "bytes": extent.bytes,
        "readFrom": extent.offsets.map(|offsets| offsets.0.get()),
        "readTo": extent.offsets.map(|offsets| offsets.1.get()),
    })
}

fn divergence_json(divergence: &Divergence) -> Value {
    let [a, b] = divergence.epochs.map(|epoch| epoch.map(LeaderEpoch::get));
    let [cut_a, cut_b] = divergence.cuts.map(|cut| cut.map(Offset::get));
    json!({
        "offset": divergence.offset.get(),
        "leaderEpochA": a,
        "leaderEpochB": b,
        "cutA": cut_a,
        "cutB": cut_b,
    })
}

fn epoch(epoch: Option<LeaderEpoch>) -> String {
    epoch.map_or("-".to_owned(), |epoch| epoch.get().to_string())
}

const fn letter(side: usize) -> &'static str {
    if side == 0 { "A" } else { "B" }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))
}
