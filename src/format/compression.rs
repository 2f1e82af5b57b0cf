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
use lz4_flex::block::CompressTable;
use std::fmt;
use std::str::FromStr;
use zstd::zstd_safe::{CCtx, CParameter, DCtx};

mod gzip;
mod lz4;
mod snappy;
#[cfg(test)]
mod tests;
mod zstandard;

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
                    gzip::WINDOW_BITS,
                )))
            }
            Codec::Snappy => Encoder::Snappy {
                encoder: Box::new(snap::raw::Encoder::new()),
                scratch: vec![0; snap::raw::max_compress_len(snappy::BLOCK)],
            },
            Codec::Lz4 => Encoder::Lz4 {
                table: CompressTable::large(),
                scratch: vec![0; lz4_flex::block::get_maximum_output_size(lz4::BLOCK)],
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
            Encoder::Gzip(deflate) => gzip::compress(deflate, input, out)?,
            Encoder::Snappy { encoder, scratch } => {
                snappy::compress(encoder, scratch, input, out)?;
            }
            Encoder::Lz4 { table, scratch } => lz4::compress(table, scratch, input, out)?,
            Encoder::Zstd(context) => zstandard::compress(context, input, out)?,
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
        self.decompress_as(codec, input, out, limit, lz4::HeaderChecksum::Checked)
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
        self.decompress_as(codec, input, out, limit, lz4::HeaderChecksum::Unchecked)
    }

    fn decompress_as(
        &mut self,
        codec: Codec,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
        lz4: lz4::HeaderChecksum,
    ) -> Result<()> {
        out.clear();
        match codec {
            Codec::None if input.len() > limit => return Err(past(limit)),
            Codec::None => out.extend_from_slice(input),
            Codec::Gzip => {
                let inflate = self.gzip.get_or_insert_with(|| {
                    Box::new(flate2::Decompress::new_gzip(gzip::WINDOW_BITS))
                });
                gzip::decompress(inflate, input, out, limit)?;
            }
            Codec::Snappy => snappy::decompress(input, out, limit)?,
            Codec::Lz4 => lz4::decompress(input, out, limit, lz4)?,
            Codec::Zstd => {
                let context = self.zstd.get_or_insert_with(DCtx::create);
                zstandard::decompress(context, input, out, limit)?;
            }
        }
        Ok(())
    }
}

/// Gives a frame that [`Compressor`] made the header checksum of old lz4 writers,
/// which readers of magic 0 expect.
pub(super) fn break_lz4_header(frame: &mut [u8]) {
    lz4::break_header(frame);
}

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
