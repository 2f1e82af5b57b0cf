//! Transactions against a server that is killed (`SIGKILL`) at random moments, 240 times.
//!
//! Writers append to lists, a partition each: a transaction adds its number to several of
//! them and commits, aborts, is left open, or is taken over by another run of its id. One
//! more reads a topic, writes each record to another and commits what it has read in the
//! same transaction. A reader follows all of it. Clients go by transactions of version 2 or
//! of the version before, as the cluster does. What everyone saw is then held against what
//! was promised ([`history`]).
//!
//! The seed of a failure is printed; `OTTLA_CRASH_SEED=N` runs that one alone.

mod history;
mod load;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs, each of its own seed.
const SEEDS: u64 = 240;
/// How many run at once: they mostly wait.
const AT_ONCE: usize = 3;

#[test]
fn every_transaction_happens_once_or_never() {
    let seeds: Vec<u64> = match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..SEEDS).collect(),
    };
    let next = AtomicU64::new(0);
    let total = Mutex::new(load::Met::default());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let (history, met) = load::run(*seed);
                    let wrong = history.check();
                    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
                    total.lock().unwrap().add(&met);
                }
            });
        }
    });
    let met = total.into_inner().unwrap();
    eprintln!("{met:?}");
    // A run that meets nothing shows nothing.
    if seeds.len() as u64 == SEEDS {
        assert!(met.kills >= SEEDS, "{met:?}");
        assert!(
            met.committed > 20 * SEEDS && met.copied > 20 * SEEDS,
            "{met:?}"
        );
        assert!(met.aborted > SEEDS, "{met:?}");
        assert!(met.fenced > 0 && met.timed_out > 0, "{met:?}");
    }
}
