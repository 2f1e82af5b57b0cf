//! `ottla inspect index`: the entries of `.index`, `.timeindex` and `.txnindex`, with
//! offsets as they are in the log, not counted from the segment's first.

use super::NAME;
use super::cells::{Cell, write_names, write_row};
use super::files::{Listed, Troubles, list, print};
use super::people;
use super::site::{Scope, Site};
use super::walk::tell_live;
use crate::format::offset_index::OffsetIndexEntry;
use crate::format::time_index::TimeIndexEntry;
use crate::format::txn_index::AbortedTxn;
use crate::format::{FormatError, Offset, PartitionId, Timestamp};
use crate::host::Host;
use crate::log::layout::{Suffix, parse_segment_file, segment_file};
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::{FilesOptions, LookOptions};
use crate::tools::error::{Result, ToolError};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// The names of the fields, which scripts rely on. In JSON an entry has those of its
/// kind only.
const FIELDS: [&str; 12] = [
    "topic",
    "partition",
    "file",
    "kind",
    "entry",
    "offset",
    "position",
    "timestamp",
    "producerId",
    "firstOffset",
    "lastOffset",
    "lastStableOffset",
];
const INDEXES: [Suffix; 3] = [Suffix::Index, Suffix::TimeIndex, Suffix::TxnIndex];

/// An entry of any of the three.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Offset {
        offset: Offset,
        position: u32,
    },
    Time {
        timestamp: Timestamp,
        offset: Offset,
    },
    Transaction(AbortedTxn),
}

/// Does what the options say.
pub(super) fn run(options: &FilesOptions, host: &Arc<dyn Host>) -> Result<()> {
    show(&options.look, options.partitions.as_deref(), host)
}

/// Shows the files of a location, or those of some partitions in it.
pub(super) fn show(
    options: &LookOptions,
    picked: Option<&[PartitionId]>,
    host: &Arc<dyn Host>,
) -> Result<()> {
    tell_live(NAME, &options.site, &**host, options.quiet);
    let mut out = Vec::new();
    let mut troubles = Troubles::default();
    write_names(&mut out, &FIELDS, options.output);
    for (at, file) in files(&options.site, picked, &**host)?.iter().enumerate() {
        let Some((base, suffix)) = parse_segment_file(file.name.as_ref()) else {
            continue;
        };
        let bytes = match file.read(&**host) {
            Ok(bytes) => bytes,
            Err(error) => {
                troubles.unreadable(&format!("{}: {error}", file.path.display()));
                continue;
            }
        };
        if options.output == DataFormat::Table {
            heading(&mut out, file, suffix, at == 0);
        }
        let mut any = false;
        for (number, entry) in entries(suffix, &bytes, base) {
            any = true;
            match entry {
                Ok(entry) => entry.write(&mut out, file, number, options.output),
                Err(error) => {
                    print(&mut out)?;
                    let path = file.path.display();
                    troubles.damage(&format!("{path}: entry {number}: {error}"));
                }
            }
        }
        if !any && options.output == DataFormat::Table {
            out.extend_from_slice(b"(empty)\n");
        }
        print(&mut out)?;
    }
    print(&mut out)?;
    troubles.outcome(&options.site)
}

/// The index files that a site means: all three of a segment where its log is named.
fn files(site: &Site, picked: Option<&[PartitionId]>, host: &dyn Host) -> Result<Vec<Listed>> {
    let is_index = |name: &std::ffi::OsStr| {
        parse_segment_file(name).is_some_and(|(_, suffix)| INDEXES.contains(&suffix))
    };
    let Scope::File(path) = &site.scope else {
        return list(site, picked, host, &is_index);
    };
    match parse_segment_file(path.file_name().unwrap_or_default()) {
        Some((_, suffix)) if INDEXES.contains(&suffix) => list(site, picked, host, &is_index),
        Some((base, Suffix::Log)) => {
            let directory = path.parent().unwrap_or(Path::new("."));
            Ok(INDEXES
                .iter()
                .map(|suffix| segment_file(directory, base, *suffix))
                .filter(|path| host.stat(path).is_ok())
                .map(|path| Listed::of(&path))
                .collect())
        }
        _ => Err(ToolError::usage(format!(
            "{site}: expected an index (.index, .timeindex, .txnindex) or the .log of a segment"
        ))),
    }
}

/// Each entry of a file; room that was preallocated, at its end, is left out.
fn entries(suffix: Suffix, bytes: &[u8], base: Offset) -> Vec<(usize, Result<Entry, FormatError>)> {
    match suffix {
        Suffix::Index => each(bytes, "offset index entry", true, |bytes| {
            let entry = OffsetIndexEntry::decode(bytes)?;
            Ok(Entry::Offset {
                offset: entry.relative_offset.absolute(base),
                position: entry.position,
            })
        }),
        Suffix::TimeIndex => each(bytes, "time index entry", true, |bytes| {
            let entry = TimeIndexEntry::decode(bytes)?;
            Ok(Entry::Time {
                timestamp: entry.timestamp,
                offset: entry.relative_offset.absolute(base),
            })
        }),
        _ => each(bytes, "transaction index entry", false, |bytes| {
            AbortedTxn::decode(bytes).map(Entry::Transaction)
        }),
    }
}

fn each<const SIZE: usize>(
    bytes: &[u8],
    what: &'static str,
    is_padded: bool,
    decode: impl Fn(&[u8; SIZE]) -> Result<Entry, FormatError>,
) -> Vec<(usize, Result<Entry, FormatError>)> {
    let (entries, rest) = bytes.as_chunks::<SIZE>();
    let at = bytes.len() - rest.len();
    let used = entries
        .iter()
        .rposition(|entry| entry.iter().any(|byte| *byte != 0));
    let used = if is_padded && rest.iter().all(|byte| *byte == 0) {
        used.map_or(0, |last| last + 1)
    } else {
        entries.len()
    };
    let torn = !rest.is_empty();
    let torn = torn.then(|| (used, Err(FormatError::torn(what, at, SIZE, rest.len()))));
    entries[..used]
        .iter()
        .map(decode)
        .enumerate()
        .chain(torn)
        .collect()
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>, file: &Listed, number: usize, format: DataFormat) {
        if format == DataFormat::Table {
            self.write_line(out);
            return;
        }
        let [topic, partition, name] = file.cells();
        let (kind, offset, position, timestamp) = match self {
            Self::Offset { offset, position } => {
                ("offset", Some(*offset), Some(i64::from(*position)), None)
            }
            Self::Time { timestamp, offset } => ("time", Some(*offset), None, Some(*timestamp)),
            Self::Transaction(_) => ("transaction", None, None, None),
        };
        let aborted = match self {
            Self::Transaction(aborted) => Some(aborted),
            _ => None,
        };
        let cell = |number: Option<i64>| number.map_or(Cell::Absent, Cell::Number);
        let cells = [
            topic,
            partition,
            name,
            Cell::Text(kind),
            Cell::Number(number as i64),
            cell(offset.map(Offset::get)),
            cell(position),
            cell(timestamp.map(Timestamp::get)),
            cell(aborted.map(|it| it.producer_id.get())),
            cell(aborted.map(|it| it.first_offset.get())),
            cell(aborted.map(|it| it.last_offset.get())),
            cell(aborted.map(|it| it.last_stable_offset.get())),
        ];
        write_row(out, &FIELDS, cells.into_iter(), format);
    }

    fn write_line(&self, out: &mut Vec<u8>) {
        let _ = match self {
            Self::Offset { offset, position } => {
                writeln!(out, "{:>19}  {position:>10}", offset.get())
            }
            Self::Time { timestamp, offset } => {
                let time = people::time(Some(*timestamp));
                writeln!(
                    out,
                    "{time:<19}  {:>19}  {:>15}",
                    offset.get(),
                    timestamp.get()
                )
            }
            Self::Transaction(aborted) => writeln!(
                out,
                "{:>11}  {:>16}  {:>16}  {:>18}",
                aborted.producer_id.get(),
                aborted.first_offset.get(),
                aborted.last_offset.get(),
                aborted.last_stable_offset.get()
            ),
        };
    }
}

fn heading(out: &mut Vec<u8>, file: &Listed, suffix: Suffix, is_first: bool) {
    if !is_first {
        out.push(b'\n');
    }
    let names = match suffix {
        Suffix::Index => format!("{:>19}  {:>10}", "OFFSET", "POSITION"),
        Suffix::TimeIndex => format!("{:<19}  {:>19}  {:>15}", "TIME", "OFFSET", "TIMESTAMP"),
        _ => format!(
            "{:>11}  {:>16}  {:>16}  {:>18}",
            "PRODUCER ID", "FIRST OFFSET", "LAST OFFSET", "LAST STABLE OFFSET"
        ),
    };
    let _ = writeln!(out, "{}\n{names}", file.heading());
}
