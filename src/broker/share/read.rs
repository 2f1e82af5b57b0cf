//! What a log has for a share group: batches, and which of their records are of aborted
//! transactions.

use crate::broker::error_code;
use crate::broker::replica::{Isolation, Replica};
use crate::format::Offset;
use crate::format::batch::{Header, Prefix};
use crate::protocol::ErrorCode;

/// Batches of a log.
pub(super) struct Batches {
    pub(super) bytes: Vec<u8>,
    /// The first and the last offset of each, and where it is in the bytes.
    places: Vec<((i64, i64), std::ops::Range<usize>)>,
    /// Offsets of aborted transactions.
    pub(super) aborted: Vec<(i64, i64)>,
}

impl Batches {
    /// Reads from an offset on.
    pub(super) fn read(
        replica: &Replica,
        from: Offset,
        most: usize,
        committed: bool,
    ) -> Result<Self, ErrorCode> {
        let isolation = match committed {
            true => Isolation::Committed,
            false => Isolation::Uncommitted,
        };
        let failed = |error: crate::log::LogError| {
            tracing::error!(partition = %replica.name(), %error, "cannot read");
            error_code(&error)
        };
        let mut this = Self {
            bytes: Vec::new(),
            places: Vec::new(),
            aborted: Vec::new(),
        };
        let (ends, slice) = replica.read(from, most, true, isolation).map_err(failed)?;
        let Some(slice) = slice else { return Ok(this) };
        this.bytes.resize(slice.length, 0);
        let read = slice.file.read_at(&mut this.bytes, slice.position);
        let read = read.map_err(|error| {
            tracing::error!(partition = %replica.name(), %error, "cannot read");
            ErrorCode::KafkaStorageError
        })?;
        this.bytes.truncate(read);
        replica.traffic.fetched(read);
        let headers = this.split()?;
        if committed {
            let aborted = replica.aborted(from, ends.last_stable).map_err(failed)?;
            let aborted = aborted.iter();
            let mut begun: Vec<_> = aborted
                .map(|one| (one.first_offset, one.producer_id))
                .collect();
            begun.sort_unstable();
            let mut begun = begun.into_iter().peekable();
            let mut open = Vec::new();
            for header in &headers {
                while let Some((_, id)) = begun.next_if(|(at, _)| *at <= header.last_offset) {
                    open.push(id);
                }
                let Some(producer) = header.producer else {
                    continue;
                };
                if header.attributes.is_control() {
                    open.retain(|id| *id != producer.id);
                } else if header.attributes.is_transactional() && open.contains(&producer.id) {
                    let (first, last) = (header.base_offset, header.last_offset);
                    this.aborted.push((first.get(), last.get()));
                }
            }
        }
        Ok(this)
    }

    /// Finds the batches in the bytes; the last one may be there in part, and goes.
    fn split(&mut self) -> Result<Vec<Header>, ErrorCode> {
        let corrupt = |_| ErrorCode::CorruptMessage;
        let (mut at, mut headers) = (0, Vec::new());
        while let Ok(prefix) = Prefix::parse(&self.bytes[at..]) {
            let Some(bytes) = self.bytes.get(at..at + prefix.size) else {
                break;
            };
            if prefix.magic < 2 {
                return Err(ErrorCode::UnsupportedForMessageFormat);
            }
            let header = Header::parse(bytes).map_err(corrupt)?;
            let offsets = (header.base_offset.get(), header.last_offset.get());
            self.places.push((offsets, at..at + prefix.size));
            at += prefix.size;
            headers.push(header);
        }
        self.bytes.truncate(at);
        Ok(headers)
    }

    /// The first and the last offset of each batch.
    pub(super) fn offsets(&self) -> Vec<(i64, i64)> {
        self.places.iter().map(|(offsets, _)| *offsets).collect()
    }

    /// The batches that hold some of these offsets.
    pub(super) fn within(mut self, first: i64, last: i64) -> Vec<u8> {
        let inside = self.places.iter();
        let inside = inside.filter(|((base, end), _)| *end >= first && *base <= last);
        let (mut from, mut to) = (usize::MAX, 0);
        for (_, place) in inside {
            from = from.min(place.start);
            to = to.max(place.end);
        }
        self.bytes.truncate(to);
        self.bytes.drain(..from.min(to));
        self.bytes
    }
}
