//! Each codec's decoder against a limit, and each encoder against its decoder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::compression::{AHEAD, Codec, Compression, Compressor, Decompressor, RATIO};

const LIMIT: usize = 1 << 20;

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    let codec = Codec::ALL[usize::from(which) % Codec::ALL.len()];
    let mut decompressor = Decompressor::new();
    let mut out = Vec::new();
    for magic_0 in [false, true] {
        let result = if magic_0 {
            decompressor.decompress_magic_0(codec, bytes, &mut out, LIMIT)
        } else {
            decompressor.decompress(codec, bytes, &mut out, LIMIT)
        };
        assert!(result.is_err() || out.len() <= LIMIT);
        assert!(out.capacity() <= 4 * out.len() + AHEAD + RATIO * bytes.len());
    }
    let mut packed = Vec::new();
    Compressor::new(Compression::from(codec))
        .compress(bytes, &mut packed)
        .expect("any bytes compress");
    decompressor
        .decompress(codec, &packed, &mut out, bytes.len())
        .expect("what was compressed decompresses");
    assert_eq!(out, bytes);
});
