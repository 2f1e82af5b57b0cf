//! The groups that a server coordinates.

use super::{Moved, Part, Shown, Site};
use crate::client::groups::{self, Identity, Position};
use crate::client::{ClientError, Cluster};
use crate::format::Offset;
use crate::host::Host;
use crate::log::layout::TopicPartition;
use crate::protocol::ErrorCode;
use crate::tools::error::{Result, ToolError};
use crate::tools::offsets::OffsetPoint;
use crate::tools::range::Bounds;
use crate::tools::server;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A connection to a cluster.
pub(super) struct Server {
    cluster: Cluster,
}

impl Server {
    pub(super) fn connect(server: &server::Server, host: &Arc<dyn Host>) -> Result<Self> {
        Ok(Self {
            cluster: server.connect(host)?,
        })
    }

    /// Where the partitions of each topic start and end; topics that are gone have no
    /// bounds.
    fn bounds(&mut self, places: &BTreeSet<TopicPartition>) -> Result<BTreeMap<String, Bounds>> {
        let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for place in places {
            by_topic
                .entry(&place.topic)
                .or_default()
                .push(place.partition);
        }
        let mut bounds = BTreeMap::new();
        for (topic, mut numbers) in by_topic {
            let Some(known) = self.cluster.topic(topic)? else {
                continue;
            };
            numbers.retain(|number| known.partitions.contains_key(number));
            let of = Bounds::ask(&mut self.cluster, topic, &numbers, false)?;
            bounds.insert(topic.to_owned(), of);
        }
        Ok(bounds)
    }
}

impl Site for Server {
    fn list(&mut self) -> Result<Vec<Shown>> {
        let listed = groups::list(&mut self.cluster)?;
        let mut all = Vec::new();
        for (name, group) in listed {
            // Below version 4 a list has neither.
            let (kind, state) = match group.group_state.is_empty() {
                false => (group.group_type, group.group_state),
                true => match groups::describe(&mut self.cluster, &name)? {
                    Some(found) => (found.kind, found.state),
                    None => continue,
                },
            };
            all.push(Shown {
                group: name,
                kind: kind.to_lowercase(),
                state,
                parts: Vec::new(),
            });
        }
        Ok(all)
    }

    fn describe(&mut self, group: &str) -> Result<Option<Shown>> {
        let Some(found) = groups::describe(&mut self.cluster, group)? else {
            return Ok(None);
        };
        let committed = groups::committed(&mut self.cluster, group, None)?;
        let mut owners = BTreeMap::new();
        for member in &found.members {
            for (topic, numbers) in &member.assignment {
                for number in numbers {
                    let who = (
                        member.id.clone(),
                        member.client_id.clone(),
                        member.host.clone(),
                    );
                    owners.insert(TopicPartition::new(topic, *number), who);
                }
            }
        }
        let places: BTreeSet<TopicPartition> = committed
            .keys()
            .map(|(topic, number)| TopicPartition::new(topic, *number))
            .chain(owners.keys().cloned())
            .collect();
        let bounds = self.bounds(&places)?;
        let parts = places.into_iter().map(|place| {
            let key = (place.topic.clone(), place.partition);
            let bounds = bounds.get(&place.topic).map(|of| of.of(place.partition));
            Part {
                offset: committed.get(&key).map(|position| position.offset.get()),
                bounds: bounds.map(|(start, end)| (start.get(), end.get())),
                member: owners.remove(&place),
                place,
            }
        });
        Ok(Some(Shown {
            group: group.to_owned(),
            kind: found.kind,
            state: found.state,
            parts: parts.collect(),
        }))
    }

    fn partitions(&mut self, topic: &str) -> Result<Vec<i32>> {
        let known = self.cluster.must_have(topic)?;
        Ok(known.partitions.keys().copied().collect())
    }

    fn resolve(&mut self, places: &[TopicPartition], at: OffsetPoint) -> Result<Vec<Offset>> {
        let set: BTreeSet<TopicPartition> = places.iter().cloned().collect();
        let mut bounds = self.bounds(&set)?;
        for (topic, of) in &mut bounds {
            let numbers: Vec<i32> = places
                .iter()
                .filter(|place| place.topic == *topic)
                .map(|place| place.partition)
                .collect();
            of.ask_times(&mut self.cluster, &numbers, [Some(at)])?;
        }
        let mut found = Vec::new();
        for place in places {
            let Some(of) = bounds.get(&place.topic) else {
                return Err(self.cluster.unknown_topic(&place.topic).into());
            };
            let (start, end) = of.of(place.partition);
            let offset = of.resolve(place.partition, at)?;
            found.push(offset.clamp(start, end.max(start)));
        }
        Ok(found)
    }

    fn change(&mut self, group: &str, moved: &[Moved]) -> Result<()> {
        let place = |moved: &Moved| (moved.place.topic.clone(), moved.place.partition);
        let set: BTreeMap<_, _> = moved
            .iter()
            .filter_map(|each| Some((place(each), Position::at(each.after?))))
            .collect();
        let gone: Vec<_> = moved
            .iter()
            .filter(|each| each.after.is_none())
            .map(place)
            .collect();
        if !set.is_empty() {
            let identity = Identity {
                group: group.to_owned(),
                generation: -1,
                ..Identity::default()
            };
            groups::commit(&mut self.cluster, &identity, &set).map_err(has_members)?;
        }
        if !gone.is_empty() {
            groups::delete_offsets(&mut self.cluster, group, &gone).map_err(has_members)?;
        }
        Ok(())
    }

    fn delete(&mut self, group: &str) -> Result<()> {
        groups::delete(&mut self.cluster, group).map_err(has_members)
    }
}

/// A group that is being read is not changed behind its members' backs.
fn has_members(error: ClientError) -> ToolError {
    let is_used = matches!(
        error.code(),
        Some(
            ErrorCode::UnknownMemberId
                | ErrorCode::NonEmptyGroup
                | ErrorCode::GroupSubscribedToTopic
        )
    );
    let error = ToolError::from(error);
    match is_used {
        true => error.hint("the group has members: stop them first"),
        false => error,
    }
}
