//! The LZ4 frame format, as much of it as Kafka takes: independent blocks, no
//! dictionary. The content checksum is skipped, as Kafka skips it; a batch has its own.
//!
//! ```text
//! magic      04 22 4d 18
//! flags      u8   01 version, 1 independent blocks, block checksums, content size,
//!                 content checksum, 0, no dictionary
//! sizes      u8   bits 4–6: blocks of at most 64 KiB (4), 256 KiB, 1 MiB or 4 MiB (7)
//! content    u64  where the flags say so
//! checksum   u8   second byte of the XXH32 of flags to content
//! blocks          length u32 little-endian (bit 31: stored as it is), bytes,
//!                 XXH32 u32 where the flags say so
//! end        u32  0; then a content checksum u32 where the flags say so
//! ```

use super::{damaged, field, past, refused, slice};
use crate::format::error::{FormatError, Result};
use lz4_flex::block::CompressTable;
use std::hash::Hasher as _;

pub(super) const BLOCK: usize = 64 * 1024;
/// Magic, flags 0x60 (version 1, independent blocks), 64 KiB blocks, header checksum.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// The block's bytes stand as they are.
const STORED: u32 = 1 << 31;
/// No byte of lz4 yields more than 255.
const RATIO: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderChecksum {
    Checked,
    Unchecked,
}

struct Frame {
    block_most: usize,
    block_checksums: bool,
    body: usize,
}

pub(super) fn compress(
    table: &mut CompressTable,
    scratch: &mut [u8],
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    out.extend_from_slice(&HEADER);
    for block in input.chunks(BLOCK) {
        let length = lz4_flex::block::compress_into_with_table(block, scratch, table)
            .map_err(|e| refused("lz4 data", &e))?;
        let (mark, bytes) = if length < block.len() {
            (0, &scratch[..length])
        } else {
            (STORED, block)
        };
        out.extend_from_slice(&(bytes.len() as u32 | mark).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&[0; 4]);
    Ok(())
}

pub(super) fn decompress(
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
    header: HeaderChecksum,
) -> Result<()> {
    let frame = read_header(input, header)?;
    let mut at = frame.body;
    loop {
        let mark = u32::from_le_bytes(field(input, at, "lz4 block length")?);
        let length = (mark & !STORED) as usize;
        if length == 0 {
            return Ok(());
        }
        if length > frame.block_most {
            return Err(FormatError::corrupt(
                "lz4 block length",
                at,
                format!("at most {}", frame.block_most),
                length.to_string(),
            ));
        }
        at += 4;
        let block = slice(input, at, length, "lz4 block")?;
        at += length;
        if frame.block_checksums {
            let expected = u32::from_le_bytes(field(input, at, "lz4 block checksum")?);
            let found = xxh32(block);
            if found != expected {
                return Err(FormatError::corrupt(
                    "lz4 block checksum",
                    at,
                    format!("{found:#010x}"),
                    format!("{expected:#010x}"),
                ));
            }
            at += 4;
        }
        let start = out.len();
        if mark & STORED != 0 {
            if length > limit - start {
                return Err(past(limit));
            }
            out.extend_from_slice(block);
            continue;
        }
        let room = frame
            .block_most
            .min(length.saturating_mul(RATIO))
            .min(limit - start);
        out.resize(start + room, 0);
        match lz4_flex::block::decompress_into(block, &mut out[start..]) {
            Ok(written) => out.truncate(start + written),
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. })
                if room == limit - start =>
            {
                return Err(past(limit));
            }
            Err(e) => return Err(damaged("lz4 block", at - length, &e)),
        }
    }
}

fn read_header(input: &[u8], header: HeaderChecksum) -> Result<Frame> {
    let magic: [u8; 4] = field(input, 0, "lz4 frame header")?;
    if magic != MAGIC {
        return Err(FormatError::corrupt(
            "lz4 frame header",
            0,
            "04 22 4d 18",
            format!("{magic:02x?}"),
        ));
    }
    let [flags, sizes]: [u8; 2] = field(input, 4, "lz4 frame header")?;
    if flags & 0b1110_0010 != 0b0110_0000 {
        return Err(FormatError::unsupported(
            "lz4 frame flags",
            4,
            "version 1 with independent blocks",
            format!("{flags:#04x}"),
        ));
    }
    let size = sizes >> 4;
    if sizes & 0x8f != 0 || size < 4 {
        return Err(FormatError::unsupported(
            "lz4 block size",
            5,
            "4 to 7",
            format!("{sizes:#04x}"),
        ));
    }
    // Bit 0 announces a dictionary, which nobody here has; Kafka does not allow it.
    if flags & 1 != 0 {
        return Err(FormatError::unsupported(
            "lz4 frame flags",
            4,
            "no dictionary",
            format!("{flags:#04x}"),
        ));
    }
    let end = if flags & 0b1000 != 0 { 14 } else { 6 };
    let [found]: [u8; 1] = field(input, end, "lz4 header checksum")?;
    let expected = (xxh32(&input[4..end]) >> 8) as u8;
    if header == HeaderChecksum::Checked && found != expected {
        return Err(FormatError::corrupt(
            "lz4 header checksum",
            end,
            format!("{expected:#04x}"),
            format!("{found:#04x}"),
        ));
    }
    Ok(Frame {
        block_most: 1 << (8 + 2 * u32::from(size)),
        block_checksums: flags & 0b1_0000 != 0,
        body: end + 1,
    })
}

fn xxh32(bytes: &[u8]) -> u32 {
    let mut hasher = twox_hash::XxHash32::with_seed(0);
    hasher.write(bytes);
    hasher.finish() as u32
}

/// Makes the header checksum of a frame that was just compressed the wrong one that
/// writers of magic 0 took: over the magic as well.
pub(super) fn break_header(frame: &mut [u8]) {
    let end = HEADER.len() - 1;
    frame[end] = (xxh32(&frame[..end]) >> 8) as u8;
}
