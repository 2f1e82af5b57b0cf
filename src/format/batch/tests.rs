use super::*;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::compression::{Compression, Compressor};
use crate::format::record::HeadersBuf;
use proptest::prelude::*;

type Owned = (
    Option<i64>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<(Vec<u8>, Option<Vec<u8>>)>,
);

fn owned_record() -> impl Strategy<Value = Owned> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    (
        proptest::option::of(0..i64::MAX / 4),
        proptest::option::of(bytes()),
        proptest::option::of(bytes()),
        proptest::collection::vec((bytes(), proptest::option::of(bytes())), 0..4),
    )
}

fn build(records: &[Owned], gaps: &[i32]) -> BatchBuilder {
    let mut builder = BatchBuilder::default();
    for ((time, key, value, headers), gap) in records.iter().zip(gaps) {
        let mut buffer = HeadersBuf::new();
        for (name, value) in headers {
            buffer.push(name, value.as_deref());
        }
        let time = time.map(Timestamp::new);
        let delta = builder.next_delta() + gap;
        builder
            .append_at(
                delta,
                time,
                key.as_deref(),
                value.as_deref(),
                buffer.as_headers(),
            )
            .unwrap();
    }
    builder
}

proptest! {
    #[test]
    fn what_was_built_reads_back_in_every_codec(
        records in proptest::collection::vec(owned_record(), 1..30),
        gaps in proptest::collection::vec(0..3_i32, 30),
        base in 0..i64::MAX / 2,
    ) {
        let builder = build(&records, &gaps);
        let mut scratch = Scratch::new();
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let seal = Seal { base_offset: Offset::new(base), ..Seal::default() };
            let mut compressor = Compressor::new(Compression::from(codec));
            let mut bytes = Vec::new();
            builder.seal_compressed(&mut compressor, &seal, &mut bytes).unwrap();
            let batch = UncheckedBatch::parse(&bytes).unwrap().check().unwrap();
            prop_assert_eq!(batch.header().attributes.codec().unwrap(), codec);
            let mut expected = base;
            let mut read = batch.records(&mut scratch).unwrap();
            for ((time, key, value, headers), gap) in records.iter().zip(&gaps) {
                let record = read.next().unwrap().unwrap();
                expected += i64::from(*gap);
                prop_assert_eq!(record.offset.get(), expected);
                expected += 1;
                prop_assert_eq!(record.timestamp.map(Timestamp::get), *time);
                prop_assert_eq!(record.key, key.as_deref());
                prop_assert_eq!(record.value, value.as_deref());
                let found: Vec<_> = record
                    .headers
                    .iter()
                    .map(|h| (h.name.to_vec(), h.value.map(<[u8]>::to_vec)))
                    .collect();
                prop_assert_eq!(&found, headers);
            }
            prop_assert!(read.next().is_none());
            prop_assert_eq!(batch.header().next_offset().get(), expected);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        fix in any::<bool>(),
    ) {
        if fix && bytes.len() >= HEADER_SIZE {
            let length = (bytes.len() - LOG_OVERHEAD) as i32;
            bytes[0] &= 0x7f;
            bytes[LENGTH_AT..LEADER_EPOCH_AT].copy_from_slice(&length.to_be_bytes());
            bytes[MAGIC_AT] = 2;
            let crc = crc32c(&bytes[ATTRIBUTES_AT..]);
            bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
        }
        let mut scratch = Scratch::new();
        if let Ok(batch) = UncheckedBatch::parse(&bytes)
            && let Ok(batch) = batch.check()
            && let Ok(records) = batch.records(&mut scratch)
        {
            for record in records {
                let _ = record;
            }
        }
    }

    #[test]
    fn any_flipped_bit_under_the_crc_is_found(
        records in proptest::collection::vec(owned_record(), 1..5),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut builder = build(&records, &[0; 5]);
        let bytes = builder.seal(&Seal::default());
        let first = CRC_AT * 8;
        let bit = first + bit.index(bytes.len() * 8 - first);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(UncheckedBatch::parse(bytes).and_then(UncheckedBatch::check).is_err());
    }
}

#[test]
fn sequences_wrap_to_zero() {
    assert_eq!(sequence_after(i32::MAX, 1), 0);
    assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    assert_eq!(sequence_after(5, 0), 5);
}
