//! Time indexes: padding, lookups and the check.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::Timestamp;
use ottla::format::time_index::TimeIndex;

fuzz_target!(|input: (i64, &[u8])| {
    let (target, file) = input;
    let Ok(index) = TimeIndex::new(file) else {
        return;
    };
    let sound = index.check().is_ok();
    let _ = index.last();
    let Ok(found) = index.lookup(Timestamp::new(target)) else {
        return;
    };
    if sound {
        let scan = index
            .iter()
            .map(|entry| entry.expect("the check read it"))
            .take_while(|entry| entry.timestamp.get() <= target)
            .last();
        assert_eq!(found, scan);
    }
});
