//! The work of `ottla topics`: list, describe, create, alter, delete.
//!
//! Reading takes no lock, so it also works while a broker holds the directory.
//! Every change is one batch of KRaft records, durable before this returns, but
//! for `--alter` with partitions and configs, which is two.

use super::args::DataFormat;
use super::args::topics::{TopicsCommand, TopicsOptions};
use super::error::{Exit, Result, ToolError};
use super::progress::{count, summary};
use super::run::complain;
use super::table::Table;
use crate::format::topic_config::{self, TopicConfig};
use crate::format::topic_name;
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

/// Does what the options say.
pub fn run(options: &TopicsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let data = options.location.data.as_path();
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
    let mut table = Table::new(&LIST);
    for (name, topic) in shown(image, internal) {
        table.push(vec![
            json!(name),
            json!(topic.id),
            json!(topic.partitions.len()),
            json!(topic_name::is_internal(name)),
            configs(image, name),
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
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    for (name, topic) in &topics {
        let mut table = Table::new(&DESCRIBE);
        for partition in topic.partitions.keys() {
            let (row, exit) =
                describe_partition(host.as_ref(), &directory, name, topic, *partition);
            worst = worst_of(worst, exit);
            table.push(row);
        }
        match output {
            DataFormat::Json => {
                let mut document = Map::new();
                document.insert("topic".to_owned(), json!(name));
                document.insert("topicId".to_owned(), json!(topic.id));
                document.insert("internal".to_owned(), json!(topic_name::is_internal(name)));
                document.insert("configs".to_owned(), configs(image, name));
                document.insert("partitions".to_owned(), table.to_json());
                documents.push(Value::Object(document));
            }
            DataFormat::Table => {
                if !rows.is_empty() {
                    rows.push(b'\n');
                }
                rows.extend_from_slice(heading(image, name, topic).as_bytes());
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
        let document = match only {
            Some(_) => documents.remove(0),
            None => Value::Array(documents),
        };
        rows = serde_json::to_vec_pretty(&document).expect("values are JSON");
        rows.push(b'\n');
    }
    print(&rows)?;
    if worst == Exit::Done {
        return Ok(());
    }
    Err(ToolError::new(
        worst,
        "not every partition could be read; its cells are empty",
    ))
}

fn heading(image: &Image, name: &str, topic: &Topic) -> String {
    let mut text = format!(
        "topic {name}, id {}, {}\n",
        topic.id,
        count(topic.partitions.len() as u64, "partition")
    );
    for (config, value) in image.topic_configs(name) {
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
    let changes: Vec<(String, Option<String>)> = set
        .iter()
        .filter(|(name, _)| !unset.contains(name))
        .map(|(name, value)| (name.clone(), Some(value.clone())))
        .chain(unset.iter().map(|name| (name.clone(), None)))
        .collect();
    if !changes.is_empty() {
        session.alter_configs(topic, &changes)?;
        done.extend(changes.iter().map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => format!("{name} back to its default"),
        }));
    }
    Ok(format!("altered topic `{topic}`: {}", done.join(", ")))
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

fn configs(image: &Image, topic: &str) -> Value {
    let pairs = image
        .topic_configs(topic)
        .map(|(name, value)| (name.to_owned(), json!(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
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
