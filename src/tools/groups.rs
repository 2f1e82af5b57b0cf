//! `ottla groups`: what groups have read, in a directory or behind a server.
//!
//! Both are brought into the same [`Shown`] and [`Moved`], so that they print alike.

mod directory;
mod wire;

use super::args::DataFormat;
use super::args::groups::{GroupsCommand, GroupsOptions};
use super::error::{Result, ToolError, nearest};
use super::numbers::count;
use super::progress::summary;
use super::server::Location;
use super::table::Table;
use crate::format::Offset;
use crate::host::Host;
use crate::log::layout::TopicPartition;
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::Arc;

const NAME: &str = "ottla-groups";

/// The names in the rows of a list.
const LIST: [&str; 3] = ["group", "type", "state"];
/// The names in the rows of a description.
const DESCRIBE: [&str; 12] = [
    "group",
    "type",
    "state",
    "topic",
    "partition",
    "offset",
    "logStart",
    "logEnd",
    "lag",
    "member",
    "clientId",
    "host",
];
/// The names in the rows of a change.
const CHANGE: [&str; 5] = ["group", "topic", "partition", "before", "after"];

/// A group as it is shown.
struct Shown {
    group: String,
    kind: String,
    state: String,
    parts: Vec<Part>,
}

/// A partition that a group has to do with.
struct Part {
    place: TopicPartition,
    offset: Option<i64>,
    /// Where the partition starts and ends, where that is known.
    bounds: Option<(i64, i64)>,
    /// Member id, client id and host.
    member: Option<(String, String, String)>,
}

/// An offset that is changed; `None` where there is none.
#[derive(Clone)]
struct Moved {
    place: TopicPartition,
    before: Option<i64>,
    after: Option<Offset>,
}

/// Where groups are.
trait Site {
    /// Every group, its partitions left out.
    fn list(&mut self) -> Result<Vec<Shown>>;
    /// A group; `None` where there is none of the name.
    fn describe(&mut self, group: &str) -> Result<Option<Shown>>;
    /// Every partition of a topic.
    fn partitions(&mut self, topic: &str) -> Result<Vec<i32>>;
    /// Offsets of partitions, none outside of them.
    fn resolve(
        &mut self,
        places: &[TopicPartition],
        at: super::offsets::OffsetPoint,
    ) -> Result<Vec<Offset>>;
    /// Changes offsets.
    fn change(&mut self, group: &str, moved: &[Moved]) -> Result<()>;
    /// Deletes a group.
    fn delete(&mut self, group: &str) -> Result<()>;
}

/// Does what the options say.
pub fn run(options: &GroupsOptions, host: &Arc<dyn Host>) -> Result<()> {
    match &options.location {
        Location::Directory(found) => {
            act(options, &mut directory::Directory::open(host, &found.data)?)
        }
        Location::Server(server) => act(options, &mut wire::Server::connect(server, host)?),
    }
}

fn act(options: &GroupsOptions, site: &mut dyn Site) -> Result<()> {
    match &options.command {
        GroupsCommand::List => {
            let mut table = Table::new(&LIST);
            for shown in site.list()? {
                table.push(vec![
                    json!(shown.group),
                    json!(shown.kind),
                    json!(shown.state),
                ]);
            }
            print(&table.render(options.output))
        }
        GroupsCommand::Describe(None) => {
            let mut groups = Vec::new();
            for listed in site.list()? {
                groups.extend(site.describe(&listed.group)?);
            }
            print_descriptions(groups, options)
        }
        GroupsCommand::Describe(Some(group)) => {
            let shown = must_have(site, group)?;
            print_descriptions(vec![shown], options)
        }
        GroupsCommand::Reset(group, at) => {
            let shown = site.describe(group)?;
            let places = match &options.topic {
                Some(topic) => site
                    .partitions(topic)?
                    .into_iter()
                    .map(|number| TopicPartition::new(topic, number))
                    .filter(|place| is_wanted(options, place))
                    .collect(),
                None => {
                    let shown = must_have(site, group)?;
                    let committed = shown.parts.into_iter().filter(|part| part.offset.is_some());
                    committed.map(|part| part.place).collect::<Vec<_>>()
                }
            };
            let offsets = site.resolve(&places, *at)?;
            let moved: Vec<Moved> = places
                .into_iter()
                .zip(offsets)
                .map(|(place, offset)| Moved {
                    before: shown.as_ref().and_then(|shown| shown.offset(&place)),
                    place,
                    after: Some(offset),
                })
                .collect();
            change(options, site, group, &moved, "reset")
        }
        GroupsCommand::DeleteOffsets(group) => {
            let shown = must_have(site, group)?;
            let moved: Vec<Moved> = shown
                .parts
                .iter()
                .filter(|part| part.offset.is_some() && is_wanted(options, &part.place))
                .map(|part| Moved {
                    place: part.place.clone(),
                    before: part.offset,
                    after: None,
                })
                .collect();
            change(options, site, group, &moved, "deleted")
        }
        GroupsCommand::Delete(group) => {
            must_have(site, group)?;
            let done = match options.dry_run {
                true => format!("would delete group `{group}`"),
                false => {
                    site.delete(group)?;
                    format!("deleted group `{group}`")
                }
            };
            summary(NAME, options.quiet, &done);
            Ok(())
        }
    }
}

impl Shown {
    fn offset(&self, place: &TopicPartition) -> Option<i64> {
        let part = self.parts.iter().find(|part| part.place == *place);
        part.and_then(|part| part.offset)
    }
}

fn must_have(site: &mut dyn Site, group: &str) -> Result<Shown> {
    if let Some(shown) = site.describe(group)? {
        return Ok(shown);
    }
    let listed = site.list()?;
    let error = ToolError::failed(format!("there is no group `{group}`"));
    let names = listed.iter().map(|shown| shown.group.as_str());
    Err(match nearest(group, names) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    })
}

fn is_wanted(options: &GroupsOptions, place: &TopicPartition) -> bool {
    let topic = options.topic.as_ref();
    let number = |numbers: &Vec<crate::format::PartitionId>| {
        numbers.iter().any(|number| number.get() == place.partition)
    };
    topic.is_none_or(|topic| *topic == place.topic)
        && options.partitions.as_ref().is_none_or(number)
}

fn change(
    options: &GroupsOptions,
    site: &mut dyn Site,
    group: &str,
    moved: &[Moved],
    what: &str,
) -> Result<()> {
    if !options.dry_run && !moved.is_empty() {
        site.change(group, moved)?;
    }
    let mut table = Table::new(&CHANGE);
    for each in moved {
        table.push(vec![
            json!(group),
            json!(each.place.topic),
            json!(each.place.partition),
            json!(each.before),
            json!(each.after),
        ]);
    }
    print(&table.render(options.output))?;
    let would = if options.dry_run { "would have " } else { "" };
    let offsets = count(moved.len() as u64, "offset");
    summary(
        NAME,
        options.quiet,
        &format!("{would}{what} {offsets} of group `{group}`"),
    );
    Ok(())
}

fn print_descriptions(groups: Vec<Shown>, options: &GroupsOptions) -> Result<()> {
    let mut all = Table::new(&DESCRIBE);
    for shown in groups {
        for part in shown
            .parts
            .iter()
            .filter(|part| is_wanted(options, &part.place))
        {
            all.push(row(&shown, part));
        }
        // A group that has read nothing is there all the same.
        if shown.parts.is_empty() && options.topic.is_none() {
            let mut row = vec![json!(shown.group), json!(shown.kind), json!(shown.state)];
            row.resize(DESCRIBE.len(), Value::Null);
            all.push(row);
        }
    }
    if options.output == DataFormat::Json {
        let mut text = serde_json::to_vec_pretty(&all.to_json()).expect("values are JSON");
        text.push(b'\n');
        return print(&text);
    }
    print(&all.render(options.output))
}

fn row(shown: &Shown, part: &Part) -> Vec<Value> {
    let lag = part.offset.zip(part.bounds).map(|(at, (_, end))| end - at);
    let (member, client, host) = match &part.member {
        Some((member, client, host)) => (Some(member), Some(client), Some(host)),
        None => (None, None, None),
    };
    vec![
        json!(shown.group),
        json!(shown.kind),
        json!(shown.state),
        json!(part.place.topic),
        json!(part.place.partition),
        json!(part.offset),
        json!(part.bounds.map(|(start, _)| start)),
        json!(part.bounds.map(|(_, end)| end)),
        json!(lag),
        json!(member),
        json!(client),
        json!(host),
    ]
}

fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))
}
