//! Crashes of `ottla repair --apply`, `--undo`, `--adopt` and `--abort-transaction`: killed, and the power cut, after
//! every change of the disk, the directory is byte for byte what it was or what the
//! repair makes of it, never a mixture; the next repair takes away what was left
//! over. And what makes a repair impossible is found before anything is touched.
//!
//! A failure prints the seed and the moment; `OTTLA_CRASH_SEED=N` runs one seed alone.

use ottla::format::batch::Producer;
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::record::Headers;
use ottla::format::{ProducerId, Timestamp};
use ottla::host::sim::{Call, Failure, Fault, Rng, SimHost};
use ottla::host::{Durability, Host, Lock, LockRange, Open, Wait};
use ottla::log::LogError;
use ottla::log::layout::TopicPartition;
use ottla::log::partition::Placement;
use ottla::log::repair::{self, Options, Place, Plan};
use ottla::log::session::Session;
use ottla::log::transaction;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DATA: &str = "/data";
const METADATA: &str = "__cluster_metadata-0";
const SEEDS: u64 = 12;
/// Moments at which each is.
const MOMENTS: u64 = 120;

type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

#[test]
fn a_crash_leaves_the_original_or_the_result() {
    for seed in seeds() {
        let before = damaged(seed);
        let original = data(&before);
        let plan = plan(&before);
        assert!(!plan.is_empty(), "seed {seed}: nothing to repair");
        let done = before.fork();
        let begun = done.mutations();
        apply(&done, &plan).unwrap();
        let result = data(&done);
        assert_ne!(original, result, "seed {seed}");
        for moment in 0..=done.mutations() - begun {
            let machine = before.fork();
            machine.stop_after(moment);
            let _ = apply(&machine, &plan);
            for (how, after) in crashes(&machine, seed, moment) {
                let found = data(&after);
                assert!(
                    found == original || found == result,
                    "seed {seed}, {how} after {moment} changes: {}",
                    difference(&found, &original, &result)
                );
                let whole = finish(&after);
                assert_eq!(whole, result, "seed {seed}, {how} after {moment} changes");
            }
        }
    }
}

#[test]
fn a_crash_of_undo_leaves_the_result_or_the_original() {
    for seed in seeds() {
        let before = damaged(seed);
        let original = data(&before);
        let machine = before.fork();
        apply(&machine, &plan(&before)).unwrap();
        let result = data(&machine);
        let machine = machine.process_kill();
        let undone = machine.fork();
        repair::undo::undo(&host(&undone), &place(&undone), false).unwrap();
        assert_eq!(data(&undone), original, "seed {seed}");
        assert_eq!(sidecars(&undone), 0, "seed {seed}");
        for moment in 0..=undone.mutations() {
            let machine = machine.fork();
            machine.stop_after(moment);
            let _ = repair::undo::undo(&host(&machine), &place(&machine), false);
            for (how, after) in crashes(&machine, seed, moment) {
                let found = data(&after);
                assert!(
                    found == original || found == result,
                    "seed {seed}, {how} after {moment} changes: {}",
                    difference(&found, &original, &result)
                );
                assert_eq!(finish(&after), result, "seed {seed}, {how}, {moment}");
            }
        }
    }
}

#[test]
fn a_crash_of_adopting_leaves_the_original_or_the_result() {
    for seed in seeds() {
        let before = damaged(seed);
        for entry in before.list(&Path::new(DATA).join(METADATA)).unwrap() {
            let path = Path::new(DATA).join(METADATA).join(entry.name);
            before.remove_file(&path).unwrap();
        }
        before.remove_dir(&Path::new(DATA).join(METADATA)).unwrap();
        before.sync_all(Path::new("/")).unwrap();
        let options = Options {
            adopt: true,
            ..Options::default()
        };
        crash_everywhere(&before, options, seed);
    }
}

#[test]
fn a_crash_of_ending_a_transaction_leaves_the_original_or_the_result() {
    for seed in seeds() {
        let (before, producer) = left_open(seed);
        let options = Options {
            abort: Some(producer),
            ..Options::default()
        };
        crash_everywhere(&before, options, seed);
    }
}

/// Kills, and cuts the power, at up to some hundred moments of carrying out what the
/// options ask for, in the beginning some of them, towards the end each.
fn crash_everywhere(before: &SimHost, options: Options<'_>, seed: u64) {
    let original = data(before);
    let plan = plan_of(before, options).unwrap();
    assert!(!plan.is_empty(), "seed {seed}: nothing to do");
    let done = before.fork();
    let begun = done.mutations();
    apply_with(&done, &plan, options).unwrap();
    let result = data(&done);
    assert_ne!(original, result, "seed {seed}");
    let left = self::plan(&done);
    let moments = done.mutations() - begun;
    let step = (moments / MOMENTS).max(1);
    let mut met = [0, 0];
    for moment in (0..=moments).filter(|at| at % step == 0 || at + MOMENTS / 2 > moments) {
        let machine = before.fork();
        machine.stop_after(moment);
        let _ = apply_with(&machine, &plan, options);
        for (how, after) in crashes(&machine, seed, moment) {
            let found = data(&after);
            assert!(
                found == original || found == result,
                "seed {seed}, {how} after {moment} changes: {}",
                difference(&found, &original, &result)
            );
            met[usize::from(found == result)] += 1;
            if found == original {
                let again = plan_of(&after, options).unwrap();
                apply_with(&after, &again, options).unwrap();
                assert_eq!(sidecars(&after), 1, "seed {seed}, {how}, {moment}");
            }
            // What is not asked for here is left as it was.
            assert_eq!(
                self::plan(&after).changes.len(),
                left.changes.len(),
                "seed {seed}, {how}, {moment}"
            );
        }
    }
    assert!(met[0] > 0 && met[1] > 0, "seed {seed}: {met:?}");
}

/// A partition with a transaction that nobody ends any more, and its producer.
fn left_open(seed: u64) -> (SimHost, ProducerId) {
    let machine = SimHost::new(seed);
    let host = host(&machine);
    let mut session = Session::open(&host, Path::new(DATA), Durability::Synced).unwrap();
    session.create_topic("orders", 2, &[]).unwrap();
    let mut open = transaction::begin(&mut session, Some("mine")).unwrap();
    let (id, epoch) = open.producer();
    for number in 0..2 {
        let name = TopicPartition::new("orders", number);
        open.add(&mut session, &name).unwrap();
        let mut partition = session.partition(&name).unwrap();
        for base_sequence in 0..=(seed % 3) as i32 {
            let mut builder = BatchBuilder::default();
            let now = Some(Timestamp::new(host.now_ms()));
            builder
                .append(now, None, Some(b"of nobody"), Headers::default())
                .unwrap();
            let mut bytes = builder
                .seal(&Seal {
                    producer: Some(Producer {
                        id,
                        epoch,
                        base_sequence: Some(base_sequence),
                    }),
                    transactional: true,
                    ..Seal::default()
                })
                .to_vec();
            partition.append(&mut bytes, Placement::Next).unwrap();
        }
        partition.sync().unwrap();
    }
    std::mem::forget(open);
    session.close().unwrap();
    machine.sync_all(Path::new("/")).unwrap();
    (machine.process_kill(), id)
}

#[test]
fn what_cannot_be_done_touches_nothing() {
    let before = damaged(3);
    let plan = plan(&before);
    let tree = before.tree();
    let refused = |prepare: &dyn Fn(&SimHost)| {
        let machine = before.fork();
        prepare(&machine);
        let error = apply(&machine, &plan).expect_err("it is refused");
        machine.fail_no_more();
        machine.set_read_only(false);
        assert_eq!(machine.tree(), tree, "{error}");
        error
    };
    let space = refused(&|machine| machine.set_free_space(Some(1 << 20)));
    assert!(space.to_string().contains("not enough space"), "{space}");
    refused(&|machine| machine.set_read_only(true));
    for call in [Call::CreateDir, Call::Link, Call::Exchange, Call::SyncAll] {
        refused(&|machine| machine.fail(Fault::on(call, Failure::Denied)));
    }
    for nth in 0..20 {
        refused(&|machine| machine.fail(Fault::on(Call::Write, Failure::NoSpace).nth(nth % 3)));
    }
    let broker = before.fork();
    let lock = broker
        .another_process()
        .open(&Path::new(DATA).join(".lock"), Open::Write)
        .unwrap();
    assert!(
        lock.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
            .unwrap()
    );
    let error = apply(&broker, &plan).expect_err("a server holds it");
    assert!(matches!(error, LogError::Locked { .. }), "{error}");
    assert_eq!(broker.tree(), tree);
}

#[test]
fn what_was_written_since_is_not_undone_unasked() {
    let machine = damaged(5);
    let original = data(&machine);
    apply(&machine, &plan(&machine)).unwrap();
    produce(&machine, 1, 40);
    let error = repair::undo::undo(&host(&machine), &place(&machine), false).unwrap_err();
    assert!(error.to_string().contains("since the repair"), "{error}");
    repair::undo::undo(&host(&machine), &place(&machine), true).unwrap();
    let logs = |tree: &Tree| -> Tree {
        let is_log = |path: &Path| path.extension().is_some_and(|end| end == "log");
        let logs = tree.iter().filter(|(path, _)| is_log(path));
        logs.map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect()
    };
    assert_eq!(logs(&data(&machine)), logs(&original));
}

#[test]
fn an_undamaged_directory_needs_nothing() {
    let machine = SimHost::new(9);
    produce(&machine, 9, 60);
    assert_eq!(plan(&machine), Plan::default());
}

fn seeds() -> Vec<u64> {
    match std::env::var("OTTLA_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number in OTTLA_CRASH_SEED")],
        Err(_) => (0..SEEDS).collect(),
    }
}

/// A directory with a few segments, damaged in a few places, all of it durable.
fn damaged(seed: u64) -> SimHost {
    let machine = SimHost::new(seed);
    produce(&machine, seed, 60);
    let mut rng = Rng::new(seed);
    let logs: Vec<(PathBuf, u64)> = machine
        .tree()
        .into_iter()
        .filter_map(|(path, bytes)| Some((path, bytes?.len() as u64)))
        .filter(|(path, length)| {
            let of_topic = path.to_string_lossy().contains("/orders-");
            of_topic && *length > 200 && path.extension().is_some_and(|end| end == "log")
        })
        .collect();
    for _ in 0..=rng.below(2) {
        let (path, length) = &logs[rng.below(logs.len() as u64) as usize];
        // Behind the header's first fields, where every bit counts.
        let position = 70 + rng.below(length - 80);
        for byte in 0..3 {
            machine.flip(path, position + byte, 0x55).unwrap();
        }
    }
    machine.sync_all(Path::new("/")).unwrap();
    machine.process_kill()
}

fn produce(machine: &SimHost, seed: u64, batches: u64) {
    let host = host(machine);
    let mut rng = Rng::new(seed ^ 0xabcd);
    let mut session = Session::open(&host, Path::new(DATA), Durability::Synced).unwrap();
    if session.image().topic("orders").is_none() {
        let configs = [("segment.bytes".to_owned(), "4000".to_owned())];
        session.create_topic("orders", 2, &configs).unwrap();
    }
    let mut partitions: Vec<_> = (0..2)
        .map(|number| {
            session
                .partition(&TopicPartition::new("orders", number))
                .unwrap()
        })
        .collect();
    for number in 0..batches {
        let mut builder = BatchBuilder::default();
        let now = Timestamp::new(host.now_ms());
        for record in 0..=rng.below(4) {
            let value = format!("{number} {record} {}", "v".repeat(rng.below(90) as usize));
            builder
                .append(Some(now), None, Some(value.as_bytes()), Headers::default())
                .unwrap();
        }
        let mut bytes = builder.seal(&Seal::default()).to_vec();
        let partition = &mut partitions[rng.below(2) as usize];
        partition.append(&mut bytes, Placement::Next).unwrap();
    }
    session.sync(partitions.iter_mut()).unwrap();
    drop(partitions);
    session.close().unwrap();
}

fn host(machine: &SimHost) -> Arc<dyn Host> {
    Arc::new(machine.clone())
}

fn place(machine: &SimHost) -> Place {
    let data = Path::new(DATA);
    let mut partitions: Vec<_> = machine
        .list(data)
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| TopicPartition::from_directory(entry.name.to_str()?))
        .map(|name| (name.clone(), data.join(name.to_string())))
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

fn plan(machine: &SimHost) -> Plan {
    plan_of(machine, Options::default()).unwrap()
}

fn plan_of(machine: &SimHost, options: Options<'_>) -> Result<Plan, LogError> {
    let place = place(machine);
    let planned = repair::plan(&host(machine), &place, options, None, &mut |_| true);
    Ok(planned?.0)
}

fn apply(machine: &SimHost, plan: &Plan) -> Result<(), LogError> {
    apply_with(machine, plan, Options::default())
}

fn apply_with(machine: &SimHost, plan: &Plan, options: Options<'_>) -> Result<(), LogError> {
    let place = place(machine);
    let applied = repair::apply::apply(&host(machine), &place, plan, options, None)?;
    let damage: Vec<_> = applied
        .findings
        .iter()
        .filter(|finding| finding.severity.is_damage())
        .collect();
    assert!(damage.is_empty(), "{damage:#?}");
    Ok(())
}

/// What a kill and power cuts leave.
fn crashes(machine: &SimHost, seed: u64, moment: u64) -> Vec<(&'static str, SimHost)> {
    vec![
        ("kill", machine.process_kill()),
        ("power cut", machine.power_cut(seed * 10_000 + moment)),
        ("power cut", machine.power_cut(!(seed * 10_000 + moment))),
    ]
}

/// Repairs whatever there is; nothing but sidecars in use may be left.
fn finish(machine: &SimHost) -> Tree {
    let plan = plan(machine);
    if !plan.is_empty() {
        apply(machine, &plan).unwrap();
        assert_eq!(sidecars(machine), 1);
    }
    data(machine)
}

fn sidecars(machine: &SimHost) -> usize {
    let entries = machine.list(Path::new("/")).unwrap();
    let names = entries.iter().map(|entry| entry.name.to_string_lossy());
    names.filter(|name| name.contains(".repair-")).count()
}

fn data(machine: &SimHost) -> Tree {
    let mut tree = machine.tree();
    tree.retain(|path, _| path.starts_with(DATA));
    tree
}

fn difference(found: &Tree, original: &Tree, result: &Tree) -> String {
    let differs = |from: &Tree| -> Vec<String> {
        let paths = found.keys().chain(from.keys());
        let mut paths: Vec<_> = paths
            .filter(|path| found.get(*path) != from.get(*path))
            .map(|path| path.display().to_string())
            .collect();
        paths.dedup();
        paths
    };
    format!(
        "differs from the original in {:?}, from the result in {:?}",
        differs(original),
        differs(result)
    )
}
