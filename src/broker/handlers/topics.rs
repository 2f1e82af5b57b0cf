//! `CreateTopics`, `DeleteTopics`, `CreatePartitions`.
//!
//! Source: `org.apache.kafka.controller.ReplicationControlManager` of Apache Kafka 4.3.1.

use super::{Call, configs};
use crate::broker::error_code;
use crate::format::Uuid;
use crate::format::topic_config::TopicConfig;
use crate::format::topic_name::{self, TopicNameError};
use crate::log::image::Image;
use crate::log::layout::METADATA_TOPIC;
use crate::protocol::ErrorCode;
use crate::protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use crate::protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use crate::protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is told of a topic that is not changed as asked.
struct Refused(ErrorCode, String);

impl Refused {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(code, message.into())
    }
}

/// The most partitions that are made at once, as Kafka's controller has it.
const MOST_PARTITIONS: i32 = 10_000;

pub(super) fn create(call: &Call<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut count = BTreeMap::new();
    for topic in &request.topics {
        *count.entry(topic.name.clone()).or_insert(0) += 1;
    }
    let mut response = CreateTopicsResponse::default();
    for topic in request.topics {
        match count.get_mut(&topic.name) {
            // All of the same name are answered once.
            Some(0) => continue,
            Some(times) if *times > 1 => {
                *times = 0;
                let twice = "the topic is named more than once in the request";
                let refused = Refused::new(ErrorCode::InvalidRequest, twice);
                response.topics.push(refused_topic(topic.name, refused));
            }
            _ => {
                let name = topic.name.clone();
                let made = create_one(call, topic, request.validate_only);
                let result = made.unwrap_or_else(|refused| refused_topic(name, refused));
                response.topics.push(result);
            }
        }
    }
    response
}

fn refused_topic(name: String, Refused(code, message): Refused) -> CreatableTopicResult {
    CreatableTopicResult {
        name,
        error_code: code.code(),
        error_message: Some(message),
        ..CreatableTopicResult::default()
    }
}

fn create_one(
    call: &Call<'_>,
    topic: CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refused> {
    let image = call.broker.image();
    check_name(&image, &topic.name)?;
    let partitions = partitions(call, &topic)?;
    let set = set_configs(&topic)?;
    let mut topic_id = Uuid::ZERO;
    if !validate_only {
        let name = topic.name.as_str();
        call.broker
            .change(|session| session.create_topic(name, partitions, &set))
            .map_err(|error| Refused::new(error_code(&error), error.to_string()))?;
        let image = call.broker.image();
        topic_id = image.topic(name).map_or(Uuid::ZERO, |topic| topic.id);
    }
    let shown: BTreeMap<&str, &str> = set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Ok(CreatableTopicResult {
        configs: Some(configs::of_new_topic(call, &shown)),
        name: topic.name,
        topic_id,
        error_message: None,
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopicResult::default()
    })
}

fn check_name(image: &Image, name: &str) -> Result<(), Refused> {
    if image.topic(name).is_some() {
        let message = format!("Topic '{name}' already exists.");
        return Err(Refused::new(ErrorCode::TopicAlreadyExists, message));
    }
    let others = image.topics().keys().map(String::as_str);
    let invalid =
        |error: TopicNameError| Refused::new(ErrorCode::InvalidTopicException, error.to_string());
    topic_name::check_new(name, others).map_err(invalid)?;
    if name == METADATA_TOPIC {
        let message = format!("{name} is the topic of the metadata");
        return Err(Refused::new(ErrorCode::InvalidTopicException, message));
    }
    Ok(())
}

/// How many partitions the topic gets, all of them on this node.
fn partitions(call: &Call<'_>, topic: &CreatableTopic) -> Result<i32, Refused> {
    if !topic.assignments.is_empty() {
        return assigned(call, topic);
    }
    let partitions = match topic.num_partitions {
        -1 => call.broker.config.num_partitions,
        count => count,
    };
    if partitions <= 0 {
        let message = "Number of partitions was set to an invalid non-positive value.";
        return Err(Refused::new(ErrorCode::InvalidPartitions, message));
    }
    if partitions > MOST_PARTITIONS {
        let message =
            format!("{partitions} partitions at once: expected at most {MOST_PARTITIONS}");
        return Err(Refused::new(ErrorCode::PolicyViolation, message));
    }
    let factor = match topic.replication_factor {
        -1 => call.broker.config.default_replication_factor,
        factor => factor,
    };
    match factor {
        1 => Ok(partitions),
        factor if factor <= 0 => Err(Refused::new(
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )),
        factor => Err(Refused::new(
            ErrorCode::InvalidReplicationFactor,
            format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached because only 1 broker(s) are registered."
            ),
        )),
    }
}

/// The same where the request says which node gets what.
fn assigned(call: &Call<'_>, topic: &CreatableTopic) -> Result<i32, Refused> {
    let invalid = |code, message: String| Err(Refused::new(code, message));
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let message = "a manual assignment was given, and a number of partitions or replicas too";
        return invalid(ErrorCode::InvalidRequest, message.to_owned());
    }
    let mut numbers = BTreeSet::new();
    for assignment in &topic.assignments {
        check_brokers(call, &assignment.broker_ids)?;
        numbers.insert(assignment.partition_index);
    }
    let count = topic.assignments.len() as i32;
    if numbers != (0..count).collect() {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return invalid(ErrorCode::InvalidReplicaAssignment, message.to_owned());
    }
    Ok(count)
}

/// This node is the only one that there is.
fn check_brokers(call: &Call<'_>, brokers: &[i32]) -> Result<(), Refused> {
    let node = call.broker.node.get();
    if brokers == [node] {
        return Ok(());
    }
    let message = format!("expected replicas [{node}], the only broker, found {brokers:?}");
    Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message))
}

fn set_configs(topic: &CreatableTopic) -> Result<Vec<(String, String)>, Refused> {
    let mut set = Vec::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let message = format!(
                "Null value not supported for topic configs: {}",
                config.name
            );
            return Err(Refused::new(ErrorCode::InvalidConfig, message));
        };
        set.push((config.name.clone(), value.clone()));
    }
    let pairs = set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    TopicConfig::new(pairs)
        .map_err(|error| Refused::new(ErrorCode::InvalidConfig, error.to_string()))?;
    Ok(set)
}

pub(super) fn delete(call: &Call<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| (Some(name), Uuid::ZERO));
    let by_either = request
        .topics
        .into_iter()
        .map(|topic| (topic.name, topic.topic_id));
    let responses = by_name
        .chain(by_either)
        .map(|(name, id)| delete_one(call, name, id))
        .collect();
    DeleteTopicsResponse {
        responses,
        ..DeleteTopicsResponse::default()
    }
}

fn delete_one(call: &Call<'_>, name: Option<String>, id: Uuid) -> DeletableTopicResult {
    let image = call.broker.image();
    let found = match &name {
        Some(name) => image.topic(name).map(|topic| (name.clone(), topic.id)),
        None => image.topic_name(id).map(|name| (name.to_owned(), id)),
    };
    let Some((found, topic_id)) = found else {
        let code = if name.is_some() {
            ErrorCode::UnknownTopicOrPartition
        } else {
            ErrorCode::UnknownTopicId
        };
        return DeletableTopicResult {
            name,
            topic_id: id,
            error_code: code.code(),
            error_message: Some("there is no such topic".to_owned()),
            ..DeletableTopicResult::default()
        };
    };
    let outcome = call.broker.delete_topic(&found);
    if outcome.is_ok() {
        call.broker.forget_offsets_of(&found, topic_id);
    }
    let (error_code, error_message) = match outcome {
        Ok(()) => (0, None),
        Err(error) => (error_code(&error).code(), Some(error.to_string())),
    };
    DeletableTopicResult {
        name: Some(found),
        topic_id,
        error_code,
        error_message,
        ..DeletableTopicResult::default()
    }
}

pub(super) fn add_partitions(
    call: &Call<'_>,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut seen = BTreeSet::new();
    let mut response = CreatePartitionsResponse::default();
    for topic in request.topics {
        let is_first = seen.insert(topic.name.clone());
        let outcome = if is_first {
            add_to_one(call, &topic, request.validate_only)
        } else {
            let twice = "the topic is named more than once in the request";
            Err(Refused::new(ErrorCode::InvalidRequest, twice))
        };
        let (error_code, error_message) = match outcome {
            Ok(()) => (0, None),
            Err(Refused(code, message)) => (code.code(), Some(message)),
        };
        response.results.push(CreatePartitionsTopicResult {
            name: topic.name,
            error_code,
            error_message,
            ..CreatePartitionsTopicResult::default()
        });
    }
    response
}

fn add_to_one(
    call: &Call<'_>,
    topic: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refused> {
    let image = call.broker.image();
    let Some(known) = image.topic(&topic.name) else {
        let message = "there is no such topic";
        return Err(Refused::new(ErrorCode::UnknownTopicOrPartition, message));
    };
    let has = known.partitions.len() as i32;
    if topic.count <= has {
        let message = if topic.count == has {
            format!("Topic already has {has} partition(s).")
        } else {
            format!(
                "The topic {} currently has {has} partition(s); {} would not be an increase.",
                topic.name, topic.count
            )
        };
        return Err(Refused::new(ErrorCode::InvalidPartitions, message));
    }
    if topic.count - has > MOST_PARTITIONS {
        let message = format!(
            "{} partitions at once: expected at most {MOST_PARTITIONS}",
            topic.count - has
        );
        return Err(Refused::new(ErrorCode::PolicyViolation, message));
    }
    if let Some(assignments) = &topic.assignments {
        if assignments.len() as i32 != topic.count - has {
            let message = format!(
                "Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                topic.count - has,
                assignments.len()
            );
            return Err(Refused::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        for assignment in assignments {
            check_brokers(call, &assignment.broker_ids)?;
        }
    }
    if validate_only {
        return Ok(());
    }
    call.broker
        .change(|session| session.add_partitions(&topic.name, topic.count))
        .map_err(|error| Refused::new(error_code(&error), error.to_string()))
}
