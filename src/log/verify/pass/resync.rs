//! What is wrong at a place where a batch should be, and where the next one starts.
//!
//! A header tells its batch's length outside the CRC, so a bad batch does not say for
//! certain where it ends. In this order:
//!
//! | there is | so |
//! |---|---|
//! | a CRC that is right for the length in the header | what lies outside the CRC is wrong: magic or base offset |
//! | zeros, or part of a batch, up to the end | a tail |
//! | a batch where the header says, valid or the one that follows by its offset | the damage is inside this one |
//! | a valid batch further on, and the CRC is right up to there | the length is wrong |
//! | a valid batch further on | all up to there is lost |
//! | none | all up to the end is lost |

use super::batch::{Fault, both_sides};
use super::piece::Source;
use crate::format::any_batch::AnyBatch;
use crate::format::batch::{HEADER_SIZE, Header, LOG_OVERHEAD, PREFIX_SIZE, Prefix};
use crate::format::legacy::UncheckedEntry;
use crate::format::{Offset, crc32c};
use crate::log::verify::{Check, Severity};
use std::io;

/// How much of the file is looked at in one go.
const WINDOW: usize = 1 << 20;
/// How much is read at least.
const LEAST: usize = 64 << 10;
const V2_CRC_AT: usize = PREFIX_SIZE;
const V2_BODY_AT: u64 = PREFIX_SIZE as u64 + 4;
const LEGACY_CRC_AT: usize = LOG_OVERHEAD;
const LEGACY_BODY_AT: u64 = LOG_OVERHEAD as u64 + 4;
/// Attribute bits that no batch has yet.
const UNUSED_ATTRIBUTES: i16 = !0x7f;

/// What was found where no valid batch is.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What to report; its bytes count from the start of the file.
    pub(super) fault: Fault,
    /// Where the next valid batch starts, or the file ends.
    pub(super) next: u64,
    /// Its first offset.
    pub(super) next_offset: Option<Offset>,
    /// The offsets of the batch that is damaged, as far as its header tells.
    pub(super) offsets: Option<(Offset, Offset)>,
    /// Whether it is an end cut short, or not written yet.
    pub(super) tail: bool,
}

/// Looks at `position`, where no valid batch is. `legacy` tells whether batches of
/// magic 0 and 1 are looked for too.
pub(super) fn diagnose(
    source: &Source,
    position: u64,
    base: Offset,
    legacy: bool,
) -> io::Result<Trouble> {
    let mut file = Window::new(source);
    let head = file.upto(position, HEADER_SIZE)?.to_vec();
    let claim = Claim::of(&head, source.limit - position);
    if let Some(size) = claim.size
        && let Some(fault) = outside_crc(&mut file, position, size, &head)?
    {
        let next = position + size;
        return Ok(Trouble {
            fault,
            next,
            next_offset: file.batch_at(next, base, true)?,
            offsets: claim.offsets,
            tail: false,
        });
    }
    let after = match claim.size.map(|size| position + size) {
        Some(after) if after < source.limit => {
            let valid = file.batch_at(after, base, legacy)?;
            // Damaged as well, yet where this one says that it is.
            let follows = claim.offsets.map(|offsets| offsets.1);
            let next = file.header_at(after, base)?;
            valid
                .or(next.filter(|offset| Some(*offset) == follows))
                .map(|offset| (after, Some(offset)))
        }
        _ => None,
    };
    let (next, next_offset) = match after {
        Some(found) => found,
        None => file.search(position + 1, base, legacy)?,
    };
    let is_end = next == source.limit;
    let zeros = file.zeros(position, next)?;
    let torn = claim.size.is_none() && claim.torn;
    let wrong_length =
        Some(next - position) != claim.size && file.crc_fits(position, next - position, &head)?;
    let tail = is_end && (zeros || torn || head.len() < PREFIX_SIZE) && !wrong_length;
    let fault = if tail {
        tail_fault(position, next, &head, zeros)
    } else {
        let whole = claim.size == Some(next - position) || (claim.whole && next > position);
        loss(&mut file, position, next, &head, zeros, wrong_length, whole)?
    };
    Ok(Trouble {
        fault,
        next,
        next_offset,
        offsets: claim.offsets,
        tail,
    })
}

/// What a damaged header says of itself.
struct Claim {
    /// Its length, where that is possible and ends before the file does.
    size: Option<u64>,
    /// Whether it is a header to all appearances, of a batch that ends behind the file.
    torn: bool,
    /// Whether it is a header to all appearances.
    whole: bool,
    offsets: Option<(Offset, Offset)>,
}

impl Claim {
    fn of(head: &[u8], left: u64) -> Self {
        let prefix = Prefix::parse(head).ok();
        let header = Header::parse(head).ok();
        let length = head
            .get(8..12)
            .and_then(|bytes| bytes.first_chunk::<4>())
            .map(|bytes| i32::from_be_bytes(*bytes));
        let size = length
            .and_then(|length| u64::try_from(length).ok())
            .map(|length| length + LOG_OVERHEAD as u64)
            .filter(|size| *size > LEGACY_BODY_AT && *size <= left);
        Self {
            size,
            torn: prefix.is_some_and(|prefix| prefix.size as u64 > left),
            whole: header.is_some(),
            offsets: header
                .map(|header| (header.base_offset, header.next_offset()))
                .or_else(|| {
                    let prefix = prefix.filter(|prefix| prefix.magic < 2)?;
                    Some((prefix.offset, prefix.offset.next()))
                }),
        }
    }
}

/// Where the CRC is right all the same: what is wrong lies outside of it.
fn outside_crc(
    file: &mut Window<'_>,
    position: u64,
    size: u64,
    head: &[u8],
) -> io::Result<Option<Fault>> {
    if !file.crc_fits(position, size, head)? {
        return Ok(None);
    }
    let magic = head[PREFIX_SIZE - 1];
    let offset = head
        .first_chunk::<8>()
        .map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let is_v2 = file.v2_fits(position, size, head)?;
    let fault =
        |check, severity, bytes: std::ops::Range<u64>, expected: String, found: String| Fault {
            check,
            severity,
            bytes: Some(position + bytes.start..position + bytes.end),
            expected: expected.into(),
            found: found.into(),
        };
    if is_v2 && magic != 2 {
        let found = format!("magic {}", magic.cast_signed());
        let expected = "magic 2, with which the CRC is right".to_owned();
        return Ok(Some(fault(
            Check::BatchHeader,
            Severity::Loss,
            16..17,
            expected,
            found,
        )));
    }
    if offset < 0 {
        let expected = "a base offset of 0 or more".to_owned();
        return Ok(Some(fault(
            Check::OffsetOrder,
            Severity::Loss,
            0..8,
            expected,
            offset.to_string(),
        )));
    }
    let parsed = if is_v2 {
        Header::parse(head).map(drop)
    } else {
        file.whole(position, size)
            .map(|bytes| UncheckedEntry::parse(bytes).map(drop))?
    };
    Ok(parsed.err().map(|error| {
        let bytes = error.position().map_or(0..size, |at| at..at + 1);
        let (expected, found) = both_sides(error);
        fault(
            Check::BatchHeader,
            Severity::Loss,
            bytes,
            expected.into_owned(),
            found.into_owned(),
        )
    }))
}

fn tail_fault(position: u64, next: u64, head: &[u8], zeros: bool) -> Fault {
    let left = next - position;
    let (expected, found) = if zeros {
        (
            "the end of the log".to_owned(),
            format!("{left} bytes of zeros"),
        )
    } else {
        match Prefix::parse(head) {
            Ok(prefix) => (
                format!("a batch of {} bytes", prefix.size),
                format!("{left} of them"),
            ),
            Err(_) => ("a whole batch".to_owned(), format!("{left} bytes")),
        }
    };
    Fault {
        check: Check::Tail,
        severity: Severity::Note,
        bytes: Some(position..next),
        expected: expected.into(),
        found: found.into(),
    }
}

fn loss(
    file: &mut Window<'_>,
    position: u64,
    next: u64,
    head: &[u8],
    zeros: bool,
    wrong_length: bool,
    whole: bool,
) -> io::Result<Fault> {
    let size = next - position;
    let (check, expected, found) = if wrong_length {
        let length = head
            .get(8..12)
            .and_then(|bytes| bytes.first_chunk::<4>())
            .map_or(0, |bytes| i32::from_be_bytes(*bytes));
        (
            Check::BatchLength,
            format!(
                "length {}, with which the CRC is right",
                size - LOG_OVERHEAD as u64
            ),
            length.to_string(),
        )
    } else if zeros {
        (
            Check::BatchLength,
            "a batch".to_owned(),
            format!("{size} bytes of zeros"),
        )
    } else {
        match Prefix::parse(head) {
            Ok(prefix) if whole || prefix.magic < 2 => {
                let (stored, computed) = file.crcs(position, size.min(prefix.size as u64), head)?;
                (
                    Check::BatchCrc,
                    format!("crc {stored:#010x}"),
                    format!("{computed:#010x}"),
                )
            }
            Ok(_) => {
                let error = Header::parse(head).err();
                let (expected, found) = error.map_or_else(
                    || {
                        (
                            "a batch".into(),
                            format!("{size} bytes of something else").into(),
                        )
                    },
                    both_sides,
                );
                (Check::BatchCrc, expected.into_owned(), found.into_owned())
            }
            Err(error) => {
                let check = match error.position() {
                    Some(16) => Check::BatchHeader,
                    _ => Check::BatchLength,
                };
                let (expected, found) = both_sides(error);
                (check, expected.into_owned(), found.into_owned())
            }
        }
    };
    Ok(Fault {
        check,
        severity: Severity::Loss,
        bytes: Some(position..next),
        expected: expected.into(),
        found: found.into(),
    })
}

/// A part of a file in memory.
struct Window<'a> {
    source: &'a Source,
    position: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    const fn new(source: &'a Source) -> Self {
        Self {
            source,
            position: 0,
            bytes: Vec::new(),
        }
    }

    /// At most `size` bytes at `position`: fewer at the end of the file.
    fn upto(&mut self, position: u64, size: usize) -> io::Result<&[u8]> {
        let left = self.source.limit.saturating_sub(position);
        let want = size.min(usize::try_from(left).unwrap_or(usize::MAX));
        let end = self.position + self.bytes.len() as u64;
        if position < self.position || position + want as u64 > end {
            let length = want.max(LEAST.min(usize::try_from(left).unwrap_or(LEAST)));
            self.bytes.resize(length, 0);
            let read = self.source.file.read_at(&mut self.bytes, position)?;
            self.bytes.truncate(read);
            self.position = position;
        }
        let start = (position - self.position) as usize;
        let there = self.bytes.get(start..).unwrap_or_default();
        Ok(&there[..want.min(there.len())])
    }

    /// `size` bytes, however many that is.
    fn whole(&mut self, position: u64, size: u64) -> io::Result<&[u8]> {
        self.upto(position, usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// Each part of a range, in order.
    fn each(
        &mut self,
        mut from: u64,
        until: u64,
        mut visit: impl FnMut(&[u8]) -> bool,
    ) -> io::Result<()> {
        while from < until {
            let want = WINDOW.min(usize::try_from(until - from).unwrap_or(WINDOW));
            let part = self.upto(from, want)?;
            if part.is_empty() || !visit(part) {
                break;
            }
            from += part.len() as u64;
        }
        Ok(())
    }

    fn zeros(&mut self, from: u64, until: u64) -> io::Result<bool> {
        let mut all = until > from;
        self.each(from, until, |part| {
            all = all && part.iter().all(|byte| *byte == 0);
            all
        })?;
        Ok(all)
    }

    /// Whether the CRC in a header, of either kind, is right for so many bytes.
    fn crc_fits(&mut self, position: u64, size: u64, head: &[u8]) -> io::Result<bool> {
        Ok(self.v2_fits(position, size, head)? || self.legacy_fits(position, size, head)?)
    }

    fn v2_fits(&mut self, position: u64, size: u64, head: &[u8]) -> io::Result<bool> {
        let Some(stored) = be_u32(head, V2_CRC_AT).filter(|_| size >= HEADER_SIZE as u64) else {
            return Ok(false);
        };
        Ok(self.crc32c(position + V2_BODY_AT, position + size)? == stored)
    }

    fn legacy_fits(&mut self, position: u64, size: u64, head: &[u8]) -> io::Result<bool> {
        let Some(stored) = be_u32(head, LEGACY_CRC_AT).filter(|_| size > LEGACY_BODY_AT) else {
            return Ok(false);
        };
        Ok(self.crc32(position + LEGACY_BODY_AT, position + size)? == stored)
    }

    /// The CRC that a batch has, and the one that it should have.
    fn crcs(&mut self, position: u64, size: u64, head: &[u8]) -> io::Result<(u32, u32)> {
        let end = position + size;
        if head.get(PREFIX_SIZE - 1) == Some(&2) {
            let stored = be_u32(head, V2_CRC_AT).unwrap_or_default();
            return Ok((stored, self.crc32c(position + V2_BODY_AT, end)?));
        }
        let stored = be_u32(head, LEGACY_CRC_AT).unwrap_or_default();
        Ok((stored, self.crc32(position + LEGACY_BODY_AT, end)?))
    }

    fn crc32c(&mut self, from: u64, until: u64) -> io::Result<u32> {
        let mut crc = 0;
        self.each(from, until, |part| {
            crc = crc32c::update(crc, part);
            true
        })?;
        Ok(crc)
    }

    fn crc32(&mut self, from: u64, until: u64) -> io::Result<u32> {
        let mut crc = crc32fast::Hasher::new();
        self.each(from, until, |part| {
            crc.update(part);
            true
        })?;
        Ok(crc.finalize())
    }

    /// The first offset that a header of magic 2 tells, whatever the CRC.
    fn header_at(&mut self, at: u64, base: Offset) -> io::Result<Option<Offset>> {
        let left = self.source.limit.saturating_sub(at);
        let header = Header::parse(self.upto(at, HEADER_SIZE)?).ok();
        let header = header.filter(|header| plausible(header, base) && header.size as u64 <= left);
        Ok(header.map(|header| header.base_offset))
    }

    /// The first offset of the valid batch at a place, if there is one.
    fn batch_at(&mut self, at: u64, base: Offset, legacy: bool) -> io::Result<Option<Offset>> {
        let left = self.source.limit.saturating_sub(at);
        let head = self.upto(at, HEADER_SIZE)?;
        let Ok(prefix) = Prefix::parse(head) else {
            return Ok(None);
        };
        let size = prefix.size as u64;
        if size > left || (prefix.magic < 2 && !legacy) {
            return Ok(None);
        }
        if prefix.magic == 2 {
            let Some(header) = Header::parse(head).ok().filter(|h| plausible(h, base)) else {
                return Ok(None);
            };
            let crc = header.crc;
            let right = self.crc32c(at + V2_BODY_AT, at + size)? == crc;
            return Ok(right.then_some(header.base_offset));
        }
        let bytes = self.whole(at, size)?;
        Ok(AnyBatch::parse(prefix.magic, bytes)
            .is_ok()
            .then_some(prefix.offset))
    }

    /// The next valid batch at `from` or behind it, and its offset; or the end.
    fn search(
        &mut self,
        mut from: u64,
        base: Offset,
        legacy: bool,
    ) -> io::Result<(u64, Option<Offset>)> {
        while from + (PREFIX_SIZE as u64) < self.source.limit {
            let part = self.upto(from, WINDOW)?;
            let Some(places) = part
                .len()
                .checked_sub(HEADER_SIZE)
                .filter(|_| !part.is_empty())
            else {
                break;
            };
            // Candidates first: looking closer at one may move the window.
            let candidates: Vec<usize> = (0..=places)
                .filter(|at| might_start(&part[*at..*at + HEADER_SIZE], base, legacy))
                .collect();
            for at in candidates {
                let at = from + at as u64;
                if let Some(offset) = self.batch_at(at, base, legacy)? {
                    return Ok((at, Some(offset)));
                }
            }
            from += places as u64 + 1;
        }
        self.search_short(from, base, legacy)
    }

    /// The last bytes of a file: fewer than a header of magic 2 has.
    fn search_short(
        &mut self,
        from: u64,
        base: Offset,
        legacy: bool,
    ) -> io::Result<(u64, Option<Offset>)> {
        if legacy {
            for at in from..self.source.limit {
                if let Some(offset) = self.batch_at(at, base, legacy)? {
                    return Ok((at, Some(offset)));
                }
            }
        }
        Ok((self.source.limit, None))
    }
}

/// A quick look at what may be a header.
#[inline]
fn might_start(head: &[u8], base: Offset, legacy: bool) -> bool {
    match head[PREFIX_SIZE - 1] {
        2 => Header::parse(head).is_ok_and(|header| plausible(&header, base)),
        0 | 1 if legacy => {
            head[PREFIX_SIZE] & 0xf0 == 0
                && Prefix::parse(head).is_ok_and(|prefix| in_segment(prefix.offset, base))
        }
        _ => false,
    }
}

/// Whether a header may belong to a segment, so that its CRC is worth computing.
fn plausible(header: &Header, base: Offset) -> bool {
    in_segment(header.base_offset, base)
        && header.attributes.bits() & UNUSED_ATTRIBUTES == 0
        && header.attributes.codec().is_ok()
}

fn in_segment(offset: Offset, base: Offset) -> bool {
    offset >= base && offset.get() - base.get() <= i64::from(i32::MAX)
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*chunk))
}
