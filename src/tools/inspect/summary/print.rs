//! The summary as tables.

use super::super::cells::{Cell, write_names, write_row};
use super::super::people::time;
use super::{Found, Numbers};
use crate::format::{Offset, Timestamp};
use crate::log::image::release_of;
use crate::log::survey::{CodecCounts, Survey};
use crate::tools::args::DataFormat;
use crate::tools::table::{Column, Grid, NOTHING};
use crate::tools::{numbers, terminal};
use std::fmt::Write as _;

/// The columns of topics, partitions and segments; the first ones are their names.
const COLUMNS: [Column; 15] = [
    Column::number("SEGMENTS", 6),
    Column::number("SIZE", 0),
    Column::number("START", 5),
    Column::number("END", 1),
    Column::number("HIGH WATERMARK", 9),
    Column::number("STABLE", 8),
    Column::number("RECORDS", 2),
    Column::number("BATCHES", 10),
    Column::text("CODECS", 4),
    Column::text("EARLIEST", 7),
    Column::text("LATEST", 3),
    Column::number("PRODUCERS", 11),
    Column::number("OPEN", 1),
    Column::number("UNFLUSHED", 2),
    Column::text("FILL", 6),
];
/// How wide the bar of a segment's size is.
const BAR: usize = 10;
/// Eighths of a block.
const BLOCKS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// The columns for scripts.
const FIELDS: [&str; 19] = [
    "topic",
    "partition",
    "file",
    "segments",
    "bytes",
    "startOffset",
    "endOffset",
    "highWatermark",
    "lastStableOffset",
    "recoveryPoint",
    "records",
    "batches",
    "exact",
    "codecs",
    "earliest",
    "latest",
    "producers",
    "openTransactions",
    "unflushed",
];

impl Found {
    pub(super) fn for_people(&self, quiet: bool) -> String {
        let mut text = String::new();
        if self.kind() == "data" && self.around.is_data && !quiet {
            self.directory(&mut text);
        }
        let width = terminal::width();
        match self.kind() {
            "data" => {
                let mut names =
                    Columns::new(&[Column::text("TOPIC", 0), Column::number("PARTS", 1)]);
                for (topic, surveys) in self.topics() {
                    let name = vec![topic.to_owned(), surveys.len().to_string()];
                    names.push(name, &Numbers::of_topic(&surveys), None);
                }
                text.push_str(&names.grid.render(width));
            }
            "topic" => {
                let mut names = Columns::new(&[Column::text("PARTITION", 0)]);
                for survey in &self.surveys {
                    let name = vec![survey.name.to_string()];
                    names.push(name, &Numbers::of_partition(survey), None);
                }
                text.push_str(&names.grid.render(width));
            }
            _ => {
                for survey in &self.surveys {
                    self.partition(survey, width, &mut text);
                }
            }
        }
        if self
            .surveys
            .iter()
            .any(|survey| !survey.counts().is_exact())
        {
            text.push_str(
                "~ is estimated from the first headers of some segments; --exact reads all\n",
            );
        }
        text
    }

    fn directory(&self, text: &mut String) {
        let meta = self.meta.as_ref();
        let id = meta
            .and_then(|it| it.cluster_id.as_deref())
            .unwrap_or(NOTHING);
        line(text, "cluster", id);
        let node = meta
            .and_then(|it| it.node_id)
            .map_or_else(|| NOTHING.to_owned(), |id| id.to_string());
        let directory = meta.and_then(|it| it.directory_id);
        let directory = directory.map_or_else(|| NOTHING.to_owned(), |id| id.to_string());
        line(text, "node", &format!("{node}, directory {directory}"));
        let level = self.metadata_version();
        let version = match (level, level.and_then(release_of)) {
            (Some(level), Some(name)) => {
                let release = name.split('-').next().unwrap_or(name);
                format!("Apache Kafka {release} (metadata.version {level}, {name})")
            }
            (Some(level), None) => format!("later than this knows (metadata.version {level})"),
            _ => "the metadata does not tell".to_owned(),
        };
        line(text, "version", &version);
        if let Some(image) = &self.around.image {
            let features = image.features().iter();
            let features = features.filter(|(name, _)| *name != "metadata.version");
            let features: Vec<_> = features
                .map(|(name, level)| format!("{name} {level}"))
                .collect();
            folded(text, "features", &features);
        }
        let state = if self.around.live {
            "held by a running server: what is shown may move"
        } else if self.around.clean {
            "stopped cleanly"
        } else {
            "not stopped cleanly: a start recovers what is unflushed"
        };
        line(text, "state", state);
        text.push('\n');
    }

    fn partition(&self, survey: &Survey, width: usize, text: &mut String) {
        let segments = Numbers::of_segments(survey);
        if let Some(base) = self.segment {
            for segment in segments.iter().filter(|it| it.base == Some(base)) {
                details(segment, text);
            }
            return;
        }
        details(&Numbers::of_partition(survey), text);
        text.push('\n');
        let largest = segments.iter().map(|it| it.bytes).max().unwrap_or(0);
        let mut names = Columns::new(&[Column::number("SEGMENT", 0)]);
        for segment in &segments {
            let name = segment
                .base
                .map_or_else(String::new, |base| base.to_string());
            // The name is its start; the bar needs something to compare with.
            let fill = (segments.len() > 1).then(|| bar(segment.bytes, largest));
            names.push(vec![name], segment, fill);
        }
        text.push_str(&names.grid.render(width));
    }

    /// Rows for scripts.
    pub(super) fn separated(&self, format: DataFormat) -> Vec<u8> {
        let mut out = Vec::new();
        write_names(&mut out, &FIELDS, format);
        let rows: Vec<Numbers> = match self.kind() {
            "data" => {
                let topics = self.topics();
                let numbers = topics.iter().map(|(topic, surveys)| Numbers {
                    topic: Some((*topic).to_owned()),
                    ..Numbers::of_topic(surveys)
                });
                numbers.collect()
            }
            "topic" => self.surveys.iter().map(Numbers::of_partition).collect(),
            _ => {
                let segments = self.surveys.iter().flat_map(Numbers::of_segments);
                let wanted = |it: &Numbers| self.segment.is_none() || it.base == self.segment;
                segments.filter(wanted).collect()
            }
        };
        for row in &rows {
            row.write(&mut out, format);
        }
        out
    }
}

impl Numbers {
    fn write(&self, out: &mut Vec<u8>, format: DataFormat) {
        let number = |number: Option<u64>| {
            Cell::from(number.map(|it| i64::try_from(it).unwrap_or(i64::MAX)))
        };
        let offset = |offset: Option<Offset>| Cell::from(offset.map(Offset::get));
        let time = |time: Option<Timestamp>| Cell::from(time.map(Timestamp::get));
        let file = self.base.map(|base| format!("{base:0>20}.log"));
        let codecs = codecs(self);
        let cells = [
            Cell::from(self.topic.as_deref()),
            Cell::from(self.partition.map(i64::from)),
            Cell::from(file.as_deref()),
            number(self.segments),
            number(Some(self.bytes)),
            offset(self.base.or(self.start)),
            offset(self.end),
            offset(self.high_watermark),
            offset(self.last_stable),
            offset(self.recovery_point),
            number(self.count(self.counts.records)),
            number(self.count(self.counts.batches)),
            Cell::Bool(self.counts.is_exact()),
            Cell::Text(&codecs),
            time(self.earliest),
            time(self.latest),
            number(self.producers),
            number(self.open.as_ref().map(|open| open.len() as u64)),
            Cell::from(self.unflushed),
        ];
        write_row(out, &FIELDS, cells.into_iter(), format);
    }
}

/// Names in front of the columns that all have.
struct Columns {
    grid: Grid,
    /// Characters of a time that are shown: those of a day, or to the minute.
    time: usize,
}

impl Columns {
    fn new(names: &[Column]) -> Self {
        Self {
            grid: Grid::new(&[names, &COLUMNS].concat()),
            time: if names.len() > 1 { 10 } else { 16 },
        }
    }

    fn time(&self, timestamp: Option<Timestamp>) -> String {
        let text = time(timestamp);
        text.get(..self.time).map_or(text.clone(), str::to_owned)
    }

    fn push(&mut self, mut row: Vec<String>, numbers: &Numbers, fill: Option<String>) {
        let nothing = || NOTHING.to_owned();
        let offset = |offset: Option<Offset>| offset.map_or_else(nothing, |it| it.to_string());
        // What is as usual says nothing.
        let unless = |offset: Option<Offset>, usual: Option<Offset>| {
            offset
                .filter(|_| offset != usual)
                .map_or_else(nothing, |it| it.to_string())
        };
        let some = |count: Option<u64>| {
            count
                .filter(|count| *count > 0)
                .map_or_else(nothing, |it| it.to_string())
        };
        row.extend([
            numbers.segments.map_or_else(nothing, |it| it.to_string()),
            numbers::size(numbers.bytes),
            offset(numbers.start),
            offset(numbers.end),
            unless(numbers.high_watermark, numbers.end),
            unless(numbers.last_stable, numbers.end),
            counted(numbers, numbers.counts.records),
            counted(numbers, numbers.counts.batches),
            Some(main_codec(numbers))
                .filter(|it| !it.is_empty())
                .unwrap_or_else(nothing),
            self.time(numbers.earliest),
            self.time(numbers.latest),
            some(numbers.producers),
            some(numbers.open.as_ref().map(|open| open.len() as u64)),
            some(numbers.unflushed.and_then(|it| u64::try_from(it).ok())),
            fill.unwrap_or_else(nothing),
        ]);
        self.grid.push(row);
    }
}

fn details(numbers: &Numbers, text: &mut String) {
    if let (Some(topic), Some(partition)) = (&numbers.topic, numbers.partition) {
        line(text, "partition", &format!("{topic}-{partition}"));
    }
    let offset =
        |offset: Option<Offset>| offset.map_or_else(|| "?".to_owned(), |it| it.to_string());
    let from = numbers.base.or(numbers.start);
    line(
        text,
        "offsets",
        &format!("{} to {} (the end)", offset(from), offset(numbers.end)),
    );
    if numbers.partition.is_some() {
        line(
            text,
            "",
            &format!(
                "high watermark {}, last stable offset {}",
                offset(numbers.high_watermark),
                offset(numbers.last_stable)
            ),
        );
        let unflushed = match numbers.unflushed {
            Some(0) => "nothing is unflushed".to_owned(),
            Some(count) => format!("{count} offsets from there on may not be on disk"),
            None => "not known".to_owned(),
        };
        line(
            text,
            "recovery point",
            &format!("{}: {unflushed}", offset(numbers.recovery_point)),
        );
    }
    line(
        text,
        "size",
        &format!(
            "{} of logs, {} of indexes",
            numbers::size(numbers.bytes),
            numbers::size(numbers.index_bytes)
        ),
    );
    line(
        text,
        "time",
        &format!("{} to {}", time(numbers.earliest), time(numbers.latest)),
    );
    line(
        text,
        "records",
        &format!(
            "{} in {} batches, {} of them control batches",
            counted(numbers, numbers.counts.records),
            counted(numbers, numbers.counts.batches),
            counted(numbers, numbers.counts.control)
        ),
    );
    line(text, "codecs", &codecs(numbers));
    if let Some(epoch) = numbers.counts.leader_epoch {
        line(text, "leader epoch", &epoch.to_string());
    }
    if let Some(producers) = numbers.producers {
        line(text, "producers", &producers.to_string());
    }
    for (first, producer) in numbers.open.iter().flatten() {
        line(
            text,
            "open",
            &format!("a transaction of producer {producer} since offset {first}"),
        );
    }
}

/// The codecs, most bytes first, with their ratios.
fn codecs(numbers: &Numbers) -> String {
    listed(numbers).join(", ")
}

/// The codec of most bytes, and how many others there are.
fn main_codec(numbers: &Numbers) -> String {
    let listed = listed(numbers);
    match listed.len() {
        0 | 1 => listed.concat(),
        count => format!("{} +{}", listed[0], count - 1),
    }
}

fn listed(numbers: &Numbers) -> Vec<String> {
    let mut codecs: Vec<_> = numbers.counts.codecs.iter().collect();
    codecs.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.bytes));
    let show = |(codec, counts): (&&str, &CodecCounts)| match counts.ratio() {
        Some(ratio) => format!("{codec} {ratio:.1}x"),
        None => (*codec).to_owned(),
    };
    codecs.into_iter().map(show).collect()
}

/// A count; with `~` where it is in proportion.
fn counted(numbers: &Numbers, count: u64) -> String {
    match numbers.count(count) {
        None => NOTHING.to_owned(),
        Some(count) if numbers.counts.is_exact() => count.to_string(),
        Some(count) => format!("~{count}"),
    }
}

/// A bar, as long as `part` of `whole`.
fn bar(part: u64, whole: u64) -> String {
    let eighths = u128::from(part) * (BAR as u128 * 8) / u128::from(whole.max(1));
    let eighths = usize::try_from(eighths).unwrap_or(BAR * 8);
    format!("{}{}", "█".repeat(eighths / 8), BLOCKS[eighths % 8])
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{name:<15} {value}");
}

/// A list over as many lines as it takes.
fn folded(text: &mut String, name: &str, items: &[String]) {
    let mut rest = String::new();
    let mut name = name;
    for (at, item) in items.iter().enumerate() {
        let comma = if at + 1 < items.len() { "," } else { "" };
        if !rest.is_empty() && 16 + rest.len() + item.len() + 2 > terminal::WIDTH {
            line(text, name, rest.trim_end());
            rest.clear();
            name = "";
        }
        rest.push_str(&format!("{item}{comma} "));
    }
    if !rest.is_empty() {
        line(text, name, rest.trim_end());
    }
}
