//! Whether the times of records follow their offsets. Parts that were looked at by
//! different threads can be put one behind the other.

use crate::format::Timestamp;

/// The times of some records in the order of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeOrder {
    /// Records without a time.
    pub without: u64,
    /// Records that are earlier than the one before them.
    pub back: u64,
    /// How far a record is behind a later time before it, at most; milliseconds.
    pub late: i64,
    /// The earliest and the latest time.
    pub span: Option<(Timestamp, Timestamp)>,
    ends: Option<(Timestamp, Timestamp)>,
}

impl TimeOrder {
    /// Takes the next record.
    #[inline]
    pub fn add(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else {
            self.without += 1;
            return;
        };
        self.follow(&Self {
            span: Some((time, time)),
            ends: Some((time, time)),
            ..Self::default()
        });
    }

    /// Puts what comes behind at the end.
    #[inline]
    pub fn follow(&mut self, next: &Self) {
        self.back += next.back;
        self.late = self.late.max(next.late);
        self.without += next.without;
        let (Some((start, last)), Some((first, end))) = (self.ends, next.ends) else {
            self.ends = self.ends.or(next.ends);
            self.span = self.span.or(next.span);
            return;
        };
        self.back += u64::from(first < last);
        if let (Some((_, latest)), Some((earliest, _))) = (self.span, next.span) {
            self.late = self.late.max(latest.get() - earliest.get());
        }
        self.ends = Some((start, end));
        self.join_spans(next);
    }

    /// Takes those of another partition, which have no order with these.
    pub fn join(&mut self, other: &Self) {
        self.back += other.back;
        self.late = self.late.max(other.late);
        self.without += other.without;
        self.join_spans(other);
        self.ends = None;
    }

    fn join_spans(&mut self, other: &Self) {
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (own, other) => own.or(other),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times: &[i64]) -> TimeOrder {
        let mut order = TimeOrder::default();
        for time in times {
            order.add(Timestamp::from_wire(*time));
        }
        order
    }

    #[test]
    fn steps_back_are_counted_and_measured() {
        let order = of(&[10, 20, -1, 15, 5, 30]);
        assert_eq!((order.back, order.late, order.without), (2, 15, 1));
        assert_eq!(order.span, Some((Timestamp::new(5), Timestamp::new(30))));
        assert_eq!(of(&[1, 2, 2, 3]).back, 0);
        let mut two = of(&[10, 20]);
        two.join(&of(&[1, 2]));
        assert_eq!((two.back, two.late), (0, 0));
        assert_eq!(two.span, Some((Timestamp::new(1), Timestamp::new(20))));
    }

    proptest! {
        #[test]
        fn in_parts_as_in_one(times in proptest::collection::vec(-1_i64..50, 0..40), at: usize) {
            let (one, other) = times.split_at(at % (times.len() + 1));
            let mut parts = of(one);
            parts.follow(&of(other));
            prop_assert_eq!(parts, of(&times));
        }
    }
}
