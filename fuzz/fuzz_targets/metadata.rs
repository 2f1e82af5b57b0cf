//! KRaft metadata records: what decodes encodes, and decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::metadata::VersionedRecord;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = VersionedRecord::decode(bytes) else {
        return;
    };
    let _ = record.to_json();
    let again = record.to_bytes().expect("what was decoded encodes");
    let twice = VersionedRecord::decode(&again).expect("and decodes");
    assert_eq!(twice.to_bytes(), Ok(again));
});
