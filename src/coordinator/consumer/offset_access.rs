//! Who may commit and fetch the offsets of a consumer group.
//!
//! A member commits with its epoch. An older one is taken for partitions that it got at
//! that epoch or before and still owns: then nobody else can have read them since.
//!
//! Source: KIP-848, KIP-1251; `ConsumerGroup` of Apache Kafka 4.3.1.

use super::failure::Failure;
use super::group::ConsumerGroup;
use super::heartbeat::unknown;
use super::member::Member;
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;

/// From which version on `OffsetCommit` knows member epochs.
const EPOCHS_SINCE: i16 = 9;

/// Who commits offsets.
#[derive(Debug, Clone, Copy)]
pub struct Committer<'a> {
    /// The member; empty for none.
    pub member_id: &'a str,
    /// Its instance id.
    pub instance_id: Option<&'a str>,
    /// Its epoch, or generation; below 0 for none.
    pub epoch: i32,
    /// Whether the offsets are part of a transaction.
    pub transactional: bool,
    /// The version of the request.
    pub version: i16,
}

/// Which partitions a commit may be about.
#[derive(Debug, Clone, Copy)]
pub struct CommitRights<'a>(Option<(&'a Member, i32)>);

impl CommitRights<'_> {
    /// Refuses a partition that the member got later, or not at all.
    ///
    /// # Errors
    /// `STALE_MEMBER_EPOCH`; `ILLEGAL_GENERATION` for the classic protocol.
    pub fn check(&self, topic: &Uuid, partition: PartitionId) -> Result<(), Failure> {
        let Some((member, epoch)) = self.0 else {
            return Ok(());
        };
        match member.assignment_epoch(topic, partition) {
            Some(since) if epoch >= since => Ok(()),
            Some(since) => Err(stale(
                member,
                format!("got the partition at epoch {since}, not {epoch}"),
            )),
            None => Err(stale(member, "does not own the partition".to_owned())),
        }
    }
}

impl ConsumerGroup {
    /// Which partitions a commit may be about.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `UNSUPPORTED_VERSION`; `STALE_MEMBER_EPOCH`, or
    /// `ILLEGAL_GENERATION` for the classic protocol.
    pub fn check_commit(&self, committer: Committer<'_>) -> Result<CommitRights<'_>, Failure> {
        const ALL: CommitRights<'_> = CommitRights(None);
        // Tools and consumers without a group have no epoch.
        if committer.epoch < 0 && self.is_empty() {
            return Ok(ALL);
        }
        let anonymous = committer.epoch == -1
            && committer.member_id.is_empty()
            && committer.instance_id.is_none();
        if committer.transactional && anonymous {
            return Ok(ALL);
        }
        let member_id = committer.member_id;
        let member = self.member(member_id).ok_or_else(|| unknown(member_id))?;
        let knows_epochs = committer.version >= EPOCHS_SINCE;
        if !committer.transactional && !member.is_classic() && !knows_epochs {
            let message = "members of a consumer group commit with version 9 or later";
            return Err(Failure::new(ErrorCode::UnsupportedVersion, message));
        }
        if committer.epoch == member.epoch {
            Ok(ALL)
        } else if committer.epoch > member.epoch {
            let why = format!("is at epoch {}, not yet {}", member.epoch, committer.epoch);
            Err(stale(member, why))
        } else {
            Ok(CommitRights(Some((member, committer.epoch))))
        }
    }

    /// Refuses to tell offsets to a member with another epoch. Whoever gives neither
    /// member nor epoch is told.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`; `STALE_MEMBER_EPOCH`, or `ILLEGAL_GENERATION` for the classic
    /// protocol.
    pub fn check_fetch(&self, member_id: Option<&str>, epoch: i32) -> Result<(), Failure> {
        if member_id.is_none() && epoch < 0 {
            return Ok(());
        }
        let member_id = member_id.unwrap_or_default();
        let member = self.member(member_id).ok_or_else(|| unknown(member_id))?;
        if epoch == member.epoch {
            return Ok(());
        }
        Err(stale(
            member,
            format!("is at epoch {}, not {epoch}", member.epoch),
        ))
    }
}

fn stale(member: &Member, why: String) -> Failure {
    let code = if member.is_classic() {
        ErrorCode::IllegalGeneration
    } else {
        ErrorCode::StaleMemberEpoch
    };
    Failure::new(code, format!("member {} {why}", member.id))
}
