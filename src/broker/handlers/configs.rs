//! Configs of topics: described with their sources, altered.
//!
//! Source: `org.apache.kafka.server.ConfigAdminManager`, `ConfigHelper`; KIP-133, KIP-339.

use super::Call;
use crate::broker::error_code;
use crate::format::topic_config::{self, ConfigKey, ConfigType, KEYS, TopicConfig};
use crate::log::effective::{Effective, Origin};
use crate::log::image::{BROKER_RESOURCE, Image, TOPIC_RESOURCE};
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_topics::CreatableTopicConfigs;
use crate::protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where a value comes from.
const SET_ON_TOPIC: i8 = 1;
const SET_ON_BROKER: i8 = 2;
const SET_ON_ALL: i8 = 3;
const STATIC: i8 = 4;
const DEFAULT: i8 = 5;

/// What an alteration does to a value.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// All configs of a topic for which these are set, as its creation is answered.
pub(super) fn of_new_topic(_: &Call<'_>, set: &BTreeMap<&str, &str>) -> Vec<CreatableTopicConfigs> {
    shown()
        .map(|key| {
            let value = set.get(key.name).copied();
            CreatableTopicConfigs {
                name: key.name.to_owned(),
                config_source: if value.is_some() {
                    SET_ON_TOPIC
                } else {
                    DEFAULT
                },
                value: value.or(key.default).map(str::to_owned),
                ..CreatableTopicConfigs::default()
            }
        })
        .collect()
}

fn shown() -> impl Iterator<Item = &'static ConfigKey> {
    KEYS.iter().filter(|key| !key.internal)
}

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let image = call.broker.image();
    let results = request.resources.iter().map(|resource| {
        let failed = |code: ErrorCode, message: &str| DescribeConfigsResult {
            error_code: code.code(),
            error_message: Some(message.to_owned()),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..DescribeConfigsResult::default()
        };
        match resource.resource_type {
            TOPIC_RESOURCE if image.topic(&resource.resource_name).is_none() => {
                failed(ErrorCode::UnknownTopicOrPartition, "there is no such topic")
            }
            TOPIC_RESOURCE => DescribeConfigsResult {
                error_message: None,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs: describe_topic(call, &image, resource, &request),
                ..DescribeConfigsResult::default()
            },
            BROKER_RESOURCE => DescribeConfigsResult {
                error_message: None,
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs: describe_broker(call, &image, resource),
                ..DescribeConfigsResult::default()
            },
            _ => failed(ErrorCode::InvalidRequest, "expected a topic or a broker"),
        }
    });
    DescribeConfigsResponse {
        results: results.collect(),
        ..DescribeConfigsResponse::default()
    }
}

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    let keys = resource.configuration_keys.as_ref();
    keys.is_none_or(|keys| keys.iter().any(|key| key == name))
}

fn describe_topic(
    call: &Call<'_>,
    image: &Image,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Vec<DescribeConfigsResourceResult> {
    let node = Some(call.broker.node);
    let effective = Effective::of(Some(image), node, &resource.resource_name);
    shown()
        .filter(|key| is_wanted(resource, key.name))
        .map(|key| {
            let (value, origin) = effective.origin(key.name);
            let value = (origin != Origin::Default).then_some(value);
            let (source, name) = match origin {
                Origin::Topic => (SET_ON_TOPIC, key.name),
                Origin::Broker(name) => (SET_ON_BROKER, name),
                Origin::Brokers(name) => (SET_ON_ALL, name),
                Origin::Static(name) => (STATIC, name),
                Origin::Default => (DEFAULT, key.name),
            };
            let synonym = |source, name: &str, value: &str| DescribeConfigsSynonym {
                name: name.to_owned(),
                value: Some(value.to_owned()),
                source,
                ..DescribeConfigsSynonym::default()
            };
            let synonyms = if request.include_synonyms {
                let set = value.map(|value| synonym(source, name, value));
                let default = key.default.map(|value| synonym(DEFAULT, key.name, value));
                set.into_iter().chain(default).collect()
            } else {
                Vec::new()
            };
            DescribeConfigsResourceResult {
                name: key.name.to_owned(),
                value: value.or(key.default).map(str::to_owned),
                config_source: source,
                synonyms,
                config_type: kind(key.kind),
                documentation: request.include_documentation.then(|| key.doc.to_owned()),
                ..DescribeConfigsResourceResult::default()
            }
        })
        .collect()
}

/// What was set for this node: by `server.properties` or its command line, and in
/// the metadata, for it or for all.
fn describe_broker(
    call: &Call<'_>,
    image: &Image,
    resource: &DescribeConfigsResource,
) -> Vec<DescribeConfigsResourceResult> {
    let mut found = BTreeMap::new();
    let is_default = resource.resource_name.is_empty();
    if !is_default {
        let fixed = call.broker.config.set.iter();
        found.extend(fixed.map(|(name, value)| (name.clone(), (value.clone(), STATIC))));
    }
    for (kind, name, configs) in image.configs() {
        if kind != BROKER_RESOURCE || !(name.is_empty() || name == resource.resource_name) {
            continue;
        }
        let source = if name.is_empty() {
            SET_ON_ALL
        } else {
            SET_ON_BROKER
        };
        for (name, value) in configs {
            found.insert(name.clone(), (value.clone(), source));
        }
    }
    found
        .into_iter()
        .filter(|(name, _)| is_wanted(resource, name))
        .map(
            |(name, (value, config_source))| DescribeConfigsResourceResult {
                name,
                value: Some(value),
                read_only: config_source == STATIC,
                config_source,
                documentation: None,
                ..DescribeConfigsResourceResult::default()
            },
        )
        .collect()
}

/// Kafka's number of a type.
const fn kind(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
    }
}

pub(super) fn alter(
    call: &Call<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut response = IncrementalAlterConfigsResponse::default();
    for resource in request.resources {
        let outcome = alter_one(call, &resource, request.validate_only);
        let (error_code, error_message) = match outcome {
            Ok(()) => (0, None),
            Err((code, message)) => (code.code(), Some(message)),
        };
        response.responses.push(AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            ..AlterConfigsResourceResponse::default()
        });
    }
    response
}

type Refused = (ErrorCode, String);

fn alter_one(
    call: &Call<'_>,
    resource: &AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refused> {
    let image = call.broker.image();
    let topic = resource.resource_name.as_str();
    if resource.resource_type != TOPIC_RESOURCE {
        let message = "only the configs of topics are altered here".to_owned();
        return Err((ErrorCode::InvalidRequest, message));
    }
    if image.topic(topic).is_none() {
        let message = "there is no such topic".to_owned();
        return Err((ErrorCode::UnknownTopicOrPartition, message));
    }
    let changes = changes(&image, resource)?;
    if validate_only || changes.is_empty() {
        return Ok(());
    }
    call.broker
        .change(|session| session.alter_configs(topic, &changes))
        .map_err(|error| (error_code(&error), error.to_string()))
}

/// What a request comes to: each name with its new value, or none.
fn changes(
    image: &Image,
    resource: &AlterConfigsResource,
) -> Result<Vec<(String, Option<String>)>, Refused> {
    let invalid = |message: String| (ErrorCode::InvalidConfig, message);
    let before: BTreeMap<_, _> = image.topic_configs(&resource.resource_name).collect();
    let mut after: BTreeMap<String, String> = before
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut named = BTreeSet::new();
    for config in &resource.configs {
        if !named.insert(config.name.as_str()) {
            let message = format!("{} is named more than once", config.name);
            return Err((ErrorCode::InvalidRequest, message));
        }
        let name = config.name.clone();
        let value = || {
            let missing = || {
                (
                    ErrorCode::InvalidRequest,
                    format!("{}: expected a value", config.name),
                )
            };
            config.value.clone().ok_or_else(missing)
        };
        match config.config_operation {
            SET => drop(after.insert(name, value()?)),
            DELETE => drop(after.remove(&name)),
            APPEND | SUBTRACT => {
                let Some(key) = topic_config::key(&name).filter(|key| key.kind == ConfigType::List)
                else {
                    return Err(invalid(format!("{name} is no list")));
                };
                let known = after.get(&name).map(String::as_str).or(key.default);
                let mut list = items(known.unwrap_or_default());
                let given = value()?;
                let given = items(&given);
                if config.config_operation == APPEND {
                    list.extend(
                        given
                            .into_iter()
                            .filter(|item| !list.contains(item))
                            .collect::<Vec<_>>(),
                    );
                } else {
                    list.retain(|item| !given.contains(item));
                }
                after.insert(name, list.join(","));
            }
            other => {
                let message = format!("expected an operation from 0 to 3, found {other}");
                return Err((ErrorCode::InvalidRequest, message));
            }
        }
    }
    let pairs = after
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    TopicConfig::new(pairs).map_err(|error| invalid(error.to_string()))?;
    Ok(named
        .into_iter()
        .filter(|name| before.get(name).copied() != after.get(*name).map(String::as_str))
        .map(|name| (name.to_owned(), after.get(name).cloned()))
        .collect())
}

fn items(text: &str) -> Vec<String> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}
