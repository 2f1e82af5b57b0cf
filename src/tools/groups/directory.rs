//! The groups of a directory.

use super::{Moved, Part, Shown, Site};
use crate::format::Offset;
use crate::host::{Durability, Host};
use crate::log::LogError;
use crate::log::data_dir::DataDir;
use crate::log::groups::{Change, Group, Groups, apply, read};
use crate::log::layout::TopicPartition;
use crate::log::session::Session;
use crate::log::view::PartitionView;
use crate::tools::error::{Result, ToolError};
use crate::tools::offsets::OffsetPoint;
use crate::tools::range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory with its groups.
pub(super) struct Directory {
    host: Arc<dyn Host>,
    data: PathBuf,
    dir: DataDir,
    groups: Groups,
}

impl Directory {
    pub(super) fn open(host: &Arc<dyn Host>, data: &Path) -> Result<Self> {
        let dir = DataDir::open(host, data)?;
        let groups = read(host, data, Some(dir.image()))?;
        if let Some(lost) = groups.skipped.iter().find(|skipped| skipped.is_loss()) {
            return Err(ToolError::damage(format!(
                "{} is damaged at byte {}: offsets may be missing",
                lost.path.display(),
                lost.damage.position
            ))
            .hint(format!(
                "`ottla inspect groups {}` shows what there is",
                data.display()
            )));
        }
        Ok(Self {
            host: Arc::clone(host),
            data: data.to_owned(),
            dir,
            groups,
        })
    }

    fn bounds(&self, place: &TopicPartition) -> Result<(Option<PartitionView>, Offset, Offset)> {
        let view = self.dir.partition(place)?;
        let start = view.as_ref().map_or(Offset::ZERO, PartitionView::start);
        let end = view.as_ref().map_or(Ok(start), PartitionView::end)?;
        Ok((view, start, end))
    }

    fn part(&self, group: &Group, place: TopicPartition) -> Part {
        let known = self.dir.image().topic(&place.topic).is_some();
        let bounds = self.bounds(&place).ok().filter(|_| known);
        let shared = group.shared.get(&place);
        let offset = match shared {
            Some(shared) => shared.start_offset,
            None => group.offsets.get(&place).map(|committed| committed.offset),
        };
        let member = group.owner(&place).map(|(id, member)| {
            (
                id.to_owned(),
                member.client_id.clone(),
                member.client_host.clone(),
            )
        });
        Part {
            offset,
            bounds: bounds.map(|(_, start, end)| (start.get(), end.get())),
            member,
            place,
        }
    }

    fn write(&self, group: &str, changes: &[Change]) -> Result<()> {
        let mut session = Session::open(&self.host, &self.data, Durability::Synced)?;
        // What was read before the lock was taken may be old.
        let groups = read(&self.host, &self.data, Some(session.image()))?;
        let done = match groups.groups.get(group) {
            Some(known) => apply(&mut session, group, known, changes),
            None => Err(LogError::Invalid(format!(
                "there is no group {group:?} in {}: only a server makes new ones",
                self.data.display()
            ))),
        };
        let closed = session.close();
        done?;
        Ok(closed?)
    }
}

impl Site for Directory {
    fn list(&mut self) -> Result<Vec<Shown>> {
        let groups = self.groups.groups.iter();
        Ok(groups.map(|(name, group)| head(name, group)).collect())
    }

    fn describe(&mut self, group: &str) -> Result<Option<Shown>> {
        let Some(found) = self.groups.groups.get(group) else {
            return Ok(None);
        };
        let parts = found.partitions().into_iter();
        Ok(Some(Shown {
            parts: parts.map(|place| self.part(found, place)).collect(),
            ..head(group, found)
        }))
    }

    fn partitions(&mut self, topic: &str) -> Result<Vec<i32>> {
        let image = self.dir.image();
        let known = image.topic(topic).ok_or_else(|| LogError::UnknownTopic {
            directory: self.data.clone(),
            topic: topic.to_owned(),
            nearest: image.nearest_topic(topic),
        })?;
        Ok(known.partitions.keys().copied().collect())
    }

    fn resolve(&mut self, places: &[TopicPartition], at: OffsetPoint) -> Result<Vec<Offset>> {
        let one = |place: &TopicPartition| {
            let (view, start, end) = self.bounds(place)?;
            let found = range::resolve(at, start, end, |time| match &view {
                Some(view) => Ok(view.offset_for_time(time)?),
                None => Ok(None),
            })?;
            Ok(found.clamp(start, end.max(start)))
        };
        places.iter().map(one).collect()
    }

    fn change(&mut self, group: &str, moved: &[Moved]) -> Result<()> {
        let changes: Vec<Change> = moved
            .iter()
            .map(|moved| match moved.after {
                Some(offset) => Change::Reset(moved.place.clone(), offset.get()),
                None => Change::Forget(moved.place.clone()),
            })
            .collect();
        self.write(group, &changes)
    }

    fn delete(&mut self, group: &str) -> Result<()> {
        let known = self.groups.groups.get(group);
        let places = known.into_iter().flat_map(|group| group.offsets.keys());
        let mut changes: Vec<Change> = places.cloned().map(Change::Forget).collect();
        changes.push(Change::Remove);
        self.write(group, &changes)
    }
}

fn head(name: &str, group: &Group) -> Shown {
    Shown {
        group: name.to_owned(),
        kind: group.kind.name().to_owned(),
        state: group.state().to_owned(),
        parts: Vec::new(),
    }
}
