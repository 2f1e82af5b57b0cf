//! When members are given up.

use crate::coordinator::timers::Timers;
use std::sync::Arc;

/// What a member has to do in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// To say that it is there.
    Session,
    /// To give up partitions.
    Rebalance,
    /// Of the classic protocol: to join again.
    Join,
    /// Of the classic protocol: to ask for its assignment.
    Sync,
}

/// A change of a member's deadlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineChange {
    /// The member.
    pub member_id: Arc<str>,
    /// What it has to do.
    pub wait: Wait,
    /// What happens to the deadline.
    pub to: Deadline,
}

/// What happens to a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// It is so many milliseconds from now, whatever it was.
    In(i32),
    /// It is so many milliseconds from now, unless there is one already.
    InUnlessSet(i32),
    /// There is none.
    None,
}

/// A member of a group that has to do something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiting {
    /// The group.
    pub group_id: Arc<str>,
    /// The member.
    pub member_id: Arc<str>,
    /// What it has to do.
    pub wait: Wait,
}

/// The deadlines of all members of all groups.
#[derive(Debug, Clone, Default)]
pub struct Deadlines(Timers<Waiting>);

impl Deadlines {
    /// Takes a change of a member of `group_id` in.
    pub fn change(&mut self, group_id: &Arc<str>, change: DeadlineChange, now_ms: i64) {
        let waiting = Waiting {
            group_id: Arc::clone(group_id),
            member_id: change.member_id,
            wait: change.wait,
        };
        match change.to {
            Deadline::InUnlessSet(_) if self.0.contains(&waiting) => {}
            Deadline::In(after_ms) | Deadline::InUnlessSet(after_ms) => {
                let due_ms = now_ms.saturating_add(i64::from(after_ms.max(0)));
                self.0.set(waiting, due_ms);
            }
            Deadline::None => self.0.cancel(&waiting),
        }
    }

    /// The moment of the next deadline, in milliseconds since 1970.
    pub fn next_ms(&self) -> Option<i64> {
        self.0.next_ms()
    }

    /// Takes one out that is due.
    pub fn pop_due(&mut self, now_ms: i64) -> Option<Waiting> {
        self.0.pop_due(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_once() {
        let group: Arc<str> = "g".into();
        let mut deadlines = Deadlines::default();
        let mut change = |member: &str, wait, to, now_ms| {
            let change = DeadlineChange {
                member_id: member.into(),
                wait,
                to,
            };
            deadlines.change(&group, change, now_ms);
        };
        change("a", Wait::Session, Deadline::In(10), 0);
        change("b", Wait::Session, Deadline::In(5), 0);
        change("a", Wait::Join, Deadline::InUnlessSet(7), 0);
        change("a", Wait::Join, Deadline::InUnlessSet(70), 0);
        change("a", Wait::Session, Deadline::In(10), 2);
        change("c", Wait::Sync, Deadline::In(1), 0);
        change("c", Wait::Sync, Deadline::None, 0);
        assert_eq!(deadlines.next_ms(), Some(5));
        assert_eq!(deadlines.pop_due(4), None);
        let mut due = Vec::new();
        while let Some(waiting) = deadlines.pop_due(12) {
            due.push((waiting.member_id.to_string(), waiting.wait));
        }
        let expected = [
            ("b", Wait::Session),
            ("a", Wait::Join),
            ("a", Wait::Session),
        ];
        assert_eq!(
            due,
            expected.map(|(member, wait)| (member.to_owned(), wait))
        );
        assert_eq!(deadlines.next_ms(), None);
    }
}
