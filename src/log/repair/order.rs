//! Which batches of a damaged partition make up its log.
//!
//! Batches may stand in the wrong place, twice, or in two segments. The ascending
//! chain of batches, in the order of the files, that holds the most records is taken
//! for the log; a batch outside of it is put where its offsets are missing, or left
//! out because others have them.

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
    use super::super::units::of_ten as units;
    use super::*;

    fn bases(units: &[Unit], places: &[usize]) -> Vec<i64> {
        places.iter().map(|at| units[*at].base).collect()
    }

    #[test]
    fn what_ascends_is_the_log() {
        let units = units(&[0, 10, 40, 50]);
        assert_eq!(choose(&units).log, [0, 1, 2, 3]);
    }

    #[test]
    fn a_batch_in_place_of_a_lost_one_stays_a_duplicate() {
        let twice = units(&[0, 10, 10, 30]);
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
}
