//! `ottla-produce`, killed (`SIGKILL`) at random moments, 240 times.
//!
//! After each kill the partition is read without the library's log code: whole
//! batches without a gap, the lines of the run from its first one on, none lost in
//! the middle, none twice. The next run continues on it; every eighth run ends by
//! itself, and all of it must be there. With `--transaction` a killed run leaves
//! nothing that a read-committed reader sees, a finished one everything.
//!
//! The seed of a failure is printed; `OTTLA_CRASH_SEED=N` runs that one alone.

mod crash_support;

use crash_support::{Contents, check_indexes, read_log};
use ottla::host::real::RealHost;
use ottla::host::sim::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// Directories, each made by one seed.
const SEEDS: u64 = 30;
/// Runs in each; the last one is not killed.
const RUNS: u64 = 8;
const TOPIC: &str = "killed";

#[test]
fn nothing_is_lost_or_repeated_by_kills() {
    let mut met = [0; 4];
    for seed in seeds() {
        let directory = tempfile::tempdir().unwrap();
        let found = Session::new(seed, directory.path()).run();
        met.iter_mut()
            .zip(found)
            .for_each(|(sum, count)| *sum += count);
    }
    let [nothing, some, everything, finished] = met;
    eprintln!(
        "runs that left nothing: {nothing}, some lines: {some}, all, though killed: {everything}, finished: {finished}"
    );
}

fn seeds() -> Vec<u64> {
    match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..SEEDS).collect(),
    }
}

struct Session {
    seed: u64,
    rng: Rng,
    data: PathBuf,
    is_transactional: bool,
    /// What the partition held after the run before.
    stored: Vec<Vec<u8>>,
    /// What a read-committed reader must see.
    committed: Vec<Vec<u8>>,
    /// What one saw last.
    seen: Vec<Vec<u8>>,
    /// The lines of each run.
    runs: Vec<Vec<Vec<u8>>>,
}

impl Session {
    fn new(seed: u64, directory: &Path) -> Self {
        Self {
            seed,
            rng: Rng::new(seed),
            data: directory.join("data"),
            is_transactional: seed % 4 == 3,
            stored: Vec::new(),
            committed: Vec::new(),
            seen: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// How many runs left nothing, some lines, all though they were killed, and how
    /// many finished.
    fn run(mut self) -> [u32; 4] {
        let mut met = [0; 4];
        if self.seed.is_multiple_of(2) {
            self.create_topic();
        }
        for run in 0..RUNS {
            let lines = self.lines(run);
            let is_killed = run + 1 < RUNS;
            let has_finished = self.produce(&lines, is_killed);
            let before = self.stored.len();
            self.verify(run, &lines, has_finished);
            let left = self.stored.len() - before;
            met[match (has_finished, left) {
                (true, _) => 3,
                (false, 0) => 0,
                (false, left) if left < lines.len() => 1,
                _ => 2,
            }] += 1;
        }
        met
    }

    /// Small segments, so that kills meet rolls.
    fn create_topic(&self) {
        let status = Command::new(env!("CARGO_BIN_EXE_ottla-topics"))
            .arg(self.data.join(TOPIC))
            .args(["--create", "--config", "segment.bytes=1048576"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "seed {}: topics --create", self.seed);
    }

    fn lines(&mut self, run: u64) -> Vec<Vec<u8>> {
        let count = 1 << self.rng.below(14);
        let fill = "x".repeat(self.rng.below(300) as usize);
        let line = |number| format!("{run} {number} {fill}").into_bytes();
        (0..count).map(line).collect()
    }

    /// Feeds the lines to a process and kills it some time later; whether it
    /// finished before that.
    fn produce(&mut self, lines: &[Vec<u8>], is_killed: bool) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ottla-produce"));
        command.arg(self.data.join(TOPIC)).arg("-q");
        let codec = ["none", "none", "lz4", "zstd"][self.rng.below(4) as usize];
        command.args(["-z", codec]);
        match self.is_transactional {
            true => command.arg("--transaction"),
            false => {
                let sync = ["none", "batch", "end"][self.rng.below(3) as usize];
                command.args(["--sync", sync])
            }
        };
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let line = |line: &Vec<u8>| [line.as_slice(), b"\n"].concat();
        let input: Vec<u8> = lines.iter().flat_map(line).collect();
        let feed = Feed {
            // Killed this long after it was given so much.
            given: self.rng.below(input.len() as u64 + 1) as usize,
            pause: Duration::from_micros(self.rng.below(4000)),
            is_slow: self.rng.percent(30),
            input,
        };
        feed_and_wait(child, feed, is_killed, self.seed)
    }

    fn verify(&mut self, run: u64, lines: &[Vec<u8>], has_finished: bool) {
        let seed = self.seed;
        let partition = self.data.join(format!("{TOPIC}-0"));
        if !partition.exists() {
            assert!(
                !has_finished && self.stored.is_empty(),
                "seed {seed}, run {run}"
            );
            return;
        }
        let contents = read_log(&RealHost, &partition)
            .unwrap_or_else(|error| panic!("seed {seed}, run {run}: {error}"));
        check_indexes(&RealHost, &partition)
            .unwrap_or_else(|error| panic!("seed {seed}, run {run}: {error}"));
        assert!(
            !has_finished || contents.torn == 0,
            "seed {seed}, run {run}: a torn end"
        );
        assert_eq!(contents.first_offset, 0, "seed {seed}, run {run}");
        let offsets = contents.records.iter().map(|record| record.offset);
        assert!(
            offsets.eq(0..contents.end_offset),
            "seed {seed}, run {run}: offsets"
        );
        let values = contents.values();
        let fresh = values
            .strip_prefix(self.stored.as_slice())
            .unwrap_or_else(|| panic!("seed {seed}, run {run}: what was there has changed"));
        assert!(
            lines.starts_with(fresh),
            "seed {seed}, run {run}: lines lost or repeated"
        );
        assert!(
            !has_finished || fresh.len() == lines.len(),
            "seed {seed}, run {run}: lines lost"
        );
        self.stored = values;
        self.runs.push(lines.to_vec());
        self.committed = committed(&contents);
        self.verify_runs(run, has_finished);
        if self.is_transactional && self.rng.percent(50) || has_finished {
            self.verify_committed(run);
        }
    }

    /// Of each transaction all lines are committed or none, and a run that finished
    /// has committed.
    fn verify_runs(&self, run: u64, has_finished: bool) {
        let seed = self.seed;
        if !self.is_transactional {
            assert_eq!(self.committed, self.stored, "seed {seed}, run {run}");
            return;
        }
        let mut rest = self.committed.as_slice();
        let mut is_last_there = false;
        for lines in &self.runs {
            is_last_there = rest.starts_with(lines);
            if is_last_there {
                rest = &rest[lines.len()..];
            }
        }
        assert!(
            rest.is_empty(),
            "seed {seed}, run {run}: half of a transaction is committed"
        );
        assert!(
            is_last_there || !has_finished,
            "seed {seed}, run {run}: not committed"
        );
    }

    fn verify_committed(&mut self, run: u64) {
        let output = Command::new(env!("CARGO_BIN_EXE_ottla-consume"))
            .arg(self.data.join(TOPIC))
            .args(["--read-committed", "-q"])
            .output()
            .unwrap();
        let (seed, said) = (self.seed, String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "seed {seed}, run {run}: consume: {said}"
        );
        let seen: Vec<&[u8]> = output
            .stdout
            .split_inclusive(|&byte| byte == b'\n')
            .collect();
        let seen: Vec<&[u8]> = seen.iter().map(|line| &line[..line.len() - 1]).collect();
        // The markers of runs that were killed behind their decision are to come.
        let mut rest = seen.as_slice();
        let mut is_whole = true;
        for lines in self.runs.iter().filter(|_| self.is_transactional) {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            let is_seen = rest.starts_with(&lines);
            rest = if is_seen { &rest[lines.len()..] } else { rest };
            let is_committed = self.committed.iter().any(|line| *line == lines[0]);
            is_whole &= is_seen || !is_committed;
        }
        let is_meant = match self.is_transactional {
            true => rest.is_empty() && is_whole,
            false => seen == self.committed,
        };
        assert!(
            is_meant,
            "seed {seed}, run {run}: a read-committed reader sees {} lines, {} are committed",
            seen.len(),
            self.committed.len()
        );
        let before = self.seen.iter().map(Vec::as_slice);
        assert!(
            before.eq(seen.iter().take(self.seen.len()).copied()),
            "seed {seed}, run {run}: what a read-committed reader saw is gone"
        );
        self.seen = seen.into_iter().map(<[u8]>::to_vec).collect();
    }
}

/// What the log has committed, by its markers. (A run that was killed behind its
/// decision to commit is completed by a later one.)
fn committed(contents: &Contents) -> Vec<Vec<u8>> {
    let mut decisions = BTreeMap::<_, VecDeque<bool>>::new();
    for marker in contents.records.iter().filter(|record| record.is_control) {
        let commit = marker.key.as_deref() == Some(&[0, 0, 0, 1]);
        decisions
            .entry(marker.producer)
            .or_default()
            .push_back(commit);
    }
    // Committed lines are seen in the order of their offsets.
    let mut committed = Vec::new();
    for record in &contents.records {
        let decided = decisions.entry(record.producer).or_default();
        if record.is_control {
            decided.pop_front();
        } else if !record.is_transactional || decided.front() == Some(&true) {
            committed.push(record.value.clone().unwrap_or_default());
        }
    }
    committed
}

/// What a process is fed, and when it is killed.
struct Feed {
    input: Vec<u8>,
    given: usize,
    pause: Duration,
    is_slow: bool,
}

/// Writes the input, fast or in pieces; kills the process on the way, or waits until
/// it ends. Whether it ended by itself, which must be with success.
fn feed_and_wait(mut child: Child, feed: Feed, is_killed: bool, seed: u64) -> bool {
    let mut stdin = child.stdin.take().unwrap();
    let (tell, told) = channel();
    let pause = feed.pause;
    let feeder = thread::spawn(move || {
        let (first, second) = feed.input.split_at(feed.given);
        for half in [first, second] {
            let piece = if feed.is_slow {
                half.len() / 4 + 1
            } else {
                half.len() + 1
            };
            for part in half.chunks(piece) {
                if stdin.write_all(part).is_err() {
                    return; // It was killed.
                }
                if feed.is_slow {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            let _ = tell.send(());
        }
    });
    if is_killed {
        // An error: the feeder has ended.
        let _ = told.recv();
        thread::sleep(pause);
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let was_killed = output.status.code().is_none();
    assert!(
        was_killed && is_killed || output.status.success(),
        "seed {seed}: produce ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    !was_killed
}
