//! What groups go by, under Kafka's names.

use crate::coordinator::classic::ClassicConfig;
use crate::coordinator::consumer::assignor::Assignor;
use crate::coordinator::consumer::config::{ConsumerConfig, MigrationPolicy};
use crate::coordinator::groups::OffsetsConfig;
use crate::coordinator::share::ShareConfig;
use crate::coordinator::share::config::Reset;
use crate::log::image::Image;

/// The resource type of a group's configs.
const GROUP_RESOURCE: i8 = 32;

/// The broker's settings of groups.
#[derive(Debug, Clone)]
pub(crate) struct GroupSettings {
    pub(crate) classic: ClassicConfig,
    pub(crate) consumer: ConsumerConfig,
    pub(crate) share: ShareConfig,
    pub(crate) offsets: OffsetsConfig,
    /// `offsets.retention.check.interval.ms`.
    pub(crate) retention_check_ms: i64,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            classic: ClassicConfig::default(),
            consumer: ConsumerConfig::default(),
            share: ShareConfig::default(),
            offsets: OffsetsConfig::default(),
            retention_check_ms: 600_000,
        }
    }
}

impl GroupSettings {
    /// Sets a value under Kafka's name; those of others are left alone.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "group.initial.rebalance.delay.ms" => {
                self.classic.initial_rebalance_delay_ms = number(name, value, 0)?;
            }
            "group.min.session.timeout.ms" => {
                self.classic.min_session_timeout_ms = number(name, value, 0)?;
            }
            "group.max.session.timeout.ms" => {
                self.classic.max_session_timeout_ms = number(name, value, 0)?;
            }
            "group.max.size" => {
                let most = number(name, value, 1)?;
                self.classic.max_size = most as usize;
                self.consumer.classic_max_size = most as usize;
            }
            "group.consumer.session.timeout.ms" => {
                self.consumer.session_timeout_ms = number(name, value, 1)?;
            }
            "group.consumer.heartbeat.interval.ms" => {
                self.consumer.heartbeat_interval_ms = number(name, value, 1)?;
            }
            "group.consumer.assignment.interval.ms" => {
                self.consumer.assignment_interval_ms = number(name, value, 0)?;
            }
            "group.consumer.regex.refresh.interval.ms" => {
                self.consumer.regex_refresh_interval_ms = number(name, value, 10_000)?;
            }
            "group.consumer.max.size" => {
                self.consumer.max_size = number(name, value, 1)? as usize;
            }
            "group.consumer.assignors" => self.consumer.assignors = assignors(name, value)?,
            "group.consumer.migration.policy" => {
                self.consumer.migration = MigrationPolicy::from_name(value).ok_or_else(|| {
                    format!("{name}: expected bidirectional, upgrade, downgrade or disabled, found {value:?}")
                })?;
            }
            "group.share.session.timeout.ms" => {
                self.share.session_timeout_ms = number(name, value, 1)?;
            }
            "group.share.heartbeat.interval.ms" => {
                self.share.heartbeat_interval_ms = number(name, value, 1)?;
            }
            "group.share.assignment.interval.ms" => {
                self.share.assignment_interval_ms = number(name, value, 0)?;
            }
            "group.share.max.size" => self.share.max_size = number(name, value, 1)? as usize,
            "group.share.delivery.count.limit" => {
                let most = number(name, value, 2)?;
                self.share.delivery_count_limit = i16::try_from(most).unwrap_or(i16::MAX);
            }
            "group.share.record.lock.duration.ms" => {
                self.share.record_lock_ms = number(name, value, 1)?;
            }
            "group.share.partition.max.record.locks" => {
                self.share.max_record_locks = number(name, value, 1)?;
            }
            "offset.metadata.max.bytes" => {
                self.offsets.metadata_max = number(name, value, 0)? as usize;
            }
            "offsets.retention.minutes" => {
                self.offsets.retention_ms = i64::from(number(name, value, 1)?) * 60_000;
            }
            "offsets.retention.check.interval.ms" => {
                self.retention_check_ms = i64::from(number(name, value, 1)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The settings of a share group: its own, and the broker's for the rest.
    pub(crate) fn of_share_group(&self, image: &Image, group_id: &str) -> ShareConfig {
        let mut config = self.share.clone();
        for (name, value) in image.configs_of(GROUP_RESOURCE, group_id) {
            let value = value.trim();
            let number = |known: i32| value.parse().unwrap_or(known);
            match name {
                "share.session.timeout.ms" => {
                    config.session_timeout_ms = number(config.session_timeout_ms);
                }
                "share.heartbeat.interval.ms" => {
                    config.heartbeat_interval_ms = number(config.heartbeat_interval_ms);
                }
                "share.assignment.interval.ms" => {
                    config.assignment_interval_ms = number(config.assignment_interval_ms);
                }
                "share.record.lock.duration.ms" => {
                    config.record_lock_ms = number(config.record_lock_ms);
                }
                "share.partition.max.record.locks" => {
                    config.max_record_locks = number(config.max_record_locks);
                }
                "share.delivery.count.limit" => {
                    let known = config.delivery_count_limit;
                    config.delivery_count_limit = value.parse().unwrap_or(known);
                }
                "share.auto.offset.reset" => {
                    config.reset = Reset::from_name(value).unwrap_or(config.reset);
                }
                "share.isolation.level" => {
                    config.read_committed = value.eq_ignore_ascii_case("read_committed");
                }
                "share.renew.acknowledge.enable" => {
                    config.may_renew = !value.eq_ignore_ascii_case("false");
                }
                _ => {}
            }
        }
        config
    }

    /// The settings of a consumer group: its own, and the broker's for the rest.
    pub(crate) fn of_group(&self, image: &Image, group_id: &str) -> ConsumerConfig {
        let mut config = self.consumer.clone();
        for (name, value) in image.configs_of(GROUP_RESOURCE, group_id) {
            let Ok(value) = value.parse() else { continue };
            match name {
                "consumer.session.timeout.ms" => config.session_timeout_ms = value,
                "consumer.heartbeat.interval.ms" => config.heartbeat_interval_ms = value,
                "consumer.assignment.interval.ms" => config.assignment_interval_ms = value,
                _ => {}
            }
        }
        config
    }
}

fn number(name: &str, value: &str, least: i32) -> Result<i32, String> {
    let number = value.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| {
        format!(
            "{name}: expected a number from {least} to {}, found {value:?}",
            i32::MAX
        )
    })
}

fn assignors(name: &str, value: &str) -> Result<Vec<Assignor>, String> {
    let one = |text: &str| {
        // A class of Kafka's own goes by its short name as well.
        let short = match text {
            "org.apache.kafka.coordinator.group.assignor.UniformAssignor" => "uniform",
            "org.apache.kafka.coordinator.group.assignor.RangeAssignor" => "range",
            other => other,
        };
        Assignor::from_name(short)
            .ok_or_else(|| format!("{name}: expected uniform and range, found {text:?}"))
    };
    value.split(',').map(str::trim).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_under_kafkas_names() {
        let mut settings = GroupSettings::default();
        settings.set("group.max.size", "7").unwrap();
        settings.set("offsets.retention.minutes", "2").unwrap();
        settings
            .set("group.consumer.assignors", "range, uniform")
            .unwrap();
        settings
            .set("group.consumer.migration.policy", "UPGRADE")
            .unwrap();
        assert_eq!(settings.classic.max_size, 7);
        assert_eq!(settings.offsets.retention_ms, 120_000);
        assert_eq!(settings.consumer.default_assignor().name(), "range");
        assert_eq!(settings.consumer.migration, MigrationPolicy::Upgrade);
        assert!(settings.set("group.max.size", "0").is_err());
        assert!(settings.set("group.consumer.assignors", "sticky").is_err());
        assert!(
            settings
                .set("group.consumer.migration.policy", "both")
                .is_err()
        );
    }
}
