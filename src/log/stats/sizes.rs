//! A distribution of sizes in bounded memory: exact up to 31, then with sixteen
//! classes an octave, so that a quantile is off by a sixteenth at most.
//!
//! ```text
//! size       class
//! 0 .. 15    the size
//! 16 ..      16 × (octave − 3) + the four bits behind the highest
//! ```

use std::ops::RangeInclusive;

const CLASSES: usize = 61 * 16;

/// How many values of which size there are.
#[derive(Debug, Clone)]
pub struct Sizes {
    classes: Box<[u64]>,
    count: u64,
    sum: u64,
    least: u64,
    most: u64,
}

/// Values of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Which sizes.
    pub sizes: RangeInclusive<u64>,
    /// How many there are.
    pub count: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            classes: vec![0; CLASSES].into(),
            count: 0,
            sum: 0,
            least: u64::MAX,
            most: 0,
        }
    }
}

impl Sizes {
    /// Takes one more.
    #[inline]
    pub fn add(&mut self, size: u64) {
        self.classes[class_of(size)] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(size);
        self.least = self.least.min(size);
        self.most = self.most.max(size);
    }

    /// Takes all of another.
    pub fn merge(&mut self, other: &Self) {
        for (own, more) in self.classes.iter_mut().zip(&other.classes) {
            *own += more;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// All of them together.
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The smallest.
    pub fn least(&self) -> Option<u64> {
        (self.count > 0).then_some(self.least)
    }

    /// The largest.
    pub fn most(&self) -> Option<u64> {
        (self.count > 0).then_some(self.most)
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The size that the given part of them (0 to 1) does not exceed; never below,
    /// and at most a sixteenth above.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let rank = ((self.count as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += count;
            if seen >= rank && *count > 0 {
                return Some(sizes_of(class).end().min(&self.most)).copied();
            }
        }
        None
    }

    /// The octaves that hold any: 0, 1, 2 to 3, 4 to 7 and so on.
    pub fn octaves(&self) -> Vec<Class> {
        let mut octaves = self.grouped(1);
        octaves.retain(|octave| octave.count > 0);
        octaves
    }

    /// All classes from the first to the last that holds any, as fine as fits in
    /// about so many.
    pub fn classes(&self, most: usize) -> Vec<Class> {
        let mut classes = Vec::new();
        for to_an_octave in [16, 8, 4, 2, 1] {
            classes = self.grouped(to_an_octave);
            if classes.len() <= most {
                break;
            }
        }
        while classes.len() > most.max(1) {
            classes = in_pairs(&classes);
        }
        classes
    }

    fn grouped(&self, to_an_octave: u64) -> Vec<Class> {
        let mut groups: Vec<Class> = Vec::new();
        let filled = |class: &usize| self.classes[*class] > 0;
        let (Some(first), Some(last)) =
            ((0..CLASSES).find(filled), (0..CLASSES).rev().find(filled))
        else {
            return groups;
        };
        // Whole groups at both ends.
        let group = |class: usize| group_of(*sizes_of(class).start(), to_an_octave);
        let in_range =
            |class: &usize| group(first) <= group(*class) && group(*class) <= group(last);
        let mut open = None;
        for class in (0..CLASSES).filter(in_range) {
            let (sizes, count) = (sizes_of(class), self.classes[class]);
            let own = group(class);
            match groups.last_mut() {
                Some(last) if open == Some(own) => {
                    last.sizes = *last.sizes.start()..=*sizes.end();
                    last.count += count;
                }
                _ => groups.push(Class { sizes, count }),
            }
            open = Some(own);
        }
        groups
    }
}

fn in_pairs(classes: &[Class]) -> Vec<Class> {
    let join = |pair: &[Class]| Class {
        sizes: *pair[0].sizes.start()..=*pair[pair.len() - 1].sizes.end(),
        count: pair.iter().map(|class| class.count).sum(),
    };
    classes.chunks(2).map(join).collect()
}

#[inline]
const fn class_of(size: u64) -> usize {
    if size < 16 {
        return size as usize;
    }
    let octave = size.ilog2();
    let behind = (size >> (octave - 4)) & 15;
    (octave as usize - 3) * 16 + behind as usize
}

const fn sizes_of(class: usize) -> RangeInclusive<u64> {
    if class < 16 {
        return class as u64..=class as u64;
    }
    let octave = class / 16 + 3;
    let width = 1 << (octave - 4);
    let start = (1 << octave) + (class % 16) as u64 * width;
    start..=start + (width - 1)
}

/// The octave, and which part of it.
fn group_of(size: u64, to_an_octave: u64) -> (u32, u64) {
    match size.checked_ilog2() {
        None => (0, 0),
        Some(octave) => {
            let behind = u128::from(size - (1 << octave));
            let part = (behind * u128::from(to_an_octave)) >> octave;
            (octave + 1, part as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(sizes: &[u64]) -> Sizes {
        let mut all = Sizes::default();
        for size in sizes {
            all.add(*size);
        }
        all
    }

    #[test]
    fn every_size_is_in_its_class() {
        for size in (0..10_000).chain([u64::MAX, 1 << 63, (1 << 63) - 1]) {
            assert!(sizes_of(class_of(size)).contains(&size), "{size}");
        }
        assert_eq!(class_of(u64::MAX), CLASSES - 1);
        for class in 1..CLASSES {
            assert_eq!(*sizes_of(class).start(), sizes_of(class - 1).end() + 1);
        }
    }

    #[test]
    fn octaves_are_powers_of_two() {
        let sizes = of(&[0, 1, 5, 7, 100, 127]);
        let octaves: Vec<_> = sizes
            .octaves()
            .into_iter()
            .map(|class| (class.sizes, class.count))
            .collect();
        assert_eq!(octaves, [(0..=0, 1), (1..=1, 1), (4..=7, 2), (64..=127, 2)]);
    }

    #[test]
    fn classes_are_as_fine_as_fits() {
        let narrow = of(&[60, 61, 62]);
        assert_eq!(
            narrow.classes(10),
            [
                Class {
                    sizes: 60..=61,
                    count: 2
                },
                Class {
                    sizes: 62..=63,
                    count: 1
                }
            ]
        );
        let wide = of(&[1, 1 << 20]);
        let classes = wide.classes(12);
        assert!(classes.len() <= 12 && classes.len() > 5);
        assert_eq!(classes.iter().map(|class| class.count).sum::<u64>(), 2);
        assert!(Sizes::default().classes(12).is_empty());
    }

    proptest! {
        #[test]
        fn quantiles_are_near(mut sizes in proptest::collection::vec(0_u64..5_000_000, 1..300),
                              part in 0.0_f64..1.0, at: usize) {
            let (one, other) = sizes.split_at(at % sizes.len());
            let mut all = of(one);
            all.merge(&of(other));
            sizes.sort_unstable();
            let rank = ((sizes.len() as f64 * part).ceil() as usize).max(1);
            let exact = sizes[rank - 1];
            let found = all.quantile(part).unwrap();
            prop_assert!(found >= exact && found <= exact + exact / 16, "{found} for {exact}");
            prop_assert_eq!(all.most(), sizes.last().copied());
            prop_assert_eq!(all.least(), sizes.first().copied());
            prop_assert_eq!(all.sum(), sizes.iter().sum::<u64>());
        }
    }
}
