//! The simulated disk: names and bytes, each as the programs see them (the page
//! cache) and as a power cut leaves them.
//!
//! Invariants: `now` is what programs see, `durable` what a cut certainly leaves;
//! what lies between them is in `journal` for names and in `earlier` and `since`
//! for bytes. `used` is the sum of the pages of the files that have a name or are
//! open. What a power cut makes of this, and the model behind it: `cut.rs`.

use super::content::{Content, PAGE, Sectors, sectors, spans};
use super::cut::Keep;
use super::rng::Rng;
use crate::host::{Entry, Kind, Open, Stat};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

/// The number of a file or directory.
pub(super) type Inode = u64;

pub(super) const ROOT: Inode = 1;

/// How many remembered caches a file keeps at most, apart from cuts.
const REMEMBERED: usize = 4;

#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) nodes: BTreeMap<Inode, Node>,
    pub(super) journal: Vec<NameChange>,
    pub(super) next: Inode,
    /// Bytes of the pages of all files that have a name or are open.
    pub(super) used: u64,
    /// What `used` may grow to.
    pub(super) capacity: Option<u64>,
    pub(super) rng: Rng,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) body: Body,
    /// The directory that names it, or last did where it has several names; `None`
    /// once it has none.
    pub(super) parent: Option<Inode>,
    /// How many names it has.
    pub(super) links: u32,
    pub(super) modified_ms: i64,
    pub(super) opens: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Box<Bytes>),
    Directory(Names),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) now: BTreeMap<OsString, Inode>,
    pub(super) durable: BTreeMap<OsString, Inode>,
    /// Counts changes of its entries and of its files, for watches.
    pub(super) changes: u64,
}

/// A file's cache, its durable bytes, and what lies between them.
#[derive(Debug, Clone, Default)]
pub(super) struct Bytes {
    pub(super) now: Content,
    pub(super) durable: Content,
    pub(super) earlier: Vec<Remembered>,
    pub(super) since: Unsynced,
}

/// What happened since the last remembered cache, or the last sync.
#[derive(Debug, Clone, Default)]
pub(super) struct Unsynced {
    pub(super) dirty: BTreeMap<u64, Sectors>,
    /// The lengths the file grew to, in order.
    pub(super) lengths: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) content: Content,
    pub(super) unsynced: Unsynced,
    /// The length it was cut to right after.
    pub(super) cut: Option<u64>,
}

/// One step of the journal: what some names mean from then on.
#[derive(Debug, Clone)]
pub(super) struct NameChange(pub(super) Vec<(Inode, OsString, Option<Inode>)>);

impl NameChange {
    pub(super) fn touches(&self, directory: Inode) -> bool {
        self.0.iter().any(|change| change.0 == directory)
    }
}

pub(super) fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        let root = Node {
            body: Body::Directory(Names::default()),
            parent: Some(ROOT),
            links: 1,
            modified_ms: 0,
            opens: 0,
        };
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            journal: Vec::new(),
            next: ROOT + 1,
            used: 0,
            capacity: None,
            rng: Rng::new(seed),
        }
    }

    /// Lets `used` grow by this much.
    pub(super) fn limit(&mut self, free: Option<u64>) {
        self.capacity = free.map(|free| self.used + free);
    }

    // Names.

    pub(super) fn resolve(&self, path: &Path) -> io::Result<Inode> {
        let mut at = ROOT;
        for component in path.components() {
            match component {
                Component::Normal(name) => {
                    at = *self.names(at)?.now.get(name).ok_or(errno(libc::ENOENT))?;
                }
                Component::ParentDir => at = self.node(at).parent.unwrap_or(ROOT),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Ok(at)
    }

    fn resolve_parent<'a>(&self, path: &'a Path) -> io::Result<(Inode, &'a OsStr)> {
        let name = path.file_name().ok_or(errno(libc::EBUSY))?;
        let parent = self.resolve(path.parent().unwrap_or(Path::new("")))?;
        self.names(parent)?;
        Ok((parent, name))
    }

    /// Opens a file, counting it as open; whether that changed anything, too.
    pub(super) fn open(&mut self, path: &Path, how: Open, now: i64) -> io::Result<(Inode, bool)> {
        let found = match self.resolve(path) {
            Ok(_) if how == Open::CreateNew => return Err(errno(libc::EEXIST)),
            Ok(found) => Some(found),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(error) if matches!(how, Open::Read | Open::Write) => return Err(error),
            Err(_) => None,
        };
        let (inode, changed) = match found {
            Some(found) => {
                let length = self.bytes(found)?.now.len();
                if how == Open::Truncate {
                    self.set_len(found, 0, now)?;
                }
                (found, how == Open::Truncate && length != 0)
            }
            None => {
                let (parent, name) = self.resolve_parent(path)?;
                let body = Body::File(Box::default());
                (self.create(parent, name, body, now), true)
            }
        };
        self.node_mut(inode).opens += 1;
        Ok((inode, changed))
    }

    /// Counts a file as closed.
    pub(super) fn close(&mut self, inode: Inode) {
        self.node_mut(inode).opens -= 1;
        self.free_if_gone(inode);
    }

    pub(super) fn create_dir(&mut self, path: &Path, now: i64) -> io::Result<()> {
        match self.resolve(path) {
            Ok(_) => return Err(errno(libc::EEXIST)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let (parent, name) = self.resolve_parent(path)?;
        self.create(parent, name, Body::Directory(Names::default()), now);
        Ok(())
    }

    fn create(&mut self, parent: Inode, name: &OsStr, body: Body, now: i64) -> Inode {
        let inode = self.next;
        self.next += 1;
        let node = Node {
            body,
            parent: Some(parent),
            links: 1,
            modified_ms: now,
            opens: 0,
        };
        self.nodes.insert(inode, node);
        self.change(vec![(parent, name.to_owned(), Some(inode))], now);
        inode
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, now: i64) -> io::Result<()> {
        let (from_parent, from_name) = self.resolve_parent(from)?;
        let (to_parent, to_name) = self.resolve_parent(to)?;
        let moved = *self
            .names(from_parent)?
            .now
            .get(from_name)
            .ok_or(errno(libc::ENOENT))?;
        let replaced = self.names(to_parent)?.now.get(to_name).copied();
        if replaced == Some(moved) {
            return Ok(());
        }
        if self.is_within(to_parent, moved) {
            return Err(errno(libc::EINVAL));
        }
        if let Some(replaced) = replaced {
            if self.is_within(from_parent, replaced) {
                return Err(errno(libc::ENOTEMPTY));
            }
            match (&self.node(moved).body, &self.node(replaced).body) {
                (Body::File(_), Body::Directory(_)) => return Err(errno(libc::EISDIR)),
                (Body::Directory(_), Body::File(_)) => return Err(errno(libc::ENOTDIR)),
                (Body::Directory(_), Body::Directory(names)) if !names.now.is_empty() => {
                    return Err(errno(libc::ENOTEMPTY));
                }
                _ => {}
            }
        }
        let change = vec![
            (from_parent, from_name.to_owned(), None),
            (to_parent, to_name.to_owned(), Some(moved)),
        ];
        self.change(change, now);
        self.node_mut(moved).parent = Some(to_parent);
        if let Some(replaced) = replaced {
            self.unnamed(replaced);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path, kind: Kind, now: i64) -> io::Result<()> {
        let (parent, name) = self.resolve_parent(path)?;
        let inode = *self
            .names(parent)?
            .now
            .get(name)
            .ok_or(errno(libc::ENOENT))?;
        match (&self.node(inode).body, kind) {
            (Body::Directory(_), Kind::File) => return Err(errno(libc::EISDIR)),
            (Body::File(_), Kind::Directory) => return Err(errno(libc::ENOTDIR)),
            (Body::Directory(names), _) if !names.now.is_empty() => {
                return Err(errno(libc::ENOTEMPTY));
            }
            _ => {}
        }
        self.change(vec![(parent, name.to_owned(), None)], now);
        self.unnamed(inode);
        Ok(())
    }

    /// What two names mean is exchanged; one step of the journal.
    pub(super) fn exchange(&mut self, one: &Path, other: &Path, now: i64) -> io::Result<()> {
        let (one_parent, one_name) = self.resolve_parent(one)?;
        let (other_parent, other_name) = self.resolve_parent(other)?;
        let (first, second) = (self.resolve(one)?, self.resolve(other)?);
        if self.is_within(other_parent, first) || self.is_within(one_parent, second) {
            return Err(errno(libc::EINVAL));
        }
        let change = vec![
            (one_parent, one_name.to_owned(), Some(second)),
            (other_parent, other_name.to_owned(), Some(first)),
        ];
        self.change(change, now);
        self.node_mut(first).parent = Some(other_parent);
        self.node_mut(second).parent = Some(one_parent);
        Ok(())
    }

    /// Gives a file one more name.
    pub(super) fn link(&mut self, from: &Path, to: &Path, now: i64) -> io::Result<()> {
        let inode = self.resolve(from)?;
        if self.is_directory(inode) {
            return Err(errno(libc::EPERM));
        }
        let (parent, name) = self.resolve_parent(to)?;
        if self.names(parent)?.now.contains_key(name) {
            return Err(errno(libc::EEXIST));
        }
        self.change(vec![(parent, name.to_owned(), Some(inode))], now);
        self.node_mut(inode).links += 1;
        Ok(())
    }

    /// A node lost one of its names.
    fn unnamed(&mut self, inode: Inode) {
        let node = self.node_mut(inode);
        node.links -= 1;
        if node.links == 0 {
            node.parent = None;
        }
        self.free_if_gone(inode);
    }

    /// Bytes that may still be written.
    pub(super) fn free(&self) -> u64 {
        self.capacity
            .map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used))
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let names = self.names(self.resolve(path)?)?;
        let entries = names.now.iter().map(|(name, &inode)| Entry {
            name: name.clone(),
            kind: self.kind(inode),
        });
        Ok(entries.collect())
    }

    pub(super) fn stat(&self, path: &Path) -> io::Result<Stat> {
        let inode = self.resolve(path)?;
        let node = self.node(inode);
        Ok(Stat {
            kind: self.kind(inode),
            length: match &node.body {
                Body::File(bytes) => bytes.now.len(),
                Body::Directory(_) => 0,
            },
            modified_ms: node.modified_ms,
        })
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let directory = self.resolve(path)?;
        self.names(directory)?;
        let mut involved = BTreeSet::from([directory]);
        let mut chosen = BTreeSet::new();
        for (index, step) in self.journal.iter().enumerate().rev() {
            if step.0.iter().any(|change| involved.contains(&change.0)) {
                involved.extend(step.0.iter().map(|change| change.0));
                chosen.insert(index);
            }
        }
        self.commit(&chosen);
        Ok(())
    }

    /// Makes all names and bytes durable; where it failed, some.
    pub(super) fn sync_all(&mut self, failed: bool) -> io::Result<()> {
        if failed {
            return self.sync_all_badly();
        }
        let all = (0..self.journal.len()).collect();
        self.commit(&all);
        for node in self.nodes.values_mut() {
            if let Body::File(file) = &mut node.body {
                file.sync();
            }
        }
        Ok(())
    }

    pub(super) fn commit(&mut self, chosen: &BTreeSet<usize>) {
        let journal = std::mem::take(&mut self.journal);
        for (index, step) in journal.into_iter().enumerate() {
            if !chosen.contains(&index) {
                self.journal.push(step);
                continue;
            }
            for (directory, name, inode) in step.0 {
                if let Body::Directory(names) = &mut self.node_mut(directory).body {
                    match inode {
                        Some(inode) => names.durable.insert(name, inode),
                        None => names.durable.remove(&name),
                    };
                }
            }
        }
    }

    fn change(&mut self, change: Vec<(Inode, OsString, Option<Inode>)>, now: i64) {
        for (directory, name, inode) in &change {
            let node = self.node_mut(*directory);
            node.modified_ms = now;
            if let Body::Directory(names) = &mut node.body {
                names.changes += 1;
                match inode {
                    Some(inode) => names.now.insert(name.clone(), *inode),
                    None => names.now.remove(name),
                };
            }
        }
        self.journal.push(NameChange(change));
    }

    /// How often a directory changed: its entries, and the bytes of its files.
    pub(super) fn changes(&self, directory: Inode) -> u64 {
        match self.nodes.get(&directory).map(|node| &node.body) {
            Some(Body::Directory(names)) => names.changes,
            _ => 0,
        }
    }

    pub(super) fn is_directory(&self, inode: Inode) -> bool {
        matches!(self.node(inode).body, Body::Directory(_))
    }

    // Bytes.

    pub(super) fn len(&self, inode: Inode) -> u64 {
        self.bytes(inode).map_or(0, |bytes| bytes.now.len())
    }

    pub(super) fn read(&self, inode: Inode, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        Ok(self.bytes(inode)?.now.read(buffer, position))
    }

    pub(super) fn copy(&self, inode: Inode, length: usize) -> io::Result<Vec<u8>> {
        Ok(self.bytes(inode)?.now.to_vec(length))
    }

    /// Writes as many bytes, from the front, as there is space for; how many.
    pub(super) fn write(
        &mut self,
        inode: Inode,
        bytes: &[u8],
        position: u64,
        now: i64,
    ) -> io::Result<usize> {
        let free = self
            .capacity
            .map(|capacity| capacity.saturating_sub(self.used) / PAGE);
        let remember = self.rng.percent(6);
        let file = self.bytes_mut(inode)?;
        if remember && file.earlier.len() < REMEMBERED {
            file.remember(None);
        }
        let (mut fits, mut fresh) = (0, 0);
        for (page, within, span) in spans(position, bytes.len()) {
            if !file.now.has_page(page) {
                if free == Some(fresh) {
                    break;
                }
                fresh += 1;
            }
            *file.since.dirty.entry(page).or_default() |= sectors(within, span.len());
            fits = span.end;
        }
        let before = file.now.len();
        file.now.write(&bytes[..fits], position);
        if file.now.len() != before {
            file.since.lengths.push(file.now.len());
        }
        self.used += fresh * PAGE;
        self.touched(inode, now);
        Ok(fits)
    }

    pub(super) fn set_len(&mut self, inode: Inode, length: u64, now: i64) -> io::Result<()> {
        let file = self.bytes_mut(inode)?;
        let allocated = file.now.allocated();
        if length < file.now.len() {
            file.remember(Some(length));
        } else if length > file.now.len() {
            file.since.lengths.push(length);
        }
        file.now.set_len(length);
        self.used -= allocated - self.bytes(inode)?.now.allocated();
        self.touched(inode, now);
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: Inode) -> io::Result<()> {
        self.bytes_mut(inode)?.sync();
        Ok(())
    }

    /// Turns bits of a byte over, in the cache and on the disk.
    pub(super) fn flip(&mut self, inode: Inode, position: u64, bits: u8) -> io::Result<()> {
        let file = self.bytes_mut(inode)?;
        let earlier = file.earlier.iter_mut().map(|earlier| &mut earlier.content);
        for content in [&mut file.now, &mut file.durable]
            .into_iter()
            .chain(earlier)
        {
            let mut byte = [0];
            if content.read(&mut byte, position) == 1 {
                content.write(&[byte[0] ^ bits], position);
            }
        }
        Ok(())
    }

    fn touched(&mut self, inode: Inode, now: i64) {
        let node = self.node_mut(inode);
        node.modified_ms = now;
        if let Some(parent) = node.parent
            && let Body::Directory(names) = &mut self.node_mut(parent).body
        {
            names.changes += 1;
        }
    }

    fn free_if_gone(&mut self, inode: Inode) {
        let node = self.node(inode);
        if let (None, 0, Body::File(bytes)) = (node.parent, node.opens, &node.body) {
            self.used -= bytes.now.allocated();
        }
    }

    /// Every open file is closed: the programs died.
    pub(super) fn close_all(&mut self, inodes: impl Iterator<Item = Inode>) {
        for inode in inodes {
            self.close(inode);
        }
    }

    // Nodes.

    fn node(&self, inode: Inode) -> &Node {
        &self.nodes[&inode]
    }

    pub(super) fn node_mut(&mut self, inode: Inode) -> &mut Node {
        self.nodes.get_mut(&inode).expect("a node with this number")
    }

    fn names(&self, inode: Inode) -> io::Result<&Names> {
        match &self.node(inode).body {
            Body::Directory(names) => Ok(names),
            Body::File(_) => Err(errno(libc::ENOTDIR)),
        }
    }

    fn bytes(&self, inode: Inode) -> io::Result<&Bytes> {
        match &self.node(inode).body {
            Body::File(bytes) => Ok(bytes),
            Body::Directory(_) => Err(errno(libc::EISDIR)),
        }
    }

    pub(super) fn bytes_mut(&mut self, inode: Inode) -> io::Result<&mut Bytes> {
        match &mut self.node_mut(inode).body {
            Body::File(bytes) => Ok(bytes),
            Body::Directory(_) => Err(errno(libc::EISDIR)),
        }
    }

    fn kind(&self, inode: Inode) -> Kind {
        if self.is_directory(inode) {
            Kind::Directory
        } else {
            Kind::File
        }
    }

    fn is_within(&self, mut inode: Inode, ancestor: Inode) -> bool {
        while inode != ROOT {
            if inode == ancestor {
                return true;
            }
            inode = self.node(inode).parent.unwrap_or(ROOT);
        }
        false
    }
}

impl Bytes {
    fn remember(&mut self, cut: Option<u64>) {
        self.earlier.push(Remembered {
            content: self.now.clone(),
            unsynced: std::mem::take(&mut self.since),
            cut,
        });
    }

    fn sync(&mut self) {
        self.durable = self.survivor(Keep::Everything, &mut Rng::new(0));
        self.durable.set_len(self.now.len());
        self.forget();
    }

    /// After a sync that failed: the bytes pass for clean, the length does not.
    pub(super) fn forget_failed(&mut self) {
        self.forget();
        if self.durable.len() < self.now.len() {
            self.since.lengths.push(self.now.len());
        }
    }

    pub(super) fn forget(&mut self) {
        self.earlier.clear();
        self.since = Unsynced::default();
    }
}
