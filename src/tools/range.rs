//! `-o` as offsets of a partition: of a directory or of a server.

use crate::client::Cluster;
use crate::client::offsets::{self, At};
use crate::format::{Offset, Timestamp};
use crate::log::LogError;
use crate::log::layout::TopicPartition;
use crate::tools::error::Result;
use crate::tools::offsets::OffsetPoint;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The offset of a point in a partition from `start` to `end`. `of_time` finds the
/// first record at or after a time.
pub(super) fn resolve(
    at: OffsetPoint,
    start: Offset,
    end: Offset,
    of_time: impl FnOnce(Timestamp) -> Result<Option<Offset>>,
) -> Result<Offset> {
    let away = |by: u64| i64::try_from(by).unwrap_or(i64::MAX);
    Ok(match at {
        OffsetPoint::Beginning => start,
        OffsetPoint::End => end,
        OffsetPoint::At(offset) => offset,
        OffsetPoint::AfterBeginning(by) => {
            Offset::new(start.get().saturating_add(away(by))).min(end)
        }
        OffsetPoint::BeforeEnd(by) => Offset::new(end.get().saturating_sub(away(by))).max(start),
        OffsetPoint::Time(time) => of_time(time)?.unwrap_or(end),
    })
}

/// An offset that no partition holds is a mistake; one that some hold is not. Each
/// partition comes with its start, its end and the offset.
pub(super) fn refuse_outside<'a>(
    all: impl IntoIterator<Item = (&'a TopicPartition, Offset, Offset, Offset)>,
) -> Result<()> {
    let mut first = None;
    for (name, start, end, from) in all {
        if (start..=end).contains(&from) {
            return Ok(());
        }
        first.get_or_insert((name, start, end, from));
    }
    let Some((name, start, end, offset)) = first else {
        return Ok(());
    };
    Err(LogError::OffsetOutOfRange {
        partition: PathBuf::from(name.to_string()),
        offset,
        start,
        end,
    }
    .into())
}

/// Where partitions begin and end.
pub(super) struct Bounds {
    topic: String,
    start: BTreeMap<i32, Offset>,
    end: BTreeMap<i32, Offset>,
    /// Only where it matters.
    pub(super) stable: BTreeMap<i32, Offset>,
    times: BTreeMap<i64, BTreeMap<i32, Option<Offset>>>,
}

impl Bounds {
    pub(super) fn ask(
        cluster: &mut Cluster,
        topic: &str,
        numbers: &[i32],
        stable: bool,
    ) -> Result<Self> {
        let mut list = |at| -> Result<BTreeMap<i32, Offset>> {
            let listed = offsets::list(cluster, topic, numbers, at)?;
            let known = listed
                .into_iter()
                .map(|(n, at)| (n, at.unwrap_or_default()));
            Ok(known.collect())
        };
        Ok(Self {
            topic: topic.to_owned(),
            // What is undecided is asked for before the end.
            stable: if stable {
                list(At::Stable)?
            } else {
                BTreeMap::new()
            },
            end: list(At::End)?,
            start: list(At::Start)?,
            times: BTreeMap::new(),
        })
    }

    /// Looks up the times among some points.
    pub(super) fn ask_times(
        &mut self,
        cluster: &mut Cluster,
        numbers: &[i32],
        points: impl IntoIterator<Item = Option<OffsetPoint>>,
    ) -> Result<()> {
        for point in points {
            if let Some(OffsetPoint::Time(time)) = point {
                let found = offsets::list(cluster, &self.topic, numbers, At::Time(time.get()))?;
                self.times.insert(time.get(), found);
            }
        }
        Ok(())
    }

    /// Where a reader comes to an end.
    pub(super) fn readable_end(&self, number: i32) -> Offset {
        let (_, end) = self.of(number);
        self.stable
            .get(&number)
            .map_or(end, |stable| end.min(*stable))
    }

    /// Start and end of a partition.
    pub(super) fn of(&self, number: i32) -> (Offset, Offset) {
        let start = self.start.get(&number).copied().unwrap_or_default();
        (start, self.end.get(&number).copied().unwrap_or(start))
    }

    pub(super) fn resolve(&self, number: i32, at: OffsetPoint) -> Result<Offset> {
        let (start, end) = self.of(number);
        resolve(at, start, end, |time| {
            let found = self.times.get(&time.get());
            Ok(found.and_then(|found| found.get(&number).copied().flatten()))
        })
    }
}
