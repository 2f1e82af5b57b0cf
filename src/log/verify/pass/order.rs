//! Holds each batch against those before it: offsets, leader epochs, producers.
//!
//! One thing that is wrong is reported once. Offsets and leader epochs lie outside
//! the CRC, so a batch that contradicts both neighbours is the one to blame, and the
//! walk goes on as if it had said nothing.

use super::batch::{Checked, Fault};
use super::producers::Producers;
use crate::format::batch::Header;
use crate::format::{LeaderEpoch, Offset};
use crate::log::verify::{Check, Context, Severity};
use std::ops::Range;

/// What the walk over a partition has seen.
pub(super) struct Order {
    compact: Option<bool>,
    /// The offset that comes next.
    next: Option<Offset>,
    epoch: Option<LeaderEpoch>,
    /// The latest one that there can be, where the metadata tells.
    latest_epoch: Option<LeaderEpoch>,
    /// Damage was reported just before: what is missing behind it is known.
    forgiving: bool,
    /// Offsets of a batch that stands in the wrong place.
    displaced: Option<Range<Offset>>,
    segment: Offset,
    /// The segment was found to be in the wrong place.
    segment_reported: bool,
    producers: Producers,
    /// Whether anything shows that records were removed by the cleaner.
    pub(super) cleaned: bool,
}

/// What stands behind a batch, as far as it can be told without checking it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Behind {
    pub(super) offset: Option<Offset>,
    pub(super) epoch: Option<LeaderEpoch>,
}

/// What is wrong with a batch in its place.
pub(super) struct Verdict {
    pub(super) fault: Option<Fault>,
    /// Offsets that are missing in front of it.
    pub(super) gap: Option<Range<Offset>>,
    /// Whether it can be relied on.
    pub(super) intact: bool,
    /// It is another batch of a run whose first was reported.
    pub(super) same_run: bool,
}

impl Order {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            compact: context.cleanup.map(|cleanup| cleanup.compact),
            next: None,
            epoch: None,
            latest_epoch: context.latest_epoch(),
            forgiving: false,
            displaced: None,
            segment: Offset::ZERO,
            segment_reported: false,
            producers: Producers::default(),
            cleaned: false,
        }
    }

    /// The offset behind the last batch.
    pub(super) const fn next(&self) -> Option<Offset> {
        self.next
    }

    /// Whether a missing offset is certain to be lost.
    pub(super) fn gaps_are_lost(&self) -> bool {
        self.compact == Some(false) && !self.cleaned
    }

    /// Whether a batch of this leader epoch begins it.
    pub(super) fn is_new_epoch(&self, epoch: Option<LeaderEpoch>) -> bool {
        epoch != self.epoch
    }

    /// A segment begins; what is wrong with its name, or missing before it.
    pub(super) fn segment(&mut self, base: Offset) -> Verdict {
        self.segment = base;
        self.segment_reported = false;
        let mut verdict = Verdict::fine();
        match self.next {
            Some(next) if base < next => {
                self.segment_reported = true;
                verdict.fault = Some(fault(
                    Check::SegmentOrder,
                    None,
                    format!("a segment from offset {next} on, where the one before ends"),
                    format!("one from {base} on"),
                ));
            }
            Some(next) if base > next => {
                if !self.forgiving && self.displaced.as_ref() != Some(&(next..base)) {
                    verdict.gap = Some(next..base);
                }
                self.next = Some(base);
            }
            Some(_) => {}
            // A segment is named after its first offset.
            None => self.next = Some(base),
        }
        verdict
    }

    /// Bytes that are no batch, and the offset of what stands behind them.
    pub(super) fn hole(&mut self, next: Option<Offset>) {
        self.forgiving = true;
        self.producers.forget();
        if let Some(next) = next
            && self.next.is_none_or(|own| next > own)
        {
            self.next = Some(next);
        }
    }

    /// The next batch, which is right by itself.
    pub(super) fn batch(&mut self, checked: &Checked, behind: Behind) -> Verdict {
        let mut verdict = self.offsets(checked, behind);
        if let Some(header) = &checked.header {
            if verdict.intact {
                self.note_cleaning(header);
            }
            if verdict.fault.is_none() && !verdict.same_run {
                verdict.fault = self.leader_epoch(header, behind);
                let is_marker = checked.marker.is_some();
                let dense = self.gaps_are_lost();
                let fault = self.producers.batch(header, is_marker, dense);
                verdict.intact = verdict.fault.is_none();
                verdict.fault = verdict.fault.or(fault);
            }
        }
        verdict
    }

    fn note_cleaning(&mut self, header: &Header) {
        let span = header.last_offset.get() - header.base_offset.get() + 1;
        self.cleaned |= header.record_count as i64 != span || header.delete_horizon().is_some();
    }

    fn offsets(&mut self, checked: &Checked, behind: Behind) -> Verdict {
        let first = checked.summary.base_offset;
        let last = checked.summary.last_offset;
        let mut verdict = Verdict::fine();
        if last.get() - self.segment.get() > i64::from(i32::MAX) {
            self.displace(first..last.next());
            return Verdict::bad(fault(
                Check::OffsetOrder,
                Some(0..8),
                format!("an offset at most 2^31 behind {}", self.segment),
                first.to_string(),
            ));
        }
        // Behind batches that fit the name, the offset is wrong and not the name.
        let fits = self.next.is_some_and(|next| next > self.segment);
        if first < self.segment && !self.segment_reported && !fits {
            self.segment_reported = true;
            self.accept(last);
            verdict.fault = Some(fault(
                Check::SegmentOrder,
                Some(0..8),
                format!("offsets from {} on, as the file is named", self.segment),
                first.to_string(),
            ));
            return verdict;
        }
        let Some(next) = self.next else {
            self.accept(last);
            return verdict;
        };
        if first < next {
            return self.overlap(first..last.next(), next, behind);
        }
        if first > next {
            let contradicted = behind
                .offset
                .is_some_and(|behind| behind <= last && behind >= next);
            if contradicted {
                self.displace(first..last.next());
                self.next = behind.offset;
                return Verdict::bad(fault(
                    Check::OffsetOrder,
                    Some(0..8),
                    format!("offset {next}, between the batches around it"),
                    first.to_string(),
                ));
            }
            if !self.forgiving && self.displaced.as_ref() != Some(&(next..first)) {
                verdict.gap = Some(next..first);
                if self.gaps_are_lost() {
                    self.producers.forget();
                }
            } else {
                // Told of already: sequences that are missing there are no news.
                self.producers.forget();
            }
        }
        if let Some(fault) = ends_too_late(checked, behind) {
            self.next = behind.offset;
            self.forgiving = false;
            return Verdict {
                gap: verdict.gap,
                ..Verdict::bad(fault)
            };
        }
        self.accept(last);
        verdict
    }

    /// A batch whose offsets the log has already gone past.
    fn overlap(&mut self, offsets: Range<Offset>, next: Offset, behind: Behind) -> Verdict {
        let same_run = self.forgiving || self.segment_reported;
        let first = offsets.start;
        if offsets.end > next {
            let end = behind.offset.filter(|behind| *behind >= next);
            self.next = Some(end.unwrap_or(offsets.end));
        }
        self.displace(offsets);
        if same_run {
            return Verdict {
                same_run: true,
                intact: false,
                ..Verdict::fine()
            };
        }
        Verdict::bad(fault(
            Check::OffsetOrder,
            Some(0..8),
            format!("offset {next} or later"),
            first.to_string(),
        ))
    }

    fn displace(&mut self, offsets: Range<Offset>) {
        self.displaced = Some(offsets);
        self.forgiving = true;
        self.producers.forget();
    }

    const fn accept(&mut self, last: Offset) {
        self.next = Some(last.next());
        self.forgiving = false;
    }

    fn leader_epoch(&mut self, header: &Header, behind: Behind) -> Option<Fault> {
        let own = header.leader_epoch;
        let text = |epoch: Option<LeaderEpoch>| match epoch {
            Some(epoch) => format!("leader epoch {epoch}"),
            None => "no leader epoch".to_owned(),
        };
        if own < self.epoch {
            return Some(fault(
                Check::EpochOrder,
                Some(12..16),
                format!("{} or later", text(self.epoch)),
                text(own),
            ));
        }
        let contradicted =
            behind.epoch.is_some() && behind.epoch < own && behind.epoch >= self.epoch;
        if own > self.epoch && contradicted {
            return Some(fault(
                Check::EpochOrder,
                Some(12..16),
                format!("at most {}, as the batch behind has", text(behind.epoch)),
                text(own),
            ));
        }
        if let Some(latest) = self.latest_epoch
            && own > Some(latest)
        {
            return Some(fault(
                Check::EpochOrder,
                Some(12..16),
                format!("at most {}, that of the metadata log", text(Some(latest))),
                text(own),
            ));
        }
        self.epoch = own;
        None
    }
}

/// A batch that says to end behind the start of the next one, which its count of
/// records does not bear out.
fn ends_too_late(checked: &Checked, behind: Behind) -> Option<Fault> {
    let header = checked.header?;
    let next = behind.offset?;
    let (first, last) = (header.base_offset, header.last_offset);
    let dense = header.record_count as i64 == last.get() - first.get() + 1;
    (first < next && next <= last && !dense).then(|| {
        fault(
            Check::BatchHeader,
            Some(23..27),
            format!("a last offset before {next}, where the next batch starts"),
            last.to_string(),
        )
    })
}

impl Verdict {
    const fn fine() -> Self {
        Self {
            fault: None,
            gap: None,
            intact: true,
            same_run: false,
        }
    }

    const fn bad(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            gap: None,
            intact: false,
            same_run: false,
        }
    }
}

pub(super) fn fault(
    check: Check,
    bytes: Option<Range<u64>>,
    expected: String,
    found: String,
) -> Fault {
    Fault {
        check,
        severity: Severity::Wrong,
        bytes,
        expected: expected.into(),
        found: found.into(),
    }
}
