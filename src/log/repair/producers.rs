//! What producers say of themselves in headers whose CRC is right, held against each
//! other.
//!
//! A batch that goes back to an earlier epoch, jumps in its sequence or leaves an open
//! transaction contradicts the one before it, and one of the two is wrong. The change
//! of one header that leaves the fewest contradictions is made: an epoch or a sequence
//! that fits the batches of the same producer around it, a flag, an id. Where none
//! helps, a batch outside of transactions forgets its producer; its records stay.

use super::gap::amended;
use super::plan::Salvage;
use super::remains::Remains;
use super::salvage::Patient;
use crate::format::ProducerId;
use crate::format::batch::{Attributes, Header, sequence_after};
use crate::log::error::Result;
use crate::log::verify::pass::producers::contradictions;

/// Headers that are changed at most.
const MOST_CHANGES: usize = 64;
const TRANSACTIONAL: i16 = 1 << 4;

/// Makes the producers of a log agree with themselves, and says how.
pub(super) fn reconcile(
    patient: &Patient<'_>,
    remains: &mut Remains,
    dense: bool,
    report: &mut Salvage,
) -> Result<()> {
    let mut history = History::of(remains, dense);
    for _ in 0..MOST_CHANGES {
        let Some(Change { at, header }) = history.next_change() else {
            break;
        };
        history.batches[at].header = header;
        let unit = &mut remains.units[history.batches[at].unit];
        let bytes = match unit.mended.take() {
            Some(bytes) => bytes.into_vec(),
            None => patient.read(unit.segment, &unit.bytes)?,
        };
        unit.mended = Some(amended(&bytes, &header).into_boxed_slice());
        unit.header = Some(header);
        report
            .steps
            .push(patient.step(unit, "corrected what it says of its producer"));
    }
    Ok(())
}

/// Batches of producers, in the order of the log.
struct History {
    batches: Vec<Batch>,
    dense: bool,
}

/// One of a producer.
struct Batch {
    /// Its place in the list of units.
    unit: usize,
    header: Header,
    /// Whether something is lost between it and the one before.
    is_behind_loss: bool,
}

/// Another header for one of them.
struct Change {
    at: usize,
    header: Header,
}

impl History {
    fn of(remains: &Remains, dense: bool) -> Self {
        let mut batches = Vec::new();
        let mut is_behind_loss = false;
        let mut next = None;
        for (unit, found) in remains.units.iter().enumerate() {
            let is_gap = dense && next.is_some_and(|next| next != found.base);
            is_behind_loss |= is_gap || remains.is_damaged_before(unit);
            next = Some(found.next());
            if let Some(header) = found.header.filter(|header| header.producer.is_some()) {
                batches.push(Batch {
                    unit,
                    header,
                    is_behind_loss,
                });
                is_behind_loss = false;
            }
        }
        Self { batches, dense }
    }

    /// Which contradict those before them, with one changed.
    fn contradictions(&self, change: Option<&Change>) -> Vec<usize> {
        let batches = self.batches.iter().enumerate();
        let headers = batches.map(|(at, batch)| match change {
            Some(change) if change.at == at => (&change.header, batch.is_behind_loss),
            _ => (&batch.header, batch.is_behind_loss),
        });
        contradictions(headers, self.dense)
    }

    /// The change that helps most, where anything is contradicted.
    fn next_change(&self) -> Option<Change> {
        let found = self.contradictions(None);
        let at = *found.first()?;
        let left = |change: &Change| self.contradictions(Some(change)).len();
        let candidates = self.candidates(at).into_iter();
        let best = candidates
            .map(|change| (left(&change), change))
            .min_by_key(|(left, _)| *left);
        match best {
            Some((left, change)) if left < found.len() => Some(change),
            _ => self.forgotten(at),
        }
    }

    /// What may have been wrong: the batch itself or the one before it.
    fn candidates(&self, at: usize) -> Vec<Change> {
        let mut candidates = Vec::new();
        let before = self.neighbour((0..at).rev(), self.id(at));
        let data_before = self.data_neighbour((0..at).rev(), self.id(at));
        let other = data_before.filter(|data| before != Some(*data));
        for suspect in [before, other, Some(at)].into_iter().flatten() {
            let behind = suspect + 1..self.batches.len();
            let id = self.id(suspect);
            let around = [
                self.neighbour((0..suspect).rev(), id),
                self.neighbour(behind.clone(), id),
            ];
            // Markers have no sequence.
            let sequenced = [
                self.data_neighbour((0..suspect).rev(), id),
                self.data_neighbour(behind, id),
            ];
            candidates.extend(self.corrections(suspect, around, sequenced));
        }
        candidates.extend(self.other_names(at));
        candidates.extend(before.into_iter().flat_map(|before| self.own_names(before)));
        candidates.extend(self.own_names(at));
        candidates
    }

    fn corrections(
        &self,
        at: usize,
        around: [Option<usize>; 2],
        sequenced: [Option<usize>; 2],
    ) -> Vec<Change> {
        let header = self.batches[at].header;
        let mut found = Vec::new();
        let mut push = |change: &dyn Fn(&mut Header)| {
            let mut header = header;
            change(&mut header);
            if header != self.batches[at].header {
                found.push(Change { at, header });
            }
        };
        let header_at = |place: Option<usize>| place.map(|place| self.batches[place].header);
        let [before, behind] = around.map(header_at);
        for epoch in [before, behind].into_iter().flatten() {
            let epoch = epoch.producer.map(|producer| producer.epoch);
            push(&|header| {
                if let (Some(producer), Some(epoch)) = (&mut header.producer, epoch) {
                    producer.epoch = epoch;
                }
            });
        }
        let span = header.last_offset.get() - header.base_offset.get() + 1;
        let [before, behind] = sequenced.map(header_at);
        let follows = before.and_then(|before| Some(sequence_after(before.last_sequence()?, 1)));
        let leads = behind
            .and_then(|behind| behind.producer?.base_sequence)
            .map(|behind| sequence_after(behind, -span));
        for sequence in [follows, leads].into_iter().flatten() {
            push(&|header| {
                if let Some(producer) = &mut header.producer
                    && !header.attributes.is_control()
                {
                    producer.base_sequence = Some(sequence);
                }
            });
        }
        push(&|header| {
            let bits = header.attributes.bits() ^ TRANSACTIONAL;
            header.attributes = Attributes::from_bits(bits);
        });
        found
    }

    /// Batches before one of a producer, back to its last with a sequence, that may be
    /// its own under a wrong id.
    fn other_names(&self, at: usize) -> Vec<Change> {
        let Some(own) = self.id(at) else {
            return Vec::new();
        };
        let is_data = |batch: &Batch| !batch.header.attributes.is_control();
        let before = (0..at).rev();
        let between = before
            .take_while(|place| self.id(*place) != Some(own) || !is_data(&self.batches[*place]));
        between
            .filter_map(|place| self.renamed(place, own))
            .collect()
    }

    /// The batch under the id of another producer of the log.
    fn own_names(&self, at: usize) -> Vec<Change> {
        let mut ids: Vec<_> = (0..self.batches.len())
            .filter_map(|at| self.id(at))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
            .filter_map(|id| self.renamed(at, id))
            .collect()
    }

    /// A batch under an id that one bit makes of its own.
    fn renamed(&self, at: usize, id: ProducerId) -> Option<Change> {
        let mut header = self.batches[at].header;
        let producer = header.producer.as_mut()?;
        if (producer.id.get() ^ id.get()).count_ones() != 1 {
            return None;
        }
        producer.id = id;
        Some(Change { at, header })
    }

    /// The batch without a producer, where it is not part of a transaction.
    fn forgotten(&self, at: usize) -> Option<Change> {
        let mut header = self.batches[at].header;
        if header.attributes.is_transactional() || header.attributes.is_control() {
            return None;
        }
        header.producer = None;
        Some(Change { at, header })
    }

    fn id(&self, at: usize) -> Option<ProducerId> {
        self.batches[at].header.producer.map(|producer| producer.id)
    }

    fn data_neighbour(
        &self,
        places: impl Iterator<Item = usize>,
        id: Option<ProducerId>,
    ) -> Option<usize> {
        let is_data = |place: &usize| !self.batches[*place].header.attributes.is_control();
        self.neighbour(places.filter(is_data), id)
    }

    fn neighbour(
        &self,
        mut places: impl Iterator<Item = usize>,
        id: Option<ProducerId>,
    ) -> Option<usize> {
        places.find(|place| self.id(*place) == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch::{HEADER_SIZE, Producer};
    use crate::format::{LeaderEpoch, Offset, ProducerEpoch, Timestamp};

    const CONTROL: i16 = 1 << 5;

    /// Five records of a producer, or a marker where there is no sequence.
    fn batch(base: i64, id: i64, epoch: i16, sequence: Option<i32>, attributes: i16) -> Header {
        let is_marker = attributes & CONTROL != 0;
        let records = if is_marker { 1 } else { 5 };
        Header {
            base_offset: Offset::new(base),
            last_offset: Offset::new(base + records - 1),
            size: HEADER_SIZE,
            leader_epoch: Some(LeaderEpoch::new(0)),
            crc: 0,
            attributes: Attributes::from_bits(attributes),
            base_timestamp: Some(Timestamp::new(1_700_000_000_000)),
            max_timestamp: Some(Timestamp::new(1_700_000_000_000)),
            producer: Some(Producer {
                id: ProducerId::new(id),
                epoch: ProducerEpoch::new(epoch),
                base_sequence: sequence,
            }),
            stray_sequence: None,
            record_count: records as usize,
        }
    }

    fn idempotent(sequences: &[i32]) -> Vec<Header> {
        let batches = sequences.iter().enumerate();
        batches
            .map(|(at, sequence)| batch(5 * at as i64, 7, 0, Some(*sequence), 0))
            .collect()
    }

    /// Two transactions of a producer.
    fn transactions() -> Vec<Header> {
        let marker = TRANSACTIONAL | CONTROL;
        vec![
            batch(0, 7, 0, Some(0), TRANSACTIONAL),
            batch(5, 7, 0, None, marker),
            batch(6, 7, 0, Some(5), TRANSACTIONAL),
            batch(11, 7, 0, None, marker),
            batch(12, 7, 0, Some(10), TRANSACTIONAL),
            batch(17, 7, 0, None, marker),
        ]
    }

    fn reconciled(headers: &[Header]) -> Vec<Header> {
        let batches = headers.iter().enumerate().map(|(unit, header)| Batch {
            unit,
            header: *header,
            is_behind_loss: false,
        });
        let mut history = History {
            batches: batches.collect(),
            dense: true,
        };
        for _ in 0..MOST_CHANGES {
            let Some(Change { at, header }) = history.next_change() else {
                break;
            };
            history.batches[at].header = header;
        }
        assert!(history.contradictions(None).is_empty(), "{headers:?}");
        history.batches.iter().map(|batch| batch.header).collect()
    }

    #[test]
    fn producers_that_agree_are_left_alone() {
        let whole = idempotent(&[0, 5, 10, 15]);
        assert_eq!(reconciled(&whole), whole);
        assert_eq!(reconciled(&transactions()), transactions());
    }

    #[test]
    fn a_flipped_sequence_becomes_what_it_was() {
        let whole = idempotent(&[0, 5, 10, 15]);
        for at in 1..whole.len() - 1 {
            for bit in 0..31 {
                let mut damaged = whole.clone();
                let producer = damaged[at].producer.as_mut().unwrap();
                producer.base_sequence = producer.base_sequence.map(|old| old ^ (1 << bit));
                if producer.base_sequence == Some(0) {
                    continue;
                }
                assert_eq!(reconciled(&damaged), whole, "batch {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn markers_between_batches_do_not_hide_their_sequences() {
        let whole = transactions();
        for at in [0, 2] {
            for bit in 4..31 {
                let mut damaged = whole.clone();
                let producer = damaged[at].producer.as_mut().unwrap();
                producer.base_sequence = producer.base_sequence.map(|old| old ^ (1 << bit));
                assert_eq!(reconciled(&damaged), whole, "batch {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_flipped_epoch_becomes_that_of_the_batches_around() {
        let whole = idempotent(&[0, 5, 10, 15]);
        for bit in 0..15 {
            let mut damaged = whole.clone();
            let producer = damaged[1].producer.as_mut().unwrap();
            producer.epoch = ProducerEpoch::new(1 << bit);
            assert_eq!(reconciled(&damaged), whole, "bit {bit}");
        }
    }

    #[test]
    fn a_batch_outside_of_the_open_transaction_comes_into_it() {
        let whole = [
            batch(0, 7, 0, Some(0), TRANSACTIONAL),
            batch(5, 7, 0, Some(5), TRANSACTIONAL),
            batch(10, 7, 0, Some(10), TRANSACTIONAL),
            batch(15, 7, 0, None, TRANSACTIONAL | CONTROL),
        ];
        let mut damaged = whole;
        damaged[2].attributes = Attributes::from_bits(0);
        assert_eq!(reconciled(&damaged), whole);
    }
}
