//! The detection matrix: every case of damage is found, in the right file, under the
//! right name, and what is not damaged is left in peace. What nobody can see is shown
//! to be so, case by case (`damage/undetectable.rs`).
//!
//! `OTTLA_DAMAGE_SEED`, `OTTLA_DAMAGE_CASE` and `OTTLA_DAMAGE_KIND` choose other or
//! fewer cases (see `damage/mod.rs`).

mod damage;
mod support;

use damage::templates::Template;
use damage::undetectable::Undetectable;
use damage::{Case, Cases, Expected, consequences};
use ottla::host::Host;
use ottla::host::real::RealHost;
use ottla::host::sim::Rng;
use ottla::log::verify::{Events, Finding, Scope};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a verification finds.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Events for Findings {
    fn found(&mut self, finding: Finding) {
        self.0.push(finding);
    }
}

fn verify(data: &Path) -> Vec<Finding> {
    let host: Arc<dyn Host> = Arc::new(RealHost);
    let mut findings = Findings::default();
    let scope = Scope::data_dir(&host, data, &mut findings).unwrap();
    scope.verify(&host, &mut findings);
    findings.0
}

#[test]
fn undamaged_templates_are_clean() {
    let cases = Cases::wanted();
    let root = damage::scratch();
    let mut complaints = Vec::new();
    for template in &cases.templates {
        let data = root.path().join(template.name);
        damage::write(&template.files, &data);
        for finding in verify(&data) {
            let line = damage::line(&finding, &data);
            complaints.push(format!("[{}] {line}", template.name));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_case_is_found_and_classed() {
    let cases = Cases::wanted();
    let asked = std::env::var_os("OTTLA_DAMAGE_CASE").is_some()
        || std::env::var_os("OTTLA_DAMAGE_KIND").is_some();
    assert!(
        asked || cases.cases.len() >= 2_000,
        "{} cases",
        cases.cases.len()
    );
    let missed = Mutex::new(Vec::new());
    let unseen = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let root = damage::scratch();
                while let Some(case) = cases.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let data = root.path().join(case.number.to_string());
                    damage::write(&cases.files(case), &data);
                    let findings = verify(&data);
                    if !findings.iter().any(|finding| finding.severity.is_damage())
                        && let Expected::Free(why) = case.expected
                    {
                        *unseen.lock().unwrap().entry(why).or_default() += 1;
                    }
                    let template = cases.template(case);
                    if let Some(why) = judge(case, template, &findings, &data) {
                        let title = case.title(template);
                        missed.lock().unwrap().push((
                            case.number,
                            case.kind.clone(),
                            format!("{title}\n    {why}"),
                        ));
                    }
                    std::fs::remove_dir_all(&data).unwrap();
                }
            });
        }
    });
    let mut missed: Vec<(usize, String, String)> = missed.into_inner().unwrap();
    missed.sort();
    let mut kinds = BTreeMap::<&str, usize>::new();
    for (_, kind, _) in &missed {
        *kinds.entry(kind).or_default() += 1;
    }
    let unseen: BTreeMap<Undetectable, usize> = unseen.into_inner().unwrap();
    let count: usize = unseen.values().sum();
    println!(
        "{} cases, {count} of which nobody can see: {unseen:#?}",
        cases.cases.len()
    );
    for (_, _, text) in &missed {
        println!("{text}");
    }
    // Nearly all of them are content below a CRC that was made to fit.
    assert!(
        asked || count * 20 < cases.cases.len(),
        "{count} of {} cases cannot be seen",
        cases.cases.len()
    );
    assert!(
        missed.is_empty(),
        "{} of {} cases: {kinds:#?}",
        missed.len(),
        cases.cases.len()
    );
}

/// Why the findings are not those that a case asks for.
fn judge(case: &Case, template: &Template, findings: &[Finding], data: &Path) -> Option<String> {
    let damage: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity.is_damage())
        .collect();
    let all = || {
        let lines: Vec<_> = findings
            .iter()
            .map(|finding| damage::line(finding, data))
            .collect();
        format!("found:\n      {}", lines.join("\n      "))
    };
    let unfounded = damage
        .iter()
        .find(|finding| !is_due(case, finding, data))
        .map(|finding| format!("a healthy file is accused: {}", damage::line(finding, data)));
    if let Some(unfounded) = unfounded {
        return Some(format!("{unfounded}; {}", all()));
    }
    match &case.expected {
        Expected::Found { .. } if damage.is_empty() => {
            Some(format!("nothing but notes; {}", all()))
        }
        Expected::Found {
            checks,
            files,
            bytes,
        } => {
            let found = damage.iter().any(|finding| fits(case, finding, data));
            (!found).then(|| {
                let all = all();
                format!("expected one of {checks:?} in {files:?} at {bytes:?}; {all}")
            })
        }
        Expected::Free(why) if damage.is_empty() => {
            why.prove(template, &case.changes).err().map(|or| {
                format!(
                    "{why:?} should keep it from being found, but {or}; {}",
                    all()
                )
            })
        }
        Expected::Free(_) => None,
    }
}

/// The path of a finding below the data directory.
fn path_of(finding: &Finding, data: &Path) -> String {
    let path = finding.path.strip_prefix(data).unwrap_or(&finding.path);
    path.to_string_lossy().into_owned()
}

/// Whether a finding is the one that a case asks for.
fn fits(case: &Case, finding: &Finding, data: &Path) -> bool {
    let Expected::Found {
        checks,
        files,
        bytes,
    } = &case.expected
    else {
        return false;
    };
    let path = path_of(finding, data);
    let named = files.iter().any(|file| match file.strip_prefix('*') {
        Some(end) => path.ends_with(end),
        None => *file == path,
    });
    let overlaps = match (bytes, &finding.bytes) {
        (Some(touched), Some(found)) => {
            found.start < touched.end && touched.start < found.end.max(found.start + 1)
        }
        _ => true,
    };
    checks.contains(&finding.check) && named && overlaps
}

/// Whether there is reason for a finding: it is the one that was asked for, it is about
/// a file that was changed, or it follows from the damage.
fn is_due(case: &Case, finding: &Finding, data: &Path) -> bool {
    let path = path_of(finding, data);
    case.changes.contains_key(&path)
        || fits(case, finding, data)
        || consequences::is_one(case, finding.check, &path)
}

/// Cases that go through the program, of as many kinds and of every template.
const SAMPLE: usize = 90;

#[test]
fn the_program_tells_what_is_found_and_exits_3() {
    let cases = Cases::wanted();
    let root = damage::scratch();
    for template in &cases.templates {
        let data = root.path().join(template.name);
        damage::write(&template.files, &data);
        let (status, findings) = inspect(&data);
        assert_eq!((status, findings), (0, vec![]), "{}", template.name);
    }
    let sample = sample(&cases);
    let asked = sample.len() == cases.cases.len();
    assert!(asked || sample.len() >= 60, "{} cases", sample.len());
    let mut wrong = Vec::new();
    for case in sample {
        let data = root.path().join(case.number.to_string());
        damage::write(&cases.files(case), &data);
        let (status, findings) = inspect(&data);
        std::fs::remove_dir_all(&data).unwrap();
        if status != 3 || !findings.iter().any(|finding| is_told(case, finding)) {
            let title = case.title(cases.template(case));
            let expected = &case.expected;
            wrong.push(format!(
                "{title}\n    {expected:?}: {status}, {findings:#?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One case of each of some kinds, the templates taking turns.
fn sample(cases: &Cases) -> Vec<&Case> {
    let mut kinds = BTreeMap::<&str, Vec<&Case>>::new();
    let found = |case: &&Case| matches!(case.expected, Expected::Found { .. });
    for case in cases.cases.iter().filter(found) {
        kinds.entry(&case.kind).or_default().push(case);
    }
    let all = kinds.len();
    let mut rng = Rng::new(cases.seed);
    let kinds = kinds.into_values().enumerate();
    kinds
        .filter(|(number, _)| all <= SAMPLE || (number + 1) * SAMPLE / all != number * SAMPLE / all)
        .map(|(number, of_kind)| {
            let template = number % cases.templates.len();
            let of_template: Vec<_> = of_kind
                .iter()
                .filter(|case| case.template == template)
                .collect();
            match of_template.is_empty() {
                true => of_kind[rng.below(of_kind.len() as u64) as usize],
                false => of_template[rng.below(of_template.len() as u64) as usize],
            }
        })
        .collect()
}

/// The exit status of `ottla inspect verify --json`, and the findings that it prints.
fn inspect(data: &Path) -> (i32, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_ottla-inspect"))
        .args(["verify", "--json", "--quiet"])
        .arg(data)
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let findings = lines.filter(|line: &Value| line["type"] == "finding");
    (output.status.code().unwrap(), findings.collect())
}

/// Whether a line of the program names a check and a file that a case asks for.
fn is_told(case: &Case, finding: &Value) -> bool {
    let Expected::Found { checks, files, .. } = &case.expected else {
        return false;
    };
    let (check, path) = (finding["check"].as_str(), finding["file"].as_str());
    let path = path.unwrap_or_default();
    let named = files.iter().any(|file| match file.strip_prefix('*') {
        Some(end) => path.ends_with(end),
        None => file == path,
    });
    let of_class = checks.iter().any(|known| Some(known.as_str()) == check);
    finding["severity"] != "note" && of_class && named
}

/// Writes the directories of the cases that were asked for, to look at them with the
/// programs: `OTTLA_DAMAGE_EXPORT=DIR OTTLA_DAMAGE_CASE=N`.
#[test]
#[ignore = "a tool, not a test"]
fn export() {
    let into = std::env::var_os("OTTLA_DAMAGE_EXPORT").expect("OTTLA_DAMAGE_EXPORT is set");
    let cases = Cases::wanted();
    for case in &cases.cases {
        let data = Path::new(&into).join(case.number.to_string());
        damage::write(&cases.files(case), &data);
        println!("{} {}", data.display(), case.title(cases.template(case)));
    }
}
