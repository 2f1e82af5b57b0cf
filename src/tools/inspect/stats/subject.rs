//! What was measured of one thing: a topic, or all of them.

use crate::format::Timestamp;
use crate::log::stats::{Content, Course, Measured, Packed, Partition};
use crate::tools::args::inspect::Level;
use serde_json::{Map, Value, json};

/// A topic, or everything.
pub(super) struct Subject {
    /// What the batches hold.
    pub(super) content: Content,
    /// Of all of it together.
    pub(super) extent: Extent,
}

/// How much of what there is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Extent {
    /// Topics.
    pub(super) topics: u64,
    /// Partitions.
    pub(super) partitions: u64,
    /// Segments.
    pub(super) segments: u64,
    /// Bytes of the files of batches.
    pub(super) bytes: u64,
    /// Bytes of other files beside them.
    pub(super) beside: u64,
    /// What order tells.
    pub(super) course: Course,
}

/// A row of the table: which topic, partition, segment, and how much it is.
pub(super) struct Row {
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    pub(super) segment: Option<i64>,
    pub(super) extent: Extent,
    /// All codecs together; of a topic only.
    pub(super) packed: Option<Packed>,
    /// Distinct keys, and whether that is exact; of a topic only.
    pub(super) keys: Option<(u64, bool)>,
}

impl Extent {
    /// Takes what is beside this.
    pub(super) fn join(&mut self, other: &Self) {
        self.topics += other.topics;
        self.partitions += other.partitions;
        self.segments += other.segments;
        self.bytes += other.bytes;
        self.beside += other.beside;
        self.course.join(&other.course);
    }

    /// From the earliest to the latest time, in milliseconds.
    pub(super) fn millis(&self) -> Option<i64> {
        let (first, last) = self.course.times.span?;
        Some(last.get() - first.get())
    }

    /// How many of something come in a second of that time.
    pub(super) fn rate(&self, of: u64) -> Option<f64> {
        let millis = self.millis().filter(|millis| *millis > 0)?;
        Some(of as f64 * 1000.0 / millis as f64)
    }

    /// The fields that topics, partitions and segments have in common.
    fn fields(&self, ordered: bool) -> Map<String, Value> {
        let course = &self.course;
        let times = &course.times;
        let time = |time: Option<Timestamp>| json!(time);
        let mut map = Map::new();
        let mut put = |name: &str, value| map.insert(name.to_owned(), value);
        put("bytes", json!(self.bytes));
        put("batches", json!(course.batches));
        put("records", json!(course.records));
        if ordered {
            put("firstOffset", json!(course.offsets.map(|(first, _)| first)));
            put("lastOffset", json!(course.offsets.map(|(_, last)| last)));
        }
        put("firstTimestamp", time(times.span.map(|(first, _)| first)));
        put("lastTimestamp", time(times.span.map(|(_, last)| last)));
        put("withoutTimestamp", json!(times.without));
        put("outOfOrder", json!(times.back));
        put("latestMs", json!(times.late));
        put("unreadableBytes", json!(course.unreadable));
        put("tailBytes", json!(course.tail));
        map
    }
}

/// The rows of one topic, down to a level; the last one of each level closes it.
pub(super) struct Rows {
    /// The topic's.
    pub(super) topic: Row,
    /// One for each partition, with those of its segments.
    pub(super) partitions: Vec<(Row, Vec<Row>)>,
}

impl Rows {
    /// What was measured of a topic's partitions.
    pub(super) fn new(topic: &str, partitions: &[Partition], measured: &Measured) -> Self {
        let row = |partition, segment, extent| Row {
            topic: topic.to_owned(),
            partition,
            segment,
            extent,
            packed: None,
            keys: None,
        };
        let mut whole = Extent {
            topics: 1,
            ..Extent::default()
        };
        let mut rows = Vec::new();
        for (partition, courses) in partitions.iter().zip(&measured.files) {
            let mut extent = Extent {
                partitions: 1,
                beside: partition.beside,
                ..Extent::default()
            };
            let mut course = Course::default();
            let number = Some(partition.name.partition);
            let mut segments = Vec::new();
            for (file, own) in partition.files.iter().zip(courses) {
                let one = Extent {
                    segments: 1,
                    bytes: file.bytes,
                    course: *own,
                    ..Extent::default()
                };
                extent.join(&one);
                course.follow(own);
                segments.push(row(number, Some(file.base().get()), one));
            }
            extent.course = course;
            whole.join(&extent);
            rows.push((row(number, None, extent), segments));
        }
        let mut topic = row(None, None, whole);
        let mut packed = Packed::default();
        for codec in measured.content.codecs {
            packed.add(codec);
        }
        topic.packed = Some(packed);
        topic.keys = Some(measured.content.keys.distinct());
        Self {
            topic,
            partitions: rows,
        }
    }

    /// Those of one level.
    pub(super) fn of(self, level: Level) -> Vec<Row> {
        match level {
            Level::Topic => vec![self.topic],
            Level::Partition => self.partitions.into_iter().map(|(row, _)| row).collect(),
            Level::Segment => {
                let segments = self.partitions.into_iter().flat_map(|(_, rows)| rows);
                segments.collect()
            }
        }
    }

    /// The partitions with their segments, as JSON.
    pub(super) fn partitions_json(&self) -> Value {
        let partition = |(row, segments): &(Row, Vec<Row>)| {
            let mut map = Map::new();
            map.insert("partition".to_owned(), json!(row.partition));
            map.insert("segmentCount".to_owned(), json!(row.extent.segments));
            map.insert("otherBytes".to_owned(), json!(row.extent.beside));
            map.extend(row.extent.fields(true));
            let segments = segments.iter().map(|row| {
                let mut map = Map::new();
                map.insert("baseOffset".to_owned(), json!(row.segment));
                map.extend(row.extent.fields(true));
                Value::Object(map)
            });
            map.insert("segments".to_owned(), segments.collect());
            Value::Object(map)
        };
        self.partitions.iter().map(partition).collect()
    }
}

impl Subject {
    /// The fields of a topic or of everything that tell how much there is.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let extent = &self.extent;
        let mut map = Map::new();
        map.insert("partitionCount".to_owned(), json!(extent.partitions));
        map.insert("segmentCount".to_owned(), json!(extent.segments));
        map.insert("otherBytes".to_owned(), json!(extent.beside));
        map.extend(extent.fields(false));
        map
    }
}
