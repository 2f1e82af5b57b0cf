//! The transaction index of the last segment, as its partition keeps it: an entry
//! stands there before its marker stands in the log, so that nobody sees the one
//! without the other.

use super::Partition;
use crate::format::Offset;
use crate::format::txn_index::AbortedTxn;
use crate::host::Open;
use crate::log::error::{LogError, Result};
use crate::log::layout::{Suffix, segment_file};

impl Partition {
    /// Adds to the transaction index of a segment, unless another process already
    /// has.
    pub(super) fn add_aborted(&mut self, base: Offset, aborted: &AbortedTxn) -> Result<()> {
        let path = segment_file(&self.directory, base, Suffix::TxnIndex);
        let file = self
            .host
            .open(&path, Open::Create)
            .map_err(LogError::io("open", &path))?;
        let length = file.len().map_err(LogError::io("measure", &path))?;
        let length = length - length % AbortedTxn::SIZE as u64;
        let entry = aborted.encode();
        if length > 0 {
            let mut last = [0; AbortedTxn::SIZE];
            file.read_at(&mut last, length - AbortedTxn::SIZE as u64)
                .map_err(LogError::io("read", &path))?;
            let last = AbortedTxn::decode(&last).map_err(LogError::format(&path, length))?;
            if last.last_offset >= aborted.last_offset {
                return Ok(());
            }
        }
        file.write_at(&entry, length)
            .map_err(LogError::io("write", &path))?;
        self.directory_unsynced = true;
        self.unsynced.insert(base);
        Ok(())
    }

    /// Takes away entries whose markers never came to the log.
    pub(super) fn cut_aborted(&self, end: Offset) -> Result<()> {
        let path = segment_file(&self.directory, self.active.base(), Suffix::TxnIndex);
        let found = self.aborted_length()?;
        if found == 0 {
            return Ok(());
        }
        let file = self
            .host
            .open(&path, Open::Write)
            .map_err(LogError::io("open", &path))?;
        let mut length = found - found % AbortedTxn::SIZE as u64;
        while length > 0 {
            let at = length - AbortedTxn::SIZE as u64;
            let mut entry = [0; AbortedTxn::SIZE];
            file.read_at(&mut entry, at)
                .map_err(LogError::io("read", &path))?;
            let entry = AbortedTxn::decode(&entry).map_err(LogError::format(&path, at))?;
            if entry.last_offset < end {
                break;
            }
            length = at;
        }
        if length < found {
            file.set_len(length)
                .map_err(LogError::io("cut the unfinished end off", &path))?;
        }
        Ok(())
    }

    /// Bytes of the index; 0 where there is none.
    pub(super) fn aborted_length(&self) -> Result<u64> {
        let path = segment_file(&self.directory, self.active.base(), Suffix::TxnIndex);
        match self.host.stat(&path) {
            Ok(stat) => Ok(stat.length),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(LogError::io("look at", &path)(error)),
        }
    }
}
