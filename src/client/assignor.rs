//! Which member of a classic group reads which partitions: what its leader decides.
//! Pure: the same members and partitions give the same answer everywhere.
//!
//! Source: `org.apache.kafka.clients.consumer.RangeAssignor`, `RoundRobinAssignor`,
//! `CooperativeStickyAssignor`.

mod sticky;

use std::collections::BTreeMap;

/// A member with what it subscribes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscriber {
    /// Its member id.
    pub id: String,
    /// Its `group.instance.id`, where it has one.
    pub instance: Option<String>,
    /// The topics.
    pub topics: Vec<String>,
    /// What it reads now, and keeps where it may.
    pub owned: Assignment,
    /// The generation in which it got that; -1 where it does not say.
    pub generation: i32,
}

/// Partitions by topic.
pub type Assignment = BTreeMap<String, Vec<i32>>;

/// The ways to assign that are known, by Kafka's names, the preferred one first.
pub const NAMES: [&str; 3] = ["range", "roundrobin", COOPERATIVE];

/// The way in which members keep what they read while partitions are assigned anew.
pub const COOPERATIVE: &str = "cooperative-sticky";

/// A way by Kafka's name, librdkafka's, or that of Java's class.
pub fn by_name(name: &str) -> Option<&'static str> {
    match name
        .trim()
        .trim_start_matches("org.apache.kafka.clients.consumer.")
    {
        "RangeAssignor" => Some("range"),
        "RoundRobinAssignor" => Some("roundrobin"),
        "CooperativeStickyAssignor" => Some(COOPERATIVE),
        name => NAMES.into_iter().find(|known| *known == name),
    }
}

/// Assigns every partition of the topics; `counts` has how many each topic has.
/// `None` where the way is not known.
pub fn assign(
    way: &str,
    members: &[Subscriber],
    counts: &BTreeMap<String, i32>,
) -> Option<BTreeMap<String, Assignment>> {
    let mut sorted: Vec<&Subscriber> = members.iter().collect();
    sorted.sort_by(|one, other| order(one, other));
    let mut all: BTreeMap<String, Assignment> = members
        .iter()
        .map(|member| (member.id.clone(), Assignment::new()))
        .collect();
    match way {
        "range" => range(&sorted, counts, &mut all),
        "roundrobin" => round_robin(&sorted, counts, &mut all),
        COOPERATIVE => sticky::assign(&sorted, counts, &mut all),
        _ => return None,
    }
    Some(all)
}

/// Static members stand before the others, each by what they are called.
fn order(one: &Subscriber, other: &Subscriber) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Greater, Less};
    match (&one.instance, &other.instance) {
        (Some(one), Some(other)) => one.cmp(other),
        (Some(_), None) => Less,
        (None, Some(_)) => Greater,
        (None, None) => one.id.cmp(&other.id),
    }
}

/// Each topic by itself: neighbouring partitions, the first members get one more.
fn range(
    members: &[&Subscriber],
    counts: &BTreeMap<String, i32>,
    all: &mut BTreeMap<String, Assignment>,
) {
    for (topic, count) in counts {
        let subscribed: Vec<_> = members
            .iter()
            .filter(|member| member.topics.contains(topic))
            .collect();
        let Ok(wanting) = i32::try_from(subscribed.len()) else {
            continue;
        };
        let mut next = 0;
        for (at, member) in (0..).zip(&subscribed) {
            let more = i32::from(at < count % wanting);
            let end = next + count / wanting + more;
            give(all, member, topic, next..end);
            next = end;
        }
    }
}

/// All partitions of all topics, in turn.
fn round_robin(
    members: &[&Subscriber],
    counts: &BTreeMap<String, i32>,
    all: &mut BTreeMap<String, Assignment>,
) {
    let mut turn = 0;
    for (topic, count) in counts {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in 0..*count {
            while !members[turn % members.len()].topics.contains(topic) {
                turn += 1;
            }
            give(
                all,
                members[turn % members.len()],
                topic,
                partition..partition + 1,
            );
            turn += 1;
        }
    }
}

fn give(
    all: &mut BTreeMap<String, Assignment>,
    member: &Subscriber,
    topic: &str,
    partitions: std::ops::Range<i32>,
) {
    if partitions.is_empty() {
        return;
    }
    let of = all.entry(member.id.clone()).or_default();
    of.entry(topic.to_owned()).or_default().extend(partitions);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, topics: &[&str]) -> Subscriber {
        Subscriber {
            id: id.to_owned(),
            instance: None,
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            ..Subscriber::default()
        }
    }

    fn shown(way: &str, members: &[Subscriber], counts: &[(&str, i32)]) -> Vec<String> {
        let counts = counts.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect();
        let all = assign(way, members, &counts).unwrap();
        let each = |(id, of): (&String, &Assignment)| format!("{id}:{of:?}");
        all.iter().map(each).collect()
    }

    #[test]
    fn ranges_are_neighbours_and_the_first_get_more() {
        let members = [
            member("c", &["t"]),
            member("a", &["t", "u"]),
            member("b", &["t"]),
        ];
        assert_eq!(
            shown("range", &members, &[("t", 5), ("u", 2)]),
            [
                r#"a:{"t": [0, 1], "u": [0, 1]}"#,
                r#"b:{"t": [2, 3]}"#,
                r#"c:{"t": [4]}"#
            ]
        );
        assert_eq!(
            shown("range", &members[..2], &[("t", 1)]),
            [r#"a:{"t": [0]}"#, "c:{}"]
        );
    }

    #[test]
    fn turns_pass_over_those_who_did_not_subscribe() {
        let members = [member("a", &["t"]), member("b", &["t", "u"])];
        assert_eq!(
            shown("roundrobin", &members, &[("t", 3), ("u", 2), ("v", 9)]),
            [r#"a:{"t": [0, 2]}"#, r#"b:{"t": [1], "u": [0, 1]}"#]
        );
        assert!(assign("sticky", &members, &BTreeMap::new()).is_none());
    }

    #[test]
    fn static_members_come_first() {
        let mut last = member("z", &["t"]);
        last.instance = Some("one".to_owned());
        let members = [member("a", &["t"]), last];
        assert_eq!(
            shown("range", &members, &[("t", 3)]),
            [r#"a:{"t": [2]}"#, r#"z:{"t": [0, 1]}"#]
        );
    }
}
