//! Producer snapshots, with a checksum that is right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::crc32c::crc32c;
use ottla::format::producer_snapshot::{decode, encode};

fuzz_target!(|body: &[u8]| {
    let _ = decode(body);
    let mut file = vec![0, 1];
    file.extend(crc32c(body).to_be_bytes());
    file.extend(body);
    if let Ok(producers) = decode(&file) {
        for producer in &producers {
            let _ = producer.first_sequence();
        }
        let again = encode(&producers).expect("what was decoded encodes");
        assert_eq!(decode(&again), Ok(producers));
    }
});
