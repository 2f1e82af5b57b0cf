//! Control records: keys and values of every type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::control::ControlRecord;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, value) = input;
    let key = [0, 0, 0, kind % 9];
    let _ = ControlRecord::decode(Some(value), Some(value));
    let Ok(record) = ControlRecord::decode(Some(&key), Some(value)) else {
        return;
    };
    assert_eq!(record.kind().encode_key(), key);
    let again = match &record {
        ControlRecord::Abort(it) | ControlRecord::Commit(it) => it.encode().to_vec(),
        ControlRecord::LeaderChange(it) => it.encode(),
        ControlRecord::SnapshotHeader(it) => it.encode(),
        ControlRecord::SnapshotFooter(it) => it.encode(),
        ControlRecord::KRaftVersion(it) => it.encode(),
        ControlRecord::Voters(it) => it.encode(),
        ControlRecord::Unknown { value, .. } => value.unwrap_or_default().to_vec(),
    };
    assert_eq!(ControlRecord::decode(Some(&key), Some(&again)), Ok(record));
});
