//! `ottla inspect groups`: committed offsets and lag, straight from
//! `__consumer_offsets`.

use super::files::{Troubles, skipped_json, tell_skipped};
use super::site::{Scope, Site};
use super::time::when_known;
use crate::host::Host;
use crate::log::data_dir::load_image;
use crate::log::groups::{Assigned, Committed, Group, Kind, Member, read};
use crate::log::image::Image;
use crate::log::layout::{METADATA_TOPIC, OFFSETS_TOPIC, TopicPartition};
use crate::log::presence::Presence;
use crate::log::view::PartitionView;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::GroupsOptions;
use crate::tools::error::{Result, ToolError, nearest};
use crate::tools::numbers::count;
use crate::tools::table::{Column, Grid, NOTHING, Table};
use crate::tools::terminal;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

const ROWS: [&str; 15] = [
    "group",
    "type",
    "state",
    "topic",
    "partition",
    "offset",
    "leaderEpoch",
    "metadata",
    "commitTimestamp",
    "expireTimestamp",
    "logStart",
    "logEnd",
    "lag",
    "member",
    "pending",
];

/// Does what the options say.
pub(super) fn run(options: &GroupsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let site = &options.site;
    if site.scope != Scope::Data {
        return Err(
            ToolError::usage(format!("{site}: expected a data directory")).hint(format!(
                "`ottla inspect groups {}` shows the groups",
                site.data.display()
            )),
        );
    }
    let is_live = site.is_data && Presence::is_served(&**host, &site.data);
    if is_live && !options.quiet {
        eprintln!(
            "{} is held by a running server: what is shown may move",
            site.data.display()
        );
    }
    let metadata = site.data.join(format!("{METADATA_TOPIC}-0"));
    // Without it topics have their ids for names.
    let image = load_image(host, &metadata).ok().map(|(image, _)| image);
    let found = read(host, &site.data, image.as_ref())?;
    let wanted = |name: &&String| options.group.as_ref().is_none_or(|group| group == *name);
    let names: Vec<&String> = found.groups.keys().filter(wanted).collect();
    if let (Some(group), true) = (&options.group, names.is_empty() && found.skipped.is_empty()) {
        let known = found.groups.keys().map(String::as_str);
        let error = ToolError::failed(format!("{site} has no group `{group}`"));
        return Err(match nearest(group, known) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("`ottla inspect groups {site}` lists those it has")),
        });
    }
    let mut troubles = Troubles::default();
    let mut ends = Ends::new(host, site, image.as_ref());
    let groups = names
        .iter()
        .map(|name| (name.as_str(), &found.groups[*name]));
    let text = match options.output {
        DataFormat::Json => {
            let documents: Vec<Value> = groups
                .map(|(name, group)| document(name, group, &mut ends))
                .collect();
            let lost = found.skipped.iter().filter(|skipped| skipped.is_loss());
            let damage: Vec<Value> = lost.map(|it| skipped_json(&site.data, it)).collect();
            let whole = json!({
                "partitions": found.partitions,
                "unknownRecords": found.unknown,
                "damage": damage,
                "groups": documents,
            });
            let mut text = serde_json::to_vec_pretty(&whole).expect("values are JSON");
            text.push(b'\n');
            text
        }
        DataFormat::Table => {
            let texts: Vec<String> = groups
                .map(|(name, group)| for_people(name, group, &mut ends))
                .collect();
            match texts.is_empty() {
                true => b"no groups\n".to_vec(),
                false => texts.join("\n").into_bytes(),
            }
        }
        rows => {
            let mut table = Table::new(&ROWS);
            for (name, group) in groups {
                push_rows(&mut table, name, group, &mut ends);
            }
            table.render(rows)
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&text)
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))?;
    tell_skipped(
        found.skipped.iter(),
        options.quiet || is_live,
        &mut troubles,
    );
    troubles.outcome(site)
}

/// Where partitions start and end, each looked up once.
struct Ends<'a> {
    host: &'a Arc<dyn Host>,
    site: &'a Site,
    image: Option<&'a Image>,
    known: BTreeMap<TopicPartition, Option<(i64, i64)>>,
}

impl<'a> Ends<'a> {
    const fn new(host: &'a Arc<dyn Host>, site: &'a Site, image: Option<&'a Image>) -> Self {
        Self {
            host,
            site,
            image,
            known: BTreeMap::new(),
        }
    }

    /// `None` where the partition is not in this directory, or cannot be read.
    fn of(&mut self, name: &TopicPartition) -> Option<(i64, i64)> {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let directory = self.site.data.join(name.to_string());
        let found = PartitionView::open(self.host, &directory, name.clone(), None)
            .ok()
            .and_then(|view| Some((view.start().get(), view.end().ok()?.get())));
        self.known.insert(name.clone(), found);
        found
    }

    /// Whether offsets were committed for another topic of this name.
    fn is_stale(&self, name: &TopicPartition, committed: &Committed) -> bool {
        let topic = self.image.and_then(|image| image.topic(&name.topic));
        let known = topic.map(|topic| topic.id);
        matches!((known, committed.topic_id), (Some(now), Some(then)) if now != then)
    }
}

fn document(name: &str, group: &Group, ends: &mut Ends<'_>) -> Value {
    let classic = group.classic.as_ref();
    let members: Vec<Value> = group
        .members
        .iter()
        .map(|(id, member)| {
            member_json(
                id,
                member,
                classic.and_then(|classic| classic.leader.as_deref()),
            )
        })
        .collect();
    let offsets: Vec<Value> = group
        .partitions()
        .iter()
        .map(|partition| offset_json(group, partition, ends))
        .collect();
    json!({
        "group": name,
        "type": group.kind.name(),
        "state": group.state(),
        "coordinatorPartition": group.partition,
        "epoch": group.epoch,
        "assignmentEpoch": group.assignment_epoch,
        "protocolType": classic.map(|classic| &classic.protocol_type),
        "protocol": classic.and_then(|classic| classic.protocol.as_ref()),
        "topologyEpoch": group.topology.as_ref().map(|topology| topology.epoch),
        "members": members,
        "offsets": offsets,
    })
}

fn member_json(id: &str, member: &Member, leader: Option<&str>) -> Value {
    json!({
        "member": id,
        "instanceId": member.instance_id,
        "clientId": member.client_id,
        "host": member.client_host,
        "rack": member.rack,
        "leader": leader == Some(id),
        "epoch": member.epoch,
        "state": member.state.map(state_name),
        "topics": member.topics,
        "regex": member.regex,
        "assigned": assigned_json(&member.assigned),
        "target": assigned_json(&member.target),
    })
}

/// Source: `org.apache.kafka.coordinator.group.modern.MemberState`.
fn state_name(state: i8) -> Value {
    match state {
        0 => json!("stable"),
        1 => json!("unrevokedPartitions"),
        2 => json!("unreleasedPartitions"),
        other => json!(other),
    }
}

fn assigned_json(parts: &[Assigned]) -> Value {
    let part = |part: &Assigned| (part.topic.clone(), json!(part.partitions));
    Value::Object(parts.iter().map(part).collect::<Map<_, _>>())
}

fn offset_json(group: &Group, name: &TopicPartition, ends: &mut Ends<'_>) -> Value {
    let end = ends.of(name);
    let committed = group.offsets.get(name);
    let owner = group.owner(name).map(|(id, _)| id);
    let mut object = json!({
        "topic": name.topic,
        "partition": name.partition,
        "offset": offset(group, name),
        "leaderEpoch": committed.and_then(|committed| committed.leader_epoch),
        "metadata": committed.map(|committed| &committed.metadata),
        "commitTimestamp": committed.and_then(|committed| committed.commit_timestamp),
        "expireTimestamp": committed.and_then(|committed| committed.expire_timestamp),
        "topicId": committed.and_then(|committed| committed.topic_id),
        "stale": committed.is_some_and(|committed| ends.is_stale(name, committed)),
        "logStart": end.map(|(start, _)| start),
        "logEnd": end.map(|(_, end)| end),
        "lag": end.and_then(|(_, end)| group.lag(name, end)),
        "member": owner,
        "pending": pending(group, name),
    });
    if let Some(shared) = group.shared.get(name) {
        let batch = |batch: &crate::format::share_group_state::StateBatch| {
            json!({
                "firstOffset": batch.first_offset,
                "lastOffset": batch.last_offset,
                "state": match batch.delivery_state {
                    0 => json!("available"),
                    2 => json!("acknowledged"),
                    4 => json!("archived"),
                    other => json!(other),
                },
                "deliveryCount": batch.delivery_count,
            })
        };
        object["share"] = json!({
            "startOffset": shared.start_offset,
            "deliveryComplete": shared.delivery_complete,
            "stateEpoch": shared.state_epoch,
            "leaderEpoch": shared.leader_epoch,
            "writeTimestamp": shared.write_timestamp,
            "batches": shared.batches.iter().map(batch).collect::<Vec<_>>(),
        });
    }
    object
}

/// What the group reads next.
fn offset(group: &Group, name: &TopicPartition) -> Option<i64> {
    match group.shared.get(name) {
        Some(shared) => shared.start_offset,
        None => group.offsets.get(name).map(|committed| committed.offset),
    }
}

/// Offsets that wait for the end of a transaction.
fn pending(group: &Group, name: &TopicPartition) -> Vec<Value> {
    let of = group.pending.iter().filter(|((other, _), _)| other == name);
    of.map(|((_, producer), committed)| {
        json!({
            "producerId": producer,
            "offset": committed.offset,
            "commitTimestamp": committed.commit_timestamp,
        })
    })
    .collect()
}

fn push_rows(table: &mut Table, name: &str, group: &Group, ends: &mut Ends<'_>) {
    for partition in group.partitions() {
        let of = offset_json(group, &partition, ends);
        let mut row = vec![json!(name), json!(group.kind.name()), json!(group.state())];
        row.extend(ROWS[3..].iter().map(|field| of[*field].clone()));
        table.push(row);
    }
}

fn for_people(name: &str, group: &Group, ends: &mut Ends<'_>) -> String {
    let mut text = format!("{name}: {} group, {}", group.kind.name(), group.state());
    if let Some(epoch) = group.epoch {
        let word = if group.kind == Kind::Classic {
            "generation"
        } else {
            "epoch"
        };
        text.push_str(&format!(", {word} {epoch}"));
    }
    if let Some(protocol) = group
        .classic
        .as_ref()
        .and_then(|classic| classic.protocol.as_ref())
    {
        text.push_str(&format!(", {protocol}"));
    }
    text.push_str(&format!(" ({OFFSETS_TOPIC}-{})\n", group.partition));
    if !group.members.is_empty() {
        let mut grid = Grid::new(&[
            Column::text("CLIENT", 0),
            Column::text("HOST", 1),
            Column::number("EPOCH", 2),
            Column::text("HAS", 0),
        ]);
        for member in group.members.values() {
            let epoch = member.epoch.map(|epoch| epoch.to_string());
            grid.push(vec![
                member.client_id.clone(),
                member.client_host.clone(),
                epoch.unwrap_or_else(|| NOTHING.to_owned()),
                short(&member.assigned),
            ]);
        }
        text.push_str(&indented(&grid));
    }
    let partitions = group.partitions();
    if !partitions.is_empty() {
        let mut grid = Grid::new(&[
            Column::text("PARTITION", 0),
            Column::number("OFFSET", 0),
            Column::number("END", 1),
            Column::number("LAG", 0),
            Column::text("COMMITTED", 2),
        ]);
        for partition in &partitions {
            let end = ends.of(partition).map(|(_, end)| end);
            let time = match (group.offsets.get(partition), group.shared.get(partition)) {
                (Some(committed), _) => committed.commit_timestamp,
                (_, shared) => shared.and_then(|shared| shared.write_timestamp),
            };
            let lag = end.and_then(|end| group.lag(partition, end));
            let number =
                |it: Option<i64>| it.map_or_else(|| NOTHING.to_owned(), |it| it.to_string());
            grid.push(vec![
                partition.to_string(),
                number(offset(group, partition)),
                number(end),
                number(lag),
                when_known(time),
            ]);
        }
        text.push_str(&indented(&grid));
    }
    for ((partition, producer), committed) in &group.pending {
        let offset = committed.offset;
        let notes = format!(
            "  {partition} waits at {offset} for the end of producer {producer}'s transaction\n"
        );
        text.push_str(&notes);
    }
    for (partition, committed) in &group.offsets {
        if ends.is_stale(partition, committed) {
            text.push_str(&format!(
                "  {partition} was committed for an earlier topic of this name\n"
            ));
        }
    }
    text
}

/// `orders:0,1 clicks:3`; how many they are where that is long.
fn short(parts: &[Assigned]) -> String {
    const MOST: usize = 32;
    let part = |part: &Assigned| {
        let numbers: Vec<String> = part.partitions.iter().map(i32::to_string).collect();
        format!("{}:{}", part.topic, numbers.join(","))
    };
    let all: Vec<String> = parts.iter().map(part).collect();
    let text = all.join(" ");
    match text.chars().count() {
        0 => NOTHING.to_owned(),
        1..=MOST => text,
        _ => {
            let partitions = parts.iter().map(|part| part.partitions.len() as u64).sum();
            let topics = count(parts.len() as u64, "topic");
            format!("{} of {topics}", count(partitions, "partition"))
        }
    }
}

fn indented(grid: &Grid) -> String {
    let text = grid.render(terminal::width() - 2);
    text.lines().map(|line| format!("  {line}\n")).collect()
}
