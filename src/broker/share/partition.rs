//! A partition that a share group has in hand: read from its coordinator with the first
//! fetch, changed only once the coordinator has written the change.

use super::read::Batches;
use super::{Broker, lock};
use crate::broker::error_code;
use crate::broker::replica::{Replica, named};
use crate::coordinator::share::ShareConfig;
use crate::coordinator::share::acknowledge::{Acknowledgement, Refusal};
use crate::coordinator::share::config::Reset;
use crate::coordinator::share::in_flight::{Acquired, Change, SharePartition, Wish};
use crate::coordinator::share::sessions::{Place, SessionKey};
use crate::coordinator::share::state::{ShareKey, Write};
use crate::format::{Offset, Timestamp};
use crate::protocol::ErrorCode;
use std::sync::Arc;

/// What a fetch asks of one partition.
pub(super) struct Ask<'a> {
    pub(super) member: &'a str,
    /// How many records at most.
    pub(super) most: i64,
    pub(super) is_strict: bool,
    pub(super) batch_size: i64,
    pub(super) bytes: usize,
}

/// What a partition gives.
#[derive(Default)]
pub(super) struct Handed {
    pub(super) acquired: Vec<Acquired>,
    pub(super) records: Vec<u8>,
}

impl SessionKey {
    fn share(&self, (topic_id, partition): Place) -> ShareKey {
        ShareKey {
            group_id: self.group_id.clone(),
            topic_id,
            partition,
        }
    }
}

impl Broker {
    /// The log of a partition.
    pub(super) fn shared_replica(&self, place: Place) -> Result<Arc<Replica>, ErrorCode> {
        let image = self.image();
        let topic = image.topic_name(place.0);
        let topic = topic.ok_or(ErrorCode::UnknownTopicId)?;
        let replica = self.replica(&named(topic, place.1));
        replica.map_err(|error| error_code(&error))
    }

    /// Hands records of a partition out.
    pub(super) fn acquire_shared(
        &self,
        session: &SessionKey,
        place: Place,
        ask: &Ask<'_>,
        config: &ShareConfig,
    ) -> Result<Handed, ErrorCode> {
        let replica = self.shared_replica(place)?;
        let key = session.share(place);
        let in_hand = self.shares.in_hand(&key);
        let mut held = lock(&in_hand);
        let partition = match held.as_mut() {
            Some(partition) => partition,
            None => held.insert(self.load_shared(&key, &replica, config)?),
        };
        partition.move_start(replica.ends().start.get());
        if ask.most <= 0 || !partition.can_acquire(config) {
            return Ok(Handed::default());
        }
        let from = partition.next_fetch_offset();
        let offset = Offset::from_wire(from).ok_or(ErrorCode::UnknownServerError)?;
        let read = Batches::read(&replica, offset, ask.bytes, config.read_committed)?;
        let batches = read.offsets();
        let wish = Wish {
            member: ask.member,
            most: ask.most,
            is_strict: ask.is_strict,
            batch_size: ask.batch_size,
            from,
            batches: &batches,
        };
        let acquired = partition.acquire(wish, config, self.host.now_ms());
        let acquired = partition.give_up_aborted(acquired, &read.aborted);
        self.shares.note_deadline(partition.next_deadline_ms());
        let (Some(first), Some(last)) = (acquired.first(), acquired.last()) else {
            return Ok(Handed::default());
        };
        let records = read.within(first.first, last.last);
        Ok(Handed { acquired, records })
    }

    fn load_shared(
        &self,
        key: &ShareKey,
        replica: &Replica,
        config: &ShareConfig,
    ) -> Result<SharePartition, ErrorCode> {
        let ends = replica.ends();
        let limit = self.updates_per_snapshot();
        let read = self.share_state(key, |states| {
            let now_ms = self.host.now_ms();
            let (stored, record) = states.read(key, ends.epoch.get(), limit, now_ms)?;
            Ok((stored.value.clone(), record))
        });
        let value = read.map_err(shown)?;
        let start = match (value.start_offset, config.reset) {
            (start @ 0.., _) => start,
            (_, Reset::Earliest) => ends.start.get(),
            (_, Reset::Latest) => ends.high_watermark.get(),
            (_, Reset::ByDuration(back_ms)) => {
                let time = Timestamp::new((self.host.now_ms() - back_ms).max(0));
                let found = replica.look_up(|view| view.record_at(time));
                let found = found.map_err(|error| error_code(&error))?;
                found
                    .map_or(ends.high_watermark, |(_, offset)| offset)
                    .get()
            }
        };
        Ok(SharePartition::new(
            start,
            value.state_epoch,
            &value.state_batches,
        ))
    }

    /// Takes in what a member says about records of a partition.
    pub(super) fn acknowledge_shared(
        &self,
        session: &SessionKey,
        place: Place,
        batches: &[Acknowledgement],
        config: &ShareConfig,
    ) -> Result<(), Refusal> {
        let told = |code: ErrorCode| (code, "");
        self.shared_replica(place).map_err(told)?;
        let key = session.share(place);
        let in_hand = self.shares.in_hand(&key);
        let mut held = lock(&in_hand);
        let partition = held.as_ref();
        let partition = partition.ok_or((
            ErrorCode::UnknownTopicOrPartition,
            "nothing of the partition is in hand",
        ))?;
        let now_ms = self.host.now_ms();
        let change = partition.acknowledge(&session.member_id, batches, config, now_ms)?;
        self.commit_share(&key, &mut held, change).map_err(told)
    }

    /// Lets go of all that a member has of a partition.
    pub(super) fn release_shared(&self, session: &SessionKey, place: Place) {
        let key = session.share(place);
        let in_hand = self.shares.in_hand(&key);
        let mut held = lock(&in_hand);
        let Some(partition) = held.as_ref() else {
            return;
        };
        let config = self.share_config(&session.group_id);
        let change = partition.release(&session.member_id, &config);
        if let Err(code) = self.commit_share(&key, &mut held, change) {
            // They come back when their locks end.
            tracing::warn!(group = key.group_id, %code, "records are not let go of");
        }
    }

    /// Writes a change, and has it so.
    pub(super) fn commit_share(
        &self,
        key: &ShareKey,
        held: &mut Option<SharePartition>,
        change: Change,
    ) -> Result<(), ErrorCode> {
        if !change.batches.is_empty() {
            let write = Write {
                state_epoch: change.after.state_epoch(),
                leader_epoch: -1,
                start_offset: change.start,
                complete: change.complete,
                batches: change.batches,
            };
            let limit = self.updates_per_snapshot();
            let written = self.share_state(key, |states| {
                let record = states.write(key, &write, limit, self.host.now_ms())?;
                Ok(((), Some(record)))
            });
            if let Err(code) = written {
                if code != ErrorCode::CoordinatorNotAvailable {
                    // It was set up anew, or is gone.
                    *held = None;
                }
                return Err(shown(code));
            }
        }
        *held = Some(change.after);
        self.shares.let_go.notify_waiters();
        Ok(())
    }
}

/// What a member is told of the coordinator's answer.
fn shown(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
            ErrorCode::CoordinatorNotAvailable
        }
        ErrorCode::GroupIdNotFound | ErrorCode::UnknownTopicOrPartition => code,
        ErrorCode::FencedLeaderEpoch | ErrorCode::FencedStateEpoch => {
            ErrorCode::NotLeaderOrFollower
        }
        _ => ErrorCode::UnknownServerError,
    }
}
