//! Ranges of bytes that are zeroed, overwritten, doubled, exchanged, cut out or
//! squeezed in: at the borders of batches, inside them, and in whole sectors.

use super::layout::{self, BatchAt};
use super::undetectable::Undetectable;
use super::{Expected, Maker, found, found_in};
use ottla::log::verify::Check;
use std::ops::Range;

/// Bytes of a log that are no batch any more, or not where they belong.
const LOG: &[Check] = &[
    Check::BatchCrc,
    Check::BatchLength,
    Check::BatchHeader,
    Check::Record,
    Check::Tail,
    Check::OffsetOrder,
    Check::OffsetGap,
    Check::SegmentOrder,
    Check::EpochOrder,
    Check::LeaderEpochs,
];
/// A log that ends too early, or too late.
const END: &[Check] = &[
    Check::BatchCrc,
    Check::BatchLength,
    Check::BatchHeader,
    Check::Tail,
    Check::OffsetGap,
    Check::Checkpoint,
    Check::OffsetIndex,
    Check::TimeIndex,
];
/// Batches that stand in the wrong place.
const ORDER: &[Check] = &[
    Check::OffsetOrder,
    Check::OffsetGap,
    Check::SegmentOrder,
    Check::EpochOrder,
];

/// All of them for one template's logs.
pub(crate) fn generate(maker: &mut Maker<'_>) {
    let logs = maker.with_suffix(".log");
    let last = logs.len() - 1;
    for (number, (path, log)) in logs.iter().enumerate() {
        if log.is_empty() || (number > 1 && number != last) {
            continue;
        }
        let log = Log {
            path,
            bytes: log,
            batches: layout::batches(log),
            is_last: number == last,
        };
        overwritten(maker, &log);
        whole_batches(maker, &log);
        ends(maker, &log);
        inserted(maker, &log);
    }
}

struct Log<'a> {
    path: &'a str,
    bytes: &'a [u8],
    batches: Vec<BatchAt>,
    is_last: bool,
}

impl Log<'_> {
    /// The log with some bytes replaced by others, of any length.
    fn replaced(&self, range: Range<usize>, with: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes[..range.start].to_vec();
        bytes.extend_from_slice(with);
        bytes.extend_from_slice(&self.bytes[range.end..]);
        bytes
    }

    /// From the start of the first batch that a range touches to the end of the last.
    fn around(&self, range: &Range<usize>) -> Range<usize> {
        let touched =
            |batch: &&BatchAt| batch.range().start < range.end && range.start < batch.range().end;
        let mut touched = self.batches.iter().filter(touched);
        let first = touched.next().map_or(range.start, |batch| batch.position);
        let end = touched
            .next_back()
            .map_or(range.end, |batch| batch.range().end);
        first..end.max(range.end)
    }

    /// The log and the files that tell what was in it.
    fn found(&self, checks: &'static [Check]) -> Expected {
        let stem = self.path.strip_suffix(".log").unwrap();
        let directory = self.path.rsplit_once('/').unwrap().0;
        let mut files = vec![self.path.to_owned(), "*.log".into(), directory.into()];
        files.push(format!("{stem}.index"));
        files.push(format!("{stem}.timeindex"));
        files.push("*-checkpoint".into());
        files.push("*.snapshot".into());
        Expected::Found {
            checks,
            files,
            bytes: None,
        }
    }
}

fn pick<'a>(maker: &mut Maker<'_>, batches: &'a [BatchAt]) -> &'a BatchAt {
    &batches[maker.rng.below(batches.len() as u64) as usize]
}

/// A range of the log with other bytes, its length unchanged.
fn overwritten(maker: &mut Maker<'_>, log: &Log<'_>) {
    let length = log.bytes.len();
    let batch = pick(maker, &log.batches).clone();
    let inside = batch.position + maker.rng.below(batch.size as u64 - 1) as usize;
    let sector = (inside / 512) * 512;
    let page = (inside / 4096) * 4096;
    let ranges = [
        (
            "a few bytes",
            inside..inside + 1 + maker.rng.below(16) as usize,
        ),
        (
            "a header",
            batch.position..batch.position + batch.size.min(61),
        ),
        ("a batch", batch.range()),
        ("a sector", sector..sector + 512),
        ("a page", page..page + 4096),
    ];
    for (name, range) in ranges {
        let range = range.start..range.end.min(length);
        if range.is_empty() {
            continue;
        }
        let size = range.len();
        let from = maker.rng.below((length - size + 1) as u64) as usize;
        let mut noise = vec![0; size];
        maker.rng.fill(&mut noise);
        let contents = [
            ("zeroed", vec![0; size]),
            ("all ones", vec![0xff; size]),
            ("noise", noise),
            (
                "bytes from elsewhere in it",
                log.bytes[from..from + size].to_vec(),
            ),
        ];
        for (with, bytes) in contents {
            let damaged = log.replaced(range.clone(), &bytes);
            let what = format!("{} bytes {range:?}", log.path);
            let around = log.around(&range);
            maker.put(
                format!("range: {name}, {with}"),
                what,
                log.path,
                damaged,
                found(LOG, log.path, around),
            );
        }
    }
}

/// Whole batches that are gone, doubled or exchanged.
fn whole_batches(maker: &mut Maker<'_>, log: &Log<'_>) {
    let last = log.batches.len() - 1;
    let mut which = vec![0, last / 2, last];
    which.dedup();
    for index in which {
        let batch = &log.batches[index];
        let bytes = &log.bytes[batch.range()];
        let what = format!("{} batch {index} at {}", log.path, batch.position);
        let gone = log.replaced(batch.range(), &[]);
        let expected = if maker.template.compacted && index != last {
            Expected::Free(Undetectable::CompactedBatch)
        } else if log.is_last && index == last {
            log.found(&[
                Check::Checkpoint,
                Check::OffsetGap,
                Check::ProducerSnapshot,
                Check::OffsetIndex,
                Check::TimeIndex,
            ])
        } else {
            log.found(&[
                Check::OffsetGap,
                Check::OffsetOrder,
                Check::SegmentOrder,
                Check::OffsetIndex,
            ])
        };
        maker.put("range: a batch is gone", &*what, log.path, gone, expected);
        let twice = log.replaced(batch.position..batch.position, bytes);
        let both = batch.position..batch.position + 2 * batch.size;
        maker.put(
            "range: a batch stands there twice",
            &*what,
            log.path,
            twice,
            found(ORDER, log.path, both),
        );
        if index < last {
            let next = &log.batches[index + 1];
            let mut swapped = log.bytes[next.range()].to_vec();
            swapped.extend_from_slice(bytes);
            let both = batch.position..next.range().end;
            let swapped = log.replaced(both.clone(), &swapped);
            maker.put(
                "range: two batches are exchanged",
                &*what,
                log.path,
                swapped,
                found(ORDER, log.path, both),
            );
        }
        if index + 2 < log.batches.len() {
            let end = log.bytes.len();
            let mut late = log.replaced(batch.range(), &[]);
            late.extend_from_slice(bytes);
            maker.put(
                "range: a batch moved to the end",
                &*what,
                log.path,
                late,
                found(ORDER, log.path, batch.position..end),
            );
        }
    }
}

/// Logs that are too short or too long.
fn ends(maker: &mut Maker<'_>, log: &Log<'_>) {
    let length = log.bytes.len();
    let last = log.batches.last().unwrap();
    let cuts = [
        (
            "in the last batch",
            last.position + 1 + maker.rng.below(last.size as u64 - 1) as usize,
        ),
        (
            "in its header",
            last.position + 1 + maker.rng.below(16) as usize,
        ),
        ("by one byte", length - 1),
        ("at a sector", (length - 1) / 512 * 512),
        ("at a page", (length - 1) / 4096 * 4096),
        ("to nothing", 0),
    ];
    for (where_to, at) in cuts {
        if at == length {
            continue;
        }
        let what = format!("{} to {at} of {length} bytes", log.path);
        let whole = log
            .batches
            .iter()
            .take_while(|batch| batch.range().end <= at)
            .count();
        let expected = if maker.template.compacted && !log.is_last && at == 0 {
            Expected::Free(Undetectable::CompactedBatch)
        } else {
            let _ = whole;
            log.found(END)
        };
        maker.put(
            format!("length: cut {where_to}"),
            what,
            log.path,
            log.bytes[..at].to_vec(),
            expected,
        );
    }
    let mut noise = vec![0; 1 + maker.rng.below(600) as usize];
    maker.rng.fill(&mut noise);
    for (name, bytes) in [
        ("zeros", vec![0; 1 + maker.rng.below(6000) as usize]),
        ("noise", noise),
        (
            "the start of a batch",
            log.bytes[last.position..last.position + last.size / 2].to_vec(),
        ),
    ] {
        let mut long = log.bytes.to_vec();
        long.extend_from_slice(&bytes);
        let what = format!("{} longer by {}", log.path, bytes.len());
        let expected = found(
            &[
                Check::Tail,
                Check::BatchLength,
                Check::BatchHeader,
                Check::BatchCrc,
                Check::OffsetOrder,
            ],
            log.path,
            length..long.len(),
        );
        maker.put(
            format!("length: {name} behind it"),
            what,
            log.path,
            long,
            expected,
        );
    }
}

/// Bytes cut out of the middle or squeezed in.
fn inserted(maker: &mut Maker<'_>, log: &Log<'_>) {
    let batch = pick(maker, &log.batches).clone();
    let inside = batch.position + 1 + maker.rng.below(batch.size as u64 - 2) as usize;
    for (name, at, size) in [
        ("inside a batch", inside, 1 + maker.rng.below(40) as usize),
        (
            "between batches",
            batch.position,
            1 + maker.rng.below(40) as usize,
        ),
        ("a sector inside a batch", inside, 512),
    ] {
        let mut noise = vec![0; size];
        maker.rng.fill(&mut noise);
        let what = format!("{} at {at}, {size} bytes", log.path);
        let long = log.replaced(at..at, &noise);
        let around = batch.position.saturating_sub(1)..batch.range().end + size;
        maker.put(
            format!("length: noise squeezed in {name}"),
            &*what,
            log.path,
            long,
            found(LOG, log.path, around),
        );
        let end = (at + size).min(log.bytes.len());
        if end > at {
            let short = log.replaced(at..end, &[]);
            let around = log.around(&(at..end));
            let checks = found_in(LOG, log.path);
            let _ = around;
            maker.put(
                format!("length: bytes cut out {name}"),
                what,
                log.path,
                short,
                checks,
            );
        }
    }
}
