//! The offsets that no batch of the log has, where damage is what took them: a peer's
//! batches, or gaps.
//!
//! A gap is an empty batch that spans the lost offsets, as Kafka's cleaner leaves
//! where it removed all records of a batch. The metadata log, whose readers refuse
//! empty batches, gets `NoOpRecord`s instead.

use super::gap;
use super::holes;
use super::placing::Bounds;
use super::plan::{Salvage, Step};
use super::remains::Remains;
use super::salvage::{Patient, Peer};
use super::units::Unit;
use crate::format::{LeaderEpoch, Offset};
use crate::log::error::Result;
use crate::log::layout::METADATA_TOPIC;
use crate::log::verify::Check;
use std::ops::Range;

/// Looks for what is missing.
pub(super) struct Missing<'a> {
    pub(super) patient: &'a Patient<'a>,
    pub(super) remains: &'a Remains,
    pub(super) bounds: Bounds,
}

/// Where something is missing from the log as it was chosen.
struct Stretch {
    offsets: Range<i64>,
    epoch: Option<LeaderEpoch>,
}

impl Missing<'_> {
    /// Batches for what is missing from the log, and the word about each.
    pub(super) fn fill(
        &self,
        log: &[usize],
        mut peer: Option<&mut (dyn Peer + '_)>,
        report: &mut Salvage,
    ) -> Result<Vec<Unit>> {
        let mut fillings = Vec::new();
        for Stretch { offsets, epoch } in self.stretches(log) {
            let mut next = offsets.start;
            for bytes in self.of_peer(&offsets, peer.as_deref_mut())? {
                let Some(mut unit) = holes::unit_of(Offset::ZERO, 0, 0..bytes.len() as u64, &bytes)
                else {
                    continue;
                };
                if unit.base < next || unit.next() > offsets.end {
                    continue;
                }
                self.lose(next..unit.base, epoch, &mut fillings, report);
                next = unit.next();
                unit.mended = Some(bytes.into_boxed_slice());
                report.steps.push(Step {
                    path: self.patient.relative(self.patient.path(Offset::ZERO)),
                    bytes: 0..0,
                    offsets: Offset::new(unit.base)..Offset::new(unit.next()),
                    done: "taken from the peer".to_owned(),
                });
                fillings.push(unit);
            }
            self.lose(next..offsets.end, epoch, &mut fillings, report);
        }
        Ok(fillings)
    }

    fn of_peer(
        &self,
        offsets: &Range<i64>,
        peer: Option<&mut (dyn Peer + '_)>,
    ) -> Result<Vec<Vec<u8>>> {
        let offsets = Offset::new(offsets.start)..Offset::new(offsets.end);
        match peer {
            None => Ok(Vec::new()),
            Some(peer) => peer.batches(self.patient.name, offsets),
        }
    }

    fn stretches(&self, log: &[usize]) -> Vec<Stretch> {
        let units = &self.remains.units;
        let mut missing = Vec::new();
        let mut next = self.bounds.first;
        let mut before: Option<usize> = None;
        for at in log {
            let unit = &units[*at];
            if unit.base > next && self.was_damaged(before, Some(*at), next..unit.base) {
                missing.push(Stretch {
                    offsets: next..unit.base,
                    epoch: before.map_or(unit.epoch, |before| units[before].epoch),
                });
            }
            next = unit.next();
            before = Some(*at);
        }
        let behind = self
            .claimed_end(before, next)
            .max(self.bounds.end.unwrap_or(next));
        if behind > next && self.was_damaged(before, None, next..behind) {
            missing.push(Stretch {
                offsets: next..behind,
                epoch: before.and_then(|before| units[before].epoch),
            });
        }
        missing
    }

    /// Whether damage stands between two batches, or their gap was found to be one.
    fn was_damaged(&self, one: Option<usize>, other: Option<usize>, gap: Range<i64>) -> bool {
        let units = &self.remains.units;
        let from = one.map_or(0, |one| one + 1);
        let until = other.unwrap_or(usize::MAX);
        if from > until || self.remains.lost(from..=until).next().is_some() {
            return true;
        }
        let left_out = units.get(from..until.min(units.len()));
        if left_out.is_some_and(|units| !units.is_empty()) {
            return true;
        }
        self.patient.findings.iter().any(|finding| {
            matches!(
                finding.check,
                Check::OffsetGap | Check::SegmentOrder | Check::MissingFile
            ) && finding.offsets.as_ref().is_some_and(|offsets| {
                offsets.start.get() < gap.end && gap.start < offsets.end.get()
            })
        })
    }

    /// The end that the headers of lost batches tell, if they follow the log.
    fn claimed_end(&self, last: Option<usize>, mut next: i64) -> i64 {
        let from = last.map_or(0, |last| last + 1);
        for claim in self.remains.lost(from..) {
            if let Some(header) = claim.header
                && header.base_offset.get() == next
                && header.record_count as i64 == header.next_offset().get() - next
            {
                next = header.next_offset().get();
            }
        }
        next
    }

    /// Leaves a gap.
    fn lose(
        &self,
        offsets: Range<i64>,
        epoch: Option<LeaderEpoch>,
        fillings: &mut Vec<Unit>,
        report: &mut Salvage,
    ) {
        if offsets.is_empty() {
            return;
        }
        let range = Offset::new(offsets.start)..Offset::new(offsets.end);
        let mut whose = self.remains.lost(..).filter(|claim| {
            let header = claim.header.as_ref();
            header.is_some_and(|h| h.base_offset == range.start && h.next_offset() == range.end)
        });
        let claim = whose.next_back();
        let done = match claim.is_some_and(|claim| claim.curable) {
            true => "lost; one bit is wrong, and --partial mends it",
            false => "lost: left a gap",
        };
        let segment = claim.map_or(Offset::ZERO, |claim| claim.segment);
        report.steps.push(Step {
            path: self.patient.relative(self.patient.path(segment)),
            bytes: claim.map_or(0..0, |claim| claim.bytes.clone()),
            offsets: range.clone(),
            done: done.to_owned(),
        });
        report.lost.push(range);
        let units = &self.remains.units;
        if units.iter().all(|unit| unit.magic < 2) && !units.is_empty() {
            // Readers of old message sets take a missing offset for what it is.
            return;
        }
        let header = claim.and_then(|claim| claim.header);
        let no_ops = self.patient.name.topic == METADATA_TOPIC;
        fillings.extend(gap::batches(offsets, epoch, header, no_ops));
    }
}
