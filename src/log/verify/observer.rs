//! What the pass over a partition tells those who hold it against other files.
//!
//! ```text
//! segment_start  (batch | hole)*  segment_end     for each segment, in order
//! finish                                          once, behind the last
//! ```

use super::Finding;
use crate::format::Offset;
use crate::format::batch::Header;
use crate::log::scan::Summary;
use std::ops::Range;

/// Where findings go.
pub type Report<'r> = dyn FnMut(Finding) + 'r;

/// Takes note of a partition's batches, in the order of the log.
pub trait Observer: Send {
    /// A segment begins; its `.log` has so many bytes.
    fn segment_start(&mut self, segment: Offset, length: u64, report: &mut Report<'_>) {
        let _ = (segment, length, report);
    }

    /// The next batch.
    fn batch(&mut self, seen: &Seen<'_>, report: &mut Report<'_>);

    /// Bytes that are no batch, a tail cut short among them. The finding about them
    /// was made: contradictions that follow from it are not to be reported again.
    fn hole(&mut self, hole: &Hole, report: &mut Report<'_>) {
        let _ = (hole, report);
    }

    /// A segment is over.
    fn segment_end(&mut self, segment: Offset, report: &mut Report<'_>) {
        let _ = (segment, report);
    }

    /// The partition is over.
    fn finish(&mut self, end: &End, report: &mut Report<'_>) {
        let _ = (end, report);
    }
}

/// A batch, as the pass found it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The base offset that its segment is named after.
    pub segment: Offset,
    /// Where it starts in the `.log`.
    pub position: u64,
    /// Its length in bytes.
    pub size: u64,
    /// What every magic tells.
    pub summary: Summary,
    /// Its header, where it is of magic 2.
    pub header: Option<&'a Header>,
    /// Of an end-of-transaction marker: whether it commits, and the epoch of the
    /// coordinator.
    pub marker: Option<(bool, i32)>,
    /// All of it, in Kafka's own topics (`__…`) and where it is of magic 0 or 1; else it
    /// may be empty: bytes that no one looks at are not kept.
    pub bytes: &'a [u8],
    /// Whether all of it can be relied on. Where not, there was a finding about it;
    /// of `summary` and `header` anything may be wrong then.
    pub intact: bool,
}

/// Bytes of a segment that are no batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The base offset that its segment is named after.
    pub segment: Offset,
    /// Where in the `.log`.
    pub bytes: Range<u64>,
    /// The offsets between the batches around it; empty where they follow each other.
    pub offsets: Range<Offset>,
    /// Whether it is the end of the segment that is being written, cut short by a
    /// kill or not written yet.
    pub tail: bool,
}

/// Where the partition ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The base offset of its first segment.
    pub start: Offset,
    /// The offset behind its last batch.
    pub next: Offset,
    /// Whether nothing in it was damaged.
    pub intact: bool,
}
