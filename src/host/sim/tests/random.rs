//! Random sequences of operations: the simulated machine against a trivial model of
//! what a power cut may do, and against the real host.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Open(usize, Open),
    Write(usize, u64, usize, u8),
    SetLen(usize, u64),
    Read(usize, u64, usize),
    Sync(usize),
    SyncDir(usize),
    CreateDir(usize),
    Rename(usize, usize),
    RemoveFile(usize),
    RemoveDir(usize),
    List(usize),
    Stat(usize),
}

const PATHS: [&str; 8] = ["a", "b", "d", "d/a", "d/b", "d/e", "d/e/a", "missing/a"];

fn any_step() -> impl Strategy<Value = Step> {
    let name = || 0..PATHS.len();
    let how = prop_oneof![
        1 => Just(Open::Write),
        3 => Just(Open::Create),
        1 => Just(Open::CreateNew),
        1 => Just(Open::Truncate)
    ];
    let length = || prop_oneof![0u64..2000, 0u64..20_000];
    prop_oneof![
        4 => (name(), how).prop_map(|(a, how)| Step::Open(a, how)),
        6 => (name(), length(), 0usize..6000, 1u8..).prop_map(|(a, p, n, b)| Step::Write(a, p, n, b)),
        2 => (name(), length()).prop_map(|(a, n)| Step::SetLen(a, n)),
        2 => (name(), length(), 0usize..9000).prop_map(|(a, p, n)| Step::Read(a, p, n)),
        2 => name().prop_map(Step::Sync),
        2 => name().prop_map(Step::SyncDir),
        2 => name().prop_map(Step::CreateDir),
        3 => (name(), name()).prop_map(|(a, b)| Step::Rename(a, b)),
        1 => name().prop_map(Step::RemoveFile),
        1 => name().prop_map(Step::RemoveDir),
        1 => name().prop_map(Step::List),
        1 => name().prop_map(Step::Stat),
    ]
}

/// Does a step; what came of it, with errors as the system's numbers.
fn run(host: &dyn Host, root: &Path, step: &Step) -> Result<String, Option<i32>> {
    let at = |index: &usize| root.join(PATHS[*index]);
    let write = |index| host.open(&at(index), Open::Write);
    let done = |()| String::new();
    let result = match step {
        Step::Open(a, how) => host
            .open(&at(a), *how)
            .and_then(|file| Ok(file.len()?.to_string())),
        Step::Write(a, position, count, byte) => write(a)
            .and_then(|file| file.write_at(&vec![*byte; *count], *position))
            .map(done),
        Step::SetLen(a, length) => write(a).and_then(|file| file.set_len(*length)).map(done),
        Step::Read(a, position, count) => write(a).and_then(|file| {
            let mut buffer = vec![0; *count];
            let read = file.read_at(&mut buffer, *position)?;
            Ok(format!("{:?}", &buffer[..read]))
        }),
        Step::Sync(a) => write(a).and_then(|file| file.sync()).map(done),
        // The real host can sync the name of a file; a directory is what is meant.
        Step::SyncDir(a) => match host.stat(&at(a)) {
            Ok(Stat {
                kind: Kind::File, ..
            }) => Ok(String::new()),
            _ => host.sync_dir(&at(a)).map(done),
        },
        Step::CreateDir(a) => host.create_dir(&at(a)).map(done),
        Step::Rename(a, b) => host.rename(&at(a), &at(b)).map(done),
        Step::RemoveFile(a) => host.remove_file(&at(a)).map(done),
        Step::RemoveDir(a) => host.remove_dir(&at(a)).map(done),
        Step::List(a) => host.list(&at(a)).map(|mut entries| {
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            format!("{entries:?}")
        }),
        Step::Stat(a) => host
            .stat(&at(a))
            .map(|stat| format!("{:?} {}", stat.kind, stat.length)),
    };
    result.map_err(|error| error.raw_os_error())
}

/// Bytes and names that must be there after a cut, and what may be there.
#[derive(Default)]
struct Promised {
    /// Everything that a file's cache held since its last sync, that included.
    versions: Vec<Vec<u8>>,
}

proptest! {
    #[test]
    fn the_real_host_does_the_same(steps in prop::collection::vec(any_step(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let sim = SimHost::new(1);
        for step in &steps {
            let real = run(&RealHost, directory.path(), step);
            let simulated = run(&sim, Path::new("/"), step);
            prop_assert_eq!(&real, &simulated, "{:?}", step);
        }
    }

    /// One file, writes and syncs at random: what a cut leaves is made of bytes that
    /// were there since the last sync, or zeros.
    #[test]
    fn a_cut_invents_nothing(steps in prop::collection::vec(any_step(), 1..40), seed: u64) {
        let host = SimHost::new(seed);
        let file = durable(&host, "a", b"");
        let mut promised = Promised { versions: vec![Vec::new()] };
        for step in &steps {
            match step {
                Step::Write(_, position, count, byte) => {
                    file.write_at(&vec![*byte; *count], *position).unwrap();
                }
                Step::SetLen(_, length) => file.set_len(*length).unwrap(),
                Step::Sync(_) => {
                    file.sync().unwrap();
                    promised.versions.clear();
                }
                _ => continue,
            }
            promised.versions.push(bytes_of(&host, "a").unwrap());
            let left = bytes_of(&host.power_cut(seed), "a").unwrap();
            let versions = &promised.versions;
            prop_assert!(versions.iter().any(|version| version.len() == left.len()));
            for (at, byte) in left.iter().enumerate() {
                let is_known = versions.iter().any(|version| version.get(at) == Some(byte));
                prop_assert!(is_known || *byte == 0, "byte {} is {}", at, byte);
            }
            if let [only] = versions.as_slice() {
                prop_assert_eq!(&left, only);
            }
        }
    }

    /// Names and bytes that nothing touched since their syncs are there.
    #[test]
    fn a_cut_takes_nothing_durable(steps in prop::collection::vec(any_step(), 1..60), seed: u64) {
        let host = SimHost::new(seed);
        for step in &steps {
            let _ = run(&host, Path::new("/"), step);
        }
        let everything = host.tree();
        let directories = everything.iter().filter(|(_, bytes)| bytes.is_none());
        let directories: Vec<_> = directories.map(|(path, _)| path.clone()).collect();
        for file in everything.keys().filter(|path| !directories.contains(path)) {
            host.open(file, Open::Read).unwrap().sync().unwrap();
        }
        for directory in directories.iter().chain([&path("")]) {
            host.sync_dir(directory).unwrap();
        }
        prop_assert_eq!(&host.power_cut(seed).tree(), &everything);
        // What happens from here on touches `a` only.
        host.open(&path("a"), Open::Truncate).and_then(|file| file.write_at(b"new", 0)).ok();
        let mut left = host.power_cut(!seed).tree();
        let mut expected = everything;
        left.remove(&path("a"));
        expected.remove(&path("a"));
        if !directories.contains(&path("a")) {
            prop_assert_eq!(left, expected);
        }
    }

    /// A recorded log does the same again, cut by cut; a fork is a copy.
    #[test]
    fn a_log_replays(steps in prop::collection::vec(any_step(), 1..60), seed: u64) {
        let host = SimHost::new(seed);
        host.record();
        for (index, step) in steps.iter().enumerate() {
            if index % 7 == 3 {
                host.fail(Fault::on(Call::Sync, Failure::Io));
                host.fail(Fault::on(Call::SyncDir, Failure::Io));
                host.fail(Fault::on(Call::Write, Failure::NoSpace).after_bytes(100));
            }
            let _ = run(&host, Path::new("/"), step);
        }
        let again = SimHost::new(seed);
        for op in host.recorded() {
            again.apply(&op).unwrap();
        }
        prop_assert_eq!(again.tree(), host.tree());
        prop_assert_eq!(again.mutations(), host.mutations());
        for cut in 0..5 {
            prop_assert_eq!(again.power_cut(cut).tree(), host.power_cut(cut).tree());
            prop_assert_eq!(host.fork().power_cut(cut).tree(), host.power_cut(cut).tree());
        }
    }
}
