//! What else may be found where one file is damaged: a short list for each kind. A
//! check of healthy files against a damaged log says as little as it can; where bytes
//! are gone or stand elsewhere, the files that tell where they stood contradict it.

use super::Case;
use ottla::log::verify::Check;

/// Findings about healthy files that follow from damage elsewhere: by the check, and
/// the end of the file's name.
type Also = &'static [(Check, &'static str)];

/// A batch in the same place is another, or none: nothing moves.
const NOTHING: Also = &[];
/// The end of the log is told by these too, and they cannot know who is right.
const END: Also = &[
    (Check::Checkpoint, "recovery-point-offset-checkpoint"),
    (Check::Checkpoint, "replication-offset-checkpoint"),
    (Check::MissingFile, ".snapshot"),
    (Check::ProducerSnapshot, ".snapshot"),
    (Check::OffsetIndex, ".index"),
    (Check::TimeIndex, ".timeindex"),
    (Check::LeaderEpochs, "leader-epoch-checkpoint"),
];
/// What producers and transactions did.
const PRODUCERS: Also = &[
    (Check::ProducerSnapshot, ".snapshot"),
    (Check::TxnIndex, ".txnindex"),
    (Check::Sequence, ".log"),
    (Check::BatchHeader, ".log"),
];
const EPOCHS: Also = &[
    (Check::LeaderEpochs, "leader-epoch-checkpoint"),
    (Check::EpochOrder, ".log"),
    (Check::QuorumState, "quorum-state"),
];
/// Batches are gone, or stand elsewhere: so do those behind them, in all files.
const MOVED: Also = &[
    (Check::OffsetIndex, ".index"),
    (Check::TimeIndex, ".timeindex"),
    (Check::TxnIndex, ".txnindex"),
    (Check::ProducerSnapshot, ".snapshot"),
    (Check::MissingFile, ".snapshot"),
    (Check::LeaderEpochs, "leader-epoch-checkpoint"),
    (Check::Checkpoint, "recovery-point-offset-checkpoint"),
    (Check::Checkpoint, "replication-offset-checkpoint"),
    (Check::Checkpoint, "log-start-offset-checkpoint"),
    (Check::OffsetGap, ".log"),
    (Check::SegmentOrder, ".log"),
    (Check::Sequence, ".log"),
];
/// A segment is gone, or another one is there: its files have no log, or the log none.
const SEGMENT: Also = &[
    (Check::StrayFile, ".index"),
    (Check::StrayFile, ".timeindex"),
    (Check::StrayFile, ".txnindex"),
    (Check::MissingFile, ".log"),
    (Check::MissingFile, ".index"),
    (Check::MissingFile, ".timeindex"),
    (Check::EpochOrder, ".log"),
];
const TIMES: Also = &[(Check::TimeIndex, ".timeindex")];
const DIRECTORIES: Also = &[(Check::Directory, "")];

/// Those of a case.
fn of(case: &Case) -> &'static [Also] {
    let (group, rest) = case.kind.split_once(": ").unwrap_or((&case.kind, ""));
    let sealed = rest.ends_with("CRC made to fit");
    let field = rest.split(',').next().unwrap_or_default();
    match (group, field) {
        ("header", "baseOffset" | "offset" | "lastOffsetDelta")
            if sealed || field != "lastOffsetDelta" =>
        {
            &[END]
        }
        ("header", "partitionLeaderEpoch") | ("epochs", _) => &[EPOCHS],
        ("header", "producerId" | "producerEpoch" | "baseSequence" | "attributes") if sealed => {
            &[PRODUCERS]
        }
        ("header", "maxTimestamp" | "timestamp") if sealed => &[TIMES],
        // The key of a marker says how its transaction ended, its value who ended it.
        ("record", "key" | "value") if sealed => &[PRODUCERS],
        ("range", field) if field.starts_with("a batch") || field.starts_with("two") => &[MOVED],
        // Another batch, with its CRC, in the middle of them.
        ("range", _) if rest.ends_with("bytes from elsewhere in it") => &[MOVED],
        ("length" | "segments", _) => &[MOVED],
        ("file", _) if rest.contains(".log") => &[MOVED, SEGMENT],
        ("file", _) => &[SEGMENT],
        ("directory", _) => &[DIRECTORIES],
        _ => &[NOTHING],
    }
}

/// Whether a finding of this check about a file that nobody changed is a consequence.
pub(crate) fn is_one(case: &Case, check: Check, path: &str) -> bool {
    let mut all = of(case).iter().flat_map(|list| list.iter());
    all.any(|(other, end)| *other == check && path.ends_with(end))
}
