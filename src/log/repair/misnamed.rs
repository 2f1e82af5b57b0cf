//! Logs of segments under names that Kafka does not look at: `X.log.bak`, `copy of
//! X.log`, `79.log`.
//!
//! Such a file gets its segment's name where the log lacks it: where an index of the
//! segment is still there without its log, or where it fits between its neighbours
//! without a gap. A copy of what is there, or of what retention deleted, does neither.

use super::readable::Readable;
use crate::format::Offset;
use crate::format::batch::{Header, Prefix};
use crate::host::Host;
use crate::log::error::Result;
use crate::log::layout::{Suffix, segment_file};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

/// The base of the segment whose log an unknown file is, if it is one that is lacking.
/// `plain` has the files of segments that are there under their names.
///
/// # Errors
/// `Io`.
pub(super) fn base_of(
    host: &dyn Host,
    directory: &Path,
    file: &str,
    plain: &BTreeSet<(Offset, String)>,
) -> Result<Option<Offset>> {
    let Some(offsets) = offsets(host, &directory.join(file))? else {
        return Ok(None);
    };
    let logs: BTreeSet<Offset> = plain
        .iter()
        .filter(|(_, name)| name.ends_with(Suffix::Log.as_str()))
        .map(|(base, _)| *base)
        .collect();
    let before = logs.range(..=offsets.start).next_back().copied();
    let behind = logs.range(offsets.start..).next().copied();
    let end = match before {
        Some(before) => {
            let log = segment_file(directory, before, Suffix::Log);
            self::offsets(host, &log)?.map_or(before, |of_it| of_it.end)
        }
        None => Offset::ZERO,
    };
    if end > offsets.start || behind.is_some_and(|behind| behind < offsets.end) {
        return Ok(None);
    }
    // The cleaner may have taken the first records of a segment, not its name.
    let is_index = |name: &str| {
        [Suffix::Index, Suffix::TimeIndex]
            .iter()
            .any(|suffix| name.ends_with(suffix.as_str()))
    };
    let orphan = plain.iter().rev().find(|(base, name)| {
        (end..=offsets.start).contains(base) && !logs.contains(base) && is_index(name)
    });
    if let Some((base, _)) = orphan {
        return Ok(Some(*base));
    }
    let fits = before.is_some() && end == offsets.start && behind == Some(offsets.end);
    Ok(fits.then_some(offsets.start))
}

/// From the first record to behind the last one, where the file is one of batches.
fn offsets(host: &dyn Host, path: &Path) -> Result<Option<Range<Offset>>> {
    let mut readable = Readable::open(host, path)?;
    let mut offsets: Option<Range<Offset>> = None;
    while let Some(piece) = readable.next()? {
        let header = Header::parse(piece.bytes).ok();
        let of_batch = match header.filter(|_| piece.magic == 2) {
            Some(header) => header.base_offset..header.last_offset.next(),
            None => {
                let Ok(prefix) = Prefix::parse(piece.bytes) else {
                    continue;
                };
                prefix.offset..prefix.offset.next()
            }
        };
        if offsets.is_none() && piece.position > 0 {
            return Ok(None);
        }
        let from = offsets.map_or(of_batch.start, |before| before.start);
        offsets = Some(from..of_batch.end);
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::host::real::RealHost;

    /// A log of one record at each of these offsets.
    fn log(offsets: Range<i64>) -> Vec<u8> {
        let batches = offsets.map(|offset| {
            let mut builder = BatchBuilder::default();
            let value = Some(b"value".as_slice());
            builder
                .append(None, None, value, Headers::default())
                .unwrap();
            let base_offset = Offset::new(offset);
            let seal = Seal {
                base_offset,
                ..Seal::default()
            };
            builder.seal(&seal).to_vec()
        });
        batches.flatten().collect()
    }

    /// What a file of offsets 5 to 9 is taken for, beside these.
    fn taken_for(beside: &[(&str, Range<i64>)], bytes: &[u8]) -> Option<i64> {
        let folder = tempfile::tempdir().unwrap();
        let mut plain = BTreeSet::new();
        for (name, offsets) in beside {
            std::fs::write(folder.path().join(name), log(offsets.clone())).unwrap();
            plain.insert((Offset::new(name[..20].parse().unwrap()), (*name).to_owned()));
        }
        std::fs::write(folder.path().join("copy"), bytes).unwrap();
        let base = base_of(&RealHost, folder.path(), "copy", &plain).unwrap();
        base.map(Offset::get)
    }

    const FIRST: &str = "00000000000000000000.log";
    const SECOND: &str = "00000000000000000005.log";
    const THIRD: &str = "00000000000000000010.log";
    const INDEX: &str = "00000000000000000005.index";
    const EARLIER: &str = "00000000000000000004.timeindex";

    #[test]
    fn it_fits_into_a_gap() {
        let bytes = log(5..10);
        assert_eq!(
            taken_for(&[(FIRST, 0..5), (THIRD, 10..12)], &bytes),
            Some(5)
        );
    }

    #[test]
    fn an_index_without_a_log_tells_its_name() {
        let bytes = log(5..10);
        assert_eq!(taken_for(&[(INDEX, 0..0)], &bytes), Some(5));
        assert_eq!(taken_for(&[(FIRST, 0..5), (INDEX, 0..0)], &bytes), Some(5));
        let compacted = [(FIRST, 0..3), (EARLIER, 0..0), (THIRD, 12..13)];
        assert_eq!(taken_for(&compacted, &bytes), Some(4));
    }

    #[test]
    fn what_is_not_lacking_is_left_alone() {
        let bytes = log(5..10);
        // Retention may have deleted it, and nothing tells that it did not.
        assert_eq!(taken_for(&[(THIRD, 10..12)], &bytes), None);
        assert_eq!(taken_for(&[(FIRST, 0..5)], &bytes), None);
        assert_eq!(taken_for(&[], &bytes), None);
        // It is there, or a part of it is.
        let whole = [
            (FIRST, 0..5),
            (SECOND, 5..10),
            (INDEX, 0..0),
            (THIRD, 10..12),
        ];
        assert_eq!(taken_for(&whole, &bytes), None);
        assert_eq!(taken_for(&[(FIRST, 0..7), (INDEX, 0..0)], &bytes), None);
        assert_eq!(taken_for(&[(FIRST, 0..5), (THIRD, 10..12)], b"noise"), None);
    }
}
