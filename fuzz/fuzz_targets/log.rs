//! A `.log` of batches of any magic, walked as recovery and consumers walk it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::any_batch::{AnyBatch, AnyScratch};
use ottla::format::batch::Prefix;

fuzz_target!(|bytes: &[u8]| {
    let mut scratch = AnyScratch::default();
    let mut rest = bytes;
    while let Ok(prefix) = Prefix::parse(rest) {
        assert!(prefix.magic <= 2);
        if let Ok(batch) = AnyBatch::parse(prefix.magic, rest)
            && let Ok(records) = batch.records(&mut scratch)
        {
            for record in records {
                let _ = record;
            }
        }
        let Some(next) = rest.get(prefix.size..) else {
            break;
        };
        rest = next;
    }
});
