//! A member's next step towards its target.
//!
//! ```text
//!                 has more than its target          ┌──────────────────────┐
//!          ┌──────────────────────────────────────▶ │ UNREVOKED_PARTITIONS │ stays at its
//!          │                                        └──────────┬───────────┘ epoch
//!     ┌────┴───┐            owns none of them any more         │
//!     │ STABLE │ ◀─────────────────────────────────────────────┤
//!     └────┬───┘                                               ▼
//!          │     some of its target has owners      ┌──────────────────────┐
//!          └──────────────────────────────────────▶ │ UNRELEASED_PARTITIONS│ gets what is
//!                                                   └──────────────────────┘ free
//! ```
//!
//! Source: KIP-848; `CurrentAssignmentBuilder` of Apache Kafka 4.3.1.

use super::failure::Failure;
use super::member::{Member, MemberState};
use super::partitions::{EpochedPartitions, Partitions, holds};
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;
use std::collections::BTreeSet;

/// What a step depends on.
pub(super) struct Step<'a> {
    pub(super) target_epoch: i32,
    pub(super) target: &'a Partitions,
    /// The topics that the member asks for.
    pub(super) subscribed: &'a BTreeSet<Uuid>,
    pub(super) subscription_changed: bool,
    /// What the member says that it owns, if it says so.
    pub(super) reported: Option<&'a Partitions>,
    /// Whether anybody owns a partition.
    pub(super) is_owned: &'a dyn Fn(&Uuid, PartitionId) -> bool,
}

impl Step<'_> {
    /// The member after the step; the same if it does not move.
    pub(super) fn take(&self, member: &Member) -> Result<Member, Failure> {
        match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => {
                Ok(self.advance(member, member.epoch))
            }
            MemberState::Stable if self.subscription_changed => Ok(self.drop_topics(member)),
            MemberState::Stable => Ok(member.clone()),
            MemberState::UnrevokedPartitions if self.still_owns_some(&member.revoking) => {
                if self.subscription_changed {
                    return Ok(self.drop_topics(member));
                }
                Ok(member.clone())
            }
            MemberState::UnrevokedPartitions | MemberState::UnreleasedPartitions => {
                Ok(self.advance(member, member.epoch))
            }
            MemberState::Unknown if self.reported.is_some_and(Partitions::is_empty) => {
                Ok(self.advance(member, self.target_epoch))
            }
            MemberState::Unknown => Err(Failure::new(
                ErrorCode::FencedMemberEpoch,
                "the member's state is not known here: it has to give up all and rejoin",
            )),
        }
    }

    /// Whether the member owns any of `revoked`, or does not say.
    fn still_owns_some(&self, revoked: &EpochedPartitions) -> bool {
        let Some(reported) = self.reported else {
            return true;
        };
        let mut owned = reported.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |partition| (topic, *partition))
        });
        owned.any(|(topic, partition)| holds(revoked, topic, partition))
    }

    /// Takes away the topics that the member does not ask for any more.
    fn drop_topics(&self, member: &Member) -> Member {
        let asked_for = |topic: &Uuid| self.subscribed.contains(topic);
        if member.assigned.keys().all(asked_for) {
            return member.clone();
        }
        let mut assigned = member.assigned.clone();
        let mut revoking = member.revoking.clone();
        assigned.retain(|topic, epochs| {
            let keep = asked_for(topic);
            if !keep {
                revoking.entry(*topic).or_default().append(epochs);
            }
            keep
        });
        if self.still_owns_some(&revoking) {
            member.moved(
                MemberState::UnrevokedPartitions,
                member.epoch,
                assigned,
                revoking,
            )
        } else {
            // It gave them up already.
            let revoking = member.revoking.clone();
            member.moved(member.state, member.epoch, assigned, revoking)
        }
    }

    /// Goes as far to the target as can be. `epoch` is the member's if it has to wait.
    fn advance(&self, member: &Member, epoch: i32) -> Member {
        let mut assigned = EpochedPartitions::new();
        let mut revoking = EpochedPartitions::new();
        let wanted = |topic: &Uuid, partition| {
            let target = self.target.get(topic);
            self.subscribed.contains(topic)
                && target.is_some_and(|target| target.contains(&partition))
        };
        for (topic, epochs) in &member.assigned {
            for (partition, epoch) in epochs {
                let side = if wanted(topic, *partition) {
                    &mut assigned
                } else {
                    &mut revoking
                };
                side.entry(*topic).or_default().insert(*partition, *epoch);
            }
        }
        if !revoking.is_empty() && self.still_owns_some(&revoking) {
            return member.moved(MemberState::UnrevokedPartitions, epoch, assigned, revoking);
        }
        let mut state = MemberState::Stable;
        for (topic, partitions) in self.target {
            if !self.subscribed.contains(topic) {
                continue;
            }
            for partition in partitions {
                if holds(&member.assigned, topic, *partition) {
                    continue;
                }
                // What it owns until it gives it up may stay.
                let own = holds(&member.revoking, topic, *partition);
                if (self.is_owned)(topic, *partition) && !own {
                    state = MemberState::UnreleasedPartitions;
                } else {
                    let of_topic = assigned.entry(*topic).or_default();
                    of_topic.insert(*partition, self.target_epoch);
                }
            }
        }
        member.moved(state, self.target_epoch, assigned, EpochedPartitions::new())
    }
}
