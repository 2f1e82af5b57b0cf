//! `ottla produce`: records from standard input into a topic.

mod plain;
mod records;
mod sink;
mod wire;

use super::args::Sync;
use super::args::produce::{PartitionChoice, ProduceOptions, Transaction};
use super::error::{Result, ToolError};
use super::input::{InputFormat, InputOptions, InputRecord};
use super::interrupt::{Input, Interrupt};
use super::location::Directory;
use super::numbers;
use super::progress::{self, Progress};
use super::server::Location;
use crate::format::batch::HEADER_SIZE;
use crate::format::batch_builder::RECORD_OVERHEAD;
use crate::format::compression::{Codec, Compression};
use crate::format::partitioner::Partitioner;
use crate::format::record::HeadersBuf;
use crate::format::topic_config::{TimestampType, TopicConfig};
use crate::format::{ProducerEpoch, ProducerId, Timestamp};
use crate::host::{Durability, Host};
use crate::log::partition::Placement;
use crate::log::session::Session;
use crate::log::transaction;
use sink::{Files, Sink, Target};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// At how many bytes a batch is full where nothing else is said.
#[derive(Clone, Copy)]
struct Usual {
    plain: usize,
    compressed: usize,
}

impl Usual {
    /// Four pages, so that a seek reads few; compressed, enough for the codec to learn.
    const IN_FILES: Self = Self {
        plain: 16 << 10,
        compressed: 128 << 10,
    };
    /// Each batch costs a request.
    const ON_THE_WIRE: Self = Self {
        plain: 256 << 10,
        compressed: 256 << 10,
    };
}

/// What the batches of all partitions may take together while they are gathered.
const GATHERED: usize = 16 << 20;
/// The smallest batch that many partitions bring it down to.
const LEAST_BATCH: usize = 1 << 10;
/// More threads than this only wait for their turn.
const MOST_THREADS: usize = 4;
/// The longest record where compression may yet make it fit: bytes.
const MOST_COMPRESSIBLE: usize = 256 << 20;

/// Everything about the run that does not change.
struct Plan<'p> {
    host: &'p dyn Host,
    input: &'p InputOptions,
    headers: HeadersBuf,
    compression: Compression,
    threads: usize,
    batch_bytes: usize,
    /// The longest record.
    limit: usize,
    max_message_bytes: usize,
    topic: &'p str,
    partition: Option<i32>,
    partitions: NonZeroU32,
    choice: PartitionChoice,
    timestamp: Option<Timestamp>,
    append_time: bool,
    /// A compacted topic takes no records without a key.
    needs_key: bool,
    /// `message.timestamp.before.max.ms` and `….after.max.ms`.
    time_bounds: (Option<u64>, Option<u64>),
    keep_offsets: bool,
    /// Chooses partitions for records without a key: random bits, and a counter.
    sticky: AtomicU64,
    /// Counts records that go to the partitions in turn.
    in_turn: AtomicU64,
}

/// Runs the tool.
pub fn run(options: &ProduceOptions, host: &Arc<dyn Host>) -> Result<()> {
    match &options.location {
        Location::Directory(directory) => to_directory(options, directory, host),
        Location::Server(server) => wire::run(options, server, host),
    }
}

fn to_directory(
    options: &ProduceOptions,
    directory: &Directory,
    host: &Arc<dyn Host>,
) -> Result<()> {
    let interrupt = Interrupt::register()?;
    let durability = match options.sync {
        Sync::None => Durability::None,
        Sync::End | Sync::Batch => Durability::Synced,
    };
    let topic = directory.topic()?;
    let mut session = Session::open(host, &directory.data, durability)?;
    tell_recovered(&session, options.quiet);
    let prepared = prepare(&mut session, options, topic);
    let (config, transaction) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            session.close()?;
            return Err(error);
        }
    };
    let count = session
        .image()
        .topic(topic)
        .map_or(1, |topic| topic.partitions.len());
    let usual = Usual::IN_FILES;
    let plan = Plan::new(options, &**host, topic, &config, count, usual);
    let placement = if options.keep_offsets {
        Placement::Keep
    } else {
        Placement::Next
    };
    let progress = Progress::start(host, options.quiet);
    let producer = transaction.as_ref().map(transaction::Open::producer);
    let files = Files::new(session, transaction, topic, placement, options.sync);
    let sink = Sink::new(files, progress);
    read(options, &plan, producer, &interrupt, &sink);
    let (files, mut progress, outcome) = sink.finish();
    progress.finish();
    let (mut session, transaction) = files.into_parts();
    let is_transaction = transaction.is_some();
    let ended = end_transaction(transaction, &mut session, outcome.is_ok(), &interrupt);
    session.close()?;
    let went_well = outcome.is_ok() && ended.is_ok();
    // Where the end itself failed, its error says what became of it.
    let was_aborted = is_transaction && outcome.is_err() && ended.is_ok();
    report(options, &progress, went_well, was_aborted);
    outcome.and(ended)
}

/// Reads the input to its end, or until the sink fails.
fn read<T: Target>(
    options: &ProduceOptions,
    plan: &Plan<'_>,
    producer: Option<(ProducerId, ProducerEpoch)>,
    interrupt: &Interrupt,
    sink: &Sink<T>,
) {
    let input = Input::new(interrupt);
    match plain_delimiter(options) {
        Some(delimiter) => plain::run(plan, delimiter, input, sink),
        None => records::run(plan, producer, input, sink),
    }
}

/// Commits where all went well, aborts where it did not.
fn end_transaction(
    transaction: Option<transaction::Open>,
    session: &mut Session,
    went_well: bool,
    interrupt: &Interrupt,
) -> Result<()> {
    let Some(open) = transaction else {
        return Ok(());
    };
    // An interrupted run is no whole run.
    let commit = went_well && !interrupt.is_set();
    open.end(session, commit)?;
    if went_well && !commit {
        return Err(ToolError::failed(
            "interrupted: the transaction was aborted",
        ));
    }
    Ok(())
}

/// Sees to the topic, and begins the transaction where the run is one.
fn prepare(
    session: &mut Session,
    options: &ProduceOptions,
    topic: &str,
) -> Result<(TopicConfig, Option<transaction::Open>)> {
    prepare_topic(session, options, topic)?;
    // Tiered storage does not concern what is appended here.
    let set = session
        .image()
        .topic_configs(topic)
        .filter(|(name, _)| !name.starts_with("remote.") && !name.starts_with("local."));
    let config = TopicConfig::new(set).map_err(|error| ToolError::failed(error.to_string()))?;
    let transaction = match &options.transaction {
        None => None,
        Some(Transaction::Anonymous) => Some(transaction::begin(session, None)?),
        Some(Transaction::Id(id)) => Some(transaction::begin(session, Some(id))?),
    };
    Ok((config, transaction))
}

fn prepare_topic(session: &mut Session, options: &ProduceOptions, topic: &str) -> Result<()> {
    let Some(known) = session.image().topic(topic) else {
        let Some(partitions) = options.create_partitions else {
            return Err(crate::log::LogError::UnknownTopic {
                directory: session.path().to_owned(),
                topic: topic.to_owned(),
                nearest: session.image().nearest_topic(topic),
            }
            .into());
        };
        let partitions = options
            .partition
            .map_or(partitions, |p| partitions.max(p.get() + 1));
        return match session.create_topic(topic, partitions, &[]) {
            // Another producer was quicker.
            Err(crate::log::LogError::TopicExists { .. }) => Ok(()),
            other => Ok(other?),
        };
    };
    if let Some(partition) = options.partition
        && !known.partitions.contains_key(&partition.get())
    {
        return Err(crate::log::LogError::UnknownPartition {
            topic: topic.to_owned(),
            partition: partition.get(),
            count: known.partitions.len() as i32,
        }
        .into());
    }
    Ok(())
}

/// The delimiter of input that is plain lines and nothing else.
fn plain_delimiter(options: &ProduceOptions) -> Option<u8> {
    let lines = matches!(
        options.input.format,
        InputFormat::Lines {
            key_separator: None
        }
    );
    // Lines have no key: which partition they go to may depend on that.
    let spread = !matches!(
        options.partitioner,
        PartitionChoice::Key(
            Partitioner::Murmur2Random | Partitioner::ConsistentRandom | Partitioner::Fnv1aRandom
        )
    );
    match options.input.delimiter[..] {
        [delimiter]
            if lines
                && !spread
                && options.input.null.is_none()
                && options.transaction.is_none() =>
        {
            Some(delimiter)
        }
        _ => None,
    }
}

impl<'p> Plan<'p> {
    fn new(
        options: &'p ProduceOptions,
        host: &'p dyn Host,
        topic: &'p str,
        config: &TopicConfig,
        count: usize,
        usual: Usual,
    ) -> Self {
        // The topic's own compression.type wins, as in a broker.
        let compression = config
            .compression
            .or(options.compression.map(quick))
            .unwrap_or(Compression::from(Codec::None));
        let max_message_bytes = config.max_message_bytes as usize;
        let most = max_message_bytes.max(HEADER_SIZE + RECORD_OVERHEAD);
        let compressed = compression.codec() != Codec::None;
        let usual = if compressed {
            usual.compressed
        } else {
            usual.plain
        };
        let single = options.partition.is_some() || count == 1;
        let share = if single {
            usize::MAX
        } else {
            (GATHERED / count.max(1)).max(LEAST_BATCH)
        };
        let batch_bytes = options.batch_size.unwrap_or(usual).min(share).min(most);
        let limit = if compressed {
            MOST_COMPRESSIBLE
        } else {
            most - HEADER_SIZE - RECORD_OVERHEAD
        };
        let mut seed = [0; 8];
        host.random(&mut seed);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            host,
            input: &options.input,
            headers: options.input.headers.clone(),
            compression,
            threads: threads.min(MOST_THREADS),
            batch_bytes,
            limit: limit.min(options.input.limit),
            max_message_bytes,
            topic,
            partition: options.partition.map(|partition| partition.get()),
            partitions: NonZeroU32::new(count as u32).unwrap_or(NonZeroU32::MIN),
            choice: options.partitioner,
            timestamp: options.timestamp,
            append_time: config.message_timestamp_type == TimestampType::LogAppendTime,
            needs_key: config.cleanup_policy.compact,
            time_bounds: (
                config.message_timestamp_before_max_ms,
                config.message_timestamp_after_max_ms,
            ),
            keep_offsets: options.keep_offsets,
            sticky: AtomicU64::new(u64::from_ne_bytes(seed)),
            in_turn: AtomicU64::new(0),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.host.now_ms())
    }

    /// A partition for a batch of records without keys: another one each time.
    fn next_sticky(&self) -> i32 {
        if let Some(partition) = self.partition {
            return partition;
        }
        let drawn = self
            .sticky
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        ((drawn >> 32) % u64::from(self.partitions.get())) as i32
    }

    /// The partition behind the last one, whatever the key.
    fn next_in_turn(&self) -> i32 {
        let turn = self.in_turn.fetch_add(1, Ordering::Relaxed);
        (turn % u64::from(self.partitions.get())) as i32
    }

    /// A batch was handed on: records without keys go elsewhere from here on.
    fn batch_sent(&self) {
        self.sticky
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    }

    /// The partition of a record.
    fn choose(&self, record: &InputRecord<'_>) -> i32 {
        if let Some(partition) = record.partition.filter(|_| self.keep_offsets) {
            return partition.get();
        }
        if let Some(partition) = self.partition {
            return partition;
        }
        let PartitionChoice::Key(partitioner) = self.choice else {
            return self.next_in_turn();
        };
        match partitioner.partition_for_key(record.key, self.partitions) {
            Some(partition) => partition.get(),
            None if partitioner == Partitioner::Random => self.next_sticky(),
            None => {
                let current = self.sticky.load(Ordering::Relaxed);
                ((current >> 32) % u64::from(self.partitions.get())) as i32
            }
        }
    }

    /// Refuses a record that a broker would refuse, number `number` of the input.
    fn check_record(&self, number: u64, keyed: bool, time: Option<Timestamp>) -> Result<()> {
        if self.needs_key && !keyed {
            return Err(ToolError::failed(format!(
                "input record {number} has no key: topic {:?} is compacted, and expects one with every record",
                self.topic
            ))
            .hint("-k SEP splits a key off each line; --json and --csv --key COLUMN give one too"));
        }
        let Some(time) = time.filter(|_| !self.append_time) else {
            return Ok(());
        };
        let away = time.get().saturating_sub(self.now().get());
        let (before, after) = self.time_bounds;
        let (name, most) = if away < 0 {
            ("message.timestamp.before.max.ms", before)
        } else {
            ("message.timestamp.after.max.ms", after)
        };
        match most {
            Some(most) if away.unsigned_abs() > most => Err(ToolError::failed(format!(
                "input record {number} has timestamp {time}, {} ms from now: expected at most {most}, the {name} of topic {:?}",
                away.unsigned_abs(),
                self.topic
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses a batch that a broker would refuse.
    fn check_size(&self, bytes: usize) -> Result<()> {
        if bytes <= self.max_message_bytes {
            return Ok(());
        }
        Err(ToolError::failed(format!(
            "a batch of {bytes} bytes is too large for topic {:?}: its max.message.bytes is {}",
            self.topic, self.max_message_bytes
        ))
        .hint("raise it with `ottla topics DATA/TOPIC --alter -c max.message.bytes=N`"))
    }
}

/// zstd at level 1 where no level was asked for, not at Kafka's 3: on batches of
/// this size it saves a quarter of the time and costs no space.
fn quick(compression: Compression) -> Compression {
    match (compression.codec(), compression.level()) {
        (Codec::Zstd, None) => Compression::new(Codec::Zstd, Some(1)).unwrap_or(compression),
        _ => compression,
    }
}

fn tell_recovered(session: &Session, quiet: bool) {
    let cut: Vec<_> = session
        .recovered()
        .iter()
        .filter(|(_, done)| done.cut > 0)
        .collect();
    for (name, done) in cut {
        let kept = if done.kept > 0 {
            format!(", {} of them kept beside the log in .cut files", done.kept)
        } else {
            String::new()
        };
        let text = format!(
            "{name}: recovered after an unclean stop; cut {} bytes of unfinished writes off{kept}; it ends at offset {}",
            done.cut, done.end
        );
        progress::summary("ottla-produce", quiet, &text);
    }
}

fn report(options: &ProduceOptions, progress: &Progress, went_well: bool, was_aborted: bool) {
    if !went_well && progress.records() == 0 {
        return;
    }
    let fate = if was_aborted {
        ", in a transaction that was aborted"
    } else {
        ""
    };
    let text = format!(
        "{} ({}) to {} in {}{fate}",
        numbers::count(progress.records(), "record"),
        numbers::size(progress.bytes()),
        place(&options.location),
        numbers::duration(progress.elapsed())
    );
    progress::summary("ottla-produce", options.quiet, &text);
}

/// Where records went, for people.
fn place(location: &Location) -> String {
    match location {
        Location::Directory(directory) => match directory.topic() {
            Ok(topic) => directory.data.join(topic).display().to_string(),
            Err(_) => directory.to_string(),
        },
        Location::Server(server) => server.to_string(),
    }
}
