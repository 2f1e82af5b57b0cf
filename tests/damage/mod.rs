//! Damage of every kind, thousands of cases of it, and what is to be said about
//! each: which promise is broken, in which file, at which bytes.
//!
//! `OTTLA_DAMAGE_SEED=N` makes other cases, `OTTLA_DAMAGE_CASE=N` leaves one alone,
//! `OTTLA_DAMAGE_KIND=TEXT` those whose kind contains the text.
#![allow(dead_code, reason = "each test uses a part")]

pub(crate) mod beside;
pub(crate) mod consequences;
pub(crate) mod content;
pub(crate) mod flips;
pub(crate) mod for_kafka;
pub(crate) mod layout;
pub(crate) mod names;
pub(crate) mod ranges;
pub(crate) mod templates;
pub(crate) mod undetectable;

use ottla::host::sim::Rng;
use ottla::log::verify::{Check, Finding};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use tempfile::TempDir;
use templates::{Files, Template};
use undetectable::Undetectable;

/// The seed where none is asked for.
const SEED: u64 = 20_261_123;

/// One piece of damage to one template.
pub(crate) struct Case {
    pub(crate) number: usize,
    /// Which template, by its place in [`Cases::templates`].
    pub(crate) template: usize,
    /// What was done, as a table groups it: `header: batchLength, bit flipped`.
    pub(crate) kind: String,
    /// What exactly.
    pub(crate) what: String,
    /// Files with other bytes; `None` where they are gone.
    pub(crate) changes: BTreeMap<String, Option<Vec<u8>>>,
    pub(crate) expected: Expected,
}

/// What a check of the damaged directory must find.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// A finding of one of these classes about one of these files.
    Found {
        checks: &'static [Check],
        files: Vec<String>,
        /// Where in the file, where the finding names bytes at all.
        bytes: Option<Range<u64>>,
    },
    /// Nothing that any reader or any other file could tell. Where something is found
    /// all the same, all the better.
    Free(Undetectable),
}

/// All of them.
pub(crate) struct Cases {
    pub(crate) seed: u64,
    pub(crate) templates: Vec<Template>,
    pub(crate) cases: Vec<Case>,
}

impl Cases {
    /// Those of the seed that the environment asks for.
    pub(crate) fn wanted() -> Self {
        let number = |name: &str| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse::<u64>().unwrap())
        };
        let seed = number("OTTLA_DAMAGE_SEED").unwrap_or(SEED);
        let mut all = Self::of(seed);
        println!("OTTLA_DAMAGE_SEED={seed}: {} cases", all.cases.len());
        if let Some(only) = number("OTTLA_DAMAGE_CASE") {
            all.cases.retain(|case| case.number as u64 == only);
        }
        if let Ok(kind) = std::env::var("OTTLA_DAMAGE_KIND") {
            all.cases.retain(|case| case.kind.contains(&kind));
        }
        all
    }

    /// Those of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let templates = templates::all();
        let mut cases = Vec::new();
        for (index, template) in templates.iter().enumerate() {
            let mut maker = Maker {
                index,
                template,
                rng: Rng::new(seed ^ (index as u64) << 32),
                cases: &mut cases,
            };
            flips::generate(&mut maker);
            ranges::generate(&mut maker);
            beside::generate(&mut maker);
            names::generate(&mut maker);
        }
        for (number, case) in cases.iter_mut().enumerate() {
            case.number = number;
        }
        Self {
            seed,
            templates,
            cases,
        }
    }

    pub(crate) fn template(&self, case: &Case) -> &Template {
        &self.templates[case.template]
    }

    /// All files of a damaged directory.
    pub(crate) fn files(&self, case: &Case) -> Files {
        let mut files = self.template(case).files.clone();
        for (path, bytes) in &case.changes {
            match bytes {
                Some(bytes) => files.insert(path.clone(), bytes.clone()),
                None => files.remove(path),
            };
        }
        files
    }
}

impl Case {
    /// Whether it put other records, with a right CRC, into a batch: nobody can tell.
    pub(crate) fn changes_content(&self) -> bool {
        self.kind.contains("CRC made to fit")
    }

    /// For messages.
    pub(crate) fn title(&self, template: &Template) -> String {
        format!(
            "case {} [{}] {}: {}",
            self.number, template.name, self.kind, self.what
        )
    }
}

/// A place whose files cost no disk, where there is one.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let is_there = std::fs::metadata(memory).is_ok_and(|found| found.is_dir());
    let made = is_there
        .then(|| tempfile::tempdir_in(memory).ok())
        .flatten();
    made.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// A finding in one line.
pub(crate) fn line(finding: &Finding, data: &Path) -> String {
    let path = finding.path.strip_prefix(data).unwrap_or(&finding.path);
    format!(
        "{} {} {} {:?} {:?}: expected {}, found {}",
        finding.severity,
        finding.check,
        path.display(),
        finding.bytes,
        finding.offsets,
        finding.expected,
        finding.found
    )
}

/// Writes files below a directory.
pub(crate) fn write(files: &Files, into: &Path) {
    for (name, bytes) in files {
        let path = into.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Collects the cases of one template.
pub(crate) struct Maker<'a> {
    index: usize,
    pub(crate) template: &'a Template,
    pub(crate) rng: Rng,
    cases: &'a mut Vec<Case>,
}

impl<'a> Maker<'a> {
    /// A path in the partition's directory.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.template.partition)
    }

    /// The partition's files of one suffix, by name.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Vec<(&'a str, &'a [u8])> {
        let prefix = format!("{}/", self.template.partition);
        let files = self.template.files.iter();
        files
            .filter(|(path, _)| path.starts_with(&prefix) && path.ends_with(suffix))
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .collect()
    }

    /// A file with other bytes.
    pub(crate) fn put(
        &mut self,
        kind: impl Into<String>,
        what: impl Into<String>,
        path: &str,
        bytes: Vec<u8>,
        expected: Expected,
    ) {
        let changes = BTreeMap::from([(path.to_owned(), Some(bytes))]);
        self.change(kind, what, changes, expected);
    }

    pub(crate) fn change(
        &mut self,
        kind: impl Into<String>,
        what: impl Into<String>,
        changes: BTreeMap<String, Option<Vec<u8>>>,
        expected: Expected,
    ) {
        let same = |(path, bytes): (&String, &Option<Vec<u8>>)| {
            self.template.files.get(path) == bytes.as_ref()
        };
        if changes.iter().all(same) {
            return;
        }
        self.cases.push(Case {
            number: 0,
            template: self.index,
            kind: kind.into(),
            what: what.into(),
            changes,
            expected,
        });
    }
}

/// A finding in one file, at these bytes.
pub(crate) fn found(checks: &'static [Check], path: &str, bytes: Range<usize>) -> Expected {
    Expected::Found {
        checks,
        files: vec![path.to_owned()],
        bytes: Some(bytes.start as u64..bytes.end as u64),
    }
}

/// A finding about a file as a whole.
pub(crate) fn found_in(checks: &'static [Check], path: &str) -> Expected {
    Expected::Found {
        checks,
        files: vec![path.to_owned()],
        bytes: None,
    }
}
