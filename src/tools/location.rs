//! The one argument that says where records are: a data directory, a topic in
//! it, or one partition directory.
//!
//! ```text
//! DATA              a Kafka log directory
//! DATA/TOPIC        a topic; DATA is created by the first `produce`
//! DATA/TOPIC-P      a partition directory, where it exists
//! kafka://HOST:PORT[,HOST:PORT]/TOPIC   a running server: see `server`
//! ```
//!
//! What exists decides, in this order:
//!
//! 1. A directory with `meta.properties` or `__cluster_metadata-0` is DATA.
//! 2. A directory named `TOPIC-P` that holds a partition's files, or lies in
//!    DATA, is that partition, also where a topic of the name `TOPIC-P` exists.
//! 3. A directory that holds partition directories is DATA without metadata.
//! 4. An empty directory is DATA to be filled, unless it lies in DATA.
//! 5. Any other directory is foreign, and a file is a mistake: both are refused.
//! 6. A path that does not exist is a topic if the directory above it is DATA,
//!    empty or missing; otherwise it is DATA to be created.
//!
//! A path `DATA/TOPIC-P` that does not exist, while TOPIC does, is a topic by
//! rule 6; [`Directory::resembles`] lets a tool that would create it ask first.
//! Nothing is touched here.

use super::error::{Result, ToolError};
use crate::format::topic_name;
use crate::format::types::PartitionId;
use crate::host::{Entry, Host, Kind};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A place for records in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The data directory.
    pub data: PathBuf,
    /// What in it is meant.
    pub target: Target,
    /// What there is so far.
    pub state: State,
    /// For a topic that does not exist and whose name reads like a partition of
    /// one that does: that topic and partition.
    pub resembles: Option<(String, PartitionId)>,
}

/// What in a data directory is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The data directory as a whole.
    Data,
    /// One topic. Whether it exists is not known yet.
    Topic(String),
    /// One partition directory, which exists.
    Partition(String, PartitionId),
}

/// What there is at a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A data directory with its `meta.properties` or metadata log.
    Ready,
    /// Partition directories without the files of a data directory around them.
    Bare,
    /// Nothing yet, or an empty directory.
    New,
}

impl Directory {
    /// Finds out what a location means. Looks at names only, and changes nothing.
    pub fn find(text: &str, host: &dyn Host) -> Result<Self> {
        if let Some((scheme, _)) = text.split_once("://")
            && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
        {
            return Err(refuse_url(text, scheme));
        }
        if text.is_empty() {
            return Err(ToolError::usage(
                "the location is empty: expected DATA, DATA/TOPIC or DATA/TOPIC-P",
            ));
        }
        let path = plain_path(text)?;
        match entries(&path, host)? {
            Some(entries) => Self::existing(&path, &entries, host),
            None => Self::missing(&path, host),
        }
    }

    fn existing(path: &Path, entries: &[Entry], host: &dyn Host) -> Result<Self> {
        let directory = |data: &Path, target, state| Self {
            data: data.to_path_buf(),
            target,
            state,
            resembles: None,
        };
        if is_data(entries) {
            return Ok(directory(path, Target::Data, State::Ready));
        }
        let above = parent(path);
        let above_is_data = is_data(&entries_of_parent(above, host));
        if let Some((topic, partition)) = partition_name(&file_name(path))
            && (above_is_data || is_partition(entries))
        {
            let state = if above_is_data {
                State::Ready
            } else {
                State::Bare
            };
            return Ok(directory(
                above,
                Target::Partition(topic.to_owned(), partition),
                state,
            ));
        }
        if above_is_data {
            return Err(ToolError::failed(format!(
                "{}: expected a topic, a partition directory or a data directory, found a \
                 directory inside the data directory {} that Kafka does not know",
                path.display(),
                above.display()
            ))
            .hint("Kafka refuses to start on a data directory with such a directory in it; move it away"));
        }
        if entries
            .iter()
            .any(|entry| is_partition_entry(path, entry, host))
        {
            return Ok(directory(path, Target::Data, State::Bare));
        }
        if is_new(entries) {
            return Ok(directory(path, Target::Data, State::New));
        }
        Err(foreign(path, entries))
    }

    fn missing(path: &Path, host: &dyn Host) -> Result<Self> {
        let above = parent(path);
        let name = file_name(path);
        let state = match entries(above, host)? {
            None => match entries(parent(above), host)? {
                None => {
                    return Err(ToolError::failed(format!(
                        "{}: no such directory, and neither is {}",
                        path.display(),
                        parent(above).display()
                    ))
                    .hint(format!("mkdir -p {}", above.display())));
                }
                Some(entries) if is_data(&entries) => {
                    return Err(inside_data(path, parent(above)));
                }
                Some(_) => State::New,
            },
            Some(entries) if is_data(&entries) => State::Ready,
            Some(_) if is_data(&entries_of_parent(parent(above), host)) => {
                return Err(inside_data(path, parent(above)));
            }
            Some(entries) if is_new(&entries) => State::New,
            Some(entries)
                if entries
                    .iter()
                    .any(|entry| is_partition_entry(above, entry, host)) =>
            {
                State::Bare
            }
            Some(_) => {
                return Ok(Self {
                    data: path.to_path_buf(),
                    target: Target::Data,
                    state: State::New,
                    resembles: None,
                });
            }
        };
        topic_name::check(&name).map_err(|error| ToolError::usage(error.to_string()))?;
        let resembles = partition_name(&name)
            .filter(|(topic, _)| {
                let siblings = entries_of_parent(above, host);
                siblings.iter().any(|entry| {
                    partition_name(&entry.name.to_string_lossy())
                        .is_some_and(|(other, _)| other == *topic)
                })
            })
            .map(|(topic, partition)| (topic.to_owned(), partition));
        Ok(Self {
            data: above.to_path_buf(),
            target: Target::Topic(name),
            state,
            resembles,
        })
    }

    /// The topic that is meant, for tools that need one.
    pub fn topic(&self) -> Result<&str> {
        match &self.target {
            Target::Topic(topic) | Target::Partition(topic, _) => Ok(topic),
            Target::Data => {
                let data = self.data.display();
                let found = match self.state {
                    State::Ready | State::Bare => format!("the data directory {data}"),
                    State::New => format!(
                        "{data}, which is not there yet, in {}, which is no Kafka data directory",
                        parent(&self.data).display()
                    ),
                };
                Err(ToolError::usage(format!(
                    "the location names no topic: expected DATA/TOPIC, found {found}"
                ))
                .hint(match self.state {
                    State::New => format!("give a topic in it, such as {data}/TOPIC"),
                    _ => format!(
                        "give a topic in it, such as {data}/TOPIC; `ottla topics {data}` lists them"
                    ),
                }))
            }
        }
    }

    /// The topic, where one is named.
    pub fn named_topic(&self) -> Option<&str> {
        match &self.target {
            Target::Topic(topic) | Target::Partition(topic, _) => Some(topic),
            Target::Data => None,
        }
    }

    /// The partition, where the location is one partition's directory.
    pub const fn partition(&self) -> Option<PartitionId> {
        match &self.target {
            Target::Partition(_, partition) => Some(*partition),
            _ => None,
        }
    }

    /// An error if there is nothing to read yet.
    pub fn must_exist(&self) -> Result<()> {
        match self.state {
            State::Ready | State::Bare => Ok(()),
            State::New => Err(ToolError::failed(format!(
                "{}: expected a Kafka data directory, found {}",
                self.data.display(),
                "nothing in it, or no such directory"
            ))
            .hint(format!(
                "`ottla produce {}/TOPIC` creates one",
                self.data.display()
            ))),
        }
    }

    /// An error if creating the topic would rather be a mistyped partition.
    pub fn must_not_resemble_a_partition(&self) -> Result<()> {
        match &self.resembles {
            None => Ok(()),
            Some((topic, partition)) => Err(ToolError::failed(format!(
                "{self}: topic `{topic}` has no partition {partition}, and there is no topic \
                 `{topic}-{partition}`"
            ))
            .hint(format!(
                "`ottla topics {self} --create` creates a topic of that name"
            ))),
        }
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Data => self.data.display().fmt(f),
            Target::Topic(topic) => self.data.join(topic).display().fmt(f),
            Target::Partition(topic, partition) => self
                .data
                .join(format!("{topic}-{partition}"))
                .display()
                .fmt(f),
        }
    }
}

/// The topic and partition of a directory name `TOPIC-P`.
pub fn partition_name(name: &str) -> Option<(&str, PartitionId)> {
    let (topic, digits) = name.rsplit_once('-')?;
    let canonical = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    let partition = digits.parse().ok().filter(|_| canonical)?;
    (topic_name::check(topic).is_ok()).then_some((topic, PartitionId::new(partition)))
}

fn refuse_url(text: &str, scheme: &str) -> ToolError {
    if scheme != "kafka" {
        return ToolError::usage(format!(
            "{text}: expected a directory or kafka://HOST:PORT/TOPIC, found the scheme `{scheme}`"
        ));
    }
    ToolError::usage(format!("{text}: expected a directory, found a server"))
        .hint("give the server's data directory (its log.dirs)")
}

/// Without slashes at the end, and with a last component that is a name.
fn plain_path(text: &str) -> Result<PathBuf> {
    let path: PathBuf = Path::new(text).components().collect();
    if path.file_name().is_some() {
        return Ok(path);
    }
    std::path::absolute(&path).map_err(|error| ToolError::failed(format!("{text}: {error}")))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// `None` where nothing is there; a file is an error.
fn entries(path: &Path, host: &dyn Host) -> Result<Option<Vec<Entry>>> {
    match host.stat(path) {
        Ok(stat) if stat.kind == Kind::Directory => {}
        Ok(_) => return Err(a_file(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(a_file(parent(path)));
        }
        Err(error) => return Err(ToolError::failed(format!("{}: {error}", path.display()))),
    }
    host.list(path)
        .map(Some)
        .map_err(|error| ToolError::failed(format!("cannot list {}: {error}", path.display())))
}

fn entries_of_parent(path: &Path, host: &dyn Host) -> Vec<Entry> {
    host.list(path).unwrap_or_default()
}

/// Whether nothing is there, or what a tool that was killed at once has left.
fn is_new(entries: &[Entry]) -> bool {
    entries.iter().all(|entry| entry.name == ".lock")
}

fn is_data(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| match entry.kind {
        Kind::File => entry.name == "meta.properties",
        Kind::Directory => entry.name == "__cluster_metadata-0",
        Kind::Other => false,
    })
}

fn is_partition(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| {
        let name = entry.name.to_string_lossy();
        let segment = |stem: &str| stem.len() == 20 && stem.bytes().all(|b| b.is_ascii_digit());
        entry.kind == Kind::File
            && (name == "partition.metadata"
                || name == "leader-epoch-checkpoint"
                || name.strip_suffix(".log").is_some_and(segment))
    })
}

fn is_partition_entry(above: &Path, entry: &Entry, host: &dyn Host) -> bool {
    entry.kind == Kind::Directory
        && partition_name(&entry.name.to_string_lossy()).is_some()
        && is_partition(&entries_of_parent(&above.join(&entry.name), host))
}

fn a_file(path: &Path) -> ToolError {
    ToolError::failed(format!(
        "{}: expected a directory (DATA, DATA/TOPIC or DATA/TOPIC-P), found a file",
        path.display()
    ))
    .hint("to read a segment file by itself, give its partition directory")
}

fn inside_data(path: &Path, data: &Path) -> ToolError {
    ToolError::failed(format!(
        "{}: expected DATA/TOPIC, found a path two levels below the data directory {}",
        path.display(),
        data.display()
    ))
    .hint("topic names have no slashes")
}

fn foreign(path: &Path, entries: &[Entry]) -> ToolError {
    let mut names: Vec<_> = entries
        .iter()
        .map(|entry| entry.name.to_string_lossy())
        .collect();
    names.sort();
    let more = if names.len() > 3 { ", …" } else { "" };
    names.truncate(3);
    ToolError::failed(format!(
        "{}: expected a Kafka data directory (meta.properties, partition directories) or an empty \
         one, found a directory with other files ({}{more})",
        path.display(),
        names.join(", ")
    ))
    .hint(format!(
        "give a directory of its own, such as {}",
        path.join("kafka").display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::real::RealHost;
    use std::fs;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            if path.extension().is_some() || path.ends_with("file") {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, b"x").unwrap();
            } else {
                fs::create_dir_all(path).unwrap();
            }
        }
        root
    }

    fn find(root: &tempfile::TempDir, path: &str) -> Result<Directory> {
        let path = root.path().join(path);
        Directory::find(path.to_str().unwrap(), &RealHost)
    }

    fn topic(name: &str) -> Target {
        Target::Topic(name.to_owned())
    }

    const LOG: &str = "00000000000000000000.log";

    #[test]
    fn what_exists_decides() {
        let root = tree(&[
            "data/meta.properties",
            "data/a-0",
            "data/a-1",
            "empty",
            "bare/b-7",
        ]);
        fs::write(root.path().join("bare/b-7").join(LOG), b"").unwrap();
        let at = |path: &str| root.path().join(path);

        let found = find(&root, "data").unwrap();
        assert_eq!((found.target, found.state), (Target::Data, State::Ready));
        let found = find(&root, "data/a").unwrap();
        assert_eq!((&found.data, found.target), (&at("data"), topic("a")));
        let found = find(&root, "data/a-1/").unwrap();
        assert_eq!(
            found.target,
            Target::Partition("a".into(), PartitionId::new(1))
        );
        let found = find(&root, "empty").unwrap();
        assert_eq!((found.target, found.state), (Target::Data, State::New));
        let found = find(&root, "empty/t").unwrap();
        assert_eq!((found.data, found.target), (at("empty"), topic("t")));
        let found = find(&root, "bare").unwrap();
        assert_eq!((found.target, found.state), (Target::Data, State::Bare));
        let found = find(&root, "bare/b-7").unwrap();
        assert_eq!(
            found.target,
            Target::Partition("b".into(), PartitionId::new(7))
        );
        let found = find(&root, "new/t").unwrap();
        assert_eq!(
            (found.data, found.target, found.state),
            (at("new"), topic("t"), State::New)
        );
        let found = find(&root, "new").unwrap();
        assert_eq!((found.data, found.target), (at("new"), Target::Data));
    }

    #[test]
    fn a_mistyped_partition_is_noticed_before_a_topic_is_created() {
        let root = tree(&["data/meta.properties", "data/a-0", "data/odd-name-0"]);
        let found = find(&root, "data/a-9").unwrap();
        assert_eq!(found.target, topic("a-9"));
        assert_eq!(found.resembles, Some(("a".into(), PartitionId::new(9))));
        assert!(found.must_not_resemble_a_partition().is_err());
        assert_eq!(find(&root, "data/b-9").unwrap().resembles, None);
        assert_eq!(find(&root, "data/a-09").unwrap().resembles, None);
    }

    #[test]
    fn files_foreign_directories_and_deep_paths_are_refused() {
        let root = tree(&[
            "file",
            "home/notes.txt",
            "data/meta.properties",
            "data/a-0",
            "data/stray",
        ]);
        for (path, says) in [
            ("file", "found a file"),
            ("file/topic", "found a file"),
            ("home", "notes.txt"),
            ("data/stray", "does not know"),
            ("data/a/b", "two levels below"),
            ("data/a-0/b", "two levels below"),
            ("x/y/z", "no such directory"),
        ] {
            let error = find(&root, path).unwrap_err();
            assert_eq!(error.exit().code(), 1, "{path}");
            assert!(error.to_string().contains(says), "{path}: {error}");
        }
        let found = find(&root, "home/t").unwrap();
        assert!(
            found
                .topic()
                .unwrap_err()
                .to_string()
                .contains("/home/t/TOPIC")
        );
    }

    #[test]
    fn urls_are_understood_and_refused() {
        let host = RealHost;
        for (text, code, says) in [
            ("kafka://localhost:9092/clicks", 2, "expected a directory"),
            ("http://a:1/clicks", 2, "scheme `http`"),
            ("", 2, "empty"),
        ] {
            let error = Directory::find(text, &host).unwrap_err();
            assert_eq!(error.exit().code(), code, "{text}");
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn partition_names() {
        assert_eq!(
            partition_name("a-b-12"),
            Some(("a-b", PartitionId::new(12)))
        );
        assert_eq!(partition_name("a-012"), None);
        assert_eq!(partition_name("a-99999999999"), None);
    }
}
