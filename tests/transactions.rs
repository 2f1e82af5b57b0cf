//! `ottla produce --transaction` as a shell sees it: all of a run or nothing, also
//! where the run is killed, fenced by another, or one of many.
//!
//! A kill that fails prints its seed; `OTTLA_CRASH_SEED=N` runs that one alone.

use ottla::host::sim::Rng;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Runs that are killed.
const KILLS: u64 = 64;

struct Place {
    _root: TempDir,
    topic: PathBuf,
}

impl Place {
    fn new(partitions: u32) -> Self {
        let root = tempfile::tempdir().unwrap();
        let topic = root.path().join("data/orders");
        let output = Command::new(env!("CARGO_BIN_EXE_ottla-topics"))
            .arg(&topic)
            .args(["--create", "--partitions", &partitions.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Self { _root: root, topic }
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        produce(&self.topic, arguments)
    }

    /// Runs `ottla-produce` to its end.
    fn produce(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.spawn(arguments);
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn consume(&self, arguments: &[&str]) -> Vec<String> {
        let output = Command::new(env!("CARGO_BIN_EXE_ottla-consume"))
            .arg(&self.topic)
            .arg("-q")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn committed(&self) -> Vec<String> {
        self.consume(&["--read-committed"])
    }

    /// Waits until so many records, committed or not, are in the log.
    fn wait_for(&self, count: usize) {
        let start = Instant::now();
        while self.consume(&[]).len() < count {
            assert!(start.elapsed() < Duration::from_secs(30), "{count} records");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn produce(topic: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ottla-produce"))
        .arg(topic)
        .arg("-q")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lines(run: u64, count: usize) -> String {
    (0..count).map(|n| format!("{run} {n}\n")).collect()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_that_ends_well_is_visible() {
    let place = Place::new(3);
    let output = place.produce(&["--transaction"], &lines(0, 1000));
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(place.committed().len(), 1000);
    assert_eq!(place.consume(&[]).len(), 1000);
}

#[test]
fn a_record_that_cannot_be_read_aborts_all() {
    let place = Place::new(2);
    let mut input: String = (0..5000)
        .map(|n| format!("{{\"key\":\"{n}\",\"value\":\"v\"}}\n"))
        .collect();
    input.push_str("{\"value\": \n");
    let output = place.produce(&["--transaction", "--json"], &input);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(errors(&output).contains("5001"), "{}", errors(&output));
    assert_eq!(place.committed(), [""; 0]);
    // It is decided: what comes later is not held back.
    let output = place.produce(&[], "after\n");
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(place.committed(), ["after"]);
}

#[test]
fn what_is_open_hides_itself_and_what_comes_later() {
    let place = Place::new(1);
    assert!(place.produce(&[], "before\n").status.success());
    let mut open = place.spawn(&["--transaction"]);
    let mut stdin = open.stdin.take().unwrap();
    // More than a batch holds, so that some of it is in the log.
    stdin.write_all(lines(7, 300_000).as_bytes()).unwrap();
    place.wait_for(1000);
    assert!(place.produce(&[], "later\n").status.success());
    assert!(place.consume(&[]).contains(&"later".to_owned()));
    assert_eq!(place.committed(), ["before"]);
    drop(stdin);
    let output = open.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let committed = place.committed();
    assert_eq!(committed.len(), 300_002);
    assert!(committed.contains(&"later".to_owned()));
}

#[test]
fn runs_with_other_ids_are_independent() {
    let place = Place::new(3);
    let runs: Vec<Child> = (0..2)
        .map(|run| {
            let id = format!("--transaction=run-{run}");
            let mut child = place.spawn(&[&id]);
            let mut stdin = child.stdin.take().unwrap();
            let input = lines(run, 40_000);
            thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
            child
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    }
    assert_eq!(
        counts(&place.committed()),
        BTreeMap::from([(0, 40_000), (1, 40_000)])
    );
}

#[test]
fn a_killed_run_is_fenced_by_the_next_one_of_its_id() {
    let place = Place::new(3);
    let mut first = place.spawn(&["--transaction=nightly"]);
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(lines(1, 300_000).as_bytes()).unwrap();
    place.wait_for(1000);
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(place.committed(), [""; 0]);
    let output = place.produce(&["--transaction=nightly"], &lines(2, 100));
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(counts(&place.committed()), BTreeMap::from([(2, 100)]));
}

#[test]
fn a_run_under_an_id_that_is_taken_over_ends_in_an_error() {
    let place = Place::new(1);
    let mut first = place.spawn(&["--transaction=nightly"]);
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(lines(1, 300_000).as_bytes()).unwrap();
    place.wait_for(1000);
    // The second one waits for the first one to leave, or fences it.
    let mut second = place.spawn(&["--transaction=nightly"]);
    let mut input = second.stdin.take().unwrap();
    input.write_all(lines(2, 100).as_bytes()).unwrap();
    drop(input);
    thread::sleep(Duration::from_millis(300));
    drop(stdin);
    let first = first.wait_with_output().unwrap();
    let second = second.wait_with_output().unwrap();
    assert!(second.status.success(), "{}", errors(&second));
    let mut expected = BTreeMap::from([(2, 100)]);
    if first.status.success() {
        expected.insert(1, 300_000);
    } else {
        assert_eq!(first.status.code(), Some(1));
        assert!(!errors(&first).is_empty());
    }
    assert_eq!(counts(&place.committed()), expected);
}

#[test]
fn kills_leave_all_or_nothing() {
    let seeds = match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..KILLS).collect(),
    };
    let mut met = [0, 0];
    // Sixteen runs, one after the other, in each directory.
    for seeds in seeds.chunks(16) {
        let place = Place::new(3);
        let mut whole = BTreeMap::new();
        for &seed in seeds {
            let mut rng = Rng::new(seed);
            let count = 1 + rng.below(60_000) as usize;
            kill_somewhere(&place, seed, count, &mut rng);
            check(&place, seed, count, &mut whole);
            met[usize::from(whole.contains_key(&seed))] += 1;
            // The next tool resolves what is left; it is no other answer.
            if rng.percent(50) {
                let marker = 1000 + seed;
                let output = place.produce(&[], &lines(marker, 1));
                assert!(output.status.success(), "seed {seed}: {}", errors(&output));
                whole.insert(marker, 1);
                assert_eq!(counts(&place.committed()), whole, "seed {seed}: resolved");
            }
        }
    }
    eprintln!("runs that left nothing: {}, all: {}", met[0], met[1]);
}

/// Kills a transactional run: while it reads, or some time after its input ended.
fn kill_somewhere(place: &Place, seed: u64, count: usize, rng: &mut Rng) {
    let mut child = place.spawn(&["--transaction"]);
    let mut stdin = child.stdin.take().unwrap();
    let input = lines(seed, count);
    let given = match rng.percent(60) {
        true => input.len(),
        false => rng.below(input.len() as u64) as usize,
    };
    let ends = given == input.len();
    let _ = stdin.write_all(&input.as_bytes()[..given]);
    let kept = (!ends).then_some(stdin);
    thread::sleep(Duration::from_micros(rng.below(60_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    drop(kept);
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "", "seed {seed}");
}

/// All of the run's records are visible or none, and those of others as before.
fn check(place: &Place, seed: u64, count: usize, whole: &mut BTreeMap<u64, usize>) {
    let found = counts(&place.committed());
    if let Some(&visible) = found.get(&seed) {
        assert_eq!(visible, count, "seed {seed}: a part of the run");
        whole.insert(seed, count);
    }
    assert_eq!(&found, whole, "seed {seed}");
}

/// How many records of each run there are; none may be there twice.
fn counts(records: &[String]) -> BTreeMap<u64, usize> {
    let mut seen = std::collections::BTreeSet::new();
    let mut counts = BTreeMap::new();
    for record in records {
        assert!(seen.insert(record), "twice: {record}");
        let (run, _) = record.split_once(' ').unwrap();
        *counts.entry(run.parse().unwrap()).or_default() += 1;
    }
    counts
}
