//! What is to be done now and then, and when: a pure list of tasks, told the time.

use std::time::Duration;

/// Tasks that come again and again.
#[derive(Debug, Clone)]
pub struct Schedule<T> {
    tasks: Vec<Entry<T>>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    task: T,
    every: Duration,
    next: Duration,
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Self { tasks: Vec::new() }
    }
}

impl<T: Copy> Schedule<T> {
    /// Adds a task: first at `first`, then each time `every` has passed since it was
    /// last due. Times are counted from some fixed moment.
    #[must_use]
    pub fn with(mut self, task: T, first: Duration, every: Duration) -> Self {
        self.tasks.push(Entry {
            task,
            every: every.max(Duration::from_millis(1)),
            next: first,
        });
        self
    }

    /// The tasks that are due, each once however often it was missed.
    pub fn due(&mut self, now: Duration) -> Vec<T> {
        let due = self.tasks.iter_mut().filter(|entry| entry.next <= now);
        due.map(|entry| {
            entry.next = now + entry.every;
            entry.task
        })
        .collect()
    }

    /// How long nothing is due.
    pub fn wait(&self, now: Duration) -> Duration {
        let next = self.tasks.iter().map(|entry| entry.next).min();
        next.map_or(Duration::MAX, |next| next.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_comes_in_its_time_and_once_after_a_pause() {
        let s = Duration::from_secs;
        let mut schedule = Schedule::default()
            .with('a', s(5), s(5))
            .with('b', s(30), s(10));
        assert_eq!(schedule.wait(s(1)), s(4));
        assert!(schedule.due(s(4)).is_empty());
        assert_eq!(schedule.due(s(5)), ['a']);
        assert_eq!(schedule.due(s(31)), ['a', 'b']);
        assert_eq!(schedule.wait(s(31)), s(5));
        assert!(schedule.due(s(35)).is_empty());
        assert_eq!(schedule.due(s(41)), ['a', 'b']);
    }
}
