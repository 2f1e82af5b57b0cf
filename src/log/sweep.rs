//! Reads what can be read of a partition: every batch whose CRC is right, in order, on
//! behind damage, which is told with its place. For tools that show what a damaged
//! directory still says; what relies on the log stops at damage instead
//! ([`super::view`]).

use super::browse::{Browser, Damage, Step};
use super::error::Result;
use super::layout::{Suffix, parse_segment_file, segment_file};
use super::partition::Listing;
use super::scan::Found;
use super::segment::Segment;
use super::verify::{Check, both_sides};
use crate::format::any_batch::AnyBatch;
use crate::format::{FormatError, Offset, Timestamp};
use crate::host::Host;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place of a file that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Where in it, and why.
    pub damage: Damage,
}

/// A batch whose CRC is right, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Swept<'a> {
    /// The file.
    pub path: &'a Path,
    /// Its place there, and its bytes.
    pub found: Found<'a>,
    /// The batch.
    pub batch: AnyBatch<'a>,
}

/// Takes what is read.
pub trait Visit {
    /// A batch. An error is what is wrong with its records from some point on.
    ///
    /// # Errors
    /// What is wrong with its records: the rest of it is skipped.
    fn batch(&mut self, swept: &Swept<'_>) -> Result<ControlFlow<()>, FormatError>;

    /// A place that is not read.
    fn skipped(&mut self, skipped: Skipped);
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.damage)
    }
}

impl Skipped {
    /// A record, or the rest of a batch, that is not what it should be.
    pub fn of_record(swept: &Swept<'_>, offset: Option<Offset>, error: FormatError) -> Self {
        let (expected, found) = both_sides(error);
        let whole = swept.found.summary().ok();
        let offsets = offset
            .map(|offset| (offset, offset.next()))
            .or_else(|| whole.map(|summary| (summary.base_offset, summary.last_offset.next())));
        Self {
            path: swept.path.to_owned(),
            damage: Damage {
                position: swept.found.position,
                next: swept.found.end(),
                is_tail: false,
                check: Check::Record,
                expected: expected.into_owned(),
                found: found.into_owned(),
                offsets,
            },
        }
    }

    /// A part of a file that is none of batches.
    pub fn of_file(path: &Path, bytes: Range<u64>, check: Check, error: FormatError) -> Self {
        let (expected, found) = both_sides(error);
        Self {
            path: path.to_owned(),
            damage: Damage {
                position: bytes.start,
                next: bytes.end,
                is_tail: false,
                check,
                expected: expected.into_owned(),
                found: found.into_owned(),
                offsets: None,
            },
        }
    }

    /// Offsets that are missing in front of the batch at `position`.
    pub fn of_gap(path: &Path, position: u64, missing: Offset, found: Offset) -> Self {
        Self {
            path: path.to_owned(),
            damage: Damage {
                position,
                next: position,
                is_tail: false,
                check: Check::OffsetGap,
                expected: format!("offset {missing}"),
                found: format!("offset {found}"),
                offsets: Some((missing, found)),
            },
        }
    }

    /// Whether something is lost with it: an end that was not written to its end had
    /// not been acknowledged.
    pub const fn is_loss(&self) -> bool {
        !self.damage.is_tail
    }
}

/// Reads the partition in `directory` from the batch that holds `from` on.
///
/// # Errors
/// Where the directory cannot be listed, or a file not read.
pub fn partition(
    host: &Arc<dyn Host>,
    directory: &Path,
    from: Offset,
    visit: &mut dyn Visit,
) -> Result<()> {
    let segments = Listing::read(&**host, directory)?.segments;
    let first = segments
        .partition_point(|base| *base <= from)
        .saturating_sub(1);
    for (at, base) in segments.iter().enumerate().skip(first) {
        let path = segment_file(directory, *base, Suffix::Log);
        let mut sweep = Sweep::open(host, &path, *base)?;
        sweep.is_last = at + 1 == segments.len();
        if from > *base {
            sweep.browser.seek(host, from)?;
        }
        sweep.next = from.max(*base);
        if sweep.run(visit)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads one file of batches.
///
/// # Errors
/// Where it cannot be read.
pub fn file(host: &Arc<dyn Host>, path: &Path, visit: &mut dyn Visit) -> Result<()> {
    let name = path.file_name().and_then(parse_segment_file);
    let base = name.map_or(Offset::ZERO, |(base, _)| base);
    let mut sweep = Sweep::open(host, path, base)?;
    sweep.is_last = path.extension().is_some_and(|suffix| suffix == "log");
    sweep.run(visit).map(drop)
}

struct Sweep {
    browser: Browser,
    path: PathBuf,
    /// Whether an end that is not whole may be one that is being written.
    is_last: bool,
    /// The offset behind the batch before.
    next: Offset,
    /// What is told once the batch behind it says up to which offset it goes.
    held: Option<Damage>,
}

impl Sweep {
    fn open(host: &Arc<dyn Host>, path: &Path, base: Offset) -> Result<Self> {
        Ok(Self {
            browser: Browser::open(&**host, path, base)?,
            path: path.to_owned(),
            is_last: true,
            next: base,
            held: None,
        })
    }

    fn run(&mut self, visit: &mut dyn Visit) -> Result<ControlFlow<()>> {
        loop {
            let position = match self.browser.next_step()? {
                None => {
                    tell(&mut self.held, &self.path, None, visit);
                    return Ok(ControlFlow::Continue(()));
                }
                Some(Step::Damage(mut damage)) => {
                    damage.is_tail &= self.is_last;
                    tell(&mut self.held, &self.path, None, visit);
                    self.held = Some(damage);
                    continue;
                }
                Some(Step::Batch(found)) => {
                    match AnyBatch::parse(found.prefix.magic, found.bytes) {
                        Err(_) => found.position,
                        Ok(batch) => {
                            let summary = found.summary().ok();
                            let base = summary.map(|summary| summary.base_offset);
                            let lost = base.map(|base| (self.next, base));
                            tell(&mut self.held, &self.path, lost, visit);
                            if let Some(summary) = summary {
                                self.next = summary.last_offset.next();
                            }
                            let path = &self.path;
                            let swept = Swept { path, found, batch };
                            match visit.batch(&swept) {
                                Ok(ControlFlow::Continue(())) => {}
                                Ok(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
                                Err(error) => {
                                    visit.skipped(Skipped::of_record(&swept, None, error));
                                }
                            }
                            continue;
                        }
                    }
                }
            };
            tell(&mut self.held, &self.path, None, visit);
            self.held = Some(self.browser.diagnose(position)?);
        }
    }
}

/// Tells what is held back. What stands between its neighbours is what it may have
/// had, where its header does not say.
fn tell(
    held: &mut Option<Damage>,
    path: &Path,
    between: Option<(Offset, Offset)>,
    visit: &mut dyn Visit,
) {
    let Some(mut damage) = held.take() else {
        return;
    };
    let between = between.filter(|(from, until)| from < until);
    damage.offsets = damage.offsets.or(between);
    let path = path.to_owned();
    visit.skipped(Skipped { path, damage });
}

/// How many bytes stand from the batch that holds `offset` to the end of the
/// partition, and that batch's header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    /// When its first record was written.
    pub base_timestamp: Option<Timestamp>,
    /// From its first byte to the end of the last segment.
    pub bytes: u64,
}

/// Finds the batch that holds `offset`, or the first one behind it, past damage.
///
/// # Errors
/// Where the directory cannot be listed, or a file not read.
pub fn behind(host: &Arc<dyn Host>, directory: &Path, offset: Offset) -> Result<Behind> {
    let mut place = Place {
        offset,
        found: None,
    };
    partition(host, directory, offset, &mut place)?;
    let Some((path, position, base_timestamp)) = place.found else {
        return Ok(Behind::default());
    };
    let mut bytes = 0;
    for base in Listing::read(&**host, directory)?.segments {
        let log = segment_file(directory, base, Suffix::Log);
        if log >= path {
            let (_, length) = Segment::new(host, directory, base).open_log()?;
            bytes += length;
        }
    }
    Ok(Behind {
        base_timestamp,
        bytes: bytes.saturating_sub(position),
    })
}

struct Place {
    offset: Offset,
    found: Option<(PathBuf, u64, Option<Timestamp>)>,
}

impl Visit for Place {
    fn batch(&mut self, swept: &Swept<'_>) -> Result<ControlFlow<()>, FormatError> {
        if swept.found.summary()?.last_offset < self.offset {
            return Ok(ControlFlow::Continue(()));
        }
        let time = match &swept.batch {
            AnyBatch::V2(batch) => batch.header().base_timestamp,
            AnyBatch::Legacy(_) => None,
        };
        self.found = Some((swept.path.to_owned(), swept.found.position, time));
        Ok(ControlFlow::Break(()))
    }

    fn skipped(&mut self, _: Skipped) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::host::real::RealHost;

    #[derive(Default)]
    struct All {
        offsets: Vec<i64>,
        skipped: Vec<Skipped>,
    }

    impl Visit for All {
        fn batch(&mut self, swept: &Swept<'_>) -> Result<ControlFlow<()>, FormatError> {
            self.offsets.push(swept.found.summary()?.base_offset.get());
            Ok(ControlFlow::Continue(()))
        }

        fn skipped(&mut self, skipped: Skipped) {
            self.skipped.push(skipped);
        }
    }

    fn batch(offset: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        let now = Some(Timestamp::new(5));
        builder
            .append(now, None, Some(b"value"), Headers::default())
            .unwrap();
        let base_offset = Offset::new(offset);
        let seal = Seal {
            base_offset,
            ..Seal::default()
        };
        builder.seal(&seal).to_vec()
    }

    /// A partition of two segments of four batches each, changed by the caller.
    fn swept(from: i64, change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> All {
        let folder = tempfile::tempdir().unwrap();
        let mut first: Vec<u8> = (0..4).flat_map(batch).collect();
        let mut second: Vec<u8> = (4..8).flat_map(batch).collect();
        change(&mut first, &mut second);
        for (base, bytes) in [(0, first), (4, second)] {
            let path = segment_file(folder.path(), Offset::new(base), Suffix::Log);
            std::fs::write(path, bytes).unwrap();
        }
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let mut all = All::default();
        partition(&host, folder.path(), Offset::new(from), &mut all).unwrap();
        all
    }

    #[test]
    fn batches_behind_damage_and_of_later_segments_are_read() {
        let size = batch(0).len();
        let all = swept(0, |_, _| {});
        assert_eq!((all.offsets.len(), all.skipped.len()), (8, 0));
        // A header that says nothing: the neighbours tell what it had.
        let all = swept(0, |first, _| first[size..2 * size - 9].fill(0xff));
        assert_eq!(all.offsets, [0, 2, 3, 4, 5, 6, 7]);
        let [skipped] = &all.skipped[..] else {
            panic!("{:?}", all.skipped);
        };
        let damage = &skipped.damage;
        assert_eq!(damage.offsets, Some((Offset::new(1), Offset::new(2))));
        let range = (damage.position, damage.next);
        assert_eq!(range, (size as u64, 2 * size as u64));
        assert_eq!(
            swept(5, |_, _| {}).offsets[0],
            4,
            "the segment's first batch"
        );
    }

    #[test]
    fn only_the_end_of_the_last_segment_may_be_unfinished() {
        let torn = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 3);
        let all = swept(0, |_, second| torn(second));
        assert_eq!(all.offsets, [0, 1, 2, 3, 4, 5, 6]);
        assert!(!all.skipped[0].is_loss());
        let all = swept(0, |first, _| torn(first));
        assert_eq!(all.offsets, [0, 1, 2, 4, 5, 6, 7]);
        assert!(all.skipped[0].is_loss() && all.skipped.len() == 1);
    }
}
