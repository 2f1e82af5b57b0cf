//! What a power cut, or a sync that fails, leaves of the simulated disk.
//!
//! # Model
//!
//! **Bytes.** Writes and length changes go to the cache. [`Disk::sync`] makes them
//! durable. A cut keeps, of what was not synced: any subset of the dirty 512-byte
//! sectors, in any mixture of old and new within a page; the length of any moment
//! since the sync; zeros where the length survived and the bytes did not. Cutting a
//! file orders: bytes written after a `set_len` that shrank the file survive only
//! if the shrinking did, since file systems give them other blocks. At random
//! moments the cache is remembered as it is (writeback may have happened just
//! then), so bytes written twice may survive in their first version.
//!
//! **Failed syncs.** The disk keeps what a cut would, and the cache forgets that
//! the rest was dirty: it stays readable, and a later sync succeeds without it.
//! Linux does that.
//!
//! **Names.** Creating, renaming and removing go to the cache and to one journal.
//! [`Disk::sync_dir`] makes durable what the journal has for that directory, with
//! what must come before. A cut keeps, for every directory, any prefix of its
//! operations; a rename between two directories survives in both or in neither.
//! That is ext4's order within a directory and less than it between them. Syncing
//! a file says nothing of its name.

use super::content::{Content, Sectors};
use super::disk::{Body, Bytes, Disk, Inode, ROOT};
use super::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// How much of what was not synced a power cut keeps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    Nothing,
    Everything,
    /// Lengths but no bytes.
    Zeros,
    /// Each page this often, in percent.
    Some(u64),
}

impl Keep {
    fn choose(rng: &mut Rng) -> Self {
        match rng.below(8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::Zeros,
            3 => Self::Some(10),
            4 => Self::Some(90),
            _ => Self::Some(50),
        }
    }
}

impl Disk {
    /// What is left after a power cut.
    pub(super) fn cut(&self, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut left = self.clone();
        let names_kept = Keep::choose(&mut rng);
        let mut limits = BTreeMap::<Inode, u64>::new();
        for step in &self.journal {
            let touched: BTreeSet<Inode> = step.0.iter().map(|change| change.0).collect();
            for directory in touched {
                *limits.entry(directory).or_default() += 1;
            }
        }
        for limit in limits.values_mut() {
            *limit = match names_kept {
                Keep::Nothing => 0,
                Keep::Everything | Keep::Zeros => *limit,
                Keep::Some(_) => rng.below(*limit + 1),
            };
        }
        let chosen = self.prefixes(limits);
        left.commit(&chosen);
        left.journal.clear();
        left.rng = Rng::new(rng.next_u64());

        let for_all = Keep::choose(&mut rng);
        let is_for_all = rng.percent(50);
        let mut reached = BTreeMap::from([(ROOT, ROOT)]);
        let mut links = BTreeMap::<Inode, u32>::new();
        let mut to_visit = vec![ROOT];
        while let Some(directory) = to_visit.pop() {
            if let Body::Directory(names) = &mut left.node_mut(directory).body {
                names.now = names.durable.clone();
                for &inode in names.durable.values() {
                    *links.entry(inode).or_default() += 1;
                    if reached.insert(inode, directory).is_none() {
                        to_visit.push(inode);
                    }
                }
            }
        }
        left.nodes.retain(|inode, _| reached.contains_key(inode));
        left.used = 0;
        for (inode, node) in &mut left.nodes {
            node.parent = Some(reached[inode]);
            node.links = links.get(inode).copied().unwrap_or(1);
            node.opens = 0;
            if let Body::File(file) = &mut node.body {
                let keep = if is_for_all {
                    for_all
                } else {
                    Keep::choose(&mut rng)
                };
                file.durable = file.survivor(keep, &mut rng);
                file.now = file.durable.clone();
                file.forget();
                left.used += file.now.allocated();
            }
        }
        left
    }

    /// A sync of a directory that failed: some prefix became durable.
    pub(super) fn sync_dir_badly(&mut self, path: &Path) -> io::Result<()> {
        let directory = self.resolve(path)?;
        let mut limits = BTreeMap::new();
        for step in &self.journal {
            for (touched, ..) in &step.0 {
                limits.entry(*touched).or_insert(0);
            }
        }
        let count = self
            .journal
            .iter()
            .filter(|step| step.touches(directory))
            .count() as u64;
        let limit = self.rng.below(count + 1);
        limits.insert(directory, limit);
        let chosen = self.prefixes(limits);
        self.commit(&chosen);
        Ok(())
    }

    /// A sync that failed: see the model.
    pub(super) fn sync_badly(&mut self, inode: Inode) -> io::Result<()> {
        let mut rng = Rng::new(self.rng.next_u64());
        let keep = Keep::choose(&mut rng);
        let file = self.bytes_mut(inode)?;
        file.durable = file.survivor(keep, &mut rng);
        file.forget_failed();
        Ok(())
    }

    /// A sync of everything that failed: some of the names, some of the bytes.
    pub(super) fn sync_all_badly(&mut self) -> io::Result<()> {
        let seed = self.rng.next_u64();
        let left = self.cut(seed);
        for (inode, node) in &mut self.nodes {
            match (&mut node.body, left.nodes.get(inode).map(|node| &node.body)) {
                (Body::File(file), Some(Body::File(kept))) => {
                    file.durable = kept.durable.clone();
                    file.forget_failed();
                }
                (Body::File(file), _) => file.forget_failed(),
                (Body::Directory(_), _) => {}
            }
        }
        Ok(())
    }

    /// The steps within the first `limits[d]` steps of every directory they touch,
    /// and behind none that is left out.
    fn prefixes(&self, mut limits: BTreeMap<Inode, u64>) -> BTreeSet<usize> {
        let mut chosen = BTreeSet::new();
        for (index, step) in self.journal.iter().enumerate() {
            let touched: BTreeSet<Inode> = step.0.iter().map(|change| change.0).collect();
            let survives = touched.iter().all(|directory| limits[directory] > 0);
            for directory in touched {
                let limit = limits.entry(directory).or_default();
                *limit = if survives { *limit - 1 } else { 0 };
            }
            if survives {
                chosen.insert(index);
            }
        }
        chosen
    }
}

impl Bytes {
    /// The durable bytes with what `keep` leaves of the rest.
    pub(super) fn survivor(&self, keep: Keep, rng: &mut Rng) -> Content {
        let steps = self.earlier.len() as u64 + 1;
        let reached = match keep {
            Keep::Nothing => return self.durable.clone(),
            Keep::Everything | Keep::Zeros => steps,
            // Mostly to the end: the early steps are few.
            Keep::Some(_) if rng.percent(60) => steps,
            Keep::Some(_) => rng.below(steps + 1),
        };
        let mut left = self.durable.clone();
        let earlier = self.earlier.iter();
        let steps = earlier
            .map(|step| (&step.content, &step.unsynced, step.cut))
            .chain([(&self.now, &self.since, None)]);
        for (index, (content, unsynced, cut)) in (1..=reached).zip(steps) {
            let is_last = index == reached;
            let lengths = &unsynced.lengths;
            let mut grown = lengths.len() as u64;
            if is_last && matches!(keep, Keep::Some(_)) && rng.percent(70) {
                grown = rng.below(grown + 1);
            }
            if let Some(length) = (grown as usize).checked_sub(1).map(|last| lengths[last]) {
                left.set_len(length.max(left.len()));
            }
            for (&page, &dirty) in &unsynced.dirty {
                let kept = match keep {
                    Keep::Nothing | Keep::Zeros => 0,
                    Keep::Everything => dirty,
                    Keep::Some(_) if rng.percent(20) => dirty & rng.next_u64() as Sectors,
                    Keep::Some(percent) if rng.percent(percent) => dirty,
                    Keep::Some(_) => 0,
                };
                if kept != 0 {
                    left.take(content, page, kept);
                }
            }
            if let Some(cut) = cut
                && !is_last
            {
                left.set_len(cut.min(left.len()));
            }
        }
        left
    }
}
