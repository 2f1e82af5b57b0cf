//! The quick check of a batch's records says what reading each of them says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::batch::{Scratch, UncheckedBatch};

fuzz_target!(|bytes: &[u8]| {
    let Ok(unchecked) = UncheckedBatch::parse(bytes) else {
        return;
    };
    // Almost no input has the right CRC: give it one.
    let mut mended = unchecked.bytes().to_vec();
    unchecked.header().write(&mut mended);
    let batch = UncheckedBatch::parse(&mended).and_then(UncheckedBatch::check);
    let batch = batch.expect("a header that was read and written is whole");
    let mut unpacked = Scratch::new();
    let Ok(payload) = batch.unpacked(&mut unpacked) else {
        return;
    };
    let quick = batch.check_records(payload);
    let mut scratch = Scratch::new();
    let slow: Result<Vec<_>, _> = batch.records(&mut scratch).and_then(|records| {
        records
            .map(|record| record.map(|record| record.timestamp))
            .collect()
    });
    match (&quick, &slow) {
        (Ok(quick), Ok(times)) => {
            if !batch.header().attributes.is_append_time() {
                let latest = times.iter().copied().max().flatten();
                assert_eq!(quick.max_timestamp, latest);
            }
            let _ = batch.has_base_time(payload);
        }
        (Err(quick), Err(slow)) => assert_eq!(quick.to_string(), slow.to_string()),
        _ => panic!("{quick:?} and {slow:?}"),
    }
});
