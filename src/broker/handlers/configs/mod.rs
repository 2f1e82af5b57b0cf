//! Configs of topics, brokers, groups and client metrics: described with all the levels
//! at which they are set.
//!
//! Source: `kafka.server.ConfigHelper` of Apache Kafka 4.3.1; KIP-133, KIP-226, KIP-569.

mod alter;
mod levels;
mod small;

pub(super) use alter::{incremental, replace};

use super::Call;
use crate::format::broker_config;
use crate::format::topic_config::{ConfigKey, ConfigType, KEYS, broker_synonyms};
use crate::format::topic_name;
use crate::log::effective::Effective;
use crate::log::image::{BROKER_RESOURCE, TOPIC_RESOURCE};
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_topics::CreatableTopicConfigs;
use crate::protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::protocol::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use levels::{DEFAULT, Level, Levels, OF_ALL_BROKERS, OF_CLIENT_METRICS, OF_GROUP, OF_TOPIC};
use std::collections::BTreeMap;

/// The types of resources beside topics and brokers.
const LOGGER_RESOURCE: i8 = 8;
const CLIENT_METRICS_RESOURCE: i8 = 16;
const GROUP_RESOURCE: i8 = 32;
/// Where the level of a logger comes from.
const OF_LOGGER: i8 = 6;

type Refused = (ErrorCode, String);

fn invalid(message: impl Into<String>) -> Refused {
    (ErrorCode::InvalidRequest, message.into())
}

/// All configs of a topic for which these are set, as its creation is answered.
pub(super) fn of_new_topic(
    call: &Call<'_>,
    set: &BTreeMap<&str, &str>,
) -> Vec<CreatableTopicConfigs> {
    let image = call.broker.image();
    let levels = Levels::of(call, &image);
    // A name that no topic can have: only what brokers set counts.
    let effective = Effective::on_broker(&image, call.broker.node, &call.broker.config.set, "");
    shown()
        .map(|key| {
            let own = set.get(key.name).copied();
            CreatableTopicConfigs {
                name: key.name.to_owned(),
                config_source: match own {
                    Some(_) => OF_TOPIC,
                    None => levels.source_of_topic(key.name),
                },
                value: Some(own.unwrap_or(effective.origin(key.name).0).to_owned()),
                ..CreatableTopicConfigs::default()
            }
        })
        .collect()
}

fn shown() -> impl Iterator<Item = &'static ConfigKey> {
    KEYS.iter().filter(|key| !key.internal)
}

/// What was asked of a description.
#[derive(Clone, Copy)]
struct Wanted<'r> {
    names: Option<&'r [String]>,
    synonyms: bool,
    docs: bool,
}

impl Wanted<'_> {
    fn has(&self, name: &str) -> bool {
        self.names
            .is_none_or(|names| names.is_empty() || names.iter().any(|wanted| wanted == name))
    }

    /// One config, at its levels.
    fn config(
        &self,
        name: &str,
        value: Option<String>,
        kind: i8,
        levels: Vec<Level>,
        doc: &str,
    ) -> DescribeConfigsResourceResult {
        DescribeConfigsResourceResult {
            name: name.to_owned(),
            value,
            config_source: levels.first().map_or(DEFAULT, |level| level.source),
            synonyms: levels
                .into_iter()
                .filter(|_| self.synonyms)
                .map(|level| DescribeConfigsSynonym {
                    name: level.name.to_owned(),
                    value: level.value,
                    source: level.source,
                    ..DescribeConfigsSynonym::default()
                })
                .collect(),
            config_type: kind,
            documentation: self.docs.then(|| doc.to_owned()),
            ..DescribeConfigsResourceResult::default()
        }
    }
}

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let wanted = Wanted {
            names: resource.configuration_keys.as_deref(),
            synonyms: request.include_synonyms,
            docs: request.include_documentation,
        };
        let outcome = describe_one(call, resource, wanted);
        let (configs, refused) = match outcome {
            Ok(configs) => (configs, None),
            Err(refused) => (Vec::new(), Some(refused)),
        };
        DescribeConfigsResult {
            error_code: refused.as_ref().map_or(0, |(code, _)| code.code()),
            error_message: refused.map(|(_, message)| message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs,
            ..DescribeConfigsResult::default()
        }
    });
    DescribeConfigsResponse {
        results: results.collect(),
        ..DescribeConfigsResponse::default()
    }
}

fn describe_one(
    call: &Call<'_>,
    resource: &DescribeConfigsResource,
    wanted: Wanted<'_>,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        TOPIC_RESOURCE => describe_topic(call, name, wanted),
        BROKER_RESOURCE if name.is_empty() => Ok(describe_all_brokers(call, wanted)),
        BROKER_RESOURCE => {
            this_broker(call, name)?;
            Ok(describe_broker(call, wanted))
        }
        LOGGER_RESOURCE if name.is_empty() => Err(invalid("Broker id must not be empty")),
        LOGGER_RESOURCE => {
            this_broker(call, name)?;
            Ok(describe_logger(wanted))
        }
        CLIENT_METRICS_RESOURCE if name.is_empty() => Err(invalid(
            "Client metrics subscription name must not be empty",
        )),
        GROUP_RESOURCE if name.is_empty() => Err(invalid("Group name must not be empty")),
        CLIENT_METRICS_RESOURCE => Ok(describe_small(
            call,
            (CLIENT_METRICS_RESOURCE, name, OF_CLIENT_METRICS),
            &small::OF_CLIENT_METRICS,
            wanted,
        )),
        GROUP_RESOURCE => Ok(describe_small(
            call,
            (GROUP_RESOURCE, name, OF_GROUP),
            &small::OF_GROUPS,
            wanted,
        )),
        other => Err(invalid(format!("there is no resource of type {other}"))),
    }
}

/// Whether a resource's name is that of this broker.
fn this_broker(call: &Call<'_>, name: &str) -> Result<(), Refused> {
    let node = call.broker.node;
    let asked: i32 = name
        .parse()
        .map_err(|_| invalid(format!("Broker id must be an integer, but it is: {name}")))?;
    if asked == node.get() {
        return Ok(());
    }
    Err(invalid(format!(
        "Unexpected broker id, expected {node} or empty string, but received {name}"
    )))
}

fn describe_topic(
    call: &Call<'_>,
    name: &str,
    wanted: Wanted<'_>,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let image = call.broker.image();
    topic_name::check(name)
        .map_err(|error| (ErrorCode::InvalidTopicException, error.to_string()))?;
    if image.topic(name).is_none() {
        let message = "there is no such topic".to_owned();
        return Err((ErrorCode::UnknownTopicOrPartition, message));
    }
    let levels = Levels::of(call, &image);
    let effective = Effective::on_broker(&image, call.broker.node, &call.broker.config.set, name);
    let own: BTreeMap<_, _> = image.topic_configs(name).collect();
    let described = shown().filter(|key| wanted.has(key.name)).map(|key| {
        let value = Some(effective.origin(key.name).0.to_owned());
        let mut set = levels.of_topic(key.name);
        if own.contains_key(key.name) {
            let own = Level {
                name: key.name,
                value: value.clone(),
                source: OF_TOPIC,
            };
            set.insert(0, own);
        }
        wanted.config(key.name, value, kind(key.kind), set, key.doc)
    });
    Ok(described.collect())
}

/// What is set for all brokers.
fn describe_all_brokers(call: &Call<'_>, wanted: Wanted<'_>) -> Vec<DescribeConfigsResourceResult> {
    let image = call.broker.image();
    let levels = Levels::of(call, &image);
    let names = levels.all.keys().filter(|name| wanted.has(name));
    let described = names.map(|name| {
        let mut set = levels.at(name);
        set.retain(|level| level.source == OF_ALL_BROKERS);
        let value = levels.all.get(name).map(|value| (*value).to_owned());
        broker_config(wanted, name, value, set)
    });
    described.collect()
}

/// Every config of this broker.
fn describe_broker(call: &Call<'_>, wanted: Wanted<'_>) -> Vec<DescribeConfigsResourceResult> {
    let image = call.broker.image();
    let levels = Levels::of(call, &image);
    let known = broker_config::keys().iter();
    let mut names: Vec<&str> = known
        .filter(|key| !key.internal)
        .map(|key| key.name)
        .collect();
    let unknown = levels
        .names()
        .filter(|name| broker_config::key(name).is_none_or(|key| key.internal));
    names.extend(unknown);
    names.sort_unstable();
    names.dedup();
    let described = names.into_iter().filter(|name| wanted.has(name));
    described
        .map(|name| broker_config(wanted, name, levels.value(name), levels.at(name)))
        .collect()
}

fn broker_config(
    wanted: Wanted<'_>,
    name: &str,
    value: Option<String>,
    mut levels: Vec<Level<'_>>,
) -> DescribeConfigsResourceResult {
    let key = broker_config::key(name);
    // What is not known could be a secret.
    let is_secret = key.is_none_or(|key| key.kind == broker_config::Kind::Password);
    if is_secret {
        levels.iter_mut().for_each(|level| level.value = None);
    }
    let config = wanted.config(
        name,
        value.filter(|_| !is_secret),
        key.map_or(0, |key| key.kind as i8),
        levels,
        key.map_or("", |key| key.doc),
    );
    DescribeConfigsResourceResult {
        is_sensitive: is_secret,
        read_only: key.is_none_or(|key| key.changes == broker_config::Changes::Never),
        ..config
    }
}

/// The log has one level for everything.
fn describe_logger(wanted: Wanted<'_>) -> Vec<DescribeConfigsResourceResult> {
    const ROOT: &str = "root";
    let level = tracing::level_filters::LevelFilter::current().to_string();
    let described = DescribeConfigsResourceResult {
        name: ROOT.to_owned(),
        value: Some(level.to_ascii_uppercase()),
        config_source: OF_LOGGER,
        documentation: None,
        ..DescribeConfigsResourceResult::default()
    };
    Some(described)
        .filter(|_| wanted.has(ROOT))
        .into_iter()
        .collect()
}

/// The configs of a group, or of a subscription to clients' metrics.
fn describe_small(
    call: &Call<'_>,
    (kind, name, source): (i8, &str, i8),
    keys: &'static [small::Key],
    wanted: Wanted<'_>,
) -> Vec<DescribeConfigsResourceResult> {
    let image = call.broker.image();
    let levels = Levels::of(call, &image);
    let own: BTreeMap<_, _> = image.configs_of(kind, name).collect();
    let described = keys.iter().filter(|key| wanted.has(key.name)).map(|key| {
        let mut set = match key.broker {
            Some(broker) => levels.at(broker),
            None if kind == GROUP_RESOURCE => vec![Level {
                name: key.name,
                value: Some(key.default.to_owned()),
                source: DEFAULT,
            }],
            None => Vec::new(),
        };
        let own = own.get(key.name).copied();
        if let Some(value) = own {
            let level = Level {
                name: key.name,
                value: Some(value.to_owned()),
                source,
            };
            set.insert(0, level);
        }
        let value = own
            .map(str::to_owned)
            .or_else(|| key.broker.and_then(|broker| levels.value(broker)))
            .unwrap_or_else(|| key.default.to_owned());
        wanted.config(key.name, Some(value), key.kind as i8, set, key.doc)
    });
    described.collect()
}

/// Kafka's number of a type.
const fn kind(kind: ConfigType) -> i8 {
    use broker_config::Kind;
    let kind = match kind {
        ConfigType::Boolean => Kind::Boolean,
        ConfigType::String => Kind::String,
        ConfigType::Int => Kind::Int,
        ConfigType::Long => Kind::Long,
        ConfigType::Double => Kind::Double,
        ConfigType::List => Kind::List,
    };
    kind as i8
}

/// The first name that brokers have for a topic's config.
fn broker_name(topic: &str) -> Option<&'static str> {
    broker_synonyms(topic).first().map(|synonym| synonym.name)
}

/// Which resources have configs, or may have.
pub(super) fn list(
    call: &Call<'_>,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    // What version 0 lists are client metrics.
    let all: &[i8] = match call.header.version {
        0 => &[CLIENT_METRICS_RESOURCE],
        _ => &[
            TOPIC_RESOURCE,
            BROKER_RESOURCE,
            LOGGER_RESOURCE,
            CLIENT_METRICS_RESOURCE,
            GROUP_RESOURCE,
        ],
    };
    let asked = match request.resource_types.as_slice() {
        [] => all,
        asked => asked,
    };
    if !asked.iter().all(|kind| all.contains(kind)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UnsupportedVersion.code(),
            ..ListConfigResourcesResponse::default()
        };
    }
    let image = call.broker.image();
    let mut resources = Vec::new();
    for kind in all.iter().rev().filter(|kind| asked.contains(kind)) {
        let names: Vec<String> = match *kind {
            TOPIC_RESOURCE => image.topics().keys().cloned().collect(),
            BROKER_RESOURCE | LOGGER_RESOURCE => vec![call.broker.node.to_string()],
            kind => (image.configs())
                .filter(|(other, ..)| *other == kind)
                .map(|(_, name, _)| name.to_owned())
                .collect(),
        };
        resources.extend(names.into_iter().map(|resource_name| ConfigResource {
            resource_name,
            resource_type: *kind,
            ..ConfigResource::default()
        }));
    }
    ListConfigResourcesResponse {
        config_resources: resources,
        ..ListConfigResourcesResponse::default()
    }
}
