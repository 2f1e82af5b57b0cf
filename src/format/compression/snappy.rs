//! snappy, in the framing of the xerial library or as one raw block.
//!
//! ```text
//! header, 16 bytes:  82 "SNAPPY" 00, version i32 = 1, lowest compatible version i32 = 1
//! blocks:            length i32, that many bytes of raw snappy
//! ```
//!
//! A header may come again between blocks: streams that were joined.

use super::{damaged, field, past, refused, slice};
use crate::format::error::{FormatError, Result};

const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
pub(super) const BLOCK: usize = 32 * 1024;
/// No element of snappy yields more than 64 bytes, and those take 3.
const RATIO: usize = 22;

pub(super) fn compress(
    encoder: &mut snap::raw::Encoder,
    scratch: &mut [u8],
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    out.extend_from_slice(&HEADER);
    for block in input.chunks(BLOCK) {
        let length = encoder
            .compress(block, scratch)
            .map_err(|e| refused("snappy data", &e))?;
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(&scratch[..length]);
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<()> {
    if !input.starts_with(&MAGIC) {
        return one_block(input, 0, out, limit);
    }
    let mut at = 0;
    while at < input.len() {
        if input[at..].starts_with(&MAGIC) {
            let compatible = field(input, at + 12, "snappy header")?;
            if u32::from_be_bytes(compatible) > 1 {
                return Err(FormatError::unsupported(
                    "snappy framing",
                    at + 12,
                    "compatible version 1",
                    u32::from_be_bytes(compatible).to_string(),
                ));
            }
            at += HEADER.len();
            continue;
        }
        let length = u32::from_be_bytes(field(input, at, "snappy block length")?) as usize;
        at += 4;
        let block = slice(input, at, length, "snappy block")?;
        one_block(block, at, out, limit)?;
        at += length;
    }
    Ok(())
}

fn one_block(block: &[u8], at: usize, out: &mut Vec<u8>, limit: usize) -> Result<()> {
    let damaged = |e: snap::Error| damaged("snappy data", at, &e);
    let length = snap::raw::decompress_len(block).map_err(damaged)?;
    let start = out.len();
    if length > limit - start {
        return Err(past(limit));
    }
    if length > block.len().saturating_mul(RATIO) {
        return Err(FormatError::corrupt(
            "snappy block length",
            at,
            format!("at most {RATIO} times its {} bytes", block.len()),
            length.to_string(),
        ));
    }
    out.resize(start + length, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut out[start..])
        .map_err(damaged)?;
    Ok(())
}
