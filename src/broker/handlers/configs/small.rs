//! The configs of groups and of subscriptions to clients' metrics.
//!
//! Source: `org.apache.kafka.coordinator.group.GroupConfig`,
//! `org.apache.kafka.server.metrics.ClientMetricsConfigs` of Apache Kafka 4.3.1; KIP-714,
//! KIP-848, KIP-932.

use super::{Refused, invalid};
use crate::format::broker_config::Kind;
use crate::protocol::ErrorCode;
use std::collections::BTreeMap;

/// A config.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: &'static str,
    /// The broker's config whose value it has where it is not set.
    pub(super) broker: Option<&'static str>,
    pub(super) doc: &'static str,
    least: i64,
}

const fn key(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    broker: Option<&'static str>,
    least: i64,
    doc: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        broker,
        doc,
        least,
    }
}

use Kind::{Boolean, Int, List, String as Text};

/// Those of groups.
#[rustfmt::skip]
pub(super) static OF_GROUPS: [Key; 17] = [
    key("consumer.assignment.interval.ms", Int, "1000", Some("group.consumer.assignment.interval.ms"), 0, "The least time between two assignments of a consumer group, in milliseconds."),
    key("consumer.heartbeat.interval.ms", Int, "5000", Some("group.consumer.heartbeat.interval.ms"), 1, "How often members of a consumer group say that they live, in milliseconds."),
    key("consumer.session.timeout.ms", Int, "45000", Some("group.consumer.session.timeout.ms"), 1, "After how many milliseconds of silence a member of a consumer group is taken out."),
    key("share.assignment.interval.ms", Int, "1000", Some("group.share.assignment.interval.ms"), 0, "The least time between two assignments of a share group, in milliseconds."),
    key("share.auto.offset.reset", Text, "latest", None, 0, "Where a share group begins a partition: latest, earliest or by_duration:PERIOD."),
    key("share.delivery.count.limit", Int, "5", Some("group.share.delivery.count.limit"), 2, "How often a record is handed to a share group at most."),
    key("share.heartbeat.interval.ms", Int, "5000", Some("group.share.heartbeat.interval.ms"), 1, "How often members of a share group say that they live, in milliseconds."),
    key("share.isolation.level", Text, "read_uncommitted", None, 0, "Whether a share group sees records of transactions that are not committed."),
    key("share.partition.max.record.locks", Int, "2000", Some("group.share.partition.max.record.locks"), 100, "How many records of a partition a share group has in hand at most."),
    key("share.record.lock.duration.ms", Int, "30000", Some("group.share.record.lock.duration.ms"), 1000, "For how many milliseconds a record belongs to the member that got it."),
    key("share.renew.acknowledge.enable", Boolean, "true", None, 0, "Whether members of a share group may ask for more time for a record."),
    key("share.session.timeout.ms", Int, "45000", Some("group.share.session.timeout.ms"), 1, "After how many milliseconds of silence a member of a share group is taken out."),
    key("streams.assignment.interval.ms", Int, "1000", Some("group.streams.assignment.interval.ms"), 0, "The least time between two assignments of a streams group, in milliseconds."),
    key("streams.heartbeat.interval.ms", Int, "5000", Some("group.streams.heartbeat.interval.ms"), 1, "How often members of a streams group say that they live, in milliseconds."),
    key("streams.initial.rebalance.delay.ms", Int, "3000", Some("group.streams.initial.rebalance.delay.ms"), 0, "How long a new streams group waits for more members, in milliseconds."),
    key("streams.num.standby.replicas", Int, "0", Some("group.streams.num.standby.replicas"), 0, "How many copies of a task's state a streams group keeps."),
    key("streams.session.timeout.ms", Int, "45000", Some("group.streams.session.timeout.ms"), 1, "After how many milliseconds of silence a member of a streams group is taken out."),
];

/// Those of subscriptions to clients' metrics.
pub(super) static OF_CLIENT_METRICS: [Key; 3] = [
    key(
        "interval.ms",
        Int,
        "300000",
        None,
        100,
        "How often clients send their metrics, in milliseconds.",
    ),
    key(
        "match",
        List,
        "",
        None,
        0,
        "Which clients send metrics, as NAME=PATTERN with commas between; all where it is empty.",
    ),
    key(
        "metrics",
        List,
        "",
        None,
        0,
        "With what the names of the metrics begin; `*` for all.",
    ),
];

/// What a client may be matched by.
const MATCHED: [&str; 6] = [
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];
const MOST_INTERVAL: i64 = 3_600_000;

fn unfit(message: impl Into<String>) -> Refused {
    (ErrorCode::InvalidConfig, message.into())
}

impl Key {
    fn check(&self, value: &str) -> Result<(), Refused> {
        let value = value.trim();
        let expected = |what: String| {
            Err(unfit(format!(
                "{}: expected {what}, found {value:?}",
                self.name
            )))
        };
        match self.kind {
            Int => match value.parse::<i32>() {
                Ok(number) if i64::from(number) >= self.least => Ok(()),
                _ => expected(format!("a number from {}", self.least)),
            },
            Boolean if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
                expected("true or false".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a subscription may have these configs.
pub(super) fn check_client_metrics(
    name: &str,
    configs: &BTreeMap<String, String>,
) -> Result<(), Refused> {
    if name.is_empty() {
        return Err(invalid("a subscription has a name"));
    }
    for (config, value) in configs {
        let key = OF_CLIENT_METRICS.iter().find(|key| key.name == config);
        let key =
            key.ok_or_else(|| invalid(format!("there is no config {config:?} of client metrics")))?;
        key.check(value).map_err(|(code, message)| match key.name {
            "interval.ms" => invalid(message),
            _ => (code, message),
        })?;
        if key.name == "interval.ms" && value.trim().parse().unwrap_or(i64::MAX) > MOST_INTERVAL {
            return Err(invalid(format!(
                "interval.ms: expected at most {MOST_INTERVAL}, found {value}"
            )));
        }
        if key.name == "match" {
            let patterns = value.split(',').filter(|pattern| !pattern.is_empty());
            for pattern in patterns {
                let fits = pattern.split_once('=').is_some_and(|(what, pattern)| {
                    MATCHED.contains(&what.trim())
                        && !pattern.contains('=')
                        && regex::Regex::new(pattern.trim()).is_ok()
                });
                if !fits {
                    return Err(unfit(format!("match: {pattern:?} is no NAME=PATTERN")));
                }
            }
        }
    }
    Ok(())
}

/// Whether a group may have these configs, on a broker with these limits.
pub(super) fn check_group(
    name: &str,
    configs: &BTreeMap<String, String>,
    broker: impl Fn(&str) -> Option<String>,
) -> Result<(), Refused> {
    if name.is_empty() {
        return Err(invalid("Default group resources are not allowed."));
    }
    let number = |name: &str| broker(name).and_then(|value| value.trim().parse::<i64>().ok());
    for (config, value) in configs {
        let key = OF_GROUPS.iter().find(|key| key.name == config);
        let key = key.ok_or_else(|| unfit(format!("there is no config {config:?} of groups")))?;
        key.check(value)?;
        let Some((family, rest)) = config.split_once('.') else {
            continue;
        };
        let value: i64 = value.trim().parse().unwrap_or_default();
        let least = number(&format!("group.{family}.min.{rest}"));
        let most = number(&format!("group.{family}.max.{rest}"));
        if key.kind == Int
            && (least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most))
        {
            return Err(unfit(format!(
                "{config}: expected a number from {} to {}, the limits of the broker, found {value}",
                least.unwrap_or(key.least),
                most.unwrap_or(i64::from(i32::MAX)),
            )));
        }
    }
    for family in ["consumer", "share", "streams"] {
        let of = |rest: &str| {
            let own = configs.get(&format!("{family}.{rest}"));
            own.and_then(|value| value.trim().parse().ok())
                .or_else(|| number(&format!("group.{family}.{rest}")))
        };
        if let (Some(session), Some(heartbeat)) =
            (of("session.timeout.ms"), of("heartbeat.interval.ms"))
            && session <= heartbeat
        {
            return Err(unfit(format!(
                "{family}.session.timeout.ms: expected more than {family}.heartbeat.interval.ms, {heartbeat}, found {session}"
            )));
        }
    }
    Ok(())
}
