//! Records of `__share_group_state`: keys and values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::share_group_state::{ShareStateRecordKey, ShareStateRecordValue};

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (kind, key, value) = input;
    let key = [&[0, kind % 4][..], key].concat();
    let Ok(key) = ShareStateRecordKey::decode(&key) else {
        return;
    };
    let _ = key.to_json();
    let again = key.to_bytes().expect("what was decoded encodes");
    let again = ShareStateRecordKey::decode(&again).expect("and decodes");
    assert_eq!(again.kind(), key.kind());
    if let Ok(value) = ShareStateRecordValue::decode(key.kind(), value) {
        let _ = value.to_json();
        let again = value.to_bytes().expect("what was decoded encodes");
        let twice = ShareStateRecordValue::decode(key.kind(), &again).expect("and decodes");
        assert_eq!(twice.to_bytes(), Ok(again));
    }
});
