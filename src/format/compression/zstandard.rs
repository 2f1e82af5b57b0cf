//! Zstandard (RFC 8878): one frame with its content size written; frames one after
//! another read, with a content size or without, as Java's streams write them.

use super::{AHEAD, RATIO, damaged, grow, past, refused};
use crate::format::error::Result;
use zstd::zstd_safe::{self, CCtx, DCtx, InBuffer, OutBuffer, ResetDirective};

pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
pub(super) const BLOCK: usize = 128 * 1024;

pub(super) fn compress(context: &mut CCtx<'static>, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
    // With room for the worst case, zstd takes its one-pass way: no copies.
    let start = out.len();
    out.reserve(zstd_safe::compress_bound(input.len()));
    let mut source = InBuffer::around(input);
    let mut target = OutBuffer::around_pos(out, start);
    let left = context
        .compress_stream2(
            &mut target,
            &mut source,
            zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_end,
        )
        .map_err(|code| refused("zstd data", &zstd_safe::get_error_name(code)))?;
    assert_eq!(left, 0, "the bound holds whatever zstd writes");
    Ok(())
}

/// In one pass into `out` where the frames' own structure bounds their content
/// reasonably, else as a stream that grows with what comes out.
pub(super) fn decompress(
    context: &mut DCtx<'static>,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<()> {
    context
        .reset(ResetDirective::SessionOnly)
        .expect("a session can always be given up");
    let fair = input.len().saturating_mul(RATIO).max(AHEAD).min(limit);
    match bound(input) {
        Some(bound) if bound <= fair => {
            out.reserve(bound);
            context
                .decompress(out, input)
                .map_err(|code| damaged("zstd data", 0, &zstd_safe::get_error_name(code)))?;
            if out.len() > limit {
                return Err(past(limit));
            }
            Ok(())
        }
        _ => stream(context, input, out, limit),
    }
}

pub(super) fn stream(
    context: &mut DCtx<'static>,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<()> {
    out.reserve((input.len() * 4).clamp(BLOCK, AHEAD).min(limit));
    let mut source = InBuffer::around(input);
    let mut hint = 1;
    while source.pos() < input.len() || hint != 0 {
        if out.len() == out.capacity() {
            grow(out, limit)?;
        }
        let (read, start) = (source.pos(), out.len());
        let mut target = OutBuffer::around_pos(out, start);
        hint = context
            .decompress_stream(&mut target, &mut source)
            .map_err(|code| damaged("zstd data", read, &zstd_safe::get_error_name(code)))?;
        if out.len() > limit {
            return Err(past(limit));
        }
        if source.pos() == read && out.len() == start && hint != 0 {
            return Err(damaged("zstd data", read, &"an early end"));
        }
    }
    Ok(())
}

/// The most that the frames can yield, from their headers and those of their
/// blocks; `None` where the structure is not as expected (zstd then says why).
pub(super) fn bound(mut input: &[u8]) -> Option<usize> {
    let mut most = 0_usize;
    while !input.is_empty() {
        let frame = input.strip_prefix(&MAGIC)?;
        let (&descriptor, frame) = frame.split_first()?;
        let single = descriptor & 0x20 != 0;
        let window = usize::from(!single);
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size = match descriptor >> 6 {
            0 => usize::from(single),
            n => 1 << n,
        };
        let mut rest = frame.get(window + dictionary + size..)?;
        let mut content = 0_usize;
        loop {
            let (header, blocks) = rest.split_first_chunk::<3>()?;
            let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
            let length = (header >> 3) as usize;
            let (stored, yields) = match header >> 1 & 3 {
                0 => (length, length),
                1 => (1, length),
                2 => (length, BLOCK),
                _ => return None,
            };
            content = content.checked_add(yields)?;
            rest = blocks.get(stored..)?;
            if header & 1 != 0 {
                break;
            }
        }
        if size > 0 {
            let declared = zstd_safe::get_frame_content_size(input).ok()??;
            content = content.min(usize::try_from(declared).ok()?);
        }
        let checksum = if descriptor & 4 != 0 { 4 } else { 0 };
        most = most.checked_add(content)?;
        input = rest.get(checksum..)?;
    }
    Some(most)
}
