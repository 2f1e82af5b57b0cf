//! Which offset and which leader epoch each batch should have.
//!
//! Both lie outside the CRC. A batch whose offset contradicts both neighbours, which
//! leave room for exactly its span, gets the offset that fits. In a log without gaps,
//! one that stands right behind another begins where that one ends. Where the cleaner
//! left gaps a batch may begin anywhere between its neighbours: there one bit that
//! brings it between them is taken for what was flipped, if there is only one.
//!
//! A batch whose offset can neither be believed nor told is given up: at a wrong
//! offset its records would be others.

use super::remains::Remains;
use super::units::{Trust, Unit};
use std::collections::HashMap;

/// What is known of a log besides its batches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The offset that it begins with.
    pub(super) first: i64,
    /// The offset behind its last batch, where something beside the log tells it.
    pub(super) end: Option<i64>,
    /// Whether every offset has its record: the cleaner was never there.
    pub(super) dense: bool,
}

/// Gives each batch the offset that it should have. Those that are given up become
/// claims; what they are called and where they stood is returned.
pub(super) fn place(remains: &mut Remains, bounds: Bounds) -> Vec<Unit> {
    let mut given_up = fill_in(remains, bounds);
    correct_offsets(&mut remains.units, bounds);
    bring_within(remains, bounds);
    untangle(remains, bounds);
    given_up.extend(drop_doubtful(remains, bounds));
    given_up
}

/// Finds the offsets of batches that have none.
fn fill_in(remains: &mut Remains, bounds: Bounds) -> Vec<Unit> {
    let mut given_up = Vec::new();
    for at in (0..remains.units.len()).rev() {
        if remains.units[at].trust != Trust::Unknown {
            continue;
        }
        let span = remains.units[at].span;
        let is_last = at + 1 == remains.units.len();
        let before = match at.checked_sub(1) {
            _ if remains.is_damaged_before(at) => None,
            None => Some(bounds.first),
            Some(before) => {
                let before = &remains.units[before];
                (before.trust != Trust::Unknown).then_some(before.next())
            }
        };
        let behind = match remains.units.get(at + 1) {
            _ if remains.is_damaged_before(at + 1) => None,
            None => bounds.end,
            Some(behind) => Some(behind.base),
        };
        let behind = behind.map(|behind| behind - span);
        let told = match (before, behind) {
            (Some(before), Some(behind)) => (before == behind).then_some(before),
            (Some(before), None) => (bounds.dense && (is_last || span > 0)).then_some(before),
            (None, Some(behind)) => bounds.dense.then_some(behind),
            (None, None) => None,
        };
        match told.filter(|base| *base >= bounds.first) {
            Some(base) => {
                remains.units[at].base = base;
                remains.units[at].trust = Trust::Stored;
            }
            None => given_up.push(remains.give_up(at)),
        }
    }
    given_up
}

/// Corrects base offsets that cannot be right.
fn correct_offsets(units: &mut [Unit], Bounds { first, end, dense }: Bounds) {
    let mut prints = HashMap::<u32, u32>::new();
    for unit in units.iter() {
        *prints.entry(unit.print).or_default() += 1;
    }
    for at in 0..units.len() {
        let before = match at.checked_sub(1) {
            Some(before) if adjacent(&units[before], &units[at]) => units[before].next(),
            None if units[at].bytes.start == 0 => first,
            // A segment is named after its first offset.
            Some(_) if units[at].bytes.start == 0 => units[at].segment.get(),
            _ => continue,
        };
        let unit = &units[at];
        let behind = match units.get(at + 1) {
            Some(behind) if adjacent(unit, behind) => Some(behind.base),
            Some(behind) if behind.bytes.start == 0 => Some(behind.segment.get()),
            Some(_) => None,
            None => end,
        };
        // At the end, where nothing tells what comes, one bit may explain it.
        let is_follower = at.checked_sub(1).is_none_or(|before| units[before].intact);
        let one_bit = is_follower && is_one_bit(unit.base, before) && (dense || unit.base < before);
        let fits = behind.map_or(one_bit, |behind| behind - before == unit.span);
        if unit.base != before && fits && prints[&unit.print] == 1 {
            units[at].base = before;
        }
    }
}

/// A batch that does not follow the one before it cannot reach beyond the end that
/// a clean stop noted. The last one ends there where it fits and nothing follows
/// it; of others the neighbours must say the same.
fn bring_within(remains: &mut Remains, bounds: Bounds) {
    let Some(end) = bounds.end else {
        return;
    };
    let count = remains.units.len();
    for at in 0..count {
        let before = remains.before(at, bounds.first);
        let is_last = at + 1 == count && !remains.is_damaged_before(count);
        let unit = &mut remains.units[at];
        if unit.base == before || unit.next() <= end {
            continue;
        }
        let fitting = end - unit.span;
        if is_last && fitting >= before {
            unit.base = fitting;
        } else {
            unit.trust = Trust::Doubtful;
        }
    }
}

/// Corrects batches that reach into others, and that the walk blames for it: by the
/// one bit that brings them between their neighbours, or they are doubtful.
fn untangle(remains: &mut Remains, bounds: Bounds) {
    for at in 0..remains.units.len() {
        let units = &remains.units;
        let unit = &units[at];
        let overlaps = |other: &Unit| other.base < unit.next() && unit.base < other.next();
        let near = units[at.saturating_sub(1)..units.len().min(at + 2)].iter();
        let is_tangled = near
            .filter(|other| other.bytes != unit.bytes || other.segment != unit.segment)
            .any(|other| other.intact && other.print != unit.print && overlaps(other));
        if unit.intact || unit.magic < 2 || bounds.dense || !is_tangled {
            continue;
        }
        let before = remains.before(at, bounds.first);
        let behind = units.get(at + 1).map_or(bounds.end, |next| Some(next.base));
        let fits = |base: i64| base >= before && behind.is_none_or(|end| base + unit.span <= end);
        let mut fitting = (0..63)
            .map(|bit| unit.base ^ (1 << bit))
            .filter(|base| fits(*base));
        match (fitting.next(), fitting.next()) {
            (Some(base), None) => remains.units[at].base = base,
            _ => remains.units[at].trust = Trust::Doubtful,
        }
    }
}

/// Gives up batches whose offset nothing but their damaged header tells.
fn drop_doubtful(remains: &mut Remains, bounds: Bounds) -> Vec<Unit> {
    let mut given_up = Vec::new();
    for at in (0..remains.units.len()).rev() {
        let unit = &remains.units[at];
        if unit.trust != Trust::Doubtful {
            continue;
        }
        let before = remains.before(at, bounds.first);
        let behind = remains.units.get(at + 1);
        let behind = behind.map_or(bounds.end, |next| Some(next.base));
        let follows = unit.base == before;
        let leads = unit.base >= before && behind == Some(unit.next());
        if !follows && !leads {
            given_up.push(remains.give_up(at));
        }
    }
    given_up
}

const fn is_one_bit(one: i64, other: i64) -> bool {
    (one ^ other).count_ones() == 1
}

/// Corrects leader epochs that differ from those of both neighbours, or from the
/// one that `told` has for the offset; `latest` is the latest that there can be.
pub(super) fn correct_epochs(
    units: &mut [Unit],
    latest: Option<i32>,
    told: impl Fn(i64) -> Option<i32>,
) {
    let epoch = |unit: &Unit| unit.epoch.map_or(-1, |epoch| epoch.get());
    for at in 0..units.len() {
        if units[at].magic < 2 {
            continue;
        }
        let own = epoch(&units[at]);
        let v2 = |unit: &&Unit| unit.magic == 2;
        let before = at.checked_sub(1).map(|before| &units[before]).filter(v2);
        let behind = units.get(at + 1).filter(v2);
        let right = match (before.map(epoch), behind.map(epoch)) {
            (Some(before), Some(behind)) if before == behind => Some(before),
            (Some(before), Some(behind)) if (before..=behind).contains(&own) => None,
            (before, behind) => told(units[at].base).or_else(|| match (before, behind) {
                (Some(before), _) if own < before => Some(before),
                (_, Some(behind)) if own > behind => before.or(Some(behind)),
                _ => latest
                    .filter(|latest| own > *latest)
                    .map(|latest| before.unwrap_or(latest)),
            }),
        };
        if let Some(right) = right
            && right != own
        {
            units[at].epoch = crate::format::LeaderEpoch::from_wire(right);
        }
    }
}

/// Whether one stands right behind the other, in the same file.
fn adjacent(one: &Unit, other: &Unit) -> bool {
    one.segment == other.segment && one.bytes.end == other.bytes.start
}

#[cfg(test)]
mod tests {
    use super::super::units::of_ten as units;
    use super::*;

    fn bases(units: &[Unit], places: &[usize]) -> Vec<i64> {
        places.iter().map(|at| units[*at].base).collect()
    }

    fn of_compacted(end: Option<i64>) -> Bounds {
        Bounds {
            first: 0,
            end,
            dense: false,
        }
    }

    fn of_dense(end: Option<i64>) -> Bounds {
        Bounds {
            dense: true,
            ..of_compacted(end)
        }
    }

    #[test]
    fn an_offset_that_contradicts_both_neighbours_is_corrected() {
        let mut up = units(&[0, 10 + (1 << 40), 20]);
        correct_offsets(&mut up, of_compacted(None));
        assert_eq!(bases(&up, &[0, 1, 2]), [0, 10, 20]);
        let mut down = units(&[0, 2, 20]);
        correct_offsets(&mut down, of_compacted(None));
        assert_eq!(bases(&down, &[0, 1, 2]), [0, 10, 20]);
        let mut first = units(&[77, 10, 20]);
        correct_offsets(&mut first, of_compacted(None));
        assert_eq!(bases(&first, &[0, 1, 2]), [0, 10, 20]);
    }

    #[test]
    fn the_last_offset_is_corrected_where_the_end_is_known() {
        let mut last = units(&[0, 10, 84]);
        correct_offsets(&mut last, of_compacted(None));
        assert_eq!(last[2].base, 84);
        correct_offsets(&mut last, of_compacted(Some(30)));
        assert_eq!(last[2].base, 20);
    }

    #[test]
    fn an_epoch_that_goes_back_or_ahead_is_corrected() {
        let mut units = units(&[0, 10, 20, 30]);
        let epoch = |units: &mut [Unit], epochs: [i32; 4]| {
            for (unit, epoch) in units.iter_mut().zip(epochs) {
                unit.epoch = crate::format::LeaderEpoch::from_wire(epoch);
            }
        };
        let epochs = |units: &[Unit]| -> Vec<i32> {
            units
                .iter()
                .map(|u| u.epoch.map_or(-1, |e| e.get()))
                .collect()
        };
        epoch(&mut units, [1, 9, 1, 2]);
        correct_epochs(&mut units, None, |_| None);
        assert_eq!(epochs(&units), [1, 1, 1, 2]);
        epoch(&mut units, [1, 1, 0, 2]);
        correct_epochs(&mut units, None, |offset| {
            Some(if offset >= 20 { 2 } else { 1 })
        });
        assert_eq!(epochs(&units), [1, 1, 2, 2]);
        epoch(&mut units, [1, 1, 2, 6]);
        correct_epochs(&mut units, Some(3), |_| None);
        assert_eq!(epochs(&units), [1, 1, 2, 2]);
        epoch(&mut units, [1, 1, 2, 6]);
        correct_epochs(&mut units, None, |offset| {
            Some(if offset >= 20 { 2 } else { 1 })
        });
        assert_eq!(epochs(&units), [1, 1, 2, 2]);
    }

    #[test]
    fn in_a_log_without_gaps_one_bit_explains_the_last_offset() {
        let mut last = units(&[0, 10, 84]);
        correct_offsets(&mut last, of_dense(None));
        assert_eq!(last[2].base, 20);
        let mut two_bits = units(&[0, 10, 87]);
        correct_offsets(&mut two_bits, of_dense(None));
        assert_eq!(two_bits[2].base, 87);
    }

    #[test]
    fn an_offset_that_is_not_there_is_told_by_the_neighbours() {
        let told = |bases: &[i64], unknown: usize, bounds: Bounds| -> Vec<i64> {
            let mut remains = Remains::new(units(bases));
            remains.units[unknown].trust = Trust::Unknown;
            place(&mut remains, bounds);
            remains.units.iter().map(|unit| unit.base).collect()
        };
        assert_eq!(told(&[0, 0, 20], 1, of_compacted(None)), [0, 10, 20]);
        assert_eq!(told(&[0, 0, 30], 1, of_compacted(None)), [0, 30]);
        assert_eq!(told(&[0, 10, 0], 2, of_compacted(None)), [0, 10]);
        assert_eq!(told(&[0, 10, 0], 2, of_dense(None)), [0, 10, 20]);
    }

    #[test]
    fn a_batch_that_reaches_into_another_is_brought_back_or_given_up() {
        let placed = |bases: &[i64], blamed: usize| -> Vec<i64> {
            let mut remains = Remains::new(units(bases));
            remains.units[blamed].intact = false;
            place(&mut remains, of_compacted(None));
            remains.units.iter().map(|unit| unit.base).collect()
        };
        // 48 was 32: 16, 49 to 51 and 56 do not fit.
        assert_eq!(placed(&[0, 22, 48, 50], 2), [0, 22, 32, 50]);
        // 46 may have been 14 or 38.
        assert_eq!(placed(&[0, 46, 50], 1), [0, 50]);
    }
}
