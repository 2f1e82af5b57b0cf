//! The work of `ottla topics`: list, describe, create, alter, delete.
//!
//! Reading takes no lock, so it also works while a broker holds the directory.
//! Every change is one batch of KRaft records, durable before this returns, but
//! for `--alter` with partitions and configs, which is two.

mod wire;

use super::args::DataFormat;
use super::args::topics::{TopicsCommand, TopicsOptions};
use super::error::{Exit, Result, ToolError};
use super::numbers::count;
use super::progress::summary;
use super::run::complain;
use super::server::Location;
use super::table::Table;
use crate::format::topic_config::{self, TopicConfig};
use crate::format::{Uuid, topic_name};
use crate::host::{Durability, Host, Kind};
use crate::log::LogError;
use crate::log::data_dir::DataDir;
use crate::log::image::{Image, Topic};
use crate::log::layout::{METADATA_TOPIC, TopicPartition};
use crate::log::session::Session;
use crate::log::view::PartitionView;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

const NAME: &str = "ottla-topics";

/// The names in the rows of a list.
const LIST: [&str; 5] = ["topic", "topicId", "partitions", "internal", "configs"];
/// The names in the rows of a description.
const DESCRIBE: [&str; 7] = [
    "topic",
    "partition",
    "leaderEpoch",
    "logStartOffset",
    "endOffset",
    "segments",
    "bytes",
];

/// A topic as it is shown.
struct Shown {
    name: String,
    id: Uuid,
    partitions: usize,
    /// The configs that were set for it.
    configs: Map<String, Value>,
    /// The rows of its description.
    rows: Vec<Vec<Value>>,
}

/// Does what the options say.
pub fn run(options: &TopicsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let reads = matches!(
        options.command,
        TopicsCommand::List { .. } | TopicsCommand::Describe { .. }
    );
    let directory = match &options.location {
        Location::Directory(directory) => directory,
        // The files tell more than the server that holds them: segments.
        Location::Server(server) => match server.held().filter(|_| reads) {
            Some(directory) => directory,
            None => return wire::run(options, server, host),
        },
    };
    let data = directory.data.as_path();
    match &options.command {
        TopicsCommand::List { internal } => list(host, data, *internal, options.output),
        TopicsCommand::Describe { topic, internal } => {
            describe(host, data, topic.as_deref(), *internal, options.output)
        }
        TopicsCommand::Create { .. }
        | TopicsCommand::Alter { .. }
        | TopicsCommand::Delete { .. } => {
            let done = change(host, data, &options.command)?;
            summary(NAME, options.quiet, &done);
            Ok(())
        }
    }
}

fn list(host: &Arc<dyn Host>, data: &Path, internal: bool, output: DataFormat) -> Result<()> {
    let directory = DataDir::open(host, data)?;
    let image = directory.image();
    let topics = shown(image, internal).map(|(name, topic)| Shown::new(image, name, topic));
    print_list(topics, output)
}

fn print_list(topics: impl IntoIterator<Item = Shown>, output: DataFormat) -> Result<()> {
    let mut table = Table::new(&LIST);
    for topic in topics {
        table.push(vec![
            json!(topic.name),
            json!(topic.id),
            json!(topic.partitions),
            json!(topic_name::is_internal(&topic.name)),
            Value::Object(topic.configs),
        ]);
    }
    print(&table.render(output))
}

fn describe(
    host: &Arc<dyn Host>,
    data: &Path,
    only: Option<&str>,
    internal: bool,
    output: DataFormat,
) -> Result<()> {
    let directory = DataDir::open(host, data)?;
    let image = directory.image();
    let topics: Vec<(&String, &Topic)> = match only {
        None => shown(image, internal).collect(),
        Some(name) => vec![
            image
                .topics()
                .get_key_value(name)
                .ok_or_else(|| unknown(image, data, name))?,
        ],
    };
    let mut worst = Exit::Done;
    let mut described = Vec::new();
    for (name, topic) in &topics {
        let mut shown = Shown::new(image, name, topic);
        for partition in topic.partitions.keys() {
            let (row, exit) =
                describe_partition(host.as_ref(), &directory, name, topic, *partition);
            worst = worst_of(worst, exit);
            shown.rows.push(row);
        }
        described.push(shown);
    }
    print_descriptions(described, only.is_some(), output)?;
    unread(worst)
}

/// An error where not everything could be read.
fn unread(worst: Exit) -> Result<()> {
    if worst == Exit::Done {
        return Ok(());
    }
    Err(ToolError::new(
        worst,
        "not every partition could be read; its cells are empty",
    ))
}

/// Prints topics with their partitions; `single` where one was asked for by name.
fn print_descriptions(topics: Vec<Shown>, single: bool, output: DataFormat) -> Result<()> {
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    for mut topic in topics {
        let mut table = Table::new(&DESCRIBE);
        for row in std::mem::take(&mut topic.rows) {
            table.push(row);
        }
        match output {
            DataFormat::Json => documents.push(document(topic, &table)),
            DataFormat::Table => {
                if !rows.is_empty() {
                    rows.push(b'\n');
                }
                rows.extend_from_slice(heading(&topic).as_bytes());
                rows.extend_from_slice(&table.render(output));
            }
            DataFormat::Csv | DataFormat::Tsv => {
                let text = table.render(output);
                // The row of names stands once.
                let from = if rows.is_empty() {
                    0
                } else {
                    memchr::memchr(b'\n', &text).map_or(0, |at| at + 1)
                };
                rows.extend_from_slice(&text[from..]);
            }
        }
    }
    if output == DataFormat::Json {
        let document = match single {
            true => documents.remove(0),
            false => Value::Array(documents),
        };
        rows = serde_json::to_vec_pretty(&document).expect("values are JSON");
        rows.push(b'\n');
    }
    print(&rows)
}

fn document(topic: Shown, partitions: &Table) -> Value {
    let mut document = Map::new();
    let internal = topic_name::is_internal(&topic.name);
    document.insert("topic".to_owned(), json!(topic.name));
    document.insert("topicId".to_owned(), json!(topic.id));
    document.insert("internal".to_owned(), json!(internal));
    document.insert("configs".to_owned(), Value::Object(topic.configs));
    document.insert("partitions".to_owned(), partitions.to_json());
    Value::Object(document)
}

impl Shown {
    fn new(image: &Image, name: &str, topic: &Topic) -> Self {
        let configs = image
            .topic_configs(name)
            .map(|(name, value)| (name.to_owned(), json!(value)));
        Self {
            name: name.to_owned(),
            id: topic.id,
            partitions: topic.partitions.len(),
            configs: configs.collect(),
            rows: Vec::new(),
        }
    }
}

fn heading(topic: &Shown) -> String {
    let mut text = format!(
        "topic {}, id {}, {}\n",
        topic.name,
        topic.id,
        count(topic.partitions as u64, "partition")
    );
    for (config, value) in &topic.configs {
        let value = value.as_str().unwrap_or_default();
        text.push_str(&format!("config {config}={value}\n"));
    }
    text
}

/// A row of the description. What cannot be read is said, and its cells are empty.
fn describe_partition(
    host: &dyn Host,
    directory: &DataDir,
    name: &str,
    topic: &Topic,
    partition: i32,
) -> (Vec<Value>, Exit) {
    let id = TopicPartition::new(name, partition);
    let epoch = topic.partitions[&partition].leader_epoch;
    let mut row = vec![json!(name), json!(partition), json!(epoch)];
    let view = directory.partition(&id);
    let measured = view.and_then(|view| match view {
        None => Ok(vec![json!(0), json!(0), json!(0), json!(0)]),
        Some(view) => measure(host, &view),
    });
    match measured {
        Ok(cells) => {
            row.extend(cells);
            (row, Exit::Done)
        }
        Err(error) => {
            let error = ToolError::from(error);
            complain(NAME, &error);
            row.resize(DESCRIBE.len(), Value::Null);
            (row, error.exit())
        }
    }
}

fn measure(host: &dyn Host, view: &PartitionView) -> Result<Vec<Value>, LogError> {
    let directory = view.directory();
    let mut bytes = 0;
    let entries = host
        .list(directory)
        .map_err(LogError::io("list", directory))?;
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        if entry.name.to_string_lossy().ends_with(".log") {
            let path = directory.join(&entry.name);
            bytes += host
                .stat(&path)
                .map_err(LogError::io("look at", &path))?
                .length;
        }
    }
    Ok(vec![
        json!(view.start()),
        json!(view.end()?),
        json!(view.segments()),
        json!(bytes),
    ])
}

/// Changes the directory; the sentence that says what was done.
fn change(host: &Arc<dyn Host>, data: &Path, command: &TopicsCommand) -> Result<String> {
    // What can be refused without opening, and so creating, the directory is.
    match command {
        TopicsCommand::Create { topic, configs, .. } => check_create(topic, configs)?,
        TopicsCommand::Alter { set, unset, .. } => check_alter(set, unset)?,
        _ => {}
    }
    let mut session = Session::open(host, data, Durability::Synced)?;
    let done = match command {
        TopicsCommand::Create {
            topic,
            partitions,
            configs,
            if_not_exists,
        } => create(&mut session, topic, *partitions, configs, *if_not_exists),
        TopicsCommand::Alter {
            topic,
            partitions,
            set,
            unset,
            if_exists,
        } => alter(&mut session, topic, *partitions, set, unset, *if_exists),
        TopicsCommand::Delete { topic, if_exists } => delete(&mut session, topic, *if_exists),
        TopicsCommand::List { .. } | TopicsCommand::Describe { .. } => {
            unreachable!("they only read")
        }
    };
    let closed = session.close();
    let done = done?;
    closed?;
    Ok(done)
}

fn check_create(topic: &str, configs: &[(String, String)]) -> Result<()> {
    topic_name::check(topic).map_err(|error| ToolError::usage(error.to_string()))?;
    if topic == METADATA_TOPIC {
        return Err(ToolError::failed(format!(
            "`{METADATA_TOPIC}` is Kafka's metadata log and no topic to be created"
        )));
    }
    check_configs(
        configs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    )
}

fn check_alter(set: &[(String, String)], unset: &[String]) -> Result<()> {
    for (name, value) in set {
        topic_config::validate(name, value)
            .map_err(|error| ToolError::failed(error.to_string()))?;
    }
    for name in unset {
        if topic_config::key(name).is_none() {
            let error = topic_config::validate(name, "").expect_err("the name is unknown");
            return Err(ToolError::failed(error.to_string()));
        }
    }
    Ok(())
}

fn check_configs<'a>(configs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
    TopicConfig::new(configs)
        .map(|_| ())
        .map_err(|error| ToolError::failed(error.to_string()))
}

/// Creates a topic in an open session, after Kafka's own checks of name and configs.
pub fn create(
    session: &mut Session,
    topic: &str,
    partitions: i32,
    configs: &[(String, String)],
    if_not_exists: bool,
) -> Result<String> {
    check_create(topic, configs)?;
    let data = session.path().display().to_string();
    let others = session.image().topics().keys().map(String::as_str);
    topic_name::check_new(topic, others).map_err(|error| ToolError::failed(error.to_string()))?;
    match session.create_topic(topic, partitions, configs) {
        Ok(()) => {
            let partitions = count(partitions.unsigned_abs().into(), "partition");
            Ok(format!(
                "created topic `{topic}` with {partitions} in {data}"
            ))
        }
        Err(LogError::TopicExists { .. }) if if_not_exists => Ok(format!(
            "topic `{topic}` exists already in {data}; nothing was done"
        )),
        Err(error @ LogError::TopicExists { .. }) => Err(ToolError::from(error).hint(
            "--if-not-exists makes that no error; --alter changes configs and adds partitions",
        )),
        Err(error) => Err(error.into()),
    }
}

fn alter(
    session: &mut Session,
    topic: &str,
    partitions: Option<i32>,
    set: &[(String, String)],
    unset: &[String],
    if_exists: bool,
) -> Result<String> {
    let data = session.path().to_owned();
    let image = session.image();
    let Some(known) = image.topic(topic) else {
        if if_exists {
            return Ok(format!("there is no topic `{topic}`; nothing was done"));
        }
        return Err(unknown(image, &data, topic));
    };
    let before = known.partitions.len();
    let after = image
        .topic_configs(topic)
        .chain(
            set.iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
        .filter(|(name, _)| !unset.iter().any(|unset| unset == name));
    check_configs(after)?;
    let mut done = Vec::new();
    if let Some(partitions) = partitions {
        session.add_partitions(topic, partitions)?;
        done.push(format!(
            "{before} to {}",
            count(partitions.unsigned_abs().into(), "partition")
        ));
    }
    let changes = changes(set, unset);
    if !changes.is_empty() {
        session.alter_configs(topic, &changes)?;
        done.extend(changes.iter().map(in_words));
    }
    Ok(format!("altered topic `{topic}`: {}", done.join(", ")))
}

/// What to set, and what to set back.
fn changes(set: &[(String, String)], unset: &[String]) -> Vec<(String, Option<String>)> {
    set.iter()
        .filter(|(name, _)| !unset.contains(name))
        .map(|(name, value)| (name.clone(), Some(value.clone())))
        .chain(unset.iter().map(|name| (name.clone(), None)))
        .collect()
}

fn in_words((name, value): &(String, Option<String>)) -> String {
    match value {
        Some(value) => format!("{name}={value}"),
        None => format!("{name} back to its default"),
    }
}

fn delete(session: &mut Session, topic: &str, if_exists: bool) -> Result<String> {
    let data = session.path().to_owned();
    if session.image().topic(topic).is_none() {
        if if_exists {
            return Ok(format!("there is no topic `{topic}`; nothing was done"));
        }
        return Err(unknown(session.image(), &data, topic));
    }
    session.delete_topic(topic)?;
    Ok(format!("deleted topic `{topic}` from {}", data.display()))
}

fn shown(image: &Image, internal: bool) -> impl Iterator<Item = (&String, &Topic)> {
    let topics = image.topics().iter();
    topics.filter(move |(name, _)| internal || !topic_name::is_internal(name))
}

fn unknown(image: &Image, data: &Path, topic: &str) -> ToolError {
    let error = LogError::UnknownTopic {
        directory: data.to_owned(),
        topic: topic.to_owned(),
        nearest: image.nearest_topic(topic),
    };
    error.into()
}

fn worst_of(one: Exit, other: Exit) -> Exit {
    if one == Exit::Damage || other == Exit::Done {
        one
    } else {
        other
    }
}

fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .map_err(|error| ToolError::stdout(&error))
}
