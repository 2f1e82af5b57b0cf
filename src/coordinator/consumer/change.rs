//! What a request does to a consumer group: records, and deadlines. The steps that
//! requests of both protocols have in common are here.
//!
//! Nothing changes the group itself: the caller writes the records and replays them.

use super::assignor::{GroupSpec, MemberSpec};
use super::config::ConsumerConfig;
use super::deadlines::{Deadline, DeadlineChange, Wait};
use super::failure::Failure;
use super::group::{
    ConsumerGroup, Record, Resolved, Subscribers, count_down, hash_of, unsubscribe,
};
use super::member::{Member, MemberState};
use super::migrate::ClassicGroup;
use super::partitions::Partitions;
use super::reconcile::Step;
use super::records;
use super::topic_regex::TopicRegex;
use super::topics::Topics;
use crate::format::Uuid;
use crate::protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long regular expressions are not looked up again, in milliseconds.
const REGEX_REST_MS: i64 = 10_000;

/// What a request happens in.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The topics.
    pub topics: &'a dyn Topics,
    /// The group's settings.
    pub config: &'a ConsumerConfig,
}

/// What of the topics a group has seen; not kept over restarts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// The version that its metadata hash was compared with.
    topics: Option<i64>,
    /// The version that its regular expressions were looked up in, and when.
    regexes: Option<(i64, i64)>,
}

/// What a request does to a group.
pub(super) struct Change<'a> {
    pub(super) group: &'a ConsumerGroup,
    pub(super) context: Context<'a>,
    pub(super) seen: Seen,
    pub(super) records: Vec<Record>,
    pub(super) deadlines: Vec<DeadlineChange>,
    /// What the group became.
    pub(super) downgraded: Option<ClassicGroup>,
    /// Regular expressions that were looked up in this request.
    looked_up: BTreeMap<String, Resolved>,
}

/// A target for one member.
pub(super) struct Target {
    pub(super) epoch: i32,
    pub(super) partitions: Arc<Partitions>,
}

/// What a member's update means for the group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update {
    pub(super) epoch: i32,
    /// The member subscribes to something else than before.
    pub(super) subscription_changed: bool,
}

impl<'a> Change<'a> {
    pub(super) fn new(group: &'a ConsumerGroup, context: Context<'a>, seen: Seen) -> Self {
        Self {
            group,
            context,
            seen,
            records: Vec::new(),
            deadlines: Vec::new(),
            downgraded: None,
            looked_up: BTreeMap::new(),
        }
    }

    pub(super) fn deadline(&mut self, member_id: &Arc<str>, wait: Wait, to: Deadline) {
        self.deadlines.push(DeadlineChange {
            member_id: Arc::clone(member_id),
            wait,
            to,
        });
    }

    pub(super) fn no_deadlines(&mut self, member_id: &Arc<str>) {
        for wait in [Wait::Session, Wait::Rebalance, Wait::Join, Wait::Sync] {
            self.deadline(member_id, wait, Deadline::None);
        }
    }

    /// Notes the member that `old` becomes, and raises the group's epoch if it asks for
    /// other topics or they changed.
    pub(super) fn update(&mut self, old: &Member, new: &Member) -> Result<Update, Failure> {
        if old != new {
            self.records.push(records::member(&self.group.id, new));
        }
        let names_changed = old.topic_names != new.topic_names;
        let regex_changed = self.update_regex(old, new)?;
        let refreshed = self.refresh_regexes(old, new);
        let subscription_changed = names_changed || regex_changed;
        let mut update = Update {
            epoch: self.group.epoch,
            subscription_changed,
        };
        let version = self.context.topics.version();
        if subscription_changed || refreshed || self.seen.topics != Some(version) {
            let must_raise = subscription_changed || refreshed;
            self.raise_epoch(old, new, must_raise, &mut update);
            self.seen.topics = Some(version);
        }
        Ok(update)
    }

    fn raise_epoch(&mut self, old: &Member, new: &Member, must: bool, update: &mut Update) {
        let group = self.group;
        let topics = self.topics_with(old, new);
        let hash = hash_of(&topics, self.context.topics);
        if must || hash != group.metadata_hash {
            update.epoch += 1;
            self.records
                .push(records::epoch(&group.id, update.epoch, hash));
        }
        if group.has_old_metadata {
            self.records.push(records::no_old_metadata(&group.id));
        }
    }

    /// The topics that members ask for once `old` has become `new`.
    fn topics_with(&self, old: &Member, new: &Member) -> BTreeMap<String, Subscribers> {
        let mut topics = self.group.topics.clone();
        for topic in old.topic_names.iter() {
            unsubscribe(&mut topics, topic, |subscribers| &mut subscribers.by_name);
        }
        for topic in new.topic_names.iter() {
            topics.entry(topic.clone()).or_default().by_name += 1;
        }
        let dropped = old.regex().filter(|regex| self.drops(regex, new));
        for regex in self.looked_up.keys().map(String::as_str).chain(dropped) {
            for topic in self
                .group
                .resolved
                .get(regex)
                .iter()
                .flat_map(|old| &old.topics)
            {
                unsubscribe(&mut topics, topic, |subscribers| &mut subscribers.by_regex);
            }
        }
        for topic in self
            .looked_up
            .values()
            .flat_map(|resolved| &resolved.topics)
        {
            topics.entry(topic.clone()).or_default().by_regex += 1;
        }
        topics
    }

    /// Whether nobody asks for `regex` any more once the member that did is `new`.
    fn drops(&self, regex: &str, new: &Member) -> bool {
        new.regex() != Some(regex) && self.group.regexes.get(regex) == Some(&1)
    }

    fn update_regex(&mut self, old: &Member, new: &Member) -> Result<bool, Failure> {
        if old.regex() == new.regex() {
            return Ok(false);
        }
        if let Some(regex) = old.regex()
            && self.drops(regex, new)
        {
            self.records.push(records::no_regex(&self.group.id, regex));
        }
        if let Some(regex) = new.regex()
            && !self.group.resolved.contains_key(regex)
        {
            let compiled = TopicRegex::new(regex).map_err(|why| {
                let message = format!("`{regex}` is not a regular expression: {why}");
                Failure::new(ErrorCode::InvalidRegularExpression, message)
            })?;
            self.note_regex(regex, self.look_up(&compiled));
        }
        Ok(true)
    }

    /// Looks the group's regular expressions up again if topics may have come or gone.
    /// Whether one stands for other topics now.
    fn refresh_regexes(&mut self, old: &Member, new: &Member) -> bool {
        let group = self.group;
        if group.regexes.is_empty() {
            return false;
        }
        let now_ms = self.context.now_ms;
        let version = self.context.topics.version();
        let last_ms = group
            .resolved
            .values()
            .map(|resolved| resolved.timestamp_ms)
            .min();
        let interval_ms = i64::from(self.context.config.regex_refresh_interval_ms);
        let overdue = last_ms.is_none_or(|last_ms| now_ms > last_ms.saturating_add(interval_ms));
        let unseen = match self.seen.regexes {
            Some((_, at_ms)) if now_ms <= at_ms.saturating_add(REGEX_REST_MS) => return false,
            Some((seen, _)) => seen != version,
            None => true,
        };
        if !overdue && !unseen {
            return false;
        }
        self.seen.regexes = Some((version, now_ms));
        let dropped = old.regex().filter(|regex| self.drops(regex, new));
        let mut changed = false;
        for regex in group.regexes.keys() {
            if Some(regex.as_str()) == dropped || self.looked_up.contains_key(regex) {
                continue;
            }
            // What was compiled once compiles; what another server took may not.
            let Ok(compiled) = TopicRegex::new(regex) else {
                continue;
            };
            let resolved = self.look_up(&compiled);
            let known = group.resolved.get(regex);
            let differs = known.is_none_or(|known| known.topics != resolved.topics);
            changed |= differs;
            if differs || overdue {
                self.note_regex(regex, resolved);
            }
        }
        changed
    }

    fn look_up(&self, regex: &TopicRegex) -> Resolved {
        let names = self.context.topics.names();
        Resolved {
            topics: names
                .filter(|name| regex.matches(name))
                .map(str::to_owned)
                .collect(),
            version: self.context.topics.version(),
            timestamp_ms: self.context.now_ms,
        }
    }

    fn note_regex(&mut self, regex: &str, resolved: Resolved) {
        self.records
            .push(records::regex(&self.group.id, regex, &resolved));
        self.looked_up.insert(regex.to_owned(), resolved);
    }

    /// Makes a new target if the group's epoch is past that of the last one, and the last
    /// one is old enough. The target of the member that `old` becomes.
    pub(super) fn target(&mut self, old: &Member, new: &Member, update: Update) -> Target {
        let group = self.group;
        let last = || Target {
            epoch: group.assignment_epoch,
            partitions: self.last_target(new),
        };
        let interval_ms = self.context.config.assignment_interval_ms;
        let next_ms = group.assigned_at_ms.saturating_add(i64::from(interval_ms));
        let may_assign =
            group.assigned_at_ms == 0 || interval_ms == 0 || self.context.now_ms >= next_ms;
        if group.assignment_epoch >= update.epoch || !may_assign {
            return last();
        }
        let preferred = group.preferred_assignor_with(old, new);
        let assignor = preferred.unwrap_or_else(|| self.context.config.default_assignor());
        let spec = self.spec(new);
        let mut assignments = assignor.assign(&spec);
        for (member_id, partitions) in &assignments {
            let before = group.target.get(member_id);
            if before.is_none_or(|before| !Arc::ptr_eq(before, partitions) && before != partitions)
            {
                self.records
                    .push(records::target(&group.id, member_id, partitions));
            }
        }
        self.records.push(records::target_epoch(
            &group.id,
            update.epoch,
            self.context.now_ms,
        ));
        Target {
            epoch: update.epoch,
            partitions: assignments.remove(&new.id).unwrap_or_default(),
        }
    }

    /// What a member was to get. A static member takes over from the one before it.
    pub(super) fn last_target(&self, member: &Member) -> Arc<Partitions> {
        let id = match &member.instance_id {
            None => Some(&member.id),
            Some(instance_id) => self.group.static_members.get(instance_id),
        };
        id.and_then(|id| self.group.target.get(id))
            .cloned()
            .unwrap_or_default()
    }

    /// The group as assignors see it, with a member that is new or changed.
    fn spec<'s>(&'s self, new: &'s Member) -> GroupSpec<'s> {
        let mut spec = GroupSpec {
            members: BTreeMap::new(),
            topics: BTreeMap::new(),
            same_topics: true,
        };
        let replaced = new.instance_id.as_ref();
        let replaced = replaced.and_then(|id| self.group.static_members.get(id));
        let others = self.group.members.values();
        let others = others.filter(|other| other.id != new.id && Some(&other.id) != replaced);
        let mut subscriptions: BTreeMap<_, Arc<BTreeSet<Uuid>>> = BTreeMap::new();
        for member in others.chain([new]) {
            let subscription = (&member.topic_names, member.regex());
            let topics = subscriptions
                .entry(subscription)
                .or_insert_with(|| Arc::new(self.topic_ids(member, &mut spec.topics)));
            let target = self.group.target.get(&member.id);
            let assigned = match target {
                Some(target) => Arc::clone(target),
                None => self.last_target(member),
            };
            let seen = MemberSpec {
                instance_id: member.instance_id.as_deref(),
                topics: Arc::clone(topics),
                assigned,
            };
            spec.members.insert(Arc::clone(&member.id), seen);
        }
        let mut topics = subscriptions.values();
        let first = topics.next();
        spec.same_topics = topics.all(|topics| Some(topics) == first);
        spec
    }

    /// The topics that a member asks for and that exist; noted in `sizes` with how many
    /// partitions they have.
    fn topic_ids(&self, member: &Member, sizes: &mut BTreeMap<Uuid, i32>) -> BTreeSet<Uuid> {
        let by_regex = member.regex().and_then(|regex| {
            self.looked_up
                .get(regex)
                .or_else(|| self.group.resolved.get(regex))
        });
        let by_regex = by_regex.iter().flat_map(|resolved| &resolved.topics);
        let names = member.topic_names.iter().chain(by_regex);
        let topics = names.filter_map(|name| self.context.topics.by_name(name));
        let noted = topics.map(|topic| {
            sizes.insert(topic.id, topic.partitions);
            topic.id
        });
        noted.collect()
    }

    /// Moves a member a step towards its target, if it is not there.
    pub(super) fn reconcile(
        &mut self,
        member: Member,
        target: &Target,
        subscription_changed: bool,
        reported: Option<&Partitions>,
    ) -> Result<Member, Failure> {
        if !subscription_changed && member.is_reconciled_to(target.epoch) {
            return Ok(member);
        }
        let step = Step {
            target_epoch: target.epoch,
            target: &target.partitions,
            subscribed: &self.topic_ids(&member, &mut BTreeMap::new()),
            subscription_changed,
            reported,
            is_owned: &|topic, partition| self.group.owner(topic, partition).is_some(),
        };
        let moved = step.take(&member)?;
        if moved == member {
            return Ok(member);
        }
        self.records
            .push(records::assignment(&self.group.id, &moved));
        // A member of the classic protocol has to join and to sync in time instead.
        if !moved.is_classic() {
            let to = match moved.state {
                MemberState::UnrevokedPartitions => Deadline::In(moved.rebalance_timeout_ms),
                _ => Deadline::None,
            };
            self.deadline(&moved.id, Wait::Rebalance, to);
        }
        Ok(moved)
    }

    /// The records that make `new` of a static member that was away: all but its ids and
    /// epochs stays.
    pub(super) fn replace(&mut self, old: &Member, new: &Member) {
        let group = self.group;
        self.records.extend(records::no_member(&group.id, &old.id));
        self.records.push(records::member(&group.id, new));
        let target = group.target.get(&old.id).cloned().unwrap_or_default();
        self.records
            .push(records::target(&group.id, &new.id, &target));
        self.records.push(records::assignment(&group.id, new));
        self.no_deadlines(&old.id);
    }

    /// Takes members out of the group, which becomes a classic one if all that are left
    /// speak that protocol.
    pub(super) fn remove(&mut self, members: &[&Member]) {
        let group = self.group;
        if members.is_empty() {
            return;
        }
        if self.may_downgrade(members, 0) {
            let before = self.records.len();
            if self.downgrade(members, None, true).is_ok() {
                return;
            }
            self.records.truncate(before);
        }
        let mut topics = group.topics.clone();
        let mut regexes = group.regexes.clone();
        for member in members {
            self.records
                .extend(records::no_member(&group.id, &member.id));
            for topic in member.topic_names.iter() {
                unsubscribe(&mut topics, topic, |subscribers| &mut subscribers.by_name);
            }
            count_down(&mut regexes, member.regex());
            self.no_deadlines(&member.id);
        }
        for regex in group
            .regexes
            .keys()
            .filter(|regex| !regexes.contains_key(*regex))
        {
            self.records.push(records::no_regex(&group.id, regex));
            for topic in group
                .resolved
                .get(regex)
                .iter()
                .flat_map(|resolved| &resolved.topics)
            {
                unsubscribe(&mut topics, topic, |subscribers| &mut subscribers.by_regex);
            }
        }
        let hash = hash_of(&topics, self.context.topics);
        self.records
            .push(records::epoch(&group.id, group.epoch + 1, hash));
    }
}
