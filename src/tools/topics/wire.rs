//! `topics` of a server.

use super::{
    NAME, Shown, changes, check_alter, check_create, in_words, print_descriptions, print_list,
    unread,
};
use crate::client::admin::{self, Config, NewTopic};
use crate::client::cluster::Topic;
use crate::client::offsets::{self, At};
use crate::client::{ClientError, Cluster};
use crate::format::Offset;
use crate::host::Host;
use crate::protocol::ErrorCode;
use crate::tools::args::DataFormat;
use crate::tools::args::topics::{TopicsCommand, TopicsOptions};
use crate::tools::error::{Exit, Result, ToolError};
use crate::tools::numbers::count;
use crate::tools::progress::summary;
use crate::tools::run::complain;
use crate::tools::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Does what the options say.
pub(super) fn run(options: &TopicsOptions, server: &Server, host: &Arc<dyn Host>) -> Result<()> {
    // What can be refused without a connection is.
    match &options.command {
        TopicsCommand::Create { topic, configs, .. } => check_create(topic, configs)?,
        TopicsCommand::Alter { set, unset, .. } => check_alter(set, unset)?,
        _ => {}
    }
    let mut cluster = server.connect(host)?;
    let done = match &options.command {
        TopicsCommand::List { internal } => {
            return list(&mut cluster, *internal, options.output);
        }
        TopicsCommand::Describe { topic, internal } => {
            return describe(&mut cluster, topic.as_deref(), *internal, options.output);
        }
        TopicsCommand::Create {
            topic,
            partitions,
            configs,
            if_not_exists,
        } => {
            let new = NewTopic {
                name: topic,
                partitions: *partitions,
                configs,
            };
            create(&mut cluster, server, &new, *if_not_exists)?
        }
        TopicsCommand::Alter {
            topic,
            partitions,
            set,
            unset,
            if_exists,
        } => {
            let changes = changes(set, unset);
            alter(&mut cluster, topic, *partitions, &changes, *if_exists)?
        }
        TopicsCommand::Delete { topic, if_exists } => {
            delete(&mut cluster, server, topic, *if_exists)?
        }
    };
    summary(NAME, options.quiet, &done);
    Ok(())
}

fn list(cluster: &mut Cluster, internal: bool, output: DataFormat) -> Result<()> {
    let topics = all(cluster, internal)?;
    let shown = show(cluster, topics)?;
    print_list(shown.into_iter().map(|(shown, _)| shown), output)
}

/// Every topic, by name.
fn all(cluster: &mut Cluster, internal: bool) -> Result<BTreeMap<String, Topic>> {
    let listed = cluster.describe(None, false)?;
    let topics = listed.into_iter().filter_map(|topic| {
        let name = topic.name.clone()?;
        Some((name, Topic::from(topic)))
    });
    Ok(topics
        .filter(|(name, _)| internal || !crate::format::topic_name::is_internal(name))
        .collect())
}

/// Adds the configs that are the topics' own.
fn show(cluster: &mut Cluster, topics: BTreeMap<String, Topic>) -> Result<Vec<(Shown, Topic)>> {
    let names: Vec<&str> = topics.keys().map(String::as_str).collect();
    let mut configs = admin::topic_configs(cluster, &names)?;
    let shown = topics.into_iter().map(|(name, topic)| {
        let own = configs.remove(&name).unwrap_or_default();
        let own: BTreeMap<String, Value> = own
            .into_iter()
            .filter(|config: &Config| config.is_own)
            .map(|config| (config.name, json!(config.value)))
            .collect();
        let shown = Shown {
            id: topic.id,
            partitions: topic.partitions.len(),
            configs: own.into_iter().collect(),
            rows: Vec::new(),
            name,
        };
        (shown, topic)
    });
    Ok(shown.collect())
}

fn describe(
    cluster: &mut Cluster,
    only: Option<&str>,
    internal: bool,
    output: DataFormat,
) -> Result<()> {
    let topics = match only {
        None => all(cluster, internal)?,
        Some(name) => BTreeMap::from([(name.to_owned(), cluster.must_have(name)?)]),
    };
    let mut worst = Exit::Done;
    let mut described = Vec::new();
    for (mut shown, topic) in show(cluster, topics)? {
        match rows(cluster, &shown.name, &topic) {
            Ok(rows) => shown.rows = rows,
            Err(error) => {
                complain(NAME, &error);
                worst = Exit::Failed;
                shown.rows = unknown_rows(&shown.name, &topic);
            }
        }
        described.push(shown);
    }
    print_descriptions(described, only.is_some(), output)?;
    unread(worst)
}

/// The rows of a topic's description. How many segments a partition has, no server
/// tells.
fn rows(cluster: &mut Cluster, name: &str, topic: &Topic) -> Result<Vec<Vec<Value>>> {
    let numbers: Vec<i32> = topic.partitions.keys().copied().collect();
    let starts = offsets::list(cluster, name, &numbers, At::Start)?;
    let ends = offsets::list(cluster, name, &numbers, At::End)?;
    let sizes = match admin::sizes(cluster, name, topic) {
        Ok(sizes) => sizes,
        Err(ClientError::Refused { .. } | ClientError::Unsupported { .. }) => BTreeMap::new(),
        Err(error) => return Err(error.into()),
    };
    let offset =
        |of: &BTreeMap<i32, Option<Offset>>, number| json!(of.get(number).copied().flatten());
    Ok(topic
        .partitions
        .iter()
        .map(|(number, partition)| {
            vec![
                json!(name),
                json!(number),
                json!(partition.epoch),
                offset(&starts, number),
                offset(&ends, number),
                Value::Null,
                json!(sizes.get(number)),
            ]
        })
        .collect())
}

fn unknown_rows(name: &str, topic: &Topic) -> Vec<Vec<Value>> {
    let rows = topic.partitions.iter().map(|(number, partition)| {
        let mut row = vec![json!(name), json!(number), json!(partition.epoch)];
        row.resize(super::DESCRIBE.len(), Value::Null);
        row
    });
    rows.collect()
}

fn create(
    cluster: &mut Cluster,
    server: &Server,
    new: &NewTopic<'_>,
    if_not_exists: bool,
) -> Result<String> {
    let (topic, place) = (new.name, server.without_topic());
    match admin::create_topic(cluster, new) {
        Ok(()) => {
            // Whoever comes next finds it.
            admin::await_topic(cluster, topic)?;
            let partitions = count(new.partitions.unsigned_abs().into(), "partition");
            Ok(format!(
                "created topic `{topic}` with {partitions} in {place}"
            ))
        }
        Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => match if_not_exists {
            true => Ok(format!(
                "topic `{topic}` exists already in {place}; nothing was done"
            )),
            false => Err(ToolError::from(error).hint(
                "--if-not-exists makes that no error; --alter changes configs and adds partitions",
            )),
        },
        Err(error) => Err(error.into()),
    }
}

fn alter(
    cluster: &mut Cluster,
    topic: &str,
    partitions: Option<i32>,
    changes: &[(String, Option<String>)],
    if_exists: bool,
) -> Result<String> {
    let Some(known) = cluster.topic(topic)? else {
        return missing(cluster, topic, if_exists);
    };
    let before = known.partitions.len();
    let mut done = Vec::new();
    if let Some(partitions) = partitions {
        admin::create_partitions(cluster, topic, partitions)?;
        done.push(format!(
            "{before} to {}",
            count(partitions.unsigned_abs().into(), "partition")
        ));
    }
    if !changes.is_empty() {
        admin::alter_configs(cluster, topic, changes)?;
        done.extend(changes.iter().map(in_words));
    }
    Ok(format!("altered topic `{topic}`: {}", done.join(", ")))
}

fn delete(cluster: &mut Cluster, server: &Server, topic: &str, if_exists: bool) -> Result<String> {
    if cluster.topic(topic)?.is_none() {
        return missing(cluster, topic, if_exists);
    }
    admin::delete_topic(cluster, topic)?;
    Ok(format!(
        "deleted topic `{topic}` from {}",
        server.without_topic()
    ))
}

fn missing(cluster: &mut Cluster, topic: &str, is_fine: bool) -> Result<String> {
    if is_fine {
        return Ok(format!("there is no topic `{topic}`; nothing was done"));
    }
    Err(cluster.unknown_topic(topic).into())
}
