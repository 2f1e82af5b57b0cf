use super::piece::PIECE;
use super::*;
use crate::format::batch::Producer;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::{LeaderEpoch, ProducerEpoch, ProducerId, Timestamp};
use crate::host::Open;
use crate::host::sim::SimHost;
use crate::log::layout::segment_file;
use crate::log::verify::{Check, Cleanup, Severity};

/// Nothing is missing from it, and it was stopped cleanly.
const DELETED: Context = Context {
    live: false,
    clean: true,
    recovery_point: None,
    log_start: None,
    high_watermark: None,
    cleaned: None,
    topic_id: None,
    partitions: None,
    leader_epoch: None,
    kraft: true,
    cleanup: Some(Cleanup {
        compact: false,
        delete: true,
    }),
};

/// Base offsets and bytes.
type Segments<'a> = [(i64, &'a [u8])];

#[derive(Default)]
struct Seen {
    findings: Vec<Finding>,
    bytes: u64,
}

impl Events for Seen {
    fn found(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn read(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        true
    }
}

/// Verifies a partition of these segments.
fn verified(segments: &Segments<'_>, context: &Context) -> (Vec<Finding>, Totals) {
    let host: Arc<dyn Host> = Arc::new(SimHost::new(1));
    let directory = Path::new("/t-0");
    host.create_dir(directory).unwrap();
    for (base, bytes) in segments {
        let path = segment_file(directory, Offset::new(*base), Suffix::Log);
        let file = host.open(&path, Open::CreateNew).unwrap();
        file.write_at(bytes, 0).unwrap();
    }
    let name = TopicPartition::new("t", 0);
    let mut target = Target::read(&*host, name, directory, context.clone()).unwrap();
    target.beside = false;
    let mut seen = Seen::default();
    let totals = verify(&host, &[target], &mut seen);
    assert_eq!(seen.bytes, totals.bytes);
    (seen.findings, totals)
}

fn checks(findings: &[Finding]) -> Vec<Check> {
    findings.iter().map(|finding| finding.check).collect()
}

/// A batch of three records from an offset on.
fn batch(base: i64, value: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for number in 0..3_u8 {
        let value = vec![number; value];
        builder
            .append(
                Some(Timestamp::new(1_700_000_000_000 + i64::from(number))),
                Some(b"key"),
                Some(&value),
                Default::default(),
            )
            .unwrap();
    }
    let seal = Seal {
        base_offset: Offset::new(base),
        leader_epoch: Some(LeaderEpoch::new(0)),
        producer: Some(Producer {
            id: ProducerId::new(7),
            epoch: ProducerEpoch::new(0),
            base_sequence: Some(base as i32),
        }),
        ..Seal::default()
    };
    builder.seal(&seal).to_vec()
}

/// So many batches, and where each starts.
fn log(batches: i64, value: usize) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = Vec::new();
    let mut starts = Vec::new();
    for number in 0..batches {
        starts.push(bytes.len());
        bytes.extend(batch(3 * number, value));
    }
    (bytes, starts)
}

#[test]
fn every_flipped_bit_is_one_finding_of_its_field() {
    let (bytes, starts) = log(4, 20);
    assert_eq!(verified(&[(0, &bytes)], &DELETED).0, []);
    for at in starts[1]..starts[2] {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let (findings, totals) = verified(&[(0, &damaged)], &DELETED);
            let expected = match at - starts[1] {
                0..8 => Check::OffsetOrder,
                8..12 => Check::BatchLength,
                12..16 => Check::EpochOrder,
                16 => Check::BatchHeader,
                _ => Check::BatchCrc,
            };
            let place = format!("byte {} bit {bit}: {findings:?}", at - starts[1]);
            assert_eq!(checks(&findings), [expected], "{place}");
            let found = findings[0].bytes.clone().unwrap();
            assert!(found.contains(&(at as u64)), "{place}");
            assert!(findings[0].severity.is_damage(), "{place}");
            assert!(totals.batches >= 3, "{place}");
        }
    }
}

#[test]
fn what_was_moved_or_lost_is_found() {
    let (bytes, at) = log(6, 20);
    let joined = |parts: &[&[u8]]| parts.concat();
    let cases = [
        (
            joined(&[&bytes[..at[3]], &bytes[at[2]..]]),
            Check::OffsetOrder,
        ),
        (
            joined(&[
                &bytes[..at[2]],
                &bytes[at[3]..at[4]],
                &bytes[at[2]..at[3]],
                &bytes[at[4]..],
            ]),
            Check::OffsetOrder,
        ),
        (
            joined(&[&bytes[..at[2]], &bytes[at[3]..]]),
            Check::OffsetGap,
        ),
        (bytes[at[1]..].to_vec(), Check::OffsetGap),
        (
            joined(&[&bytes[..at[2]], &[0; 99], &bytes[at[2]..]]),
            Check::BatchLength,
        ),
        (
            joined(&[&bytes[..at[2] + 70], &bytes[at[2] + 75..]]),
            Check::BatchCrc,
        ),
        (
            joined(&[&bytes[..at[2] + 70], &[0; 500], &bytes[at[4] + 9..]]),
            Check::BatchCrc,
        ),
    ];
    for (number, (damaged, check)) in cases.into_iter().enumerate() {
        let (findings, _) = verified(&[(0, &damaged)], &DELETED);
        assert_eq!(checks(&findings), [check], "{number} {findings:?}");
    }
    // Two places, two findings, though they touch.
    let mut damaged = bytes.clone();
    damaged[at[2] + 80] ^= 1;
    damaged[at[3] + 80] ^= 1;
    let (findings, _) = verified(&[(0, &damaged)], &DELETED);
    assert_eq!(checks(&findings), [Check::BatchCrc; 2], "{findings:?}");
    // The cleaner leaves gaps.
    let compacted = Context {
        cleanup: Some(Cleanup {
            compact: true,
            delete: false,
        }),
        ..DELETED
    };
    let sparse = joined(&[&bytes[..at[2]], &bytes[at[3]..]]);
    assert_eq!(verified(&[(0, &sparse)], &compacted).0, []);
}

#[test]
fn a_tail_is_harmless_only_where_nothing_promised_it() {
    let (bytes, at) = log(3, 20);
    let killed = Context {
        clean: false,
        recovery_point: Some(Offset::new(6)),
        ..DELETED
    };
    let synced = Context {
        recovery_point: Some(Offset::new(9)),
        ..killed.clone()
    };
    for end in at[2] + 8..bytes.len() {
        for (context, severity) in [
            (&killed, Severity::Note),
            (&synced, Severity::Loss),
            (&DELETED, Severity::Loss),
        ] {
            let (findings, totals) = verified(&[(0, &bytes[..end])], context);
            assert_eq!(checks(&findings), [Check::Tail], "{end}");
            assert_eq!(findings[0].severity, severity, "{end}");
            assert_eq!(totals.batches, 2);
        }
    }
    let zeros = [&bytes[..], &[0; 1000]].concat();
    assert_eq!(checks(&verified(&[(0, &zeros)], &killed).0), [Check::Tail]);
    // Not the last segment: nobody will write there again.
    let (findings, _) = verified(&[(0, &bytes[..at[2] + 9]), (9, &batch(9, 20))], &killed);
    assert_eq!(checks(&findings), [Check::Tail]);
    assert_eq!(findings[0].severity, Severity::Loss);
    assert_eq!(findings[0].offsets, Some(Offset::new(6)..Offset::new(9)));
}

#[test]
fn segments_overlap_or_leave_a_gap() {
    let (bytes, at) = log(6, 20);
    let (head, tail) = bytes.split_at(at[3]);
    assert_eq!(verified(&[(0, head), (9, tail)], &DELETED).0, []);
    let cases: [(&Segments<'_>, Check); 4] = [
        (&[(0, head), (6, &bytes[at[2]..])], Check::SegmentOrder),
        (&[(0, head), (5, tail)], Check::SegmentOrder),
        (&[(0, head), (12, tail)], Check::SegmentOrder),
        (&[(0, head), (12, &bytes[at[4]..])], Check::OffsetGap),
    ];
    for (number, (segments, check)) in cases.into_iter().enumerate() {
        let (findings, _) = verified(segments, &DELETED);
        assert!(checks(&findings).contains(&check), "{number} {findings:?}");
    }
}

#[test]
fn damage_anywhere_in_many_pieces_costs_one_batch() {
    // Three records of a thousand bytes: batches lie across the borders of pieces.
    let (bytes, starts) = log(600, 1000);
    assert!(bytes.len() as u64 > 6 * PIECE);
    let all = verified(&[(0, &bytes)], &DELETED);
    assert_eq!((all.0, all.1.batches, all.1.records), (vec![], 600, 1800));
    let near_borders = (1..6).flat_map(|border| {
        let at = starts.partition_point(|start| (*start as u64) < border * PIECE);
        at - 2..at + 2
    });
    for number in near_borders {
        for at in [8, 9, 10, 11, 16, 300] {
            let mut damaged = bytes.clone();
            damaged[starts[number] + at] ^= 0x40;
            let (findings, totals) = verified(&[(0, &damaged)], &DELETED);
            assert_eq!(findings.len(), 1, "{number} {at} {findings:?}");
            assert_eq!(totals.batches, 599, "{number} {at}");
            let found = findings[0].bytes.clone().unwrap();
            assert!(
                found.contains(&((starts[number] + at) as u64)),
                "{findings:?}"
            );
            let first = Offset::new(3 * number as i64);
            assert_eq!(
                findings[0].offsets,
                Some(first..Offset::new(first.get() + 3))
            );
        }
    }
}

#[test]
fn old_message_sets_are_right_and_each_flipped_bit_is_found() {
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kafka-4.3.1-fragments/legacy");
    let mut sets = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let (findings, totals) = verified(&[(1000, &bytes)], &DELETED);
        assert_eq!(
            (findings, totals.records),
            (vec![], 3),
            "{}",
            path.display()
        );
        sets += 1;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let (findings, _) = verified(&[(1000, &damaged)], &DELETED);
            assert!(!findings.is_empty(), "{} byte {at}", path.display());
        }
    }
    assert_eq!(sets, 12);
}
