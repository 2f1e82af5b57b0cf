//! Record batches of magic 2: header, CRC, records, headers; and the header written back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::batch::{HEADER_SIZE, Scratch, UncheckedBatch};
use ottla::format::control::ControlRecord;

fuzz_target!(|bytes: &[u8]| {
    let mut scratch = Scratch::new();
    let mut rest = bytes;
    while let Ok(unchecked) = UncheckedBatch::parse(rest) {
        // Almost no input has the right CRC: give it one.
        let mut mended = unchecked.bytes().to_vec();
        unchecked.header().write(&mut mended);
        assert_eq!(mended.len(), unchecked.bytes().len());
        assert_eq!(mended[HEADER_SIZE..], unchecked.bytes()[HEADER_SIZE..]);
        let batch = UncheckedBatch::parse(&mended).and_then(UncheckedBatch::check);
        let batch = batch.expect("a header that was read and written is whole");
        if let Ok(records) = batch.records(&mut scratch) {
            for record in records {
                let Ok(record) = record else { break };
                assert!(record.offset >= batch.header().base_offset);
                assert!(record.offset <= batch.header().last_offset);
                assert_eq!(record.headers.iter().count(), record.headers.len());
                if batch.header().attributes.is_control() {
                    let _ = ControlRecord::decode(record.key, record.value);
                }
            }
        }
        rest = &rest[unchecked.bytes().len()..];
    }
});
