//! `ottla inspect stats`: what is in a log, measured: sizes, rates, keys, codecs.

mod charts;
mod json;
mod people;
mod subject;

use super::site::{Scope, Site};
use crate::format::compression::Codec;
use crate::format::{Offset, PartitionId};
use crate::host::Host;
use crate::log::presence::Presence;
use crate::log::stats::{Content, Packed, Partition, measure};
use crate::log::verify::FileKind;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::{Level, StatsOptions};
use crate::tools::error::{Result, ToolError};
use crate::tools::numbers;
use crate::tools::progress::Progress;
use crate::tools::table::Table;
use charts::Page;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::sync::Arc;
use subject::{Extent, Row, Rows, Subject};

/// The names of a row's fields, which scripts rely on.
const FIELDS: [&str; 16] = [
    "topic",
    "partition",
    "segment",
    "partitions",
    "segments",
    "bytes",
    "otherBytes",
    "batches",
    "records",
    "firstOffset",
    "lastOffset",
    "firstTimestamp",
    "lastTimestamp",
    "outOfOrder",
    "distinctKeys",
    "unreadableBytes",
];

/// Does what the options say.
pub(super) fn run(options: &StatsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let site = &options.site;
    let topics = topics(options, &**host)?;
    let live = site.is_data && Presence::is_served(&**host, &site.data);
    if live && !options.quiet && options.output == DataFormat::Table {
        eprintln!(
            "{} is held by a running server: what is shown may move",
            site.data.display()
        );
    }
    let bytes = topics.iter().flatten().map(Partition::bytes).sum();
    let mut work = Work {
        options,
        total: Subject {
            content: Content::new(options.top),
            extent: Extent::default(),
        },
        rows: Vec::new(),
        documents: Vec::new(),
        progress: Progress::towards(host, options.quiet, bytes),
    };
    for topic in &topics {
        work.topic(&**host, topic)?;
    }
    work.progress.finish();
    work.end(live)
}

/// What to measure, a topic's partitions together.
fn topics(options: &StatsOptions, host: &dyn Host) -> Result<Vec<Vec<Partition>>> {
    let site = &options.site;
    if let Scope::File(path) = &site.scope {
        let kind = FileKind::of(path).ok_or_else(|| {
            ToolError::failed(format!(
                "{}: expected a .log or a .checkpoint of the metadata, found another file",
                path.display()
            ))
        })?;
        return Ok(vec![vec![Partition::file(host, path, kind)?]]);
    }
    let mut found = site.partitions(host)?;
    if let Some(wanted) = &options.partitions {
        found.retain(|(name, _)| wanted.contains(&PartitionId::new(name.partition)));
        if found.is_empty() {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let wanted = wanted.join(",");
            return Err(ToolError::failed(format!("{site}: no partition {wanted}")));
        }
    }
    let mut topics: Vec<Vec<Partition>> = Vec::new();
    for (name, directory) in found {
        let partition = Partition::read(host, name, &directory)?;
        match topics.last_mut() {
            Some(topic) if topic[0].name.topic == partition.name.topic => topic.push(partition),
            _ => topics.push(vec![partition]),
        }
    }
    Ok(topics)
}

/// The codecs that were used.
fn codecs(content: &Content) -> impl Iterator<Item = (&'static str, Packed)> {
    let names = Codec::ALL.iter().map(|codec| codec.name());
    names
        .zip(content.codecs)
        .filter(|(_, packed)| packed.batches > 0)
}

/// What is measured, and what is there so far.
struct Work<'a> {
    options: &'a StatsOptions,
    total: Subject,
    rows: Vec<Row>,
    documents: Vec<Value>,
    progress: Progress,
}

impl Work<'_> {
    fn topic(&mut self, host: &dyn Host, partitions: &[Partition]) -> Result<()> {
        let options = self.options;
        let progress = &mut self.progress;
        let mut read = |bytes| progress.advance(bytes);
        let measured = measure(host, partitions, options.top, &mut read)?;
        let name = partitions[0].name.topic.as_str();
        let rows = Rows::new(name, partitions, &measured);
        self.total.extent.join(&rows.topic.extent);
        let mut content = measured.content;
        if options.output == DataFormat::Json {
            let topic = Subject {
                content,
                extent: rows.topic.extent,
            };
            let mut map = Map::new();
            map.insert("topic".to_owned(), json!(name));
            map.extend(json::object(&topic, Some(options.top)));
            map.insert("partitions".to_owned(), rows.partitions_json());
            self.documents.push(Value::Object(map));
            content = topic.content;
        }
        if self.is_everything() {
            // Keys of different topics are different things.
            content.keys = Default::default();
        }
        self.total.content.merge(content);
        self.rows.extend(rows.of(self.level()));
        Ok(())
    }

    /// Whether more than one topic may be meant.
    fn is_everything(&self) -> bool {
        self.options.site.scope == Scope::Data
    }

    fn level(&self) -> Level {
        self.options.by.unwrap_or(match &self.options.site.scope {
            Scope::Data => Level::Topic,
            Scope::Topic(_) => Level::Partition,
            Scope::Partition(_) | Scope::File(_) => Level::Segment,
        })
    }

    /// Prints it.
    fn end(mut self, live: bool) -> Result<()> {
        let site = &self.options.site;
        let bytes = match self.options.output {
            DataFormat::Table => self.page().text.into_bytes(),
            DataFormat::Json => self.document(live),
            format => self.table().render(format),
        };
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes)
            .and_then(|()| out.flush())
            .map_err(|error| ToolError::stdout(&error))?;
        damage(site, self.total.extent.course.unreadable)
    }

    fn page(&self) -> Page {
        let mut page = Page::new();
        let keys = (!self.is_everything()).then_some(self.options.top);
        people::write(
            &mut page,
            &self.options.site.to_string(),
            self.level(),
            &self.rows,
            &self.total,
            keys,
        );
        page
    }

    fn document(&mut self, live: bool) -> Vec<u8> {
        let mut total = Map::new();
        total.insert("topicCount".to_owned(), json!(self.total.extent.topics));
        total.extend(json::object(&self.total, None));
        let document = json!({
            "location": self.options.site.to_string(),
            "live": live,
            "topics": std::mem::take(&mut self.documents),
            "total": total,
        });
        let mut text = serde_json::to_vec_pretty(&document).expect("values are JSON");
        text.push(b'\n');
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&FIELDS);
        for row in &self.rows {
            let extent = &row.extent;
            let course = &extent.course;
            let times = course.times.span;
            let offset = |offset: Option<Offset>| json!(offset);
            let ordered = course.offsets.filter(|_| row.partition.is_some());
            let is_segment = row.segment.is_some();
            table.push(vec![
                json!(row.topic),
                json!(row.partition),
                json!(row.segment),
                json!(row.partition.is_none().then_some(extent.partitions)),
                json!((!is_segment).then_some(extent.segments)),
                json!(extent.bytes),
                json!((!is_segment).then_some(extent.beside)),
                json!(course.batches),
                json!(course.records),
                offset(ordered.map(|(first, _)| first)),
                offset(ordered.map(|(_, last)| last)),
                json!(times.map(|(first, _)| first)),
                json!(times.map(|(_, last)| last)),
                json!(course.times.back),
                json!(row.keys.map(|(distinct, _)| distinct)),
                json!(course.unreadable),
            ]);
        }
        table
    }
}

fn damage(site: &Site, unreadable: u64) -> Result<()> {
    if unreadable == 0 {
        return Ok(());
    }
    let size = numbers::size(unreadable);
    Err(
        ToolError::damage(format!("{site}: {size} are damaged and were not measured"))
            .hint(format!("`ottla inspect verify {site}` says what is wrong")),
    )
}
