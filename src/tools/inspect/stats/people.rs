//! Statistics for people: a table of what there is, then a chart of each kind.

use super::charts::{self, Bar, Page};
use super::subject::{Extent, Row, Subject};
use crate::log::stats::sizes::{Class, Sizes};
use crate::log::stats::{Content, Packed};
use crate::tools::args::inspect::Level;
use crate::tools::numbers::{decimal, exact_span as span, number, size};

/// Lines of a chart of sizes.
const MOST_CLASSES: usize = 12;
/// Lines of a chart of time.
const MOST_SPANS: usize = 24;
/// Rows of the table; the largest are shown where there are more.
const MOST_ROWS: usize = 50;

/// Writes all of it; keys, and how many of them, where there is one topic only.
pub(super) fn write(
    page: &mut Page,
    site: &str,
    level: Level,
    rows: &[Row],
    total: &Subject,
    keys: Option<usize>,
) {
    heading(page, site, total);
    table(page, level, rows);
    let content = &total.content;
    if content.batch_sizes.count() == 0 {
        return;
    }
    codecs(page, content);
    sizes(page, "RECORD SIZES", &content.record_sizes, size);
    sizes(page, "BATCH SIZES", &content.batch_sizes, size);
    sizes(page, "RECORDS PER BATCH", &content.batch_records, number);
    times(page, total);
    if let Some(top) = keys {
        self::keys(page, content, top);
    }
    largest(page, content);
}

fn heading(page: &mut Page, site: &str, total: &Subject) {
    let extent = &total.extent;
    let mut what = vec![
        counted(extent.course.records, "record", "records"),
        counted(extent.course.batches, "batch", "batches"),
        counted(extent.segments, "segment", "segments"),
        counted(extent.partitions, "partition", "partitions"),
        size(extent.bytes),
    ];
    if extent.beside > 0 {
        what.push(format!(
            "{} of indexes and other files",
            size(extent.beside)
        ));
    }
    page.list(&format!("{site}:"), &what);
    let content = &total.content;
    let parts = [
        (content.control, "of control"),
        (content.transactional, "in transactions"),
        (content.with_headers, "with headers"),
        (content.tombstones, "tombstones"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", number(*count)))
        .collect();
    if !parts.is_empty() {
        page.list("of the records", &parts);
    }
    if content.magics[0] + content.magics[1] > 0 {
        let [v0, v1, v2] = content.magics.map(number);
        page.line(&format!("batches of magic 0, 1 and 2: {v0}, {v1} and {v2}"));
    }
    if extent.course.tail > 0 {
        let tail = size(extent.course.tail);
        page.line(&format!("{tail} at the end are not a whole batch yet"));
    }
}

fn table(page: &mut Page, level: Level, rows: &[Row]) {
    let mut rows: Vec<&Row> = rows.iter().collect();
    let left = rows.len().saturating_sub(MOST_ROWS);
    if left > 0 {
        rows.sort_by_key(|row| std::cmp::Reverse(row.extent.bytes));
        rows.truncate(MOST_ROWS);
    }
    if rows.is_empty() {
        return;
    }
    page.line("");
    let cells =
        |cells: fn(&Row) -> Vec<String>| rows.iter().map(|row| cells(row)).collect::<Vec<_>>();
    match level {
        Level::Topic => page.columns(
            &[
                "TOPIC", "PARTS", "SEGMENTS", "BYTES", "RECORDS", "RATIO", "KEYS",
            ],
            &cells(topic_cells),
        ),
        Level::Partition => page.columns(
            &[
                "PARTITION",
                "SEGMENTS",
                "BYTES",
                "RECORDS",
                "OFFSETS",
                "TIME",
            ],
            &cells(partition_cells),
        ),
        Level::Segment => page.columns(
            &["SEGMENT", "BYTES", "RECORDS", "BATCHES", "OFFSETS", "TIME"],
            &cells(segment_cells),
        ),
    }
    if left > 0 {
        page.line(&format!(
            "and {} that are smaller; --output csv has all",
            number(left as u64)
        ));
    }
}

fn topic_cells(row: &Row) -> Vec<String> {
    let extent = &row.extent;
    let ratio = row.packed.as_ref().and_then(Packed::ratio);
    let keys = row.keys.map_or(String::new(), |(distinct, exact)| {
        let about = if exact { "" } else { "~" };
        format!("{about}{}", number(distinct))
    });
    vec![
        row.topic.clone(),
        number(extent.partitions),
        number(extent.segments),
        size(extent.bytes),
        number(extent.course.records),
        ratio.map_or("-".to_owned(), decimal),
        keys,
    ]
}

fn partition_cells(row: &Row) -> Vec<String> {
    let extent = &row.extent;
    vec![
        format!("{}-{}", row.topic, row.partition.unwrap_or_default()),
        number(extent.segments),
        size(extent.bytes),
        number(extent.course.records),
        offsets(extent),
        extent.millis().map_or("-".to_owned(), span),
    ]
}

fn segment_cells(row: &Row) -> Vec<String> {
    let extent = &row.extent;
    let base = row.segment.unwrap_or_default();
    vec![
        format!("{}-{}/{base}", row.topic, row.partition.unwrap_or_default()),
        size(extent.bytes),
        number(extent.course.records),
        number(extent.course.batches),
        offsets(extent),
        extent.millis().map_or("-".to_owned(), span),
    ]
}

fn offsets(extent: &Extent) -> String {
    match extent.course.offsets {
        Some((first, last)) => format!("{first}..{last}"),
        None => "-".to_owned(),
    }
}

fn codecs(page: &mut Page, content: &Content) {
    let used: Vec<_> = super::codecs(content).collect();
    if used.iter().all(|(name, _)| *name == "none") {
        return;
    }
    page.title("CODECS", "bytes as stored, and how many times smaller");
    let bar = |(name, packed): &(&str, Packed)| Bar {
        label: (*name).to_owned(),
        values: vec![
            counted(packed.batches, "batch", "batches"),
            size(packed.stored),
            packed.ratio().map_or("-".to_owned(), decimal),
        ],
        length: packed.stored,
    };
    page.bars(&used.iter().map(bar).collect::<Vec<_>>());
}

fn sizes(page: &mut Page, title: &str, sizes: &Sizes, print: fn(u64) -> String) {
    let (Some(least), Some(most), Some(mean)) = (sizes.least(), sizes.most(), sizes.mean()) else {
        return;
    };
    if least == most {
        page.title(title, &format!("all {}", print(most)));
        return;
    }
    let part = |part: f64| print(sizes.quantile(part).unwrap_or(most));
    let summary = format!(
        "mean {}, median {}, 99 % up to {}, most {}",
        print(mean.round() as u64),
        part(0.5),
        part(0.99),
        print(most),
    );
    page.title(title, &summary);
    let bar = |class: &Class| {
        let (first, last) = (*class.sizes.start(), *class.sizes.end());
        Bar {
            label: if first == last {
                print(first)
            } else {
                format!("{} to {}", print(first), print(last))
            },
            values: vec![number(class.count)],
            length: class.count,
        }
    };
    let classes = sizes.classes(MOST_CLASSES);
    page.bars(&classes.iter().map(bar).collect::<Vec<_>>());
}

fn times(page: &mut Page, total: &Subject) {
    let content = &total.content;
    let Some(chart) = content.rates.chart(MOST_SPANS) else {
        return;
    };
    let mut summary = format!("a row is {}, UTC", span(chart.width));
    if let Some(rate) = rate(total) {
        summary.push_str(&format!("; {rate} on average"));
    }
    page.title("OVER TIME", &summary);
    let bar = |label: String, tally: &crate::log::stats::rates::Tally| Bar {
        label,
        values: vec![number(tally.records), size(tally.bytes)],
        length: tally.records,
    };
    let mut bars = Vec::new();
    if chart.before.records > 0 {
        bars.push(bar("before".to_owned(), &chart.before));
    }
    for (start, tally) in &chart.spans {
        bars.push(bar(charts::time(*start, chart.width), tally));
    }
    if chart.behind.records > 0 {
        bars.push(bar("after".to_owned(), &chart.behind));
    }
    page.bars(&bars);
    let times = &total.extent.course.times;
    if times.back > 0 {
        page.line(&format!(
            "  {} earlier than the one before; at most {} late",
            counted(times.back, "record is", "records are"),
            span(times.late)
        ));
    }
    if times.without > 0 {
        let without = counted(times.without, "record has", "records have");
        page.line(&format!("  {without} no time"));
    }
}

/// How much comes in a second, or in so much time that it is a record at least.
fn rate(total: &Subject) -> Option<String> {
    const UNITS: [(&str, f64); 4] = [
        ("second", 1.0),
        ("minute", 60.0),
        ("hour", 3600.0),
        ("day", 86_400.0),
    ];
    let sizes = &total.content.record_sizes;
    let records = total.extent.rate(sizes.count())?;
    let bytes = total.extent.rate(sizes.sum())?;
    let (unit, seconds) = UNITS
        .into_iter()
        .find(|(_, seconds)| records * seconds >= 1.0)
        .unwrap_or(UNITS[3]);
    Some(format!(
        "{} records and {} a {unit}",
        decimal(records * seconds),
        size((bytes * seconds).round() as u64)
    ))
}

fn keys(page: &mut Page, content: &Content, top: usize) {
    let records = content.record_sizes.count();
    let keyed = records - content.keyless;
    if keyed == 0 {
        page.title("KEYS", "no record has one");
        return;
    }
    let (distinct, exact) = content.keys.distinct();
    let about = if exact { "" } else { "about " };
    let mut summary = format!(
        "{about}{} in {}",
        counted(distinct, "distinct key", "distinct keys"),
        counted(keyed, "record", "records")
    );
    if content.keyless > 0 {
        summary.push_str(&format!("; {} without one", number(content.keyless)));
    }
    page.title("KEYS", &summary);
    let mut frequent = content.keys.frequent(top);
    // Where no key comes twice none is frequent.
    frequent.retain(|frequent| frequent.most > 1);
    let bars: Vec<Bar> = frequent
        .iter()
        .map(|frequent| {
            let least = if frequent.least < frequent.most {
                "≥ "
            } else {
                ""
            };
            let percent = frequent.least as f64 * 100.0 / keyed as f64;
            Bar {
                label: charts::key(&frequent.key, frequent.length),
                values: vec![
                    format!("{least}{}", number(frequent.least)),
                    format!("{percent:.1} %"),
                ],
                length: frequent.least,
            }
        })
        .collect();
    page.bars(&bars);
}

fn largest(page: &mut Page, content: &Content) {
    let records = content.largest.records();
    if records.is_empty() || content.record_sizes.least() == content.record_sizes.most() {
        return;
    }
    page.title("LARGEST RECORDS", "key, value and headers");
    let bar = |large: &crate::log::stats::Large| {
        let key = large.key.as_ref().map_or(String::new(), |key| {
            format!("  {}", charts::key(key, large.key_length))
        });
        Bar {
            label: format!("{} offset {}{key}", large.partition, large.offset),
            values: vec![size(large.size)],
            length: large.size,
        }
    };
    page.bars(&records.iter().map(bar).collect::<Vec<_>>());
}

/// `1 batch`, `2,000 batches`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}
