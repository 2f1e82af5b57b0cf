//! What was promised and what was seen, and whether they agree.

use std::collections::{BTreeMap, BTreeSet};

/// How a transaction ended, as far as its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Committed,
    Aborted,
    /// No answer came to its commit.
    Unsure,
}

/// A transaction that adds one record to each of some lists.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) writer: u32,
    pub(crate) number: u32,
    pub(crate) lists: Vec<i32>,
    pub(crate) end: End,
}

impl Written {
    /// The record that it adds.
    pub(crate) fn value(&self) -> String {
        value(self.writer, self.number)
    }
}

pub(crate) fn value(writer: u32, number: u32) -> String {
    format!("{writer}:{number}")
}

/// Records of partitions by their offsets.
pub(crate) type Lists = BTreeMap<i32, Vec<(i64, String)>>;

/// Everything about one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) written: Vec<Written>,
    /// What a reader of committed records saw at the end.
    pub(crate) committed: Lists,
    /// What a reader of all records saw at the end.
    pub(crate) everything: Lists,
    /// What the reader saw that followed.
    pub(crate) followed: Lists,
    /// The records that were to be copied, those that were, and how many the group has read.
    pub(crate) input: Vec<String>,
    pub(crate) copied: Vec<String>,
    pub(crate) position: usize,
}

impl History {
    /// What is wrong; nothing if all is well.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.check_atomicity(&mut wrong);
        self.check_order(&mut wrong);
        self.check_readers(&mut wrong);
        self.check_copy(&mut wrong);
        wrong
    }

    /// Each transaction is in all of its lists once, or in none.
    fn check_atomicity(&self, wrong: &mut Vec<String>) {
        let mut expected: BTreeSet<(i32, String)> = BTreeSet::new();
        for written in &self.written {
            let value = written.value();
            let found: Vec<usize> = written
                .lists
                .iter()
                .map(|list| count(&self.committed, *list, &value))
                .collect();
            let all = found.iter().all(|count| *count == 1);
            let none = found.iter().all(|count| *count == 0);
            let is_well = match written.end {
                End::Committed => all,
                End::Aborted => none,
                End::Unsure => all || none,
            };
            if !is_well {
                wrong.push(format!("{written:?}: seen {found:?} times"));
            }
            expected.extend(written.lists.iter().map(|list| (*list, value.clone())));
        }
        for (list, records) in &self.committed {
            for (offset, value) in records {
                if !expected.contains(&(*list, value.clone())) {
                    wrong.push(format!("list {list}: {value} at {offset} is nobody's"));
                }
            }
        }
    }

    /// What one writer added is there in the order in which it was added.
    fn check_order(&self, wrong: &mut Vec<String>) {
        for (list, records) in &self.committed {
            let mut last: BTreeMap<&str, u32> = BTreeMap::new();
            for (offset, value) in records {
                let Some((writer, number)) = value.split_once(':') else {
                    continue;
                };
                let number = number.parse().unwrap_or(0);
                if let Some(before) = last.insert(writer, number)
                    && before >= number
                {
                    wrong.push(format!(
                        "list {list}: {value} at {offset} comes after {before}"
                    ));
                }
            }
        }
    }

    /// Committed records are those of all, and nobody ever saw anything else.
    fn check_readers(&self, wrong: &mut Vec<String>) {
        for (list, committed) in &self.committed {
            let all = self.everything.get(list).map_or(&[][..], Vec::as_slice);
            if !all.is_sorted_by(|(a, _), (b, _)| a < b) {
                wrong.push(format!("list {list}: offsets of all records go back"));
            }
            if let Some(record) = committed.iter().find(|record| !all.contains(record)) {
                wrong.push(format!(
                    "list {list}: {record:?} is committed and not there"
                ));
            }
            if !committed.is_sorted_by(|(a, _), (b, _)| a < b) {
                wrong.push(format!("list {list}: offsets of committed records go back"));
            }
        }
        for (list, followed) in &self.followed {
            let committed = self.committed.get(list).map_or(&[][..], Vec::as_slice);
            if !committed.starts_with(followed) {
                let at = followed.iter().zip(committed).position(|(a, b)| a != b);
                wrong.push(format!(
                    "list {list}: who followed saw something else at its record {at:?}: {:?}",
                    at.map_or(followed.last(), |at| followed.get(at))
                ));
            }
        }
    }

    /// Every record up to the group's position was copied once, in order.
    fn check_copy(&self, wrong: &mut Vec<String>) {
        let expected = &self.input[..self.position.min(self.input.len())];
        if self.copied != expected {
            let at = self.copied.iter().zip(expected).position(|(a, b)| a != b);
            wrong.push(format!(
                "{} records are copied, the group has read {}; they differ at {at:?}",
                self.copied.len(),
                self.position
            ));
        }
    }
}

fn count(lists: &Lists, list: i32, value: &str) -> usize {
    let records = lists.get(&list).into_iter().flatten();
    records.filter(|(_, found)| found == value).count()
}

/// A history in which all is well.
fn sound() -> History {
    let written = |number, lists: &[i32], end| Written {
        writer: 1,
        number,
        lists: lists.to_vec(),
        end,
    };
    let list = |records: &[(i64, u32)]| -> Vec<(i64, String)> {
        let records = records.iter();
        records.map(|(offset, n)| (*offset, value(1, *n))).collect()
    };
    let input: Vec<String> = (0..4).map(|number| number.to_string()).collect();
    History {
        written: vec![
            written(0, &[0, 1], End::Committed),
            written(1, &[0, 1], End::Aborted),
            written(2, &[0, 1], End::Unsure),
            written(3, &[0], End::Committed),
            written(4, &[1], End::Unsure),
        ],
        committed: [
            (0, list(&[(0, 0), (4, 2), (6, 3)])),
            (1, list(&[(0, 0), (4, 2)])),
        ]
        .into(),
        everything: [
            (0, list(&[(0, 0), (2, 1), (4, 2), (6, 3)])),
            (1, list(&[(0, 0), (2, 1), (4, 2), (6, 4)])),
        ]
        .into(),
        followed: [(0, list(&[(0, 0), (4, 2)])), (1, list(&[(0, 0)]))].into(),
        copied: input[..3].to_vec(),
        input,
        position: 3,
    }
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(sound().check(), Vec::<String>::new());
}

#[test]
fn every_planted_fault_is_found() {
    type Fault = (&'static str, fn(&mut History));
    let faults: [Fault; 16] = [
        ("a committed record is lost", |h| {
            h.committed.get_mut(&0).unwrap().remove(2);
        }),
        ("one is lost in one of two lists", |h| {
            h.committed.get_mut(&1).unwrap().remove(0);
        }),
        ("one is there twice", |h| {
            let record = (5, value(1, 0));
            h.everything.get_mut(&0).unwrap().insert(3, record.clone());
            h.committed.get_mut(&0).unwrap().insert(2, record);
        }),
        ("an aborted record is seen", |h| {
            h.committed.get_mut(&1).unwrap().insert(1, (2, value(1, 1)));
        }),
        ("an unsure one is half there", |h| {
            h.committed.get_mut(&1).unwrap().remove(1);
            h.followed.clear();
        }),
        ("a record is nobody's", |h| {
            let record = (8, value(9, 9));
            h.everything.get_mut(&1).unwrap().push(record.clone());
            h.committed.get_mut(&1).unwrap().push(record);
        }),
        ("two are the other way round", |h| {
            h.followed.clear();
            for lists in [&mut h.committed, &mut h.everything] {
                let list = lists.get_mut(&0).unwrap();
                let last = list.len() - 1;
                let later = list[last].1.clone();
                list[last].1 = std::mem::replace(&mut list[last - 1].1, later);
            }
        }),
        ("a committed record is not among all", |h| {
            h.everything.get_mut(&0).unwrap().remove(0);
        }),
        ("offsets of all go back", |h| {
            h.everything.get_mut(&0).unwrap()[1].0 = 9;
        }),
        ("offsets of committed records go back", |h| {
            h.followed.clear();
            h.everything.get_mut(&0).unwrap().swap(2, 3);
            h.committed.get_mut(&0).unwrap().swap(1, 2);
        }),
        ("who followed saw an aborted record", |h| {
            h.followed.get_mut(&0).unwrap().insert(1, (2, value(1, 1)));
        }),
        ("who followed missed a record", |h| {
            h.followed.get_mut(&0).unwrap().remove(0);
        }),
        ("who followed saw one that went", |h| {
            h.followed.get_mut(&1).unwrap().push((9, value(1, 9)));
        }),
        ("a record was copied twice", |h| {
            let record = h.copied[2].clone();
            h.copied.push(record);
        }),
        ("the group went on, the copy did not", |h| {
            h.position = 4;
        }),
        ("the copy went on, the group did not", |h| {
            h.position = 2;
        }),
    ];
    for (name, plant) in faults {
        let mut history = sound();
        plant(&mut history);
        assert!(!history.check().is_empty(), "not found: {name}");
    }
}
