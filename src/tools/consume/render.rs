//! A piece of the log as the bytes that are printed.

use super::part::Scope;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{Header, PREFIX_SIZE};
use crate::format::{LeaderEpoch, Offset, PartitionId};
use crate::log::LogError;
use crate::log::view::Chunk;
use crate::tools::error::{Result, ToolError};
use crate::tools::output::{Output, RecordMeta};

/// Renders pieces into one buffer that is used again.
pub(super) struct Renderer {
    output: Output,
    scratch: AnyScratch,
    bytes: Vec<u8>,
    records: u64,
    last: Option<Offset>,
    last_epoch: Option<LeaderEpoch>,
}

impl Renderer {
    pub(super) fn new(output: &Output) -> Self {
        Self {
            output: output.clone(),
            scratch: AnyScratch::default(),
            bytes: Vec::new(),
            records: 0,
            last: None,
            last_epoch: None,
        }
    }

    /// The offset of the last record that was rendered.
    pub(super) const fn last(&self) -> Option<Offset> {
        self.last
    }

    /// The leader epoch of the last batch; -1 for none.
    pub(super) fn last_epoch(&self) -> i32 {
        LeaderEpoch::to_wire(self.last_epoch)
    }

    /// What was rendered.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many records it were.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Renders the records of a piece that are wanted, at most `most` of them. Where
    /// it fails, what came before stands in the buffer.
    pub(super) fn render(&mut self, chunk: &Chunk, scope: &Scope, most: Option<u64>) -> Result<()> {
        self.bytes.clear();
        self.records = 0;
        (self.last, self.last_epoch) = (None, None);
        let most = most.unwrap_or(u64::MAX);
        for batch in chunk.batches() {
            let (position, bytes) = batch?;
            if self.records >= most {
                break;
            }
            self.batch(position, bytes, chunk, scope, most)?;
        }
        Ok(())
    }

    fn batch(
        &mut self,
        position: u64,
        bytes: &[u8],
        chunk: &Chunk,
        scope: &Scope,
        most: u64,
    ) -> Result<()> {
        let at = || LogError::format(&chunk.path, position);
        let batch = AnyBatch::parse(bytes[PREFIX_SIZE - 1], bytes)
            .map_err(|error| damaged(at()(error), bytes, scope))?;
        let mut meta = RecordMeta::new(&scope.name.topic);
        meta.partition = PartitionId::new(scope.name.partition);
        meta.log_start = Some(scope.log_start);
        meta.high_watermark = Some(scope.end);
        meta.last_stable = scope.last_stable;
        match &batch {
            AnyBatch::V2(batch) => {
                let header = batch.header();
                if is_left_out(header, scope) {
                    return Ok(());
                }
                meta.leader_epoch = header.leader_epoch;
                meta.append_time = header.attributes.is_append_time();
                meta.compression = header.attributes.codec().map_err(at())?.name();
                meta.transactional = header.attributes.is_transactional();
                meta.producer = header
                    .producer
                    .map(|producer| (producer.id, producer.epoch));
            }
            AnyBatch::Legacy(entry) => {
                meta.append_time = entry.header().is_append_time();
                meta.compression = entry.header().codec().map_err(at())?.name();
            }
        }
        self.last_epoch = meta.leader_epoch;
        self.bytes.reserve(bytes.len());
        for record in batch.records(&mut self.scratch).map_err(at())? {
            // The place in words costs an allocation: only where it is needed.
            let record = record.map_err(|error| at()(error))?;
            if record.offset < scope.from {
                continue;
            }
            if record.offset >= scope.until || self.records >= most {
                break;
            }
            self.output.write_record(&mut self.bytes, &meta, &record);
            self.last = Some(record.offset);
            self.records += 1;
        }
        Ok(())
    }
}

/// Says which records a damaged batch had, as far as its header tells, and how to
/// read on.
fn damaged(error: LogError, bytes: &[u8], scope: &Scope) -> ToolError {
    let is_damage = error.is_damage();
    let error = ToolError::from(error);
    match Header::parse(bytes) {
        Ok(header) if is_damage => error.hint(format!(
            "the batch should hold offsets {} to {} of {}; -o {}: reads on behind it",
            header.base_offset,
            header.last_offset,
            scope.name,
            header.next_offset()
        )),
        _ => error,
    }
}

/// Markers are not records; neither is, where only committed ones are wanted, what
/// an aborted transaction wrote.
fn is_left_out(header: &Header, scope: &Scope) -> bool {
    if header.attributes.is_control() || header.last_offset < scope.from {
        return true;
    }
    match header.producer {
        Some(producer) if header.attributes.is_transactional() => {
            scope.is_aborted(producer.id, header.base_offset)
        }
        _ => false,
    }
}
