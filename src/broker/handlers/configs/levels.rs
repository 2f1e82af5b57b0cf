//! The levels at which a broker's configs are set, the nearest first: for this broker,
//! for all brokers, at its start, and Kafka's defaults.

use super::broker_name;
use crate::broker::handlers::Call;
use crate::format::broker_config::{key, synonyms};
use crate::log::effective::Statics;
use crate::log::image::{BROKER_RESOURCE, Image};
use std::collections::BTreeMap;

/// Where a value comes from.
pub(super) const OF_TOPIC: i8 = 1;
const OF_THIS_BROKER: i8 = 2;
pub(super) const OF_ALL_BROKERS: i8 = 3;
const AT_START: i8 = 4;
pub(super) const DEFAULT: i8 = 5;
pub(super) const OF_CLIENT_METRICS: i8 = 7;
pub(super) const OF_GROUP: i8 = 8;

/// A config as it is set at one level.
#[derive(Debug)]
pub(super) struct Level<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<String>,
    pub(super) source: i8,
}

/// What is set, by name.
pub(super) struct Levels<'a> {
    pub(super) own: BTreeMap<&'a str, &'a str>,
    pub(super) all: BTreeMap<&'a str, &'a str>,
    pub(super) statics: &'a Statics,
}

impl<'a> Levels<'a> {
    pub(super) fn of(call: &'a Call<'_>, image: &'a Image) -> Self {
        let node = call.broker.node.to_string();
        Self {
            own: image.configs_of(BROKER_RESOURCE, &node).collect(),
            all: image.configs_of(BROKER_RESOURCE, "").collect(),
            statics: &call.broker.config.set,
        }
    }

    /// The value that counts.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let set = self.own.get(name).or_else(|| self.all.get(name)).copied();
        set.or_else(|| self.statics.get(name).map(String::as_str))
            .or_else(|| key(name)?.default)
            .map(str::to_owned)
    }

    /// Every level at which a config is set, under this name or another. What comes
    /// in front of the first of this name is left out, as Kafka does it.
    pub(super) fn at<'n>(&self, name: &'n str) -> Vec<Level<'n>> {
        let names = synonyms(name);
        let mut levels = Vec::new();
        let mut add = |source, find: &dyn Fn(&str) -> Option<String>| {
            for name in &names {
                levels.extend(find(name).map(|value| Level {
                    name,
                    value: Some(value),
                    source,
                }));
            }
        };
        add(OF_THIS_BROKER, &|name| {
            Some((*self.own.get(name)?).to_owned())
        });
        add(OF_ALL_BROKERS, &|name| {
            Some((*self.all.get(name)?).to_owned())
        });
        add(AT_START, &|name| self.statics.get(name).cloned());
        add(DEFAULT, &|name| Some(key(name)?.default?.to_owned()));
        let first = levels.iter().position(|level| level.name == name);
        levels.drain(..first.unwrap_or(levels.len()));
        levels
    }

    /// The same for a config of topics, where its topic does not set it.
    pub(super) fn of_topic(&self, name: &str) -> Vec<Level<'static>> {
        broker_name(name).map_or_else(Vec::new, |name| self.at(name))
    }

    /// Where the value of a topic's config comes from, where its topic does not set it.
    pub(super) fn source_of_topic(&self, name: &str) -> i8 {
        let levels = self.of_topic(name);
        levels.first().map_or(DEFAULT, |level| level.source)
    }

    /// Every name that is set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let dynamic = self.own.keys().chain(self.all.keys()).copied();
        dynamic.chain(self.statics.keys().map(String::as_str))
    }
}
