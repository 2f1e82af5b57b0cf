//! Walks the batches that `inspect batches` and `inspect records` show: file by file,
//! in a range of offsets, past damage, which is told on standard error.

use super::NAME;
use super::cells::Cell;
use super::site::{Scope, Site};
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::{Offset, Timestamp};
use crate::host::Host;
use crate::log::browse::{Browser, Damage, Step};
use crate::log::layout::{METADATA_TOPIC, Suffix, TopicPartition, parse_segment_file};
use crate::log::presence::Presence;
use crate::log::scan::Found;
use crate::log::view::PartitionView;
use crate::tools::args::inspect::RecordsOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::offsets::OffsetPoint;
use crate::tools::{numbers, progress};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Output is written in pieces of this size.
const PIECE: usize = 128 << 10;

/// A file of batches, and where it belongs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The partition by the name of its directory, if it is one.
    pub(super) partition: Option<TopicPartition>,
    /// The file.
    pub(super) path: PathBuf,
    /// Its name.
    pub(super) file: String,
    /// Whether it is a snapshot of the metadata.
    pub(super) is_snapshot: bool,
    base: Offset,
}

/// What a visitor found of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was shown.
    Fine,
    /// Its CRC is not that of its bytes, or its header makes no sense.
    Damaged,
    /// Nothing more is wanted.
    Enough,
}

/// The offsets that are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The first.
    pub(super) from: Offset,
    /// Behind the last.
    pub(super) until: Offset,
}

/// Shows what is walked over.
pub(super) trait Visit {
    /// What comes before the first batch.
    fn start(&mut self, out: &mut Vec<u8>);

    /// A file begins.
    fn file(&mut self, place: &Place, out: &mut Vec<u8>);

    /// A batch that may hold wanted offsets; its CRC is not compared yet. `tell` says
    /// what is wrong with its records where the CRC is right.
    fn batch(
        &mut self,
        found: &Found<'_>,
        wanted: Wanted,
        out: &mut Vec<u8>,
        tell: &mut dyn FnMut(String),
    ) -> Result<Verdict>;

    /// What is wrong where the last batch was [`Verdict::Damaged`].
    fn damaged(&mut self, damage: &Damage, out: &mut Vec<u8>) {
        let _ = (damage, out);
    }
}

/// Walks what the options say.
///
/// # Errors
/// Damage, at the end; what keeps it from going on, at once.
pub(super) fn walk(
    options: &RecordsOptions,
    host: &Arc<dyn Host>,
    visit: &mut dyn Visit,
) -> Result<()> {
    tell_live(NAME, &options.site, &**host, options.quiet);
    let mut walk = Walk {
        out: Vec::new(),
        damaged: 0,
        unreadable: 0,
        quiet: options.quiet,
        is_live: Presence::is_served(&**host, &options.site.data),
    };
    visit.start(&mut walk.out);
    for group in groups(options, &**host)? {
        if walk.group(&group, options, host, visit)? == Verdict::Enough {
            break;
        }
    }
    walk.flush()?;
    let site = &options.site;
    if walk.damaged == 0 && walk.unreadable > 0 {
        let files = numbers::count(walk.unreadable, "file");
        return Err(ToolError::failed(format!(
            "{site}: {files} could not be read"
        )));
    }
    if walk.damaged == 0 {
        return Ok(());
    }
    let places = numbers::count(walk.damaged, "damaged place");
    Err(
        ToolError::damage(format!("{site}: {places} passed over")).hint(format!(
            "`ottla inspect verify {site}` checks everything; `ottla repair {site}` says what can be saved"
        )),
    )
}

/// Says that what is shown may move.
pub(in crate::tools) fn tell_live(program: &str, site: &Site, host: &dyn Host, quiet: bool) {
    if !quiet && site.is_data && Presence::is_served(host, &site.data) {
        let text = format!(
            "{} is held by a running server: what is shown may move",
            site.data.display()
        );
        progress::summary(program, quiet, &text);
    }
}

/// The files of each partition that is meant, in order.
fn groups(options: &RecordsOptions, host: &dyn Host) -> Result<Vec<Vec<Place>>> {
    let site = &options.site;
    if let Scope::File(path) = &site.scope {
        return Ok(vec![vec![Place::of_file(path)?]]);
    }
    let mut groups = Vec::new();
    for (name, directory) in site.partitions(host)? {
        let listed = options.partitions.as_ref();
        if listed.is_some_and(|list| !list.iter().any(|number| number.get() == name.partition)) {
            continue;
        }
        let entries = host.list(&directory).map_err(|error| {
            ToolError::failed(format!("cannot list {}: {error}", directory.display()))
        })?;
        let mut files: Vec<Place> = entries
            .iter()
            .filter_map(|entry| match parse_segment_file(&entry.name)? {
                (base, Suffix::Log) => Some(Place {
                    partition: Some(name.clone()),
                    path: directory.join(&entry.name),
                    file: entry.name.to_string_lossy().into_owned(),
                    is_snapshot: false,
                    base,
                }),
                _ => None,
            })
            .collect();
        files.sort_by_key(|place| place.base);
        groups.push(files);
    }
    Ok(groups)
}

impl Place {
    /// A file that was named: a segment's log, also one that is on its way out or in
    /// (`.deleted`, `.swap`, `.cleaned`), or a snapshot of the metadata.
    fn of_file(path: &Path) -> Result<Self> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let is_snapshot = path.extension().is_some_and(|it| it == "checkpoint");
        let log = file.split_once(".log").map(|(digits, _)| digits);
        let base = log.and_then(|digits| digits.parse().ok()).map(Offset::new);
        if base.is_none() && !is_snapshot {
            return Err(ToolError::usage(format!(
                "{}: expected a file of batches (.log or .checkpoint)",
                path.display()
            ))
            .hint("`ottla inspect index` and `ottla inspect snapshot` show the other files"));
        }
        let directory = path.parent().and_then(Path::file_name);
        Ok(Self {
            partition: directory.and_then(|name| TopicPartition::from_directory(name.to_str()?)),
            path: path.to_owned(),
            file: file.into_owned(),
            is_snapshot,
            base: base.unwrap_or_default(),
        })
    }

    /// Topic, partition and file.
    pub(super) fn cells(&self) -> [Cell<'_>; 3] {
        let name = self.partition.as_ref();
        [
            Cell::from(name.map(|name| name.topic.as_str())),
            Cell::from(name.map(|name| i64::from(name.partition))),
            Cell::Text(&self.file),
        ]
    }

    /// The topic whose records are in the file, for what is known about them.
    pub(super) fn topic(&self) -> Option<&str> {
        if self.is_snapshot {
            return Some(METADATA_TOPIC);
        }
        self.partition.as_ref().map(|name| name.topic.as_str())
    }
}

struct Walk {
    out: Vec<u8>,
    damaged: u64,
    unreadable: u64,
    quiet: bool,
    is_live: bool,
}

impl Walk {
    fn group(
        &mut self,
        files: &[Place],
        options: &RecordsOptions,
        host: &Arc<dyn Host>,
        visit: &mut dyn Visit,
    ) -> Result<Verdict> {
        let wanted = Wanted {
            from: point(options.range.start, files, host)?,
            until: match options.range.end {
                Some(end) => point(end, files, host)?,
                None => Offset::new(i64::MAX),
            },
        };
        for (at, place) in files.iter().enumerate() {
            let next = files.get(at + 1).map(|next| next.base);
            if next.is_some_and(|next| next <= wanted.from) {
                continue;
            }
            if place.base >= wanted.until {
                break;
            }
            let seek = wanted.from > place.base && !place.is_snapshot;
            let mut browser = match opened(place, seek.then_some(wanted.from), host) {
                Ok(browser) => browser,
                Err(error) => {
                    self.unreadable += 1;
                    complain(&error.to_string());
                    continue;
                }
            };
            visit.file(place, &mut self.out);
            if self.file(&mut browser, wanted, visit)? == Verdict::Enough {
                return Ok(Verdict::Enough);
            }
        }
        Ok(Verdict::Fine)
    }

    fn file(
        &mut self,
        browser: &mut Browser,
        wanted: Wanted,
        visit: &mut dyn Visit,
    ) -> Result<Verdict> {
        let path = browser.path().to_owned();
        loop {
            if self.out.len() >= PIECE {
                self.flush()?;
            }
            let position = match browser.next_step()? {
                None => return Ok(Verdict::Fine),
                Some(Step::Damage(damage)) => {
                    self.tell(&damage, &path)?;
                    continue;
                }
                Some(Step::Batch(found)) => {
                    if found.prefix.offset >= wanted.until {
                        return Ok(Verdict::Fine);
                    }
                    let position = found.position;
                    let mut problems = Vec::new();
                    let mut tell = |problem| problems.push(problem);
                    let verdict = visit.batch(&found, wanted, &mut self.out, &mut tell)?;
                    self.tell_problems(problems, position, &path)?;
                    match verdict {
                        Verdict::Fine => continue,
                        Verdict::Enough => return Ok(Verdict::Enough),
                        Verdict::Damaged => position,
                    }
                }
            };
            let damage = browser.diagnose(position)?;
            visit.damaged(&damage, &mut self.out);
            self.tell(&damage, &path)?;
        }
    }

    /// Says what is wrong on standard error, behind what came before it.
    fn tell(&mut self, damage: &Damage, path: &Path) -> Result<()> {
        let text = format!("{}: {damage}", path.display());
        if damage.is_tail {
            // What a server is about to write has no end yet.
            progress::summary("ottla-inspect", self.quiet || self.is_live, &text);
            return Ok(());
        }
        self.damaged += 1;
        self.flush()?;
        complain(&text);
        Ok(())
    }

    fn tell_problems(&mut self, problems: Vec<String>, position: u64, path: &Path) -> Result<()> {
        for problem in problems {
            self.damaged += 1;
            self.flush()?;
            complain(&format!(
                "{}: batch at {position}: {problem}",
                path.display()
            ));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(&self.out)
            .and_then(|()| out.flush())
            .map_err(|error| ToolError::stdout(&error))?;
        self.out.clear();
        Ok(())
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "ottla-inspect: {text}");
}

fn opened(place: &Place, from: Option<Offset>, host: &Arc<dyn Host>) -> Result<Browser> {
    let mut browser = Browser::open(&**host, &place.path, place.base)?;
    if let Some(from) = from {
        browser.seek(host, from)?;
    }
    Ok(browser)
}

/// The offset that a point means.
fn point(point: OffsetPoint, files: &[Place], host: &Arc<dyn Host>) -> Result<Offset> {
    let first = files.first().map_or(Offset::ZERO, |place| place.base);
    let by = |offset: Offset, by: i64| Offset::new(offset.get().saturating_add(by).max(0));
    let distance = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    Ok(match point {
        OffsetPoint::Beginning => Offset::ZERO,
        OffsetPoint::At(offset) => offset,
        OffsetPoint::AfterBeginning(count) => by(first, distance(count)),
        OffsetPoint::End => end(files, host)?,
        OffsetPoint::BeforeEnd(count) => by(end(files, host)?, -distance(count)),
        OffsetPoint::Time(time) => first_at(files, time, host)?,
    })
}

/// Behind the last batch that can be read.
fn end(files: &[Place], host: &Arc<dyn Host>) -> Result<Offset> {
    let Some(place) = files.last() else {
        return Ok(Offset::ZERO);
    };
    let mut browser = Browser::open(&**host, &place.path, place.base)?;
    if !place.is_snapshot {
        browser.seek(host, Offset::new(i64::MAX))?;
    }
    let mut end = place.base;
    while let Some(step) = browser.next_step()? {
        if let Step::Batch(found) = step
            && let Ok(summary) = found.summary()
        {
            end = end.max(summary.last_offset.next());
        }
    }
    Ok(end)
}

/// The first record at or after a time.
fn first_at(files: &[Place], time: Timestamp, host: &Arc<dyn Host>) -> Result<Offset> {
    let nowhere = Offset::new(i64::MAX);
    if let [
        Place {
            partition: Some(name),
            path,
            ..
        },
        _,
        ..,
    ] = files
    {
        let directory = path.parent().unwrap_or(Path::new("."));
        let view = PartitionView::open(host, directory, name.clone(), None)?;
        return Ok(view.offset_for_time(time)?.unwrap_or(nowhere));
    }
    let mut scratch = AnyScratch::default();
    for place in files {
        let mut browser = Browser::open(&**host, &place.path, place.base)?;
        while let Some(step) = browser.next_step()? {
            let Step::Batch(found) = step else { continue };
            let latest = found
                .summary()
                .ok()
                .and_then(|summary| summary.max_timestamp);
            if latest.is_none_or(|latest| latest < time) {
                continue;
            }
            let Ok(batch) = AnyBatch::parse(found.prefix.magic, found.bytes) else {
                continue;
            };
            let records = batch.records(&mut scratch);
            let hit = records
                .into_iter()
                .flatten()
                .flatten()
                .find(|record| record.timestamp.is_some_and(|timestamp| timestamp >= time));
            if let Some(record) = hit {
                return Ok(record.offset);
            }
        }
    }
    Ok(nowhere)
}
