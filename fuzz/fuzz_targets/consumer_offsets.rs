//! Records of `__consumer_offsets`: every key, and values of that key's type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (kind, key, value) = input;
    let key = [&[0, kind % 26][..], key].concat();
    let Ok(key) = GroupRecordKey::decode(&key) else {
        return;
    };
    let _ = key.to_json();
    let again = key.to_bytes().expect("what was decoded encodes");
    let again = GroupRecordKey::decode(&again).expect("and decodes");
    assert_eq!(again.kind(), key.kind());
    if let Ok(value) = GroupRecordValue::decode(key.kind(), value) {
        let _ = value.to_json();
        let again = value.to_bytes().expect("what was decoded encodes");
        let twice = GroupRecordValue::decode(key.kind(), &again).expect("and decodes");
        assert_eq!(twice.to_bytes(), Ok(again));
    }
});
