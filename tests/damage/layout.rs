//! Where the fields stand: batches of a `.log`, and the fields of their headers and
//! uncompressed records, told from the format's description and not by the code
//! under test.

use std::ops::Range;

/// A batch or legacy entry that is whole.
#[derive(Debug, Clone)]
pub(crate) struct BatchAt {
    pub(crate) position: usize,
    pub(crate) size: usize,
    pub(crate) magic: u8,
    /// The first offset; of a compressed legacy entry the last one.
    pub(crate) base: i64,
    pub(crate) last: i64,
    pub(crate) epoch: i32,
    pub(crate) attributes: i16,
    pub(crate) max_timestamp: i64,
    pub(crate) producer: i64,
    pub(crate) count: i32,
}

/// A named field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Where in the file, or in what the layout was asked about.
    pub(crate) bytes: Range<usize>,
}

/// The header of a batch of magic 2.
pub(crate) const HEADER: [(&str, usize, usize); 13] = [
    ("baseOffset", 0, 8),
    ("batchLength", 8, 4),
    ("partitionLeaderEpoch", 12, 4),
    ("magic", 16, 1),
    ("crc", 17, 4),
    ("attributes", 21, 2),
    ("lastOffsetDelta", 23, 4),
    ("baseTimestamp", 27, 8),
    ("maxTimestamp", 35, 8),
    ("producerId", 43, 8),
    ("producerEpoch", 51, 2),
    ("baseSequence", 53, 4),
    ("recordCount", 57, 4),
];

/// Bytes of that header.
pub(crate) const HEADER_SIZE: usize = 61;

impl BatchAt {
    pub(crate) fn range(&self) -> Range<usize> {
        self.position..self.position + self.size
    }

    pub(crate) fn codec(&self) -> i16 {
        self.attributes & 7
    }

    pub(crate) fn is_control(&self) -> bool {
        self.magic == 2 && self.attributes & 0x20 != 0
    }

    pub(crate) fn is_append_time(&self) -> bool {
        self.magic > 0 && self.attributes & 8 != 0
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.magic == 2 && self.attributes & 0x10 != 0
    }

    pub(crate) fn has_delete_horizon(&self) -> bool {
        self.magic == 2 && self.attributes & 0x40 != 0
    }
}

pub(crate) fn int(bytes: &[u8]) -> i64 {
    let negative = bytes[0] & 0x80 != 0;
    let start = if negative { -1 } else { 0 };
    bytes
        .iter()
        .fold(start, |value, byte| (value << 8) | i64::from(*byte))
}

/// The batches of an undamaged log.
pub(crate) fn batches(log: &[u8]) -> Vec<BatchAt> {
    let mut found = Vec::new();
    let mut position = 0;
    while position < log.len() {
        let bytes = &log[position..];
        let size = 12 + int(&bytes[8..12]) as usize;
        let base = int(&bytes[..8]);
        let magic = bytes[16];
        let v2 = magic == 2;
        found.push(BatchAt {
            position,
            size,
            magic,
            base,
            last: if v2 { base + int(&bytes[23..27]) } else { base },
            epoch: if v2 { int(&bytes[12..16]) as i32 } else { -1 },
            attributes: if v2 {
                int(&bytes[21..23]) as i16
            } else {
                i16::from(bytes[17])
            },
            max_timestamp: match magic {
                2 => int(&bytes[35..43]),
                1 => int(&bytes[18..26]),
                _ => -1,
            },
            producer: if v2 { int(&bytes[43..51]) } else { -1 },
            count: if v2 { int(&bytes[57..61]) as i32 } else { 1 },
        });
        position += size;
    }
    found
}

/// The offset behind the last batch.
pub(crate) fn end_of(log: &[u8]) -> Option<ottla::format::Offset> {
    batches(log)
        .last()
        .map(|last| ottla::format::Offset::new(last.last + 1))
}

/// The fields of a batch's header, where they stand in the file.
pub(crate) fn header(log: &[u8], batch: &BatchAt) -> Vec<Field> {
    let at = batch.position;
    if batch.magic == 2 {
        let field = |(name, start, size): (&'static str, usize, usize)| Field {
            name,
            bytes: at + start..at + start + size,
        };
        return HEADER.map(field).into();
    }
    let mut fields = vec![
        Field {
            name: "offset",
            bytes: at..at + 8,
        },
        Field {
            name: "size",
            bytes: at + 8..at + 12,
        },
        Field {
            name: "crc",
            bytes: at + 12..at + 16,
        },
        Field {
            name: "magic",
            bytes: at + 16..at + 17,
        },
        Field {
            name: "attributes",
            bytes: at + 17..at + 18,
        },
    ];
    let mut next = at + 18;
    if batch.magic == 1 {
        fields.push(Field {
            name: "timestamp",
            bytes: next..next + 8,
        });
        next += 8;
    }
    for (length, body) in [("keyLength", "key"), ("valueLength", "value")] {
        fields.push(Field {
            name: length,
            bytes: next..next + 4,
        });
        let size = usize::try_from(int(&log[next..next + 4])).unwrap_or(0);
        next += 4;
        if size > 0 {
            fields.push(Field {
                name: body,
                bytes: next..next + size,
            });
        }
        next += size;
    }
    assert_eq!(next, at + batch.size);
    fields
}

/// The fields of each record of an uncompressed batch of magic 2.
pub(crate) fn records(log: &[u8], batch: &BatchAt) -> Vec<Vec<Field>> {
    assert!(batch.magic == 2 && batch.codec() == 0);
    let mut walk = Walk {
        log,
        at: batch.position + HEADER_SIZE,
        fields: Vec::new(),
    };
    let mut records = Vec::new();
    for _ in 0..batch.count {
        walk.varint("length");
        walk.take("attributes", 1);
        walk.varint("timestampDelta");
        walk.varint("offsetDelta");
        let key = walk.varint("keyLength");
        walk.take("key", key);
        let value = walk.varint("valueLength");
        walk.take("value", value);
        for _ in 0..walk.varint("headerCount") {
            let key = walk.varint("headerKeyLength");
            walk.take("headerKey", key);
            let value = walk.varint("headerValueLength");
            walk.take("headerValue", value);
        }
        records.push(std::mem::take(&mut walk.fields));
    }
    assert_eq!(walk.at, batch.position + batch.size);
    records
}

struct Walk<'a> {
    log: &'a [u8],
    at: usize,
    fields: Vec<Field>,
}

impl Walk<'_> {
    fn varint(&mut self, name: &'static str) -> i64 {
        let start = self.at;
        let mut value = 0_u64;
        loop {
            // Behind the end stand zeros, for fields that lead there.
            let byte = self.log.get(self.at).copied().unwrap_or(0);
            value |= u64::from(byte & 0x7f)
                .checked_shl(7 * (self.at - start) as u32)
                .unwrap_or(0);
            self.at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        self.fields.push(Field {
            name,
            bytes: start..self.at,
        });
        (value >> 1) as i64 ^ -((value & 1) as i64)
    }

    fn take(&mut self, name: &'static str, size: i64) {
        let size = usize::try_from(size).unwrap_or(0);
        if size > 0 {
            self.fields.push(Field {
                name,
                bytes: self.at..self.at + size,
            });
        }
        self.at += size;
    }
}

/// Makes the CRC of a batch that of its bytes again.
pub(crate) fn reseal(batch: &mut [u8]) {
    if batch[16] == 2 {
        let crc = ottla::format::crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
    } else {
        let crc = crc32fast::hash(&batch[16..]);
        batch[12..16].copy_from_slice(&crc.to_be_bytes());
    }
}

/// The header of a batch whose fields may say anything.
pub(crate) fn batches_loosely(bytes: &[u8]) -> BatchAt {
    let base = int(&bytes[..8]);
    BatchAt {
        position: 0,
        size: bytes.len(),
        magic: bytes[16],
        base,
        last: base.wrapping_add(int(&bytes[23..27])),
        epoch: int(&bytes[12..16]) as i32,
        attributes: int(&bytes[21..23]) as i16,
        max_timestamp: int(&bytes[35..43]),
        producer: int(&bytes[43..51]),
        count: int(&bytes[57..61]) as i32,
    }
}

/// Timestamp and offset deltas of records whose deltas alone may be wrong; those in
/// front of where it ends.
pub(crate) fn records_loosely(log: &[u8], batch: &BatchAt, count: usize) -> Vec<(i64, i64)> {
    let end = batch.position + batch.size;
    let mut walk = Walk {
        log: &log[..end],
        at: batch.position + HEADER_SIZE,
        fields: Vec::new(),
    };
    let mut found = Vec::new();
    for _ in 0..count {
        // A delta that takes another number of bytes moves what follows.
        let length = walk.varint("length");
        let start = walk.at;
        walk.at += 1;
        let time = walk.varint("timestampDelta");
        let delta = walk.varint("offsetDelta");
        let key = walk.varint("keyLength");
        walk.take("key", key);
        if walk.at + 2 > end {
            break;
        }
        let value = walk.varint("valueLength");
        walk.take("value", value);
        if walk.at >= end || start + usize::try_from(length).unwrap_or(0) < walk.at {
            break;
        }
        found.push((time, delta));
        walk.at = start + usize::try_from(length).unwrap_or(0);
        if walk.at >= end {
            break;
        }
    }
    found
}
