//! What stands in a damaged partition, in the order of its files: batches that can be
//! read or mended, and between them the places where others were.

use super::gap;
use super::headers;
use super::holes::{self, Claim, Cure, Found};
use super::plan::Salvage;
use super::rewritten;
use super::salvage::Patient;
use super::units::{Inventory, Item, Unit};
use crate::format::Offset;
use crate::log::error::Result;
use crate::log::layout::METADATA_TOPIC;
use crate::log::verify::{Check, Finding, Severity};
use std::collections::BTreeMap;
use std::ops::Range;

/// A hole longer than this is not looked into.
const MOST_HOLE: u64 = 1 << 30;

/// Batches, and what was lost between them.
#[derive(Debug, Default)]
pub(super) struct Remains {
    pub(super) units: Vec<Unit>,
    /// For each place in `units`: what was lost right before it in the files.
    claims: BTreeMap<usize, Vec<Claim>>,
}

impl Remains {
    /// Mends what can be mended, and says so.
    pub(super) fn gather(
        patient: &Patient<'_>,
        inventory: Inventory,
        report: &mut Salvage,
    ) -> Result<Self> {
        let mut gathering = Gathering {
            patient,
            report,
            remains: Self::default(),
        };
        for item in inventory.items {
            match item {
                Item::Batch(unit) => gathering.batch(unit)?,
                Item::Hole(hole) => gathering.hole(hole.segment, hole.bytes)?,
            }
        }
        Ok(gathering.remains)
    }

    #[cfg(test)]
    pub(super) fn new(units: Vec<Unit>) -> Self {
        Self {
            units,
            claims: BTreeMap::new(),
        }
    }

    /// Whether something is lost between a batch and the one before it.
    pub(super) fn is_damaged_before(&self, at: usize) -> bool {
        self.claims.contains_key(&at)
    }

    /// The offset behind the batch before this one.
    pub(super) fn before(&self, at: usize, first: i64) -> i64 {
        at.checked_sub(1).map_or(first, |at| self.units[at].next())
    }

    /// What was lost before these batches.
    pub(super) fn lost(
        &self,
        before: impl std::ops::RangeBounds<usize>,
    ) -> impl DoubleEndedIterator<Item = &Claim> {
        self.claims.range(before).flat_map(|(_, claims)| claims)
    }

    /// Takes a batch out: it is lost where it stands.
    pub(super) fn give_up(&mut self, at: usize) -> Unit {
        let unit = self.units.remove(at);
        let behind = self.claims.split_off(&(at + 1));
        self.lose(at, Claim::of(unit.segment, unit.bytes.clone()));
        for (place, claims) in behind {
            self.claims.entry(place - 1).or_default().extend(claims);
        }
        unit
    }

    fn lose(&mut self, before: usize, claim: Claim) {
        self.claims.entry(before).or_default().push(claim);
    }
}

struct Gathering<'a, 'p> {
    patient: &'a Patient<'p>,
    report: &'a mut Salvage,
    remains: Remains,
}

impl Gathering<'_, '_> {
    fn batch(&mut self, mut unit: Unit) -> Result<()> {
        let checks: Vec<Check> = self.checks_at(&unit).collect();
        let is_metadata = self.patient.name.topic == METADATA_TOPIC;
        let is_fine = |check: &Check| match check {
            Check::InternalTopic | Check::MetadataLog => false,
            Check::BatchHeader => !is_metadata,
            _ => true,
        };
        if unit.intact && !self.has_unused(&unit) && checks.iter().all(is_fine) {
            self.remains.units.push(unit);
            return Ok(());
        }
        let bytes = self.patient.read(unit.segment, &unit.bytes)?;
        let place = unit.bytes.clone();
        let readable = holes::unit_of(unit.segment, place.start, place.clone(), &bytes);
        if readable.is_none() {
            return self.look(unit.segment, place, &bytes);
        }
        let right = if self.ends_too_late(&unit) {
            gap::with_right_end(&bytes)
        } else {
            self.rewritten(&unit, &checks, &bytes)
                .or_else(|| headers::corrected(&bytes, checks.iter().copied()))
        };
        if right.is_none() && !checks.iter().all(is_fine) && self.unloadable(&unit, &bytes) {
            return Ok(());
        }
        let is_control = unit.header.is_some_and(|h| h.attributes.is_control());
        if right.is_none() && is_control && self.is_wrong(&unit, Check::Record) {
            self.step(&unit, "given up: no reader knows such a control record");
            let at = self.remains.units.len();
            self.remains.lose(at, Claim::of(unit.segment, place));
            return Ok(());
        }
        if let Some(right) = right {
            self.step(&unit, "corrected what contradicts its records");
            if let Some(mended) = holes::unit_of(unit.segment, place.start, place, &right) {
                unit = mended;
            }
            unit.mended = Some(right.into_boxed_slice());
        }
        self.remains.units.push(unit);
        Ok(())
    }

    /// Takes out records that no coordinator can load; they would keep it from loading
    /// those behind them. Whether there are any.
    fn unloadable(&mut self, unit: &Unit, bytes: &[u8]) -> bool {
        let topic = &self.patient.name.topic;
        let Some((right, lost)) = rewritten::without_unloadable(topic, bytes) else {
            return false;
        };
        let place = unit.bytes.clone();
        let is_one_run = lost.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let mended = holes::unit_of(unit.segment, place.start, place.clone(), &right);
        match (mended, lost.first(), lost.last()) {
            (Some(mut mended), Some(first), Some(last)) if is_one_run => {
                self.step(unit, "left out what no reader can load");
                mended.bytes = place;
                mended.lost = Some(*first..*last + 1);
                mended.mended = Some(right.into_boxed_slice());
                self.remains.units.push(mended);
            }
            _ => {
                self.step(unit, "given up: no reader can load it");
                let at = self.remains.units.len();
                self.remains.lose(at, Claim::of(unit.segment, place));
            }
        }
        true
    }

    /// The batch with its times put right, or without what nobody reads.
    fn rewritten(&self, unit: &Unit, checks: &[Check], bytes: &[u8]) -> Option<Vec<u8>> {
        let is_metadata = self.patient.name.topic == METADATA_TOPIC;
        let of_metadata = || {
            let right = rewritten::with_one_time(bytes);
            right.or_else(|| rewritten::with_counted_end(bytes))
        };
        let of_metadata = || is_metadata.then(of_metadata).flatten();
        let is_about = |check: Check| checks.contains(&check);
        let is_untimely = is_about(Check::Timestamp) || is_about(Check::BatchHeader);
        let of_base = || rewritten::with_base_time(bytes).filter(|_| is_untimely);
        let unused = || rewritten::without_unused(bytes).filter(|_| self.has_unused(unit));
        of_metadata().or_else(of_base).or_else(unused)
    }

    /// Whether there is something in a batch that nobody reads.
    fn has_unused(&self, unit: &Unit) -> bool {
        self.findings_at(unit)
            .any(|finding| finding.severity == Severity::Rebuildable)
    }

    /// Whether readers are told something wrong by a batch, of this kind.
    fn is_wrong(&self, unit: &Unit, check: Check) -> bool {
        self.findings_at(unit)
            .any(|finding| finding.check == check && finding.severity > Severity::Rebuildable)
    }

    /// Whether the finding is about the last offset of a batch.
    fn ends_too_late(&self, unit: &Unit) -> bool {
        let field = unit.bytes.start + 23..unit.bytes.start + 27;
        let path = self.patient.path(unit.segment);
        let mut findings = self.patient.findings.iter();
        findings.any(|finding| finding.path == path && finding.bytes.as_ref() == Some(&field))
    }

    /// What was found about a batch.
    fn checks_at(&self, unit: &Unit) -> impl Iterator<Item = Check> {
        self.findings_at(unit).map(|finding| finding.check)
    }

    fn findings_at(&self, unit: &Unit) -> impl Iterator<Item = &Finding> {
        let path = self.patient.path(unit.segment);
        let findings = self.patient.findings.iter();
        let is_in_it = |bytes: &Range<u64>| unit.bytes.contains(&bytes.start);
        findings
            .filter(|finding| finding.severity > Severity::Note)
            .filter(move |finding| {
                finding.bytes.as_ref().is_some_and(is_in_it) && finding.path == path
            })
    }

    fn hole(&mut self, segment: Offset, place: Range<u64>) -> Result<()> {
        if place.end - place.start > MOST_HOLE {
            let at = self.remains.units.len();
            self.remains.lose(at, Claim::of(segment, place));
            return Ok(());
        }
        let bytes = self.patient.read(segment, &place)?;
        self.look(segment, place, &bytes)
    }

    fn look(&mut self, segment: Offset, place: Range<u64>, bytes: &[u8]) -> Result<()> {
        for found in holes::look(segment, place.start, bytes, self.patient.partial) {
            match found {
                Found::Mended(mut unit, cure) => {
                    unit.trust = cure.trust();
                    self.step(&unit, &cure.to_string());
                    if let Cure::Part { lost, .. } = cure {
                        unit.lost = Some(lost);
                    }
                    self.remains.units.push(unit);
                }
                Found::Lost(claim) => self.remains.lose(self.remains.units.len(), claim),
            }
        }
        Ok(())
    }

    fn step(&mut self, unit: &Unit, done: &str) {
        self.report.steps.push(self.patient.step(unit, done));
    }
}
