//! What the server does by itself now and then: old segments go, checkpoints are
//! written, partitions are flushed.
//!
//! Source: `org.apache.kafka.storage.internals.log.LogManager` of Apache Kafka 4.3.1, for
//! which tasks there are and how often they come.

use super::Broker;
use super::replica::Replica;
use crate::format::topic_config::TopicConfig;
use crate::format::{Offset, Timestamp};
use crate::log::Result;
use crate::log::effective::Effective;
use crate::log::layout::TopicPartition;
use crate::log::partition::{left_to_remove, remove_files};
use crate::log::retention::{Plan, Rules, extents, plan};
use crate::log::schedule::Schedule;
use crate::log::view::PartitionView;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What comes now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Retention,
    RecoveryPoints,
    HighWatermarks,
    Flush,
}

/// How often partitions are looked at that have to be flushed by their age, at least.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Does it until the server stops.
pub(super) async fn run(broker: Arc<Broker>, mut stop: watch::Receiver<bool>) {
    let mut upkeep = Upkeep::new(broker);
    loop {
        let wait = upkeep.schedule.wait(upkeep.broker.host.monotonic());
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            () = tokio::time::sleep(wait) => {}
        }
        tokio::task::block_in_place(|| upkeep.do_what_is_due());
    }
}

struct Upkeep {
    broker: Arc<Broker>,
    schedule: Schedule<Task>,
    /// Files of segments that are gone, and when they go as well.
    leaving: Vec<(Duration, Vec<PathBuf>)>,
    swept: bool,
    marks: Vec<(TopicPartition, Offset)>,
}

impl Upkeep {
    fn new(broker: Arc<Broker>) -> Self {
        let now = broker.host.monotonic();
        let config = &broker.config;
        let first = now + config.period("log.initial.task.delay.ms");
        let flush = config
            .period("log.flush.scheduler.interval.ms")
            .min(FLUSH_EVERY);
        let marks = config.period("replica.high.watermark.checkpoint.interval.ms");
        let schedule = Schedule::default()
            .with(
                Task::Retention,
                first,
                config.period("log.retention.check.interval.ms"),
            )
            .with(
                Task::RecoveryPoints,
                first,
                config.period("log.flush.offset.checkpoint.interval.ms"),
            )
            .with(Task::HighWatermarks, now + marks, marks)
            .with(Task::Flush, now + flush, flush);
        Self {
            broker,
            schedule,
            leaving: Vec::new(),
            swept: false,
            marks: Vec::new(),
        }
    }

    fn do_what_is_due(&mut self) {
        let now = self.broker.host.monotonic();
        for task in self.schedule.due(now) {
            let outcome = match task {
                Task::Retention => self.retain(now),
                Task::RecoveryPoints => self.settle(),
                Task::HighWatermarks => self.mark(),
                Task::Flush => self.flush(now),
            };
            if let Err(error) = outcome {
                tracing::error!(?task, %error, "upkeep failed, and is tried again");
            }
        }
        self.remove(now);
    }

    /// Takes segments away that are too old or too much, or lie before the start.
    fn retain(&mut self, now: Duration) -> Result<()> {
        let broker = Arc::clone(&self.broker);
        let image = broker.image();
        let mut moved = Vec::new();
        for (topic, state) in image.topics() {
            let config =
                Effective::on_broker(&image, broker.node, &broker.config.set, topic).config;
            for (number, partition) in &state.partitions {
                if !partition.replicas.contains(&broker.node) {
                    continue;
                }
                let name = TopicPartition::new(topic, *number);
                // One that is deleted meanwhile, or damaged, does not keep the others.
                match self.retain_one(&name, &config) {
                    Ok(Some(replica)) => moved.push((replica, config.file_delete_delay_ms)),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%name, %error, "cannot look for old segments"),
                }
            }
        }
        self.swept = true;
        let starts = moved.iter().map(|(replica, _): &(Arc<Replica>, i64)| {
            let start = replica.ends().start;
            (Arc::clone(replica), start)
        });
        let starts: Vec<_> = starts.collect();
        if !starts.is_empty() {
            let session = broker.session();
            session.set_log_starts(&self.still_there(starts))?;
        }
        for (replica, delay) in moved {
            let files = replica.drop_head()?;
            let delay = Duration::from_millis(delay.unsigned_abs());
            self.leaving.push((now + delay, files));
        }
        Ok(())
    }

    /// Moves the start of a partition up, where segments are to go.
    fn retain_one(
        &mut self,
        name: &TopicPartition,
        config: &TopicConfig,
    ) -> Result<Option<Arc<Replica>>> {
        let directory = self.broker.directory.join(name.to_string());
        if !self.swept {
            let left = left_to_remove(&*self.broker.host, &directory)?;
            remove_files(&*self.broker.host, &left)?;
        }
        let open = self.broker.open_replica(name);
        if open.is_none() {
            // Opened only where something is to be done.
            let view = PartitionView::open(
                &self.broker.host,
                &directory,
                name.clone(),
                self.broker.session().log_start(name)?,
            )?;
            let end = Offset::new(i64::MAX);
            if self
                .plan(&view, view.start(), end, Rules::of(config))?
                .segments
                == 0
            {
                return Ok(None);
            }
        }
        let replica = match open {
            Some(replica) => replica,
            None => self.broker.replica(name)?,
        };
        let ends = replica.ends();
        let found = self.plan(
            &replica.view(),
            ends.start,
            ends.high_watermark,
            replica.rules(),
        )?;
        if found.segments == 0 {
            return Ok(None);
        }
        if found.rolls {
            replica.roll()?;
        }
        let start = replica.advance_start(found.start)?;
        tracing::info!(
            %name,
            %start,
            segments = found.segments,
            before_start = found.before_start,
            too_large = found.too_large,
            "segments are deleted"
        );
        Ok(Some(replica))
    }

    fn plan(&self, view: &PartitionView, start: Offset, end: Offset, rules: Rules) -> Result<Plan> {
        let segments = extents(&*self.broker.host, view.directory())?;
        let now = self.broker.now();
        plan(&segments, start, end, rules, now, |base| {
            // What is gone meanwhile is as old as can be.
            Ok(view.latest_in(base)?.unwrap_or(Timestamp::new(0)))
        })
    }

    /// Removes files whose time has come.
    fn remove(&mut self, now: Duration) {
        let (due, later) = std::mem::take(&mut self.leaving)
            .into_iter()
            .partition::<Vec<_>, _>(|(when, _)| *when <= now);
        self.leaving = later;
        for (_, files) in due {
            if let Err(error) = remove_files(&*self.broker.host, &files) {
                tracing::warn!(%error, "files of deleted segments stay until the next start");
            }
        }
    }

    /// Makes complete segments durable, and notes up to where everything is.
    fn settle(&self) -> Result<()> {
        let mut points = Vec::new();
        for replica in self.broker.open_replicas() {
            match replica.settle() {
                Ok(point) => points.push((replica, point)),
                // Its topic was deleted meanwhile.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let mut session = self.broker.session();
        let points = self.still_there(points);
        session.set_recovery_points(&points)
    }

    /// What is to be noted of partitions, but for those that were deleted since. The
    /// caller holds the session, so that none is deleted before it is noted.
    fn still_there(&self, found: Vec<(Arc<Replica>, Offset)>) -> Vec<(TopicPartition, Offset)> {
        let is_there = |replica: &Arc<Replica>| {
            let known = self.broker.open_replica(replica.name());
            known.is_some_and(|known| Arc::ptr_eq(&known, replica))
        };
        let there = found.into_iter().filter(|(replica, _)| is_there(replica));
        there
            .map(|(replica, offset)| (replica.name().clone(), offset))
            .collect()
    }

    /// Notes the high watermarks, where any has moved.
    fn mark(&mut self) -> Result<()> {
        let replicas = self.broker.open_replicas().into_iter();
        let marks = replicas.map(|replica| {
            let mark = replica.ends().high_watermark;
            (replica, mark)
        });
        let marks: Vec<_> = marks.collect();
        let session = self.broker.session();
        let mut marks = self.still_there(marks);
        marks.sort();
        if marks != self.marks {
            session.set_high_watermarks(&marks)?;
            drop(session);
            self.marks = marks;
        }
        Ok(())
    }

    fn flush(&self, now: Duration) -> Result<()> {
        let replicas = self.broker.open_replicas();
        replicas.iter().try_for_each(|r| r.flush_late(now))
    }
}
