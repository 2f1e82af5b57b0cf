use super::*;
use crate::host::sim::SimHost;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const DATA: &str = "/data";

fn machine() -> SimHost {
    let host = SimHost::new(1);
    host.create_dir(Path::new(DATA)).unwrap();
    host
}

fn enter(host: &dyn Host) -> (Presence, Company) {
    Presence::enter(host, Path::new(DATA)).unwrap()
}

fn leave(presence: Presence) -> bool {
    let mut was_last = false;
    presence
        .leave(|_| {
            was_last = true;
            Ok(())
        })
        .unwrap();
    was_last
}

#[test]
fn the_first_one_in_and_the_last_one_out_are_alone() {
    let host = machine();
    let (first, company) = enter(&host);
    assert_eq!(company, Company::Alone);
    first.share().unwrap();
    let (second, company) = enter(&host.another_process());
    assert_eq!(company, Company::Others);
    assert!(!leave(first));
    assert!(leave(second));
    let (third, company) = enter(&host);
    assert_eq!(company, Company::Alone);
    third.share().unwrap();
    assert!(leave(third));
}

#[test]
fn others_wait_until_the_first_one_has_recovered() {
    let host = machine();
    let (first, _) = enter(&host);
    let has_recovered = &AtomicBool::new(false);
    thread::scope(|scope| {
        let other = host.another_process();
        let waiting = scope.spawn(move || {
            let (second, company) = enter(&other);
            assert!(has_recovered.load(Ordering::SeqCst));
            assert_eq!(company, Company::Others);
            leave(second)
        });
        thread::sleep(Duration::from_millis(30));
        assert!(!waiting.is_finished());
        has_recovered.store(true, Ordering::SeqCst);
        first.share().unwrap();
        assert!(!waiting.join().unwrap());
    });
    assert!(leave(first));
}

#[test]
fn a_tool_that_was_killed_does_not_hold_the_others_up() {
    let host = machine();
    let (_first, _) = enter(&host);
    let host = host.process_kill();
    let (second, company) = enter(&host);
    assert_eq!(company, Company::Alone);
    second.share().unwrap();
    assert!(leave(second));
}

/// Whoever is alone really is, however many come and go.
#[test]
fn many_tools_come_and_go() {
    let host = machine();
    let (alone, inside) = (AtomicBool::new(false), AtomicUsize::new(0));
    let counts = Mutex::new((0, 0));
    thread::scope(|scope| {
        for _ in 0..8 {
            let host = host.another_process();
            let (alone, inside, counts) = (&alone, &inside, &counts);
            scope.spawn(move || {
                for _ in 0..25 {
                    let (presence, company) = enter(&host);
                    if company == Company::Alone {
                        assert!(!alone.swap(true, Ordering::SeqCst));
                        assert_eq!(inside.load(Ordering::SeqCst), 0);
                        counts.lock().unwrap().0 += 1;
                        alone.store(false, Ordering::SeqCst);
                        inside.fetch_add(1, Ordering::SeqCst);
                        presence.share().unwrap();
                    } else {
                        inside.fetch_add(1, Ordering::SeqCst);
                    }
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    let finish = |_: &Presence| {
                        assert!(!alone.swap(true, Ordering::SeqCst));
                        assert_eq!(inside.load(Ordering::SeqCst), 0);
                        counts.lock().unwrap().1 += 1;
                        alone.store(false, Ordering::SeqCst);
                        Ok(())
                    };
                    presence.leave(finish).unwrap();
                }
            });
        }
    });
    let (first, last) = counts.into_inner().unwrap();
    assert!(first > 0);
    assert_eq!(first, last);
}

#[test]
fn who_waits_while_a_server_recovers_is_told_of_it() {
    let host = machine();
    let (server, company) = enter(&host);
    assert_eq!(company, Company::Alone);
    thread::scope(|scope| {
        let other = host.another_process();
        let waiting = scope.spawn(move || Presence::enter(&other, Path::new(DATA)).map(|_| ()));
        thread::sleep(Duration::from_millis(30));
        assert!(!waiting.is_finished());
        server.hold().unwrap();
        let outcome = waiting.join().unwrap();
        assert!(matches!(outcome, Err(LogError::Locked { .. })));
    });
    assert!(leave(server));
}

#[test]
fn a_server_keeps_everyone_out_and_a_tool_keeps_a_server_out() {
    let host = machine();
    let path = Path::new(DATA).join(LOCK);
    let other = host.another_process();
    let server = other.open(&path, Open::Create).unwrap();
    let lock = || {
        server
            .lock(LockRange::WHOLE, Lock::Exclusive, Wait::No)
            .unwrap()
    };
    assert!(!Presence::is_served(&host, Path::new(DATA)));
    assert!(lock());
    assert!(Presence::is_served(&host, Path::new(DATA)));
    let outcome = Presence::enter(&host, Path::new(DATA)).map(|_| ());
    assert!(matches!(outcome, Err(LogError::Locked { .. })));

    server.unlock(LockRange::WHOLE).unwrap();
    let (tool, company) = enter(&host);
    assert_eq!(company, Company::Alone);
    assert!(!lock());
    tool.share().unwrap();
    assert!(!lock());
    assert!(!Presence::is_served(&host, Path::new(DATA)));
    assert!(leave(tool));
    assert!(lock());
}

#[test]
fn notes_are_read_back_and_forgotten() {
    let host = machine();
    let (presence, _) = enter(&host);
    assert_eq!(presence.notes().unwrap(), Notes::default());
    let name = TopicPartition::new("with-dash.and_more", 12);
    presence.note(&name).unwrap();
    presence.note(&name).unwrap();
    presence.note_producer(ProducerId::new(7)).unwrap();
    let notes = presence.notes().unwrap();
    assert!(notes.same_boot);
    assert_eq!(notes.partitions, BTreeSet::from([name]));
    assert_eq!(notes.producers, BTreeSet::from([ProducerId::new(7)]));
    presence.forget().unwrap();
    assert_eq!(presence.notes().unwrap(), Notes::default());
}

#[test]
fn torn_notes_and_those_of_another_boot_are_not_of_this_one() {
    let host = machine();
    let (presence, _) = enter(&host);
    presence.note(&TopicPartition::new("a", 0)).unwrap();
    presence.note(&TopicPartition::new("b", 1)).unwrap();
    let path = Path::new(DATA).join(LOCK);
    let whole = host.read(&path, 1000).unwrap();
    let file = host.open(&path, Open::Write).unwrap();
    let lines: Vec<usize> = memchr::memchr_iter(b'\n', &whole).collect();
    for length in 0..whole.len() {
        file.set_len(0).unwrap();
        file.write_at(&whole[..length], 0).unwrap();
        let notes = presence.notes().unwrap();
        let is_whole = lines.iter().any(|at| at + 1 == length);
        assert_eq!(notes.same_boot, is_whole, "{length}");
    }
    // A line that was never finished swallows what stands behind it.
    file.set_len(0).unwrap();
    file.write_at(&whole[..lines[0] + 3], 0).unwrap();
    presence.note(&TopicPartition::new("c", 2)).unwrap();
    assert!(!presence.notes().unwrap().same_boot);
    file.set_len(0).unwrap();
    let boot = host.boot_id().unwrap();
    file.write_at(format!("{boot} a-1").as_bytes(), 0).unwrap();
    presence.note(&TopicPartition::new("c", 2)).unwrap();
    assert!(!presence.notes().unwrap().same_boot);
    // Zeros, as a power cut leaves them.
    file.set_len(0).unwrap();
    file.set_len(64).unwrap();
    assert!(!presence.notes().unwrap().same_boot);

    file.set_len(0).unwrap();
    file.write_at(&whole, 0).unwrap();
    file.sync().unwrap();
    host.sync_dir(Path::new(DATA)).unwrap();
    host.sync_dir(Path::new("/")).unwrap();
    assert!(presence.notes().unwrap().same_boot);
    let (presence, company) = enter(&host.power_cut(5));
    assert_eq!(company, Company::Alone);
    let notes = presence.notes().unwrap();
    assert!(!notes.same_boot);
    assert!(notes.partitions.is_empty());
}
