//! Offsets that a partition has no more, because retention or a deletion of records
//! took them away or because the log was cut: where to go on instead.

use crate::client::Cluster;
use crate::format::Offset;
use crate::log::layout::TopicPartition;
use crate::tools::args::consume::ConsumeOptions;
use crate::tools::error::{Result, ToolError};
use crate::tools::progress;
use crate::tools::range::Bounds;
use std::collections::BTreeMap;

/// Moves positions that lie outside of their partitions to where `auto.offset.reset`
/// says, and tells each. `false` where all of them are inside.
///
/// # Errors
/// What the server refuses; a position outside, where `auto.offset.reset` is `none`.
pub(super) fn move_inside(
    cluster: &mut Cluster,
    topic: &str,
    positions: &mut BTreeMap<i32, Offset>,
    options: &ConsumeOptions,
) -> Result<bool> {
    let numbers: Vec<i32> = positions.keys().copied().collect();
    let mut bounds = Bounds::ask(cluster, topic, &numbers, false)?;
    let mut moved = false;
    for (number, at) in positions {
        let (start, end) = bounds.of(*number);
        if (start..=end.max(start)).contains(at) {
            continue;
        }
        let name = TopicPartition::new(topic, *number);
        let why = reason(*at, start, end);
        let Some(point) = options.reset.point(*at, start, end) else {
            let error = ToolError::failed(format!("{name}: {why}"));
            return Err(error.hint("auto.offset.reset=earliest goes on at the start"));
        };
        bounds.ask_times(cluster, &[*number], [Some(point)])?;
        let inside = bounds.resolve(*number, point)?;
        let text = format!("{name}: {why}; going on at {inside}");
        progress::summary("ottla-consume", options.quiet, &text);
        (*at, moved) = (inside, true);
    }
    Ok(moved)
}

fn reason(at: Offset, start: Offset, end: Offset) -> String {
    match start.get() - at.get() {
        ..=0 => {
            format!("expected offset {at}, found the end at {end}: the log was cut or made anew")
        }
        1 => format!("offset {at} was deleted before it was read"),
        _ => format!(
            "offsets {at} to {} were deleted before they were read",
            start.get() - 1
        ),
    }
}
