//! gzip (RFC 1952): one member written; members one after another read, and what
//! follows the last ignored, as `java.util.zip.GZIPInputStream` does.

use super::{AHEAD, damaged, grow, past, refused};
use crate::format::error::Result;
use flate2::{FlushCompress, FlushDecompress, Status};

pub(super) const WINDOW_BITS: u8 = 15;
const MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) fn compress(
    deflate: &mut flate2::Compress,
    mut input: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    deflate.reset();
    out.reserve(input.len() / 4 + 64);
    loop {
        let before = deflate.total_in();
        let status = deflate
            .compress_vec(input, out, FlushCompress::Finish)
            .map_err(|e| refused("gzip data", &e))?;
        input = &input[(deflate.total_in() - before) as usize..];
        match status {
            Status::StreamEnd => return Ok(()),
            Status::Ok | Status::BufError => out.reserve(input.len() / 4 + 64),
        }
    }
}

pub(super) fn decompress(
    inflate: &mut flate2::Decompress,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<()> {
    let mut at = 0;
    out.reserve((input.len() * 4).clamp(512, AHEAD).min(limit));
    loop {
        inflate.reset(true);
        loop {
            let (read, written) = (inflate.total_in(), out.len());
            let status = inflate
                .decompress_vec(&input[at..], out, FlushDecompress::None)
                .map_err(|e| damaged("gzip data", at, &e))?;
            let taken = (inflate.total_in() - read) as usize;
            at += taken;
            if out.len() > limit {
                return Err(past(limit));
            }
            if status == Status::StreamEnd {
                break;
            }
            if out.len() == out.capacity() {
                grow(out, limit)?;
            } else if taken == 0 && out.len() == written {
                return Err(damaged("gzip data", at, &"an early end"));
            }
        }
        if !input[at..].starts_with(&MAGIC) {
            return Ok(());
        }
    }
}
