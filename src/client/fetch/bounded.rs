//! One partition, from an offset up to another. The next request is under way while
//! the caller works on what came.

use super::{Fetched, Settings, fetched, has_moved, only};
use crate::client::cluster::Cluster;
use crate::client::connection::{Answer, Connection};
use crate::client::error::{ClientError, Result};
use crate::client::offsets::leader;
use crate::format::{Offset, Uuid};
use crate::protocol::ApiKey;
use crate::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use std::time::Duration;

/// Reads a partition.
pub struct Reader {
    name: String,
    partition: i32,
    settings: Settings,
    position: Offset,
    until: Offset,
    /// The node that was asked, and for which offset.
    asked: Option<(i32, Offset)>,
    tries: u32,
    since: Option<Duration>,
}

impl Reader {
    /// From `position` up to and without `until`.
    pub fn new(
        name: &str,
        partition: i32,
        position: Offset,
        until: Offset,
        settings: Settings,
    ) -> Self {
        Self {
            name: name.to_owned(),
            partition,
            settings,
            position,
            until,
            asked: None,
            tries: 0,
            since: None,
        }
    }

    /// The next batches; `None` at the end. The first may begin before the position,
    /// the last may go on behind the end.
    pub fn next(&mut self, cluster: &mut Cluster) -> Result<Option<Fetched>> {
        loop {
            if self.position >= self.until && self.asked.is_none() {
                return Ok(None);
            }
            match self.attempt(cluster) {
                Ok(Some((fetched, throttled))) => {
                    (self.tries, self.since) = (0, None);
                    if !fetched.bytes.is_empty() {
                        return Ok(Some(fetched));
                    }
                    // Nothing more is there, but for the gap that a cleaner left.
                    if !throttled && self.is_all(&fetched) {
                        self.position = self.until;
                    }
                }
                Ok(None) => return Ok(None),
                Err(error) => self.back_off(cluster, error)?,
            }
        }
    }

    /// The offset that is read next.
    pub const fn position(&self) -> Offset {
        self.position
    }

    /// Goes on elsewhere: the server has what was read next no more. At or behind the
    /// end nothing more comes.
    pub const fn go_on_at(&mut self, position: Offset) {
        (self.position, self.asked) = (position, None);
    }

    fn is_all(&self, fetched: &Fetched) -> bool {
        let end = match fetched.last_stable {
            Some(stable) if self.settings.read_committed => stable,
            _ => fetched.high_watermark,
        };
        end >= self.until
    }

    /// Receives what was asked for, and asks for what follows.
    fn attempt(&mut self, cluster: &mut Cluster) -> Result<Option<(Fetched, bool)>> {
        if self.asked.is_none() {
            self.ask(cluster)?;
        }
        let (node, from) = self.asked.take().expect("it was just asked");
        let connection = cluster.node(node)?;
        let answer = connection.receive::<FetchRequest>()?;
        let fetched = self.open(connection, &answer, from)?;
        self.position = fetched.next;
        if self.position < self.until && self.position > from {
            self.ask(cluster)?;
        }
        let throttled = answer.message.throttle_time_ms > 0;
        Ok(Some((fetched, throttled)))
    }

    fn open(
        &self,
        connection: &Connection,
        answer: &Answer<FetchResponse>,
        from: Offset,
    ) -> Result<Fetched> {
        let about = format!("{}-{}", self.name, self.partition);
        let code = answer.message.error_code;
        connection.check(ApiKey::Fetch, code, &about, None)?;
        let Some(data) = only(answer) else {
            return Err(ClientError::NoLeader { partition: about });
        };
        connection.check(ApiKey::Fetch, data.error_code, &about, None)?;
        fetched(data, from, answer.body()).map_err(|source| ClientError::Format {
            address: connection.address().clone(),
            api: ApiKey::Fetch,
            source,
        })
    }

    fn ask(&mut self, cluster: &mut Cluster) -> Result<()> {
        let topic = cluster.known(&self.name)?;
        let node = leader(&self.name, &topic, self.partition)?;
        let epoch = topic.partitions[&self.partition].epoch;
        let position = self.position;
        let settings = &self.settings;
        let connection = cluster.node(node)?;
        let most = if topic.id == Uuid::ZERO { 12 } else { 18 };
        let version = connection.version_within(ApiKey::Fetch, 4, most)?;
        let request = FetchRequest {
            max_wait_ms: settings.max_wait_ms,
            min_bytes: settings.min_bytes,
            max_bytes: settings.max_bytes,
            isolation_level: i8::from(settings.read_committed),
            topics: vec![FetchTopic {
                topic: self.name.clone(),
                topic_id: topic.id,
                partitions: vec![FetchPartition {
                    partition: self.partition,
                    current_leader_epoch: epoch,
                    fetch_offset: position.get(),
                    partition_max_bytes: settings.partition_bytes,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        connection.send(&request, version)?;
        self.asked = Some((node, position));
        Ok(())
    }

    /// Asks who leads now, after a while; fails where that took too long.
    fn back_off(&mut self, cluster: &mut Cluster, error: ClientError) -> Result<()> {
        self.asked = None;
        if !has_moved(&error) {
            return Err(error);
        }
        self.tries += 1;
        let now = cluster.host().monotonic();
        let since = *self.since.get_or_insert(now);
        if now.saturating_sub(since) > cluster.config().api_timeout {
            return Err(error);
        }
        cluster.forget(&self.name, &error);
        std::thread::sleep(cluster.config().backoff_after(self.tries));
        Ok(())
    }
}
