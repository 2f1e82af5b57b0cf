//! Records of a server as a member of a consumer group: from where the group left
//! off; what was printed is committed, now and then and at the end.
//!
//! Nothing is committed that was not printed. After a crash, what was printed since
//! the last commit is printed again by whoever reads on.

use super::Printer;
use super::outside::move_inside;
use super::render::Renderer;
use super::wire::Following;
use crate::client::Cluster;
use crate::client::group::{Joined, Member};
use crate::client::groups::Position;
use crate::format::Offset;
use crate::host::Host;
use crate::log::layout::TopicPartition;
use crate::log::view::Chunk;
use crate::tools::args::consume::ConsumeOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::interrupt::Interrupt;
use crate::tools::range::Bounds;
use crate::tools::server::Server;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Runs the tool.
pub(super) fn run(
    options: &ConsumeOptions,
    server: &Server,
    group: &str,
    host: &Arc<dyn Host>,
) -> Result<()> {
    let interrupt = Interrupt::register()?;
    let topic = server.topic()?;
    let mut cluster = server.connect(host)?;
    let known = cluster.must_have(topic)?;
    let numbers: Vec<i32> = known.partitions.keys().copied().collect();
    let printer = Printer::new(options)?;
    printer.lock().print_start(options)?;
    let bounds = Bounds::ask(&mut cluster, topic, &numbers, options.read_committed)?;
    let settings = server.membership()?;
    let member = Member::new(cluster.another(), group, &[topic], settings.clone());
    let mut reading = Reading {
        options,
        server,
        topic,
        host: Arc::clone(host),
        interrupt: &interrupt,
        printer: &printer,
        cluster,
        member,
        pinned: numbers
            .iter()
            .map(|n| (*n, bounds.readable_end(*n)))
            .collect(),
        positions: BTreeMap::new(),
        settled_at: Duration::ZERO,
        taken: BTreeMap::new(),
        settling: settings.heartbeat * 2,
        commit_interval: settings.commit_interval,
        committed_at: host.monotonic(),
    };
    let read = reading.run();
    let committed = reading.commit();
    let left = reading.member.leave();
    read?;
    committed?;
    left?;
    printer.finish(options)
}

struct Reading<'r> {
    options: &'r ConsumeOptions,
    server: &'r Server,
    topic: &'r str,
    host: Arc<dyn Host>,
    interrupt: &'r Interrupt,
    printer: &'r Printer,
    cluster: Cluster,
    member: Member,
    /// Where the partitions ended at the start.
    pinned: BTreeMap<i32, Offset>,
    /// What is assigned, and what is read next of it.
    positions: BTreeMap<i32, Offset>,
    /// Partitions that others may be about to let go of are waited for until then.
    settled_at: Duration,
    /// Printed, and not yet committed.
    taken: BTreeMap<i32, Position>,
    settling: Duration,
    commit_interval: Duration,
    committed_at: Duration,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<()> {
        while !self.is_over() {
            let joined = self.member.join()?;
            // Where something was let go of, others wait for it.
            if self.take_over(joined)? {
                if self.read()? {
                    return Ok(());
                }
                self.commit()?;
            }
        }
        Ok(())
    }

    /// Goes on with what is assigned; `false` where it had to let go of something, and
    /// is to join again.
    fn take_over(&mut self, mut joined: Joined) -> Result<bool> {
        let numbers = joined.assignment.remove(self.topic).unwrap_or_default();
        if !joined.keeps {
            self.positions.clear();
            self.taken.clear();
        }
        let keeps_all = self.positions.keys().all(|number| numbers.contains(number));
        if !keeps_all {
            self.commit()?;
            self.positions.retain(|number, _| numbers.contains(number));
            self.taken.retain(|number, _| numbers.contains(number));
        }
        let is_new = |number: &i32| !self.positions.contains_key(number);
        let new: Vec<i32> = numbers.into_iter().filter(is_new).collect();
        let starts = self.starts(&new)?;
        self.positions.extend(starts);
        let is_shared = joined.is_cooperative && self.positions.len() < self.pinned.len();
        let settling = if is_shared {
            self.settling
        } else {
            Duration::ZERO
        };
        self.settled_at = self.host.monotonic() + settling;
        Ok(keeps_all)
    }

    fn is_over(&self) -> bool {
        self.interrupt.is_set() || self.printer.lock().is_done()
    }

    /// Reads what is assigned; `true` at the end, `false` where it is assigned anew.
    fn read(&mut self) -> Result<bool> {
        let settings = self.server.fetching(self.options.read_committed)?;
        let mut following = Following::start(
            self.cluster.another(),
            self.topic,
            self.positions.clone(),
            settings,
            self.interrupt,
            self.options,
        )?;
        let mut chunk = Chunk::default();
        let mut renderer = Renderer::new(&self.options.output);
        loop {
            if self.is_over() || (!self.options.follow && self.is_at_the_end()) {
                return Ok(true);
            }
            if self.member.must_rejoin() {
                return Ok(false);
            }
            if let Some(mut scope) = following.poll(&mut chunk)? {
                let number = scope.name.partition;
                let behind = following.position(number);
                if !self.options.follow {
                    scope.until = self.pinned.get(&number).copied().unwrap_or(scope.until);
                }
                let left = self.printer.left();
                let rendered = renderer.render(&chunk, &scope, left);
                let failed = rendered.is_err();
                let turn = self.printer.lock().turn;
                self.printer.put(turn, &renderer, rendered);
                self.printer.check()?;
                let was_cut = failed || left == Some(renderer.records());
                let next = match renderer.last() {
                    Some(last) if was_cut => last.next(),
                    _ => behind,
                };
                self.positions.insert(number, next);
                let position = Position {
                    epoch: renderer.last_epoch(),
                    ..Position::at(next.min(scope.until))
                };
                self.taken.insert(number, position);
            } else {
                // Where records were deleted before they were read it goes on behind.
                for (number, at) in &mut self.positions {
                    let moved = following.position(*number);
                    if moved != *at {
                        *at = moved;
                        self.taken.insert(*number, Position::at(moved));
                    }
                }
            }
            let now = self.host.monotonic();
            if now.saturating_sub(self.committed_at) >= self.commit_interval {
                self.commit()?;
            }
        }
    }

    fn is_at_the_end(&self) -> bool {
        let is_read =
            |(number, at): (&i32, &Offset)| self.pinned.get(number).is_some_and(|end| at >= end);
        self.positions.iter().all(is_read) && self.host.monotonic() >= self.settled_at
    }

    /// Where to go on: behind what was committed, else where `-o` or
    /// `auto.offset.reset` says.
    fn starts(&mut self, numbers: &[i32]) -> Result<BTreeMap<i32, Offset>> {
        if numbers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let committed = self.member.committed(self.topic, numbers)?;
        let (topic, options) = (self.topic, self.options);
        let start = options.group_start();
        let mut bounds = Bounds::ask(&mut self.cluster, self.topic, numbers, false)?;
        bounds.ask_times(&mut self.cluster, numbers, [start])?;
        let mut positions = BTreeMap::new();
        for number in numbers {
            let (first, end) = bounds.of(*number);
            // A partition that is new is read from its start to its end of now.
            self.pinned.entry(*number).or_insert(end);
            let at = match committed.get(number) {
                Some(position) => position.offset,
                None => {
                    let start = start.ok_or_else(|| nothing_committed(topic, *number))?;
                    let at = bounds.resolve(*number, start)?;
                    at.clamp(first, end.max(first))
                }
            };
            positions.insert(*number, at);
        }
        move_inside(&mut self.cluster, topic, &mut positions, options)?;
        Ok(positions)
    }

    fn commit(&mut self) -> Result<()> {
        self.committed_at = self.host.monotonic();
        // What is not taken now may be after the next round, if it is still read here.
        if self.member.commit(self.topic, &self.taken)? {
            self.taken.clear();
        }
        Ok(())
    }
}

/// With `auto.offset.reset=none`.
fn nothing_committed(topic: &str, number: i32) -> ToolError {
    let name = TopicPartition::new(topic, number);
    let error = ToolError::failed(format!("{name}: the group has committed no offset of it"));
    error.hint("-o says where to start, for example -o beginning")
}
