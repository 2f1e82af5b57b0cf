//! Transaction indexes: entries, the check, and what is collected for a range.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::Offset;
use ottla::format::txn_index::{check, collect, entries};

fuzz_target!(|input: (i64, i64, &[u8])| {
    let (from, until, file) = input;
    let (from, until) = (Offset::new(from), Offset::new(until));
    let _ = check(file, from);
    if let Ok(found) = collect(file, from, until) {
        assert!(found.aborted.iter().all(|txn| txn.overlaps(from, until)));
    }
    for (entry, bytes) in entries(file).zip(file.chunks(34)) {
        if let Ok(entry) = entry {
            assert_eq!(entry.encode(), bytes);
        }
    }
});
