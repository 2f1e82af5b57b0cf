//! What `verify` finds in the files beside the log: in a directory of Apache Kafka's
//! one thing is changed, and that one thing is found, where it is and as bad as it is.

mod data_directory;
mod indexes;
mod partition;
#[path = "../support/mod.rs"]
mod support;

use ottla::host::Host;
use ottla::host::real::RealHost;
use ottla::log::verify::{Check, Events, Finding, Scope, Severity};
use std::fs;
use std::path::Path;
use std::sync::Arc;

struct Findings(Vec<Finding>);

impl Events for Findings {
    fn found(&mut self, finding: Finding) {
        self.0.push(finding);
    }
}

fn verify(data: &Path) -> Vec<Finding> {
    let host: Arc<dyn Host> = Arc::new(RealHost);
    let mut findings = Findings(Vec::new());
    let scope = Scope::data_dir(&host, data, &mut findings).expect("it can be listed");
    scope.verify(&host, &mut findings);
    findings.0
}

/// What was changed, and what must be found.
struct Planted {
    what: &'static str,
    plant: fn(&Path),
    check: Check,
    severity: Severity,
    file: &'static str,
}

/// Changes each thing in a directory of its own and looks.
fn each(archive: &str, planted: &[Planted]) {
    let mut wrong = Vec::new();
    for planted in planted {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        fs::create_dir(&data).expect("a directory");
        support::unpack(archive, &data);
        (planted.plant)(&data);
        let all = verify(&data);
        let damage: Vec<_> = all
            .iter()
            .filter(|finding| finding.severity.is_damage() || planted.severity == Severity::Note)
            .collect();
        let fits = |finding: &&Finding| {
            finding.check == planted.check
                && finding.severity == planted.severity
                && finding.path == data.join(planted.file)
        };
        let alone = |finding: &&&Finding| fits(finding) || finding.check == planted.check;
        let only = planted.severity == Severity::Note || damage.iter().all(|found| alone(&found));
        if !(only && damage.iter().any(fits)) {
            wrong.push(format!("{}: {damage:#?}", planted.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("it is there");
    change(&mut bytes);
    fs::write(path, bytes).expect("it can be written");
}

fn text(path: &Path, from: &str, to: &str) {
    edit(path, |bytes| {
        let old = String::from_utf8(bytes.clone()).expect("text");
        assert!(old.contains(from), "{old} has no {from}");
        *bytes = old.replacen(from, to, 1).into_bytes();
    });
}

#[test]
fn a_directory_as_kafka_left_it_gives_nothing() {
    for archive in [support::CLEAN, support::UNCLEAN] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        support::unpack(archive, directory.path());
        let damage: Vec<_> = verify(directory.path())
            .into_iter()
            .filter(|finding| finding.severity.is_damage() || archive == support::CLEAN)
            .collect();
        assert!(damage.is_empty(), "{archive}: {damage:#?}");
    }
}
