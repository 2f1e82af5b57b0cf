//! The real host, on a temporary directory.

use super::*;
use crate::host::Durability;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const HOST: RealHost = RealHost;
const SOON: Option<Duration> = Some(Duration::from_secs(10));
const NOW: Option<Duration> = Some(Duration::ZERO);

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_path_buf();
    (directory, path)
}

fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    result.err().expect("an error").kind()
}

#[test]
fn opens_as_told() {
    let (_keep, path) = directory();
    let a = path.join("a");
    assert_eq!(kind(HOST.open(&a, Open::Read)), io::ErrorKind::NotFound);
    assert_eq!(kind(HOST.open(&a, Open::Write)), io::ErrorKind::NotFound);
    HOST.open(&a, Open::CreateNew)
        .unwrap()
        .write_at(b"abc", 0)
        .unwrap();
    assert_eq!(
        kind(HOST.open(&a, Open::CreateNew)),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(HOST.open(&a, Open::Create).unwrap().len().unwrap(), 3);
    assert_eq!(HOST.open(&a, Open::Truncate).unwrap().len().unwrap(), 0);
    let reader = HOST.open(&a, Open::Read).unwrap();
    assert!(reader.write_at(b"x", 0).is_err());
    assert!(reader.set_len(5).is_err());
    assert_eq!(HOST.stat(&a).unwrap().kind, Kind::File);
    assert_eq!(HOST.stat(&path).unwrap().kind, Kind::Directory);
}

#[test]
fn reads_and_writes_at_positions() {
    let (_keep, path) = directory();
    let file = HOST.open(&path.join("a"), Open::Create).unwrap();
    file.write_at(b"tail", 6).unwrap();
    let mut buffer = [9; 16];
    assert_eq!(file.read_at(&mut buffer, 2).unwrap(), 8);
    assert_eq!(&buffer[..9], b"\0\0\0\0tail\x09");
    assert_eq!(file.read_at(&mut buffer, 10).unwrap(), 0);
    file.set_len(8).unwrap();
    file.sync().unwrap();
    assert_eq!(HOST.read(&path.join("a"), 8).unwrap(), b"\0\0\0\0\0\0ta");
    assert_eq!(
        kind(HOST.read(&path.join("a"), 7)),
        io::ErrorKind::FileTooLarge
    );
}

#[test]
fn maps_what_is_there_and_not_more() {
    let (_keep, path) = directory();
    let file = HOST.open(&path.join("a"), Open::Create).unwrap();
    assert!(file.map(0).unwrap().is_empty());
    file.write_at(b"mapped", 0).unwrap();
    assert_eq!(&*file.map(3).unwrap() as &[u8], b"map");
    assert_eq!(&*file.map(6).unwrap() as &[u8], b"mapped");
    assert_eq!(kind(file.map(7)), io::ErrorKind::UnexpectedEof);
    assert_eq!(kind(file.map(u64::MAX)), io::ErrorKind::UnexpectedEof);
}

#[test]
fn lists_directories_and_follows_links() {
    let (_keep, path) = directory();
    HOST.create_dir(&path.join("d")).unwrap();
    HOST.open(&path.join("f"), Open::Create).unwrap();
    std::os::unix::fs::symlink(path.join("d"), path.join("to_d")).unwrap();
    std::os::unix::fs::symlink(path.join("none"), path.join("dangling")).unwrap();
    let mut found: Vec<_> = HOST.list(&path).unwrap();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let found: Vec<_> = found
        .iter()
        .map(|entry| (entry.name.to_str().unwrap(), entry.kind))
        .collect();
    let expected = [
        ("d", Kind::Directory),
        ("dangling", Kind::Other),
        ("f", Kind::File),
        ("to_d", Kind::Directory),
    ];
    assert_eq!(found, expected);
    assert_eq!(
        kind(HOST.list(&path.join("f"))),
        io::ErrorKind::NotADirectory
    );
    HOST.sync_dir(&path).unwrap();
    HOST.sync_dir(Path::new("")).unwrap();
    HOST.remove_dir(&path.join("d")).unwrap();
    HOST.remove_file(&path.join("f")).unwrap();
    assert_eq!(kind(HOST.stat(&path.join("to_d"))), io::ErrorKind::NotFound);
}

#[test]
fn replaces_and_leaves_no_temporary() {
    let (_keep, path) = directory();
    let file = path.join("checkpoint");
    for durability in [Durability::Synced, Durability::None] {
        HOST.replace(&file, b"a longer first text", durability)
            .unwrap();
        HOST.replace(&file, b"second", durability).unwrap();
        assert_eq!(HOST.read(&file, 100).unwrap(), b"second");
        assert_eq!(HOST.list(&path).unwrap().len(), 1);
    }
    // A directory is in the way: the rename fails, the temporary goes.
    HOST.create_dir(&path.join("taken")).unwrap();
    assert!(
        HOST.replace(&path.join("taken"), b"x", Durability::Synced)
            .is_err()
    );
    assert_eq!(HOST.list(&path).unwrap().len(), 2);
}

#[test]
fn a_full_disk_says_so() {
    // /dev/full takes nothing.
    let Ok(full) = HOST.open(Path::new("/dev/full"), Open::Write) else {
        return;
    };
    let error = full.write_at(b"x", 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn locks_exclude_open_files_of_one_process() {
    let (_keep, path) = directory();
    let path = path.join(".lock");
    let open = || HOST.open(&path, Open::Create).unwrap();
    let (a, b, c) = (open(), open(), open());
    assert!(a.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    assert!(b.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    assert!(!c.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
    assert!(!a.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
    b.unlock(LockRange::WHOLE).unwrap();
    assert!(a.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
    assert!(!c.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    assert!(a.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    assert!(c.lock(LockRange::WHOLE, Lock::Shared, Wait::No).unwrap());
    drop((a, c));
    assert!(b.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No).unwrap());
    // Closing another descriptor of the file does not lose it, as POSIX locks do.
    drop(open());
    assert!(
        !open()
            .lock(LockRange::WHOLE, Lock::Shared, Wait::No)
            .unwrap()
    );
    let reader = HOST.open(&path, Open::Read).unwrap();
    assert!(
        reader
            .lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
            .is_err()
    );
}

#[test]
fn waiting_for_a_lock_ends_when_it_is_free() {
    let (_keep, path) = directory();
    let path = path.join(".lock");
    let holder = HOST.open(&path, Open::Create).unwrap();
    assert!(
        holder
            .lock(LockRange::WHOLE, Lock::Exclusive, Wait::Yes)
            .unwrap()
    );
    let freed = Arc::new(AtomicBool::new(false));
    let waiter = thread::spawn({
        let (path, freed) = (path.clone(), Arc::clone(&freed));
        move || {
            let file = HOST.open(&path, Open::Read).unwrap();
            assert!(
                file.lock(LockRange::WHOLE, Lock::Shared, Wait::Yes)
                    .unwrap()
            );
            assert!(freed.load(Ordering::SeqCst));
        }
    });
    thread::sleep(Duration::from_millis(30));
    freed.store(true, Ordering::SeqCst);
    drop(holder);
    waiter.join().unwrap();
}

#[test]
fn a_mapping_keeps_the_lock() {
    let (_keep, path) = directory();
    let path = path.join(".lock");
    let file = HOST.open(&path, Open::Create).unwrap();
    file.write_at(b"x", 0).unwrap();
    assert!(
        file.lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
            .unwrap()
    );
    let mapping = file.map(1).unwrap();
    drop(file);
    let other = HOST.open(&path, Open::Write).unwrap();
    assert!(
        !other
            .lock(LockRange::WHOLE, Lock::Shared, Wait::No)
            .unwrap()
    );
    drop(mapping);
    assert!(
        other
            .lock(LockRange::WHOLE, Lock::Shared, Wait::No)
            .unwrap()
    );
}

#[test]
fn watches_directories() {
    let (_keep, path) = directory();
    let mut watch = HOST.watch().unwrap();
    watch.add(&path).unwrap();
    assert!(!watch.wait(NOW).unwrap());
    let file = HOST.open(&path.join("a"), Open::Create).unwrap();
    assert!(watch.wait(SOON).unwrap());
    assert!(!watch.wait(NOW).unwrap());
    for position in 0..3000 {
        file.write_at(b"x", position).unwrap();
    }
    assert!(watch.wait(SOON).unwrap());
    assert!(!watch.wait(NOW).unwrap(), "a burst is one change");
    HOST.rename(&path.join("a"), &path.join("b")).unwrap();
    assert!(watch.wait(SOON).unwrap());
    HOST.remove_file(&path.join("b")).unwrap();
    assert!(watch.wait(SOON).unwrap());
    assert_eq!(kind(watch.add(&path.join("none"))), io::ErrorKind::NotFound);
    let later = thread::spawn({
        let path = path.clone();
        move || {
            thread::sleep(Duration::from_millis(30));
            HOST.create_dir(&path.join("d")).unwrap();
        }
    });
    assert!(watch.wait(None).unwrap());
    later.join().unwrap();
}

#[test]
fn clocks_and_randomness() {
    assert!(HOST.now_ms() > 1_700_000_000_000);
    let before = HOST.monotonic();
    assert!(HOST.monotonic() >= before);
    let (mut a, mut b) = ([0; 32], [0; 32]);
    HOST.random(&mut a);
    HOST.random(&mut b);
    assert_ne!(a, b);
    assert_eq!(since_1970(UNIX_EPOCH - Duration::from_millis(5)), -5);
}
