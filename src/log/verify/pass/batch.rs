//! Checks one batch by itself: what its CRC covers, its header, each of its records.

use crate::format::any_batch::AnyBatch;
use crate::format::batch::{Batch, Header, PREFIX_SIZE, Scratch};
use crate::format::compression::Codec;
use crate::format::control::ControlRecord;
use crate::format::legacy::{LegacyEntry, LegacyScratch};
use crate::format::{FormatError, LeaderEpoch, Offset, Timestamp};
use crate::log::scan::Summary;
use crate::log::verify::{Check, Severity};
use std::borrow::Cow;
use std::ops::Range;

/// The attribute bits that have a meaning.
const KNOWN_ATTRIBUTES: i16 = 0x7f;
/// Types of control records that another release may know; seven are in use.
const MOST_CONTROL_TYPE: i16 = 64;
/// The key of a control record of the one version that there is.
const CONTROL_KEY_SIZE: usize = 4;
/// No record that was lost from a batch is so much later than those that are left.
const LATE_MS: i64 = 3_600_000;
/// As far as a header goes: where a fault is about one of its fields.
const HEADER: Range<u64> = 0..crate::format::batch::HEADER_SIZE as u64;

/// What was found out about a batch.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    /// What every magic tells.
    pub(super) summary: Summary,
    /// The header, of magic 2.
    pub(super) header: Option<Header>,
    /// Of a transaction's marker: whether it commits, and the coordinator's epoch.
    pub(super) marker: Option<(bool, i32)>,
    /// How many records it holds.
    pub(super) records: u64,
    /// What is wrong with it, the worst.
    pub(super) fault: Option<Fault>,
}

/// What is wrong with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) check: Check,
    pub(super) severity: Severity,
    /// From the start of the batch.
    pub(super) bytes: Option<Range<u64>>,
    pub(super) expected: Cow<'static, str>,
    pub(super) found: Cow<'static, str>,
}

/// Memory that is used from batch to batch.
#[derive(Default)]
pub(super) struct Memory {
    v2: Scratch,
    legacy: LegacyScratch,
}

/// Checks a batch; `None` where its CRC is not that of its bytes, or its header makes
/// no sense: then its length cannot be relied on either.
pub(super) fn check(bytes: &[u8], memory: &mut Memory) -> Option<Checked> {
    match AnyBatch::parse(bytes[PREFIX_SIZE - 1], bytes).ok()? {
        AnyBatch::V2(batch) => Some(check_v2(&batch, memory)),
        AnyBatch::Legacy(entry) => Some(check_legacy(&entry, &mut memory.legacy)),
    }
}

impl Checked {
    const fn of(header: &Header) -> Self {
        Self {
            summary: Summary::of(header),
            header: Some(*header),
            marker: None,
            records: header.record_count as u64,
            fault: None,
        }
    }
}

fn check_v2(batch: &Batch<'_>, memory: &mut Memory) -> Checked {
    let mut checked = Checked::of(batch.header());
    let outcome = fields(batch).and_then(|()| records(batch, memory, &mut checked.marker));
    checked.fault = outcome.err();
    checked
}

/// The fields of a header whose CRC is right, against each other.
fn fields(batch: &Batch<'_>) -> Result<(), Fault> {
    let header = batch.header();
    let attributes = header.attributes;
    let wrong = |expected: &'static str, found: String| {
        Err(Fault {
            check: Check::BatchHeader,
            severity: Severity::Wrong,
            bytes: Some(HEADER),
            expected: expected.into(),
            found: found.into(),
        })
    };
    // Outside of the CRC, as the leader writes it there.
    const EPOCH: Range<usize> = 12..16;
    let epoch = &batch.bytes()[EPOCH];
    if epoch[0] & 0x80 != 0 && epoch != [0xff; 4] {
        return Err(Fault {
            check: Check::EpochOrder,
            severity: Severity::Wrong,
            bytes: Some(EPOCH.start as u64..EPOCH.end as u64),
            expected: "a leader epoch from 0, or -1 for none".into(),
            found: format!("{epoch:02x?}").into(),
        });
    }
    if let Err(error) = attributes.codec() {
        return Err(Fault::of(error, Check::BatchHeader, Severity::Loss));
    }
    if attributes.is_transactional() && header.producer.is_none() {
        return wrong("a producer id in a transactional batch", "none".to_owned());
    }
    if attributes.is_control() && header.producer.is_some() && !attributes.is_transactional() {
        return wrong(
            "a transaction's marker, or a record of the KRaft log without a producer",
            "control records outside of a transaction, with a producer".to_owned(),
        );
    }
    if let Some(producer) = header.producer
        && producer.base_sequence.is_none()
        && !attributes.is_control()
        && header.record_count > 0
    {
        return wrong(
            "a sequence number in a batch of an idempotent producer",
            format!("none, of producer {}", producer.id),
        );
    }
    if attributes.is_append_time() && header.max_timestamp.is_none() && header.record_count > 0 {
        return wrong("the time of the append", "none".to_owned());
    }
    Ok(())
}

fn records(
    batch: &Batch<'_>,
    memory: &mut Memory,
    marker: &mut Option<(bool, i32)>,
) -> Result<(), Fault> {
    let header = batch.header();
    let stored = batch.stored_records();
    if header.record_count == 0 && stored.is_empty() {
        return Ok(());
    }
    let compressed = header.attributes.codec() != Ok(Codec::None);
    let payload = batch
        .unpacked(&mut memory.v2)
        .map_err(|error| Fault::of(error, Check::Compression, Severity::Loss))?;
    let records = batch.check_records(payload);
    let readable = records.is_ok();
    let judged = judge_records(batch, records, compressed)
        .and_then(|unused| base_time(batch, payload).map(|()| unused));
    if readable && header.attributes.is_control() {
        // What is odd about a marker does not keep it from ending the transaction.
        match control(batch, memory) {
            Ok(found) => *marker = found,
            Err(fault) => return judged.and(Err(fault)),
        }
    }
    judged?.map_or(Ok(()), Err)
}

/// What the records of a batch add up to, against its header; what is there that
/// nobody reads.
fn judge_records(
    batch: &Batch<'_>,
    records: crate::format::Result<crate::format::batch::Checked>,
    compressed: bool,
) -> Result<Option<Fault>, Fault> {
    let header = batch.header();
    let checked = records.map_err(|error| Fault::of_record(error, compressed))?;
    if !header.attributes.is_append_time() && header.record_count > 0 {
        times(header.max_timestamp, checked.max_timestamp, 35)?;
    }
    let unknown = header.attributes.bits() & !KNOWN_ATTRIBUTES;
    if unknown != 0 {
        let found = format!("{:#06x}", header.attributes.bits());
        return Ok(Some(Fault {
            bytes: Some(21..23),
            ..Fault::unused(Check::BatchHeader, "attribute bits 0 to 6", found)
        }));
    }
    if let Some(leftover) = without_producer(batch) {
        return Ok(Some(leftover));
    }
    if checked.attributes != 0 {
        let found = format!("{:#04x} in some", checked.attributes);
        let expected = "no attribute bits in records";
        return Ok(Some(Fault::unused(Check::Record, expected, found)));
    }
    Ok(None)
}

/// The base time of a batch, which its CRC alone vouches for where a record's own is
/// the same.
///
/// Clients count from the time of the first record, some (KafkaJS) from the least: one
/// has it. Only the cleaner puts something else there, its delete horizon, which is
/// later than the records. What is left of a batch (fewer records than offsets) may
/// have lost the record.
fn base_time(batch: &Batch<'_>, payload: &[u8]) -> Result<(), Fault> {
    let header = batch.header();
    let wrong = |check, bytes, expected: &'static str, found: String| {
        Err(Fault {
            check,
            severity: Severity::Wrong,
            bytes: Some(bytes),
            expected: expected.into(),
            found: found.into(),
        })
    };
    let dense = header.record_count as i64 == header.next_offset().get() - header.base_offset.get();
    // As a horizon is whose attribute bit is gone.
    let is_late = header.base_timestamp.is_some_and(|base| {
        let latest = header
            .max_timestamp
            .map_or(base.get(), |latest| latest.get());
        base.get() - latest > LATE_MS
    });
    match header.delete_horizon() {
        Some(horizon) if header.record_count > 0 && batch.has_base_time(payload) => wrong(
            Check::BatchHeader,
            21..23,
            "a delete horizon, later than the records",
            format!("{horizon}, the time of one"),
        ),
        None if (dense || is_late) && !batch.has_base_time(payload) => wrong(
            Check::Timestamp,
            27..35,
            "a base time that a record has",
            "one that none has".to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Fields of a producer in a batch that has none. Nobody reads them; clients leave −1
/// or 0 there.
fn without_producer(batch: &Batch<'_>) -> Option<Fault> {
    const PRODUCER: Range<usize> = 43..57;
    let header = batch.header();
    let (id, rest) = batch.bytes()[PRODUCER].split_at(8);
    let (epoch, sequence) = rest.split_at(2);
    let none = |field: &[u8]| field.iter().all(|byte| *byte == 0xff);
    let zero = |field: &[u8]| field.iter().all(|byte| *byte == 0);
    // A marker has a producer and no place in its sequence.
    if header.producer.is_some() && (!header.attributes.is_control() || none(sequence)) {
        return None;
    }
    if none(id) && (none(epoch) || zero(epoch)) && (none(sequence) || zero(sequence)) {
        return None;
    }
    let expected = "no producer (id -1, epoch and sequence -1 or 0), or a marker's (sequence -1)";
    let found = format!("{:02x?}", &batch.bytes()[PRODUCER]);
    Some(Fault {
        bytes: Some(PRODUCER.start as u64..PRODUCER.end as u64),
        ..Fault::unused(Check::BatchHeader, expected, found)
    })
}

/// The latest time in the header (the field starts at byte `at`) against that of the
/// records.
fn times(stored: Option<Timestamp>, latest: Option<Timestamp>, at: u64) -> Result<(), Fault> {
    if stored == latest {
        return Ok(());
    }
    let text = |time: Option<Timestamp>| time.map_or("none".to_owned(), |time| time.to_string());
    Err(Fault {
        check: Check::Timestamp,
        severity: Severity::Wrong,
        bytes: Some(at..at + 8),
        expected: format!("max timestamp {}, the latest of its records", text(latest)).into(),
        found: text(stored).into(),
    })
}

/// The records of a control batch; what it says of a transaction.
fn control(batch: &Batch<'_>, memory: &mut Memory) -> Result<Option<(bool, i32)>, Fault> {
    let wrong = |error| Fault::of_record(error, true);
    let mut marker = None;
    for record in batch.records(&mut memory.v2).map_err(wrong)? {
        let record = record.map_err(wrong)?;
        let key = record.key.unwrap_or_default();
        if key.len() != CONTROL_KEY_SIZE || key[..2] != [0, 0] {
            return Err(Fault {
                check: Check::Record,
                severity: Severity::Wrong,
                bytes: None,
                expected: "the key of a control record: version 0 and a type".into(),
                found: format!("{key:02x?}").into(),
            });
        }
        let ends = match ControlRecord::decode(record.key, record.value).map_err(wrong)? {
            ControlRecord::Commit(end) => Some((true, end.coordinator_epoch)),
            ControlRecord::Abort(end) => Some((false, end.coordinator_epoch)),
            ControlRecord::Unknown { id, .. } if id > MOST_CONTROL_TYPE => {
                return Err(Fault {
                    check: Check::Record,
                    severity: Severity::Wrong,
                    bytes: None,
                    expected: "a control record".into(),
                    found: format!("one of type {id}").into(),
                });
            }
            _ => None,
        };
        let header = batch.header();
        if ends.is_some()
            && (header.record_count > 1
                || header.producer.is_none()
                || !header.attributes.is_transactional())
        {
            return Err(Fault {
                check: Check::BatchHeader,
                severity: Severity::Wrong,
                bytes: Some(HEADER),
                expected: "a transaction's marker alone in its batch, with its producer".into(),
                found: format!(
                    "{} records, producer {}, attributes {:#x}",
                    header.record_count,
                    header
                        .producer
                        .map_or("none".to_owned(), |producer| producer.id.to_string()),
                    header.attributes.bits()
                )
                .into(),
            });
        }
        marker = ends;
    }
    Ok(marker)
}

fn check_legacy(entry: &LegacyEntry<'_>, memory: &mut LegacyScratch) -> Checked {
    let header = entry.header();
    let mut checked = Checked {
        summary: Summary {
            base_offset: header.offset,
            last_offset: header.offset,
            max_timestamp: header.timestamp,
            leader_epoch: None::<LeaderEpoch>,
        },
        header: None,
        marker: None,
        records: 0,
        fault: None,
    };
    checked.fault = legacy_records(entry, memory, &mut checked).err();
    checked
}

fn legacy_records(
    entry: &LegacyEntry<'_>,
    memory: &mut LegacyScratch,
    checked: &mut Checked,
) -> Result<(), Fault> {
    let header = entry.header();
    let codec = header
        .codec()
        .map_err(|error| Fault::of(error, Check::BatchHeader, Severity::Loss))?;
    let unused = unused_bits(entry);
    let compressed = codec != Codec::None;
    let records = entry
        .records(memory)
        .map_err(|error| Fault::of(error, Check::Compression, Severity::Loss))?;
    let mut next = None::<Offset>;
    let mut latest = None;
    for record in records {
        let record = record.map_err(|error| Fault::of_record(error, compressed))?;
        if next.is_some_and(|next| record.offset < next) {
            return Err(Fault {
                check: Check::OffsetOrder,
                severity: Severity::Wrong,
                bytes: None,
                expected: "ascending offsets inside a compressed message".into(),
                found: record.offset.to_string().into(),
            });
        }
        if next.is_none() {
            checked.summary.base_offset = record.offset;
        }
        next = Some(record.offset.next());
        latest = latest.max(record.timestamp);
        checked.records += 1;
    }
    if next.is_some_and(|next| next != header.offset.next()) {
        return Err(Fault {
            check: Check::OffsetOrder,
            severity: Severity::Wrong,
            bytes: Some(0..8),
            expected: "the offset of the last message inside".into(),
            found: header.offset.to_string().into(),
        });
    }
    if compressed && !header.is_append_time() && latest > header.timestamp {
        times(header.timestamp, latest, 18)?;
    }
    unused.map_or(Ok(()), Err)
}

/// Attribute bits of a message beyond codec and, of magic 1, the kind of its time.
fn unused_bits(entry: &LegacyEntry<'_>) -> Option<Fault> {
    let known = match entry.header().timestamp.is_some() {
        true => 0x0f,
        false => 0x07,
    };
    let attributes = entry.header().attributes;
    let found = format!("{attributes:#04x}");
    (attributes & !known != 0).then(|| Fault {
        bytes: Some(17..18),
        ..Fault::unused(
            Check::BatchHeader,
            "attribute bits of a codec and a time",
            found,
        )
    })
}

impl Fault {
    /// Something where no program of today looks: the records are what they were.
    fn unused(check: Check, expected: &'static str, found: String) -> Self {
        Self {
            check,
            severity: Severity::Rebuildable,
            bytes: None,
            expected: expected.into(),
            found: found.into(),
        }
    }

    pub(super) fn of(error: FormatError, check: Check, severity: Severity) -> Self {
        let bytes = error.position().map(|at| at..at + 1);
        let (expected, found) = both_sides(error);
        Self {
            check,
            severity,
            bytes,
            expected,
            found,
        }
    }

    /// Where the records are compressed, a position in them is none in the file.
    fn of_record(error: FormatError, compressed: bool) -> Self {
        let count = matches!(&error, FormatError::Corrupt { what, .. } if *what == "record count");
        let check = if count {
            Check::BatchHeader
        } else {
            Check::Record
        };
        let mut fault = Self::of(error, check, Severity::Loss);
        if compressed {
            fault.bytes = None;
        } else if !count {
            fault.bytes = fault
                .bytes
                .map(|at| at.start + HEADER.end..at.end + HEADER.end);
        }
        fault
    }
}

/// What an error expected and found, in words for a finding.
pub(crate) fn both_sides(error: FormatError) -> (Cow<'static, str>, Cow<'static, str>) {
    match error {
        FormatError::Torn {
            what,
            expected,
            found,
            ..
        } => (
            format!("{expected} bytes of {what}").into(),
            format!("{found}").into(),
        ),
        FormatError::Corrupt {
            what,
            expected,
            found,
            ..
        }
        | FormatError::Unsupported {
            what,
            expected,
            found,
            ..
        } => (format!("{what}: {expected}").into(), found),
        FormatError::Unencodable {
            what,
            expected,
            found,
        } => (format!("{what}: {expected}").into(), found),
    }
}
