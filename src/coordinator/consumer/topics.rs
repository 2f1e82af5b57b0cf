//! The topics of the cluster as consumer groups see them.

use super::topic_hash::{group_hash, topic_hash};
use crate::format::Uuid;

/// A topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// How many partitions it has.
    pub partitions: i32,
    /// The racks of each partition's replicas, where they have one; partitions past the
    /// end have none.
    pub racks: &'a [Vec<String>],
}

/// The topics of the cluster at one moment.
pub trait Topics {
    /// The topic of that name.
    fn by_name(&self, name: &str) -> Option<Topic<'_>>;
    /// The topic of that id.
    fn by_id(&self, id: &Uuid) -> Option<Topic<'_>>;
    /// The names of all topics.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;
    /// A number that grows when topics, partitions or racks change: the offset of the
    /// metadata log.
    fn version(&self) -> i64;
}

/// The hash of the topics of those names, which come in order.
pub(in crate::coordinator) fn hash<'a>(
    topics: &dyn Topics,
    names: impl Iterator<Item = &'a str>,
) -> i64 {
    let hashes = names.map(|name| {
        let topic = topics.by_name(name);
        topic.map_or(0, |topic| {
            topic_hash(&topic.id, topic.name, topic.partitions, topic.racks)
        })
    });
    group_hash(hashes)
}
