//! Records of `__transaction_state`: keys and values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (key, value) = input;
    let Ok(key) = TransactionRecordKey::decode(key) else {
        return;
    };
    let _ = key.to_json();
    let again = key.to_bytes().expect("what was decoded encodes");
    let again = TransactionRecordKey::decode(&again).expect("and decodes");
    assert_eq!(again.kind(), key.kind());
    if let Ok(value) = TransactionRecordValue::decode(key.kind(), value) {
        let _ = value.to_json();
        let again = value.to_bytes().expect("what was decoded encodes");
        let twice = TransactionRecordValue::decode(key.kind(), &again).expect("and decodes");
        assert_eq!(twice.to_bytes(), Ok(again));
    }
});
