//! Reads every batch of a file, damage passed over: for tools that show what is there.
//!
//! [`Browser::next_step`] gives what looks like a batch; its CRC is the caller's to compare.
//! Where there is none, or the caller found that it is damaged and calls
//! [`Browser::diagnose`], it goes on at the next batch whose CRC is right.

use super::error::{LogError, Result};
use super::scan::{Found, Scanner, Stop};
use super::segment::Segment;
use super::verify::{self, Check};
use crate::format::Offset;
use crate::format::any_batch::AnyBatch;
use crate::host::{File, Host, Open};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The least that is read at once.
const PAGE: usize = 4096;

/// Reads the batches of one file.
pub struct Browser {
    file: Arc<dyn File>,
    path: PathBuf,
    base: Offset,
    limit: u64,
    scanner: Scanner,
    legacy: bool,
}

/// What stands at a place in the file.
pub enum Step<'a> {
    /// What looks like a batch. Its CRC is not compared yet.
    Batch(Found<'a>),
    /// Bytes that are no batch.
    Damage(Damage),
}

/// Bytes that are no batch, or a damaged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where they start in the file.
    pub position: u64,
    /// Where they end: at a batch whose CRC is right, or at the end of the file.
    pub next: u64,
    /// Whether it is an end that was not written to its end, as a killed writer
    /// leaves it: nothing that was acknowledged.
    pub is_tail: bool,
    /// Which promise is broken.
    pub check: Check,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// The offsets that are lost, as far as a header tells, the last not included.
    pub offsets: Option<(Offset, Offset)>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {}: ", self.position, self.next)?;
        if self.is_tail {
            f.write_str("an end that was not written to its end: ")?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match self.offsets {
            Some((from, until)) if !self.is_tail => {
                write!(f, "; of offsets {from} to {}", until.get() - 1)
            }
            _ => Ok(()),
        }
    }
}

impl Browser {
    /// Opens a file. `base` is the least offset that a batch in it can have.
    pub fn open(host: &dyn Host, path: &Path, base: Offset) -> Result<Self> {
        let file = host
            .open(path, Open::Read)
            .map_err(LogError::io("open", path))?;
        let limit = file.len().map_err(LogError::io("measure", path))?;
        // Old formats are looked for behind damage only where one was seen.
        let mut first = Scanner::new(Arc::clone(&file), path, 0, limit).with_chunk(PAGE);
        let legacy = matches!(first.peek(), Ok(Ok(prefix)) if prefix.magic < 2);
        Ok(Self {
            scanner: Scanner::new(Arc::clone(&file), path, 0, limit),
            file,
            path: path.to_owned(),
            base,
            limit,
            legacy,
        })
    }

    /// Reads from the start in pages: where only a batch or two are wanted.
    #[must_use]
    pub fn in_pages(mut self) -> Self {
        self.scanner =
            Scanner::new(Arc::clone(&self.file), &self.path, 0, self.limit).with_chunk(PAGE);
        self
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length when it was opened.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Goes on at a position, where a batch starts.
    pub fn go_to(&mut self, position: u64) {
        self.scanner = Scanner::new(Arc::clone(&self.file), &self.path, position, self.limit);
    }

    /// Goes on at a batch at or before the one that holds `from`, where the index tells
    /// the truth; else at the start.
    ///
    /// # Errors
    /// `Io`.
    pub fn seek(&mut self, host: &Arc<dyn Host>, from: Offset) -> Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let segment = Segment::new(host, directory, self.base);
        let position = segment.position_before(from, self.limit).unwrap_or(0);
        self.go_to(position);
        let holds = match self.next_step()? {
            Some(Step::Batch(found)) => {
                found.prefix.offset <= from
                    && AnyBatch::parse(found.prefix.magic, found.bytes).is_ok()
            }
            _ => false,
        };
        self.go_to(if holds { position } else { 0 });
        Ok(())
    }

    /// The next batch or damage; `None` at the end.
    ///
    /// # Errors
    /// `Io`.
    pub fn next_step(&mut self) -> Result<Option<Step<'_>>> {
        let position = self.scanner.position();
        match self.scanner.peek() {
            Ok(Ok(prefix)) => self.legacy |= prefix.magic < 2,
            Ok(Err(Stop::End)) => return Ok(None),
            Ok(Err(Stop::Torn)) => return self.diagnose(position).map(|it| Some(Step::Damage(it))),
            Err(error) if error.is_damage() => {
                return self.diagnose(position).map(|it| Some(Step::Damage(it)));
            }
            Err(error) => return Err(error),
        }
        match self.scanner.next_batch()? {
            Ok(found) => Ok(Some(Step::Batch(found))),
            // It became shorter this moment.
            Err(_) => Ok(None),
        }
    }

    /// What is wrong at `position`, where [`Browser::next_step`] gave a batch that is
    /// damaged. It goes on behind the damage.
    ///
    /// # Errors
    /// `Io`.
    pub fn diagnose(&mut self, position: u64) -> Result<Damage> {
        let source = (Arc::clone(&self.file), self.path.clone(), self.limit);
        let damage = verify::pass::diagnose(source, position, self.base, self.legacy)
            .map_err(LogError::io("read", &self.path))?;
        self.go_to(damage.next);
        Ok(damage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Timestamp;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::host::real::RealHost;

    fn batch(offset: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        let now = Some(Timestamp::new(5));
        builder
            .append(now, None, Some(b"value"), Headers::default())
            .unwrap();
        let base_offset = Offset::new(offset);
        let seal = Seal {
            base_offset,
            ..Seal::default()
        };
        builder.seal(&seal).to_vec()
    }

    /// Base offsets of the batches, and the damage, in order.
    fn browse(bytes: &[u8]) -> (Vec<i64>, Vec<Damage>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("00000000000000000000.log");
        std::fs::write(&path, bytes).unwrap();
        let mut browser = Browser::open(&RealHost, &path, Offset::ZERO).unwrap();
        let (mut offsets, mut damages) = (Vec::new(), Vec::new());
        loop {
            let bad = match browser.next_step().unwrap() {
                None => return (offsets, damages),
                Some(Step::Damage(damage)) => {
                    damages.push(damage);
                    continue;
                }
                Some(Step::Batch(found)) => {
                    match AnyBatch::parse(found.prefix.magic, found.bytes) {
                        Ok(_) => {
                            offsets.push(found.prefix.offset.get());
                            continue;
                        }
                        Err(_) => found.position,
                    }
                }
            };
            damages.push(browser.diagnose(bad).unwrap());
        }
    }

    #[test]
    fn damage_is_told_and_passed_over() {
        let size = batch(0).len();
        let log: Vec<u8> = (0..4).flat_map(batch).collect();
        assert_eq!(browse(&log), (vec![0, 1, 2, 3], vec![]));
        for (at, check) in [
            (70, Check::BatchCrc),
            (8, Check::BatchLength),
            (11, Check::BatchLength),
            (16, Check::BatchHeader),
        ] {
            let mut log = log.clone();
            log[size + at] ^= 0x15;
            let (offsets, damages) = browse(&log);
            assert_eq!(offsets, [0, 2, 3], "{at}");
            let [damage] = &damages[..] else {
                panic!("{damages:?}");
            };
            assert_eq!(damage.check, check, "{at}");
            assert_eq!(
                (damage.position, damage.next),
                (size as u64, 2 * size as u64)
            );
            assert!(!damage.is_tail);
        }
        let (offsets, damages) = browse(&log[..4 * size - 3]);
        assert_eq!(offsets, [0, 1, 2]);
        assert!(damages[0].is_tail && damages.len() == 1);
    }
}
