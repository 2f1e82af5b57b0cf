//! `ottla inspect diff`: what differs between two directories, topics, partitions or
//! segments, down to the records, and where two logs part.

mod print;

use super::site::{Scope, Site};
use crate::format::Uuid;
use crate::host::{Host, Kind};
use crate::log::diff::{Log, LogDiff, compare, same_bytes};
use crate::log::layout::TopicPartition;
use crate::log::verify::Surroundings;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::DiffOptions;
use crate::tools::error::{Exit, Result, ToolError};
use crate::tools::progress::Progress;
use print::Printer;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Two partitions, or two files, that are held against each other.
struct Pair {
    /// What it is called: the partition's name on the left side, or the right's.
    name: String,
    sides: [Option<PathBuf>; 2],
}

/// What was found about a pair.
struct Compared {
    diff: LogDiff,
    /// Files beside the logs: those that differ, and those on one side alone.
    files: Vec<(String, Option<usize>)>,
}

/// A config or a topic's id that is not the same on both sides.
struct Setting {
    topic: String,
    name: String,
    values: [Option<String>; 2],
}

/// Does what the options say.
pub(super) fn run(options: &DiffOptions, host: &Arc<dyn Host>) -> Result<()> {
    let pairs = pairs(options, host)?;
    let settings = settings(options, host);
    let total = pairs
        .iter()
        .flat_map(|pair| pair.sides.iter().flatten())
        .map(|path| size(&**host, path))
        .sum();
    let mut progress = Progress::towards(host, options.quiet, total);
    let mut printer = Printer::new(options);
    printer.settings(&settings)?;
    let outcome = in_parallel(options, host, &pairs, &mut progress, &mut printer);
    progress.finish();
    outcome?;
    printer.end()?;
    let (left, right) = (&options.left, &options.right);
    if printer.damaged > 0 {
        return Err(ToolError::damage(format!(
            "{left} and {right}: {} batches could not be read",
            printer.damaged
        ))
        .hint(format!(
            "`ottla inspect verify {left}` tells more, and of {right}"
        )));
    }
    if printer.differing > 0 {
        return Err(ToolError::new(
            Exit::Failed,
            format!("{left} and {right} differ"),
        ));
    }
    Ok(())
}

/// Compares on all cores, and prints in order.
fn in_parallel(
    options: &DiffOptions,
    host: &Arc<dyn Host>,
    pairs: &[Pair],
    progress: &mut Progress,
    printer: &mut Printer<'_>,
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (next, read) = (AtomicUsize::new(0), AtomicU64::new(0));
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pairs.len()) {
            let send = send.clone();
            let (next, read) = (&next, &read);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(pair) = pairs.get(at) else {
                        break;
                    };
                    let count = |bytes| {
                        read.fetch_add(bytes, Ordering::Relaxed);
                    };
                    let compared = one(options, host, pair, &count);
                    if send.send((at, compared)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut waiting = BTreeMap::new();
        let mut turn = 0;
        while turn < pairs.len() {
            match receive.recv_timeout(Duration::from_millis(100)) {
                Ok((at, compared)) => {
                    waiting.insert(at, compared);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            progress.advance(read.swap(0, Ordering::Relaxed));
            while let Some(compared) = waiting.remove(&turn) {
                let compared = compared?;
                progress.aside(|| printer.pair(&pairs[turn], &compared))?;
                turn += 1;
            }
        }
        Ok(())
    })
}

fn one(
    options: &DiffOptions,
    host: &Arc<dyn Host>,
    pair: &Pair,
    progress: &dyn Fn(u64),
) -> Result<Compared> {
    let logs = [log(&**host, &pair.sides[0])?, log(&**host, &pair.sides[1])?];
    let diff = compare(host, [&logs[0], &logs[1]], progress)?;
    let mut files = Vec::new();
    if let ([Some(left), Some(right)], true) = (&pair.sides, options.all) {
        files = files_beside(&**host, left, right)?;
    }
    Ok(Compared { diff, files })
}

fn log(host: &dyn Host, side: &Option<PathBuf>) -> Result<Log> {
    Ok(match side {
        None => Log::default(),
        Some(path) if is_directory(host, path) => Log::of_partition(host, path)?,
        Some(path) => Log::of_file(path),
    })
}

/// The files of two directories that are no logs, where they are not the same.
fn files_beside(
    host: &dyn Host,
    left: &Path,
    right: &Path,
) -> Result<Vec<(String, Option<usize>)>> {
    let names = |directory: &Path| -> BTreeSet<String> {
        let entries = host.list(directory).unwrap_or_default();
        let names = entries
            .into_iter()
            .filter(|entry| entry.kind == Kind::File)
            .map(|entry| entry.name.to_string_lossy().into_owned());
        names.filter(|name| !name.ends_with(".log")).collect()
    };
    let (one, other) = (names(left), names(right));
    let mut found = Vec::new();
    for name in one.union(&other) {
        let difference = match (one.contains(name), other.contains(name)) {
            (true, false) => Some(0),
            (false, true) => Some(1),
            _ if same_bytes(host, &left.join(name), &right.join(name), &|_| {})? => continue,
            _ => None,
        };
        found.push((name.clone(), difference));
    }
    Ok(found)
}

/// Which partition or file is held against which.
fn pairs(options: &DiffOptions, host: &Arc<dyn Host>) -> Result<Vec<Pair>> {
    let (left, right) = (&options.left, &options.right);
    let single = |site: &Site| match &site.scope {
        Scope::File(path) => Some(path.clone()),
        Scope::Partition(name) => Some(site.data.join(name.to_string())),
        _ => None,
    };
    if let (Some(one), Some(other)) = (single(left), single(right)) {
        let is_directory = |path: &PathBuf| is_directory(&**host, path);
        if is_directory(&one) != is_directory(&other) {
            return Err(ToolError::usage(format!(
                "{left} and {right}: expected two partitions or two files, found one of each"
            )));
        }
        return Ok(vec![Pair {
            name: name_of(&one),
            sides: [Some(one), Some(other)],
        }]);
    }
    if single(left).is_some() || single(right).is_some() {
        return Err(ToolError::usage(format!(
            "{left} and {right}: expected two of the same kind: directories, topics, partitions or files"
        )));
    }
    // Topics may have other names on the two sides.
    let renamed = matches!(
        (&left.scope, &right.scope),
        (Scope::Topic(_), Scope::Topic(_))
    );
    let mut all: BTreeMap<TopicPartition, [Option<PathBuf>; 2]> = BTreeMap::new();
    for (side, site) in [left, right].into_iter().enumerate() {
        for (mut name, directory) in site.partitions(&**host)? {
            if let (true, Scope::Topic(topic)) = (renamed, &left.scope) {
                name.topic.clone_from(topic);
            }
            all.entry(name).or_default()[side] = Some(directory);
        }
    }
    let pair = |(name, sides): (TopicPartition, _)| Pair {
        name: name.to_string(),
        sides,
    };
    Ok(all.into_iter().map(pair).collect())
}

/// Topics' ids and configs that differ, where both sides have metadata.
fn settings(options: &DiffOptions, host: &Arc<dyn Host>) -> Vec<Setting> {
    let image = |site: &Site| Surroundings::read(host, &site.data, site.is_data).image;
    let (Some(left), Some(right)) = (image(&options.left), image(&options.right)) else {
        return Vec::new();
    };
    let wanted = |topic: &str| match &options.left.scope {
        Scope::Topic(name) => topic == name,
        Scope::Partition(name) => topic == name.topic,
        Scope::Data => true,
        Scope::File(_) => false,
    };
    let mut found = Vec::new();
    for (topic, one) in left.topics().iter().filter(|(topic, _)| wanted(topic)) {
        let Some(other) = right.topic(topic) else {
            continue;
        };
        let mut note = |name: &str, values: [Option<String>; 2]| {
            if values[0] != values[1] {
                found.push(Setting {
                    topic: topic.clone(),
                    name: name.to_owned(),
                    values,
                });
            }
        };
        let id = |id: Uuid| Some(id.to_string());
        note("topicId", [id(one.id), id(other.id)]);
        let configs: [BTreeMap<&str, &str>; 2] = [
            left.topic_configs(topic).collect(),
            right.topic_configs(topic).collect(),
        ];
        let names: BTreeSet<&str> = configs.iter().flat_map(|c| c.keys().copied()).collect();
        for name in names {
            let value = |side: usize| configs[side].get(name).map(|value| (*value).to_owned());
            note(name, [value(0), value(1)]);
        }
    }
    found
}

fn size(host: &dyn Host, path: &Path) -> u64 {
    if !is_directory(host, path) {
        return host.stat(path).map_or(0, |stat| stat.length);
    }
    let entries = host.list(path).unwrap_or_default();
    let logs = entries
        .iter()
        .map(|entry| path.join(&entry.name))
        .filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|log| host.stat(&log).map_or(0, |stat| stat.length))
        .sum()
}

fn is_directory(host: &dyn Host, path: &Path) -> bool {
    host.stat(path)
        .is_ok_and(|stat| stat.kind == Kind::Directory)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Whether JSON is wanted.
fn is_json(options: &DiffOptions) -> bool {
    options.output == DataFormat::Json
}
