//! Plans the log of one damaged partition: every batch that can be read stays, byte
//! for byte, at its offset; what is lost becomes an explicit gap.
//!
//! | step | in |
//! |---|---|
//! | what stands in the files: batches, mended ones, places where some were | [`remains`](super::remains) |
//! | the offset and the leader epoch that each should have | [`placing`](super::placing) |
//! | what producers say of themselves, held against each other | [`producers`](super::producers) |
//! | which of them are the log | [`order`](super::order) |
//! | which offsets are missing, and batches for them | [`missing`](super::missing) |
//! | the segments that they go to | [`segments`](super::segments) |

use super::missing::Missing;
use super::order;
use super::placing::{self, Bounds};
use super::plan::{Plan, Salvage, Step};
use super::producers;
use super::remains::Remains;
use super::segments;
use super::units::{Inventory, Unit};
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::{LeaderEpoch, Offset};
use crate::host::{Host, Open};
use crate::log::error::{LogError, Result};
use crate::log::layout::{METADATA_TOPIC, Suffix, TopicPartition, segment_file};
use crate::log::verify::{Context, Finding};
use std::ops::Range;
use std::path::{Path, PathBuf};

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

/// Plans the log of a partition. Changes nothing where its log is whole.
pub(super) fn salvage(
    patient: &Patient<'_>,
    inventory: Inventory,
    peer: Option<&mut (dyn Peer + '_)>,
) -> Result<Plan> {
    let mut report = Salvage {
        partition: patient.name.clone(),
        kept: 0,
        mended: 0,
        lost: Vec::new(),
        duplicates: 0,
        steps: Vec::new(),
    };
    let files = inventory.segments.clone();
    let mut remains = Remains::gather(patient, inventory, &mut report)?;
    let bounds = patient.bounds(&files);
    for unit in placing::place(&mut remains, bounds) {
        report
            .steps
            .push(patient.step(&unit, "given up: nothing tells its offset"));
    }
    patient.correct_epochs(&mut remains.units);
    producers::reconcile(patient, &mut remains, bounds.dense, &mut report)?;
    let log = choose(patient, &remains, &mut report);
    let missing = Missing {
        patient,
        remains: &remains,
        bounds,
    };
    let mut log: Vec<Unit> = {
        let fillings = missing.fill(&log, peer, &mut report)?;
        let chosen = log.iter().map(|at| remains.units[*at].clone());
        chosen.chain(fillings).collect()
    };
    log.sort_by_key(|unit| unit.base);
    for unit in &log {
        let records = if unit.span > 0 { unit.records } else { 0 };
        match unit.mended {
            None => report.kept += records,
            Some(_) => report.mended += records,
        }
        report.lost.extend(unit.lost_offsets());
    }
    report.lost.sort_by_key(|range| range.start);
    Ok(segments::assemble(patient, &files, &log, report))
}

/// Chooses the log: places in the list of units, by offset.
fn choose(patient: &Patient<'_>, remains: &Remains, report: &mut Salvage) -> Vec<usize> {
    let chosen = order::choose(&remains.units);
    let units = |places: &[usize]| -> Vec<Unit> {
        let units = places.iter().map(|at| remains.units[*at].clone());
        units.collect()
    };
    let mut say = |unit: &Unit, done: &str| report.steps.push(patient.step(unit, done));
    for unit in units(&chosen.duplicates) {
        report.duplicates += unit.records;
        say(&unit, "left out: the log has it already");
    }
    for unit in units(&chosen.misplaced) {
        say(&unit, "left out: other batches have its offsets");
    }
    for unit in units(&chosen.log) {
        if unit.base != unit.stored_base {
            say(
                &unit,
                &format!("corrected base offset {}", unit.stored_base),
            );
        }
        if unit.epoch != unit.stored_epoch {
            say(&unit, "corrected the leader epoch");
        }
    }
    chosen.log
}

impl Patient<'_> {
    fn bounds(&self, files: &[(Offset, u64)]) -> Bounds {
        let point = self.context.recovery_point;
        let compacts = self.context.cleanup.map(|cleanup| cleanup.compact);
        Bounds {
            first: files.first().map_or(0, |(base, _)| base.get()),
            end: point.filter(|_| self.context.clean).map(Offset::get),
            dense: compacts == Some(false) || self.name.topic == METADATA_TOPIC,
        }
    }

    fn correct_epochs(&self, units: &mut [Unit]) {
        let told = self.epochs.clone().unwrap_or_default();
        // A file that most batches contradict is what is wrong.
        let tells = |base: i64| {
            let epoch = told.epoch_for(Offset::new(base.max(0)))?;
            Some(epoch.get())
        };
        let v2 = units.iter().filter(|unit| unit.magic == 2);
        let (mut agree, mut all) = (0, 0);
        for unit in v2 {
            all += 1;
            agree += usize::from(tells(unit.base) == unit.epoch.map(LeaderEpoch::get));
        }
        let believed = agree * 2 > all;
        let latest = self.context.latest_epoch().map(LeaderEpoch::get);
        let possible = |told: &i32| latest.is_none_or(|latest| *told <= latest);
        placing::correct_epochs(units, latest, |base| {
            tells(base).filter(possible).filter(|_| believed)
        });
    }

    /// What is done about a batch.
    pub(super) fn step(&self, unit: &Unit, done: &str) -> Step {
        Step {
            path: self.relative(self.path(unit.segment)),
            bytes: unit.bytes.clone(),
            offsets: Offset::new(unit.base.max(0))..Offset::new(unit.next().max(0)),
            done: done.to_owned(),
        }
    }

    /// A segment's log.
    pub(super) fn path(&self, segment: Offset) -> PathBuf {
        segment_file(self.directory, segment, Suffix::Log)
    }

    /// Relative to the directory above the partition's.
    pub(super) fn relative(&self, path: PathBuf) -> PathBuf {
        let above = self.directory.parent().unwrap_or(Path::new(""));
        path.strip_prefix(above)
            .map_or(path.clone(), Path::to_owned)
    }

    /// Bytes of a segment's log.
    pub(super) fn read(&self, segment: Offset, place: &Range<u64>) -> Result<Vec<u8>> {
        let path = self.path(segment);
        let file = self
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
