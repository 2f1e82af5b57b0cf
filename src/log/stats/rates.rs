//! Records and bytes over time, in bounded memory: spans of equal width, which grows
//! as the time that is covered does. A width divides the next one, so that spans of
//! different threads can be put together.

use crate::format::Timestamp;
use std::collections::BTreeMap;

/// Spans that hold something; more of them become wider ones.
const MOST: usize = 2048;
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// In milliseconds.
const WIDTHS: [i64; 28] = [
    1,
    10,
    100,
    500,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    84 * DAY,
    168 * DAY,
    336 * DAY,
    3360 * DAY,
    33_600 * DAY,
    33_600_000 * DAY,
    336_000_000 * DAY,
    3_360_000_000 * DAY,
    16_800_000_000 * DAY,
];

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Their keys, values and headers.
    pub bytes: u64,
}

/// Spans of time with what they hold.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    step: usize,
    /// By their number: the time they begin at, divided by the width.
    spans: BTreeMap<i64, Tally>,
    /// The span that the last record was in, not in `spans` yet.
    open: Option<(i64, Tally)>,
}

/// A picture of some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// How long each span is, in milliseconds.
    pub width: i64,
    /// Each span from the first to the last, by when it begins.
    pub spans: Vec<(Timestamp, Tally)>,
    /// What lies before the first.
    pub before: Tally,
    /// What lies behind the last.
    pub behind: Tally,
}

impl Tally {
    const fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Rates {
    /// Takes one more record.
    #[inline]
    pub fn add(&mut self, time: Timestamp, bytes: u64) {
        let one = Tally { records: 1, bytes };
        let number = time.get() / width(self.step);
        match &mut self.open {
            Some((open, tally)) if *open == number => tally.add(one),
            _ => {
                self.close();
                self.open = Some((time.get() / width(self.step), one));
            }
        }
    }

    /// Takes all of another.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        other.close();
        self.close();
        let step = self.step.max(other.step);
        self.widen(step);
        other.widen(step);
        for (number, tally) in other.spans {
            self.spans.entry(number).or_default().add(tally);
        }
        self.bound();
    }

    fn close(&mut self) {
        if let Some((number, tally)) = self.open.take() {
            self.spans.entry(number).or_default().add(tally);
            self.bound();
        }
    }

    fn bound(&mut self) {
        while self.spans.len() > MOST && self.step + 1 < WIDTHS.len() {
            self.widen(self.step + 1);
        }
    }

    fn widen(&mut self, step: usize) {
        if step == self.step {
            return;
        }
        let by = width(step) / width(self.step);
        self.step = step;
        for (number, tally) in std::mem::take(&mut self.spans) {
            self.spans.entry(number / by).or_default().add(tally);
        }
    }

    /// At most `most` spans that hold nearly everything: where a few records are far
    /// from all others in time, they are counted as before or behind.
    pub fn chart(&self, most: usize) -> Option<Chart> {
        let mut rates = self.clone();
        rates.close();
        let (first, last) = rates.middle()?;
        let fits = |width: i64| (last / width - first / width) < most as i64;
        let step = (rates.step..WIDTHS.len() - 1)
            .find(|step| fits(width(*step)))
            .unwrap_or(WIDTHS.len() - 1);
        rates.widen(step);
        let width = width(step);
        let numbers = first / width..=last / width;
        let mut chart = Chart {
            width,
            spans: Vec::new(),
            before: Tally::default(),
            behind: Tally::default(),
        };
        for (number, tally) in &rates.spans {
            if number < numbers.start() {
                chart.before.add(*tally);
            } else if number > numbers.end() {
                chart.behind.add(*tally);
            }
        }
        chart.spans = numbers
            .map(|number| {
                let tally = rates.spans.get(&number).copied().unwrap_or_default();
                (Timestamp::new(number.saturating_mul(width)), tally)
            })
            .collect();
        Some(chart)
    }

    /// The times between which nearly all records lie: all of them, unless the first
    /// or the last hundredth is further away than all others are apart.
    fn middle(&self) -> Option<(i64, i64)> {
        let total: u64 = self.spans.values().map(|tally| tally.records).sum();
        let few = total / 100;
        let first = behind_first(few, self.spans.iter())?;
        let last = behind_first(few, self.spans.iter().rev())?;
        let span = last - first + 1;
        let near = first.saturating_sub(span)..=last.saturating_add(span);
        let mut near = self.spans.range(near).map(|(number, _)| *number);
        let first = near.next()?;
        let last = near.next_back().unwrap_or(first);
        let time = |number: i64| number.saturating_mul(width(self.step));
        Some((time(first), time(last)))
    }
}

/// The span that holds the record behind so many.
fn behind_first<'a>(
    few: u64,
    mut spans: impl Iterator<Item = (&'a i64, &'a Tally)>,
) -> Option<i64> {
    let mut passed = 0;
    let found = spans.find(|(_, tally)| {
        passed += tally.records;
        passed > few
    });
    found.map(|(number, _)| *number)
}

fn width(step: usize) -> i64 {
    WIDTHS[step]
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000;

    fn every(millis: i64, count: i64) -> Rates {
        let mut rates = Rates::default();
        for at in 0..count {
            rates.add(Timestamp::new(START + at * millis), 10);
        }
        rates
    }

    fn records(chart: &Chart) -> u64 {
        let inside: u64 = chart.spans.iter().map(|(_, tally)| tally.records).sum();
        inside + chart.before.records + chart.behind.records
    }

    #[test]
    fn widths_divide_each_other() {
        for pair in WIDTHS.windows(2) {
            assert_eq!(pair[1] % pair[0], 0, "{pair:?}");
        }
    }

    #[test]
    fn a_day_of_records_is_charted_by_hours() {
        let rates = every(1000, 86_400);
        assert!(rates.spans.len() <= MOST);
        let chart = rates.chart(24).unwrap();
        assert_eq!(chart.width, 3 * HOUR);
        assert_eq!(chart.spans.len(), 9);
        assert_eq!(records(&chart), 86_400);
        assert_eq!(chart.spans[1].1.records, 3 * 3600);
        assert_eq!(chart.spans[1].1.bytes, 3 * 36_000);
        assert_eq!(Rates::default().chart(24), None);
    }

    #[test]
    fn parts_of_different_widths_add_up() {
        let mut all = every(1, 100);
        all.merge(&every(1000, 86_400));
        assert_eq!(records(&all.chart(24).unwrap()), 86_500);
        let mut other = every(1000, 86_400);
        other.merge(&every(1, 100));
        assert_eq!(other.chart(24), all.chart(24));
    }

    #[test]
    fn a_stray_time_does_not_flatten_the_chart() {
        let mut rates = every(1000, 86_400);
        rates.add(Timestamp::new(0), 10);
        rates.add(Timestamp::new(i64::MAX), 10);
        let chart = rates.chart(24).unwrap();
        assert!(chart.spans.len() > 6 && chart.spans.len() <= 24);
        assert_eq!((chart.before.records, chart.behind.records), (1, 1));
        assert_eq!(records(&chart), 86_402);
    }

    #[test]
    fn memory_is_bounded_whatever_the_times() {
        let mut rates = Rates::default();
        for at in 0..10_000_i64 {
            rates.add(Timestamp::new(i64::MAX / 10_000 * at), 1);
        }
        rates.close();
        assert!(rates.spans.len() <= MOST);
        assert!(rates.chart(24).unwrap().spans.len() <= 24);
        assert_eq!(records(&rates.chart(24).unwrap()), 10_000);
    }
}
