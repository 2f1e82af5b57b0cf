//! The way that leaves partitions with those who read them: as even as the
//! subscriptions allow, with as few moves as that takes. A partition that moves is
//! given to nobody at first; it is given away once its owner has let go of it, in the
//! round that follows (KIP-429).
//!
//! Source: `org.apache.kafka.clients.consumer.CooperativeStickyAssignor`.

use super::{Assignment, Subscriber};
use std::collections::{BTreeMap, BTreeSet};

type Place<'t> = (&'t str, i32);

/// Assigns; the members are in their order.
pub(super) fn assign(
    members: &[&Subscriber],
    counts: &BTreeMap<String, i32>,
    all: &mut BTreeMap<String, Assignment>,
) {
    let claims = claims(members, counts);
    let mut plan = Plan::new(members);
    let mut free = Vec::new();
    for (topic, count) in counts {
        for place in (0..*count).map(|number| (topic.as_str(), number)) {
            match claims.get(&place).and_then(|owners| owner(members, owners)) {
                Some(owner) => plan.give(owner, place),
                None => free.push(place),
            }
        }
    }
    // Those that few can take come first.
    free.sort_by_key(|(topic, _)| plan.candidates(topic).len());
    for place in free {
        if let Some(least) = plan.least_loaded(place.0) {
            plan.give(least, place);
        }
    }
    while plan.move_one(&claims) {}
    for (member, places) in plan.places.into_iter().enumerate() {
        let of = all.entry(members[member].id.clone()).or_default();
        for place in places {
            let owners = claims.get(&place).map_or(&[][..], Vec::as_slice);
            if owners.is_empty() || owners.contains(&member) {
                of.entry(place.0.to_owned()).or_default().push(place.1);
            }
        }
    }
}

/// Who says that it reads a partition.
fn claims<'t>(
    members: &[&Subscriber],
    counts: &'t BTreeMap<String, i32>,
) -> BTreeMap<Place<'t>, Vec<usize>> {
    let mut claims: BTreeMap<Place<'t>, Vec<usize>> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        for (topic, numbers) in &member.owned {
            let Some((topic, count)) = counts.get_key_value(topic) else {
                continue;
            };
            let there: BTreeSet<i32> = numbers
                .iter()
                .copied()
                .filter(|number| (0..*count).contains(number))
                .collect();
            for number in there {
                claims.entry((topic, number)).or_default().push(at);
            }
        }
    }
    claims
}

/// The one of them that does read it: it got it last. Where two say so, neither.
fn owner(members: &[&Subscriber], owners: &[usize]) -> Option<usize> {
    let latest = owners.iter().map(|at| members[*at].generation).max()?;
    let mut of = owners
        .iter()
        .filter(|at| members[**at].generation == latest);
    let owner = *of.next()?;
    of.next().is_none().then_some(owner)
}

/// What each member is to read in the end.
struct Plan<'m> {
    /// By topic, who subscribes to it.
    candidates: BTreeMap<&'m str, Vec<usize>>,
    subscribed: Vec<BTreeSet<&'m str>>,
    places: Vec<BTreeSet<Place<'m>>>,
}

impl<'m> Plan<'m> {
    fn new(members: &[&'m Subscriber]) -> Self {
        let mut candidates: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let subscribed: Vec<BTreeSet<&str>> = members
            .iter()
            .map(|member| member.topics.iter().map(String::as_str).collect())
            .collect();
        for (at, topics) in subscribed.iter().enumerate() {
            for topic in topics {
                candidates.entry(*topic).or_default().push(at);
            }
        }
        Self {
            candidates,
            places: vec![BTreeSet::new(); subscribed.len()],
            subscribed,
        }
    }

    fn candidates(&self, topic: &str) -> &[usize] {
        self.candidates.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Gives a partition to one who subscribes to it; an owner may not any more.
    fn give(&mut self, to: usize, place: Place<'m>) {
        let to = match self.subscribed[to].contains(place.0) {
            true => Some(to),
            false => self.least_loaded(place.0),
        };
        if let Some(to) = to {
            self.places[to].insert(place);
        }
    }

    fn least_loaded(&self, topic: &str) -> Option<usize> {
        let of = self.candidates(topic).iter().copied();
        of.min_by_key(|at| self.places[*at].len())
    }

    /// Moves a partition from one who has two more than another who could read it;
    /// best one that it does not read yet. `false` where all is even.
    fn move_one(&mut self, claims: &BTreeMap<Place<'_>, Vec<usize>>) -> bool {
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.places[*at].len()));
        for from in order {
            let load = self.places[from].len();
            let topics: BTreeSet<&str> = self.places[from].iter().map(|place| place.0).collect();
            for topic in topics {
                let to = self
                    .least_loaded(topic)
                    .expect("its reader subscribes to it");
                if self.places[to].len() + 1 >= load {
                    continue;
                }
                let reads = |place: &&Place<'_>| {
                    let owners = claims.get(*place).map_or(&[][..], Vec::as_slice);
                    (owners.contains(&from), !owners.contains(&to))
                };
                let of_topic = self.places[from].iter().filter(|place| place.0 == topic);
                let place = *of_topic.min_by_key(reads).expect("it has one of the topic");
                self.places[from].remove(&place);
                self.places[to].insert(place);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(id: &str, topics: &[&str], owned: &[(&str, &[i32])], generation: i32) -> Subscriber {
        let owned = owned.iter().map(|(t, of)| ((*t).to_owned(), of.to_vec()));
        Subscriber {
            id: id.to_owned(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            owned: owned.collect(),
            generation,
            ..Subscriber::default()
        }
    }

    fn shown(members: &[Subscriber], counts: &[(&str, i32)]) -> Vec<String> {
        let counts = counts.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect();
        let all = run(members, &counts);
        let each = |(id, of): (&String, &Assignment)| format!("{id}:{of:?}");
        all.iter().map(each).collect()
    }

    fn run(members: &[Subscriber], counts: &BTreeMap<String, i32>) -> BTreeMap<String, Assignment> {
        let sorted: Vec<&Subscriber> = members.iter().collect();
        let mut all = members
            .iter()
            .map(|member| (member.id.clone(), Assignment::new()))
            .collect();
        assign(&sorted, counts, &mut all);
        all
    }

    #[test]
    fn who_comes_gets_what_others_let_go_of_first() {
        let first = member("a", &["t"], &[("t", &[0, 1, 2, 3])], 4);
        let second = member("b", &["t"], &[], -1);
        assert_eq!(
            shown(&[first, second], &[("t", 4)]),
            [r#"a:{"t": [2, 3]}"#, "b:{}"]
        );
        let first = member("a", &["t"], &[("t", &[2, 3])], 5);
        let second = member("b", &["t"], &[], 5);
        assert_eq!(
            shown(&[first, second], &[("t", 4)]),
            [r#"a:{"t": [2, 3]}"#, r#"b:{"t": [0, 1]}"#]
        );
    }

    #[test]
    fn what_nobody_has_any_more_is_given_at_once() {
        let first = member("a", &["t"], &[("t", &[1])], 7);
        let third = member("c", &["t"], &[("t", &[4, 9])], 7);
        assert_eq!(
            shown(&[first, third], &[("t", 5)]),
            [r#"a:{"t": [0, 1, 3]}"#, r#"c:{"t": [2, 4]}"#]
        );
    }

    #[test]
    fn a_claim_of_an_earlier_generation_counts_for_nothing() {
        let late = member("a", &["t"], &[("t", &[0, 1])], 3);
        let owner = member("b", &["t"], &[("t", &[1])], 5);
        let third = member("c", &["t"], &[("t", &[2])], 5);
        assert_eq!(
            shown(&[late, owner, third], &[("t", 3)]),
            [r#"a:{"t": [0]}"#, r#"b:{"t": [1]}"#, r#"c:{"t": [2]}"#]
        );
    }

    #[test]
    fn subscriptions_that_differ_are_kept_to() {
        let both = member("a", &["t", "u"], &[("t", &[0, 1]), ("u", &[0])], 1);
        let one = member("b", &["t"], &[], 1);
        assert_eq!(
            shown(&[both, one], &[("t", 2), ("u", 1)]),
            [r#"a:{"t": [1], "u": [0]}"#, "b:{}"]
        );
        let gone = member("a", &["u"], &[("t", &[0, 1])], 1);
        let one = member("b", &["t"], &[], 1);
        // They are waited for, although the owner reads them no more.
        assert_eq!(
            shown(&[gone, one], &[("t", 2), ("u", 1)]),
            [r#"a:{"u": [0]}"#, "b:{}"]
        );
    }

    proptest! {
        /// Rounds upon rounds, members coming and going: nothing is given to two, what is
        /// claimed by another is never given, and soon all is even and stays as it is.
        #[test]
        fn rounds_come_to_rest(
            rounds in prop::collection::vec(prop::collection::btree_set(0..6_usize, 1..6), 1..5),
            count in 1..13_i32,
        ) {
            let counts = BTreeMap::from([("t".to_owned(), count)]);
            let mut owned: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
            let mut generation = 0;
            for present in rounds {
                owned.retain(|at, _| present.contains(at));
                for round in 0..3 {
                    generation += 1;
                    let members: Vec<Subscriber> = present.iter().map(|at| {
                        let of = owned.get(at).cloned().unwrap_or_default();
                        member(&at.to_string(), &["t"], &[("t", &of)], generation - 1)
                    }).collect();
                    let all = run(&members, &counts);
                    let mut given = BTreeSet::new();
                    let before = owned.clone();
                    for at in &present {
                        let of = all[&at.to_string()].get("t").cloned().unwrap_or_default();
                        for number in &of {
                            prop_assert!(given.insert(*number), "{number} was given twice");
                            let others = before.iter().filter(|(other, _)| *other != at);
                            for (other, of) in others {
                                prop_assert!(!of.contains(number), "{other} reads {number}");
                            }
                        }
                        owned.insert(*at, of);
                    }
                    let loads: Vec<usize> = owned.values().map(Vec::len).collect();
                    let spread = loads.iter().max().unwrap() - loads.iter().min().unwrap();
                    if round >= 1 {
                        prop_assert_eq!(given.len() as i32, count);
                        prop_assert!(spread <= 1, "{:?}", owned);
                    }
                    if round >= 2 {
                        prop_assert_eq!(&before, &owned);
                    }
                }
            }
        }
    }
}
