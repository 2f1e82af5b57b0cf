//! Records of a server: up to where the partitions end now, one partition after the
//! other as from a directory, and with `--follow` what comes behind.

use super::outside::move_inside;
use super::part::Scope;
use super::{Pieces, Printer, drain};
use crate::client::fetch::bounded::Reader;
use crate::client::fetch::follow::Follower;
use crate::client::fetch::{Fetched, Settings};
use crate::client::{ClientError, Cluster};
use crate::format::{Offset, ProducerId};
use crate::host::Host;
use crate::log::layout::TopicPartition;
use crate::log::view::Chunk;
use crate::protocol::ErrorCode;
use crate::tools::args::consume::ConsumeOptions;
use crate::tools::error::Result;
use crate::tools::interrupt::Interrupt;
use crate::tools::range::{self, Bounds};
use crate::tools::server::Server;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// With `--follow`, how long a signal may go unnoticed.
pub(super) const WAKE: Duration = Duration::from_millis(100);
/// How much of a partition is fetched at once where no end is to be waited for.
const PIECE: i32 = 4 << 20;
/// How often in a row an offset may be out of a range that it is in.
const MOST_TRIES: u32 = 10;

/// Runs the tool.
pub(super) fn run(options: &ConsumeOptions, server: &Server, host: &Arc<dyn Host>) -> Result<()> {
    let interrupt = Interrupt::register()?;
    let mut cluster = server.connect(host)?;
    let settings = server.fetching(options.read_committed)?;
    let scopes = scopes(options, &mut cluster, server.topic()?)?;
    let behind: BTreeMap<i32, Offset> = scopes
        .iter()
        .map(|scope| (scope.name.partition, scope.from.max(scope.until)))
        .collect();
    let printer = Printer::new(options)?;
    printer.lock().print_start(options)?;
    let mut bounded = Bounded::new(options, cluster, server, scopes, &settings);
    drain(options, &mut bounded, &printer, &interrupt);
    printer.check()?;
    if options.follow && !printer.lock().is_done() && !interrupt.is_set() {
        let topic = server.topic()?;
        let mut following = Following::start(
            bounded.cluster,
            topic,
            behind,
            settings,
            &interrupt,
            options,
        )?;
        drain(options, &mut following, &printer, &interrupt);
    }
    printer.finish(options)
}

/// Finds where to begin and to end in each partition.
fn scopes(options: &ConsumeOptions, cluster: &mut Cluster, topic: &str) -> Result<Vec<Scope>> {
    let known = cluster.must_have(topic)?;
    let numbers: Vec<i32> = match &options.partitions {
        None => known.partitions.keys().copied().collect(),
        Some(listed) => listed.iter().map(|number| number.get()).collect(),
    };
    if let Some(missing) = numbers.iter().find(|n| !known.partitions.contains_key(*n)) {
        return Err(ClientError::UnknownPartition {
            topic: topic.to_owned(),
            partition: *missing,
            count: known.partitions.len(),
        }
        .into());
    }
    let mut bounds = Bounds::ask(cluster, topic, &numbers, options.read_committed)?;
    bounds.ask_times(
        cluster,
        &numbers,
        [Some(options.range.start), options.range.end],
    )?;
    let names: Vec<_> = numbers
        .iter()
        .map(|number| TopicPartition::new(topic, *number))
        .collect();
    let starts: Vec<Offset> = numbers
        .iter()
        .map(|number| bounds.resolve(*number, options.range.start))
        .collect::<Result<_>>()?;
    range::refuse_outside(names.iter().zip(&starts).map(|(name, from)| {
        let (start, end) = bounds.of(name.partition);
        (name, start, end, *from)
    }))?;
    let mut scopes = Vec::new();
    for (name, from) in names.into_iter().zip(starts) {
        let (start, end) = bounds.of(name.partition);
        let until = match options.range.end {
            Some(at) => bounds.resolve(name.partition, at)?.min(end),
            None => end,
        };
        let last_stable = bounds.stable.get(&name.partition).copied();
        scopes.push(Scope {
            from: from.clamp(start, end.max(start)),
            until: last_stable.map_or(until, |stable| stable.min(until)),
            name,
            log_start: start,
            end,
            aborted: None,
            last_stable,
        });
    }
    Ok(scopes)
}

/// Partitions up to their ends.
struct Bounded<'o> {
    options: &'o ConsumeOptions,
    cluster: Cluster,
    place: String,
    readers: VecDeque<(Reader, Scope)>,
}

impl<'o> Bounded<'o> {
    fn new(
        options: &'o ConsumeOptions,
        cluster: Cluster,
        server: &Server,
        scopes: Vec<Scope>,
        settings: &Settings,
    ) -> Self {
        let mut settings = settings.clone();
        settings.partition_bytes = settings.partition_bytes.max(PIECE).min(settings.max_bytes);
        let reader = |scope: Scope| {
            let name = &scope.name;
            let reader = Reader::new(
                &name.topic,
                name.partition,
                scope.from,
                scope.until,
                settings.clone(),
            );
            (reader, scope)
        };
        Self {
            options,
            cluster,
            place: server.without_topic(),
            readers: scopes.into_iter().map(reader).collect(),
        }
    }
}

impl Pieces for Bounded<'_> {
    fn next_piece(&mut self, chunk: &mut Chunk) -> Result<Option<Arc<Scope>>> {
        while let Some((reader, scope)) = self.readers.front_mut() {
            let fetched = match reader.next(&mut self.cluster) {
                Ok(Some(fetched)) => fetched,
                Ok(None) => {
                    self.readers.pop_front();
                    continue;
                }
                Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                    let number = scope.name.partition;
                    let mut position = BTreeMap::from([(number, reader.position())]);
                    let topic = &scope.name.topic;
                    if !move_inside(&mut self.cluster, topic, &mut position, self.options)? {
                        return Err(error.into());
                    }
                    reader.go_on_at(position[&number]);
                    scope.from = scope.from.min(position[&number]);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let piece = Scope {
                name: scope.name.clone(),
                from: scope.from,
                until: scope.until,
                log_start: scope.log_start,
                end: scope.end,
                aborted: aborted(&fetched, scope.last_stable.is_some()),
                last_stable: scope.last_stable,
            };
            fill(chunk, &self.place, &piece, fetched);
            return Ok(Some(Arc::new(piece)));
        }
        Ok(None)
    }
}

/// Partitions as they grow.
pub(super) struct Following<'i> {
    cluster: Cluster,
    topic: String,
    positions: BTreeMap<i32, Offset>,
    settings: Settings,
    follower: Follower,
    interrupt: &'i Interrupt,
    options: &'i ConsumeOptions,
    tries: u32,
}

impl<'i> Following<'i> {
    pub(super) fn start(
        mut cluster: Cluster,
        topic: &str,
        positions: BTreeMap<i32, Offset>,
        settings: Settings,
        interrupt: &'i Interrupt,
        options: &'i ConsumeOptions,
    ) -> Result<Self> {
        let follower = Follower::start(&mut cluster, topic, &positions, &settings)?;
        Ok(Self {
            cluster,
            topic: topic.to_owned(),
            positions,
            settings,
            follower,
            interrupt,
            options,
            tries: 0,
        })
    }

    /// Behind what was taken of a partition.
    pub(super) fn position(&self, number: i32) -> Offset {
        self.positions.get(&number).copied().unwrap_or_default()
    }

    /// What comes within a while.
    pub(super) fn poll(&mut self, chunk: &mut Chunk) -> Result<Option<Scope>> {
        match self.follower.next(WAKE) {
            None => Ok(None),
            Some(Ok(fetched)) => {
                self.tries = 0;
                self.positions.insert(fetched.partition, fetched.next);
                let committed = self.settings.read_committed;
                let scope = Scope {
                    name: TopicPartition::new(&self.topic, fetched.partition),
                    from: fetched.from,
                    until: Offset::new(i64::MAX),
                    log_start: fetched.log_start.unwrap_or_default(),
                    end: fetched.high_watermark,
                    aborted: aborted(&fetched, committed),
                    last_stable: fetched.last_stable.filter(|_| committed),
                };
                fill(chunk, &self.cluster.servers(), &scope, fetched);
                Ok(Some(scope))
            }
            Some(Err(error)) if error.is_retriable() => {
                self.tries += 1;
                std::thread::sleep(self.cluster.config().backoff_after(self.tries));
                self.cluster.forget(&self.topic, &error);
                self.restart()?;
                Ok(None)
            }
            Some(Err(error)) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                let (cluster, positions) = (&mut self.cluster, &mut self.positions);
                let moved = move_inside(cluster, &self.topic, positions, self.options)?;
                self.tries += 1;
                if !moved && self.tries > MOST_TRIES {
                    return Err(error.into());
                }
                std::thread::sleep(self.cluster.config().backoff_after(self.tries));
                self.restart()?;
                Ok(None)
            }
            Some(Err(error)) => Err(error.into()),
        }
    }

    fn restart(&mut self) -> Result<()> {
        self.follower = Follower::start(
            &mut self.cluster,
            &self.topic,
            &self.positions,
            &self.settings,
        )?;
        Ok(())
    }
}

impl Pieces for Following<'_> {
    fn next_piece(&mut self, chunk: &mut Chunk) -> Result<Option<Arc<Scope>>> {
        while !self.interrupt.is_set() {
            if let Some(scope) = self.poll(chunk)? {
                return Ok(Some(Arc::new(scope)));
            }
        }
        Ok(None)
    }
}

fn aborted(
    fetched: &Fetched,
    read_committed: bool,
) -> Option<BTreeMap<ProducerId, Vec<(Offset, Offset)>>> {
    if !read_committed {
        return None;
    }
    let mut aborted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (producer, first, last) in &fetched.aborted {
        aborted.entry(*producer).or_default().push((*first, *last));
    }
    Some(aborted)
}

/// Hands the batches on, under a name that errors show.
fn fill(chunk: &mut Chunk, place: &str, scope: &Scope, fetched: Fetched) {
    chunk.bytes = fetched.bytes;
    chunk.position = 0;
    chunk.path = PathBuf::from(format!(
        "{place}/{} from offset {}",
        scope.name, fetched.from
    ));
}
