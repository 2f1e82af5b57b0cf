//! The configs that count for a topic, by the metadata: its own, those of this broker,
//! those of all brokers, what the broker was started with where one runs, or Kafka's
//! defaults.
//!
//! Source: `kafka.server.KafkaConfig`, `org.apache.kafka.server.config.DynamicBrokerConfig`.

use super::image::Image;
use crate::format::NodeId;
use crate::format::topic_config::{KEYS, TopicConfig, broker_synonyms, key, validate};
use std::collections::BTreeMap;

/// The kind of a broker's configs in the metadata.
const BROKER: i8 = 4;

/// What a broker was started with, under its own names for configs.
pub type Statics = BTreeMap<String, String>;

/// Where a config's value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// For the topic.
    Topic,
    /// For this broker, under a broker's name for it.
    Broker(&'static str),
    /// For all brokers, under a broker's name for it.
    Brokers(&'static str),
    /// In what this broker was started with, under its name for it.
    Static(&'static str),
    /// Nowhere.
    Default,
}

/// The configs of a topic.
#[derive(Debug, Clone)]
pub struct Effective {
    /// What counts.
    pub config: TopicConfig,
    /// Those that the metadata has, and where they are set.
    set: BTreeMap<&'static str, (String, Origin)>,
}

impl Origin {
    /// Kafka's name for it in descriptions of configs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Topic => "dynamicTopicConfig",
            Self::Broker(_) => "dynamicBrokerConfig",
            Self::Brokers(_) => "dynamicDefaultBrokerConfig",
            Self::Static(_) => "staticBrokerConfig",
            Self::Default => "defaultConfig",
        }
    }
}

impl Effective {
    /// The configs of `topic` on the broker `node`. A value that Kafka would refuse
    /// does not count.
    pub fn of(image: Option<&Image>, node: Option<NodeId>, topic: &str) -> Self {
        Self::new(|name| lookup(image?, node, topic, name))
    }

    /// The same on a broker that runs, with what it was started with.
    pub fn on_broker(image: &Image, node: NodeId, statics: &Statics, topic: &str) -> Self {
        Self::new(|name| {
            lookup(image, Some(node), topic, name).or_else(|| lookup_static(statics, name))
        })
    }

    fn new(find: impl Fn(&str) -> Option<(String, Origin)>) -> Self {
        let set: BTreeMap<&'static str, (String, Origin)> = KEYS
            .iter()
            .filter_map(|key| Some((key.name, find(key.name)?)))
            .collect();
        let values = set.iter().map(|(name, (value, _))| (*name, value.as_str()));
        match TopicConfig::new(values) {
            Ok(config) => Self { config, set },
            Err(_) => Self {
                config: TopicConfig::default(),
                set: BTreeMap::new(),
            },
        }
    }

    /// The value of a config as it is set, and where.
    pub fn origin(&self, name: &str) -> (&str, Origin) {
        let default = || key(name).and_then(|key| key.default).unwrap_or_default();
        match self.set.get(name) {
            Some((value, origin)) => (value, *origin),
            None => (default(), Origin::Default),
        }
    }
}

/// The value of one config of a topic, and where it is set; `None` where it is not.
pub fn lookup(
    image: &Image,
    node: Option<NodeId>,
    topic: &str,
    name: &str,
) -> Option<(String, Origin)> {
    let fits = |value: &str| validate(name, value).is_ok();
    let own = image
        .topic_configs(topic)
        .find(|(key, value)| *key == name && fits(value));
    if let Some((_, value)) = own {
        return Some((value.to_owned(), Origin::Topic));
    }
    let resource = node.map(|node| node.get().to_string());
    for (resource, is_of_all) in [(resource.as_deref(), false), (Some(""), true)] {
        let Some(resource) = resource else { continue };
        for synonym in broker_synonyms(name) {
            let set = image
                .configs_of(BROKER, resource)
                .find(|(key, _)| *key == synonym.name)
                .and_then(|(_, value)| synonym.convert(value))
                .filter(|value| fits(value));
            if let Some(value) = set {
                let origin = match is_of_all {
                    true => Origin::Brokers(synonym.name),
                    false => Origin::Broker(synonym.name),
                };
                return Some((value, origin));
            }
        }
    }
    None
}

/// The value of one config of topics by what a broker was started with.
fn lookup_static(statics: &Statics, name: &str) -> Option<(String, Origin)> {
    broker_synonyms(name).iter().find_map(|synonym| {
        let value = synonym.convert(statics.get(synonym.name)?)?;
        validate(name, &value).ok()?;
        Some((value, Origin::Static(synonym.name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::metadata::{ConfigRecord, MetadataRecord};

    fn image(configs: &[(i8, &str, &str, &str)]) -> Image {
        let mut image = Image::default();
        for (kind, resource, name, value) in configs {
            image.apply(MetadataRecord::Config(ConfigRecord {
                resource_type: *kind,
                resource_name: (*resource).to_owned(),
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
                ..Default::default()
            }));
        }
        image
    }

    #[test]
    fn the_nearest_level_counts_and_within_it_the_first_name() {
        let mut set = vec![
            (4, "", "log.retention.hours", "2"),
            (4, "", "log.cleanup.policy", "compact"),
            (4, "7", "log.retention.bytes", "5"),
        ];
        let of =
            |set: &[_], node: i32| Effective::of(Some(&image(set)), Some(NodeId::new(node)), "t");
        let found = of(&set, 7);
        assert_eq!(found.config.retention_ms, Some(7_200_000));
        assert_eq!(
            found.origin("retention.ms"),
            ("7200000", Origin::Brokers("log.retention.hours"))
        );
        assert!(found.config.cleanup_policy.compact && !found.config.cleanup_policy.delete);
        assert_eq!(found.config.retention_bytes, Some(5));
        assert_eq!(
            found.origin("retention.bytes"),
            ("5", Origin::Broker("log.retention.bytes"))
        );
        assert_eq!(found.origin("segment.ms").1, Origin::Default);
        assert_eq!(of(&set, 8).config.retention_bytes, None);
        set.push((4, "", "log.retention.ms", "9"));
        assert_eq!(of(&set, 7).config.retention_ms, Some(9));
        set.push((4, "7", "log.retention.minutes", "1"));
        assert_eq!(of(&set, 7).config.retention_ms, Some(60_000));
        set.push((2, "t", "retention.ms", "3"));
        let found = of(&set, 7);
        assert_eq!(found.config.retention_ms, Some(3));
        assert_eq!(found.origin("retention.ms").1, Origin::Topic);
        // What Kafka would not have taken is passed by.
        set.push((2, "t", "cleanup.policy", "shred"));
        assert!(of(&set, 7).config.cleanup_policy.compact);
    }
}
