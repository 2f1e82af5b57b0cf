//! Message sets of magic 0 and 1, wrapped or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::legacy::{LegacyScratch, UncheckedEntry};

const CRC_AT: usize = 12;
const MAGIC_AT: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let mut scratch = LegacyScratch::new();
    let Ok(unchecked) = UncheckedEntry::parse(bytes) else {
        return;
    };
    // Almost no input has the right CRC: give it one.
    let mut mended = unchecked.bytes().to_vec();
    let crc = crc32fast::hash(&mended[MAGIC_AT..]);
    mended[CRC_AT..MAGIC_AT].copy_from_slice(&crc.to_be_bytes());
    let entry = UncheckedEntry::parse(&mended).and_then(UncheckedEntry::check);
    let entry = entry.expect("the CRC was mended");
    if let Ok(records) = entry.records(&mut scratch) {
        for record in records {
            let _ = record;
        }
    }
});
