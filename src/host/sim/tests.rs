//! What the simulated machine promises, case by case.

use super::*;
use crate::host::real::RealHost;
use crate::host::{Durability, LockRange, Wait};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

mod random;

fn path(name: &str) -> PathBuf {
    Path::new("/").join(name)
}

fn bytes_of(host: &SimHost, name: &str) -> Option<Vec<u8>> {
    host.read(&path(name), u64::MAX).ok()
}

/// A file with durable bytes, under a durable name.
fn durable(host: &SimHost, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = host.open(&path(name), Open::Create).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    host.sync_dir(path(name).parent().unwrap()).unwrap();
    file
}

// Power cuts.

#[test]
fn what_is_synced_survives_every_cut() {
    let host = SimHost::new(1);
    host.create_dir(&path("d")).unwrap();
    host.sync_dir(&path("")).unwrap();
    let file = durable(&host, "d/a", &[1; 10_000]);
    file.write_at(&[2; 3000], 10_000).unwrap();
    for seed in 0..200 {
        let after = host.power_cut(seed);
        let bytes = bytes_of(&after, "d/a").expect("the name survives");
        assert!(
            bytes.len() >= 10_000 && bytes[..10_000] == [1; 10_000],
            "seed {seed}"
        );
    }
    assert_eq!(
        bytes_of(&host, "d/a").unwrap().len(),
        13_000,
        "the machine goes on"
    );
}

/// The simulated disk is as bad as promised: each of these happens.
#[test]
fn what_is_not_synced_is_lost_in_every_way() {
    let host = SimHost::new(1);
    let file = durable(&host, "a", &[1; 8192]);
    file.write_at(&[2; 8192], 4096).unwrap();
    host.open(&path("new"), Open::Create)
        .unwrap()
        .write_at(&[3; 600], 0)
        .unwrap();
    host.rename(&path("new"), &path("renamed")).unwrap();
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let after = host.power_cut(seed);
        let bytes = bytes_of(&after, "a").unwrap();
        seen.insert(match bytes.len() {
            8192 => "old length",
            12_288 => "new length",
            other => panic!("length {other}"),
        });
        let overwritten = &bytes[4096..8192];
        if overwritten.contains(&1) && overwritten.contains(&2) {
            seen.insert("torn page");
            let sectors = overwritten.chunks(SECTOR as usize);
            assert!(
                sectors
                    .into_iter()
                    .all(|sector| sector.iter().all(|&b| b == sector[0]))
            );
        }
        if bytes.len() > 8192 && bytes[8192..].contains(&0) {
            seen.insert("zeros at the end");
        }
        if bytes.len() > 8192 && bytes[8192..] == [2; 4096] && bytes[4096..8192] == [1; 4096] {
            seen.insert("later bytes without earlier ones");
        }
        match (bytes_of(&after, "new"), bytes_of(&after, "renamed")) {
            (None, None) => seen.insert("no name"),
            (Some(_), None) => seen.insert("old name"),
            (None, Some(bytes)) if bytes.is_empty() => seen.insert("new name, no bytes"),
            (None, Some(_)) => seen.insert("new name"),
            (Some(_), Some(_)) => panic!("two names"),
        };
        assert_eq!(
            after.power_cut(seed + 1).tree(),
            after.tree(),
            "nothing more to lose"
        );
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}

#[test]
fn a_second_version_does_not_hide_the_first() {
    let mut seen = BTreeSet::new();
    for seed in 0..2000 {
        let host = SimHost::new(seed);
        let file = durable(&host, "a", &[1]);
        file.write_at(&[2], 0).unwrap();
        file.write_at(&[3], 0).unwrap();
        seen.insert(bytes_of(&host.power_cut(seed), "a").unwrap());
    }
    assert_eq!(seen, [vec![1], vec![2], vec![3]].into());
}

#[test]
fn bytes_behind_a_cut_need_the_cut() {
    for seed in 0..500 {
        let host = SimHost::new(seed);
        let file = durable(&host, "a", &[1; 4096]);
        file.set_len(1024).unwrap();
        file.write_at(&[2; 1024], 1024).unwrap();
        let bytes = bytes_of(&host.power_cut(seed), "a").unwrap();
        let is_cut = bytes.len() <= 2048;
        assert!(
            is_cut || !bytes.contains(&2),
            "seed {seed}: new bytes before old ones"
        );
        assert!(
            !is_cut || bytes[1024..].iter().all(|&b| b != 1),
            "seed {seed}"
        );
    }
}

#[test]
fn names_survive_in_order_and_moves_in_one_piece() {
    let host = SimHost::new(1);
    host.create_dir(&path("x")).unwrap();
    host.create_dir(&path("y")).unwrap();
    host.sync_dir(&path("")).unwrap();
    durable(&host, "x/moved", b"m");
    for index in 0..10 {
        host.open(&path(&format!("x/{index}")), Open::CreateNew)
            .unwrap();
    }
    host.rename(&path("x/moved"), &path("y/moved")).unwrap();
    host.open(&path("y/late"), Open::CreateNew).unwrap();
    let mut counts = BTreeSet::new();
    for seed in 0..300 {
        let after = host.power_cut(seed);
        let tree = after.tree();
        let count = (0..10)
            .take_while(|i| tree.contains_key(&path(&format!("x/{i}"))))
            .count();
        let created = tree
            .keys()
            .filter(|file| file.parent() == Some(&path("x")))
            .count();
        let in_x = tree.contains_key(&path("x/moved"));
        let in_y = tree.contains_key(&path("y/moved"));
        assert!(in_x != in_y, "seed {seed}: {tree:?}");
        assert_eq!(created, count + usize::from(in_x), "seed {seed}: a prefix");
        assert!(
            in_x || count == 10,
            "seed {seed}: the move is the last of x"
        );
        assert!(in_y || !tree.contains_key(&path("y/late")), "seed {seed}");
        counts.insert(count);
    }
    assert!(counts.len() > 8, "{counts:?}");
    // Syncing one side of the move makes both durable.
    host.sync_dir(&path("y")).unwrap();
    for seed in 0..50 {
        assert_eq!(host.power_cut(seed).tree(), host.tree());
    }
}

#[test]
fn replace_leaves_old_or_new_after_every_operation() {
    let (old, new) = (vec![1; 9000], vec![2; 5000]);
    let mut outcomes = BTreeSet::new();
    for stop in 0.. {
        let host = SimHost::new(stop);
        host.replace(&path("c"), &old, Durability::Synced).unwrap();
        host.stop_after(host.mutations() + stop);
        let result = host.replace(&path("c"), &new, Durability::Synced);
        for seed in 0..100 {
            let after = host.power_cut(seed);
            let bytes = bytes_of(&after, "c").expect("old or new");
            assert!(
                bytes == old || bytes == new,
                "stop {stop}, seed {seed}: a mixture"
            );
            assert!(
                bytes == new || result.is_err(),
                "stop {stop}, seed {seed}: promised"
            );
            outcomes.insert((stop, bytes == new));
            after.replace(&path("c"), &new, Durability::Synced).unwrap();
            assert_eq!(bytes_of(&after, "c").unwrap(), new);
        }
        match result {
            Ok(()) => break,
            Err(error) => assert!(is_stopped(&error)),
        }
    }
    // Open, write, sync: old. Rename: either. Sync of the directory: new.
    assert_eq!(outcomes.len(), 7, "{outcomes:?}");
}

#[test]
fn replace_unsynced_may_lose_it_all() {
    let mut lengths = BTreeSet::new();
    for seed in 0..200 {
        let host = SimHost::new(seed);
        host.replace(&path("c"), b"old", Durability::Synced)
            .unwrap();
        host.replace(&path("c"), b"newer", Durability::None)
            .unwrap();
        lengths.insert(bytes_of(&host.power_cut(seed), "c").map(|bytes| bytes.len()));
    }
    assert_eq!(lengths, [Some(0), Some(3), Some(5)].into());
}

#[test]
fn replace_that_fails_leaves_the_old() {
    let calls = [Call::Open, Call::Write, Call::Sync, Call::Rename];
    for (call, failure) in calls
        .iter()
        .flat_map(|&c| [(c, Failure::Io), (c, Failure::NoSpace)])
    {
        let host = SimHost::new(1);
        host.replace(&path("c"), b"old", Durability::Synced)
            .unwrap();
        host.fail(Fault::on(call, failure).after_bytes(2));
        assert!(
            host.replace(&path("c"), b"newer", Durability::Synced)
                .is_err()
        );
        assert_eq!(host.tree(), [(path("c"), Some(b"old".to_vec()))].into());
        host.replace(&path("c"), b"newer", Durability::Synced)
            .unwrap();
    }
}

// Faults.

#[test]
fn a_failed_sync_is_forgotten() {
    let mut lost = 0;
    for seed in 0..100 {
        let host = SimHost::new(seed);
        let file = durable(&host, "a", &[1; 4096]);
        file.write_at(&[2; 4096], 0).unwrap();
        host.fail(Fault::on(Call::Sync, Failure::Io));
        assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(bytes_of(&host, "a").unwrap(), [2; 4096]);
        file.sync().unwrap();
        lost += u32::from(bytes_of(&host.power_cut(0), "a").unwrap() != [2; 4096]);
        file.write_at(&[2; 4096], 0).unwrap();
        file.sync().unwrap();
        assert_eq!(bytes_of(&host.power_cut(0), "a").unwrap(), [2; 4096]);
    }
    assert!((20..80).contains(&lost), "{lost}");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let host = SimHost::new(1);
    host.set_free_space(Some(3 * PAGE));
    let file = host.open(&path("a"), Open::Create).unwrap();
    let error = file.write_at(&[1; 20_000], 100).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 3 * PAGE);
    file.write_at(&[2; 5000], 0).unwrap();
    file.set_len(PAGE).unwrap();
    let other = host.open(&path("b"), Open::Create).unwrap();
    other.write_at(&[3; 8192], 0).unwrap();
    host.remove_file(&path("a")).unwrap();
    assert!(other.write_at(&[4], 8192).is_err(), "still open");
    drop(file);
    other.write_at(&[4], 8192).unwrap();
    let after = host.power_cut(1);
    let rest = after.open(&path("c"), Open::Create).unwrap();
    assert!(rest.write_at(&[5; 20_000], 0).is_err());
}

#[test]
fn stops_after_so_many_changes() {
    let host = SimHost::new(1);
    host.stop_after(2);
    let file = host.open(&path("a"), Open::Create).unwrap();
    file.write_at(b"x", 0).unwrap();
    let errors = [
        file.write_at(b"y", 1).unwrap_err(),
        file.len().unwrap_err(),
        file.lock(LockRange::WHOLE, Lock::Shared, Wait::No)
            .unwrap_err(),
        host.stat(&path("a")).unwrap_err(),
        host.sync_dir(&path("")).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| is_stopped(error)));
    assert_eq!(bytes_of(&host.process_kill(), "a").unwrap(), b"x");
}

#[test]
fn a_read_only_disk_says_so() {
    let host = SimHost::new(1);
    let file = durable(&host, "a", b"x");
    host.set_read_only(true);
    let kinds = [
        host.open(&path("b"), Open::Create).err(),
        host.open(&path("a"), Open::Write).err(),
        host.rename(&path("a"), &path("b")).err(),
        file.write_at(b"y", 0).err(),
        file.set_len(0).err(),
    ];
    let is_meant = |error: io::Error| error.kind() == io::ErrorKind::ReadOnlyFilesystem;
    assert!(kinds.into_iter().flatten().map(is_meant).eq([true; 5]));
    assert_eq!(bytes_of(&host, "a").unwrap(), b"x");
}

// Locks, watches, counts.

#[test]
fn locks_exclude_and_die_with_the_process() {
    let host = SimHost::new(1);
    let other = host.another_process();
    let a = host.open(&path("l"), Open::Create).unwrap();
    let b = other.open(&path("l"), Open::Write).unwrap();
    assert!(a.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    assert!(b.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    assert!(!b.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
    a.unlock(LockRange::WHOLE).unwrap();
    assert!(b.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
    let freed = Arc::new(AtomicBool::new(false));
    let waiter = thread::spawn({
        let freed = Arc::clone(&freed);
        move || {
            assert!(a.lock(LockRange::WHOLE, Lock::Shared, Wait::Yes).unwrap());
            assert!(freed.load(Ordering::SeqCst));
        }
    });
    thread::sleep(Duration::from_millis(10));
    freed.store(true, Ordering::SeqCst);
    other.process_kill();
    waiter.join().unwrap();
    assert!(is_stopped(&b.unlock(LockRange::WHOLE).unwrap_err()));
    let reader = host.open(&path("l"), Open::Read).unwrap();
    assert!(
        reader
            .lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
            .is_err()
    );
}

#[test]
fn locks_cover_ranges() {
    let directory = tempfile::tempdir().unwrap();
    let (sim, real) = (SimHost::new(1), RealHost);
    for (host, root) in [
        (&sim as &dyn Host, Path::new("/")),
        (&real, directory.path()),
    ] {
        let open = || host.open(&root.join("l"), Open::Create).unwrap();
        let (a, b) = (open(), open());
        let range = |start, length| LockRange { start, length };
        let try_b = |start, length| {
            let got = b
                .lock(range(start, length), Lock::Exclusive, Wait::No)
                .unwrap();
            b.unlock(LockRange::WHOLE).unwrap();
            got
        };
        assert!(a.lock(range(10, 10), Lock::Exclusive, Wait::No).unwrap());
        assert!(try_b(0, 10) && try_b(20, 0) && !try_b(0, 11) && !try_b(19, 1) && !try_b(0, 0));
        a.unlock(range(12, 3)).unwrap();
        assert!(try_b(12, 3) && !try_b(11, 2) && !try_b(14, 2));
        assert!(a.lock(range(30, 0), Lock::Shared, Wait::No).unwrap());
        assert!(b.lock(range(40, 5), Lock::Shared, Wait::No).unwrap());
        assert!(!try_b(1 << 40, 1), "to the end, whatever that is");
        a.unlock(LockRange::WHOLE).unwrap();
        assert!(try_b(0, 0));
    }
}

#[test]
fn everything_is_synced_at_once() {
    for seed in 0..50 {
        let host = SimHost::new(seed);
        host.create_dir(&path("d")).unwrap();
        let file = host.open(&path("d/a"), Open::Create).unwrap();
        file.write_at(&[1; 9000], 0).unwrap();
        assert_eq!(
            host.boot_id().unwrap(),
            host.process_kill().boot_id().unwrap()
        );
        let host = host.another_process();
        host.fail(Fault::on(Call::SyncAll, Failure::Io));
        host.sync_all(&path("d")).unwrap_err();
        let after = host.power_cut(seed);
        assert_ne!(host.boot_id().unwrap(), after.boot_id().unwrap());
        let host = host.fork();
        host.open(&path("d/a"), Open::Write)
            .unwrap()
            .write_at(&[2; 9000], 0)
            .unwrap();
        host.sync_all(&path("d")).unwrap();
        assert_eq!(host.power_cut(seed).tree(), host.tree());
    }
}

#[test]
fn watches_wake() {
    let host = SimHost::new(1);
    host.create_dir(&path("d")).unwrap();
    let mut watch = host.watch().unwrap();
    watch.add(&path("d")).unwrap();
    assert!(!watch.wait(Some(Duration::ZERO)).unwrap());
    let writer = thread::spawn({
        let host = host.clone();
        move || {
            thread::sleep(Duration::from_millis(10));
            let file = host.open(&path("d/a"), Open::Create).unwrap();
            file.write_at(b"x", 0).unwrap();
        }
    });
    assert!(watch.wait(None).unwrap());
    writer.join().unwrap();
    watch.wait(Some(Duration::ZERO)).unwrap();
    assert!(!watch.wait(Some(Duration::from_millis(1))).unwrap());
    host.remove_file(&path("d/a")).unwrap();
    assert!(watch.wait(None).unwrap());
}

#[test]
fn counts_what_is_read() {
    let host = SimHost::new(1);
    let file = durable(&host, "a", &[1; 20_000]);
    let mut buffer = [0; 100];
    file.read_at(&mut buffer, 4090).unwrap();
    file.read_at(&mut buffer, 4096).unwrap();
    file.read_at(&mut buffer, 19_950).unwrap();
    file.map(1000).unwrap();
    let reads = &host.reads()[&path("a")];
    let expected = Reads {
        calls: 3,
        bytes: 250,
        pages: [0, 1, 4].into(),
        mapped: 1000,
    };
    assert_eq!(*reads, expected);
    assert_eq!(host.calls(Call::Read), 3);
    host.reset_counts();
    assert_eq!((host.all_calls(), host.reads().len()), (0, 0));
}

#[test]
fn time_and_randomness_are_the_seeds() {
    let draw = |seed| {
        let mut buffer = [0; 20];
        SimHost::new(seed).random(&mut buffer);
        buffer
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
    let host = SimHost::new(1);
    assert_eq!((host.now_ms(), host.now_ms()), (START_MS, START_MS));
    host.tick_ms(2);
    assert_eq!((host.now_ms(), host.now_ms()), (START_MS + 2, START_MS + 4));
    host.advance_ms(100);
    assert_eq!(host.monotonic(), Duration::from_millis(104));
    host.set_now_ms(7);
    assert_eq!(host.power_cut(1).now_ms(), 9);
}
