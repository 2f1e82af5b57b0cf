//! `.txnindex`: the aborted transactions whose markers lie in a segment.
//!
//! ```text
//! entry, 34 bytes:  version          i16   0
//!                   producerId       i64
//!                   firstOffset      i64   of the transaction's first record
//!                   lastOffset       i64   of its abort marker
//!                   lastStableOffset i64   right after the marker was written
//! ```
//!
//! Entries ascend in lastOffset. The file exists only where a transaction was aborted;
//! it is not preallocated.
//!
//! Sources: `org.apache.kafka.storage.internals.log.TransactionIndex`, `AbortedTxn`;
//! KIP-98.

use super::error::{FormatError, Result};
use super::types::{Offset, ProducerId};

/// One aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose transaction it was.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
    /// Its abort marker.
    pub last_offset: Offset,
    /// The last stable offset once the marker was written: nothing before it was
    /// still undecided.
    pub last_stable_offset: Offset,
}

impl AbortedTxn {
    /// Bytes of an entry.
    pub const SIZE: usize = 34;
    const VERSION: i16 = 0;

    /// Reads an entry. Positions in errors count from its start.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Result<Self> {
        let version = i16::from_be_bytes([bytes[0], bytes[1]]);
        if version != Self::VERSION {
            return Err(FormatError::unsupported(
                "transaction index version",
                0,
                "0",
                version.to_string(),
            ));
        }
        let number = |at: usize| {
            let field: [u8; 8] = bytes[at..at + 8].try_into().expect("8 bytes");
            i64::from_be_bytes(field)
        };
        Ok(Self {
            producer_id: ProducerId::new(number(2)),
            first_offset: Offset::new(number(10)),
            last_offset: Offset::new(number(18)),
            last_stable_offset: Offset::new(number(26)),
        })
    }

    /// The bytes of the entry.
    pub fn encode(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..2].copy_from_slice(&Self::VERSION.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.producer_id.get().to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.get().to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.get().to_be_bytes());
        bytes[26..].copy_from_slice(&self.last_stable_offset.get().to_be_bytes());
        bytes
    }

    /// Whether the transaction has records or its marker in `from..until`.
    pub fn overlaps(&self, from: Offset, until: Offset) -> bool {
        self.last_offset >= from && self.first_offset < until
    }
}

/// Each entry of a whole `.txnindex`, in order. Bytes at the end that make no whole
/// entry are an unfinished write: the last item is then `Torn`.
pub fn entries(file: &[u8]) -> impl Iterator<Item = Result<AbortedTxn>> + use<'_> {
    let (entries, rest) = file.as_chunks::<{ AbortedTxn::SIZE }>();
    let at = file.len() - rest.len();
    let torn = (!rest.is_empty())
        .then(|| FormatError::torn("transaction index entry", at, AbortedTxn::SIZE, rest.len()));
    entries
        .iter()
        .enumerate()
        .map(|(number, entry)| {
            AbortedTxn::decode(entry).map_err(|e| e.shifted((number * AbortedTxn::SIZE) as u64))
        })
        .chain(torn.map(Err))
}

/// What [`collect`] found in one segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// The aborted transactions that overlap, in the order of their markers.
    pub aborted: Vec<AbortedTxn>,
    /// Whether later segments can hold no more of them.
    pub complete: bool,
}

/// The aborted transactions that overlap `from..until`. Where the answer is not
/// complete, the index of the next segment may hold more.
///
/// Allocates for the transactions found: at most the size of the file.
pub fn collect(file: &[u8], from: Offset, until: Offset) -> Result<Collected> {
    let mut found = Collected::default();
    for entry in entries(file) {
        let entry = entry?;
        if entry.overlaps(from, until) {
            found.aborted.push(entry);
        }
        if entry.last_stable_offset >= until {
            found.complete = true;
            break;
        }
    }
    Ok(found)
}

/// Checks that every entry is whole, starts and ends in order, ends at or after the
/// segment's base offset (Kafka's sanity check), and that last offsets ascend.
pub fn check(file: &[u8], base: Offset) -> Result<()> {
    let mut least = base;
    for (number, entry) in entries(file).enumerate() {
        let entry = entry?;
        if entry.last_offset < least || entry.first_offset > entry.last_offset {
            return Err(FormatError::corrupt(
                "transaction index entry",
                number * AbortedTxn::SIZE,
                format!("a transaction that ends at offset {least} or later"),
                format!("one from {} to {}", entry.first_offset, entry.last_offset),
            ));
        }
        least = entry.last_offset.next();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `txn-0/00000000000000000000.txnindex` of Apache Kafka 4.3.1.
    const GOLDEN: [u8; 68] = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0,
        0, 0, 0, 18, //
        0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 35, 0, 0, 0, 0,
        0, 0, 0, 36,
    ];

    fn txn(producer: i64, first: i64, last: i64, stable: i64) -> AbortedTxn {
        AbortedTxn {
            producer_id: ProducerId::new(producer),
            first_offset: Offset::new(first),
            last_offset: Offset::new(last),
            last_stable_offset: Offset::new(stable),
        }
    }

    #[test]
    fn a_brokers_transaction_index_reads_as_its_dump_says() {
        let read: Vec<_> = entries(&GOLDEN).collect::<Result<_>>().unwrap();
        assert_eq!(read, [txn(2, 12, 17, 18), txn(2, 30, 35, 36)]);
        let written: Vec<u8> = read.into_iter().flat_map(AbortedTxn::encode).collect();
        assert_eq!(written, GOLDEN);
        check(&GOLDEN, Offset::ZERO).unwrap();
        assert!(check(&GOLDEN, Offset::new(18)).is_err());
        assert!(check(&GOLDEN[..67], Offset::ZERO).is_err());
    }

    #[test]
    fn transactions_are_collected_where_they_overlap() {
        let collect = |from, until| {
            let found = collect(&GOLDEN, Offset::new(from), Offset::new(until)).unwrap();
            let firsts: Vec<_> = found.aborted.iter().map(|t| t.first_offset.get()).collect();
            (firsts, found.complete)
        };
        assert_eq!(collect(0, 12), (vec![], true));
        assert_eq!(collect(0, 13), (vec![12], true));
        assert_eq!(collect(17, 18), (vec![12], true));
        assert_eq!(collect(18, 30), (vec![], true));
        assert_eq!(collect(0, 100), (vec![12, 30], false));
        assert_eq!(collect(36, 100), (vec![], false));
    }

    #[test]
    fn an_unknown_version_is_not_supported() {
        let mut bytes = GOLDEN;
        bytes[35] = 1;
        assert!(matches!(
            entries(&bytes).nth(1),
            Some(Err(FormatError::Unsupported { position: 34, .. }))
        ));
    }

    proptest! {
        #[test]
        fn entries_round_trip(producer: i64, first: i64, last: i64, stable: i64) {
            let entry = txn(producer, first, last, stable);
            prop_assert_eq!(AbortedTxn::decode(&entry.encode()), Ok(entry));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, from: i64, until: i64) {
            let (from, until) = (Offset::new(from), Offset::new(until));
            let _ = collect(&bytes, from, until);
            let _ = check(&bytes, from);
            let mut versioned = bytes;
            for entry in versioned.chunks_mut(AbortedTxn::SIZE) {
                entry.iter_mut().take(2).for_each(|byte| *byte = 0);
            }
            let _ = collect(&versioned, from, until);
            let _ = check(&versioned, from);
        }
    }
}
