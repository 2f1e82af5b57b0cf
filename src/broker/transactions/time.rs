//! What coordinators do by themselves: transactions that take too long are aborted, ids that
//! are not used any more forgotten.

use super::{Broker, Desk, lock, server_version};
use crate::log::layout::{TRANSACTIONS_TOPIC, TopicPartition};
use std::time::Duration;
use tokio::sync::watch;

/// How soon markers are tried again that could not be written.
const AGAIN: Duration = Duration::from_secs(1);

impl Broker {
    /// Reads the coordinators' partitions and finishes what is decided; then does what is
    /// due, until the server stops.
    pub(crate) async fn keep_transaction_time(&self, mut stop: watch::Receiver<bool>) {
        tokio::task::block_in_place(|| self.load_used_transactions());
        let period = |name: &str| self.config.period(name);
        let late = period("transaction.abort.timed.out.transaction.cleanup.interval.ms");
        let expired = period("transaction.remove.expired.transaction.cleanup.interval.ms");
        let now = tokio::time::Instant::now;
        let (mut next_late, mut next_expired, mut next_again) =
            (now() + late, now() + expired, now() + AGAIN);
        loop {
            let next = next_late.min(next_expired).min(next_again);
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = tokio::time::sleep_until(next) => {}
            }
            tokio::task::block_in_place(|| {
                if now() >= next_late {
                    self.abort_late();
                    next_late = now() + late;
                }
                if now() >= next_expired {
                    self.expire_transactional_ids();
                    next_expired = now() + expired;
                }
                if now() >= next_again {
                    self.finish_again();
                    next_again = now() + AGAIN;
                }
            });
        }
    }

    /// Reads the partitions that hold anything; their decided transactions are finished.
    fn load_used_transactions(&self) {
        let count = self.state_partitions().map_or(0, std::num::NonZero::get);
        for partition in 0..count.cast_signed() {
            let name = TopicPartition::new(TRANSACTIONS_TOPIC, partition);
            if self.partition_size(&name).is_ok_and(|size| size > 0) {
                // Why it cannot be read is in the log; whoever asks for it is told.
                let _ = self.transacting_at(partition, |_| Ok(()));
            }
        }
    }

    /// Does something in each coordinator that has been read.
    fn in_each(&self, mut work: impl FnMut(&mut Desk<'_>)) {
        let shards: Vec<_> = lock(&self.transactions.shards).values().cloned().collect();
        for shard in shards {
            if let Some(state) = lock(&shard.state).as_mut() {
                work(&mut Desk {
                    broker: self,
                    state,
                });
            }
        }
    }

    fn abort_late(&self) {
        let version = server_version(&self.image());
        self.in_each(|desk| {
            let now_ms = self.host.now_ms();
            for id in desk.state.transactions.late(now_ms) {
                let Some(known) = desk.state.transactions.get(&id) else {
                    continue;
                };
                let mut new_id = || self.producer_id_or_error();
                let aborted = known.fence(version, now_ms, &mut new_id);
                match aborted.and_then(|aborted| desk.decide(&id, aborted)) {
                    Ok(_) => tracing::info!(id, "a transaction took too long and is aborted"),
                    Err(code) => tracing::warn!(id, %code, "a late transaction is not aborted"),
                }
            }
        });
    }

    fn finish_again(&self) {
        self.in_each(|desk| {
            for id in std::mem::take(&mut desk.state.unfinished) {
                desk.finish(&id, true);
            }
        });
    }

    fn expire_transactional_ids(&self) {
        let after = self.config.period("transactional.id.expiration.ms");
        let after_ms = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
        self.in_each(|desk| {
            for id in desk
                .state
                .transactions
                .expired(self.host.now_ms(), after_ms)
            {
                match desk.write_record(&id, None) {
                    Ok(()) => desk.state.transactions.remove(&id),
                    Err(error) => {
                        tracing::error!(id, %error, "cannot write {TRANSACTIONS_TOPIC}");
                        return;
                    }
                }
            }
        });
    }
}
