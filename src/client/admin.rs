//! Topics and their configs.
//!
//! Any server takes these requests and passes them on to the controller.

use super::cluster::{Cluster, Topic, quoted};
use super::error::{ClientError, Result};
use crate::protocol::ApiKey;
use crate::protocol::messages::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsTopic,
};
use crate::protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use crate::protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use crate::protocol::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsRequest,
};
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a request is about: a topic.
const TOPIC: i8 = 2;
/// A config's source: the topic itself.
const FROM_TOPIC: i8 = 1;
/// Set a config, and set it back to its default.
const SET: i8 = 0;
const DELETE: i8 = 1;

/// A topic to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewTopic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions.
    pub partitions: i32,
    /// Names and values.
    pub configs: &'a [(String, String)],
}

/// A config of a topic, wherever it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name.
    pub name: String,
    /// Its value; secrets have none.
    pub value: Option<String>,
    /// Whether it was set for the topic itself.
    pub is_own: bool,
}

/// Creates a topic with the server's replication factor.
pub fn create_topic(cluster: &mut Cluster, topic: &NewTopic<'_>) -> Result<()> {
    let mut tries = 0;
    cluster.retry(|cluster| {
        tries += 1;
        let timeout_ms = timeout(cluster);
        let connection = cluster.any()?;
        let version = connection.version(ApiKey::CreateTopics)?;
        let config = |(name, value): &(String, String)| CreatableTopicConfig {
            name: name.clone(),
            value: Some(value.clone()),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: topic.name.to_owned(),
                num_partitions: topic.partitions,
                // The default came with version 4.
                replication_factor: if version >= 4 { -1 } else { 1 },
                configs: topic.configs.iter().map(config).collect(),
                ..Default::default()
            }],
            timeout_ms,
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        for result in &response.topics {
            let words = result.error_message.as_deref();
            let about = quoted(topic.name);
            let checked = connection.check(ApiKey::CreateTopics, result.error_code, &about, words);
            match checked {
                // The try before this one did it.
                Err(error) if tries > 1 && exists(&error) => {}
                other => other?,
            }
        }
        Ok(())
    })
}

fn exists(error: &ClientError) -> bool {
    error.code() == Some(crate::protocol::ErrorCode::TopicAlreadyExists)
}

fn timeout(cluster: &Cluster) -> i32 {
    i32::try_from(cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX)
}

/// Waits until every partition of a topic has a leader.
pub fn await_topic(cluster: &mut Cluster, name: &str) -> Result<Topic> {
    let start = cluster.host().monotonic();
    loop {
        let topic = cluster.topic(name)?;
        if let Some(topic) = topic
            && !topic.partitions.is_empty()
            && topic.partitions.values().all(|p| p.leader.is_some())
        {
            return Ok(topic);
        }
        if cluster.host().monotonic().saturating_sub(start) > cluster.config().api_timeout {
            return Err(cluster.unknown_topic(name));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Brings a topic to so many partitions.
pub fn create_partitions(cluster: &mut Cluster, name: &str, count: i32) -> Result<()> {
    cluster.retry(|cluster| {
        let timeout_ms = timeout(cluster);
        let connection = cluster.any()?;
        let version = connection.version(ApiKey::CreatePartitions)?;
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: name.to_owned(),
                count,
                assignments: None,
                ..Default::default()
            }],
            timeout_ms,
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        for result in &response.results {
            let words = result.error_message.as_deref();
            connection.check(
                ApiKey::CreatePartitions,
                result.error_code,
                &quoted(name),
                words,
            )?;
        }
        Ok(())
    })
}

/// Sets configs of a topic, or sets them back to their defaults.
pub fn alter_configs(
    cluster: &mut Cluster,
    name: &str,
    changes: &[(String, Option<String>)],
) -> Result<()> {
    cluster.retry(|cluster| {
        let connection = cluster.any()?;
        let version = connection.version(ApiKey::IncrementalAlterConfigs)?;
        let change = |(name, value): &(String, Option<String>)| AlterableConfig {
            name: name.clone(),
            config_operation: if value.is_some() { SET } else { DELETE },
            value: value.clone(),
            ..Default::default()
        };
        let request = IncrementalAlterConfigsRequest {
            resources: vec![AlterConfigsResource {
                resource_type: TOPIC,
                resource_name: name.to_owned(),
                configs: changes.iter().map(change).collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        for result in &response.responses {
            let words = result.error_message.as_deref();
            connection.check(
                ApiKey::IncrementalAlterConfigs,
                result.error_code,
                &quoted(name),
                words,
            )?;
        }
        Ok(())
    })
}

/// Deletes a topic.
pub fn delete_topic(cluster: &mut Cluster, name: &str) -> Result<()> {
    cluster.retry(|cluster| {
        let timeout_ms = timeout(cluster);
        let connection = cluster.any()?;
        let version = connection.version(ApiKey::DeleteTopics)?;
        let mut request = DeleteTopicsRequest {
            timeout_ms,
            ..Default::default()
        };
        if version >= 6 {
            request.topics.push(DeleteTopicState {
                name: Some(name.to_owned()),
                ..Default::default()
            });
        } else {
            request.topic_names.push(name.to_owned());
        }
        let response = connection.call(&request, version)?;
        for result in &response.responses {
            let words = result.error_message.as_deref();
            connection.check(
                ApiKey::DeleteTopics,
                result.error_code,
                &quoted(name),
                words,
            )?;
        }
        Ok(())
    })
}

/// The configs of topics.
pub fn topic_configs(
    cluster: &mut Cluster,
    names: &[&str],
) -> Result<BTreeMap<String, Vec<Config>>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    cluster.retry(|cluster| {
        let connection = cluster.any()?;
        let version = connection.version(ApiKey::DescribeConfigs)?;
        let resource = |name: &&str| DescribeConfigsResource {
            resource_type: TOPIC,
            resource_name: (*name).to_owned(),
            configuration_keys: None,
            ..Default::default()
        };
        let request = DescribeConfigsRequest {
            resources: names.iter().map(resource).collect(),
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        let mut found = BTreeMap::new();
        for result in response.results {
            let name = result.resource_name;
            let words = result.error_message.as_deref();
            let about = quoted(&name);
            connection.check(ApiKey::DescribeConfigs, result.error_code, &about, words)?;
            let configs = result.configs.into_iter().map(|config| Config {
                name: config.name,
                value: config.value,
                is_own: config.config_source == FROM_TOPIC,
            });
            found.insert(name, configs.collect());
        }
        Ok(found)
    })
}

/// The bytes that the leader of each partition has of it.
pub fn sizes(cluster: &mut Cluster, name: &str, topic: &Topic) -> Result<BTreeMap<i32, i64>> {
    let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (number, partition) in &topic.partitions {
        if let Some(leader) = partition.leader {
            by_leader.entry(leader).or_default().push(*number);
        }
    }
    let mut sizes = BTreeMap::new();
    for (node, partitions) in by_leader {
        let connection = cluster.node(node)?;
        let version = connection.version(ApiKey::DescribeLogDirs)?;
        let request = DescribeLogDirsRequest {
            topics: Some(vec![DescribableLogDirTopic {
                topic: name.to_owned(),
                partitions,
                ..Default::default()
            }]),
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        connection.check(ApiKey::DescribeLogDirs, response.error_code, "", None)?;
        let of = response
            .results
            .into_iter()
            .flat_map(|result| result.topics);
        for partition in of.flat_map(|topic| topic.partitions) {
            if !partition.is_future_key {
                sizes.insert(partition.partition_index, partition.partition_size);
            }
        }
    }
    Ok(sizes)
}
