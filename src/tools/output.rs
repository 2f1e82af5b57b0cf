//! How `consume` writes a record: its value, key and value, a format, the JSON
//! envelope, or CSV.

use super::csv_rows;
use super::format_string::FormatString;
use super::json_envelope;
use crate::format::record::Record;
use crate::format::types::{LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId};

/// What is known about a record besides the record: its partition and its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMeta<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: PartitionId,
    /// The leader epoch of the batch.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Whether the timestamp is that of the append, not of the producer.
    pub append_time: bool,
    /// The name of the batch's codec.
    pub compression: &'static str,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Whether the batch holds control records.
    pub control: bool,
    /// The idempotent or transactional producer that wrote it.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    /// The partition's log start offset, where it is known.
    pub log_start: Option<Offset>,
    /// The partition's last stable offset, where it is known.
    pub last_stable: Option<Offset>,
    /// The partition's high watermark, where it is known.
    pub high_watermark: Option<Offset>,
}

impl<'a> RecordMeta<'a> {
    /// Partition 0 of a topic, uncompressed, nothing else known.
    pub const fn new(topic: &'a str) -> Self {
        Self {
            topic,
            partition: PartitionId::new(0),
            leader_epoch: None,
            append_time: false,
            compression: "none",
            transactional: false,
            control: false,
            producer: None,
            log_start: None,
            last_stable: None,
            high_watermark: None,
        }
    }

    /// Kafka's name for the type of the record's timestamp.
    pub const fn timestamp_type(&self, record: &Record<'_>) -> &'static str {
        match (record.timestamp, self.append_time) {
            (_, true) => "LogAppendTime",
            (None, false) => "NoTimestampType",
            (Some(_), false) => "CreateTime",
        }
    }
}

/// One way to write records.
#[derive(Debug, Clone)]
pub enum Output {
    /// The value and a delimiter.
    Value {
        /// Behind each record.
        delimiter: Vec<u8>,
        /// Stands for a null value.
        null: Vec<u8>,
    },
    /// The key, a separator, the value and a delimiter.
    KeyValue {
        /// Between key and value.
        separator: Vec<u8>,
        /// Behind each record.
        delimiter: Vec<u8>,
        /// Stands for a null key or value.
        null: Vec<u8>,
    },
    /// A format string.
    Format(FormatString),
    /// The JSON envelope, one object a line.
    Json,
    /// CSV with the columns [`csv_rows::COLUMNS`].
    Csv,
}

impl Output {
    /// Appends what comes before the first record.
    pub fn write_start(&self, out: &mut Vec<u8>) {
        if let Self::Csv = self {
            csv_rows::write_header(out);
        }
    }

    /// Appends one record.
    #[inline]
    pub fn write_record(&mut self, out: &mut Vec<u8>, meta: &RecordMeta<'_>, record: &Record<'_>) {
        match self {
            Self::Value { delimiter, null } => {
                out.extend_from_slice(record.value.unwrap_or(null));
                out.extend_from_slice(delimiter);
            }
            Self::KeyValue {
                separator,
                delimiter,
                null,
            } => {
                out.extend_from_slice(record.key.unwrap_or(null));
                out.extend_from_slice(separator);
                out.extend_from_slice(record.value.unwrap_or(null));
                out.extend_from_slice(delimiter);
            }
            Self::Format(format) => format.write_record(out, meta, record),
            Self::Json => json_envelope::write_record(out, meta, record),
            Self::Csv => csv_rows::write_record(out, meta, record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keys_and_nulls() {
        let record = Record {
            offset: Offset::ZERO,
            timestamp: None,
            key: None,
            value: Some(b"v"),
            headers: Default::default(),
        };
        let mut out = Vec::new();
        let meta = RecordMeta::new("t");
        let delimiter = b"\n".to_vec();
        let null = b"NULL".to_vec();
        let mut values = Output::Value {
            delimiter: delimiter.clone(),
            null: null.clone(),
        };
        values.write_record(&mut out, &meta, &record);
        let separator = b"\t".to_vec();
        let mut pairs = Output::KeyValue {
            separator,
            delimiter,
            null,
        };
        pairs.write_record(&mut out, &meta, &record);
        assert_eq!(out, b"v\nNULL\tv\n");
    }
}
