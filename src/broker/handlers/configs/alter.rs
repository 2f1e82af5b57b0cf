//! Configs altered, one by one (`IncrementalAlterConfigs`) or all of a resource at once
//! (`AlterConfigs`): checked, and written to the metadata log as one batch.
//!
//! Source: `kafka.server.ConfigAdminManager`,
//! `org.apache.kafka.controller.ConfigurationControlManager`,
//! `kafka.server.ControllerConfigurationValidator` of Apache Kafka 4.3.1; KIP-339.

use super::levels::Levels;
use super::{
    CLIENT_METRICS_RESOURCE, GROUP_RESOURCE, LOGGER_RESOURCE, Refused, invalid, small, this_broker,
};
use crate::broker::error_code;
use crate::broker::handlers::Call;
use crate::format::broker_config::{self, Changes};
use crate::format::metadata::{ClearElrRecord, ConfigRecord, MetadataRecord};
use crate::format::topic_config::{self, ConfigType, TopicConfig};
use crate::format::topic_name;
use crate::log::image::{BROKER_RESOURCE, Image, TOPIC_RESOURCE};
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_configs::{
    AlterConfigsRequest, AlterConfigsResourceResponse as ReplacedResource, AlterConfigsResponse,
};
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use std::collections::{BTreeMap, BTreeSet};

/// What an alteration does to a value.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const MIN_IN_SYNC: &str = "min.insync.replicas";
const ELIGIBLE_REPLICAS: &str = "eligible.leader.replicas.version";
/// The longest value, as it fits into Kafka's strings.
const LONGEST_VALUE: usize = i16::MAX as usize;

/// What is to be done to one resource.
struct Alteration {
    kind: i8,
    name: String,
    /// Name, operation, value.
    configs: Vec<(String, i8, Option<String>)>,
    /// Whether what is not named is unset.
    replaces: bool,
}

pub(in crate::broker::handlers) fn incremental(
    call: &Call<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let alterations = request.resources.into_iter().map(|resource| Alteration {
        kind: resource.resource_type,
        name: resource.resource_name,
        configs: (resource.configs.into_iter())
            .map(|config| (config.name, config.config_operation, config.value))
            .collect(),
        replaces: false,
    });
    let outcomes = alter(call, alterations.collect(), request.validate_only);
    let responses = outcomes.into_iter().map(|(alteration, outcome)| {
        let (code, error_message) = told(outcome);
        AlterConfigsResourceResponse {
            error_code: code,
            error_message,
            resource_type: alteration.kind,
            resource_name: alteration.name,
            ..AlterConfigsResourceResponse::default()
        }
    });
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..IncrementalAlterConfigsResponse::default()
    }
}

pub(in crate::broker::handlers) fn replace(
    call: &Call<'_>,
    request: AlterConfigsRequest,
) -> AlterConfigsResponse {
    let alterations = request.resources.into_iter().map(|resource| Alteration {
        kind: resource.resource_type,
        name: resource.resource_name,
        configs: (resource.configs.into_iter())
            .map(|config| (config.name, SET, config.value))
            .collect(),
        replaces: true,
    });
    let outcomes = alter(call, alterations.collect(), request.validate_only);
    let responses = outcomes.into_iter().map(|(alteration, outcome)| {
        let (code, error_message) = told(outcome);
        ReplacedResource {
            error_code: code,
            error_message,
            resource_type: alteration.kind,
            resource_name: alteration.name,
            ..ReplacedResource::default()
        }
    });
    AlterConfigsResponse {
        responses: responses.collect(),
        ..AlterConfigsResponse::default()
    }
}

fn told(outcome: Result<(), Refused>) -> (i16, Option<String>) {
    match outcome {
        Ok(()) => (0, None),
        Err((code, message)) => (code.code(), Some(message)),
    }
}

/// Does what can be done, all of it in one batch.
fn alter(
    call: &Call<'_>,
    alterations: Vec<Alteration>,
    validate_only: bool,
) -> Vec<(Alteration, Result<(), Refused>)> {
    let image = call.broker.image();
    let mut times = BTreeMap::new();
    for alteration in &alterations {
        let resource = (alteration.kind, alteration.name.clone());
        *times.entry(resource).or_insert(0) += 1;
    }
    let mut records = Vec::new();
    let mut outcomes = Vec::new();
    for alteration in alterations {
        let is_alone = times[&(alteration.kind, alteration.name.clone())] == 1;
        let outcome = match is_alone {
            true => decide(call, &image, &alteration).map(|made| records.extend(made)),
            false => Err(invalid("Each resource must appear at most once.")),
        };
        outcomes.push((alteration, outcome));
    }
    if validate_only || records.is_empty() {
        return outcomes;
    }
    if let Err(error) = call
        .broker
        .change(|session| session.change(|_| Ok(records)))
    {
        let refused = (error_code(&error), error.to_string());
        for (_, outcome) in outcomes.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
            *outcome = Err(refused.clone());
        }
    }
    outcomes
}

/// The records that an alteration comes to.
fn decide(
    call: &Call<'_>,
    image: &Image,
    alteration: &Alteration,
) -> Result<Vec<MetadataRecord>, Refused> {
    let mut named = BTreeSet::new();
    for (name, operation, value) in &alteration.configs {
        if !named.insert(name.as_str()) {
            return Err(invalid(format!("{name} is named more than once")));
        }
        if value.is_none() && *operation != DELETE {
            return Err(invalid(format!("Null value not supported for : {name}")));
        }
    }
    check_resource(call, image, alteration)?;
    let before: BTreeMap<String, String> = image
        .configs_of(alteration.kind, &alteration.name)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let after = outcome_of(alteration, &before)?;
    check_configs(call, image, alteration, &after)?;
    // Those of brokers are written even where nothing changes: they may stand for a
    // file that is to be read again.
    let is_written = |name: &str| {
        (alteration.kind == BROKER_RESOURCE && named.contains(name))
            || before.get(name) != after.get(name)
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let deleted = alteration.configs.iter().map(|(name, ..)| name);
    let names: BTreeSet<&String> = names.into_iter().chain(deleted).collect();
    let mut records: Vec<_> = names
        .into_iter()
        .filter(|name| is_written(name))
        .map(|name| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: alteration.kind,
                resource_name: alteration.name.clone(),
                name: name.clone(),
                value: after.get(name).cloned(),
                ..ConfigRecord::default()
            })
        })
        .collect();
    let is_min_in_sync = |record: &MetadataRecord| matches!(record, MetadataRecord::Config(config) if config.name == MIN_IN_SYNC);
    if has_eligible_replicas(image) && records.iter().any(is_min_in_sync) {
        let topic_name = match alteration.kind {
            TOPIC_RESOURCE => alteration.name.clone(),
            _ => String::new(),
        };
        records.push(MetadataRecord::ClearElr(ClearElrRecord {
            topic_name,
            ..ClearElrRecord::default()
        }));
    }
    Ok(records)
}

fn has_eligible_replicas(image: &Image) -> bool {
    image
        .features()
        .get(ELIGIBLE_REPLICAS)
        .copied()
        .unwrap_or(0)
        > 0
}

/// Whether there is such a resource, here.
fn check_resource(call: &Call<'_>, image: &Image, alteration: &Alteration) -> Result<(), Refused> {
    let name = alteration.name.as_str();
    match alteration.kind {
        TOPIC_RESOURCE if name.is_empty() => {
            Err(invalid("Default topic resources are not allowed."))
        }
        TOPIC_RESOURCE => {
            topic_name::check(name)
                .map_err(|error| (ErrorCode::InvalidTopicException, error.to_string()))?;
            match image.topic(name) {
                Some(_) => Ok(()),
                None => Err((
                    ErrorCode::UnknownTopicOrPartition,
                    format!("there is no topic {name:?}"),
                )),
            }
        }
        BROKER_RESOURCE if name.is_empty() => Ok(()),
        BROKER_RESOURCE => this_broker(call, name),
        CLIENT_METRICS_RESOURCE | GROUP_RESOURCE => Ok(()),
        LOGGER_RESOURCE if !alteration.replaces => Err((
            ErrorCode::InvalidConfig,
            "the level of the log is set at the start of the server".to_owned(),
        )),
        other => Err(invalid(format!("Unknown resource type {other}"))),
    }
}

/// The configs as they are afterwards.
fn outcome_of(
    alteration: &Alteration,
    before: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Refused> {
    let mut after = match alteration.replaces {
        true => BTreeMap::new(),
        false => before.clone(),
    };
    for (name, operation, value) in &alteration.configs {
        let value = value.as_deref().unwrap_or_default();
        match *operation {
            SET => drop(after.insert(name.clone(), value.to_owned())),
            DELETE => drop(after.remove(name)),
            APPEND | SUBTRACT => {
                let default = list_default(alteration.kind, name).ok_or_else(|| {
                    let message = format!("{name} is no list: nothing is added to it or taken out");
                    (ErrorCode::InvalidConfig, message)
                })?;
                let known = after.get(name).map_or(default, String::as_str);
                let mut list = items(known);
                let given = items(value);
                if *operation == APPEND {
                    let new: Vec<_> = (given.iter())
                        .filter(|item| !list.contains(item))
                        .copied()
                        .collect();
                    list.extend(new);
                } else {
                    list.retain(|item| !given.contains(item));
                }
                let list = list.join(",");
                after.insert(name.clone(), list);
            }
            other => return Err(invalid(format!("Unknown operations type {other}"))),
        }
        if after
            .get(name)
            .is_some_and(|value| value.len() > LONGEST_VALUE)
        {
            let message = format!("{name}: expected a value of at most {LONGEST_VALUE} bytes");
            return Err((ErrorCode::InvalidConfig, message));
        }
    }
    Ok(after)
}

/// The value of a list that is not set; `None` where it is none.
fn list_default(kind: i8, name: &str) -> Option<&'static str> {
    match kind {
        TOPIC_RESOURCE => topic_config::key(name)
            .filter(|key| key.kind == ConfigType::List)
            .map(|key| key.default.unwrap_or_default()),
        BROKER_RESOURCE => broker_config::key(name)
            .filter(|key| key.kind == broker_config::Kind::List)
            .map(|key| key.default.unwrap_or_default()),
        CLIENT_METRICS_RESOURCE => small::OF_CLIENT_METRICS
            .iter()
            .find(|key| key.name == name && key.kind == broker_config::Kind::List)
            .map(|key| key.default),
        _ => None,
    }
}

fn items(text: &str) -> Vec<&str> {
    let items = text.split(',').map(str::trim);
    items.filter(|item| !item.is_empty()).collect()
}

/// Whether a resource may have these configs.
fn check_configs(
    call: &Call<'_>,
    image: &Image,
    alteration: &Alteration,
    after: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    match alteration.kind {
        TOPIC_RESOURCE => {
            let pairs = after
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            TopicConfig::new(pairs)
                .map(drop)
                .map_err(|error| (ErrorCode::InvalidConfig, error.to_string()))
        }
        BROKER_RESOURCE => check_broker(image, alteration, after),
        CLIENT_METRICS_RESOURCE => small::check_client_metrics(&alteration.name, after),
        _ => {
            let levels = Levels::of(call, image);
            small::check_group(&alteration.name, after, |name| levels.value(name))
        }
    }
}

fn check_broker(
    image: &Image,
    alteration: &Alteration,
    after: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    let is_for_all = alteration.name.is_empty();
    for (name, value) in after {
        // A name that nobody knows may be that of a plug-in of Kafka's.
        let Some(key) = broker_config::key(name) else {
            continue;
        };
        match key.changes {
            Changes::Never => {
                return Err(invalid(format!(
                    "Cannot update these configs dynamically: {name}"
                )));
            }
            Changes::Broker if name.starts_with("ssl.") => {
                return Err(invalid(format!(
                    "{name} is set for a listener, as listener.name.LISTENER.{name}"
                )));
            }
            Changes::Broker if is_for_all => {
                return Err(invalid(format!(
                    "{name} is set for one broker, not for all"
                )));
            }
            Changes::Broker | Changes::Cluster => key.check(value).map_err(invalid)?,
        }
    }
    if has_eligible_replicas(image) {
        let is_named = (alteration.configs.iter()).any(|(name, ..)| name == MIN_IN_SYNC);
        let goes = !after.contains_key(MIN_IN_SYNC)
            && image
                .configs_of(BROKER_RESOURCE, &alteration.name)
                .any(|(name, _)| name == MIN_IN_SYNC);
        if (!is_for_all && is_named) || (is_for_all && goes) {
            return Err((
                ErrorCode::InvalidConfig,
                format!("{MIN_IN_SYNC} is set for all brokers while {ELIGIBLE_REPLICAS} is on"),
            ));
        }
    }
    Ok(())
}
