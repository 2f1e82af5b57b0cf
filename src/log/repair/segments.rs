//! Puts the batches of a salvaged log into its segments.

use super::gap;
use super::plan::{Piece, Plan, Rebuild, Salvage, What};
use super::salvage::Patient;
use super::units::Unit;
use crate::format::Offset;
use crate::log::layout::{Suffix, segment_file};
use crate::log::verify::Check;

/// Plans the segments: each batch goes to the one that covers its offset. `files` are
/// those that are there, and how long they are.
pub(super) fn assemble(
    patient: &Patient<'_>,
    files: &[(Offset, u64)],
    log: &[Unit],
    report: Salvage,
) -> Plan {
    let work = Segments { patient };
    let mut plan = Plan::default();
    let mut rebuild = Rebuild::default();
    let mut rest = log;
    let mut end = i64::MIN;
    for (at, (base, length)) in files.iter().enumerate() {
        let until = files.get(at + 1).map_or(i64::MAX, |next| next.0.get());
        let count = rest.partition_point(|unit| unit.base < until);
        let (own, behind) = rest.split_at(count);
        rest = behind;
        let begins_before = own.first().is_some_and(|first| first.base < base.get());
        let is_overtaken = end > base.get() || begins_before;
        end = own.last().map_or(end, Unit::next);
        if is_overtaken && let Some(first) = own.first() {
            work.rename(&mut plan, *base, Offset::new(first.base), own);
            rebuild.indexes.push(Offset::new(first.base));
            continue;
        }
        // The last one may stay, empty, where the log goes on.
        let may_be_empty = at + 1 == files.len() && (at == 0 || end == base.get());
        if work.rewrite(&mut plan, *base, *length, own, may_be_empty) {
            rebuild.indexes.push(*base);
        }
    }
    if !plan.is_empty() {
        rebuild.epochs = true;
        rebuild.end_snapshot = patient.context.clean;
        rebuild.checkpoints = true;
        plan.push(
            patient.relative(patient.directory.to_owned()),
            What::Rebuild(rebuild),
            Check::OffsetIndex,
            "made anew from the salvaged log",
        );
        plan.partitions.push(report);
    }
    plan
}

struct Segments<'a> {
    patient: &'a Patient<'a>,
}

impl Segments<'_> {
    /// Gives a segment another name: its own is not that of its first offset.
    fn rename(&self, plan: &mut Plan, base: Offset, to: Offset, units: &[Unit]) {
        self.remove(plan, base, "its offsets begin elsewhere");
        let path = self.patient.relative(self.patient.path(to));
        plan.push(
            path,
            What::Assemble(self.pieces(units)),
            Check::SegmentOrder,
            "named after its first offset",
        );
    }

    /// Writes a segment anew, if it has to be, and says whether it is.
    fn rewrite(
        &self,
        plan: &mut Plan,
        base: Offset,
        length: u64,
        units: &[Unit],
        may_be_empty: bool,
    ) -> bool {
        let pieces = self.pieces(units);
        let path = self.patient.relative(self.patient.path(base));
        let whole = Piece::Copy {
            path: path.clone(),
            bytes: 0..length,
        };
        if pieces == [whole] || (pieces.is_empty() && length == 0) {
            return false;
        }
        if pieces.is_empty() && !may_be_empty {
            self.remove(plan, base, "nothing of it is left");
            return false;
        }
        plan.push(path, What::Assemble(pieces), self.reason(base), "salvaged");
        true
    }

    fn remove(&self, plan: &mut Plan, base: Offset, why: &str) {
        for suffix in Suffix::OF_A_SEGMENT {
            let file = segment_file(self.patient.directory, base, suffix);
            if self.patient.host.stat(&file).is_ok() && suffix != Suffix::Snapshot {
                plan.push(
                    self.patient.relative(file),
                    What::Remove,
                    Check::SegmentOrder,
                    why,
                );
            }
        }
    }

    /// The worst that was found in a segment's log.
    fn reason(&self, base: Offset) -> Check {
        let path = self.patient.path(base);
        let findings = self.patient.findings.iter();
        findings
            .filter(|finding| finding.path == path)
            .max_by_key(|finding| finding.severity)
            .map_or(Check::OffsetOrder, |finding| finding.check)
    }

    fn pieces(&self, units: &[Unit]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for unit in units {
            let patched = unit.base != unit.stored_base || unit.epoch != unit.stored_epoch;
            let path = self.patient.relative(self.patient.path(unit.segment));
            match (&unit.mended, patched) {
                (Some(bytes), _) => {
                    let mut bytes = bytes.to_vec();
                    gap::patch(&mut bytes, unit);
                    pieces.push(Piece::Bytes(bytes));
                }
                (None, false) => {
                    let place = unit.bytes.clone();
                    match pieces.last_mut() {
                        Some(Piece::Copy { path: last, bytes })
                            if *last == path && bytes.end == place.start =>
                        {
                            bytes.end = place.end;
                        }
                        _ => pieces.push(Piece::Copy { path, bytes: place }),
                    }
                }
                (None, true) => {
                    let mut head = self
                        .patient
                        .read(unit.segment, &(unit.bytes.start..unit.bytes.start + 16))
                        .unwrap_or_default();
                    gap::patch(&mut head, unit);
                    pieces.push(Piece::Bytes(head));
                    let bytes = unit.bytes.start + 16..unit.bytes.end;
                    pieces.push(Piece::Copy { path, bytes });
                }
            }
        }
        pieces
    }
}
