//! `ottla-repair`, killed (`SIGKILL`) at random moments of `--apply` and `--undo`, some
//! 240 times.
//!
//! After each kill the directory is byte for byte the original or the result of an
//! undisturbed repair. The next run continues from there, and in the end one that is
//! left alone makes the result, and another one the original, with nothing beside it.
//!
//! The seed of a failure is printed; `OTTLA_CRASH_SEED=N` runs that one alone.

use ottla::host::sim::Rng;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Directories, each made and damaged by one seed.
const SEEDS: u64 = 8;
/// Kills in each.
const KILLS: usize = 30;

/// Files by their paths; `None` for a directory.
type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

#[test]
fn a_kill_leaves_the_original_or_the_result() {
    let mut met = Met::default();
    for seed in seeds() {
        Session::new(seed).run(&mut met);
    }
    eprintln!("{met:?}");
    if std::env::var_os("OTTLA_CRASH_SEED").is_none() {
        // Otherwise they were not killed in between.
        assert!(met.killed_before > 0 && met.killed_after > 0, "{met:?}");
        assert!(met.left_something > 0, "{met:?}");
    }
}

fn seeds() -> Vec<u64> {
    match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..SEEDS).collect(),
    }
}

/// How the runs ended.
#[derive(Debug, Default)]
struct Met {
    /// Killed, and nothing had changed yet.
    killed_before: u32,
    /// Killed, and all had.
    killed_after: u32,
    /// Killed with a twin, or originals, beside the directory that are of no use.
    left_something: u32,
    finished: u32,
}

struct Session {
    seed: u64,
    rng: Rng,
    root: tempfile::TempDir,
    original: Tree,
    result: Tree,
    /// How long an undisturbed run takes.
    takes: Duration,
}

impl Session {
    fn new(seed: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut session = Self {
            seed,
            rng: Rng::new(seed),
            root,
            original: Tree::new(),
            result: Tree::new(),
            takes: Duration::ZERO,
        };
        session.produce();
        session.damage();
        session.original = session.tree();
        let begun = Instant::now();
        session.repair("--apply");
        session.takes = begun.elapsed();
        session.result = session.tree();
        assert_ne!(session.original, session.result, "seed {seed}");
        session.repair("--undo");
        assert!(session.tree() == session.original, "seed {seed}: undo");
        session
    }

    fn run(mut self, met: &mut Met) {
        let mut is_original = true;
        for kill in 0..KILLS {
            let action = if is_original { "--apply" } else { "--undo" };
            let was_killed = self.killed(action);
            let found = self.tree();
            let was_original = is_original;
            is_original = found == self.original;
            assert!(
                is_original || found == self.result,
                "seed {}, kill {kill} of {action}: {}",
                self.seed,
                self.difference(&found)
            );
            match (was_killed, was_original == is_original) {
                (true, true) => met.killed_before += 1,
                (true, false) => met.killed_after += 1,
                (false, _) => met.finished += 1,
            }
            // Where the original is in place, whatever is beside it is left over.
            met.left_something += u32::from(is_original && self.sidecars() > 0);
        }
        if is_original {
            self.repair("--apply");
        }
        assert!(self.tree() == self.result, "seed {}: finished", self.seed);
        assert_eq!(self.sidecars(), 1, "seed {}", self.seed);
        self.repair("--undo");
        assert!(self.tree() == self.original, "seed {}: undone", self.seed);
        assert_eq!(self.sidecars(), 0, "seed {}", self.seed);
    }

    /// Two partitions of some segments.
    fn produce(&mut self) {
        let topic = self.data().join("orders");
        let status = Command::new(env!("CARGO_BIN_EXE_ottla-topics"))
            .arg(&topic)
            .args(["--create", "--partitions", "2"])
            .args(["--config", "segment.bytes=1048576"])
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "seed {}", self.seed);
        for partition in ["0", "1"] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_ottla-produce"))
                .arg(&topic)
                .args(["-q", "-p", partition, "-X", "batch.size=4096"])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            for line in 0..6_000 + self.rng.below(6_000) {
                let fill = "x".repeat(self.rng.below(300) as usize);
                writeln!(stdin, "{partition} {line} {fill}").unwrap();
            }
            drop(stdin);
            assert!(child.wait().unwrap().success(), "seed {}", self.seed);
        }
    }

    /// Some bytes of logs become others, and an index is gone.
    fn damage(&mut self) {
        let files: Vec<PathBuf> = self
            .tree()
            .into_keys()
            .filter(|path| path.to_string_lossy().starts_with("orders-"))
            .collect();
        let with = |end: &str| -> Vec<PathBuf> {
            let of_it = files
                .iter()
                .filter(|path| path.extension().is_some_and(|e| e == end));
            of_it.map(|path| self.data().join(path)).collect()
        };
        let (logs, indexes) = (with("log"), with("index"));
        for _ in 0..=self.rng.below(3) {
            let log = &logs[self.rng.below(logs.len() as u64) as usize];
            let mut bytes = std::fs::read(log).unwrap();
            let at = self.rng.below(bytes.len() as u64 - 300) as usize;
            bytes[at..at + 200].fill(0x55);
            std::fs::write(log, bytes).unwrap();
        }
        let gone = self.rng.below(indexes.len() as u64) as usize;
        std::fs::remove_file(&indexes[gone]).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn command(&self, action: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ottla-repair"));
        command.arg(self.data()).args([action, "-q"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn repair(&self, action: &str) {
        let status = self.command(action).status().unwrap();
        assert!(status.success(), "seed {}: {action}: {status}", self.seed);
    }

    /// Kills a run, or comes too late for it.
    fn killed(&mut self, action: &str) -> bool {
        let most = self.takes.as_micros() as u64 * 11 / 10;
        let pause = Duration::from_micros(self.rng.below(most));
        let mut child = self.command(action).spawn().unwrap();
        thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap().code().is_none()
    }

    fn sidecars(&self) -> usize {
        let entries = std::fs::read_dir(self.root.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().contains(".repair-"))
            .count()
    }

    /// All of the data directory but the lock file's text, which says who came last.
    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        collect(&self.data(), Path::new(""), &mut tree);
        tree.remove(Path::new(".lock"));
        tree
    }

    fn difference(&self, found: &Tree) -> String {
        let differs = |from: &Tree| -> Vec<PathBuf> {
            let paths = found.keys().chain(from.keys());
            let mut paths: Vec<_> = paths
                .filter(|path| found.get(*path) != from.get(*path))
                .cloned()
                .collect();
            paths.dedup();
            paths
        };
        format!(
            "differs from the original in {:?}, from the result in {:?}",
            differs(&self.original),
            differs(&self.result)
        )
    }
}

fn collect(root: &Path, below: &Path, tree: &mut Tree) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            collect(root, &path, tree);
            tree.insert(path, None);
        } else {
            let bytes = std::fs::read(root.join(&path)).unwrap();
            tree.insert(path, Some(bytes));
        }
    }
}
