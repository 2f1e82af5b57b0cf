//! Offset indexes: padding, lookups and the check.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::Offset;
use ottla::format::offset_index::OffsetIndex;

fuzz_target!(|input: (i64, i64, u32, &[u8])| {
    let (base, target, length, file) = input;
    let Ok(index) = OffsetIndex::new(file) else {
        return;
    };
    let sound = index.check(u64::from(length)).is_ok();
    let (base, target) = (Offset::new(base), Offset::new(target));
    let Ok(found) = index.lookup(base, target) else {
        return;
    };
    if sound {
        let relative = target.get().saturating_sub(base.get());
        let scan = index
            .iter()
            .map(|entry| entry.expect("the check read it"))
            .take_while(|entry| i64::from(entry.relative_offset.get()) <= relative)
            .last();
        assert_eq!(found, scan);
    }
});
