//! The assignors of the server: which member of a consumer group gets which partitions.
//!
//! An assignor sees every member's topics and what the member was to get before, and
//! says what each is to get now. It gives every partition of every topic that has a
//! subscriber to exactly one of its subscribers.
//!
//! Source: KIP-848; `RangeAssignor` and `UniformAssignor` of Apache Kafka 4.3.1.

mod range;
#[cfg(test)]
mod tests;
mod uniform;
mod uniform_mixed;

use super::partitions::Partitions;
use crate::format::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An assignor by its name in `group.consumer.assignors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// `uniform`: as many partitions for each as can be, and as few moves as can be.
    Uniform,
    /// `range`: of each topic a run of partitions, the same of topics of one size.
    Range,
}

impl Assignor {
    /// Those that there are, in the order of Kafka's default.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Range];

    /// The name that a member asks for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// The assignor of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// What each member is to get. Members without partitions are in it.
    pub fn assign(self, group: &GroupSpec<'_>) -> Assignments {
        match (self, group.same_topics) {
            (Self::Range, _) => range::assign(group),
            (Self::Uniform, true) => uniform::assign(group),
            (Self::Uniform, false) => uniform_mixed::assign(group),
        }
    }
}

/// What each member is to get. A member that keeps what it had shares it.
pub type Assignments = BTreeMap<Arc<str>, Arc<Partitions>>;

/// A member as an assignor sees it.
#[derive(Debug, Clone)]
pub struct MemberSpec<'a> {
    /// The id that it keeps over restarts.
    pub instance_id: Option<&'a str>,
    /// The topics that it subscribes to; all are in [`GroupSpec::topics`].
    pub topics: Arc<BTreeSet<Uuid>>,
    /// What it was to get before.
    pub assigned: Arc<Partitions>,
}

/// A group as an assignor sees it.
#[derive(Debug, Clone)]
pub struct GroupSpec<'a> {
    /// The members.
    pub members: BTreeMap<Arc<str>, MemberSpec<'a>>,
    /// How many partitions each topic has that somebody subscribes to.
    pub topics: BTreeMap<Uuid, i32>,
    /// Whether all members subscribe to the same topics.
    pub same_topics: bool,
}
