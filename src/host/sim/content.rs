//! The bytes of one simulated file: sparse pages of 4 KiB, shared until written.
//!
//! Invariants: no page starts at or past `length`; the bytes of the last page
//! past `length` are zero, so that growing shows zeros.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a page: what the cache holds and the free space is counted in.
pub const PAGE: u64 = 4096;
/// Bytes of a sector: the least that is written whole.
pub const SECTOR: u64 = 512;
/// Which sectors of a page: bit 0 is the first.
pub(super) type Sectors = u8;
const PAGE_BYTES: usize = PAGE as usize;
const SECTOR_BYTES: usize = SECTOR as usize;

type Page = [u8; PAGE_BYTES];

/// Sparse bytes; cloning shares the pages.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pages: BTreeMap<u64, Arc<Page>>,
    length: u64,
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Bytes of the pages that are not holes.
    pub(super) fn allocated(&self) -> u64 {
        self.pages.len() as u64 * PAGE
    }

    pub(super) fn has_page(&self, page: u64) -> bool {
        self.pages.contains_key(&page)
    }

    pub(super) fn read(&self, buffer: &mut [u8], position: u64) -> usize {
        let count = self
            .length
            .saturating_sub(position)
            .min(buffer.len() as u64) as usize;
        for (page, within, span) in spans(position, count) {
            let target = &mut buffer[span];
            match self.pages.get(&page) {
                Some(bytes) => target.copy_from_slice(&bytes[within..within + target.len()]),
                None => target.fill(0),
            }
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], position: u64) {
        for (page, within, span) in spans(position, bytes.len()) {
            let source = &bytes[span];
            self.page_mut(page)[within..within + source.len()].copy_from_slice(source);
        }
        if !bytes.is_empty() {
            self.length = self.length.max(position + bytes.len() as u64);
        }
    }

    pub(super) fn set_len(&mut self, length: u64) {
        self.length = length;
        self.pages.split_off(&length.div_ceil(PAGE));
        let tail = (length % PAGE) as usize;
        if tail != 0
            && let Some(page) = self.pages.get_mut(&(length / PAGE))
            && page[tail..].iter().any(|&byte| byte != 0)
        {
            Arc::make_mut(page)[tail..].fill(0);
        }
    }

    /// Takes sectors of a page from `other`, as far as they lie below `length`;
    /// the length stays.
    pub(super) fn take(&mut self, other: &Self, page: u64, sectors: Sectors) {
        if page * PAGE >= self.length {
            return;
        }
        let source = other.pages.get(&page).cloned();
        if sectors == Sectors::MAX
            && let Some(source) = &source
        {
            self.pages.insert(page, Arc::clone(source));
        } else {
            let target = self.page_mut(page);
            for sector in (0..8).filter(|sector| sectors & (1 << sector) != 0) {
                let span = sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES;
                match &source {
                    Some(source) => target[span.clone()].copy_from_slice(&source[span]),
                    None => target[span].fill(0),
                }
            }
        }
        if (page + 1) * PAGE > self.length {
            self.set_len(self.length);
        }
    }

    pub(super) fn to_vec(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.read(&mut bytes, 0);
        bytes
    }

    fn page_mut(&mut self, page: u64) -> &mut Page {
        Arc::make_mut(
            self.pages
                .entry(page)
                .or_insert_with(|| Arc::new([0; PAGE_BYTES])),
        )
    }
}

/// The pieces of `position..position + count` by page: the page, where in it the
/// piece starts, and which part of the whole it is.
pub(super) fn spans(
    position: u64,
    count: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == count {
            return None;
        }
        let at = position + done as u64;
        let within = (at % PAGE) as usize;
        let piece = (PAGE_BYTES - within).min(count - done);
        let span = done..done + piece;
        done += piece;
        Some((at / PAGE, within, span))
    })
}

/// The sectors that bytes `within..within + count` of a page touch.
pub(super) fn sectors(within: usize, count: usize) -> Sectors {
    let first = within / SECTOR_BYTES;
    let last = (within + count - 1) / SECTOR_BYTES;
    (first..=last).fold(0, |mask, sector| mask | (1 << sector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_sparse_vector() {
        let mut content = Content::default();
        content.write(b"abc", 5000);
        assert_eq!(content.len(), 5003);
        assert_eq!(content.allocated(), PAGE);
        let mut buffer = [7; 8];
        assert_eq!(content.read(&mut buffer, 4998), 5);
        assert_eq!(&buffer[..5], b"\0\0abc");
        content.set_len(5001);
        content.set_len(9000);
        assert_eq!(content.read(&mut buffer, 4999), 8);
        assert_eq!(&buffer, b"\0a\0\0\0\0\0\0");
        content.set_len(0);
        assert_eq!(content.allocated(), 0);
    }

    #[test]
    fn takes_sectors_below_the_length() {
        let mut new = Content::default();
        new.write(&[1; 4096], 0);
        let mut old = Content::default();
        old.set_len(600);
        old.take(&new, 0, 0b10);
        assert_eq!(old.to_vec(600), [[0; 512].as_slice(), &[1; 88]].concat());
        old.set_len(700);
        assert_eq!(old.to_vec(700)[600..], [0; 100]);
        assert_eq!(sectors(511, 2), 0b11);
        assert_eq!(sectors(0, 4096), 0xff);
        assert_eq!(spans(4000, 5000).count(), 3);
    }
}
