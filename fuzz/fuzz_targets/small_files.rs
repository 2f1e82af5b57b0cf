//! The small files of a data directory: checkpoints, properties, JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla::format::checkpoint::OffsetCheckpoint;
use ottla::format::clean_shutdown::CleanShutdown;
use ottla::format::leader_epochs::LeaderEpochs;
use ottla::format::meta_properties::MetaProperties;
use ottla::format::partition_metadata::PartitionMetadata;
use ottla::format::properties::Properties;
use ottla::format::quorum_state::QuorumState;

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    match which % 7 {
        0 => {
            if let Ok(file) = OffsetCheckpoint::parse(bytes) {
                let again = OffsetCheckpoint::parse(&file.to_bytes());
                assert_eq!(again.expect("written whole").to_bytes(), file.to_bytes());
            }
        }
        1 => {
            if let Ok(file) = LeaderEpochs::parse(bytes) {
                let again = LeaderEpochs::parse(&file.to_bytes());
                assert_eq!(again.expect("written whole").to_bytes(), file.to_bytes());
            }
        }
        2 => drop(MetaProperties::parse(bytes)),
        3 => {
            if let Ok(file) = PartitionMetadata::parse(bytes) {
                let again = PartitionMetadata::parse(&file.to_bytes());
                assert_eq!(again.expect("written whole").to_bytes(), file.to_bytes());
            }
        }
        4 => {
            let file = CleanShutdown::parse(bytes);
            let again = CleanShutdown::parse(&file.to_bytes());
            assert_eq!(again.to_bytes(), file.to_bytes());
        }
        5 => {
            if let Ok(file) = QuorumState::parse(bytes) {
                let again = QuorumState::parse(&file.to_bytes());
                assert_eq!(again.expect("written whole").to_bytes(), file.to_bytes());
            }
        }
        _ => {
            if let Ok(file) = Properties::parse("properties", bytes) {
                let text = file.to_text();
                let again = Properties::parse("properties", text.as_bytes());
                assert_eq!(again.expect("written whole").to_text(), text);
            }
        }
    }
});
