//! What `inspect` and `repair` are pointed at. Unlike [`Directory`], which serves
//! tools that rely on the metadata, a site is found from names alone, so that a
//! directory whose metadata is damaged or lost can be looked at.
//!
//! ```text
//! DATA                            a data directory
//! DATA/TOPIC                      every partition directory of a topic
//! DATA/TOPIC-P                    one partition directory
//! DATA/TOPIC-P/<file>             one file of a segment, or any file of the formats
//! ```
//!
//! [`Directory`]: crate::tools::location::Directory

use crate::host::{Host, Kind};
use crate::log::layout::{METADATA_TOPIC, TopicPartition};
use crate::tools::error::{Result, ToolError};
use crate::tools::location::{Directory, State, Target};
use std::fmt;
use std::path::{Path, PathBuf};

/// A place to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The data directory; the directory above the partition's where there is none.
    pub data: PathBuf,
    /// What in it is meant.
    pub scope: Scope,
    /// Whether `data` has the files of a data directory, not only partitions.
    pub is_data: bool,
}

/// What in a data directory is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Data,
    /// The partitions of a topic.
    Topic(String),
    /// One partition.
    Partition(TopicPartition),
    /// One file.
    File(PathBuf),
}

impl Site {
    /// Finds out what a location means. Looks at names only.
    ///
    /// # Errors
    /// Where nothing is there, or nothing of Kafka's.
    pub fn find(text: &str, host: &dyn Host) -> Result<Self> {
        let path = Path::new(text);
        let is_file = host.stat(path).is_ok_and(|stat| stat.kind == Kind::File);
        if is_file {
            return Ok(Self::of_file(path, host));
        }
        let found = Directory::find(text, host)?;
        found.must_exist()?;
        let scope = match found.target {
            Target::Data => Scope::Data,
            Target::Topic(topic) => Scope::Topic(topic),
            Target::Partition(topic, partition) => {
                Scope::Partition(TopicPartition::new(topic, partition.get()))
            }
        };
        let site = Self {
            data: found.data,
            scope,
            is_data: found.state == State::Ready,
        };
        if matches!(site.scope, Scope::Topic(_)) && site.partitions(host)?.is_empty() {
            return Err(ToolError::failed(format!(
                "{site}: no such file or directory, and no partition directory of such a topic"
            ))
            .hint(format!(
                "`ottla inspect {}` lists what is there",
                site.data.display()
            )));
        }
        Ok(site)
    }

    fn of_file(path: &Path, host: &dyn Host) -> Self {
        let directory = path.parent().unwrap_or(Path::new("."));
        let above = directory.parent().unwrap_or(Path::new("."));
        let is_data = |directory: &Path| {
            host.stat(&directory.join("meta.properties")).is_ok()
                || host
                    .stat(&directory.join(format!("{METADATA_TOPIC}-0")))
                    .is_ok()
        };
        let data = if is_data(directory) { directory } else { above };
        Self {
            data: data.to_owned(),
            scope: Scope::File(path.to_owned()),
            is_data: is_data(data),
        }
    }

    /// The partition directories that are meant, in order of topic and number. Those
    /// on their way out or in (`-delete`, `-future`, `-stray`) are none.
    ///
    /// # Errors
    /// Where the directory cannot be listed.
    pub fn partitions(&self, host: &dyn Host) -> Result<Vec<(TopicPartition, PathBuf)>> {
        let wanted = |name: &TopicPartition| match &self.scope {
            Scope::Data => true,
            Scope::Topic(topic) => name.topic == *topic,
            Scope::Partition(partition) => name == partition,
            Scope::File(_) => false,
        };
        let entries = host.list(&self.data).map_err(|error| {
            ToolError::failed(format!("cannot list {}: {error}", self.data.display()))
        })?;
        let mut found: Vec<_> = entries
            .iter()
            .filter(|entry| entry.kind == Kind::Directory)
            .filter_map(|entry| {
                let name = TopicPartition::from_directory(entry.name.to_str()?)?;
                wanted(&name).then(|| (name, self.data.join(&entry.name)))
            })
            .collect();
        found.sort();
        Ok(found)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Data => self.data.display().fmt(f),
            Scope::Topic(topic) => self.data.join(topic).display().fmt(f),
            Scope::Partition(partition) => self.data.join(partition.to_string()).display().fmt(f),
            Scope::File(path) => path.display().fmt(f),
        }
    }
}
