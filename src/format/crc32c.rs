//! CRC-32C (Castagnoli), the checksum of v2 record batches and of producer
//! snapshots, on the processor's own instructions where it has them.
//!
//! Source: KIP-98; `org.apache.kafka.common.utils.Crc32C`.

use crc_fast::{CrcAlgorithm, Digest};

/// The checksum of `bytes`.
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// The checksum of `a ++ bytes` from `crc`, the checksum of `a`; 0 is the
/// checksum of nothing.
#[inline]
pub fn update(crc: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!crc));
    digest.update(bytes);
    digest.finalize() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
        assert_eq!(update(0, b"123456789"), 0xe306_9283);
    }

    proptest! {
        #[test]
        fn in_parts_as_in_one(bytes in proptest::collection::vec(any::<u8>(), 0..2000), at: usize) {
            let (a, b) = bytes.split_at(at % (bytes.len() + 1));
            prop_assert_eq!(update(crc32c(a), b), crc32c(&bytes));
        }
    }
}
