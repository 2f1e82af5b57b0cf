//! The walk over one partition: takes its pieces in order, judges each batch in its
//! place, and tells the observers.

use super::batch::Fault;
use super::dispatch::{Dispatch, Ticket};
use super::order::{Behind, Order, Verdict};
use super::piece::{Found, Piece, Source, Stop};
use super::resync::{self, Trouble};
use super::{BatchFile, Events, FileKind, Target, Totals};
use crate::format::Offset;
use crate::format::batch::{HEADER_SIZE, Header, Prefix};
use crate::host::{Host, Open};
use crate::log::verify::beside;
use crate::log::verify::observer::{End, Hole, Observer, Seen};
use crate::log::verify::{Check, Finding, Severity, Walked};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Findings about gaps that are kept until the end tells whether they are losses.
const MOST_GAPS: usize = 10_000;

pub(super) struct Walk<'a> {
    host: Arc<dyn Host>,
    target: &'a Target,
    dispatch: &'a Dispatch<'a>,
    events: &'a mut dyn Events,
    totals: &'a mut Totals,
    observers: Vec<Box<dyn Observer>>,
    order: Order,
    gaps: Vec<Finding>,
    /// A finding that may still grow: batches out of order, one behind the other.
    run: Option<Finding>,
    start: Option<Offset>,
    /// Where the last batch of the file ends.
    whole: u64,
    legacy: bool,
    intact: bool,
}

/// The file that is walked.
struct Place<'a> {
    index: usize,
    file: &'a BatchFile,
    /// The base offset of its name; 0 in a snapshot.
    base: Offset,
    /// The segment behind: its base offset and its file.
    next: Option<(Offset, &'a Path)>,
    source: Arc<Source>,
}

/// How a file's walk goes on.
enum Step {
    /// With the next piece.
    Next,
    /// On a new course.
    Course(Ticket),
    /// It is over.
    Over,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        host: &Arc<dyn Host>,
        target: &'a Target,
        dispatch: &'a Dispatch<'a>,
        events: &'a mut dyn Events,
        totals: &'a mut Totals,
    ) -> Self {
        let mut observers = if target.beside {
            beside::observers(host, &target.directory, &target.name, &target.context)
        } else {
            Vec::new()
        };
        observers.extend(events.observer(target));
        Self {
            host: Arc::clone(host),
            target,
            dispatch,
            events,
            totals,
            observers,
            order: Order::new(&target.context),
            gaps: Vec::new(),
            run: None,
            start: None,
            whole: 0,
            legacy: false,
            intact: true,
        }
    }

    /// Walks every file; `first` is the number of the first one. `false` where it was
    /// ended early.
    pub(super) fn run(&mut self, first: usize) -> bool {
        for (at, file) in self.target.files.iter().enumerate() {
            let next = self.target.files.get(at + 1);
            let next = next.and_then(|next| match next.kind {
                FileKind::Segment(base) => Some((base, next.path.as_path())),
                FileKind::Snapshot => None,
            });
            let goes_on = self.file(first + at, file, next);
            self.end_run();
            self.dispatch.finish(first + at);
            self.totals.files += 1;
            if !goes_on {
                return false;
            }
        }
        if self.order.gaps_are_lost() {
            for gap in std::mem::take(&mut self.gaps) {
                self.report(gap);
            }
        }
        let start = self.start.unwrap_or_default();
        let end = End {
            start,
            next: self.order.next().unwrap_or(start),
            intact: self.intact,
        };
        self.tell(|observer, report| observer.finish(&end, report));
        true
    }

    fn file(
        &mut self,
        index: usize,
        file: &'a BatchFile,
        next: Option<(Offset, &'a Path)>,
    ) -> bool {
        let first = Ticket {
            file: index,
            ..Ticket::default()
        };
        let piece = self.dispatch.wait(first);
        let Some(source) = self.dispatch.source(index) else {
            if let Stop::Failed(error) = &piece.stop {
                self.unreadable(&file.path, error);
            }
            self.dispatch.recycle(piece);
            return true;
        };
        let base = match file.kind {
            FileKind::Segment(base) => base,
            FileKind::Snapshot => Offset::ZERO,
        };
        let place = Place {
            index,
            file,
            base,
            next,
            source,
        };
        self.enter(&place);
        let goes_on = self.pieces(&place, first, piece);
        if let FileKind::Segment(base) = file.kind {
            self.tell(|observer, report| observer.segment_end(base, report));
            self.events.walked(Walked {
                path: file.path.clone(),
                partition: self.target.name.clone(),
                length: self.whole,
                base,
                end: self.order.next().unwrap_or(base),
            });
        }
        goes_on
    }

    /// A file begins.
    fn enter(&mut self, place: &Place<'_>) {
        self.whole = 0;
        let FileKind::Segment(base) = place.file.kind else {
            self.order = Order::new(&self.target.context);
            return;
        };
        if self.start.is_none() {
            // What a snapshot said of offsets says nothing here.
            self.order = Order::new(&self.target.context);
            self.start = Some(base);
        }
        let length = place.source.limit;
        self.tell(|observer, report| observer.segment_start(base, length, report));
        let before = self.order.next();
        let verdict = self.order.segment(base);
        if let Some(fault) = verdict.fault {
            let offsets = before.map(|before| base..before.max(base.next()));
            self.report_fault(place, 0, fault, offsets);
        }
        if let Some(gap) = verdict.gap {
            self.note_gap(place, 0, gap);
        }
    }

    fn pieces(&mut self, place: &Place<'_>, first: Ticket, piece: Piece) -> bool {
        let mut ticket = first;
        let mut piece = piece;
        let mut read = 0;
        loop {
            let step = self.piece(place, &piece);
            let upto = match step {
                Step::Over => place.source.limit,
                Step::Next | Step::Course(_) => piece.end,
            };
            self.dispatch.recycle(piece);
            let more = upto.saturating_sub(read);
            read += more;
            self.totals.bytes += more;
            if !self.events.read(more) {
                return false;
            }
            match step {
                Step::Next => ticket.piece += 1,
                Step::Course(first) => ticket = first,
                Step::Over => return true,
            }
            piece = self.dispatch.wait(ticket);
        }
    }

    fn piece(&mut self, place: &Place<'_>, piece: &Piece) -> Step {
        for (at, found) in piece.batches.iter().enumerate() {
            if found.checked.is_some() {
                self.batch(place, piece, at, found);
                continue;
            }
            let next = match self.trouble(place, found.position) {
                Ok(next) => next,
                Err(error) => {
                    self.unreadable(&place.source.path, &error);
                    return Step::Over;
                }
            };
            if next != found.position + found.size as u64 {
                return self.go_on_at(place, next);
            }
        }
        match &piece.stop {
            Stop::Goes => Step::Next,
            Stop::End => Step::Over,
            Stop::Failed(error) => {
                self.unreadable(&place.source.path, error);
                Step::Over
            }
            Stop::Stuck(position) => match self.trouble(place, *position) {
                Ok(next) => self.go_on_at(place, next),
                Err(error) => {
                    self.unreadable(&place.source.path, &error);
                    Step::Over
                }
            },
        }
    }

    fn go_on_at(&self, place: &Place<'_>, next: u64) -> Step {
        if next >= place.source.limit {
            return Step::Over;
        }
        match self.dispatch.restart(place.index, next) {
            Some(ticket) => Step::Course(ticket),
            None => Step::Over,
        }
    }

    fn batch(&mut self, place: &Place<'_>, piece: &Piece, at: usize, found: &Found) {
        let Some(checked) = &found.checked else {
            return;
        };
        self.whole = found.position + found.size as u64;
        self.totals.batches += 1;
        self.totals.records += checked.records;
        self.legacy |= checked.header.is_none();
        let odd = self.order.next() != Some(checked.summary.base_offset)
            || next_start(place, piece, at, found)
                .is_some_and(|next| next <= checked.summary.last_offset)
            || checked
                .header
                .is_some_and(|header| self.order.is_new_epoch(header.leader_epoch));
        let behind = if odd {
            self.behind(place, piece, at, found)
        } else {
            Behind::default()
        };
        let mut verdict = self.order.batch(checked, behind);
        let offsets = checked.summary.base_offset..checked.summary.last_offset.next();
        let own_fault = checked.fault.clone();
        let readable = own_fault
            .as_ref()
            .is_none_or(|fault| fault.severity <= Severity::Rebuildable);
        let intact = verdict.intact && readable;
        // What a field is by itself says more than what its neighbours have.
        let is_own = |fault: &Fault| {
            let mut own = own_fault.iter();
            own.any(|own| (own.check, &own.bytes) == (fault.check, &fault.bytes))
        };
        verdict.fault = verdict.fault.filter(|fault| !is_own(fault));
        self.intact &= intact;
        self.judge(place, found, verdict, offsets.clone());
        if let Some(fault) = own_fault {
            self.end_run();
            self.report_fault_in(place, found, fault, Some(offsets));
        }
        let seen = Seen {
            segment: place.base,
            position: found.position,
            size: found.size as u64,
            summary: checked.summary,
            header: checked.header.as_ref(),
            marker: checked.marker,
            bytes: piece.bytes(found),
            intact,
        };
        if matches!(place.file.kind, FileKind::Segment(_)) {
            self.tell(|observer, report| observer.batch(&seen, report));
        }
    }

    /// What stands behind a batch, unchecked: in the piece, in the file, or at the start
    /// of the segment behind.
    fn behind(&self, place: &Place<'_>, piece: &Piece, at: usize, found: &Found) -> Behind {
        if let Some(next) = piece
            .batches
            .get(at + 1)
            .and_then(|next| next.checked.as_ref())
        {
            return Behind {
                offset: Some(next.summary.base_offset),
                epoch: next.summary.leader_epoch,
            };
        }
        let position = found.position + found.size as u64;
        let mut head = [0; HEADER_SIZE];
        if position < place.source.limit {
            return match place.source.file.read_at(&mut head, position) {
                Ok(read) => of_head(&head[..read]),
                Err(_) => Behind::default(),
            };
        }
        let Some((base, path)) = &place.next else {
            let context = &self.target.context;
            // After a clean stop, that is where the log ends.
            let end = context
                .recovery_point
                .filter(|_| context.clean && !context.live);
            return Behind {
                offset: end.filter(|_| place.file.kind != FileKind::Snapshot),
                epoch: None,
            };
        };
        let file = self.host.open(path, Open::Read);
        let read = file.and_then(|file| file.read_at(&mut head, 0));
        Behind {
            offset: Some(*base),
            epoch: read.ok().and_then(|read| of_head(&head[..read]).epoch),
        }
    }

    /// Reports what is wrong with a batch in its place; batches of a run together.
    fn judge(
        &mut self,
        place: &Place<'_>,
        found: &Found,
        verdict: Verdict,
        offsets: Range<Offset>,
    ) {
        let end = found.position + found.size as u64;
        if verdict.same_run {
            if let Some(run) = &mut self.run {
                run.bytes = run
                    .bytes
                    .take()
                    .map(|bytes| bytes.start..end.max(bytes.end));
                run.offsets = run
                    .offsets
                    .take()
                    .map(|own| own.start.min(offsets.start)..own.end.max(offsets.end));
            }
            return;
        }
        self.end_run();
        if let Some(gap) = verdict.gap {
            self.note_gap(place, found.position, gap);
        }
        let Some(fault) = verdict.fault else {
            return;
        };
        if fault.check == Check::OffsetOrder {
            let mut finding = self.finding(place, fault, Some(offsets));
            finding.bytes = Some(found.position..end);
            self.run = Some(finding);
        } else {
            self.report_fault_in(place, found, fault, Some(offsets));
        }
    }

    /// Looks at a place where no valid batch is; where the next one starts.
    fn trouble(&mut self, place: &Place<'_>, position: u64) -> io::Result<u64> {
        self.end_run();
        let lowest = self
            .order
            .next()
            .map_or(place.base, |next| next.min(place.base));
        let legacy = self.legacy || position == 0;
        let trouble = resync::diagnose(&place.source, position, lowest, legacy)?;
        let before = self.order.next().unwrap_or(place.base);
        let at_end = trouble.next == place.source.limit;
        let behind = trouble
            .next_offset
            .or(place.next.map(|next| next.0).filter(|_| at_end));
        let offsets = lost_offsets(before, behind, &trouble);
        let hole = Hole {
            segment: place.base,
            bytes: position..trouble.next,
            offsets: offsets.clone().unwrap_or(before..before),
            tail: trouble.tail,
        };
        let mut fault = trouble.fault;
        if trouble.tail {
            fault.severity = self.tail_severity(place, before, &fault);
        }
        self.intact &= !fault.severity.is_damage();
        let mut finding = self.finding(place, fault, offsets);
        if finding.bytes.is_none() {
            finding.bytes = Some(hole.bytes.clone());
        }
        self.report(finding);
        self.order
            .hole(behind.or((!trouble.tail).then_some(hole.offsets.end)));
        if matches!(place.file.kind, FileKind::Segment(_)) {
            self.tell(|observer, report| observer.hole(&hole, report));
        }
        Ok(trouble.next)
    }

    /// What a kill or a live writer leaves at the end of the last segment is no
    /// damage; what was on disk for certain is.
    fn tail_severity(&self, place: &Place<'_>, end: Offset, fault: &Fault) -> Severity {
        let context = &self.target.context;
        let last = place.next.is_none() && place.file.kind != FileKind::Snapshot;
        let unsynced = context.recovery_point.is_none_or(|point| end >= point);
        if last && (context.live || (!context.clean && unsynced)) {
            return Severity::Note;
        }
        if fault.found.ends_with("zeros") && last {
            return Severity::Wrong;
        }
        Severity::Loss
    }

    fn note_gap(&mut self, place: &Place<'_>, position: u64, gap: Range<Offset>) {
        if self.gaps.len() >= MOST_GAPS {
            return;
        }
        let fault = Fault {
            check: Check::OffsetGap,
            severity: Severity::Loss,
            bytes: Some(position..position),
            expected: format!("offset {}", gap.start).into(),
            found: gap.end.to_string().into(),
        };
        let finding = self.finding(place, fault, Some(gap));
        self.gaps.push(finding);
    }

    /// A fault whose bytes count from its batch.
    fn report_fault_in(
        &mut self,
        place: &Place<'_>,
        found: &Found,
        mut fault: Fault,
        offsets: Option<Range<Offset>>,
    ) {
        let size = found.size as u64;
        // What is missing is missing at the end.
        let bytes = fault.bytes.take().map_or(0..size, |bytes| {
            bytes.start.min(size.saturating_sub(1))..bytes.end.min(size)
        });
        fault.bytes = Some(found.position + bytes.start..found.position + bytes.end);
        let finding = self.finding(place, fault, offsets);
        self.report(finding);
    }

    fn report_fault(
        &mut self,
        place: &Place<'_>,
        position: u64,
        mut fault: Fault,
        offsets: Option<Range<Offset>>,
    ) {
        fault.bytes = fault
            .bytes
            .map(|bytes| position + bytes.start..position + bytes.end);
        let finding = self.finding(place, fault, offsets);
        self.report(finding);
    }

    fn finding(&self, place: &Place<'_>, fault: Fault, offsets: Option<Range<Offset>>) -> Finding {
        Finding {
            check: fault.check,
            severity: fault.severity,
            path: place.source.path.clone(),
            partition: Some(self.target.name.clone()),
            bytes: fault.bytes,
            offsets,
            expected: fault.expected,
            found: fault.found,
        }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.intact = false;
        self.order.hole(None);
        self.report(Finding {
            check: Check::Unreadable,
            severity: Severity::Wrong,
            path: path.to_owned(),
            partition: Some(self.target.name.clone()),
            bytes: None,
            offsets: None,
            expected: "a file that can be read".into(),
            found: error.to_string().into(),
        });
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.report(run);
        }
    }

    fn report(&mut self, finding: Finding) {
        self.events.found(finding);
    }

    fn tell(&mut self, mut what: impl FnMut(&mut dyn Observer, &mut dyn FnMut(Finding))) {
        let Self {
            observers, events, ..
        } = self;
        for observer in observers {
            what(&mut **observer, &mut |finding| events.found(finding));
        }
    }
}

/// Where the batch behind says that it starts; the name of the segment behind.
fn next_start(place: &Place<'_>, piece: &Piece, at: usize, found: &Found) -> Option<Offset> {
    if let Some(next) = piece.batches.get(at + 1) {
        let next = next.checked.as_ref().filter(|next| next.header.is_some())?;
        return Some(next.summary.base_offset);
    }
    let is_last = found.position + found.size as u64 >= place.source.limit;
    place.next.as_ref().filter(|_| is_last).map(|next| next.0)
}

fn of_head(head: &[u8]) -> Behind {
    if let Ok(header) = Header::parse(head) {
        return Behind {
            offset: Some(header.base_offset),
            epoch: header.leader_epoch,
        };
    }
    Behind {
        offset: Prefix::parse(head)
            .ok()
            .filter(|prefix| prefix.magic < 2)
            .map(|prefix| prefix.offset),
        epoch: None,
    }
}

/// The offsets that cannot be read: between the batches around, or as the header says.
fn lost_offsets(
    before: Offset,
    behind: Option<Offset>,
    trouble: &Trouble,
) -> Option<Range<Offset>> {
    if let Some(behind) = behind {
        return Some(before..behind.max(before));
    }
    let (first, end) = trouble.offsets?;
    (first >= before && first.get() - before.get() <= i64::from(i32::MAX)).then_some(before..end)
}
