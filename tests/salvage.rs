//! The salvage matrix: after a repair every record whose bytes were intact is there,
//! nothing is invented, a second verification is clean, and undo brings back every
//! byte.
//!
//! `OTTLA_DAMAGE_SEED`, `OTTLA_DAMAGE_CASE` and `OTTLA_DAMAGE_KIND` choose other or
//! fewer cases (see `damage/mod.rs`).

mod damage;
mod support;

use damage::content::{self, Content, Records, Seen};
use damage::templates::Files;
use damage::{Case, Cases, Expected};
use ottla::format::Offset;
use ottla::host::Host;
use ottla::host::real::RealHost;
use ottla::log::layout::TopicPartition;
use ottla::log::repair::{self, Options, Place, Plan, Salvage};
use ottla::log::verify::Finding;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What no repair may decide: to throw a directory away, or to make a lost one anew
/// without what it held. It is said, and left as it is.
const LEFT_TO_PEOPLE: [&str; 2] = [
    "directory: one that the metadata does not know",
    "directory: a partition is gone",
];

#[test]
fn every_intact_record_is_kept_and_nothing_is_invented() {
    let cases = Cases::wanted();
    let originals: Vec<_> = cases
        .templates
        .iter()
        .map(|template| content::of(&template.files, &template.partition))
        .collect();
    let wrong = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let root = damage::scratch();
                while let Some(case) = cases.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let data = root.path().join(format!("case-{}", case.number));
                    let before = cases.files(case);
                    damage::write(&before, &data);
                    for partial in [false, true] {
                        let trial = Trial {
                            case,
                            before: &before,
                            original: &originals[case.template],
                            partition: &cases.template(case).partition,
                            compacted: cases.template(case).compacted,
                            data: &data,
                            options: Options {
                                partial,
                                ..Options::default()
                            },
                        };
                        if let Err(why) = trial.run() {
                            let title = case.title(cases.template(case));
                            let text = format!("{title}\n    partial {partial}: {why}");
                            let kind = case.kind.clone();
                            wrong.lock().unwrap().push((case.number, kind, text));
                            break;
                        }
                    }
                    clear(root.path());
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for (_, kind, text) in &wrong {
        *kinds.entry(kind).or_default() += 1;
        println!("{text}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases: {kinds:#?}",
        wrong.len(),
        cases.cases.len()
    );
}

/// One case on the disk.
struct Trial<'a> {
    case: &'a Case,
    before: &'a Files,
    original: &'a Content,
    partition: &'a str,
    /// Whether the cleaner was there.
    compacted: bool,
    data: &'a Path,
    options: Options<'a>,
}

impl Trial<'_> {
    fn run(&self) -> Result<(), String> {
        let host: Arc<dyn Host> = Arc::new(RealHost);
        let place = place(&host, self.data);
        let (plan, options) = self.plan(&host)?;
        if !plan.is_empty() {
            let applied = repair::apply::apply(&host, &place, &plan, options, None)
                .map_err(|error| format!("not applied: {error}"))?;
            // What a verification of the directory finds now, and what that of the result
            // found before it took its place.
            let again = self.plan_with(&host, self.options)?.1;
            let left: Vec<_> = applied
                .findings
                .iter()
                .chain(&again)
                .filter(|finding| finding.severity.is_damage())
                .collect();
            if !left.is_empty() {
                let lines: Vec<_> = left.iter().map(|finding| self.line(finding)).collect();
                return Err(format!("still damaged:\n      {}", lines.join("\n      ")));
            }
        }
        // Adopting makes a new metadata log where the old one cannot stay.
        let is_new = options.adopt && self.partition.starts_with("__cluster_metadata");
        if !is_new {
            let after = content::read_files(self.data);
            let after = content::of(&after, self.partition);
            self.compare(&after)?;
            self.tally(&after, &plan)?;
        }
        if plan.is_empty() {
            return Ok(());
        }
        repair::undo::undo(&host, &place, false).map_err(|error| format!("not undone: {error}"))?;
        self.untouched()
    }

    fn plan_with(
        &self,
        host: &Arc<dyn Host>,
        options: Options<'_>,
    ) -> Result<(Plan, Vec<Finding>), String> {
        let place = place(host, self.data);
        let planned = repair::plan(host, &place, options, None, &mut |_| true);
        planned.map_err(|error| format!("no plan: {error}"))
    }

    /// The plan, and the options that make it. What plain repair does not touch it must
    /// tell of, and adopting the directory must mend.
    fn plan(&self, host: &Arc<dyn Host>) -> Result<(Plan, Options<'_>), String> {
        let (plan, findings) = self.plan_with(host, self.options)?;
        let mut damage = findings
            .iter()
            .filter(|finding| finding.severity.is_damage())
            .peekable();
        if !plan.is_empty() || damage.peek().is_none() {
            return Ok((plan, self.options));
        }
        for finding in damage {
            let mut left = plan.left.iter();
            if !left.any(|left| finding.path == self.data.join(&left.path)) {
                let line = self.line(finding);
                return Err(format!("nothing planned, nothing said, though {line}"));
            }
        }
        let options = Options {
            adopt: true,
            ..self.options
        };
        let (plan, _) = self.plan_with(host, options)?;
        match plan.is_empty() && !LEFT_TO_PEOPLE.contains(&self.case.kind.as_str()) {
            true => Err("adopting mends nothing either".to_owned()),
            false => Ok((plan, options)),
        }
    }

    /// The records that must be there and those that may.
    fn compare(&self, after: &Content) -> Result<(), String> {
        if let Some(broken) = &after.broken {
            return Err(format!("cannot be read after the repair: {broken}"));
        }
        let intact = content::intact(self.original, self.before, self.partition);
        let mut after = after.records.clone();
        // The metadata log has no empty batches: records that do nothing fill gaps.
        after.retain(|offset, record| !record.does_nothing() || intact.contains(offset));
        if self.tells_others() {
            self.take_changed(&mut after, &intact)?;
        }
        for (offset, record) in &after {
            let original = self.original.records.get(offset);
            if original != Some(record) {
                return Err(format!("offset {offset} is {record:?}, was {original:?}"));
            }
        }
        let must = if self.has_one_bit_to_mend() {
            self.original.records.keys().copied().collect()
        } else {
            intact
        };
        let is_lost = |offset: &&i64| !after.contains_key(offset);
        let lost: Vec<_> = must.iter().filter(is_lost).collect();
        if lost.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{} of {} records whose bytes were intact are gone, from offset {} on",
            lost.len(),
            must.len(),
            lost[0]
        ))
    }

    /// What the plan said of losses, against what is not there any more.
    fn tally(&self, after: &Content, plan: &Plan) -> Result<(), String> {
        let of_it = |salvage: &&Salvage| salvage.partition.to_string() == self.partition;
        let Some(salvage) = plan.partitions.iter().find(of_it) else {
            return Ok(());
        };
        if self.tells_others() {
            return Ok(());
        }
        // The end of the metadata log is told nowhere else.
        let is_metadata = self.partition.starts_with("__cluster_metadata");
        let mut after = after.records.clone();
        after.retain(|_, record| !record.does_nothing());
        let is_told = |offset: i64| {
            let offset = Offset::new(offset);
            salvage.lost.iter().any(|lost| lost.contains(&offset))
        };
        for (offset, record) in &self.original.records {
            let there = after.get(offset);
            let is_gone = there.is_none_or(|found| found != record);
            if is_gone && after.last_key_value().is_none_or(|last| last.0 < offset) && is_metadata {
                continue;
            }
            if is_gone != is_told(*offset) {
                return Err(format!(
                    "offset {offset} is gone: {is_gone}, and {:?} are said to be lost",
                    salvage.lost
                ));
            }
        }
        Ok(())
    }

    /// Takes out the records of a batch that says something else than it did: all of
    /// them as the batch has them, all of them as they were, or none.
    fn take_changed(&self, after: &mut Records, intact: &BTreeSet<i64>) -> Result<(), String> {
        for changed in content::changed(self.original, self.before, self.partition) {
            if self.is_taken_for_moved(&changed, after) {
                continue;
            }
            let own = |offset: &i64| changed.contains_key(offset) && !intact.contains(offset);
            let found: Records = after
                .iter()
                .filter(|(offset, _)| own(offset))
                .map(|(offset, record)| (*offset, record.clone()))
                .collect();
            let as_it_was =
                |(offset, record): (&i64, &Seen)| self.original.records.get(offset) == Some(record);
            if found != changed && !found.is_empty() && !found.iter().all(as_it_was) {
                return Err(format!("{found:?} is mixed from {changed:?} and what was"));
            }
            after.retain(|offset, _| !own(offset));
        }
        Ok(())
    }

    /// Takes out a batch of a compacted log that says to end too late. A right CRC
    /// vouches for that field and for no base offset: what disks do is a flipped base.
    fn is_taken_for_moved(&self, changed: &Records, after: &mut Records) -> bool {
        let of_field = self.case.kind.starts_with("header: lastOffsetDelta");
        let first = changed
            .first_key_value()
            .filter(|_| of_field && self.compacted);
        let Some((first, record)) = first else {
            return false;
        };
        let found = after.iter().find(|(_, found)| *found == record);
        let Some(by) = found.map(|(offset, _)| offset - first) else {
            return false;
        };
        let is_there = changed
            .iter()
            .all(|(at, record)| after.get(&(at + by)) == Some(record));
        if is_there {
            changed.keys().for_each(|at| drop(after.remove(&(at + by))));
        }
        is_there
    }

    /// Whether the damaged batch itself, its CRC right, says something else, which
    /// nothing contradicts.
    fn tells_others(&self) -> bool {
        let is_free = matches!(self.case.expected, Expected::Free(_));
        self.case.changes_content() || is_free || self.is_moved_within_a_gap()
    }

    /// Whether a batch says that it stands elsewhere in a gap that the cleaner left: an
    /// index may say otherwise, but neither has a CRC over it, and the log counts.
    fn is_moved_within_a_gap(&self) -> bool {
        self.compacted
            && self.case.kind == "header: baseOffset, bit"
            && content::of(self.before, self.partition).broken.is_none()
    }

    /// Whether one bit below the CRC of a batch is wrong: which one can be told.
    fn has_one_bit_to_mend(&self) -> bool {
        let kind = &self.case.kind;
        let below = kind.starts_with("record:") || kind.starts_with("payload:");
        self.options.partial && below && kind.ends_with("bit")
    }

    fn untouched(&self) -> Result<(), String> {
        let now = content::read_files(self.data);
        // The lock file comes into being when somebody holds the directory.
        let differs =
            |path: &&String| **path != ".lock" && now.get(*path) != self.before.get(*path);
        let changed: Vec<_> = self
            .before
            .keys()
            .chain(now.keys())
            .filter(differs)
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        Err(format!("undo left other bytes in {changed:?}"))
    }

    fn line(&self, finding: &Finding) -> String {
        damage::line(finding, self.data)
    }
}

fn place(host: &Arc<dyn Host>, data: &Path) -> Place {
    let mut partitions: Vec<_> = host
        .list(data)
        .unwrap()
        .into_iter()
        .filter_map(|entry| {
            let name = TopicPartition::from_directory(entry.name.to_str()?)?;
            Some((name, data.join(&entry.name)))
        })
        .collect();
    partitions.sort();
    Place {
        data: data.to_owned(),
        is_data: true,
        whole: true,
        is_held: false,
        partitions,
    }
}

fn clear(root: &Path) {
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        std::fs::remove_dir_all(path).unwrap();
    }
}

/// Writes what `tests/interop/cases/salvage.py` lets Kafka try itself on.
#[test]
#[ignore = "a tool of the interop tests"]
fn write_for_kafka() {
    let into = std::env::var_os("OTTLA_DAMAGE_EXPORT").expect("OTTLA_DAMAGE_EXPORT is set");
    damage::for_kafka::write(&Cases::wanted(), Path::new(&into));
}
