//! Records of a server as a member of a consumer group: from where the group left
//! off; what was printed is committed, now and then and at the end.
//!
//! Nothing is committed that was not printed. After a crash, what was printed since
//! the last commit is printed again by whoever reads on.

use super::Printer;
use super::render::Renderer;
use super::wire::Following;
use crate::client::Cluster;
use crate::client::group::Member;
use crate::client::groups::Position;
use crate::format::Offset;
use crate::host::Host;
use crate::log::view::Chunk;
use crate::tools::args::consume::ConsumeOptions;
use crate::tools::error::Result;
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
        taken: BTreeMap::new(),
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
    /// Printed, and not yet committed.
    taken: BTreeMap<i32, Position>,
    commit_interval: Duration,
    committed_at: Duration,
}

impl Reading<'_> {
    fn run(&mut self) -> Result<()> {
        while !self.is_over() {
            let mut assigned = self.member.join()?;
            let mut numbers = assigned.remove(self.topic).unwrap_or_default();
            numbers.sort_unstable();
            if self.read(&numbers)? {
                return Ok(());
            }
            self.commit()?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.interrupt.is_set() || self.printer.lock().is_done()
    }

    /// Reads what is assigned; `true` at the end, `false` where it is assigned anew.
    fn read(&mut self, numbers: &[i32]) -> Result<bool> {
        let mut positions = self.positions(numbers)?;
        let settings = self.server.fetching(self.options.read_committed)?;
        let mut following = Following::start(
            self.cluster.another(),
            self.topic,
            positions.clone(),
            settings,
            self.interrupt,
            self.options.quiet,
        )?;
        let mut chunk = Chunk::default();
        let mut renderer = Renderer::new(&self.options.output);
        loop {
            if self.is_over() || (!self.options.follow && self.is_at_the_end(&positions)) {
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
                positions.insert(number, next);
                let position = Position {
                    epoch: renderer.last_epoch(),
                    ..Position::at(next.min(scope.until))
                };
                self.taken.insert(number, position);
            } else {
                // Where records were deleted before they were read it goes on behind.
                for (number, at) in &mut positions {
                    *at = following.position(*number).max(*at);
                }
            }
            let now = self.host.monotonic();
            if now.saturating_sub(self.committed_at) >= self.commit_interval {
                self.commit()?;
            }
        }
    }

    fn is_at_the_end(&self, positions: &BTreeMap<i32, Offset>) -> bool {
        positions
            .iter()
            .all(|(number, at)| self.pinned.get(number).is_some_and(|end| at >= end))
    }

    /// Where to go on: behind what was committed, else where `-o` says.
    fn positions(&mut self, numbers: &[i32]) -> Result<BTreeMap<i32, Offset>> {
        let committed = self.member.committed(self.topic, numbers)?;
        let start = self.options.range.start;
        let mut bounds = Bounds::ask(&mut self.cluster, self.topic, numbers, false)?;
        bounds.ask_times(&mut self.cluster, numbers, [Some(start)])?;
        let mut positions = BTreeMap::new();
        for number in numbers {
            let (first, end) = bounds.of(*number);
            // A partition that is new is read from its start to its end of now.
            self.pinned.entry(*number).or_insert(end);
            let at = match committed.get(number) {
                Some(position) => position.offset,
                None => bounds.resolve(*number, start)?,
            };
            positions.insert(*number, at.clamp(first, end.max(first)));
        }
        Ok(positions)
    }

    fn commit(&mut self) -> Result<()> {
        self.committed_at = self.host.monotonic();
        let taken = std::mem::take(&mut self.taken);
        self.member.commit(self.topic, &taken)?;
        Ok(())
    }
}
