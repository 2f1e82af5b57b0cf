//! Plans the log of one damaged partition: every batch that can be read stays, byte
//! for byte, at its offset; what is lost becomes an explicit gap.
//!
//! A gap is an empty batch that spans the lost offsets, as Kafka's cleaner leaves
//! where it removed all records of a batch. The metadata log, whose readers refuse
//! empty batches, gets `NoOpRecord`s instead.

use super::gap;
use super::holes::{self, Claim, Cure, Found};
use super::order;
use super::plan::{Piece, Plan, Rebuild, Salvage, Step, What};
use super::units::{Inventory, Item, Unit};
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::{LeaderEpoch, Offset};
use crate::host::{Host, Open};
use crate::log::error::{LogError, Result};
use crate::log::layout::{METADATA_TOPIC, Suffix, TopicPartition, segment_file};
use crate::log::verify::{Check, Context, Finding};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A hole longer than this is not looked into.
const MOST_HOLE: u64 = 1 << 30;

/// A replica to take lost batches from.
pub trait Peer {
    /// Its whole batches that lie within these offsets, in order.
    ///
    /// # Errors
    /// Where it cannot be read, or is no replica of the partition.
    fn batches(
        &mut self,
        partition: &TopicPartition,
        offsets: Range<Offset>,
    ) -> Result<Vec<Vec<u8>>>;
}

/// A damaged partition, and what is known about it.
pub(super) struct Patient<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) name: &'a TopicPartition,
    pub(super) directory: &'a Path,
    pub(super) context: &'a Context,
    pub(super) findings: &'a [Finding],
    pub(super) epochs: Option<LeaderEpochs>,
    /// Whether records are saved from batches of which a part is damaged.
    pub(super) partial: bool,
}

/// Where something is missing from the log as it was chosen.
struct Missing {
    offsets: Range<i64>,
    epoch: Option<LeaderEpoch>,
}

struct Work<'a, 'p, 'q> {
    patient: &'a Patient<'a>,
    peer: Option<&'p mut (dyn Peer + 'q)>,
    units: Vec<Unit>,
    /// For each place in `units`: what was lost right before it in the files.
    claims: BTreeMap<usize, Vec<Claim>>,
    /// Batches whose header was damaged outside of its CRC: their offset is to be
    /// believed only where the neighbours say the same.
    unproven: Vec<usize>,
    salvage: Salvage,
}

/// Plans the log of a partition. Changes nothing where its log is whole.
pub(super) fn salvage(
    patient: &Patient<'_>,
    inventory: Inventory,
    peer: Option<&mut (dyn Peer + '_)>,
) -> Result<Plan> {
    let mut work = Work {
        patient,
        peer,
        units: Vec::new(),
        claims: BTreeMap::new(),
        unproven: Vec::new(),
        salvage: Salvage {
            partition: patient.name.clone(),
            kept: 0,
            mended: 0,
            lost: Vec::new(),
            duplicates: 0,
            steps: Vec::new(),
        },
    };
    let segments = inventory.segments;
    for item in inventory.items {
        match item {
            Item::Batch(unit) => work.batch(unit)?,
            Item::Hole(hole) => work.hole(hole.segment, hole.bytes)?,
        }
    }
    work.plan(&segments)
}

impl Work<'_, '_, '_> {
    fn batch(&mut self, mut unit: Unit) -> Result<()> {
        if unit.intact {
            self.units.push(unit);
            return Ok(());
        }
        let bytes = self.read(unit.segment, &unit.bytes)?;
        let place = unit.bytes.clone();
        if holes::unit_of(unit.segment, place.start, place.clone(), &bytes).is_none() {
            return self.look(unit.segment, place, &bytes);
        }
        let right = if self.ends_too_late(&unit) {
            gap::with_right_end(&bytes)
        } else {
            gap::with_right_header(&bytes, self.checks_at(&unit))
        };
        if let Some(right) = right {
            self.step(&unit, "corrected the header");
            if let Some(mended) = holes::unit_of(unit.segment, place.start, place, &right) {
                unit = mended;
            }
            unit.mended = Some(right.into_boxed_slice());
        }
        self.units.push(unit);
        Ok(())
    }

    /// Whether the finding is about the last offset of a batch.
    fn ends_too_late(&self, unit: &Unit) -> bool {
        let field = unit.bytes.start + 23..unit.bytes.start + 27;
        let path = self.path(unit.segment);
        let mut findings = self.patient.findings.iter();
        findings.any(|finding| finding.path == path && finding.bytes.as_ref() == Some(&field))
    }

    /// What was found about a batch.
    fn checks_at<'f>(&'f self, unit: &Unit) -> impl Iterator<Item = Check> + use<'f> {
        let path = self.path(unit.segment);
        let place = unit.bytes.clone();
        let findings = self.patient.findings.iter();
        findings
            .filter(move |finding| {
                finding.path == path
                    && finding
                        .bytes
                        .as_ref()
                        .is_some_and(|bytes| place.contains(&bytes.start))
            })
            .map(|finding| finding.check)
    }

    fn hole(&mut self, segment: Offset, place: Range<u64>) -> Result<()> {
        if place.end - place.start > MOST_HOLE {
            let claim = Claim {
                segment,
                bytes: place,
                header: None,
                curable: false,
            };
            self.claims.entry(self.units.len()).or_default().push(claim);
            return Ok(());
        }
        let bytes = self.read(segment, &place)?;
        self.look(segment, place, &bytes)
    }

    fn look(&mut self, segment: Offset, place: Range<u64>, bytes: &[u8]) -> Result<()> {
        for found in holes::look(segment, place.start, bytes, self.patient.partial) {
            match found {
                Found::Mended(unit, cure) => {
                    if cure == Cure::Fields {
                        self.unproven.push(self.units.len());
                    }
                    let done = match cure {
                        Cure::Fields => "corrected the header; its CRC fits".to_owned(),
                        Cure::Byte { at, flipped } if flipped.count_ones() == 1 => {
                            format!("corrected a flipped bit of byte {at}; its CRC fits")
                        }
                        Cure::Byte { at, .. } => format!("corrected byte {at}; its CRC fits"),
                        Cure::Part { kept, of } => format!("kept {kept} of its {of} records"),
                    };
                    self.step(&unit, &done);
                    self.units.push(unit);
                }
                Found::Lost(claim) => {
                    self.claims.entry(self.units.len()).or_default().push(claim);
                }
            }
        }
        Ok(())
    }

    fn plan(mut self, segments: &[(Offset, u64)]) -> Result<Plan> {
        let first = segments.first().map_or(0, |(base, _)| base.get());
        let end = self.known_end();
        order::correct_offsets(&mut self.units, first, end);
        self.bring_within(first, end);
        self.drop_unproven(first, end);
        self.correct_epochs();
        let chosen = order::choose(&self.units);
        for at in &chosen.duplicates {
            let unit = self.units[*at].clone();
            self.salvage.duplicates += unit.records;
            self.step(&unit, "left out: the log has it already");
        }
        for at in &chosen.misplaced {
            let unit = self.units[*at].clone();
            self.step(&unit, "left out: other batches have its offsets");
        }
        let corrected = |at: &&usize| {
            let unit = &self.units[**at];
            unit.base != unit.stored_base || unit.epoch != unit.stored_epoch
        };
        let corrected: Vec<usize> = chosen.log.iter().filter(corrected).copied().collect();
        for unit in corrected {
            let unit = self.units[unit].clone();
            if unit.base != unit.stored_base {
                self.step(
                    &unit,
                    &format!("corrected base offset {}", unit.stored_base),
                );
            }
            if unit.epoch != unit.stored_epoch {
                self.step(&unit, "corrected the leader epoch");
            }
        }
        let missing = self.missing(&chosen.log, first, end);
        let mut log: Vec<Unit> = chosen
            .log
            .iter()
            .map(|at| self.units[*at].clone())
            .collect();
        let fillings = self.fill(missing)?;
        log.extend(fillings);
        log.sort_by_key(|unit| unit.base);
        for unit in &log {
            let records = if unit.span > 0 { unit.records } else { 0 };
            match unit.mended {
                None => self.salvage.kept += records,
                Some(_) => self.salvage.mended += records,
            }
        }
        Ok(self.assemble(segments, &log))
    }

    /// A batch that does not follow the one before it cannot reach beyond the end that
    /// a clean stop noted. The last one ends there where it fits and nothing follows
    /// it; of others the neighbours must say the same.
    fn bring_within(&mut self, first: i64, end: Option<i64>) {
        let Some(end) = end else {
            return;
        };
        let count = self.units.len();
        for at in 0..count {
            let before = at.checked_sub(1).map_or(first, |at| self.units[at].next());
            let unit = &mut self.units[at];
            if unit.base == before || unit.next() <= end {
                continue;
            }
            let fitting = end - unit.span;
            let is_last = at + 1 == count && !self.claims.contains_key(&count);
            if is_last && fitting >= before {
                unit.base = fitting;
            } else {
                self.unproven.push(at);
            }
        }
        self.unproven.sort_unstable();
        self.unproven.dedup();
    }

    /// Gives up batches whose offset nothing but their damaged header tells.
    fn drop_unproven(&mut self, first: i64, end: Option<i64>) {
        for at in std::mem::take(&mut self.unproven).into_iter().rev() {
            let unit = &self.units[at];
            let before = at.checked_sub(1).map_or(first, |at| self.units[at].next());
            let behind = self.units.get(at + 1).map_or(end, |next| Some(next.base));
            let follows = unit.base == before;
            let leads = unit.base >= before && behind == Some(unit.next());
            if follows || leads {
                continue;
            }
            let unit = self.units.remove(at);
            let claim = Claim {
                segment: unit.segment,
                bytes: unit.bytes,
                header: None,
                curable: false,
            };
            let behind = self.claims.split_off(&(at + 1));
            self.claims.entry(at).or_default().push(claim);
            for (place, claims) in behind {
                self.claims.entry(place - 1).or_default().extend(claims);
            }
        }
    }

    /// The offset behind the last batch, where the data directory tells it.
    fn known_end(&self) -> Option<i64> {
        let context = self.patient.context;
        let point = context.recovery_point.filter(|_| context.clean);
        point.map(Offset::get)
    }

    fn correct_epochs(&mut self) {
        let told = self.patient.epochs.clone().unwrap_or_default();
        // A file that most batches contradict is what is wrong.
        let tells = |base: i64| {
            let epoch = told.epoch_for(Offset::new(base.max(0)))?;
            Some(epoch.get())
        };
        let v2 = self.units.iter().filter(|unit| unit.magic == 2);
        let (mut agree, mut all) = (0, 0);
        for unit in v2 {
            all += 1;
            agree += usize::from(tells(unit.base) == unit.epoch.map(LeaderEpoch::get));
        }
        let believed = agree * 2 > all;
        order::correct_epochs(&mut self.units, |base| tells(base).filter(|_| believed));
    }

    /// The offsets that no batch of the log has, where damage is what took them.
    fn missing(&self, log: &[usize], first: i64, end: Option<i64>) -> Vec<Missing> {
        let mut missing = Vec::new();
        let mut next = first;
        let mut before: Option<usize> = None;
        for at in log {
            let unit = &self.units[*at];
            if unit.base > next && self.was_damaged(before, Some(*at), next..unit.base) {
                missing.push(Missing {
                    offsets: next..unit.base,
                    epoch: before.map_or(unit.epoch, |before| self.units[before].epoch),
                });
            }
            next = unit.next();
            before = Some(*at);
        }
        let behind = self.claimed_end(before, next).max(end.unwrap_or(next));
        if behind > next && self.was_damaged(before, None, next..behind) {
            missing.push(Missing {
                offsets: next..behind,
                epoch: before.and_then(|before| self.units[before].epoch),
            });
        }
        missing
    }

    /// Whether damage stands between two batches, or their gap was found to be one.
    fn was_damaged(&self, one: Option<usize>, other: Option<usize>, gap: Range<i64>) -> bool {
        let from = one.map_or(0, |one| one + 1);
        let until = other.unwrap_or(usize::MAX);
        if from > until || self.claims.range(from..=until).next().is_some() {
            return true;
        }
        let left_out = self.units.get(from..until.min(self.units.len()));
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
        for claim in self.claims.range(from..).flat_map(|(_, claims)| claims) {
            if let Some(header) = claim.header
                && header.base_offset.get() == next
                && header.record_count as i64 == header.next_offset().get() - next
            {
                next = header.next_offset().get();
            }
        }
        next
    }

    /// Batches for what is missing: a peer's, then gaps.
    fn fill(&mut self, missing: Vec<Missing>) -> Result<Vec<Unit>> {
        let mut fillings = Vec::new();
        for Missing { offsets, epoch } in missing {
            let mut next = offsets.start;
            for bytes in self.of_peer(&offsets)? {
                let Some(mut unit) = holes::unit_of(Offset::ZERO, 0, 0..bytes.len() as u64, &bytes)
                else {
                    continue;
                };
                if unit.base < next || unit.next() > offsets.end {
                    continue;
                }
                self.lose(next..unit.base, epoch, &mut fillings);
                next = unit.next();
                unit.mended = Some(bytes.into_boxed_slice());
                let done = "taken from the peer".to_owned();
                self.salvage.steps.push(Step {
                    path: self.relative(self.path(Offset::ZERO)),
                    bytes: 0..0,
                    offsets: Offset::new(unit.base)..Offset::new(unit.next()),
                    done,
                });
                fillings.push(unit);
            }
            self.lose(next..offsets.end, epoch, &mut fillings);
        }
        Ok(fillings)
    }

    fn of_peer(&mut self, offsets: &Range<i64>) -> Result<Vec<Vec<u8>>> {
        let offsets = Offset::new(offsets.start)..Offset::new(offsets.end);
        match &mut self.peer {
            None => Ok(Vec::new()),
            Some(peer) => peer.batches(self.patient.name, offsets),
        }
    }

    /// Leaves a gap.
    fn lose(&mut self, offsets: Range<i64>, epoch: Option<LeaderEpoch>, fillings: &mut Vec<Unit>) {
        if offsets.is_empty() {
            return;
        }
        let range = Offset::new(offsets.start)..Offset::new(offsets.end);
        let claims = self.claims.values().flatten();
        let mut whose = claims.filter(|claim| {
            let header = claim.header.as_ref();
            header.is_some_and(|h| h.base_offset == range.start && h.next_offset() == range.end)
        });
        let claim = whose.next_back().cloned();
        let done = match claim.as_ref().is_some_and(|claim| claim.curable) {
            true => "lost; one bit is wrong, and --partial mends it",
            false => "lost: left a gap",
        };
        self.salvage.steps.push(Step {
            path: self.relative(self.path(claim.as_ref().map_or(Offset::ZERO, |c| c.segment))),
            bytes: claim.as_ref().map_or(0..0, |claim| claim.bytes.clone()),
            offsets: range.clone(),
            done: done.to_owned(),
        });
        self.salvage.lost.push(range);
        let legacy_only = self.units.iter().all(|unit| unit.magic < 2) && !self.units.is_empty();
        if legacy_only {
            return;
        }
        let header = claim.and_then(|claim| claim.header);
        let no_ops = self.patient.name.topic == METADATA_TOPIC;
        fillings.extend(gap::batches(offsets, epoch, header, no_ops));
    }

    /// Puts each batch into the segment that covers its offset.
    fn assemble(self, segments: &[(Offset, u64)], log: &[Unit]) -> Plan {
        let mut plan = Plan::default();
        let mut rebuild = Rebuild::default();
        let mut rest = log;
        let mut end = i64::MIN;
        for (at, (base, length)) in segments.iter().enumerate() {
            let until = segments.get(at + 1).map_or(i64::MAX, |next| next.0.get());
            let count = rest.partition_point(|unit| unit.base < until);
            let (own, behind) = rest.split_at(count);
            rest = behind;
            let pieces = self.pieces(own);
            let begins_before = own.first().is_some_and(|first| first.base < base.get());
            let is_overtaken = end > base.get() || begins_before;
            end = own.last().map_or(end, Unit::next);
            if is_overtaken && let Some(first) = own.first() {
                // Its name is not that of its first offset.
                self.remove_segment(&mut plan, *base, "its offsets begin elsewhere");
                let renamed = Offset::new(first.base);
                let path = self.relative(self.path(renamed));
                plan.push(
                    path,
                    What::Assemble(pieces),
                    Check::SegmentOrder,
                    "named after its first offset",
                );
                rebuild.indexes.push(renamed);
                continue;
            }
            let whole = Piece::Copy {
                path: self.relative(self.path(*base)),
                bytes: 0..*length,
            };
            if pieces == [whole] || (pieces.is_empty() && *length == 0) {
                continue;
            }
            let path = self.relative(self.path(*base));
            // The last one may stay, empty, where the log goes on.
            let goes_on = at + 1 == segments.len() && (at == 0 || end == base.get());
            if pieces.is_empty() && !goes_on {
                self.remove_segment(&mut plan, *base, "nothing of it is left");
                continue;
            }
            plan.push(path, What::Assemble(pieces), self.reason(*base), "salvaged");
            rebuild.indexes.push(*base);
        }
        if !plan.is_empty() {
            rebuild.epochs = true;
            rebuild.end_snapshot = self.patient.context.clean;
            rebuild.checkpoints = true;
            let directory = self.relative(self.patient.directory.to_owned());
            plan.push(
                directory,
                What::Rebuild(rebuild),
                Check::OffsetIndex,
                "made anew from the salvaged log",
            );
            plan.partitions.push(self.salvage);
        }
        plan
    }

    fn remove_segment(&self, plan: &mut Plan, base: Offset, why: &str) {
        for suffix in Suffix::OF_A_SEGMENT {
            let file = segment_file(self.patient.directory, base, suffix);
            if self.patient.host.stat(&file).is_ok() && suffix != Suffix::Snapshot {
                plan.push(self.relative(file), What::Remove, Check::SegmentOrder, why);
            }
        }
    }

    /// The worst that was found in a segment's log.
    fn reason(&self, base: Offset) -> Check {
        let path = self.path(base);
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
            let path = self.relative(self.path(unit.segment));
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

    fn step(&mut self, unit: &Unit, done: &str) {
        self.salvage.steps.push(Step {
            path: self.relative(self.path(unit.segment)),
            bytes: unit.bytes.clone(),
            offsets: Offset::new(unit.base.max(0))..Offset::new(unit.next().max(0)),
            done: done.to_owned(),
        });
    }

    fn path(&self, segment: Offset) -> PathBuf {
        segment_file(self.patient.directory, segment, Suffix::Log)
    }

    /// Relative to the directory above the partition's.
    fn relative(&self, path: PathBuf) -> PathBuf {
        let above = self.patient.directory.parent().unwrap_or(Path::new(""));
        path.strip_prefix(above)
            .map_or(path.clone(), Path::to_owned)
    }

    fn read(&self, segment: Offset, place: &Range<u64>) -> Result<Vec<u8>> {
        let path = self.path(segment);
        let file = self
            .patient
            .host
            .open(&path, Open::Read)
            .map_err(LogError::io("open", &path))?;
        let length = usize::try_from(place.end - place.start).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        let read = file
            .read_at(&mut bytes, place.start)
            .map_err(LogError::io("read", &path))?;
        bytes.truncate(read);
        Ok(bytes)
    }
}
