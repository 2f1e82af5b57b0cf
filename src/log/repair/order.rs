//! Which batches of a damaged partition make up its log.
//!
//! The base offset of a batch lies outside its CRC, and batches may stand in the
//! wrong place, twice, or in two segments. First, a batch whose offset contradicts
//! both neighbours, which leave room for exactly its span, gets the offset that
//! fits. Then the ascending chain of batches, in the order of the files, that holds
//! the most records is taken for the log; a batch outside of it is put where its
//! offsets are missing, or left out because others have them.

use super::units::Unit;
use std::collections::HashMap;

/// What becomes of each batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The log: places in the list of units, by offset.
    pub(super) log: Vec<usize>,
    /// Batches that are there already.
    pub(super) duplicates: Vec<usize>,
    /// Batches whose offsets others have, or that are at no possible one.
    pub(super) misplaced: Vec<usize>,
}

/// Corrects base offsets that cannot be right. `end` is the offset behind the log's
/// last batch, where something beside the log tells it.
pub(super) fn correct_offsets(units: &mut [Unit], first: i64, end: Option<i64>) {
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
        let one_bit = unit.base < before && (unit.base ^ before).count_ones() == 1;
        let fits = behind.map_or(one_bit, |behind| behind - before == unit.span);
        if unit.base != before && fits && prints[&unit.print] == 1 {
            units[at].base = before;
        }
    }
}

/// Corrects leader epochs that differ from those of both neighbours, or from the
/// one that `told` has for the offset.
pub(super) fn correct_epochs(units: &mut [Unit], told: impl Fn(i64) -> Option<i32>) {
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
                _ => None,
            }),
        };
        if let Some(right) = right
            && right != own
        {
            units[at].epoch = crate::format::LeaderEpoch::from_wire(right);
        }
    }
}

/// Chooses the log. Nothing is put behind the chain's own end but what follows it
/// without a gap.
pub(super) fn choose(units: &[Unit]) -> Chosen {
    let chain = heaviest_chain(units);
    let mut chosen = Chosen::default();
    let mut log: Vec<usize> = Vec::new();
    let mut others = Vec::new();
    for (at, in_chain) in chain.iter().enumerate() {
        if *in_chain {
            log.push(at);
        } else {
            others.push(at);
        }
    }
    if others.is_empty() {
        chosen.log = log;
        return chosen;
    }
    let same: HashMap<(i64, u32), usize> = log
        .iter()
        .map(|at| ((units[*at].base, units[*at].print), *at))
        .collect();
    for at in others {
        let unit = &units[at];
        if same.contains_key(&(unit.base, unit.print)) {
            chosen.duplicates.push(at);
            continue;
        }
        let place = log.partition_point(|other| units[*other].base < unit.base);
        let after = place
            .checked_sub(1)
            .is_none_or(|before| units[log[before]].next() <= unit.base);
        let room = match log.get(place) {
            Some(behind) => unit.next() <= units[*behind].base,
            None => log
                .last()
                .is_some_and(|last| units[*last].next() == unit.base),
        };
        if after && room {
            log.insert(place, at);
        } else {
            chosen.misplaced.push(at);
        }
    }
    chosen.log = log;
    chosen
}

/// Whether one stands right behind the other, in the same file.
fn adjacent(one: &Unit, other: &Unit) -> bool {
    one.segment == other.segment && one.bytes.end == other.bytes.start
}

/// The ascending, non-overlapping subsequence with the most records.
fn heaviest_chain(units: &[Unit]) -> Vec<bool> {
    let ascending = units
        .windows(2)
        .all(|pair| pair[0].next() <= pair[1].base && pair[0].span > 0);
    if ascending {
        return vec![true; units.len()];
    }
    let mut ends: Vec<i64> = units.iter().map(Unit::next).collect();
    ends.sort_unstable();
    ends.dedup();
    // A Fenwick tree of the best chain that ends at or before an offset.
    let mut best = vec![(0_u64, usize::MAX); ends.len() + 1];
    let mut before = vec![usize::MAX; units.len()];
    let (mut heaviest, mut last) = (0, usize::MAX);
    for (at, unit) in units.iter().enumerate() {
        let mut found = (0, usize::MAX);
        let mut node = ends.partition_point(|end| *end <= unit.base);
        while node > 0 {
            if best[node].0 > found.0 {
                found = best[node];
            }
            node &= node - 1;
        }
        before[at] = found.1;
        let weight = found.0 + unit.records.max(1);
        let mut node = ends.partition_point(|end| *end < unit.next()) + 1;
        while node < best.len() {
            if weight > best[node].0 {
                best[node] = (weight, at);
            }
            node += node & node.wrapping_neg();
        }
        if weight > heaviest {
            (heaviest, last) = (weight, at);
        }
    }
    let mut chain = vec![false; units.len()];
    while last != usize::MAX {
        chain[last] = true;
        last = before[last];
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Offset;

    /// Batches of ten records, ten bytes each, in one file.
    fn units(bases: &[i64]) -> Vec<Unit> {
        let unit = |(at, base): (usize, &i64)| Unit {
            segment: Offset::ZERO,
            bytes: at as u64 * 10..at as u64 * 10 + 10,
            base: *base,
            stored_base: *base,
            span: 10,
            epoch: crate::format::LeaderEpoch::from_wire(0),
            stored_epoch: None,
            records: 10,
            magic: 2,
            print: *base as u32,
            intact: true,
            mended: None,
        };
        bases.iter().enumerate().map(unit).collect()
    }

    fn bases(units: &[Unit], places: &[usize]) -> Vec<i64> {
        places.iter().map(|at| units[*at].base).collect()
    }

    #[test]
    fn what_ascends_is_the_log() {
        let units = units(&[0, 10, 40, 50]);
        assert_eq!(choose(&units).log, [0, 1, 2, 3]);
    }

    #[test]
    fn an_offset_that_contradicts_both_neighbours_is_corrected() {
        let mut up = units(&[0, 10 + (1 << 40), 20]);
        correct_offsets(&mut up, 0, None);
        assert_eq!(bases(&up, &[0, 1, 2]), [0, 10, 20]);
        let mut down = units(&[0, 2, 20]);
        correct_offsets(&mut down, 0, None);
        assert_eq!(bases(&down, &[0, 1, 2]), [0, 10, 20]);
        let mut first = units(&[77, 10, 20]);
        correct_offsets(&mut first, 0, None);
        assert_eq!(bases(&first, &[0, 1, 2]), [0, 10, 20]);
    }

    #[test]
    fn the_last_offset_is_corrected_where_the_end_is_known() {
        let mut last = units(&[0, 10, 84]);
        correct_offsets(&mut last, 0, None);
        assert_eq!(last[2].base, 84);
        correct_offsets(&mut last, 0, Some(30));
        assert_eq!(last[2].base, 20);
    }

    #[test]
    fn a_batch_in_place_of_a_lost_one_stays_a_duplicate() {
        let mut twice = units(&[0, 10, 10, 30]);
        correct_offsets(&mut twice, 0, None);
        let chosen = choose(&twice);
        assert_eq!(bases(&twice, &chosen.log), [0, 10, 30]);
        assert_eq!(chosen.duplicates.len(), 1);
    }

    #[test]
    fn swapped_batches_go_to_their_places() {
        let swapped = units(&[0, 20, 10, 30]);
        let chosen = choose(&swapped);
        assert_eq!(bases(&swapped, &chosen.log), [0, 10, 20, 30]);
    }

    #[test]
    fn overlapping_segments_count_once() {
        let overlapping = units(&[0, 10, 20, 10, 20, 30]);
        let chosen = choose(&overlapping);
        assert_eq!(bases(&overlapping, &chosen.log), [0, 10, 20, 30]);
        assert_eq!(chosen.duplicates.len(), 2);
        assert!(chosen.misplaced.is_empty());
    }

    #[test]
    fn nothing_is_put_behind_a_gap_at_the_end() {
        let mut far = units(&[0, 10 + (1 << 40), 10, 20]);
        far[1].records = 1;
        let chosen = choose(&far);
        assert_eq!(bases(&far, &chosen.log), [0, 10, 20]);
        assert_eq!(chosen.misplaced, [1]);
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
        correct_epochs(&mut units, |_| None);
        assert_eq!(epochs(&units), [1, 1, 1, 2]);
        epoch(&mut units, [1, 1, 0, 2]);
        correct_epochs(&mut units, |offset| Some(if offset >= 20 { 2 } else { 1 }));
        assert_eq!(epochs(&units), [1, 1, 2, 2]);
        epoch(&mut units, [1, 1, 2, 6]);
        correct_epochs(&mut units, |offset| Some(if offset >= 20 { 2 } else { 1 }));
        assert_eq!(epochs(&units), [1, 1, 2, 2]);
    }
}
