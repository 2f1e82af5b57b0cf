//! Tests of [`super`]: each codec against other writers, damage and lies.

use super::zstandard::{
    BLOCK as ZSTD_BLOCK, MAGIC as ZSTD_MAGIC, bound as zstd_bound, stream as zstd_stream,
};
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

/// What Kafka's own classes made of `text(70_000)`; see the README beside them.
macro_rules! kafkas {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../testdata/kafka-4.3.1-fragments/compression/",
            $name,
            ".bin"
        ))
    };
}

#[test]
fn what_kafkas_classes_compressed_is_read_and_framed_alike() {
    let input = text(70_000);
    for (codec, bytes) in [
        (Codec::Gzip, &kafkas!("gzip")[..]),
        (Codec::Snappy, kafkas!("snappy")),
        (Codec::Lz4, kafkas!("lz4")),
        (Codec::Lz4, kafkas!("lz4-level-17")),
        (Codec::Zstd, kafkas!("zstd")),
        (Codec::Zstd, kafkas!("zstd-level-22")),
    ] {
        assert!(unpack(codec, bytes, 70_000).unwrap() == input, "{codec}");
        let framing = match codec {
            Codec::Snappy => 16,
            Codec::Lz4 => 7,
            _ => 2,
        };
        let ours = pack(codec.into(), &input);
        assert_eq!(ours[..framing], bytes[..framing], "{codec}");
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
    assert_eq!(
        zstd::zstd_safe::get_frame_content_size(&packed).ok(),
        Some(None)
    );
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
    break_lz4_header(&mut packed);
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
