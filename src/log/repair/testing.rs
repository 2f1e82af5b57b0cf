//! Carries plans out in place, for tests of planners.

use super::{Piece, Plan, What};
use crate::host::{Host, Kind, Open};
use std::io::Result;
use std::path::Path;

/// Does what the plan says, except what is made anew from batches.
pub(super) fn carry_out(host: &dyn Host, plan: &Plan, data: &Path) {
    for change in &plan.changes {
        let path = &data.join(&change.path);
        match &change.what {
            What::Write(bytes) => write(host, path, bytes),
            What::Assemble(pieces) => {
                assembled(host, pieces, data).and_then(|bytes| write(host, path, &bytes))
            }
            What::Remove => host.remove_file(path),
            What::Rename(to) => host.rename(path, &data.join(to)),
            What::CreateDirectory => host.create_dir(path),
            What::RemoveDirectory => remove_all(host, path),
            What::Rebuild(_) => Ok(()),
        }
        .unwrap_or_else(|error| panic!("{change:?}: {error}"));
    }
}

fn write(host: &dyn Host, path: &Path, bytes: &[u8]) -> Result<()> {
    host.open(path, Open::Truncate)?.write_at(bytes, 0)
}

fn remove_all(host: &dyn Host, directory: &Path) -> Result<()> {
    for entry in host.list(directory)? {
        let path = directory.join(entry.name);
        match entry.kind {
            Kind::Directory => remove_all(host, &path)?,
            _ => host.remove_file(&path)?,
        }
    }
    host.remove_dir(directory)
}

fn assembled(host: &dyn Host, pieces: &[Piece], data: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Bytes(own) => bytes.extend_from_slice(own),
            Piece::Copy { path, bytes: range } => {
                let file = host.read(&data.join(path), u64::MAX)?;
                bytes.extend_from_slice(&file[range.start as usize..range.end as usize]);
            }
        }
    }
    Ok(bytes)
}
