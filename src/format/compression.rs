//! The five codecs of record batches, as real clients write them.
//!
//! | id | name   | written                                          | read |
//! |----|--------|--------------------------------------------------|------|
//! | 0  | none   | as it is                                         | as it is |
//! | 1  | gzip   | one member (RFC 1952)                            | members one after another; what follows the last is ignored, as Java does |
//! | 2  | snappy | xerial framing, blocks of 32 KiB                 | xerial framing (streams may be joined) or one raw block |
//! | 3  | lz4    | one frame, independent blocks of 64 KiB, no checksums | one frame, independent blocks, any block size; block checksums are checked |
//! | 4  | zstd   | one frame with its content size                  | frames one after another, windows up to 128 MiB |
//!
//! The xerial framing is a 16-byte header (`82 "SNAPPY" 00`, version i32 = 1, lowest
//! compatible version i32 = 1), then blocks: length i32, that many bytes of raw snappy.
//!
//! **Bounds.** [`Decompressor::decompress`] never yields more than its `limit`, and
//! never reserves more than [`AHEAD`] bytes or [`RATIO`] times its input beyond what
//! it has decoded, whatever a header claims. zstd may map a window of 128 MiB beside
//! that, and touches as much of it as it decodes.
//!
//! Sources: `org.apache.kafka.common.compress` (`Lz4BlockInputStream`,
//! `Lz4BlockOutputStream`, `SnappyCompression`, `GzipCompression`, `ZstdCompression`),
//! `org.apache.kafka.common.record.CompressionType`; KIP-110, KIP-390; the xerial
//! `SnappyOutputStream`; the LZ4 frame format 1.5.1; RFC 8878.

use super::error::{FormatError, Result};
use flate2::{FlushCompress, FlushDecompress, Status};
use lz4_flex::block::CompressTable;
use std::fmt;
use std::hash::Hasher as _;
use std::str::FromStr;
use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, InBuffer, OutBuffer, ResetDirective};

/// The most that a batch may decompress to where nothing tighter is known: 1 GiB.
pub const MAX_DECOMPRESSED: usize = 1 << 30;
/// Bytes that may be reserved ahead of the output, however short the input.
pub const AHEAD: usize = 1 << 20;
/// Bytes that may be reserved ahead of the output per byte of input.
pub const RATIO: usize = 64;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// snappy in xerial framing, or raw.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard (RFC 8878); since Kafka 2.1.
    Zstd,
}

impl Codec {
    /// All of them, by id.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// From bits 0–2 of a batch's attributes. Ids 5 to 7 are not assigned.
    pub fn from_attributes(attributes: i16) -> Result<Self> {
        let id = usize::from(attributes.cast_unsigned() & 7);
        Self::ALL.get(id).copied().ok_or_else(|| {
            FormatError::unsupported("compression codec", 0, "0 to 4", id.to_string())
        })
    }

    /// Bits 0–2 of a batch's attributes.
    pub const fn id(self) -> i16 {
        self as i16
    }

    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The levels that Kafka allows, and the one it takes when none is given;
    /// `None` where there are no levels.
    pub const fn levels(self) -> Option<Levels> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(Levels {
                least: 1,
                most: 9,
                default: -1,
            }),
            Self::Lz4 => Some(Levels {
                least: 1,
                most: 17,
                default: 9,
            }),
            Self::Zstd => Some(Levels {
                least: -131_072,
                most: 22,
                default: 3,
            }),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Codec {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == text)
            .ok_or_else(|| {
                FormatError::unencodable(
                    "compression type",
                    "none, gzip, snappy, lz4 or zstd",
                    text.to_owned(),
                )
            })
    }
}

/// A codec's levels, both ends included. The default is allowed too, and for gzip
/// lies outside (−1: zlib's own choice).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// The fastest.
    pub least: i32,
    /// The tightest.
    pub most: i32,
    /// Where none is given.
    pub default: i32,
}

impl Levels {
    /// Whether Kafka takes this level.
    pub const fn contains(self, level: i32) -> bool {
        level == self.default || (self.least <= level && level <= self.most)
    }
}

/// A codec and its level, as `zstd` or `zstd:3`.
///
/// The level of lz4 is checked and kept, yet does nothing: lz4 is written by its
/// fast method, Kafka's choice at the default level; the decoder is the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compression {
    codec: Codec,
    level: Option<i32>,
}

impl Compression {
    /// No compression.
    pub const NONE: Self = Self {
        codec: Codec::None,
        level: None,
    };

    /// A codec, at `level` where one is given.
    pub fn new(codec: Codec, level: Option<i32>) -> Result<Self> {
        if let Some(level) = level {
            let Some(levels) = codec.levels() else {
                return Err(FormatError::unencodable(
                    "compression level",
                    format!("none for {codec}"),
                    level.to_string(),
                ));
            };
            if !levels.contains(level) {
                return Err(FormatError::unencodable(
                    "compression level",
                    format!("{} to {} for {codec}", levels.least, levels.most),
                    level.to_string(),
                ));
            }
        }
        Ok(Self { codec, level })
    }

    /// The codec.
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// The level, where one was given.
    pub const fn level(self) -> Option<i32> {
        self.level
    }

    fn effective_level(self) -> i32 {
        self.level
            .or(self.codec.levels().map(|levels| levels.default))
            .unwrap_or_default()
    }
}

impl From<Codec> for Compression {
    fn from(codec: Codec) -> Self {
        Self { codec, level: None }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            None => self.codec.fmt(f),
            Some(level) => write!(f, "{}:{level}", self.codec),
        }
    }
}

impl FromStr for Compression {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self> {
        let Some((codec, level)) = text.split_once(':') else {
            return text.parse::<Codec>().map(Self::from);
        };
        let level = level.parse().map_err(|_| {
            FormatError::unencodable("compression level", "a number", level.to_owned())
        })?;
        Self::new(codec.parse()?, Some(level))
    }
}

/// Compresses one batch after another, keeping its working memory between them.
pub struct Compressor {
    compression: Compression,
    engine: Encoder,
}

enum Encoder {
    None,
    Gzip(Box<flate2::Compress>),
    Snappy {
        encoder: Box<snap::raw::Encoder>,
        scratch: Vec<u8>,
    },
    Lz4 {
        table: CompressTable,
        scratch: Vec<u8>,
    },
    Zstd(CCtx<'static>),
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compressor")
            .field(&self.compression)
            .finish()
    }
}

impl Compressor {
    /// One for the given codec and level.
    pub fn new(compression: Compression) -> Self {
        let level = compression.effective_level();
        let engine = match compression.codec {
            Codec::None => Encoder::None,
            Codec::Gzip => {
                let level = u32::try_from(level)
                    .map_or_else(|_| flate2::Compression::default(), flate2::Compression::new);
                Encoder::Gzip(Box::new(flate2::Compress::new_gzip(
                    level,
                    GZIP_WINDOW_BITS,
                )))
            }
            Codec::Snappy => Encoder::Snappy {
                encoder: Box::new(snap::raw::Encoder::new()),
                scratch: vec![0; snap::raw::max_compress_len(XERIAL_BLOCK)],
            },
            Codec::Lz4 => Encoder::Lz4 {
                table: CompressTable::large(),
                scratch: vec![0; lz4_flex::block::get_maximum_output_size(LZ4_BLOCK)],
            },
            Codec::Zstd => {
                let mut context = CCtx::create();
                context
                    .set_parameter(CParameter::CompressionLevel(level))
                    .expect("the level was checked by Compression::new");
                Encoder::Zstd(context)
            }
        };
        Self {
            compression,
            engine,
        }
    }

    /// What it was made for.
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// Appends the compressed form of `input` to `out`.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &mut self.engine {
            Encoder::None => out.extend_from_slice(input),
            Encoder::Gzip(deflate) => gzip_compress(deflate, input, out)?,
            Encoder::Snappy { encoder, scratch } => {
                out.extend_from_slice(&XERIAL_HEADER);
                for block in input.chunks(XERIAL_BLOCK) {
                    let length = encoder
                        .compress(block, scratch)
                        .map_err(|e| refused("snappy data", &e))?;
                    out.extend_from_slice(&(length as u32).to_be_bytes());
                    out.extend_from_slice(&scratch[..length]);
                }
            }
            Encoder::Lz4 { table, scratch } => {
                out.extend_from_slice(&LZ4_HEADER);
                for block in input.chunks(LZ4_BLOCK) {
                    let length = lz4_flex::block::compress_into_with_table(block, scratch, table)
                        .map_err(|e| refused("lz4 data", &e))?;
                    let (mark, bytes) = if length < block.len() {
                        (0, &scratch[..length])
                    } else {
                        (LZ4_STORED, block)
                    };
                    out.extend_from_slice(&(bytes.len() as u32 | mark).to_le_bytes());
                    out.extend_from_slice(bytes);
                }
                out.extend_from_slice(&[0; 4]);
            }
            Encoder::Zstd(context) => {
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
            }
        }
        Ok(())
    }
}

/// Decompresses one batch after another, keeping its working memory between them.
#[derive(Default)]
pub struct Decompressor {
    gzip: Option<Box<flate2::Decompress>>,
    zstd: Option<DCtx<'static>>,
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// One that holds nothing until it is used.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the content of `out` with the decompressed form of `input`: at most
    /// `limit` bytes ([`MAX_DECOMPRESSED`] where nothing tighter is known).
    ///
    /// Errors: `Corrupt` where the data is damaged, ends early, or goes on past the
    /// limit. `out` then holds what was decoded so far.
    pub fn decompress(
        &mut self,
        codec: Codec,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<()> {
        self.decompress_as(codec, input, out, limit, Lz4Header::Checked)
    }

    /// [`Self::decompress`] for messages of magic 0, whose lz4 writers took the
    /// header checksum over the wrong bytes: it is not checked.
    pub fn decompress_magic_0(
        &mut self,
        codec: Codec,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<()> {
        self.decompress_as(codec, input, out, limit, Lz4Header::Unchecked)
    }

    fn decompress_as(
        &mut self,
        codec: Codec,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
        lz4: Lz4Header,
    ) -> Result<()> {
        out.clear();
        match codec {
            Codec::None if input.len() > limit => return Err(past(limit)),
            Codec::None => out.extend_from_slice(input),
            Codec::Gzip => {
                let inflate = self.gzip.get_or_insert_with(|| {
                    Box::new(flate2::Decompress::new_gzip(GZIP_WINDOW_BITS))
                });
                gzip_decompress(inflate, input, out, limit)?;
            }
            Codec::Snappy => snappy_decompress(input, out, limit)?,
            Codec::Lz4 => lz4_decompress(input, out, limit, lz4)?,
            Codec::Zstd => {
                let context = self.zstd.get_or_insert_with(DCtx::create);
                zstd_decompress(context, input, out, limit)?;
            }
        }
        Ok(())
    }
}

// ---- gzip ----

const GZIP_WINDOW_BITS: u8 = 15;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

fn gzip_compress(
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

fn gzip_decompress(
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
        if !input[at..].starts_with(&GZIP_MAGIC) {
            return Ok(());
        }
    }
}

// ---- snappy ----

const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const XERIAL_HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const XERIAL_BLOCK: usize = 32 * 1024;
/// No element of snappy yields more than 64 bytes, and those take 3.
const SNAPPY_RATIO: usize = 22;

fn snappy_decompress(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<()> {
    if !input.starts_with(&XERIAL_MAGIC) {
        return snappy_block(input, 0, out, limit);
    }
    let mut at = 0;
    while at < input.len() {
        if input[at..].starts_with(&XERIAL_MAGIC) {
            let compatible = field(input, at + 12, "snappy header")?;
            if u32::from_be_bytes(compatible) > 1 {
                return Err(FormatError::unsupported(
                    "snappy framing",
                    at + 12,
                    "compatible version 1",
                    u32::from_be_bytes(compatible).to_string(),
                ));
            }
            at += XERIAL_HEADER.len();
            continue;
        }
        let length = u32::from_be_bytes(field(input, at, "snappy block length")?) as usize;
        at += 4;
        let block = slice(input, at, length, "snappy block")?;
        snappy_block(block, at, out, limit)?;
        at += length;
    }
    Ok(())
}

fn snappy_block(block: &[u8], at: usize, out: &mut Vec<u8>, limit: usize) -> Result<()> {
    let damaged = |e: snap::Error| damaged("snappy data", at, &e);
    let length = snap::raw::decompress_len(block).map_err(damaged)?;
    let start = out.len();
    if length > limit - start {
        return Err(past(limit));
    }
    if length > block.len().saturating_mul(SNAPPY_RATIO) {
        return Err(FormatError::corrupt(
            "snappy block length",
            at,
            format!("at most {SNAPPY_RATIO} times its {} bytes", block.len()),
            length.to_string(),
        ));
    }
    out.resize(start + length, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut out[start..])
        .map_err(damaged)?;
    Ok(())
}

// ---- lz4 ----

const LZ4_BLOCK: usize = 64 * 1024;
/// Magic, flags 0x60 (version 1, independent blocks), 64 KiB blocks, header checksum.
const LZ4_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// The block's bytes stand as they are.
const LZ4_STORED: u32 = 1 << 31;
/// No byte of lz4 yields more than 255.
const LZ4_RATIO: usize = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lz4Header {
    Checked,
    Unchecked,
}

struct Lz4Frame {
    block_most: usize,
    block_checksums: bool,
    body: usize,
}

fn lz4_decompress(input: &[u8], out: &mut Vec<u8>, limit: usize, header: Lz4Header) -> Result<()> {
    let frame = lz4_frame(input, header)?;
    let mut at = frame.body;
    loop {
        let mark = u32::from_le_bytes(field(input, at, "lz4 block length")?);
        let length = (mark & !LZ4_STORED) as usize;
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
        if mark & LZ4_STORED != 0 {
            if length > limit - start {
                return Err(past(limit));
            }
            out.extend_from_slice(block);
            continue;
        }
        let room = frame
            .block_most
            .min(length.saturating_mul(LZ4_RATIO))
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

fn lz4_frame(input: &[u8], header: Lz4Header) -> Result<Lz4Frame> {
    let magic: [u8; 4] = field(input, 0, "lz4 frame header")?;
    if magic != LZ4_MAGIC {
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
    if header == Lz4Header::Checked && found != expected {
        return Err(FormatError::corrupt(
            "lz4 header checksum",
            end,
            format!("{expected:#04x}"),
            format!("{found:#04x}"),
        ));
    }
    Ok(Lz4Frame {
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

// ---- zstd ----

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_BLOCK: usize = 128 * 1024;

/// In one pass into `out` where the frames' own structure bounds their content
/// reasonably, else as a stream that grows with what comes out.
fn zstd_decompress(
    context: &mut DCtx<'static>,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<()> {
    context
        .reset(ResetDirective::SessionOnly)
        .expect("a session can always be given up");
    let fair = input.len().saturating_mul(RATIO).max(AHEAD).min(limit);
    match zstd_bound(input) {
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
        _ => zstd_stream(context, input, out, limit),
    }
}

fn zstd_stream(
    context: &mut DCtx<'static>,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<()> {
    out.reserve((input.len() * 4).clamp(ZSTD_BLOCK, AHEAD).min(limit));
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
fn zstd_bound(mut input: &[u8]) -> Option<usize> {
    let mut most = 0_usize;
    while !input.is_empty() {
        let frame = input.strip_prefix(&ZSTD_MAGIC)?;
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
                2 => (length, ZSTD_BLOCK),
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

// ---- common ----

/// Doubles the room, up to one byte past the limit, so that going past it shows.
fn grow(out: &mut Vec<u8>, limit: usize) -> Result<()> {
    let length = out.len();
    if length > limit {
        return Err(past(limit));
    }
    out.reserve_exact(length.max(512).min(limit.saturating_add(1) - length));
    Ok(())
}

fn field<const N: usize>(input: &[u8], at: usize, what: &'static str) -> Result<[u8; N]> {
    let rest = input.get(at..).unwrap_or_default();
    rest.first_chunk()
        .copied()
        .ok_or_else(|| FormatError::torn(what, at, N, rest.len()))
}

fn slice<'a>(input: &'a [u8], at: usize, length: usize, what: &'static str) -> Result<&'a [u8]> {
    let rest = input.get(at..).unwrap_or_default();
    rest.get(..length)
        .ok_or_else(|| FormatError::torn(what, at, length, rest.len()))
}

#[cold]
fn past(limit: usize) -> FormatError {
    FormatError::corrupt(
        "decompressed records",
        0,
        format!("at most {limit} bytes"),
        "more",
    )
}

#[cold]
fn damaged(what: &'static str, at: usize, why: &dyn fmt::Display) -> FormatError {
    FormatError::corrupt(what, at, "a valid stream", why.to_string())
}

#[cold]
fn refused(what: &'static str, why: &dyn fmt::Display) -> FormatError {
    FormatError::unencodable(what, "input that the codec takes", why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpack(codec: Codec, input: &[u8], limit: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Decompressor::new()
            .decompress(codec, input, &mut out, limit)
            .map(|()| out)
    }

    fn pack(compression: Compression, input: &[u8]) -> Vec<u8> {
        let mut out = b"head".to_vec();
        Compressor::new(compression)
            .compress(input, &mut out)
            .unwrap();
        assert_eq!(&out[..4], b"head", "compressing appends");
        out.split_off(4)
    }

    fn text(length: usize) -> Vec<u8> {
        let mut text: Vec<u8> = (0..)
            .flat_map(|n: u32| format!("{n} GET /index.html 200\n").into_bytes())
            .take(length)
            .collect();
        text.truncate(length);
        text
    }

    #[test]
    fn names_and_levels_are_kafkas() {
        for text in [
            "none", "gzip", "snappy", "lz4", "zstd", "zstd:-5", "gzip:-1", "lz4:17",
        ] {
            assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
        }
        for text in [
            "", "ZSTD", "zstd:", "zstd:23", "gzip:0", "gzip:10", "lz4:0", "snappy:1", "none:1",
        ] {
            assert!(text.parse::<Compression>().is_err(), "{text}");
        }
        assert!(Codec::from_attributes(5).is_err());
        assert_eq!(Codec::from_attributes(0x7f8 | 4), Ok(Codec::Zstd));
        for codec in Codec::ALL {
            assert_eq!(Codec::from_attributes(codec.id()), Ok(codec));
        }
    }

    #[test]
    fn every_codec_and_level_round_trips_every_size() {
        let mut levels: Vec<Compression> = Codec::ALL.map(Compression::from).to_vec();
        for spec in [
            "gzip:1",
            "gzip:9",
            "zstd:1",
            "zstd:-131072",
            "zstd:19",
            "lz4:1",
        ] {
            levels.push(spec.parse().unwrap());
        }
        for compression in levels {
            let mut decompressor = Decompressor::new();
            let mut compressor = Compressor::new(compression);
            let mut out = Vec::new();
            for length in [0, 1, 100, 32_767, 32_768, 32_769, 65_536, 65_537, 700_000] {
                let input = text(length);
                let mut packed = Vec::new();
                compressor.compress(&input, &mut packed).unwrap();
                decompressor
                    .decompress(compression.codec(), &packed, &mut out, length)
                    .unwrap();
                assert!(out == input, "{compression} {length}");
                if length > 0 {
                    let short = unpack(compression.codec(), &packed, length - 1);
                    assert!(short.is_err(), "{compression} {length}");
                }
                if length > 1000
                    && compression.codec() != Codec::None
                    && compression.level() != Some(-131_072)
                {
                    assert!(packed.len() < length / 2, "{compression} {length}");
                }
            }
        }
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        for codec in [Codec::Gzip, Codec::Lz4, Codec::Zstd] {
            let packed = pack(codec.into(), &text(5000));
            for length in 0..packed.len() {
                if codec == Codec::Zstd && length == 0 {
                    continue; // no frame at all: nothing
                }
                assert!(
                    unpack(codec, &packed[..length], 10_000).is_err(),
                    "{codec} {length}"
                );
            }
        }
    }

    #[test]
    fn gzip_members_and_zstd_frames_follow_each_other() {
        for codec in [Codec::Gzip, Codec::Zstd, Codec::Snappy] {
            let mut packed = pack(codec.into(), b"one ");
            packed.extend(pack(codec.into(), b"two"));
            assert_eq!(unpack(codec, &packed, 100).unwrap(), b"one two", "{codec}");
        }
        let mut packed = pack(Codec::Gzip.into(), b"one");
        packed.extend([0; 9]);
        assert_eq!(unpack(Codec::Gzip, &packed, 100).unwrap(), b"one");
    }

    #[test]
    fn zstd_without_its_content_size_is_read() {
        let input = text(300_000);
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        std::io::Write::write_all(&mut encoder, &input).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(zstd_safe::get_frame_content_size(&packed).ok(), Some(None));
        let bound = zstd_bound(&packed).unwrap();
        assert!((300_000..300_000 + ZSTD_BLOCK).contains(&bound), "{bound}");
        assert!(unpack(Codec::Zstd, &packed, 300_000).unwrap() == input);
        assert!(unpack(Codec::Zstd, &packed, 299_999).is_err());
        let mut out = Vec::new();
        zstd_stream(&mut DCtx::create(), &packed, &mut out, 300_000).unwrap();
        assert!(out == input);
    }

    #[test]
    fn raw_snappy_is_read() {
        let input = text(1000);
        let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();
        assert_eq!(unpack(Codec::Snappy, &raw, 1000).unwrap(), input);
    }

    #[test]
    fn lz4_frames_of_other_writers_are_read() {
        use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
        let input = text(300_000);
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
            let info = FrameInfo::new()
                .block_mode(BlockMode::Independent)
                .block_size(size)
                .block_checksums(true)
                .content_checksum(true)
                .content_size(Some(300_000));
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            std::io::Write::write_all(&mut encoder, &input).unwrap();
            let mut packed = encoder.finish().unwrap();
            assert!(unpack(Codec::Lz4, &packed, 300_000).unwrap() == input);
            packed[200] ^= 1;
            assert!(
                unpack(Codec::Lz4, &packed, 300_000).is_err(),
                "block checksum"
            );
        }
    }

    #[test]
    fn the_broken_lz4_header_checksum_passes_for_magic_0_only() {
        let mut packed = pack(Codec::Lz4.into(), b"records");
        // What old clients wrote: the hash of the magic and the descriptor.
        packed[6] = (xxh32(&packed[..6]) >> 8) as u8;
        assert!(unpack(Codec::Lz4, &packed, 100).is_err());
        let mut out = Vec::new();
        Decompressor::new()
            .decompress_magic_0(Codec::Lz4, &packed, &mut out, 100)
            .unwrap();
        assert_eq!(out, b"records");
    }

    #[test]
    fn a_header_that_lies_reserves_little() {
        // A zstd frame of one raw byte that claims a content of 2^60 bytes.
        let mut zstd = ZSTD_MAGIC.to_vec();
        zstd.extend([0xc0, 0x88]);
        zstd.extend((1_u64 << 60).to_le_bytes());
        zstd.extend([0x09, 0, 0, b'x']);
        let snappy = [0xff, 0xff, 0xff, 0x7f, 0, b'x'];
        let lz4 = [
            &[4, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73][..],
            &[1, 0, 0, 0, 0],
        ]
        .concat();
        for (codec, bytes) in [
            (Codec::Zstd, &zstd[..]),
            (Codec::Snappy, &snappy),
            (Codec::Lz4, &lz4),
        ] {
            let mut out = Vec::new();
            let result = Decompressor::new().decompress(codec, bytes, &mut out, MAX_DECOMPRESSED);
            assert!(result.is_err(), "{codec}");
            assert!(out.capacity() <= AHEAD, "{codec} {}", out.capacity());
        }
    }

    proptest! {
        #[test]
        fn any_input_round_trips(input: Vec<u8>, which in 0..5_usize) {
            let codec = Codec::ALL[which];
            prop_assert_eq!(unpack(codec, &pack(codec.into(), &input), input.len()), Ok(input));
        }

        #[test]
        fn no_bytes_panic_or_pass_the_limit(
            bytes: Vec<u8>, which in 0..5_usize, headed: bool, limit in 0..5000_usize,
        ) {
            let codec = Codec::ALL[which];
            let mut input = if headed { pack(codec.into(), b"") } else { Vec::new() };
            input.truncate(input.len() / 2 + 2);
            input.extend(bytes);
            let mut out = Vec::new();
            let result = Decompressor::new().decompress(codec, &input, &mut out, limit);
            prop_assert!(result.is_err() || out.len() <= limit);
        }

        #[test]
        fn a_flipped_bit_never_panics(at: usize, bit in 0..8_u8, which in 1..5_usize) {
            let codec = Codec::ALL[which];
            let mut packed = pack(codec.into(), &text(3000));
            let at = at % packed.len();
            packed[at] ^= 1 << bit;
            let _ = unpack(codec, &packed, 4000);
        }
    }
}
