//! A signed-off list of segments: what their bytes were at some time, so that any
//! change of what was there then is found, whoever made it and however valid it is.
//!
//! ```text
//! # ottla manifest
//! version: 1
//! cluster: <cluster id, or ->
//! <SHA-256>  <length>  <base offset>  <end offset>  <path>
//! …
//! end: <SHA-256 of all lines above>
//! ```
//!
//! A path is relative to the data directory. Length and end offset are those behind
//! the last whole batch: a segment that has grown since is unchanged.

use super::{Check, Events, Finding, Severity};
use crate::format::Offset;
use crate::host::{File, Host, Open};
use crate::log::error::{LogError, Result};
use crate::log::layout::TopicPartition;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much is hashed at once.
const CHUNK: usize = 256 << 10;
/// The most bytes of a manifest: some two million segments.
const MOST: u64 = 512 << 20;

/// A list of segments as they are, or were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Whose they are.
    pub cluster: Option<String>,
    /// By path.
    pub segments: BTreeMap<String, Listed>,
}

/// What a manifest says of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Of its first `length` bytes, in hexadecimal.
    pub hash: String,
    /// Up to behind its last whole batch.
    pub length: u64,
    /// What it is named after.
    pub base: Offset,
    /// The offset behind its last batch.
    pub end: Offset,
}

/// A segment that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Its file.
    pub path: PathBuf,
    /// Whose it is.
    pub partition: TopicPartition,
    /// Up to behind its last whole batch.
    pub length: u64,
    /// What it is named after.
    pub base: Offset,
    /// The offset behind its last batch.
    pub end: Offset,
}

/// Why a manifest cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadManifest {
    /// The line, from 1.
    pub line: usize,
    /// What it should be.
    pub expected: &'static str,
    /// What it is.
    pub found: String,
}

impl Manifest {
    /// Hashes segments, on all cores.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn of(
        host: &dyn Host,
        data: &Path,
        cluster: Option<String>,
        segments: &[Walked],
    ) -> Result<Self> {
        let hashes = hash_all(
            host,
            segments
                .iter()
                .map(|segment| (segment.path.as_path(), segment.length)),
        );
        let mut manifest = Self {
            cluster,
            ..Self::default()
        };
        for (segment, hash) in segments.iter().zip(hashes) {
            let listed = Listed {
                hash: hash?,
                length: segment.length,
                base: segment.base,
                end: segment.end,
            };
            manifest
                .segments
                .insert(relative(data, &segment.path), listed);
        }
        Ok(manifest)
    }

    /// As text.
    pub fn to_text(&self) -> String {
        let cluster = self.cluster.as_deref().unwrap_or("-");
        let mut text = format!("# ottla manifest\nversion: 1\ncluster: {cluster}\n");
        for (path, listed) in &self.segments {
            let Listed {
                hash,
                length,
                base,
                end,
            } = listed;
            let _ = writeln!(text, "{hash}  {length}  {base}  {end}  {path}");
        }
        let _ = writeln!(text, "end: {}", hex(&Sha256::digest(&text)));
        text
    }

    /// From text.
    ///
    /// # Errors
    /// Where a line makes no sense, or the last one is not the hash of the others.
    pub fn parse(text: &str) -> std::result::Result<Self, BadManifest> {
        let bad = |line: usize, expected, found: &str| BadManifest {
            line: line + 1,
            expected,
            found: found.chars().take(80).collect(),
        };
        let lines: Vec<&str> = text.lines().collect();
        if !text.ends_with('\n') {
            return Err(bad(
                lines.len(),
                "a last line with the hash of the others",
                "none",
            ));
        }
        let whole = &text[..text.len() - 1];
        let (body, last) = match whole.rfind('\n') {
            Some(at) => whole.split_at(at + 1),
            None => ("", whole),
        };
        let hash = hex(&Sha256::digest(body));
        if last.strip_prefix("end: ") != Some(hash.as_str()) {
            let expected = "the hash of the lines above; the list was changed";
            return Err(bad(lines.len() - 1, expected, last));
        }
        let mut manifest = Self::default();
        for (at, line) in lines[..lines.len() - 1].iter().enumerate() {
            match at {
                0 if *line == "# ottla manifest" => {}
                0 => return Err(bad(at, "# ottla manifest", line)),
                1 if *line == "version: 1" => {}
                1 => return Err(bad(at, "version: 1", line)),
                2 => {
                    let cluster = line.strip_prefix("cluster: ");
                    let cluster = cluster.ok_or_else(|| bad(at, "cluster: ID", line))?;
                    manifest.cluster = (cluster != "-").then(|| cluster.to_owned());
                }
                _ => {
                    let (path, listed) = listed(line)
                        .ok_or_else(|| bad(at, "HASH  LENGTH  BASE  END  PATH", line))?;
                    manifest.segments.insert(path, listed);
                }
            }
        }
        Ok(manifest)
    }

    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(
        host: &dyn Host,
        path: &Path,
    ) -> Result<Option<std::result::Result<Self, BadManifest>>> {
        match host.read(path, MOST) {
            Ok(bytes) => Ok(Some(Self::parse(&String::from_utf8_lossy(&bytes)))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LogError::io("read", path)(error)),
        }
    }

    /// Holds the segments that are there against the list. Of what is listed, that
    /// counts which `wanted` takes.
    pub fn check(
        &self,
        host: &dyn Host,
        data: &Path,
        segments: &[Walked],
        wanted: impl Fn(&str) -> bool,
        events: &mut dyn Events,
    ) {
        let there: BTreeMap<String, &Walked> = segments
            .iter()
            .map(|segment| (relative(data, &segment.path), segment))
            .collect();
        let mut long_enough = Vec::new();
        for (path, listed) in self.segments.iter().filter(|(path, _)| wanted(path)) {
            match there.get(path) {
                Some(walked) if walked.length >= listed.length => {
                    long_enough.push((*walked, listed));
                }
                Some(walked) => events.found(finding(
                    &walked.path,
                    Some(&walked.partition),
                    listed,
                    Severity::Loss,
                    format!("{} bytes of batches", listed.length),
                    walked.length.to_string(),
                )),
                None => {
                    let file = data.join(path);
                    let severity = if was_deleted(&file, listed, segments) {
                        Severity::Note
                    } else {
                        Severity::Loss
                    };
                    let expected = "the segment that the manifest lists".to_owned();
                    let found = "no such segment".to_owned();
                    events.found(finding(&file, None, listed, severity, expected, found));
                }
            }
        }
        let places = long_enough
            .iter()
            .map(|(walked, listed)| (walked.path.as_path(), listed.length));
        let hashes = hash_all(host, places);
        for ((walked, listed), hash) in long_enough.into_iter().zip(hashes) {
            let found = match hash {
                Ok(hash) if hash == listed.hash => continue,
                Ok(hash) => hash,
                Err(error) => error.to_string(),
            };
            events.found(finding(
                &walked.path,
                Some(&walked.partition),
                listed,
                Severity::Wrong,
                format!("SHA-256 {}", listed.hash),
                found,
            ));
        }
    }
}

/// Whether retention may have deleted a segment: it came before those that are there.
fn was_deleted(file: &Path, listed: &Listed, segments: &[Walked]) -> bool {
    let directory = file.parent();
    let mut own = segments
        .iter()
        .filter(|segment| segment.path.parent() == directory)
        .peekable();
    own.peek().is_some() && own.all(|segment| segment.base >= listed.end)
}

fn finding(
    path: &Path,
    partition: Option<&TopicPartition>,
    listed: &Listed,
    severity: Severity,
    expected: String,
    found: String,
) -> Finding {
    Finding {
        check: Check::Manifest,
        severity,
        path: path.to_owned(),
        partition: partition.cloned().or_else(|| {
            let directory = path.parent()?.file_name()?;
            TopicPartition::from_directory(directory.to_str()?)
        }),
        bytes: Some(0..listed.length),
        offsets: Some(listed.base..listed.end),
        expected: expected.into(),
        found: found.into(),
    }
}

fn listed(line: &str) -> Option<(String, Listed)> {
    let mut fields = line.splitn(5, "  ");
    let hash = fields.next().filter(|hash| hash.len() == 64)?.to_owned();
    let length = fields.next()?.parse().ok()?;
    let base = Offset::new(fields.next()?.parse().ok()?);
    let end = Offset::new(fields.next()?.parse().ok()?);
    let path = fields.next()?.to_owned();
    let listed = Listed {
        hash,
        length,
        base,
        end,
    };
    Some((path, listed))
}

fn relative(data: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(data).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}

/// The hashes of the first bytes of files, in their order.
fn hash_all<'a>(
    host: &dyn Host,
    files: impl Iterator<Item = (&'a Path, u64)>,
) -> Vec<Result<String>> {
    let files: Vec<_> = files.collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(files.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((path, length)) = files.get(at) else {
                        break;
                    };
                    let hash = hash(host, path, *length);
                    done.lock().expect("no thread panicked").insert(at, hash);
                }
            });
        }
    });
    let done = done.into_inner().expect("no thread panicked");
    done.into_values().collect()
}

fn hash(host: &dyn Host, path: &Path, length: u64) -> Result<String> {
    let file = host
        .open(path, Open::Read)
        .map_err(LogError::io("open", path))?;
    digest(&*file, length).map_err(LogError::io("read", path))
}

fn digest(file: &dyn File, length: u64) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut at = 0;
    while at < length {
        let want = CHUNK.min(usize::try_from(length - at).unwrap_or(CHUNK));
        let read = file.read_at(&mut buffer[..want], at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        digest.update(&buffer[..read]);
        at += read as u64;
    }
    Ok(hex(&digest.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let mut manifest = Manifest {
            cluster: Some("MkU3OEVBNTcwNTJENDM2Qk".to_owned()),
            ..Manifest::default()
        };
        let listed = Listed {
            hash: "ab".repeat(32),
            length: 76,
            base: Offset::ZERO,
            end: Offset::new(7),
        };
        let path = "a topic  of blanks-0/00000000000000000000.log".to_owned();
        manifest.segments.insert(path, listed);
        manifest
    }

    #[test]
    fn a_manifest_reads_back() {
        assert_eq!(Manifest::parse(&sample().to_text()).unwrap(), sample());
        let empty = Manifest::default();
        assert_eq!(Manifest::parse(&empty.to_text()).unwrap(), empty);
    }

    #[test]
    fn a_list_that_was_changed_is_refused() {
        let text = sample().to_text();
        // Two bytes before a carriage return.
        assert!(Manifest::parse("\u{e9}\r\n").is_err());
        let changed = text.replace("  76  ", "  75  ");
        assert_eq!(Manifest::parse(&changed).unwrap_err().line, 5);
        let lines: Vec<&str> = text.lines().collect();
        for short in [
            String::new(),
            text[..text.len() - 1].to_owned(),
            lines[..4].join("\n") + "\n",
            lines[..3].join("\n") + "\n" + lines[4] + "\n",
        ] {
            Manifest::parse(&short).unwrap_err();
        }
    }
}
